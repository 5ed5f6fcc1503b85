//! The kit's elements and settings are the server's.
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
fn every_setting_of_the_kit_is_one_of_the_server_of_the_same_kind_and_the_other_way_round() {
    for known in TABLE {
        let setting = easel_plugin::settings::find(known.name).unwrap_or_else(|| panic!("{}", known.name));
        let same = match (known.kind, setting.default) {
            (Kind::Flag, Default::Flag(_)) => true,
            (Kind::Number(least, most), Default::Number(_, low, high)) => (least, most) == (low, high),
            (Kind::Text(words), Default::Text(_, known)) => sorted(words) == sorted(known),
            (Kind::Texts(words), Default::Texts(known)) => sorted(words) == sorted(known),
            (Kind::Map(keys), Default::Map(Part::Words(known), _)) => keys.is_empty() || sorted(keys) == sorted(known),
            (Kind::Map(keys), Default::Map(..)) => keys.is_empty(),
            _ => false,
        };
        assert!(same, "{}: {:?} and {:?}", known.name, known.kind, setting.default);
    }
    let kit = |name: &str| TABLE.iter().any(|known| known.name == name);
    let missing: Vec<_> =
        easel_plugin::settings::TABLE.iter().map(|setting| setting.name).filter(|name| !kit(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn sorted<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut words = words.to_vec();
    words.sort_unstable();
    words
}
