//! A session, spoken through `lettre`: its connection, TLS, login and replies; the commands are written here, because
//! every recipient has an answer of its own and `lettre` knows no DSN.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use easel_store::FailedRecipient;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::lines::has_utf8_header;
use super::offers::Offers;
use super::{Patience, seven_bit};
use crate::Address;

/// How long goodbye may take.
const QUIT_MAX: Duration = Duration::from_secs(5);

/// Why a recipient, or a message, was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Whether trying again is of no use.
    pub(super) permanent: bool,
    /// What the server said, or what went wrong.
    pub(super) reason: String,
    /// As in [`FailedRecipient`].
    pub(super) status: String,
    /// The server, if it is one who said it.
    pub(super) host: String,
}

impl Refusal {
    /// For good, said by nobody but this server.
    pub(super) fn ours(status: &str, reason: String) -> Self {
        Self { permanent: true, reason, status: status.to_owned(), host: String::new() }
    }

    /// For now, said by nobody but this server.
    pub(super) fn for_now(reason: String) -> Self {
        Self { reason, ..Self::default() }
    }

    /// The same about somebody.
    pub(super) fn about(&self, recipient: &str) -> FailedRecipient {
        FailedRecipient {
            recipient: recipient.to_owned(),
            reason: self.reason.clone(),
            status: self.status.clone(),
            host: self.host.clone(),
        }
    }
}

/// A message with its envelope.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// The sender; `None` of a report.
    pub(super) sender: Option<&'a Address>,
    /// Names the message to whoever reports about it. RFC 3461 4.4.
    pub(super) id: &'a str,
    /// Lines that end with CR LF.
    pub(super) message: &'a [u8],
}

/// A session with a server.
pub(super) struct Connection {
    inner: AsyncSmtpConnection,
    offers: Offers,
    host: String,
    patience: Patience,
    /// Why nothing more is said: after a reply that did not come, the next one would be taken for it.
    broken: Option<Refusal>,
    /// Whether the message is under way: from then on only the server knows whether it has it.
    handing_over: bool,
    /// Whether the server has said, before it had a message, that it takes none now.
    turned_away: bool,
}

/// A recipient and what became of the message for them.
pub(super) type Answer = (Address, Result<(), Refusal>);

impl Connection {
    pub(super) const fn new(inner: AsyncSmtpConnection, offers: Offers, host: String, patience: Patience) -> Self {
        Self { inner, offers, host, patience, broken: None, handing_over: false, turned_away: false }
    }

    /// Whether the server has sent this client away, and whoever is left may be served by another at once: it said 4xx to
    /// MAIL, or 421 to anything but a message. Never when a message may have been taken without a word.
    pub(super) const fn turned_away(&self) -> bool {
        self.turned_away
    }

    /// Sends a message in one transaction: an answer for every recipient.
    pub(super) async fn send(&mut self, envelope: &Envelope<'_>, to: &[Address]) -> Vec<Answer> {
        let all = |refusal: Refusal| to.iter().map(|address| (address.clone(), Err(refusal.clone()))).collect();
        // RFC 6531 3.2: such an address goes only to a host that knows how to take it.
        let strange = |address: &Address| !self.offers.smtp_utf8 && !address.is_ascii();
        let no_utf8 = |what: &str| {
            Refusal::ours("5.6.7", format!("{what} is not ASCII and {} does not offer SMTPUTF8", self.host))
        };
        if envelope.sender.is_some_and(strange) {
            return all(no_utf8("the sender"));
        }
        let message = match self.taken_form(envelope.message) {
            Ok(message) => message,
            Err(refusal) => return all(refusal),
        };
        let (strangers, to): (Vec<&Address>, Vec<&Address>) = to.iter().partition(|address| strange(address));
        let mut answers: Vec<Answer> =
            strangers.into_iter().map(|address| (address.clone(), Err(no_utf8("the address")))).collect();
        if to.is_empty() {
            return answers;
        }
        let envelope = Envelope { message: &message, ..*envelope };
        if let Err(refusal) = self.command(self.mail_command(&envelope, &to)).await {
            // What has no host behind it was said by nobody.
            self.turned_away |= !refusal.permanent && !refusal.host.is_empty();
            answers.extend(to.into_iter().map(|address| (address.clone(), Err(refusal.clone()))));
            return answers;
        }
        for address in to {
            let command = self.rcpt_command(&envelope, address);
            answers.push((address.clone(), self.command(command).await));
        }
        if answers.iter().any(|(_, answer)| answer.is_ok()) {
            let sent = self.data(&message).await;
            for (_, answer) in answers.iter_mut().filter(|(_, answer)| answer.is_ok()) {
                answer.clone_from(&sent);
            }
        }
        answers
    }

    /// The message as this server takes it, if it does at all.
    fn taken_form<'m>(&self, message: &'m [u8]) -> Result<Cow<'m, [u8]>, Refusal> {
        // RFC 6152 3: without 8BITMIME a message is converted or refused.
        let message = if message.is_ascii() || self.offers.eight_bit_mime {
            Cow::Borrowed(message)
        } else {
            let refused = |error| Refusal::ours("5.6.3", format!("{} does not offer 8BITMIME, and {error}", self.host));
            Cow::Owned(seven_bit::convert(message).map_err(refused)?)
        };
        match self.offers.size_max {
            Some(max) if message.len() as u64 > max => {
                let reason = format!("{} bytes are more than {} takes ({max})", message.len(), self.host);
                Err(Refusal::ours("5.3.4", reason))
            }
            Some(_) | None => Ok(message),
        }
    }

    /// RFC 1870, RFC 3461, RFC 6152 and RFC 6531: what is special is announced.
    fn mail_command(&self, envelope: &Envelope<'_>, to: &[&Address]) -> String {
        let Envelope { sender, id, message } = *envelope;
        let mut command = format!("MAIL FROM:<{}>", sender.map_or("", Address::as_str));
        if self.offers.size {
            let _ = write!(command, " SIZE={}", message.len());
        }
        if !message.is_ascii() {
            command.push_str(" BODY=8BITMIME");
        }
        let must = !sender.into_iter().chain(to.iter().copied()).all(Address::is_ascii);
        if must || (self.offers.smtp_utf8 && has_utf8_header(message)) {
            command.push_str(" SMTPUTF8");
        }
        // The sender has a copy: the header is enough to know which message it was.
        if self.offers.dsn && sender.is_some() {
            let _ = write!(command, " RET=HDRS ENVID={}", xtext(id));
        }
        command.push_str("\r\n");
        command
    }

    /// RFC 3461 4.1, 4.2: the sender wants to know of failures and delays; nobody, of what has no return path.
    fn rcpt_command(&self, envelope: &Envelope<'_>, address: &Address) -> String {
        let mut command = format!("RCPT TO:<{address}>");
        if self.offers.dsn {
            match envelope.sender {
                None => command.push_str(" NOTIFY=NEVER"),
                Some(_) if address.is_ascii() => {
                    let _ = write!(command, " NOTIFY=FAILURE,DELAY ORCPT=rfc822;{}", xtext(address.as_str()));
                }
                // RFC 6533 3.
                Some(_) => {
                    let _ = write!(command, " NOTIFY=FAILURE,DELAY ORCPT=utf-8;{}", xtext(address.as_str()));
                }
            }
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
            return Err(self.give_up(&format!("{} does not wait for the message after DATA", self.host)));
        }
        // `lettre` ends the message with CR LF dot CR LF: the last line end is its.
        let message = message.strip_suffix(b"\r\n").unwrap_or(message);
        self.handing_over = true;
        let taken = self.answered(self.patience.message, async |inner| inner.message(message).await).await;
        self.handing_over = false;
        taken.map(drop)
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
            Ok(Err(error)) => match error.status().map(|code| code.to_string()) {
                Some(code) if code != "421" => Err(self.refused(&code, &error)),
                Some(code) => {
                    let refusal = self.refused(&code, &error);
                    self.turned_away |= !self.handing_over;
                    Err(self.broken.insert(refusal).clone())
                }
                None => Err(self.give_up(&format!("{}: {error}", self.host))),
            },
            Err(_) => Err(self.give_up(&format!("{} did not answer within {limit:?}", self.host))),
        }
    }

    fn refused(&self, code: &str, error: &Error) -> Refusal {
        let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        Refusal {
            permanent: error.is_permanent(),
            status: enhanced(code, &text),
            reason: format!("{code} {text}").trim_end().to_owned(),
            host: self.host.clone(),
        }
    }

    fn give_up(&mut self, reason: &str) -> Refusal {
        self.broken.insert(Refusal::for_now(reason.to_owned())).clone()
    }
}

/// The number behind a reply: the enhanced one if there is one of the same class, else a plain one of that class.
/// RFC 2034 4, RFC 3463 2.
fn enhanced(code: &str, text: &str) -> String {
    let class = code.chars().next().unwrap_or('4');
    let said = text.split_ascii_whitespace().next().unwrap_or_default();
    let parts: Vec<&str> = said.split('.').collect();
    let number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() == 3 && parts.iter().all(number) && said.starts_with(class) {
        said.to_owned()
    } else {
        format!("{class}.0.0")
    }
}

/// RFC 3461 4 "Additional parameters for RCPT and MAIL commands"; beyond ASCII as RFC 6533 3 has it.
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '!'..='~' if !matches!(c, '+' | '=') => out.push(c),
            ' '..='~' => {
                let _ = write!(out, "+{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_refusal_is_the_enhanced_one_of_the_same_class() {
        for (code, text, status) in [
            ("550", "5.1.1 no such user", "5.1.1"),
            ("452", "4.2.2 full", "4.2.2"),
            ("550", "4.2.2 odd", "5.0.0"),
            ("554", "no", "5.0.0"),
            ("450", "", "4.0.0"),
            ("550", "5.1 short", "5.0.0"),
            ("550", "5.1.1234 long", "5.0.0"),
        ] {
            assert_eq!(enhanced(code, text), status, "{code} {text}");
        }
    }

    #[test]
    fn what_has_a_meaning_in_a_parameter_is_written_as_a_number() {
        assert_eq!(xtext("a+b=c\"d e\"@ox.io"), "a+2Bb+3Dc\"d+20e\"@ox.io");
        assert_eq!(xtext("ü@ox.io"), "ü@ox.io");
    }
}
