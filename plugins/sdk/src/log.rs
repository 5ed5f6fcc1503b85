//! Lines for whoever runs the server: `easel pack log` shows them with pack, version and device.
//!
//! A line is cut at 512 bytes, and of one call the first 20 are kept. Outside a server they go nowhere.

pub use crate::bindings::base::easel::plugin::log::Level;

/// Says something at this level.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::base::easel::plugin::log::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (level, message);
}

/// Something to know while looking for a mistake.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Something worth knowing.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Something that is not as it should be.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}
