//! The C library's own functions.

use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::c_void;

/// The next function of a name, after this library's; looked up once.
pub(crate) fn look_up(name: &CStr, known: &AtomicPtr<c_void>) -> *mut c_void {
    let found = known.load(Ordering::Acquire);
    if !found.is_null() {
        return found;
    }
    // SAFETY: the name ends with a NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    if found.is_null() {
        // SAFETY: it never comes back. Nothing can go on without the function, and nothing can be said.
        unsafe { libc::abort() };
    }
    known.store(found, Ordering::Release);
    found
}

/// The C library's function of that name and type.
macro_rules! real {
    ($name:ident: fn($($argument:ty),*) -> $answer:ty) => {{
        static KNOWN: std::sync::atomic::AtomicPtr<libc::c_void> =
            std::sync::atomic::AtomicPtr::new(std::ptr::null_mut());
        let name = std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes());
        let found = crate::real::look_up(name.expect("it ends with a NUL"), &KNOWN);
        // SAFETY: the function of that name has that type.
        unsafe { std::mem::transmute::<*mut libc::c_void, unsafe extern "C" fn($($argument),*) -> $answer>(found) }
    }};
}
pub(crate) use real;
