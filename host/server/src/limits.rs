//! What one client, and all of them together, may use.

use std::time::Duration;

use crate::budgets::Allowance;
use crate::memory::WORK;

/// Bounds on size, count and time. Every field has a default; a request over one of them gets the HTTP code named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; for a further one the oldest goes on which nobody has logged in, and where there is none it
    /// waits, others behind it in the kernel's queue. `None`: what the process's limit on open files
    /// leaves, after it was raised as far as it may be.
    pub connections: Option<usize>,
    /// Connections of one address (of IPv6: of one /64); further ones are closed, unless one of its own goes on which
    /// nobody has logged in. `None`: a quarter of all.
    pub connections_per_address: Option<usize>,
    /// Connections on which nobody has logged in yet: the oldest of them is closed for a new one.
    pub newcomers: usize,
    /// The same of one address, loopback excepted.
    pub newcomers_per_address: usize,
    /// How long until somebody has to have logged in on a connection.
    pub newcomer: Duration,
    /// From the first byte to the end of the TLS handshake, and as long again for the PROXY header.
    pub handshake: Duration,
    /// From the end of one answer (or handshake) to the end of the head of the next request.
    pub idle: Duration,
    /// Bytes of a request's head: 431. At least 8 KiB.
    pub head_bytes: usize,
    /// Headers in a request: 431.
    pub headers: usize,
    /// Bytes of a request's body, before and after decompression: 413.
    pub body_bytes: usize,
    /// Bytes that all requests under way hold, by estimate: 503 for new ones, and for bodies that grow. `None`: half of
    /// the machine's memory, or of what the process's control group may use, and at least 256 MiB.
    pub memory: Option<usize>,
    /// What one device may use: 503.
    pub device: Allowance,
    /// What all devices of one user may use together: 503.
    pub user: Allowance,
    /// Devices, and as many users, of which is remembered what they used.
    pub accounts: usize,
    /// How long the answer is held back to a device that was told to come back later and did not stay away.
    pub loop_pause: Duration,
    /// The longest pause within a request's body: 408.
    pub body_pause: Duration,
    /// The whole of a request's body: 408.
    pub body_total: Duration,
    /// How long a client may take for 8 KiB of an answer before the connection is cut.
    pub stall: Duration,
    /// How long a client may take for an answer before the connection is cut.
    pub answer_total: Duration,
    /// Threads that run commands.
    pub workers: usize,
    /// Threads that run commands, with those that only wait for a slow client; of these there are never more than keep
    /// half of the memory of requests. For one too many, the connection is cut of the one that has waited longest, of
    /// the user who has the most of them.
    pub workers_max: usize,
    /// Requests that wait for a thread: 503.
    pub queue: usize,
    /// How long a request waits for the previous one of its device: 503.
    pub device_wait: Duration,
    /// How often the certificate's files are looked at.
    pub certificate_poll: Duration,
}

/// The budgets let a phone fetch 20,000 mails in pages of 10 (2,000 requests, and at 0.1 ms a mail 2 seconds of work) as
/// fast as it is answered, and hold one in a tight loop to 50 requests a second and half a thread. A user has as much as
/// a few such devices; 32 requests under way are few beside the queue, so that other users' wait hardly longer.
impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            connections: None,
            connections_per_address: None,
            newcomers: 8192,
            newcomers_per_address: 1024,
            newcomer: Duration::from_secs(60),
            handshake: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            head_bytes: 16 << 10,
            headers: 64,
            body_bytes: 52 << 20,
            memory: None,
            device: Allowance {
                requests_per_minute: Some(3000),
                work_per_minute: Some(Duration::from_secs(30)),
                at_once: Some(9),
            },
            user: Allowance {
                requests_per_minute: Some(12_000),
                work_per_minute: Some(Duration::from_secs(60)),
                at_once: Some(32),
            },
            accounts: 65_536,
            loop_pause: Duration::from_secs(1),
            body_pause: Duration::from_secs(30),
            body_total: Duration::from_secs(900),
            stall: Duration::from_secs(60),
            answer_total: Duration::from_secs(1800),
            // Most wait for the disk, together: what comes in meanwhile goes into the next commit.
            workers: (32 * cores).clamp(64, 256),
            workers_max: 512,
            queue: 1024,
            device_wait: Duration::from_secs(60),
            certificate_poll: Duration::from_secs(10),
        }
    }
}

/// File handles that are no connections: the store's, listeners, logs.
const RESERVED_FILES: u64 = 256;

impl Limits {
    /// Raises the process's limit on open files as far as it may be, and tells how many connections that makes.
    /// An operator who demands more than there can be files is warned.
    pub(crate) fn connections_allowed(&self) -> usize {
        let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
            tracing::warn!(%error, "the limit on open files cannot be raised");
            1024
        });
        if let Some(connections) = self.connections.filter(|connections| !has_files(files, *connections)) {
            let cure = "raise LimitNOFILE= of the service, or let limits.connections_max be 0";
            tracing::warn!(files, connections, cure, "more connections may come than the process may open files");
        }
        self.connections.unwrap_or_else(|| derive_connections(files))
    }

    /// How many commands may wait for slow clients, where requests may hold so many bytes.
    pub(crate) fn waiting_allowed(&self, memory: usize) -> usize {
        self.workers_max.saturating_sub(self.workers).min(memory / 2 / WORK).max(1)
    }

    /// The bound for one address, of so many connections in all.
    pub(crate) fn address_allowed(&self, connections: usize) -> usize {
        self.connections_per_address.unwrap_or((connections / 4).max(16)).max(1)
    }
}

/// Whether so many connections leave files for everything else.
fn has_files(files: u64, connections: usize) -> bool {
    u64::try_from(connections).is_ok_and(|connections| connections <= files.saturating_sub(RESERVED_FILES))
}

/// A connection is one file; a quarter more is left for what a request opens.
fn derive_connections(files: u64) -> usize {
    let connections = files.saturating_sub(RESERVED_FILES).saturating_mul(4) / 5;
    usize::try_from(connections.clamp(64, 1 << 20)).expect("at most a million")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_follow_the_limit_on_open_files() {
        assert_eq!(derive_connections(1024), 614);
        assert_eq!(derive_connections(20_000), 15_795);
        assert_eq!(derive_connections(0), 64);
        assert_eq!(derive_connections(u64::MAX), 1 << 20);
    }

    #[test]
    fn connections_beyond_the_limit_on_open_files_are_noticed() {
        assert!(has_files(1024, 768) && !has_files(1024, 769));
        assert!(!has_files(100, 1) && has_files(u64::MAX, usize::MAX / 2));
        for files in [1024, 20_000, 1 << 20] {
            assert!(has_files(files, derive_connections(files)), "{files}");
        }
    }

    #[test]
    fn slow_clients_get_the_threads_beside_those_at_work_and_at_most_half_of_the_memory() {
        let limits = Limits { workers: 64, workers_max: 512, ..Limits::default() };
        assert_eq!(limits.waiting_allowed(4 << 30), 448);
        assert_eq!(limits.waiting_allowed(100 << 20), 50);
        assert_eq!(limits.waiting_allowed(0), 1);
        assert_eq!(Limits { workers_max: 1, ..limits }.waiting_allowed(4 << 30), 1);
    }

    #[test]
    fn the_limit_on_open_files_is_raised_to_what_is_allowed() {
        let connections = Limits::default().connections_allowed();
        let (soft, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap();
        assert_eq!(soft, hard);
        assert_eq!(connections, derive_connections(soft));
        assert_eq!(Limits { connections: Some(7), ..Limits::default() }.connections_allowed(), 7);
    }
}
