//! Everything about a file, without a server.

use std::path::Path;
use std::sync::Arc;

use crate::component::FILE_BYTES_MAX;
use crate::load::{read, signature_of};
use crate::{
    Limits, LoadError, Loader, MemoryLedger, Pack, PackLog, Sandbox, SignatureError, SystemClock, Trust, sha256,
};

/// What was found.
#[derive(Debug)]
pub struct Inspection {
    /// Bytes.
    pub size: usize,
    /// SHA-256.
    pub hash: [u8; 32],
    /// What the signature beside it says of these bytes; `None` where there is none.
    pub signature: Option<Result<(), SignatureError>>,
    /// The pack, its fixtures passed; or what is wrong with it.
    pub pack: Result<Pack, LoadError>,
}

/// Looks at a file through all stages. `trust` is whose signatures count.
pub fn inspect(file: &Path, trust: &Trust) -> Result<Inspection, LoadError> {
    let unreadable = |source| LoadError::Read { file: file.to_owned(), source };
    let bytes = read(file, FILE_BYTES_MAX).map_err(unreadable)?;
    let clock = Arc::new(SystemClock::default());
    // A file alone needs no room for others, and little is set aside where many tools run.
    let sandbox = Sandbox::new(Limits { instances: 4, ..Limits::default() })
        .map_err(|error| LoadError::Compile { file: file.to_owned(), reason: error.to_string() })?;
    let log = Arc::new(PackLog::new(Arc::clone(&clock) as Arc<dyn crate::Clock>));
    let ledger = Arc::new(MemoryLedger::default());
    let loader = Loader::new(Arc::new(sandbox), trust.clone(), ledger, clock, log);
    let pack = loader.load_unsigned(file, &bytes);
    let signature = read(&signature_of(file), 64 << 10).ok().map(|text| {
        let key = trust.verify(&bytes, &String::from_utf8_lossy(&text))?;
        pack.as_ref().map_or(Ok(()), |pack| key.signs(&pack.version.id).map(drop))
    });
    Ok(Inspection { size: bytes.len(), hash: sha256(&bytes), signature, pack })
}
