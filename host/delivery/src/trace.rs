//! The header fields that a delivery leaves on a message. RFC 5321 4.4 "Trace Information".

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Address;

/// Where a message came from and whom it is for, as the fields put before it say.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// The envelope's sender; `None` for a report.
    pub sender: Option<&'a Address>,
    /// The recipient this copy is for, as the envelope named it.
    pub recipient: &'a Address,
    /// What the client called itself and how it spoke; `None` for a message of a local user.
    pub from: Option<Hop<'a>>,
    /// The name of this server.
    pub by: &'a str,
    /// Names the delivery, in this server's log.
    pub id: &'a str,
    /// When.
    pub at: Timestamp,
}

/// The client that handed a message over.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// The name it gave: a domain or an address literal.
    pub name: &'a str,
    /// The protocol, of the IANA registry "Mail Transmission Types".
    pub with: &'static str,
}

impl Trace<'_> {
    /// The fields, each with its line end, to stand before everything else in the message.
    pub fn fields(&self) -> String {
        let mut out = String::new();
        let sender = self.sender.map_or("", Address::as_str);
        let _ = write!(out, "Return-Path: <{sender}>\r\nDelivered-To: {}\r\nReceived: ", self.recipient);
        if let Some(hop) = self.from {
            let _ = write!(out, "from {}\r\n\t", hop.name);
        }
        let _ = write!(out, "by {}", self.by);
        if let Some(hop) = self.from {
            let _ = write!(out, " with {}", hop.with);
        }
        let date = jiff::fmt::rfc2822::to_string(&self.at.to_zoned(TimeZone::UTC)).unwrap_or_default();
        let _ = write!(out, " id {}\r\n\tfor <{}>;\r\n\t{date}\r\n", self.id, self.recipient);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_name_sender_recipient_and_time() {
        let (sender, recipient) = (Address::parse("bob@x.example").unwrap(), Address::parse("anna@ox.io").unwrap());
        let mut trace = Trace {
            sender: Some(&sender),
            recipient: &recipient,
            from: Some(Hop { name: "mx.x.example", with: "LMTP" }),
            by: "easel.example",
            id: "7",
            at: "2026-02-03T04:05:06Z".parse().unwrap(),
        };
        assert_eq!(
            trace.fields(),
            "Return-Path: <bob@x.example>\r\n\
             Delivered-To: anna@ox.io\r\n\
             Received: from mx.x.example\r\n\tby easel.example with LMTP id 7\r\n\tfor <anna@ox.io>;\r\n\
             \tTue, 3 Feb 2026 04:05:06 +0000\r\n"
        );
        (trace.sender, trace.from) = (None, None);
        assert!(trace.fields().starts_with("Return-Path: <>\r\nDelivered-To: anna@ox.io\r\nReceived: by easel"));
    }
}
