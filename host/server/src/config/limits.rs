//! `[limits]`: what is bounded, and how.

use super::reader::Section;

/// `[limits]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections at once; `None` derives it from the limit on open files.
    pub(crate) connections_max: Option<usize>,
    /// Connections at once from one address; `None`: a quarter of all.
    pub(crate) connections_per_address_max: Option<usize>,
    /// Connections at once on which nobody has logged in yet; the oldest is closed for a new one.
    pub(crate) unauthenticated_max: usize,
    /// The same from one address.
    pub(crate) unauthenticated_per_address_max: usize,
    /// Seconds until somebody has logged in on a connection.
    pub(crate) unauthenticated_secs_max: u32,
    /// Seconds for the TLS handshake.
    pub(crate) handshake_secs_max: u32,
    /// Seconds from one answer to the end of the next request's head.
    pub(crate) idle_secs_max: u32,
    /// Bytes of a request's body.
    pub(crate) request_bytes_max: usize,
    /// Seconds for the body of a request to arrive whole.
    pub(crate) request_secs_max: u32,
    /// Seconds between two pieces of a request's body.
    pub(crate) request_pause_secs_max: u32,
    /// Seconds for a client to take an answer whole.
    pub(crate) answer_secs_max: u32,
    /// Seconds for a client to take 8 KiB of an answer.
    pub(crate) answer_pause_secs_max: u32,
    /// Bytes that requests under way may hold together; `None`: half of the machine's.
    pub(crate) memory_bytes_max: Option<usize>,
    /// Bytes of one message: from a device, by LMTP, by import.
    pub(crate) message_bytes_max: usize,
    /// Wrong passwords from one address, and for one login, before they are slowed down.
    pub(crate) wrong_passwords_max: u32,
    /// Passwords hashed at once.
    pub(crate) hashes_at_once: usize,
    /// Devices of one user.
    pub(crate) devices_per_user_max: usize,
    /// Collections in one Sync, and folders in one Ping.
    pub(crate) collections_max: usize,
    /// Bytes that the mailbox of a user without own quota may hold; `None`: without bound.
    pub(crate) quota_bytes: Option<u64>,
    /// Recipients of one message from a device.
    pub(crate) recipients_max: usize,
    /// Messages of one user from devices within an hour; `None`: without bound.
    pub(crate) messages_per_hour_max: Option<usize>,
}

impl Limits {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        const MIB: usize = 1 << 20;
        let limits = Self {
            connections_max: section.count("connections_max", 10_000_000, "connections"),
            connections_per_address_max: section.count("connections_per_address_max", 10_000_000, "connections"),
            unauthenticated_max: section.number("unauthenticated_max", 8192, 16..=10_000_000, "connections"),
            unauthenticated_per_address_max: section.number(
                "unauthenticated_per_address_max",
                1024,
                4..=10_000_000,
                "connections",
            ),
            unauthenticated_secs_max: section.number("unauthenticated_secs_max", 60, 5..=3600, "seconds"),
            handshake_secs_max: section.number("handshake_secs_max", 15, 1..=300, "seconds"),
            idle_secs_max: section.number("idle_secs_max", 60, 5..=3600, "seconds"),
            request_bytes_max: section.number::<usize>("request_mib_max", 52, 1..=1024, "MiB") * MIB,
            request_secs_max: section.number("request_secs_max", 900, 5..=86_400, "seconds"),
            request_pause_secs_max: section.number("request_pause_secs_max", 30, 1..=3600, "seconds"),
            answer_secs_max: section.number("answer_secs_max", 1800, 5..=86_400, "seconds"),
            answer_pause_secs_max: section.number("answer_pause_secs_max", 60, 1..=3600, "seconds"),
            memory_bytes_max: section.count("memory_mib_max", 1 << 30, "MiB").map(|mib| mib * MIB),
            message_bytes_max: section.number::<usize>("message_mib_max", 50, 1..=1024, "MiB") * MIB,
            wrong_passwords_max: section.number("wrong_passwords_max", 20, 1..=100_000, "passwords"),
            hashes_at_once: section.number("hashes_at_once", 2, 1..=64, "hashes"),
            devices_per_user_max: section.number("devices_per_user_max", 100, 1..=10_000, "devices"),
            collections_max: section.number("collections_max", 300, 10..=10_000, "collections"),
            quota_bytes: section.count("quota_mib", 1 << 30, "MiB").map(|mib| (mib * MIB) as u64),
            recipients_max: section.number("recipients_max", 1000, 1..=1000, "recipients"),
            messages_per_hour_max: Some(section.number("messages_per_hour_max", 500, 0..=1_000_000, "messages"))
                .filter(|count| *count > 0),
        };
        // Two of the largest requests, what is hashed, and a little for everybody else.
        let least = 2 * limits.request_bytes_max / MIB + 19 * limits.hashes_at_once + 64;
        if limits.memory_bytes_max.is_some_and(|bytes| bytes < least * MIB) {
            let cure = format!("write at least {least}, or 0 for half of the machine's memory");
            section.wrong(
                "memory_mib_max",
                "limits.memory_mib_max is too little for the other limits".to_owned(),
                cure,
            );
        }
        section.finish();
        limits
    }
}
