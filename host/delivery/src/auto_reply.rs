//! What a mailbox answers while its owner is away. RFC 3834 "Recommendations for Automatic Responses to Electronic Mail",
//! with the audiences of MS-ASCMD 2.2.3.123 "Oof".
//!
//! A sender is answered once in an absence and at most once in [`AutoReply::period`]. Never answered: what has no
//! return path, what a program or a list sent, what does not name the owner, and the owner. The answer itself has no
//! return path and says that it is automatic, so nothing answers it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use easel_items::body::html_to_text;
use easel_protocol::{Class, Oof, OofMessage};
use easel_store::{ChangeSet, Content, NewOutgoing, Query, Snapshot, Store, StoreError, Term, User, Write};
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;

use crate::queue::notice::is_id;
use crate::{Address, Trace};

/// What the operator decides about automatic replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoReply {
    /// A sender is not answered again for so long. RFC 3834 2 "When (not) to send automatic responses" wants days.
    pub period: Duration,
    /// Senders remembered for each mailbox; while there are as many, nobody new is answered. 16 bytes each, written
    /// with each reply.
    pub senders_max: usize,
}

impl Default for AutoReply {
    /// Seven days and 1,000 senders.
    fn default() -> Self {
        Self { period: Duration::from_secs(7 * 86_400), senders_max: 1000 }
    }
}

/// Ids in References that are kept.
const REFERENCES_MAX: usize = 20;
/// Bytes of a message's header that are looked at.
const HEADER_MAX: usize = 256 * 1024;

/// One at a time: two messages of one sender that come at once would both be answered, because each would be looked at
/// before the other is written down. Only mailboxes whose owner is away come here.
static ANSWERING: Mutex<()> = Mutex::new(());

/// Whom a mailbox has answered, and when.
type Answered = Vec<(u64, i64)>;

/// Adds the owner's reply to a message, if one is due, to the step that stores the message. What comes back is held until
/// that step is made.
pub(crate) fn add(
    store: &dyn Store,
    owner: &User,
    message: &[u8],
    trace: &Trace<'_>,
    rules: AutoReply,
    changes: &mut ChangeSet,
) -> Result<Option<MutexGuard<'static, ()>>, StoreError> {
    let now = trace.at.as_millisecond();
    let Some(sender) = trace.sender else { return Ok(None) };
    let snapshot = store.snapshot(owner.id)?;
    let oof: Oof = match snapshot.value(Oof::NAME)?.and_then(|bytes| postcard::from_bytes(&bytes).ok()) {
        Some(oof) => oof,
        None => return Ok(None),
    };
    let header = Header::read(message);
    if !oof.is_on(now) || !is_answerable(sender) || is_own(owner, sender) || !header.wants_answer(owner, trace) {
        return Ok(None);
    }
    let reply = audience(store, &*snapshot, owner, &oof, sender)?;
    if !reply.enabled || reply.reply.trim().is_empty() {
        return Ok(None);
    }
    drop(snapshot);
    // Nothing is left half done by whoever panicked with it.
    let guard = ANSWERING.lock().unwrap_or_else(PoisonError::into_inner);
    let value = store.snapshot(owner.id)?.value(Oof::ANSWERED)?;
    let mut answered: Answered = value.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
    let period = i64::try_from(rules.period.as_millis()).unwrap_or(i64::MAX);
    answered.retain(|(_, at)| now.saturating_sub(*at) < period);
    let name = fnv(&sender.as_str().to_lowercase());
    if answered.iter().any(|(known, _)| *known == name) {
        return Ok(None);
    }
    if answered.len() >= rules.senders_max {
        tracing::warn!(user = owner.id.0, "too many senders are answered already; this one is not");
        return Ok(None);
    }
    answered.push((name, now));
    let Some(reply) = written(owner, reply, &header, sender, trace) else { return Ok(None) };
    let value = postcard::to_stdvec(&answered).map_err(|error| StoreError::backend("remembering a reply", error))?;
    changes.writes.push(Write::PutValue { name: Oof::ANSWERED, value: Some(value) });
    changes.writes.push(Write::Queue(NewOutgoing {
        // RFC 3834 3.3: nobody is told when it does not arrive.
        sender: String::new(),
        recipients: vec![sender.to_string()],
        blob: store.put_blob(&reply)?,
        queued: now,
    }));
    tracing::info!(user = owner.id.0, id = trace.id, "answered automatically");
    Ok(Some(guard))
}

/// Whether somebody may be behind the address. RFC 3834 2.
fn is_answerable(sender: &Address) -> bool {
    let local = sender.local().to_lowercase();
    let starts = ["owner-", "mailer-daemon", "noreply", "no-reply", "donotreply", "do-not-reply", "bounce"];
    let ends = ["-request", "-owner", "-bounces", "-bounce"];
    let whole = ["listserv", "majordomo", "postmaster", "mailman", "nobody"];
    !starts.iter().any(|start| local.starts_with(start))
        && !ends.iter().any(|end| local.ends_with(end) || local.contains(&format!("{end}+")))
        && !whole.contains(&local.as_str())
}

fn is_own(owner: &User, sender: &Address) -> bool {
    let base = sender.without_detail('+');
    owner.addresses.iter().any(|own| {
        let is = |address: &Address| own.eq_ignore_ascii_case(address.as_str());
        is(sender) || base.as_ref().is_some_and(is)
    })
}

/// The reply for the audience that the sender belongs to.
fn audience<'o>(
    store: &dyn Store,
    snapshot: &dyn Snapshot,
    owner: &User,
    oof: &'o Oof,
    sender: &Address,
) -> Result<&'o OofMessage, StoreError> {
    if let Some(user) = store.user_by_address(sender.as_str())?
        && store.user(user)?.is_some_and(|user| user.tenant == owner.tenant)
    {
        return Ok(&oof.internal);
    }
    // Looked up only where it makes a difference.
    let same = oof.external_known == oof.external_unknown;
    if !same && is_known(snapshot, sender.as_str())? { Ok(&oof.external_known) } else { Ok(&oof.external_unknown) }
}

/// Whether a contact of the owner's has that address.
fn is_known(snapshot: &dyn Snapshot, address: &str) -> Result<bool, StoreError> {
    let term = Term { whole: true, ..Term::from(address) };
    let query = Query { words: vec![term], classes: vec![Class::Contacts], limit: 20, ..Query::default() };
    for id in snapshot.search(&query)? {
        if let Some(Content::Object(card)) = snapshot.item(id)?.map(|item| item.content)
            && card_has(&card, address)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an EMAIL property of a vCard is that address. RFC 6350 6.4.2.
fn card_has(card: &str, address: &str) -> bool {
    let card = card.replace("\r\n ", "").replace("\n ", "");
    card.lines().any(|line| {
        let name = line.split([':', ';']).next().unwrap_or_default();
        let name = name.rsplit('.').next().unwrap_or_default();
        let value = line.rsplit(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("EMAIL") && value.eq_ignore_ascii_case(address)
    })
}

/// The fields of a message, unfolded: names in lower case.
struct Header(Vec<(String, String)>);

impl Header {
    fn read(message: &[u8]) -> Self {
        let message = &message[..message.len().min(HEADER_MAX)];
        let text = String::from_utf8_lossy(message);
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
            }
        }
        Self(fields)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether a person wrote the message to the owner. RFC 3834 2, RFC 2919, RFC 2369.
    fn wants_answer(&self, owner: &User, trace: &Trace<'_>) -> bool {
        let first_word = |value: &str| value.split([';', ' ', ',']).next().unwrap_or_default().to_lowercase();
        let from_list = self.0.iter().any(|(name, _)| name.starts_with("list-") || name == "mailing-list");
        let automatic = self.all("auto-submitted").any(|value| first_word(value) != "no");
        let bulk = self.all("precedence").any(|value| matches!(&*first_word(value), "bulk" | "junk" | "list"));
        // MS-OXCMAIL 2.2.3.2.14.
        let suppressed = self.all("x-auto-response-suppress").any(|value| {
            value.split(',').any(|one| matches!(one.trim().to_lowercase().as_str(), "all" | "oof" | "autoreply"))
        });
        let report = self.all("content-type").any(|value| first_word(value) == "multipart/report");
        !(from_list || automatic || bulk || suppressed || report) && self.names(owner, trace)
    }

    /// Whether one of the owner's addresses, or that which the message came for, stands among those addressed.
    fn names(&self, owner: &User, trace: &Trace<'_>) -> bool {
        let own: Vec<String> = owner
            .addresses
            .iter()
            .map(String::as_str)
            .chain([trace.recipient.as_str()])
            .map(str::to_lowercase)
            .collect();
        ["to", "cc", "resent-to", "resent-cc"].into_iter().flat_map(|name| self.all(name)).any(|value| {
            let value = value.to_lowercase();
            own.iter().any(|address| stands_in(&value, address))
        })
    }
}

/// Whether an address stands in a list, not as the end of a longer one.
fn stands_in(list: &str, address: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    list.match_indices(address).any(|(at, _)| {
        let before = list[..at].chars().next_back();
        let after = list[at + address.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(|c| c.is_alphanumeric() || c == '-')
    })
}

/// The reply as a message. RFC 3834 3.
fn written(owner: &User, reply: &OofMessage, header: &Header, sender: &Address, trace: &Trace<'_>) -> Option<Vec<u8>> {
    let from = owner.addresses.iter().find(|own| own.eq_ignore_ascii_case(trace.recipient.as_str()));
    let from = from.or(owner.addresses.first())?;
    let subject = easel_items::email::index(&subject_of(header), trace.at).facts.subject;
    let subject: String = subject.chars().filter(|c| !c.is_control()).take(200).collect();
    let mut message = MessageBuilder::new()
        .from((owner.display_name.as_str(), from.as_str()))
        .to(sender.as_str())
        .subject(format!("Automatic reply: {subject}").trim_end_matches([' ', ':']).to_owned())
        .date(trace.at.as_second())
        .message_id(format!("auto.{}.{}@{}", trace.id, owner.id.0, trace.by))
        .header("Auto-Submitted", Raw::new("auto-replied"))
        .header("X-Auto-Response-Suppress", Raw::new("All"));
    let ids = |name: &str| -> Vec<String> {
        let all = header.all(name).flat_map(|value| value.split('<').skip(1).filter_map(|part| part.split('>').next()));
        all.filter(|id| is_id(id)).map(str::to_owned).collect()
    };
    if let Some(id) = ids("message-id").into_iter().next() {
        let mut references = ids("references");
        if references.is_empty() {
            references = ids("in-reply-to");
        }
        references.push(id.clone());
        while references.len() > REFERENCES_MAX {
            references.remove(1);
        }
        let list = references.iter().map(|id| format!("<{id}>")).collect::<Vec<_>>().join(" ");
        message = message.header("In-Reply-To", Raw::new(format!("<{id}>"))).header("References", Raw::new(list));
    }
    let message = if reply.html {
        let (text, _) = html_to_text(&reply.reply, usize::MAX);
        message.text_body(text).html_body(reply.reply.clone())
    } else {
        message.text_body(reply.reply.clone())
    };
    message.write_to_vec().ok()
}

/// The subject alone as a message, so that whoever decodes headers does it.
fn subject_of(header: &Header) -> Vec<u8> {
    format!("Subject: {}\r\n\r\n", header.all("subject").next().unwrap_or_default()).into_bytes()
}

/// FNV-1a: the same in every version, which what is stored needs.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_known_by_their_names() {
        for (text, fine) in [
            ("bob@x.example", true),
            ("requester@x.example", true),
            ("b.owner@x.example", true),
            ("owner-list@x.example", false),
            ("list-request@x.example", false),
            ("list-bounces+anna=ox.io@x.example", false),
            ("MAILER-DAEMON@x.example", false),
            ("no-reply+7@x.example", false),
            ("Postmaster@x.example", false),
        ] {
            assert_eq!(is_answerable(&Address::parse(text).unwrap()), fine, "{text}");
        }
    }

    #[test]
    fn an_address_stands_for_itself_only() {
        assert!(stands_in("\"a\" <anna@ox.io>, b@x", "anna@ox.io") && stands_in("anna@ox.io", "anna@ox.io"));
        assert!(!stands_in("joanna@ox.io", "anna@ox.io") && !stands_in("anna@ox.iot", "anna@ox.io"));
        assert!(!stands_in("anna@ox.io-x", "anna@ox.io") && stands_in("joanna@ox.io,anna@ox.io", "anna@ox.io"));
    }

    #[test]
    fn a_card_is_asked_for_its_addresses_and_nothing_else() {
        let card =
            "BEGIN:VCARD\r\nNOTE:EMAIL:x@y.example\r\nitem1.EMAIL;TYPE=\"a:b\":Bob@Long\r\n .example\r\nEND:VCARD";
        assert!(card_has(card, "bob@long.example"));
        assert!(!card_has(card, "x@y.example") && !card_has(card, "ob@long.example"));
    }
}
