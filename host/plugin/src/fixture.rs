//! Fixtures: what a pack must do, written down beside it.
//!
//! A fixture names a device and one question with its answer; `plugins/README.md` shows every kind. It is run with the
//! pack and without it, and one that gives the same both times proves nothing. The pack's own build runs it natively,
//! whoever loads the pack runs it in the sandbox, through the same [`Fixture::run`].

use std::collections::BTreeMap;
use std::sync::Arc;

use easel_protocol::{Class, Command, DeviceFacts, FolderType, Origin, Version, parse_date_time};
use easel_wbxml::{Element, Tag};
use serde::Deserialize;

use crate::hooks::{
    DevicePlugin, DevicePlugins, FolderChange, FolderOperation, FolderVerdict, History, HookContext, HookFolder,
    MailVerdict, MeetingRequest, Message, NoPlugin, Part, Recovery, Symptom,
};
use crate::{Asked, Outcome, Value, settings};

/// One fixture, read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// Ids of the catalogue.
    pub quirks: Vec<String>,
    /// One sentence.
    pub says: String,
    device: DeviceSaid,
    profile: Option<ProfileSaid>,
    outgoing: Option<ItemSaid>,
    incoming: Option<ItemSaid>,
    mail: Option<MailSaid>,
    #[serde(rename = "folder-change")]
    folder_change: Option<FolderChangeSaid>,
    meeting: Option<MeetingSaid>,
    recover: Option<RecoverSaid>,
    wire: Option<WireSaid>,
}

/// Why a fixture does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FixtureError {
    /// It is not written as a fixture is.
    #[error("the fixture cannot be read: {0}")]
    Unreadable(String),
    /// It is about a setting that this server does not have, as a newer pack's may be.
    #[error("no setting is called {0:?}")]
    NoSetting(String),
    /// The pack does something else.
    #[error("expected\n{expected}\nand got\n{got}")]
    Differs {
        /// What it says.
        expected: String,
        /// What came.
        got: String,
    },
    /// Without the pack the same comes out.
    #[error("without the pack the same comes out, so it proves nothing:\n{0}")]
    ProvesNothing(String),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct DeviceSaid {
    device_id: String,
    device_type: String,
    user_agents: Vec<String>,
    protocol: u16,
    os: String,
    model: String,
    friendly_name: String,
    os_language: String,
    query_form: Option<String>,
    origin: Option<String>,
    headers: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileSaid {
    family: Option<String>,
    #[serde(default)]
    settings: BTreeMap<String, toml::Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemSaid {
    class: String,
    item: String,
    base: Option<String>,
    expect: Option<String>,
    #[serde(default)]
    withheld: bool,
    #[serde(default)]
    context: ContextSaid,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ContextSaid {
    zone: Option<String>,
    now: Option<String>,
    folder: Option<FolderSaid>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FolderSaid {
    /// A word of the contract, or empty with `class`.
    #[serde(default)]
    role: String,
    class: Option<String>,
    #[serde(default)]
    default: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailSaid {
    message: String,
    /// Its bytes are those of Latin-1: what a file of TOML cannot hold.
    #[serde(default)]
    latin1: bool,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default)]
    withheld: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FolderChangeSaid {
    operation: String,
    current: Option<FolderSaid>,
    #[serde(default)]
    current_name: String,
    parent: Option<FolderSaid>,
    #[serde(default)]
    same_parent: bool,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    kind: u8,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default)]
    refused: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MeetingSaid {
    request_id: String,
    #[serde(default)]
    collection_id: String,
    #[serde(default)]
    instance_id: String,
    #[serde(default = "accepted")]
    user_response: u8,
    #[serde(default)]
    send_response: bool,
    expect: BTreeMap<String, toml::Value>,
}

const fn accepted() -> u8 {
    1
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RecoverSaid {
    command: Option<String>,
    symptom: String,
    #[serde(default = "once")]
    times: u32,
    #[serde(default)]
    within_secs: u32,
    expect: String,
}

const fn once() -> u32 {
    1
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSaid {
    command: String,
    request: String,
    expect: String,
}

impl Fixture {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, FixtureError> {
        let fixture: Self = toml::from_str(text).map_err(|error| FixtureError::Unreadable(error.to_string()))?;
        let questions = [
            fixture.profile.is_some(),
            fixture.outgoing.is_some(),
            fixture.incoming.is_some(),
            fixture.mail.is_some(),
            fixture.folder_change.is_some(),
            fixture.meeting.is_some(),
            fixture.recover.is_some(),
            fixture.wire.is_some(),
        ];
        match questions.into_iter().filter(|there| *there).count() {
            1 => Ok(fixture),
            count => Err(unreadable(format!("it asks {count} questions instead of one"))),
        }
    }

    /// What is known of the device.
    pub fn facts(&self) -> Result<DeviceFacts, FixtureError> {
        let said = &self.device;
        let version = match said.protocol {
            0 => None,
            number => Some(version(number)?),
        };
        let base64_query = match said.query_form.as_deref() {
            None | Some("plain") => false,
            Some("base64") => true,
            Some(other) => return Err(unreadable(format!("query-form {other:?}: plain or base64"))),
        };
        let origin = match said.origin.as_deref() {
            None => Origin::Unknown,
            Some("cloud") => Origin::Cloud,
            Some("device") => Origin::Device,
            Some(other) => return Err(unreadable(format!("origin {other:?}: device or cloud"))),
        };
        let told = [
            ("OS", &said.os),
            ("Model", &said.model),
            ("FriendlyName", &said.friendly_name),
            ("OSLanguage", &said.os_language),
        ];
        let mut agents = said.user_agents.clone();
        Ok(DeviceFacts {
            device_id: said.device_id.clone(),
            device_type: said.device_type.clone(),
            user_agent: agents.pop().unwrap_or_default(),
            earlier_agents: agents,
            version,
            base64_query,
            headers: said.headers.clone(),
            origin,
            information: told
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
        })
    }

    /// Runs it with the pack and without.
    pub fn run(&self, plugins: &dyn DevicePlugins) -> Result<(), FixtureError> {
        let facts = self.facts()?;
        let (expected, got) = self.answer(plugins.serve(&facts), &facts)?;
        if expected != got {
            return Err(FixtureError::Differs { expected, got });
        }
        let (_, without) = self.answer(NoPlugin.serve(&facts), &facts)?;
        if without == got { Err(FixtureError::ProvesNothing(got)) } else { Ok(()) }
    }

    /// What is expected and what comes, both as text.
    fn answer(&self, plugin: Arc<dyn DevicePlugin>, facts: &DeviceFacts) -> Result<(String, String), FixtureError> {
        let version = facts.version.unwrap_or(Version::V14_1);
        let asked = Asked::new(plugin);
        let addresses = ["anna@example.org".to_owned()];
        let context = |command, said: &ContextSaid| -> Result<HookContext<'_>, FixtureError> {
            let now = said.now.as_deref().unwrap_or("2026-11-25T08:00:00.000Z");
            let now = parse_date_time(now).map_err(|error| unreadable(error.to_string()))?;
            Ok(HookContext {
                version,
                now_ms: now.as_millisecond(),
                zone: "Europe/Berlin",
                owner_name: "Anna Muster",
                owner_addresses: &addresses,
                command,
                folder: said.folder.as_ref().map(folder).transpose()?,
                attempt: 0,
            })
        };
        let plain = ContextSaid::default();
        if let Some(said) = &self.profile {
            return profile(said, &asked);
        }
        for (said, outgoing) in [(&self.outgoing, true), (&self.incoming, false)] {
            let Some(said) = said else { continue };
            let mut context = context(Command::Sync, &said.context)?;
            context.zone = said.context.zone.as_deref().unwrap_or("Europe/Berlin");
            return item(said, outgoing, &asked, &context);
        }
        if let Some(said) = &self.mail {
            let command = command(said.command.as_deref().unwrap_or("SendMail"))?;
            let mut message = message(&said.message);
            if said.latin1 {
                message.parts.iter_mut().for_each(in_latin1);
            }
            let verdict = asked.mail(&context(command, &plain)?, || message);
            let got = match verdict {
                Some(MailVerdict::Edit(edits)) => edits.iter().map(ToString::to_string).collect(),
                Some(MailVerdict::Withhold(_)) => vec!["withheld".to_owned()],
                None => Vec::new(),
            };
            let expected = if said.withheld { vec!["withheld".to_owned()] } else { said.expect.clone() };
            return Ok((expected.join("\n"), got.join("\n")));
        }
        if let Some(said) = &self.folder_change {
            return folder_change(said, &asked, &context);
        }
        if let Some(said) = &self.meeting {
            return meeting(said, &asked, &context(Command::MeetingResponse, &plain)?);
        }
        if let Some(said) = &self.recover {
            let symptom = SYMPTOMS.iter().find(|(word, _)| *word == said.symptom);
            let (_, symptom) = symptom.ok_or_else(|| unreadable(format!("symptom {:?}", said.symptom)))?;
            let history = History { symptom: *symptom, times: said.times, within_secs: said.within_secs };
            let command = command(said.command.as_deref().unwrap_or("Sync"))?;
            let advice = asked.recover(&context(command, &plain)?, &history);
            let (word, _) = RECOVERIES.iter().find(|(_, recovery)| *recovery == advice).expect("the list is whole");
            return Ok((said.expect.clone(), (*word).to_owned()));
        }
        let said = self.wire.as_ref().expect("reading made sure that one question is there");
        let command = command(&said.command)?;
        let got = asked.wire(&context(command, &plain)?, command, xml(&said.request)?);
        Ok((easel_wbxml::xml::to_xml_pretty(&xml(&said.expect)?), easel_wbxml::xml::to_xml_pretty(&got)))
    }
}

const SYMPTOMS: [(&str, Symptom); 5] = [
    ("busy-loop", Symptom::BusyLoop),
    ("repeated-item", Symptom::RepeatedItem),
    ("repeated-key", Symptom::RepeatedKey),
    ("unknown-key", Symptom::UnknownKey),
    ("zero-key", Symptom::ZeroKey),
];

const RECOVERIES: [(&str, Recovery); 9] = [
    ("block", Recovery::Block),
    ("resync-all", Recovery::ResyncAll),
    ("resync-folder", Recovery::ResyncFolder),
    ("resync-hierarchy", Recovery::ResyncHierarchy),
    ("retry", Recovery::Retry),
    ("shrink-window", Recovery::ShrinkWindow),
    ("skip-item", Recovery::SkipItem),
    ("throttle", Recovery::Throttle),
    ("usual", Recovery::Usual),
];

fn unreadable(what: String) -> FixtureError {
    FixtureError::Unreadable(what)
}

fn version(number: u16) -> Result<Version, FixtureError> {
    let found = Version::ALL.into_iter().find(|version| u16::from(version.times_ten()) == number);
    found.ok_or_else(|| unreadable(format!("protocol {number}: 25, 120, 121, 140, 141, 160 or 161")))
}

fn command(name: &str) -> Result<Command, FixtureError> {
    let found = Command::ALL.iter().copied().find(|command| command.name() == name);
    found.ok_or_else(|| unreadable(format!("no command is called {name:?}")))
}

fn class(name: &str) -> Result<Class, FixtureError> {
    Class::parse(name).ok_or_else(|| unreadable(format!("no class is called {name:?}")))
}

fn xml(text: &str) -> Result<Element, FixtureError> {
    easel_wbxml::xml::from_xml(text.trim()).map_err(|error| unreadable(error.to_string()))
}

fn folder(said: &FolderSaid) -> Result<HookFolder, FixtureError> {
    let of_role = FolderType::ALL
        .iter()
        .copied()
        .find(|kind| !said.role.is_empty() && HookFolder { kind: *kind, is_default: false }.role() == said.role);
    let kind = match (of_role, said.class.as_deref().map(class).transpose()?) {
        (Some(kind), _) => kind,
        (None, Some(Class::Calendar)) => FolderType::UserCalendar,
        (None, Some(Class::Contacts)) => FolderType::UserContacts,
        (None, Some(Class::Tasks)) => FolderType::UserTasks,
        (None, Some(Class::Notes)) => FolderType::UserNotes,
        (None, Some(Class::Email | Class::Sms)) => FolderType::UserMail,
        (None, None) => return Err(unreadable(format!("no folder has the role {:?}", said.role))),
    };
    Ok(HookFolder { kind, is_default: said.default })
}

fn profile(said: &ProfileSaid, asked: &Asked) -> Result<(String, String), FixtureError> {
    let mut expected = Vec::new();
    let mut got = Vec::new();
    if let Some(family) = &said.family {
        expected.push(format!("family = {family:?}"));
        got.push(format!("family = {:?}", asked.plugin().family()));
    }
    for (name, value) in &said.settings {
        let setting = settings::find(name).ok_or_else(|| FixtureError::NoSetting(name.clone()))?;
        let value = read_value(value).ok_or_else(|| unreadable(format!("{name} cannot be {value}")))?;
        setting.check(&value).map_err(|error| unreadable(error.to_string()))?;
        expected.push(format!("{name} = {value:?}"));
        let in_force = asked.profile().get(name).expect("the setting was found in the table");
        got.push(format!("{name} = {in_force:?}"));
    }
    Ok((expected.join("\n"), got.join("\n")))
}

/// A value as TOML writes it.
pub(crate) fn read_value(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::Boolean(flag) => Some(Value::Flag(*flag)),
        toml::Value::Integer(number) => Some(Value::Number(*number)),
        toml::Value::String(text) => Some(Value::Text(text.clone())),
        toml::Value::Array(texts) => {
            let texts = texts.iter().map(|text| text.as_str().map(ToOwned::to_owned));
            texts.collect::<Option<_>>().map(Value::Texts)
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn item(
    said: &ItemSaid,
    outgoing: bool,
    asked: &Asked,
    context: &HookContext<'_>,
) -> Result<(String, String), FixtureError> {
    let class = class(&said.class)?;
    let root = xml(&said.item)?;
    let of = |root: &Element| -> Vec<Element> { root.children().cloned().collect() };
    let (properties, mut state) = (of(&root), None);
    let outcome = if outgoing {
        asked.outgoing(context, class, &mut state, properties)
    } else {
        let base = said.base.as_deref().map(xml).transpose()?;
        asked.incoming(context, class, &mut state, properties, || base.as_ref().map(of).unwrap_or_default())
    };
    let shown = |tag: Tag, properties: Vec<Element>| easel_wbxml::xml::to_xml_pretty(&Element::of(tag, properties));
    let expected = match (&said.expect, said.withheld) {
        (Some(expect), false) => {
            let expect = xml(expect)?;
            shown(expect.tag, of(&expect))
        }
        (None, true) => "withheld".to_owned(),
        (Some(_), true) | (None, false) => return Err(unreadable("expect, or withheld = true".to_owned())),
    };
    let got = match outcome {
        Outcome::As(properties) => shown(root.tag, properties),
        Outcome::Withheld(..) => "withheld".to_owned(),
    };
    Ok((expected, got))
}

fn folder_change<'a>(
    said: &FolderChangeSaid,
    asked: &Asked,
    context: &dyn Fn(Command, &ContextSaid) -> Result<HookContext<'a>, FixtureError>,
) -> Result<(String, String), FixtureError> {
    let (operation, command) = match said.operation.as_str() {
        "create" => (FolderOperation::Create, Command::FolderCreate),
        "update" => (FolderOperation::Update, Command::FolderUpdate),
        "delete" => (FolderOperation::Delete, Command::FolderDelete),
        other => return Err(unreadable(format!("operation {other:?}: create, update or delete"))),
    };
    let change = FolderChange {
        operation,
        current: said.current.as_ref().map(folder).transpose()?,
        current_name: said.current_name.clone(),
        parent: said.parent.as_ref().map(folder).transpose()?,
        same_parent: said.same_parent,
        display_name: said.display_name.clone(),
        kind: said.kind,
    };
    let got = match asked.folder_change(&context(command, &ContextSaid::default())?, &change) {
        Some(FolderVerdict::Edit(edits)) => edits.iter().map(ToString::to_string).collect(),
        Some(FolderVerdict::Refuse(_)) => vec!["refused".to_owned()],
        None => Vec::new(),
    };
    let expected = if said.refused { vec!["refused".to_owned()] } else { said.expect.clone() };
    Ok((expected.join("\n"), got.join("\n")))
}

fn meeting(said: &MeetingSaid, asked: &Asked, context: &HookContext<'_>) -> Result<(String, String), FixtureError> {
    let request = MeetingRequest {
        request_id: said.request_id.clone(),
        collection_id: said.collection_id.clone(),
        instance_id: said.instance_id.clone(),
        user_response: said.user_response,
        send_response: said.send_response,
    };
    let mut expected = request.clone();
    for (name, value) in &said.expect {
        match (name.as_str(), value) {
            ("request-id", toml::Value::String(text)) => expected.request_id.clone_from(text),
            ("collection-id", toml::Value::String(text)) => expected.collection_id.clone_from(text),
            ("instance-id", toml::Value::String(text)) => expected.instance_id.clone_from(text),
            ("send-response", toml::Value::Boolean(send)) => expected.send_response = *send,
            _ => return Err(unreadable(format!("{name} = {value} is not of a request"))),
        }
    }
    Ok((format!("{expected:#?}"), format!("{:#?}", asked.meeting(context, request))))
}

/// A message as a plugin is shown it: headers unfolded, parts by their boundaries. Fixtures write plain messages, so
/// this reads no encoded words; the server shows real mail through its own reader.
fn message(text: &str) -> Message {
    let text = text.replace("\r\n", "\n");
    let mut parts = Vec::new();
    let headers = part(&text, None, &mut parts);
    Message { headers, parts, client_id: String::new() }
}

fn in_latin1(part: &mut Part) {
    let text = String::from_utf8_lossy(&part.sample).into_owned();
    part.sample = text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
}

fn part(text: &str, parent: Option<u32>, parts: &mut Vec<Part>) -> Vec<(String, String)> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.lines() {
        match (line.starts_with([' ', '\t']), headers.last_mut()) {
            (true, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    headers.push((name.to_owned(), value.trim().to_owned()));
                }
            }
        }
    }
    let header = |name: &str| {
        let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    };
    let parameter = |of: &str, name: &str| {
        let found = of.split(';').skip(1).find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
        });
        found.unwrap_or_default()
    };
    let said = header("Content-Type");
    let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let content_type = if kind.is_empty() { "text/plain".to_owned() } else { kind };
    let named = [parameter(header("Content-Disposition"), "filename"), parameter(said, "name")];
    let index = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    parts.push(Part {
        parent,
        charset: parameter(said, "charset"),
        filename: named.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
        size: u32::try_from(body.len()).unwrap_or(u32::MAX),
        sample: if content_type.starts_with("text/") { body.as_bytes().to_vec() } else { Vec::new() },
        content_type: content_type.clone(),
    });
    let boundary = parameter(said, "boundary");
    if content_type.starts_with("multipart/") && !boundary.is_empty() {
        let mark = format!("--{boundary}");
        for piece in body.split(&mark).skip(1) {
            if piece.starts_with("--") {
                break;
            }
            part(piece.trim_start_matches('\n'), Some(index), parts);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::ScriptedPlugin;

    const WINDOW: &str = r#"
        quirks = ["X17"]
        says = "Short answers."
        [device]
        protocol = 121
        [profile.settings]
        "sync.window_max" = 100
    "#;

    #[test]
    fn a_setting_is_compared_with_the_one_in_force() {
        let fixture = Fixture::parse(WINDOW).unwrap();
        let with = |size| ScriptedPlugin::new().set("sync.window_max", Value::Number(size));
        assert_eq!(fixture.run(&with(100)), Ok(()));
        assert!(matches!(fixture.run(&with(7)), Err(FixtureError::Differs { got, .. }) if got.contains("Number(7)")));
    }

    #[test]
    fn a_setting_that_is_the_servers_own_proves_nothing() {
        let fixture = Fixture::parse(&WINDOW.replace("100", "512")).unwrap();
        assert!(matches!(fixture.run(&ScriptedPlugin::new()), Err(FixtureError::ProvesNothing(_))));
    }

    #[test]
    fn a_setting_of_a_later_server_is_told_apart_from_a_mistake() {
        let fixture = Fixture::parse(&WINDOW.replace("sync.window_max", "sync.of_tomorrow")).unwrap();
        let refused = fixture.run(&ScriptedPlugin::new());
        assert_eq!(refused, Err(FixtureError::NoSetting("sync.of_tomorrow".to_owned())));
    }
}
