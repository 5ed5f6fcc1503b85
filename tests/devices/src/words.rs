//! What phones say and users have, in few words.

use easel_protocol::Class;
use easel_test_support::Synced;
use easel_wbxml::Element;
use easel_wbxml::pages::airsync;

/// An Add of a client.
pub fn add(client_id: &str, properties: impl IntoIterator<Item = Element>) -> Element {
    let data = Element::of(airsync::APPLICATION_DATA, properties);
    Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, client_id), data])
}

/// A Change of a client.
pub fn change(item: &str, properties: impl IntoIterator<Item = Element>) -> Element {
    let data = Element::of(airsync::APPLICATION_DATA, properties);
    Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, item), data])
}

/// A Fetch of a client.
pub fn fetch(item: &str) -> Element {
    Element::of(airsync::FETCH, [Element::text(airsync::SERVER_ID, item)])
}

/// A Delete of a client.
pub fn delete(item: &str) -> Element {
    Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, item)])
}

/// The children of Responses in the answer to one collection.
pub fn responses(synced: &Synced, folder: &str) -> Vec<Element> {
    let collection = synced.collections.get(folder);
    let all = collection.and_then(|collection| collection.child(airsync::RESPONSES));
    all.into_iter().flat_map(Element::children).cloned().collect()
}

/// The children of Commands in the answer to one collection.
pub fn commands(synced: &Synced, folder: &str) -> Vec<Element> {
    let collection = synced.collections.get(folder);
    let all = collection.and_then(|collection| collection.child(airsync::COMMANDS));
    all.into_iter().flat_map(Element::children).cloned().collect()
}

/// A card: its last name, and more lines.
pub fn card(last_name: &str, more: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:{last_name};;;;\r\nFN:{last_name}\r\n{more}END:VCARD\r\n")
}

/// A calendar with one event of half an hour: its title, which is its UID too, and more lines.
pub fn event(summary: &str, more: &str) -> String {
    event_at(summary, "DTSTART:20270303T091500Z\r\nDTEND:20270303T094500Z", more)
}

/// A calendar with one event at another time.
pub fn event_at(summary: &str, time: &str, more: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\nUID:{summary}@example.org\r\n\
         DTSTAMP:20260301T080000Z\r\n{time}\r\nSUMMARY:{summary}\r\n{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// A mail of Bob's: its subject, and more lines of its head.
pub fn mail(subject: &str, more: &str) -> String {
    format!(
        "From: Bob <bob@example.net>\r\n{more}Subject: {subject}\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\
         Message-ID: <{subject}@example.net>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Hello, this is {subject}.\r\n"
    )
}

/// The one item a phone holds of a folder: its ServerId and properties.
///
/// # Panics
/// When it holds none or several.
#[track_caller]
pub fn only<T: easel_test_support::Transport>(phone: &easel_test_support::Phone<T>, folder: &str) -> (String, Element) {
    let items = phone.items(folder);
    assert_eq!(items.len(), 1, "{items:#?}");
    items.into_iter().next().expect("there is one")
}

/// How many folders of a class a phone was told of.
pub fn folders_of<T>(phone: &easel_test_support::Phone<T>, class: Class) -> usize {
    phone.folders.values().filter(|folder| folder.kind.class() == Some(class)).count()
}
