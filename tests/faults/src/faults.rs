//! What a program's disk and clock do at present.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::format::{JOURNAL, ROOT, WORDS, WORDS_LEN, Word};
use crate::journal::Journal;

/// The layer under a program; what is set here holds from the next call on.
///
/// Changes go to a file that the layer has mapped; they do not end with the program.
#[derive(Debug)]
pub struct Faults {
    root: PathBuf,
    words: File,
    dir: TempDir,
    keeps_journal: bool,
}

impl Faults {
    /// For the files below a directory, whose path must be as the program writes it: absolute, without links. Nothing
    /// fails yet, and no journal is kept.
    ///
    /// # Panics
    /// When no file can be made.
    pub fn below(root: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let mut options = File::options();
        let words = options.read(true).write(true).create_new(true).open(dir.path().join("words"));
        let words = words.expect("a file can be made");
        words.set_len((WORDS_LEN * size_of::<i64>()) as u64).expect("a file can grow");
        let faults = Self { root: root.to_owned(), words, dir, keeps_journal: false };
        faults.set(Word::Room, -1);
        faults
    }

    /// The same, with a journal. Its fsyncs do not reach the machine's disk.
    pub fn with_journal(root: &Path) -> Self {
        Self { keeps_journal: true, ..Self::below(root) }
    }

    /// What the program's environment must have in addition.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().expect("paths of tests are UTF-8").to_owned();
        let journal = self.keeps_journal.then(|| (JOURNAL, text(&self.journal_path())));
        let all = [
            ("LD_PRELOAD", env!("EASEL_FAULTS_LAYER").to_owned()),
            (ROOT, text(&self.root)),
            (WORDS, text(&self.dir.path().join("words"))),
        ];
        all.into_iter().chain(journal).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn journal_path(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// How long the journal is: what comes later happens later. 0 before the program has begun it.
    pub fn journal_len(&self) -> u64 {
        std::fs::metadata(self.journal_path()).map_or(0, |file| file.len())
    }

    /// The journal as it is now.
    ///
    /// # Panics
    /// When there is none, or it makes no sense.
    pub fn journal(&self) -> Journal {
        Journal::read(&std::fs::read(self.journal_path()).expect("the program keeps a journal"))
    }

    /// The disk is full after so many bytes more. Writing over what is there takes room, too, as on a disk that copies
    /// what is written.
    pub fn full_after(&self, bytes: i64) {
        self.set(Word::Room, bytes);
    }

    /// There is room without end.
    pub fn room(&self) {
        self.set(Word::Room, -1);
    }

    /// Whether nothing can be written, as after a kernel has mounted a disk again to save what is on it.
    pub fn read_only(&self, on: bool) {
        self.set(Word::ReadOnly, on.into());
    }

    /// How much longer every fsync takes.
    pub fn slow(&self, by: Duration) {
        self.set(Word::SyncMillis, i64::try_from(by.as_millis()).expect("a test does not wait so long"));
    }

    /// Whether every fsync fails with EIO.
    pub fn syncs_fail(&self, on: bool) {
        self.set(Word::SyncFails, on.into());
    }

    /// Every fsync fails with EIO after so many more that work.
    pub fn syncs_fail_after(&self, count: i64) {
        self.set(Word::SyncFails, count + 1);
    }

    /// Has every read of these bytes of a file fail with EIO, as where sectors are bad. What the program has mapped into
    /// memory it reads all the same.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn bad_sectors(&self, file: &Path, bytes: Range<u64>) {
        let inode = std::fs::metadata(file).expect("the file is there").ino();
        let number = |number: u64| number.try_into().expect("a disk is not so large");
        self.set(Word::BadFrom, number(bytes.start));
        self.set(Word::BadUntil, number(bytes.end));
        self.set(Word::BadInode, number(inode));
    }

    /// Sets the clock of the day so many seconds ahead of the machine's, or behind it.
    pub fn set_clock_ahead(&self, secs: i64) {
        self.set(Word::Ahead, secs);
    }

    /// How many calls were made to fail so far.
    ///
    /// # Panics
    /// When the file of words is gone.
    pub fn refused(&self) -> i64 {
        let mut bytes = [0; 8];
        self.words.read_exact_at(&mut bytes, at(Word::Refused)).expect("it is that long");
        i64::from_ne_bytes(bytes)
    }

    fn set(&self, word: Word, value: i64) {
        self.words.write_all_at(&value.to_ne_bytes(), at(word)).expect("it is that long");
    }
}

fn at(word: Word) -> u64 {
    (word as usize * size_of::<i64>()) as u64
}
