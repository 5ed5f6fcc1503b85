//! What all requests under way hold, by estimate, and the ceiling above which no more are let in.
//!
//! Counted are bodies as they come, answers until they are taken, the work of each thread that runs a command, passwords
//! that are hashed, and instances of packs. Connections have limits of their own, and requests that wait hold nothing.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a request holds before its body is large: its head, its task, the buffers of its connection, and 64 KiB of body.
pub(crate) const REQUEST: usize = 96 << 10;

/// What a command holds while it runs: a page of a Sync, and the objects it is made of.
pub(crate) const WORK: usize = 1 << 20;

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// For anybody.
    All,
    /// For more requests of this user.
    User,
}

/// What somebody else holds for the sake of requests.
#[derive(Clone)]
pub struct Elsewhere {
    /// The most it may ever be, in bytes.
    pub most: usize,
    /// What it is now, in bytes.
    pub now: Arc<dyn Fn() -> usize + Send + Sync>,
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").field("most", &self.most).finish_non_exhaustive()
    }
}

/// The ceiling, and what is held below it.
#[derive(Debug)]
pub(crate) struct Memory {
    held: AtomicUsize,
    /// Bytes that requests may hold.
    most: usize,
    /// Bytes that those of one user may hold.
    user_most: usize,
    elsewhere: Option<Elsewhere>,
}

impl Memory {
    /// With a ceiling of which `taken` bytes are for others, always. One user gets a quarter of the rest, and a request
    /// with a body of `body_most` bytes in any case, if there is as much at all: it is held twice, also by the command.
    pub(crate) fn new(ceiling: usize, taken: usize, body_most: usize, elsewhere: Option<Elsewhere>) -> Self {
        let most = ceiling.saturating_sub(taken).max(REQUEST);
        let whole = body_most.saturating_mul(2).saturating_add(body_most / 4).saturating_add(2 * REQUEST);
        Self { held: AtomicUsize::new(0), most, user_most: (most / 4).max(whole).min(most), elsewhere }
    }

    /// Whether there is room for so many bytes more, for a user whose requests hold so many already.
    pub(crate) fn fits(&self, bytes: usize, users: usize) -> Result<(), Full> {
        let (all, own) = (self.held().saturating_add(bytes), users.saturating_add(bytes));
        if own > self.user_most {
            return Err(Full::User);
        }
        // Asked only where it could matter: others may have to count.
        let beside = |elsewhere: &Elsewhere| {
            let free = self.most - all;
            elsewhere.most <= free || (elsewhere.now)() <= free
        };
        if all <= self.most && self.elsewhere.as_ref().is_none_or(beside) { Ok(()) } else { Err(Full::All) }
    }

    /// Counts bytes.
    pub(crate) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts them out.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Bytes that may be held.
    pub(crate) const fn most(&self) -> usize {
        self.most
    }
}

/// The least that half of a machine is.
const CEILING_MIN: usize = 256 << 20;

/// Half of the machine's memory, or of what the process's control group may use.
pub(crate) fn half_of_the_machine() -> usize {
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| machine(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").ok().map(|text| groups(&text)).unwrap_or_default();
    let group = groups.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok()).min();
    half(total, group)
}

/// Where the bounds of a process's control group, and of those around it, stand. cgroups(7) "/proc/[pid]/cgroup"
fn groups(text: &str) -> Vec<PathBuf> {
    let own = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    Path::new(own).ancestors().map(|group| Path::new("/sys/fs/cgroup").join(group).join("memory.max")).collect()
}

fn half(total: Option<usize>, group: Option<usize>) -> usize {
    total.into_iter().chain(group).min().map_or(CEILING_MIN, |bytes| (bytes / 2).max(CEILING_MIN))
}

/// `MemTotal` of /proc/meminfo, in bytes. proc_meminfo(5)
fn machine(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_fits_above_the_ceiling_and_one_user_gets_a_quarter_of_it() {
        let memory = Memory::new(100 << 20, 20 << 20, 1 << 20, None);
        assert_eq!(memory.most(), 80 << 20);
        assert_eq!(memory.fits(20 << 20, 0), Ok(()));
        assert_eq!(memory.fits((20 << 20) + 1, 0), Err(Full::User));
        assert_eq!(memory.fits(1 << 20, 20 << 20), Err(Full::User));
        memory.hold(79 << 20);
        assert_eq!((memory.fits(1 << 20, 0), memory.fits((1 << 20) + 1, 0)), (Ok(()), Err(Full::All)));
        memory.give_back(79 << 20);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn the_largest_request_of_a_user_fits_also_where_a_quarter_is_less() {
        let memory = Memory::new(100 << 20, 0, 50 << 20, None);
        assert_eq!(memory.fits((50 << 20) + REQUEST, 0), Ok(()));
        assert_eq!(memory.fits((50 << 20) + REQUEST, 50 << 20), Err(Full::User));
        assert_eq!(Memory::new(0, 1 << 30, 0, None).fits(REQUEST, 0), Ok(()), "one request always");
    }

    #[test]
    fn what_is_held_elsewhere_counts_where_it_could_matter() {
        let now = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&now);
        let elsewhere = Elsewhere { most: 60 << 20, now: Arc::new(move || asked.load(Ordering::Relaxed)) };
        let memory = Memory::new(100 << 20, 0, 0, Some(elsewhere));
        memory.hold(50 << 20);
        assert_eq!(memory.fits(1 << 20, 0), Ok(()));
        now.store(50 << 20, Ordering::Relaxed);
        assert_eq!(memory.fits(1 << 20, 0), Err(Full::All));
        memory.give_back(20 << 20);
        assert_eq!(memory.fits(1 << 20, 0), Ok(()));
    }

    #[test]
    fn the_ceiling_follows_the_machine_and_its_control_group() {
        let text = "MemTotal:       16316412 kB\nMemFree:         1 kB\n";
        assert_eq!(machine(text), Some(16_316_412 << 10));
        assert_eq!(half(machine(text), None), 16_316_412 << 9);
        assert_eq!(half(machine(text), Some(4 << 30)), 2 << 30);
        assert_eq!(half(machine(text), Some(usize::MAX)), 16_316_412 << 9);
        assert_eq!(half(Some(300 << 20), None), CEILING_MIN);
        assert_eq!((half(None, None), machine("MemTotal: much")), (CEILING_MIN, None));
        let files = ["/sys/fs/cgroup/system.slice/easel.service", "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"];
        let files: Vec<PathBuf> = files.iter().map(|group| Path::new(group).join("memory.max")).collect();
        assert_eq!(groups("1:name=x:/y\n0::/system.slice/easel.service\n"), files);
        assert_eq!(groups(""), files[2..]);
        assert!(half_of_the_machine() >= CEILING_MIN);
    }
}
