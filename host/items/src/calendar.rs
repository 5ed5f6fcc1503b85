//! Events: iCalendar to and from the Calendar class.
//!
//! MS-ASCAL; RFC 5545 3.6.1 "Event Component". An object is one VCALENDAR: the event or series, its overrides
//! (RECURRENCE-ID) and its time zones. Going out, [`properties`] shows it to a device of one version; coming in,
//! [`apply`] compares what the device sent with what it had been shown, and writes only the difference. `MAPPING.md`
//! has a row for each element.

mod alarm;
mod attachments;
mod clock;
mod exceptions;
mod facts;
mod itip;
mod meeting;
mod merge;
mod people;
mod place;
mod show;
mod split;
mod stored;
mod times;

use easel_protocol::Facts;
use easel_wbxml::Element;

use crate::{Applied, Edit, ItemError, View};

pub use attachments::{Attachment, added_attachments, attachment, attachments};
pub use facts::last_occurrence_end;
pub use itip::{
    About, Forwarded, Invited, Message, Responded, Response, check_occurrence, forwarded, invited, messages, moved_to,
    received, respond,
};
pub use meeting::{global_obj_id, meeting_request, message_class, method, uid, uid_of_global_obj_id};
pub use merge::{answer_to_new, uids_of_new};
pub use split::split;

/// The properties of an event, in the schema's order.
///
/// A series that no pattern says is shown by one that covers it (see [`crate::recurrence::Cover`]). One whose
/// occurrences are not known, such as those of an unknown calendar, is an error, [`ItemError::Rule`] of `Recurrence`: a
/// wrong pattern is never sent.
pub fn properties(content: &str, view: &View<'_>) -> Result<Vec<Element>, ItemError> {
    let data = show::event(&stored::Stored::parse(content)?, view, None)?;
    Ok(data.children().cloned().collect())
}

/// Merges what a device sent into an event, or makes a new one.
///
/// Whatever equals what the device was shown says nothing. The answer holds the UID of a new event from 16.0.
pub fn apply(current: Option<&str>, edit: &Edit<'_>, view: &View<'_>) -> Result<Applied, ItemError> {
    match current {
        None => merge::create(edit, view),
        Some(current) => merge::change(current, edit, view),
    }
}

/// What the store must know of an event.
pub fn facts(content: &str, view: &View<'_>) -> Result<Facts, ItemError> {
    facts::read(content, view)
}

#[cfg(test)]
mod tests;
