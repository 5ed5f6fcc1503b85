//! HTTP/1.1 over TLS over TCP, by hand: nothing between the bytes and the test.

use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::{HttpRequest, HttpResponse, Transport};

/// Longer than any answer of a test takes.
const PATIENCE: Duration = Duration::from_secs(120);

type Tls = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// A kept-alive connection to a server, opened when it is needed.
pub struct Socket {
    address: SocketAddr,
    login: String,
    config: Arc<ClientConfig>,
    connection: Option<Tls>,
    /// Bytes received and sent, bodies only.
    pub bytes: u64,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Socket {
    /// A connection that trusts whatever certificate the server shows: only for loopback.
    pub fn new(address: SocketAddr, user: &str, password: &str) -> Self {
        Self::with_credentials(address, format!("{user}:{password}").as_bytes())
    }

    /// The same with credentials byte for byte: login, colon, password.
    pub fn with_credentials(address: SocketAddr, credentials: &[u8]) -> Self {
        assert!(address.ip().is_loopback(), "a test speaks to this machine only");
        let config = trusting_tls();
        let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
        Self { address, login: format!("Basic {credentials}"), config, connection: None, bytes: 0 }
    }

    fn connect(&self) -> anyhow::Result<Tls> {
        let stream = TcpStream::connect(self.address).with_context(|| format!("connecting to {}", self.address))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.config), name)?;
        Ok(BufReader::new(StreamOwned::new(connection, stream)))
    }

    /// The certificate that the server shows to a new connection, in DER.
    pub fn certificate(&self) -> anyhow::Result<Vec<u8>> {
        let mut connection = self.connect()?;
        let StreamOwned { conn, sock } = connection.get_mut();
        conn.complete_io(sock)?;
        let chain = conn.peer_certificates().context("a certificate")?;
        Ok(chain.first().context("a certificate")?.to_vec())
    }

    fn send(&mut self, request: &HttpRequest) -> anyhow::Result<()> {
        if self.connection.is_none() {
            self.connection = Some(self.connect()?);
        }
        let connection = self.connection.as_mut().context("a connection was just made")?;
        request.write(&self.login, connection.get_mut())?;
        Ok(())
    }

    fn receive(&mut self) -> anyhow::Result<HttpResponse> {
        let connection = self.connection.as_mut().context("the connection is gone")?;
        let response = HttpResponse::read(connection)?;
        if response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = None;
        }
        Ok(response)
    }
}

impl Transport for Socket {
    fn exchange(&mut self, request: &HttpRequest) -> anyhow::Result<HttpResponse> {
        let kept_alive = self.connection.is_some();
        let response = match self.send(request).and_then(|()| self.receive()) {
            // A server may close an idle connection at any time: once more on a new one.
            Err(_) if kept_alive => {
                self.connection = None;
                self.send(request)?;
                self.receive()?
            }
            other => other?,
        };
        self.bytes += (request.body.len() + response.body.len()) as u64;
        Ok(response)
    }
}

/// How a client begins TLS that trusts whatever certificate the server shows: only for loopback.
///
/// # Panics
/// Never: the provider has the default versions.
pub fn trusting_tls() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAnything(provider)))
        .with_no_client_auth();
    Arc::new(config)
}

/// The test's server has a certificate nobody signed.
#[derive(Debug)]
struct TrustAnything(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
