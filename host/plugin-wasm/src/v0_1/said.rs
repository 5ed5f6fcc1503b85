//! What a pack says, as the host's values. Numbers are as hostile as the pack: what cannot be is an error in words.

use easel_plugin::hooks::{
    Answer, FolderEdit, FolderVerdict, MailEdit, MailVerdict, MeetingRequest, Recovery, Reference, Verdict,
    property_tag,
};
use easel_plugin::item::{Content, Edit, NewContent};
use easel_plugin::rules::{Action, RULES_MAX, Rule};
use easel_plugin::settings::Effect;
use easel_plugin::{Direction, Profile};
use easel_protocol::Class;
use easel_wbxml::Tag;

use super::bindings::easel::plugin::types;
use super::bindings::exports::easel::plugin as exports;
use super::shown;
use crate::log::clean;

/// Bytes of a memo.
const MEMO_BYTES_MAX: usize = 4 << 10;

/// What a pack says once of a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub(crate) family: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) profile: Profile,
    pub(crate) memo: Vec<u8>,
    /// A sentence for each setting left out.
    pub(crate) left_out: Vec<String>,
}

/// A manifest as it was said, before anything of it is believed.
#[derive(Clone, Debug)]
pub(crate) struct RawManifest {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) author: String,
    pub(crate) licence: String,
    pub(crate) matchers: Vec<RawMatcher>,
    pub(crate) priority: i32,
    pub(crate) headers: Vec<String>,
    pub(crate) subscriptions: Vec<(Direction, Class, Vec<RawWanted>)>,
    pub(crate) commands: Vec<(String, Vec<RawWanted>)>,
    pub(crate) profile: Profile,
    pub(crate) left_out: Vec<String>,
    pub(crate) quirks: Vec<String>,
    pub(crate) upgrade: Effect,
}

/// One way to recognise a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawMatcher {
    pub(crate) device_id: String,
    pub(crate) user_agent: String,
    pub(crate) device_type: String,
    pub(crate) os: String,
    pub(crate) model: String,
    pub(crate) header: Option<(String, String)>,
    pub(crate) protocol_min: u16,
    pub(crate) protocol_max: u16,
}

/// A property by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawWanted {
    pub(crate) number: u16,
    pub(crate) content: Content,
}

const fn class(class: types::Class) -> Class {
    match class {
        types::Class::Calendar => Class::Calendar,
        types::Class::Contacts => Class::Contacts,
        types::Class::Email => Class::Email,
        types::Class::Notes => Class::Notes,
        types::Class::Sms => Class::Sms,
        types::Class::Tasks => Class::Tasks,
    }
}

const fn direction(direction: types::Direction) -> Direction {
    match direction {
        types::Direction::FromDevice => Direction::Incoming,
        types::Direction::ToDevice => Direction::Outgoing,
    }
}

fn wanted(wanted: Vec<types::Wanted>) -> Vec<RawWanted> {
    let one = |one: types::Wanted| RawWanted {
        number: one.property,
        content: match one.content {
            types::Content::Presence => Content::Presence,
            types::Content::Text => Content::Text(one.max_bytes),
        },
    };
    wanted.into_iter().map(one).collect()
}

pub(super) fn manifest(said: exports::describe::Manifest) -> RawManifest {
    let (profile, left_out) = shown::settings(said.settings);
    let matcher = |said: exports::describe::Matcher| RawMatcher {
        device_id: said.device_id,
        user_agent: said.user_agent,
        device_type: said.device_type,
        os: said.os,
        model: said.model,
        header: said.header.map(|header| (header.name, header.pattern)),
        protocol_min: said.protocol_min,
        protocol_max: said.protocol_max,
    };
    RawManifest {
        id: said.id,
        version: said.version,
        summary: said.summary,
        author: said.author,
        licence: said.licence,
        matchers: said.matchers.into_iter().map(matcher).collect(),
        priority: said.priority,
        headers: said.headers,
        subscriptions: said
            .subscriptions
            .into_iter()
            .map(|said| (direction(said.direction), class(said.class), wanted(said.wanted)))
            .collect(),
        commands: said.commands.into_iter().map(|said| (said.name, wanted(said.wanted))).collect(),
        profile,
        left_out,
        quirks: said.quirks,
        upgrade: match said.upgrade {
            types::Effect::Hierarchy => Effect::Hierarchy,
            types::Effect::None => Effect::None,
            types::Effect::Renegotiate => Effect::Renegotiate,
            types::Effect::Resend => Effect::Resend,
        },
    }
}

pub(super) fn declared(said: exports::profile::Profile) -> Result<Declared, String> {
    if said.memo.len() > MEMO_BYTES_MAX {
        return Err(format!("a memo of {} bytes: at most {MEMO_BYTES_MAX}", said.memo.len()));
    }
    if said.rules.len() > RULES_MAX {
        return Err(format!("{} rules: at most {RULES_MAX}", said.rules.len()));
    }
    let rules = said.rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    let (profile, left_out) = shown::settings(said.settings);
    let family: String = said.family.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).collect();
    let family = family[..family.len().min(64)].to_owned();
    Ok(Declared { family, rules, profile, memo: said.memo, left_out })
}

fn rule(said: exports::profile::Rule) -> Result<Rule, String> {
    let action = match said.action {
        exports::profile::Action::AtHour(hour) if hour > 23 => return Err(format!("a rule sets the hour {hour}")),
        exports::profile::Action::AtHour(hour) => Action::AtHour(hour),
        exports::profile::Action::Drop => Action::Drop,
        exports::profile::Action::Fill(text) => Action::Fill(text),
        exports::profile::Action::IgnoreEmpty => Action::IgnoreEmpty,
        exports::profile::Action::LimitCount(most) => Action::LimitCount(most),
        exports::profile::Action::Rename(property) => Action::Rename(known(property)?),
        exports::profile::Action::Replace(pairs) => Action::Replace(pairs),
        exports::profile::Action::Set(text) => Action::Set(text),
        exports::profile::Action::Truncate(most) => Action::Truncate(most),
    };
    let tag = known(said.property)?;
    Ok(Rule { class: class(said.class), direction: direction(said.direction), tag, action })
}

/// The element of that number, if a table names it.
pub(crate) fn known(number: u16) -> Result<Tag, String> {
    let tag = property_tag(number);
    tag.name().map(|_| tag).ok_or_else(|| format!("no property has the number {number:#06x}"))
}

fn content(value: types::Value) -> NewContent {
    match value {
        types::Value::None => NewContent::None,
        types::Value::Opaque(bytes) => NewContent::Opaque(bytes),
        types::Value::Text(text) => NewContent::Text(text),
    }
}

pub(super) fn edits(said: Vec<types::Edit>) -> Vec<Edit> {
    let edit = |edit| match edit {
        types::Edit::Insert(said) => Edit::Insert {
            node: said.node,
            parent: said.parent,
            before: said.before,
            tag: property_tag(said.property),
            content: content(said.value),
        },
        types::Edit::Remove(node) => Edit::Remove(node),
        types::Edit::Rename((node, property)) => Edit::Rename(node, property_tag(property)),
        types::Edit::Set((node, value)) => Edit::Set(node, content(value)),
        types::Edit::Truncate((node, most)) => Edit::Truncate(node, most),
    };
    said.into_iter().map(edit).collect()
}

pub(super) fn answer(said: exports::items::Answer) -> Answer {
    let verdict = match said.verdict {
        exports::items::Verdict::Edit(said) => Verdict::Edit(edits(said)),
        exports::items::Verdict::Keep => Verdict::Keep,
        exports::items::Verdict::Withhold(reason) => Verdict::Withhold(clean(&reason)),
    };
    Answer { verdict, state: said.state }
}

pub(super) fn mail(said: exports::mail::Verdict) -> MailVerdict {
    let edit = |edit| match edit {
        exports::mail::Edit::Charset((part, text)) => MailEdit::Charset(part, text),
        exports::mail::Edit::ContentType((part, text)) => MailEdit::ContentType(part, text),
        exports::mail::Edit::Mark((id, reference)) => MailEdit::Mark(
            id,
            match reference {
                exports::mail::Reference::Forwarded => Reference::Forwarded,
                exports::mail::Reference::Replied => Reference::Replied,
            },
        ),
        exports::mail::Edit::RemoveHeader(name) => MailEdit::RemoveHeader(name),
        exports::mail::Edit::SetHeader((name, value)) => MailEdit::SetHeader(name, value),
    };
    match said {
        exports::mail::Verdict::Edit(edits) => MailVerdict::Edit(edits.into_iter().map(edit).collect()),
        exports::mail::Verdict::Keep => MailVerdict::Edit(Vec::new()),
        exports::mail::Verdict::Withhold(reason) => MailVerdict::Withhold(clean(&reason)),
    }
}

pub(super) fn folder(said: exports::folder_change::Verdict) -> FolderVerdict {
    let edit = |edit| match edit {
        exports::folder_change::Edit::DisplayName(name) => FolderEdit::DisplayName(name),
        exports::folder_change::Edit::Kind(kind) => FolderEdit::Kind(kind),
        exports::folder_change::Edit::ToRoot => FolderEdit::ToRoot,
        exports::folder_change::Edit::ToTrash => FolderEdit::ToTrash,
    };
    match said {
        exports::folder_change::Verdict::Edit(edits) => FolderVerdict::Edit(edits.into_iter().map(edit).collect()),
        exports::folder_change::Verdict::Keep => FolderVerdict::Edit(Vec::new()),
        exports::folder_change::Verdict::Refuse(reason) => FolderVerdict::Refuse(clean(&reason)),
    }
}

pub(super) fn request(said: exports::meeting::Request) -> MeetingRequest {
    MeetingRequest {
        request_id: said.request_id,
        collection_id: said.collection_id,
        instance_id: said.instance_id,
        user_response: said.user_response,
        send_response: said.send_response,
    }
}

pub(super) const fn recovery(said: exports::recover::Recovery) -> Recovery {
    match said {
        exports::recover::Recovery::Block => Recovery::Block,
        exports::recover::Recovery::ResyncAll => Recovery::ResyncAll,
        exports::recover::Recovery::ResyncFolder => Recovery::ResyncFolder,
        exports::recover::Recovery::ResyncHierarchy => Recovery::ResyncHierarchy,
        exports::recover::Recovery::Retry => Recovery::Retry,
        exports::recover::Recovery::ShrinkWindow => Recovery::ShrinkWindow,
        exports::recover::Recovery::SkipItem => Recovery::SkipItem,
        exports::recover::Recovery::Throttle => Recovery::Throttle,
        exports::recover::Recovery::Usual => Recovery::Usual,
    }
}
