//! One session, without its socket: bytes go in, replies and questions come out.
//!
//! ```text
//!   push(bytes) --> advance() --> Read       more bytes are needed
//!        ^                   |--> Look(..)   is there such a recipient?  --> looked(..)    --> advance()
//!        |                   |--> Deliver(..) store the message          --> delivered(..) --> advance()
//!        |                   '--> Close      write the replies and hang up
//!        '--- write replies() whenever there are some
//! ```

use easel_store::UserId;

use super::Limits;
use super::command::{Command, MailFrom, parse};
use super::content::{Content, Dots};
use super::reply::{Reply, write_extensions};
use crate::Address;

/// What a session needs next.
#[derive(Debug)]
pub(super) enum Turn {
    /// The replies written and the connection closed.
    Close,
    /// A message stored, and a reply for each recipient.
    Deliver(Box<Transaction>),
    /// To know whose address it is.
    Look(Address),
    /// More bytes.
    Read,
}

/// Whether a recipient is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// The store did not answer.
    Failed,
    /// This user's.
    Found(UserId),
    /// Somebody's who has no room left.
    Full,
    /// Nobody's.
    Unknown,
}

/// A message with its envelope.
#[derive(Debug)]
pub(super) struct Transaction {
    /// What the client called itself.
    pub(super) client: String,
    /// The sender, `None` of a report.
    pub(super) sender: Option<Address>,
    /// Whether SMTPUTF8 was asked for.
    pub(super) utf8: bool,
    /// Whoever was accepted, in order; each is owed a reply.
    pub(super) recipients: Vec<(Address, UserId)>,
    /// The message.
    pub(super) message: Vec<u8>,
}

/// The envelope while it is being written.
#[derive(Debug)]
struct Envelope {
    from: MailFrom,
    recipients: Vec<(Address, UserId)>,
    /// Recipients that were not accepted.
    refused: usize,
    /// The chunks so far, from the first BDAT on.
    chunks: Option<Content>,
}

#[derive(Debug)]
enum Phase {
    /// A chunk of a message.
    Chunk {
        left: u64,
        last: bool,
        kept: bool,
    },
    Command,
    /// A message that a dot ends.
    Data {
        content: Content,
        dots: Dots,
    },
    /// Waits for [`Session::delivered`].
    Delivering,
    /// Waits for [`Session::looked`].
    Looking(Address),
    /// Nothing more is read.
    Over,
    /// A line that was too long already, up to its end.
    Skipping,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    hostname: String,
    limits: Limits,
    input: Vec<u8>,
    used: usize,
    output: Vec<u8>,
    client: Option<String>,
    envelope: Option<Envelope>,
    phase: Phase,
    errors: u32,
}

impl Session {
    /// Begins with the greeting.
    pub(super) fn new(hostname: &str, limits: Limits) -> Self {
        let mut session = Self {
            hostname: hostname.to_owned(),
            limits,
            input: Vec::new(),
            used: 0,
            output: Vec::new(),
            client: None,
            envelope: None,
            phase: Phase::Command,
            errors: 0,
        };
        Reply::greeting(hostname).write(&mut session.output);
        session
    }

    /// Hands over what came from the client.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.input.drain(..self.used);
        self.used = 0;
        self.input.extend_from_slice(bytes);
    }

    /// The replies written since the last call.
    pub(super) fn replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Ends the session with a reply that explains why.
    pub(super) fn end(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
        self.phase = Phase::Over;
    }

    /// Goes on until something is needed from outside.
    pub(super) fn advance(&mut self) -> Turn {
        loop {
            let turn = match &mut self.phase {
                Phase::Chunk { .. } => self.chunk(),
                Phase::Command => self.line(),
                Phase::Data { .. } => self.data(),
                Phase::Looking(address) => Some(Turn::Look(address.clone())),
                Phase::Over => Some(Turn::Close),
                Phase::Skipping => self.skip(),
                Phase::Delivering => Some(Turn::Read),
            };
            if let Some(turn) = turn {
                return turn;
            }
        }
    }

    /// Answers [`Turn::Look`].
    pub(super) fn looked(&mut self, looked: Looked) {
        let Phase::Looking(address) = std::mem::replace(&mut self.phase, Phase::Command) else { return };
        match (looked, &mut self.envelope) {
            (Looked::Found(user), Some(envelope)) => {
                envelope.recipients.push((address, user));
                self.say(&Reply::RECIPIENT_OK);
            }
            (Looked::Found(_) | Looked::Failed, _) => self.refuse_recipient(&Reply::STORE_FAILED),
            (Looked::Full, _) => self.refuse_recipient(&Reply::MAILBOX_FULL),
            (Looked::Unknown, _) => self.refuse_recipient(&Reply::RECIPIENT_UNKNOWN),
        }
    }

    fn refuse_recipient(&mut self, reply: &Reply) {
        if let Some(envelope) = &mut self.envelope {
            envelope.refused += 1;
        }
        self.say(reply);
    }

    /// Answers [`Turn::Deliver`]: a reply for each recipient, in their order.
    pub(super) fn delivered(&mut self, replies: &[Reply]) {
        self.phase = Phase::Command;
        for reply in replies {
            reply.write(&mut self.output);
        }
    }

    fn rest(&self) -> &[u8] {
        &self.input[self.used..]
    }

    fn say(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
        // RFC 2920 3.1: a client that does not wait for replies says DATA after recipients none of whom was accepted.
        let unknowing = *reply == Reply::NEED_RECIPIENT && self.envelope.as_ref().is_some_and(|one| one.refused > 0);
        if reply.is_mistake() && !unknowing {
            self.errors += 1;
            if self.errors >= self.limits.errors_max {
                self.end(&Reply::TOO_MANY_ERRORS);
            }
        }
    }

    fn line(&mut self) -> Option<Turn> {
        let rest = self.rest();
        let end = rest.iter().position(|b| *b == b'\n');
        if end.map_or(rest.len(), |end| end + 1) > self.limits.line_bytes_max {
            self.phase = Phase::Skipping;
            return None;
        }
        let Some(end) = end else { return Some(Turn::Read) };
        let line = rest[..end].strip_suffix(b"\r").map(<[u8]>::to_vec);
        self.used += end + 1;
        match line {
            // A client that ends lines otherwise may mean more than one by what looks like one; it is not asked which.
            None => self.end(&Reply::BAD_LINE_END),
            Some(line) if line.contains(&b'\r') || line.contains(&0) => self.end(&Reply::BAD_LINE_END),
            Some(line) => match std::str::from_utf8(&line).map_err(|_| Reply::UNKNOWN_COMMAND).and_then(parse) {
                Ok(command) => self.obey(command),
                Err(reply) => self.say(&reply),
            },
        }
        None
    }

    fn skip(&mut self) -> Option<Turn> {
        let end = self.rest().iter().position(|b| *b == b'\n');
        self.used = end.map_or(self.input.len(), |end| self.used + end + 1);
        if end.is_none() {
            return Some(Turn::Read);
        }
        self.phase = Phase::Command;
        self.say(&Reply::LINE_TOO_LONG);
        None
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Data => self.begin_data(),
            Command::Help => self.say(&Reply::HELP),
            Command::Lhlo(client) => {
                self.client = Some(client);
                self.envelope = None;
                write_extensions(&self.hostname, self.limits.message_bytes_max, &mut self.output);
            }
            Command::Mail(from) => self.mail(from),
            Command::Noop => self.say(&Reply::OK),
            Command::Quit => self.end(&Reply::CLOSING),
            Command::Rcpt(address) => self.rcpt(address),
            Command::Rset => {
                self.envelope = None;
                self.say(&Reply::OK);
            }
            Command::Vrfy => self.say(&Reply::VERIFY),
        }
    }

    fn mail(&mut self, from: MailFrom) {
        let reply = match (&self.client, &self.envelope) {
            (None, _) => Reply::NEED_LHLO,
            (Some(_), Some(_)) => Reply::NESTED_MAIL,
            _ if from.size > self.limits.message_bytes_max => Reply::MESSAGE_TOO_LARGE,
            _ if from.sender.as_ref().is_some_and(|sender| !sender.is_ascii()) && !from.utf8 => Reply::NEED_SMTPUTF8,
            _ => {
                self.envelope = Some(Envelope { from, recipients: Vec::new(), refused: 0, chunks: None });
                Reply::SENDER_OK
            }
        };
        self.say(&reply);
    }

    fn rcpt(&mut self, address: Option<Address>) {
        let Some(envelope) = &self.envelope else { return self.say(&Reply::NEED_MAIL) };
        if envelope.chunks.is_some() {
            return self.say(&Reply::NOT_CHUNKED);
        }
        let most = self.limits.recipients_max;
        // Also when nobody was accepted: whoever guesses names has so many looked for in a transaction.
        if envelope.recipients.len() >= most || envelope.refused >= most {
            return self.say(&Reply::TOO_MANY_RECIPIENTS);
        }
        let postmaster = || Address::parse(&format!("postmaster@{}", self.hostname)).ok();
        let Some(address) = address.or_else(postmaster) else {
            return self.refuse_recipient(&Reply::RECIPIENT_UNKNOWN);
        };
        if !address.is_ascii() && !envelope.from.utf8 {
            return self.refuse_recipient(&Reply::NEED_SMTPUTF8);
        }
        self.phase = Phase::Looking(address);
    }

    fn begin_data(&mut self) {
        let reply = match &self.envelope {
            None => Reply::NEED_MAIL,
            Some(envelope) if envelope.chunks.is_some() => Reply::NOT_CHUNKED,
            // RFC 2033 4.2: nobody to answer for, so the message is not even begun.
            Some(envelope) if envelope.recipients.is_empty() => Reply::NEED_RECIPIENT,
            Some(_) => {
                let content = Content::new(self.limits.message_bytes_max);
                self.phase = Phase::Data { content, dots: Dots::LineStart };
                Reply::GO_AHEAD
            }
        };
        self.say(&reply);
    }

    fn data(&mut self) -> Option<Turn> {
        let Phase::Data { content, dots } = &mut self.phase else { return None };
        let (used, ended) = dots.take(&self.input[self.used..], content);
        self.used += used;
        if content.is_hopeless() {
            self.end(&Reply::TOO_MUCH);
            return None;
        }
        if !ended {
            return Some(Turn::Read);
        }
        let Phase::Data { content, .. } = std::mem::replace(&mut self.phase, Phase::Command) else { return None };
        self.finish(content)
    }

    /// RFC 3030 2: the bytes of a chunk come whatever is thought of them, so they are always read.
    fn bdat(&mut self, size: u64, last: bool) {
        let max = self.limits.message_bytes_max;
        let kept = match &mut self.envelope {
            Some(envelope) if !envelope.recipients.is_empty() => {
                envelope.chunks.get_or_insert_with(|| Content::new(max));
                true
            }
            Some(_) | None => false,
        };
        if size > max.saturating_mul(4) {
            return self.end(&Reply::TOO_MUCH);
        }
        self.phase = Phase::Chunk { left: size, last, kept };
    }

    fn chunk(&mut self) -> Option<Turn> {
        let Phase::Chunk { left, last, kept } = &mut self.phase else { return None };
        let rest = &self.input[self.used..];
        let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
        let chunks = self.envelope.as_mut().and_then(|envelope| envelope.chunks.as_mut()).filter(|_| *kept);
        let mut hopeless = false;
        if let Some(chunks) = chunks {
            chunks.take(&rest[..taken]);
            hopeless = chunks.is_hopeless();
        }
        self.used += taken;
        *left -= taken as u64;
        if hopeless {
            self.end(&Reply::TOO_MUCH);
            return None;
        }
        if *left > 0 {
            return Some(Turn::Read);
        }
        let (last, kept) = (*last, *kept);
        self.phase = Phase::Command;
        self.end_chunk(last, kept)
    }

    fn end_chunk(&mut self, last: bool, kept: bool) -> Option<Turn> {
        if !kept {
            let reply = if self.envelope.is_some() { Reply::NEED_RECIPIENT } else { Reply::NEED_MAIL };
            self.say(&reply);
            return None;
        }
        let envelope = self.envelope.as_mut()?;
        if last {
            let content = envelope.chunks.take()?;
            return self.finish(content);
        }
        let refused = envelope.chunks.as_ref().is_some_and(Content::is_refused);
        self.say(if refused { &Reply::BDAT_REFUSED } else { &Reply::CHUNK_TAKEN });
        None
    }

    /// The message is whole: hands it out, or refuses it once for each recipient (RFC 2033 4.2).
    fn finish(&mut self, content: Content) -> Option<Turn> {
        let envelope = self.envelope.take()?;
        match content.finish() {
            Ok(message) => {
                self.phase = Phase::Delivering;
                Some(Turn::Deliver(Box::new(Transaction {
                    client: self.client.clone().unwrap_or_default(),
                    sender: envelope.from.sender,
                    utf8: envelope.from.utf8,
                    recipients: envelope.recipients,
                    message,
                })))
            }
            Err(reply) => {
                envelope.recipients.iter().for_each(|_| reply.write(&mut self.output));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
