//! What lies beside the code of a pack: `guides/<lang>/<device>.md` and `fixtures/<name>.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::{BuildError, Sections};

/// The guides and fixtures beside the code.
pub(crate) fn beside(folder: &Path) -> Result<Sections, BuildError> {
    let mut found = Sections::default();
    for (name, text) in texts(&folder.join("fixtures"), "toml")? {
        found.fixtures.insert(name, text);
    }
    for (lang, path) in entries(&folder.join("guides"))? {
        for (device, text) in texts(&path, "md")? {
            found.guides.insert((device, lang.clone()), text);
        }
    }
    Ok(found)
}

/// The files of a folder with this extension, by name without it; none where there is no folder.
fn texts(folder: &Path, extension: &str) -> Result<BTreeMap<String, String>, BuildError> {
    let mut texts = BTreeMap::new();
    for (name, path) in entries(folder)? {
        if let Some(name) = name.strip_suffix(&format!(".{extension}")) {
            let text = fs::read_to_string(&path).map_err(|source| BuildError::Read { path, source })?;
            texts.insert(name.to_owned(), text);
        }
    }
    Ok(texts)
}

pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, BuildError> {
    let read = |source| BuildError::Read { path: folder.to_owned(), source };
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(read(error)),
    };
    let named = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
    };
    listed.map(named).collect::<io::Result<_>>().map_err(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guides_and_fixtures_are_found_by_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(beside(folder.path()).unwrap(), Sections::default());
        write("guides/en/n97.md", "# N97");
        write("guides/en/picture.png", "no guide");
        write("guides/README.md", "no language");
        write("fixtures/n03-more.toml", "quirks = []");
        let found = beside(folder.path()).unwrap();
        assert_eq!(found.guides.len(), 1);
        assert_eq!(found.guides[&("n97".to_owned(), "en".to_owned())], "# N97");
        assert_eq!(found.fixtures["n03-more"], "quirks = []");
    }
}
