//! What a mailbox knows of a mail that the mail itself does not say.

use serde::{Deserialize, Serialize};

/// Lies beside the message, which stays byte for byte as received. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRecord {
    /// When it arrived.
    pub received: i64,
    /// `\Seen`.
    pub read: bool,
    /// `\Draft`.
    pub draft: bool,
    /// The owner is in neither To nor Cc: MS-ASEMAIL 2.2.2.61 "ReceivedAsBcc".
    pub received_as_bcc: bool,
    /// Follow-up; `None` is cleared.
    pub flag: Option<Flag>,
    /// Keywords, in the owner's order.
    pub categories: Vec<String>,
    /// The last reply or forward.
    pub last_verb: Option<LastVerb>,
}

impl MailRecord {
    /// An unread mail that arrived at `received`.
    pub const fn arrived(received: i64) -> Self {
        Self {
            received,
            read: false,
            draft: false,
            received_as_bcc: false,
            flag: None,
            categories: Vec::new(),
            last_verb: None,
        }
    }
}

/// A follow-up flag. MS-ASEMAIL 2.2.2.34 "Flag"; what a device did not send is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// 1 complete, 2 active; a flag with Status 0 is no flag.
    pub status: u8,
    /// Such as `for Follow Up`.
    pub flag_type: Option<String>,
    /// Its subject as a task.
    pub subject: Option<String>,
    /// When it was completed (CompleteTime).
    pub complete_time: Option<i64>,
    /// When it was completed (tasks:DateCompleted).
    pub date_completed: Option<i64>,
    /// Start, local numerals as if UTC.
    pub start_date: Option<i64>,
    /// Start.
    pub utc_start_date: Option<i64>,
    /// Due, local numerals as if UTC.
    pub due_date: Option<i64>,
    /// Due.
    pub utc_due_date: Option<i64>,
    /// Whether it reminds.
    pub reminder_set: Option<bool>,
    /// When it reminds.
    pub reminder_time: Option<i64>,
    /// The order among flags of one day.
    pub ordinal_date: Option<i64>,
    /// The order among equals.
    pub sub_ordinal_date: Option<String>,
}

/// MS-ASEMAIL 2.2.2.43 "LastVerbExecuted" and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerb {
    /// What was done.
    pub verb: Verb,
    /// When.
    pub at: i64,
}

/// What was done to a mail last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Verb {
    /// Replied to its sender.
    Reply = 1,
    /// Replied to everybody.
    ReplyAll = 2,
    /// Forwarded.
    Forward = 3,
}
