//! A library that is loaded before the C library (`LD_PRELOAD`) and stands under a program that knows nothing of it.
//!
//! Calls that change files below one directory are written down in a journal, in one order for the whole process, and
//! fail when the test says so; the clock of the day shows what the test says. All other calls go through as they are.
//! Which directory, which journal and which file of words is in the environment (`format.rs`).
//!
//! - `lib.rs` the calls, by the names of the C library
//! - `real.rs` the C library's own
//! - `disk.rs` what a call means for the journal and whether it fails
//! - `journal.rs` writes records
//! - `place.rs` which file a path or a descriptor means
//! - `words.rs` what the test wants
//!
//! The layer must not call what it stands in front of: everything here goes to the C library through `real.rs` or by
//! calls that are not in this file, and nothing of `std::fs`, `std::io` or `std::time` is used.
//!
//! What the C library does within itself does not come by here: `printf` and `fwrite` do not. Neither SQLite nor Rust's
//! standard library write files with those.
//!
//! `open` has a variable number of arguments in C and three here; on Linux, for x86-64 and AArch64, whole numbers are
//! handed over in the same registers either way.

#![expect(unsafe_code, reason = "this stands in for functions of the C library, which take raw pointers")]
#![expect(clippy::missing_safety_doc, reason = "what they need is what the C library's functions of that name need")]
#![expect(missing_docs, reason = "they do what the C library's functions of that name do, but for what is said")]
#![expect(unreachable_pub, reason = "the dynamic linker reaches them")]

mod disk;
#[path = "../../src/format.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod format;
mod journal;
mod place;
mod real;
mod words;

use libc::{c_char, c_int, c_void, iovec, mode_t, off_t, size_t, ssize_t, time_t, timespec, timeval};

use crate::disk::Disk;
use crate::real::real;

/// The C library's way to say that a call failed.
fn fail(errno: c_int) -> c_int {
    // SAFETY: it points to the thread's own errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { openat(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { openat(libc::AT_FDCWD, path, flags | libc::O_LARGEFILE, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn creat(path: *const c_char, mode: mode_t) -> c_int {
    unsafe { openat(libc::AT_FDCWD, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { openat(dir, path, flags | libc::O_LARGEFILE, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let real = real!(openat: fn(c_int, *const c_char, c_int, mode_t) -> c_int);
    let call = || unsafe { real(dir, path, flags, mode) };
    match unsafe { place::of_path(dir, path) } {
        Some(path) => Disk::get().open(&path, flags, call),
        None => call(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, data: *mut c_void, len: size_t) -> ssize_t {
    let real = real!(read: fn(c_int, *mut c_void, size_t) -> ssize_t);
    let at = || unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
    if disk::is_bad(fd, at, len) { fail(libc::EIO) as ssize_t } else { unsafe { real(fd, data, len) } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(fd: c_int, data: *mut c_void, len: size_t, at: off_t) -> ssize_t {
    unsafe { pread64(fd, data, len, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread64(fd: c_int, data: *mut c_void, len: size_t, at: off_t) -> ssize_t {
    let real = real!(pread64: fn(c_int, *mut c_void, size_t, off_t) -> ssize_t);
    if disk::is_bad(fd, || at, len) { fail(libc::EIO) as ssize_t } else { unsafe { real(fd, data, len, at) } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, data: *const c_void, len: size_t) -> ssize_t {
    let real = real!(write: fn(c_int, *const c_void, size_t) -> ssize_t);
    let Some(file) = place::of_descriptor(fd) else { return unsafe { real(fd, data, len) } };
    let bytes = unsafe { place::bytes(data, len) };
    Disk::get().write(&file, None, bytes, |len| unsafe { real(fd, data, len) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, data: *const c_void, len: size_t, at: off_t) -> ssize_t {
    unsafe { pwrite64(fd, data, len, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, len: size_t, at: off_t) -> ssize_t {
    let real = real!(pwrite64: fn(c_int, *const c_void, size_t, off_t) -> ssize_t);
    let Some(file) = place::of_descriptor(fd) else { return unsafe { real(fd, data, len, at) } };
    let bytes = unsafe { place::bytes(data, len) };
    Disk::get().write(&file, Some(at), bytes, |len| unsafe { real(fd, data, len, at) })
}

/// Of a file below the root only the first piece is written: a call may write less than it was given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    let real = real!(writev: fn(c_int, *const iovec, c_int) -> ssize_t);
    if place::of_descriptor(fd).is_none() {
        return unsafe { real(fd, pieces, count) };
    }
    match unsafe { place::first(pieces, count) } {
        Some(piece) => unsafe { write(fd, piece.iov_base, piece.iov_len) },
        None => 0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev(fd: c_int, pieces: *const iovec, count: c_int, at: off_t) -> ssize_t {
    let real = real!(pwritev: fn(c_int, *const iovec, c_int, off_t) -> ssize_t);
    if place::of_descriptor(fd).is_none() {
        return unsafe { real(fd, pieces, count, at) };
    }
    match unsafe { place::first(pieces, count) } {
        Some(piece) => unsafe { pwrite64(fd, piece.iov_base, piece.iov_len, at) },
        None => 0,
    }
}

/// Not for files below the root: callers write as usual then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_at: *mut off_t,
    to: c_int,
    to_at: *mut off_t,
    len: size_t,
    flags: libc::c_uint,
) -> ssize_t {
    let real = real!(copy_file_range: fn(c_int, *mut off_t, c_int, *mut off_t, size_t, libc::c_uint) -> ssize_t);
    if place::of_descriptor(to).is_some() {
        return fail(libc::EXDEV) as ssize_t;
    }
    unsafe { real(from, from_at, to, to_at, len, flags) }
}

/// Not for files below the root: callers write as usual then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile64(to: c_int, from: c_int, at: *mut off_t, len: size_t) -> ssize_t {
    let real = real!(sendfile64: fn(c_int, c_int, *mut off_t, size_t) -> ssize_t);
    if place::of_descriptor(to).is_some() {
        return fail(libc::EINVAL) as ssize_t;
    }
    unsafe { real(to, from, at, len) }
}

/// Not for files below the root: callers let the file grow by writing then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate64(fd: c_int, mode: c_int, at: off_t, len: off_t) -> c_int {
    let real = real!(fallocate64: fn(c_int, c_int, off_t, off_t) -> c_int);
    if place::of_descriptor(fd).is_some() {
        return fail(libc::EOPNOTSUPP);
    }
    unsafe { real(fd, mode, at, len) }
}

/// Writing into a file through memory would pass the journal by. Only the shared memory of SQLite may: what is in it
/// need not survive anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    wish: *mut c_void,
    len: size_t,
    rights: c_int,
    flags: c_int,
    fd: c_int,
    at: off_t,
) -> *mut c_void {
    let real = real!(mmap64: fn(*mut c_void, size_t, c_int, c_int, c_int, off_t) -> *mut c_void);
    let writes = flags & libc::MAP_SHARED != 0 && flags & libc::MAP_ANONYMOUS == 0 && rights & libc::PROT_WRITE != 0;
    if writes && place::of_descriptor(fd).is_some_and(|file| !file.is_shared_memory()) {
        fail(libc::ENODEV);
        return libc::MAP_FAILED;
    }
    unsafe { real(wish, len, rights, flags, fd, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, len: off_t) -> c_int {
    unsafe { ftruncate64(fd, len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, len: off_t) -> c_int {
    let real = real!(ftruncate64: fn(c_int, off_t) -> c_int);
    let call = || unsafe { real(fd, len) };
    match place::of_descriptor(fd) {
        Some(file) => Disk::get().cut(&file, len, call),
        None => call(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    let real = real!(fsync: fn(c_int) -> c_int);
    match place::of_descriptor(fd) {
        Some(file) => Disk::get().sync(&file),
        None => unsafe { real(fd) },
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    let real = real!(fdatasync: fn(c_int) -> c_int);
    match place::of_descriptor(fd) {
        Some(file) => Disk::get().sync(&file),
        None => unsafe { real(fd) },
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { renameat(libc::AT_FDCWD, from, libc::AT_FDCWD, to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char) -> c_int {
    let real = real!(renameat: fn(c_int, *const c_char, c_int, *const c_char) -> c_int);
    let call = || unsafe { real(from_dir, from, to_dir, to) };
    match unsafe { (place::of_path(from_dir, from), place::of_path(to_dir, to)) } {
        (Some(from), Some(to)) => Disk::get().rename(&from, &to, call),
        (None, None) => call(),
        // As between two file systems; the callers here do not, and would say so.
        (Some(_), None) | (None, Some(_)) => fail(libc::EXDEV),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: libc::c_uint,
) -> c_int {
    let real = real!(renameat2: fn(c_int, *const c_char, c_int, *const c_char, libc::c_uint) -> c_int);
    let call = || unsafe { real(from_dir, from, to_dir, to, flags) };
    match unsafe { (place::of_path(from_dir, from), place::of_path(to_dir, to)) } {
        (Some(from), Some(to)) if flags & libc::RENAME_EXCHANGE == 0 => Disk::get().rename(&from, &to, call),
        (None, None) => call(),
        // Names that change places are not in the model.
        _ => fail(libc::EXDEV),
    }
}

/// Hard links are not in the model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    let real = real!(link: fn(*const c_char, *const c_char) -> c_int);
    if unsafe { place::of_path(libc::AT_FDCWD, to) }.is_some() {
        return fail(libc::EPERM);
    }
    unsafe { real(from, to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unsafe { unlinkat(libc::AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    unsafe { unlinkat(libc::AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    let real = real!(unlinkat: fn(c_int, *const c_char, c_int) -> c_int);
    let call = || unsafe { real(dir, path, flags) };
    match unsafe { place::of_path(dir, path) } {
        Some(path) => Disk::get().unlink(&path, flags & libc::AT_REMOVEDIR != 0, call),
        None => call(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    unsafe { mkdirat(libc::AT_FDCWD, path, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    let real = real!(mkdirat: fn(c_int, *const c_char, mode_t) -> c_int);
    let call = || unsafe { real(dir, path, mode) };
    match unsafe { place::of_path(dir, path) } {
        Some(path) => Disk::get().make_dir(&path, call),
        None => call(),
    }
}

/// Only the clock of the day is turned; the one that measures how long things take goes on as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut timespec) -> c_int {
    let real = real!(clock_gettime: fn(libc::clockid_t, *mut timespec) -> c_int);
    let answer = unsafe { real(clock, time) };
    if answer == 0 && [libc::CLOCK_REALTIME, libc::CLOCK_REALTIME_COARSE].contains(&clock) {
        // SAFETY: the C library has just written to it.
        unsafe { (*time).tv_sec += words::ahead() };
    }
    answer
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, zone: *mut c_void) -> c_int {
    let real = real!(gettimeofday: fn(*mut timeval, *mut c_void) -> c_int);
    let answer = unsafe { real(time, zone) };
    if answer == 0 && !time.is_null() {
        // SAFETY: the C library has just written to it.
        unsafe { (*time).tv_sec += words::ahead() };
    }
    answer
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(out: *mut time_t) -> time_t {
    let real = real!(time: fn(*mut time_t) -> time_t);
    let now = unsafe { real(std::ptr::null_mut()) } + words::ahead();
    if !out.is_null() {
        // SAFETY: the caller wants it there.
        unsafe { *out = now };
    }
    now
}
