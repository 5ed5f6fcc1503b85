//! What a phone sees, and what becomes of what it sends, for each setting that concerns items.
//!
//! A test is named for the setting, and for the quirks and published cases that it serves.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::borrow::Cow;
use std::sync::Arc;

use easel_commands::Settings;
use easel_plugin::Value;
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{Class, CollectionId, Command, FolderType, ServerId};
use easel_store::{GalEntry, NewContent, Store as _, Write};
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::pages::{
    airsync, airsyncbase as base, calendar as c, contacts as con, email, gal, notes, search, tasks,
};
use easel_wbxml::{Element, Tag};
use easel_wire::{House, short_mail};

const DRAFTS: u64 = 2;
const CALENDAR: u64 = 6;
const CONTACTS: u64 = 7;
const TASKS: u64 = 8;
const NOTES: u64 = 9;
/// A GlobalObjId in hexadecimal, as Outlook writes it into UID.
const HEX_UID: &str =
    "040000008200e00074c5b7101a82e00800000000e0a1b2c3d4e5da0100000000000000001000000000112233445566778899aabbccddeeff";

fn on() -> Value {
    Value::Flag(true)
}

fn word(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A house whose plugin says these things of every device.
fn house(settings: &[(&str, Value)]) -> House {
    let said = |plugin: ScriptedPlugin, (name, value): &(&str, Value)| plugin.set(name, value.clone());
    let plugin = settings.iter().fold(ScriptedPlugin::new(), said);
    House::with(Arc::new(plugin), Settings::default())
}

/// A phone that began to synchronise a folder.
struct Desk {
    phone: Phone<Socket>,
    folder: String,
    options: Vec<Element>,
}

impl Desk {
    fn new(house: &House, identity: Identity, kind: FolderType) -> Self {
        let phone = house.ready(identity);
        let folder = phone.folder(kind).unwrap();
        let options = phone.body_options(kind.class().unwrap());
        Self { phone, folder, options }
    }

    fn sync(&mut self) {
        if !self.phone.collections.contains_key(&self.folder) {
            let options = Some(self.options.clone());
            self.phone.sync(&[Sent { options, ..Sent::ask(&self.folder) }]).unwrap();
        }
        let asked = Sent { options: Some(self.options.clone()), window: Some(50), ..Sent::ask(&self.folder) };
        self.phone.sync(&[asked]).unwrap();
    }

    /// Everything of one item.
    fn see(&mut self, id: ServerId) -> Element {
        self.sync();
        self.phone.items(&self.folder).remove(&id.to_string()).unwrap()
    }

    fn text(&mut self, id: ServerId, tag: Tag) -> Option<String> {
        self.see(id).text_of(tag).map(Cow::into_owned)
    }

    /// Sends back an item as it was shown, with `edits` in place of what has their tag and without what is `gone`.
    fn change(&mut self, id: ServerId, gone: &[Tag], edits: Vec<Element>) {
        let mut properties: Vec<Element> = self.see(id).children().cloned().collect();
        properties.retain(|one| !gone.contains(&one.tag) && !edits.iter().any(|edit| edit.tag == one.tag));
        properties.extend(edits);
        self.send(id, properties);
    }

    fn send(&mut self, id: ServerId, properties: Vec<Element>) {
        let data = Element::of(airsync::APPLICATION_DATA, properties);
        let held = &mut self.phone.collections.get_mut(&self.folder).unwrap().items;
        held.insert(id.to_string(), data.clone());
        let change = Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, id.to_string()), data]);
        let synced = self.phone.sync(&[Sent::commands(&self.folder, vec![change])]).unwrap();
        assert!(synced.collections.values().all(|one| one.child(airsync::RESPONSES).is_none()), "{synced:?}");
    }

    /// Adds an item; what the answer says of it.
    fn add(&mut self, properties: Vec<Element>) -> (ServerId, Option<Element>) {
        self.sync();
        let data = Element::of(airsync::APPLICATION_DATA, properties);
        let add = Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "new"), data]);
        let synced = self.phone.sync(&[Sent::commands(&self.folder, vec![add])]).unwrap();
        let answer = synced.collections[&self.folder].at(&[airsync::RESPONSES, airsync::ADD]).unwrap().clone();
        let id = ServerId::parse(&item_text(&answer, airsync::SERVER_ID)).unwrap();
        (id, answer.child(airsync::APPLICATION_DATA).cloned())
    }
}

/// What one phone sees of one mail, under each of the settings.
fn mail_under<const N: usize>(
    settings: [&[(&str, Value)]; N],
    identity: fn() -> Identity,
    options: Option<Vec<Element>>,
    raw: &str,
) -> [Element; N] {
    settings.map(|settings| {
        let house = house(settings);
        let id = house.deliver(raw);
        let mut desk = Desk::new(&house, identity(), FolderType::Inbox);
        desk.options = options.clone().unwrap_or(desk.options);
        desk.see(id)
    })
}

/// What one phone sees of one object, under each of the settings.
fn object_under<const N: usize>(
    settings: [&[(&str, Value)]; N],
    identity: fn() -> Identity,
    kind: FolderType,
    content: &str,
) -> [Element; N] {
    settings.map(|settings| {
        let house = house(settings);
        let class = kind.class().unwrap();
        let folder = match class {
            Class::Calendar => CALENDAR,
            Class::Contacts => CONTACTS,
            Class::Tasks => TASKS,
            Class::Email | Class::Notes | Class::Sms => NOTES,
        };
        let id = house.import(folder, class, content);
        Desk::new(&house, identity(), kind).see(id)
    })
}

fn preference(kind: u8, size: Option<u32>) -> Element {
    Element::of(base::BODY_PREFERENCE, [Element::number(base::TYPE, kind)])
        .with_some(size.map(|size| Element::number(base::TRUNCATION_SIZE, size)))
}

fn mime_support(level: u8) -> Element {
    Element::number(airsync::MIME_SUPPORT, level)
}

/// Type and Data of a body.
fn body(item: &Element) -> (String, String) {
    let body = item.child(base::BODY).unwrap();
    (item_text(body, base::TYPE), item_text(body, base::DATA))
}

fn ics(kind: &str, lines: &str) -> String {
    let lines = lines.replace('\n', "\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:{kind}\r\nDTSTAMP:20260301T080000Z\r\n\
         {lines}\r\nEND:{kind}\r\nEND:VCALENDAR\r\n"
    )
}

fn event(lines: &str) -> String {
    ics("VEVENT", &format!("UID:e1\nSUMMARY:Review\n{lines}"))
}

const SINGLE: &str = "DTSTART:20260303T091500Z\nDTEND:20260303T093000Z";
const DAY: &str = "DTSTART;VALUE=DATE:20261007\nDTEND;VALUE=DATE:20261008";
const MEETING: &str = "DTSTART:20260303T091500Z\nDTEND:20260303T093000Z\nORGANIZER;CN=Bob:mailto:bob@example.net\n\
     ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@example.org\nATTENDEE:mailto:carl@example.net\n\
     ATTENDEE:mailto:dora@example.net";

fn card(lines: &str) -> String {
    let lines = lines.replace('\n', "\r\n");
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Lovelace;Ada;;;\r\nFN:Ada Lovelace\r\n{lines}END:VCARD\r\n")
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = |three: &[u8]| -> String {
        let bits = three.iter().chain([&0, &0]).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let letter = |place: usize| char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]);
        (0..4).map(|place| if place <= three.len() { letter(place) } else { '=' }).collect()
    };
    bytes.chunks(3).map(letters).collect()
}

// ---- mail

fn crowd() -> String {
    let all = |kind: &str, count: usize| -> String {
        let one = |number| format!("{kind}{number} <{kind}{number}@example.net>");
        (1..=count).map(one).collect::<Vec<_>>().join(",\r\n ")
    };
    short_mail("crowd")
        .replace("To: Anna <anna@example.org>\r\n", &format!("To: {}\r\nCc: {}\r\n", all("to", 150), all("cc", 20)))
}

#[test]
fn n03_tc20_mail_max_recipients_hides_the_recipients_of_a_mail_that_has_too_many() {
    let settings: [&[(&str, Value)]; 2] =
        [&[("mail.max_recipients", Value::Number(100))], &[("mail.max_recipients", Value::Number(170))]];
    let [hidden, shown] = mail_under(settings, Identity::nokia_n97, None, &crowd());
    for tag in [email::TO, email::CC, email::DISPLAY_TO] {
        assert!(hidden.child(tag).is_none() && shown.child(tag).is_some(), "{tag}");
    }
    assert_eq!(item_text(&hidden, email::SUBJECT), "crowd");
    assert!(item_text(&hidden, email::FROM).contains("bob@example.net"));
}

#[test]
fn i03_tc21_mail_max_recipients_of_0_shows_all_with_a_comma_and_a_space_between() {
    let [shown] = mail_under([&[]], Identity::iphone_today, None, &crowd());
    let (to, cc) = (item_text(&shown, email::TO), item_text(&shown, email::CC));
    assert_eq!((to.split(", ").count(), cc.split(", ").count()), (150, 20));
    assert!(to.starts_with("\"to1\" <to1@example.net>, \"to2\" <to2@example.net>"), "{to}");
}

#[test]
fn i18_mail_prefer_mime_sends_a_message_whole_to_a_phone_that_takes_mime_of_signed_ones() {
    let options = vec![mime_support(1), preference(2, None), preference(4, None)];
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.prefer_mime", on())]];
    let [other, whole] = mail_under(settings, Identity::iphone_today, Some(options), &short_mail("mime"));
    assert_eq!(body(&other).0, "2");
    assert_eq!(body(&whole), ("4".into(), short_mail("mime")));
    let never = vec![mime_support(0), preference(2, None), preference(4, None)];
    let settings: [&[(&str, Value)]; 1] = [&[("mail.prefer_mime", on())]];
    let [other] = mail_under(settings, Identity::iphone_today, Some(never), &short_mail("mime"));
    assert_eq!(body(&other).0, "2", "never is never");
}

#[test]
fn a38_g31_tc55_mail_text_as_html_makes_html_of_a_mail_that_is_text() {
    let options = vec![preference(1, None), preference(2, None)];
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.text_as_html", on())]];
    let [text, html] = mail_under(settings, Identity::android, Some(options), &short_mail("plain"));
    assert_eq!(body(&text), ("1".into(), "Hello, this is plain.\r\n".into()));
    let (kind, data) = body(&html);
    assert_eq!(kind, "2");
    assert!(data.starts_with("<html>") && data.contains("Hello, this is plain."), "{data}");
}

fn page(html: &str) -> String {
    short_mail("page").replace("text/plain", "text/html").replace("Hello, this is page.", html)
}

#[test]
fn i17_mail_preview_strip_leaves_links_and_pictures_out_of_text_that_is_cut() {
    let page = page(
        "<p>Buy <a href=\"https://shop.example.net/very/long/address?of=a&amp;link=1\">our soap</a> and \
         <img src=\"cid:1\" alt=\"cid:1\"> more of it, because it is good soap and there is a lot of it.</p>",
    );
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.preview_strip", on())]];
    let cut = Some(vec![preference(1, Some(40))]);
    let [kept, stripped] = mail_under(settings, Identity::iphone_today, cut, &page);
    assert!(body(&kept).1.starts_with("Buy our soap <https://shop"), "{kept:?}");
    assert_eq!(body(&stripped).1, "Buy our soap and more of it, because it ");
    assert_eq!(item_text(stripped.child(base::BODY).unwrap(), base::TRUNCATED), "1");
    // Text that is whole is what its owner reads.
    let [whole] = mail_under([settings[1]], Identity::iphone_today, Some(vec![preference(1, Some(9_000))]), &page);
    assert!(body(&whole).1.contains("<https://shop.example.net"), "{whole:?}");
}

#[test]
fn v05_mail_preview_entities_decode_sends_text_in_which_no_entity_is_left() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.preview_entities", word("decode"))]];
    let raw = short_mail("x").replace("Hello, this is x.", "Caf&eacute; &amp; tea&nbsp;&#8211; yes & no");
    let options = || Some(vec![preference(2, Some(500)), preference(1, Some(500))]);
    let [kept, decoded] = mail_under(settings, Identity::android, options(), &raw);
    assert_eq!(body(&kept), ("1".into(), "Caf&eacute; &amp; tea&nbsp;&#8211; yes & no\r\n".into()));
    assert_eq!(body(&decoded), ("1".into(), "Café & tea\u{a0}– yes & no\r\n".into()));
    // HTML is sent as text too: these phones do not render it.
    let only_html = || Some(vec![preference(2, Some(500))]);
    let [kept, decoded] = mail_under(settings, Identity::android, only_html(), &page("<b>Caf&eacute;</b>"));
    assert_eq!((body(&kept).0.as_str(), body(&decoded)), ("2", ("1".into(), "Café\r\n".into())));
}

#[test]
fn i45_mail_html25_puts_html_into_the_body_of_2_5() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.html25", on())]];
    let [text, html] = mail_under(settings, Identity::nokia_n97, None, &page("<p><b>Hello</b> you</p>"));
    assert_eq!(item_text(&text, email::BODY), "Hello you\r\n");
    let shown = item_text(&html, email::BODY);
    assert!(shown.contains("<b>Hello</b> you"), "{shown}");
    assert_eq!(item_text(&html, email::BODY_SIZE), shown.len().to_string());
    let [plain] = mail_under([settings[1]], Identity::nokia_n97, None, &short_mail("plain"));
    assert_eq!(item_text(&plain, email::BODY), "Hello, this is plain.\r\n");
}

#[test]
fn v09_mail_from_name_address_calls_a_sender_without_a_name_by_the_address() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.from_name", word("address"))]];
    let raw = short_mail("x").replace("From: Bob <bob@example.net>", "From: bob@example.net");
    let [bare, named] = mail_under(settings, Identity::android, None, &raw);
    assert_eq!(item_text(&bare, email::FROM), "bob@example.net");
    assert_eq!(item_text(&named, email::FROM), "\"bob@example.net\" <bob@example.net>");
    let [known] = mail_under([settings[1]], Identity::android, None, &short_mail("x"));
    assert_eq!(item_text(&known, email::FROM), "\"Bob\" <bob@example.net>");
}

#[test]
fn o03_tc66_mail_mime_rewrite_sends_text_of_a_whole_message_as_8bit_utf_8_with_crlf() {
    let raw = short_mail("x")
        .replace("charset=utf-8", "charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable")
        .replace("Hello, this is x.\r\n", "Gr=FC=DFe aus =\nM=FCnchen\nAnna\n");
    let options = vec![mime_support(2), preference(4, None)];
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.mime_rewrite", word("8bit_utf8"))]];
    let [kept, written] = mail_under(settings, Identity::android, Some(options), &raw);
    assert!(body(&kept).1.contains("Gr=FC=DFe"));
    let (kind, data) = body(&written);
    assert_eq!(kind, "4");
    assert!(data.ends_with("\r\n\r\nGrüße aus München\r\nAnna\r\n"), "{data}");
    assert!(data.contains("Content-Transfer-Encoding: 8bit\r\n"), "{data}");
    assert!(data.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{data}");
    assert!(!data.contains("quoted-printable") && !data.contains("8859"), "{data}");
    let size = item_text(written.child(base::BODY).unwrap(), base::ESTIMATED_DATA_SIZE);
    assert_eq!(size, data.len().to_string());
}

fn mixed(part: &str) -> String {
    let headers = short_mail("x");
    let (headers, _) = headers.split_once("Content-Type").unwrap();
    format!(
        "{headers}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nHello\r\n--b\r\n{part}\r\n--b--\r\n"
    )
}

#[test]
fn o04_mail_tnef_drop_leaves_winmail_dat_out_and_pass_does_not() {
    let settings: [&[(&str, Value)]; 2] = [&[("mail.tnef", word("pass"))], &[("mail.tnef", word("drop"))]];
    let tnef =
        "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+Ig==";
    let [passed, dropped] = mail_under(settings, Identity::android, None, &mixed(tnef));
    let name = |item: &Element| Some(item_text(item.at(&[base::ATTACHMENTS, base::ATTACHMENT])?, base::DISPLAY_NAME));
    assert_eq!((name(&passed).as_deref(), name(&dropped)), (Some("winmail.dat"), None));
    let file = tnef.replace("ms-tnef", "pdf").replace("winmail.dat", "a.pdf");
    let [kept] = mail_under([settings[1]], Identity::android, None, &mixed(&file));
    assert_eq!(name(&kept).as_deref(), Some("a.pdf"));
}

#[test]
fn a48_b04_mail_smime_full_mime_sends_a_signed_mail_whole_to_a_phone_that_asks_for_no_mime() {
    let signed = mixed("Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nMIIB")
        .replace("multipart/mixed;", "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256;");
    let settings: [&[(&str, Value)]; 2] = [&[], &[("mail.smime", word("full_mime"))]];
    let [other, whole] = mail_under(settings, Identity::android, None, &signed);
    assert_eq!(item_text(&whole, email::MESSAGE_CLASS), "IPM.Note.SMIME.MultipartSigned");
    assert_ne!(body(&other).0, "4");
    assert_eq!(body(&whole), ("4".into(), signed.clone()));
    assert!(whole.child(base::ATTACHMENTS).is_none(), "the signature is in the message");
    let [old] = mail_under([settings[1]], Identity::nokia_n97, None, &signed);
    assert_eq!(item_text(&old, email::MIME_DATA), signed);
    let [note] = mail_under([settings[1]], Identity::android, None, &short_mail("x"));
    assert_ne!(body(&note).0, "4", "any other mail is as it was");
}

#[test]
fn i51_x05_mail_draft_form_mime_sends_drafts_whole() {
    let shown = |settings: &[(&str, Value)]| {
        let house = house(settings);
        let raw = short_mail("draft");
        let id = house.store().reserve_items(house.anna.id, 1).unwrap();
        let mut write = house.mail(id, &raw, "2026-03-02T09:00:00Z".parse().unwrap());
        if let Write::DeliverItem { folder, content: NewContent::Mail { record, .. }, .. } = &mut write {
            *folder = CollectionId::new(DRAFTS);
            record.draft = true;
        }
        house.commit(vec![write]);
        let other = house.deliver(&raw);
        let draft = Desk::new(&house, Identity::iphone_today(), FolderType::Drafts).see(id);
        (draft, Desk::new(&house, Identity::iphone_today(), FolderType::Inbox).see(other))
    };
    let (draft, _) = shown(&[]);
    assert_eq!((item_text(&draft, easel_wbxml::pages::email2::IS_DRAFT).as_str(), body(&draft).0.as_str()), ("1", "2"));
    let (draft, mail) = shown(&[("mail.draft_form", word("mime"))]);
    assert_eq!(body(&draft), ("4".into(), short_mail("draft")));
    assert_eq!(body(&mail).0, "2");
}

#[test]
fn n14_tc30_mail_no_rtf_ignores_rtf_that_comes_back_and_takes_the_body() {
    let rtf = br"{\rtf1\ansi old}";
    let size = u32::try_from(rtf.len()).unwrap();
    let head = [(size + 12).to_le_bytes(), size.to_le_bytes(), *b"MELA", [0; 4]].concat();
    let rtf = base64(&[&head[..], &rtf[..]].concat());
    for (settings, after) in [(&[][..], "old"), (&[("mail.no_rtf", on())][..], "new")] {
        let house = house(settings);
        let id = house.import(TASKS, Class::Tasks, &ics("VTODO", "UID:t1\nSUMMARY:Soap\nDESCRIPTION:before"));
        let mut desk = Desk::new(&house, Identity::nokia_n97(), FolderType::Tasks);
        assert!(desk.see(id).child(tasks::COMPRESSED_RTF).is_none());
        // RTF empty, Body there.
        let edits = vec![Element::new(tasks::COMPRESSED_RTF), Element::text(tasks::BODY, "new")];
        desk.change(id, &[tasks::BODY_SIZE, tasks::BODY_TRUNCATED], edits);
        assert!(house.stored(id).unwrap().contains("DESCRIPTION:new\r\n"));
        // RTF there, Body not.
        let gone = [tasks::BODY, tasks::BODY_SIZE, tasks::BODY_TRUNCATED];
        desk.change(id, &gone, vec![Element::text(tasks::COMPRESSED_RTF, rtf.as_str())]);
        let stored = house.stored(id).unwrap();
        assert!(stored.contains(&format!("DESCRIPTION:{after}")), "{stored}");
    }
}

// ---- calendar

/// 172 bytes of zero, in base64.
fn zero_blob() -> String {
    base64(&[0; 172])
}

#[test]
fn a28_calendar_tz_blob_no_names_tells_the_zone_of_a_series_and_not_of_a_single_event() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("calendar.tz_blob", word("no_names"))]];
    let single = "DTSTART;TZID=Europe/Berlin:20260303T091500\nDTEND;TZID=Europe/Berlin:20260303T093000";
    let zone = |item: &Element| item.text_of(c::TIMEZONE).map(|blob| blob.len());
    let see = |lines: &str| {
        let [full, needed] = object_under(settings, Identity::android, FolderType::Calendar, &event(lines));
        (zone(&full), zone(&needed))
    };
    assert_eq!(see(single), (Some(232), None));
    assert_eq!(see(&format!("{single}\nRRULE:FREQ=DAILY")), (Some(232), Some(232)));
    assert_eq!(see(DAY), (Some(232), Some(232)), "a day is a day somewhere");
    // The phone sends a zone of its own, UTC; the event stays where it is.
    let house = house(settings[1]);
    let id = house.import(CALENDAR, Class::Calendar, &event(single));
    let mut desk = Desk::new(&house, Identity::android(), FolderType::Calendar);
    let berlin = desk.text(house.import(CALENDAR, Class::Calendar, &event(DAY)), c::TIMEZONE).unwrap();
    desk.change(id, &[], vec![Element::text(c::SUBJECT, "Other"), Element::text(c::TIMEZONE, berlin)]);
    let stored = house.stored(id).unwrap();
    assert!(
        stored.contains("SUMMARY:Other") && stored.contains("DTSTART;TZID=Europe/Berlin:20260303T091500"),
        "{stored}"
    );
}

#[test]
fn g12_calendar_tz_blob_zero_for_allday_begins_a_day_at_midnight_utc() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("calendar.tz_blob", word("zero_for_allday"))]];
    let [full, zero] = object_under(settings, Identity::android, FolderType::Calendar, &event(DAY));
    let all = |item: &Element| [c::START_TIME, c::END_TIME].map(|tag| item_text(item, tag));
    assert_eq!(all(&full), ["20261006T220000Z", "20261007T220000Z"]);
    assert_eq!(all(&zero), ["20261007T000000Z", "20261008T000000Z"]);
    assert_eq!(item_text(&zero, c::TIMEZONE), zero_blob());
    assert_ne!(item_text(&full, c::TIMEZONE), zero_blob());
    // A series of days, one of them taken out, comes back unharmed; a day that is moved is moved by a day.
    let house = house(settings[1]);
    let lines = format!("{DAY}\nRRULE:FREQ=WEEKLY;COUNT=5\nEXDATE;VALUE=DATE:20261014");
    let id = house.import(CALENDAR, Class::Calendar, &event(&lines));
    let before = house.stored(id).unwrap();
    let mut desk = Desk::new(&house, Identity::android(), FolderType::Calendar);
    let gone = desk.see(id).at(&[c::EXCEPTIONS, c::EXCEPTION]).unwrap().clone();
    assert_eq!(item_text(&gone, c::EXCEPTION_START_TIME), "20261014T000000Z");
    desk.change(id, &[], Vec::new());
    assert_eq!(house.stored(id).unwrap(), before);
    let moved = vec![Element::text(c::START_TIME, "20261008T000000Z"), Element::text(c::END_TIME, "20261009T000000Z")];
    desk.change(id, &[c::EXCEPTIONS], moved);
    assert!(house.stored(id).unwrap().contains("DTSTART;VALUE=DATE:20261008"));
}

#[test]
fn o26_calendar_allday_tz_raw_begins_a_day_at_midnight_utc_and_keeps_its_zone() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("calendar.allday_tz", word("raw"))]];
    let [zone, raw] = object_under(settings, Identity::android, FolderType::Calendar, &event(DAY));
    assert_eq!(item_text(&zone, c::START_TIME), "20261006T220000Z");
    assert_eq!(item_text(&raw, c::START_TIME), "20261007T000000Z");
    assert_eq!(item_text(&raw, c::TIMEZONE), item_text(&zone, c::TIMEZONE));
    let house = house(settings[1]);
    let id = house.import(CALENDAR, Class::Calendar, &event(DAY));
    let mut desk = Desk::new(&house, Identity::android(), FolderType::Calendar);
    desk.change(id, &[], vec![Element::text(c::SUBJECT, "Fair")]);
    let stored = house.stored(id).unwrap();
    assert!(stored.contains("SUMMARY:Fair") && stored.contains("DTSTART;VALUE=DATE:20261007"), "{stored}");
}

#[test]
fn a27_tc49_calendar_until_max_leaves_a_series_open_that_ends_too_late() {
    let until_max: &[(&str, Value)] = &[("calendar.until_max", Value::Number(2036))];
    let series = |year: u16| event(&format!("{SINGLE}\nRRULE:FREQ=WEEKLY;UNTIL={year}0303T091500Z"));
    let until = |item: &Element| item.child(c::RECURRENCE).unwrap().text_of(c::UNTIL).map(Cow::into_owned);
    let see = |year| object_under([&[], until_max], Identity::android, FolderType::Calendar, &series(year));
    let [told, open] = see(2040).map(|item| until(&item));
    assert_eq!((told.as_deref(), open), (Some("20400303T091500Z"), None));
    assert_eq!(see(2036).map(|item| until(&item).is_some()), [true, true]);
    // Whatever the phone changes, the end stays; the phone can set one of its own.
    let house = house(until_max);
    let id = house.import(CALENDAR, Class::Calendar, &series(2040));
    let mut desk = Desk::new(&house, Identity::android(), FolderType::Calendar);
    desk.change(id, &[], vec![Element::text(c::SUBJECT, "Other")]);
    let rule = |kind: u8, more: Option<Element>| {
        let parts = [Element::number(c::TYPE, kind), Element::number(c::INTERVAL, 1)];
        vec![Element::of(c::RECURRENCE, parts).with_some(more)]
    };
    desk.change(id, &[], rule(0, None));
    let stored = house.stored(id).unwrap();
    assert!(stored.contains("SUMMARY:Other") && stored.contains("RRULE:FREQ=DAILY;UNTIL=20400303T091500Z"), "{stored}");
    desk.change(id, &[], rule(0, Some(Element::text(c::UNTIL, "20300303T091500Z"))));
    assert!(house.stored(id).unwrap().contains("RRULE:FREQ=DAILY;UNTIL=20300303T091500Z"));
}

#[test]
fn a25_g34_calendar_organizer_always_names_the_owner_of_an_event_that_is_no_meeting() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("calendar.organizer_always", on())]];
    let see = |lines: &str| {
        let items = object_under(settings, Identity::android, FolderType::Calendar, &event(lines));
        items.map(|item| item.text_of(c::ORGANIZER_EMAIL).map(Cow::into_owned))
    };
    assert_eq!(see(SINGLE), [None, Some("anna@example.org".to_owned())]);
    assert_eq!(see(MEETING), [Some("bob@example.net".to_owned()), Some("bob@example.net".to_owned())]);
    let own = format!("{SINGLE}\nATTENDEE:mailto:carl@example.net");
    assert_eq!(see(&own), [Some("anna@example.org".to_owned()), Some("anna@example.org".to_owned())]);
}

#[test]
fn i24_tc42_calendar_attendees_default_calendar_hides_them_elsewhere_and_keeps_them_stored() {
    let house = house(&[("calendar.attendees", word("default-calendar"))]);
    let choir = house.store().reserve_folder(house.anna.id).unwrap();
    let kind = FolderType::UserCalendar;
    house.commit(vec![Write::AddFolder { id: choir, parent: None, name: "Choir".into(), kind }]);
    let meeting = event(&format!("{MEETING}\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nEND:VALARM"));
    let there = house.import(choir.number(), Class::Calendar, &meeting);
    let here = house.import(CALENDAR, Class::Calendar, &meeting.replace("UID:e1", "UID:e2"));
    let attendees = |item: &Element| item.child(c::ATTENDEES).map_or(0, |all| all.children().count());
    let mut own = Desk::new(&house, Identity::iphone_3gs(), FolderType::Calendar);
    assert_eq!(attendees(&own.see(here)), 3);
    let mut desk = Desk::new(&house, Identity::iphone_3gs(), kind);
    assert_eq!(attendees(&desk.see(there)), 0);
    desk.change(there, &[], vec![Element::number(c::REMINDER, 30)]);
    let stored = house.stored(there).unwrap();
    assert_eq!(stored.matches("\r\nATTENDEE").count(), 3, "{stored}");
    assert!(stored.contains("TRIGGER:-PT30M"), "{stored}");
    // Not even a list that the phone makes up replaces them.
    let made_up = Element::of(c::ATTENDEE, [Element::text(c::EMAIL, "x@example.net"), Element::text(c::NAME, "X")]);
    desk.change(there, &[], vec![Element::of(c::ATTENDEES, [made_up])]);
    let stored = house.stored(there).unwrap();
    assert!(stored.matches("\r\nATTENDEE").count() == 3 && !stored.contains("x@example.net"), "{stored}");
}

#[test]
fn i24_calendar_attendees_default_calendar_counts_a_calendar_that_is_merged_into_it() {
    let merged = Value::Texts(vec!["cal=no".to_owned()]);
    let house = house(&[("calendar.attendees", word("default-calendar")), ("hierarchy.multi", merged)]);
    let choir = house.store().reserve_folder(house.anna.id).unwrap();
    let kind = FolderType::UserCalendar;
    house.commit(vec![Write::AddFolder { id: choir, parent: None, name: "Choir".into(), kind }]);
    let id = house.import(choir.number(), Class::Calendar, &event(MEETING));
    assert!(Desk::new(&house, Identity::iphone_3gs(), FolderType::Calendar).see(id).child(c::ATTENDEES).is_some());
}

#[test]
fn n18_calendar_attendees_none_hides_them_everywhere_and_takes_those_of_a_new_event() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("calendar.attendees", word("none"))]];
    let items = object_under(settings, Identity::nokia_n97, FolderType::Calendar, &event(MEETING));
    assert_eq!(items.map(|item| item.child(c::ATTENDEES).is_some()), [true, false]);
    let house = house(settings[1]);
    let mut desk = Desk::new(&house, Identity::nokia_n97(), FolderType::Calendar);
    let guest = Element::of(c::ATTENDEE, [Element::text(c::EMAIL, "carl@example.net"), Element::text(c::NAME, "Carl")]);
    let (id, _) = desk.add(vec![
        Element::text(c::SUBJECT, "New"),
        Element::text(c::START_TIME, "20260303T091500Z"),
        Element::text(c::END_TIME, "20260303T093000Z"),
        Element::of(c::ATTENDEES, [guest]),
    ]);
    assert!(house.stored(id).unwrap().contains("mailto:carl@example.net"));
}

#[test]
fn o11_calendar_reminder_explicit_says_that_an_event_does_not_remind() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("calendar.reminder_explicit", on())]];
    let see = |lines: &str| {
        let items = object_under(settings, Identity::android, FolderType::Calendar, &event(lines));
        items.map(|item| item.text_of(c::REMINDER).map(Cow::into_owned))
    };
    assert_eq!(see(SINGLE), [None, Some(String::new())]);
    let at_start = format!("{SINGLE}\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:PT0S\nEND:VALARM");
    assert_eq!(see(&at_start), [Some("0".to_owned()), Some("0".to_owned())]);
    let house = house(settings[1]);
    let id = house.import(CALENDAR, Class::Calendar, &event(SINGLE));
    let before = house.stored(id).unwrap();
    Desk::new(&house, Identity::android(), FolderType::Calendar).change(id, &[], Vec::new());
    assert_eq!(house.stored(id).unwrap(), before);
}

#[test]
fn i04_tc68_calendar_uid_form_hex_upper_writes_a_uid_that_is_an_object_id_in_capitals() {
    let stored = event(SINGLE).replace("UID:e1", &format!("UID:{HEX_UID}"));
    let upper: &[(&str, Value)] = &[("calendar.uid_form", word("hex-upper"))];
    let [as_is, capitals] = object_under([&[], upper], Identity::iphone_today, FolderType::Calendar, &stored);
    assert_eq!(item_text(&as_is, c::UID), HEX_UID);
    assert_eq!(item_text(&capitals, c::UID), HEX_UID.to_ascii_uppercase());
    let [other] = object_under([upper], Identity::iphone_today, FolderType::Calendar, &event(SINGLE));
    assert_eq!(item_text(&other, c::UID), "e1", "any other UID is nobody's to change");
    let house = house(upper);
    let id = house.import(CALENDAR, Class::Calendar, &stored);
    let mut desk = Desk::new(&house, Identity::iphone_today(), FolderType::Calendar);
    desk.change(id, &[c::ORGANIZER_EMAIL, c::ORGANIZER_NAME], vec![Element::text(c::SUBJECT, "Other")]);
    assert!(house.stored(id).unwrap().contains("UID:040000008200e0"), "the event keeps its own");
}

#[test]
fn o30_i04_i05_tc90_calendar_uid_form_decides_the_object_id_of_meeting_mail() {
    let object = event(MEETING).replace("UID:e1", &format!("UID:{HEX_UID}"));
    let object = object.replace("VERSION:2.0\r\n", "VERSION:2.0\r\nMETHOD:REQUEST\r\n");
    let object = object.split("\r\n").map(|line| match line.split_at_checked(60) {
        Some((head, tail)) => format!("{head}\r\n {tail}"),
        None => line.to_owned(),
    });
    let calendar = object.collect::<Vec<_>>().join("\r\n");
    let raw = mixed(&format!("Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n{calendar}"));
    let bytes: Vec<u8> =
        (0..HEX_UID.len()).step_by(2).map(|at| u8::from_str_radix(&HEX_UID[at..at + 2], 16).unwrap()).collect();
    let (in_base64, in_hex) = (base64(&bytes), HEX_UID.to_ascii_uppercase());
    let form = |word: &str| [("calendar.uid_form", Value::Text(word.to_owned()))];
    for (name, id_14_1, id_16_1, uid) in [
        ("as-is", Some(&in_base64), None, HEX_UID),
        ("base64", Some(&in_base64), Some(&in_base64), HEX_UID),
        ("hex-upper", Some(&in_hex), Some(&in_hex), in_hex.as_str()),
    ] {
        let settings = form(name);
        let id =
            |item: &Element| item.child(email::MEETING_REQUEST)?.text_of(email::GLOBAL_OBJ_ID).map(Cow::into_owned);
        let [item] = mail_under([&settings], Identity::android, None, &raw);
        assert_eq!(id(&item).as_ref(), id_14_1, "{name}");
        let [item] = mail_under([&settings], Identity::iphone_today, None, &raw);
        assert_eq!(id(&item).as_ref(), id_16_1, "{name}");
        assert_eq!(item_text(item.child(email::MEETING_REQUEST).unwrap(), c::UID), uid, "{name}");
    }
}

#[test]
fn n11_calendar_always_uid_puts_uid_into_every_event_and_into_the_answer_to_a_new_one() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("calendar.always_uid", on())]];
    let nameless = event(SINGLE).replace("UID:e1\r\n", "");
    let items = object_under(settings, Identity::nokia_n97, FolderType::Calendar, &nameless);
    assert_eq!(items.map(|item| item.child(c::UID).is_some()), [false, true]);
    for (settings, told) in settings.into_iter().zip([false, true]) {
        let house = house(settings);
        let mut desk = Desk::new(&house, Identity::nokia_n97(), FolderType::Calendar);
        let (id, answer) = desk.add(vec![
            Element::text(c::UID, "phone-1"),
            Element::text(c::START_TIME, "20260303T091500Z"),
            Element::text(c::END_TIME, "20260303T093000Z"),
        ]);
        let uid = answer.and_then(|data| data.text_of(c::UID).map(Cow::into_owned));
        assert_eq!(uid.as_deref(), told.then_some("phone-1"));
        assert!(house.stored(id).unwrap().contains("UID:phone-1"));
    }
}

#[test]
fn v12_calendar_busy_free_means_accepted_takes_free_and_busy_of_an_invitation_for_yes() {
    let stored_after = |settings: &[(&str, Value)], before: &str, busy: u8| {
        let house = house(settings);
        let id = house.import(CALENDAR, Class::Calendar, &event(before));
        let mut desk = Desk::new(&house, Identity::android(), FolderType::Calendar);
        desk.change(id, &[], vec![Element::number(c::BUSY_STATUS, busy)]);
        house.stored(id).unwrap()
    };
    let accepts: &[(&str, Value)] = &[("calendar.busy_free_means_accepted", on())];
    let mine = |stored: &str| stored.lines().find(|line| line.ends_with("anna@example.org")).unwrap().to_owned();
    let tentative = format!("{MEETING}\nSTATUS:TENTATIVE");
    let stored = stored_after(&[], MEETING, 0);
    assert!(mine(&stored).contains("NEEDS-ACTION") && stored.contains("TRANSP:TRANSPARENT"), "{stored}");
    for (before, busy) in [(MEETING, 0), (tentative.as_str(), 0), (tentative.as_str(), 2)] {
        let stored = stored_after(accepts, before, busy);
        assert!(mine(&stored).contains("PARTSTAT=ACCEPTED"), "{stored}");
        assert!(!stored.contains("TRANSPARENT") && stored.contains("mailto:carl"), "{stored}");
    }
    let stored = stored_after(accepts, MEETING, 1);
    assert!(mine(&stored).contains("NEEDS-ACTION"), "perhaps is not yes: {stored}");
    let stored = stored_after(accepts, SINGLE, 0);
    assert!(stored.contains("TRANSP:TRANSPARENT"), "one's own time is free when one says so: {stored}");
}

// ---- contacts

const BIRTHDAYS: [(&str, &str); 7] = [
    ("utc00", "1980-03-01T00:00:00.000Z"),
    ("utc08", "1980-03-01T08:00:00.000Z"),
    ("utc11", "1980-03-01T11:00:00.000Z"),
    ("utc12", "1980-03-01T12:00:00.000Z"),
    ("userzone00", "1980-02-29T23:00:00.000Z"),
    ("as_is", "1980-03-01T00:00:00.000Z"),
    ("date_only", "1980-03-01"),
];

#[test]
fn tc40_a05_a06_b01_i09_v20_contact_birthday_decides_the_moment_that_stands_for_the_day() {
    for (name, moment) in BIRTHDAYS {
        let house = house(&[("contact.birthday", word(name))]);
        let id = house.import(CONTACTS, Class::Contacts, &card("BDAY:1980-03-01\nX-ANNIVERSARY:1980-03-01\n"));
        let before = house.stored(id).unwrap();
        let mut desk = Desk::new(&house, Identity::android(), FolderType::Contacts);
        let item = desk.see(id);
        assert_eq!([con::BIRTHDAY, con::ANNIVERSARY].map(|tag| item_text(&item, tag)), [moment, moment], "{name}");
        desk.change(id, &[], Vec::new());
        assert_eq!(house.stored(id).unwrap(), before, "{name}");
    }
}

#[test]
fn t03_contact_birthday_as_is_tells_the_moment_of_a_card_that_names_one() {
    let born = card("BDAY:1980-03-01T17:30:00+01:00\n");
    let as_is: &[(&str, Value)] = &[("contact.birthday", word("as_is"))];
    let items = object_under([&[], as_is], Identity::android, FolderType::Contacts, &born);
    let told = items.map(|item| item_text(&item, con::BIRTHDAY));
    assert_eq!(told, ["1980-03-01T00:00:00.000Z", "1980-03-01T16:30:00.000Z"]);
}

#[test]
fn tc41_a05_a07_i10_p10_contact_birthday_is_heard_as_the_day_that_is_meant_whatever_is_told() {
    for (name, _) in BIRTHDAYS {
        let house = house(&[("contact.birthday", word(name))]);
        let mut desk = Desk::new(&house, Identity::android(), FolderType::Contacts);
        for (sent, day) in [
            ("1980-02-29T23:00:00Z", "1980-03-01"),
            ("1980-03-01", "1980-03-01"),
            ("1980-03-01T08:00:00Z", "1980-03-01"),
            ("1980-03-01T12:00:00Z", "1980-03-01"),
            ("1980-07-01T01:00:00Z", "1980-07-01"),
        ] {
            let id = house.import(CONTACTS, Class::Contacts, &card("BDAY:1999-12-24\n"));
            desk.change(id, &[], vec![Element::text(con::BIRTHDAY, sent)]);
            let stored = house.stored(id).unwrap();
            assert!(stored.contains(&format!("BDAY:{day}\r\n")), "{name} {sent}: {stored}");
        }
    }
}

/// Whether the photo is still there after a phone changed the contact: with Picture absent, and with it empty.
fn photo_stays(picture: &str, photo: &str) -> [bool; 2] {
    let house = house(&[("contact.picture", word(picture))]);
    let mut desk = Desk::new(&house, Identity::iphone_today(), FolderType::Contacts);
    [None, Some(Element::new(con::PICTURE))].map(|sent| {
        let id = house.import(CONTACTS, Class::Contacts, &card(&format!("PHOTO{photo}\n")));
        desk.change(id, &[con::PICTURE], sent.into_iter().chain([Element::text(con::JOB_TITLE, "Countess")]).collect());
        let stored = house.stored(id).unwrap();
        assert!(stored.contains("Countess"));
        stored.contains("PHOTO")
    })
}

const INSIDE: &str = ";ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQ==";
const ELSEWHERE: &str = ";VALUE=uri:https://example.org/ada.jpg";

#[test]
fn i07_tc37_contact_picture_ghost_if_absent_keeps_a_photo_that_is_not_sent_and_so_does_every_other() {
    assert_eq!(photo_stays("ghost_if_absent", INSIDE), [true, false]);
    assert_eq!(photo_stays("normal", INSIDE), [true, false]);
}

#[test]
fn i08_tc38_contact_picture_ghost_if_empty_keeps_a_photo_that_is_sent_empty() {
    assert_eq!(photo_stays("ghost_if_empty", INSIDE), [true, true]);
}

#[test]
fn x12_tc39_contact_picture_empty_deletes_removes_a_photo_that_is_sent_empty_though_it_was_never_shown() {
    assert_eq!(photo_stays("empty_deletes", INSIDE), [true, false]);
    assert_eq!(photo_stays("normal", ELSEWHERE), [true, true]);
    assert_eq!(photo_stays("empty_deletes", ELSEWHERE), [true, false]);
}

#[test]
fn w08_contact_fileas_order_decides_what_a_contact_is_filed_under() {
    let stored = card("ORG:Engines Ltd\nX-FILE-AS:The Countess\n");
    for (order, filed) in [
        ("as-is", "The Countess"),
        ("last-first", "Lovelace, Ada"),
        ("first-last", "Ada Lovelace"),
        ("company", "Engines Ltd"),
    ] {
        let house = house(&[("contact.fileas_order", word(order))]);
        let id = house.import(CONTACTS, Class::Contacts, &stored);
        let mut desk = Desk::new(&house, Identity::android(), FolderType::Contacts);
        assert_eq!(desk.text(id, con::FILE_AS).as_deref(), Some(filed));
        desk.change(id, &[], vec![Element::text(con::JOB_TITLE, "Countess")]);
        assert!(house.stored(id).unwrap().contains("X-FILE-AS:The Countess\r\n"), "{order}: what the card says stays");
    }
}

/// A picture of four points, with `size` bytes: what follows its end is no part of it.
fn png(size: usize) -> Vec<u8> {
    const PNG: [u8; 78] = [
        0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00,
        0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x08, 0x02, 0x00, 0x00, 0x00, 0xFD, 0xD4, 0x9A, 0x73, 0x00, 0x00, 0x00,
        0x15, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9C, 0x63, 0x38, 0xC1, 0xC5, 0xC5, 0x75, 0x82, 0x8B, 0x01, 0x48, 0x9C,
        0x38, 0xC1, 0x05, 0x00, 0x1A, 0x58, 0x04, 0x2F, 0x32, 0xD0, 0x4C, 0x63, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45,
        0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
    ];
    let mut bytes = PNG.to_vec();
    bytes.resize(size, 0);
    bytes
}

#[test]
fn contact_photo_max_is_the_size_of_the_largest_photo_sent() {
    let most = |bytes: i64| [("contact.photo_max", Value::Number(bytes))];
    for (size, limit, sent_as_it_is) in [
        (5_000, 0, true),
        (5_000, 5_000, true),
        (5_000, 4_999, false),
        (90_000, 0, false),
        (90_000, 90_000, true),
        (90_000, 60_000, false),
    ] {
        let photo = base64(&png(size));
        let house = house(&most(limit));
        let stored = card(&format!("PHOTO;ENCODING=b;TYPE=PNG:{photo}\n"));
        let id = house.import(CONTACTS, Class::Contacts, &stored);
        let mut desk = Desk::new(&house, Identity::android(), FolderType::Contacts);
        let sent = desk.text(id, con::PICTURE).unwrap();
        assert_eq!(sent == photo, sent_as_it_is, "{size} {limit}");
        assert!(sent_as_it_is || (sent.starts_with("/9j/") && sent.len() < 4_000), "a small JPEG: {sent}");
        // What was shown comes back and changes nothing, however large it is.
        desk.change(id, &[], vec![Element::text(con::JOB_TITLE, "Countess")]);
        let after = house.stored(id).unwrap();
        let photo_line =
            |text: &str| text.replace("\r\n ", "").lines().find(|line| line.contains("PHOTO")).map(str::len);
        assert_eq!(photo_line(&after), photo_line(&stored));
    }
}

// ---- tasks and notes

const TASK_DATES: [Tag; 5] =
    [tasks::UTC_START_DATE, tasks::START_DATE, tasks::UTC_DUE_DATE, tasks::DUE_DATE, tasks::REMINDER_TIME];

fn task() -> String {
    let alarm = "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20100430T070000Z\nEND:VALARM";
    ics("VTODO", &format!("UID:t1\nSUMMARY:Soap\nDUE;VALUE=DATE:20100501\n{alarm}"))
}

#[test]
fn t05_tc58_task_task_dates_both_tells_a_start_wherever_a_task_is_due() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("task.task_dates", word("both"))]];
    let dates = |item: Element| TASK_DATES.map(|tag| item.text_of(tag).map(Cow::into_owned));
    let [utc, both] = object_under(settings, Identity::android, FolderType::Tasks, &task()).map(dates);
    let due = [Some("2010-04-30T22:00:00.000Z".to_owned()), Some("2010-05-01T00:00:00.000Z".to_owned())];
    assert_eq!((&utc[..2], &utc[2..4]), (&[None, None][..], &due[..]));
    assert_eq!((&both[..2], &both[2..4]), (&due[..], &due[..]));
    // It is told, not stored.
    let house = house(settings[1]);
    let id = house.import(TASKS, Class::Tasks, &task());
    let mut desk = Desk::new(&house, Identity::android(), FolderType::Tasks);
    desk.change(id, &[], vec![Element::text(tasks::SUBJECT, "Other")]);
    let stored = house.stored(id).unwrap();
    assert!(stored.contains("SUMMARY:Other") && !stored.contains("DTSTART"), "{stored}");
}

#[test]
fn i22_task_task_dates_local_tells_and_hears_local_midnight_in_every_date() {
    let settings: [&[(&str, Value)]; 2] = [&[], &[("task.task_dates", word("local"))]];
    let dates = |item: Element| TASK_DATES.map(|tag| item_text(&item, tag));
    let [utc, local] = object_under(settings, Identity::iphone_today, FolderType::Tasks, &task()).map(dates);
    let midnight = "2010-04-30T22:00:00.000Z";
    assert_eq!(utc[2..], [midnight, "2010-05-01T00:00:00.000Z", "2010-04-30T09:00:00.000Z"]);
    assert_eq!(local[2..], [midnight, midnight, "2010-04-30T07:00:00.000Z"]);
    let house = house(settings[1]);
    let id = house.import(TASKS, Class::Tasks, &task());
    let before = house.stored(id).unwrap();
    let mut desk = Desk::new(&house, Identity::iphone_today(), FolderType::Tasks);
    desk.change(id, &[], Vec::new());
    assert_eq!(house.stored(id).unwrap(), before);
    let edits = vec![
        Element::text(tasks::UTC_DUE_DATE, "2010-05-02T22:00:00.000Z"),
        Element::text(tasks::DUE_DATE, "2010-05-02T22:00:00.000Z"),
        Element::text(tasks::REMINDER_TIME, "2010-05-02T06:00:00.000Z"),
    ];
    desk.change(id, &[], edits);
    let stored = house.stored(id).unwrap();
    assert!(stored.contains("DUE;VALUE=DATE:20100503") && stored.contains(":20100502T060000Z"), "{stored}");
}

#[test]
fn t01_note_note_categories_cleared_if_absent_clears_them_whatever_is_ghosted() {
    for (name, kept) in [("spec", true), ("cleared_if_absent", false)] {
        let house = house(&[("note.note_categories", word(name)), ("sync.ghosting", word("all-ghosted"))]);
        let id = house.import(NOTES, Class::Notes, &ics("VJOURNAL", "UID:n1\nSUMMARY:Soap\nCATEGORIES:Bath,House"));
        let mut desk = Desk::new(&house, Identity::iphone_today(), FolderType::Notes);
        desk.change(id, &[notes::CATEGORIES], vec![Element::text(notes::SUBJECT, "Other")]);
        let stored = house.stored(id).unwrap();
        assert!(stored.contains("SUMMARY:Other"), "{stored}");
        assert_eq!(stored.contains("CATEGORIES"), kept, "{name}: {stored}");
    }
}

// ---- a change of settings

fn restart(house: &mut House, desk: &mut Desk, settings: &[(&str, Value)]) {
    let said = |plugin: ScriptedPlugin, (name, value): &(&str, Value)| plugin.set(name, value.clone());
    house.restart_with(Arc::new(settings.iter().fold(ScriptedPlugin::new(), said)));
    desk.phone.transport = house.socket("anna");
}

#[test]
fn contact_birthday_that_is_told_otherwise_now_is_sent_again_page_by_page_and_once() {
    let mut house = house(&[]);
    let ids: Vec<ServerId> =
        (0..5).map(|_| house.import(CONTACTS, Class::Contacts, &card("BDAY:1980-03-01\n"))).collect();
    let mut desk = Desk::new(&house, Identity::android(), FolderType::Contacts);
    desk.sync();
    restart(&mut house, &mut desk, &[("contact.birthday", word("utc08"))]);
    let folder = desk.folder.clone();
    let waits = desk.phone.ping(std::slice::from_ref(&folder), 600).unwrap();
    assert_eq!(waits, ("2".to_owned(), vec![folder.clone()]), "a phone that waits is told to come");
    let mut page = || {
        let asked = Sent { window: Some(2), ..Sent::ask(&folder) };
        let key = desk.phone.collections[&folder].key.clone();
        let synced = desk.phone.sync(std::slice::from_ref(&asked)).unwrap();
        // A lost answer comes again as it was.
        desk.phone.collections.get_mut(&folder).unwrap().key = key;
        assert!(synced.empty || desk.phone.sync(&[asked]).unwrap().collections == synced.collections);
        (synced.entries, synced.more)
    };
    assert_eq!([page(), page(), page()], [(2, true), (2, true), (1, false)]);
    for id in ids {
        let item = &desk.phone.items(&folder)[&id.to_string()];
        assert_eq!(item_text(item, con::BIRTHDAY), "1980-03-01T08:00:00.000Z");
    }
    assert!(desk.phone.sync(&[Sent::ask(&folder)]).unwrap().empty);
    // Settings that show nothing otherwise send nothing again.
    restart(&mut house, &mut desk, &[("contact.birthday", word("utc08")), ("contact.picture", word("empty_deletes"))]);
    assert!(desk.phone.sync(&[Sent::ask(&folder)]).unwrap().empty);
}

#[test]
fn calendar_attendees_that_were_hidden_survive_a_change_made_before_they_are_shown() {
    let mut house = house(&[("calendar.attendees", word("none"))]);
    let id = house.import(CALENDAR, Class::Calendar, &event(MEETING));
    let mut desk = Desk::new(&house, Identity::android(), FolderType::Calendar);
    assert!(desk.see(id).child(c::ATTENDEES).is_none());
    let mut properties: Vec<Element> = desk.see(id).children().filter(|one| one.tag != c::SUBJECT).cloned().collect();
    properties.push(Element::text(c::SUBJECT, "Other"));
    restart(&mut house, &mut desk, &[]);
    desk.send(id, properties);
    let stored = house.stored(id).unwrap();
    assert!(stored.contains("SUMMARY:Other") && stored.matches("\r\nATTENDEE").count() == 3, "{stored}");
    assert_eq!(desk.see(id).child(c::ATTENDEES).unwrap().children().count(), 3);
    // From now on what the phone leaves out is what its owner took out.
    desk.change(id, &[c::ATTENDEES], Vec::new());
    assert_eq!(house.stored(id).unwrap().matches("\r\nATTENDEE").count(), 0);
}

// ---- search

fn find(phone: &mut Phone<Socket>, store: &str, query: Vec<Element>, text: &str, options: Vec<Element>) -> Element {
    let mut asked = Element::of(search::QUERY, query);
    if !text.is_empty() {
        asked = Element::text(search::QUERY, text);
    }
    let store = [Element::text(search::NAME, store), asked, Element::of(search::OPTIONS, options)];
    let body = Element::of(search::SEARCH, [Element::of(search::STORE, store)]);
    let answer = phone.ask(Command::Search, Some(&body)).unwrap().unwrap();
    answer.at(&[search::RESPONSE, search::STORE]).unwrap().clone()
}

/// The entries of the address list that a phone finds.
fn people(settings: &[(&str, Value)], entries: &[GalEntry], options: Vec<Element>) -> (Vec<Element>, Element) {
    let house = house(settings);
    for entry in entries {
        house.store().put_gal_entry(house.anna.tenant, entry).unwrap();
    }
    let store = find(&mut house.ready(Identity::android()), "GAL", Vec::new(), "zz", options);
    (store.all(search::RESULT).filter_map(|result| result.child(search::PROPERTIES).cloned()).collect(), store)
}

fn entry(name: &str) -> GalEntry {
    let email = format!("{}@example.org", name.replace(' ', "."));
    GalEntry { display_name: name.to_owned(), email, ..GalEntry::default() }
}

#[test]
fn g30_search_gal_default_range_is_that_of_a_search_without_a_range() {
    let entries: Vec<GalEntry> = (10..70).map(|number| entry(&format!("zz{number}"))).collect();
    let settings = [("search.gal_default_range", Value::Number(49))];
    let (found, store) = people(&settings, &entries, Vec::new());
    assert_eq!((found.len(), item_text(&store, search::RANGE).as_str()), (50, "0-49"));
    assert_eq!(item_text(&store, search::TOTAL), "60");
    let (found, _) = people(&settings, &entries, vec![Element::text(search::RANGE, "0-99")]);
    assert_eq!(found.len(), 60);
    assert_eq!(people(&[], &entries, Vec::new()).0.len(), 60);
}

#[test]
fn n12_tc28_search_always_firstname_gives_every_entry_a_first_name() {
    let first = |settings: &[(&str, Value)]| {
        let found = people(settings, &[entry("zz")], Vec::new()).0.remove(0);
        assert_eq!(item_text(&found, gal::DISPLAY_NAME), "zz");
        found.child(gal::FIRST_NAME).map(|element| element.value().into_owned())
    };
    assert_eq!(first(&[]), None);
    assert_eq!(first(&[("search.always_firstname", on())]).as_deref(), Some(""));
}

#[test]
fn i43_search_names_takes_first_and_last_name_from_the_name_shown() {
    let names = |settings: &[(&str, Value)]| {
        let found = people(settings, &[entry("Ada zz")], Vec::new()).0.remove(0);
        [gal::FIRST_NAME, gal::LAST_NAME].map(|tag| item_text(&found, tag))
    };
    assert_eq!(names(&[]), ["", ""]);
    assert_eq!(names(&[("search.names", on())]), ["Ada", "zz"]);
}

#[test]
fn i41_o28_search_gal_photo_is_bytes_or_text_or_as_if_there_were_none() {
    let photo = vec![0xFF, 0xD8, 0xFF, 0];
    let with_photo = GalEntry { photo: Some(photo.clone()), ..entry("zz") };
    let picture = |form: &str| {
        let asks = vec![Element::new(search::PICTURE)];
        let settings = [("search.gal_photo", Value::Text(form.to_owned()))];
        let found = people(&settings, std::slice::from_ref(&with_photo), asks).0.remove(0);
        let picture = found.child(gal::PICTURE).unwrap().clone();
        (item_text(&picture, gal::STATUS), picture.child(gal::DATA).map(|data| data.bytes().into_owned()))
    };
    assert_eq!(picture("data"), ("1".into(), Some(photo.clone())));
    assert_eq!(picture("text"), ("1".into(), Some(base64(&photo).into_bytes())));
    assert_eq!(picture("none-status"), ("173".into(), None));
}

#[test]
fn o27_search_all_looks_everywhere_or_in_the_default_folder_where_a_search_names_no_folder() {
    let found = |settings: &[(&str, Value)], folder: Option<&str>| {
        let house = house(settings);
        let raw = short_mail("soap");
        house.deliver(&raw);
        let id = house.store().reserve_items(house.anna.id, 1).unwrap();
        let mut write = house.mail(id, &raw, "2026-03-02T09:00:00Z".parse().unwrap());
        let own = house.store().reserve_folder(house.anna.id).unwrap();
        if let Write::DeliverItem { folder, .. } = &mut write {
            *folder = own;
        }
        let folder_of_hers =
            Write::AddFolder { id: own, parent: None, name: "Bath".into(), kind: FolderType::UserMail };
        house.commit(vec![folder_of_hers, write]);
        let class = Element::text(airsync::CLASS, "Email");
        let text = Element::text(search::FREE_TEXT, "soap");
        let named = folder.map(|id| Element::text(airsync::COLLECTION_ID, id));
        let query = [class].into_iter().chain(named).chain([text]);
        let query = vec![Element::of(search::AND, query)];
        let store = find(&mut house.ready(Identity::android()), "Mailbox", query, "", Vec::new());
        item_text(&store, search::TOTAL)
    };
    let not_all: &[(&str, Value)] = &[("search.all", Value::Flag(false))];
    assert_eq!((found(&[], None).as_str(), found(not_all, None).as_str()), ("2", "1"));
    assert_eq!(found(not_all, Some("0")), "2", "folder 0 is everywhere, whatever is set");
}
