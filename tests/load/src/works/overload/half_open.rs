//! Connections that never say anything, or no more than the beginning of a greeting.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::phone::Door;
use crate::scale::{Overload, connections_allowed};

/// Addresses that they come from: one address has too few ports, and may not have so many connections.
pub(super) const ADDRESSES: usize = 16;
/// Where those begin.
const FIRST: usize = 700_000;
/// Connections that are made at a time.
const AT_ONCE: usize = 512;
/// How long one may take to come about.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first bytes of a ClientHello. RFC 8446 5.1 "Record Layer".
const GREETING: [u8; 5] = [0x16, 0x03, 0x01, 0x02, 0x00];

/// What came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opened {
    /// Connections that came about,
    pub(super) opened: usize,
    /// how many of them there were at once,
    at_once: usize,
    /// how many the server ended,
    ended: usize,
    /// and how many never came about.
    failed: usize,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_once, ended, failed, .. } = self;
        write!(f, "{at_once} connections at once, {ended} ended by the server, {failed} came to nothing")
    }
}

#[derive(Debug, Default)]
struct Counts {
    opened: AtomicUsize,
    open: AtomicUsize,
    at_once: AtomicUsize,
    ended: AtomicUsize,
    failed: AtomicUsize,
}

/// Opens as many as are wanted, as many at once as this process may have, and holds them until the time is over that a
/// slow attack takes.
pub(super) async fn open(door: &Door, sizes: &Overload) -> Opened {
    let end = Instant::now() + sizes.slow_attack;
    let (counts, making) = (Arc::new(Counts::default()), Arc::new(Semaphore::new(AT_ONCE)));
    let room = connections_allowed().saturating_sub(sizes.parked + 2 * sizes.neighbours);
    let room = Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS)));
    let mut opening = JoinSet::new();
    for number in 0..sizes.half_open {
        let Ok(Ok(held)) = timeout_at(end, Arc::clone(&room).acquire_owned()).await else { break };
        let Ok(Ok(turn)) = timeout_at(end, Arc::clone(&making).acquire_owned()).await else { break };
        let (door, counts) = (door.clone(), Arc::clone(&counts));
        opening.spawn(async move {
            let _held = held;
            let stream = timeout(PATIENCE, door.half_open(FIRST + number % ADDRESSES, None)).await;
            drop(turn);
            let Ok(Ok(mut stream)) = stream else {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                return;
            };
            counts.opened.fetch_add(1, Ordering::Relaxed);
            let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
            counts.at_once.fetch_max(open, Ordering::Relaxed);
            let holding = async {
                if number.is_multiple_of(2) {
                    stream.write_all(&GREETING).await?;
                }
                stream.read(&mut [0; 16]).await
            };
            if timeout_at(end, holding).await.is_ok() {
                counts.ended.fetch_add(1, Ordering::Relaxed);
            }
            counts.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    sleep_until(end).await;
    opening.join_all().await;
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    Opened {
        opened: read(&counts.opened),
        at_once: read(&counts.at_once),
        ended: read(&counts.ended),
        failed: read(&counts.failed),
    }
}
