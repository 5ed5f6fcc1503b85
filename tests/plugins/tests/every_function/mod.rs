//! What a component with every function is asked, and has to answer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "it is a module of several test files")]

use easel_plugin::hooks::{
    FolderChange, FolderEdit, FolderOperation, FolderVerdict, History, Hook, MailEdit, MailVerdict, MeetingRequest,
    Message, Part, Recovery, Reference, Symptom,
};
use easel_plugin::{Asked, DevicePlugins as _, Outcome};
use easel_plugin_wasm::Overrides;
use easel_plugins_tests::{Bench, contact, context, facts, send};
use easel_protocol::{Class, Command};
use easel_wbxml::Element;
use easel_wbxml::pages::{contacts, search};

/// The texts of an item.
pub fn texts(outcome: &Outcome) -> Vec<String> {
    let Outcome::As(properties) = outcome else { panic!("withheld") };
    properties.iter().map(|property| property.value().into_owned()).collect()
}

/// Every function of the contract is reached, and its answer comes back: of the guest that has them all.
pub fn check(bench: &Bench, component: &[u8]) {
    let packs = bench.packs(Overrides::default(), [bench.load(component)]);
    let edited = send(&packs, "odd/edit", contact("muster, anna"));
    assert_eq!(texts(&edited), ["MUSTER, ANNA", "Anna", "Muster"]);
    let profile = packs.serve(&facts("odd/edit"));
    assert_eq!((profile.family(), profile.profile().text("sync.conflict")), ("odd-edit", "server"));
    assert_eq!(profile.profile().number("sync.window_max"), 77, "of its manifest");
    let asked = Asked::new(packs.serve(&facts("odd/edit")));
    let addresses = ["anna@ox.io".to_owned()];
    let context = |command| context(command, &addresses);
    let hooks = [Hook::FolderChange, Hook::Items, Hook::Mail, Hook::Meeting, Hook::Recover, Hook::Wire];
    assert!(hooks.iter().all(|hook| asked.plugin().answers(*hook)));

    let part = Part { content_type: "text/plain".to_owned(), ..Part::default() };
    let message = Message { parts: vec![part; 2], ..Message::default() };
    let edits = vec![
        MailEdit::SetHeader("X-Parts".to_owned(), "2".to_owned()),
        MailEdit::Mark("a@b".to_owned(), Reference::Replied),
    ];
    assert_eq!(asked.mail(&context(Command::SendMail), || message), Some(MailVerdict::Edit(edits)));

    let change = FolderChange {
        operation: FolderOperation::Create,
        current: None,
        current_name: String::new(),
        parent: None,
        same_parent: false,
        display_name: "New".to_owned(),
        kind: 12,
    };
    let edits = vec![FolderEdit::DisplayName("New!".to_owned()), FolderEdit::Kind(13), FolderEdit::ToRoot];
    let verdict = asked.folder_change(&context(Command::FolderCreate), &change);
    assert_eq!(verdict, Some(FolderVerdict::Edit(edits)));

    let request = MeetingRequest { request_id: "1".to_owned(), user_response: 2, ..MeetingRequest::default() };
    let other = MeetingRequest { instance_id: "20261125T080000Z".to_owned(), ..request.clone() };
    assert_eq!(asked.meeting(&context(Command::MeetingResponse), request), other);

    let history = |symptom| History { symptom, times: 1, within_secs: 0 };
    let advice = |symptom| asked.recover(&context(Command::Sync), &history(symptom));
    assert_eq!((advice(Symptom::ZeroKey), advice(Symptom::BusyLoop)), (Recovery::Retry, Recovery::Usual));

    let request = |text: &str| Element::of(search::SEARCH, [Element::text(search::NAME, text)]);
    let wire = |text| asked.wire(&context(Command::Search), Command::Search, request(text));
    assert_eq!((wire("typo"), wire("right")), (request("mended"), request("right")));

    // What the device last saw, and what it sends.
    let base = Asked::new(packs.serve(&facts("odd/base")));
    let sent = vec![Element::text(contacts::FILE_AS, "new")];
    let before = || vec![Element::text(contacts::FILE_AS, "old")];
    let outcome = base.incoming(&context(Command::Sync), Class::Contacts, &mut None, sent, before);
    assert_eq!(texts(&outcome), ["was old"]);
    assert_eq!(packs.status()[0].stats.faults, 0);
}
