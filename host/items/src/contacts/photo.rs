//! Photos: PHOTO of a card to and from Picture.
//!
//! MS-ASCNTC 2.2.2.56 "Picture" holds at most 48 KB of base64. What is larger in the card goes out scaled down, as
//! JPEG; what is larger coming in is refused. A photo that lies elsewhere (an http URL) is not fetched. The bytes of a
//! photo are hostile: sizes are known before pixels are made, and memory is capped.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use easel_wbxml::Element;
use easel_wbxml::pages::contacts::PICTURE;

use super::card::{Form, form};
use super::scaled;
use crate::lines::{Component, Line};
use crate::manner::Picture;
use crate::{Edit, ItemError, View};

/// Characters of base64 in a Picture.
pub(crate) const BASE64_MAX: usize = 48 * 1024;
/// Bytes that make this much base64.
const BYTES_MAX: usize = BASE64_MAX / 4 * 3;
/// Bytes of a stored photo that is looked at.
const STORED_MAX: usize = 12 << 20;
/// Characters of base64 that tell what a photo is.
const HEAD: usize = 16;
/// Bytes that are looked at without a branch.
const RUN: usize = 256;

/// Line breaks are gone and padding is as it may.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The element; none without a photo that can be sent.
pub(crate) fn element(card: &Component, view: &View<'_>) -> Option<Element> {
    let first = card.line("PHOTO").and_then(base64_of);
    if let Some(text) = first.filter(|text| is_sent_as_it_stands(text, bytes_max(view))) {
        return Some(Element::text(PICTURE, text));
    }
    let (_, bytes) = stored(card)?;
    let sent = fitting(bytes, bytes_max(view))?;
    Some(Element::text(PICTURE, LENIENT.encode(sent)))
}

/// The most bytes that the device takes.
fn bytes_max(view: &View<'_>) -> usize {
    match view.manner.contact.photo_max {
        0 => BYTES_MAX,
        most => most as usize,
    }
}

/// Type and bytes of the photo a card holds, unscaled.
pub(crate) fn stored(card: &Component) -> Option<(String, Vec<u8>)> {
    card.all("PHOTO").find_map(|line| {
        let bytes = decode(base64_of(line)?, STORED_MAX)?;
        Some((mime(&bytes)?.to_owned(), bytes))
    })
}

/// What is base64 in a PHOTO; `None` for an address elsewhere.
fn base64_of(line: &Line) -> Option<&str> {
    let value = line.value.trim();
    match memchr::memchr(b':', value.as_bytes()).map(|at| (&value[..at], &value[at + 1..])) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data") => {
            rest.split_once(',').filter(|(kind, _)| kind.ends_with(";base64")).map(|(_, data)| data)
        }
        Some(_) => None,
        None => Some(value),
    }
}

/// Whether decoding, fitting and encoding would make the very same text of at most `most` bytes: it is base64 in the
/// one form that has padding and no spare bits, of a kind that phones know. Most photos are, and none of their bytes
/// need be made.
fn is_sent_as_it_stands(text: &str, most: usize) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 2 * HEAD || !bytes.len().is_multiple_of(4) || bytes.len() / 4 * 3 > most {
        return false;
    }
    // The last group alone may hold padding, and its spare bits are looked at.
    let (body, last) = bytes.split_at(bytes.len() - 4);
    let head = STANDARD.decode(&body[..HEAD]);
    head.is_ok_and(|head| is_known(&head)) && is_alphabet(body) && STANDARD.decode(last).is_ok()
}

/// Whether all of it is of the alphabet of base64. No branch within a run, so that many bytes are looked at in one step.
fn is_alphabet(bytes: &[u8]) -> bool {
    let within = |byte: u8, first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    let good = |byte: u8| within(byte | 0x20, b'a', b'z') | within(byte, b'/', b'9') | (byte == b'+');
    bytes.chunks(RUN).all(|run| run.iter().fold(true, |all, byte| all & good(*byte)))
}

fn decode(base64: &str, most: usize) -> Option<Vec<u8>> {
    if base64.len() / 4 * 3 > most {
        return None;
    }
    let packed: Vec<u8> = base64.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'\\').collect();
    LENIENT.decode(packed).ok().filter(|bytes| !bytes.is_empty())
}

/// What a photo is, by its first bytes; what a card claims is not believed.
fn mime(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'B', b'M', ..] => Some("image/bmp"),
        _ => None,
    }
}

/// The photo as it is where it fits and phones know its kind, else a smaller JPEG of it.
pub(crate) fn fitting(bytes: Vec<u8>, most: usize) -> Option<Vec<u8>> {
    if is_known(&bytes) && bytes.len() <= most { Some(bytes) } else { scaled::scaled(&bytes, most) }
}

fn is_known(bytes: &[u8]) -> bool {
    matches!(mime(bytes), Some("image/jpeg" | "image/png" | "image/gif" | "image/bmp"))
}

/// Merges the Picture a device sent: absent keeps (K: I07), empty removes, unless the device means nothing by it (K: I08);
/// the one it was shown says nothing.
pub(crate) fn apply(
    card: &mut Component,
    edit: &Edit<'_>,
    known: Option<&Component>,
    view: &View<'_>,
) -> Result<(), ItemError> {
    let Some(sent) = edit.data.child(PICTURE) else { return Ok(()) };
    let text: String = sent.value().split_ascii_whitespace().collect();
    if text.is_empty() {
        let meant = match view.manner.contact.picture {
            // A photo that was never shown, because it lies elsewhere or is broken, is not removed by this.
            Picture::Normal => known.and_then(|known| element(known, view)).is_some(),
            Picture::EmptyKeeps => false,
            Picture::EmptyDeletes => true,
        };
        if meant {
            card.remove("PHOTO");
        }
        return Ok(());
    }
    let rule = |reason| ItemError::Rule { element: "Picture", reason };
    // A device that takes larger photos may send back what it was shown.
    let most = bytes_max(view).max(BYTES_MAX);
    if text.len() > most.div_ceil(3) * 4 {
        return Err(rule("longer than 48 KB of base64"));
    }
    let bytes = decode(&text, most.div_ceil(3) * 3).ok_or_else(|| rule("not base64"))?;
    let shown = known.and_then(stored).and_then(|(_, bytes)| fitting(bytes, bytes_max(view)));
    if shown.as_ref() != Some(&bytes) {
        let line = new_line(&bytes, form(card));
        card.remove("PHOTO");
        card.push(line);
    }
    Ok(())
}

/// RFC 2426 3.1.4 has binary, RFC 6350 6.2.4 a data URI.
fn new_line(bytes: &[u8], form: Form) -> Line {
    let mime = mime(bytes).unwrap_or("image/jpeg");
    let data = LENIENT.encode(bytes);
    match form {
        Form::V3 => {
            let kind = mime.trim_start_matches("image/").to_ascii_uppercase();
            Line::new("PHOTO", data).with("ENCODING", "b").with("TYPE", kind)
        }
        Form::V4 => Line::new("PHOTO", format!("data:{mime};base64,{data}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use easel_protocol::{Class, Version};
    use image::DynamicImage;

    use super::*;
    use crate::desk::Desk;

    fn noise(edge: u32) -> Vec<u8> {
        let mut state = 7_u32;
        let image = image::RgbImage::from_fn(edge, edge, |_, _| {
            image::Rgb(std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }))
        });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(image).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn shown(card: &Component) -> Option<Element> {
        element(card, &Desk::new(Class::Contacts, Version::V14_1).view())
    }

    fn card(photo: Line) -> Component {
        let mut card = Component::new("VCARD");
        card.push(photo);
        card
    }

    #[test]
    fn a_photo_that_fits_goes_out_as_it_is_in_every_form() {
        let bytes = noise(8);
        for line in [
            new_line(&bytes, Form::V3),
            new_line(&bytes, Form::V4),
            Line::new("PHOTO", LENIENT.encode(&bytes)).with("ENCODING", "BASE64").with("TYPE", "JPEG"),
        ] {
            let card = card(line);
            assert_eq!(stored(&card).unwrap(), ("image/png".to_owned(), bytes.clone()));
            assert_eq!(shown(&card).unwrap().value(), LENIENT.encode(&bytes));
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_sent_as_it_stands_is_what_decoding_and_encoding_make(
            size in 1usize..600,
            at in 0usize..800,
            byte in proptest::prop_oneof!["[A-Za-z0-9+/]", "[ =\\\\,:\u{e4}-]"],
            most in 0usize..700,
        ) {
            let mut bytes = noise(12);
            bytes.truncate(size);
            let mut text = LENIENT.encode(&bytes);
            let at = at.min(text.len());
            text.replace_range(at..text.len().min(at + 1), &byte);
            let again = decode(&text, STORED_MAX).filter(|bytes| is_known(bytes) && bytes.len() <= most);
            if is_sent_as_it_stands(&text, most) {
                proptest::prop_assert_eq!(again.map(|bytes| LENIENT.encode(bytes)), Some(text));
            }
        }
    }

    #[test]
    fn a_photo_in_the_form_it_is_sent_in_is_not_made_anew() {
        for size in [300, 301, 302] {
            let mut bytes = noise(40);
            bytes.truncate(size);
            let text = LENIENT.encode(&bytes);
            assert!(is_sent_as_it_stands(&text, size.next_multiple_of(3)), "{size}");
            assert!(!is_sent_as_it_stands(&text, size - 1));
            assert!(!is_sent_as_it_stands(text.trim_end_matches('=').get(1..).unwrap(), size));
        }
        // Spare bits that are not zero, and a kind that phones may not know.
        assert!(!is_sent_as_it_stands(&format!("{}Z/==", &LENIENT.encode(noise(40))[..400]), 1000));
        assert!(!is_sent_as_it_stands(&LENIENT.encode([b"RIFF\0\0\0\0WEBP".as_slice(), &[0; 90]].concat()), 1000));
    }

    #[test]
    fn a_larger_photo_goes_out_as_a_jpeg_that_fits() {
        let card = card(new_line(&noise(700), Form::V4));
        let text = shown(&card).unwrap().value().into_owned();
        assert!(text.len() <= BASE64_MAX, "{}", text.len());
        assert!(LENIENT.decode(text).unwrap().starts_with(&[0xFF, 0xD8, 0xFF]));
    }

    #[test]
    fn a_photo_of_exactly_48_kb_passes_and_one_byte_more_does_not() {
        let mut bytes = noise(4);
        bytes.resize(BYTES_MAX, 0);
        assert_eq!(LENIENT.encode(&bytes).len(), BASE64_MAX);
        assert_eq!(fitting(bytes.clone(), BYTES_MAX).as_ref(), Some(&bytes));
        bytes.push(0);
        assert!(fitting(bytes, BYTES_MAX).is_some_and(|small| small.starts_with(&[0xFF, 0xD8])));
    }

    #[test]
    fn what_is_elsewhere_or_no_picture_is_no_photo() {
        for value in ["https://example.org/me.jpg", "data:image/jpeg;base64,", "AAAA", "%%%", "", "data:text/plain,x"] {
            assert_eq!(stored(&card(Line::new("PHOTO", value))), None, "{value}");
        }
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_left_out_unpainted() {
        let mut bomb = noise(2);
        bomb.splice(16..24, [0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
        bomb.resize(BYTES_MAX + 1, 0);
        assert_eq!(fitting(bomb, BYTES_MAX), None);
        let mut torn = noise(300);
        torn.truncate(BYTES_MAX + 100);
        assert_eq!(fitting(torn, BYTES_MAX), None);
        assert_eq!(decode(&"A".repeat(STORED_MAX * 2), STORED_MAX), None);
    }
}
