//! The page that monitoring reads: what every room counted, put together when it is asked for.

use std::fs;
use std::sync::Arc;

use easel_delivery::queue::Tally;
use easel_server::{Exposition, Kind, View, Writer, scaled};
use easel_store_sqlite::{SqliteStore, Vitals};

use crate::admin::{PackShown, chain};
use crate::packs::PackRoom;

/// Where the numbers come from.
#[derive(Debug)]
pub(crate) struct MetricsPage {
    pub(crate) server: View,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) packs: Arc<PackRoom>,
    pub(crate) queue: Arc<Tally>,
}

impl MetricsPage {
    /// Writes the page whenever it is asked for.
    pub(crate) fn into_writer(self) -> Writer {
        Arc::new(move || self.write())
    }

    fn write(&self) -> String {
        let mut page = Exposition::default();
        page.family("easel_build", Kind::Info, "", "The version that runs.");
        page.number(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.server.write_metrics(&mut page);
        match self.packs.list() {
            Ok(packs) => write_packs(&mut page, &packs),
            Err(error) => tracing::warn!(error, "the metrics of packs are left out"),
        }
        let outgoing = match self.store.vitals() {
            Ok(vitals) => {
                write_store(&mut page, &vitals);
                Some(vitals.outgoing)
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "the metrics of the store are left out");
                None
            }
        };
        self.write_queue(&mut page, outgoing);
        write_process(&mut page);
        page.finish()
    }

    fn write_queue(&self, page: &mut Exposition, waiting: Option<u64>) {
        if let Some(waiting) = waiting {
            page.family("easel_outgoing_messages", Kind::Gauge, "", "Messages in the outgoing queue.");
            page.number(&[], waiting);
        }
        let tallied = self.queue.read();
        page.family("easel_outgoing_attempts", Kind::Counter, "", "Attempts at queued messages, by what came of them.");
        page.number(&[("result", "sent")], tallied.sent);
        page.number(&[("result", "deferred")], tallied.deferred);
        page.number(&[("result", "refused")], tallied.attempts.saturating_sub(tallied.sent + tallied.deferred));
        page.family("easel_outgoing_recipients_failed", Kind::Counter, "", "Recipients given up.");
        page.number(&[], tallied.failed);
    }
}

fn write_packs(page: &mut Exposition, packs: &[PackShown]) {
    type Count = fn(&PackShown) -> u64;
    let families: [(&str, &str, Count); 2] = [
        ("easel_pack_calls", "Calls into packs since they were loaded, those that failed included.", |pack| pack.calls),
        ("easel_pack_faults", "Calls that came to nothing, and answers that made no sense.", |pack| pack.faults),
    ];
    for (name, help, count) in families {
        page.family(name, Kind::Counter, "", help);
        for pack in packs {
            page.number(&[("pack", &pack.id)], count(pack));
        }
    }
    page.family("easel_pack_call_seconds", Kind::Summary, "seconds", "How long calls into packs took.");
    for pack in packs {
        let id = pack.id.as_str();
        for (quantile, micros) in [("0.5", pack.p50_us), ("0.99", pack.p99_us)] {
            page.sample("", &[("pack", id), ("quantile", quantile)], scaled(micros, 1e6));
        }
        page.sample("_count", &[("pack", id)], pack.calls);
        page.sample("_sum", &[("pack", id)], scaled(pack.micros, 1e6));
    }
}

fn write_store(page: &mut Exposition, vitals: &Vitals) {
    page.family(
        "easel_store_commit_seconds",
        Kind::Histogram,
        "seconds",
        "How long commits took; their count is theirs.",
    );
    for (file, commits) in &vitals.commits {
        page.histogram(&[("file", file)], &commits.micros, 1e6);
    }
    page.family("easel_store_commit_changes", Kind::Histogram, "", "Changes committed together.");
    for (file, commits) in &vitals.commits {
        page.histogram(&[("file", file)], &commits.changes, 1.0);
    }
    page.family("easel_store_file_bytes", Kind::Gauge, "bytes", "Bytes of the files, without their write-ahead logs.");
    for (file, bytes) in vitals.file_bytes {
        page.number(&[("file", file)], bytes);
    }
    page.family("easel_store_readers_busy", Kind::Gauge, "", "Readers of the database under way.");
    page.number(&[], vitals.readers_busy);
    page.family("easel_store_readers_max", Kind::Gauge, "", "Readers of the database that may be under way at once.");
    page.number(&[], vitals.readers_max);
}

/// What the system says of this process; nothing where it does not say it.
fn write_process(page: &mut Exposition) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let Some(bytes) = resident_bytes(&status) else { return };
    page.family("process_resident_memory_bytes", Kind::Gauge, "bytes", "Memory of this process that is in use.");
    page.number(&[], bytes);
}

/// proc(5), `/proc/pid/status`: `VmRSS:     1234 kB`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_process_is_read_from_the_system() {
        assert_eq!(resident_bytes("Name:\teasel\nVmRSS:\t    1234 kB\nThreads:\t2\n"), Some(1234 * 1024));
        assert_eq!(resident_bytes("Name:\teasel\n"), None);
    }
}
