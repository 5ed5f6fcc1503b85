//! Compiled packs, kept so that a start need not compile them again.
//!
//! A compiled file is native code that nothing verifies when it is loaded. So the folder is the server's alone, and a
//! file is used only if its hash is the one the ledger has under its name.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::Component;

use crate::load::{hex, sha256};
use crate::{FolderError, Ledger, Sandbox, owned_by_us};

/// The folder of compiled packs.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    ledger: Arc<dyn Ledger>,
}

impl Cache {
    /// In a folder that belongs to us and that nobody else may write to; made if it is not there.
    pub fn open(folder: impl Into<PathBuf>, ledger: Arc<dyn Ledger>) -> Result<Self, FolderError> {
        let folder = folder.into();
        crate::folder::make(&folder)?;
        owned_by_us(&folder)?;
        Ok(Self { folder, ledger })
    }

    /// The compiled form of these bytes, and whether it was there already.
    pub(crate) fn compile(&self, sandbox: &Sandbox, bytes: &[u8]) -> wasmtime::Result<(Component, bool)> {
        let name = format!("{}-{:016x}.cwasm", hex(&sha256(bytes)), sandbox.compatibility());
        if let Some(component) = self.find(sandbox, &name) {
            return Ok((component, true));
        }
        let component = Component::new(&sandbox.engine, bytes)?;
        if let Err(error) = self.keep(&name, &component) {
            tracing::warn!(file = %self.folder.join(&name).display(), error, "a compiled pack is not kept");
        }
        Ok((component, false))
    }

    fn find(&self, sandbox: &Sandbox, name: &str) -> Option<Component> {
        let path = self.folder.join(name);
        let known = self.ledger.get(&format!("cwasm/{name}")).ok()??;
        let compiled = fs::read(&path).ok()?;
        if hex(&sha256(&compiled)) != known {
            tracing::warn!(file = %path.display(), "a compiled pack was changed by somebody else: it is compiled again");
            return None;
        }
        // SAFETY: the very bytes that were hashed above are the ones we compiled and wrote ourselves, as the ledger,
        // which is not in this folder, has their hash under this name.
        #[expect(unsafe_code, reason = "native code is taken only if we made it")]
        let component = unsafe { Component::deserialize(&sandbox.engine, &compiled) };
        component
            .inspect_err(|error| tracing::warn!(file = %path.display(), %error, "a compiled pack is not used"))
            .ok()
    }

    fn keep(&self, name: &str, component: &Component) -> Result<(), String> {
        let compiled = component.serialize().map_err(|error| error.to_string())?;
        let path = self.folder.join(name);
        crate::folder::write(&path, &compiled).map_err(|error| error.to_string())?;
        self.ledger.put(&format!("cwasm/{name}"), &hex(&sha256(&compiled))).map_err(|error| error.to_string())
    }

    /// Removes every file that the present engine would not make of one of these packs.
    pub fn sweep(&self, sandbox: &Sandbox, hashes: &[[u8; 32]]) {
        let suffix = format!("-{:016x}.cwasm", sandbox.compatibility());
        let kept: Vec<String> = hashes.iter().map(|hash| format!("{}{suffix}", hex(hash))).collect();
        for (key, _) in self.ledger.under("cwasm/").unwrap_or_default() {
            let name = key.trim_start_matches("cwasm/");
            if !kept.iter().any(|kept| kept == name) {
                // One that is gone already is as good.
                let _ = fs::remove_file(self.folder.join(name));
                let _ = self.ledger.remove(&key);
            }
        }
    }
}
