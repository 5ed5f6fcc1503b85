//! What the layer and the tests tell each other: words in a file both map or write, and records of the journal.

/// The directory whose files are meant: whatever lies below it.
pub(crate) const ROOT: &str = "EASEL_FAULTS_ROOT";

/// The file of words.
pub(crate) const WORDS: &str = "EASEL_FAULTS_WORDS";

/// The journal; without it none is kept.
pub(crate) const JOURNAL: &str = "EASEL_FAULTS_JOURNAL";

/// A word of eight bytes, in the machine's order, by its number in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Word {
    /// Bytes that may still be written; below zero there is no end.
    Room = 0,
    /// Not 0: nothing may be written or opened for writing.
    ReadOnly = 1,
    /// What an fsync takes longer, in milliseconds.
    SyncMillis = 2,
    /// Above 0: every fsync fails, but for as many less one that come first; the layer counts them down to 1.
    SyncFails = 3,
    /// What the clock of the day is ahead, in seconds.
    Ahead = 4,
    /// How many calls were made to fail; the layer counts.
    Refused = 5,
    /// The inode of a file of which some bytes cannot be read; 0: there is none.
    BadInode = 6,
    /// The first of those bytes,
    BadFrom = 7,
    /// and the first one behind them that can be read.
    BadUntil = 8,
}

/// How many words there are.
pub(crate) const WORDS_LEN: usize = 9;

/// What happened on the disk. A record is this byte, a file's inode, an offset or mode (both u64), the lengths of a
/// path and of data (both u32), all little endian, the path and the data. Paths are relative to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A file that was there is told of.
    Known = 1,
    /// A file was made, with a mode.
    Created = 2,
    /// Data was written at an offset.
    Written = 3,
    /// A file's length was set to the offset.
    Cut = 4,
    /// A file's data is on the disk.
    Synced = 5,
    /// A file's data was to be brought to the disk, and was not.
    SyncFailed = 6,
    /// A name became another, which is the data.
    Renamed = 7,
    /// A name went.
    Unlinked = 8,
    /// A directory was made, with a mode.
    DirMade = 9,
    /// A directory went.
    DirRemoved = 10,
    /// The names in a directory are on the disk.
    DirSynced = 11,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Known,
        Self::Created,
        Self::Written,
        Self::Cut,
        Self::Synced,
        Self::SyncFailed,
        Self::Renamed,
        Self::Unlinked,
        Self::DirMade,
        Self::DirRemoved,
        Self::DirSynced,
    ];
}

/// Bytes of a record before its path.
pub(crate) const HEAD: usize = 1 + 8 + 8 + 4 + 4;
