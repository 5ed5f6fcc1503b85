//! Contacts, tasks and notes as other programs write them: what a device is shown of each.
//!
//! A case is a file in `tests/fixtures/<class>/` and, for two versions, the properties beside it. `UPDATE_GOLDEN=1`
//! rewrites the latter; read that difference as code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::path::{Path, PathBuf};

use easel_items::{
    BodyPreference, BodyPreferences, BodyType, Edit, Ghosting, ItemError, Owner, View, apply, contacts, facts, notes,
    properties, tasks,
};
use easel_protocol::{Class, Version};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync::APPLICATION_DATA;
use jiff::tz::TimeZone;

fn fixtures(class: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(class)
}

fn owner() -> Owner {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    Owner { name: "Ada".to_owned(), addresses: vec!["ada@example.org".to_owned()], zone }
}

fn bodies() -> BodyPreferences {
    let types = vec![BodyPreference { kind: BodyType::Text, truncation_size: None, all_or_none: false, preview: None }];
    BodyPreferences { types, ..BodyPreferences::default() }
}

fn render(element: &Element, depth: usize, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
    out.push_str(&element.tag.to_string());
    if element.children().next().is_none() {
        let text = element.value();
        let short: String = text.chars().take(120).collect();
        let more = text.chars().count() - short.chars().count();
        out.push_str(&format!(" {short:?}"));
        if more > 0 {
            out.push_str(&format!(" and {more} more"));
        }
    }
    out.push('\n');
    for child in element.children() {
        render(child, depth + 1, out);
    }
}

type Split = fn(&str) -> Result<Vec<String>, ItemError>;

/// Every object of a file: its properties match what is written down, its facts are known, and what a device sends
/// back unchanged changes no byte.
fn check(class: Class, folder: &str, file: &str, split: Split) {
    let path = fixtures(folder).join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let (owner, body) = (owner(), bodies());
    for version in [Version::V2_5, Version::V16_1].into_iter().filter(|v| class != Class::Notes || *v >= Version::V14_0)
    {
        let view = View {
            version,
            owner: &owner,
            body: &body,
            now: "2026-03-01T10:00:00Z".parse().unwrap(),
            manner: easel_items::Manner::default(),
        };
        let mut shown = String::new();
        for object in split(&text).unwrap() {
            match properties(class, &object, &view) {
                Err(refused) => shown.push_str(&format!("left out: {refused}\n")),
                Ok(elements) => {
                    elements.iter().for_each(|element| render(element, 0, &mut shown));
                    let known = facts(class, &object, &view).unwrap();
                    shown.push_str(&format!("subject {:?}, people {:?}\n", known.subject, known.people));
                    let data = Element::of(APPLICATION_DATA, elements);
                    let edit = Edit {
                        data: &data,
                        ghosting: &Ghosting::None,
                        base: None,
                        shown: &body,
                        instance: None,
                        delete_instance: false,
                    };
                    let applied = apply(class, Some(&object), &edit, &view).unwrap();
                    assert_eq!(applied.content, Some(object), "{file} {version}");
                }
            }
            shown.push('\n');
        }
        let golden = path.with_extension(format!("{version}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &shown).unwrap();
        }
        assert_eq!(shown, std::fs::read_to_string(&golden).unwrap(), "{}", golden.display());
    }
}

#[test]
fn cards_of_google() {
    check(Class::Contacts, "contacts", "google.vcf", contacts::split);
}

#[test]
fn cards_of_apple_and_a_group_among_them() {
    check(Class::Contacts, "contacts", "apple.vcf", contacts::split);
}

#[test]
fn cards_of_outlook_in_version_2_1() {
    check(Class::Contacts, "contacts", "outlook.vcf", contacts::split);
}

#[test]
fn cards_of_thunderbird() {
    check(Class::Contacts, "contacts", "thunderbird.vcf", contacts::split);
}

#[test]
fn cards_of_nextcloud() {
    check(Class::Contacts, "contacts", "nextcloud.vcf", contacts::split);
}

#[test]
fn tasks_of_nextcloud() {
    check(Class::Tasks, "tasks", "nextcloud.ics", tasks::split);
}

#[test]
fn tasks_of_thunderbird_with_a_series_and_its_exception() {
    check(Class::Tasks, "tasks", "thunderbird.ics", tasks::split);
}

#[test]
fn tasks_of_apple() {
    check(Class::Tasks, "tasks", "apple.ics", tasks::split);
}

#[test]
fn notes_of_jtx_board() {
    check(Class::Notes, "notes", "jtx-board.ics", notes::split);
}

#[test]
fn memos_of_evolution() {
    check(Class::Notes, "notes", "evolution-memo.ics", notes::split);
}
