//! The load program, built with everything optimised, as is the server it puts under load.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::run;

/// Puts the server under load and prints what it cost, as a table for the README.
///
/// Works: no-change, first-mail, first-contacts, first-events, parked, push, commits, state, restart, packs, reloads,
/// overload, backup.
/// Sample data lies in target/load and is kept; the first run takes some minutes longer and some gigabytes.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The works to run, in this order [default: all].
    works: Vec<String>,
    /// Seconds that closed loops are measured for [default: 10; with --quick 3].
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// A twentieth of everything: shows that it works, and no number of the goals.
    #[arg(long)]
    quick: bool,
}

impl Load {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        run("cargo", &["build", "--release", "--package", "easel-server", "--package", "easel-load", "--bins"])?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().context("the project's root")?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let program = target.join("release/easel-load");
        let status = Command::new(&program).args(self.arguments(&target)).status();
        let status = status.with_context(|| format!("starting {}", program.display()))?;
        ensure!(status.success(), "the load program ended with {status}: an answer was wrong");
        Ok(())
    }

    fn arguments(&self, target: &Path) -> Vec<String> {
        let place = |name: &str| target.join(name).display().to_string();
        let mut arguments = vec!["--easel".to_owned(), place("release/easel"), "--dir".to_owned(), place("load")];
        arguments.extend(self.seconds.iter().flat_map(|seconds| ["--seconds".to_owned(), seconds.to_string()]));
        arguments.extend(self.quick.then(|| "--quick".to_owned()));
        arguments.extend(self.works.iter().cloned());
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_program_gets_what_was_asked_for() {
        let load = Load { works: vec!["push".to_owned()], seconds: Some(3), quick: true };
        let expected = ["--easel", "/t/release/easel", "--dir", "/t/load", "--seconds", "3", "--quick", "push"];
        assert_eq!(load.arguments(Path::new("/t")), expected);
        let all = Load { works: Vec::new(), seconds: None, quick: false };
        assert_eq!(all.arguments(Path::new("/t")).len(), 4);
    }
}
