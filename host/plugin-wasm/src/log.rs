//! What packs write: kept in a ring while somebody listens, never in the server's own log unless that is asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
/// Lines read at once.
const PAGE: usize = 500;
/// Who listens at once.
const LISTENERS_MAX: usize = 8;

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
    /// Counted from 1, in the order they were written.
    pub number: u64,
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

/// Some lines in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// Oldest first, at most 500.
    pub lines: Vec<LogLine>,
    /// Where the next page begins: after the line of this number, of whatever pack.
    pub last: u64,
    /// Lines, of whatever pack, that were written after the one asked for and are no longer kept.
    pub missed: u64,
}

/// The ring. Asleep it keeps nothing new; it is awake while somebody listens, and for as long as it was told to be.
#[derive(Debug)]
pub struct PackLog {
    clock: Arc<dyn Clock>,
    /// Whether a line may be wanted: looked at before anything is done with one.
    awake: AtomicBool,
    kept: Mutex<Kept>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    /// The number of the last line.
    last: u64,
    minute: u64,
    by_device: HashMap<String, u32>,
    left_out: u64,
    listeners: usize,
    /// Awake until then.
    until: Duration,
    aloud: bool,
}

impl Kept {
    fn is_awake(&self, now: Duration) -> bool {
        self.listeners > 0 || self.aloud || now < self.until
    }
}

/// The log is awake as long as this lives.
#[derive(Debug)]
pub struct Listening(Arc<PackLog>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.change(|kept| kept.listeners -= 1);
    }
}

impl PackLog {
    /// An empty one, asleep.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, awake: AtomicBool::new(false), kept: Mutex::default(), news: Condvar::new() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, what: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        what(&mut kept);
        self.awake.store(kept.is_awake(self.clock.now()), Ordering::Relaxed);
    }

    /// Wakes it for as long as the answer lives. `None` when eight listen already.
    pub fn listen(self: &Arc<Self>) -> Option<Listening> {
        let mut room = false;
        self.change(|kept| {
            room = kept.listeners < LISTENERS_MAX;
            kept.listeners += usize::from(room);
        });
        room.then(|| Listening(Arc::clone(self)))
    }

    /// Wakes it for so long from now, whatever it was told before; zero lets it sleep unless somebody listens.
    pub fn keep_for(&self, time: Duration) {
        let until = self.clock.now().saturating_add(time);
        self.change(|kept| kept.until = until);
    }

    /// How long it stays awake though nobody listens; `None` when it does not.
    pub fn keeps_for(&self) -> Option<Duration> {
        let left = self.kept().until.saturating_sub(self.clock.now());
        (!left.is_zero()).then_some(left)
    }

    /// Whether lines go to the server's log as well; while they do it is awake.
    pub fn aloud(&self, aloud: bool) {
        self.change(|kept| kept.aloud = aloud);
    }

    /// Whether a line would be kept.
    pub(crate) fn is_awake(&self) -> bool {
        self.awake.load(Ordering::Relaxed)
    }

    /// The lines of a pack, oldest first; of all packs when none is named.
    pub fn lines(&self, pack: Option<&str>) -> Vec<LogLine> {
        let kept = self.kept();
        kept.lines.iter().filter(|line| is_of(line, pack)).cloned().collect()
    }

    /// The first lines after the one of that number, 0 for all that are kept. Where there is none, waits for one that
    /// long; zero does not wait.
    pub fn page(&self, pack: Option<&str>, after: u64, patience: Duration) -> LogPage {
        let fresh = |line: &&LogLine| line.number > after && is_of(line, pack);
        let none =
            |kept: &mut Kept| !kept.lines.iter().rev().take_while(|line| line.number > after).any(|line| fresh(&line));
        let (kept, _) =
            self.news.wait_timeout_while(self.kept(), patience, none).unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<LogLine> = kept.lines.iter().filter(fresh).take(PAGE).cloned().collect();
        let last = if lines.len() < PAGE { kept.last } else { lines.last().map_or(kept.last, |line| line.number) };
        let first = kept.lines.front().map_or(kept.last + 1, |line| line.number);
        LogPage { lines, last, missed: if after == 0 { 0 } else { first.saturating_sub(after + 1) } }
    }

    /// How many lines were left out because one device had too many of them in a minute.
    pub fn left_out(&self) -> u64 {
        self.kept().left_out
    }

    pub(crate) fn write(&self, pack: &str, version: &str, device: &str, level: LogLevel, message: &str) {
        if !self.is_awake() {
            return;
        }
        let at = self.clock.now();
        let mut kept = self.kept();
        if !kept.is_awake(at) {
            self.awake.store(false, Ordering::Relaxed);
            return;
        }
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
        let message = clean(message);
        if kept.aloud {
            tracing::info!(plugin = pack, version, device, ?level, message, "a pack says");
        }
        kept.last += 1;
        let line = LogLine {
            number: kept.last,
            at,
            pack: pack.to_owned(),
            version: version.to_owned(),
            device: device.to_owned(),
            level,
            message,
        };
        kept.lines.push_back(line);
        self.news.notify_all();
    }
}

fn is_of(line: &LogLine, pack: Option<&str>) -> bool {
    pack.is_none_or(|pack| line.pack == pack)
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

    fn log() -> (Arc<TestClock>, Arc<PackLog>) {
        let clock = Arc::new(TestClock::default());
        (Arc::clone(&clock), Arc::new(PackLog::new(clock)))
    }

    fn write(log: &PackLog, pack: &str, message: &str) {
        log.write(pack, "1.0.0", "x", LogLevel::Info, message);
    }

    fn numbers(page: &LogPage) -> Vec<u64> {
        page.lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn nothing_that_moves_a_cursor_is_left_and_a_line_ends_at_a_character() {
        assert_eq!(clean("a\u{1b}[31m\r\nb\u{7}\u{202e}c\u{85}"), "a[31mbc");
        assert_eq!(clean(&"é".repeat(400)).len(), 512);
        assert_eq!(clean(&format!("x{}", "é".repeat(400))).len(), 511);
    }

    #[test]
    fn a_device_has_so_many_lines_a_minute_and_the_ring_has_an_end() {
        let (clock, log) = log();
        let _awake = log.listen().unwrap();
        for line in 0..200 {
            write(&log, "a", &line.to_string());
        }
        log.write("b", "1.0.0", "y", LogLevel::Info, "other");
        assert_eq!((log.lines(Some("a")).len(), log.lines(Some("b")).len(), log.left_out()), (120, 1, 80));
        for _ in 0..40 {
            clock.advance(Duration::from_secs(60));
            for _ in 0..100 {
                write(&log, "a", "");
            }
        }
        assert_eq!(log.lines(None).len(), 2_000);
        // Who had read the first of 4,121 lines has missed what lies before the ring.
        let page = log.page(None, 1, Duration::ZERO);
        assert_eq!((page.missed, page.lines.len(), page.last), (2_120, 500, 2_621));
        assert_eq!(log.page(None, 0, Duration::ZERO).missed, 0, "who has read none has missed none");
    }

    #[test]
    fn it_is_awake_while_somebody_listens_and_for_as_long_as_it_was_told() {
        let (clock, log) = log();
        write(&log, "a", "nobody listens");
        let one = log.listen().unwrap();
        let other = log.listen().unwrap();
        drop(one);
        write(&log, "a", "one listens");
        drop(other);
        write(&log, "a", "nobody listens any more");
        assert_eq!(log.keeps_for(), None);
        log.keep_for(Duration::from_secs(60));
        clock.advance(Duration::from_secs(59));
        assert_eq!(log.keeps_for(), Some(Duration::from_secs(1)));
        write(&log, "a", "within the minute");
        clock.advance(Duration::from_secs(1));
        write(&log, "a", "after it");
        log.keep_for(Duration::from_secs(60));
        log.keep_for(Duration::ZERO);
        write(&log, "a", "taken back");
        let said: Vec<String> = log.lines(None).into_iter().map(|line| line.message).collect();
        assert_eq!(said, ["one listens", "within the minute"]);
    }

    #[test]
    fn eight_listen_at_once() {
        let (_, log) = log();
        let mut all: Vec<Listening> = (0..LISTENERS_MAX).map(|_| log.listen().unwrap()).collect();
        assert!(log.listen().is_none());
        all.pop();
        assert!(log.listen().is_some());
    }

    #[test]
    fn pages_follow_one_another_and_pass_the_lines_of_other_packs() {
        let (_, log) = log();
        let _awake = log.listen().unwrap();
        for pack in ["a", "b", "a", "b"] {
            write(&log, pack, "");
        }
        let page = log.page(Some("a"), 0, Duration::ZERO);
        assert_eq!((numbers(&page), page.last), (vec![1, 3], 4));
        assert_eq!(numbers(&log.page(Some("a"), page.last, Duration::ZERO)), [0_u64; 0]);
        write(&log, "a", "");
        assert_eq!(numbers(&log.page(Some("a"), page.last, Duration::ZERO)), [5]);
    }

    #[test]
    fn who_waits_is_told_by_the_next_line_of_the_pack() {
        let (_, log) = log();
        let _awake = log.listen().unwrap();
        write(&log, "a", "old");
        let waiting = {
            let log = Arc::clone(&log);
            std::thread::spawn(move || log.page(Some("a"), 1, Duration::from_secs(600)))
        };
        write(&log, "b", "of another");
        write(&log, "a", "new");
        let page = waiting.join().unwrap();
        assert_eq!((numbers(&page), page.missed), (vec![3], 0));
        // Bounded.
        assert_eq!(log.page(Some("a"), 3, Duration::from_millis(1)), LogPage { last: 3, ..LogPage::default() });
    }
}
