//! The smart host, spoken to through `lettre`: its connection, TLS, login and replies; the commands are written here,
//! because every recipient has an answer of its own.

use std::borrow::Cow;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::line_stream::LineStream;
use super::lines::has_utf8_header;
use super::{Patience, SmartHost, Tls, seven_bit};
use crate::{Address, DeliveryError};

/// How long goodbye may take.
const QUIT_MAX: Duration = Duration::from_secs(5);

/// A smart host whose settings were looked at.
pub(super) struct Host {
    settings: SmartHost,
    tls: TlsParameters,
}

/// Why a recipient, or a message, was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Whether trying again is of no use.
    pub(super) permanent: bool,
    /// What the host said, or what went wrong.
    pub(super) reason: String,
}

impl Host {
    /// Refuses to send mail in the clear to another machine, and certificates it cannot read.
    pub(super) fn new(settings: SmartHost) -> Result<Self, DeliveryError> {
        if settings.tls == Tls::None && !settings.is_loopback() {
            return Err(DeliveryError::PlainSmartHost(settings.host));
        }
        let failed = |error: Error| DeliveryError::Tls(error.to_string());
        let mut builder = TlsParameters::builder(settings.host.clone());
        for root in &settings.roots {
            builder = builder.add_root_certificate(Certificate::from_pem(root).map_err(failed)?);
        }
        Ok(Self { tls: builder.build_rustls().map_err(failed)?, settings })
    }

    /// Connects, protects the connection and logs in; or says why not.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let limit = self.settings.patience.connect;
        match timeout(limit, self.connect_unhurried()).await {
            Ok(Ok(inner)) => Ok(Connection { inner, patience: self.settings.patience, broken: None }),
            Ok(Err(error)) => Err(format!("the smart host cannot be used: {error}")),
            Err(_) => Err(format!("the smart host cannot be used: no session within {limit:?}")),
        }
    }

    async fn connect_unhurried(&self) -> Result<AsyncSmtpConnection, ConnectError> {
        let settings = &self.settings;
        let hello = ClientId::Domain(settings.hello_name.clone());
        let place = (settings.host.as_str(), settings.port);
        let mut connection = match settings.tls {
            Tls::Implicit => {
                AsyncSmtpConnection::connect_tokio1(place, None, &hello, Some(self.tls.clone()), None).await?
            }
            Tls::None | Tls::StartTls => {
                let stream = Box::new(LineStream::new(TcpStream::connect(place).await?));
                AsyncSmtpConnection::connect_with_transport(stream, &hello).await?
            }
        };
        if settings.tls == Tls::StartTls {
            connection.starttls(self.tls.clone(), &hello).await?;
        }
        if let Some(login) = &settings.login {
            let credentials = Credentials::new(login.user.clone(), login.password.clone());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }
}

#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Smtp(#[from] Error),
}

/// A session with the smart host.
pub(super) struct Connection {
    inner: AsyncSmtpConnection,
    patience: Patience,
    /// Why nothing more is said: after a reply that did not come, the next one would be taken for it.
    broken: Option<Refusal>,
}

/// A recipient and what became of the message for them.
pub(super) type Answer = (Address, Result<(), Refusal>);

impl Connection {
    /// Sends a message whose lines end with CR LF, in one transaction: an answer for every recipient.
    pub(super) async fn send(&mut self, sender: Option<&Address>, to: &[Address], message: &[u8]) -> Vec<Answer> {
        let all = |refusal: Refusal| to.iter().map(|address| (address.clone(), Err(refusal.clone()))).collect();
        let refuse = |reason: String| Refusal { permanent: true, reason };
        // RFC 6531 3.2: such an address goes only to a host that knows how to take it.
        let takes_utf8 = self.offers(Extension::SmtpUtfEight);
        let strange = |address: &Address| !takes_utf8 && !address.is_ascii();
        if sender.is_some_and(strange) {
            return all(refuse("the sender is not ASCII and the smart host does not offer SMTPUTF8".to_owned()));
        }
        // RFC 6152 3: without 8BITMIME a message is converted or refused.
        let message = if message.is_ascii() || self.offers(Extension::EightBitMime) {
            Cow::Borrowed(message)
        } else {
            match seven_bit::convert(message) {
                Ok(message) => Cow::Owned(message),
                Err(error) => {
                    return all(refuse(format!("the smart host does not offer 8BITMIME, and {error}")));
                }
            }
        };
        let (strangers, to): (Vec<&Address>, Vec<&Address>) = to.iter().partition(|address| strange(address));
        let no = "the address is not ASCII and the smart host does not offer SMTPUTF8";
        let mut answers: Vec<Answer> =
            strangers.into_iter().map(|address| (address.clone(), Err(refuse(no.to_owned())))).collect();
        if to.is_empty() {
            return answers;
        }
        if let Err(refusal) = self.command(self.mail_command(sender, &to, &message)).await {
            answers.extend(to.into_iter().map(|address| (address.clone(), Err(refusal.clone()))));
            return answers;
        }
        for address in to {
            answers.push((address.clone(), self.command(format!("RCPT TO:<{address}>\r\n")).await));
        }
        if answers.iter().any(|(_, answer)| answer.is_ok()) {
            let sent = self.data(&message).await;
            for (_, answer) in answers.iter_mut().filter(|(_, answer)| answer.is_ok()) {
                answer.clone_from(&sent);
            }
        }
        answers
    }

    fn offers(&self, extension: Extension) -> bool {
        self.inner.server_info().supports_feature(extension)
    }

    /// RFC 6152 and RFC 6531: what is not ASCII is announced.
    fn mail_command(&self, sender: Option<&Address>, to: &[&Address], message: &[u8]) -> String {
        let mut command = format!("MAIL FROM:<{}>", sender.map_or("", Address::as_str));
        if !message.is_ascii() {
            command.push_str(" BODY=8BITMIME");
        }
        let must = !sender.into_iter().chain(to.iter().copied()).all(Address::is_ascii);
        if must || (self.offers(Extension::SmtpUtfEight) && has_utf8_header(message)) {
            command.push_str(" SMTPUTF8");
        }
        command.push_str("\r\n");
        command
    }

    async fn command(&mut self, command: String) -> Result<(), Refusal> {
        self.answered(self.patience.command, async |inner| inner.command(command).await).await.map(drop)
    }

    async fn data(&mut self, message: &[u8]) -> Result<(), Refusal> {
        let limit = self.patience.command;
        let ready = self.answered(limit, async |inner| inner.command("DATA\r\n").await).await?;
        if !ready.has_code(354) {
            return Err(self.give_up("the smart host does not wait for the message after DATA"));
        }
        // `lettre` ends the message with CR LF dot CR LF: the last line end is its.
        let message = message.strip_suffix(b"\r\n").unwrap_or(message);
        self.answered(self.patience.message, async |inner| inner.message(message).await).await.map(drop)
    }

    /// Forgets a transaction that came to nothing.
    pub(super) async fn reset(&mut self) -> Result<(), Refusal> {
        self.command("RSET\r\n".to_owned()).await
    }

    /// Says goodbye, not waiting long.
    pub(super) async fn quit(mut self) {
        let _ = self.answered(QUIT_MAX.min(self.patience.command), async |inner| inner.quit().await).await;
    }

    /// The reply to what is said, if it comes in time and is one.
    async fn answered(
        &mut self,
        limit: Duration,
        say: impl AsyncFnOnce(&mut AsyncSmtpConnection) -> Result<Response, Error>,
    ) -> Result<Response, Refusal> {
        if let Some(refusal) = &self.broken {
            return Err(refusal.clone());
        }
        match timeout(limit, say(&mut self.inner)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => match error.status() {
                Some(code) if code.to_string() != "421" => {
                    Err(Refusal { permanent: error.is_permanent(), reason: error.to_string() })
                }
                _ => Err(self.give_up(&error.to_string())),
            },
            Err(_) => Err(self.give_up(&format!("the smart host did not answer within {limit:?}"))),
        }
    }

    fn give_up(&mut self, reason: &str) -> Refusal {
        self.broken.insert(Refusal { permanent: false, reason: reason.to_owned() }).clone()
    }
}
