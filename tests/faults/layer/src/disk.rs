//! The disk as the program sees it: whether a call fails, and what is written down of it.
//!
//! One lock is held over every call and its record, so that the journal has the order in which things happened.
//! An fsync goes no further than here: what it promises is kept by the journal.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libc::{c_int, off_t, ssize_t};

use crate::fail;
use crate::format::{Kind, ROOT, Word};
use crate::journal::Journal;
use crate::place::{self, Opened};
use crate::words;

/// The only one.
pub(crate) struct Disk(Mutex<Numbers>);

/// Files have the numbers of their inodes in the journal, however they are called. A new file may have the number of
/// one that is gone.
struct Numbers {
    /// Those that the journal has told of.
    told: BTreeSet<u64>,
    journal: Journal,
}

impl Numbers {
    fn of(&mut self, file: &Opened) -> u64 {
        if self.told.insert(file.inode) {
            self.journal.note(Kind::Known, file.inode, 0, &file.path, b"");
        }
        file.inode
    }
}

impl Disk {
    pub(crate) fn get() -> &'static Self {
        static DISK: OnceLock<Disk> = OnceLock::new();
        DISK.get_or_init(|| Self(Mutex::new(Numbers { told: BTreeSet::new(), journal: Journal::begin() })))
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self, path: &[u8], flags: c_int, call: impl FnOnce() -> c_int) -> c_int {
        let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
        if !writes {
            return call();
        }
        let mut numbers = self.lock();
        let is_new = flags & libc::O_CREAT != 0 && !exists(path);
        if let Some(errno) = refusal(is_new) {
            return fail(errno);
        }
        let fd = call();
        let Some(file) = (fd >= 0).then(|| place::of_descriptor(fd)).flatten().filter(|file| !file.is_dir) else {
            return fd;
        };
        if is_new {
            numbers.told.insert(file.inode);
            numbers.journal.note(Kind::Created, file.inode, mode(path).unwrap_or_default(), path, b"");
        } else {
            let number = numbers.of(&file);
            if flags & libc::O_TRUNC != 0 {
                numbers.journal.note(Kind::Cut, number, 0, path, b"");
            }
        }
        fd
    }

    /// `at` is where a call writes that says so; the others write where the file stands.
    pub(crate) fn write(
        &self,
        file: &Opened,
        at: Option<off_t>,
        bytes: &[u8],
        call: impl FnOnce(usize) -> ssize_t,
    ) -> ssize_t {
        let mut numbers = self.lock();
        if words::get(Word::ReadOnly) != 0 {
            words::refused();
            return fail(libc::EROFS) as ssize_t;
        }
        let len = words::take_room(bytes.len());
        if len == 0 && !bytes.is_empty() {
            words::refused();
            return fail(libc::ENOSPC) as ssize_t;
        }
        let written = call(len);
        if let Ok(len @ 1..) = usize::try_from(written) {
            // Afterwards the file stands behind what was written, also one that only ever grows.
            let at = at.unwrap_or_else(|| {
                // SAFETY: it touches no memory.
                let now = unsafe { libc::lseek64(file.fd, 0, libc::SEEK_CUR) };
                now - off_t::try_from(written).unwrap_or_default()
            });
            let number = numbers.of(file);
            let at = u64::try_from(at).unwrap_or_default();
            numbers.journal.note(Kind::Written, number, at, b"", &bytes[..len]);
        }
        written
    }

    pub(crate) fn cut(&self, file: &Opened, len: off_t, call: impl FnOnce() -> c_int) -> c_int {
        let mut numbers = self.lock();
        if let Some(errno) = refusal(len > file.len) {
            return fail(errno);
        }
        let done = call();
        if done == 0 {
            let number = numbers.of(file);
            numbers.journal.note(Kind::Cut, number, u64::try_from(len).unwrap_or_default(), b"", b"");
        }
        done
    }

    pub(crate) fn sync(&self, file: &Opened) -> c_int {
        let millis = words::get(Word::SyncMillis);
        if millis > 0 {
            let pause = libc::timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 };
            // SAFETY: it reads what it is given. A signal may end it early: then the disk was quicker.
            unsafe { libc::nanosleep(&raw const pause, std::ptr::null_mut()) };
        }
        let mut numbers = self.lock();
        let fails = words::sync_fails();
        if file.is_dir {
            if !fails {
                numbers.journal.note(Kind::DirSynced, 0, 0, &file.path, b"");
            }
        } else {
            let number = numbers.of(file);
            numbers.journal.note(if fails { Kind::SyncFailed } else { Kind::Synced }, number, 0, b"", b"");
        }
        if fails {
            words::refused();
            return fail(libc::EIO);
        }
        0
    }

    pub(crate) fn rename(&self, from: &[u8], to: &[u8], call: impl FnOnce() -> c_int) -> c_int {
        if !exists(from) {
            return call();
        }
        self.change_names(false, call, |numbers| numbers.journal.note(Kind::Renamed, 0, 0, from, to))
    }

    pub(crate) fn unlink(&self, path: &[u8], is_dir: bool, call: impl FnOnce() -> c_int) -> c_int {
        if !exists(path) {
            return call();
        }
        let kind = if is_dir { Kind::DirRemoved } else { Kind::Unlinked };
        self.change_names(false, call, |numbers| numbers.journal.note(kind, 0, 0, path, b""))
    }

    pub(crate) fn make_dir(&self, path: &[u8], call: impl FnOnce() -> c_int) -> c_int {
        if exists(path) {
            return call();
        }
        self.change_names(true, call, |numbers| {
            numbers.journal.note(Kind::DirMade, 0, mode(path).unwrap_or_default(), path, b"");
        })
    }

    fn change_names(&self, grows: bool, call: impl FnOnce() -> c_int, note: impl FnOnce(&mut Numbers)) -> c_int {
        let mut numbers = self.lock();
        if let Some(errno) = refusal(grows) {
            return fail(errno);
        }
        let done = call();
        if done == 0 {
            note(&mut numbers);
        }
        done
    }
}

/// Why a call must fail that changes names or lengths.
fn refusal(grows: bool) -> Option<c_int> {
    let errno = if words::get(Word::ReadOnly) != 0 {
        Some(libc::EROFS)
    } else {
        (grows && words::get(Word::Room) == 0).then_some(libc::ENOSPC)
    };
    if errno.is_some() {
        words::refused();
    }
    errno
}

fn exists(path: &[u8]) -> bool {
    mode(path).is_some()
}

/// The rights of a file or directory; `None` where nothing is.
fn mode(path: &[u8]) -> Option<u64> {
    let mut whole = words::variable(ROOT)?;
    whole.push(b'/');
    whole.extend_from_slice(path);
    let whole = CString::new(whole).ok()?;
    // SAFETY: all zeros is a value of it; the path ends with a NUL, and the value is written to as long as the call
    // lasts.
    unsafe {
        let mut stat: libc::stat64 = std::mem::zeroed();
        (libc::lstat64(whole.as_ptr(), &raw mut stat) == 0).then(|| u64::from(stat.st_mode & 0o7777))
    }
}

/// Whether what is read of a file from `at` on is in a place that cannot be read.
pub(crate) fn is_bad(fd: c_int, at: impl FnOnce() -> off_t, len: usize) -> bool {
    let inode = words::get(Word::BadInode);
    if inode == 0 || i64::try_from(place::inode(fd)) != Ok(inode) {
        return false;
    }
    let (at, len) = (at(), i64::try_from(len).unwrap_or(i64::MAX));
    let is_bad = at < words::get(Word::BadUntil) && at.saturating_add(len) > words::get(Word::BadFrom);
    if is_bad {
        words::refused();
    }
    is_bad
}
