//! Automatic replies. MS-ASCMD 2.2.3.123 "Oof".
//!
//! A Set changes what it names and leaves the rest (K: A50): the state, the times, the reply to each of three audiences.

use std::collections::BTreeSet;

use easel_items::body::{html_to_text, text_to_html};
use easel_protocol::{Oof, OofMessage, OofState, compact, parse_date_time, punctuated};
use easel_store::{ChangeSet, Snapshot, StoreError, Write};
use easel_wbxml::pages::settings as s;
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;

use super::Status;
use crate::context::{Context, Failure, flag, pack, unpack};

/// Characters of a reply.
const REPLY_MAX: usize = 32_768;

/// What a device wants of the automatic replies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OofRequest {
    /// To see them, as HTML or as text.
    Get {
        /// Whether as HTML.
        html: bool,
    },
    /// To change them.
    Set(Change),
}

/// What a Set says; `None` is what it leaves alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    state: Option<OofState>,
    start: Option<i64>,
    end: Option<i64>,
    messages: Vec<MessageChange>,
}

#[derive(Debug, PartialEq, Eq)]
struct MessageChange {
    audience: Audience,
    enabled: Option<bool>,
    reply: Option<String>,
    html: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Audience {
    Internal,
    ExternalKnown,
    ExternalUnknown,
}

impl Audience {
    const ALL: [Self; 3] = [Self::Internal, Self::ExternalKnown, Self::ExternalUnknown];

    const fn tag(self) -> Tag {
        match self {
            Self::Internal => s::APPLIES_TO_INTERNAL,
            Self::ExternalKnown => s::APPLIES_TO_EXTERNAL_KNOWN,
            Self::ExternalUnknown => s::APPLIES_TO_EXTERNAL_UNKNOWN,
        }
    }

    const fn of(self, oof: &Oof) -> &OofMessage {
        match self {
            Self::Internal => &oof.internal,
            Self::ExternalKnown => &oof.external_known,
            Self::ExternalUnknown => &oof.external_unknown,
        }
    }

    const fn of_mut(self, oof: &mut Oof) -> &mut OofMessage {
        match self {
            Self::Internal => &mut oof.internal,
            Self::ExternalKnown => &mut oof.external_known,
            Self::ExternalUnknown => &mut oof.external_unknown,
        }
    }
}

impl OofRequest {
    pub(crate) fn from_wbxml(oof: &Element) -> Result<Self, Status> {
        match (oof.child(s::GET), oof.child(s::SET)) {
            (Some(get), None) => Ok(Self::Get { html: html(get)?.unwrap_or(false) }),
            (None, Some(set)) => Ok(Self::Set(Change::from_wbxml(set)?)),
            (Some(_), Some(_)) | (None, None) => Err(Status::ProtocolError),
        }
    }

    /// The answer's data, or why there is none.
    pub(crate) fn carry_out(&self, context: &Context<'_>) -> Result<Result<Option<Element>, Status>, Failure> {
        let snapshot = context.store().snapshot(context.user.id)?;
        let mut oof = stored(&*snapshot)?;
        let before = oof.clone();
        drop(snapshot);
        match self {
            Self::Get { html } => Ok(Ok(Some(shown(context, &oof, *html)))),
            Self::Set(change) => {
                if let Err(status) = change.apply(&mut oof) {
                    return Ok(Err(status));
                }
                let mut set = ChangeSet::new(context.user.id);
                set.writes.push(Write::PutValue { name: Oof::NAME, value: Some(pack(&oof)) });
                if oof != before {
                    set.writes.push(Write::PutValue { name: Oof::ANSWERED, value: None });
                }
                context.store().commit(set)?;
                Ok(Ok(None))
            }
        }
    }
}

fn stored(snapshot: &dyn Snapshot) -> Result<Oof, StoreError> {
    Ok(snapshot.value(Oof::NAME)?.and_then(|bytes| unpack(&bytes)).unwrap_or_default())
}

/// BodyType: `Text` or `HTML`.
fn html(parent: &Element) -> Result<Option<bool>, Status> {
    match parent.text_of(s::BODY_TYPE).as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(kind) if kind.eq_ignore_ascii_case("HTML") => Ok(Some(true)),
        Some(kind) if kind.eq_ignore_ascii_case("Text") => Ok(Some(false)),
        Some(_) => Err(Status::InvalidArguments),
    }
}

impl Change {
    fn from_wbxml(set: &Element) -> Result<Self, Status> {
        let text = |tag| set.text_of(tag).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let time = |tag| {
            let read = |text: String| parse_date_time(&text).map(Timestamp::as_millisecond);
            text(tag).map(read).transpose().map_err(|_| Status::InvalidArguments)
        };
        let state = text(s::OOF_STATE).map(|state| state.parse().ok().and_then(OofState::from_number));
        let state = match state {
            Some(None) => return Err(Status::InvalidArguments),
            Some(Some(state)) => Some(state),
            None => None,
        };
        let (start, end) = (time(s::START_TIME)?, time(s::END_TIME)?);
        // An absence may be open at its end (K: A50), not at its beginning.
        if start.is_none() && end.is_some() {
            return Err(Status::ProtocolError);
        }
        if start.zip(end).is_some_and(|(start, end)| end <= start) {
            return Err(Status::ConflictingArguments);
        }
        let mut messages = Vec::new();
        for message in set.all(s::OOF_MESSAGE) {
            messages.extend(MessageChange::from_wbxml(message)?);
        }
        let audiences: BTreeSet<Audience> = messages.iter().map(|message: &MessageChange| message.audience).collect();
        if audiences.len() != messages.len() {
            return Err(Status::ConflictingArguments);
        }
        Ok(Self { state, start, end, messages })
    }

    fn apply(&self, oof: &mut Oof) -> Result<(), Status> {
        oof.state = self.state.unwrap_or(oof.state);
        match oof.state {
            OofState::Timed if self.start.is_some() => (oof.start, oof.end) = (self.start, self.end),
            // Times without the state that they belong to are not kept.
            OofState::Timed if oof.start.is_some() => {}
            OofState::Timed => return Err(Status::ProtocolError),
            OofState::Off | OofState::On => (oof.start, oof.end) = (None, None),
        }
        for change in &self.messages {
            let message = change.audience.of_mut(oof);
            message.enabled = change.enabled.unwrap_or(message.enabled);
            message.html = change.html.unwrap_or(message.html && change.reply.is_none());
            if let Some(reply) = &change.reply {
                message.reply.clone_from(reply);
            }
        }
        Ok(())
    }
}

impl MessageChange {
    /// One for each audience it applies to.
    fn from_wbxml(message: &Element) -> Result<Vec<Self>, Status> {
        let audiences: Vec<Audience> =
            Audience::ALL.into_iter().filter(|audience| message.child(audience.tag()).is_some()).collect();
        let reply = message.text_of(s::REPLY_MESSAGE);
        if audiences.is_empty() {
            return Err(Status::ProtocolError);
        }
        if reply.as_ref().is_some_and(|reply| reply.chars().count() > REPLY_MAX) {
            return Err(Status::InvalidArguments);
        }
        let html = html(message)?;
        let enabled = message.child(s::ENABLED).map(|_| flag(message, s::ENABLED, true));
        let change = |audience| Self { audience, enabled, reply: reply.as_ref().map(ToString::to_string), html };
        Ok(audiences.into_iter().map(change).collect())
    }
}

/// One message an audience, also for those who get none.
fn shown(context: &Context<'_>, oof: &Oof, html: bool) -> Element {
    let mut get = Element::of(s::GET, [Element::number(s::OOF_STATE, oof.state as u8)]);
    let written = match context.profile().text("settings.oof_dates") {
        "compact" => compact,
        _ => punctuated,
    };
    let time = |tag, at: Option<i64>| {
        at.and_then(|at| Timestamp::from_millisecond(at).ok()).map(|at| Element::text(tag, written(at)))
    };
    get.extend(time(s::START_TIME, oof.start));
    get.extend(time(s::END_TIME, oof.end));
    let with_type = context.profile().flag("settings.oof_bodytype");
    get.extend(Audience::ALL.into_iter().map(|audience| {
        let message = audience.of(oof);
        let mut element =
            Element::of(s::OOF_MESSAGE, [Element::new(audience.tag()), Element::boolean(s::ENABLED, message.enabled)]);
        if !message.reply.is_empty() {
            element.push(Element::text(s::REPLY_MESSAGE, reply(message, html)));
        }
        element.with_some(with_type.then(|| Element::text(s::BODY_TYPE, if html { "HTML" } else { "Text" })))
    }));
    get
}

fn reply(message: &OofMessage, html: bool) -> String {
    match (message.html, html) {
        (true, false) => html_to_text(&message.reply, REPLY_MAX).0,
        (false, true) => text_to_html(&message.reply),
        (true, true) | (false, false) => message.reply.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(children: impl IntoIterator<Item = Element>) -> Result<OofRequest, Status> {
        OofRequest::from_wbxml(&Element::of(s::OOF, [Element::of(s::SET, children)]))
    }

    fn message(audience: Tag, rest: impl IntoIterator<Item = Element>) -> Element {
        let mut message = Element::of(s::OOF_MESSAGE, [Element::new(audience)]);
        message.extend(rest);
        message
    }

    fn state(state: &str) -> Element {
        Element::text(s::OOF_STATE, state)
    }

    fn changed(oof: &Oof, request: Result<OofRequest, Status>) -> Result<Oof, Status> {
        let OofRequest::Set(change) = request? else { panic!("no Set") };
        let mut oof = oof.clone();
        change.apply(&mut oof).map(|()| oof)
    }

    #[test]
    fn a50_a_set_changes_what_it_names_and_leaves_the_rest() {
        let reply = [Element::boolean(s::ENABLED, true), Element::text(s::REPLY_MESSAGE, "away")];
        let first = changed(&Oof::default(), set([state("1"), message(s::APPLIES_TO_INTERNAL, reply)])).unwrap();
        assert!(first.internal.enabled && !first.external_known.enabled);
        let off = changed(&first, set([state("0")])).unwrap();
        assert_eq!(off.internal, first.internal);
        let open = set([state("2"), Element::text(s::START_TIME, "2026-03-01T12:00:00.000Z")]);
        let open = changed(&off, open).unwrap();
        assert!(open.start.is_some() && open.end.is_none());
    }

    #[test]
    fn times_belong_to_the_state_between_two_times() {
        let times = || {
            [Element::text(s::START_TIME, "2026-03-01T12:00:00.000Z"), Element::text(s::END_TIME, "20260308T120000Z")]
        };
        let timed = changed(&Oof::default(), set([state("2")].into_iter().chain(times()))).unwrap();
        assert_eq!(timed.end.unwrap() - timed.start.unwrap(), 7 * 86_400_000);
        let on = changed(&timed, set([state("1")].into_iter().chain(times()))).unwrap();
        assert_eq!((on.start, on.end), (None, None));
        assert_eq!(changed(&on, set([state("2")])), Err(Status::ProtocolError));
    }

    #[test]
    fn what_contradicts_itself_or_says_nothing_is_refused() {
        let start = |text| Element::text(s::START_TIME, text);
        let end = |text| Element::text(s::END_TIME, text);
        let internal = || message(s::APPLIES_TO_INTERNAL, []);
        let long = Element::text(s::REPLY_MESSAGE, "x".repeat(REPLY_MAX + 1));
        for (request, status) in [
            (set([state("3")]), Status::InvalidArguments),
            (set([start("yesterday")]), Status::InvalidArguments),
            (set([end("2026-03-01T12:00:00.000Z")]), Status::ProtocolError),
            (set([start("2026-03-02T12:00:00.000Z"), end("2026-03-01T12:00:00.000Z")]), Status::ConflictingArguments),
            (set([internal(), internal()]), Status::ConflictingArguments),
            (set([Element::new(s::OOF_MESSAGE)]), Status::ProtocolError),
            (set([message(s::APPLIES_TO_INTERNAL, [Element::text(s::BODY_TYPE, "RTF")])]), Status::InvalidArguments),
            (set([message(s::APPLIES_TO_INTERNAL, [long])]), Status::InvalidArguments),
            (OofRequest::from_wbxml(&Element::new(s::OOF)), Status::ProtocolError),
        ] {
            assert_eq!(request, Err(status));
        }
    }
}
