use easel_protocol::{Class, Version};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsyncbase, notes as n};
use proptest::prelude::*;

use super::*;
use crate::BodyType;
use crate::desk::{Desk, body, text_bodies};

const NOTE: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Somebody//EN\r\nBEGIN:VJOURNAL\r\nUID:note-1\r\n\
    DTSTAMP:20260101T000000Z\r\nLAST-MODIFIED:20260202T020202Z\r\nSUMMARY:Shopping\r\nDESCRIPTION:Milk\\nBread\\, brown\r\n\
    CATEGORIES:Home\r\nCOLOR:yellow\r\nX-ODD:1\r\nEND:VJOURNAL\r\nEND:VCALENDAR\r\n";

fn desk() -> Desk {
    Desk::new(Class::Notes, Version::V14_1)
}

#[test]
fn a_note_shows_what_it_says() {
    let desk = desk();
    let tags: Vec<_> = desk.see(NOTE).iter().map(|element| element.tag).collect();
    assert_eq!(tags, [n::SUBJECT, airsyncbase::BODY, n::MESSAGE_CLASS, n::LAST_MODIFIED_DATE, n::CATEGORIES]);
    assert_eq!(desk.text(NOTE, n::SUBJECT).as_deref(), Some("Shopping"));
    assert_eq!(desk.text(NOTE, n::MESSAGE_CLASS).as_deref(), Some("IPM.StickyNote"));
    assert_eq!(desk.text(NOTE, n::LAST_MODIFIED_DATE).as_deref(), Some("20260202T020202Z"));
    let shown = desk.see(NOTE).into_iter().find(|element| element.tag == airsyncbase::BODY).unwrap();
    assert_eq!(shown.text_of(airsyncbase::DATA).unwrap(), "Milk\r\nBread, brown");
}

#[test]
fn what_comes_back_unchanged_changes_no_byte() {
    for version in [Version::V14_0, Version::V14_1, Version::V16_0, Version::V16_1] {
        let desk = Desk::new(Class::Notes, version);
        let applied = desk.send(Some(NOTE), desk.see(NOTE)).unwrap();
        assert_eq!(applied.content.as_deref(), Some(NOTE));
        assert!(!applied.changed);
    }
}

#[test]
fn absent_categories_go_and_absent_body_and_subject_stay() {
    let changed = desk().change_without(NOTE, &[n::SUBJECT, airsyncbase::BODY, n::CATEGORIES, n::MESSAGE_CLASS]);
    assert!(changed.contains("SUMMARY:Shopping") && changed.contains("Milk") && !changed.contains("CATEGORIES"));
    assert!(changed.contains("LAST-MODIFIED:20260301T100000Z") && changed.contains("COLOR:yellow"));
    let cleared = desk().change(NOTE, vec![Element::new(n::SUBJECT), body(BodyType::Text, "")]);
    assert!(!cleared.contains("SUMMARY") && !cleared.contains("DESCRIPTION"), "{cleared}");
}

#[test]
fn the_time_of_change_that_a_device_sends_is_ignored() {
    let changed = desk().change(NOTE, vec![Element::text(n::LAST_MODIFIED_DATE, "20300101T000000Z")]);
    assert_eq!(changed, NOTE);
    let undated = NOTE.replace("LAST-MODIFIED:20260202T020202Z\r\n", "").replace("DTSTAMP:20260101T000000Z\r\n", "");
    assert_eq!(desk().text(&undated, n::LAST_MODIFIED_DATE).as_deref(), Some("19700101T000000Z"));
}

#[test]
fn a_note_is_a_sticky_note_or_a_kind_of_one() {
    let desk = desk();
    let of = |class: &str| vec![Element::text(n::SUBJECT, "x"), Element::text(n::MESSAGE_CLASS, class)];
    for class in ["IPM.Note", "IPM.StickyNotes", "ipm.stickynote"] {
        let refused = desk.send(None, of(class)).unwrap_err();
        assert_eq!(refused.to_string(), "MessageClass: neither IPM.StickyNote nor a subclass of it", "{class}");
    }
    let added = desk.add(of("IPM.StickyNote.Yellow"));
    assert_eq!(desk.text(&added, n::MESSAGE_CLASS).as_deref(), Some("IPM.StickyNote.Yellow"));
    assert!(!desk.add(of("IPM.StickyNote")).contains("X-EASEL"));
}

#[test]
fn a30_a_body_without_data_keeps_what_is_there() {
    let only_type = Element::of(airsyncbase::BODY, [Element::text(airsyncbase::TYPE, "1")]);
    assert_eq!(desk().change(NOTE, vec![only_type]), NOTE);
    let mut desk = desk();
    desk.body = text_bodies(Some(0));
    assert_eq!(desk.change(NOTE, vec![body(BodyType::Text, "")]), NOTE);
    assert!(!desk.send(Some(NOTE), Vec::new()).unwrap().changed);
}

#[test]
fn a_note_of_ten_megabytes_is_read_cut_and_kept() {
    let mut desk = desk();
    let long = NOTE.replace("Milk", &"All work and no play. ".repeat(480_000));
    desk.body = text_bodies(Some(100));
    let shown = desk.see(&long).into_iter().find(|element| element.tag == airsyncbase::BODY).unwrap();
    assert_eq!(shown.text_of(airsyncbase::DATA).unwrap().len(), 100);
    assert!(!desk.send(Some(&long), desk.see(&long)).unwrap().changed);
    assert!(facts(&long).unwrap().search_text.len() <= SEARCHED_MAX + 10);
    let huge = NOTE.replace("Milk", &"x".repeat(33 << 20));
    assert!(properties(&huge, &desk.view()).unwrap_err().to_string().contains("larger"));
}

#[test]
fn notes_are_cut_out_of_a_file() {
    let file = format!("{NOTE}BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:2\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    assert_eq!(split(&file).unwrap(), [NOTE]);
    assert_eq!(facts(NOTE).unwrap().window, WindowKey::FOREVER);
    assert_eq!(facts(NOTE).unwrap().subject, "Shopping");
}

proptest! {
    #[test]
    fn what_is_shown_and_sent_back_changes_nothing(
        lines in prop::collection::vec("(SUMMARY|DESCRIPTION|CATEGORIES|X-ALT-DESC;FMTTYPE=text/html|LAST-MODIFIED):[ -~\u{e4}]{0,40}\r\n", 0..8),
    ) {
        let content = NOTE.replace("SUMMARY:Shopping\r\n", &lines.concat());
        let applied = desk().send(Some(&content), desk().see(&content)).unwrap();
        prop_assert_eq!(applied.content.as_deref(), Some(content.as_str()));
    }
}
