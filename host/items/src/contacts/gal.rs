//! What the global address list shows of a card. MS-ASCMD 2.2.3.146 "Properties", code page GAL.

use easel_wbxml::pages::{contacts as c, contacts2 as c2};
use easel_wbxml::{Element, Tag};

use super::{card, fields, photo, text_of};
use crate::ItemError;

/// The properties of one entry of the global address list; empty where the card does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GalFields {
    /// The name as it is shown; never empty.
    pub display_name: String,
    /// The telephone at work.
    pub phone: String,
    /// Where the office is.
    pub office: String,
    /// What the person does.
    pub title: String,
    /// The company.
    pub company: String,
    /// The short name: what the card says, else the address before its `@`.
    pub alias: String,
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: String,
    /// The telephone at home.
    pub home_phone: String,
    /// The mobile telephone.
    pub mobile_phone: String,
    /// The first e-mail address.
    pub email: String,
    /// Media type and bytes of the photo, unscaled.
    pub photo: Option<(String, Vec<u8>)>,
}

/// Reads a card for the global address list.
pub fn gal_fields(content: &str) -> Result<GalFields, ItemError> {
    let card = card::read(content)?;
    let shown: Vec<Element> = fields::shown(&card, None);
    let text = |tag: Tag| text_of(&shown, tag);
    let email = text(c::EMAIL1_ADDRESS);
    let alias = [text(c::ALIAS), text(c2::NICK_NAME)].into_iter().find(|alias| !alias.is_empty());
    let local_part = email.split('@').next().unwrap_or("").to_owned();
    let display_name = card.plain("FN").filter(|name| !name.trim().is_empty());
    Ok(GalFields {
        display_name: display_name.unwrap_or_else(|| text(c::FILE_AS)),
        phone: text(c::BUSINESS_PHONE_NUMBER),
        office: text(c::OFFICE_LOCATION),
        title: text(c::JOB_TITLE),
        company: text(c::COMPANY_NAME),
        alias: alias.unwrap_or(local_part),
        first_name: text(c::FIRST_NAME),
        last_name: text(c::LAST_NAME),
        home_phone: text(c::HOME_PHONE_NUMBER),
        mobile_phone: text(c::MOBILE_PHONE_NUMBER),
        email,
        photo: photo::stored(&card),
    })
}
