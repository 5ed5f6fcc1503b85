//! Hostile items over real sockets: what somebody made to hurt is delivered and imported between healthy items, and
//! phones of every version sync all of it through TLS.
//!
//! Each answer comes within [`ANSWER_SECS`], far above what one takes, none is a failure of the server, and no healthy
//! item is kept from a phone by what lies beside it.

#![expect(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use easel_protocol::{Class, Command, FolderType, Version};
use easel_test_support::{HttpRequest, HttpResponse, Identity, Phone, Socket, Transport, hostile, item_text};
use easel_wbxml::pages::{
    airsync, airsyncbase, calendar, compose_mail as cm, contacts, email, item_operations as io, tasks,
};
use easel_wbxml::{Element, Tag, decode};
use support::House;

#[path = "cli/support.rs"]
#[expect(dead_code, reason = "the tests of the verbs need more of it")]
mod support;

/// An answer that takes longer is a failure.
const ANSWER_SECS: u64 = 60;
/// Bytes of a line of the log: nobody outside decides how much is logged.
const LOG_LINE_MAX: usize = 2_000;

/// A socket that looks at every answer.
struct Watched {
    socket: Socket,
    slowest: Duration,
}

impl Transport for Watched {
    #[expect(clippy::disallowed_methods, reason = "how long an answer takes is what is looked at")]
    fn exchange(&mut self, request: &HttpRequest) -> anyhow::Result<HttpResponse> {
        let begun = Instant::now();
        let response = self.socket.exchange(request)?;
        self.slowest = self.slowest.max(begun.elapsed());
        anyhow::ensure!(response.code < 500, "{} is answered with {}", request.query, response.code);
        Ok(response)
    }
}

fn phone(address: SocketAddr, identity: Identity) -> Phone<Watched> {
    let version = identity.version;
    let socket = Watched { socket: Socket::new(address, "anna", "anna's word"), slowest: Duration::ZERO };
    let mut phone = Phone::new(socket, identity, "anna");
    phone.options().unwrap();
    assert_eq!(phone.version, version);
    phone.provision().unwrap();
    phone.folder_sync().unwrap();
    phone
}

/// Delivers a message; the reply to its end, or to the recipient if that is refused.
fn deliver(lmtp: &mut BufReader<UnixStream>, message: &str) -> u16 {
    let message = message.replace("\r\n.", "\r\n..");
    let (dot, end) =
        (if message.starts_with('.') { "." } else { "" }, if message.ends_with("\r\n") { "" } else { "\r\n" });
    for command in ["MAIL FROM:<eve@example.net>\r\n", "RCPT TO:<anna@example.org>\r\n", "DATA\r\n"] {
        lmtp.get_mut().write_all(command.as_bytes()).unwrap();
        assert!([250, 354].contains(&reply(lmtp)), "{command}");
    }
    lmtp.get_mut().write_all(format!("{dot}{message}{end}.\r\n").as_bytes()).unwrap();
    reply(lmtp)
}

/// The code of a reply, read to its last line.
fn reply(lmtp: &mut BufReader<UnixStream>) -> u16 {
    loop {
        let mut line = String::new();
        lmtp.read_line(&mut line).unwrap();
        if line.as_bytes().get(3) == Some(&b' ') {
            return line[..3].parse().unwrap();
        }
    }
}

fn lmtp(socket: &Path) -> BufReader<UnixStream> {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECS))).unwrap();
    let mut lmtp = BufReader::new(stream);
    assert_eq!(reply(&mut lmtp), 220);
    lmtp.get_mut().write_all(b"LHLO localhost\r\n").unwrap();
    assert_eq!(reply(&mut lmtp), 250);
    lmtp
}

fn healthy_mail(name: &str) -> String {
    format!(
        "From: Bob <bob@example.net>\r\nTo: anna@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@example.net>\r\n\
         Date: Mon, 02 Mar 2026 10:00:00 +0000\r\n\r\nHello, this is {name}.\r\n"
    )
}

/// Imports a file for each object, a healthy one after each hostile one; the names of the healthy ones.
fn import(house: &House, folder: &str, hostile: &[String], healthy: fn(&str) -> String) -> BTreeSet<String> {
    let ending = if folder == "cards" { "vcf" } else { "ics" };
    let mut names = BTreeSet::new();
    for (at, object) in hostile.iter().enumerate() {
        // Objects of one UID would be one object.
        let object = object.replace("UID:hostile\r\n", &format!("UID:hostile-{folder}-{at}\r\n"));
        let name = format!("healthy-{folder}-{at:03}");
        house.write(&format!("{folder}/{at:03}-hostile.{ending}"), object);
        house.write(&format!("{folder}/{at:03}-healthy.{ending}"), healthy(&name));
        names.insert(name);
    }
    let [added, ..] = house.import(&[&house.text(folder)]);
    assert!(added > names.len() as u64, "only {added} of {folder} were added");
    names
}

/// What a phone holds of a folder by one of its properties.
fn named(phone: &Phone<Watched>, kind: FolderType, name: Tag) -> BTreeSet<String> {
    let folder = phone.folder(kind).unwrap();
    phone.items(&folder).values().map(|item| item_text(item, name)).collect()
}

#[test]
fn hostile_items_neither_break_the_server_nor_keep_healthy_ones_from_a_phone() {
    let house = House::with_tls();
    let serving = house.serve();
    let mut postman = lmtp(&house.path("house/lmtp.sock"));
    let mut mails = BTreeSet::new();
    let mut hostile_mails = 0;
    for (at, message) in hostile::mails().iter().enumerate() {
        // One that breaks the rules of the line is refused; it must not be accepted and lost.
        match deliver(&mut postman, message) {
            250 => hostile_mails += 1,
            code => assert!((500..600).contains(&code), "mail {at}: {code}"),
        }
        let name = format!("healthy-mail-{at:03}");
        assert_eq!(deliver(&mut postman, &healthy_mail(&name)), 250, "after mail {at}");
        mails.insert(name);
    }
    assert!(hostile_mails > 20, "{hostile_mails} hostile mails were taken");
    let events = import(&house, "events", &hostile::events(), |name| hostile::event(name, name, ""));
    let todos = import(&house, "todos", &hostile::tasks(), |name| hostile::task(name, ""));
    let cards = import(&house, "cards", &hostile::cards(), |name| hostile::card(name, ""));

    for identity in [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android(), Identity::iphone_today()] {
        let version = identity.version;
        let mut phone = phone(serving.address, identity);
        for folder in phone.chosen() {
            phone.sync_folder(&folder, 10).unwrap();
        }
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        assert_eq!(phone.items(&inbox).len(), mails.len() + hostile_mails, "{version}: all mail can be shown");
        let all = [
            (FolderType::Inbox, email::SUBJECT, &mails),
            (FolderType::Calendar, calendar::SUBJECT, &events),
            (FolderType::Contacts, contacts::LAST_NAME, &cards),
            (FolderType::Tasks, tasks::SUBJECT, &todos),
        ];
        for (kind, name, healthy) in all {
            if phone.identity.classes.contains(&kind.class().unwrap_or(Class::Email)) {
                let there = named(&phone, kind, name);
                let missing: Vec<_> = healthy.difference(&there).collect();
                assert!(missing.is_empty(), "a phone of {version} has not got {missing:?}");
            }
        }
        read_whole(&mut phone, &inbox);
        if version >= Version::V14_0 {
            hand_on(&mut phone, &inbox);
        }
        let slowest = phone.transport.slowest;
        assert!(slowest < Duration::from_secs(ANSWER_SECS), "an answer to {version} took {slowest:?}");
        // And it still hears of what is new.
        let name = format!("healthy-mail-{version}");
        assert_eq!(deliver(&mut postman, &healthy_mail(&name)), 250);
        phone.sync_folder(&inbox, 10).unwrap();
        assert!(named(&phone, FolderType::Inbox, email::SUBJECT).contains(&name), "{version}");
        mails.insert(name);
    }
    let (_, log) = serving.stop("TERM");
    let longest = log.lines().max_by_key(|line| line.len()).unwrap_or_default();
    assert!(longest.len() < LOG_LINE_MAX, "a line of {} bytes: {}", longest.len(), &longest[..200]);
}

/// Fetches every mail in full, as text and as it came.
fn read_whole(phone: &mut Phone<Watched>, inbox: &str) {
    if phone.version < Version::V12_0 {
        return;
    }
    for id in phone.items(inbox).into_keys() {
        for kind in [1, 4] {
            let preference = Element::of(airsyncbase::BODY_PREFERENCE, [Element::number(airsyncbase::TYPE, kind)]);
            let options = [Element::number(airsync::MIME_SUPPORT, 2), preference];
            let fetch = [
                Element::text(io::STORE, "Mailbox"),
                Element::text(airsync::COLLECTION_ID, inbox),
                Element::text(airsync::SERVER_ID, id.as_str()),
                Element::of(io::OPTIONS, options),
            ];
            let body = Element::of(io::ITEM_OPERATIONS, [Element::of(io::FETCH, fetch)]);
            let answer = phone.ask(Command::ItemOperations, Some(&body)).unwrap().unwrap();
            let status = answer.at(&[io::RESPONSE, io::FETCH]).unwrap().text_of(io::STATUS).unwrap().into_owned();
            assert_eq!(status, "1", "{id} of kind {kind} in {}", phone.version);
        }
    }
}

/// Forwards every mail to somebody else: it goes out, or the phone is told why not.
fn hand_on(phone: &mut Phone<Watched>, inbox: &str) {
    for id in phone.items(inbox).into_keys() {
        let source = [Element::text(cm::FOLDER_ID, inbox), Element::text(cm::ITEM_ID, id.as_str())];
        let body = Element::of(
            cm::SMART_FORWARD,
            [
                Element::text(cm::CLIENT_ID, format!("forward-{id}")),
                Element::of(cm::SOURCE, source),
                Element::opaque(cm::MIME, *b"To: x@example.net\r\nSubject: look at this\r\n\r\nLook.\r\n"),
            ],
        );
        let response = phone.post(Command::SmartForward, Some(&body)).unwrap();
        assert_eq!(response.code, 200);
        if !response.body.is_empty() {
            let status = decode(&response.body).unwrap().text_of(cm::STATUS).unwrap().into_owned();
            assert!(["121", "122"].contains(&status.as_str()), "{id} in {}: {status}", phone.version);
        }
    }
}
