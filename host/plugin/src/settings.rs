//! The table of settings: name, type, range, default and the effect of a change.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::{ProfileError, Value};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// `group.field`.
    pub name: &'static str,
    /// What it may be.
    pub default: Default,
    /// What it may be, for people.
    pub expected: &'static str,
    /// What a change of it does to a device in service.
    pub effect: Effect,
}

/// The default, and with it the type and range.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// Yes or no.
    Flag(bool),
    /// The default, the least and the most.
    Number(i64, i64, i64),
    /// The default and the words allowed; none means any text.
    Text(&'static str, &'static [&'static str]),
    /// A list, empty by default, and the words allowed in it; none means any.
    Texts(&'static [&'static str]),
    /// A list of `key=value`, empty by default, and what keys and values may be.
    Map(Part, Part),
}

/// What a key or a value of a map-like setting may be.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The name of a header of our own: `X-` and letters, digits or hyphens, at most 64.
    HeaderName,
    /// Printable ASCII, at most 256.
    Line,
    /// A whole number, from the least to the most.
    Number(i64, i64),
    /// One of these words.
    Words(&'static [&'static str]),
}

/// What a change of a setting, or a new version of a pack, does to a device in service; the greater contains the smaller.
#[derive(Clone, Copy, Debug, std::default::Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The next request obeys it.
    #[default]
    None,
    /// The items concerned are sent again.
    Resend,
    /// The tree of folders is sent again.
    Hierarchy,
    /// The device is told to ask for the versions again.
    Renegotiate,
}

impl Default {
    /// The default as a value.
    pub fn value(self) -> Value {
        match self {
            Self::Flag(flag) => Value::Flag(flag),
            Self::Number(number, _, _) => Value::Number(number),
            Self::Text(text, _) => Value::Text(text.to_owned()),
            Self::Texts(_) | Self::Map(..) => Value::Texts(Vec::new()),
        }
    }
}

impl Part {
    fn allows(self, text: &str) -> bool {
        match self {
            Self::HeaderName => {
                let rest = text.strip_prefix("X-").or_else(|| text.strip_prefix("x-")).unwrap_or_default();
                let plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                plain && !rest.is_empty() && text.len() <= 64
            }
            Self::Line => text.len() <= 256 && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()),
            // One spelling a number.
            Self::Number(least, most) => {
                text.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number) && number.to_string() == text)
            }
            Self::Words(words) => words.contains(&text),
        }
    }
}

/// Key and value of `key=value`.
pub(crate) fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once('=')
}

impl Setting {
    /// Whether the setting may have that value.
    pub fn check(&self, value: &Value) -> Result<(), ProfileError> {
        let fits = match (self.default, value) {
            (Default::Flag(_), Value::Flag(_)) => true,
            (Default::Number(_, least, most), Value::Number(number)) => (least..=most).contains(number),
            (Default::Text(_, words), Value::Text(text)) => words.is_empty() || words.contains(&text.as_str()),
            (Default::Texts(words), Value::Texts(texts)) => {
                words.is_empty() || texts.iter().all(|text| words.contains(&text.as_str()))
            }
            (Default::Map(key, value), Value::Texts(texts)) => {
                texts.iter().all(|text| pair(text).is_some_and(|(name, other)| key.allows(name) && value.allows(other)))
            }
            (Default::Flag(_) | Default::Number(..) | Default::Text(..) | Default::Texts(_) | Default::Map(..), _) => {
                false
            }
        };
        if fits {
            return Ok(());
        }
        Err(ProfileError::Value { name: self.name, value: value.clone(), expected: self.expected })
    }
}

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    static BY_NAME: LazyLock<HashMap<&str, &Setting>> =
        LazyLock::new(|| TABLE.iter().map(|setting| (setting.name, setting)).collect());
    BY_NAME.get(name).copied()
}

const CLASSES: &[&str] = &["Email", "Calendar", "Contacts", "Tasks", "Notes"];
const POLICY: &[&str] = &[
    "DevicePasswordEnabled",
    "AlphanumericDevicePasswordRequired",
    "PasswordRecoveryEnabled",
    "RequireStorageCardEncryption",
    "AttachmentsEnabled",
    "MinDevicePasswordLength",
    "MaxInactivityTimeDeviceLock",
    "MaxDevicePasswordFailedAttempts",
    "MaxAttachmentSize",
    "AllowSimpleDevicePassword",
    "DevicePasswordExpiration",
    "DevicePasswordHistory",
    "AllowStorageCard",
    "AllowCamera",
    "RequireDeviceEncryption",
    "AllowUnsignedApplications",
    "AllowUnsignedInstallationPackages",
    "MinDevicePasswordComplexCharacters",
    "AllowWiFi",
    "AllowTextMessaging",
    "AllowPOPIMAPEmail",
    "AllowBluetooth",
    "AllowIrDA",
    "RequireManualSyncWhenRoaming",
    "AllowDesktopSync",
    "MaxCalendarAgeFilter",
    "AllowHTMLEmail",
    "MaxEmailAgeFilter",
    "MaxEmailBodyTruncationSize",
    "MaxEmailHTMLBodyTruncationSize",
    "RequireSignedSMIMEMessages",
    "RequireEncryptedSMIMEMessages",
    "RequireSignedSMIMEAlgorithm",
    "RequireEncryptionSMIMEAlgorithm",
    "AllowSMIMEEncryptionAlgorithmNegotiation",
    "AllowSMIMESoftCerts",
    "AllowBrowser",
    "AllowConsumerEmail",
    "AllowRemoteDesktop",
    "AllowInternetSharing",
];
const VERSIONS: &[&str] = &["2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1"];

/// Every setting that the host obeys, by group.
pub const TABLE: &[Setting] = &[
    Setting {
        name: "versions.versions",
        default: Default::Texts(VERSIONS),
        expected: "a list of 2.5, 12.0, 12.1, 14.0, 14.1, 16.0, 16.1; empty means all",
        effect: Effect::Renegotiate,
    },
    Setting {
        name: "versions.server_version",
        default: Default::Text("", &[]),
        expected: "a full version number such as 16.0.4.1; empty means the operator's",
        effect: Effect::Renegotiate,
    },
    Setting {
        name: "versions.extra_headers",
        default: Default::Map(Part::HeaderName, Part::Line),
        expected: "pairs such as X-Name=value: headers of every answer, whose names begin with X-",
        effect: Effect::Renegotiate,
    },
    Setting {
        name: "versions.announce_once",
        default: Default::Flag(true),
        expected: "whether a changed list of versions is told once; if not, it is told until the device speaks one of it",
        effect: Effect::None,
    },
    Setting {
        name: "login.pattern",
        default: Default::Texts(&["user@domain", "domain\\user", "user"]),
        expected: "a list of user@domain, domain\\user, user: the forms that are let in; empty means all",
        effect: Effect::None,
    },
    Setting {
        name: "login.blank_domain",
        default: Default::Text("default", &["default", "refuse"]),
        expected: "default or refuse: whether an empty or blank domain is the default one",
        effect: Effect::None,
    },
    Setting {
        name: "login.default_domain",
        default: Default::Text("", &[]),
        expected: "the tenant of a login without a domain; empty means the operator's",
        effect: Effect::None,
    },
    Setting {
        name: "login.auth_charset",
        default: Default::Text("auto", &["auto", "utf8", "latin1"]),
        expected: "auto, utf8 or latin1: how credentials are written",
        effect: Effect::None,
    },
    Setting {
        name: "login.query_user",
        default: Default::Text("ignore", &["ignore", "check"]),
        expected: "ignore or check: whether the user that a request names must be the one who logs in",
        effect: Effect::None,
    },
    Setting {
        name: "hierarchy.classes",
        default: Default::Texts(CLASSES),
        expected: "a list of Email, Calendar, Contacts, Tasks, Notes; empty means all",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.multi",
        default: Default::Map(Part::Words(&["mail", "cal", "con", "task", "note"]), Part::Words(&["yes", "no"])),
        expected: "pairs such as cal=no: of mail, cal, con, task, note, whether the device sees several folders; absent means yes",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.merge",
        default: Default::Text("default-folder", &["default-folder", "hide"]),
        expected: "default-folder or hide: where the items of the other folders of a class go that has one only",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.id_scheme",
        default: Default::Text("safe-hex", &["safe-hex", "opaque", "decimal"]),
        expected: "safe-hex, opaque or decimal",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.fake_folders",
        default: Default::Texts(&["2", "3", "4", "5", "6"]),
        expected: "a list of folder types from 2 to 6 that the device is shown even where there is no such folder",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.folder_types",
        default: Default::Map(Part::Number(1, 19), Part::Number(1, 19)),
        expected: "pairs such as 18=1: the folder type shown in place of a type",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.rename_default_calendar",
        default: Default::Flag(false),
        expected: "whether the name of the default calendar holds the account's address",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.max_folders",
        default: Default::Number(0, 0, 10_000),
        expected: "the most folders shown; 0 is no limit",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "sync.window_max",
        default: Default::Number(512, 1, 512),
        expected: "1 to 512 changes in one answer",
        effect: Effect::None,
    },
    Setting {
        name: "sync.answer_within_s",
        default: Default::Number(0, 0, 600),
        expected: "seconds after which an answer is sent with what it has; 0 is no limit",
        effect: Effect::None,
    },
    Setting {
        name: "sync.empty_sync",
        default: Default::Text("auto", &["auto", "full", "zero_byte"]),
        expected: "auto, full or zero_byte: an answer that says nothing new",
        effect: Effect::None,
    },
    Setting {
        name: "sync.fetch_excludes_changes",
        default: Default::Flag(false),
        expected: "whether a request with a Fetch gets only what it fetched",
        effect: Effect::None,
    },
    Setting {
        name: "sync.changes_after_ack",
        default: Default::Flag(false),
        expected: "whether a request with changes gets only their answers",
        effect: Effect::None,
    },
    Setting {
        name: "sync.ack_all",
        default: Default::Flag(false),
        expected: "whether every Change and Delete of a device is answered",
        effect: Effect::None,
    },
    Setting {
        name: "sync.estimate_badkey",
        default: Default::Text("ok1", &["ok1", "error"]),
        expected: "ok1 or error: GetItemEstimate with a key that is not current",
        effect: Effect::None,
    },
    Setting {
        name: "sync.conflict",
        default: Default::Text("asked", &["asked", "server", "client"]),
        expected: "asked, server or client: who wins",
        effect: Effect::None,
    },
    Setting {
        name: "sync.ghosting",
        default: Default::Text("spec", &["spec", "all-ghosted", "none"]),
        expected: "spec, all-ghosted or none",
        effect: Effect::None,
    },
    Setting {
        name: "push.heartbeat",
        default: Default::Map(Part::Words(&["min", "max", "default"]), Part::Number(1, 3540)),
        expected: "pairs such as max=1800, in seconds: the shortest and longest wait within the operator's bounds, and the one of a Ping that never named one",
        effect: Effect::None,
    },
    Setting {
        name: "push.push_folders",
        default: Default::Text("all", &["all", "inbox"]),
        expected: "all or inbox: which folders wake a waiting device",
        effect: Effect::None,
    },
    Setting {
        name: "push.suppress_echo",
        default: Default::Flag(true),
        expected: "whether what a device changed itself is no news to it",
        effect: Effect::None,
    },
    Setting {
        name: "mail.max_recipients",
        default: Default::Number(0, 0, 100_000),
        expected: "a mail with more recipients is shown without them; 0 is no limit",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.meeting_reply_by",
        default: Default::Text("auto", &["auto", "server", "device"]),
        expected: "auto, server or device: who mails the answer to an invitation; auto is the server from 16.0 on",
        effect: Effect::None,
    },
    Setting {
        name: "calendar.meeting_lookup",
        default: Default::Text("named", &["named", "calendar-first"]),
        expected: "named or calendar-first: whether an invitation that is answered lies in the folder the device names",
        effect: Effect::None,
    },
    Setting {
        name: "mail.prefer_mime",
        default: Default::Flag(false),
        expected: "whether a device that takes MIME of signed mail only gets it of every mail",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.text_as_html",
        default: Default::Flag(false),
        expected: "whether a mail that is text is sent as HTML where HTML is wanted",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.preview_strip",
        default: Default::Flag(false),
        expected: "whether addresses of links and pictures are left out of text that is cut",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.preview_entities",
        default: Default::Text("keep", &["keep", "decode"]),
        expected: "keep or decode: decode sends mail as text in which no HTML entity is left",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.html25",
        default: Default::Flag(false),
        expected: "whether the body of 2.5 is HTML where the mail is",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.from_name",
        default: Default::Text("name", &["name", "address"]),
        expected: "name or address: address calls a sender without a name by the address",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.mime_rewrite",
        default: Default::Text("none", &["none", "8bit_utf8"]),
        expected: "none or 8bit_utf8: the form of the text parts of a message that is sent whole",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.tnef",
        default: Default::Text("pass", &["pass", "drop"]),
        expected: "pass or drop: whether winmail.dat is among the attachments",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.smime",
        default: Default::Text("normal", &["normal", "full_mime"]),
        expected: "normal or full_mime: full_mime sends signed mail whole, whatever is asked for",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.draft_form",
        default: Default::Text("auto", &["auto", "mime"]),
        expected: "auto or mime: mime sends drafts whole, whatever is asked for",
        effect: Effect::Resend,
    },
    Setting {
        name: "mail.no_rtf",
        default: Default::Flag(false),
        expected: "whether RTF that comes back is not read; none is ever sent",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.tz_blob",
        default: Default::Text("full", &["full", "no_names", "zero_for_allday"]),
        expected: "full, no_names or zero_for_allday: no_names leaves the zone of a single event with a time out",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.allday_tz",
        default: Default::Text("zone", &["zone", "raw"]),
        expected: "zone or raw: whether a day begins at midnight of its zone, or of UTC",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.until_max",
        default: Default::Number(0, 0, 9999),
        expected: "a series that ends after this year is sent without an end; 0 is no limit",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.organizer_always",
        default: Default::Flag(false),
        expected: "whether an event that is no meeting has its owner for an organizer",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.attendees",
        default: Default::Text("all", &["all", "default-calendar", "none"]),
        expected: "all, default-calendar or none: the events whose attendees the device sees",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.reminder_explicit",
        default: Default::Flag(false),
        expected: "whether an event that does not remind says so",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.uid_form",
        default: Default::Text("as-is", &["as-is", "hex-upper", "base64"]),
        expected: "as-is, hex-upper or base64: how the ids of meetings are written",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.always_uid",
        default: Default::Flag(false),
        expected: "whether every event, and the answer to a new one, has a UID",
        effect: Effect::Resend,
    },
    Setting {
        name: "calendar.busy_free_means_accepted",
        default: Default::Flag(false),
        expected: "whether an invitation that the device sets free or busy is accepted",
        effect: Effect::None,
    },
    Setting {
        name: "calendar.add_finds_uid",
        default: Default::Flag(false),
        expected: "whether a new event whose UID is in the calendar already is that event, which stays as it is",
        effect: Effect::None,
    },
    Setting {
        name: "calendar.instance_id",
        default: Default::Text("original", &["original", "shown"]),
        expected: "original or shown: by which start an answer to an invitation names an occurrence that was moved",
        effect: Effect::None,
    },
    Setting {
        name: "contact.birthday",
        default: Default::Text("utc00", &["utc00", "utc08", "utc11", "utc12", "userzone00", "as_is", "date_only"]),
        expected: "utc00, utc08, utc11, utc12, userzone00, as_is or date_only: the moment that stands for the day",
        effect: Effect::Resend,
    },
    Setting {
        name: "contact.picture",
        default: Default::Text("normal", &["normal", "ghost_if_absent", "ghost_if_empty", "empty_deletes"]),
        expected: "normal, ghost_if_absent, ghost_if_empty or empty_deletes: whether an empty photo removes the \
                   stored one; an absent one never does",
        effect: Effect::None,
    },
    Setting {
        name: "contact.fileas_order",
        default: Default::Text("as-is", &["as-is", "last-first", "first-last", "company"]),
        expected: "as-is, last-first, first-last or company: what a contact is filed under",
        effect: Effect::Resend,
    },
    Setting {
        name: "contact.photo_max",
        default: Default::Number(0, 0, 1_000_000),
        expected: "bytes of the largest photo sent; 0 is the host's own limit",
        effect: Effect::Resend,
    },
    Setting {
        name: "task.task_dates",
        default: Default::Text("utc", &["utc", "local", "both"]),
        expected: "utc, local or both: local sends local midnight in every date, both sends a start wherever it is due",
        effect: Effect::Resend,
    },
    Setting {
        name: "note.note_categories",
        default: Default::Text("spec", &["spec", "cleared_if_absent"]),
        expected: "spec or cleared_if_absent: whether categories that are absent are always removed",
        effect: Effect::Resend,
    },
    Setting {
        name: "search.gal_default_range",
        default: Default::Number(99, 0, 99),
        expected: "the place, from 0, of the last entry sent of an address list search that names no range",
        effect: Effect::None,
    },
    Setting {
        name: "search.always_firstname",
        default: Default::Flag(false),
        expected: "whether an entry of the address list has a first name even if it is empty",
        effect: Effect::None,
    },
    Setting {
        name: "search.names",
        default: Default::Flag(false),
        expected: "whether first and last name are taken from the name shown where an entry has neither",
        effect: Effect::None,
    },
    Setting {
        name: "search.gal_photo",
        default: Default::Text("data", &["data", "text", "none-status"]),
        expected: "data, text or none-status: a photo as bytes, as base64 text, or as if there were none",
        effect: Effect::None,
    },
    Setting {
        name: "search.all",
        default: Default::Flag(true),
        expected: "whether a search of the mailbox that names no folder looks everywhere",
        effect: Effect::None,
    },
    Setting {
        name: "settings.oof_bodytype",
        default: Default::Flag(true),
        expected: "whether an out-of-office message says its body type",
        effect: Effect::None,
    },
    Setting {
        name: "settings.oof_dates",
        default: Default::Text("auto", &["auto", "dashed", "compact"]),
        expected: "auto, dashed or compact: how the times of out-of-office are written; auto is as published, with dashes",
        effect: Effect::None,
    },
    Setting {
        name: "settings.rights_management",
        default: Default::Text("refused", &["refused", "empty"]),
        expected: "refused or empty: what is said of the templates of protected mail, of which there are none",
        effect: Effect::None,
    },
    Setting {
        name: "settings.device_info_expected",
        default: Default::Flag(false),
        expected: "whether a device from 14.0 on must say what it is before anything else",
        effect: Effect::None,
    },
    Setting {
        name: "policy.enforce",
        default: Default::Text("strict", &["strict", "loose", "exempt"]),
        expected: "strict, loose or exempt: whether a device must accept the policy; anything but strict needs leave of the operator",
        effect: Effect::None,
    },
    Setting {
        name: "policy.format",
        default: Default::Text("auto", &["auto", "wap", "wbxml"]),
        expected: "auto, wap or wbxml: how the policy is written; auto is as the device asks",
        effect: Effect::None,
    },
    Setting {
        name: "policy.details_when_off",
        default: Default::Text("omit", &["omit", "send"]),
        expected: "omit or send: what a password must be, when none is demanded",
        effect: Effect::None,
    },
    Setting {
        name: "policy.allow_list",
        default: Default::Texts(&[]),
        expected: "the settings sent though they restrict nothing; empty means all",
        effect: Effect::None,
    },
    Setting {
        name: "policy.force",
        default: Default::Map(Part::Words(POLICY), Part::Number(-1, 2_147_483_647)),
        expected: "pairs such as AllowHTMLEmail=1: what the policy says where the operator says nothing",
        effect: Effect::None,
    },
    Setting {
        name: "policy.send",
        default: Default::Text("all", &["all", "none"]),
        expected: "all or none: whether a policy is sent; none needs leave of the operator where the policy is required",
        effect: Effect::None,
    },
    Setting {
        name: "policy.trunc_unlimited",
        default: Default::Number(-1, -1, 2_147_483_647),
        expected: "what a body size without limit is called; -1 is the published word for it",
        effect: Effect::None,
    },
    Setting {
        name: "policy.max_attachment",
        default: Default::Number(0, 0, 2_147_483_647),
        expected: "bytes sent as the largest attachment when there is no limit; 0 sends an empty element",
        effect: Effect::None,
    },
    Setting {
        name: "policy.wap4133",
        default: Default::Flag(false),
        expected: "whether the policy of 2.5 has parameter 4133",
        effect: Effect::None,
    },
    Setting {
        name: "policy.wipe_with_data",
        default: Default::Flag(false),
        expected: "whether a wipe comes with a policy document",
        effect: Effect::None,
    },
    Setting {
        name: "policy.signal",
        default: Default::Text("status", &["status", "449", "both"]),
        expected: "status, 449 or both: how a device from 14.0 on is told to provision",
        effect: Effect::None,
    },
    Setting {
        name: "status.folder_gone",
        default: Default::Text("8", &["8", "12", "3", "silent"]),
        expected: "8, 12, 3 or silent: what Sync says of a folder that is not there; silent leaves it out",
        effect: Effect::None,
    },
    Setting {
        name: "status.hier_changed",
        default: Default::Text("collection", &["collection", "global"]),
        expected: "collection or global: where Sync says that the tree of folders changed",
        effect: Effect::None,
    },
    Setting {
        name: "recovery.on_error",
        default: Default::Text("none", &["none", "resync"]),
        expected: "none or resync: whether a Sync that fails starts its folders over",
        effect: Effect::None,
    },
    Setting {
        name: "recovery.loop_limit",
        default: Default::Number(3, 0, 100),
        expected: "how often in a row an answer is asked for again before it shrinks, and then goes on without the item; 0 is never",
        effect: Effect::None,
    },
    Setting {
        name: "recovery.device_id_volatile",
        default: Default::Flag(false),
        expected: "whether the device takes a new id again and again: old ones expire and do not count",
        effect: Effect::None,
    },
    Setting {
        name: "http.get",
        default: Default::Text("405", &["405", "200"]),
        expected: "405 or 200: what a GET is answered with",
        effect: Effect::None,
    },
    Setting {
        name: "http.origin",
        default: Default::Text("device", &["device", "cloud"]),
        expected: "device or cloud: whether requests come from servers that many users share",
        effect: Effect::None,
    },
];

#[cfg(test)]
mod tests {
    use std::default::Default as _;

    use super::*;
    use crate::Profile;

    /// The settings of the catalogue's groups: `group.field`, a group first.
    const GROUPS: [&str; 16] = [
        "versions",
        "login",
        "hierarchy",
        "sync",
        "push",
        "mail",
        "calendar",
        "contact",
        "task",
        "note",
        "search",
        "settings",
        "policy",
        "status",
        "recovery",
        "http",
    ];

    #[test]
    fn every_setting_has_a_name_of_its_own_in_a_known_group() {
        for (at, setting) in TABLE.iter().enumerate() {
            let (group, field) = setting.name.split_once('.').unwrap();
            assert!(GROUPS.contains(&group), "{}", setting.name);
            assert!(
                field.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{}",
                setting.name
            );
            assert!(!TABLE[..at].iter().any(|other| other.name == setting.name), "{} twice", setting.name);
            assert!(!setting.expected.is_empty());
        }
    }

    #[test]
    fn every_default_is_a_value_the_setting_may_have() {
        for setting in TABLE {
            let default = setting.default.value();
            assert_eq!(setting.check(&default), Ok(()), "{}", setting.name);
            let mut profile = Profile::default();
            profile.set(setting.name, default).unwrap();
            // Writing a default down changes nothing that is read.
            match setting.default {
                Default::Flag(flag) => assert_eq!(profile.flag(setting.name), flag),
                Default::Number(number, _, _) => assert_eq!(profile.number(setting.name), number),
                Default::Text(text, _) => assert_eq!(profile.text(setting.name), text),
                Default::Texts(_) | Default::Map(..) => assert!(profile.texts(setting.name).is_empty()),
            }
        }
    }

    #[test]
    fn a_value_of_another_type_or_out_of_range_is_refused_by_name() {
        for setting in TABLE {
            let wrong = match setting.default {
                Default::Flag(_) => vec![Value::Number(1)],
                Default::Number(_, least, most) => {
                    vec![Value::Flag(true), Value::Number(least - 1), Value::Number(most + 1)]
                }
                Default::Text(_, words) => {
                    let other = (!words.is_empty()).then(|| Value::Text("no such word".to_owned()));
                    [Some(Value::Number(1)), other].into_iter().flatten().collect()
                }
                Default::Texts(words) => {
                    let other = (!words.is_empty()).then(|| Value::Texts(vec!["no such word".to_owned()]));
                    [Some(Value::Flag(true)), other].into_iter().flatten().collect()
                }
                Default::Map(..) => {
                    let wrong = |pair: &str| Value::Texts(vec![pair.to_owned()]);
                    vec![Value::Flag(true), wrong("no pair"), wrong("no such key=1"), wrong("=")]
                }
            };
            for value in wrong {
                let refused = Profile::default().set(setting.name, value.clone()).unwrap_err();
                assert!(refused.to_string().contains(setting.name), "{refused}");
            }
        }
    }

    #[test]
    fn a_map_like_setting_takes_its_own_keys_and_values_and_no_others() {
        let set = |name: &str, pair: &str| Profile::default().set(name, Value::Texts(vec![pair.to_owned()]));
        for (name, good, bad) in [
            ("hierarchy.multi", "cal=no", ["cal=maybe", "Cal=no", "cal"]),
            ("hierarchy.folder_types", "18=1", ["0=1", "18=20", "018=1"]),
            ("push.heartbeat", "max=1800", ["max=0", "most=1800", "max=3541"]),
            ("policy.force", "AllowHTMLEmail=1", ["AllowEverything=1", "AllowHTMLEmail=yes", "AllowHTMLEmail"]),
            ("versions.extra_headers", "X-AspNet-Version=4.0.30319", ["Location=x", "X-A=\r\nb", "X-\u{e9}=1"]),
        ] {
            assert_eq!(set(name, good), Ok(()), "{name} {good}");
            for pair in bad {
                let refused = set(name, pair).unwrap_err().to_string();
                assert!(refused.contains(name) && !refused.contains('\r'), "{refused}");
            }
        }
    }

    #[test]
    fn the_last_word_of_a_map_counts_and_what_it_does_not_name_is_nothing() {
        let mut profile = Profile::default();
        let pairs = ["min=60", "max=900", "max=1800"].map(str::to_owned).to_vec();
        profile.set("push.heartbeat", Value::Texts(pairs)).unwrap();
        let said = |key| profile.map_number("push.heartbeat", key);
        assert_eq!((said("min"), said("max"), said("default")), (Some(60), Some(1800), None));
        assert_eq!(Profile::default().map("push.heartbeat", "max"), None);
    }

    #[test]
    fn a_mark_is_another_when_a_setting_of_its_effect_is_and_only_then() {
        let with = |name: &str, value: Value| {
            let mut profile = Profile::default();
            profile.set(name, value).unwrap();
            profile
        };
        let plain = Profile::default().mark(Effect::Hierarchy, &[]);
        let cal = with("hierarchy.multi", Value::Texts(vec!["cal=no".to_owned()]));
        let con = with("hierarchy.multi", Value::Texts(vec!["con=no".to_owned()]));
        assert_ne!(cal.mark(Effect::Hierarchy, &[]), plain);
        assert_ne!(cal.mark(Effect::Hierarchy, &[]), con.mark(Effect::Hierarchy, &[]));
        assert_eq!(cal.mark(Effect::Resend, &[]), Profile::default().mark(Effect::Resend, &[]));
        let default = with("hierarchy.merge", Value::Text("default-folder".to_owned()));
        assert_eq!(default.mark(Effect::Hierarchy, &[]), plain, "a default that is written down is no change");
        let recipients = with("mail.max_recipients", Value::Number(100));
        let mark = |groups: &[&str]| recipients.mark(Effect::Resend, groups);
        assert_ne!(mark(&["mail"]), mark(&["calendar"]));
    }

    #[test]
    fn what_changes_the_shape_of_things_says_so() {
        let effect = |name| find(name).unwrap().effect;
        assert_eq!(effect("versions.versions"), Effect::Renegotiate);
        assert_eq!(effect("hierarchy.multi"), Effect::Hierarchy);
        assert_eq!(effect("mail.max_recipients"), Effect::Resend);
        assert_eq!(effect("sync.window_max"), Effect::None);
        let of_hierarchy = |setting: &&Setting| setting.name.starts_with("hierarchy.");
        assert!(TABLE.iter().filter(of_hierarchy).all(|setting| setting.effect == Effect::Hierarchy));
    }
}
