//! Between the server's values and the pack's, one function each.

use easel_pack::{
    SettingValue, Wanted as PackWanted, folder_change as pack_folder, items as pack_items, mail as pack_mail,
    meeting as pack_meeting, profile as pack_profile, recover as pack_recover, wire as pack_wire,
};
use easel_plugin::Value;
use easel_plugin::hooks::{
    Answer, Direction, FolderChange, FolderEdit, FolderOperation, FolderVerdict, History, HookContext, HookFolder,
    MailEdit, MailVerdict, MeetingRequest, Message, Recovery, Reference, State, Symptom, Verdict, property_number,
    property_tag,
};
use easel_plugin::item::{Content, Edit, Entry, NewContent, Wanted};
use easel_plugin::rules::{Action, Rule};
use easel_protocol::{Class, DeviceFacts, FolderType, Origin};

pub(crate) fn facts(facts: &DeviceFacts) -> pack_profile::Facts {
    let told = |name: &str| facts.information.get(name).cloned().unwrap_or_default();
    let mut user_agents: Vec<_> = facts.user_agents().map(str::to_owned).collect();
    user_agents.reverse();
    pack_profile::Facts {
        device_id: facts.device_id.clone(),
        device_type: facts.device_type.clone(),
        user_agents,
        query_form: if facts.base64_query { pack_profile::QueryForm::Base64 } else { pack_profile::QueryForm::Plain },
        headers: facts.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        origin: match facts.origin {
            Origin::Cloud => pack_profile::Origin::Cloud,
            Origin::Device => pack_profile::Origin::Device,
            Origin::Unknown => pack_profile::Origin::Unknown,
        },
        model: told("Model"),
        friendly_name: told("FriendlyName"),
        os: told("OS"),
        os_language: told("OSLanguage"),
        protocol: facts.version.map_or(0, |version| version.times_ten().into()),
    }
}

pub(crate) fn value(value: &SettingValue) -> Value {
    match value {
        SettingValue::Flag(flag) => Value::Flag(*flag),
        SettingValue::Number(number) => Value::Number(*number),
        SettingValue::Text(text) => Value::Text(text.clone()),
        SettingValue::Texts(texts) => Value::Texts(texts.clone()),
    }
}

pub(crate) fn class(class: easel_pack::Class) -> Class {
    match class {
        easel_pack::Class::Email => Class::Email,
        easel_pack::Class::Calendar => Class::Calendar,
        easel_pack::Class::Contacts => Class::Contacts,
        easel_pack::Class::Tasks => Class::Tasks,
        easel_pack::Class::Notes => Class::Notes,
        easel_pack::Class::Sms => Class::Sms,
    }
}

pub(crate) fn pack_class(class: Class) -> easel_pack::Class {
    match class {
        Class::Email => easel_pack::Class::Email,
        Class::Calendar => easel_pack::Class::Calendar,
        Class::Contacts => easel_pack::Class::Contacts,
        Class::Tasks => easel_pack::Class::Tasks,
        Class::Notes => easel_pack::Class::Notes,
        Class::Sms => easel_pack::Class::Sms,
    }
}

pub(crate) fn direction(direction: easel_pack::Direction) -> Direction {
    match direction {
        easel_pack::Direction::ToDevice => Direction::Outgoing,
        easel_pack::Direction::FromDevice => Direction::Incoming,
    }
}

pub(crate) fn wanted(wanted: &[PackWanted]) -> Wanted {
    Wanted::only(wanted.iter().map(|wanted| {
        let content = match wanted.content {
            easel_pack::Content::Presence => Content::Presence,
            easel_pack::Content::Text => Content::Text(wanted.max_bytes),
        };
        (property_tag(wanted.property), content)
    }))
}

pub(crate) fn rule(rule: &pack_profile::Rule) -> Rule {
    let action = match &rule.action {
        pack_profile::Action::Drop => Action::Drop,
        pack_profile::Action::Rename(property) => Action::Rename(property_tag(*property)),
        pack_profile::Action::Truncate(bytes) => Action::Truncate(*bytes),
        pack_profile::Action::Fill(text) => Action::Fill(text.clone()),
        pack_profile::Action::Set(text) => Action::Set(text.clone()),
        pack_profile::Action::IgnoreEmpty => Action::IgnoreEmpty,
        pack_profile::Action::AtHour(hour) => Action::AtHour(*hour),
        pack_profile::Action::LimitCount(most) => Action::LimitCount(*most),
        pack_profile::Action::Replace(pairs) => Action::Replace(pairs.clone()),
    };
    Rule { class: class(rule.class), direction: direction(rule.direction), tag: property_tag(rule.property), action }
}

fn folder(folder: &HookFolder) -> easel_pack::Folder {
    let class = match folder.kind {
        FolderType::Calendar | FolderType::UserCalendar => easel_pack::Class::Calendar,
        FolderType::Contacts | FolderType::UserContacts => easel_pack::Class::Contacts,
        FolderType::Tasks | FolderType::UserTasks => easel_pack::Class::Tasks,
        FolderType::Notes | FolderType::UserNotes => easel_pack::Class::Notes,
        FolderType::Inbox
        | FolderType::Drafts
        | FolderType::DeletedItems
        | FolderType::SentItems
        | FolderType::Outbox
        | FolderType::Journal
        | FolderType::Generic
        | FolderType::UserMail
        | FolderType::UserJournal
        | FolderType::Unknown
        | FolderType::RecipientInformation => easel_pack::Class::Email,
    };
    easel_pack::Folder { class, role: folder.role().to_owned(), is_default: folder.is_default }
}

pub(crate) fn context(context: &HookContext<'_>, memo: &[u8]) -> easel_pack::Context {
    easel_pack::Context {
        protocol: context.version.times_ten().into(),
        now: context.now_ms.try_into().unwrap_or_default(),
        zone: context.zone.to_owned(),
        owner: easel_pack::Owner { name: context.owner_name.to_owned(), addresses: context.owner_addresses.to_vec() },
        command: context.command.name().to_owned(),
        folder: context.folder.as_ref().map(folder),
        attempt: context.attempt,
        memo: memo.to_vec(),
    }
}

pub(crate) fn entries(entries: &[Entry]) -> Vec<easel_pack::Entry> {
    let entry = |entry: &Entry| easel_pack::Entry {
        node: entry.node,
        parent: entry.parent,
        property: property_number(entry.tag),
        text: entry.text.clone(),
        length: entry.length,
    };
    entries.iter().map(entry).collect()
}

pub(crate) fn state(state: &State) -> pack_items::State {
    pack_items::State { version: state.version.clone(), bytes: state.bytes.clone() }
}

fn content(value: easel_pack::Value) -> NewContent {
    match value {
        easel_pack::Value::None => NewContent::None,
        easel_pack::Value::Text(text) => NewContent::Text(text),
        easel_pack::Value::Opaque(bytes) => NewContent::Opaque(bytes),
    }
}

fn edit(edit: easel_pack::Edit) -> Edit {
    match edit {
        easel_pack::Edit::Set((node, value)) => Edit::Set(node, content(value)),
        easel_pack::Edit::Remove(node) => Edit::Remove(node),
        easel_pack::Edit::Rename((node, property)) => Edit::Rename(node, property_tag(property)),
        easel_pack::Edit::Truncate((node, bytes)) => Edit::Truncate(node, bytes),
        easel_pack::Edit::Insert(new) => Edit::Insert {
            node: new.node,
            parent: new.parent,
            before: new.before,
            tag: property_tag(new.property),
            content: content(new.value),
        },
    }
}

pub(crate) fn answer(answer: pack_items::Answer) -> Answer {
    let verdict = match answer.verdict {
        pack_items::Verdict::Keep => Verdict::Keep,
        pack_items::Verdict::Edit(edits) => Verdict::Edit(edits.into_iter().map(edit).collect()),
        pack_items::Verdict::Withhold(reason) => Verdict::Withhold(reason),
    };
    Answer { verdict, state: answer.state }
}

pub(crate) fn wire_verdict(verdict: pack_wire::Verdict) -> Vec<Edit> {
    match verdict {
        pack_wire::Verdict::Keep => Vec::new(),
        pack_wire::Verdict::Edit(edits) => edits.into_iter().map(edit).collect(),
    }
}

pub(crate) fn message(message: &Message) -> pack_mail::Message {
    let part = |(index, part): (u32, &easel_plugin::hooks::Part)| pack_mail::Part {
        index,
        parent: part.parent,
        content_type: part.content_type.clone(),
        charset: part.charset.clone(),
        filename: part.filename.clone(),
        size: part.size,
        sample: part.sample.clone(),
    };
    pack_mail::Message {
        headers: message.headers.clone(),
        parts: (0..).zip(&message.parts).map(part).collect(),
        client_id: message.client_id.clone(),
    }
}

pub(crate) fn mail_verdict(verdict: pack_mail::Verdict) -> MailVerdict {
    let edit = |edit| match edit {
        pack_mail::Edit::SetHeader((name, value)) => MailEdit::SetHeader(name, value),
        pack_mail::Edit::RemoveHeader(name) => MailEdit::RemoveHeader(name),
        pack_mail::Edit::ContentType((part, content_type)) => MailEdit::ContentType(part, content_type),
        pack_mail::Edit::Charset((part, charset)) => MailEdit::Charset(part, charset),
        pack_mail::Edit::Mark((id, pack_mail::Reference::Replied)) => MailEdit::Mark(id, Reference::Replied),
        pack_mail::Edit::Mark((id, pack_mail::Reference::Forwarded)) => MailEdit::Mark(id, Reference::Forwarded),
    };
    match verdict {
        pack_mail::Verdict::Keep => MailVerdict::Edit(Vec::new()),
        pack_mail::Verdict::Edit(edits) => MailVerdict::Edit(edits.into_iter().map(edit).collect()),
        pack_mail::Verdict::Withhold(reason) => MailVerdict::Withhold(reason),
    }
}

pub(crate) fn folder_change(change: &FolderChange) -> pack_folder::Change {
    pack_folder::Change {
        operation: match change.operation {
            FolderOperation::Create => pack_folder::Operation::Create,
            FolderOperation::Update => pack_folder::Operation::Update,
            FolderOperation::Delete => pack_folder::Operation::Delete,
        },
        current: change.current.as_ref().map(folder),
        current_name: change.current_name.clone(),
        parent: change.parent.as_ref().map(folder),
        same_parent: change.same_parent,
        display_name: change.display_name.clone(),
        kind: change.kind,
    }
}

pub(crate) fn folder_verdict(verdict: pack_folder::Verdict) -> FolderVerdict {
    let edit = |edit| match edit {
        pack_folder::Edit::ToRoot => FolderEdit::ToRoot,
        pack_folder::Edit::DisplayName(name) => FolderEdit::DisplayName(name),
        pack_folder::Edit::Kind(kind) => FolderEdit::Kind(kind),
        pack_folder::Edit::ToTrash => FolderEdit::ToTrash,
    };
    match verdict {
        pack_folder::Verdict::Keep => FolderVerdict::Edit(Vec::new()),
        pack_folder::Verdict::Edit(edits) => FolderVerdict::Edit(edits.into_iter().map(edit).collect()),
        pack_folder::Verdict::Refuse(reason) => FolderVerdict::Refuse(reason),
    }
}

pub(crate) fn meeting(request: &MeetingRequest) -> pack_meeting::Request {
    pack_meeting::Request {
        request_id: request.request_id.clone(),
        collection_id: request.collection_id.clone(),
        instance_id: request.instance_id.clone(),
        user_response: request.user_response,
        send_response: request.send_response,
    }
}

pub(crate) fn meeting_back(request: pack_meeting::Request) -> MeetingRequest {
    MeetingRequest {
        request_id: request.request_id,
        collection_id: request.collection_id,
        instance_id: request.instance_id,
        user_response: request.user_response,
        send_response: request.send_response,
    }
}

pub(crate) fn history(history: &History) -> pack_recover::History {
    pack_recover::History {
        symptom: match history.symptom {
            Symptom::RepeatedKey => pack_recover::Symptom::RepeatedKey,
            Symptom::UnknownKey => pack_recover::Symptom::UnknownKey,
            Symptom::ZeroKey => pack_recover::Symptom::ZeroKey,
            Symptom::RepeatedItem => pack_recover::Symptom::RepeatedItem,
            Symptom::BusyLoop => pack_recover::Symptom::BusyLoop,
        },
        times: history.times,
        within_secs: history.within_secs,
    }
}

pub(crate) fn recovery(recovery: pack_recover::Recovery) -> Recovery {
    match recovery {
        pack_recover::Recovery::Usual => Recovery::Usual,
        pack_recover::Recovery::Retry => Recovery::Retry,
        pack_recover::Recovery::ShrinkWindow => Recovery::ShrinkWindow,
        pack_recover::Recovery::SkipItem => Recovery::SkipItem,
        pack_recover::Recovery::ResyncFolder => Recovery::ResyncFolder,
        pack_recover::Recovery::ResyncHierarchy => Recovery::ResyncHierarchy,
        pack_recover::Recovery::ResyncAll => Recovery::ResyncAll,
        pack_recover::Recovery::Throttle => Recovery::Throttle,
        pack_recover::Recovery::Block => Recovery::Block,
    }
}
