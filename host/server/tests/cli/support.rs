//! A house to try things in: a directory with a configuration, and the binary.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Child;

pub(crate) use easel_test_support::Serving;
use easel_test_support::{Easel, Said};
use serde_json::Value;
use tempfile::TempDir;

/// A directory made by `easel init`.
pub(crate) struct House {
    dir: TempDir,
}

/// Runs the binary with a text on standard input.
pub(crate) fn easel(arguments: &[&str], input: &str) -> Said {
    binary("").bare(arguments, input)
}

fn binary(config: &str) -> Easel {
    Easel::new(env!("CARGO_BIN_EXE_easel"), config)
}

impl House {
    /// Plain HTTP on a free port, and LMTP in the directory.
    pub(crate) fn new() -> Self {
        Self::made(&["--plain", "0"])
    }

    /// TLS on a free port, with `anna`.
    pub(crate) fn with_tls() -> Self {
        let house = Self::made(&["--self-signed", "localhost", "--listen", "127.0.0.1:0"]);
        house.add_user("anna", "anna@example.org", "anna's word");
        house
    }

    /// With contacts of anna's, and a pack that writes a line for each that is sent to a device.
    pub(crate) fn with_odd_pack() -> Self {
        let house = Self::with_tls();
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/plugins/guests/odd");
        let pack = house.write("odd.wasm", easel_pack_build::build(&guest).unwrap());
        house.run(&["pack", "install", &pack, "--allow-unsigned"]).ok();
        house.import(&[&fixture("contacts.vcf")]);
        house
    }

    fn made(listening: &[&str]) -> Self {
        let house = Self { dir: tempfile::tempdir().unwrap() };
        easel(&[&["init", &house.text("house")], listening].concat(), "").ok();
        house
    }

    /// With a user `anna`, whose password is `anna's word`.
    pub(crate) fn with_anna() -> Self {
        let house = Self::new();
        house.add_user("anna", "anna@example.org", "anna's word");
        house
    }

    pub(crate) fn add_user(&self, login: &str, address: &str, password: &str) {
        self.run_with(&["user", "add", login, "--address", address], &format!("{password}\n")).ok();
    }

    /// A path inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file inside.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// The binary, with its configuration.
    pub(crate) fn easel(&self) -> Easel {
        binary(&self.text("house/easel.toml"))
    }

    #[track_caller]
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        self.easel().run_with(arguments, input)
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.easel().run(arguments)
    }

    /// Starts a verb that goes on; its output is to be read.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.easel().start(arguments)
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.easel().json(arguments)
    }

    /// Imports for `anna`: how many were added, were there, and left out.
    #[track_caller]
    pub(crate) fn import(&self, arguments: &[&str]) -> [u64; 3] {
        let report = self.json(&[&["import", "anna"], arguments].concat());
        ["added", "known", "skipped"].map(|key| report[key].as_u64().unwrap())
    }

    /// Exports for `anna` into a directory: the files in it, by path, with their bytes.
    #[track_caller]
    pub(crate) fn export(&self, name: &str, arguments: &[&str]) -> Vec<(String, Vec<u8>)> {
        self.run(&[&["export", "anna", &self.text(name)], arguments].concat()).ok();
        files(&self.path(name))
    }

    /// Starts the server and waits until it listens.
    #[track_caller]
    pub(crate) fn serve(&self) -> Serving {
        self.easel().serve()
    }
}

/// Every file below a directory.
pub(crate) fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A file of `tests/fixtures/import`.
pub(crate) fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/import").join(name);
    path.canonicalize().unwrap().display().to_string()
}

/// The bytes of it.
pub(crate) fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// Compares two values and shows where they differ first.
#[track_caller]
pub(crate) fn assert_same<T: Debug + PartialEq>(one: &[T], other: &[T]) {
    for (at, (a, b)) in one.iter().zip(other).enumerate() {
        assert_eq!(a, b, "at {at}");
    }
    assert_eq!(one.len(), other.len());
}
