//! The fuzz targets, built and run by cargo-fuzz one after another, with what each run came to.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;

/// Fuzzes the targets of tests/fuzz one after another, each on one core, beginning with the checked vectors, the
/// fixtures, the seeds, and what earlier runs found.
///
/// Needs a nightly compiler, cargo-fuzz and xxd: `rustup toolchain install nightly`, `cargo install cargo-fuzz --locked`.
/// What is found lies in tests/fuzz/artifacts; tests/fuzz/README.md says how it is played again, and becomes a test.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// The targets, in this order [default: all].
    targets: Vec<String>,
    /// Minutes for each target, 0.1 to 10080. Interrupted, it keeps what it found, and the next run goes on from there.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
}

impl Fuzz {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
        let known = targets(&folder)?;
        if let Some(unknown) = self.targets.iter().find(|target| !known.contains(target)) {
            anyhow::bail!("no target is called {unknown:?}: there are {}", known.join(", "));
        }
        let script = folder.join("run.sh");
        // A run of cargo names its own toolchain to what it starts; the targets need another.
        let status = Command::new(&script).args(self.arguments()).env_remove("RUSTUP_TOOLCHAIN").status();
        let status = status.with_context(|| format!("starting {}", script.display()))?;
        ensure!(status.success(), "something was found, or the targets cannot be built: see above");
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        [format!("{:.0}", self.minutes * 60.0)].into_iter().chain(self.targets.iter().cloned()).collect()
    }
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|minutes| (0.1..=10_080.0).contains(minutes));
    minutes.ok_or_else(|| format!("{text:?} is no number of minutes from 0.1 to 10080"))
}

/// The names of the targets, in order.
fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let folder = folder.join("fuzz_targets");
    let read = || format!("reading {}", folder.display());
    let files = std::fs::read_dir(&folder).with_context(read)?;
    let paths: Vec<PathBuf> = files.map(|file| Ok(file?.path())).collect::<std::io::Result<_>>().with_context(read)?;
    let mut names: Vec<String> =
        paths.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_gets_seconds_and_targets() {
        let fuzz = Fuzz { targets: vec!["mail".to_owned(), "lmtp".to_owned()], minutes: 2.0 };
        assert_eq!(fuzz.arguments(), ["120", "mail", "lmtp"]);
    }

    #[test]
    fn minutes_are_a_number_within_a_bound() {
        assert_eq!(minutes("0.2"), Ok(0.2));
        assert_eq!(Fuzz { targets: Vec::new(), minutes: 0.2 }.arguments(), ["12"]);
        for wrong in ["0", "-1", "NaN", "inf", "10081", "one"] {
            assert!(minutes(wrong).unwrap_err().contains("0.1 to 10080"), "{wrong}");
        }
    }

    #[test]
    fn every_target_is_built_and_run_by_the_script() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let script = std::fs::read_to_string(folder.join("run.sh")).unwrap();
        let all: Vec<&str> =
            script.lines().find_map(|line| line.trim().strip_prefix("set -- ")).unwrap().split(' ').collect();
        let targets = targets(&folder).unwrap();
        assert_eq!(all.len(), targets.len());
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is in the manifest");
            assert!(all.contains(&target.as_str()), "{target} is run");
        }
    }

    #[test]
    fn a_target_that_is_not_there_is_refused_with_those_that_are() {
        let fuzz = Fuzz { targets: vec!["mails".to_owned()], minutes: 1.0 };
        let said = fuzz.run().unwrap_err().to_string();
        assert!(said.contains("\"mails\"") && said.contains("calendar, compose"), "{said}");
    }
}
