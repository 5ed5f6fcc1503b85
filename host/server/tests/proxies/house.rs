//! A server with TLS, a plain and a proxied listener, and `anna` with some mail.

use std::fs;
use std::path::Path;

use easel_test_support::{Easel, Serving};
use tempfile::TempDir;

use crate::front::free_port;

/// The login of the only user.
pub(crate) const PASSWORD: &str = "anna's word";

/// A directory made by `easel init`, and the server on it.
pub(crate) struct House {
    pub(crate) tls: u16,
    pub(crate) plain: u16,
    pub(crate) proxied: u16,
    pub(crate) serving: Serving,
    pub(crate) easel: Easel,
    dir: TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let easel = Easel::new(env!("CARGO_BIN_EXE_easel"), at("house/easel.toml"));
        let (tls, plain, proxied) = (free_port(), free_port(), free_port());
        let (at_tls, at_plain) = (format!("127.0.0.1:{tls}"), plain.to_string());
        easel
            .bare(&["init", &at("house"), "--self-signed", "localhost", "--listen", &at_tls, "--plain", &at_plain], "")
            .ok();
        let config = fs::read_to_string(easel.config()).unwrap();
        assert!(config.contains("\nproxied = []\n"));
        let config = config.replace("\nproxied = []\n", &format!("\nproxied = [\"{proxied}\"]\n"));
        fs::write(easel.config(), config).unwrap();
        easel.run_with(&["user", "add", "anna", "--address", "anna@example.org"], &format!("{PASSWORD}\n")).ok();
        let mail = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/import/archive.mbox");
        easel.run(&["import", "anna", &mail.display().to_string()]).ok();
        let serving = easel.serve();
        Self { tls, plain, proxied, serving, easel, dir }
    }

    /// The same without a server.
    pub(crate) fn dead(self) -> (Easel, TempDir) {
        drop(self.serving);
        (self.easel, self.dir)
    }
}
