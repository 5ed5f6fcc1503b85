//! The host's values as a pack is shown them.

use easel_plugin::hooks::{
    FolderChange, FolderOperation, History, HookContext, HookFolder, MeetingRequest, Message, State, Symptom,
    property_number,
};
use easel_plugin::item::Entry;
use easel_plugin::{Profile, Value};
use easel_protocol::{Class, DeviceFacts, Origin};

use super::bindings::easel::plugin::types;
use super::bindings::exports::easel::plugin as exports;

/// Settings that are left out with a sentence; what more there are is left out without.
const LEFT_OUT_MAX: usize = 64;

/// What the operator wrote for a pack, by name.
pub(crate) type Options = Vec<(String, Value)>;

pub(super) const fn class(class: Class) -> types::Class {
    match class {
        Class::Calendar => types::Class::Calendar,
        Class::Contacts => types::Class::Contacts,
        Class::Email => types::Class::Email,
        Class::Notes => types::Class::Notes,
        Class::Sms => types::Class::Sms,
        Class::Tasks => types::Class::Tasks,
    }
}

fn folder(folder: HookFolder) -> types::Folder {
    types::Folder {
        // A folder of no class holds mail, if anything.
        class: class(folder.kind.class().unwrap_or(Class::Email)),
        role: folder.role().to_owned(),
        is_default: folder.is_default,
    }
}

pub(super) fn context(context: &HookContext<'_>, memo: &[u8]) -> types::Context {
    types::Context {
        protocol: u16::from(context.version.times_ten()),
        now: u64::try_from(context.now_ms).unwrap_or_default(),
        zone: context.zone.to_owned(),
        owner: types::Owner { name: context.owner_name.to_owned(), addresses: context.owner_addresses.to_vec() },
        command: context.command.name().to_owned(),
        folder: context.folder.map(folder),
        attempt: context.attempt,
        memo: memo.to_vec(),
    }
}

pub(super) fn entries(entries: &[Entry]) -> Vec<types::Entry> {
    let entry = |entry: &Entry| types::Entry {
        node: entry.node,
        parent: entry.parent,
        property: property_number(entry.tag),
        text: entry.text.clone(),
        length: entry.length,
    };
    entries.iter().map(entry).collect()
}

pub(super) fn state(state: &State) -> exports::items::State {
    exports::items::State { version: state.version.clone(), bytes: state.bytes.clone() }
}

pub(super) fn message(message: &Message) -> exports::mail::Message {
    let part = |(index, part): (usize, &easel_plugin::hooks::Part)| exports::mail::Part {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        parent: part.parent,
        content_type: part.content_type.clone(),
        charset: part.charset.clone(),
        filename: part.filename.clone(),
        size: part.size,
        sample: part.sample[..part.sample.len().min(4 << 10)].to_vec(),
    };
    let cut = |text: &str| text[..text.floor_char_boundary(8 << 10)].to_owned();
    exports::mail::Message {
        headers: message.headers.iter().map(|(name, value)| (name.clone(), cut(value))).collect(),
        parts: message.parts.iter().enumerate().map(part).collect(),
        client_id: message.client_id.clone(),
    }
}

pub(super) fn change(change: &FolderChange) -> exports::folder_change::Change {
    exports::folder_change::Change {
        operation: match change.operation {
            FolderOperation::Create => exports::folder_change::Operation::Create,
            FolderOperation::Delete => exports::folder_change::Operation::Delete,
            FolderOperation::Update => exports::folder_change::Operation::Update,
        },
        current: change.current.map(folder),
        current_name: change.current_name.clone(),
        parent: change.parent.map(folder),
        same_parent: change.same_parent,
        display_name: change.display_name.clone(),
        kind: change.kind,
    }
}

pub(super) fn request(request: &MeetingRequest) -> exports::meeting::Request {
    exports::meeting::Request {
        request_id: request.request_id.clone(),
        collection_id: request.collection_id.clone(),
        instance_id: request.instance_id.clone(),
        user_response: request.user_response,
        send_response: request.send_response,
    }
}

pub(super) const fn history(history: &History) -> exports::recover::History {
    exports::recover::History {
        symptom: match history.symptom {
            Symptom::BusyLoop => exports::recover::Symptom::BusyLoop,
            Symptom::RepeatedItem => exports::recover::Symptom::RepeatedItem,
            Symptom::RepeatedKey => exports::recover::Symptom::RepeatedKey,
            Symptom::UnknownKey => exports::recover::Symptom::UnknownKey,
            Symptom::ZeroKey => exports::recover::Symptom::ZeroKey,
        },
        times: history.times,
        within_secs: history.within_secs,
    }
}

/// What is known of a device; of the headers only those the pack named.
pub(super) fn facts(facts: &DeviceFacts, headers: &[String]) -> exports::profile::Facts {
    let told = |name: &str| facts.information.get(name).cloned().unwrap_or_default();
    let mut user_agents: Vec<String> = facts.user_agents().map(ToOwned::to_owned).collect();
    user_agents.reverse();
    let header = |name: &String| facts.headers.get(name).map(|value| (name.clone(), value.clone()));
    exports::profile::Facts {
        device_id: facts.device_id.clone(),
        device_type: facts.device_type.clone(),
        user_agents,
        query_form: match (facts.version, facts.base64_query) {
            (None, _) => exports::profile::QueryForm::Unknown,
            (Some(_), false) => exports::profile::QueryForm::Plain,
            (Some(_), true) => exports::profile::QueryForm::Base64,
        },
        headers: headers.iter().filter_map(header).collect(),
        origin: match facts.origin {
            Origin::Cloud => exports::profile::Origin::Cloud,
            Origin::Device => exports::profile::Origin::Device,
            Origin::Unknown => exports::profile::Origin::Unknown,
        },
        model: told("Model"),
        friendly_name: told("FriendlyName"),
        os: told("OS"),
        os_language: told("OSLanguage"),
        protocol: facts.version.map_or(0, |version| u16::from(version.times_ten())),
    }
}

pub(super) fn options(options: &Options) -> Vec<types::Setting> {
    let value = |value: &Value| match value {
        Value::Flag(flag) => types::SettingValue::Flag(*flag),
        Value::Number(number) => types::SettingValue::Number(*number),
        Value::Text(text) => types::SettingValue::Text(text.clone()),
        Value::Texts(texts) => types::SettingValue::Texts(texts.clone()),
    };
    options.iter().map(|(name, of)| types::Setting { name: name.clone(), value: value(of) }).collect()
}

/// Settings as the host knows them, and a sentence for each that it leaves out, up to a bound.
pub(super) fn settings(said: Vec<types::Setting>) -> (Profile, Vec<String>) {
    let mut profile = Profile::default();
    let mut left_out = Vec::new();
    for types::Setting { name, value } in said {
        let value = match value {
            types::SettingValue::Flag(flag) => Value::Flag(flag),
            types::SettingValue::Number(number) => Value::Number(number),
            types::SettingValue::Text(text) => Value::Text(text),
            types::SettingValue::Texts(texts) => Value::Texts(texts),
        };
        if let Err(error) = profile.set(&name, value)
            && left_out.len() < LEFT_OUT_MAX
        {
            left_out.push(crate::log::clean(&error.to_string()));
        }
    }
    (profile, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_settings_that_are_not_known_a_bounded_number_is_told_of() {
        let setting = |n: usize| types::Setting { name: format!("odd.{n}"), value: types::SettingValue::Flag(true) };
        let (_, left_out) = settings((0..1_000).map(setting).collect());
        assert_eq!(left_out.len(), LEFT_OUT_MAX);
        assert!(left_out[0].contains("odd.0"), "{}", left_out[0]);
    }
}
