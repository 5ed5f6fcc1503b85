//! What a device says of itself. MS-ASCMD 2.2.3.45 "DeviceInformation"; in Settings, and in Provision from 14.1.

use std::collections::BTreeMap;

use easel_wbxml::pages::settings as s;
use easel_wbxml::{Element, Tag};

/// The elements, in the order of the schema.
const ELEMENTS: [Tag; 9] = [
    s::MODEL,
    s::IMEI,
    s::FRIENDLY_NAME,
    s::OS,
    s::OS_LANGUAGE,
    s::PHONE_NUMBER,
    s::USER_AGENT,
    s::ENABLE_OUTBOUND_SMS,
    s::MOBILE_OPERATOR,
];

/// Characters of a value that are kept.
const VALUE_MAX: usize = 1024;

/// What a Set holds, by element name, in any order; what no schema knows is passed over. Nothing is validated: a device
/// that is told of a mistake here gives its account up (K: N20, X10).
pub(crate) fn read(set: &Element) -> BTreeMap<String, String> {
    let known = set.children().filter(|child| ELEMENTS.contains(&child.tag));
    let pair = |child: &Element| {
        let value = child.value().trim().chars().take(VALUE_MAX).collect();
        Some((child.tag.name()?.to_owned(), value))
    };
    known.filter_map(pair).collect()
}

/// Puts what a device says now over what it said before; an empty value takes the old one away.
pub(crate) fn merge(known: &mut BTreeMap<String, String>, told: &BTreeMap<String, String>) {
    for (name, value) in told {
        if value.is_empty() {
            known.remove(name);
        } else {
            known.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_goes_over_what_was_known_and_an_empty_value_takes_it_away() {
        let set = Element::of(
            s::SET,
            [
                Element::text(s::OS, " iOS 17.4.1 "),
                Element::new(s::IMEI),
                Element::text(s::STATUS, "x"),
                Element::text(s::MODEL, "m".repeat(2000)),
            ],
        );
        let mut known =
            BTreeMap::from([("IMEI".to_owned(), "1".to_owned()), ("FriendlyName".to_owned(), "A".to_owned())]);
        merge(&mut known, &read(&set));
        assert_eq!(known.keys().collect::<Vec<_>>(), ["FriendlyName", "Model", "OS"]);
        assert_eq!((known["OS"].as_str(), known["Model"].len()), ("iOS 17.4.1", VALUE_MAX));
    }
}
