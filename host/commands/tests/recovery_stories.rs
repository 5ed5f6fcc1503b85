//! Devices that are stuck in commands other than Sync, and what their pack makes of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::{Arc, Mutex};

use desk::{Desk, Line, raw_mail};
use easel_commands::{Policy, Settings};
use easel_plugin::hooks::{Recovery, Symptom};
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::Command;
use easel_test_support::{Identity, Phone, Sent};
use easel_wbxml::pages::{
    airsync, folder_hierarchy as fh, get_item_estimate as gie, item_operations as io, moves, ping,
};
use easel_wbxml::{Element, Tag};

const INBOX: u64 = 1;

/// What the pack was asked: command, symptom, how often, and the part of the folder.
type Asked = Arc<Mutex<Vec<(Command, Symptom, u32, Option<&'static str>)>>>;

/// A desk whose pack advises this of that symptom, and what it was asked.
fn advising(symptom: Symptom, advice: Recovery) -> (Desk, Asked) {
    let asked: Asked = Arc::default();
    let told = Arc::clone(&asked);
    let plugin = ScriptedPlugin::new().on_recover(move |context, history| {
        let role = context.folder.map(|folder| folder.role());
        told.lock().unwrap().push((context.command, history.symptom, history.times, role));
        if history.symptom == symptom { advice } else { Recovery::Usual }
    });
    (Desk::with(Arc::new(plugin), Settings::default()), asked)
}

/// A phone in service, with the Inbox synchronised.
fn ready(desk: &Desk) -> Phone<Line> {
    let mut phone = desk.phone(Identity::iphone_today());
    phone.folder_sync().unwrap();
    phone.sync_folder("f1", 10).unwrap();
    phone
}

fn code(phone: &mut Phone<Line>, command: Command, body: &Element) -> u16 {
    phone.post(command, Some(body)).unwrap().code
}

fn status(phone: &mut Phone<Line>, command: Command, body: &Element, path: &[Tag]) -> String {
    let answer = phone.ask(command, Some(body)).unwrap().unwrap();
    answer.at(path).unwrap().value().into_owned()
}

fn ping_of(folder: &str) -> Element {
    let folder = Element::of(ping::FOLDER, [Element::text(ping::ID, folder), Element::text(ping::CLASS, "Email")]);
    Element::of(ping::PING, [Element::number(ping::HEARTBEAT_INTERVAL, 600), Element::of(ping::FOLDERS, [folder])])
}

fn tree(phone: &Phone<Line>) -> Element {
    Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, phone.hierarchy_key.clone())])
}

#[test]
fn i26_a_storm_of_pings_or_of_folder_syncs_without_news_is_a_busy_loop() {
    for (command, all) in [(Command::Ping, 40), (Command::FolderSync, 40)] {
        let (desk, asked) = advising(Symptom::BusyLoop, Recovery::Throttle);
        let mut phone = ready(&desk);
        // A mail that the phone hears of and does not fetch: every Ping is answered at once.
        desk.deliver(INBOX, &raw_mail("one"));
        let body = if command == Command::Ping { ping_of("f1") } else { tree(&phone) };
        let codes: Vec<u16> = (0..all).map(|_| code(&mut phone, command, &body)).collect();
        let answered = codes.iter().take_while(|code| **code == 200).count();
        assert!((25..40).contains(&answered), "{command}: {answered}");
        assert!(codes[answered..].iter().all(|code| *code == 503), "{codes:?}");
        let of = asked.lock().unwrap().iter().map(|(command, symptom, ..)| (*command, *symptom)).collect::<Vec<_>>();
        assert_eq!(of, [(command, Symptom::BusyLoop)]);
    }
}

#[test]
fn i26_a_pack_that_has_no_advice_is_asked_again_when_the_loop_is_twice_as_long() {
    let (desk, asked) = advising(Symptom::UnknownKey, Recovery::Throttle);
    let mut phone = ready(&desk);
    for _ in 0..130 {
        assert!(phone.sync(&[Sent::ask("f1")]).unwrap().empty);
    }
    let loops = asked.lock().unwrap().iter().filter(|(_, symptom, ..)| *symptom == Symptom::BusyLoop).count();
    assert_eq!(loops, 3, "{asked:?}");
}

#[test]
fn requests_that_bring_news_or_take_their_time_are_no_busy_loop() {
    let (desk, asked) = advising(Symptom::BusyLoop, Recovery::Throttle);
    let mut phone = ready(&desk);
    for number in 0..60 {
        desk.deliver(INBOX, &raw_mail(&format!("mail{number}")));
        assert_eq!(code(&mut phone, Command::Ping, &ping_of("f1")), 200);
    }
    for minute in 0..60 {
        desk.at(&format!("2026-03-02T11:{minute:02}:00Z"));
        assert_eq!(code(&mut phone, Command::Ping, &ping_of("f1")), 200);
    }
    assert!(asked.lock().unwrap().is_empty(), "{asked:?}");
}

#[test]
fn i26_a_storm_of_a_phone_that_does_not_provision_is_a_busy_loop_too() {
    let plugin = ScriptedPlugin::new()
        .on_recover(|_, history| if history.symptom == Symptom::BusyLoop { Recovery::Block } else { Recovery::Usual });
    let policy = Policy { required: true, version: 1, ..Policy::default() };
    let desk = Desk::with(Arc::new(plugin), Settings { policy, ..Settings::default() });
    let mut phone = desk.phone(Identity::iphone_today());
    let body = tree(&phone);
    for _ in 0..40 {
        code(&mut phone, Command::FolderSync, &body);
    }
    assert_eq!(status(&mut phone, Command::FolderSync, &body, &[fh::STATUS]), "129");
}

#[test]
fn a15_an_estimate_with_an_unknown_key_is_shown_to_the_pack_with_its_folder() {
    let estimate = |key: &str| {
        let collection = [Element::text(airsync::SYNC_KEY, key), Element::text(gie::COLLECTION_ID, "f1")];
        let collections = Element::of(gie::COLLECTIONS, [Element::of(gie::COLLECTION, collection)]);
        Element::of(gie::GET_ITEM_ESTIMATE, [collections])
    };
    let path = [gie::RESPONSE, gie::STATUS];
    for (advice, expected) in [(Recovery::Usual, "1"), (Recovery::ResyncFolder, "4")] {
        let (desk, asked) = advising(Symptom::UnknownKey, advice);
        let mut phone = ready(&desk);
        assert_eq!(status(&mut phone, Command::GetItemEstimate, &estimate("b77"), &path), expected, "{advice:?}");
        assert_eq!(
            *asked.lock().unwrap(),
            [(Command::GetItemEstimate, Symptom::UnknownKey, 1, Some("inbox"))],
            "{advice:?}"
        );
    }
    let (desk, _) = advising(Symptom::UnknownKey, Recovery::Throttle);
    assert_eq!(code(&mut ready(&desk), Command::GetItemEstimate, &estimate("b77")), 503);
    let (desk, _) = advising(Symptom::UnknownKey, Recovery::ResyncAll);
    let mut phone = ready(&desk);
    assert_eq!(status(&mut phone, Command::GetItemEstimate, &estimate("b77"), &path), "1");
    assert!(phone.folder_sync().unwrap_err().to_string().contains("FolderSync status 9"));
}

#[test]
fn a_clock_that_is_set_back_leaves_no_device_slowed_down_until_it_is_there_again() {
    let (desk, _) = advising(Symptom::BusyLoop, Recovery::Throttle);
    let mut phone = ready(&desk);
    let body = tree(&phone);
    assert!((0..40).any(|_| code(&mut phone, Command::FolderSync, &body) == 503));
    desk.at("2026-03-02T10:04:59Z");
    assert_eq!(code(&mut phone, Command::FolderSync, &body), 503, "slowed down for five minutes");
    desk.at("2024-03-02T10:00:00Z");
    assert_eq!(code(&mut phone, Command::FolderSync, &body), 200);
}

#[test]
fn a_clock_that_is_set_back_makes_no_busy_loop_of_requests_that_take_their_time() {
    let (desk, asked) = advising(Symptom::BusyLoop, Recovery::Throttle);
    let mut phone = ready(&desk);
    let body = tree(&phone);
    for _ in 0..2 {
        assert_eq!(code(&mut phone, Command::FolderSync, &body), 200);
    }
    for minute in 0..40 {
        desk.at(&format!("2026-03-02T09:{minute:02}:00Z"));
        assert_eq!(code(&mut phone, Command::FolderSync, &body), 200, "{minute}");
        assert!(asked.lock().unwrap().is_empty(), "{asked:?}");
    }
}

#[test]
fn everything_starts_over_once_an_hour_and_a_clock_that_is_set_back_makes_nobody_wait_longer() {
    let (desk, _) = advising(Symptom::BusyLoop, Recovery::ResyncAll);
    let mut phone = ready(&desk);
    let mut starts_over = |at: &str| {
        desk.at(at);
        phone.folder_sync().unwrap();
        let body = tree(&phone);
        let answers: Vec<String> =
            (0..40).map(|_| status(&mut phone, Command::FolderSync, &body, &[fh::STATUS])).collect();
        phone.hierarchy_key = "0".to_owned();
        answers.contains(&"9".to_owned())
    };
    assert!(starts_over("2026-03-02T10:00:00Z"));
    assert!(!starts_over("2026-03-02T10:59:00Z"));
    assert!(starts_over("2026-03-02T11:00:00Z"));
    assert!(starts_over("2024-03-02T10:00:00Z"), "two years before");
    assert!(!starts_over("2024-03-02T10:59:00Z"));
}

#[test]
fn g18_an_item_fetched_again_and_again_is_left_out_where_the_pack_says_so() {
    let fetch = |id: &str| {
        let fetch = [
            Element::text(io::STORE, "Mailbox"),
            Element::text(airsync::COLLECTION_ID, "f1"),
            Element::text(airsync::SERVER_ID, id),
        ];
        Element::of(io::ITEM_OPERATIONS, [Element::of(io::FETCH, fetch)])
    };
    let path = [io::RESPONSE, io::FETCH, io::STATUS];
    let (desk, asked) = advising(Symptom::RepeatedItem, Recovery::SkipItem);
    let ids = ["one", "two"].map(|name| desk.deliver(INBOX, &raw_mail(name)).to_string());
    let mut phone = ready(&desk);
    let mut said = |id: &str| status(&mut phone, Command::ItemOperations, &fetch(id), &path);
    assert_eq!([said(&ids[0]), said(&ids[1]), said(&ids[0])], ["1", "1", "1"]);
    assert_eq!([said(&ids[0]), said(&ids[0])], ["14", "14"], "it cannot be shown");
    let item = Symptom::RepeatedItem;
    let times = [(Command::ItemOperations, item, 1, None), (Command::ItemOperations, item, 2, None)];
    assert_eq!(*asked.lock().unwrap(), times);
    // Something changed: the same request is no repetition.
    desk.deliver(INBOX, &raw_mail("three"));
    assert_eq!(said(&ids[0]), "1");
}

#[test]
fn a_move_asked_for_again_is_shown_to_the_pack_and_answered_the_same() {
    let (desk, asked) = advising(Symptom::RepeatedKey, Recovery::Usual);
    let id = desk.deliver(INBOX, &raw_mail("one")).to_string();
    let mut phone = ready(&desk);
    let one = [
        Element::text(moves::SRC_MSG_ID, id),
        Element::text(moves::SRC_FLD_ID, "f1"),
        Element::text(moves::DST_FLD_ID, "f3"),
    ];
    let body = Element::of(moves::MOVE_ITEMS, [Element::of(moves::MOVE, one)]);
    let mut said = || status(&mut phone, Command::MoveItems, &body, &[moves::RESPONSE, moves::STATUS]);
    // The first changes the mailbox, so that the second is the first that is the same.
    assert_eq!([said(), said(), said(), said()], ["3", "3", "3", "3"]);
    let of = |times| (Command::MoveItems, Symptom::RepeatedKey, times, None);
    assert_eq!(*asked.lock().unwrap(), [of(1), of(2)]);

    let (desk, _) = advising(Symptom::RepeatedKey, Recovery::Throttle);
    let mut phone = ready(&desk);
    let codes = [0; 2].map(|_| code(&mut phone, Command::MoveItems, &body));
    assert_eq!(codes, [200, 503]);
}

#[test]
fn i55_a_folder_started_afresh_comes_one_item_an_answer_where_the_pack_says_so() {
    let (desk, asked) = advising(Symptom::ZeroKey, Recovery::ShrinkWindow);
    for name in ["one", "two", "three", "four"] {
        desk.deliver(INBOX, &raw_mail(name));
    }
    let mut phone = ready(&desk);
    phone.collections.remove("f1");
    phone.sync(&[Sent::ask("f1")]).unwrap();
    let mut page = || phone.sync(&[Sent { window: Some(10), ..Sent::ask("f1") }]).unwrap();
    let (first, second) = (page(), page());
    assert_eq!((first.entries, first.more, second.entries), (1, true, 3), "until one is digested");
    assert_eq!(*asked.lock().unwrap(), [(Command::Sync, Symptom::ZeroKey, 1, Some("inbox"))]);
}
