//! The questions a plugin is asked. The contract in `wit/` says the same to authors.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use easel_protocol::{Class, Command, DeviceFacts, FolderType, Version};
use easel_wbxml::Tag;

use crate::Profile;
use crate::item::{Edit, Entry, Wanted};
use crate::rules::Rule;
use crate::settings::Effect;

/// Bytes of state kept for a device and folder.
pub const STATE_BYTES_MAX: usize = 16 * 1024;
/// Edits that a plugin may make to one message: each is a walk over the whole of it, outside of the plugin's own limits.
pub const MAIL_EDITS_MAX: usize = 256;

/// Which way an item goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the device.
    Incoming,
    /// To the device.
    Outgoing,
}

/// Everything a plugin may know about one call; it never sees credentials or other users' data.
#[derive(Clone, Debug)]
pub struct HookContext<'a> {
    /// The version of the request.
    pub version: Version,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The IANA name of the owner's zone.
    pub zone: &'a str,
    /// The name shown for the owner.
    pub owner_name: &'a str,
    /// The owner's addresses; the first is the one they write from.
    pub owner_addresses: &'a [String],
    /// The command being answered.
    pub command: Command,
    /// The folder, where there is one.
    pub folder: Option<HookFolder>,
    /// Whether the change set had to be worked out again: 0 the first time.
    pub attempt: u32,
}

/// A folder, as a plugin knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookFolder {
    /// What it is for.
    pub kind: FolderType,
    /// Whether it is the first of its class, the one new items go to.
    pub is_default: bool,
}

impl HookFolder {
    /// Its part in the mailbox: one word, or empty for a folder of the user's own making.
    pub const fn role(&self) -> &'static str {
        match self.kind {
            FolderType::Inbox => "inbox",
            FolderType::Drafts => "drafts",
            FolderType::DeletedItems => "trash",
            FolderType::SentItems => "sent",
            FolderType::Outbox => "outbox",
            FolderType::Tasks => "tasks",
            FolderType::Calendar => "calendar",
            FolderType::Contacts => "contacts",
            FolderType::Notes => "notes",
            FolderType::Journal => "journal",
            FolderType::Generic
            | FolderType::UserMail
            | FolderType::UserCalendar
            | FolderType::UserContacts
            | FolderType::UserTasks
            | FolderType::UserJournal
            | FolderType::UserNotes
            | FolderType::Unknown
            | FolderType::RecipientInformation => "",
        }
    }
}

/// Who serves devices.
pub trait DevicePlugins: Send + Sync {
    /// Another number whenever who serves whom, or what they say, may have changed.
    fn generation(&self) -> u64;

    /// The headers that are to be remembered of requests, in lower case.
    fn headers(&self) -> Arc<BTreeSet<String>> {
        Arc::default()
    }

    /// What serves a device; called when its facts change and when the generation has, and remembered until then. A
    /// request for the list of versions that names no device brings facts with hardly more than a User-Agent.
    fn serve(&self, facts: &DeviceFacts) -> Arc<dyn DevicePlugin>;
}

/// A plugin, as it serves one device: what it declared, and a way to its code.
pub trait DevicePlugin: Send + Sync + fmt::Debug {
    /// Which pack; `None` when nobody claims the device.
    fn pack(&self) -> Option<&PackVersion>;

    /// The settings of the device, over the host's defaults.
    fn profile(&self) -> &Profile;

    /// Of [`DevicePlugin::profile`], what the operator wrote: what is said there nobody else decided.
    fn operator(&self) -> &Profile {
        Profile::nothing()
    }

    /// What is done for a device in service when this version takes the place of an earlier one, over and above what the
    /// changed settings ask for.
    fn upgrade(&self) -> Effect {
        Effect::None
    }

    /// One word for statistics; empty when nothing is known.
    fn family(&self) -> &str;

    /// What is done to every item without asking.
    fn rules(&self) -> &[Rule];

    /// What it wants to see of items; `None` when it asks for none of this class and direction.
    fn subscription(&self, direction: Direction, class: Class) -> Option<&Wanted>;

    /// What it wants to see of requests; `None` for commands it did not name.
    fn wire(&self, command: Command) -> Option<&Wanted>;

    /// Whether it has a function for this.
    fn answers(&self, hook: Hook) -> bool;

    /// Its code, for one request. Cheap: nothing is made before the first call.
    fn open(&self) -> Box<dyn PluginSession>;
}

/// A pack and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackVersion {
    /// `[a-z0-9-]{1,40}`.
    pub id: String,
    /// Semantic.
    pub version: String,
}

impl PackVersion {
    /// Whether its version is higher than another of the same pack; what is no version is neither higher nor lower.
    pub fn is_above(&self, version: &str) -> bool {
        let parsed = (semver::Version::parse(&self.version), semver::Version::parse(version));
        matches!(parsed, (Ok(own), Ok(other)) if own > other)
    }
}

/// The functions a plugin may have, apart from those asked when it is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// FolderCreate, FolderUpdate, FolderDelete.
    FolderChange,
    /// Items, either way.
    Items,
    /// Mail that a device sends.
    Mail,
    /// MeetingResponse.
    Meeting,
    /// A device that seems stuck.
    Recover,
    /// Whole requests.
    Wire,
}

/// The code of a plugin during one request. Every function is pure; the host may call it again or throw the answer away.
///
/// A fault has been told of when it is returned: the caller goes on with what it had handed in.
pub trait PluginSession: Send {
    /// An item about to be sent.
    fn outgoing(
        &mut self,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        entries: &[Entry],
    ) -> Result<Answer, Fault>;

    /// An item just received; `base` is what this device last saw of it, as the host would show it without the plugin.
    fn incoming(
        &mut self,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        entries: &[Entry],
        base: &[Entry],
    ) -> Result<Answer, Fault>;

    /// Mail that the device sends.
    fn mail(&mut self, context: &HookContext<'_>, message: &Message) -> Result<MailVerdict, Fault>;

    /// A folder that the device makes, changes or removes.
    fn folder_change(&mut self, context: &HookContext<'_>, change: &FolderChange) -> Result<FolderVerdict, Fault>;

    /// An answer to an invitation; `None` leaves it as it is.
    fn meeting(&mut self, context: &HookContext<'_>, request: &MeetingRequest)
    -> Result<Option<MeetingRequest>, Fault>;

    /// What to do with a device that seems stuck.
    fn recover(&mut self, context: &HookContext<'_>, history: &History) -> Result<Recovery, Fault>;

    /// A whole request; no edits leave it as it is.
    fn wire(&mut self, context: &HookContext<'_>, entries: &[Entry]) -> Result<Vec<Edit>, Fault>;

    /// Counts an answer that made no sense as a fault of the function that gave it. `error` says what was wrong.
    fn nonsense(&mut self, hook: Hook, error: &dyn fmt::Display);
}

/// A call that came to nothing: a trap, an overrun, an error, nonsense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// What a plugin left for a device and folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The version of the plugin that left it; empty where nothing was left.
    pub version: String,
    /// Opaque.
    pub bytes: Vec<u8>,
}

/// What a plugin says of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What becomes of the item.
    pub verdict: Verdict,
    /// In place of the state handed in; `None` leaves it.
    pub state: Option<Vec<u8>>,
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These edits are carried out.
    Edit(Vec<Edit>),
    /// As it is.
    Keep,
    /// Outgoing: not for this device. Incoming: answered as accepted, and not stored.
    Withhold(String),
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, state: None }
    }
}

/// Mail that a device sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// In order, unfolded and decoded.
    pub headers: Vec<(String, String)>,
    /// In the order of the message, the message itself first.
    pub parts: Vec<Part>,
    /// The device's own name for it; empty before 14.0.
    pub client_id: String,
}

/// A part of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The multipart or message it is in; `None` for the message itself.
    pub parent: Option<u32>,
    /// `text/plain`, lower case.
    pub content_type: String,
    /// As declared; empty where it is not.
    pub charset: String,
    /// Empty where there is none.
    pub filename: String,
    /// Bytes, transfer encoding undone.
    pub size: u32,
    /// The first bytes of a text.
    pub sample: Vec<u8>,
}

/// How a message refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// It forwards it.
    Forwarded,
    /// It answers it.
    Replied,
}

/// One edit to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailEdit {
    /// The text of the part is in this charset, whatever it says.
    Charset(u32, String),
    /// The part is of this type, whatever it says.
    ContentType(u32, String),
    /// The mail with this Message-ID is marked, if the user has it.
    Mark(String, Reference),
    /// Away with every header of that name.
    RemoveHeader(String),
    /// In place of every header of that name.
    SetHeader(String, String),
}

impl fmt::Display for MailEdit {
    /// As fixtures write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charset(part, charset) => write!(f, "charset {part} {charset}"),
            Self::ContentType(part, content_type) => write!(f, "content-type {part} {content_type}"),
            Self::Mark(id, Reference::Forwarded) => write!(f, "mark forwarded {id}"),
            Self::Mark(id, Reference::Replied) => write!(f, "mark replied {id}"),
            Self::RemoveHeader(name) => write!(f, "remove-header {name}"),
            Self::SetHeader(name, value) => write!(f, "set-header {name}: {value}"),
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailVerdict {
    /// These edits are carried out; none leave it as it is.
    Edit(Vec<MailEdit>),
    /// Answered as sent, and not sent.
    Withhold(String),
}

/// What a device wants of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderChange {
    /// Which.
    pub operation: FolderOperation,
    /// The folder as it is.
    pub current: Option<HookFolder>,
    /// Its name as it is; empty where there is none.
    pub current_name: String,
    /// Where it is to lie; `None` at the top.
    pub parent: Option<HookFolder>,
    /// Whether it lies there now.
    pub same_parent: bool,
    /// The name asked for.
    pub display_name: String,
    /// The type asked for; 0 where the command has none.
    pub kind: u8,
}

/// The command about a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderOperation {
    /// FolderCreate.
    Create,
    /// FolderDelete.
    Delete,
    /// FolderUpdate.
    Update,
}

/// One edit to a change of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderEdit {
    /// Another name.
    DisplayName(String),
    /// Another type.
    Kind(u8),
    /// To the top of the tree.
    ToRoot,
    /// To the deleted items, in place of what was asked for.
    ToTrash,
}

impl fmt::Display for FolderEdit {
    /// As fixtures write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DisplayName(name) => write!(f, "display-name {name}"),
            Self::Kind(kind) => write!(f, "kind {kind}"),
            Self::ToRoot => f.write_str("to-root"),
            Self::ToTrash => f.write_str("to-trash"),
        }
    }
}

/// What becomes of a change of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderVerdict {
    /// These edits are carried out; none leave it as it is.
    Edit(Vec<FolderEdit>),
    /// Not done.
    Refuse(String),
}

/// One Request of a MeetingResponse. MS-ASCMD 2.2.1.11 "MeetingResponse".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeetingRequest {
    /// As sent.
    pub request_id: String,
    /// Empty where there is none.
    pub collection_id: String,
    /// Empty for the whole series.
    pub instance_id: String,
    /// 1 accepted, 2 tentative, 3 declined.
    pub user_response: u8,
    /// Whether an answer is to be mailed.
    pub send_response: bool,
}

/// Why a device seems stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symptom {
    /// Requests come faster than anything changes.
    BusyLoop,
    /// The answer with the same item was asked for again and again.
    RepeatedItem,
    /// The same request again.
    RepeatedKey,
    /// A key the server never gave.
    UnknownKey,
    /// A fresh start of something in service.
    ZeroKey,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// What.
    pub symptom: Symptom,
    /// How often in a row, at least 1.
    pub times: u32,
    /// Seconds since the first.
    pub within_secs: u32,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// Refuses the device until its operator says otherwise.
    Block,
    /// Everything from the beginning.
    ResyncAll,
    /// The folder from the beginning.
    ResyncFolder,
    /// The tree from the beginning.
    ResyncHierarchy,
    /// The same answer again.
    Retry,
    /// One item an answer.
    ShrinkWindow,
    /// On without the item.
    SkipItem,
    /// 503 for a while.
    Throttle,
    /// The host's own way.
    #[default]
    Usual,
}

/// No plugin: the host's own way for every device.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPlugin;

impl DevicePlugins for NoPlugin {
    fn generation(&self) -> u64 {
        0
    }

    fn serve(&self, _facts: &DeviceFacts) -> Arc<dyn DevicePlugin> {
        Arc::new(Unclaimed::default())
    }
}

/// What serves a device that nobody claims.
#[derive(Clone, Debug, Default)]
pub struct Unclaimed {
    profile: Profile,
}

impl Unclaimed {
    /// With the settings the operator wrote down.
    pub const fn with(profile: Profile) -> Self {
        Self { profile }
    }
}

impl DevicePlugin for Unclaimed {
    fn pack(&self) -> Option<&PackVersion> {
        None
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn operator(&self) -> &Profile {
        &self.profile
    }

    fn family(&self) -> &str {
        ""
    }

    fn rules(&self) -> &[Rule] {
        &[]
    }

    fn subscription(&self, _direction: Direction, _class: Class) -> Option<&Wanted> {
        None
    }

    fn wire(&self, _command: Command) -> Option<&Wanted> {
        None
    }

    fn answers(&self, _hook: Hook) -> bool {
        false
    }

    fn open(&self) -> Box<dyn PluginSession> {
        Box::new(NoSession)
    }
}

/// Code that has nothing to say.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSession;

impl PluginSession for NoSession {
    fn outgoing(&mut self, _: &HookContext<'_>, _: Class, _: &State, _: &[Entry]) -> Result<Answer, Fault> {
        Ok(Verdict::Keep.into())
    }

    fn incoming(
        &mut self,
        _: &HookContext<'_>,
        _: Class,
        _: &State,
        _: &[Entry],
        _: &[Entry],
    ) -> Result<Answer, Fault> {
        Ok(Verdict::Keep.into())
    }

    fn mail(&mut self, _: &HookContext<'_>, _: &Message) -> Result<MailVerdict, Fault> {
        Ok(MailVerdict::Edit(Vec::new()))
    }

    fn folder_change(&mut self, _: &HookContext<'_>, _: &FolderChange) -> Result<FolderVerdict, Fault> {
        Ok(FolderVerdict::Edit(Vec::new()))
    }

    fn meeting(&mut self, _: &HookContext<'_>, _: &MeetingRequest) -> Result<Option<MeetingRequest>, Fault> {
        Ok(None)
    }

    fn recover(&mut self, _: &HookContext<'_>, _: &History) -> Result<Recovery, Fault> {
        Ok(Recovery::Usual)
    }

    fn wire(&mut self, _: &HookContext<'_>, _: &[Entry]) -> Result<Vec<Edit>, Fault> {
        Ok(Vec::new())
    }

    fn nonsense(&mut self, _: Hook, _: &dyn fmt::Display) {}
}

/// A tag as the contract numbers it: code page times 256 plus token.
pub const fn property_number(tag: Tag) -> u16 {
    (tag.page() as u16) << 8 | tag.token() as u16
}

/// The tag of such a number.
pub const fn property_tag(number: u16) -> Tag {
    Tag::new((number >> 8) as u8, (number & 0xFF) as u8)
}
