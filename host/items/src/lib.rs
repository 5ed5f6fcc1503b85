//! RFC 5322, iCalendar and vCard to and from the five classes of Exchange ActiveSync.
//!
//! Open formats are the truth; the properties of a class are a view of them. What a device sends is merged into the
//! stored object: what it did not send, cannot express or ghosts stays byte for byte. The room knows no storage, no
//! HTTP and no clock. Start at [`View`], then [`properties`] and [`apply`]; mail has [`email`] of its own, because a
//! mail is read in pieces and never rewritten.

pub mod body;
pub mod calendar;
mod component;
pub mod compose;
pub mod contacts;
#[cfg(test)]
mod desk;
pub mod email;
mod error;
pub mod lines;
pub mod manner;
pub mod notes;
pub mod recurrence;
mod rtf;
mod said;
pub mod tasks;
mod text_body;
pub mod time_zone;
mod view;

use easel_protocol::{Class, Facts};
use easel_wbxml::Element;

pub use error::{ComposeError, ItemError, ReadError};
pub use manner::Manner;
pub use view::{Applied, BodyPartPreference, BodyPreference, BodyPreferences, BodyType, Edit, Ghosting, Owner, View};

/// The properties of a stored event, contact, task or note, in the schema's order: the children of ApplicationData.
pub fn properties(class: Class, content: &str, view: &View<'_>) -> Result<Vec<Element>, ItemError> {
    match class {
        Class::Calendar => calendar::properties(content, view),
        Class::Contacts => contacts::properties(content, view),
        Class::Notes => notes::properties(content, view),
        Class::Tasks => tasks::properties(content, view),
        Class::Email | Class::Sms => Err(ItemError::WrongClass(class)),
    }
}

/// Merges what a device sent into the stored object, or makes a new object when `current` is `None`.
pub fn apply(class: Class, current: Option<&str>, edit: &Edit<'_>, view: &View<'_>) -> Result<Applied, ItemError> {
    match class {
        Class::Calendar => calendar::apply(current, edit, view),
        Class::Contacts => contacts::apply(current, edit, view),
        Class::Notes => notes::apply(current, edit, view),
        Class::Tasks => tasks::apply(current, edit, view),
        Class::Email | Class::Sms => Err(ItemError::WrongClass(class)),
    }
}

/// What the store must know of an object that came from elsewhere, such as an imported file.
pub fn facts(class: Class, content: &str, view: &View<'_>) -> Result<Facts, ItemError> {
    match class {
        Class::Calendar => calendar::facts(content, view),
        Class::Contacts => contacts::facts(content),
        Class::Notes => notes::facts(content),
        Class::Tasks => tasks::facts(content),
        Class::Email | Class::Sms => Err(ItemError::WrongClass(class)),
    }
}
