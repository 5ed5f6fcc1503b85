//! What the numbers were measured on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::now;
use crate::histogram::Histogram;

/// A machine, as far as it decides the numbers.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    memory_gib: u64,
    disk: Histogram,
}

/// Appends measured.
const APPENDS: usize = 500;

impl Machine {
    /// Looks at the machine, and measures the disk below `dir`: 4 KB appended and synced, as often as the size says.
    pub(crate) fn measure(dir: &Path) -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        Ok(Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_gib: memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 20,
            disk: sync_times(dir)?,
        })
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let (half, most) = (self.disk.quantile(0.5), self.disk.quantile(0.99));
        vec![
            format!(
                "{}, {} cores, {} GiB, Linux {}; server and load program share the machine",
                self.processor, self.cores, self.memory_gib, self.kernel
            ),
            format!("4 KB appended and fdatasync: p50 {}, p99 {}", millis(half), millis(most)),
        ]
    }
}

fn sync_times(dir: &Path) -> anyhow::Result<Histogram> {
    let path = dir.join("fsync-times");
    let mut file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    let mut times = Histogram::default();
    for number in 0..APPENDS {
        let start = now();
        file.write_all(&[number as u8; 4096])?;
        file.sync_data()?;
        times.record(now() - start);
    }
    fs::remove_file(&path)?;
    Ok(times)
}

/// Milliseconds, with as many digits as mean something.
pub(crate) fn millis(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match ms {
        ms if ms < 1.0 => format!("{ms:.3} ms"),
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_on_what_it_was_measured() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::measure(dir.path()).unwrap();
        assert_eq!(machine.disk.count(), APPENDS as u64);
        let lines = machine.lines().join("\n");
        assert!(lines.contains(" cores, ") && lines.contains("Linux ") && lines.contains("fdatasync: p50 "), "{lines}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn times_are_written_with_the_digits_that_count() {
        let written = [400, 12_345, 2_500_000, 25_400_000, 1_234_000_000].map(|ns| millis(Duration::from_nanos(ns)));
        assert_eq!(written, ["0.000 ms", "0.012 ms", "2.50 ms", "25 ms", "1.23 s"]);
    }
}
