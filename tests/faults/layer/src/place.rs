//! Which file below the root a path or a descriptor means.

use std::ffi::CStr;
use std::sync::OnceLock;

use libc::{c_char, c_int, c_void, iovec, size_t};

use crate::format::ROOT;
use crate::words;

/// The longest path that is looked at.
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// A file or directory that is open.
pub(crate) struct Opened {
    pub(crate) fd: c_int,
    /// Relative to the root.
    pub(crate) path: Vec<u8>,
    pub(crate) inode: u64,
    pub(crate) is_dir: bool,
    pub(crate) len: i64,
}

impl Opened {
    /// Whether it is SQLite's index of its WAL, which is made anew after a crash.
    pub(crate) fn is_shared_memory(&self) -> bool {
        self.path.ends_with(b"-shm")
    }
}

fn root() -> Option<&'static [u8]> {
    static FOUND: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    FOUND.get_or_init(|| words::variable(ROOT)).as_deref()
}

/// The part of a path below the root; empty for the root itself.
fn below(path: &[u8]) -> Option<Vec<u8>> {
    match path.strip_prefix(root()?)? {
        [] => Some(Vec::new()),
        [b'/', rest @ ..] => Some(rest.to_vec()),
        _ => None,
    }
}

/// What a path means, relative to the root; `None` outside.
///
/// # Safety
/// The path ends with a NUL.
pub(crate) unsafe fn of_path(dir: c_int, path: *const c_char) -> Option<Vec<u8>> {
    root()?;
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller says so.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    if path.starts_with(b"/") {
        return below(&plain(path));
    }
    let link = if dir == libc::AT_FDCWD { "/proc/self/cwd".to_owned() } else { format!("/proc/self/fd/{dir}") };
    let mut whole = read_link(&link)?;
    whole.push(b'/');
    whole.extend_from_slice(path);
    below(&plain(&whole))
}

/// A path without `.` and `..`, as if there were no links to directories.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut plain = Vec::with_capacity(path.len());
    for part in parts {
        plain.push(b'/');
        plain.extend_from_slice(part);
    }
    plain
}

fn stat(fd: c_int) -> Option<libc::stat64> {
    // SAFETY: all zeros is a value of it.
    let mut stat: libc::stat64 = unsafe { std::mem::zeroed() };
    // SAFETY: it is written to as long as this call lasts.
    (unsafe { libc::fstat64(fd, &raw mut stat) } == 0).then_some(stat)
}

/// The inode of a descriptor; 0 where it has none.
pub(crate) fn inode(fd: c_int) -> u64 {
    stat(fd).map_or(0, |stat| stat.st_ino)
}

/// What a descriptor means; `None` outside the root, and for what is neither file nor directory.
pub(crate) fn of_descriptor(fd: c_int) -> Option<Opened> {
    root()?;
    let stat = stat(fd)?;
    let kind = stat.st_mode & libc::S_IFMT;
    if ![libc::S_IFREG, libc::S_IFDIR].contains(&kind) {
        return None;
    }
    let target = read_link(&format!("/proc/self/fd/{fd}"))?;
    // The kernel says so of what has no name any more.
    let path = below(target.strip_suffix(b" (deleted)").unwrap_or(&target))?;
    Some(Opened { fd, path, inode: stat.st_ino, is_dir: kind == libc::S_IFDIR, len: stat.st_size })
}

fn read_link(path: &str) -> Option<Vec<u8>> {
    let path = std::ffi::CString::new(path).ok()?;
    let mut target = vec![0; PATH_MAX];
    // SAFETY: the path ends with a NUL, and as many bytes may be written as are said.
    let len = unsafe { libc::readlink(path.as_ptr(), target.as_mut_ptr().cast(), target.len()) };
    target.truncate(usize::try_from(len).ok()?);
    Some(target)
}

/// What is to be written.
///
/// # Safety
/// There are as many bytes.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: size_t) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(data.cast(), len) }
}

/// The first piece that has bytes.
///
/// # Safety
/// There are as many pieces.
pub(crate) unsafe fn first(pieces: *const iovec, count: c_int) -> Option<iovec> {
    let count = usize::try_from(count).ok().filter(|count| *count > 0)?;
    // SAFETY: the caller says so.
    let pieces = unsafe { std::slice::from_raw_parts(pieces, count) };
    pieces.iter().find(|piece| piece.iov_len > 0).copied()
}
