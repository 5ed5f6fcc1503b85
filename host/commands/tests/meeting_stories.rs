//! Meetings: who tells whom.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use base64::Engine as _;
use desk::{Desk, Line as Wire};
use easel_commands::Settings;
use easel_items::compose::RECIPIENTS_MAX;
use easel_plugin::Value;
use easel_plugin::hooks::MeetingRequest;
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{CollectionId, Command, Facts, ServerId, Version, WindowKey};
use easel_store::{NewContent, Store as _, Write};
use easel_test_support::{Identity, Phone, Sent, item_text};
use easel_wbxml::pages::{airsync, calendar, meeting_response as mr};
use easel_wbxml::{Element, Tag};

const INBOX: u64 = 1;
const CALENDAR: u64 = 6;

/// What was queued: to whom, with which method, and the iCalendar object.
fn mailed(desk: &Desk) -> Vec<(Vec<String>, String)> {
    let due = desk.store.due_outgoing(i64::MAX, 100).unwrap();
    let read = |blob| {
        let raw = String::from_utf8(desk.store.read_blob(blob).unwrap()).unwrap();
        let part = raw.rsplit("text/calendar").next().unwrap();
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let body: String = body.split("\r\n--").next().unwrap().split_whitespace().collect();
        let object = String::from_utf8(base64::prelude::BASE64_STANDARD.decode(body).unwrap()).unwrap();
        format!("{}\n{}", head.split_whitespace().collect::<String>(), object.replace("\r\n ", ""))
    };
    due.into_iter().map(|message| (message.recipients, read(message.blob))).collect()
}

fn invitation(desk: &Desk) -> String {
    let object = "UID:review@example.org\r\nDTSTAMP:20260301T090000Z\r\nDTSTART:20260305T140000Z\r\n\
        DTEND:20260305T150000Z\r\nSUMMARY:Review\r\n";
    invitation_to(desk, object)
}

/// Bob invites Anna to an event of these lines.
fn invitation_to(desk: &Desk, lines: &str) -> String {
    let object = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n{lines}\
         ORGANIZER:mailto:bob@example.org\r\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@tenant1.example\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    let raw = format!(
        "From: bob@example.org\r\nTo: anna@tenant1.example\r\nSubject: Review\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n{object}"
    );
    desk.deliver(INBOX, &raw).to_string()
}

fn phone(desk: &Desk, version: Version) -> Phone<Wire> {
    let mut phone = desk.phone(Identity::iphone_today());
    phone.version = version;
    phone.folder_sync().unwrap();
    phone
}

fn answer(phone: &mut Phone<Wire>, fields: &[(Tag, &str)], send: bool) -> Element {
    let fields = fields.iter().map(|(tag, text)| Element::text(*tag, *text));
    let request = Element::of(mr::REQUEST, fields.chain(send.then(|| Element::new(mr::SEND_RESPONSE))));
    let root = Element::of(mr::MEETING_RESPONSE, [request]);
    let answer = phone.ask(Command::MeetingResponse, Some(&root)).unwrap().unwrap();
    answer.child(mr::RESULT).unwrap().clone()
}

fn accepted<'a>(folder: &'a str, id: &'a str) -> [(Tag, &'a str); 3] {
    [(mr::USER_RESPONSE, "1"), (mr::COLLECTION_ID, folder), (mr::REQUEST_ID, id)]
}

#[test]
fn g43_tc46_from_16_0_the_server_mails_one_answer_when_it_is_asked_to() {
    for (version, send, count) in
        [(Version::V16_1, true, 1), (Version::V16_1, false, 0), (Version::V14_1, false, 0), (Version::V12_1, false, 0)]
    {
        let desk = Desk::new();
        let mut phone = phone(&desk, version);
        let id = invitation(&desk);
        let result = answer(&mut phone, &accepted("f1", &id), send);
        assert_eq!(item_text(&result, mr::STATUS), "1", "{version}");
        let stored = ServerId::parse(&item_text(&result, mr::CALENDAR_ID)).unwrap();
        let event = desk.stored(stored).unwrap().replace("\r\n ", "");
        assert!(event.contains("PARTSTAT=ACCEPTED") && !event.contains("METHOD"), "{event}");
        let mailed = mailed(&desk);
        assert_eq!(mailed.len(), count, "{version}");
        for (to, object) in mailed {
            assert_eq!(to, ["bob@example.org"]);
            assert!(object.contains("method=REPLY") && object.contains("METHOD:REPLY"), "{object}");
            assert!(object.contains("UID:review@example.org") && object.contains("PARTSTAT=ACCEPTED"), "{object}");
        }
    }
}

#[test]
fn i31_tc44_tc45_calendar_meeting_reply_by_says_who_mails_the_answer() {
    for (by, version, send, count) in
        [("server", Version::V14_1, false, 1), ("device", Version::V16_1, true, 0), ("auto", Version::V14_1, false, 0)]
    {
        let plugin = ScriptedPlugin::new().set("calendar.meeting_reply_by", Value::Text(by.into()));
        let desk = Desk::with(std::sync::Arc::new(plugin), Settings::default());
        let mut phone = phone(&desk, version);
        let id = invitation(&desk);
        assert_eq!(item_text(&answer(&mut phone, &accepted("f1", &id), send), mr::STATUS), "1");
        assert_eq!(mailed(&desk).len(), count, "{by} {version}");
    }
}

#[test]
fn i30_calendar_meeting_lookup_finds_an_invitation_that_lies_elsewhere_than_the_phone_says() {
    for (lookup, status) in [("named", "2"), ("calendar-first", "1")] {
        let plugin = ScriptedPlugin::new().set("calendar.meeting_lookup", Value::Text(lookup.into()));
        let desk = Desk::with(std::sync::Arc::new(plugin), Settings::default());
        let mut phone = phone(&desk, Version::V14_1);
        let id = invitation(&desk);
        assert_eq!(item_text(&answer(&mut phone, &accepted("f6", &id), false), mr::STATUS), status, "{lookup}");
    }
}

#[test]
fn i32_tc47_a_pack_reads_the_occurrence_out_of_a_request_id() {
    let plugin = ScriptedPlugin::new().on_meeting(|_, request| {
        let (id, instance) = request.request_id.split_once('_')?;
        Some(MeetingRequest { request_id: id.to_owned(), instance_id: instance.to_owned(), ..request.clone() })
    });
    let desk = Desk::with(std::sync::Arc::new(plugin), Settings::default());
    let mut phone = phone(&desk, Version::V16_1);
    let series = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\nUID:s@example.org\r\n\
        DTSTAMP:20260301T090000Z\r\nDTSTART:20260305T140000Z\r\nDTEND:20260305T150000Z\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\n\
        SUMMARY:Rounds\r\nORGANIZER:mailto:bob@example.org\r\n\
        ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@tenant1.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let id = desk.add(CALENDAR, series);
    let asked = format!("{id}_20260312T140000Z");
    let result = answer(&mut phone, &accepted("f6", &asked), true);
    assert_eq!((item_text(&result, mr::STATUS), item_text(&result, mr::REQUEST_ID)), ("1".into(), asked));
    let stored = desk.stored(id).unwrap().replace("\r\n ", "");
    let (master, one) = stored.split_once("RECURRENCE-ID").unwrap();
    assert!(!master.contains("PARTSTAT=ACCEPTED") || one.contains("PARTSTAT=ACCEPTED"), "{stored}");
    assert_eq!(stored.matches("PARTSTAT=ACCEPTED").count(), 1, "{stored}");
    let (_, object) = mailed(&desk).remove(0);
    assert!(object.contains("RECURRENCE-ID:20260312T140000Z"), "{object}");
}

/// A weekly meeting of Bob's in Anna's calendar, and his mail that moves its second occurrence by a day.
fn with_moved_occurrence(version: Version) -> (Desk, Phone<Wire>, ServerId, String) {
    let desk = Desk::new();
    let phone = phone(&desk, version);
    let (head, rest) = MOVED.split_once("END:VEVENT\r\n").unwrap();
    let series = format!("{head}END:VEVENT\r\nEND:VCALENDAR\r\n");
    let id = desk.store.reserve_items(desk.user.id, 1).unwrap();
    let facts = Facts { uid: Some("s@example.org".to_owned()), ..Facts::of(WindowKey::FOREVER) };
    let content = NewContent::Object(series);
    desk.commit(vec![Write::AddItem { id, folder: CollectionId::new(CALENDAR), content, facts }]);
    let lines = rest.split_once("BEGIN:VEVENT\r\n").unwrap().1.split_once("ORGANIZER").unwrap().0;
    let mail = invitation_to(&desk, lines);
    (desk, phone, id, mail)
}

#[test]
fn an_invitation_to_one_occurrence_is_declined_for_that_one_and_the_series_stays() {
    for version in [Version::V12_1, Version::V14_1, Version::V16_1] {
        let (desk, mut phone, id, mail) = with_moved_occurrence(version);
        let declined = [(mr::USER_RESPONSE, "3"), (mr::COLLECTION_ID, "f1"), (mr::REQUEST_ID, mail.as_str())];
        for _ in 0..2 {
            // The second time the answer was lost.
            let result = answer(&mut phone, &declined, true);
            assert_eq!(item_text(&result, mr::STATUS), "1", "{version}");
        }
        let stored = desk.stored(id).expect("the series stays").replace("\r\n ", "");
        assert!(stored.contains("EXDATE:20260312T140000Z\r\n") && stored.contains("RRULE"), "{version}: {stored}");
        assert_eq!(stored.matches("BEGIN:VEVENT").count(), 1, "{version}: {stored}");
        assert!(stored.contains("PARTSTAT=NEEDS-ACTION") && !stored.contains("DECLINED"), "{version}: {stored}");
        assert_eq!((desk.count(INBOX), desk.count(CALENDAR)), (0, 1));
        let mailed = mailed(&desk);
        assert_eq!(mailed.len(), usize::from(version >= Version::V16_0));
        for (to, object) in mailed {
            assert_eq!(to, ["bob@example.org"]);
            assert!(object.contains("METHOD:REPLY") && object.contains("PARTSTAT=DECLINED"), "{object}");
            assert!(object.contains("RECURRENCE-ID:20260312T140000Z") && !object.contains("RRULE"), "{object}");
        }
    }
}

#[test]
fn an_invitation_to_one_occurrence_is_accepted_for_that_one_alone() {
    for (response, partstat) in [("1", "ACCEPTED"), ("2", "TENTATIVE")] {
        let (desk, mut phone, id, mail) = with_moved_occurrence(Version::V16_1);
        let fields = [(mr::USER_RESPONSE, response), (mr::COLLECTION_ID, "f1"), (mr::REQUEST_ID, mail.as_str())];
        let result = answer(&mut phone, &fields, true);
        assert_eq!(item_text(&result, mr::STATUS), "1");
        assert_eq!(item_text(&result, mr::CALENDAR_ID), id.to_string());
        let stored = desk.stored(id).unwrap().replace("\r\n ", "");
        let parts: Vec<&str> = stored.split("BEGIN:VEVENT").skip(1).collect();
        let (one, series): (Vec<&str>, Vec<&str>) = parts.iter().partition(|part| part.contains("RECURRENCE-ID"));
        assert!(one[0].contains(&format!("PARTSTAT={partstat}")) && one[0].contains("20260313T160000Z"), "{stored}");
        assert!(series[0].contains("PARTSTAT=NEEDS-ACTION") && !series[0].contains("REPLYTIME"), "{stored}");
        let (_, object) = mailed(&desk).remove(0);
        assert!(object.contains("RECURRENCE-ID:20260312T140000Z") && object.contains(partstat), "{object}");
    }
}

/// A weekly meeting of Bob's whose second occurrence was moved by a day.
const MOVED: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\nUID:s@example.org\r\n\
    DTSTAMP:20260301T090000Z\r\nDTSTART:20260305T140000Z\r\nDTEND:20260305T150000Z\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\n\
    SUMMARY:Rounds\r\nORGANIZER:mailto:bob@example.org\r\n\
    ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@tenant1.example\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:s@example.org\r\n\
    DTSTAMP:20260301T090000Z\r\nRECURRENCE-ID:20260312T140000Z\r\nDTSTART:20260313T160000Z\r\n\
    DTEND:20260313T170000Z\r\nSUMMARY:Rounds\r\nORGANIZER:mailto:bob@example.org\r\n\
    ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@tenant1.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn a32_calendar_instance_id_shown_finds_an_occurrence_by_the_time_to_which_it_was_moved() {
    let of = |word: &str, at: &str| {
        let plugin = ScriptedPlugin::new().set("calendar.instance_id", Value::Text(word.to_owned()));
        let desk = Desk::with(std::sync::Arc::new(plugin), Settings::default());
        let mut phone = phone(&desk, Version::V14_1);
        let id = desk.add(CALENDAR, MOVED);
        let asked = id.to_string();
        let fields = accepted("f6", &asked).into_iter().chain([(mr::INSTANCE_ID, at)]).collect::<Vec<_>>();
        let result = answer(&mut phone, &fields, false);
        let stored = desk.stored(id).unwrap().replace("\r\n ", "");
        let accepted = |event: &&str| event.contains("PARTSTAT=ACCEPTED");
        let starts = stored.split("BEGIN:VEVENT").filter(accepted).map(|event| {
            event.lines().find_map(|line| line.strip_prefix("RECURRENCE-ID:")).unwrap_or("series").to_owned()
        });
        (item_text(&result, mr::STATUS), starts.collect::<Vec<_>>())
    };
    let second = ("1".to_owned(), vec!["20260312T140000Z".to_owned()]);
    assert_eq!(of("shown", "2026-03-13T16:00:00.000Z"), second);
    assert_eq!(of("shown", "2026-03-12T14:00:00.000Z"), second);
    assert_eq!(of("shown", "2026-03-19T14:00:00.000Z"), ("1".to_owned(), vec!["20260319T140000Z".to_owned()]));
    assert_eq!(of("original", "2026-03-12T14:00:00.000Z"), second);
    assert_ne!(of("original", "2026-03-13T16:00:00.000Z").0, "1");
}

/// A calendar with one meeting of Bob's, and a phone that may be told that it is there already.
fn with_meeting(finds: bool, version: Version) -> (Desk, Phone<Wire>, ServerId) {
    let plugin = ScriptedPlugin::new().set("calendar.add_finds_uid", Value::Flag(finds));
    let desk = Desk::with(std::sync::Arc::new(plugin), Settings::default());
    let id = desk.store.reserve_items(desk.user.id, 1).unwrap();
    let facts = Facts { uid: Some("s@example.org".to_owned()), ..Facts::of(WindowKey::FOREVER) };
    let content = NewContent::Object(MOVED.to_owned());
    desk.commit(vec![Write::AddItem { id, folder: CollectionId::new(CALENDAR), content, facts }]);
    let phone = phone(&desk, version);
    (desk, phone, id)
}

fn add_by_uid(uid: &str) -> Element {
    let data = [
        Element::text(calendar::START_TIME, "20260305T140000Z"),
        Element::text(calendar::SUBJECT, "Rounds, as I understood them"),
        Element::text(calendar::UID, uid),
        Element::text(calendar::END_TIME, "20260305T150000Z"),
    ];
    let data = Element::of(airsync::APPLICATION_DATA, data);
    Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "1"), data])
}

#[test]
fn i33_tc48_calendar_add_finds_uid_answers_an_event_that_is_there_with_its_id_and_makes_no_other() {
    for (finds, uid, same) in
        [(true, "s@example.org", true), (true, "other@example.org", false), (false, "s@example.org", false)]
    {
        let (desk, mut phone, id) = with_meeting(finds, Version::V14_1);
        // Before the first calendar sync: the phone has a key and nothing of the calendar.
        phone.sync(&[Sent::ask("f6")]).unwrap();
        let sent = Sent::commands("f6", vec![add_by_uid(uid)]);
        let request = phone.sync_request(std::slice::from_ref(&sent));
        let lost = phone.ask(Command::Sync, Some(&request)).unwrap();
        let again = phone.ask(Command::Sync, Some(&request)).unwrap();
        for answer in [lost, again] {
            let all = answer.unwrap();
            let collection = all.at(&[airsync::COLLECTIONS, airsync::COLLECTION]).unwrap();
            let told = collection.at(&[airsync::RESPONSES, airsync::ADD]).unwrap();
            assert_eq!(item_text(told, airsync::STATUS), "1");
            assert_eq!(item_text(told, airsync::SERVER_ID) == id.to_string(), same, "{finds} {uid}");
            let entries = collection.child(airsync::COMMANDS).unwrap();
            let tags: Vec<_> = entries.children().map(|entry| entry.tag).collect();
            assert_eq!(tags, [if same { airsync::CHANGE } else { airsync::ADD }], "the phone has it, or has not");
            let data = entries.children().next().unwrap().child(airsync::APPLICATION_DATA).unwrap();
            assert_eq!(item_text(data, calendar::SUBJECT), "Rounds", "what is stored stays");
        }
        assert_eq!(desk.count(CALENDAR), if same { 1 } else { 2 });
        assert_eq!(desk.stored(id).unwrap(), MOVED);
    }
}

#[test]
fn i33_an_event_added_before_its_page_came_is_a_change_there_and_an_add_again_after_a_fresh_start() {
    let (desk, mut phone, id) = with_meeting(true, Version::V14_1);
    for number in 0..3 {
        desk.add(CALENDAR, &MOVED.replace("s@example.org", &format!("newer{number}@example.org")));
    }
    phone.sync(&[Sent::ask("f6")]).unwrap();
    let kinds = |phone: &mut Phone<Wire>, sent: Sent| {
        let request = phone.sync_request(&[Sent { window: Some(1), ..sent }]);
        let answer = phone.ask(Command::Sync, Some(&request)).unwrap();
        let entries = |answer: &Element| {
            let commands = answer.at(&[airsync::COLLECTIONS, airsync::COLLECTION, airsync::COMMANDS])?;
            let of = |entry: &Element| (entry.tag == airsync::ADD, item_text(entry, airsync::SERVER_ID));
            Some(commands.children().map(of).collect::<Vec<_>>())
        };
        let seen = answer.as_ref().and_then(entries).unwrap_or_default();
        phone.take_sync(answer).unwrap();
        seen
    };
    let mut seen = kinds(&mut phone, Sent::commands("f6", vec![add_by_uid("s@example.org")]));
    for _ in 0..5 {
        seen.extend(kinds(&mut phone, Sent::ask("f6")));
    }
    let told = |id: ServerId| seen.iter().filter(|(_, item)| *item == id.to_string()).map(|(add, _)| *add).collect();
    let of_it: Vec<bool> = told(id);
    assert!(!of_it.is_empty() && of_it.iter().all(|add| !add), "{seen:?}");
    assert_eq!(seen.iter().filter(|(add, _)| *add).count(), 3, "{seen:?}");
    phone.collections.remove("f6");
    phone.sync(&[Sent::ask("f6")]).unwrap();
    let again: Vec<_> = (0..4).flat_map(|_| kinds(&mut phone, Sent::ask("f6"))).collect();
    assert!(again.contains(&(true, id.to_string())) && again.iter().all(|(add, _)| *add), "{again:?}");
}

#[test]
fn i33_from_16_0_an_event_added_again_by_its_client_uid_is_told_its_uid() {
    let (desk, mut phone, _) = with_meeting(true, Version::V16_1);
    phone.sync_folder("f6", 10).unwrap();
    let add = |client_id: &str| {
        let data = [
            Element::text(calendar::START_TIME, "20260405T140000Z"),
            Element::text(calendar::SUBJECT, "Tea"),
            Element::text(calendar::CLIENT_UID, "7D51A9F83C0E4B52A1C6E0F2B4D69788"),
            Element::text(calendar::END_TIME, "20260405T150000Z"),
        ];
        let data = Element::of(airsync::APPLICATION_DATA, data);
        Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, client_id), data])
    };
    let mut added = |client_id: &str| {
        let synced = phone.sync(&[Sent::commands("f6", vec![add(client_id)])]).unwrap();
        let told = synced.collections["f6"].at(&[airsync::RESPONSES, airsync::ADD]).unwrap().clone();
        let uid = told.at(&[airsync::APPLICATION_DATA, calendar::UID]).unwrap().value().into_owned();
        (item_text(&told, airsync::SERVER_ID), uid)
    };
    assert_eq!(added("one"), added("two"));
    assert_eq!(desk.count(CALENDAR), 2);
}

/// A meeting of the owner as a phone writes it.
fn meeting(tag: Tag, name: (Tag, &str), start: &str, guests: &[&str]) -> Element {
    let guests = guests.iter().map(|address| {
        Element::of(
            calendar::ATTENDEE,
            [Element::text(calendar::NAME, *address), Element::text(calendar::EMAIL, *address)],
        )
    });
    let data = [
        Element::text(calendar::START_TIME, start),
        Element::text(calendar::SUBJECT, "Review"),
        Element::text(calendar::END_TIME, start.replace("T14", "T15")),
        Element::of(calendar::ATTENDEES, guests),
        Element::text(calendar::MEETING_STATUS, "1"),
    ];
    Element::of(tag, [Element::text(name.0, name.1), Element::of(airsync::APPLICATION_DATA, data)])
}

#[test]
fn g43_from_16_0_the_server_mails_invitations_updates_and_cancellations_and_before_the_phone_does() {
    for (version, sends) in [(Version::V16_1, true), (Version::V14_1, false)] {
        let desk = Desk::new();
        let mut phone = phone(&desk, version);
        phone.sync_folder("f6", 10).unwrap();
        let expected = |methods: &[(&str, &[&str])]| -> Vec<(String, Vec<String>)> {
            let methods =
                methods.iter().map(|(method, to)| ((*method).to_owned(), to.iter().map(ToString::to_string).collect()));
            if sends { methods.collect() } else { Vec::new() }
        };
        let told = || -> Vec<(String, Vec<String>)> {
            let method =
                |object: &str| object.lines().find_map(|line| line.strip_prefix("METHOD:")).unwrap().to_owned();
            mailed(&desk).into_iter().map(|(to, object)| (method(&object), to)).collect()
        };
        let (bob, carol) = ("bob@example.org", "carol@example.org");
        let add = meeting(airsync::ADD, (airsync::CLIENT_ID, "1"), "20260305T140000Z", &[bob, carol]);
        let synced = phone.sync(&[Sent::commands("f6", vec![add])]).unwrap();
        let added = synced.collections["f6"].at(&[airsync::RESPONSES, airsync::ADD]).unwrap().clone();
        assert_eq!(item_text(&added, airsync::STATUS), "1");
        let id = item_text(&added, airsync::SERVER_ID);
        let first: &[(&str, &[&str])] = &[("REQUEST", &[bob, carol])];
        assert_eq!(told(), expected(first), "{version}");
        // Another day, and Carol is not needed any more.
        let change = meeting(airsync::CHANGE, (airsync::SERVER_ID, &id), "20260306T140000Z", &[bob]);
        phone.sync(&[Sent::commands("f6", vec![change])]).unwrap();
        let second: &[(&str, &[&str])] = &[("CANCEL", &[carol]), ("REQUEST", &[bob])];
        assert_eq!(told(), expected(&[first, second].concat()), "{version}");
        let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, id)]);
        phone.sync(&[Sent::commands("f6", vec![delete])]).unwrap();
        let third: &[(&str, &[&str])] = &[("CANCEL", &[bob])];
        assert_eq!(told(), expected(&[first, second, third].concat()), "{version}");
    }
}

/// Bounds the mailbox of the phone's owner.
fn bound(desk: &Desk, phone: &mut Phone<Wire>, quota: u64) {
    let user = desk.store.user(desk.user.id).unwrap().unwrap();
    phone.transport.user = desk.store.update_user(&easel_store::User { quota: Some(quota), ..user }).unwrap();
}

fn held(desk: &Desk) -> u64 {
    desk.store.mailbox_bytes(desk.user.id).unwrap()
}

#[test]
fn a_meeting_whose_invitations_find_no_room_is_told_full_and_nobody_is_invited() {
    const SENT: u64 = 4;
    let add = || meeting(airsync::ADD, (airsync::CLIENT_ID, "1"), "20260305T140000Z", &["bob@example.org"]);
    let synced = |phone: &mut Phone<Wire>, command: Element| {
        let synced = phone.sync(&[Sent::commands("f6", vec![command])]).unwrap();
        synced.collections["f6"].child(airsync::RESPONSES).and_then(|told| told.children().next().cloned())
    };
    let status = |told: &Option<Element>| told.as_ref().map(|told| item_text(told, airsync::STATUS));
    let unbounded = Desk::new();
    let mut other = phone(&unbounded, Version::V16_1);
    other.sync_folder("f6", 10).unwrap();
    synced(&mut other, add());
    let needed = held(&unbounded);

    let desk = Desk::new();
    let mut phone = phone(&desk, Version::V16_1);
    phone.sync_folder("f6", 10).unwrap();
    bound(&desk, &mut phone, needed - 1);
    assert_eq!(status(&synced(&mut phone, add())).as_deref(), Some("9"));
    assert_eq!((desk.count(CALENDAR), desk.count(SENT), mailed(&desk).len()), (0, 0, 0));
    bound(&desk, &mut phone, needed);
    let told = synced(&mut phone, add());
    assert_eq!(status(&told).as_deref(), Some("1"));
    assert_eq!((desk.count(CALENDAR), desk.count(SENT), mailed(&desk).len()), (1, 1, 1));
    // Another day: the update finds no room, and the meeting stays as the guests know it.
    let id = item_text(&told.unwrap(), airsync::SERVER_ID);
    let stored = desk.stored(ServerId::parse(&id).unwrap());
    let change = || meeting(airsync::CHANGE, (airsync::SERVER_ID, &id), "20260306T140000Z", &["bob@example.org"]);
    assert_eq!(status(&synced(&mut phone, change())).as_deref(), Some("9"));
    assert_eq!(desk.stored(ServerId::parse(&id).unwrap()), stored);
    assert_eq!((desk.count(SENT), mailed(&desk).len()), (1, 1));
    bound(&desk, &mut phone, 2 * needed);
    assert_eq!(status(&synced(&mut phone, change())), None, "a change that is made is not answered");
    assert_eq!((desk.count(SENT), mailed(&desk).len()), (2, 2));
    // It can always be removed, and the guests hear of it; the copy is left out.
    bound(&desk, &mut phone, 1);
    let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, id)]);
    assert_eq!(status(&synced(&mut phone, delete)), None);
    assert_eq!((desk.count(CALENDAR), desk.count(SENT), mailed(&desk).len()), (0, 2, 3));
}

#[test]
fn an_invitation_is_not_accepted_into_a_full_mailbox_but_declined_without_a_copy() {
    const SENT: u64 = 4;
    for (version, full) in [(Version::V16_1, "113"), (Version::V14_1, "113"), (Version::V12_1, "3")] {
        let plugin = ScriptedPlugin::new().set("calendar.meeting_reply_by", Value::Text("server".into()));
        let desk = Desk::with(std::sync::Arc::new(plugin), Settings::default());
        let mut phone = phone(&desk, version);
        let id = invitation(&desk);
        let before = held(&desk);
        bound(&desk, &mut phone, before + 10);
        assert_eq!(item_text(&answer(&mut phone, &accepted("f1", &id), true), mr::STATUS), full, "{version}");
        let counts = || (desk.count(INBOX), desk.count(CALENDAR), desk.count(SENT), mailed(&desk).len());
        assert_eq!((counts(), held(&desk)), ((1, 0, 0, 0), before), "{version}: nothing was done");
        let declined = [(mr::USER_RESPONSE, "3"), (mr::COLLECTION_ID, "f1"), (mr::REQUEST_ID, id.as_str())];
        assert_eq!(item_text(&answer(&mut phone, &declined, true), mr::STATUS), "1", "{version}");
        assert_eq!(counts(), (0, 0, 0, 1), "{version}: the organizer is told");
        assert_eq!(item_text(&answer(&mut phone, &declined, true), mr::STATUS), "1", "a lost answer is given again");

        let id = invitation(&desk);
        bound(&desk, &mut phone, 1 << 20);
        assert_eq!(item_text(&answer(&mut phone, &accepted("f1", &id), true), mr::STATUS), "1", "{version}");
        assert_eq!(counts(), (0, 1, 1, 2), "{version}");
    }
}

/// Bob invites Anna to one date of his series, at that hour.
fn invited_to_date(desk: &Desk, day: &str, hour: u8, sequence: u8) -> String {
    let lines = format!(
        "UID:s@example.org\r\nDTSTAMP:20260301T09000{sequence}Z\r\nSEQUENCE:{sequence}\r\n\
         RECURRENCE-ID:{day}T140000Z\r\nDTSTART:{day}T{hour}0000Z\r\nDTEND:{day}T{hour}3000Z\r\nSUMMARY:Rounds\r\n"
    );
    invitation_to(desk, &lines)
}

#[test]
fn invitations_to_two_dates_of_a_series_are_two_events_and_an_update_finds_its_own() {
    for version in [Version::V14_1, Version::V16_1] {
        let desk = Desk::new();
        let mut phone = phone(&desk, version);
        let mut accept = |mail: &str| {
            let result = answer(&mut phone, &accepted("f1", mail), true);
            assert_eq!(item_text(&result, mr::STATUS), "1", "{version}");
            ServerId::parse(&item_text(&result, mr::CALENDAR_ID)).unwrap()
        };
        let old = invited_to_date(&desk, "20260305", 14, 0);
        let first = accept(&invited_to_date(&desk, "20260305", 15, 1));
        let second = accept(&invited_to_date(&desk, "20260312", 14, 0));
        assert_ne!(first, second);
        assert_eq!(desk.count(CALENDAR), 2, "{version}");
        let start = |id| {
            let stored = desk.stored(id).unwrap();
            assert!(stored.contains("PARTSTAT=ACCEPTED"), "{stored}");
            stored.lines().find_map(|line| line.strip_prefix("DTSTART:")).unwrap().to_owned()
        };
        assert_eq!((start(first), start(second)), ("20260305T150000Z".into(), "20260312T140000Z".into()), "{version}");
        assert_eq!(accept(&invited_to_date(&desk, "20260312", 16, 1)), second);
        assert_eq!((start(first), start(second)), ("20260305T150000Z".into(), "20260312T160000Z".into()), "{version}");
        // An invitation that was overtaken changes nothing.
        assert_eq!(accept(&old), first);
        assert_eq!(start(first), "20260305T150000Z");
        let declined = invited_to_date(&desk, "20260305", 17, 2);
        let fields = [(mr::USER_RESPONSE, "3"), (mr::COLLECTION_ID, "f1"), (mr::REQUEST_ID, declined.as_str())];
        assert_eq!(item_text(&answer(&mut phone, &fields, true), mr::STATUS), "1");
        assert_eq!((desk.stored(first), desk.count(CALENDAR)), (None, 1), "{version}");
        assert!(desk.stored(second).is_some());
    }
}

#[test]
fn an_invitation_to_the_whole_series_gathers_its_dates() {
    for response in ["1", "3"] {
        let desk = Desk::new();
        let mut phone = phone(&desk, Version::V16_1);
        for (day, hour) in [("20260312", 15), ("20260319", 16), ("20260601", 14)] {
            let mail = invited_to_date(&desk, day, hour, 0);
            assert_eq!(item_text(&answer(&mut phone, &accepted("f1", &mail), true), mr::STATUS), "1");
        }
        let series = "UID:s@example.org\r\nDTSTAMP:20260301T093000Z\r\nDTSTART:20260305T140000Z\r\n\
            DTEND:20260305T150000Z\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nSUMMARY:Rounds\r\n";
        let mail = invitation_to(&desk, series);
        let fields = [(mr::USER_RESPONSE, response), (mr::COLLECTION_ID, "f1"), (mr::REQUEST_ID, mail.as_str())];
        let result = answer(&mut phone, &fields, true);
        assert_eq!(item_text(&result, mr::STATUS), "1");
        if response == "3" {
            assert_eq!(desk.count(CALENDAR), 3, "what was accepted stays");
            continue;
        }
        let id = ServerId::parse(&item_text(&result, mr::CALENDAR_ID)).unwrap();
        let stored = desk.stored(id).unwrap();
        assert_eq!(stored.matches("BEGIN:VEVENT").count(), 3, "{stored}");
        for line in ["RRULE:FREQ=WEEKLY;COUNT=3", "DTSTART:20260312T150000Z", "DTSTART:20260319T160000Z"] {
            assert!(stored.contains(&format!("{line}\r\n")), "{stored}");
        }
        assert_eq!(desk.count(CALENDAR), 2, "a date that the series does not have is an event of its own");
    }
}

#[test]
fn an_overtaken_invitation_to_one_occurrence_changes_nothing_of_it() {
    let (desk, mut phone, id, mail) = with_moved_occurrence(Version::V16_1);
    let newer = invited_to_date(&desk, "20260312", 18, 4);
    for mail in [newer, mail] {
        assert_eq!(item_text(&answer(&mut phone, &accepted("f1", &mail), false), mr::STATUS), "1");
        let stored = desk.stored(id).unwrap();
        assert!(stored.contains("DTSTART:20260312T180000Z") && !stored.contains("20260313T160000Z"), "{stored}");
    }
}

#[test]
fn a_guest_whom_no_mail_reaches_keeps_it_from_nobody_else() {
    let desk = Desk::new();
    let mut phone = phone(&desk, Version::V16_1);
    phone.sync_folder("f6", 10).unwrap();
    let guests = ["bob@example.org", "Room 5", "\u{fc}ber@"];
    let told = |count: usize| -> Vec<String> {
        let all = mailed(&desk);
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|(to, _)| to == &["bob@example.org"]), "{all:?}");
        let method = |object: &str| object.lines().find_map(|line| line.strip_prefix("METHOD:")).unwrap().to_owned();
        assert!(all.iter().all(|(_, object)| object.contains("Room 5")), "those who come know of the room");
        all.iter().map(|(_, object)| method(object)).collect()
    };
    let add = meeting(airsync::ADD, (airsync::CLIENT_ID, "1"), "20260305T140000Z", &guests);
    let synced = phone.sync(&[Sent::commands("f6", vec![add])]).unwrap();
    let added = synced.collections["f6"].at(&[airsync::RESPONSES, airsync::ADD]).unwrap().clone();
    assert_eq!(item_text(&added, airsync::STATUS), "1");
    assert_eq!(told(1), ["REQUEST"]);
    let id = item_text(&added, airsync::SERVER_ID);
    let change = meeting(airsync::CHANGE, (airsync::SERVER_ID, &id), "20260306T140000Z", &guests);
    phone.sync(&[Sent::commands("f6", vec![change])]).unwrap();
    assert_eq!(told(2), ["REQUEST", "REQUEST"]);
    // Only the room goes: there is nobody to tell.
    let stored = desk.stored(ServerId::parse(&id).unwrap()).unwrap();
    assert!(stored.contains("Room 5"), "{stored}");
    let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, id)]);
    phone.sync(&[Sent::commands("f6", vec![delete])]).unwrap();
    assert_eq!(told(3), ["REQUEST", "REQUEST", "CANCEL"]);
    // Nobody at all can be mailed to.
    let add = meeting(airsync::ADD, (airsync::CLIENT_ID, "2"), "20260305T140000Z", &["Room 5"]);
    let synced = phone.sync(&[Sent::commands("f6", vec![add])]).unwrap();
    let added = synced.collections["f6"].at(&[airsync::RESPONSES, airsync::ADD]).unwrap();
    assert_eq!(item_text(added, airsync::STATUS), "1");
    told(3);
}

#[test]
fn more_guests_than_one_mail_takes_are_told_by_several() {
    let desk = Desk::new();
    let mut phone = phone(&desk, Version::V16_1);
    phone.sync_folder("f6", 10).unwrap();
    let guests: Vec<String> = (0..=RECIPIENTS_MAX).map(|number| format!("guest{number}@example.org")).collect();
    let guests: Vec<&str> = guests.iter().map(String::as_str).collect();
    let add = meeting(airsync::ADD, (airsync::CLIENT_ID, "1"), "20260305T140000Z", &guests);
    phone.sync(&[Sent::commands("f6", vec![add])]).unwrap();
    let told: Vec<usize> = mailed(&desk).iter().map(|(to, _)| to.len()).collect();
    assert_eq!(told, [RECIPIENTS_MAX, 1]);
}

/// A number of an object, the first.
fn value<'a>(object: &'a str, name: &str) -> &'a str {
    object.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0")
}

#[test]
fn guests_are_told_of_an_occurrence_that_is_taken_out_by_a_message_newer_than_their_invitation() {
    let desk = Desk::new();
    let mut phone = phone(&desk, Version::V16_1);
    phone.sync_folder("f6", 10).unwrap();
    let add = meeting(airsync::ADD, (airsync::CLIENT_ID, "1"), "20260305T140000Z", &["bob@example.org"]);
    let pattern = [
        Element::text(calendar::TYPE, "1"),
        Element::text(calendar::OCCURRENCES, "4"),
        Element::text(calendar::INTERVAL, "1"),
        Element::text(calendar::DAY_OF_WEEK, "16"),
    ];
    let data = add.child(airsync::APPLICATION_DATA).unwrap().clone().with(Element::of(calendar::RECURRENCE, pattern));
    let add = Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "1"), data]);
    let synced = phone.sync(&[Sent::commands("f6", vec![add])]).unwrap();
    let added = synced.collections["f6"].at(&[airsync::RESPONSES, airsync::ADD]).unwrap().clone();
    let id = item_text(&added, airsync::SERVER_ID);
    desk.at("2026-03-03T10:00:00Z");
    let delete = |at: &str| {
        let instance = Element::text(easel_wbxml::pages::airsyncbase::INSTANCE_ID, at);
        Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, id.clone()), instance])
    };
    phone.sync(&[Sent::commands("f6", vec![delete("20260312T140000Z")])]).unwrap();
    let mailed = mailed(&desk);
    assert_eq!(mailed.len(), 2);
    let number = |object: &str| value(object, "SEQUENCE:").trim().parse::<u32>().unwrap();
    let newness = |object: &str| (number(object), value(object, "DTSTAMP:").trim().to_owned());
    let (invited, told) = (&mailed[0].1, &mailed[1].1);
    assert!(newness(told) > newness(invited) && number(told) > number(invited), "{invited}\n{told}");
    // They are told of that date alone, so that what they answered to the others stands.
    assert!(told.contains("METHOD:CANCEL") && told.contains("RECURRENCE-ID:20260312T140000Z"), "{told}");
    assert!(!told.contains("RRULE") && told.contains("STATUS:CANCELLED"), "{told}");
    let stored = desk.stored(ServerId::parse(&id).unwrap()).unwrap();
    assert_eq!(number(&stored), number(told), "what comes next is newer again");
}
