//! Pages too long to stand in memory: they leave while they are made, and end after the commit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::cell::RefCell;

use desk::{Desk, Line, raw_mail};
use easel_commands::{Reply, Request, Settings, Sink, SinkClosed};
use easel_plugin::Value;
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{CollectionId, Command, FolderType, RequestLine};
use easel_store::{ChangeSet, Store as _, Write};
use easel_test_support::{Identity, Phone, Sent};
use easel_wbxml::decode;

const INBOX: u64 = 1;
/// Mails of a page, of 4 KB each.
const PAGE: usize = 100;

/// How a phone takes an answer.
#[derive(Default)]
struct Reader<'h> {
    /// What it took, piece by piece.
    pieces: Vec<Vec<u8>>,
    /// Pieces after which it is gone.
    gone_after: Option<usize>,
    /// Whether it takes nothing unless it is waited for.
    slow: bool,
    /// Told of each piece that was taken.
    then: Option<&'h dyn Fn(usize)>,
}

impl Sink for Reader<'_> {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), SinkClosed> {
        if self.gone_after == Some(self.pieces.len()) {
            return Err(SinkClosed);
        }
        self.pieces.push(piece);
        if let Some(then) = self.then {
            then(self.pieces.len());
        }
        Ok(())
    }

    fn offer(&mut self, piece: Vec<u8>) -> Result<Option<Vec<u8>>, SinkClosed> {
        if self.slow { Ok(Some(piece)) } else { self.write(piece).map(|()| None) }
    }
}

/// A phone that has begun with its inbox, where as many mails have come since as make a page and a half.
fn ready(desk: &Desk, identity: Identity) -> (Phone<Line>, String) {
    let mut phone = desk.phone(identity);
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let options = Some(phone.body_options(easel_protocol::Class::Email));
    phone.sync(&[Sent { options, ..Sent::ask(&inbox) }]).unwrap();
    let padding = "All work and no play makes Jack a dull boy.\r\n".repeat(90);
    for number in 0..PAGE * 3 / 2 {
        desk.deliver(INBOX, &format!("{}{padding}", raw_mail(&format!("mail-{number}"))));
    }
    (phone, inbox)
}

/// Asks for a page, and takes it as the reader does.
fn ask(phone: &Phone<Line>, inbox: &str, reader: &mut Reader<'_>) -> Reply {
    let body = phone.sync_request(&[Sent { window: Some(100), ..Sent::ask(inbox) }]);
    let request = phone.request(Command::Sync, &easel_wbxml::encode(&body), "application/vnd.ms-sync.wbxml");
    let header = |name: &str| {
        let found = request.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let line =
        RequestLine::parse(&request.query, header("MS-ASProtocolVersion"), header("X-MS-PolicyKey"), None).unwrap();
    let request = Request {
        line: &line,
        user: &phone.transport.user,
        user_agent: header("User-Agent").unwrap_or_default(),
        headers: &[],
        origin: None,
        content_type: "application/vnd.ms-sync.wbxml",
        body: &request.body,
        now: *phone.transport.now.lock().unwrap(),
    };
    phone.transport.service.handle(&request, reader)
}

/// Takes in what was read.
fn take(phone: &mut Phone<Line>, reader: &Reader<'_>) -> usize {
    let synced = phone.take_sync(Some(decode(&reader.pieces.concat()).unwrap())).unwrap();
    assert!(synced.more);
    synced.entries
}

/// The key of the inbox as the store has it.
fn key(desk: &Desk) -> String {
    let device = desk.store.devices(desk.user.id).unwrap()[0].key;
    let snapshot = desk.store.snapshot(desk.user.id).unwrap();
    snapshot.collection(device, CollectionId::new(INBOX)).unwrap().unwrap().key().to_string()
}

#[test]
fn a_long_page_leaves_in_small_pieces_and_ends_after_the_commit() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_today());
    let old = key(&desk);
    let keys = RefCell::new(Vec::new());
    let then = |_| keys.borrow_mut().push(key(&desk));
    let mut reader = Reader { then: Some(&then), ..Reader::default() };
    assert!(matches!(ask(&phone, &inbox, &mut reader), Reply::Streamed));
    assert!(reader.pieces.len() > 10, "{}", reader.pieces.len());
    assert!(reader.pieces[1..].iter().all(|piece| piece.len() < 24 << 10));
    assert_eq!(take(&mut phone, &reader), PAGE);
    // The new key is in the store before the last piece, and not before the work is done.
    let keys = keys.borrow();
    let (last, others) = keys.split_last().unwrap();
    assert_eq!(*last, phone.collections[&inbox].key);
    assert!(others.iter().all(|key| *key == old));
    drop(keys);
    assert_eq!(phone.sync_folder(&inbox, 100).unwrap(), PAGE / 2);
    assert_eq!(phone.items(&inbox).len(), PAGE * 3 / 2);
}

#[test]
fn a_slow_reader_holds_up_neither_the_work_nor_the_commit() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let old = key(&desk);
    let then = |_| assert_ne!(key(&desk), old);
    let mut reader = Reader { slow: true, then: Some(&then), ..Reader::default() };
    assert!(matches!(ask(&phone, &inbox, &mut reader), Reply::Streamed));
    assert_eq!(reader.pieces.len(), 1);
    assert_eq!(take(&mut phone, &reader), PAGE);
}

#[test]
fn g01_a_phone_that_goes_away_in_mid_page_comes_back_with_its_old_key() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_today());
    let old = key(&desk);
    let mut gone = Reader { gone_after: Some(3), ..Reader::default() };
    assert!(matches!(ask(&phone, &inbox, &mut gone), Reply::Cut));
    assert_eq!((gone.pieces.len(), key(&desk)), (3, old));
    // One that goes away at the last piece has lost the answer to a step that was taken.
    let mut whole = Reader::default();
    assert!(matches!(ask(&phone, &inbox, &mut whole), Reply::Streamed));
    let mut again = Reader::default();
    assert!(matches!(ask(&phone, &inbox, &mut again), Reply::Streamed));
    assert_eq!(again.pieces.concat(), whole.pieces.concat());
    assert_eq!(take(&mut phone, &again), PAGE);
    assert_eq!(phone.sync_folder(&inbox, 100).unwrap(), PAGE / 2);
}

#[test]
fn a_page_whose_step_cannot_be_committed_is_cut() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_today());
    let device = desk.store.devices(desk.user.id).unwrap()[0].key;
    let then = |pieces| {
        if pieces == 1 {
            // Somebody else took this step.
            let snapshot = desk.store.snapshot(desk.user.id).unwrap();
            let state = snapshot.collection(device, CollectionId::new(INBOX)).unwrap().unwrap();
            let expect = Some(state.key());
            let state = Some(easel_store::CollectionState { step: state.step + 1, ..state });
            let write = Write::PutCollection { device, collection: CollectionId::new(INBOX), expect, state };
            desk.store.commit(ChangeSet { user: desk.user.id, author: None, writes: vec![write] }).unwrap();
        }
    };
    let mut reader = Reader { then: Some(&then), ..Reader::default() };
    assert!(matches!(ask(&phone, &inbox, &mut reader), Reply::Cut));
    assert!(decode(&reader.pieces.concat()).is_err(), "the end is missing");
    let then = |_| {};
    let mut reader = Reader { then: Some(&then), ..Reader::default() };
    let _answer = ask(&phone, &inbox, &mut reader);
    phone.collections.clear();
    phone.sync_folder(&inbox, 100).unwrap();
    assert_eq!(phone.items(&inbox).len(), PAGE * 3 / 2);
}

#[test]
fn what_leaves_in_pieces_is_what_would_have_come_whole() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_today());
    let (mut other, _) = (phone_of_2_5(&desk), ());
    let mut reader = Reader::default();
    assert!(matches!(ask(&phone, &inbox, &mut reader), Reply::Streamed));
    take(&mut phone, &reader);
    // A phone of 2.5 gets its answers whole, however long.
    let mut nothing = Reader { gone_after: Some(0), ..Reader::default() };
    let Reply::Answer(answer) = ask(&other, &inbox, &mut nothing) else { panic!("a whole answer") };
    other.take_sync(Some(decode(&answer.body).unwrap())).unwrap();
    let mine: Vec<_> = phone.items(&inbox).into_keys().collect();
    assert_eq!(mine, other.items(&inbox).into_keys().collect::<Vec<_>>());
    assert_eq!(mine.len(), PAGE);
}

fn phone_of_2_5(desk: &Desk) -> Phone<Line> {
    let mut phone = desk.phone(Identity::nokia_n97());
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    phone
}

#[test]
fn an_answer_with_headers_of_its_own_is_made_whole() {
    let headers = Value::Texts(vec!["X-Easel-Test=1".to_owned()]);
    let plugin = ScriptedPlugin::new().set("versions.extra_headers", headers);
    let desk = Desk::with(std::sync::Arc::new(plugin), Settings::default());
    let (phone, inbox) = ready(&desk, Identity::iphone_today());
    let mut nothing = Reader { gone_after: Some(0), ..Reader::default() };
    let Reply::Answer(answer) = ask(&phone, &inbox, &mut nothing) else { panic!("a whole answer") };
    assert!(answer.headers.iter().any(|(name, value)| name == "x-easel-test" && value == "1"));
    assert!(answer.body.len() > 300 << 10);
}
