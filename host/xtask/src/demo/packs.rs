//! The packs of the demo: those of `plugins/`, built, signed with a key of the demo's own and put where the server loads
//! them; and one of them in a newer version.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::House;
use crate::say;

/// The pack that is replaced while a phone waits.
pub(super) const REPLACED: &str = "default";
/// What the newer version says otherwise: how many changes an answer brings.
const SETTING: (&str, &str) = ("settings::sync::WINDOW_MAX.is(100)", "settings::sync::WINDOW_MAX.is(2)");
/// The same in the fixtures, which hold it to that.
const HELD: (&str, &str) = ("\"sync.window_max\" = 100", "\"sync.window_max\" = 2");
/// The setting as the pack is installed, and as its newer version has it.
pub(super) const WINDOWS: (usize, usize) = (100, 2);

/// Where packs are made.
pub(super) struct Workshop<'a> {
    house: &'a House,
    plugins: PathBuf,
}

impl<'a> Workshop<'a> {
    pub(super) fn new(house: &'a House, root: &Path) -> Self {
        Self { house, plugins: root.join("plugins") }
    }

    /// Builds and signs all packs, in the folder that the server loads; their names.
    pub(super) fn furnish(&self) -> anyhow::Result<Vec<String>> {
        let names = self.names()?;
        self.trust_a_new_key(&names)?;
        let folder = self.house.dir.join("data/packs");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        say(&format!(
            "{} packs, built, signed with a key made for this demo, put into {}",
            names.len(),
            folder.display()
        ));
        for name in &names {
            self.build(&self.plugins.join(name), &folder.join(format!("{name}.wasm")))?;
        }
        Ok(names)
    }

    /// The next version of a pack, as its author would make it: another number, another setting. It is built from a copy
    /// and lies in the demo's directory, signed, until it is installed.
    pub(super) fn newer(&self) -> anyhow::Result<PathBuf> {
        let work = self.house.dir.join("newer");
        let pack = work.join(REPLACED);
        copy(&self.plugins.join(REPLACED), &pack)?;
        fs::copy(self.plugins.join("Cargo.lock"), work.join("Cargo.lock"))?;
        // The same workspace, with one member and the others where they are.
        let mut workspace = read(&self.plugins.join("Cargo.toml"))?;
        let table = workspace.get_mut("workspace").and_then(toml::Value::as_table_mut).context("no [workspace]")?;
        table.insert("members".to_owned(), vec![REPLACED].into());
        let beside = table.get_mut("dependencies").and_then(toml::Value::as_table_mut).context("no dependencies")?;
        for (_, dependency) in beside.iter_mut() {
            if let Some(path) = dependency.get_mut("path") {
                let place = self.plugins.join(path.as_str().context("a path is a text")?);
                *path = place.to_str().context("the project's path is text")?.into();
            }
        }
        fs::write(work.join("Cargo.toml"), toml::to_string(&workspace)?)?;
        let mut manifest = read(&pack.join("Cargo.toml"))?;
        let package = manifest.get_mut("package").and_then(toml::Value::as_table_mut).context("no [package]")?;
        let version = package.get("version").and_then(toml::Value::as_str).context("no version")?;
        let next = next_patch(version).context("a version has three numbers")?;
        package.insert("version".to_owned(), next.into());
        // The crate, not the pack: both are built into one folder.
        package.insert("name".to_owned(), format!("{REPLACED}-newer").into());
        fs::write(pack.join("Cargo.toml"), toml::to_string(&manifest)?)?;
        ensure!(replace(&pack.join("src/lib.rs"), SETTING)?, "plugins/{REPLACED} does not say {}", SETTING.0);
        for fixture in fs::read_dir(pack.join("fixtures"))? {
            replace(&fixture?.path(), HELD)?;
        }
        let built = work.join(format!("{REPLACED}.wasm"));
        self.build(&pack, &built)?;
        Ok(built)
    }

    /// The folders of packs: those with fixtures.
    fn names(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.plugins).context("reading plugins/")? {
            let entry = entry?;
            if entry.path().join("fixtures").is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Makes a key that ends with the demo's directory, and has the server trust it for these packs.
    fn trust_a_new_key(&self, names: &[String]) -> anyhow::Result<()> {
        self.house.easel(&["pack", "keygen", &self.key("demo-only")])?;
        let public = fs::read_to_string(self.key("demo-only.pub"))?;
        let public = public.lines().nth(1).context("no public key was made")?;
        let config = self.house.config();
        let text = fs::read_to_string(&config)?;
        let trusting = format!("trusted_keys = [\"{public} {}\"]", names.join(" "));
        ensure!(text.contains(NOBODY), "{config} does not say {NOBODY}");
        Ok(fs::write(&config, text.replacen(NOBODY, &trusting, 1))?)
    }

    fn key(&self, name: &str) -> String {
        self.house.dir.join(name).display().to_string()
    }

    fn build(&self, pack: &Path, file: &Path) -> anyhow::Result<()> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.plugins.join("target"), PathBuf::from);
        let (pack, file) = (pack.display().to_string(), file.display().to_string());
        let quietly = [("CARGO_TERM_QUIET", "true".as_ref()), ("CARGO_TARGET_DIR", target.as_os_str())];
        self.house.easel_with(&["pack", "build", &pack, "--output", &file], &quietly)?;
        self.house.easel(&["pack", "sign", &file, "--key", &self.key("demo-only.key")])?;
        Ok(())
    }
}

/// As `easel init` writes it.
const NOBODY: &str = "trusted_keys = []";

fn read(path: &Path) -> anyhow::Result<toml::Table> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(text.parse()?)
}

/// Writes one text in place of another; whether it was there.
fn replace(file: &Path, (old, new): (&str, &str)) -> anyhow::Result<bool> {
    let text = fs::read_to_string(file)?;
    fs::write(file, text.replace(old, new))?;
    Ok(text.contains(old))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// `0.1.0`: `0.1.1`.
fn next_patch(version: &str) -> Option<String> {
    let (rest, patch) = version.rsplit_once('.')?;
    Some(format!("{rest}.{}", patch.parse::<u64>().ok()?.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_version_is_newer() {
        assert_eq!(next_patch("0.1.9").as_deref(), Some("0.1.10"));
        assert_eq!(next_patch("1.0.0-rc"), None);
    }

    #[test]
    fn the_setting_that_changes_stands_in_the_pack_and_means_what_is_printed() {
        let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(REPLACED);
        assert_eq!(fs::read_to_string(pack.join("src/lib.rs")).unwrap().matches(SETTING.0).count(), 1);
        for (old, new) in [SETTING, HELD] {
            assert!(old.contains(&WINDOWS.0.to_string()) && new.contains(&WINDOWS.1.to_string()), "{old} {new}");
        }
    }
}
