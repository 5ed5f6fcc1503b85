//! Messages on their way out, and what a phone reads besides Sync.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, raw_mail};
use easel_plugin::hooks::{MAIL_EDITS_MAX, MailEdit, MailVerdict, Reference};
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{CollectionId, Command};
use easel_store::{Content, Order, POSITION_START, Store as _};
use easel_test_support::{HttpResponse, Identity, Phone, Transport as _};
use easel_wbxml::Element;
use easel_wbxml::pages::compose_mail as cm;

type Line = Phone<desk::Line>;

const INBOX: u64 = 1;
const SENT: u64 = 4;

const MESSAGE: &str = "From: Somebody <else@example.com>\r\nTo: bob@example.org\r\nBcc: carol@example.org\r\n\
     Subject: hello\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nShort and to the point.\r\n";

fn send(phone: &mut Line, command: Command, query: &str, body: &str) -> HttpResponse {
    let mut request = phone.request(command, body.as_bytes(), "message/rfc822");
    request.query.push_str(query);
    phone.transport.exchange(&request).unwrap()
}

/// The queued messages, oldest first.
fn queue(desk: &Desk) -> Vec<(Vec<String>, String)> {
    let read = |blob| String::from_utf8(desk.store.read_blob(blob).unwrap()).unwrap();
    let due = desk.store.due_outgoing(i64::MAX, 100).unwrap();
    due.into_iter().map(|message| (message.recipients, read(message.blob))).collect()
}

/// The raw mails of a folder, newest first.
fn mails(desk: &Desk, folder: u64) -> Vec<String> {
    let snapshot = desk.store.snapshot(desk.user.id).unwrap();
    let lowest = (easel_protocol::WindowKey(i64::MIN), easel_protocol::ServerId::new(0));
    let all = snapshot.range(CollectionId::new(folder), lowest..POSITION_START, Order::Descending, 100).unwrap();
    let raw = |(_, id)| match snapshot.item(id).unwrap().unwrap().content {
        Content::Mail(mail) => String::from_utf8(desk.store.read_blob(mail.blob).unwrap()).unwrap(),
        Content::Object(text) => text,
    };
    all.into_iter().map(raw).collect()
}

#[test]
fn a_message_goes_out_from_its_owner_without_bcc_and_its_copy_keeps_bcc() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::iphone_3gs());
    let sent = send(&mut phone, Command::SendMail, "&SaveInSent=T", MESSAGE);
    assert_eq!((sent.code, sent.body.len()), (200, 0));
    let (recipients, submitted) = queue(&desk).remove(0);
    assert_eq!(recipients, ["bob@example.org", "carol@example.org"]);
    assert!(!submitted.contains("carol") && !submitted.contains("example.com"), "{submitted}");
    assert!(submitted.contains("<anna@tenant1.example>") && submitted.contains("Message-ID: <"), "{submitted}");
    let copy = mails(&desk, SENT).remove(0);
    assert!(copy.contains("Bcc: ") && copy.contains("carol@example.org"), "{copy}");
    assert!(copy.ends_with("Short and to the point.\r\n"));
}

#[test]
fn a_message_without_a_name_is_recognised_for_ten_minutes_and_no_longer() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::nokia_n97());
    for (at, count) in [("2026-03-02T10:00:00Z", 1), ("2026-03-02T10:09:59Z", 1), ("2026-03-02T10:10:00Z", 2)] {
        desk.at(at);
        assert_eq!(send(&mut phone, Command::SendMail, "", MESSAGE).code, 200);
        assert_eq!(queue(&desk).len(), count, "at {at}");
    }
    assert_eq!(send(&mut phone, Command::SendMail, "", &MESSAGE.replace("Short", "Shorter")).code, 200);
    assert_eq!(queue(&desk).len(), 3, "another message is another message");
    let mut other = desk.phone(Identity::iphone_3gs());
    assert_eq!(send(&mut other, Command::SendMail, "", MESSAGE).code, 200);
    assert_eq!(queue(&desk).len(), 4, "another phone may say the same");
}

#[test]
fn a_message_from_before_the_clock_was_set_back_is_not_taken_for_a_repeated_one() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::nokia_n97());
    let steps = [("2026-03-02T10:00:00Z", 1), ("2026-03-02T09:50:01Z", 1), ("2026-03-02T09:50:00Z", 2)];
    for (at, count) in steps {
        desk.at(at);
        assert_eq!(send(&mut phone, Command::SendMail, "", MESSAGE).code, 200);
        assert_eq!(queue(&desk).len(), count, "at {at}");
    }
}

#[test]
fn a_name_is_recognised_for_ever() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::android());
    let body = Element::of(
        cm::SEND_MAIL,
        [Element::text(cm::CLIENT_ID, "m-1"), Element::opaque(cm::MIME, MESSAGE.as_bytes())],
    );
    assert_eq!(phone.ask(Command::SendMail, Some(&body)).unwrap(), None);
    desk.at("2026-03-09T10:00:00Z");
    let again = phone.ask(Command::SendMail, Some(&body)).unwrap().unwrap();
    assert_eq!(again.text_of(cm::STATUS).as_deref(), Some("118"));
    assert_eq!(queue(&desk).len(), 1);
}

#[test]
fn a_reply_carries_the_text_of_the_original_and_a_forward_its_attachments() {
    let desk = Desk::new();
    let with_file = "From: Bob <bob@example.org>\r\nTo: anna@tenant1.example\r\nSubject: plan\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nThe plan is this.\r\n\
         --b\r\nContent-Type: application/pdf; name=\"plan.pdf\"\r\nContent-Disposition: attachment; \
         filename=\"plan.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nMDEyMzQ1Njc4OQ==\r\n--b--\r\n";
    let id = desk.deliver(INBOX, with_file);
    let mut phone = desk.phone(Identity::iphone_3gs());
    let query = format!("&ItemId={id}&CollectionId=f1");
    assert_eq!(send(&mut phone, Command::SmartReply, &query, MESSAGE).code, 200);
    assert_eq!(send(&mut phone, Command::SmartForward, &query, MESSAGE).code, 200);
    let queue = queue(&desk);
    let (reply, forward) = (&queue[0].1, &queue[1].1);
    for message in [reply, forward] {
        assert!(message.contains("Short and to the point.") && message.contains("The plan is this."), "{message}");
    }
    assert!(!reply.contains("MDEyMzQ1Njc4OQ==") && forward.contains("MDEyMzQ1Njc4OQ=="));
    assert!(forward.contains("plan.pdf"));
}

#[test]
fn a_reply_to_a_mail_that_changes_meanwhile_is_marked_all_the_same() {
    let desk = Desk::new();
    let id = desk.deliver(INBOX, &raw_mail("one"));
    let mut phone = desk.phone(Identity::iphone_3gs());
    let mut other = desk.phone(Identity::android());
    other.folder_sync().unwrap();
    other.sync_folder("f1", 10).unwrap();
    let query = format!("&ItemId={id}&CollectionId=f1");
    assert_eq!(send(&mut phone, Command::SmartReply, &query, MESSAGE).code, 200);
    assert_eq!(other.sync_folder("f1", 10).unwrap(), 1, "the other phone learns of the reply");
    let shown = &other.items("f1")[&id.to_string()];
    let verb = easel_test_support::item_text(shown, easel_wbxml::pages::email2::LAST_VERB_EXECUTED);
    assert_eq!(verb, "2", "bob and carol got it: a reply to all");
}

const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\nBEGIN:VEVENT\r\nUID:talk@example.org\r\n\
     DTSTAMP:20260101T000000Z\r\nDTSTART:20260302T090000Z\r\nDTEND:20260302T100000Z\r\nRRULE:FREQ=WEEKLY\r\n\
     SUMMARY:Gr\u{f6}\u{df}e\r\nORGANIZER:mailto:bob@example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@tenant1.example\r\n\
     CATEGORIES:mine\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// The iCalendar object that travels with a message.
fn invitation(message: &str) -> String {
    use base64::Engine as _;
    let (_, part) = message.split_once("Content-Type: text/calendar; charset=utf-8; method=REQUEST").expect("an event");
    let (_, body) = part.split_once("\r\n\r\n").unwrap();
    let body: String = body.split("--").next().unwrap().split_whitespace().collect();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(body).unwrap()).unwrap()
}

#[test]
fn an_event_is_forwarded_as_the_invitation_it_was() {
    let desk = Desk::new();
    let id = desk.add(6, EVENT);
    let mut phone = desk.phone(Identity::iphone_3gs());
    let query = format!("&ItemId={id}&CollectionId=f6");
    assert_eq!(send(&mut phone, Command::SmartForward, &query, MESSAGE).code, 200);
    let occurrence = format!("{query}&Occurrence=2026-03-09T09:00:00.000Z");
    assert_eq!(send(&mut phone, Command::SmartForward, &occurrence, MESSAGE).code, 200);
    let queue = queue(&desk);
    let (whole, one) = (invitation(&queue[0].1), invitation(&queue[1].1));
    assert!(queue[0].1.contains("Short and to the point."), "{}", queue[0].1);
    for event in [&whole, &one] {
        for line in
            ["METHOD:REQUEST", "UID:talk@example.org", "ORGANIZER:mailto:bob@example.org", "SUMMARY:Gr\u{f6}\u{df}e"]
        {
            assert!(event.contains(&format!("{line}\r\n")), "{line} in {event}");
        }
        assert!(!event.contains("CATEGORIES"), "{event}");
    }
    assert!(whole.contains("RRULE:FREQ=WEEKLY\r\n") && !one.contains("RRULE"));
    assert!(
        one.contains("RECURRENCE-ID:20260309T090000Z\r\n") && one.contains("DTSTART:20260309T090000Z\r\n"),
        "{one}"
    );
    assert_eq!(desk.stored(id).unwrap(), EVENT, "the event itself stays as it is");
}

#[test]
fn forwardees_get_the_event_with_what_the_phone_says_and_only_once() {
    use easel_wbxml::pages::airsyncbase as b;
    let desk = Desk::new();
    let id = desk.add(6, EVENT);
    let mut phone = desk.phone(Identity::iphone_today());
    let forwardee = Element::of(
        cm::FORWARDEE,
        [Element::text(cm::FORWARDEE_NAME, "Carol"), Element::text(cm::FORWARDEE_EMAIL, "carol@example.org")],
    );
    let body = Element::of(
        cm::SMART_FORWARD,
        [
            Element::text(cm::CLIENT_ID, "f-1"),
            Element::of(cm::SOURCE, [Element::text(cm::FOLDER_ID, "f6"), Element::text(cm::ITEM_ID, id.to_string())]),
            Element::of(b::BODY, [Element::number(b::TYPE, 1), Element::text(b::DATA, "Join us.")]),
            Element::of(cm::FORWARDEES, [forwardee]),
        ],
    );
    assert_eq!(phone.ask(Command::SmartForward, Some(&body)).unwrap(), None);
    let again = phone.ask(Command::SmartForward, Some(&body)).unwrap().unwrap();
    assert_eq!(again.text_of(cm::STATUS).as_deref(), Some("118"));
    let queue = queue(&desk);
    assert_eq!(queue.len(), 1);
    let (recipients, message) = &queue[0];
    assert_eq!(recipients, &["carol@example.org"]);
    assert!(message.contains("Join us.") && message.contains("<anna@tenant1.example>"), "{message}");
    assert!(message.contains("Subject: =?utf-8?"), "the event's own subject: {message}");
    assert!(invitation(message).contains("UID:talk@example.org\r\n"));
}

#[test]
fn i01_n17_a51_a_plugin_mends_what_is_sent_and_marks_what_it_answers() {
    let plugin = ScriptedPlugin::new().on_mail(|_, message| {
        let header = |name: &str| message.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        let mut edits = vec![MailEdit::SetHeader("To".into(), "Dora <dora@example.org>".into())];
        edits.extend(header("In-Reply-To").map(|id| MailEdit::Mark(id.clone(), Reference::Replied)));
        for (number, part) in (0..).zip(&message.parts) {
            if part.filename.ends_with(".ics") {
                edits.push(MailEdit::ContentType(number, "text/calendar".into()));
            }
            if part.charset == "us-ascii" && std::str::from_utf8(&part.sample).is_ok() {
                edits.push(MailEdit::Charset(number, "utf-8".into()));
            }
        }
        MailVerdict::Edit(edits)
    });
    let desk = Desk::with(std::sync::Arc::new(plugin), easel_commands::Settings::default());
    let answered = desk.deliver(1, "From: dora@example.org\r\nMessage-ID: <q1@example.org>\r\nSubject: q\r\n\r\n?\r\n");
    let mut phone = desk.phone(Identity::iphone_3gs());
    let message = "From: a@b\r\nTo: \"Dora/Acme\"\r\nIn-Reply-To: <q1@example.org>\r\nSubject: a\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
        Größe\r\n--b\r\nContent-Disposition: attachment; filename=invite.ics\r\n\r\nBEGIN:VCALENDAR\r\n--b--\r\n";
    assert_eq!(send(&mut phone, Command::SendMail, "", message).code, 200);
    let (recipients, submitted) = queue(&desk).remove(0);
    assert_eq!(recipients, ["dora@example.org"]);
    assert!(submitted.contains("text/calendar") && submitted.contains("utf-8"), "{submitted}");
    let snapshot = desk.store.snapshot(desk.user.id).unwrap();
    let Content::Mail(mail) = snapshot.item(answered).unwrap().unwrap().content else { panic!("a mail") };
    assert_eq!(mail.record.last_verb.map(|last| last.verb), Some(easel_protocol::Verb::Reply));
}

#[test]
fn g19_tc84_an_answer_to_a_directory_name_goes_to_whom_the_plugin_says() {
    let plugin = ScriptedPlugin::new().on_mail(|_, message| {
        let to = message.headers.iter().find(|(name, _)| name == "To").unwrap().1.clone();
        let to = to.replace("John_20Doe_2fCity@encoded.invalid", "\"John Doe/City\"@example.org");
        MailVerdict::Edit(vec![MailEdit::SetHeader("To".into(), to)])
    });
    let desk = Desk::with(std::sync::Arc::new(plugin), easel_commands::Settings::default());
    let from = ["John Doe <John Doe/City/Company>", "John Doe/City/Company", "\"John Doe/City\"@example.org"];
    let ids = from.map(|from| desk.deliver(1, &format!("From: {from}\r\nSubject: q\r\n\r\n?\r\n")).to_string());
    let mut phone = desk.phone(Identity::iphone_today());
    phone.folder_sync().unwrap();
    phone.sync_folder("f1", 10).unwrap();
    let items = phone.items("f1");
    let told = ids.map(|id| easel_test_support::item_text(&items[&id], easel_wbxml::pages::email::FROM));
    let expected =
        ["\"John Doe\" <John Doe/City/Company>", "\"John Doe/City/Company\"", "\"John Doe/City\"@example.org"];
    assert_eq!(told, expected, "what a pack has to go by");
    phone.version = easel_protocol::Version::V12_1;
    let message = "From: a@b\r\nTo: =?utf-8?Q?J=C3=BCrgen?= <John_20Doe_2fCity@encoded.invalid>, bob@example.org\r\n\
        Subject: a\r\n\r\nYes.\r\n";
    assert_eq!(send(&mut phone, Command::SendMail, "", message).code, 200);
    let (recipients, submitted) = queue(&desk).remove(0);
    assert_eq!(recipients, ["\"John Doe/City\"@example.org", "bob@example.org"]);
    assert!(submitted.contains("<\"John Doe/City\"@example.org>") && submitted.is_ascii(), "{submitted}");
}

#[test]
fn i48_a_message_the_plugin_withholds_is_answered_as_sent_and_is_not() {
    let plugin = ScriptedPlugin::new().on_mail(|_, _| MailVerdict::Withhold("again".into()));
    let desk = Desk::with(std::sync::Arc::new(plugin), easel_commands::Settings::default());
    let mut phone = desk.phone(Identity::iphone_3gs());
    let sent = send(&mut phone, Command::SendMail, "&SaveInSent=T", MESSAGE);
    assert_eq!((sent.code, sent.body.len()), (200, 0));
    assert!(queue(&desk).is_empty() && mails(&desk, SENT).is_empty());
    assert_eq!(desk.store.quarantined(desk.user.id).unwrap().len(), 1, "it can be put back");
}

#[test]
fn more_edits_of_a_message_than_a_pack_may_make_leave_it_as_it_was_sent() {
    for (count, faults) in [(MAIL_EDITS_MAX, 0), (MAIL_EDITS_MAX + 1, 1)] {
        let edits: Vec<MailEdit> = (0..count).map(|at| MailEdit::SetHeader(format!("X-{at}"), "a".into())).collect();
        let plugin = std::sync::Arc::new(ScriptedPlugin::new().on_mail(move |_, _| MailVerdict::Edit(edits.clone())));
        let desk = Desk::with(plugin.clone(), easel_commands::Settings::default());
        let mut phone = desk.phone(Identity::iphone_3gs());
        assert_eq!(send(&mut phone, Command::SendMail, "", MESSAGE).code, 200);
        let (recipients, sent) = queue(&desk).remove(0);
        assert_eq!((recipients.len(), plugin.faults()), (2, faults), "{count} edits");
        assert_eq!(sent.contains("X-255: a"), faults == 0, "{count} edits");
    }
}

#[test]
fn edits_of_a_message_that_make_no_sense_leave_it_as_it_was_sent() {
    for edit in [
        MailEdit::Charset(7, "utf-8".into()),
        MailEdit::SetHeader("Subject".into(), "a\r\nBcc: eve@example.org".into()),
        MailEdit::SetHeader("Bad name".into(), "a".into()),
        MailEdit::ContentType(0, String::new()),
    ] {
        let plugin =
            std::sync::Arc::new(ScriptedPlugin::new().on_mail(move |_, _| MailVerdict::Edit(vec![edit.clone()])));
        let desk = Desk::with(plugin.clone(), easel_commands::Settings::default());
        let mut phone = desk.phone(Identity::iphone_3gs());
        assert_eq!(send(&mut phone, Command::SendMail, "", MESSAGE).code, 200);
        let (recipients, _) = queue(&desk).remove(0);
        assert_eq!((recipients.len(), plugin.faults()), (2, 1));
    }
}
