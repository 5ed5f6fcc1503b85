//! Writes down what happened.

use std::ffi::CString;

use libc::{c_char, c_int, c_void, mode_t, size_t, ssize_t};

use crate::format::{HEAD, JOURNAL, Kind};
use crate::real::real;
use crate::words::variable;

/// The journal, if one is kept.
pub(crate) struct Journal(Option<c_int>);

impl Journal {
    pub(crate) fn begin() -> Self {
        let Some(path) = variable(JOURNAL).and_then(|path| CString::new(path).ok()) else { return Self(None) };
        let open = real!(open: fn(*const c_char, c_int, mode_t) -> c_int);
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: the path ends with a NUL.
        let fd = unsafe { open(path.as_ptr(), flags, 0o600) };
        if fd < 0 {
            // SAFETY: it never comes back. A test without its journal must not look like one that went well.
            unsafe { libc::abort() };
        }
        Self(Some(fd))
    }

    /// Appends a record.
    pub(crate) fn note(&self, kind: Kind, file: u64, number: u64, path: &[u8], data: &[u8]) {
        let Some(fd) = self.0 else { return };
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut record = Vec::with_capacity(HEAD + path.len() + data.len());
        record.push(kind as u8);
        record.extend_from_slice(&file.to_le_bytes());
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&length(path));
        record.extend_from_slice(&length(data));
        record.extend_from_slice(path);
        record.extend_from_slice(data);
        let write = real!(write: fn(c_int, *const c_void, size_t) -> ssize_t);
        let mut rest = &record[..];
        while !rest.is_empty() {
            // SAFETY: there are as many bytes.
            let written = unsafe { write(fd, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) => rest = &rest[written..],
                // SAFETY: it never comes back.
                Err(_) => unsafe { libc::abort() },
            }
        }
    }
}
