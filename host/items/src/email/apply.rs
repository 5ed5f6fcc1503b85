//! What a device changes of a mail. MS-ASCMD 2.2.3.24 "Change", MS-ASEMAIL 3.2.5.

use easel_protocol::{Groups, MailRecord, Version};
use easel_wbxml::pages::{airsyncbase, email, email2};
use easel_wbxml::{Element, Tag};

use super::flag;
use crate::body::one_line;
use crate::{ItemError, View};

/// Categories of one mail.
const CATEGORIES_MAX: usize = 300;
/// Characters of one category.
const CATEGORY_MAX: usize = 255;
/// What only the server writes.
const READ_ONLY: [(Tag, &str); 5] = [
    (email2::CONVERSATION_ID, "ConversationId"),
    (email2::RECEIVED_AS_BCC, "ReceivedAsBcc"),
    (email2::SENDER, "Sender"),
    (email2::UM_CALLER_ID, "UmCallerID"),
    (email2::UM_USER_NOTES, "UmUserNotes"),
];
/// What makes a draft.
const DRAFT: [(Tag, &str); 8] = [
    (email::TO, "To"),
    (email::CC, "Cc"),
    (email2::BCC, "Bcc"),
    (email::SUBJECT, "Subject"),
    (email::REPLY_TO, "ReplyTo"),
    (email::IMPORTANCE, "Importance"),
    (airsyncbase::BODY, "Body"),
    (airsyncbase::ATTACHMENTS, "Attachments"),
];

/// Merges a Change into the record of a mail: Read, Flag and Categories. Everything else of a mail is fixed; of a
/// draft it is refused rather than dropped. `subject` is that of the mail. The groups are those that differ now.
pub fn apply(
    record: &MailRecord,
    data: &Element,
    view: &View<'_>,
    subject: &str,
) -> Result<(MailRecord, Groups), ItemError> {
    if let Some((_, element)) = READ_ONLY.iter().find(|(tag, _)| data.child(*tag).is_some()) {
        return Err(ItemError::Rule { element, reason: "only the server writes it" });
    }
    if let Some((_, element)) = DRAFT.iter().find(|(tag, _)| record.draft && data.child(*tag).is_some()) {
        return Err(ItemError::Rule { element, reason: "drafts are read-only" });
    }
    let mut after = record.clone();
    if let Some(read) = data.text_of(email::READ) {
        after.read = flag::boolean(&read).ok_or(ItemError::Rule { element: "Read", reason: "it is 0 or 1" })?;
    }
    if let Some(flag) = data.child(email::FLAG) {
        after.flag = flag::read(flag, record.flag.as_ref(), subject)?;
    }
    if let Some(categories) = data.child(email::CATEGORIES).filter(|_| view.version >= Version::V14_0) {
        after.categories = self::categories(categories)?;
    }
    let mut groups = Groups::NONE;
    for (group, differs) in [
        (Groups::READ, after.read != record.read),
        (Groups::FLAG, after.flag != record.flag),
        (Groups::CATEGORIES, after.categories != record.categories),
    ] {
        groups = if differs { groups.and(group) } else { groups };
    }
    Ok((after, groups))
}

fn categories(data: &Element) -> Result<Vec<String>, ItemError> {
    let mut out: Vec<String> = Vec::new();
    for category in data.all(email::CATEGORY) {
        let name: String = one_line(&category.value()).chars().take(CATEGORY_MAX).collect();
        if name.is_empty() || out.contains(&name) {
            continue;
        }
        if out.len() == CATEGORIES_MAX {
            return Err(ItemError::Rule { element: "Categories", reason: "there are at most 300" });
        }
        out.push(name);
    }
    Ok(out)
}
