//! The global address list. MS-ASCMD 2.2.3.141 "Properties (Search)", code page 16, GAL.
//!
//! An entry is found by the beginning of a word of a name, the address, company or office; a tenant sees its own list
//! and no other. Entries come sorted by the name shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use easel_protocol::{CommonStatus, Version};
use easel_store::GalEntry;
use easel_wbxml::pages::{gal, search as s};
use easel_wbxml::{Element, Tag};

use super::range::Range;
use super::{Found, Status, Stop};
use crate::context::{Context, Failure, number};

/// The last place that a search reaches.
const LAST_MAX: u64 = 99;
/// Characters of a query that are looked at.
const QUERY_MAX: usize = 256;
/// The most bytes of a picture. MS-ASCMD 2.2.3.107.2 "MaxSize (Search)".
const PICTURE_BYTES_MAX: usize = 102_400;

pub(super) fn search(
    context: &Context<'_>,
    query: &str,
    options: Option<&Element>,
) -> Result<Result<Found, Stop>, Failure> {
    let asked = match range(context, options) {
        Ok(range) => range,
        Err(status) => return Ok(Err(status.into())),
    };
    // K: I42. An empty Picture asks for pictures without a limit of its own.
    let pictures = options.and_then(|options| options.child(s::PICTURE)).filter(|_| context.version >= Version::V14_1);
    let pictures = pictures.map(Pictures::from_wbxml).transpose()?;
    let query: String = query.trim().chars().take(QUERY_MAX).collect();
    let limit = usize::try_from(LAST_MAX + 1).expect("a hundred");
    let entries = context.store().search_gal(context.user.tenant, &query, limit)?;
    Ok(Ok(page(context, &entries, asked, pictures)))
}

/// The range asked for, cut to what a search reaches; the device's own default if it names none (K: G30).
fn range(context: &Context<'_>, options: Option<&Element>) -> Result<Range, Status> {
    let default = u64::try_from(context.profile().number("search.gal_default_range")).expect("the table bounds it");
    let Some(text) = options.and_then(|options| options.text_of(s::RANGE)) else {
        return Ok(Range { first: 0, last: default });
    };
    cut(&text, LAST_MAX)
}

/// A range that a device names, cut to `most`.
pub(super) fn cut(text: &str, most: u64) -> Result<Range, Status> {
    let range = Range::parse(text).ok_or(Status::InvalidRequest)?;
    if range.first > most {
        return Err(Status::EndOfRange);
    }
    Ok(Range { first: range.first, last: range.last.min(most) })
}

fn page(context: &Context<'_>, entries: &[GalEntry], asked: Range, mut pictures: Option<Pictures>) -> Found {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let count = place(asked.last - asked.first) + 1;
    let shown: Vec<Element> = entries
        .iter()
        .skip(place(asked.first))
        .take(count)
        .map(|entry| {
            let mut properties = properties(context, entry);
            properties.extend(pictures.as_mut().map(|pictures| pictures.of(context, entry)));
            Element::of(s::RESULT, [properties])
        })
        .collect();
    let last = (asked.first + shown.len() as u64).checked_sub(1);
    let range = last.filter(|_| !shown.is_empty()).map(|last| Range { first: asked.first, last });
    Found { results: shown, range, total: entries.len() }
}

/// What is known of the entry; what is not is left out.
fn properties(context: &Context<'_>, entry: &GalEntry) -> Element {
    let name = if entry.display_name.is_empty() { &entry.email } else { &entry.display_name };
    let (mut first, mut last) = (entry.first_name.clone(), entry.last_name.clone());
    if context.profile().flag("search.names") && first.is_empty() && last.is_empty() {
        let (given, family) = name.trim().rsplit_once(' ').unwrap_or(("", name));
        (first, last) = (given.to_owned(), family.to_owned());
    }
    let always_first = context.profile().flag("search.always_firstname");
    let all: [(Tag, &str); 11] = [
        (gal::DISPLAY_NAME, name),
        (gal::PHONE, &entry.phone),
        (gal::OFFICE, &entry.office),
        (gal::TITLE, &entry.title),
        (gal::COMPANY, &entry.company),
        (gal::ALIAS, &entry.alias),
        (gal::FIRST_NAME, &first),
        (gal::LAST_NAME, &last),
        (gal::HOME_PHONE, &entry.home_phone),
        (gal::MOBILE_PHONE, &entry.mobile_phone),
        (gal::EMAIL_ADDRESS, &entry.email),
    ];
    let said = all.into_iter().filter(|(tag, text)| !text.is_empty() || (always_first && *tag == gal::FIRST_NAME));
    Element::of(s::PROPERTIES, said.map(|(tag, text)| Element::text(tag, text)))
}

/// How many pictures a device takes, and how large. MS-ASCMD 2.2.3.134.2 "Picture (Search)".
#[derive(Debug, PartialEq, Eq)]
struct Pictures {
    left: u32,
    bytes_max: usize,
}

impl Pictures {
    fn from_wbxml(picture: &Element) -> Result<Self, Failure> {
        let size = number(picture, s::MAX_SIZE)?.and_then(|size| usize::try_from(size).ok());
        Ok(Self {
            left: number(picture, s::MAX_PICTURES)?.unwrap_or(u32::MAX),
            bytes_max: size.unwrap_or(PICTURE_BYTES_MAX).min(PICTURE_BYTES_MAX),
        })
    }

    /// The picture of an entry, or why there is none.
    fn of(&mut self, context: &Context<'_>, entry: &GalEntry) -> Element {
        let form = context.profile().text("search.gal_photo");
        let photo = entry.photo.as_ref().filter(|photo| !photo.is_empty() && form != "none-status");
        let data = match photo {
            None => Err(CommonStatus::NoPicture),
            Some(photo) if photo.len() > self.bytes_max => Err(CommonStatus::PictureTooLarge),
            Some(_) if self.left == 0 => Err(CommonStatus::PictureLimitReached),
            Some(photo) if form == "text" => Ok(Element::text(gal::DATA, BASE64.encode(photo))),
            Some(photo) => Ok(Element::opaque(gal::DATA, photo.as_slice())),
        };
        match data {
            Ok(data) => {
                self.left -= 1;
                Element::of(gal::PICTURE, [Element::number(gal::STATUS, Status::Success as u8), data])
            }
            Err(status) => Element::of(gal::PICTURE, [Element::number(gal::STATUS, status.number())]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i42_an_empty_picture_asks_for_every_picture() {
        let all = Pictures { left: u32::MAX, bytes_max: PICTURE_BYTES_MAX };
        assert_eq!(Pictures::from_wbxml(&Element::new(s::PICTURE)).unwrap(), all);
        let limited =
            Element::of(s::PICTURE, [Element::number(s::MAX_SIZE, 999_999), Element::number(s::MAX_PICTURES, 2)]);
        assert_eq!(Pictures::from_wbxml(&limited).unwrap(), Pictures { left: 2, bytes_max: PICTURE_BYTES_MAX });
    }

    #[test]
    fn a_range_is_cut_to_what_a_search_reaches() {
        assert_eq!(cut("0-499", 99), Ok(Range { first: 0, last: 99 }));
        assert_eq!(cut("99-99", 99), Ok(Range { first: 99, last: 99 }));
        assert_eq!(cut("100-120", 99), Err(Status::EndOfRange));
        assert_eq!(cut("0", 99), Err(Status::InvalidRequest));
    }
}
