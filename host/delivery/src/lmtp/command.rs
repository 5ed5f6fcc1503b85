//! What a client says. RFC 5321 4.1.1 "Command Semantics and Syntax", RFC 2033 4.1 "The LHLO, HELO and EHLO Commands".
//!
//! Strict on purpose. A line comes in whole and clean ([`super::session`]); what this grammar does not know is refused
//! and not skipped, so that this server and whatever stands before it cannot read one line in two ways.

use super::reply::Reply;
use crate::Address;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Bytes of the message follow, `size` of them.
    Bdat {
        size: u64,
        last: bool,
    },
    /// The message follows, ended by a dot.
    Data,
    Help,
    /// The client's name: a domain or an address literal.
    Lhlo(String),
    Mail(MailFrom),
    Noop,
    Quit,
    /// The recipient; `None` is `<postmaster>` without a domain.
    Rcpt(Option<Address>),
    Rset,
    Vrfy,
}

/// The sender and what is known of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MailFrom {
    /// `None` is `<>`, the sender of a report.
    pub(super) sender: Option<Address>,
    /// RFC 1870 "SIZE"; 0 when nothing was said.
    pub(super) size: u64,
    /// RFC 6531 "SMTPUTF8".
    pub(super) utf8: bool,
}

/// Reads a line without its end.
pub(super) fn parse(line: &str) -> Result<Command, Reply> {
    let (verb, argument) = match line.split_once(' ') {
        Some((verb, argument)) => (verb, argument.trim_end_matches(' ')),
        None => (line, ""),
    };
    let alone = |command| if argument.is_empty() { Ok(command) } else { Err(Reply::NO_PARAMETERS) };
    match verb.to_ascii_uppercase().as_str() {
        "BDAT" => bdat(argument),
        "DATA" => alone(Command::Data),
        "EHLO" | "HELO" => Err(Reply::NOT_LMTP),
        "HELP" => Ok(Command::Help),
        "LHLO" => lhlo(argument),
        "MAIL" => mail(argument),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => alone(Command::Quit),
        "RCPT" => rcpt(argument),
        "RSET" => alone(Command::Rset),
        "VRFY" => Ok(Command::Vrfy),
        _ => Err(Reply::UNKNOWN_COMMAND),
    }
}

fn lhlo(argument: &str) -> Result<Command, Reply> {
    // The name is written into a header field: letters, digits and what address literals are made of.
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    if argument.is_empty() || argument.len() > 255 || !argument.bytes().all(fits) {
        return Err(Reply::BAD_PARAMETER);
    }
    Ok(Command::Lhlo(argument.to_owned()))
}

/// RFC 3030 2 "Framework for the Large Message Extension".
fn bdat(argument: &str) -> Result<Command, Reply> {
    let (size, last) = match argument.split_once(' ') {
        Some((size, last)) if last.eq_ignore_ascii_case("LAST") => (size, true),
        Some(_) => return Err(Reply::BAD_PARAMETER),
        None => (argument, false),
    };
    Ok(Command::Bdat { size: number(size)?, last })
}

fn mail(argument: &str) -> Result<Command, Reply> {
    let (path, parameters) = path(argument, "FROM:")?;
    let sender = if path.is_empty() { None } else { Some(Address::parse(path).map_err(|_| Reply::BAD_PATH)?) };
    let mut from = MailFrom { sender, size: 0, utf8: false };
    let mut seen: Vec<String> = Vec::new();
    for parameter in parameters {
        let (name, value) = parameter.split_once('=').map_or((parameter, None), |(name, value)| (name, Some(value)));
        let name = name.to_ascii_uppercase();
        match (name.as_str(), value) {
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("7BIT") || value.eq_ignore_ascii_case("8BITMIME") => {}
            ("SIZE", Some(value)) => from.size = number(value)?,
            ("SMTPUTF8", None) => from.utf8 = true,
            ("BODY" | "SIZE" | "SMTPUTF8", _) => return Err(Reply::BAD_PARAMETER),
            _ => return Err(Reply::UNKNOWN_PARAMETER),
        }
        if seen.contains(&name) {
            return Err(Reply::BAD_PARAMETER);
        }
        seen.push(name);
    }
    Ok(Command::Mail(from))
}

fn rcpt(argument: &str) -> Result<Command, Reply> {
    let (path, mut parameters) = path(argument, "TO:")?;
    // None was announced.
    if parameters.next().is_some() {
        return Err(Reply::UNKNOWN_PARAMETER);
    }
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Command::Rcpt(None));
    }
    Address::parse(path).map(|address| Command::Rcpt(Some(address))).map_err(|_| Reply::BAD_PATH)
}

/// The path between the angle brackets, and the parameters behind it. A source route is dropped (RFC 5321 appendix C).
fn path<'a>(argument: &'a str, keyword: &str) -> Result<(&'a str, impl Iterator<Item = &'a str> + use<'a>), Reply> {
    let begins = argument.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword));
    let rest = if begins { &argument[keyword.len()..] } else { return Err(Reply::BAD_PARAMETER) };
    let inside = rest.strip_prefix('<').ok_or(Reply::BAD_PATH)?;
    let end = closing_bracket(inside).ok_or(Reply::BAD_PATH)?;
    let (path, rest) = (&inside[..end], &inside[end + 1..]);
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(Reply::BAD_PATH);
    }
    let path = match path.strip_prefix('@') {
        Some(routed) => routed.split_once(':').ok_or(Reply::BAD_PATH)?.1,
        None => path,
    };
    Ok((path, rest.split(' ').filter(|parameter| !parameter.is_empty())))
}

/// Where the `>` is that no quotes are around.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|b| {
        let ends = b == b'>' && !quoted;
        (quoted, escaped) = (quoted ^ (b == b'"' && !escaped), quoted && b == b'\\' && !escaped);
        ends
    })
}

fn number(text: &str) -> Result<u64, Reply> {
    // RFC 1870: at most 20 digits; more than fits is more than fits any message.
    if text.is_empty() || text.len() > 20 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reply::BAD_PARAMETER);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(line: &str) -> Result<Option<String>, Reply> {
        let command = parse(line)?;
        let Command::Mail(from) = command else { panic!("{command:?}") };
        Ok(from.sender.map(|sender| sender.to_string()))
    }

    #[test]
    fn commands_are_read_without_regard_to_case() {
        assert_eq!(parse("lhlo mx.example"), Ok(Command::Lhlo("mx.example".to_owned())));
        assert_eq!(parse("LHLO [IPv6:::1]"), Ok(Command::Lhlo("[IPv6:::1]".to_owned())));
        assert_eq!(parse("Data"), Ok(Command::Data));
        assert_eq!(parse("BDAT 12"), Ok(Command::Bdat { size: 12, last: false }));
        assert_eq!(parse("bdat 0 last"), Ok(Command::Bdat { size: 0, last: true }));
        assert_eq!(parse("rcpt to:<PostMaster>"), Ok(Command::Rcpt(None)));
        assert_eq!(parse("noop whatever"), Ok(Command::Noop));
    }

    #[test]
    fn a_sender_is_an_address_or_nothing() {
        assert_eq!(sender("MAIL FROM:<>"), Ok(None));
        assert_eq!(sender("mail from:<a@x>"), Ok(Some("a@x".to_owned())));
        assert_eq!(sender("MAIL FROM:<@r.example,@s.example:a@x>"), Ok(Some("a@x".to_owned())));
        assert_eq!(sender(r#"MAIL FROM:<"a> b"@x> SIZE=5"#), Ok(Some(r#""a> b"@x"#.to_owned())));
        for bad in ["MAIL FROM:a@x", "MAIL FROM: <a@x>", "MAIL FROM:<a@x", "MAIL FROM:<a@x>SIZE=1", "MAIL FROM:<a>"] {
            assert_eq!(sender(bad), Err(Reply::BAD_PATH), "{bad}");
        }
        assert_eq!(sender("MAIL TO:<a@x>"), Err(Reply::BAD_PARAMETER));
    }

    #[test]
    fn only_the_parameters_announced_are_taken() {
        let from = |size, utf8| Ok(Command::Mail(MailFrom { sender: None, size, utf8 }));
        assert_eq!(parse("MAIL FROM:<> SIZE=123 body=8bitmime SMTPUTF8"), from(123, true));
        assert_eq!(parse("MAIL FROM:<>  BODY=7BIT "), from(0, false));
        assert_eq!(parse("MAIL FROM:<> SIZE=99999999999999999999"), from(u64::MAX, false));
        for bad in ["SIZE", "SIZE=", "SIZE=-1", "SIZE=+1", "SIZE=1 SIZE=1", "SMTPUTF8=1", "BODY=BINARYMIME", "BODY"] {
            assert_eq!(parse(&format!("MAIL FROM:<> {bad}")), Err(Reply::BAD_PARAMETER), "{bad}");
        }
        for unknown in ["RET=FULL", "AUTH=<>", "HOLDFOR=1", "X"] {
            assert_eq!(parse(&format!("MAIL FROM:<> {unknown}")), Err(Reply::UNKNOWN_PARAMETER), "{unknown}");
        }
        assert_eq!(parse("RCPT TO:<a@x> NOTIFY=NEVER"), Err(Reply::UNKNOWN_PARAMETER));
    }

    #[test]
    fn what_is_not_lmtp_is_refused() {
        assert_eq!(parse("EHLO x"), Err(Reply::NOT_LMTP));
        assert_eq!(parse("HELO x"), Err(Reply::NOT_LMTP));
        for bad in ["LHLO", "LHLO a b", "LHLO a(b", "BDAT", "BDAT x", "BDAT 1 LAS", "BDAT 1 LAST x"] {
            assert_eq!(parse(bad), Err(Reply::BAD_PARAMETER), "{bad}");
        }
        for bad in ["DATA x", "RSET x", "QUIT now"] {
            assert_eq!(parse(bad), Err(Reply::NO_PARAMETERS), "{bad}");
        }
        for bad in ["", " ", "DATA\t", "STARTTLS", "AUTH PLAIN", "TURN", "XYZ", "DATAX"] {
            assert_eq!(parse(bad), Err(Reply::UNKNOWN_COMMAND), "{bad}");
        }
        for bad in ["RCPT TO:<>", "RCPT TO:<a@x", "RCPT TO:<a>", "RCPT TO:<@r.example>"] {
            assert_eq!(parse(bad), Err(Reply::BAD_PATH), "{bad}");
        }
    }
}
