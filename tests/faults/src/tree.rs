//! Files and directories by their paths.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<F> {
    /// A directory, with its rights.
    Dir(u32),
    /// A file, with its rights.
    File(u32, F),
}

/// Files and directories below a root, by paths relative to it. `F` stands for what is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree<F>(pub BTreeMap<String, Node<F>>);

impl<F> Default for Tree<F> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// The directory that a path is in; empty for the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl<F> Tree<F> {
    /// Gives something, and everything below it, another name.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        let below = format!("{from}/");
        let moving: Vec<String> =
            self.0.keys().filter(|path| *path == from || path.starts_with(&below)).cloned().collect();
        for path in moving {
            let node = self.0.remove(&path).expect("it was just there");
            self.0.insert(format!("{to}{}", &path[from.len()..]), node);
        }
    }
}

impl Tree<Vec<u8>> {
    /// Reads what lies below a directory. Sockets are left out: they are names of something that runs.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        let mut open = vec![String::new()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(root.join(&dir)).expect("it is a directory") {
                let entry = entry.expect("it can be read");
                let name = entry.file_name().into_string().expect("names in tests are UTF-8");
                let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
                let metadata = entry.metadata().expect("it is there");
                let mode = metadata.permissions().mode() & 0o7777;
                if metadata.is_dir() {
                    open.push(path.clone());
                    tree.0.insert(path, Node::Dir(mode));
                } else if metadata.is_file() {
                    let bytes = fs::read(entry.path()).expect("it can be read");
                    tree.0.insert(path, Node::File(mode, bytes));
                }
            }
        }
        tree
    }

    /// Writes everything below a directory that is there and empty.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, root: &Path) {
        // A directory comes before what is in it.
        for (path, node) in &self.0 {
            let path = root.join(path);
            let mode = match node {
                Node::Dir(mode) => {
                    fs::create_dir(&path).expect("it can be made");
                    mode
                }
                Node::File(mode, bytes) => {
                    fs::write(&path, bytes).expect("it can be written");
                    mode
                }
            };
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("it is ours");
        }
    }
}
