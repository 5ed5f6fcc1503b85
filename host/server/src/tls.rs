//! TLS 1.2 and 1.3, and a certificate that is read again when its files change.

mod reminder;
mod validity;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};

use crate::ServerError;
pub(crate) use reminder::Reminder;
pub use validity::{Lapse, Validity};

/// Where certificate and key lie, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Whether they can be served; from when to when the certificate is good, `None` when its dates cannot be read.
    pub fn check(&self) -> Result<Option<Validity>, ServerError> {
        read(self).map(|certified| validity(&certified))
    }
}

/// The certificate in use.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
    /// How the files looked when they were read last, well or not.
    seen: Mutex<Stamp>,
}

/// Modification time and length of both files; `None` for one that is not there.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    /// Reads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, ServerError> {
        let seen = Mutex::new(stamp(&files));
        let current = ArcSwap::from(read(&files)?);
        Ok(Self { files, current, seen })
    }

    /// Reads the files again; when they make no sense, the certificate in use stays.
    pub(crate) fn reload(&self) -> Result<(), ServerError> {
        *self.seen.lock().expect("no holder of this lock panics") = stamp(&self.files);
        self.current.store(read(&self.files)?);
        Ok(())
    }

    /// From when to when the certificate in use is good.
    pub(crate) fn validity(&self) -> Option<Validity> {
        validity(&self.current.load())
    }

    /// Reads the files again if they look different than last time.
    pub(crate) fn reload_if_changed(&self) {
        if *self.seen.lock().expect("no holder of this lock panics") == stamp(&self.files) {
            return;
        }
        let certificate = self.files.certificate.display();
        match self.reload() {
            Ok(()) => tracing::info!(%certificate, "the certificate was read again"),
            Err(error) => tracing::error!(%error, "the certificate in use stays, because the new one is unusable"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// Of the certificate itself: those above it are their authority's business.
fn validity(certified: &CertifiedKey) -> Option<Validity> {
    Validity::of(certified.end_entity_cert().ok()?)
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(files: &TlsFiles) -> Result<Arc<CertifiedKey>, ServerError> {
    let TlsFiles { certificate, key } = files;
    let unreadable = |cause: rustls::pki_types::pem::Error| ServerError::Certificate {
        path: certificate.clone(),
        cause: cause.to_string(),
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(unreadable)?;
    if chain.is_empty() {
        return Err(unreadable(rustls::pki_types::pem::Error::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|cause| ServerError::PrivateKey { path: key.clone(), cause: cause.to_string() })?;
    CertifiedKey::from_der(chain, private, &ring::default_provider())
        .map(Arc::new)
        .map_err(|cause| ServerError::KeyPair { certificate: certificate.clone(), key: key.clone(), cause })
}

/// What connections are greeted with. Only HTTP/1.1 is offered: a waiting request has its connection for itself.
/// Sessions are resumed by stateless tickets.
pub(crate) fn config(certificate: Arc<Certificate>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .expect("ring has suites for both versions")
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    match ring::Ticketer::new() {
        Ok(ticketer) => config.ticketer = ticketer,
        Err(error) => tracing::warn!(%error, "sessions cannot be resumed"),
    }
    Arc::new(config)
}
