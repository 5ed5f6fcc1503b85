//! Whatever a device sends, it gets an answer within bounds, and nothing panics.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, raw_mail};
use easel_commands::{Answer, Reply, Request, Sink, SinkClosed};
use easel_protocol::{Command, QueryForm, RequestLine, Version};
use easel_wbxml::pages::{airsync, ping};
use easel_wbxml::{Element, Node, Tag, decode, encode};
use proptest::prelude::*;

/// The code pages whose tags are thrown together: those of the commands and of what stands in them.
const PAGES: [u8; 14] = [0, 2, 4, 7, 13, 14, 15, 16, 17, 18, 19, 20, 21, 24];

struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _piece: Vec<u8>) -> Result<(), SinkClosed> {
        Ok(())
    }
}

fn tag() -> impl Strategy<Value = Tag> {
    (prop::sample::select(PAGES.to_vec()), 0x05_u8..0x28).prop_map(|(page, token)| Tag::new(page, token))
}

fn text() -> impl Strategy<Value = String> {
    let known =
        ["", "0", "1", "2", "a1", "f1", "e1", "c1-2", "0-99", "Mailbox", "GAL", "Email", "x", "-1", "4294967296"];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,20}",
        1 => Just("2026-03-01T12:00:00.000Z".to_owned()),
    ]
}

fn tree() -> impl Strategy<Value = Element> {
    let leaf = prop_oneof![
        (tag(), text()).prop_map(|(tag, text)| Element::text(tag, text)),
        (tag(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(tag, bytes)| Element::opaque(tag, bytes)),
    ];
    leaf.prop_recursive(5, 40, 8, |inner| {
        (tag(), prop::collection::vec(inner, 0..8)).prop_map(|(tag, children)| Element::of(tag, children))
    })
}

/// The root of the command, where it has one.
fn root(command: Command) -> Option<Tag> {
    let all: Vec<Tag> = (0..26).flat_map(|page| (0x05..0x40).map(move |token| Tag::new(page, token))).collect();
    all.into_iter().find(|tag| tag.name() == Some(command.name()))
}

fn ask(desk: &Desk, command: Command, version: Version, id: &str, body: &[u8]) -> Option<Answer> {
    let line = RequestLine {
        form: QueryForm::Plain,
        command,
        version: Some(version),
        device_id: "phone1".into(),
        device_type: "Phone".into(),
        user: None,
        policy_key: None,
        locale: None,
        accept_multipart: id.len() % 2 == 1,
        save_in_sent: true,
        attachment_name: Some(id.into()),
        collection_id: None,
        item_id: Some(id.into()),
        long_id: None,
        occurrence: None,
    };
    let now = *desk.now.lock().unwrap();
    let (headers, origin) = (&[], None);
    let request =
        Request { line: &line, user: &desk.user, user_agent: "", headers, origin, content_type: "", body, now };
    match desk.service.handle(&request, &mut Nowhere) {
        Reply::Answer(answer) => Some(answer),
        Reply::Park(_) | Reply::Streamed => None,
        Reply::Cut => panic!("an answer was cut off"),
    }
}

fn good(answer: &Answer) -> bool {
    let known = [200, 400, 403, 413, 449, 500, 501, 503, 507].contains(&answer.code);
    let readable = answer.content_type.as_deref() != Some("application/vnd.ms-sync.wbxml")
        || decode(&answer.body).is_ok_and(|root| root.tag.name().is_some());
    known && readable && (answer.body.is_empty() || answer.content_type.is_some())
}

/// Were each compared with all before it, this would take long.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is looked at")]
fn tens_of_thousands_of_collections_or_folders_are_refused_at_once() {
    let desk = Desk::new();
    let folder = |number: u32, tag| Element::text(tag, format!("folder-that-is-not-there-{number}"));
    let collections = (0..30_000).map(|number| {
        let key = Element::text(airsync::SYNC_KEY, "0");
        Element::of(airsync::COLLECTION, [key, folder(number, airsync::COLLECTION_ID)])
    });
    let sync = Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, collections)]);
    let folders = (0..40_000).map(|number| Element::of(ping::FOLDER, [folder(number, ping::ID)]));
    let interval = Element::number(ping::HEARTBEAT_INTERVAL, 600);
    let pinged = Element::of(ping::PING, [interval, Element::of(ping::FOLDERS, folders)]);
    for (command, body, status, limit) in [
        (Command::Sync, encode(&sync), (airsync::STATUS, "15"), airsync::LIMIT),
        (Command::Ping, encode(&pinged), (ping::STATUS, "6"), ping::MAX_FOLDERS),
    ] {
        let start = std::time::Instant::now();
        let answer = ask(&desk, command, Version::V14_1, "", &body).unwrap();
        let took = start.elapsed();
        let answer = decode(&answer.body).unwrap();
        assert_eq!(answer.text_of(status.0).unwrap(), status.1);
        assert_eq!(answer.text_of(limit).unwrap(), "300");
        assert!(took < std::time::Duration::from_secs(3), "{command}: {took:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_command_answers_whatever_tree_it_is_sent(
        children in prop::collection::vec(tree(), 0..6),
        command in prop::sample::select(Command::ALL.to_vec()),
        version in prop::sample::select(Version::ALL.to_vec()),
        id in text(),
    ) {
        let desk = Desk::new();
        desk.deliver(1, &raw_mail("one"));
        let own = root(command).unwrap_or(Tag::new(0, 0x05));
        let mut body = Element::new(own);
        body.content.extend(children.into_iter().map(Node::Element));
        if let Some(answer) = ask(&desk, command, version, &id, &encode(&body)) {
            prop_assert!(good(&answer), "{command} in {version}: {answer:?}");
        }
    }

    #[test]
    fn every_command_answers_whatever_bytes_it_is_sent(
        body in prop::collection::vec(any::<u8>(), 0..200),
        command in prop::sample::select(Command::ALL.to_vec()),
        version in prop::sample::select(Version::ALL.to_vec()),
        id in text(),
    ) {
        let desk = Desk::new();
        if let Some(answer) = ask(&desk, command, version, &id, &body) {
            prop_assert!(good(&answer), "{command} in {version}: {answer:?}");
        }
    }
}
