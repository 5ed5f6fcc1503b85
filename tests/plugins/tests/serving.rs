//! A pack that behaves: every function, who is served by whom, and who has the last word.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod every_function;

use easel_plugin::{Asked, DevicePlugins, Direction, Profile, StoredState, Value};
use easel_plugin_wasm::{Limits, Overrides, Reservation, Sandbox};
use easel_plugins_tests::{Bench, contact, context, facts, logged, odd, odd_as, send, send_with};
use easel_protocol::{Class, Command, Origin};
use easel_wbxml::Element;
use easel_wbxml::pages::contacts2;
use every_function::texts;

#[test]
fn an_item_is_shown_edited_and_sent() {
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(odd())]);
    let mut properties = contact("muster, anna");
    properties.push(Element::text(contacts2::NICK_NAME, "Anni"));
    // Upper case by code, trimmed by code, the picture removed by code, the nickname by a rule.
    assert_eq!(texts(&send(&packs, "odd/edit", properties)), ["MUSTER, ANNA", "Anna", "Muster"]);
    let stats = packs.status()[0].stats.clone();
    assert_eq!((stats.calls, stats.faults, stats.devices), (2, 0, 1));
    assert!(stats.memory_bytes >= 64 << 10 && stats.memory_bytes < 1 << 20, "{stats:?}");
}

#[test]
fn every_function_is_reached_and_its_answer_comes_back() {
    every_function::check(&Bench::default(), odd());
}

#[test]
fn state_goes_in_and_comes_back_with_the_version_that_left_it() {
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(odd())]);
    let asked = Asked::new(packs.serve(&facts("odd/state")));
    let mut state = None;
    let turn = |state: &mut Option<StoredState>| {
        texts(&asked.outgoing(&context(Command::Sync, &[]), Class::Contacts, state, contact("x")))[0].clone()
    };
    assert_eq!(turn(&mut state), "1 after \"\"");
    assert_eq!(turn(&mut state), "2 after \"1.0.0\"");
    // What another pack left is not shown.
    state.as_mut().unwrap().pack = "other".to_owned();
    assert_eq!(turn(&mut state), "1 after \"\"");
}

#[test]
fn an_instance_lives_for_one_request_and_nothing_of_it_reaches_the_next() {
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(odd())]);
    let asked = Asked::new(packs.serve(&facts("odd/leak")));
    assert_eq!(texts(&send_with(&asked, contact("Anna's")))[0], "before: \"\"");
    assert_eq!(texts(&send_with(&asked, contact("second")))[0], "before: \"Anna's\"", "one request, one instance");
    for _ in 0..100 {
        assert_eq!(texts(&send(&packs, "odd/leak", contact("Berta's")))[0], "before: \"\"");
    }
}

#[test]
fn devices_nobody_claims_get_the_default_pack_or_none() {
    let bench = Bench::default();
    let odd = bench.load(odd());
    let packs = bench.packs(Overrides::default(), [odd.clone()]);
    assert_eq!(packs.serve(&facts("Other/1")).pack(), None);
    let default = bench.load(&odd_as("default", "1.0.0"));
    let packs = bench.packs(Overrides::default(), [odd, default]);
    let id = |agent: &str| packs.serve(&facts(agent)).pack().unwrap().id.clone();
    assert_eq!((id("Other/1"), id("odd/1")), ("default".to_owned(), "odd".to_owned()));
    // A device type and a header of it, together 30.
    let mut typed = facts("");
    typed.device_type = "OddType".to_owned();
    assert_eq!(packs.serve(&typed).pack().unwrap().id, "default");
    typed.headers.insert("x-odd".to_owned(), "1".to_owned());
    assert_eq!(packs.serve(&typed).pack().unwrap().id, "odd");
    assert_eq!(packs.headers().iter().collect::<Vec<_>>(), ["x-odd"]);
}

#[test]
fn of_equals_the_earlier_name_wins_and_a_pin_wins_over_all() {
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(odd()), bench.load(&odd_as("a-odd", "1.0.0"))]);
    let id = || packs.serve(&facts("odd/edit")).pack().unwrap().id.clone();
    assert_eq!(id(), "a-odd");
    let generation = packs.generation();
    // Hexadecimal of the same id is the same device.
    packs.pin("{ODD1}", Some("odd")).unwrap();
    packs.pin("Odd1", Some("odd")).unwrap();
    assert!(packs.generation() > generation);
    assert_eq!(id(), "odd");
    packs.pin("odd1", Some("no-longer-there")).unwrap();
    assert_eq!(id(), "a-odd");
    packs.pin("odd1", None).unwrap();
    assert_eq!((id(), packs.pins().get("odd1")), ("a-odd".to_owned(), None));
}

#[test]
fn the_operator_has_the_last_word_then_the_pack_then_the_host() {
    let bench = Bench::default();
    let pack = bench.load(odd());
    let set = |name: &str, value| {
        let mut profile = Profile::default();
        profile.set(name, value).unwrap();
        profile
    };
    let window =
        |overrides| bench.packs(overrides, [pack.clone()]).serve(&facts("odd/x")).profile().number("sync.window_max");
    let number = |number| set("sync.window_max", Value::Number(number));
    let mut overrides = Overrides::default();
    assert_eq!(window(overrides.clone()), 77, "the manifest's");
    overrides.all = number(10);
    assert_eq!(window(overrides.clone()), 10);
    overrides.per_pack.insert("odd".to_owned(), number(11));
    overrides.per_pack.insert("other".to_owned(), number(99));
    assert_eq!(window(overrides.clone()), 11);
    overrides.per_device.insert("{ODD1}".to_owned(), number(98));
    overrides.per_device.insert("Odd1".to_owned(), number(12));
    assert_eq!(window(overrides.clone()), 12);

    let options = [("sync.empty_sync".to_owned(), Value::Text("full".to_owned()))];
    overrides.options.insert("odd".to_owned(), options.into());
    let serving = bench.packs(overrides, [pack]).serve(&facts("odd/x"));
    assert_eq!(serving.profile().text("sync.empty_sync"), "full", "what the operator wrote for the pack reaches it");
    assert_eq!(serving.profile().text("sync.conflict"), "server", "what it says of the device is over its manifest");
    assert_eq!(serving.profile().text("sync.ghosting"), "spec");
    assert_eq!(serving.family(), "odd-x");
}

#[test]
fn settings_that_the_server_does_not_have_are_left_out_and_said_once() {
    let bench = Bench::default();
    let (pack, log) = logged(|| bench.load(odd()));
    let left_out = &pack.manifest().left_out;
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(log.contains("sync.no_such_setting") && log.contains("mail.max_recipients"), "{log}");
    let packs = bench.packs(Overrides::default(), [pack]);
    let (serving, log) = logged(|| packs.serve(&facts("odd/x")));
    assert!(!log.contains("no_such_setting"), "{log}");
    assert_eq!(serving.profile().number("mail.max_recipients"), 0);
    assert!(serving.subscription(Direction::Outgoing, Class::Contacts).is_some());
    assert!(serving.subscription(Direction::Outgoing, Class::Notes).is_none());
}

#[test]
fn where_addresses_are_short_packs_run_all_the_same() {
    let sandbox = Sandbox::with(Limits::default(), Reservation::Short).unwrap().into();
    let bench = Bench { sandbox, ..Bench::default() };
    let packs = bench.packs(Overrides::default(), [bench.load(odd())]);
    assert_eq!(texts(&send(&packs, "odd/edit", contact("x")))[0], "X");
}

#[test]
fn a_pack_is_told_its_own_headers_and_who_sends_by_the_operators_word_first() {
    let bench = Bench::default();
    let mut told = facts("odd/facts");
    told.headers = ["x-odd", "x-other"].map(|name| (name.to_owned(), "1".to_owned())).into();
    let said = |word: &str| {
        let mut profile = Profile::default();
        profile.set("http.origin", Value::Text(word.to_owned())).unwrap();
        profile
    };
    let device =
        |word: &str| Overrides { per_device: [("odd1".to_owned(), said(word))].into(), ..Overrides::default() };
    for (overrides, network, expected) in [
        (Overrides::default(), Origin::Unknown, "OriginUnknown"),
        (Overrides::default(), Origin::Device, "OriginDevice"),
        (Overrides::default(), Origin::Cloud, "OriginCloud"),
        (device("cloud"), Origin::Device, "OriginCloud"),
        (device("device"), Origin::Cloud, "OriginDevice"),
    ] {
        told.origin = network;
        let packs = bench.packs(overrides, [bench.load(odd())]);
        let family = packs.serve(&told).family().to_owned();
        // Of what the guest puts together as a family, letters, digits and hyphens are kept.
        assert_eq!(family, format!("{expected}x-odd1"));
    }
}

#[test]
fn what_an_upgrade_asks_for_and_what_the_operator_wrote_are_told_apart_from_the_rest() {
    use easel_plugin::settings::Effect;
    let bench = Bench::default();
    let mut mine = Profile::default();
    mine.set("sync.conflict", Value::Text("client".to_owned())).unwrap();
    let overrides = Overrides { per_pack: [("odd".to_owned(), mine.clone())].into(), ..Overrides::default() };
    for (version, effect) in [
        ("2.0.0", Effect::None),
        ("2.0.1", Effect::Resend),
        ("2.0.2", Effect::Hierarchy),
        ("2.0.3", Effect::Renegotiate),
    ] {
        let packs = bench.packs(overrides.clone(), [bench.load(&odd_as("odd", version))]);
        let serving = packs.serve(&facts("odd/edit"));
        assert_eq!((serving.upgrade(), serving.operator()), (effect, &mine));
        assert_eq!(
            (serving.profile().text("sync.conflict"), serving.profile().number("sync.window_max")),
            ("client", 77)
        );
    }
}
