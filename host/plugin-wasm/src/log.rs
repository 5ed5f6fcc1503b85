//! What packs write: kept in a ring for whoever asks, never in the server's own log unless that is asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Clock;

/// Lines kept of one call.
pub(crate) const LINES_PER_CALL: usize = 20;
/// Bytes kept of one line.
const LINE_BYTES: usize = 512;
/// Lines kept for one device in one minute.
const LINES_PER_MINUTE: u32 = 120;
/// Lines kept in all.
const RING: usize = 2_000;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the author.
    Debug,
    /// News.
    Info,
    /// Something odd.
    Warn,
    /// Something wrong.
    Error,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Since the clock's beginning.
    pub at: Duration,
    /// The pack that wrote it.
    pub pack: String,
    /// Its version.
    pub version: String,
    /// The device it was called for; empty at load.
    pub device: String,
    /// How much it matters.
    pub level: LogLevel,
    /// Without control characters, at most 512 bytes.
    pub message: String,
}

/// The ring.
#[derive(Debug)]
pub struct PackLog {
    clock: Arc<dyn Clock>,
    aloud: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    minute: u64,
    by_device: HashMap<String, u32>,
    left_out: u64,
}

impl PackLog {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, aloud: AtomicBool::new(false), kept: Mutex::default() }
    }

    /// Whether lines go to the server's log as well.
    pub fn aloud(&self, aloud: bool) {
        self.aloud.store(aloud, Ordering::Relaxed);
    }

    /// The lines of a pack, oldest first; of all packs when none is named.
    pub fn lines(&self, pack: Option<&str>) -> Vec<LogLine> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.lines.iter().filter(|line| pack.is_none_or(|pack| line.pack == pack)).cloned().collect()
    }

    /// How many lines were left out because one device had too many of them in a minute.
    pub fn left_out(&self) -> u64 {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).left_out
    }

    pub(crate) fn write(&self, pack: &str, version: &str, device: &str, level: LogLevel, message: String) {
        let at = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = at.as_secs() / 60;
        if kept.minute != minute {
            kept.minute = minute;
            kept.by_device.clear();
        }
        let count = kept.by_device.entry(device.to_owned()).or_default();
        *count += 1;
        if *count > LINES_PER_MINUTE {
            kept.left_out += 1;
            return;
        }
        if kept.lines.len() == RING {
            kept.lines.pop_front();
        }
        if self.aloud.load(Ordering::Relaxed) {
            tracing::info!(plugin = pack, version, device, ?level, message, "a pack says");
        }
        let line = LogLine {
            at,
            pack: pack.to_owned(),
            version: version.to_owned(),
            device: device.to_owned(),
            level,
            message,
        };
        kept.lines.push_back(line);
    }
}

/// Text from a pack as a log may show it: on one line, nothing that moves a cursor or turns the direction of writing,
/// at most 512 bytes.
pub(crate) fn clean(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    let mut clean = String::new();
    for c in text.chars().filter(|c| !harmful(*c)) {
        if clean.len() + c.len_utf8() > LINE_BYTES {
            break;
        }
        clean.push(c);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestClock;

    #[test]
    fn nothing_that_moves_a_cursor_is_left_and_a_line_ends_at_a_character() {
        assert_eq!(clean("a\u{1b}[31m\r\nb\u{7}\u{202e}c\u{85}"), "a[31mbc");
        assert_eq!(clean(&"é".repeat(400)).len(), 512);
        assert_eq!(clean(&format!("x{}", "é".repeat(400))).len(), 511);
    }

    #[test]
    fn a_device_has_so_many_lines_a_minute_and_the_ring_has_an_end() {
        let clock = Arc::new(TestClock::default());
        let log = PackLog::new(clock.clone());
        for line in 0..200 {
            log.write("a", "1.0.0", "x", LogLevel::Info, line.to_string());
        }
        log.write("b", "1.0.0", "y", LogLevel::Info, "other".to_owned());
        assert_eq!((log.lines(Some("a")).len(), log.lines(Some("b")).len(), log.left_out()), (120, 1, 80));
        for _ in 0..40 {
            clock.advance(Duration::from_secs(60));
            for _ in 0..100 {
                log.write("a", "1.0.0", "x", LogLevel::Info, String::new());
            }
        }
        assert_eq!(log.lines(None).len(), 2_000);
    }
}
