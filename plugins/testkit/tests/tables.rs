//! The kit's elements are the server's, and its settings those the server knows.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use easel_pack::property;
use easel_pack::settings::{Kind, TABLE};
use easel_plugin::hooks::property_tag;
use easel_plugin::settings::{Default, Part};

#[test]
fn every_element_of_the_kit_is_one_of_the_protocol_and_the_other_way_round() {
    for (name, number) in property::TABLE {
        let tag = property_tag(number.0);
        let published = tag.name().unwrap_or_else(|| panic!("{name}"));
        let plain = name.split("::").nth(1).unwrap().replace('_', "");
        assert_eq!(plain.to_ascii_lowercase(), published.replace('_', "").to_ascii_lowercase());
    }
    let published = (0..26 << 8).filter(|number| property_tag(*number).name().is_some());
    let kit = |number| property::TABLE.iter().any(|(_, property)| property.0 == number);
    let missing: Vec<_> = published.filter(|number| !kit(*number)).map(property_tag).collect();
    assert_eq!(missing, []);
}

#[test]
fn a_setting_both_know_is_of_the_same_kind() {
    let mut compared = 0;
    for known in TABLE {
        let Some(setting) = easel_plugin::settings::find(known.name) else { continue };
        compared += 1;
        let same = match (known.kind, setting.default) {
            (Kind::Flag, Default::Flag(_)) => true,
            (Kind::Number(least, most), Default::Number(_, low, high)) => (least, most) == (low, high),
            // A server may know fewer words than there will be, never others.
            (Kind::Text(words), Default::Text(_, known)) => known.iter().all(|word| words.contains(word)),
            (Kind::Texts(words), Default::Texts(known)) => known.iter().all(|word| words.contains(word)),
            (Kind::Map(keys), Default::Map(Part::Words(known), _)) => keys.is_empty() || keys == known,
            (Kind::Map(keys), Default::Map(..)) => keys.is_empty(),
            _ => false,
        };
        assert!(same, "{}: {:?} and {:?}", known.name, known.kind, setting.default);
    }
    assert!(compared > 20, "{compared}");
}
