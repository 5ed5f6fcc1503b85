//! Connections that never say anything, or no more than the beginning of a greeting.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

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
/// How long after its time an attack goes on at most, so that all have come and the server has ended the first of them.
const LONGER: Duration = Duration::from_secs(60);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
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
    pub(super) ended: usize,
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
/// slow attack takes, and until the server has ended those beyond what it takes of such: `most`.
pub(super) async fn open(door: &Door, sizes: &Overload, most: usize) -> Opened {
    let (end, last) = (Instant::now() + sizes.slow_attack, Instant::now() + sizes.slow_attack + LONGER);
    let (over, is_over) = watch::channel(false);
    let (counts, making) = (Arc::new(Counts::default()), Arc::new(Semaphore::new(AT_ONCE)));
    let room = connections_allowed().saturating_sub(sizes.parked + 2 * sizes.neighbours);
    let room = Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS)));
    let mut opening = JoinSet::new();
    for number in 0..sizes.half_open {
        let Ok(Ok(held)) = timeout_at(last, Arc::clone(&room).acquire_owned()).await else { break };
        let Ok(Ok(turn)) = timeout_at(last, Arc::clone(&making).acquire_owned()).await else { break };
        let (door, counts, mut is_over) = (door.clone(), Arc::clone(&counts), is_over.clone());
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
            tokio::select! {
                biased;
                _ = holding => drop(counts.ended.fetch_add(1, Ordering::Relaxed)),
                // The sender outlives this task.
                _ = is_over.changed() => {}
            }
            counts.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    sleep_until(end).await;
    while read(&counts.opened) + read(&counts.failed) < opening.len()
        || read(&counts.ended) + most < read(&counts.opened)
    {
        if Instant::now() > last {
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    over.send_replace(true);
    opening.join_all().await;
    Opened {
        opened: read(&counts.opened),
        at_once: read(&counts.at_once),
        ended: read(&counts.ended),
        failed: read(&counts.failed),
    }
}
