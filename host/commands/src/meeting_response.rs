//! MeetingResponse: the owner answers an invitation.
//!
//! MS-ASCMD 2.2.1.11 "MeetingResponse"; tags on code page 8.
//!
//! The request names the invitation in the Inbox, or (from 14.1) the event itself, or one occurrence of it. Accepted or
//! tentative: the event is in the calendar and says so; declined: it is not. An invitation to one occurrence of a
//! series that is there is answered for that one (RFC 5546 3.2.2 "REQUEST"). The invitation goes to Deleted Items. Up to
//! 14.1 the device mails the answer itself, from 16.0 the server does when it is asked to (K: G43); some devices forget
//! (I31), so a profile may say who does. An answer that was lost is given again and done once.

use easel_items::calendar::{self, About, Response as Answered};
use easel_items::compose::{self, Outgoing};
use easel_items::{BodyPreferences, email};
use easel_plugin::hooks::MeetingRequest;
use easel_protocol::{
    Class, CollectionId, CommonStatus, Facts, FolderType, LongId, ServerId, Version, parse_date_time,
};
use easel_store::{ChangeSet, Content, Folder, Item, Missing, NewContent, Snapshot, StoreError, Write};
use easel_wbxml::pages::{airsyncbase, meeting_response as mr, search};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::context::{Context, Failure, RequestError, pack, unpack};
use crate::render::{StoredMail, index};
use crate::{Answer, Reply, allowance, hierarchy, submit};

const NAME: &str = "meetings";
/// Answers in one request. MS-ASCMD 3.1.5.10 "Limiting Size of Command Requests".
const REQUESTS_MAX: usize = 100;
/// Answers remembered for a lost one of ours.
const REMEMBERED_MAX: usize = 100;
/// How often one answer is worked out again when the mailbox changes under it.
const ATTEMPTS: u32 = 3;
/// Characters of the text that goes with an answer.
const COMMENT_MAX: usize = 32 * 1024;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    asked: MeetingRequest,
    long_id: Option<String>,
    /// SendResponse: the text to go along; empty for an answer without one.
    send: Option<String>,
}

/// What the device sends.
pub(crate) fn from_wbxml(root: &Element) -> Result<Vec<Request>, RequestError> {
    let read = |element: &Element| {
        let text = |tag: Tag| element.text_of(tag).map(|text| text.trim().to_owned()).unwrap_or_default();
        let user_response = text(mr::USER_RESPONSE);
        let wrong = |tag: Tag, value: &str| RequestError::Value { tag, value: value.chars().take(40).collect() };
        let Ok(user_response @ 1..=3) = user_response.parse() else {
            return Err(wrong(mr::USER_RESPONSE, &user_response));
        };
        let long_id = Some(text(search::LONG_ID)).filter(|id| !id.is_empty());
        let asked = MeetingRequest {
            request_id: text(mr::REQUEST_ID),
            collection_id: text(mr::COLLECTION_ID),
            instance_id: text(mr::INSTANCE_ID),
            user_response,
            send_response: element.child(mr::SEND_RESPONSE).is_some(),
        };
        if asked.request_id.is_empty() == long_id.is_none() {
            return Err(RequestError::Missing(mr::REQUEST_ID));
        }
        let said = |send: &Element| {
            let body = send.at(&[airsyncbase::BODY, airsyncbase::DATA]).map(Element::value).unwrap_or_default();
            body.chars().take(COMMENT_MAX).collect()
        };
        Ok(Request { asked, long_id, send: element.child(mr::SEND_RESPONSE).map(said) })
    };
    let all: Vec<Request> = root.all(mr::REQUEST).map(read).collect::<Result<_, RequestError>>()?;
    match all.len() {
        0 => Err(RequestError::Missing(mr::REQUEST)),
        1..=REQUESTS_MAX => Ok(all),
        _ => Err(RequestError::TooMany(mr::REQUEST)),
    }
}

/// MS-ASCMD 2.2.3.177.9 "Status (MeetingResponse)"; an occurrence that cannot be read or is none has a common status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 1,
    /// There is no such invitation, or it is the owner's own meeting: the device does not send it again.
    InvalidRequest = 2,
    /// Our side failed for this one; the device may try again.
    MailboxError = 3,
}

/// What came of an answer: the event that is left, or the number that tells why nothing was done.
type Outcome = Result<Option<ServerId>, u8>;

/// An answer that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    request: String,
    instance: String,
    response: u8,
    event: Option<ServerId>,
}

/// Carries the answers out one after the other; each succeeds or fails by itself.
pub(crate) fn handle(context: &Context<'_>, all: &[Request]) -> Result<Reply, Failure> {
    let mut root = Element::new(mr::MEETING_RESPONSE);
    for request in all {
        let asked = context.asked.meeting(&context.hook(None), request.asked.clone());
        let send = match (asked.send_response, &request.send) {
            (false, _) => None,
            (true, said) => Some(said.clone().unwrap_or_default()),
        };
        let meant = Request { asked, long_id: request.long_id.clone(), send };
        let outcome = match carry_out(context, &meant) {
            Ok(outcome) => outcome,
            Err(Failure::Request(_)) => Err(Status::InvalidRequest as u8),
            Err(Failure::Store(error)) => {
                if !error.is_told() {
                    tracing::error!(user = context.user.id.0, %error, "an invitation could not be answered");
                }
                Err(Status::MailboxError as u8)
            }
        };
        root.push(result(context, request, &outcome));
    }
    Ok(Answer::wbxml(&root).into())
}

fn result(context: &Context<'_>, request: &Request, outcome: &Outcome) -> Element {
    let mut result = Element::new(mr::RESULT);
    if request.long_id.is_none() {
        result.push(Element::text(mr::REQUEST_ID, request.asked.request_id.clone()));
    }
    result.push(Element::number(mr::STATUS, outcome.as_ref().map_or_else(|status| *status, |_| Status::Success as u8)));
    if let Ok(Some(event)) = outcome {
        result.push(Element::text(mr::CALENDAR_ID, context.ids.item(*event)));
    }
    if outcome.is_ok() && !request.asked.instance_id.is_empty() && context.version >= Version::V14_1 {
        result.push(Element::text(mr::INSTANCE_ID, request.asked.instance_id.clone()));
    }
    result
}

/// An invitation is not accepted into a full mailbox, as a message is not sent from one. It can always be declined:
/// where there is no room for the copy of the answer, there is none.
fn carry_out(context: &Context<'_>, request: &Request) -> Result<Outcome, Failure> {
    let mut bytes_max = allowance::bytes_max(context);
    let mut keeps_copy = true;
    for attempt in 1.. {
        let snapshot = context.store().snapshot(context.user.id)?;
        let remembered: Vec<Remembered> =
            snapshot.device_value(context.device.key, NAME)?.and_then(|bytes| unpack(&bytes)).unwrap_or_default();
        let work = match worked_out(context, &*snapshot, request)? {
            Ok(work) => work,
            // The answer was lost: the invitation is gone, and what was done is told again.
            Err(status) => {
                let same = remembered.iter().rev().find(|before| before.is(request));
                return Ok(same.map_or(Err(status), |before| Ok(before.event)));
            }
        };
        drop(snapshot);
        let mut now = remembered;
        now.retain(|before| !before.is(request));
        now.push(Remembered {
            request: request.name().to_owned(),
            instance: request.asked.instance_id.clone(),
            response: request.asked.user_response,
            event: work.event,
        });
        now.drain(..now.len().saturating_sub(REMEMBERED_MAX));
        let mut set = ChangeSet::new(context.user.id);
        set.writes = if keeps_copy { work.writes } else { submit::without_copies(work.writes) };
        set.writes.extend(bytes_max.map(|bytes_max| Write::Within { bytes_max }));
        set.writes.push(Write::PutDeviceValue { device: context.device.key, name: NAME, value: Some(pack(&now)) });
        match context.store().commit(set) {
            Ok(_) => return Ok(Ok(work.event)),
            Err(StoreError::OverQuota { .. }) if request.declines() && keeps_copy && attempt < ATTEMPTS => {
                (bytes_max, keeps_copy) = (None, false);
            }
            Err(StoreError::OverQuota { .. }) => return Ok(Err(full(context.version))),
            Err(StoreError::Stale | StoreError::NotFound(Missing::Item)) if attempt < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last attempt returns")
}

/// Common statuses begin with version 14.0. MS-ASCMD 2.2.2 "Common Status Codes".
fn full(version: Version) -> u8 {
    if version < Version::V14_0 { Status::MailboxError as u8 } else { CommonStatus::MailboxQuotaExceeded.number() }
}

impl Request {
    fn declines(&self) -> bool {
        Answered::from_number(self.asked.user_response) == Some(Answered::Declined)
    }

    fn name(&self) -> &str {
        self.long_id.as_deref().unwrap_or(&self.asked.request_id)
    }
}

impl Remembered {
    fn is(&self, request: &Request) -> bool {
        self.request == request.name()
            && self.instance == request.asked.instance_id
            && self.response == request.asked.user_response
    }
}

/// What is to be written, and the event that is left.
struct Work {
    writes: Vec<Write>,
    event: Option<ServerId>,
}

/// The event an answer is about, stored or still in its invitation.
struct Meeting {
    content: String,
    stored: Option<Item>,
    invitation: Option<Invitation>,
    /// Dates of it that were events of their own, and are in it now.
    gathered: Vec<ServerId>,
}

/// The mail that invites, and the iCalendar object in it.
struct Invitation {
    mail: Item,
    said: String,
}

fn worked_out(context: &Context<'_>, snapshot: &dyn Snapshot, request: &Request) -> Result<Result<Work, u8>, Failure> {
    let invalid = Ok(Err(Status::InvalidRequest as u8));
    let Some((item, class)) = named(context, snapshot, request)? else { return invalid };
    let instance = match request.asked.instance_id.as_str() {
        "" => None,
        text => match parse_date_time(text) {
            Ok(at) => Some(at),
            Err(_) => return Ok(Err(CommonStatus::InvalidDateTime.number())),
        },
    };
    let Some(meeting) = meeting(context, snapshot, item, class)? else { return invalid };
    let about = match (instance, &meeting.invitation) {
        (Some(_), Some(_)) => return invalid,
        (Some(_), None) if !submit::recurs(&meeting.content) => {
            return Ok(Err(CommonStatus::NoRecurrenceInCalendar.number()));
        }
        (Some(at), None) => About::Occurrence(original_start(context, &meeting.content, at)),
        (None, Some(invitation)) => About::Invitation(&invitation.said),
        (None, None) => About::Event,
    };
    let body = BodyPreferences::default();
    let view = context.own_view(&body);
    let response = Answered::from_number(request.asked.user_response).expect("read and mended numbers are 1 to 3");
    let comment = request.send.as_deref().filter(|said| !said.is_empty());
    let responded = match calendar::respond(&meeting.content, response, about, comment, &view) {
        Ok(responded) => responded,
        Err(error) => {
            tracing::info!(user = context.user.id.0, %error, "an invitation cannot be answered");
            return invalid;
        }
    };
    let mut work = Work { writes: Vec::new(), event: None };
    let content = match (response, responded.alone) {
        (Answered::Declined, false) => None,
        _ => responded.applied.content.clone().map(|content| (content, responded.applied.facts.clone())),
    };
    let is_kept = content.is_some();
    work.keep(context, snapshot, &meeting, content)?;
    work.writes.extend(meeting.gathered.iter().filter(|_| is_kept).map(|id| Write::RemoveItem { id: *id }));
    let mail_of = |invitation: &Invitation| put_away(context, snapshot, &invitation.mail);
    work.writes.extend(meeting.invitation.as_ref().map(mail_of).transpose()?.flatten());
    if sends(context, request) {
        let summary = responded.applied.facts.subject.clone();
        let sent = mail(context, response, &responded.organizer, &summary, comment, &responded.reply);
        match sent {
            Ok(outgoing) => work.writes.extend(submit::queued_and_kept(context, snapshot, &outgoing)?),
            // The organizer's address is none that mail can go to: the answer stands all the same.
            Err(error) => tracing::warn!(user = context.user.id.0, %error, "an answer to an invitation is not mailed"),
        }
    }
    Ok(Ok(work))
}

/// The occurrence a device means: by its original start, or by when it is now (A32).
fn original_start(context: &Context<'_>, content: &str, at: Timestamp) -> Timestamp {
    if context.profile().text("calendar.instance_id") == "original" {
        return at;
    }
    let body = BodyPreferences::default();
    calendar::moved_to(content, at, &context.own_view(&body)).ok().flatten().unwrap_or(at)
}

/// Whether this server mails the answer: `calendar.meeting_reply_by`.
fn sends(context: &Context<'_>, request: &Request) -> bool {
    match context.profile().text("calendar.meeting_reply_by") {
        "server" => request.send.is_some() || context.version < Version::V16_0,
        "device" => false,
        _ => request.send.is_some() && context.version >= Version::V16_0,
    }
}

/// The item that a request names, where the device may look for it: an invitation, or from 14.1 an event.
fn named(context: &Context<'_>, snapshot: &dyn Snapshot, request: &Request) -> Result<Option<(Item, Class)>, Failure> {
    let id = match &request.long_id {
        Some(id) => LongId::parse(id).ok().map(|found| found.item),
        None => context.ids.parse_item(&request.asked.request_id).ok(),
    };
    let item = id.map(|id| snapshot.item(id)).transpose()?.flatten();
    let Some(item) = item else { return Ok(None) };
    let view = hierarchy::view(snapshot, context)?;
    let Some(shown) = view.iter().find(|folder| folder.folders.contains(&item.folder)) else { return Ok(None) };
    let is_there = request.long_id.is_some()
        || context.ids.parse_folder(&request.asked.collection_id).ok() == Some(shown.id)
        || context.profile().text("calendar.meeting_lookup") == "calendar-first";
    let class = shown.class().filter(|class| match class {
        Class::Email => true,
        Class::Calendar => {
            context.version >= Version::V14_1 || context.profile().text("calendar.meeting_lookup") != "named"
        }
        Class::Contacts | Class::Notes | Class::Sms | Class::Tasks => false,
    });
    Ok(class.filter(|_| is_there).map(|class| (item, class)))
}

/// The meeting of an event, or of an invitation: what is in the calendar under its UID, brought up to date by it.
fn meeting(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    item: Item,
    class: Class,
) -> Result<Option<Meeting>, Failure> {
    let mail = match &item.content {
        Content::Object(content) if class == Class::Calendar => {
            let content = content.clone();
            return Ok(Some(Meeting { content, stored: Some(item), invitation: None, gathered: Vec::new() }));
        }
        Content::Object(_) => return Ok(None),
        Content::Mail(mail) => mail,
    };
    let raw = StoredMail::new(snapshot, mail);
    let said = index(mail, &raw).and_then(|index| email::calendar_text(&index, &raw));
    let Some(said) = said.ok().flatten() else { return Ok(None) };
    let body = BodyPreferences::default();
    let view = context.own_view(&body);
    let events = match calendar::uid(&said) {
        Some(uid) => events_of(snapshot, &uid)?,
        None => Vec::new(),
    };
    let (items, contents): (Vec<Item>, Vec<String>) = events.into_iter().unzip();
    let invited = match calendar::invited(&contents, &said, &view) {
        Ok(Some(invited)) => invited,
        Ok(None) => return Ok(None),
        Err(error) => {
            tracing::info!(user = context.user.id.0, %error, "an invitation cannot be read");
            return Ok(None);
        }
    };
    Ok(Some(Meeting {
        content: invited.content,
        stored: invited.event.map(|at| items[at].clone()),
        invitation: Some(Invitation { mail: item, said }),
        gathered: invited.gathered.into_iter().map(|at| items[at].id).collect(),
    }))
}

/// The events of that UID in the calendars: one, or some dates of somebody's series.
fn events_of(snapshot: &dyn Snapshot, uid: &str) -> Result<Vec<(Item, String)>, StoreError> {
    let mut events = Vec::new();
    for id in snapshot.by_uid(uid)? {
        let Some(item) = snapshot.item(id)? else { continue };
        let Content::Object(content) = &item.content else { continue };
        let kind = snapshot.folder(item.folder)?.and_then(|folder| folder.kind.class());
        if kind == Some(Class::Calendar) {
            let content = content.clone();
            events.push((item, content));
        }
    }
    Ok(events)
}

impl Work {
    /// The event as it is to be: changed where it is, or new in the default calendar.
    fn keep(
        &mut self,
        context: &Context<'_>,
        snapshot: &dyn Snapshot,
        meeting: &Meeting,
        content: Option<(String, Facts)>,
    ) -> Result<(), StoreError> {
        match (content, &meeting.stored) {
            (None, stored) => self.writes.extend(stored.as_ref().map(|item| Write::RemoveItem { id: item.id })),
            (Some((content, facts)), Some(item)) => {
                let seen = snapshot.modseq();
                self.writes.push(Write::ChangeContent { id: item.id, content, facts, seen });
                self.event = Some(item.id);
            }
            (Some((content, facts)), None) => {
                let folder = folder(snapshot, FolderType::Calendar)?.ok_or(StoreError::NotFound(Missing::Folder))?;
                let id = context.store().reserve_items(context.user.id, 1)?;
                self.writes.push(Write::AddItem { id, folder, content: NewContent::Object(content), facts });
                self.event = Some(id);
            }
        }
        Ok(())
    }
}

fn folder(snapshot: &dyn Snapshot, kind: FolderType) -> Result<Option<CollectionId>, StoreError> {
    Ok(snapshot.folders()?.iter().find(|folder: &&Folder| folder.kind == kind).map(|folder| folder.id))
}

/// An invitation that is answered goes to the deleted items.
fn put_away(context: &Context<'_>, snapshot: &dyn Snapshot, mail: &Item) -> Result<Option<Write>, StoreError> {
    let trash = folder(snapshot, FolderType::DeletedItems)?.filter(|trash| *trash != mail.folder);
    let Some(to) = trash else { return Ok(None) };
    let new_id = context.store().reserve_items(context.user.id, 1)?;
    Ok(Some(Write::MoveItem { id: mail.id, to, new_id }))
}

/// The answer as a mail to the organizer. RFC 6047.
fn mail(
    context: &Context<'_>,
    response: Answered,
    organizer: &str,
    summary: &str,
    comment: Option<&str>,
    reply: &str,
) -> Result<Outgoing, easel_items::ComposeError> {
    let said = match response {
        Answered::Accepted => "Accepted",
        Answered::Tentative => "Tentative",
        Answered::Declined => "Declined",
    };
    let (to, subject) = ([organizer.to_owned()], format!("{said}: {summary}"));
    let mime = compose::itip(&to, &subject, comment.unwrap_or_default(), ("REPLY", reply))?;
    let id = submit::message_id(context);
    compose::outgoing(&mime, &submit::sending(context, &id))
}
