//! How an item is told to one device, and what that device means by what it sends back.
//!
//! Every field has a default, which is the host's own way; a device that needs another gets it here. The room knows no
//! devices: who needs what is decided elsewhere.

use serde::{Deserialize, Serialize};

/// The manner of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manner {
    /// Mail.
    pub mail: MailManner,
    /// Events, and meeting mail.
    pub calendar: CalendarManner,
    /// Contacts.
    pub contact: ContactManner,
    /// The dates of tasks.
    pub task_dates: TaskDates,
    /// Categories that are absent from a note are taken out, whatever is ghosted (K: T01).
    pub note_categories_cleared: bool,
    /// RTF that comes back is old and is not read (K: N14). None is ever sent.
    pub no_rtf: bool,
}

/// How mail is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailManner {
    /// A mail with more recipients is shown without them; 0 is no limit (K: N03).
    pub recipients_max: u32,
    /// MIMESupport 1, only S/MIME, is heard as 2, always (K: I18).
    pub prefer_mime: bool,
    /// A mail that is text goes as HTML where HTML is wanted at all (K: A38, G31).
    pub text_as_html: bool,
    /// Text that is cut is a preview in a list: addresses of links and pictures go (K: I17).
    pub preview_strip: bool,
    /// Mail goes as text, and entities that its text holds are decoded (K: V05).
    pub plain: bool,
    /// The body of 2.5 is HTML where the mail is (K: I45).
    pub html_in_2_5: bool,
    /// A sender without a name is called by the address (K: V09).
    pub name_senders: bool,
    /// The text parts of a message that is sent whole are 8bit UTF-8 (K: O03).
    pub mime_8bit: bool,
    /// `application/ms-tnef` is no attachment (K: O04).
    pub tnef_dropped: bool,
    /// S/MIME mail goes whole, even where no MIME is asked for (K: A48, B04).
    pub smime_whole: bool,
    /// Drafts go whole, even where no MIME is asked for (K: I51, X05).
    pub drafts_whole: bool,
}

/// How events are shown and heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarManner {
    /// The Timezone element.
    pub tz_blob: TzBlob,
    /// A day begins at midnight UTC, whatever its Timezone says (K: O26).
    pub allday_raw: bool,
    /// The last year that the end of a series is told for; a series that ends later goes without an end (K: A27).
    pub until_max: Option<i16>,
    /// An event that is no meeting has an organizer too (K: A25, G34).
    pub organizer_always: bool,
    /// Attendees are neither told nor heard (K: I24, N18). What a device adds to a new event is.
    pub attendees_hidden: bool,
    /// An event that does not remind says so (K: O11).
    pub reminder_explicit: bool,
    /// The form of UIDs that are a GlobalObjId, and of GlobalObjId.
    pub uid_form: UidForm,
    /// UID stands in every event, and in the answer to a new one (K: N11).
    pub always_uid: bool,
    /// Free, of an invitation, is what a device says that means busy; both accept it (K: V12).
    pub free_means_accepted: bool,
}

/// How contacts are shown and heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactManner {
    /// Birthday and Anniversary on their way out; coming in, one reading serves all.
    pub birthday: Birthday,
    /// What an empty Picture means.
    pub picture: Picture,
    /// FileAs.
    pub file_as: FileAs,
    /// The most bytes of a photo; 0 is the host's own limit.
    pub photo_max: u32,
}

/// The Timezone element of an event. K: G12, A28. It never holds names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TzBlob {
    /// In every event that can have one.
    #[default]
    Full,
    /// Not in a single event with a time of day, which needs none.
    Needed,
    /// All zero in an event of days, which then begins at midnight UTC.
    ZeroForDays,
}

/// UIDs that are a GlobalObjId in hexadecimal, and GlobalObjId of meeting mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UidForm {
    /// UID as it is; GlobalObjId in base64, up to 14.1.
    #[default]
    AsIs,
    /// Both in hexadecimal capitals; GlobalObjId in every version (K: I04, I05).
    HexUpper,
    /// UID as it is; GlobalObjId in base64, in every version (K: O30).
    Base64,
}

/// The moment by which a birthday is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Birthday {
    /// Midnight UTC (K: I10, A07, V20).
    #[default]
    Utc00,
    /// 8:00 UTC (K: A05, A06).
    Utc08,
    /// 11:00 UTC (K: B01).
    Utc11,
    /// Noon UTC.
    Utc12,
    /// Midnight of the owner's zone (K: I09).
    UserZone00,
    /// The moment that the card names, if it names one (K: T03).
    AsIs,
    /// The date and nothing else (K: A05).
    DateOnly,
}

/// What an empty Picture means. One that is absent always keeps the photo (K: I07).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Picture {
    /// The photo is removed, if the device was shown one.
    #[default]
    Normal,
    /// Nothing (K: I08).
    EmptyKeeps,
    /// The photo is removed, shown or not (K: X12).
    EmptyDeletes,
}

/// The order of names in FileAs (K: W08).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileAs {
    /// What the card says, else as `LastFirst`.
    #[default]
    AsIs,
    /// `Lovelace, Ada`
    LastFirst,
    /// `Ada Lovelace`
    FirstLast,
    /// The company, else as `LastFirst`.
    Company,
}

/// The dates of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskDates {
    /// The moment in UtcDueDate, the numbers on the owner's clock in DueDate.
    #[default]
    Utc,
    /// The moment in both, and in ReminderTime: midnight where the owner is (K: I22).
    Local,
    /// As `Utc`; a task that is due and does not start, starts when it is due (K: T05).
    Both,
}
