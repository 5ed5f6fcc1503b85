//! A disk whose every sync takes a millisecond, for machines whose disk is quicker or whose cache lies: a small library
//! that goes before the C library and sleeps. Only for measuring.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

const SOURCE: &str = r"
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long nanos(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int slowed(long call, int file) {
    long long start = nanos();
    int result = (int)syscall(call, file), error = errno;
    long long left = LEAST_NANOS - (nanos() - start);
    while (left > 0) {
        struct timespec rest = { left / 1000000000LL, left % 1000000000LL };
        nanosleep(&rest, 0);
        left = LEAST_NANOS - (nanos() - start);
    }
    errno = error;
    return result;
}

int fsync(int file) { return slowed(SYS_fsync, file); }
int fdatasync(int file) { return slowed(SYS_fdatasync, file); }
";

/// Compiles the library into `dir`; `Err` where there is no C compiler.
pub(crate) fn compile(dir: &Path, least: Duration) -> anyhow::Result<PathBuf> {
    let (source, library) = (dir.join("slow-sync.c"), dir.join("slow-sync.so"));
    std::fs::write(&source, SOURCE).with_context(|| format!("writing {}", source.display()))?;
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror"])
        .arg(format!("-DLEAST_NANOS={}LL", least.as_nanos()))
        .arg("-o")
        .args([&library, &source])
        .output()
        .context("starting cc")?;
    ensure!(output.status.success(), "cc ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    #[test]
    fn a_program_behind_the_library_takes_its_time_to_sync_and_still_syncs() {
        let dir = tempfile::tempdir().unwrap();
        let library = compile(dir.path(), Duration::from_millis(120)).unwrap();
        let file = dir.path().join("synced");
        let dd = |preload: bool| {
            let mut command = Command::new("dd");
            if preload {
                command.env("LD_PRELOAD", &library);
            }
            let start = now();
            let output = command
                .args(["if=/dev/zero", "bs=4096", "count=1", "conv=fdatasync"])
                .arg(format!("of={}", file.display()));
            let output = output.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            now() - start
        };
        assert!(dd(true) >= Duration::from_millis(120));
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 4096);
    }
}
