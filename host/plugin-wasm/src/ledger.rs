//! What must be remembered of packs across restarts; the server keeps it in its database.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Texts by key. The keys, and who writes them:
///
/// ```text
/// cwasm/FILE          SHA-256 of a compiled file of the cache, hexadecimal
/// file/NAME           what this file of the folder was when it last served: PACK VERSION SHA-256
/// highest/PACK        the highest version that ever ran
/// disabled/PACK       empty: the pack is not to serve
/// refused/SHA-256     a file that failed in service and gave way to the one before; the value is PACK VERSION
/// pin/DEVICE          the pack that is to serve this device, whatever the scores say
/// allowed/SHA-256     an unsigned file that the operator let in; the value is its name
/// ```
pub trait Ledger: fmt::Debug + Send + Sync {
    /// The text under a key.
    fn get(&self, key: &str) -> Result<Option<String>, LedgerError>;

    /// Writes one; it is there after a crash when this returns.
    fn put(&self, key: &str, value: &str) -> Result<(), LedgerError>;

    /// Takes one away; one that is not there is no error.
    fn remove(&self, key: &str) -> Result<(), LedgerError>;

    /// Every key that begins so, with its text, in order.
    fn under(&self, prefix: &str) -> Result<Vec<(String, String)>, LedgerError>;
}

/// Reading or writing came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is remembered of packs cannot be read or written: {0}")]
pub struct LedgerError(pub String);

/// One in memory, for tests and for looking at a file without a server.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<BTreeMap<String, String>>);

impl MemoryLedger {
    fn texts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn get(&self, key: &str) -> Result<Option<String>, LedgerError> {
        Ok(self.texts().get(key).cloned())
    }

    fn put(&self, key: &str, value: &str) -> Result<(), LedgerError> {
        self.texts().insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<(), LedgerError> {
        self.texts().remove(key);
        Ok(())
    }

    fn under(&self, prefix: &str) -> Result<Vec<(String, String)>, LedgerError> {
        let texts = self.texts();
        let from = texts.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(from.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
