//! An id of another mailbox is answered like one that never existed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, Line, raw_mail};
use easel_protocol::{CollectionId, Command, FolderType, ServerId};
use easel_store::{ChangeSet, Content, GalEntry, Store as _, User, Write};
use easel_test_support::{HttpResponse, Identity, Phone, Transport as _};
use easel_wbxml::pages::{airsync, airsyncbase, compose_mail as cm, item_operations as io, search};
use easel_wbxml::{Element, Tag, decode};

/// What a mailbox has that another one must not learn of.
struct Foreign {
    folder: CollectionId,
    item: ServerId,
    conversation: [u8; 16],
    entry: String,
}

const ATTACHMENT: &str = "From: bob@example.org\r\nTo: x@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n\
     Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\n\
     Content-Type: text/x-y; name=\"n\"\r\nContent-Disposition: attachment; filename=\"n\"\r\n\r\nzz\r\n--b--\r\n";

/// A mailbox with more in it than the own one has, so that its ids are not ids there.
fn filled(desk: &Desk, user: &User, entry: &str) -> Foreign {
    let folder = CollectionId::new(40);
    let commit = |writes| desk.store.commit(ChangeSet { user: user.id, author: None, writes }).unwrap();
    commit(vec![Write::AddFolder { id: folder, parent: None, name: "Theirs".into(), kind: FolderType::UserMail }]);
    let item = ServerId::new(90);
    let now = *desk.now.lock().unwrap();
    let raw = format!("Message-ID: <{}@theirs.example>\r\n{ATTACHMENT}", user.id.0);
    commit(vec![desk.mail(item, folder.number(), &raw, now)]);
    let snapshot = desk.store.snapshot(user.id).unwrap();
    let found = snapshot.item(item).unwrap().unwrap();
    assert!(matches!(found.content, Content::Mail(_)));
    let conversation = found.facts.conversation.expect("a mail has a conversation");
    let gal = GalEntry { display_name: entry.into(), email: format!("{entry}@x.example"), ..GalEntry::default() };
    desk.store.put_gal_entry(user.tenant, &gal).unwrap();
    Foreign { folder, item, conversation, entry: entry.into() }
}

/// What is answered, with the id asked for taken out.
fn answer(response: &HttpResponse, asked: &str) -> String {
    let body = if response.body.is_empty() { "nothing".into() } else { format!("{:?}", decode(&response.body)) };
    format!("{} {}", response.code, body.replace(asked, "ID"))
}

fn fetch(children: Vec<Element>) -> Element {
    let mut fetch = Element::of(io::FETCH, [Element::text(io::STORE, "Mailbox")]);
    fetch.extend(children);
    Element::of(io::ITEM_OPERATIONS, [fetch])
}

fn smart(root: Tag, source: Vec<Element>) -> Element {
    let mime = Element::opaque(cm::MIME, *b"To: bob@example.org\r\nSubject: s\r\n\r\nx\r\n");
    Element::of(root, [Element::text(cm::CLIENT_ID, "1"), Element::of(cm::SOURCE, source), mime])
}

fn mailbox(criteria: Vec<Element>) -> Element {
    let query = Element::of(search::QUERY, [Element::of(search::AND, criteria)]);
    let store = Element::of(search::STORE, [Element::text(search::NAME, "Mailbox"), query]);
    Element::of(search::SEARCH, [store])
}

fn moved(conversation: &[u8], to: &str) -> Element {
    let options = Element::of(io::OPTIONS, [Element::new(io::MOVE_ALWAYS)]);
    let children = [Element::opaque(io::CONVERSATION_ID, conversation), Element::text(io::DST_FLD_ID, to), options];
    Element::of(io::ITEM_OPERATIONS, [Element::of(io::MOVE, children)])
}

/// Every element that takes the id of a folder, with everything else in it of the own mailbox.
fn with_folder(id: &str) -> Vec<(Command, Element)> {
    let folder = || Element::text(airsync::COLLECTION_ID, id);
    let own = |tag| Element::text(tag, "a1");
    let text = Element::text(search::FREE_TEXT, "one");
    let source = || vec![Element::text(cm::FOLDER_ID, id), Element::text(cm::ITEM_ID, "a1")];
    vec![
        (Command::ItemOperations, fetch(vec![folder(), own(airsync::SERVER_ID)])),
        (
            Command::ItemOperations,
            Element::of(io::ITEM_OPERATIONS, [Element::of(io::EMPTY_FOLDER_CONTENTS, [folder()])]),
        ),
        (Command::ItemOperations, moved(&own_conversation(), id)),
        (Command::Search, mailbox(vec![folder(), text])),
        (Command::SmartReply, smart(cm::SMART_REPLY, source())),
        (Command::SmartForward, smart(cm::SMART_FORWARD, source())),
    ]
}

/// Every element that takes the id of an item.
fn with_item(id: &str, long: &str, file: &str) -> Vec<(Command, Element)> {
    let folder = || Element::text(airsync::COLLECTION_ID, "f1");
    let source = || vec![Element::text(cm::FOLDER_ID, "f1"), Element::text(cm::ITEM_ID, id)];
    let found = || vec![Element::text(cm::LONG_ID, long)];
    vec![
        (Command::ItemOperations, fetch(vec![folder(), Element::text(airsync::SERVER_ID, id)])),
        (Command::ItemOperations, fetch(vec![Element::text(airsync::SERVER_ID, id)])),
        (Command::ItemOperations, fetch(vec![Element::text(search::LONG_ID, long)])),
        (Command::ItemOperations, fetch(vec![Element::text(airsyncbase::FILE_REFERENCE, file)])),
        (Command::SmartReply, smart(cm::SMART_REPLY, source())),
        (Command::SmartReply, smart(cm::SMART_REPLY, found())),
        (Command::SmartForward, smart(cm::SMART_FORWARD, source())),
        (Command::SmartForward, smart(cm::SMART_FORWARD, found())),
    ]
}

fn own_conversation() -> [u8; 16] {
    let now = "2026-03-02T10:00:00Z".parse().unwrap();
    easel_items::email::index(raw_mail("one").as_bytes(), now).facts.conversation.unwrap()
}

fn post(phone: &mut Phone<Line>, command: Command, body: &Element, asked: &str) -> String {
    answer(&phone.post(command, Some(body)).unwrap(), asked)
}

#[test]
fn an_id_of_another_user_or_tenant_is_answered_like_one_that_never_was() {
    let desk = Desk::new();
    desk.deliver(1, &raw_mail("one"));
    let neighbour = desk::add_user(&desk.store, desk.tenant, "bob");
    let elsewhere = desk.store.add_tenant("ox.io").unwrap().id;
    let stranger = desk::add_user(&desk.store, elsewhere, "eve");
    let foreign = [filled(&desk, &neighbour, "Neighbour"), filled(&desk, &stranger, "Stranger")];
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();

    let (never_folder, never_item) = (CollectionId::new(0x7777), ServerId::new(0x7777));
    let of_item = |item: ServerId| {
        let digits = item.to_string().split_off(1);
        (item.to_string(), format!("e{digits}"), format!("c{digits}-2"))
    };
    let (never_id, never_long, never_file) = of_item(never_item);
    let asked =
        |text: &str, id: &str, long: &str, file: &str| text.replace(file, "ID").replace(long, "ID").replace(id, "ID");
    for theirs in &foreign {
        let folder = theirs.folder.to_string();
        let never = never_folder.to_string();
        for ((command, one), (_, other)) in with_folder(&folder).into_iter().zip(with_folder(&never)) {
            let (one, other) = (post(&mut phone, command, &one, &folder), post(&mut phone, command, &other, &never));
            assert_eq!(one, other, "{command}");
        }
        let (id, long, file) = of_item(theirs.item);
        let all = with_item(&id, &long, &file).into_iter().zip(with_item(&never_id, &never_long, &never_file));
        for ((command, one), (_, other)) in all {
            let one = asked(&post(&mut phone, command, &one, "\u{0}"), &id, &long, &file);
            let other = asked(&post(&mut phone, command, &other, "\u{0}"), &never_id, &never_long, &never_file);
            assert_eq!(one, other, "{command}");
        }
        let none = [7; 16];
        let conversation = |id: &[u8; 16]| mailbox(vec![Element::opaque(search::CONVERSATION_ID, *id)]);
        let (one, other) = (conversation(&theirs.conversation), conversation(&none));
        assert_eq!(
            post(&mut phone, Command::Search, &one, "\u{0}"),
            post(&mut phone, Command::Search, &other, "\u{0}")
        );
        let status = |phone: &mut Phone<Line>, id: &[u8; 16]| {
            let answer = phone.ask(Command::ItemOperations, Some(&moved(id, "f3"))).unwrap().unwrap();
            answer.at(&[io::RESPONSE, io::MOVE]).unwrap().text_of(io::STATUS).unwrap().into_owned()
        };
        assert_eq!((status(&mut phone, &theirs.conversation), status(&mut phone, &none)), ("6".into(), "6".into()));
    }
    // Nothing of theirs was touched, and nothing was sent.
    for (user, theirs) in [(&neighbour, &foreign[0]), (&stranger, &foreign[1])] {
        let snapshot = desk.store.snapshot(user.id).unwrap();
        assert_eq!(snapshot.folder_of(theirs.item).unwrap(), Some(theirs.folder));
    }
    assert!(desk.store.due_outgoing(i64::MAX, 10).unwrap().is_empty());
    // The address list ends at the tenant.
    let gal = |phone: &mut Phone<Line>, name: &str| {
        let query = Element::text(search::QUERY, name);
        let store = Element::of(search::STORE, [Element::text(search::NAME, "GAL"), query]);
        post(phone, Command::Search, &Element::of(search::SEARCH, [store]), name)
    };
    assert!(gal(&mut phone, &foreign[0].entry).contains("x.example"));
    assert_eq!(gal(&mut phone, &foreign[1].entry), gal(&mut phone, "Nobody"));
}

#[test]
fn an_id_in_a_query_of_old_versions_is_answered_like_one_that_never_was() {
    let desk = Desk::new();
    desk.deliver(1, &raw_mail("one"));
    let neighbour = desk::add_user(&desk.store, desk.tenant, "bob");
    let elsewhere = desk.store.add_tenant("ox.io").unwrap().id;
    let stranger = desk::add_user(&desk.store, elsewhere, "eve");
    let foreign = [filled(&desk, &neighbour, "Neighbour"), filled(&desk, &stranger, "Stranger")];
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let mut ask = |command, query: String| {
        let body = if command == Command::GetAttachment { "" } else { "To: b@example.org\r\nSubject: s\r\n\r\nx\r\n" };
        let mut request = phone.request(command, body.as_bytes(), "message/rfc822");
        request.query.push_str(&query);
        answer(&phone.transport.exchange(&request).unwrap(), "\u{0}")
    };
    for theirs in &foreign {
        let (item, digits) = (theirs.item.to_string(), theirs.item.to_string().split_off(1));
        for command in [Command::SmartReply, Command::SmartForward] {
            for (one, other) in [
                (format!("&CollectionId=f1&ItemId={item}"), "&CollectionId=f1&ItemId=a7777"),
                (format!("&CollectionId={}&ItemId={item}", theirs.folder), "&CollectionId=f7777&ItemId=a7777"),
                (format!("&CollectionId={}&ItemId=a1", theirs.folder), "&CollectionId=f7777&ItemId=a1"),
                (format!("&LongId=e{digits}"), "&LongId=e7777"),
            ] {
                assert_eq!(ask(command, one.clone()), ask(command, other.to_owned()), "{command}{one}");
            }
        }
        let (one, other) = (format!("&AttachmentName=c{digits}-2"), "&AttachmentName=c7777-2".to_owned());
        assert_eq!(ask(Command::GetAttachment, one), ask(Command::GetAttachment, other));
    }
    assert!(desk.store.due_outgoing(i64::MAX, 10).unwrap().is_empty());
}
