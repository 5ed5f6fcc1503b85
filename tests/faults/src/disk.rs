//! A disk, and what of it is certain.
//!
//! Two things are kept of every file: the bytes that are certain, and what was written since, in order. An fsync makes
//! one of the other. Names are kept apart from files: what happened to them since is certain once the directory they are
//! in was synced. Power loss leaves what is certain and, as it comes, some of the rest.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;

use crate::format::Kind;
use crate::journal::Record;
use crate::tree::{Node, Tree, parent};

/// A disk writes so many bytes in one piece.
const SECTOR: usize = 512;

/// What becomes of what was not certain when the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of it is gone.
    Everything,
    /// Of each file, and of the names, what came first is there; the last piece is torn.
    Late,
    /// Of each file any of it is there and any of it is gone, also parts of one piece.
    Scattered,
    /// Nothing is gone: as if the program had been killed.
    Nothing,
}

/// What was done to the bytes of a file.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Cut(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, data } => {
                bytes.resize(bytes.len().max(at + data.len()), 0);
                bytes[*at..at + data.len()].copy_from_slice(data);
            }
            Self::Cut(len) => bytes.resize(*len, 0),
        }
    }

    /// The sectors of a write, each for itself.
    fn sectors(&self) -> Vec<Self> {
        let Self::Write { at, data } = self else { return vec![self.clone()] };
        let mut pieces = Vec::new();
        let mut done = 0;
        while done < data.len() {
            let len = (SECTOR - (at + done) % SECTOR).min(data.len() - done);
            pieces.push(Self::Write { at: at + done, data: data[done..done + len].to_vec() });
            done += len;
        }
        pieces
    }
}

/// What was done to names.
#[derive(Clone, Debug)]
enum Naming {
    Put(String, Node<u64>),
    Rename(String, String),
    Remove(String),
}

impl Naming {
    fn dirs(&self) -> BTreeSet<String> {
        let paths = match self {
            Self::Put(path, _) | Self::Remove(path) => vec![path],
            Self::Rename(from, to) => vec![from, to],
        };
        paths.into_iter().map(|path| parent(path).to_owned()).collect()
    }

    fn apply(&self, names: &mut Tree<u64>) {
        match self {
            Self::Put(path, node) => drop(names.0.insert(path.clone(), node.clone())),
            Self::Rename(from, to) => names.rename(from, to),
            Self::Remove(path) => drop(names.0.remove(path)),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct File {
    certain: Vec<u8>,
    since: Vec<Change>,
}

/// A disk as a journal up to some record leaves it.
#[derive(Clone, Debug)]
pub struct Disk {
    files: BTreeMap<u64, File>,
    /// What the files are called here that the journal speaks of: it gives the number of one that is gone to another.
    own: BTreeMap<u64, u64>,
    certain: Tree<u64>,
    /// Names as the program sees them.
    seen: Tree<u64>,
    since: Vec<Naming>,
}

impl Disk {
    /// A disk on which all of this is certain.
    pub fn holding(tree: &Tree<Vec<u8>>) -> Self {
        let (mut files, mut names) = (BTreeMap::new(), Tree::default());
        for (number, (path, node)) in tree.0.iter().enumerate() {
            let node = match node {
                Node::Dir(mode) => Node::Dir(*mode),
                Node::File(mode, bytes) => {
                    let number = number as u64;
                    files.insert(number, File { certain: bytes.clone(), since: Vec::new() });
                    Node::File(*mode, number)
                }
            };
            names.0.insert(path.clone(), node);
        }
        Self { files, own: BTreeMap::new(), certain: names.clone(), seen: names, since: Vec::new() }
    }

    /// Lets one thing happen.
    ///
    /// # Panics
    /// When the journal speaks of a file that was never there.
    pub fn apply(&mut self, record: &Record) {
        let Record { kind, path, number, .. } = record;
        let mode = || u32::try_from(*number).expect("rights are small");
        let length = || usize::try_from(*number).expect("it is in memory");
        match kind {
            Kind::Known => {
                let Some(Node::File(_, own)) = self.seen.0.get(path) else { panic!("{path} was never there") };
                self.own.insert(record.file, *own);
            }
            Kind::Created => {
                let own = self.files.last_key_value().map_or(0, |(last, _)| last + 1);
                self.files.insert(own, File::default());
                self.own.insert(record.file, own);
                self.name(Naming::Put(path.clone(), Node::File(mode(), own)));
            }
            Kind::Written => {
                let change = Change::Write { at: length(), data: record.data.clone() };
                self.file(record.file).since.push(change);
            }
            Kind::Cut => self.file(record.file).since.push(Change::Cut(length())),
            Kind::Synced => {
                let file = self.file(record.file);
                for change in std::mem::take(&mut file.since) {
                    change.apply(&mut file.certain);
                }
            }
            // What could not be written is not tried again: the kernel takes it for written from now on.
            Kind::SyncFailed => self.file(record.file).since.clear(),
            Kind::Renamed => {
                let to = String::from_utf8(record.data.clone()).expect("paths of tests are UTF-8");
                self.name(Naming::Rename(path.clone(), to));
            }
            Kind::Unlinked | Kind::DirRemoved => self.name(Naming::Remove(path.clone())),
            Kind::DirMade => self.name(Naming::Put(path.clone(), Node::Dir(mode()))),
            Kind::DirSynced => self.sync_names(path),
        }
    }

    fn file(&mut self, number: u64) -> &mut File {
        let own = self.own.get(&number).unwrap_or_else(|| panic!("file {number} was never there"));
        self.files.get_mut(own).expect("it is called so")
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.seen);
        self.since.push(naming);
    }

    /// A name that moved between directories takes along what happened in the other one before.
    fn sync_names(&mut self, dir: &str) {
        let mut dirs = BTreeSet::from([dir.to_owned()]);
        let (mut done, mut left) = (Vec::new(), Vec::new());
        for naming in std::mem::take(&mut self.since).into_iter().rev() {
            let of = naming.dirs();
            if of.is_disjoint(&dirs) {
                left.push(naming);
            } else {
                dirs.extend(of);
                done.push(naming);
            }
        }
        left.reverse();
        self.since = left;
        for naming in done.into_iter().rev() {
            naming.apply(&mut self.certain);
        }
    }

    /// What the disk holds when power is lost now. What chance decides is taken from `random`.
    pub fn after(&self, loss: Loss, random: &mut impl Rng) -> Tree<Vec<u8>> {
        let mut names = self.certain.clone();
        let kept = match loss {
            Loss::Everything => 0,
            Loss::Nothing => self.since.len(),
            // File systems keep the order of names.
            Loss::Late | Loss::Scattered => random.random_range(0..=self.since.len()),
        };
        for naming in &self.since[..kept] {
            naming.apply(&mut names);
        }
        let mut tree = Tree::default();
        for (path, node) in &names.0 {
            // What lies in a directory that is gone cannot be reached.
            let dir = parent(path);
            if !dir.is_empty() && !tree.0.contains_key(dir) {
                continue;
            }
            let node = match node {
                Node::Dir(mode) => Node::Dir(*mode),
                Node::File(mode, number) => Node::File(*mode, self.files[number].after(loss, random)),
            };
            tree.0.insert(path.clone(), node);
        }
        tree
    }
}

impl File {
    fn after(&self, loss: Loss, random: &mut impl Rng) -> Vec<u8> {
        let mut bytes = self.certain.clone();
        match loss {
            Loss::Everything => {}
            Loss::Nothing => self.since.iter().for_each(|change| change.apply(&mut bytes)),
            Loss::Late => {
                let kept = random.random_range(0..=self.since.len());
                self.since[..kept].iter().for_each(|change| change.apply(&mut bytes));
                if let Some(torn) = self.since.get(kept) {
                    let sectors = torn.sectors();
                    let kept = random.random_range(0..sectors.len().max(1));
                    sectors[..kept].iter().for_each(|sector| sector.apply(&mut bytes));
                }
            }
            Loss::Scattered => {
                for change in &self.since {
                    match random.random_range(0..4) {
                        0 => {}
                        1 => change.sectors().iter().filter(|_| random.random()).for_each(|sector| {
                            sector.apply(&mut bytes);
                        }),
                        _ => change.apply(&mut bytes),
                    }
                }
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
