//! Whatever a pack answers is taken as its checks allow or left: settings, rules, items with a state, mail, changes of
//! folders, meetings, recoveries, whole requests. What comes of it can be sent.
//!
//! The first byte says which question is answered; blocks are a length (u16, big endian) and so many bytes. What edits to
//! an item may be is tried by `plugin_edits` in full; here they stand beside the rest of an answer.

use easel_items::compose::{Mend, look, mended};
use easel_items::email::index;
use easel_plugin::hooks::{
    Answer, DevicePlugins as _, FolderChange, FolderEdit, FolderOperation, FolderVerdict, History, HookContext,
    HookFolder, MailEdit, MailVerdict, MeetingRequest, Message, Part, Recovery, Reference, Symptom, Verdict,
};
use easel_plugin::item::{Edit, INSERTED, Item, NewContent, Wanted};
use easel_plugin::rules::{Action, RULES_MAX, Rule, apply};
use easel_plugin::scripted::ScriptedPlugin;
use easel_plugin::settings::{Default as Kind, Effect, TABLE};
use easel_plugin::{Asked, Direction, Outcome, Profile, StoredState, Value};
use easel_protocol::{Class, Command, DeviceFacts, FolderType, Version};
use easel_wbxml::{Element, Tag, decode};

use super::desk;
use super::said::Said;

const CLASSES: [Class; 5] = [Class::Email, Class::Calendar, Class::Contacts, Class::Tasks, Class::Notes];

pub(crate) fn run(bytes: &[u8]) {
    let mut said = Said(bytes);
    match said.byte() % 7 {
        0 => settings(&mut said),
        1 => rules(&mut said),
        2 => item(&mut said),
        3 => mail(&mut said),
        4 => folder(&mut said),
        5 => meeting_and_recovery(&mut said),
        _ => wire(&mut said),
    }
}

fn asked(plugin: ScriptedPlugin) -> Asked {
    Asked::new(plugin.serve(&DeviceFacts::default()))
}

fn context(command: Command) -> HookContext<'static> {
    HookContext {
        version: Version::V16_1,
        now_ms: desk::now().as_millisecond(),
        zone: "Europe/Berlin",
        owner_name: "Ada",
        owner_addresses: &[],
        command,
        folder: None,
        attempt: 0,
    }
}

/// Settings by name and value: each is refused, or said as the table allows, whoever reads it.
fn settings(said: &mut Said<'_>) {
    let (mut pack, mut operator) = (Profile::default(), Profile::default());
    while !said.is_over() {
        let of_operator = said.flag();
        let at = usize::from(said.short());
        let unknown = said.byte() == 0xFF;
        let setting = &TABLE[at % TABLE.len()];
        let name = if unknown { said.text() } else { setting.name.to_owned() };
        let value = match (said.byte() % 6, setting.default) {
            (0, Kind::Number(_, least, most)) => Value::Number(least + i64::from(said.short()) % (most - least + 2)),
            (0, Kind::Text(_, words)) if !words.is_empty() => Value::Text(said.one_of(words).to_owned()),
            (0, Kind::Texts(words)) if !words.is_empty() => Value::Texts(vec![said.one_of(words).to_owned()]),
            (1, _) => Value::Number(i64::from(said.short()) - 0x8000),
            (2, _) => Value::Text(said.text()),
            (3, _) => Value::Texts((0..said.byte() % 9).map(|_| said.text()).collect()),
            (4, _) => Value::Number(i64::MIN),
            (_, _) => Value::Flag(said.flag()),
        };
        let profile = if of_operator { &mut operator } else { &mut pack };
        let before = profile.clone();
        match profile.set(&name, value.clone()) {
            Ok(()) => assert_eq!(profile.says(&name), Some(&value)),
            Err(error) => {
                drop(error.to_string());
                assert_eq!(*profile, before, "what is refused changes nothing");
            }
        }
    }
    let marks =
        |profile: &Profile| [Effect::Resend, Effect::Hierarchy, Effect::Renegotiate].map(|of| profile.mark(of, &[]));
    let mut both = pack.clone();
    both.put_over(&operator);
    assert_eq!(marks(&both), marks(&both.clone()));
    for setting in TABLE {
        let said = operator.says(setting.name).or_else(|| pack.says(setting.name));
        assert_eq!(both.says(setting.name), said, "the operator goes first");
        match setting.default {
            Kind::Flag(_) => drop(both.flag(setting.name)),
            Kind::Number(_, least, most) => assert!((least..=most).contains(&both.number(setting.name))),
            Kind::Text(_, words) => assert!(words.is_empty() || words.contains(&both.text(setting.name))),
            Kind::Texts(_) => drop(both.texts(setting.name).len()),
            Kind::Map(..) => {
                assert_eq!(both.pairs(setting.name).count(), both.texts(setting.name).len());
                for (key, value) in both.pairs(setting.name) {
                    assert!(![key, value].iter().any(|text| text.contains(char::is_control)), "{key:?} {value:?}");
                    both.map_number(setting.name, key);
                }
            }
        }
    }
}

fn tag(said: &mut Said<'_>) -> Tag {
    Tag::new(said.byte() % 27, said.byte() & 0x3F)
}

/// Rules that name properties of the tables, as those of a pack that was loaded.
fn rules(said: &mut Said<'_>) {
    let Some(properties) = document(said) else { return };
    let class = said.one_of(&CLASSES);
    let mut rules = Vec::new();
    while !said.is_over() && rules.len() < RULES_MAX {
        let property = tag(said);
        let action = match said.byte() % 9 {
            0 => Action::AtHour(said.byte() % 24),
            1 => Action::Drop,
            2 => Action::Fill(said.text()),
            3 => Action::IgnoreEmpty,
            4 => Action::LimitCount(said.short().into()),
            5 => Action::Rename(tag(said)),
            6 => Action::Replace((0..said.byte() % 5).map(|_| (said.text(), said.text())).collect()),
            7 => Action::Set(said.text()),
            _ => Action::Truncate(said.short().into()),
        };
        let renamed = if let Action::Rename(tag) = action { tag } else { property };
        if property.name().is_some() && renamed.name().is_some() {
            rules.push(Rule { class, direction: Direction::Outgoing, tag: property, action });
        }
    }
    let mut ruled = properties.clone();
    apply(&rules, Direction::Incoming, class, &mut ruled);
    assert_eq!(ruled, properties, "rules of the other direction");
    apply(&rules, Direction::Outgoing, class, &mut ruled);
    desk::check_sent(ruled);
}

/// The children of a document.
fn document(said: &mut Said<'_>) -> Option<Vec<Element>> {
    Some(decode(said.block()).ok()?.children().cloned().collect())
}

fn edits(said: &mut Said<'_>) -> Vec<Edit> {
    let count = said.byte() % 9;
    let node = |byte: u8| if byte < 0xE0 { u32::from(byte) } else { INSERTED + u32::from(byte & 0x0F) };
    let content = |said: &mut Said<'_>| match said.byte() % 3 {
        0 => NewContent::None,
        1 => NewContent::Text(said.text()),
        _ => NewContent::Opaque(said.block().to_vec()),
    };
    let one = |_| match said.byte() % 5 {
        0 => Edit::Remove(node(said.byte())),
        1 => Edit::Rename(node(said.byte()), tag(said)),
        2 => Edit::Set(node(said.byte()), content(said)),
        3 => Edit::Truncate(node(said.byte()), said.short().into()),
        _ => Edit::Insert {
            node: INSERTED + u32::from(said.byte() & 0x0F),
            parent: node(said.byte()),
            before: said.flag().then(|| node(said.byte())),
            tag: tag(said),
            content: content(said),
        },
    };
    (0..count).map(one).collect()
}

/// An answer about an item, with a state beside it, either way.
fn item(said: &mut Said<'_>) {
    let Some(properties) = document(said) else { return };
    let class = said.one_of(&CLASSES);
    let direction = said.one_of(&[Direction::Incoming, Direction::Outgoing]);
    let state = match said.byte() % 4 {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(said.block().to_vec()),
        _ => Some(vec![0; usize::from(said.short())]),
    };
    let verdict = match said.byte() % 3 {
        0 => Verdict::Keep,
        1 => Verdict::Withhold(said.text()),
        _ => Verdict::Edit(edits(said)),
    };
    let Some(subscribed) = properties.first().map(|first| first.tag) else { return };
    let answer = Answer { verdict, state };
    let given = answer.clone();
    let plugin =
        ScriptedPlugin::new().answer_with_state(direction, class, &[subscribed], move |_, _, _, _| given.clone());
    let asked = asked(plugin);
    let before = StoredState { pack: "scripted".to_owned(), version: "0.9.0".to_owned(), bytes: b"before".to_vec() };
    let mut stored = Some(before.clone());
    let outcome = match direction {
        Direction::Outgoing => asked.outgoing(&context(Command::Sync), class, &mut stored, properties.clone()),
        Direction::Incoming => {
            asked.incoming(&context(Command::Sync), class, &mut stored, properties.clone(), || properties.clone())
        }
    };
    match answer.state {
        None => assert_eq!(stored, Some(before), "a state that was not handed back stays"),
        Some(bytes) => assert!(
            stored == Some(before) || stored.map(|stored| stored.bytes).unwrap_or_default() == bytes,
            "the state is the one before or the one handed back"
        ),
    }
    let left = match outcome {
        Outcome::As(left) => left,
        Outcome::Withheld(_, left) => {
            assert_eq!(left, properties, "what is withheld is kept as it was");
            left
        }
    };
    desk::check_sent(left);
}

/// Edits to mail that a device sends: no edit brings in more than its own line of the header.
fn mail(said: &mut Said<'_>) {
    let mime = said.block();
    let mut edits = Vec::new();
    while !said.is_over() && edits.len() < 16 {
        edits.push(match said.byte() % 5 {
            0 => MailEdit::Charset(u32::from(said.byte() % 9), said.text()),
            1 => MailEdit::ContentType(u32::from(said.byte() % 9), said.text()),
            2 => MailEdit::Mark(said.text(), said.one_of(&[Reference::Forwarded, Reference::Replied])),
            3 => MailEdit::RemoveHeader(said.text()),
            _ => MailEdit::SetHeader(said.text(), said.text()),
        });
    }
    let laid_open = look(mime);
    let parts = laid_open.parts.iter().map(|part| Part {
        parent: part.parent,
        content_type: part.content_type.clone(),
        charset: part.charset.clone(),
        filename: part.filename.clone(),
        size: part.size,
        sample: part.sample.clone(),
    });
    let message = Message { headers: laid_open.headers.clone(), parts: parts.collect(), client_id: String::new() };
    let asked = asked(ScriptedPlugin::new().on_mail(move |_, _| MailVerdict::Edit(edits.clone())));
    let Some(MailVerdict::Edit(edits)) = asked.mail(&context(Command::SendMail), || message) else { return };
    let mut added = 0;
    let mends: Vec<Mend> = edits
        .into_iter()
        .filter_map(|edit| {
            added += 1;
            match edit {
                MailEdit::Charset(part, charset) => Some(Mend::Charset(part, charset)),
                MailEdit::ContentType(part, kind) => Some(Mend::ContentType(part, kind)),
                MailEdit::Mark(..) => None,
                MailEdit::RemoveHeader(name) => Some(Mend::RemoveHeader(name)),
                MailEdit::SetHeader(name, value) => Some(Mend::SetHeader(name, value)),
            }
        })
        .collect();
    let made = mended(mime, &mends);
    let seen = look(&made);
    assert!(
        seen.headers.len() <= laid_open.headers.len() + added,
        "{} headers became {} with {added} edits",
        laid_open.headers.len(),
        seen.headers.len()
    );
    drop(index(&made, desk::now()));
}

/// Edits to a change of a folder stay within what a device may ask for.
fn folder(said: &mut Said<'_>) {
    let mut edits = Vec::new();
    while !said.is_over() && edits.len() < 16 {
        edits.push(match said.byte() % 4 {
            0 => FolderEdit::DisplayName(said.text()),
            1 => FolderEdit::Kind(said.byte()),
            2 => FolderEdit::ToRoot,
            _ => FolderEdit::ToTrash,
        });
    }
    let asked = asked(ScriptedPlugin::new().on_folder_change(move |_, _| FolderVerdict::Edit(edits.clone())));
    let folder = HookFolder { kind: FolderType::Inbox, is_default: true };
    let change = FolderChange {
        operation: FolderOperation::Create,
        current: None,
        current_name: String::new(),
        parent: Some(folder),
        same_parent: false,
        display_name: "New".to_owned(),
        kind: 12,
    };
    let verdict = asked.folder_change(&context(Command::FolderCreate), &change);
    let Some(FolderVerdict::Edit(edits)) = verdict else { return };
    for edit in edits {
        match edit {
            FolderEdit::DisplayName(name) => {
                assert!((1..=256).contains(&name.len()) && !name.contains(char::is_control), "{name:?}");
            }
            FolderEdit::Kind(kind) => assert!(FolderType::from_number(kind).is_some(), "{kind}"),
            FolderEdit::ToRoot | FolderEdit::ToTrash => {}
        }
    }
}

/// An answer to an invitation is one of three, and advice is asked for once.
fn meeting_and_recovery(said: &mut Said<'_>) {
    let request = |said: &mut Said<'_>| MeetingRequest {
        request_id: said.text(),
        collection_id: said.text(),
        instance_id: said.text(),
        user_response: said.byte(),
        send_response: said.flag(),
    };
    let advice = said.one_of(&[
        Recovery::Block,
        Recovery::ResyncAll,
        Recovery::ResyncFolder,
        Recovery::ResyncHierarchy,
        Recovery::Retry,
        Recovery::ShrinkWindow,
        Recovery::SkipItem,
        Recovery::Throttle,
        Recovery::Usual,
    ]);
    let answer = said.flag().then(|| request(said));
    let other = answer.clone();
    let plugin = ScriptedPlugin::new().on_meeting(move |_, _| other.clone()).on_recover(move |_, _| advice);
    let asked = asked(plugin);
    let own = MeetingRequest { user_response: 1, ..MeetingRequest::default() };
    let told = asked.meeting(&context(Command::MeetingResponse), own.clone());
    assert!((1..=3).contains(&told.user_response));
    assert!(told == own || Some(told) == answer);
    let history = History { symptom: Symptom::ZeroKey, times: 1, within_secs: 0 };
    assert_eq!(asked.recover(&context(Command::Sync), &history), advice);
}

/// Edits to a whole request leave its root, and requests with secrets are never shown.
fn wire(said: &mut Said<'_>) {
    let Ok(request) = decode(said.block()) else { return };
    let command = said.one_of(&[Command::Sync, Command::ItemOperations, Command::Provision, Command::Settings]);
    let edits = edits(said);
    let laid = Item::new(vec![request.clone()]);
    laid.entries(&Wanted::all());
    let asked = asked(ScriptedPlugin::new().on_wire(command, move |_, _| edits.clone()));
    let edited = asked.wire(&context(command), command, request.clone());
    assert_eq!(edited.tag, request.tag);
    if matches!(command, Command::Provision | Command::Settings) {
        assert_eq!(edited, request, "nobody saw it");
    } else {
        desk::check_sent(vec![edited]);
    }
}
