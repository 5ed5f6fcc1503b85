//! What a device and the server say to one another, for an administrator who follows it.

use std::time::Duration;

use easel_server::{Document, Exchange, FOLLOWERS_MAX, Following};
use easel_store::UserId;
use jiff::{SignedDuration, Timestamp};

use super::office::{Office, Refusal};
use super::plain_body;
use super::redact::{redact, redact_line};
use super::{ExchangeShown, Reply, TracedShown};

/// How long a conversation waits for a request: by then it notices that the other side has gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// Characters of a document that are shown.
const XML_MAX: usize = 2 << 20;

/// A device is followed as long as this lives.
#[derive(Debug)]
pub(super) struct Recorded {
    following: Following,
    until: Timestamp,
    full: bool,
}

/// Follows a device, known or not yet, for so many minutes.
pub(super) fn begin(office: &Office, device: &str, minutes: u32, full: bool) -> Result<Recorded, Refusal> {
    let Some(serving) = &office.server else {
        return Err(Refusal("no server runs, and devices speak only to one: `easel serve` starts it".to_owned()));
    };
    let following = serving.running.view().follow(device);
    let following = following.ok_or_else(|| Refusal(format!("{FOLLOWERS_MAX} traces run already: end one of them")))?;
    let time = SignedDuration::from_mins(minutes.into());
    Ok(Recorded { following, until: office.now().saturating_add(time).unwrap_or(Timestamp::MAX), full })
}

/// The next request with its answer.
pub(super) fn next(office: &Office, recorded: Option<&Recorded>) -> Result<Reply, Refusal> {
    let recorded = recorded.ok_or_else(|| Refusal("no device is followed".to_owned()))?;
    let patience = left(recorded.until, office.now()).unwrap_or_default().min(PATIENCE);
    let (exchange, lost) = recorded.following.next(patience);
    let exchange = exchange.map(|exchange| shown(office, exchange, recorded.full)).transpose()?;
    let over = exchange.is_none() && left(recorded.until, office.now()).is_none();
    Ok(Reply::Traced { page: TracedShown { exchange, lost, over } })
}

/// How much time there is; `None` when it is over.
fn left(until: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(until.duration_since(now)).ok().filter(|left| !left.is_zero())
}

fn shown(office: &Office, exchange: Exchange, full: bool) -> Result<ExchangeShown, Refusal> {
    Ok(ExchangeShown {
        at: exchange.began.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        login: exchange.user.map_or_else(|| Ok("-".to_owned()), |user| login(office, user))?,
        command: exchange.command.to_owned(),
        version: match exchange.version {
            0 => "-".to_owned(),
            version => format!("{}.{}", version / 10, version % 10),
        },
        code: Some(exchange.code).filter(|code| *code != 0),
        millis: u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX),
        worked_micros: u64::try_from(exchange.worked.as_micros()).unwrap_or(u64::MAX),
        request: match &exchange.refused {
            Some(refused) if !refused.line.is_empty() => line(&refused.line, full),
            Some(_) | None => text(&exchange.request, full),
        },
        answer: text(&exchange.answer, full),
        refused: exchange.refused.map(|refused| refused.reason),
    })
}

/// The first line of a request that was refused: nothing of its body was looked at.
fn line(line: &str, full: bool) -> String {
    let line = if full { line.to_owned() } else { redact_line(line) };
    format!("{line}\n(refused before its body was looked at)")
}

fn login(office: &Office, user: UserId) -> Result<String, Refusal> {
    let Some(user) = office.store.user(user)? else { return Ok("removed".to_owned()) };
    let tenant = office.store.tenants()?.into_iter().find(|tenant| tenant.id == user.tenant);
    Ok(format!("{}@{}", user.name, tenant.map(|tenant| tenant.name).unwrap_or_default()))
}

/// A document as XML; what is none, or too long to be one, by its length.
fn text(document: &Document, full: bool) -> String {
    let Document { bytes, length } = document;
    if *length == 0 {
        return "nothing".to_owned();
    }
    if bytes.len() < *length {
        return format!("{length} bytes, too many to be recorded (at most {})", bytes.len());
    }
    let mut root = match easel_wbxml::decode(bytes) {
        Ok(root) => root,
        Err(error) => return plain_body::text(bytes, &error, full),
    };
    if !full {
        redact(&mut root);
    }
    let xml = easel_wbxml::xml::to_xml_pretty(&root);
    let xml = xml.split_once('\n').map_or(xml.as_str(), |(_, document)| document).trim_end();
    match xml.char_indices().nth(XML_MAX) {
        Some((end, _)) => format!("{}\n[cut after {XML_MAX} characters]", &xml[..end]),
        None => xml.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_over_at_its_end() {
        let at = |secs| Timestamp::from_second(secs).unwrap();
        assert_eq!(left(at(60), at(58)), Some(Duration::from_secs(2)));
        assert_eq!([left(at(60), at(60)), left(at(60), at(90))], [None, None]);
    }

    #[test]
    fn what_is_no_document_or_too_long_is_told_by_its_length() {
        let of = |bytes: &[u8], length| text(&Document { bytes: bytes.to_vec(), length }, true);
        assert_eq!(of(b"", 0), "nothing");
        assert_eq!(of(b"\x03\x01", 9), "9 bytes, too many to be recorded (at most 2)");
    }
}
