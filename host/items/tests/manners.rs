//! Whatever the manner, what a device is shown and sends back as it was changes no byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::path::Path;

use easel_items::manner::{Birthday, CalendarManner, ContactManner, FileAs, Picture, TaskDates, TzBlob, UidForm};
use easel_items::{
    BodyPreference, BodyPreferences, BodyType, Edit, Ghosting, ItemError, Manner, Owner, View, apply, calendar,
    contacts, notes, properties, tasks,
};
use easel_protocol::{Class, Version};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync::APPLICATION_DATA;
use jiff::tz::TimeZone;

type Split = fn(&str) -> Result<Vec<String>, ItemError>;

/// Every object of the sample files of a class.
fn objects(folder: &str, split: Split) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let samples = files.filter(|path| path.extension().is_some_and(|kind| kind == "ics" || kind == "vcf"));
    samples.flat_map(|path| split(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

fn manners() -> Vec<Manner> {
    let days = [
        Birthday::Utc00,
        Birthday::Utc08,
        Birthday::Utc11,
        Birthday::Utc12,
        Birthday::UserZone00,
        Birthday::AsIs,
        Birthday::DateOnly,
    ];
    let mut all: Vec<Manner> = Vec::new();
    for (number, birthday) in days.into_iter().enumerate() {
        all.push(Manner {
            calendar: CalendarManner {
                tz_blob: [TzBlob::Full, TzBlob::Needed, TzBlob::ZeroForDays][number % 3],
                allday_raw: number % 2 == 1,
                until_max: Some(2026 + number as i16).filter(|_| number > 1),
                organizer_always: number % 2 == 0,
                attendees_hidden: number % 4 == 3,
                reminder_explicit: number > 2,
                uid_form: [UidForm::AsIs, UidForm::HexUpper, UidForm::Base64][number % 3],
                always_uid: true,
                free_means_accepted: true,
            },
            contact: ContactManner {
                birthday,
                picture: [Picture::Normal, Picture::EmptyKeeps, Picture::EmptyDeletes][number % 3],
                file_as: [FileAs::AsIs, FileAs::LastFirst, FileAs::FirstLast, FileAs::Company][number % 4],
                photo_max: [0, 1_500, 500_000][number % 3],
            },
            task_dates: [TaskDates::Utc, TaskDates::Local, TaskDates::Both][number % 3],
            note_categories_cleared: true,
            no_rtf: true,
            ..Manner::default()
        });
    }
    all
}

fn check(class: Class, folder: &str, split: Split) {
    let samples = objects(folder, split);
    assert!(!samples.is_empty());
    let types = vec![BodyPreference { kind: BodyType::Text, truncation_size: None, all_or_none: false, preview: None }];
    let body = BodyPreferences { types, ..BodyPreferences::default() };
    let mut seen = 0;
    for zone in ["Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"] {
        let addresses = vec!["ada@example.org".to_owned()];
        let owner = Owner { name: "Ada".to_owned(), addresses, zone: TimeZone::get(zone).unwrap() };
        let versions = [Version::V2_5, Version::V12_1, Version::V14_1, Version::V16_1];
        for version in versions.into_iter().filter(|version| class != Class::Notes || *version >= Version::V14_0) {
            for manner in manners() {
                let now = "2026-03-01T10:00:00Z".parse().unwrap();
                let view = View { version, owner: &owner, body: &body, now, manner };
                for stored in &samples {
                    let Ok(shown) = properties(class, stored, &view) else { continue };
                    seen += 1;
                    let data = Element::of(APPLICATION_DATA, shown);
                    let edit = Edit {
                        data: &data,
                        ghosting: &Ghosting::None,
                        base: None,
                        shown: &body,
                        instance: None,
                        delete_instance: false,
                    };
                    let back = apply(class, Some(stored), &edit, &view).unwrap();
                    assert_eq!(back.content.as_deref(), Some(stored.as_str()), "{zone} {version} {manner:?}");
                    assert!(!back.changed);
                }
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn events_that_come_back_as_they_were_shown_are_not_changed_in_any_manner() {
    check(Class::Calendar, "calendar", calendar::split);
}

#[test]
fn contacts_that_come_back_as_they_were_shown_are_not_changed_in_any_manner() {
    check(Class::Contacts, "contacts", contacts::split);
}

#[test]
fn tasks_and_notes_that_come_back_as_they_were_shown_are_not_changed_in_any_manner() {
    check(Class::Tasks, "tasks", tasks::split);
    check(Class::Notes, "notes", notes::split);
}
