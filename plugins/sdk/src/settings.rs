//! The settings of a device by name, each with the type and the values it may have.
//!
//! ```
//! use easel_pack::settings::{self, Heartbeat, Multi};
//!
//! let settings = [
//!     settings::mail::MAX_RECIPIENTS.is(100),
//!     settings::hierarchy::MULTI.only([Multi::Mail]),
//!     settings::push::HEARTBEAT.is(Heartbeat { min: 300, max: 1800, default: 900 }),
//! ];
//! assert_eq!(settings[0].name, "mail.max_recipients");
//! ```
//!
//! A setting takes no value of another type:
//!
//! ```compile_fail
//! easel_pack::settings::mail::PREFER_MIME.is(100);
//! ```

use std::marker::PhantomData;

use crate::{Setting, SettingValue};

/// A word that a setting may have.
pub trait Word: Copy {
    /// All of them, as the server spells them.
    const WORDS: &'static [&'static str];

    /// This one.
    fn word(self) -> &'static str;
}

/// What one setting is, for comparison with the server's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// `group.field`.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    Flag,
    /// The least and the most.
    Number(i64, i64),
    /// One of these words; none means any text.
    Text(&'static [&'static str]),
    /// A list of these words; none means any.
    Texts(&'static [&'static str]),
    /// A list of `key=value` with these keys; none means any.
    Map(&'static [&'static str]),
}

fn setting(name: &str, value: SettingValue) -> Setting {
    Setting { name: name.to_owned(), value }
}

/// A setting that is yes or no.
#[derive(Clone, Copy, Debug)]
pub struct Flag(&'static str);

impl Flag {
    const fn new(name: &'static str) -> Self {
        Self(name)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Flag }
    }

    /// The setting with this value.
    pub fn is(self, flag: bool) -> Setting {
        setting(self.0, SettingValue::Flag(flag))
    }
}

/// A setting that is a number within a range.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    name: &'static str,
    least: i64,
    most: i64,
}

impl Number {
    const fn new(name: &'static str, least: i64, most: i64) -> Self {
        Self { name, least, most }
    }

    const fn known(self) -> Known {
        Known { name: self.name, kind: Kind::Number(self.least, self.most) }
    }

    /// The setting with this value.
    ///
    /// # Panics
    ///
    /// Where the number is out of the setting's range, which the first test of the pack tells.
    pub fn is(self, number: i64) -> Setting {
        assert!((self.least..=self.most).contains(&number), "{} cannot be {number}", self.name);
        setting(self.name, SettingValue::Number(number))
    }
}

/// A setting that is any text.
#[derive(Clone, Copy, Debug)]
pub struct Text(&'static str);

impl Text {
    const fn new(name: &'static str) -> Self {
        Self(name)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Text(&[]) }
    }

    /// The setting with this value.
    pub fn is(self, text: &str) -> Setting {
        setting(self.0, SettingValue::Text(text.to_owned()))
    }
}

/// A setting that is a list of any texts.
#[derive(Clone, Copy, Debug)]
pub struct Texts(&'static str);

impl Texts {
    const fn new(name: &'static str) -> Self {
        Self(name)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Texts(&[]) }
    }

    /// The setting with these texts.
    pub fn are<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Setting {
        setting(self.0, SettingValue::Texts(texts.into_iter().map(str::to_owned).collect()))
    }
}

/// A setting that is one of a few words.
#[derive(Clone, Copy, Debug)]
pub struct Choice<W>(&'static str, PhantomData<W>);

impl<W: Word> Choice<W> {
    const fn new(name: &'static str) -> Self {
        Self(name, PhantomData)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Text(W::WORDS) }
    }

    /// The setting with this value.
    pub fn is(self, word: W) -> Setting {
        setting(self.0, SettingValue::Text(word.word().to_owned()))
    }
}

/// A setting that is a list of words out of a few.
#[derive(Clone, Copy, Debug)]
pub struct Choices<W>(&'static str, PhantomData<W>);

impl<W: Word> Choices<W> {
    const fn new(name: &'static str) -> Self {
        Self(name, PhantomData)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Texts(W::WORDS) }
    }

    /// The setting with these words.
    pub fn are(self, words: impl IntoIterator<Item = W>) -> Setting {
        let words = words.into_iter().map(|word| word.word().to_owned()).collect();
        setting(self.0, SettingValue::Texts(words))
    }
}

/// A setting that is a list of `key=value`.
#[derive(Clone, Copy, Debug)]
pub struct Map(&'static str);

impl Map {
    const fn new(name: &'static str) -> Self {
        Self(name)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Map(&[]) }
    }

    /// The setting with these pairs.
    pub fn is<'a>(self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Setting {
        let pairs = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        setting(self.0, SettingValue::Texts(pairs))
    }
}

/// Of which classes a device sees more than one folder.
#[derive(Clone, Copy, Debug)]
pub struct Several(&'static str);

impl Several {
    const fn new(name: &'static str) -> Self {
        Self(name)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Map(Multi::WORDS) }
    }

    /// Several folders of these classes, one of every other.
    pub fn only(self, several: impl IntoIterator<Item = Multi>) -> Setting {
        let several: Vec<_> = several.into_iter().map(Word::word).collect();
        let say = |key: &&str| format!("{key}={}", if several.contains(key) { "yes" } else { "no" });
        setting(self.0, SettingValue::Texts(Multi::WORDS.iter().map(say).collect()))
    }
}

/// How long a device may wait for news.
#[derive(Clone, Copy, Debug)]
pub struct Beat(&'static str);

/// Seconds, each 1 to 3540. MS-ASCMD 2.2.3.88 "HeartbeatInterval".
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// The least a device may ask for.
    pub min: u16,
    /// The most.
    pub max: u16,
    /// What holds where it asks for nothing.
    pub default: u16,
}

impl Beat {
    const fn new(name: &'static str) -> Self {
        Self(name)
    }

    const fn known(self) -> Known {
        Known { name: self.0, kind: Kind::Map(&["min", "max", "default"]) }
    }

    /// The setting with these bounds.
    ///
    /// # Panics
    ///
    /// Where they are out of order or range, which the first test of the pack tells.
    pub fn is(self, Heartbeat { min, max, default }: Heartbeat) -> Setting {
        assert!(1 <= min && min <= default && default <= max && max <= 3540, "{min} {default} {max}");
        let bounds = [("min", min), ("max", max), ("default", default)];
        let texts = bounds.map(|(key, secs)| format!("{key}={secs}"));
        setting(self.0, SettingValue::Texts(texts.to_vec()))
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $name {
                $(#[doc = concat!("`", $word, "`")] $variant,)*
            }

            impl Word for $name {
                const WORDS: &'static [&'static str] = &[$($word,)*];

                fn word(self) -> &'static str {
                    match self {
                        $(Self::$variant => $word,)*
                    }
                }
            }
        )*
    };
}

words! {
    /// A version of the protocol.
    Protocol {
        V2_5 = "2.5",
        V12_0 = "12.0",
        V12_1 = "12.1",
        V14_0 = "14.0",
        V14_1 = "14.1",
        V16_0 = "16.0",
        V16_1 = "16.1",
    }
    /// How a login may be written.
    Login {
        UserAtDomain = "user@domain",
        DomainUser = "domain\\user",
        User = "user",
    }
    /// What a blank domain means.
    BlankDomain {
        Default = "default",
        Refuse = "refuse",
    }
    /// In which charset a login is sent.
    AuthCharset {
        Auto = "auto",
        Utf8 = "utf8",
        Latin1 = "latin1",
    }
    /// What is done with the user named in the query.
    QueryUser {
        Ignore = "ignore",
        Check = "check",
    }
    /// A class of items that a device can show.
    Shown {
        Email = "Email",
        Calendar = "Calendar",
        Contacts = "Contacts",
        Tasks = "Tasks",
        Notes = "Notes",
    }
    /// A class of which there may be several folders.
    Multi {
        Mail = "mail",
        Cal = "cal",
        Con = "con",
        Task = "task",
        Note = "note",
    }
    /// Where the items of further folders go, for a device that sees only one.
    Merge {
        DefaultFolder = "default-folder",
        Hide = "hide",
    }
    /// What the ids of folders are made of.
    IdScheme {
        SafeHex = "safe-hex",
        Opaque = "opaque",
        Decimal = "decimal",
    }
    /// A type of folder that is shown though the user has none. MS-ASCMD 2.2.3.186.2 "Type".
    FakeFolder {
        Inbox = "2",
        Drafts = "3",
        Trash = "4",
        Sent = "5",
        Outbox = "6",
    }
    /// What a Sync without news is answered with.
    EmptySync {
        Auto = "auto",
        Full = "full",
        ZeroByte = "zero_byte",
    }
    /// What a GetItemEstimate with an old key is answered with.
    EstimateBadkey {
        Ok1 = "ok1",
        Error = "error",
    }
    /// Who wins when both sides changed an item.
    Conflict {
        Asked = "asked",
        Server = "server",
        Client = "client",
    }
    /// What an element means that a client does not send.
    Ghosting {
        Spec = "spec",
        AllGhosted = "all-ghosted",
        None = "none",
    }
    /// Which folders wake a waiting client.
    PushFolders {
        All = "all",
        Inbox = "inbox",
    }
    /// What becomes of HTML entities in a preview.
    PreviewEntities {
        Keep = "keep",
        Decode = "decode",
    }
    /// What stands for a sender without a name.
    FromName {
        Name = "name",
        Address = "address",
    }
    /// How the MIME of a message is rewritten.
    MimeRewrite {
        None = "none",
        Utf8In8Bit = "8bit_utf8",
    }
    /// What becomes of `winmail.dat`.
    Tnef {
        Pass = "pass",
        Drop = "drop",
    }
    /// How signed and encrypted mail is sent.
    Smime {
        Normal = "normal",
        FullMime = "full_mime",
    }
    /// The form in which drafts come.
    DraftForm {
        Auto = "auto",
        Mime = "mime",
    }
    /// What a time zone looks like.
    TzBlob {
        Full = "full",
        NoNames = "no_names",
        ZeroForAllDay = "zero_for_allday",
    }
    /// Whether all-day events are moved into the zone.
    AllDayTz {
        Zone = "zone",
        Raw = "raw",
    }
    /// Which events show their attendees.
    Attendees {
        All = "all",
        DefaultCalendar = "default-calendar",
        None = "none",
    }
    /// The form of an event's UID.
    UidForm {
        AsIs = "as-is",
        HexUpper = "hex-upper",
        Base64 = "base64",
    }
    /// Who mails the answer to an invitation.
    MeetingReplyBy {
        Auto = "auto",
        Server = "server",
        Device = "device",
    }
    /// Where the item of a MeetingResponse is looked for first.
    MeetingLookup {
        Named = "named",
        CalendarFirst = "calendar-first",
    }
    /// The start by which an occurrence is named.
    InstanceId {
        Original = "original",
        Shown = "shown",
    }
    /// What is said of the templates of protected mail.
    RightsManagement {
        Refused = "refused",
        Empty = "empty",
    }
    /// The instant that stands for a birthday.
    Birthday {
        Utc00 = "utc00",
        Utc08 = "utc08",
        Utc11 = "utc11",
        Utc12 = "utc12",
        UserZone00 = "userzone00",
        AsIs = "as_is",
        DateOnly = "date_only",
    }
    /// What a picture that is absent or empty means.
    Picture {
        Normal = "normal",
        GhostIfAbsent = "ghost_if_absent",
        GhostIfEmpty = "ghost_if_empty",
        EmptyDeletes = "empty_deletes",
    }
    /// How the name is made that contacts are sorted by.
    FileAsOrder {
        AsIs = "as-is",
        LastFirst = "last-first",
        FirstLast = "first-last",
        Company = "company",
    }
    /// The dates of a task.
    TaskDates {
        Utc = "utc",
        Local = "local",
        Both = "both",
    }
    /// What notes without categories mean.
    NoteCategories {
        Spec = "spec",
        ClearedIfAbsent = "cleared_if_absent",
    }
    /// A photo out of the address list.
    GalPhoto {
        Data = "data",
        Text = "text",
        NoneStatus = "none-status",
    }
    /// The dates of an out-of-office message.
    OofDates {
        Auto = "auto",
        Dashed = "dashed",
        Compact = "compact",
    }
    /// How far a device must obey a policy. Less than strict holds only where the operator allows it.
    Enforce {
        Strict = "strict",
        Loose = "loose",
        Exempt = "exempt",
    }
    /// The document a policy comes in.
    PolicyFormat {
        Auto = "auto",
        Wap = "wap",
        Wbxml = "wbxml",
    }
    /// Whether the details of a password are sent when none is demanded.
    DetailsWhenOff {
        Omit = "omit",
        Send = "send",
    }
    /// Whether a policy that is not demanded is sent.
    PolicySend {
        All = "all",
        None = "none",
    }
    /// How a device is told to ask for its policy.
    Signal {
        Status = "status",
        Http449 = "449",
        Both = "both",
    }
    /// What a Sync of a folder that is gone is answered with.
    FolderGone {
        ObjectNotFound = "8",
        HierarchyChanged = "12",
        InvalidKey = "3",
        Silent = "silent",
    }
    /// Where a changed hierarchy is told.
    HierChanged {
        Collection = "collection",
        Global = "global",
    }
    /// What follows an error of the server.
    OnError {
        None = "none",
        Resync = "resync",
    }
    /// What a GET is answered with.
    Get {
        NotAllowed = "405",
        Ok = "200",
    }
    /// Where requests come from.
    Origin {
        Device = "device",
        Cloud = "cloud",
    }
}

macro_rules! settings {
    ($($(#[$group_doc:meta])* $group:ident {
        $($(#[$doc:meta])* $constant:ident $name:literal: $kind:ident $(<$word:ident>)? ($($bound:expr),*);)*
    })*) => {
        $(
            $(#[$group_doc])*
            pub mod $group {
                $(
                    $(#[$doc])*
                    pub const $constant: super::$kind $(<super::$word>)? = super::$kind::new($name, $($bound),*);
                )*
            }
        )*

        /// Every setting, in the order of the manual.
        pub const TABLE: &[Known] = &[$($($group::$constant.known(),)*)*];
    };
}

settings! {
    /// What the server claims to be.
    versions {
        /// The versions on offer; none means all.
        VERSIONS "versions.versions": Choices<Protocol>();
        /// The version of the server, `14.3`; empty for its own.
        SERVER_VERSION "versions.server_version": Text();
        /// Headers of every answer.
        EXTRA_HEADERS "versions.extra_headers": Map();
        /// Whether new versions are announced once only.
        ANNOUNCE_ONCE "versions.announce_once": Flag();
    }
    /// Who it is that logs in.
    login {
        /// The forms a login may have; none means all.
        PATTERN "login.pattern": Choices<Login>();
        /// What a blank domain means.
        BLANK_DOMAIN "login.blank_domain": Choice<BlankDomain>();
        /// The domain of a login that has none; empty for the operator's.
        DEFAULT_DOMAIN "login.default_domain": Text();
        /// The charset of a login.
        AUTH_CHARSET "login.auth_charset": Choice<AuthCharset>();
        /// What is done with the user in the query.
        QUERY_USER "login.query_user": Choice<QueryUser>();
    }
    /// The tree of folders.
    hierarchy {
        /// The classes shown; none means all.
        CLASSES "hierarchy.classes": Choices<Shown>();
        /// The classes of which several folders are shown.
        MULTI "hierarchy.multi": Several();
        /// Where the items of the others go.
        MERGE "hierarchy.merge": Choice<Merge>();
        /// What ids are made of.
        ID_SCHEME "hierarchy.id_scheme": Choice<IdScheme>();
        /// Folders shown though there are none.
        FAKE_FOLDERS "hierarchy.fake_folders": Choices<FakeFolder>();
        /// The type shown in place of a type.
        FOLDER_TYPES "hierarchy.folder_types": Map();
        /// Whether the default calendar is named after the account.
        RENAME_DEFAULT_CALENDAR "hierarchy.rename_default_calendar": Flag();
        /// The most folders shown; 0 is no limit.
        MAX_FOLDERS "hierarchy.max_folders": Number(0, 10_000);
    }
    /// The exchange of items.
    sync {
        /// The most changes in one answer.
        WINDOW_MAX "sync.window_max": Number(1, 512);
        /// Seconds after which an answer goes out with what it has; 0 is no limit.
        ANSWER_WITHIN_S "sync.answer_within_s": Number(0, 600);
        /// What is said when there is no news.
        EMPTY_SYNC "sync.empty_sync": Choice<EmptySync>();
        /// Whether a request with a Fetch gets only what it fetched.
        FETCH_EXCLUDES_CHANGES "sync.fetch_excludes_changes": Flag();
        /// Whether a request with changes gets only their answers.
        CHANGES_AFTER_ACK "sync.changes_after_ack": Flag();
        /// Whether every Change and Delete is answered.
        ACK_ALL "sync.ack_all": Flag();
        /// An estimate for an old key.
        ESTIMATE_BADKEY "sync.estimate_badkey": Choice<EstimateBadkey>();
        /// Who wins.
        CONFLICT "sync.conflict": Choice<Conflict>();
        /// What an absent element means.
        GHOSTING "sync.ghosting": Choice<Ghosting>();
    }
    /// Waiting for news.
    push {
        /// How long.
        HEARTBEAT "push.heartbeat": Beat();
        /// For which folders.
        PUSH_FOLDERS "push.push_folders": Choice<PushFolders>();
        /// Whether a device is not told of its own changes.
        SUPPRESS_ECHO "push.suppress_echo": Flag();
    }
    /// Mail.
    mail {
        /// A mail with more recipients is shown without them; 0 is no limit.
        MAX_RECIPIENTS "mail.max_recipients": Number(0, 100_000);
        /// Whether MIME goes before HTML where a client takes both.
        PREFER_MIME "mail.prefer_mime": Flag();
        /// Whether a text is sent as HTML where HTML is asked for.
        TEXT_AS_HTML "mail.text_as_html": Flag();
        /// Whether links and pictures are left out of a preview.
        PREVIEW_STRIP "mail.preview_strip": Flag();
        /// Entities in a preview.
        PREVIEW_ENTITIES "mail.preview_entities": Choice<PreviewEntities>();
        /// Whether HTML is sent in the form of 2.5.
        HTML25 "mail.html25": Flag();
        /// The name of a sender who has none.
        FROM_NAME "mail.from_name": Choice<FromName>();
        /// How MIME is rewritten.
        MIME_REWRITE "mail.mime_rewrite": Choice<MimeRewrite>();
        /// What becomes of TNEF.
        TNEF "mail.tnef": Choice<Tnef>();
        /// How S/MIME is sent.
        SMIME "mail.smime": Choice<Smime>();
        /// How drafts come.
        DRAFT_FORM "mail.draft_form": Choice<DraftForm>();
        /// Whether RTF is never sent.
        NO_RTF "mail.no_rtf": Flag();
    }
    /// Events.
    calendar {
        /// The time zone.
        TZ_BLOB "calendar.tz_blob": Choice<TzBlob>();
        /// The zone of all-day events.
        ALLDAY_TZ "calendar.allday_tz": Choice<AllDayTz>();
        /// A series that ends after this year has no end; 0 is no limit.
        UNTIL_MAX "calendar.until_max": Number(0, 9999);
        /// Whether an event that is no meeting has an organizer too.
        ORGANIZER_ALWAYS "calendar.organizer_always": Flag();
        /// Whose attendees are sent.
        ATTENDEES "calendar.attendees": Choice<Attendees>();
        /// Whether an event without reminder says so.
        REMINDER_EXPLICIT "calendar.reminder_explicit": Flag();
        /// The form of a UID.
        UID_FORM "calendar.uid_form": Choice<UidForm>();
        /// Whether a UID is always sent.
        ALWAYS_UID "calendar.always_uid": Flag();
        /// Who answers an invitation.
        MEETING_REPLY_BY "calendar.meeting_reply_by": Choice<MeetingReplyBy>();
        /// Where a meeting is looked for.
        MEETING_LOOKUP "calendar.meeting_lookup": Choice<MeetingLookup>();
        /// Whether busy and free both mean that the user comes.
        BUSY_FREE_MEANS_ACCEPTED "calendar.busy_free_means_accepted": Flag();
        /// Whether a new event whose UID is in the calendar already is that event, which stays as it is.
        ADD_FINDS_UID "calendar.add_finds_uid": Flag();
        /// By which start an answer to an invitation names an occurrence that was moved.
        INSTANCE_ID "calendar.instance_id": Choice<InstanceId>();
    }
    /// Contacts.
    contact {
        /// The instant of a birthday.
        BIRTHDAY "contact.birthday": Choice<Birthday>();
        /// What becomes of the picture.
        PICTURE "contact.picture": Choice<Picture>();
        /// How contacts are sorted.
        FILEAS_ORDER "contact.fileas_order": Choice<FileAsOrder>();
        /// Bytes of the largest photo; 0 for the server's own limit.
        PHOTO_MAX "contact.photo_max": Number(0, 1_000_000);
    }
    /// Tasks.
    task {
        /// Which dates are sent.
        TASK_DATES "task.task_dates": Choice<TaskDates>();
    }
    /// Notes.
    note {
        /// What no categories mean.
        NOTE_CATEGORIES "note.note_categories": Choice<NoteCategories>();
    }
    /// Search.
    search {
        /// The last place of an address list search that names no range.
        GAL_DEFAULT_RANGE "search.gal_default_range": Number(0, 99);
        /// Whether an entry has a first name even if it is empty.
        ALWAYS_FIRSTNAME "search.always_firstname": Flag();
        /// Whether names are taken from the name shown.
        NAMES "search.names": Flag();
        /// A photo.
        GAL_PHOTO "search.gal_photo": Choice<GalPhoto>();
        /// Whether a search that names no folder looks everywhere.
        ALL "search.all": Flag();
    }
    /// The Settings command.
    settings {
        /// Whether an out-of-office message says its body type.
        OOF_BODYTYPE "settings.oof_bodytype": Flag();
        /// Its dates.
        OOF_DATES "settings.oof_dates": Choice<OofDates>();
        /// What is said of the templates of protected mail, of which there are none.
        RIGHTS_MANAGEMENT "settings.rights_management": Choice<RightsManagement>();
        /// Whether the client is to say what it is.
        DEVICE_INFO_EXPECTED "settings.device_info_expected": Flag();
    }
    /// Policies.
    policy {
        /// How far they are obeyed.
        ENFORCE "policy.enforce": Choice<Enforce>();
        /// The document.
        FORMAT "policy.format": Choice<PolicyFormat>();
        /// The details of a password that is not demanded.
        DETAILS_WHEN_OFF "policy.details_when_off": Choice<DetailsWhenOff>();
        /// The settings sent though they restrict nothing; none means all.
        ALLOW_LIST "policy.allow_list": Texts();
        /// Values sent whatever the policy says.
        FORCE "policy.force": Map();
        /// What is sent when nothing is demanded.
        SEND "policy.send": Choice<PolicySend>();
        /// What a body size without limit is called.
        TRUNC_UNLIMITED "policy.trunc_unlimited": Number(-1, 2_147_483_647);
        /// Bytes sent as the largest attachment where there is no limit; 0 sends an empty element.
        MAX_ATTACHMENT "policy.max_attachment": Number(0, 2_147_483_647);
        /// Whether the policy of 2.5 has parameter 4133.
        WAP4133 "policy.wap4133": Flag();
        /// Whether a wipe comes with a document.
        WIPE_WITH_DATA "policy.wipe_with_data": Flag();
        /// How a device is told.
        SIGNAL "policy.signal": Choice<Signal>();
    }
    /// Status codes.
    status {
        /// A folder that is gone.
        FOLDER_GONE "status.folder_gone": Choice<FolderGone>();
        /// A hierarchy that changed.
        HIER_CHANGED "status.hier_changed": Choice<HierChanged>();
    }
    /// A client that is stuck.
    recovery {
        /// What follows an error.
        ON_ERROR "recovery.on_error": Choice<OnError>();
        /// Times in a row that make a loop; 0 is never.
        LOOP_LIMIT "recovery.loop_limit": Number(0, 100);
        /// Whether the device takes a new id now and then.
        DEVICE_ID_VOLATILE "recovery.device_id_volatile": Flag();
    }
    /// HTTP.
    http {
        /// A GET.
        GET "http.get": Choice<Get>();
        /// Where requests come from.
        ORIGIN "http.origin": Choice<Origin>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_written_as_the_server_reads_it() {
        assert_eq!(mail::NO_RTF.is(true), setting("mail.no_rtf", SettingValue::Flag(true)));
        assert_eq!(
            sync::EMPTY_SYNC.is(EmptySync::ZeroByte),
            setting("sync.empty_sync", SettingValue::Text("zero_byte".to_owned()))
        );
        let texts = |texts: &[&str]| SettingValue::Texts(texts.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(
            hierarchy::MULTI.only([Multi::Mail, Multi::Cal]).value,
            texts(&["mail=yes", "cal=yes", "con=no", "task=no", "note=no"])
        );
        assert_eq!(
            push::HEARTBEAT.is(Heartbeat { min: 60, max: 3540, default: 900 }).value,
            texts(&["min=60", "max=3540", "default=900"])
        );
        assert_eq!(policy::FORCE.is([("AllowHTMLEmail", "1")]).value, texts(&["AllowHTMLEmail=1"]));
    }

    #[test]
    #[should_panic(expected = "sync.window_max cannot be 513")]
    fn a_number_out_of_range_is_told_by_the_first_test() {
        sync::WINDOW_MAX.is(513);
    }

    #[test]
    fn no_two_settings_have_one_name() {
        for (at, known) in TABLE.iter().enumerate() {
            assert!(!TABLE[..at].iter().any(|other| other.name == known.name), "{}", known.name);
        }
    }
}
