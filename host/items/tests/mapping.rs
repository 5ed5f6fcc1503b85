//! Every element of the five classes: from a phone into the store and back, unchanged, in every version that has it;
//! or its row in `MAPPING.md` says why not.
//!
//! The list of elements is the published one, `tests/fixtures/spec/elements.tsv`. A class joins by a line in [`SHEETS`]
//! and samples of its elements.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::BTreeMap;
use std::path::Path;

use easel_items::email::index;
use easel_items::{BodyPreference, BodyPreferences, BodyType, Edit, Ghosting, Owner, View, apply, email, properties};
use easel_protocol::{Class, MailRecord, ServerId, Version};
use easel_wbxml::pages::airsync::APPLICATION_DATA;
use easel_wbxml::{Element, Tag};
use jiff::tz::TimeZone;

/// A class: its heading, the namespaces that are its own, and a sample of each of its elements.
struct Sheet {
    class: Class,
    namespaces: &'static [&'static str],
    /// The children of an ApplicationData that holds the element, in that version.
    sample: fn(namespace: &str, element: &str, version: Version) -> Vec<Element>,
}

const SHEETS: [Sheet; 5] = [
    Sheet { class: Class::Calendar, namespaces: &["Calendar"], sample: event_sample },
    Sheet { class: Class::Email, namespaces: &["Email", "Email2"], sample: email_sample },
    Sheet { class: Class::Contacts, namespaces: &["Contacts", "Contacts2"], sample: contact_sample },
    Sheet { class: Class::Tasks, namespaces: &["Tasks"], sample: task_sample },
    Sheet { class: Class::Notes, namespaces: &["Notes"], sample: note_sample },
];

/// How the remarks of a row begin whose element does not come back.
const ONE_WAY: [&str; 3] = ["out only", "computed", "not kept"];

/// The time zone of Berlin, without names.
const BERLIN: &str = "xP///wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAF\
    AAMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAMAAAAFAAIAAAAAAAAAxP///w==";
/// What only the server writes from 16.0: MS-ASCAL 2.2.2.18, 2.2.2.34, 2.2.2.35, 2.2.2.46, 2.2.2.5.
const SERVER_FROM_16: [&str; 5] = ["DtStamp", "OrganizerEmail", "OrganizerName", "UID", "AttendeeStatus"];

/// A row of the published list.
struct Row {
    namespace: String,
    element: String,
    versions: String,
}

fn published() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/spec/elements.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let own = rows.filter(|cells| cells[2].ends_with("class"));
    own.map(|cells| Row { namespace: cells[0].to_owned(), element: cells[1].to_owned(), versions: cells[7].to_owned() })
        .collect()
}

impl Row {
    fn is_in(&self, version: Version) -> bool {
        let number = |text: &str| Version::parse(text).unwrap();
        match self.versions.split_once('-') {
            Some((first, last)) => (number(first)..=number(last)).contains(&version),
            None => match self.versions.strip_suffix('+') {
                Some(first) => version >= number(first),
                None => version == number(&self.versions),
            },
        }
    }
}

/// The rows of `MAPPING.md`: by class, the remarks of each element. Elements of other pages carry their namespace.
fn mapping() -> BTreeMap<String, BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("MAPPING.md");
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        if let Some(class) = line.strip_prefix("## ") {
            class.clone_into(&mut heading);
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", element, _, remarks, ""] = cells.as_slice() {
            let twice = all.entry(heading.clone()).or_default().insert((*element).to_owned(), (*remarks).to_owned());
            assert_eq!(twice, None, "{heading}: {element} has two rows");
        }
    }
    all
}

fn is_one_way(remarks: &str) -> bool {
    ONE_WAY.iter().any(|words| remarks.starts_with(words))
}

/// What one phone sees and sends.
struct Phone {
    owner: Owner,
    body: BodyPreferences,
    version: Version,
}

impl Phone {
    fn new(version: Version) -> Self {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let owner = Owner { name: "Ada".to_owned(), addresses: vec!["ada@example.org".to_owned()], zone };
        let types =
            vec![BodyPreference { kind: BodyType::Text, truncation_size: None, all_or_none: false, preview: None }];
        Self { owner, body: BodyPreferences { types, ..BodyPreferences::default() }, version }
    }

    fn view(&self) -> View<'_> {
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        View {
            version: self.version,
            owner: &self.owner,
            body: &self.body,
            now,
            manner: easel_items::Manner::default(),
        }
    }

    /// Into the store and back: what the phone is shown of what it has just sent.
    fn echo(&self, class: Class, sent: Vec<Element>) -> Vec<Element> {
        let data = Element::of(APPLICATION_DATA, sent);
        if class == Class::Email {
            return self.echo_mail(&data);
        }
        let content = self.send(class, None, &data);
        let shown = properties(class, &content, &self.view()).unwrap();
        let again = Element::of(APPLICATION_DATA, shown.clone());
        assert_eq!(self.send(class, Some(&content), &again), content, "its own echo changes the object");
        shown
    }

    fn send(&self, class: Class, current: Option<&str>, data: &Element) -> String {
        let ghosting = Ghosting::None;
        let edit =
            Edit { data, ghosting: &ghosting, base: None, shown: &self.body, instance: None, delete_instance: false };
        apply(class, current, &edit, &self.view()).unwrap().content.unwrap()
    }

    fn echo_mail(&self, data: &Element) -> Vec<Element> {
        let raw: &[u8] = b"From: a@example.org\r\nTo: ada@example.org\r\nSubject: s\r\n\r\ntext\r\n";
        let indexed = index(raw, self.view().now);
        let (record, _) = email::apply(&MailRecord::arrived(0), data, &self.view(), "s").unwrap();
        email::properties(ServerId::new(1), &indexed.index, &record, &raw, &self.view()).unwrap()
    }
}

/// The first element of that tag, however deep.
fn find(elements: &[Element], tag: Tag) -> Option<Element> {
    elements.iter().find_map(|element| {
        if element.tag == tag {
            return Some(element.clone());
        }
        let inside: Vec<Element> = element.children().cloned().collect();
        find(&inside, tag)
    })
}

/// Whether everything sent inside an element is shown inside it.
fn holds(shown: &Element, sent: &Element) -> bool {
    shown.value() == sent.value()
        && sent.children().all(|child| shown.children().any(|other| other.tag == child.tag && holds(other, child)))
}

#[test]
fn every_element_goes_to_the_store_and_back_or_its_row_says_why_not() {
    let mapping = mapping();
    let mut walked = 0;
    let mut lost = Vec::new();
    for sheet in &SHEETS {
        let rows = &mapping[sheet.class.name()];
        for row in published().iter().filter(|row| sheet.namespaces.contains(&row.namespace.as_str())) {
            let own = row.namespace == sheet.namespaces[0];
            let name = if own { row.element.clone() } else { format!("{}:{}", row.namespace, row.element) };
            let remarks = rows.get(&name).unwrap_or_else(|| panic!("{}: no row for {name}", sheet.class));
            if is_one_way(remarks) {
                continue;
            }
            let tag = Tag::by_name(&row.namespace, &row.element).unwrap();
            for version in Version::ALL.into_iter().filter(|version| row.is_in(*version)) {
                if sheet.class == Class::Calendar
                    && version >= Version::V16_0
                    && SERVER_FROM_16.contains(&name.as_str())
                {
                    continue;
                }
                let sent = (sheet.sample)(&row.namespace, &row.element, version);
                let wanted = find(&sent, tag).unwrap_or_else(|| panic!("no sample of {name}"));
                let shown = Phone::new(version).echo(sheet.class, sent);
                let came_back = find(&shown, tag);
                if !came_back.as_ref().is_some_and(|shown| holds(shown, &wanted)) {
                    lost.push(format!("{} {name} in {version}: sent {wanted:?}, shown {came_back:?}", sheet.class));
                }
                walked += 1;
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    assert!(walked > 700, "{walked}");
}

#[test]
fn bodies_go_to_the_store_and_back_in_every_version_that_has_them() {
    let classes = [
        (Class::Calendar, Version::V12_0),
        (Class::Contacts, Version::V12_0),
        (Class::Tasks, Version::V12_0),
        (Class::Notes, Version::V14_0),
    ];
    for (class, first) in classes {
        assert!(!is_one_way(&mapping()[class.name()]["AirSyncBase:Body"]));
        for version in Version::ALL.into_iter().filter(|version| *version >= first) {
            let data = [text("AirSyncBase", "Type", "1"), text("AirSyncBase", "Data", "two\r\nlines, \u{20ac}")];
            let body = Element::of(tag("AirSyncBase", "Body"), data);
            let mut sent = vec![body.clone(), text("Tasks", "Complete", "0")];
            sent.extend(event_sample("Calendar", "Subject", version));
            let shown = Phone::new(version).echo(class, sent);
            assert!(find(&shown, body.tag).is_some_and(|shown| holds(&shown, &body)), "{class} {version}");
        }
    }
}

#[test]
fn the_place_of_an_event_goes_to_the_store_and_back_from_16_0() {
    for version in [Version::V16_0, Version::V16_1] {
        let part = |name: &str, value: &str| text("AirSyncBase", name, value);
        let parts = [
            part("DisplayName", "Room 1, 2; 3"),
            part("Annotation", "second floor"),
            part("Street", "Unter den Linden 1"),
            part("City", "Berlin"),
            part("State", "BE"),
            part("Country", "Germany"),
            part("PostalCode", "10117"),
            part("Latitude", "52.5"),
            part("Longitude", "13.25"),
            part("Accuracy", "5"),
            part("Altitude", "34"),
            part("AltitudeAccuracy", "2"),
            part("LocationUri", "https://example.org/place"),
        ];
        let place = Element::of(tag("AirSyncBase", "Location"), parts);
        let mut sent = event_sample("Calendar", "Subject", version);
        sent.push(place.clone());
        let shown = find(&Phone::new(version).echo(Class::Calendar, sent), place.tag);
        assert!(shown.as_ref().is_some_and(|shown| holds(shown, &place)), "{version}: {shown:?}");
    }
}

#[test]
fn every_row_is_about_a_published_element() {
    for sheet in &SHEETS {
        for name in mapping()[sheet.class.name()].keys().filter(|name| !matches!(name.as_str(), "element" | "---")) {
            let (namespace, element) = name.split_once(':').unwrap_or((sheet.namespaces[0], name));
            assert!(Tag::by_name(namespace, element).is_some(), "{}: {name}", sheet.class);
        }
    }
}

fn tag(namespace: &str, element: &str) -> Tag {
    Tag::by_name(namespace, element).unwrap_or_else(|| panic!("no element {namespace}:{element}"))
}

fn text(namespace: &str, element: &str, value: &str) -> Element {
    Element::text(tag(namespace, element), value)
}

fn list(namespace: &str, element: &str, member: &str) -> Element {
    Element::of(tag(namespace, element), [text(namespace, member, "one, two"), text(namespace, member, "\u{4e09}; 4")])
}

fn email_sample(namespace: &str, element: &str, _: Version) -> Vec<Element> {
    let complete = [
        text("Email", "Status", "1"),
        text("Email", "FlagType", "Flag for follow up"),
        text("Email", "CompleteTime", "2026-02-03T10:00:00.000Z"),
        text("Tasks", "DateCompleted", "2026-02-03T10:00:00.000Z"),
    ];
    match element {
        "Flag" | "Status" | "FlagType" => vec![Element::of(
            tag("Email", "Flag"),
            [
                text("Email", "Status", "2"),
                text("Email", "FlagType", "Flag for follow up"),
                text("Tasks", "Subject", "remember"),
                text("Tasks", "StartDate", "2026-03-02T00:00:00.000Z"),
                text("Tasks", "UtcStartDate", "2026-03-01T23:00:00.000Z"),
                text("Tasks", "DueDate", "2026-03-03T00:00:00.000Z"),
                text("Tasks", "UtcDueDate", "2026-03-02T23:00:00.000Z"),
            ],
        )],
        "CompleteTime" => vec![Element::of(tag("Email", "Flag"), complete)],
        "Categories" | "Category" => vec![list("Email", "Categories", "Category")],
        "Read" => vec![text("Email", "Read", "1")],
        _ => vec![text(namespace, element, "x")],
    }
}

fn event_sample(_: &str, element: &str, version: Version) -> Vec<Element> {
    let event = |name: &str, value: &str| text("Calendar", name, value);
    let from_16 = version >= Version::V16_0;
    let mut all = vec![event("Subject", "a, b; c")];
    if element == "AllDayEvent" {
        let midnights = ["20260601T000000Z", "20260602T000000Z"];
        let berlin = ["20260531T220000Z", "20260601T220000Z"];
        let [start, end] = if from_16 { midnights } else { berlin };
        all.extend([event("AllDayEvent", "1"), event("StartTime", start), event("EndTime", end)]);
    } else {
        all.extend([event("StartTime", "20260601T080000Z"), event("EndTime", "20260601T093000Z")]);
    }
    if !from_16 {
        all.extend([event("UID", "event-1"), event("DtStamp", "20260301T100000Z"), event("Timezone", BERLIN)]);
    }
    match element {
        "AllDayEvent" | "Subject" | "StartTime" | "EndTime" | "UID" | "DtStamp" => {}
        "Timezone" if from_16 => all.push(event("Timezone", BERLIN)),
        "Timezone" => {}
        "Attendee" | "Attendees" | "AttendeeStatus" | "AttendeeType" | "Email" | "Name" | "ResponseRequested" => {
            let mut attendee = vec![event("Email", "bob@example.org"), event("Name", "Bob, B.")];
            if (Version::V12_0..Version::V16_0).contains(&version) {
                attendee.push(event("AttendeeStatus", "3"));
            }
            if version >= Version::V12_0 {
                attendee.push(event("AttendeeType", "2"));
            }
            all.push(Element::of(tag("Calendar", "Attendees"), [Element::of(tag("Calendar", "Attendee"), attendee)]));
            all.push(event("MeetingStatus", "1"));
            if version >= Version::V14_0 {
                all.push(event("ResponseRequested", "1"));
            }
        }
        "OrganizerEmail" | "OrganizerName" => {
            all.extend([event("OrganizerEmail", "ada@example.org"), event("OrganizerName", "Ada L., Countess")]);
        }
        "Body" => all.push(event("Body", "two\r\nlines, \u{20ac}")),
        "BusyStatus" => all.push(event("BusyStatus", "3")),
        "Sensitivity" => all.push(event("Sensitivity", "1")),
        "Reminder" => all.push(event("Reminder", "15")),
        "DisallowNewTimeProposal" => all.push(event("DisallowNewTimeProposal", "1")),
        "Location" => all.push(event("Location", "Room 1, 2; 3")),
        "Categories" | "Category" => all.push(list("Calendar", "Categories", "Category")),
        _ => all.push(Element::of(tag("Calendar", "Recurrence"), recurrence_of("Calendar", element))),
    }
    if matches!(element, "Exceptions" | "Exception" | "Deleted" | "ExceptionStartTime") {
        let key = if from_16 {
            text("AirSyncBase", "InstanceId", "20260603T080000Z")
        } else {
            event("ExceptionStartTime", "20260603T080000Z")
        };
        let exception = Element::of(tag("Calendar", "Exception"), [event("Deleted", "1"), key]);
        all.push(Element::of(tag("Calendar", "Exceptions"), [exception]));
    }
    all
}

fn contact_sample(namespace: &str, element: &str, _: Version) -> Vec<Element> {
    match element {
        "Children" | "Child" => vec![list("Contacts", "Children", "Child")],
        "Categories" | "Category" => vec![list("Contacts", "Categories", "Category")],
        "Birthday" | "Anniversary" => vec![text(namespace, element, "1980-03-01T00:00:00.000Z")],
        "Picture" => vec![text(namespace, element, "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAEB")],
        "Body" => vec![text(namespace, element, "two\r\nlines, \u{20ac}")],
        name if name.ends_with("Street") => vec![text(namespace, element, "House \u{e9}; 1\r\nStreet, 2")],
        _ => vec![text(namespace, element, &format!("{element}, \u{20ac}; \\n"))],
    }
}

fn task_sample(_: &str, element: &str, _: Version) -> Vec<Element> {
    let task = |name: &str, value: &str| text("Tasks", name, value);
    let mut all = vec![task("Subject", "a, b; c"), task("Complete", "0")];
    let start = [task("UtcStartDate", "2026-03-02T08:00:00.000Z"), task("StartDate", "2026-03-02T09:00:00.000Z")];
    match element {
        "Body" => all.push(task("Body", "two\r\nlines, \u{20ac}")),
        "Categories" | "Category" => all.push(list("Tasks", "Categories", "Category")),
        "Complete" | "DateCompleted" => {
            all[1] = task("Complete", "1");
            all.push(task("DateCompleted", "2026-03-01T09:08:07.000Z"));
        }
        "StartDate" | "UtcStartDate" => all.extend(start),
        "DueDate" | "UtcDueDate" => {
            all.extend([task("UtcDueDate", "2026-07-01T22:00:00.000Z"), task("DueDate", "2026-07-02T00:00:00.000Z")]);
        }
        "Importance" => all.push(task("Importance", "2")),
        "Sensitivity" => all.push(task("Sensitivity", "3")),
        "ReminderSet" | "ReminderTime" => {
            all.extend([task("ReminderSet", "1"), task("ReminderTime", "2026-03-02T09:00:00.000Z")]);
        }
        "OrdinalDate" => all.push(task("OrdinalDate", "2026-03-02T09:08:07.654Z")),
        "SubOrdinalDate" => all.push(task("SubOrdinalDate", "5555555")),
        "Subject" => {}
        _ => all.push(Element::of(tag("Tasks", "Recurrence"), recurrence(element))),
    }
    all
}

fn recurrence(element: &str) -> Vec<Element> {
    let mut parts = recurrence_of("Tasks", element);
    parts.push(text("Tasks", "Start", "2026-03-01T23:00:00.000Z"));
    parts
}

/// A Recurrence that holds the element.
fn recurrence_of(namespace: &str, element: &str) -> Vec<Element> {
    let mut parts: Vec<(&str, &str)> = match element {
        "DayOfMonth" | "CalendarType" => vec![("Type", "2"), ("DayOfMonth", "15")],
        "WeekOfMonth" => vec![("Type", "3"), ("DayOfWeek", "4"), ("WeekOfMonth", "5")],
        "MonthOfYear" => vec![("Type", "5"), ("DayOfMonth", "15"), ("MonthOfYear", "6")],
        "IsLeapMonth" => vec![("Type", "5"), ("DayOfMonth", "15"), ("MonthOfYear", "6")],
        // Monday, Wednesday, Friday
        _ => vec![("Type", "1"), ("DayOfWeek", "42")],
    };
    parts.push(("Interval", "2"));
    match element {
        "CalendarType" => parts.push(("CalendarType", "6")),
        "IsLeapMonth" => parts.extend([("CalendarType", "8"), ("IsLeapMonth", "1")]),
        "FirstDayOfWeek" => parts.push(("FirstDayOfWeek", "6")),
        "Until" if namespace == "Calendar" => parts.push(("Until", "20261230T090000Z")),
        "Until" => parts.push(("Until", "2026-12-31T23:00:00.000Z")),
        "Occurrences" => parts.push(("Occurrences", "12")),
        "Regenerate" => parts.push(("Regenerate", "1")),
        "DeadOccur" => parts.push(("DeadOccur", "1")),
        _ => {}
    }
    parts.into_iter().map(|(name, value)| text(namespace, name, value)).collect()
}

fn note_sample(_: &str, element: &str, _: Version) -> Vec<Element> {
    let note = |name: &str, value: &str| text("Notes", name, value);
    match element {
        "Categories" | "Category" => vec![list("Notes", "Categories", "Category")],
        "MessageClass" => vec![note("MessageClass", "IPM.StickyNote.Blue")],
        _ => vec![note(element, "a, b; \u{20ac}")],
    }
}
