use easel_pack::items::Verdict;
use easel_pack::testing::{Given, device, el, sync, text};

use super::*;

#[test]
fn the_pack_does_what_its_fixtures_say() {
    easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
}

fn state() -> State {
    State { version: String::new(), bytes: Vec::new() }
}

fn incoming(protocol: u16, given: &Given, base: &Given) -> Given {
    let (entries, base) = (given.entries(), base.entries());
    let (item, base) = (Item::new(&entries), Item::new(&base));
    let answer = <Ios as Items>::incoming(Class::Calendar, &sync(protocol, "calendar"), &state(), item, base);
    match answer.unwrap().verdict {
        Verdict::Edit(edits) => given.after(&edits),
        Verdict::Keep => given.clone(),
        Verdict::Withhold(reason) => panic!("withheld: {reason}"),
    }
}

fn profile(agent: &str, os: &str) -> DeviceProfile {
    let user_agents = Some(agent.to_owned()).filter(|agent| !agent.is_empty()).into_iter().collect();
    let facts = Facts { user_agents, os: os.to_owned(), ..Facts::default() };
    Ios::for_device(&facts, &Options::default()).unwrap()
}

#[test]
fn the_family_is_what_the_system_says_or_else_the_build() {
    let cases = [
        ("Apple-iPhone15C4/2301.355", "iOS 26.0.1 23A355", "ios-26"),
        ("Apple-iPhone9C1/1501.530400009", "", "ios-11"),
        ("Apple-iPhone15C1/2202.75", "", "ios-18"),
        ("Apple-iPad13C1/2201.100", "iPadOS 18.0 22A3354", "ipados-18"),
        ("", "visionOS 2.1", "visionos-2"),
    ];
    for (agent, os, family) in cases {
        assert_eq!(profile(agent, os).family, family, "{agent} {os}");
    }
    assert_eq!(Ios::for_device(&device("Apple-iPhone9C4/1602.92"), &Options::default()).unwrap().family, "ios-12");
}

#[test]
fn i31_the_server_answers_invitations_for_some_builds() {
    let server = [settings::calendar::MEETING_REPLY_BY.is(MeetingReplyBy::Server)];
    let cases = [
        ("Apple-iPhone9C4/1606.203", "", false),
        ("Apple-iPhone9C4/1607.77", "", true),
        ("Apple-iPhone9C4/1703.54", "", true),
        ("Apple-iPhone9C4/1707.68", "", true),
        ("Apple-iPhone9C4/1801.373", "", false),
        // The build in the operating system counts, then the User-Agent, then the version.
        ("Apple-iPhone9C4/1801.373", "iOS 13.3 17C54", true),
        ("", "iOS 13.3", true),
        ("", "iOS 12.4.1", true),
        ("", "iOS 12.3", false),
        ("", "iOS 14.0", false),
    ];
    for (agent, os, silent) in cases {
        assert_eq!(profile(agent, os).settings, if silent { &server[..] } else { &[] }, "{agent} {os}");
    }
}

#[test]
fn i39_an_empty_recurrence_takes_a_series_apart_and_else_means_nothing() {
    let empty = Given::item([el(calendar::RECURRENCE, []), text(calendar::UID, "tea")]);
    let series = Given::item([el(calendar::RECURRENCE, [text(calendar::TYPE, "0")])]);
    assert_eq!(incoming(161, &empty, &Given::item([])), Given::item([text(calendar::UID, "tea")]));
    assert_eq!(incoming(161, &empty, &series), empty);
}

#[test]
fn i40_only_attachments_without_content_are_left_out() {
    let add = |content: Option<&str>| {
        let content = content.map(|content| text(airsyncbase::CONTENT, content));
        el(airsyncbase::ADD, [text(airsyncbase::DISPLAY_NAME, "tea.pdf")].into_iter().chain(content))
    };
    let full = || add(Some("JVBERg=="));
    let delete = || text(airsyncbase::DELETE, "");
    let after = |attachments: Vec<easel_pack::testing::El>| {
        incoming(161, &Given::item([el(airsyncbase::ATTACHMENTS, attachments)]), &Given::item([]))
    };
    let with = |attachments: Vec<easel_pack::testing::El>| Given::item([el(airsyncbase::ATTACHMENTS, attachments)]);
    assert_eq!(after(vec![add(None), full(), add(Some(""))]), with(vec![full()]));
    assert_eq!(after(vec![add(None), delete()]), with(vec![delete()]));
    assert_eq!(after(vec![add(None), add(None)]), Given::item([]));
    assert_eq!(after(vec![full()]), with(vec![full()]));
}

#[test]
fn i52_only_the_uid_of_a_new_event_is_spelled_out() {
    let uid = |uid: &str| Given::item([text(calendar::CLIENT_UID, uid)]);
    let (bare, plain) = ("7D51A9F83C0E4B52A1C6E0F2B4D69788", "7D51A9F8-3C0E-4B52-A1C6-E0F2B4D69788");
    let none = Given::item([]);
    assert_eq!(incoming(161, &uid(&format!("{bare}\0")), &none), uid(plain));
    assert_eq!(incoming(161, &uid(bare), &none), uid(plain));
    assert_eq!(incoming(161, &uid(plain), &none), uid(plain));
    assert_eq!(incoming(161, &uid("tea\0\0"), &none), uid("tea"));
    assert_eq!(incoming(161, &uid(bare), &Given::item([text(calendar::UID, bare)])), uid(bare));
}

#[test]
fn i58_a_meeting_stays_whose_it_is() {
    let meeting = |status: &str, organizer: &str| {
        Given::item([text(calendar::MEETING_STATUS, status), text(calendar::ORGANIZER_EMAIL, organizer)])
    };
    let taken = meeting("1", "anna@example.org");
    assert_eq!(incoming(141, &taken, &meeting("3", "bob@x.org")), meeting("1", "bob@x.org"));
    assert_eq!(incoming(141, &taken, &meeting("7", "bob@x.org")), meeting("1", "bob@x.org"));
    // One of the user's own may be handed on.
    assert_eq!(incoming(141, &taken, &meeting("1", "bob@x.org")), taken);
    let nobodys = Given::item([text(calendar::MEETING_STATUS, "3")]);
    assert_eq!(incoming(141, &taken, &nobodys), Given::item([text(calendar::MEETING_STATUS, "1")]));
}

#[test]
fn i49_a_series_of_somebody_else_is_not_written_anew() {
    let series = |status: &str, start: &str, day: &str| {
        Given::item([
            text(calendar::MEETING_STATUS, status),
            text(calendar::START_TIME, start),
            el(calendar::RECURRENCE, [text(calendar::TYPE, "1"), text(calendar::DAY_OF_WEEK, day)]),
        ])
    };
    let was = |status| series(status, "20260105T080000Z", "2");
    let anew = |status| series(status, "20260105T090000Z", "4");
    assert_eq!(incoming(141, &anew("3"), &was("3")), was("3"));
    assert_eq!(incoming(141, &was("3"), &was("3")), was("3"));
    assert_eq!(incoming(141, &anew("0"), &was("0")), anew("0"));
    // From 16.0 the phone sends what was changed, and an occurrence by itself.
    assert_eq!(incoming(161, &anew("3"), &was("3")), anew("3"));
}

#[test]
fn i28_up_to_14_1_an_invitation_gets_its_organizer() {
    let own = Given::item([text(calendar::MEETING_STATUS, "1")]);
    let named = Given::item([
        text(calendar::MEETING_STATUS, "1"),
        text(calendar::ORGANIZER_NAME, "Anna Example"),
        text(calendar::ORGANIZER_EMAIL, "anna@example.org"),
    ]);
    assert_eq!(incoming(141, &own, &Given::item([])), named);
    assert_eq!(incoming(161, &own, &Given::item([])), own);
}

#[test]
fn i05_an_invitation_has_both_ids_from_16_0() {
    let ids = |protocol, given: &Given| {
        let entries = given.entries();
        let context = sync(protocol, "inbox");
        match Ios::outgoing(Class::Email, &context, &state(), Item::new(&entries)).unwrap().verdict {
            Verdict::Edit(edits) => given.after(&edits),
            Verdict::Keep | Verdict::Withhold(_) => given.clone(),
        }
    };
    let invitation = Given::item([el(email::MEETING_REQUEST, [text(calendar::UID, "tea")])]);
    let id = text(email::GLOBAL_OBJ_ID, &meeting_id::of_uid("tea"));
    let both = Given::item([el(email::MEETING_REQUEST, [text(calendar::UID, "tea"), id])]);
    assert_eq!(ids(161, &invitation), both);
    assert_eq!(ids(161, &both), both);
    assert_eq!(ids(141, &invitation), invitation);
}

#[test]
fn i32_an_occurrence_named_twice_is_the_one_in_its_place() {
    let asked = |request_id: &str, instance_id: &str| Request {
        request_id: request_id.to_owned(),
        collection_id: "a2".to_owned(),
        instance_id: instance_id.to_owned(),
        user_response: 1,
        send_response: true,
    };
    let answer = |request| <Ios as Meeting>::incoming(&sync(161, "calendar"), &request).unwrap();
    let (first, second) = ("20260105T080000Z", "20260112T080000Z");
    for mark in MARKS {
        assert_eq!(answer(asked(&format!("a2:b7{mark}{first}"), "")), Some(asked("a2:b7", first)));
        assert_eq!(answer(asked(&format!("a2:b7{mark}{first}"), second)), Some(asked("a2:b7", second)));
    }
    assert_eq!(answer(asked("a2:b7", "")), None);
}

#[test]
fn i55_one_item_an_answer_after_a_second_start_within_the_hour() {
    let advice = |command: &str, symptom, times, within_secs| {
        let context = Context { command: command.to_owned(), ..sync(161, "calendar") };
        Ios::advise(&context, &History { symptom, times, within_secs }).unwrap()
    };
    assert_eq!(advice("Sync", Symptom::ZeroKey, 2, 600), Recovery::ShrinkWindow);
    assert_eq!(advice("Sync", Symptom::ZeroKey, 1, 0), Recovery::Usual);
    assert_eq!(advice("Sync", Symptom::ZeroKey, 2, 86_400), Recovery::Usual);
    assert_eq!(advice("FolderSync", Symptom::ZeroKey, 2, 600), Recovery::Usual);
    assert_eq!(advice("Sync", Symptom::RepeatedKey, 2, 600), Recovery::Usual);
}

#[test]
fn i36_only_the_folder_of_a_fetch_is_left_out() {
    let all = || text(airsync::COLLECTION_ID, "kDAMailAccountAllMailboxesFolderID");
    let id = || text(airsync::SERVER_ID, "a2:b7");
    let request = Given::item([el(
        item_operations::ITEM_OPERATIONS,
        [
            el(item_operations::FETCH, [all(), id()]),
            el(item_operations::FETCH, [text(airsync::COLLECTION_ID, "a2"), id()]),
            el(item_operations::EMPTY_FOLDER_CONTENTS, [all()]),
        ],
    )]);
    let entries = request.entries();
    let verdict = <Ios as Wire>::incoming(&sync(161, "inbox"), Item::new(&entries)).unwrap();
    let wire::Verdict::Edit(edits) = verdict else { panic!("{verdict:?}") };
    let expected = Given::item([el(
        item_operations::ITEM_OPERATIONS,
        [
            el(item_operations::FETCH, [id()]),
            el(item_operations::FETCH, [text(airsync::COLLECTION_ID, "a2"), id()]),
            el(item_operations::EMPTY_FOLDER_CONTENTS, [all()]),
        ],
    )]);
    assert_eq!(request.after(&edits), expected);
}
