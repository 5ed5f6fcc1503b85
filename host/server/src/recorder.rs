//! What a device and the server say to one another, recorded for whoever follows the device; nothing while nobody does.
//!
//! A request takes a look at one flag. Only where somebody follows its device are copies made, each up to
//! [`DOCUMENT_BYTES_MAX`], and kept until they are read, as many as fit into [`KEPT_MAX`] and [`KEPT_BYTES_MAX`]; what does
//! not fit is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use easel_store::UserId;
use jiff::Timestamp;

/// Who may follow at once.
pub const FOLLOWERS_MAX: usize = 4;

/// Bytes kept of a request's or an answer's body.
pub const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// Requests kept for one follower who does not read them.
pub const KEPT_MAX: usize = 64;

/// Bytes kept for one follower who does not read them.
pub const KEPT_BYTES_MAX: usize = 16 << 20;

/// A body, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// All of it, or its beginning.
    pub bytes: Vec<u8>,
    /// Bytes in all, before compression.
    pub length: usize,
}

impl Document {
    fn push(&mut self, piece: &[u8]) {
        let room = DOCUMENT_BYTES_MAX.saturating_sub(self.bytes.len()).min(piece.len());
        self.bytes.extend_from_slice(&piece[..room]);
        self.length += piece.len();
    }
}

/// A request with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When its head was read.
    pub began: Timestamp,
    /// Whose; `None` when it was refused before anybody was logged in.
    pub user: Option<UserId>,
    /// Its command, or `OPTIONS`; `-` where none can be made out.
    pub command: &'static str,
    /// The version, times ten; 0 when none was named.
    pub version: u8,
    /// The HTTP code; 0: the client went, or the answer was cut.
    pub code: u16,
    /// Until its answer was there.
    pub took: Duration,
    /// The part of it in which a thread was at work.
    pub worked: Duration,
    /// The body of the request, without its compression.
    pub request: Document,
    /// The body of the answer, before its compression.
    pub answer: Document,
    /// Why no command saw it; `None`: one did.
    pub refused: Option<Refused>,
}

/// Why a request was refused before its command, or in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// A few words.
    pub reason: String,
    /// Its method, path and query, up to [`LINE_MAX`] bytes; empty when it had come past them.
    pub line: String,
}

/// Bytes that are kept of the first line of a request.
pub const LINE_MAX: usize = 2048;

/// Who follows.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    awake: AtomicBool,
    tapes: Mutex<Vec<Arc<Tape>>>,
}

/// What is recorded for one follower.
#[derive(Debug)]
struct Tape {
    device: String,
    kept: Mutex<Kept>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    exchanges: VecDeque<Exchange>,
    bytes: usize,
    lost: u64,
}

/// Somebody follows a device as long as this lives.
#[derive(Debug)]
pub struct Following {
    recorder: Arc<Recorder>,
    tape: Arc<Tape>,
}

/// What of a request is recorded so far.
#[derive(Debug)]
pub(crate) struct Recording {
    tapes: Vec<Arc<Tape>>,
    request: Mutex<Document>,
    answer: Mutex<Document>,
    refused: Mutex<Option<Refused>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Follows a device, whoever's it is, by its id in any spelling; `None` when too many follow already.
    pub(crate) fn follow(self: &Arc<Self>, device: &str) -> Option<Following> {
        let mut tapes = locked(&self.tapes);
        if tapes.len() >= FOLLOWERS_MAX {
            return None;
        }
        let device = easel_protocol::normal_device_id(device);
        let tape = Arc::new(Tape { device, kept: Mutex::default(), news: Condvar::new() });
        tapes.push(Arc::clone(&tape));
        self.awake.store(true, Ordering::Relaxed);
        Some(Following { recorder: Arc::clone(self), tape })
    }

    /// Whether somebody follows some device.
    pub(crate) fn is_awake(&self) -> bool {
        self.awake.load(Ordering::Relaxed)
    }

    /// Begins to record a request, if somebody follows its device.
    pub(crate) fn begin(&self, device: &str) -> Option<Box<Recording>> {
        if !self.is_awake() {
            return None;
        }
        let device = easel_protocol::normal_device_id(device);
        let tapes: Vec<_> = locked(&self.tapes).iter().filter(|tape| tape.device == device).cloned().collect();
        let recording = || {
            let (request, answer, refused) = (Mutex::default(), Mutex::default(), Mutex::default());
            Box::new(Recording { tapes, request, answer, refused })
        };
        (!device.is_empty()).then(recording).filter(|recording| !recording.tapes.is_empty())
    }
}

impl Recording {
    pub(crate) fn request(&self, body: &[u8]) {
        locked(&self.request).push(body);
    }

    /// The answer, or the next piece of it.
    pub(crate) fn answer(&self, piece: &[u8]) {
        locked(&self.answer).push(piece);
    }

    /// No command will see it, or see it any longer.
    pub(crate) fn refused(&self, refused: Refused) {
        *locked(&self.refused) = Some(refused);
    }

    /// The request is answered: `exchange` has everything but the bodies.
    pub(crate) fn end(&self, mut exchange: Exchange) {
        exchange.request = std::mem::take(&mut *locked(&self.request));
        exchange.answer = std::mem::take(&mut *locked(&self.answer));
        exchange.refused = locked(&self.refused).take();
        for tape in &self.tapes {
            tape.keep(exchange.clone());
        }
    }
}

impl Tape {
    fn keep(&self, exchange: Exchange) {
        let mut kept = locked(&self.kept);
        let bytes = exchange.bytes();
        if kept.exchanges.len() >= KEPT_MAX || kept.bytes + bytes > KEPT_BYTES_MAX {
            kept.lost += 1;
        } else {
            kept.bytes += bytes;
            kept.exchanges.push_back(exchange);
        }
        self.news.notify_all();
    }
}

impl Exchange {
    fn bytes(&self) -> usize {
        let refused = self.refused.as_ref().map_or(0, |refused| refused.reason.len() + refused.line.len());
        self.request.bytes.len() + self.answer.bytes.len() + refused
    }
}

impl Following {
    /// The next request with its answer, after waiting so long for one, and how many were lost before it because too many
    /// were kept.
    pub fn next(&self, patience: Duration) -> (Option<Exchange>, u64) {
        let none = |kept: &mut Kept| kept.exchanges.is_empty() && kept.lost == 0;
        let waited = self.tape.news.wait_timeout_while(locked(&self.tape.kept), patience, none);
        let (mut kept, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let next = kept.exchanges.pop_front();
        kept.bytes -= next.as_ref().map_or(0, Exchange::bytes);
        // They came after everything that is kept.
        let lost = if kept.exchanges.is_empty() { std::mem::take(&mut kept.lost) } else { 0 };
        (next, lost)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut tapes = locked(&self.recorder.tapes);
        tapes.retain(|tape| !Arc::ptr_eq(tape, &self.tape));
        self.recorder.awake.store(!tapes.is_empty(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> Exchange {
        Exchange {
            began: Timestamp::UNIX_EPOCH,
            user: Some(UserId(1)),
            command: "Sync",
            version: 141,
            code: 200,
            took: Duration::ZERO,
            worked: Duration::ZERO,
            request: Document::default(),
            answer: Document::default(),
            refused: None,
        }
    }

    #[test]
    fn nothing_is_recorded_of_a_device_that_nobody_follows() {
        let recorder = Arc::new(Recorder::default());
        assert!(recorder.begin("ABC").is_none());
        let following = recorder.follow("ABC").unwrap();
        assert!(recorder.begin("abd").is_none());
        let recording = recorder.begin("abc").unwrap();
        recording.request(b"re");
        recording.answer(b"an");
        recording.answer(b"swer");
        recording.end(exchange());
        let (next, lost) = following.next(Duration::ZERO);
        let next = next.unwrap();
        assert_eq!((&next.request.bytes[..], &next.answer.bytes[..], lost), (&b"re"[..], &b"answer"[..], 0));
        assert_eq!(following.next(Duration::ZERO), (None, 0));
        drop(following);
        assert!(recorder.begin("abc").is_none());
        assert!(!recorder.awake.load(Ordering::Relaxed));
    }

    #[test]
    fn so_many_follow_and_so_much_is_kept_and_what_is_lost_is_counted() {
        let recorder = Arc::new(Recorder::default());
        let mut all: Vec<_> = (0..FOLLOWERS_MAX).map(|_| recorder.follow("abc").unwrap()).collect();
        assert!(recorder.follow("abc").is_none());
        let following = all.pop().unwrap();
        for _ in 0..KEPT_MAX + 2 {
            recorder.begin("abc").unwrap().end(exchange());
        }
        let lost: Vec<u64> = (0..KEPT_MAX).map(|_| following.next(Duration::ZERO).1).collect();
        assert_eq!((lost.iter().sum(), lost.last().copied()), (2, Some(2)));
        assert_eq!(following.next(Duration::ZERO), (None, 0));
        let large = vec![0; DOCUMENT_BYTES_MAX + 1];
        for _ in 0..5 {
            let recording = recorder.begin("abc").unwrap();
            recording.answer(&large);
            recording.end(exchange());
        }
        let (first, _) = following.next(Duration::ZERO);
        let answer = first.unwrap().answer;
        assert_eq!((answer.bytes.len(), answer.length), (DOCUMENT_BYTES_MAX, DOCUMENT_BYTES_MAX + 1));
        let lost: u64 = (0..4).map(|_| following.next(Duration::ZERO).1).sum();
        assert_eq!(lost, 1, "four fit");
    }
}
