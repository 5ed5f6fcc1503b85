//! `easel pack`: for administrators, and for authors.

mod author;
mod log;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::error::CliError;
use super::terminal::Terminal;
use super::{open, terminal};
use crate::admin::{PackOrder, PackShown, Request};
use crate::config::Config;
use crate::packs;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Puts a pack into service, in place of an earlier version; devices stay connected.
    Install {
        /// The pack; its signature lies beside it, FILE.minisig.
        file: PathBuf,
        /// Takes this very file without a signature.
        #[arg(long)]
        allow_unsigned: bool,
    },
    /// Lists packs: version, state, signature, devices served, calls, faults, times, memory.
    List,
    /// Takes a pack out of service and its file away; its devices fall to the next that fits.
    Remove {
        /// The pack.
        id: String,
    },
    /// Takes a pack out of service; its file stays.
    Disable {
        /// The pack.
        id: String,
    },
    /// Lets a disabled pack serve again.
    Enable {
        /// The pack.
        id: String,
    },
    /// Goes back to the version before.
    Rollback {
        /// The pack.
        id: String,
    },
    /// Lets a pack serve a device whatever it looks like.
    Pin {
        /// The device's id, as `easel device list` shows it.
        device: String,
        /// The pack; without one the device is served by the pack that fits best again.
        pack: Option<String>,
    },
    /// Shows what packs write. It is kept only while somebody follows, or for as long as `--minutes` says.
    Log(log::Arguments),
    /// Looks at a file through all the stages of loading, without a server.
    Inspect {
        /// The pack.
        file: PathBuf,
    },
    /// Makes a crate that builds and passes its tests.
    New {
        /// The pack's id; the folder has the same name.
        name: String,
        /// Where the SDK lies.
        #[arg(long, value_name = "DIR", default_value = "plugins/sdk")]
        sdk: PathBuf,
    },
    /// Builds the pack in a folder into NAME.wasm, guides and fixtures inside.
    Build {
        #[command(flatten)]
        source: Source,
        /// The file to write; NAME.wasm in the folder without it, by the name of the crate or else of the folder.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Builds the pack in a folder and runs its fixtures in the sandbox, with the pack and without.
    Test {
        #[command(flatten)]
        source: Source,
    },
    /// Makes a pair of keys: NAME.key, which signs, and NAME.pub, which servers trust.
    Keygen {
        /// The name of the files.
        name: PathBuf,
    },
    /// Signs a pack: writes FILE.minisig.
    Sign {
        /// The pack.
        file: PathBuf,
        /// The key that signs.
        #[arg(long, short)]
        key: PathBuf,
    },
}

/// What a pack is built of.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// The pack's folder, with `guides`, `fixtures` and the crate.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// A module, or a component, that another compiler made; in place of a crate.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

pub(super) fn run(verb: Verb, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    match verb {
        Verb::Install { file: pack, allow_unsigned } => install(file, &pack, allow_unsigned, terminal),
        Verb::List => list(file, terminal),
        Verb::Remove { id } => order(file, &id, PackOrder::Remove, "is removed", terminal),
        Verb::Disable { id } => order(file, &id, PackOrder::Disable, "is disabled", terminal),
        Verb::Enable { id } => order(file, &id, PackOrder::Enable, "is enabled", terminal),
        Verb::Rollback { id } => order(file, &id, PackOrder::Rollback, "is back", terminal),
        Verb::Pin { device, pack } => {
            let said = match &pack {
                Some(pack) => format!("{pack} serves {device} from its next request on"),
                None => format!("{device} is served by the pack that fits best"),
            };
            open(file, "pack pin")?.ask(Request::PackPin { device: device.clone(), pack: pack.clone() })?;
            terminal.say(&said, &json!({ "device": device, "pack": pack }))
        }
        Verb::Log(arguments) => log::run(&arguments, file, terminal),
        Verb::Inspect { file: pack } => inspect(file, &pack, terminal),
        Verb::New { name, sdk } => author::new(&name, &sdk, terminal),
        Verb::Build { source, output } => author::build(&source, output, terminal),
        Verb::Test { source } => author::test(&source, terminal),
        Verb::Keygen { name } => author::keygen(&name, terminal),
        Verb::Sign { file: pack, key } => author::sign(&pack, &key, terminal),
    }
}

fn signature_beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

fn install(config: &Path, pack: &Path, allow_unsigned: bool, terminal: &mut Terminal) -> Result<(), CliError> {
    let bytes = fs::read(pack).map_err(CliError::file("read", pack))?;
    let beside = signature_beside(pack);
    let signature = match fs::read_to_string(&beside) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(CliError::file("read", &beside)(error)),
    };
    let name = pack.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (id, version) = open(config, "pack install")?.install_pack(name, &bytes, signature, allow_unsigned)?;
    terminal.say(&format!("{id} {version} serves"), &json!({ "pack": id, "version": version }))
}

fn order(config: &Path, id: &str, order: PackOrder, done: &str, terminal: &mut Terminal) -> Result<(), CliError> {
    let version = open(config, "pack")?.order_pack(id, order)?;
    let which = version.as_ref().map_or_else(|| id.to_owned(), |version| format!("{id} {version}"));
    terminal.say(&format!("{which} {done}"), &json!({ "pack": id, "version": version }))
}

fn list(config: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let (packs, pins) = open(config, "pack list")?.packs()?;
    let row = |pack: &PackShown| {
        let times = if pack.calls == 0 { String::new() } else { format!("{} / {} µs", pack.p50_us, pack.p99_us) };
        vec![
            pack.id.clone(),
            pack.version.clone(),
            pack.state.clone(),
            pack.signed.chars().take(12).collect(),
            pack.devices.to_string(),
            pack.calls.to_string(),
            pack.faults.to_string(),
            times,
            if pack.memory_bytes == 0 { String::new() } else { terminal::bytes(pack.memory_bytes) },
        ]
    };
    let rows: Vec<Vec<String>> = packs.iter().map(row).collect();
    let heads = ["pack", "version", "state", "signed by", "devices", "calls", "faults", "p50 / p99", "memory"];
    let value = json!({ "packs": packs, "pins": pins });
    terminal.table(&heads, &rows, "no pack is installed", &value)?;
    for pack in &packs {
        if !pack.last_fault.is_empty() {
            terminal.note(&format!("{}: last fault: {}", pack.id, pack.last_fault));
        }
    }
    for (device, pack) in &pins {
        terminal.note(&format!("{device} is pinned to {pack}"));
    }
    Ok(())
}

fn inspect(config: &Path, pack: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    // Whose signatures count stands in the configuration; a file can be looked at without one.
    let configured = if config.exists() { Config::load(config)?.0 } else { Config::default() };
    let (lines, good) = packs::inspected(pack, &configured.packs).map_err(CliError::Said)?;
    terminal.lines(&lines, &json!({ "file": pack, "good": good, "lines": lines }))?;
    if good { Ok(()) } else { Err(CliError::Found) }
}
