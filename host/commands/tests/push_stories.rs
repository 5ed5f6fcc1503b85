//! Waiting for news.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, raw_mail};
use easel_commands::Why;
use easel_protocol::{Command, FolderType};
use easel_store::{Interest, Store as _};
use easel_test_support::{HttpResponse, Identity, Phone, Sent};
use easel_wbxml::pages::{airsync, ping};
use easel_wbxml::{Element, decode};

type Line = Phone<desk::Line>;

fn ready(desk: &Desk, identity: Identity) -> (Line, String) {
    let mut phone = desk.phone(identity);
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 100).unwrap();
    (phone, inbox)
}

fn ping_body(secs: Option<u32>, folders: Option<&[&str]>) -> Element {
    let mut body = Element::new(ping::PING);
    if let Some(secs) = secs {
        body.push(Element::number(ping::HEARTBEAT_INTERVAL, secs));
    }
    if let Some(folders) = folders {
        let listed = folders
            .iter()
            .map(|id| Element::of(ping::FOLDER, [Element::text(ping::CLASS, "Email"), Element::text(ping::ID, *id)]));
        body.push(Element::of(ping::FOLDERS, listed));
    }
    body
}

fn status(phone: &mut Line, body: Option<&Element>) -> String {
    phone.ask(Command::Ping, body).unwrap().unwrap().text_of(ping::STATUS).unwrap().into_owned()
}

/// Sends a request and leaves it waiting; the answer if it does not wait.
fn leave(phone: &mut Line, command: Command, body: &Element) -> Option<HttpResponse> {
    let service = std::sync::Arc::clone(&phone.transport.service);
    let request = phone.request(command, &easel_wbxml::encode(body), "application/vnd.ms-sync.wbxml");
    let version = phone.version.to_string();
    let line = easel_protocol::RequestLine::parse(&request.query, Some(&version), None, None).unwrap();
    let now = *phone.transport.now.lock().unwrap();
    let request = easel_commands::Request {
        line: &line,
        user: &phone.transport.user.clone(),
        user_agent: "",
        headers: &[],
        origin: None,
        content_type: "application/vnd.ms-sync.wbxml",
        body: &request.body,
        now,
    };
    struct None_;
    impl easel_commands::Sink for None_ {
        fn write(&mut self, _: Vec<u8>) -> Result<(), easel_commands::SinkClosed> {
            Ok(())
        }
    }
    match service.handle(&request, &mut None_) {
        easel_commands::Reply::Park(parked) => {
            phone.transport.parked = Some(parked);
            None
        }
        easel_commands::Reply::Answer(answer) => {
            Some(HttpResponse { code: answer.code, headers: Vec::new(), body: answer.body })
        }
        easel_commands::Reply::Streamed | easel_commands::Reply::Cut => panic!("a short answer"),
    }
}

#[test]
fn a_waiting_ping_is_answered_when_a_mail_arrives() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let body = ping_body(Some(600), Some(&[&inbox]));
    assert!(leave(&mut phone, Command::Ping, &body).is_none());
    let parked = phone.transport.parked.as_ref().unwrap();
    let Interest::Mailbox { folders, .. } = &parked.interest else { panic!("a mailbox is watched") };
    assert_eq!(folders.len(), 1);
    assert!(phone.transport.go_on(Why::Changed).is_none(), "nothing has happened: it waits on");
    desk.deliver(1, &raw_mail("one"));
    let answer = decode(&phone.transport.go_on(Why::Changed).unwrap().body).unwrap();
    assert_eq!(answer.text_of(ping::STATUS).unwrap(), "2");
    assert_eq!(answer.at(&[ping::FOLDERS, ping::FOLDER]).unwrap().value(), inbox);
}

#[test]
fn interval_and_folders_are_remembered() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    assert_eq!(status(&mut phone, None), "3", "nothing is remembered yet");
    assert_eq!(status(&mut phone, Some(&ping_body(Some(600), None))), "3");
    assert_eq!(status(&mut phone, Some(&ping_body(None, Some(&[&inbox])))), "1");
    assert_eq!(status(&mut phone, None), "1");
    desk.deliver(1, &raw_mail("one"));
    assert_eq!(status(&mut phone, None), "2");
}

#[test]
fn every_ping_status_is_given() {
    let desk = Desk::with(
        std::sync::Arc::new(easel_plugin::NoPlugin),
        easel_commands::Settings { heartbeat_secs: (60, 900), collections_max: 2, ..Default::default() },
    );
    let (mut phone, inbox) = ready(&desk, Identity::android());
    let body = ping_body(Some(3540), Some(&[&inbox]));
    let answer = phone.ask(Command::Ping, Some(&body)).unwrap().unwrap();
    assert_eq!(answer.text_of(ping::STATUS).unwrap(), "5", "K: TC76");
    assert_eq!(answer.text_of(ping::HEARTBEAT_INTERVAL).unwrap(), "900");
    let body = ping_body(Some(600), Some(&["f1", "f2", "f3"]));
    let answer = phone.ask(Command::Ping, Some(&body)).unwrap().unwrap();
    assert_eq!(answer.text_of(ping::STATUS).unwrap(), "6");
    assert_eq!(answer.text_of(ping::MAX_FOLDERS).unwrap(), "2");
    let nonsense = Element::of(ping::PING, [Element::text(ping::HEARTBEAT_INTERVAL, "soon")]);
    assert_eq!(status(&mut phone, Some(&nonsense)), "4");
    let id = desk.store.reserve_folder(desk.user.id).unwrap();
    let (name, kind) = ("New".to_owned(), FolderType::UserMail);
    desk.commit(vec![easel_store::Write::AddFolder { id, parent: None, name, kind }]);
    assert_eq!(status(&mut phone, Some(&ping_body(Some(600), Some(&[&inbox])))), "7");
}

#[test]
fn i15_o25_a_folder_the_phone_never_synced_is_passed_over() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let sent = phone.folder(FolderType::SentItems).unwrap();
    desk.deliver(4, &raw_mail("sent"));
    assert_eq!(status(&mut phone, Some(&ping_body(Some(600), Some(&[&inbox, &sent, "f999", "rubbish"])))), "1");
}

#[test]
fn a18_t08_a_folder_listed_twice_counts_once() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::android());
    desk.deliver(1, &raw_mail("one"));
    let (answer, changed) = phone.ping(&[inbox.clone(), inbox.clone()], 600).unwrap();
    assert_eq!((answer.as_str(), changed), ("2", vec![inbox]));
}

#[test]
fn g40_what_a_phone_did_itself_does_not_wake_it() {
    let desk = Desk::new();
    desk.deliver(1, &raw_mail("one"));
    let (mut phone, inbox) = ready(&desk, Identity::iphone_today());
    let id = phone.items(&inbox).keys().next().unwrap().clone();
    let change = Element::of(
        airsync::CHANGE,
        [
            Element::text(airsync::SERVER_ID, id),
            Element::of(airsync::APPLICATION_DATA, [Element::number(easel_wbxml::pages::email::READ, 1)]),
        ],
    );
    phone.sync(&[Sent::commands(&inbox, vec![change])]).unwrap();
    assert_eq!(phone.ping(&[inbox], 600).unwrap().0, "1");
}

fn waiting_sync(phone: &Line, inbox: &str, tag: easel_wbxml::Tag, value: u32) -> Element {
    phone.sync_request(&[Sent::ask(inbox)]).with(Element::number(tag, value))
}

#[test]
fn a_waiting_sync_is_answered_with_the_mail_that_arrives() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let body = waiting_sync(&phone, &inbox, airsync::WAIT, 10);
    assert!(leave(&mut phone, Command::Sync, &body).is_none());
    assert!(phone.transport.go_on(Why::Changed).is_none());
    desk.deliver(1, &raw_mail("one"));
    let answer = decode(&phone.transport.go_on(Why::Changed).unwrap().body).unwrap();
    assert_eq!(phone.take_sync(Some(answer)).unwrap().entries, 1);
    let body = waiting_sync(&phone, &inbox, airsync::WAIT, 10);
    assert!(leave(&mut phone, Command::Sync, &body).is_none());
    let answer = phone.transport.go_on(Why::TimeUp).unwrap();
    assert_eq!((answer.code, answer.body.len()), (200, 0), "time is up and there is nothing to say");
}

#[test]
fn a_time_to_wait_out_of_range_is_told_the_nearest() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::android());
    for (tag, asked, nearest) in [
        (airsync::WAIT, 0, "1"),
        (airsync::WAIT, 60, "59"),
        (airsync::HEARTBEAT_INTERVAL, 59, "60"),
        (airsync::HEARTBEAT_INTERVAL, 3541, "3540"),
    ] {
        let body = waiting_sync(&phone, &inbox, tag, asked);
        let answer = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
        assert_eq!(answer.text_of(airsync::STATUS).unwrap(), "14");
        assert_eq!(answer.text_of(airsync::LIMIT).unwrap(), nearest);
    }
}

#[test]
fn p09_an_empty_sync_means_the_last_full_one_and_does_not_wait() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let mut fresh = desk.phone(Identity { device_id: "other".into(), ..Identity::iphone_3gs() });
    let answer = fresh.ask(Command::Sync, None).unwrap().unwrap();
    assert_eq!(answer.text_of(airsync::STATUS).unwrap(), "13", "nothing is remembered");
    let body = waiting_sync(&phone, &inbox, airsync::WAIT, 10);
    phone.ask(Command::Sync, Some(&body)).unwrap();
    assert!(phone.ask(Command::Sync, None).unwrap().is_none());
    desk.deliver(1, &raw_mail("one"));
    let answer = phone.ask(Command::Sync, None).unwrap();
    assert_eq!(phone.take_sync(answer).unwrap().entries, 1);
}

/// A phone whose last request, for these folders, was answered with nothing, so that its next may be empty.
fn at_rest(desk: &Desk, kinds: &[FolderType]) -> (Line, Vec<String>) {
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let folders: Vec<_> = kinds.iter().map(|kind| phone.folder(*kind).unwrap()).collect();
    folders.iter().for_each(|folder| assert_eq!(phone.sync_folder(folder, 100).unwrap(), 0));
    assert!(rests(&mut phone, &folders));
    (phone, folders)
}

/// Asks in full, with a time to wait; whether there was nothing to say.
fn rests(phone: &mut Line, folders: &[String]) -> bool {
    let asked: Vec<_> = folders.iter().map(|folder| Sent::ask(folder)).collect();
    let body = phone.sync_request(&asked).with(Element::number(airsync::WAIT, 10));
    let answer = phone.ask(Command::Sync, Some(&body)).unwrap();
    phone.take_sync(answer).unwrap().empty
}

fn sync_status(phone: &mut Line, body: Option<&Element>) -> String {
    phone.ask(Command::Sync, body).unwrap().unwrap().text_of(airsync::STATUS).unwrap().into_owned()
}

#[test]
fn p09_what_a_lost_answer_to_an_empty_sync_held_comes_again() {
    let desk = Desk::new();
    let (mut phone, folders) = at_rest(&desk, &[FolderType::Inbox, FolderType::SentItems]);
    desk.deliver(1, &raw_mail("first"));
    let lost = phone.ask(Command::Sync, None).unwrap();
    assert!(lost.is_some());
    assert_eq!(sync_status(&mut phone, None), "13", "the phone is to say which keys it has");
    assert_eq!(sync_status(&mut phone, None), "13", "and nothing has moved on meanwhile");
    desk.deliver(1, &raw_mail("second"));
    assert!(!rests(&mut phone, &folders));
    assert!(!rests(&mut phone, &folders));
    assert_eq!(phone.items(&folders[0]).len(), 2);
    assert!(rests(&mut phone, &folders) && phone.ask(Command::Sync, None).unwrap().is_none());
}

#[test]
fn p09_a_phone_that_has_the_news_says_so_once_and_waits_on() {
    let desk = Desk::new();
    let (mut phone, folders) = at_rest(&desk, &[FolderType::Inbox, FolderType::SentItems]);
    for number in 0..3 {
        desk.deliver(1, &raw_mail(&format!("mail{number}")));
        let news = phone.ask(Command::Sync, None).unwrap();
        assert_eq!(phone.take_sync(news).unwrap().entries, 1);
        assert_eq!(sync_status(&mut phone, None), "13");
        assert!(rests(&mut phone, &folders));
        for _ in 0..3 {
            assert!(phone.ask(Command::Sync, None).unwrap().is_none(), "no round trip more until there is news");
        }
    }
    assert_eq!(phone.items(&folders[0]).len(), 3);
}

#[test]
fn p09_a_waiting_sync_whose_answer_is_lost_is_not_passed_over_by_an_empty_one() {
    let desk = Desk::new();
    let (mut phone, folders) = at_rest(&desk, &[FolderType::Inbox]);
    let body = waiting_sync(&phone, &folders[0], airsync::WAIT, 10);
    assert!(leave(&mut phone, Command::Sync, &body).is_none());
    desk.deliver(1, &raw_mail("one"));
    assert!(!phone.transport.go_on(Why::Changed).unwrap().body.is_empty(), "an answer that never arrives");
    assert_eq!(sync_status(&mut phone, None), "13");
    assert!(!rests(&mut phone, &folders));
    assert_eq!(phone.items(&folders[0]).len(), 1);
}

#[test]
fn p09_what_a_lost_answer_to_commands_held_is_not_passed_over_by_an_empty_sync() {
    let desk = Desk::new();
    let (mut phone, folders) = at_rest(&desk, &[FolderType::Contacts, FolderType::Inbox]);
    desk.deliver(1, &raw_mail("one"));
    let data =
        Element::of(airsync::APPLICATION_DATA, [Element::text(easel_wbxml::pages::contacts::LAST_NAME, "Curie")]);
    let add = Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "c1"), data]);
    let asked = [Sent::commands(&folders[0], vec![add.clone()]), Sent::ask(&folders[1])];
    let body = phone.sync_request(&asked);
    assert!(phone.ask(Command::Sync, Some(&body)).unwrap().is_some(), "an answer that never arrives");
    assert_eq!(sync_status(&mut phone, None), "13");
    phone.sync(&asked).unwrap();
    assert_eq!((phone.items(&folders[0]).len(), phone.items(&folders[1]).len()), (1, 1));
    assert!(rests(&mut phone, &folders) && phone.ask(Command::Sync, None).unwrap().is_none());
}

#[test]
fn what_a_lost_answer_held_for_a_collection_that_a_partial_sync_leaves_out_comes_again() {
    let desk = Desk::new();
    let (mut phone, folders) = at_rest(&desk, &[FolderType::Inbox, FolderType::SentItems]);
    let (inbox, sent) = (folders[0].clone(), folders[1].clone());
    let partial = |phone: &Line| phone.sync_request(&[Sent::ask(&inbox)]).with(Element::new(airsync::PARTIAL));
    desk.deliver(4, &raw_mail("first"));
    let body = partial(&phone);
    assert!(phone.ask(Command::Sync, Some(&body)).unwrap().is_some(), "an answer that never arrives");
    assert_eq!(sync_status(&mut phone, Some(&body)), "13");
    assert!(!rests(&mut phone, &folders));
    assert_eq!(phone.items(&sent).len(), 1);
    assert!(rests(&mut phone, &folders));
    // What the partial request names, with its key, needs no full one.
    desk.deliver(1, &raw_mail("second"));
    assert!(!rests(&mut phone, &folders));
    let body = partial(&phone);
    assert!(phone.ask(Command::Sync, Some(&body)).unwrap().is_none());
    assert!(phone.ask(Command::Sync, None).unwrap().is_none(), "it is the previous request now");
    assert_eq!((phone.items(&inbox).len(), phone.items(&sent).len()), (1, 1));
}

#[test]
fn a_waiting_sync_is_not_answered_for_a_collection_that_wants_no_changes() {
    let desk = Desk::new();
    let (mut phone, folders) = at_rest(&desk, &[FolderType::Inbox, FolderType::SentItems]);
    let asked = [Sent { get_changes: Some(false), ..Sent::ask(&folders[0]) }, Sent::ask(&folders[1])];
    let body = phone.sync_request(&asked).with(Element::number(airsync::WAIT, 10));
    assert!(leave(&mut phone, Command::Sync, &body).is_none());
    desk.deliver(1, &raw_mail("one"));
    assert!(phone.transport.go_on(Why::Changed).is_none(), "it waits on");
    let Interest::Mailbox { folders: watched, .. } = &phone.transport.parked.as_ref().unwrap().interest else {
        panic!("a mailbox is watched")
    };
    assert_eq!(watched.len(), 1, "and is not woken for nothing");
    desk.deliver(4, &raw_mail("two"));
    let answer = decode(&phone.transport.go_on(Why::Changed).unwrap().body).unwrap();
    let synced = phone.take_sync(Some(answer)).unwrap();
    assert_eq!((synced.entries, synced.collections.len()), (1, 1));
    assert_eq!((phone.items(&folders[0]).len(), phone.items(&folders[1]).len()), (0, 1));
}

#[test]
fn a_partial_sync_overrides_what_it_names() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let sent = phone.folder(FolderType::SentItems).unwrap();
    phone.sync_folder(&sent, 10).unwrap();
    phone.sync(&[Sent::ask(&inbox), Sent::ask(&sent)]).unwrap();
    for folder in [1, 4] {
        for number in 0..3 {
            desk.deliver(folder, &raw_mail(&format!("f{folder}n{number}")));
        }
    }
    let body =
        phone.sync_request(&[Sent { window: Some(1), ..Sent::ask(&inbox) }]).with(Element::new(airsync::PARTIAL));
    let answer = phone.ask(Command::Sync, Some(&body)).unwrap();
    phone.take_sync(answer).unwrap();
    assert_eq!((phone.items(&inbox).len(), phone.items(&sent).len()), (1, 3));
}

/// What is kept for the device under a name.
fn kept(desk: &Desk, name: &'static str) -> Option<Vec<u8>> {
    let device = desk.store.devices(desk.user.id).unwrap()[0].key;
    desk.store.snapshot(desk.user.id).unwrap().device_value(device, name).unwrap()
}

#[test]
fn a_ping_with_an_id_longer_than_ids_are_neither_waits_nor_is_remembered() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let long = "\u{e9}".repeat(65);
    let body = ping_body(Some(600), Some(&[&inbox, &long]));
    let answer = leave(&mut phone, Command::Ping, &body).expect("an answer at once");
    assert_eq!(decode(&answer.body).unwrap().text_of(ping::STATUS).unwrap(), "4");
    assert_eq!(kept(&desk, "ping"), None);
    let body = ping_body(Some(600), Some(&[&inbox, &long[2..]]));
    assert!(leave(&mut phone, Command::Ping, &body).is_none(), "as long as ids may be");
    assert!(kept(&desk, "ping").is_some());
}

#[test]
fn a_sync_with_an_id_longer_than_ids_are_neither_waits_nor_is_remembered() {
    let desk = Desk::new();
    let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
    let before = kept(&desk, "sync");
    let wait = Element::number(airsync::WAIT, 10);
    let body = phone.sync_request(&[Sent::ask(&inbox), Sent::ask(&"f".repeat(65))]).with(wait);
    let answer = leave(&mut phone, Command::Sync, &body).expect("an answer at once");
    assert_eq!(decode(&answer.body).unwrap().text_of(airsync::STATUS).unwrap(), "4");
    assert_eq!(kept(&desk, "sync"), before);
}

#[test]
fn a_sync_of_too_many_collections_is_not_remembered() {
    let desk = Desk::with(
        std::sync::Arc::new(easel_plugin::NoPlugin),
        easel_commands::Settings { collections_max: 2, ..Default::default() },
    );
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let body = phone.sync_request(&["f1", "f2", "f3"].map(Sent::ask));
    let answer = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
    assert_eq!(answer.text_of(airsync::STATUS).unwrap(), "15");
    assert_eq!(answer.text_of(airsync::LIMIT).unwrap(), "2");
    assert_eq!(kept(&desk, "sync"), None);
}

#[test]
fn bounds_without_a_whole_minute_between_them_have_the_minute_below() {
    let desk = Desk::with(
        std::sync::Arc::new(easel_plugin::NoPlugin),
        easel_commands::Settings { heartbeat_secs: (500, 500), ..Default::default() },
    );
    let (mut phone, inbox) = ready(&desk, Identity::android());
    for asked in [5, 9] {
        let body = waiting_sync(&phone, &inbox, airsync::WAIT, asked);
        let answer = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
        assert_eq!(answer.text_of(airsync::STATUS).unwrap(), "14");
        assert_eq!(answer.text_of(airsync::LIMIT).unwrap(), "8");
    }
    let body = waiting_sync(&phone, &inbox, airsync::WAIT, 8);
    assert!(leave(&mut phone, Command::Sync, &body).is_none());
}

#[test]
fn a_device_that_is_forgotten_while_its_request_waits_is_not_made_again_by_it() {
    for (command, told) in [(Command::Ping, Some("1")), (Command::Sync, None)] {
        let desk = Desk::new();
        let (mut phone, inbox) = ready(&desk, Identity::iphone_3gs());
        let body = if command == Command::Ping {
            ping_body(Some(600), Some(&[&inbox]))
        } else {
            waiting_sync(&phone, &inbox, airsync::WAIT, 10)
        };
        assert!(leave(&mut phone, command, &body).is_none());
        desk.store.remove_device(desk.store.devices(desk.user.id).unwrap()[0].key).unwrap();
        desk.deliver(1, &raw_mail("one"));
        let answer = phone.transport.go_on(Why::Changed).expect("it waits no longer");
        assert_eq!(answer.code, 200);
        let root = (!answer.body.is_empty()).then(|| decode(&answer.body).unwrap());
        assert_eq!(root.map(|root| root.text_of(ping::STATUS).unwrap().into_owned()).as_deref(), told);
        assert_eq!(desk.store.devices(desk.user.id).unwrap(), []);
    }
}
