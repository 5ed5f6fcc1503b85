//! Location: a text up to 14.1, a structure from 16.0. MS-ASCAL 2.2.2.27, MS-ASAIRS 2.2.2.28 "Location".

use easel_wbxml::pages::airsyncbase as b;
use easel_wbxml::{Element, Tag};

use crate::lines::{Component, Line, escape};
use crate::said::{clean, text_element};

/// Parts without a word in iCalendar, and the property each is kept in.
const PARTS: &[(Tag, &str)] = &[
    (b::ANNOTATION, "X-EASEL-LOCATION-ANNOTATION"),
    (b::STREET, "X-EASEL-LOCATION-STREET"),
    (b::CITY, "X-EASEL-LOCATION-CITY"),
    (b::STATE, "X-EASEL-LOCATION-STATE"),
    (b::COUNTRY, "X-EASEL-LOCATION-COUNTRY"),
    (b::POSTAL_CODE, "X-EASEL-LOCATION-POSTAL-CODE"),
    (b::ACCURACY, "X-EASEL-LOCATION-ACCURACY"),
    (b::ALTITUDE, "X-EASEL-LOCATION-ALTITUDE"),
    (b::ALTITUDE_ACCURACY, "X-EASEL-LOCATION-ALTITUDE-ACCURACY"),
    (b::LOCATION_URI, "X-EASEL-LOCATION-URI"),
];

/// What other programs say about a place, which is wrong once the place is another.
const FOREIGN: &str = "X-APPLE-STRUCTURED-LOCATION";

/// The order of the schema.
const ORDER: &[Tag] = &[
    b::DISPLAY_NAME,
    b::ANNOTATION,
    b::STREET,
    b::CITY,
    b::STATE,
    b::COUNTRY,
    b::POSTAL_CODE,
    b::LATITUDE,
    b::LONGITUDE,
    b::ACCURACY,
    b::ALTITUDE,
    b::ALTITUDE_ACCURACY,
    b::LOCATION_URI,
];

/// LOCATION.
pub(super) fn text(event: &Component) -> String {
    clean(&event.plain("LOCATION").unwrap_or_default())
}

/// airsyncbase:Location; none where nothing is known of the place.
pub(super) fn element(event: &Component) -> Option<Element> {
    let mut parts: Vec<Element> = text_element(b::DISPLAY_NAME, &text(event)).into_iter().collect();
    if let Some((latitude, longitude)) = event.line("GEO").and_then(|line| line.value.split_once(';')) {
        let number = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
        if number(latitude) && number(longitude) {
            parts.push(Element::text(b::LATITUDE, latitude.trim()));
            parts.push(Element::text(b::LONGITUDE, longitude.trim()));
        }
    }
    parts.extend(PARTS.iter().filter_map(|(tag, name)| text_element(*tag, &event.plain(name)?)));
    parts.sort_by_key(|part| ORDER.iter().position(|tag| *tag == part.tag));
    (!parts.is_empty()).then(|| Element::of(b::LOCATION, parts))
}

/// Sets the place by its name alone; what else was known of the old place goes with it.
pub(super) fn set_text(event: &mut Component, name: Option<&str>) {
    let name = name.map(clean).filter(|name| !name.trim().is_empty());
    if name.as_deref().unwrap_or("") == text(event) {
        return;
    }
    event.set_text("LOCATION", name.as_deref());
    clear_parts(event);
}

fn clear_parts(event: &mut Component) {
    event.remove("GEO");
    event.remove(FOREIGN);
    for (_, name) in PARTS {
        event.remove(name);
    }
}

/// Sets the whole place; `None` removes it.
pub(super) fn set(event: &mut Component, place: Option<&Element>) {
    let Some(place) = place.filter(|place| !place.is_empty()) else {
        event.remove("LOCATION");
        return clear_parts(event);
    };
    let part = |tag: Tag| place.text_of(tag).map(|text| clean(text.trim())).filter(|text| !text.is_empty());
    if part(b::DISPLAY_NAME).unwrap_or_default() != text(event) {
        event.set_text("LOCATION", part(b::DISPLAY_NAME).as_deref());
        event.remove(FOREIGN);
    }
    let number = |tag: Tag| part(tag).filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
    match (number(b::LATITUDE), number(b::LONGITUDE)) {
        (Some(latitude), Some(longitude)) => event.set(Line::new("GEO", format!("{latitude};{longitude}"))),
        _ => event.remove("GEO"),
    }
    for (tag, name) in PARTS {
        match part(*tag) {
            Some(text) => event.set(Line::new(name, escape(&text))),
            None => event.remove(name),
        }
    }
}
