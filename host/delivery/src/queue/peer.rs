//! A server that mail is handed to: reached, protected, logged in at.

use std::net::SocketAddr;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::Connection;
use super::offers::Offers;
use super::reply_stream::{Lent, ReplyStream};
use super::secured::Secured;
use super::{SmartHost, Tls};
use crate::DeliveryError;

/// A server whose settings were looked at.
pub(super) struct Peer {
    settings: SmartHost,
    tls: TlsParameters,
}

impl Peer {
    /// Refuses to send mail in the clear to another machine, and certificates it cannot read.
    pub(super) fn smart_host(settings: SmartHost) -> Result<Self, DeliveryError> {
        if matches!(settings.tls, Tls::None | Tls::Opportunistic) && !settings.is_loopback() {
            return Err(DeliveryError::PlainSmartHost(settings.host));
        }
        Self::new(settings)
    }

    /// Without looking at how it is protected.
    pub(super) fn new(settings: SmartHost) -> Result<Self, DeliveryError> {
        let failed = |error: Error| DeliveryError::Tls(error.to_string());
        let mut builder = TlsParameters::builder(settings.host.clone());
        if !settings.roots.is_empty() {
            builder = builder.certificate_store(CertificateStore::None);
        }
        for root in &settings.roots {
            builder = builder.add_root_certificate(Certificate::from_pem(root).map_err(failed)?);
        }
        // RFC 7435: whoever may be spoken to in the clear may as well have any certificate.
        let anybody = settings.tls == Tls::Opportunistic;
        builder = builder.dangerous_accept_invalid_certs(anybody).dangerous_accept_invalid_hostnames(anybody);
        Ok(Self { tls: builder.build_rustls().map_err(failed)?, settings })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.settings.host
    }

    /// Connects, at `address` if it is known, protects the connection and logs in; or says why not.
    pub(super) async fn connect(&self, address: Option<SocketAddr>) -> Result<Connection, String> {
        let (limit, name) = (self.settings.patience.connect, &self.settings.host);
        let mut protect = self.settings.tls != Tls::None;
        loop {
            match timeout(limit, self.connect_unhurried(address, protect)).await {
                Ok(Ok((inner, offers))) => {
                    return Ok(Connection::new(inner, offers, name.clone(), self.settings.patience));
                }
                // A server whose TLS is broken is spoken to as if it had none.
                Ok(Err(ConnectError::Protect(_))) if self.settings.tls == Tls::Opportunistic && protect => {
                    protect = false;
                }
                Ok(Err(error)) => return Err(format!("{name} cannot be used: {error}")),
                Err(_) => return Err(format!("{name} cannot be used: no session within {limit:?}")),
            }
        }
    }

    async fn connect_unhurried(
        &self,
        address: Option<SocketAddr>,
        protect: bool,
    ) -> Result<(AsyncSmtpConnection, Offers), ConnectError> {
        let settings = &self.settings;
        let hello = ClientId::Domain(settings.hello_name.clone());
        let place = (settings.host.as_str(), settings.port);
        let stream = match address {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect(place).await?,
        };
        let mut connection = if settings.tls == Tls::Implicit {
            let stream = Box::new(ReplyStream::new(Secured::begin(stream, self.tls.clone()).await?));
            AsyncSmtpConnection::connect_with_transport(stream, &hello).await?
        } else {
            let plain = Lent::new(stream);
            let connection = AsyncSmtpConnection::connect_with_transport(Box::new(plain.clone()), &hello).await?;
            let wanted = settings.tls == Tls::StartTls || connection.can_starttls();
            if protect && wanted {
                let protected = self.start_tls(connection, plain, &hello).await;
                protected.map_err(|error| ConnectError::Protect(Box::new(error)))?
            } else {
                connection
            }
        };
        if let Some(login) = &settings.login {
            let credentials = Credentials::new(login.user.clone(), login.password.clone());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        // Asked once more: what `lettre` keeps of the answer has neither DSN nor SIZE in it.
        let answer = connection.command(format!("EHLO {}\r\n", settings.hello_name)).await?;
        Ok((connection, Offers::read(answer.message())))
    }

    /// RFC 3207 4: what was said in the clear is forgotten.
    async fn start_tls(
        &self,
        mut plain: AsyncSmtpConnection,
        lent: Lent,
        hello: &ClientId,
    ) -> Result<AsyncSmtpConnection, ConnectError> {
        if !plain.can_starttls() {
            return Err(ConnectError::NoStartTls);
        }
        plain.command("STARTTLS\r\n").await?;
        drop(plain);
        let stream = Secured::begin(lent.back()?, self.tls.clone()).await?;
        Ok(AsyncSmtpConnection::connect_with_transport(Box::new(ReplyStream::greeted(stream)), hello).await?)
    }
}

#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("it does not offer STARTTLS")]
    NoStartTls,
    #[error("{0}")]
    Protect(#[source] Box<Self>),
    #[error("{0}")]
    Smtp(#[from] Error),
}
