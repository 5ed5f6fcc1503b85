use easel_protocol::{Class, Version};
use easel_wbxml::pages::{airsyncbase, contacts as c, contacts2 as c2};
use easel_wbxml::{Element, decode, encode};
use proptest::prelude::*;

use super::slots::Family;
use super::*;
use crate::desk::{Desk, body, text_bodies};
use crate::{BodyPreference, BodyPreferences, BodyType, Ghosting};

const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Somebody//EN\r\nUID:card-1\r\nN:Lovelace;Ada;King;Lady;\r\n\
    FN:Lady Ada King Lovelace\r\nORG:Analytical Engines;Software;Room 3;Desk 1\r\nTITLE:Analyst\r\n\
    EMAIL;TYPE=INTERNET;TYPE=WORK:ada@work.example\r\nEMAIL;TYPE=INTERNET;TYPE=HOME:ada@home.example\r\n\
    EMAIL;TYPE=INTERNET,PREF:ada@first.example\r\nEMAIL:ada@fourth.example\r\nTEL;TYPE=CELL:+44 1\r\n\
    item1.TEL;TYPE=pref:+44 2\r\nitem1.X-ABLabel:_$!<HomeFAX>!$_\r\nTEL;TYPE=WORK,VOICE:+44 3\r\nTEL;TYPE=WORK:+44 4\r\n\
    TEL;TYPE=WORK:+44 5\r\nADR;TYPE=HOME:Box 7;;12 St James's Square;London;;SW1Y;UK\r\nNOTE:First\\, programmer\\nof all\r\n\
    X-UNKNOWN;FOO=bar:keep \r\n me\r\nBDAY:1815-12-10\r\nCATEGORIES:Friends,Math\r\nEND:VCARD\r\n";

fn desk() -> Desk {
    Desk::new(Class::Contacts, Version::V14_1)
}

fn card(lines: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\n{lines}END:VCARD\r\n")
}

#[test]
fn a_card_shows_what_it_says() {
    let desk = desk();
    let text = |tag| desk.text(CARD, tag).unwrap_or_default();
    for (tag, value) in [
        (c::FIRST_NAME, "Ada"),
        (c::MIDDLE_NAME, "King"),
        (c::LAST_NAME, "Lovelace"),
        (c::TITLE, "Lady"),
        (c::FILE_AS, "Lovelace, Ada King"),
        (c::COMPANY_NAME, "Analytical Engines"),
        (c::DEPARTMENT, "Software"),
        (c::OFFICE_LOCATION, "Room 3"),
        (c::JOB_TITLE, "Analyst"),
        (c::EMAIL1_ADDRESS, "ada@first.example"),
        (c::EMAIL2_ADDRESS, "ada@work.example"),
        (c::EMAIL3_ADDRESS, "ada@home.example"),
        (c::MOBILE_PHONE_NUMBER, "+44 1"),
        (c::HOME_FAX_NUMBER, "+44 2"),
        (c::BUSINESS_PHONE_NUMBER, "+44 3"),
        (c::BUSINESS2_PHONE_NUMBER, "+44 4"),
        (c::HOME_ADDRESS_STREET, "Box 7\r\n12 St James's Square"),
        (c::HOME_ADDRESS_CITY, "London"),
        (c::BIRTHDAY, "1815-12-10T00:00:00.000Z"),
    ] {
        assert_eq!(text(tag), value, "{tag}");
    }
    let last = desk.see(CARD).pop().unwrap();
    assert_eq!(last.tag, c::CATEGORIES, "n04: the categories come last");
    assert_eq!(last.children().count(), 2);
    assert!(!encode(&Element::of(c::BODY, desk.see(CARD))).is_empty());
}

#[test]
fn what_comes_back_unchanged_changes_no_byte_in_any_version() {
    for version in Version::ALL {
        let desk = Desk::new(Class::Contacts, version);
        let applied = desk.send(Some(CARD), desk.see(CARD)).unwrap();
        assert!(!applied.changed, "{version}");
        assert_eq!(applied.content.as_deref(), Some(CARD));
    }
}

#[test]
fn one_changed_property_changes_one_line() {
    let changed = desk().change(CARD, vec![Element::text(c::EMAIL2_ADDRESS, "new@work.example")]);
    assert_eq!(changed, CARD.replace("ada@work.example", "new@work.example"));
    let changed = desk().change(CARD, vec![Element::text(c::DEPARTMENT, "Looms")]);
    assert_eq!(changed, CARD.replace("Software", "Looms"));
    let changed = desk().change(CARD, vec![Element::text(c::HOME_ADDRESS_CITY, "Ely")]);
    assert_eq!(changed, CARD.replace(";London;", ";Ely;"));
}

#[test]
fn a_new_name_renames_the_card() {
    let changed = desk().change(CARD, vec![Element::text(c::LAST_NAME, "Byron")]);
    assert!(changed.contains("N:Byron;Ada;King;Lady;\r\nFN:Lady Ada King Byron\r\n"), "{changed}");
    let nick = CARD.replace("FN:Lady Ada King Lovelace", "FN:The Countess");
    let changed = desk().change(&nick, vec![Element::text(c::LAST_NAME, "Byron")]);
    assert!(changed.contains("FN:The Countess"), "{changed}");
}

#[test]
fn an_emptied_slot_is_filled_by_what_had_none_and_the_others_stay_where_they_are() {
    let desk = desk();
    let changed = desk.change_without(CARD, &[c::EMAIL1_ADDRESS, c::BUSINESS_PHONE_NUMBER]);
    assert_eq!(desk.text(&changed, c::EMAIL1_ADDRESS).as_deref(), Some("ada@fourth.example"));
    assert_eq!(desk.text(&changed, c::EMAIL2_ADDRESS).as_deref(), Some("ada@work.example"));
    assert_eq!(desk.text(&changed, c::EMAIL3_ADDRESS).as_deref(), Some("ada@home.example"));
    assert_eq!(desk.text(&changed, c::BUSINESS_PHONE_NUMBER).as_deref(), Some("+44 5"));
    assert_eq!(desk.text(&changed, c::BUSINESS2_PHONE_NUMBER).as_deref(), Some("+44 4"));
    assert!(changed.contains("ada@fourth.example") && changed.contains("+44 5") && !changed.contains("first.example"));
    let again = desk.send(Some(&changed), desk.see(&changed)).unwrap();
    assert!(!again.changed);
}

#[test]
fn what_moved_into_an_emptied_slot_survives_the_device_that_does_not_know_of_it() {
    let desk = desk();
    let emptied = desk.change_without(CARD, &[c::EMAIL1_ADDRESS]);
    let fourth = |content: &str| desk.text(content, c::EMAIL1_ADDRESS).as_deref() == Some("ada@fourth.example");
    // It is not told of its own change and goes on without the address.
    let mut blind = desk.see(&emptied);
    blind.retain(|element| element.tag != c::EMAIL1_ADDRESS);
    assert!(!desk.send(Some(&emptied), blind.clone()).unwrap().changed);
    blind.retain(|element| element.tag != c::JOB_TITLE);
    blind.push(Element::text(c::JOB_TITLE, "Countess"));
    blind.push(Element::new(c::EMAIL1_ADDRESS));
    let titled = desk.send(Some(&emptied), blind.clone()).unwrap().content.unwrap();
    assert!(fourth(&titled) && titled.contains("Countess"), "{titled}");
    // It fills the slot: the fourth is the fourth again.
    blind.retain(|element| element.tag != c::EMAIL1_ADDRESS);
    blind.push(Element::text(c::EMAIL1_ADDRESS, "new@example.org"));
    let filled = desk.send(Some(&titled), blind).unwrap().content.unwrap();
    assert_eq!(desk.text(&filled, c::EMAIL1_ADDRESS).as_deref(), Some("new@example.org"));
    assert!(filled.contains("ada@fourth.example") && !filled.contains("UNSEEN"), "{filled}");
    assert!(fourth(&desk.change_without(&filled, &[c::EMAIL1_ADDRESS])));
    // One that has seen it may remove it; whatever another held meanwhile, not by what it does not know.
    let seen = desk.change(&emptied, vec![Element::text(c::JOB_TITLE, "Lady")]);
    assert!(fourth(&seen) && !seen.contains("UNSEEN"), "{seen}");
    let removed = desk.change_without(&seen, &[c::EMAIL1_ADDRESS]);
    assert!(!removed.contains("fourth"), "{removed}");
    let mut other = self::desk();
    other.base = Some(emptied.clone());
    let mut blind = other.see(&emptied);
    blind.retain(|element| element.tag != c::EMAIL1_ADDRESS);
    assert!(fourth(&other.send(Some(&seen), blind).unwrap().content.unwrap()));
}

#[test]
fn several_slots_emptied_at_once_lose_no_further_line() {
    let desk = desk();
    let lines = (1..=6).map(|n| format!("EMAIL:{n}@example.org\r\nTEL;TYPE=work:{n}\r\n")).collect::<String>();
    let stored = card(&lines);
    let emptied = desk.change_without(&stored, &[c::EMAIL1_ADDRESS, c::EMAIL3_ADDRESS, c::BUSINESS_PHONE_NUMBER]);
    for (tag, text) in [
        (c::EMAIL1_ADDRESS, "4@example.org"),
        (c::EMAIL2_ADDRESS, "2@example.org"),
        (c::EMAIL3_ADDRESS, "5@example.org"),
        (c::BUSINESS_PHONE_NUMBER, "3"),
        (c::BUSINESS2_PHONE_NUMBER, "2"),
    ] {
        assert_eq!(desk.text(&emptied, tag).as_deref(), Some(text), "{emptied}");
    }
    let left = ["2@", "4@", "5@", "6@"];
    assert!(left.iter().all(|address| emptied.contains(address)), "{emptied}");
    assert!(!emptied.contains(":1@") && !emptied.contains(":3@"), "{emptied}");
}

const HOME: [Tag; 5] = [
    c::HOME_ADDRESS_STREET,
    c::HOME_ADDRESS_CITY,
    c::HOME_ADDRESS_STATE,
    c::HOME_ADDRESS_POSTAL_CODE,
    c::HOME_ADDRESS_COUNTRY,
];

#[test]
fn a_second_address_survives_the_device_that_cleared_the_first_and_does_not_know_of_it() {
    let desk = desk();
    let stored = card("ADR;TYPE=home:;;A street;A town;;1;\r\nADR;TYPE=home:;;B street;B town;;2;\r\nTITLE:x\r\n");
    assert_eq!(desk.text(&stored, c::HOME_ADDRESS_CITY).as_deref(), Some("A town"));
    let emptied = desk.change_without(&stored, &HOME);
    assert!(!emptied.contains("A street") && emptied.contains(":;;B street;B town;;2;"), "{emptied}");
    let blind = |stored: &str, edits: Vec<Element>| {
        let mut properties = desk.see(stored);
        properties.retain(|element| !HOME.contains(&element.tag) && edits.iter().all(|edit| edit.tag != element.tag));
        properties.extend(edits);
        desk.send(Some(stored), properties).unwrap().content.unwrap()
    };
    let titled = blind(&emptied, vec![Element::text(c::JOB_TITLE, "Lady")]);
    assert!(titled.contains(":;;B street;B town;;2;") && titled.contains("TITLE:Lady"), "{titled}");
    // A new one goes before it, whole, though it is in the same town.
    let street = || Element::text(c::HOME_ADDRESS_STREET, "C street");
    let filled = blind(&titled, vec![street(), Element::text(c::HOME_ADDRESS_CITY, "B town")]);
    assert!(filled.contains(":;;C street;B town;;;\r\n") && filled.contains(":;;B street;B town;;2;"), "{filled}");
    assert!(!filled.contains("UNSEEN"), "{filled}");
    assert_eq!(desk.text(&filled, c::HOME_ADDRESS_STREET).as_deref(), Some("C street"));
    // Whoever has seen it may change and remove it.
    let seen = desk.change(&titled, vec![Element::text(c::JOB_TITLE, "Dame")]);
    assert!(seen.contains("ADR;TYPE=home:;;B street;B town;;2;\r\n"), "{seen}");
    let moved = desk.change(&seen, vec![street()]);
    assert!(moved.contains(":;;C street;B town;;2;") && !moved.contains("B street"), "{moved}");
    assert!(!desk.change_without(&seen, &HOME).contains("ADR"));
}

#[test]
fn a_second_web_page_survives_the_device_that_cleared_the_first_and_does_not_know_of_it() {
    let desk = desk();
    for (tag, lines) in [
        (c::WEB_PAGE, ["URL;TYPE=work:http://a.example", "URL;TYPE=home:http://b.example"]),
        (c::SPOUSE, ["X-SPOUSE:http://a.example", "X-EVOLUTION-SPOUSE:http://b.example"]),
        (c::COMPANY_NAME, ["ORG:http://a.example", "ORG:http://b.example"]),
    ] {
        let stored = card(&format!("{}\r\n{}\r\nTITLE:x\r\n", lines[0], lines[1]));
        assert_eq!(desk.text(&stored, tag).as_deref(), Some("http://a.example"));
        let emptied = desk.change_without(&stored, &[tag]);
        assert!(!emptied.contains("a.example") && emptied.contains("b.example"), "{emptied}");
        let blind = |edit: Element| {
            let mut properties = desk.see(&emptied);
            properties.retain(|element| element.tag != tag && element.tag != edit.tag);
            properties.push(edit);
            desk.send(Some(&emptied), properties).unwrap().content.unwrap()
        };
        let titled = blind(Element::text(c::JOB_TITLE, "Lady"));
        assert!(titled.contains("b.example") && titled.contains("TITLE:Lady"), "{titled}");
        let filled = blind(Element::text(tag, "http://c.example"));
        assert!(filled.contains("b.example") && !filled.contains("UNSEEN"), "{filled}");
        assert_eq!(desk.text(&filled, tag).as_deref(), Some("http://c.example"), "{filled}");
        let seen = desk.change(&emptied, vec![Element::text(c::JOB_TITLE, "Dame")]);
        assert!(seen.contains(&format!("{}\r\n", lines[1])), "{seen}");
        assert!(!desk.change_without(&seen, &[tag]).contains("b.example"), "{seen}");
    }
    // What several address books wrote of one thing goes with it.
    let stored = card("X-SPOUSE:William\r\nX-EVOLUTION-SPOUSE:William\r\nTITLE:x\r\n");
    assert!(!desk.change_without(&stored, &[c::SPOUSE]).contains("William"));
    let stored = card("ORG:Engines;Software\r\nORG;LANGUAGE=en:Engines;Software\r\nTITLE:x\r\n");
    assert!(!desk.change_without(&stored, &[c::COMPANY_NAME, c::DEPARTMENT]).contains("ORG"));
}

#[test]
fn a_number_without_a_type_is_shown_where_there_is_room() {
    let desk = desk();
    let plain =
        card("TEL:1\r\nTEL;TYPE=CELL:2\r\nTEL;TYPE=MODEM:3\r\nTEL;VALUE=uri;TYPE=\"home,voice\":tel:+4;ext=5\r\n");
    assert_eq!(desk.text(&plain, c::MOBILE_PHONE_NUMBER).as_deref(), Some("2"));
    assert_eq!(desk.text(&plain, c::HOME_PHONE_NUMBER).as_deref(), Some("+4;ext=5"));
    assert_eq!(desk.text(&plain, c::BUSINESS_PHONE_NUMBER).as_deref(), Some("1"));
    let changed = desk.change(&plain, vec![Element::text(c::HOME_PHONE_NUMBER, "+6")]);
    assert!(changed.contains(":tel:+6\r\n"), "{changed}");
}

#[test]
fn a08_an_address_with_a_name_is_the_address() {
    let desk = desk();
    let added = desk.add(vec![Element::text(c::EMAIL1_ADDRESS, "\"Lars\" <l@x.org>")]);
    assert!(added.contains("EMAIL;TYPE=internet:l@x.org\r\n"), "{added}");
    let same = desk.send(Some(&added), vec![Element::text(c::EMAIL1_ADDRESS, "<l@x.org>")]).unwrap();
    assert_eq!(desk.text(&same.content.unwrap(), c::EMAIL1_ADDRESS).as_deref(), Some("l@x.org"));
}

#[test]
fn a30_an_edit_without_any_property_changes_nothing() {
    let applied = desk().send(Some(CARD), Vec::new()).unwrap();
    assert!(!applied.changed);
    assert_eq!(applied.content.as_deref(), Some(CARD));
}

#[test]
fn a30_empty_data_where_no_data_was_shown_is_ignored() {
    let mut desk = desk();
    for preferences in [text_bodies(Some(0)), BodyPreferences::default()] {
        desk.body = preferences;
        let changed = desk.change(CARD, vec![body(BodyType::Text, ""), Element::text(c::JOB_TITLE, "x")]);
        assert!(changed.contains("NOTE:First"), "{changed}");
    }
    desk.body = text_bodies(None);
    let cleared = desk.change(CARD, vec![body(BodyType::Text, "")]);
    assert!(!cleared.contains("NOTE:"), "a text that was shown whole is cleared: {cleared}");
}

#[test]
fn a46_a_long_supported_list_manages_the_listed_properties_only() {
    let mut desk = desk();
    let listed = FAMILIES.iter().flat_map(|family| family.tags()).map(|tag| (tag.page(), tag.token()));
    desk.ghosting = Ghosting::Except(listed.collect());
    let changed = desk.send(Some(CARD), vec![Element::text(c::FIRST_NAME, "Augusta")]).unwrap().content.unwrap();
    let left = [c::EMAIL1_ADDRESS, c::EMAIL2_ADDRESS, c::EMAIL3_ADDRESS].map(|tag| desk.text(&changed, tag));
    assert_eq!(left, [Some("ada@fourth.example".to_owned()), None, None]);
    assert_eq!(desk.text(&changed, c::MOBILE_PHONE_NUMBER), None);
    assert_eq!(desk.text(&changed, c::COMPANY_NAME).as_deref(), Some("Analytical Engines"));
    assert_eq!(desk.text(&changed, c::BIRTHDAY).as_deref(), Some("1815-12-10T00:00:00.000Z"));
    assert_eq!(desk.text(&changed, c::FIRST_NAME).as_deref(), Some("Augusta"));
}

#[test]
fn absence_removes_without_supported_and_keeps_with_an_empty_one() {
    let mut desk = desk();
    let gone = desk.change_without(CARD, &[c::BIRTHDAY, c::CATEGORIES, c::COMPANY_NAME]);
    assert!(!gone.contains("BDAY") && !gone.contains("CATEGORIES"));
    assert!(gone.contains("ORG:;Software;Room 3;Desk 1"), "{gone}");
    desk.ghosting = Ghosting::All;
    assert_eq!(desk.change_without(CARD, &[c::BIRTHDAY, c::CATEGORIES, c::COMPANY_NAME]), CARD);
    let cleared = desk.change(CARD, vec![Element::new(c::BIRTHDAY)]);
    assert!(!cleared.contains("BDAY"), "an empty element clears, ghosted or not");
}

#[test]
fn i07_a_photo_that_is_not_sent_is_kept_and_an_empty_one_removes_it() {
    let desk = desk();
    let photo = "/9j/".to_owned() + &"A".repeat(100);
    let with = card(&format!("PHOTO;ENCODING=b;TYPE=JPEG:{photo}\r\n"));
    assert_eq!(desk.text(&with, c::PICTURE).unwrap(), photo);
    assert!(desk.change_without(&with, &[c::PICTURE]).contains("PHOTO"));
    assert!(!desk.change(&with, vec![Element::new(c::PICTURE)]).contains("PHOTO"));
    let elsewhere = card("PHOTO;VALUE=uri:https://example.org/a.jpg\r\n");
    assert_eq!(desk.text(&elsewhere, c::PICTURE), None);
    assert!(desk.change(&elsewhere, vec![Element::new(c::PICTURE)]).contains("PHOTO"), "it was never shown");
}

#[test]
fn a_picture_of_48_kb_is_taken_and_one_character_more_is_refused() {
    let desk = desk();
    let picture = |length: usize| vec![Element::text(c::PICTURE, "/9j/".to_owned() + &"A".repeat(length - 4))];
    let added = desk.add(picture(photo::BASE64_MAX));
    assert_eq!(desk.text(&added, c::PICTURE).unwrap().len(), photo::BASE64_MAX);
    let refused = desk.send(None, picture(photo::BASE64_MAX + 4)).unwrap_err();
    assert_eq!(refused.to_string(), "Picture: longer than 48 KB of base64");
    assert!(desk.send(None, vec![Element::text(c::PICTURE, "no base64!")]).is_err());
}

#[test]
fn n15_a_body_of_line_ends_is_no_body_both_ways() {
    let desk = desk();
    let blank = card("NOTE:\\n\\n\r\n");
    assert!(!desk.see(&blank).iter().any(|element| element.tag == airsyncbase::BODY));
    let added = desk.add(vec![Element::text(c::FIRST_NAME, "A"), body(BodyType::Text, "\r\n\r\n")]);
    assert!(!added.contains("NOTE"));
    let old = Desk::new(Class::Contacts, Version::V2_5);
    assert!(!old.add(vec![Element::text(c::BODY, "\r\n")]).contains("NOTE"));
    assert_eq!(old.text(&blank, c::BODY), None);
}

#[test]
fn g05_empty_lists_are_no_elements() {
    let bare = card("CATEGORIES:\r\nX-MS-CHILD:\r\n");
    assert!(!desk().see(&bare).iter().any(|element| matches!(element.tag, c::CATEGORIES | c::CHILDREN)));
}

#[test]
fn g06_control_characters_never_reach_the_wire() {
    let dirty = card("N:Love\u{b}lace;A\u{1}da;;;\r\nNOTE:a\u{fffe}b\u{c}\r\n");
    let root = Element::of(c::BODY, desk().see(&dirty));
    let decoded = decode(&encode(&root)).unwrap();
    assert_eq!(decoded, root, "nothing was left for the encoder to take out");
    assert!(!desk().send(Some(&dirty), desk().see(&dirty)).unwrap().changed);
}

#[test]
fn g51_a_badly_formed_date_costs_only_itself() {
    let changed =
        desk().change(CARD, vec![Element::text(c::BIRTHDAY, "soon"), Element::text(c::JOB_TITLE, "Countess")]);
    assert_eq!(changed, CARD.replace("TITLE:Analyst", "TITLE:Countess"));
}

#[test]
fn w10_a_note_in_compressed_rtf_or_in_the_old_body_is_read() {
    let old = Desk::new(Class::Contacts, Version::V2_5);
    let rtf = "LQAAACsAAABMWkZ18cXHpwMACgByY3BnMTI1QjIK8yBoZWwJACBidwWwbGR9CoAPoA==";
    assert!(old.add(vec![Element::text(c::COMPRESSED_RTF, rtf)]).contains("NOTE:hello world\r\n"));
    let both = vec![Element::new(c::COMPRESSED_RTF), Element::text(c::BODY, "plain")];
    assert!(old.add(both).contains("NOTE:plain\r\n"));
    let based =
        Element::of(airsyncbase::BODY, [Element::text(airsyncbase::TYPE, "3"), Element::text(airsyncbase::DATA, rtf)]);
    assert!(desk().add(vec![based]).contains("NOTE:hello world\r\n"));
}

#[test]
fn a_body_is_cut_between_characters_and_its_cut_form_changes_nothing() {
    let mut desk = desk();
    let long = card(&format!("NOTE:{}\r\n", "\u{20ac}".repeat(100)));
    desk.body = text_bodies(Some(10));
    let note = desk.see(&long).into_iter().find(|element| element.tag == airsyncbase::BODY).unwrap();
    assert_eq!(note.text_of(airsyncbase::DATA).unwrap(), "\u{20ac}\u{20ac}\u{20ac}");
    assert_eq!(note.text_of(airsyncbase::ESTIMATED_DATA_SIZE).unwrap(), "300");
    assert_eq!(note.text_of(airsyncbase::TRUNCATED).unwrap(), "1");
    assert!(!desk.send(Some(&long), desk.see(&long)).unwrap().changed);
    assert!(desk.change(&long, vec![body(BodyType::Text, "mine")]).contains("NOTE:mine\r\n"));
    let mut old = Desk::new(Class::Contacts, Version::V2_5);
    old.body.truncation = Some(1);
    let text = card(&format!("NOTE:{}\r\n", "x".repeat(600)));
    assert_eq!(old.text(&text, c::BODY).unwrap().len(), 512);
    assert_eq!(old.text(&text, c::BODY_SIZE).unwrap(), "600");
    assert_eq!(old.text(&text, c::BODY_TRUNCATED).unwrap(), "1");
    assert!(!old.send(Some(&text), old.see(&text)).unwrap().changed);
}

#[test]
fn a_device_that_wants_html_only_gets_html_and_its_echo_changes_nothing() {
    let mut desk = desk();
    let types = vec![BodyPreference { kind: BodyType::Html, truncation_size: None, all_or_none: false, preview: None }];
    desk.body = BodyPreferences { types, ..BodyPreferences::default() };
    let note = desk.see(CARD).into_iter().find(|element| element.tag == airsyncbase::BODY).unwrap();
    assert_eq!(note.text_of(airsyncbase::TYPE).unwrap(), "2");
    assert!(note.text_of(airsyncbase::DATA).unwrap().contains("First, programmer<br>"));
    assert!(!desk.send(Some(CARD), desk.see(CARD)).unwrap().changed);
    let changed = desk.change(CARD, vec![body(BodyType::Html, "<html><body>New &amp; <b>bold</b></body></html>")]);
    assert!(changed.contains("NOTE:New & "), "{changed}");
}

#[test]
fn with_a_base_an_old_value_does_not_overwrite_a_newer_one() {
    let mut desk = desk();
    let mut sent = desk.see(CARD);
    sent.retain(|element| element.tag != c::JOB_TITLE);
    sent.push(Element::text(c::JOB_TITLE, "Countess"));
    let newer =
        CARD.replace("+44 1", "+44 99").replace("First\\, programmer", "Second").replace("Friends,Math", "Math");
    desk.base = Some(CARD.to_owned());
    let merged = desk.send(Some(&newer), sent).unwrap().content.unwrap();
    assert_eq!(merged, newer.replace("TITLE:Analyst", "TITLE:Countess"));
}

#[test]
fn every_contact_is_filed_under_something() {
    for (lines, name) in [
        ("N:B;A;;;\r\n", "B, A"),
        ("N:;A;;;\r\n", "A"),
        ("X-FILE-AS:Boss\r\nN:B;A;;;\r\n", "Boss"),
        ("ORG:Acme\r\n", "x"),
    ] {
        assert_eq!(desk().text(&card(lines), c::FILE_AS).as_deref(), Some(name), "{lines}");
    }
    for (lines, name) in [("ORG:Acme\r\n", "Acme"), ("EMAIL:a@b\r\n", "a@b"), ("TEL:5\r\n", "5"), ("", "?")] {
        let bare = format!("BEGIN:VCARD\r\nVERSION:4.0\r\n{lines}END:VCARD\r\n");
        assert_eq!(desk().text(&bare, c::FILE_AS).as_deref(), Some(name), "{lines}");
    }
    let added = desk().add(vec![Element::text(c::COMPANY_NAME, "Acme")]);
    assert!(added.contains("FN:Acme\r\n") && added.contains("N:;;;;\r\n"), "{added}");
}

#[test]
fn a_name_that_is_only_shown_whole_is_taken_apart() {
    let desk = desk();
    let whole = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada King Lovelace\r\nEND:VCARD\r\n";
    assert_eq!(desk.text(whole, c::FIRST_NAME).as_deref(), Some("Ada King"));
    assert_eq!(desk.text(whole, c::LAST_NAME).as_deref(), Some("Lovelace"));
    assert!(!desk.send(Some(whole), desk.see(whole)).unwrap().changed);
    let changed = desk.change(whole, vec![Element::text(c::LAST_NAME, "Byron")]);
    assert!(changed.contains("FN:Ada King Byron\r\nN:Byron;Ada King;;;\r\n"), "{changed}");
    let firm = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Acme Inc\r\nN:;;;;\r\nORG:Acme Inc\r\nEND:VCARD\r\n";
    assert_eq!(desk.text(firm, c::LAST_NAME), None, "a company is no person");
}

#[test]
fn a_4_0_card_stays_4_0() {
    let desk = desk();
    let card = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nRELATED;TYPE=spouse:urn:uuid:1\r\nBDAY:--1210\r\nEND:VCARD\r\n";
    assert_eq!(desk.text(card, c::SPOUSE), None);
    let changed = desk.change(
        card,
        vec![
            Element::text(c::SPOUSE, "William"),
            Element::text(c::BIRTHDAY, "1815-12-10T00:00:00Z"),
            Element::text(c::ANNIVERSARY, "1835-07-08T00:00:00Z"),
            Element::of(c::CHILDREN, [Element::text(c::CHILD, "Byron")]),
            Element::text(c2::IM_ADDRESS, "xmpp:ada@example.org"),
            Element::text(c2::IM_ADDRESS2, "ada"),
        ],
    );
    for line in [
        "RELATED;TYPE=spouse:urn:uuid:1\r\n",
        "RELATED;TYPE=spouse;VALUE=text:William\r\n",
        "RELATED;TYPE=child;VALUE=text:Byron\r\n",
        "BDAY:18151210\r\n",
        "ANNIVERSARY:18350708\r\n",
        "IMPP:xmpp:ada@example.org\r\n",
        "IMPP:im:ada\r\n",
    ] {
        assert!(changed.contains(line), "{line} in {changed}");
    }
}

#[test]
fn labels_of_apple_go_with_their_line() {
    let desk = desk();
    let apple = card(
        "item1.X-ABRELATEDNAMES:Bob\r\nitem1.X-ABLabel:_$!<Spouse>!$_\r\nitem2.X-ABRELATEDNAMES:Kid\r\n\
         item2.X-ABLabel:_$!<Child>!$_\r\nitem3.X-ABDATE:1990-05-05\r\nitem3.X-ABLabel:_$!<Anniversary>!$_\r\n",
    );
    assert_eq!(desk.text(&apple, c::SPOUSE).as_deref(), Some("Bob"));
    assert_eq!(desk.text(&apple, c::ANNIVERSARY).as_deref(), Some("1990-05-05T00:00:00.000Z"));
    let changed = desk.change_without(&apple, &[c::SPOUSE, c::CHILDREN]);
    assert!(!changed.contains("item1") && !changed.contains("item2") && changed.contains("item3"), "{changed}");
}

#[test]
fn the_revision_follows_a_change() {
    let dated = card("REV:2020-01-01T00:00:00Z\r\n");
    assert!(desk().change(&dated, vec![Element::text(c::JOB_TITLE, "x")]).contains("REV:20260301T100000Z\r\n"));
    assert!(!desk().send(Some(&dated), desk().see(&dated)).unwrap().changed);
}

#[test]
fn the_facts_name_the_contact_and_find_every_address() {
    let facts = facts(CARD).unwrap();
    assert_eq!(facts.window, WindowKey::FOREVER);
    assert_eq!(facts.subject, "Lady Ada King Lovelace");
    assert!(facts.people.contains("ada@fourth.example"));
    assert_eq!(facts.uid.as_deref(), Some("card-1"));
    assert!(facts.search_text.contains("First, programmer") && facts.search_text.contains("+44 3"));
}

#[test]
fn the_address_list_reads_a_card() {
    let entry = gal_fields(CARD).unwrap();
    assert_eq!(entry.display_name, "Lady Ada King Lovelace");
    assert_eq!((entry.phone.as_str(), entry.mobile_phone.as_str()), ("+44 3", "+44 1"));
    assert_eq!((entry.email.as_str(), entry.alias.as_str()), ("ada@first.example", "ada"));
    assert_eq!((entry.office.as_str(), entry.title.as_str()), ("Room 3", "Analyst"));
    assert_eq!(entry.photo, None);
}

#[test]
fn hostile_cards_are_bounded() {
    let desk = desk();
    let many = card(&"EMAIL:a@b\r\nitem1.TEL:1\r\nX-MS-CHILD:k\r\n".repeat(20_000));
    assert!(desk.see(&many).len() < 20);
    let children = desk.see(&many).into_iter().find(|element| element.tag == c::CHILDREN).unwrap();
    assert_eq!(children.children().count(), crate::said::LIST_MAX);
    let big = card(&format!("NOTE:{}\r\n", "n\\n".repeat(3 << 20)));
    assert!(desk.text(&big, c::FILE_AS).is_some());
    let huge = card(&format!("NOTE:{}\r\n", "n".repeat(card::CARD_MAX)));
    assert!(properties(&huge, &desk.view()).unwrap_err().to_string().contains("larger"));
    for garbage in ["", "BEGIN:VCARD", "\u{0}", "BEGIN:VCARD\r\nEND:VCARD\r\nBEGIN:VCARD\r\nEND:VCARD\r\n", "END:VCARD"]
    {
        assert!(properties(garbage, &desk.view()).is_err(), "{garbage}");
    }
    let crooked =
        card("N\r\nADR;TYPE=home:\r\nORG:;\r\nTEL;TYPE=:\r\n.:\r\n;:x\r\nBDAY:T\r\nPHOTO:data:,\r\nEMAIL:<>\r\n");
    assert!(!desk.send(Some(&crooked), desk.see(&crooked)).unwrap().changed);
}

const FAMILIES: [Family; 3] = [Family::Email, Family::Phone, Family::Messenger];

/// Every element of text but FileAs, which follows the name.
fn text_tags() -> Vec<Tag> {
    let lists = [c::CATEGORIES, c::CATEGORY, c::CHILDREN, c::CHILD, c::BODY, c::BODY_SIZE, c::BODY_TRUNCATED];
    let others = [c::BIRTHDAY, c::ANNIVERSARY, c::PICTURE, c::COMPRESSED_RTF, c::WEIGHTED_RANK, c::FILE_AS];
    let pages = (1_u8..=12).step_by(11).flat_map(|page| (0x05..=0x3F).map(move |token| Tag::new(page, token)));
    pages.filter(|tag| tag.name().is_some() && !lists.contains(tag) && !others.contains(tag)).collect()
}

/// Lines a card may hold, of every kind that is looked at, well formed or not.
const LINE: &str = "(item[12]\\.)?(N|FN|ORG|TEL|EMAIL|ADR|IMPP|BDAY|NOTE|CATEGORIES|X-SPOUSE|RELATED|NICKNAME|X-ABLABEL\
    |X-ABRELATEDNAMES|PHOTO|URL|X-ODD|ANNIVERSARY)(;TYPE=(work|home|cell|fax|pref|spouse|child|x-y)){0,2}\
    (;VALUE=(text|uri|date))?(;PREF=[0-9]{1,3})?:[a-z0-9;,:@\\\\<>\" \u{e4}\u{20ac}-]{0,24}\r\n";

proptest! {
    #[test]
    fn what_is_shown_and_sent_back_changes_nothing(lines in prop::collection::vec(LINE, 0..24)) {
        let content = format!("BEGIN:VCARD\r\nVERSION:4.0\r\n{}END:VCARD\r\n", lines.concat());
        for version in [Version::V2_5, Version::V16_1] {
            let desk = Desk::new(Class::Contacts, version);
            let applied = desk.send(Some(&content), desk.see(&content)).unwrap();
            prop_assert_eq!(applied.content.as_deref(), Some(content.as_str()));
        }
    }

    #[test]
    fn unknown_lines_survive_every_edit(
        unknown in prop::collection::vec("X-[A-Z]{3}Q(;[A-Z]{2}=[a-z\"]{1,4})?:[ -~]{0,90}\r\n", 1..8),
        tag in prop::sample::select(text_tags()),
        text in "[a-z\u{e4} ,;]{0,12}",
    ) {
        let desk = desk();
        let content = CARD.replace("END:VCARD", &format!("{}END:VCARD", unknown.concat()));
        let changed = desk.change(&content, vec![Element::text(tag, text)]);
        for line in &unknown {
            prop_assert!(changed.contains(line.as_str()), "{} in {}", line, changed);
        }
        prop_assert!(changed.contains("X-UNKNOWN;FOO=bar:keep \r\n me\r\n"));
    }

    #[test]
    fn a_text_that_a_device_puts_somewhere_is_found_there(
        tag in prop::sample::select(text_tags()),
        text in "[a-z\u{e4}][a-z0-9\u{e4},;\\\\ ]{0,16}[a-z]",
    ) {
        let desk = desk();
        let added = desk.add(vec![Element::text(tag, text.clone())]);
        prop_assert_eq!(desk.text(&added, tag), Some(text.clone()));
        let changed = desk.change(CARD, vec![Element::text(tag, text.clone())]);
        prop_assert_eq!(desk.text(&changed, tag), Some(text));
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in ".{0,400}", lines in prop::collection::vec("[A-Z;:=.]{0,12}[ -~]{0,40}", 0..12)) {
        let view_desk = desk();
        let _ = split(&text);
        let _ = properties(&text, &view_desk.view());
        for version in ["2.1", "3.0"] {
            let content = format!("BEGIN:VCARD\nVERSION:{version}\n{}\nEND:VCARD\n", lines.join("\n"));
            if let Ok(shown) = properties(&content, &view_desk.view()) {
                let _ = view_desk.send(Some(&content), shown);
            }
        }
    }
}
