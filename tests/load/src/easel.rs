//! The server: the real binary, in a process of its own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use easel_test_support::trusting_tls;
use rustix::process::{Pid, Signal, kill_process};
use rustls::ClientConfig;
use rustls::client::Resumption;

use crate::clock::now;
use crate::phone::Door;

/// A directory that `easel init` made.
#[derive(Clone, Debug)]
pub(crate) struct House {
    pub(crate) dir: PathBuf,
    /// The name of the configuration in it.
    config: &'static str,
}

/// The configuration as `easel init` wrote it.
const SHIPPED: &str = "shipped.toml";
/// Where packs lie in a house.
const PACKS: &str = "packs";

impl House {
    /// One that is there.
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), config: "easel.toml" }
    }

    /// Makes configuration, certificate and an empty data directory.
    pub(crate) fn make(easel: &Path, dir: &Path) -> anyhow::Result<Self> {
        let place = dir.display().to_string();
        let output = Command::new(easel)
            .args(["init", &place, "--self-signed", "localhost", "--listen", "127.0.0.1:0"])
            .output()
            .with_context(|| format!("starting {}", easel.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "easel init ended with {}: {}", output.status, said.trim());
        let house = Self::at(dir);
        fs::copy(house.config(), dir.join(SHIPPED)).context("keeping the configuration as it is shipped")?;
        house.lift_budgets()?;
        Ok(house)
    }

    /// Lifts what budgets there are: devices of this program send as fast as they are answered, which is what budgets
    /// keep real ones from. Data kept since before there were any knows none.
    pub(crate) fn lift_budgets(&self) -> anyhow::Result<()> {
        let text = fs::read_to_string(self.config()).with_context(|| format!("reading {}", self.config().display()))?;
        let mut inside = false;
        let others = text.lines().filter(|line| {
            inside = if line.starts_with('[') { *line == "[budgets]" } else { inside };
            !inside
        });
        let mut lifted: String = others.map(|line| format!("{line}\n")).collect();
        lifted.push_str("[budgets]\n");
        for whose in ["device", "user"] {
            for budget in ["requests_per_minute_max", "work_secs_per_minute_max", "at_once_max"] {
                lifted.push_str(&format!("{whose}_{budget} = 0\n"));
            }
        }
        fs::write(self.config(), lifted).with_context(|| format!("writing {}", self.config().display()))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join(self.config)
    }

    /// The same with a folder of packs, empty at first, and a configuration of its own, which lets files of these hashes
    /// serve and pages be as large as they are wanted, whatever packs say.
    pub(crate) fn with_packs(&self, hashes: &[String]) -> anyhow::Result<Self> {
        let packs = self.dir.join(PACKS);
        if packs.exists() {
            fs::remove_dir_all(&packs).with_context(|| format!("removing {}", packs.display()))?;
        }
        fs::DirBuilder::new().mode(0o700).create(&packs).with_context(|| format!("making {}", packs.display()))?;
        let lines = [
            ("#dir = \"packs\"", format!("dir = \"{PACKS}\"")),
            ("allow_unsigned = []", format!("allow_unsigned = {hashes:?}")),
            ("settings = []", "settings = [\"sync.window_max=512\"]".to_owned()),
        ];
        self.differing("with-packs.toml", &lines)
    }

    /// The same with budgets as they are shipped, and other lines than these.
    pub(crate) fn as_shipped(&self, lines: &[(&str, String)]) -> anyhow::Result<Self> {
        Self { config: SHIPPED, ..self.clone() }.differing("overload.toml", lines)
    }

    /// The same with a configuration of that name, in which these lines are others.
    fn differing(&self, config: &'static str, lines: &[(&str, String)]) -> anyhow::Result<Self> {
        let mut text = fs::read_to_string(self.config())?;
        for (line, other) in lines {
            let whole = format!("\n{line}\n");
            ensure!(text.matches(&whole).count() == 1, "the configuration has no line {line}");
            text = text.replace(&whole, &format!("\n{other}\n"));
        }
        let house = Self { dir: self.dir.clone(), config };
        fs::write(house.config(), text)?;
        Ok(house)
    }

    /// Puts a pack into the folder, whole, in the place of what is called so; when it was there.
    pub(crate) fn put_pack(&self, name: &str, component: &[u8]) -> anyhow::Result<Instant> {
        let (new, file) = (self.dir.join("new-pack"), self.dir.join(PACKS).join(name));
        fs::write(&new, component).with_context(|| format!("writing {}", new.display()))?;
        let renamed = now();
        fs::rename(&new, &file).with_context(|| format!("naming {}", file.display()))?;
        Ok(renamed)
    }

    /// The packs that serve, each with the devices it serves, as `easel pack list` tells of a server that runs.
    pub(crate) fn packs(&self, easel: &Path) -> anyhow::Result<Vec<(String, u64)>> {
        let mut command = Command::new(easel);
        command.arg("--config").arg(self.config()).args(["--json", "pack", "list"]);
        let output = command.output().with_context(|| format!("starting {}", easel.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "easel pack list ended with {}: {}", output.status, said.trim());
        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).context("the list of packs")?;
        let listed = listed["packs"].as_array().context("a list of packs")?.iter();
        let serving = listed.filter(|pack| pack["state"] == "serves");
        Ok(serving
            .map(|pack| (pack["id"].as_str().unwrap_or_default().to_owned(), pack["devices"].as_u64().unwrap_or(0)))
            .collect())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

/// A server that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Easel {
    child: Child,
    address: SocketAddr,
    pub(crate) lmtp: PathBuf,
    /// When it was started.
    pub(crate) started: Instant,
}

impl Easel {
    /// Starts it and waits until it says where it listens. `preload` is a library that goes before the C library.
    pub(crate) fn start(easel: &Path, house: &House, preload: Option<&Path>) -> anyhow::Result<Self> {
        let log = house.dir.join("easel.log");
        let mut command = Command::new(easel);
        command.arg("--config").arg(house.config()).arg("serve");
        if let Some(library) = preload {
            command.env("LD_PRELOAD", library);
        }
        let file = File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let started = now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", easel.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("the server's output")?).lines();
        let (mut address, mut lmtp) = (None, None);
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, rest)) = line.split_once("https://") {
                address = rest.split('/').next().and_then(|address| address.parse().ok());
            }
            if let Some((_, path)) = line.split_once("lmtp:") {
                lmtp = Some(PathBuf::from(path.trim()));
            }
            if address.is_some() && lmtp.is_some() {
                break;
            }
        }
        // Whatever it says later must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let (Some(address), Some(lmtp)) = (address, lmtp) else {
            let _gone = child.kill();
            let _status = child.wait();
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("the server did not start: {}", said.lines().last().unwrap_or("it said nothing"));
        };
        Ok(Self { child, address, lmtp, started })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where phones connect. No TLS session is resumed: each phone comes for the first time.
    pub(crate) fn door(&self) -> Door {
        let mut tls = ClientConfig::clone(&trusting_tls());
        tls.resumption = Resumption::disabled();
        Door::new(self.address, Arc::new(tls))
    }

    /// Ends it gently.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("stopping the server")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it still runs.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the server ended with {status}"),
        }
    }
}

impl Drop for Easel {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _gone = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

/// How long the server rests before it counts as at rest.
const REST: Duration = Duration::from_secs(1);

/// Waits until the server has used no CPU worth the name for a second: whatever was sent is dealt with.
pub(crate) async fn at_rest(server: u32, at_most: Duration) -> anyhow::Result<()> {
    let until = now() + at_most;
    let mut before = crate::process::cpu(server)?;
    loop {
        tokio::time::sleep(REST).await;
        let used = crate::process::cpu(server)?;
        if used - before <= Duration::from_millis(20) {
            return Ok(());
        }
        ensure!(now() < until, "the server is not at rest after {} s", at_most.as_secs());
        before = used;
    }
}
