//! What a process costs, as Linux tells it: proc_pid_stat(5), proc_pid_status(5), smaps_rollup and clear_refs.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::clock::now;

/// USER_HZ, the unit of times in /proc: 100 on every architecture that Easel runs on.
const TICKS_PER_SECOND: u64 = 100;

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All that is resident (VmRSS).
    pub(crate) resident: u64,
    /// Of it, what is the process's own: heap and stacks (RssAnon).
    pub(crate) own: u64,
    /// Of it, what is mapped from files and can be dropped at any time (RssFile): the program, and of the mail file what
    /// was read lately.
    pub(crate) mapped: u64,
    /// The most that was resident since [`reset_peak`] (VmHWM).
    pub(crate) peak: u64,
}

/// CPU time of all threads, ended ones included, to a hundredth of a second.
pub(crate) fn cpu(process: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    parse_stat(&fs::read_to_string(&path).with_context(|| format!("reading {path}"))?)
        .with_context(|| format!("{path} has no times"))
}

/// CPU time of each thread that runs now, to the nanosecond: /proc/PID/task/TID/schedstat.
fn threads(process: u32) -> anyhow::Result<BTreeMap<String, u64>> {
    let path = format!("/proc/{process}/task");
    let mut times = BTreeMap::new();
    for entry in fs::read_dir(&path).with_context(|| format!("reading {path}"))? {
        let entry = entry?;
        // One that ended meanwhile has nothing to tell.
        let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
        let nanos = nanos.with_context(|| format!("{} has no times", entry.path().display()))?;
        times.insert(entry.file_name().to_string_lossy().into_owned(), nanos);
    }
    ensure!(!times.is_empty(), "{path} has no threads, or this kernel does not count their time");
    Ok(times)
}

/// Measures short times of a process whose threads stay: what one uses that ends meanwhile is not seen.
#[derive(Debug)]
pub(crate) struct FineMeter {
    process: u32,
    before: BTreeMap<String, u64>,
}

impl FineMeter {
    pub(crate) fn start(process: u32) -> anyhow::Result<Self> {
        Ok(Self { process, before: threads(process)? })
    }

    pub(crate) fn read(&self) -> anyhow::Result<Duration> {
        let now = threads(self.process)?;
        let used = now.iter().map(|(thread, nanos)| nanos - self.before.get(thread).unwrap_or(&0).min(nanos));
        Ok(Duration::from_nanos(used.sum()))
    }
}

fn parse_stat(text: &str) -> Option<Duration> {
    // The name before may hold spaces and brackets.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let all = ticks()? + ticks()?;
    Some(Duration::from_millis(all * 1000 / TICKS_PER_SECOND))
}

/// What is resident now.
pub(crate) fn memory(process: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let field = |name: &str| kib(&text, name).with_context(|| format!("{path} has no {name}"));
    Ok(Memory {
        resident: field("VmRSS:")?,
        own: field("RssAnon:")?,
        mapped: field("RssFile:")?,
        peak: field("VmHWM:")?,
    })
}

/// What is resident and its own, counted page by page: exact where [`memory`] may lag behind by some pages a thread.
pub(crate) fn own_exactly(process: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    kib(&text, "Anonymous:").with_context(|| format!("{path} has no Anonymous"))
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// The peak begins anew at what is resident now.
pub(crate) fn reset_peak(process: u32) -> anyhow::Result<()> {
    let path = format!("/proc/{process}/clear_refs");
    fs::write(&path, "5").with_context(|| format!("writing {path}"))
}

/// Measures what a server and this program use from now on.
#[derive(Debug)]
pub(crate) struct Meter {
    server: u32,
    since: Instant,
    before: (Duration, Duration),
}

/// What was used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// CPU of the server.
    pub(crate) server: Duration,
    /// CPU of this program.
    pub(crate) own: Duration,
}

impl Meter {
    pub(crate) fn start(server: u32) -> anyhow::Result<Self> {
        let before = (cpu(server)?, cpu(std::process::id())?);
        Ok(Self { server, since: now(), before })
    }

    pub(crate) fn read(&self) -> anyhow::Result<Spent> {
        let wall = now() - self.since;
        let (server, own) = (cpu(self.server)?, cpu(std::process::id())?);
        Ok(Spent { wall, server: server - self.before.0, own: own - self.before.1 })
    }
}

impl Spent {
    /// Both together.
    pub(crate) fn add(&mut self, other: &Self) {
        self.wall += other.wall;
        self.server += other.server;
        self.own += other.own;
    }

    /// The server's CPU for each of so many things.
    pub(crate) fn each(&self, count: u64) -> Duration {
        Duration::from_nanos(u64::try_from(self.server.as_nanos()).unwrap_or(u64::MAX) / count.max(1))
    }

    /// How much of the CPU that both used was this program's, from 0 to 1.
    pub(crate) fn own_share(&self) -> f64 {
        let all = (self.server + self.own).as_secs_f64();
        if all > 0.0 { self.own.as_secs_f64() / all } else { 0.0 }
    }

    /// Things a second.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let line = "42 (a) b (c) S 1 1 1 0 -1 4194560 100 0 0 0 123 45 6 7 20 0 9 0 1 2 3";
        assert_eq!(parse_stat(line), Some(Duration::from_millis(1680)));
        assert_eq!(parse_stat("42 (a) S 1"), None);
    }

    #[test]
    fn this_process_uses_cpu_and_memory_and_what_it_takes_shows_in_the_peak() {
        let me = std::process::id();
        reset_peak(me).unwrap();
        let before = memory(me).unwrap();
        let (meter, fine) = (Meter::start(me).unwrap(), FineMeter::start(me).unwrap());
        let mut taken = vec![1_u8; 64 << 20];
        let after = memory(me).unwrap();
        assert!(after.peak >= before.resident + (50 << 20), "{before:?} {after:?}");
        assert!(own_exactly(me).unwrap() > 50 << 20);
        while meter.read().unwrap().server < Duration::from_millis(30) {
            taken.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(3));
        }
        let spent = meter.read().unwrap();
        assert!(spent.wall >= Duration::from_millis(20) && spent.own_share() > 0.3, "{spent:?}");
        assert_eq!(spent.each(1), spent.server);
        // This thread is still there, and what others use counts in both.
        assert!(fine.read().unwrap() >= Duration::from_millis(10), "{fine:?}");
        assert!(taken.contains(&taken[0]));
    }
}
