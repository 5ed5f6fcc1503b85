//! What no honest phone sends and no honest server stores.
//!
//! Every command answers bad bytes with a status or an HTTP code that is documented; a hostile item never keeps the
//! others from a phone. Each story must end within [`BOUND_SECS`], far above what it takes, so that an endless one
//! fails and does not hang.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use desk::{Desk, Line, raw_mail};
use easel_items::{BodyPreferences, Owner, View};
use easel_protocol::{Class, Command, CommonStatus, FolderType, Version};
use easel_store::Store as _;
use easel_test_support::{HttpResponse, Identity, Phone, Sent, Transport as _, hostile};
use easel_wbxml::pages::{airsync, airsyncbase, folder_hierarchy as fh};
use easel_wbxml::{Element, Tag, decode, encode};
use jiff::tz::TimeZone;
use proptest::prelude::*;

const WBXML: &str = "application/vnd.ms-sync.wbxml";
const BOUND_SECS: u64 = 120;
const HEADER: [u8; 4] = [0x03, 0x01, 0x6A, 0x00];

/// What the work comes to; a failure if it takes longer than the bound.
fn within_bounds<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waiting) = channel();
    let worker = std::thread::spawn(move || {
        let _ = done.send(work());
    });
    match waiting.recv_timeout(Duration::from_secs(BOUND_SECS)) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("not done after {BOUND_SECS} s"),
        Err(RecvTimeoutError::Disconnected) => std::panic::resume_unwind(worker.join().unwrap_err()),
    }
}

/// A phone of 2.5, 12.1, 14.1 and 16.1 each.
fn identities() -> [Identity; 4] {
    [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android(), Identity::iphone_today()]
}

/// The root of a command's documents; `None` where it has none.
fn root(command: Command) -> Option<Tag> {
    let namespace = match command {
        Command::Sync => "AirSync",
        Command::FolderSync | Command::FolderCreate | Command::FolderDelete | Command::FolderUpdate => {
            "FolderHierarchy"
        }
        Command::MoveItems => "Move",
        Command::SendMail | Command::SmartForward | Command::SmartReply => "ComposeMail",
        Command::GetAttachment | Command::GetHierarchy => return None,
        Command::GetItemEstimate
        | Command::Ping
        | Command::Search
        | Command::Settings
        | Command::ItemOperations
        | Command::Provision
        | Command::MeetingResponse
        | Command::ResolveRecipients
        | Command::ValidateCert
        | Command::Find => command.name(),
    };
    Some(Tag::by_name(namespace, command.name()).unwrap_or_else(|| panic!("{command} has a root")))
}

/// Whether the body is a document in that version.
fn takes_a_document(command: Command, version: Version) -> bool {
    let mail = matches!(command, Command::SendMail | Command::SmartForward | Command::SmartReply);
    root(command).is_some() && (!mail || version >= Version::V14_0)
}

fn send(phone: &mut Phone<Line>, command: Command, body: &[u8]) -> HttpResponse {
    let request = phone.request(command, body, WBXML);
    phone.transport.exchange(&request).unwrap()
}

/// Every Status somewhere in an answer.
fn statuses(element: &Element) -> Vec<String> {
    let own = (element.tag.name() == Some("Status")).then(|| element.value().into_owned());
    own.into_iter().chain(element.children().flat_map(statuses)).collect()
}

/// Whether an answer is one that the protocol has: nothing, the command's own document, or an HTTP code that stands for
/// a common status.
fn check_documented(command: Command, response: &HttpResponse) -> Result<(), String> {
    if response.code != 200 {
        let known = CommonStatus::ALL.iter().any(|status| status.http() == response.code);
        return known.then_some(()).ok_or_else(|| format!("{command}: HTTP {}", response.code));
    }
    if response.body.is_empty() || root(command).is_none() {
        return Ok(());
    }
    let answer = decode(&response.body).map_err(|error| format!("{command}: {error}"))?;
    if Some(answer.tag) != root(command) {
        return Err(format!("{command}: {:?}", answer.tag));
    }
    Ok(())
}

/// Whether an answer says that the request is no WBXML: 102 from 14.0 on, HTTP 400 before.
fn says_no_wbxml(response: &HttpResponse, version: Version) -> bool {
    match response.code {
        400 => true,
        200 if version >= Version::V14_0 => decode(&response.body).is_ok_and(|answer| statuses(&answer) == ["102"]),
        _ => false,
    }
}

/// Bytes that are no WBXML, whatever the command.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let after = |bytes: &[u8]| [&HEADER, bytes].concat();
    let mut random = 1_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random.to_be_bytes()[0]
    };
    vec![
        ("garbage", (0..4096).map(|_| next()).collect()),
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a header alone", HEADER.to_vec()),
        ("a string table without an end", vec![0x03, 0x01, 0x6A, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F]),
        ("a number without an end", [&[0x03, 0x01, 0x6A][..], &[0x80; 1000]].concat()),
        ("opaque bytes that are not there", after(&[0x45, 0xC3, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F, 0x01])),
        ("a string without an end", after(&[[0x45, 0x03].as_slice(), &[b'x'; 4096]].concat())),
        ("a literal tag", after(&[0x44, 0x00, 0x01])),
        ("a hundred thousand opening tags", after(&[0x45; 100_000])),
        ("ten thousand nested tags", after(&[[0x45; 10_000], [0x01; 10_000]].concat())),
    ]
}

/// Documents of a command that are too much of something.
fn excessive(root: Tag) -> Vec<(&'static str, Vec<u8>)> {
    let deep = |depth| (0..depth).fold(Element::new(root), |inside, _| Element::of(root, [inside]));
    vec![
        ("thirty nested roots", encode(&deep(30))),
        ("ten thousand children", encode(&Element::of(root, vec![Element::new(root); 10_000]))),
        ("a megabyte of text", encode(&Element::text(root, "x".repeat(1 << 20)))),
        ("bytes that are no text", encode(&Element::opaque(root, vec![0xFF; 1 << 16]))),
        ("an unknown tag", encode(&Element::of(root, [Element::text(Tag::new(root.page(), 0x3F), "x")]))),
        ("another root", encode(&Element::of(Tag::new(25, 0x3E), [Element::new(root)]))),
    ]
}

#[test]
fn bytes_that_are_no_wbxml_are_refused_by_every_command_in_every_version() {
    let failures = within_bounds(|| {
        let desk = Desk::new();
        let mut failures = Vec::new();
        for identity in identities() {
            let version = identity.version;
            let mut phone = desk.phone(identity);
            phone.version = version;
            for command in Command::ALL {
                for (what, body) in broken() {
                    let response = send(&mut phone, *command, &body);
                    let strict = takes_a_document(*command, version) && command.exists_in(version);
                    if let Err(error) = check_documented(*command, &response) {
                        failures.push(format!("{version} {what}: {error}"));
                    }
                    if strict && !says_no_wbxml(&response, version) {
                        let answer = decode(&response.body);
                        failures.push(format!("{version} {command}, {what}: {} {answer:?}", response.code));
                    }
                }
            }
        }
        failures
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn documents_that_are_too_much_or_cut_off_get_a_documented_answer() {
    let failures = within_bounds(|| {
        let desk = Desk::new();
        let mut failures = Vec::new();
        for identity in identities() {
            let version = identity.version;
            let mut phone = desk.phone(identity);
            phone.version = version;
            for command in Command::ALL {
                let Some(root) = root(*command) else { continue };
                let mut bodies = excessive(root);
                let whole = encode(&Element::of(root, vec![Element::text(root, "text"), Element::opaque(root, *b"1")]));
                bodies.extend((1..whole.len()).map(|at| ("a cut off document", whole[..at].to_vec())));
                for (what, body) in bodies {
                    let response = send(&mut phone, *command, &body);
                    if let Err(error) = check_documented(*command, &response) {
                        failures.push(format!("{version} {what}: {error}"));
                    }
                }
            }
        }
        failures
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Phones of every version sync a folder with hostile items in it, and still get what is between and after them.
fn still_syncs(kind: FolderType, hostile: impl Fn(&Desk) + Send + 'static, plain: fn(&Desk, &str), since: Version) {
    within_bounds(move || {
        let desk = Desk::new();
        plain(&desk, "before");
        hostile(&desk);
        plain(&desk, "between");
        for identity in identities() {
            let version = identity.version;
            if version < since {
                continue;
            }
            let mut phone = desk.phone(identity);
            phone.version = version;
            phone.folder_sync().unwrap();
            let folder = phone.folder(kind).unwrap();
            phone.sync_folder(&folder, 10).unwrap();
            let after = format!("after-{version}");
            plain(&desk, &after);
            phone.sync_folder(&folder, 10).unwrap();
            let items = phone.items(&folder);
            for name in ["before", "between", &after] {
                let there = items.values().any(|item| holds(item, name));
                assert!(there, "a phone of {version} has no {name} among {} items", items.len());
            }
            // Mail can always be shown as something.
            if kind == FolderType::Inbox {
                assert_eq!(items.len() as u64, desk.count(1), "mail that a phone of {version} holds");
            }
        }
    });
}

fn holds(element: &Element, text: &str) -> bool {
    element.value() == text || element.children().any(|child| holds(child, text))
}

fn plain_mail(desk: &Desk, name: &str) {
    desk.deliver(1, &raw_mail(name));
}

fn plain_event(desk: &Desk, name: &str) {
    desk.add(6, &hostile::event(name, name, ""));
}

fn plain_card(desk: &Desk, name: &str) {
    desk.add(7, &hostile::card(name, ""));
}

fn plain_task(desk: &Desk, name: &str) {
    desk.add(8, &hostile::task(name, ""));
}

fn deliver_all(desk: &Desk, mails: &[String]) {
    for raw in mails {
        desk.deliver(1, raw);
    }
}

/// Whether an import would take the text.
fn is_readable(class: Class, text: &str) -> bool {
    let owner = Owner { name: "Anna".into(), addresses: vec!["anna@tenant1.example".into()], zone: TimeZone::UTC };
    let body = BodyPreferences::default();
    let now = "2026-03-02T10:00:00Z".parse().unwrap();
    easel_items::facts(
        class,
        text,
        &View { version: Version::V16_1, owner: &owner, body: &body, now, manner: easel_items::Manner::default() },
    )
    .is_ok()
}

/// An object comes in as an import brings it: what the class refuses to read does not come in.
fn import(desk: &Desk, folder: u64, class: Class, text: &str) {
    if is_readable(class, text) {
        desk.add(folder, text);
    }
}

#[test]
fn hostile_mail_does_not_keep_other_mail_from_a_phone() {
    let made = |desk: &Desk| deliver_all(desk, &hostile::mails());
    still_syncs(FolderType::Inbox, made, plain_mail, Version::V2_5);
}

/// Options that ask for mail in one form each.
fn forms(version: Version) -> Vec<Vec<Element>> {
    if version < Version::V12_0 {
        let mime = vec![Element::number(airsync::MIME_SUPPORT, 2), Element::number(airsync::MIME_TRUNCATION, 8)];
        return vec![
            vec![Element::number(airsync::TRUNCATION, 9)],
            vec![Element::number(airsync::TRUNCATION, 0)],
            mime,
        ];
    }
    let preference = |kind: u8, more: Option<Element>| {
        Element::of(airsyncbase::BODY_PREFERENCE, [Element::number(airsyncbase::TYPE, kind)]).with_some(more)
    };
    let size = |size: u32| Some(Element::number(airsyncbase::TRUNCATION_SIZE, size));
    let mut forms: Vec<Vec<Element>> = (1..=3).map(|kind| vec![preference(kind, None)]).collect();
    forms.extend((1..=2).map(|kind| vec![preference(kind, size(7))]));
    forms.push(vec![Element::number(airsync::MIME_SUPPORT, 2), preference(4, None)]);
    forms.push(vec![Element::number(airsync::MIME_SUPPORT, 1), preference(4, size(1000))]);
    if version >= Version::V14_0 {
        forms.push(vec![preference(2, Some(Element::number(airsyncbase::PREVIEW, 255)))]);
    }
    if version >= Version::V14_1 {
        let kind = Element::number(airsyncbase::TYPE, 2);
        forms.push(vec![Element::of(airsyncbase::BODY_PART_PREFERENCE, [kind]).with_some(size(100))]);
    }
    forms
}

#[test]
fn hostile_mail_comes_in_every_form_of_body_and_every_version() {
    within_bounds(|| {
        let desk = Desk::new();
        let mails = hostile::mails();
        deliver_all(&desk, &mails);
        for identity in identities() {
            for (at, form) in forms(identity.version).into_iter().enumerate() {
                let device_id = format!("{}{at}", identity.device_id);
                let mut phone = desk.phone(Identity { device_id, ..identity.clone() });
                phone.version = identity.version;
                phone.folder_sync().unwrap();
                let inbox = phone.folder(FolderType::Inbox).unwrap();
                let ask = || Sent { options: Some(form.clone()), ..Sent::ask(&inbox) };
                phone.sync(&[ask()]).unwrap();
                let turns = (0..mails.len()).take_while(|_| phone.sync(&[ask()]).unwrap().more).count();
                assert!(turns < mails.len(), "the folder ends");
                assert_eq!(phone.items(&inbox).len(), mails.len(), "{} {form:?}", identity.version);
            }
        }
    });
}

#[test]
fn hostile_events_do_not_keep_other_events_from_a_phone() {
    let made = |desk: &Desk| hostile::events().iter().for_each(|text| import(desk, 6, Class::Calendar, text));
    still_syncs(FolderType::Calendar, made, plain_event, Version::V2_5);
}

#[test]
fn hostile_cards_do_not_keep_other_cards_from_a_phone() {
    let made = |desk: &Desk| hostile::cards().iter().for_each(|text| import(desk, 7, Class::Contacts, text));
    still_syncs(FolderType::Contacts, made, plain_card, Version::V2_5);
}

#[test]
fn hostile_tasks_do_not_keep_other_tasks_from_a_phone() {
    let made = |desk: &Desk| hostile::tasks().iter().for_each(|text| import(desk, 8, Class::Tasks, text));
    still_syncs(FolderType::Tasks, made, plain_task, Version::V2_5);
}

#[test]
fn what_is_no_object_at_all_is_withheld_and_the_others_come() {
    let made = |desk: &Desk| {
        for text in ["", "BEGIN:VCALENDAR", "\0\0\0\0", "BEGIN:VCALENDAR\r\nEND:VCARD\r\n", "END:VCALENDAR\r\n"] {
            desk.add(6, text);
        }
    };
    still_syncs(FolderType::Calendar, made, plain_event, Version::V2_5);
}

/// Text that handlers read as something.
fn texts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "0",
        "1",
        "2",
        "4",
        "8",
        "-1",
        "99999999999",
        "f1",
        "f6",
        "f99",
        "a1",
        "a2",
        "a99",
        "b010101011",
        "Email",
        "Calendar",
        "GAL",
        "Mailbox",
        "20260301T100000Z",
        "2026-03-01T10:00:00.000Z",
        "99999999T999999Z",
        "MIME",
        "a@example.org",
        "\u{fffd}\u{202e}",
        "MS-EAS-Provisioning-WBXML",
    ])
}

/// A tag: one of the page in most cases, one of any page in others.
fn tags(page: u8) -> impl Strategy<Value = Tag> {
    prop_oneof![
        8 => (0x05..0x40_u8).prop_map(move |token| Tag::new(page, token)),
        1 => (0..26_u8, 0x05..0x40_u8).prop_map(|(page, token)| Tag::new(page, token)),
    ]
    .prop_filter("a tag that has a name", |tag| tag.name().is_some() && tag.is_writable())
}

fn trees(page: u8) -> impl Strategy<Value = Element> {
    let leaf = prop_oneof![
        4 => (tags(page), texts()).prop_map(|(tag, text)| Element::text(tag, text)),
        1 => (tags(page), prop::collection::vec(any::<u8>(), 0..16)).prop_map(|(tag, bytes)| Element::opaque(tag, bytes)),
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        (tags(page), prop::collection::vec(inner, 0..8)).prop_map(|(tag, children)| Element::of(tag, children))
    })
}

/// A command that takes documents, with one of the trees of its own page.
fn requests() -> impl Strategy<Value = (Command, Element)> {
    let all: Vec<Command> = Command::ALL.iter().copied().filter(|command| root(*command).is_some()).collect();
    prop::sample::select(all).prop_flat_map(|command| {
        let root = root(command).unwrap();
        let children = prop::collection::vec(trees(root.page()), 0..8);
        children.prop_map(move |children| (command, Element::of(root, children)))
    })
}

/// The default folder and the pages of a class.
const CLASSES: [(FolderType, u8); 8] = [
    (FolderType::Inbox, 2),
    (FolderType::Inbox, 22),
    (FolderType::Calendar, 4),
    (FolderType::Contacts, 1),
    (FolderType::Contacts, 12),
    (FolderType::Tasks, 9),
    (FolderType::Calendar, 17),
    (FolderType::Notes, 23),
];

fn ready(version: usize) -> (Desk, Phone<Line>) {
    let desk = Desk::new();
    plain_mail(&desk, "mail");
    plain_event(&desk, "event");
    plain_card(&desk, "card");
    plain_task(&desk, "task");
    let identity = identities()[version].clone();
    let mut phone = desk.phone(identity.clone());
    phone.version = identity.version;
    phone.folder_sync().unwrap();
    (desk, phone)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_of_a_commands_own_page_are_answered((command, body) in requests(), version in 0..4_usize) {
        let (_desk, mut phone) = ready(version);
        let response = send(&mut phone, command, &encode(&body));
        prop_assert_eq!(check_documented(command, &response), Ok(()));
    }

    #[test]
    fn random_properties_of_items_are_answered_and_the_folder_still_syncs(
        (at, data) in (0..CLASSES.len()).prop_flat_map(|at| (Just(at), prop::collection::vec(trees(CLASSES[at].1), 0..8))),
        version in 0..4_usize,
        add in any::<bool>(),
    ) {
        let (desk, mut phone) = ready(version);
        let (kind, _) = CLASSES[at];
        if let Ok(folder) = phone.folder(kind) {
            phone.sync_folder(&folder, 100).unwrap();
            let data = Element::of(airsync::APPLICATION_DATA, data);
            let held = phone.items(&folder).keys().next().cloned();
            let command = match held.filter(|_| !add) {
                Some(id) => Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, id), data]),
                None => Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "1"), data]),
            };
            let sent = Sent::commands(&folder, vec![command]);
            phone.sync(&[sent]).unwrap();
            // Another phone reads what came of it.
            let mut other = desk.phone(Identity::iphone_today());
            other.folder_sync().unwrap();
            let folder = other.folder(kind).unwrap();
            other.sync_folder(&folder, 100).unwrap();
            let stored = desk.store.snapshot(desk.user.id).unwrap();
            prop_assert!(stored.folder(easel_protocol::CollectionId::parse(&folder).unwrap()).unwrap().is_some());
        }
    }
}

#[test]
fn a_tree_key_of_a_megabyte_is_a_wrong_key() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::android());
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "b".repeat(1 << 20))]);
    let answer = decode(&send(&mut phone, Command::FolderSync, &encode(&body)).body).unwrap();
    assert_eq!(statuses(&answer), ["9"]);
}
