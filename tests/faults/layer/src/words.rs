//! What the test wants: words in a file that both map.

use std::ffi::CString;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use libc::{c_char, c_int, mode_t};

use crate::format::{WORDS, WORDS_LEN, Word};
use crate::real::real;

/// The value of a variable of the environment.
pub(crate) fn variable(name: &str) -> Option<Vec<u8>> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name ends with a NUL, and the value stays where it is: the programs here do not change their
    // environment.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    // SAFETY: a value ends with a NUL.
    (!value.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(value) }.to_bytes().to_vec())
}

fn words() -> Option<&'static [AtomicI64; WORDS_LEN]> {
    static MAPPED: OnceLock<Option<&'static [AtomicI64; WORDS_LEN]>> = OnceLock::new();
    *MAPPED.get_or_init(|| {
        let path = CString::new(variable(WORDS)?).ok()?;
        let open = real!(open: fn(*const c_char, c_int, mode_t) -> c_int);
        let map = real!(mmap64: fn(*mut libc::c_void, usize, c_int, c_int, c_int, libc::off_t) -> *mut libc::c_void);
        let (rights, len) = (libc::PROT_READ | libc::PROT_WRITE, WORDS_LEN * size_of::<AtomicI64>());
        // SAFETY: the path ends with a NUL; the file is of that length, and stays mapped for as long as the process is.
        unsafe {
            let fd = open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC, 0);
            let mapped = map(std::ptr::null_mut(), len, rights, libc::MAP_SHARED, fd, 0);
            if fd < 0 || mapped == libc::MAP_FAILED {
                libc::abort();
            }
            Some(&*mapped.cast())
        }
    })
}

/// The present value of a word; without the file all of them are 0, but for the room.
pub(crate) fn get(word: Word) -> i64 {
    match words() {
        Some(words) => words[word as usize].load(Ordering::SeqCst),
        None if word == Word::Room => -1,
        None => 0,
    }
}

/// Seconds that the clock of the day is ahead.
pub(crate) fn ahead() -> i64 {
    get(Word::Ahead)
}

/// Takes room for some bytes; for how many there was some.
pub(crate) fn take_room(wanted: usize) -> usize {
    let Some(words) = words() else { return wanted };
    let room = &words[Word::Room as usize];
    let take = |left: i64| match usize::try_from(left) {
        Ok(left) => i64::try_from(left.saturating_sub(wanted)).ok(),
        Err(_) => None,
    };
    match room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
        Ok(before) => wanted.min(usize::try_from(before).unwrap_or_default()),
        Err(_) => wanted,
    }
}

/// Whether this fsync fails.
pub(crate) fn sync_fails() -> bool {
    let Some(words) = words() else { return false };
    let left = &words[Word::SyncFails as usize];
    let count_down = |left: i64| (left > 1).then(|| left - 1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down) == Err(1)
}

/// Counts a call that is made to fail.
pub(crate) fn refused() {
    if let Some(words) = words() {
        words[Word::Refused as usize].fetch_add(1, Ordering::SeqCst);
    }
}
