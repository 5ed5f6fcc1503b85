//! Why a server does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server does not start, or a certificate is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken, or not of this machine.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file holds no certificate.
    #[error("no certificate can be read from {path}: {cause}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be served.
    #[error("the key in {key} does not serve the certificate in {certificate}: {cause}")]
    KeyPair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
    /// Nothing to listen on.
    #[error("no listener is configured")]
    NoListener,
    /// A TLS listener without a certificate.
    #[error("the TLS listener on {0} needs a certificate and a key")]
    NoCertificate(SocketAddr),
    /// The file holds no private key.
    #[error("no private key can be read from {path}: {cause}")]
    PrivateKey {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// No thread can be started.
    #[error("a thread cannot be started")]
    Thread(#[source] io::Error),
}
