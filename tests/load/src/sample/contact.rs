//! Contacts: cards as address books write them, every third with a photo of 20 to 40 KB.

use std::io::Cursor;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Rgb, RgbImage};

use super::Kind;
use super::language::LANGUAGES;

/// Photos that differ; they take turns.
const PHOTOS: usize = 16;
/// Bytes of a photo.
const PHOTO: (usize, usize) = (20 << 10, 40 << 10);

/// Makes cards.
#[derive(Debug)]
pub(crate) struct Contacts {
    /// In base64.
    photos: Vec<String>,
}

impl Contacts {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let photos = (0..PHOTOS).map(|number| Ok(STANDARD.encode(photo(number as u64)?)));
        Ok(Self { photos: photos.collect::<anyhow::Result<_>>()? })
    }

    /// The `number`-th card.
    pub(crate) fn card(&self, number: u64) -> String {
        let mut dice = Kind::Contact.dice(number);
        let language = &LANGUAGES[(number % 10) as usize];
        let name = *dice.pick(&language.people);
        let (first, last) = name.split_once(' ').unwrap_or(("", name));
        let (title, note) = (language.title(&mut dice), language.sentence(&mut dice));
        let (note, mut digits) = (note.replace(',', "\\,"), || 100_000 + dice.below(900_000));
        let mut card = format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:contact-{number}@load.example\r\nN:{last} {number};{first};;;\r\nFN:{name} {number}\r\n\
             ORG:Example {tag};{title}\r\nTITLE:{title}\r\nEMAIL;TYPE=INTERNET,WORK:c{number}@example.{tag}\r\n\
             EMAIL;TYPE=INTERNET,HOME:home{number}@example.net\r\nTEL;TYPE=WORK,VOICE:+49 30 {}\r\nTEL;TYPE=CELL:+49 170 {}\r\n\
             TEL;TYPE=HOME,VOICE:+49 89 {}\r\nADR;TYPE=WORK:;;{} Example Street;Town;;{};Country\r\n\
             BDAY:19{}-0{}-1{}\r\nNOTE:{note}\r\nURL:https://example.{tag}/{number}\r\n",
            digits(),
            digits(),
            digits(),
            digits() % 200,
            digits() % 90_000 + 10_000,
            digits() % 50 + 50,
            digits() % 9 + 1,
            digits() % 10,
            tag = language.tag,
        );
        if number.is_multiple_of(3) {
            let photo = &self.photos[(number / 3) as usize % PHOTOS];
            card.push_str("PHOTO;ENCODING=b;TYPE=JPEG:");
            // Folded at 75 bytes: RFC 2425 5.8.1.
            for (at, line) in photo.as_bytes().chunks(74).enumerate() {
                card.push_str(if at > 0 { "\r\n " } else { "" });
                card.push_str(&String::from_utf8_lossy(line));
            }
            card.push_str("\r\n");
        }
        card.push_str("END:VCARD\r\n");
        card
    }
}

/// A JPEG of noise over a gradient; its edge grows until its size is right.
fn photo(number: u64) -> anyhow::Result<Vec<u8>> {
    let mut dice = Kind::Photo.dice(number);
    let least = PHOTO.0 + (PHOTO.1 - PHOTO.0 - (4 << 10)) * number as usize / PHOTOS;
    let mut edge = 128;
    loop {
        let picture = RgbImage::from_fn(edge, edge, |x, y| {
            let noise = (dice.roll() % 64) as u32;
            Rgb([x * 191 / edge + noise, y * 191 / edge + noise, 96 + noise].map(|part| part.min(255) as u8))
        });
        let mut bytes = Cursor::new(Vec::new());
        let encoder = JpegEncoder::new_with_quality(&mut bytes, 80);
        DynamicImage::ImageRgb8(picture).write_with_encoder(encoder).context("making a photo")?;
        let bytes = bytes.into_inner();
        if bytes.len() >= least {
            return Ok(bytes);
        }
        edge += 8;
    }
}

#[cfg(test)]
mod tests {
    use easel_items::{BodyPreferences, Manner, Owner, View};
    use easel_protocol::{Class, Version};
    use easel_wbxml::pages::contacts;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn a_third_of_the_cards_has_a_photo_of_20_to_40_kb_which_a_phone_gets_as_it_is() {
        let made = Contacts::new().unwrap();
        let owner = Owner { name: "A".into(), addresses: vec!["a@example.org".into()], zone: TimeZone::UTC };
        let body = BodyPreferences::default();
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let view = View { version: Version::V16_1, owner: &owner, body: &body, now, manner: Manner::default() };
        let mut photos = 0;
        for number in 0..60 {
            let shown = easel_items::properties(Class::Contacts, &made.card(number), &view).unwrap();
            let text = |tag| shown.iter().find(|one| one.tag == tag).map(|one| one.value().into_owned());
            assert!(text(contacts::EMAIL1_ADDRESS).unwrap().contains(&format!("c{number}@")));
            assert!(text(contacts::BIRTHDAY).is_some() && text(contacts::MOBILE_PHONE_NUMBER).is_some());
            if let Some(picture) = text(contacts::PICTURE) {
                let bytes = STANDARD.decode(picture).unwrap();
                assert!((PHOTO.0..=PHOTO.1).contains(&bytes.len()), "{}", bytes.len());
                photos += 1;
            }
        }
        assert_eq!(photos, 20);
    }
}
