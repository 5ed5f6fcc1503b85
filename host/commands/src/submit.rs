//! What SendMail, SmartReply and SmartForward have in common: reading a message, recognising one that was sent before,
//! and handing it over.
//!
//! Up to 12.1 the body is the message and everything else is in the query; from 14.0 on both are in a document, code
//! page 21, ComposeMail. The queued message, the copy in Sent Items, the mark on the original and the memory of the
//! message are one change set: a message accepted is never lost, and never sent twice.

use std::borrow::Cow;

use easel_items::body::Form;
use easel_items::compose::{Forwardee, Outgoing, Sending};
use easel_items::{BodyPreferences, ComposeError, calendar, email};
use easel_protocol::{
    Command, CommonStatus, FolderType, Groups, LastVerb, LongId, MailRecord, Verb, Version, parse_date_time,
};
use easel_store::{
    BlobId, ChangeSet, Content, Item, Missing, NewContent, NewOutgoing, QuarantinedKind, Snapshot, StoreError, Write,
};
use easel_wbxml::pages::{airsyncbase, compose_mail as cm, rights_management as rm};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::context::{Context, Failure, flag};
use crate::{Answer, Reply, allowance, dispatch, hierarchy, outgoing_mail, quarantine};

/// Characters of a ClientId. MS-ASCMD 2.2.3.28.1 "ClientId (SendMail, SmartForward, SmartReply)".
const CLIENT_ID_MAX: usize = 40;
/// So long a message without ClientId is recognised, in milliseconds: devices repeat within minutes.
const HASH_KEPT_MS: u64 = 600_000;
/// How often the mark on the original is tried; after that the message goes without it.
const ATTEMPTS: usize = 3;
/// A template that restricts nothing.
const NO_TEMPLATE: &str = "00000000-0000-0000-0000-000000000000";

/// A message that a device sends.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// The message.
    pub(crate) mime: Cow<'a, [u8]>,
    /// Whether the message is complete: ReplaceMime.
    pub(crate) replace_mime: bool,
    /// What it answers or forwards.
    pub(crate) source: Option<Source>,
    /// To whom an event goes, where the device leaves the message to the server.
    pub(crate) forwardees: Option<Forwardees>,
    /// Whether a copy goes to Sent Items.
    save: bool,
    /// How it is recognised.
    token: Token,
    /// Mail that it answers or forwards besides, by Message-ID.
    marks: Vec<(String, Verb)>,
    /// Why the pack does not let it go.
    withheld: Option<String>,
}

/// Whom a device names in place of a message, and what it has to say to them. MS-ASCMD 2.2.3.78 "Forwardees".
#[derive(Debug)]
pub(crate) struct Forwardees {
    /// The people.
    pub(crate) people: Vec<Forwardee>,
    /// airsyncbase:Body.
    pub(crate) body: Option<(Form, String)>,
}

/// What a message answers or forwards, as the device names it.
///
/// Ids of this server are a letter and digits: there is nothing in them that some device would encode twice (K: T02).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    folder: Option<String>,
    item: Option<String>,
    long_id: Option<String>,
    instance: Option<String>,
}

/// How a repeated message is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// By the device's own name for it, for as long as the store remembers.
    ClientId(String),
    /// By what was sent, for ten minutes.
    Hash([u8; 32]),
}

impl<'a> Message<'a> {
    /// The body of a request up to 12.1.
    pub(crate) fn from_mime(context: &Context<'_>, body: &'a [u8]) -> Result<Self, CommonStatus> {
        let line = context.line;
        if context.content_type.contains("wbxml") {
            return Err(CommonStatus::InvalidContent);
        }
        let source = Source {
            folder: line.collection_id.clone(),
            item: line.item_id.clone(),
            long_id: line.long_id.clone(),
            instance: line.occurrence.clone(),
        };
        let message = Self {
            mime: Cow::Borrowed(body),
            replace_mime: false,
            save: line.save_in_sent,
            token: Token::Hash(hash(line.command, &source, body)),
            marks: Vec::new(),
            withheld: None,
            source: Some(source).filter(|source| *source != Source::default()),
            forwardees: None,
        };
        message.bounded(context)
    }

    /// The document of a request from 14.0 on.
    pub(crate) fn from_wbxml(context: &Context<'_>, root: &'a Element) -> Result<Self, CommonStatus> {
        let text = |element: &Element, tag: Tag| {
            element.text_of(tag).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let client_id = text(root, cm::CLIENT_ID).filter(|id| id.chars().count() <= CLIENT_ID_MAX);
        let client_id = client_id.ok_or(CommonStatus::InvalidXml)?;
        if context.version >= Version::V14_1 && text(root, cm::ACCOUNT_ID).is_some() {
            // The one account of a mailbox has no id.
            return Err(CommonStatus::InvalidAccountId);
        }
        if text(root, rm::TEMPLATE_ID).is_some_and(|template| template != NO_TEMPLATE) {
            return Err(CommonStatus::IrmFeatureDisabled);
        }
        let mime = root.child(cm::MIME);
        let body = root.child(airsyncbase::BODY);
        let forwardees = match (mime, root.child(cm::FORWARDEES)) {
            (Some(_), forwardees) if forwardees.or(body).is_some() => {
                return Err(CommonStatus::InvalidMimeBodyCombination);
            }
            (None, Some(forwardees)) if context.command == Command::SmartForward => {
                Some(Forwardees::read(forwardees, body)?)
            }
            (None, Some(_)) => return Err(CommonStatus::InvalidSmartForwardParameters),
            (Some(_) | None, _) => None,
        };
        let source = root.child(cm::SOURCE).map(|source| Source {
            folder: text(source, cm::FOLDER_ID),
            item: text(source, cm::ITEM_ID),
            long_id: text(source, cm::LONG_ID),
            instance: text(source, cm::INSTANCE_ID),
        });
        let message = Self {
            mime: match mime {
                Some(mime) => mime.bytes(),
                None if forwardees.is_some() => Cow::Borrowed(&[]),
                None => return Err(CommonStatus::InvalidXml),
            },
            replace_mime: flag(root, cm::REPLACE_MIME, false),
            // K: V14. With a value or without.
            save: flag(root, cm::SAVE_IN_SENT_ITEMS, false),
            token: Token::ClientId(client_id),
            marks: Vec::new(),
            withheld: None,
            source,
            forwardees,
        };
        message.bounded(context)
    }

    fn bounded(self, context: &Context<'_>) -> Result<Self, CommonStatus> {
        let fits = self.mime.len() <= context.settings.message_bytes_max;
        if fits { Ok(self) } else { Err(CommonStatus::AttachmentIsTooLarge) }
    }
}

impl Forwardees {
    fn read(forwardees: &Element, body: Option<&Element>) -> Result<Self, CommonStatus> {
        let text = |element: &Element, tag: Tag| element.text_of(tag).unwrap_or_default().trim().to_owned();
        let people = forwardees
            .all(cm::FORWARDEE)
            .map(|one| Forwardee { name: text(one, cm::FORWARDEE_NAME), email: text(one, cm::FORWARDEE_EMAIL) });
        let body = match body {
            None => None,
            Some(body) => {
                let form = match text(body, airsyncbase::TYPE).as_str() {
                    "1" => Form::Text,
                    "2" => Form::Html,
                    _ => return Err(CommonStatus::InvalidSmartForwardParameters),
                };
                Some((form, body.text_of(airsyncbase::DATA).unwrap_or_default().into_owned()))
            }
        };
        Ok(Self { people: people.collect(), body })
    }
}

impl Message<'_> {
    /// As the pack would have it.
    fn seen(self, context: &Context<'_>) -> Self {
        // The server writes the message to people who are only named.
        if self.forwardees.is_some() {
            return self;
        }
        let client_id = match &self.token {
            Token::ClientId(id) => id.as_str(),
            Token::Hash(_) => "",
        };
        let outgoing_mail::Seen { mime, marks, withheld } = outgoing_mail::seen(context, self.mime, client_id);
        Self { mime, marks, withheld, ..self }
    }
}

/// Two requests with the same hash are the same message.
fn hash(command: Command, source: &Source, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([command.code()]);
    for text in [&source.folder, &source.item, &source.long_id, &source.instance] {
        let text = text.as_deref().unwrap_or_default();
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(body);
    hash.finalize().into()
}

impl Token {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::ClientId(id) => [b"c", id.as_bytes()].concat(),
            Self::Hash(hash) => [b"h", hash.as_slice()].concat(),
        }
    }

    fn was_sent(&self, context: &Context<'_>, snapshot: &dyn Snapshot) -> Result<bool, StoreError> {
        let sent = snapshot.was_sent(context.device.key, &self.bytes())?;
        Ok(match self {
            Self::ClientId(_) => sent.is_some(),
            // What was sent later than now was sent before the clock was set back.
            Self::Hash(_) => sent.is_some_and(|at| context.now_ms().abs_diff(at) < HASH_KEPT_MS),
        })
    }
}

/// What becomes of a message, or the number that tells why nothing does.
pub(crate) type Outcome<T> = Result<Result<T, CommonStatus>, Failure>;

/// Whether the message was accepted before.
pub(crate) fn is_repeated(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    message: &Message<'_>,
) -> Result<bool, Failure> {
    Ok(message.token.was_sent(context, snapshot)?)
}

/// The item that a message answers or forwards, and the occurrence, named by its original start, if it is about one.
pub(crate) fn original(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    message: &Message<'_>,
) -> Outcome<(Item, Option<Timestamp>)> {
    let Some(source) = &message.source else { return Ok(Err(CommonStatus::InvalidXml)) };
    let Ok(instance) = source.instance.as_deref().map(parse_date_time).transpose() else {
        return Ok(Err(CommonStatus::InvalidDateTime));
    };
    let id = match (&source.item, &source.long_id) {
        (None, Some(id)) if source.folder.is_none() => LongId::parse(id).ok().map(|found| found.item),
        (Some(id), None) => context.ids.parse_item(id).ok(),
        (Some(_) | None, Some(_)) => return Ok(Err(CommonStatus::InvalidCombinationOfIds)),
        (None, None) => return Ok(Err(CommonStatus::InvalidXml)),
    };
    let item = id.map(|id| snapshot.item(id)).transpose()?.flatten();
    let Some(item) = item else { return Ok(Err(CommonStatus::ItemNotFound)) };
    let view = hierarchy::view(snapshot, context)?;
    let shown = view.iter().find(|folder| folder.folders.contains(&item.folder));
    let is_there = |folder: &hierarchy::FolderView| {
        source.folder.as_ref().is_none_or(|named| context.ids.parse_folder(named).ok() == Some(folder.id))
    };
    if !shown.is_some_and(is_there) {
        return Ok(Err(CommonStatus::ItemNotFound));
    }
    if let Some(at) = instance {
        let event = match &item.content {
            Content::Object(text) if recurs(text) => text,
            Content::Object(_) | Content::Mail(_) => return Ok(Err(CommonStatus::NoRecurrenceInCalendar)),
        };
        let body = BodyPreferences::default();
        if calendar::check_occurrence(event, at, &context.own_view(&body)).is_err() {
            return Ok(Err(CommonStatus::ItemNotFound));
        }
    }
    Ok(Ok((item, instance)))
}

/// Whether an object has occurrences. RFC 5545 3.8.5.
pub(crate) fn recurs(text: &str) -> bool {
    text.lines().any(|line| {
        let name = line.split([':', ';']).next().unwrap_or_default();
        name.eq_ignore_ascii_case("RRULE") || name.eq_ignore_ascii_case("RDATE")
    })
}

/// A Message-ID for a message that brings none.
pub(crate) fn message_id(context: &Context<'_>) -> String {
    let own = context.owner.addresses.first().map_or("", String::as_str);
    let domain = own.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let random: String = (0..4).map(|_| format!("{:08x}", context.service.random())).collect();
    format!("{random}@{domain}")
}

/// How the composer is told who sends, and when.
pub(crate) fn sending<'a>(context: &'a Context<'_>, message_id: &'a str) -> Sending<'a> {
    Sending { owner: &context.owner, now: context.now, message_id }
}

/// The number for a message that cannot be composed.
pub(crate) fn refused(context: &Context<'_>, error: &ComposeError) -> CommonStatus {
    tracing::info!(user = context.user.id.0, device = context.device.key.0, %error, "a message is refused");
    match error {
        ComposeError::NotMime => CommonStatus::InvalidMime,
        ComposeError::NoRecipients => CommonStatus::MessageHasNoRecipient,
        ComposeError::BadRecipient(_) => CommonStatus::MessageRecipientUnresolved,
        ComposeError::HeaderTooLong { .. } | ComposeError::TooManyRecipients { .. } => CommonStatus::SendQuotaExceeded,
        ComposeError::Original(_) => CommonStatus::MessageReplyFailed,
    }
}

/// Queues the message and keeps its copy, at once.
pub(crate) fn submit(
    context: &Context<'_>,
    message: &Message<'_>,
    outgoing: &Outgoing,
    original: Option<(&Item, Verb)>,
) -> Outcome<()> {
    if let Some(reason) = &message.withheld {
        return withhold(context, message, &outgoing.sent_copy, reason);
    }
    if outgoing.submit.len() > context.settings.message_bytes_max {
        return Ok(Err(CommonStatus::AttachmentIsTooLarge));
    }
    let store = context.store();
    let blob = store.put_blob(&outgoing.submit)?;
    let copy = message.save.then(|| copy(context, outgoing, blob)).transpose()?;
    for attempt in 1.. {
        let snapshot = store.snapshot(context.user.id)?;
        if message.token.was_sent(context, &*snapshot)? {
            return Ok(Err(CommonStatus::MessagePreviouslySent));
        }
        let mut set = ChangeSet::new(context.user.id);
        match allowance::of_message(context, &*snapshot, outgoing.recipients.len())? {
            Ok(counted) => set.writes.extend(counted),
            Err(status) => return Ok(Err(status)),
        }
        set.writes.extend(allowance::bytes_max(context).map(|bytes_max| Write::Within { bytes_max }));
        if let Some((content, facts)) = &copy {
            set.writes.extend(keep(context, &*snapshot, content, facts)?);
        }
        if attempt <= ATTEMPTS
            && let Some((item, verb)) = original
        {
            set.writes.extend(mark(context, &*snapshot, item, verb)?);
        }
        if attempt <= ATTEMPTS {
            for (id, verb) in &message.marks {
                set.writes.extend(mark_named(context, &*snapshot, id, *verb)?);
            }
        }
        drop(snapshot);
        set.writes.push(Write::Queue(NewOutgoing {
            sender: outgoing.sender.clone(),
            recipients: outgoing.recipients.clone(),
            blob,
            queued: context.now_ms(),
        }));
        let (device, token) = (context.device.key, message.token.bytes());
        set.writes.push(Write::RememberSent { device, token, at: context.now_ms() });
        match store.commit(set) {
            Ok(_) => break,
            // There is no room for the copy, so the message is not sent either.
            Err(StoreError::OverQuota { .. }) => return Ok(Err(CommonStatus::MailboxQuotaExceeded)),
            Err(StoreError::Stale | StoreError::NotFound(Missing::Item)) if attempt <= ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ok(()))
}

/// Answers a message as sent that the pack does not let go, and keeps it in quarantine.
fn withhold(context: &Context<'_>, message: &Message<'_>, mime: &[u8], reason: &str) -> Outcome<()> {
    tracing::warn!(user = context.user.id.0, device = context.device.key.0, reason, "a pack withholds a message");
    let mut set = ChangeSet::new(context.user.id);
    let (device, token) = (context.device.key, message.token.bytes());
    set.writes.push(Write::RememberSent { device, token, at: context.now_ms() });
    set.writes.push(quarantine::keep(context, QuarantinedKind::Message, reason, mime)?);
    context.store().commit(set)?;
    Ok(Ok(()))
}

/// Marks the mail with that Message-ID, if the owner has it.
fn mark_named(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    message_id: &str,
    verb: Verb,
) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    for id in snapshot.by_uid(message_id)? {
        if let Some(item) = snapshot.item(id)? {
            writes.extend(mark(context, snapshot, &item, verb)?);
        }
    }
    Ok(writes)
}

/// The copy for Sent Items, with Bcc; one without is the very message that is sent.
fn copy(
    context: &Context<'_>,
    outgoing: &Outgoing,
    submitted: BlobId,
) -> Result<(NewContent, easel_protocol::Facts), StoreError> {
    let raw = &outgoing.sent_copy;
    let blob = if *raw == outgoing.submit { submitted } else { context.store().put_blob(raw)? };
    let indexed = email::index(raw, context.now);
    let record = MailRecord { read: true, ..MailRecord::arrived(context.now_ms()) };
    let content = NewContent::Mail { blob, size: raw.len() as u64, index: indexed.index.to_bytes(), record };
    Ok((content, indexed.facts))
}

/// The copy in Sent Items; the device whose message it is may be the author of the step and gets the copy all the same.
fn keep(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    content: &NewContent,
    facts: &easel_protocol::Facts,
) -> Result<Option<Write>, StoreError> {
    let sent = snapshot.folders()?.into_iter().find(|folder| folder.kind == FolderType::SentItems);
    let Some(folder) = sent else { return Ok(None) };
    let id = context.store().reserve_items(context.user.id, 1)?;
    Ok(Some(Write::DeliverItem { id, folder: folder.id, content: content.clone(), facts: facts.clone() }))
}

/// A message that the server itself sends for the owner: in the queue, and a copy in Sent Items.
pub(crate) fn queued_and_kept(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    outgoing: &Outgoing,
) -> Result<Vec<Write>, StoreError> {
    let blob = context.store().put_blob(&outgoing.submit)?;
    let (content, facts) = copy(context, outgoing, blob)?;
    let queue = Write::Queue(NewOutgoing {
        sender: outgoing.sender.clone(),
        recipients: outgoing.recipients.clone(),
        blob,
        queued: context.now_ms(),
    });
    Ok(keep(context, snapshot, &content, &facts)?.into_iter().chain([queue]).collect())
}

/// The bytes that copies in Sent Items take among these writes.
pub(crate) fn copies_bytes(writes: &[Write]) -> usize {
    let sizes = writes.iter().map(|write| {
        if let Write::DeliverItem { content: NewContent::Mail { size, .. }, .. } = write { *size } else { 0 }
    });
    usize::try_from(sizes.sum::<u64>()).unwrap_or(usize::MAX)
}

/// The writes without the copies in Sent Items: the messages go all the same.
pub(crate) fn without_copies(mut writes: Vec<Write>) -> Vec<Write> {
    writes.retain(|write| !matches!(write, Write::DeliverItem { .. }));
    writes
}

/// What was done to the original, as it is now. MS-ASEMAIL 2.2.2.43 "LastVerbExecuted".
fn mark(context: &Context<'_>, snapshot: &dyn Snapshot, item: &Item, verb: Verb) -> Result<Option<Write>, StoreError> {
    let Some(Content::Mail(mail)) = snapshot.item(item.id)?.map(|item| item.content) else { return Ok(None) };
    let record = MailRecord { last_verb: Some(LastVerb { verb, at: context.now_ms() }), ..mail.record };
    Ok(Some(Write::ChangeRecord { id: item.id, record, groups: Groups::REPLY_STATE, seen: snapshot.modseq() }))
}

/// The answer of all three commands: nothing, or why not.
pub(crate) fn reply(context: &Context<'_>, outcome: Result<(), CommonStatus>) -> Reply {
    match outcome {
        Ok(()) => Answer::empty().into(),
        Err(status) => dispatch::refuse(context.command, context.version, status),
    }
}

/// The number for a failure on our side.
pub(crate) fn failure(context: &Context<'_>, failure: &Failure) -> Reply {
    let status = match failure {
        Failure::Request(_) => CommonStatus::InvalidXml,
        Failure::Store(_) => CommonStatus::MailSubmissionFailed,
    };
    dispatch::refuse(context.command, context.version, status)
}

/// What came with a request of one of the three commands: a message up to 12.1, a document from 14.0 on.
pub(crate) fn read<'a>(
    context: &Context<'_>,
    body: &'a [u8],
    root: &'a mut Option<Element>,
) -> Result<Message<'a>, CommonStatus> {
    if context.version < Version::V14_0 {
        return Message::from_mime(context, body).map(|message| message.seen(context));
    }
    if context.content_type == "message/rfc822" {
        return Err(CommonStatus::InvalidContent);
    }
    let decoded = easel_wbxml::decode(body).map_err(|error| {
        tracing::info!(user = context.user.id.0, command = %context.command, %error, "bad WBXML");
        CommonStatus::InvalidWbxml
    })?;
    let (expected, _) = dispatch::root(context.command).expect("these commands have a root");
    if decoded.tag != expected {
        return Err(CommonStatus::InvalidXml);
    }
    Message::from_wbxml(context, root.insert(decoded)).map(|message| message.seen(context))
}
