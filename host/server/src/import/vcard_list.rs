//! Cards for the address list: what an entry of it can say of a person.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easel_items::ItemError;
use easel_items::lines::{Component, Line, parse};
use easel_store::GalEntry;

/// The entry of a card, and the card's photo where it is inside the card.
pub(crate) fn entry(card: &str) -> Result<(GalEntry, Vec<u8>), ItemError> {
    let bad = |reason: &str| ItemError::BadObject { format: "vCard", reason: reason.to_owned() };
    let components = parse(card, "vCard")?;
    let card = components.iter().find(|component| component.name == "VCARD").ok_or_else(|| bad("no BEGIN:VCARD"))?;
    let email = preferred(card, "EMAIL").map(|line| line.plain().trim().to_owned());
    let email = email.filter(|email| !email.is_empty()).ok_or_else(|| bad("no EMAIL, by which the list is ordered"))?;
    let mut name = card.line("N").map(Line::parts).unwrap_or_default().into_iter();
    let (last_name, first_name) = (name.next().unwrap_or_default(), name.next().unwrap_or_default());
    let full = card.plain("FN").filter(|name| !name.trim().is_empty());
    let joined = || format!("{first_name} {last_name}").trim().to_owned();
    let display_name = full.unwrap_or_else(joined);
    let text = |name: &str| card.plain(name).unwrap_or_default();
    let entry = GalEntry {
        user: None,
        display_name: if display_name.is_empty() { email.clone() } else { display_name },
        phone: telephone(card, &["WORK"], &["CELL", "FAX", "PAGER", "HOME"]),
        home_phone: telephone(card, &["HOME"], &["CELL", "FAX", "PAGER"]),
        mobile_phone: telephone(card, &["CELL"], &["FAX"]),
        office: text("X-MS-OFFICE"),
        title: text("TITLE"),
        company: card.line("ORG").map(Line::parts).and_then(|parts| parts.into_iter().next()).unwrap_or_default(),
        alias: text("NICKNAME"),
        first_name,
        last_name,
        email,
        photo: None,
    };
    Ok((entry, photo(card).unwrap_or_default()))
}

/// The line that is preferred (3.0 `TYPE=pref`, 4.0 the lowest `PREF`), else the first.
fn preferred<'c>(card: &'c Component, name: &'c str) -> Option<&'c Line> {
    let rank = |line: &Line| {
        let number = line.param("PREF").and_then(|pref| pref.parse::<u8>().ok());
        if line.has_param("TYPE", "pref") { 0 } else { number.map_or(200, u32::from) }
    };
    card.all(name).min_by_key(|line| rank(line))
}

/// The first number of all those types and none of the others; a number without a type is one of business.
fn telephone(card: &Component, types: &[&str], none_of: &[&str]) -> String {
    let is = |line: &&Line| {
        let has = |kind: &&str| line.has_param("TYPE", kind);
        let untyped = line.param("TYPE").is_none() && types == ["WORK"];
        (types.iter().all(has) || untyped) && !none_of.iter().any(has)
    };
    let number = card.all("TEL").find(is).map(Line::plain).unwrap_or_default();
    number.strip_prefix("tel:").unwrap_or(&number).to_owned()
}

fn photo(card: &Component) -> Option<Vec<u8>> {
    let line = card.line("PHOTO")?;
    let inline =
        line.param("ENCODING").is_some_and(|encoding| ["b", "base64"].iter().any(|b| encoding.eq_ignore_ascii_case(b)));
    let data = match line.value.trim().strip_prefix("data:") {
        Some(uri) => uri.split_once(";base64,")?.1,
        None if inline => line.value.trim(),
        None => return None,
    };
    STANDARD.decode(data.split_ascii_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_becomes_an_entry() {
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Curie;Marie;;;\r\nFN:Marie Curie\r\nORG:Institut du Radium;Paris\r\n\
                    EMAIL:old@example.org\r\nEMAIL;TYPE=pref:marie@example.org\r\nTEL;TYPE=WORK,VOICE:1\r\n\
                    TEL;TYPE=CELL:2\r\nTEL;TYPE=HOME:3\r\nTITLE:Professor\r\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/\r\n\
                    END:VCARD\r\n";
        let (entry, photo) = entry(card).unwrap();
        assert_eq!((entry.display_name.as_str(), entry.email.as_str()), ("Marie Curie", "marie@example.org"));
        assert_eq!((entry.first_name.as_str(), entry.last_name.as_str()), ("Marie", "Curie"));
        let phones = [&entry.phone, &entry.mobile_phone, &entry.home_phone];
        assert_eq!(phones, ["1", "2", "3"]);
        assert_eq!((entry.company.as_str(), entry.title.as_str()), ("Institut du Radium", "Professor"));
        assert_eq!(photo, [0xff, 0xd8, 0xff]);
    }

    #[test]
    fn a_card_of_version_4_prefers_by_number_and_holds_its_photo_in_a_uri() {
        let card = "BEGIN:VCARD\nVERSION:4.0\nFN:A B\nEMAIL;PREF=2:two@x.org\nEMAIL;PREF=1:one@x.org\nTEL:tel:+1-2\n\
                    PHOTO:data:image/jpeg;base64,/9j/\nEND:VCARD\n";
        let (entry, photo) = entry(card).unwrap();
        assert_eq!((entry.email.as_str(), entry.phone.as_str()), ("one@x.org", "+1-2"));
        assert_eq!(photo.len(), 3);
    }

    #[test]
    fn a_card_without_an_address_is_refused() {
        let error = entry("BEGIN:VCARD\nVERSION:3.0\nFN:A\nEND:VCARD\n").unwrap_err();
        assert!(error.to_string().contains("EMAIL"), "{error}");
    }
}
