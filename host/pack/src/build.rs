//! A pack's crate, built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::beside::{beside, entries};
use crate::{ComponentError, SectionsError, componentize, embed};

const TARGET: &str = "wasm32-unknown-unknown";
/// A small stack keeps a fresh instance cheap: the server clears what it covers.
const STACK: &str = "link-arg=-zstack-size=65536";

/// Why a pack cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no crate in the folder, or one without a library that makes a module.
    #[error("{} is no pack: {why}", folder.display())]
    NotAPack {
        /// Where it was looked for.
        folder: PathBuf,
        /// What is missing.
        why: String,
    },
    /// Rust cannot make WebAssembly here, and the target could not be had.
    #[error("Rust has no target {TARGET} here, and `rustup target add {TARGET}` did not bring it: {0}")]
    NoTarget(String),
    /// Cargo has said why.
    #[error("cargo could not build the pack")]
    Compile,
    /// A tool could not be started.
    #[error("{tool} cannot be started")]
    Start {
        /// Which.
        tool: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of the pack cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// What was built is no component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// A component that another tool made cannot be read through.
    #[error("{}: {reason}", path.display())]
    Sections {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: SectionsError,
    },
    /// A pack was given for what it is made of.
    #[error("{} carries guides or fixtures already: give the module or component it was made of", path.display())]
    Whole {
        /// Which.
        path: PathBuf,
    },
}

/// Builds the pack in this folder: its component, with the guides of `guides/<lang>/<device>.md` and the fixtures of
/// `fixtures/<name>.toml` in it. Cargo speaks on the standard error.
pub fn build(folder: &Path) -> Result<Vec<u8>, BuildError> {
    let read = |source| BuildError::Read { path: folder.to_owned(), source };
    let folder = &folder.canonicalize().map_err(read)?;
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        let why = "there is no Cargo.toml in it; what another compiler made is given with --module FILE".to_owned();
        return Err(BuildError::NotAPack { folder: folder.clone(), why });
    }
    have_target(folder)?;
    let mut cargo = tool("cargo", folder);
    cargo.args(["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target", TARGET]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    // In place of any other flags, so that a pack is the same wherever it is built: the path of a crate from a registry
    // stands in the text of its panics.
    let mut flags = vec!["-C".to_owned(), STACK.to_owned()];
    flags.extend(home().map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).env_remove("RUSTFLAGS");
    let built =
        cargo.stderr(Stdio::inherit()).output().map_err(|source| BuildError::Start { tool: "cargo", source })?;
    if !built.status.success() {
        return Err(BuildError::Compile);
    }
    let said = String::from_utf8_lossy(&built.stdout);
    let module = module_path(&said).ok_or_else(|| BuildError::NotAPack {
        folder: folder.clone(),
        why: "its library makes no module".to_owned(),
    })?;
    let core = fs::read(&module).map_err(|source| BuildError::Read { path: module, source })?;
    Ok(embed(componentize(&core)?, &beside(folder)?))
}

/// The packs of a workspace, by name: the members that have fixtures.
pub fn packs(workspace: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let manifest = workspace.join("Cargo.toml");
    let listed = fs::read_to_string(&manifest).map_err(|source| BuildError::Read { path: manifest, source })?;
    let is_pack = |(name, path): &(String, PathBuf)| {
        listed.contains(&format!("\"{name}\"")) && path.join("fixtures").is_dir() && path.join("Cargo.toml").is_file()
    };
    let mut found: Vec<_> = entries(workspace)?.into_iter().filter(is_pack).map(|(_, path)| path).collect();
    found.sort();
    Ok(found)
}

/// A tool as it is found in a shell, in this folder: not in the one that runs this program, whose toolchain and settings
/// are of no concern to it.
pub fn tool(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder).stdin(Stdio::null());
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text == "CARGO_MANIFEST_DIR" || text == "CARGO_MANIFEST_PATH" {
            command.env_remove(&variable);
        }
    }
    command
}

fn home() -> Option<PathBuf> {
    let of = |variable| std::env::var_os(variable).map(PathBuf::from);
    of("CARGO_HOME").or_else(|| of("HOME").map(|home| home.join(".cargo")))
}

/// Sees to it that Rust can make WebAssembly.
fn have_target(folder: &Path) -> Result<(), BuildError> {
    let start = |tool| move |source| BuildError::Start { tool, source };
    let asked = tool("rustc", folder).args(["--print", "target-libdir", "--target", TARGET]).output();
    let asked = asked.map_err(start("rustc"))?;
    let library = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    let there = fs::read_dir(library).is_ok_and(|mut files| files.next().is_some());
    if asked.status.success() && there {
        return Ok(());
    }
    let added = tool("rustup", folder).args(["target", "add", TARGET]).output();
    match added {
        Ok(added) if added.status.success() => Ok(()),
        Ok(added) => {
            let said = String::from_utf8_lossy(&added.stderr);
            Err(BuildError::NoTarget(said.lines().last().unwrap_or("it did not say why").trim().to_owned()))
        }
        Err(error) => Err(BuildError::NoTarget(format!("rustup cannot be started: {error}"))),
    }
}

/// The module among cargo's messages: the last artifact that is one.
fn module_path(messages: &str) -> Option<PathBuf> {
    let artifact = messages.lines().rev().find(|line| line.contains("\"reason\":\"compiler-artifact\""))?;
    let end = artifact.find(".wasm\"")? + ".wasm".len();
    let start = artifact[..end].rfind('"')? + 1;
    // A path in JSON: a backslash is written twice.
    Some(PathBuf::from(artifact[start..end].replace("\\\\", "\\")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_the_last_artifact() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"filenames\":[\"/t/libeasel_pack.rlib\"]}\n",
            "{\"reason\":\"compiler-artifact\",\"filenames\":[\"/t/nokia_mfe.wasm\"],\"fresh\":false}\n",
            "{\"reason\":\"build-finished\",\"success\":true}\n",
        );
        assert_eq!(module_path(messages), Some(PathBuf::from("/t/nokia_mfe.wasm")));
        let windows = r#"{"reason":"compiler-artifact","filenames":["C:\\t\\x.wasm"]}"#;
        assert_eq!(module_path(windows), Some(PathBuf::from(r"C:\t\x.wasm")));
        assert_eq!(module_path("{\"reason\":\"build-finished\"}"), None);
    }

    #[test]
    fn a_folder_without_a_crate_is_no_pack() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(build(folder.path()), Err(BuildError::NotAPack { .. })));
        assert!(matches!(build(&folder.path().join("absent")), Err(BuildError::Read { .. })));
    }

    #[test]
    fn the_packs_of_a_workspace_are_its_members_with_fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(matches!(packs(folder.path()), Err(BuildError::Read { .. })));
        write("Cargo.toml", "[workspace]\nmembers = [\"old\", \"new\", \"sdk\"]\n");
        for name in ["old", "new", "sdk", "stray"] {
            write(&format!("{name}/Cargo.toml"), "");
        }
        for name in ["old", "new", "stray"] {
            write(&format!("{name}/fixtures/n03-more.toml"), "");
        }
        assert_eq!(packs(folder.path()).unwrap(), [folder.path().join("new"), folder.path().join("old")]);
    }
}
