//! Clients that read or write a byte a second.

use std::fmt;
use std::time::Duration;

use easel_protocol::Command;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::phone::{Door, Identity, Line, Phone, WIDE_INBOX};
use crate::scale::Overload;
use crate::seed::{attacker, slow_reader};
use crate::tally::Tally;

/// Where the addresses begin that they come from.
const FIRST: usize = 800_000;
/// Bytes that a slow reader's side takes without being read.
const ROOM: u32 = 4 << 10;
/// How long a byte takes.
const BYTE: Duration = Duration::from_secs(1);
/// How soon one comes again that was put off or cut.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes that a slow writer says its body has.
const BODY: usize = 10_000;

/// What came of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Slow {
    /// How they were answered.
    pub(super) tally: Tally,
    /// How many still read or wrote at the end.
    at_it: u64,
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} still at it in the end", self.at_it)
    }
}

impl Slow {
    fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.at_it += other.at_it;
    }
}

/// Devices ask for a large page and read it slowly; whoever is cut comes again.
pub(super) async fn read(door: &Door, sizes: &Overload) -> Slow {
    let readers = (0..sizes.slow).map(|number| slow_reader(number, sizes.readers));
    all(door, sizes, readers, reading).await
}

/// Clients write heads, and others bodies, slowly.
pub(super) async fn write(door: &Door, sizes: &Overload) -> Slow {
    let clients = (0..2 * sizes.slow).map(|number| attacker(number % sizes.crowd.max(1)));
    all(door, sizes, clients, writing).await
}

async fn all<F>(
    door: &Door,
    sizes: &Overload,
    clients: impl Iterator<Item = Identity>,
    one: impl Fn(Door, usize, Identity) -> F + Copy + Send + 'static,
) -> Slow
where
    F: Future<Output = anyhow::Result<(u16, Option<u64>)>> + Send + 'static,
{
    let end = Instant::now() + sizes.slow_attack;
    let mut going = JoinSet::new();
    for (number, identity) in clients.enumerate() {
        let door = door.clone();
        going.spawn(async move {
            let mut slow = Slow::default();
            loop {
                match timeout_at(end, one(door.clone(), number, identity.clone())).await {
                    Ok(Ok((code, retry_after))) => slow.tally.code(code, retry_after),
                    Ok(Err(_)) => slow.tally.cut += 1,
                    Err(_) => {
                        slow.at_it += 1;
                        return slow;
                    }
                }
                if timeout_at(end, sleep(PAUSE)).await.is_err() {
                    return slow;
                }
            }
        });
    }
    let mut all = Slow::default();
    for slow in going.join_all().await {
        all.add(&slow);
    }
    all
}

/// Asks for a large page. Returns when it is put off; an error when it is cut.
async fn reading(door: Door, number: usize, identity: Identity) -> anyhow::Result<(u16, Option<u64>)> {
    let line = door.connect_narrow(FIRST + number, ROOM).await?;
    let mut phone = Phone { identity, line };
    let begun = phone.line.exchange(&phone.identity.request(Command::Sync, &WIDE_INBOX.since("0"))).await?;
    if begun.code != 200 {
        return Ok((begun.code, begun.retry_after));
    }
    let key = crate::scan::Synced::read(&begun.body)?.key;
    phone.line.send(&phone.identity.request(Command::Sync, &WIDE_INBOX.since(&key))).await?;
    let head = phone.line.head().await?;
    if head.code != 200 {
        return Ok((head.code, head.retry_after));
    }
    sipping(&mut phone.line).await
}

async fn sipping(line: &mut Line) -> anyhow::Result<(u16, Option<u64>)> {
    loop {
        anyhow::ensure!(line.sip(&mut [0]).await? > 0, "the server closed the connection");
        sleep(BYTE).await;
    }
}

/// Sends a request, its head or, every other one, its body a byte a second. Returns when it is answered all the same.
async fn writing(door: Door, number: usize, identity: Identity) -> anyhow::Result<(u16, Option<u64>)> {
    let mut line = door.connect(FIRST + number).await?;
    let whole = identity.request(Command::Sync, &vec![0; BODY]);
    let is_head = number.is_multiple_of(2);
    let (at_once, slowly) = whole.split_at(if is_head { 0 } else { whole.len() - BODY });
    line.send(at_once).await?;
    for byte in slowly.chunks(1) {
        line.send(byte).await?;
        tokio::select! {
            head = line.head() => return head.map(|head| (head.code, head.retry_after)),
            () = sleep(BYTE) => {}
        }
    }
    let head = line.head().await?;
    Ok((head.code, head.retry_after))
}
