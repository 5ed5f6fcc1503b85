//! The administrator's side: what a verb asks, who answers, and how the question gets there.
//!
//! One process owns a data directory. While a server runs on it, a verb of the CLI is carried out in the server's
//! process: the CLI writes [`Request`]s to the admin socket and reads [`Reply`]s. Otherwise the CLI takes the lock and
//! carries it out itself. Both ways end in the same [`session::Session`]; [`Channel`] hides which one it is.
//!
//! A frame is two lengths of four bytes (big endian), a JSON head and a body of bytes; every one is bounded, so a
//! message of any size goes over in pieces.

mod address_list;
mod app_passwords;
mod asks;
mod channel;
mod devices;
mod frame;
mod login_name;
mod mailbox;
mod office;
mod ownership;
mod packs;
mod plain_body;
mod queue;
mod recording;
mod redact;
mod session;
mod socket;
mod top;
mod users;

use std::collections::BTreeMap;
use std::fmt;

use easel_protocol::{Class, FolderType};
use easel_store::GalEntry;
use serde::{Deserialize, Serialize};

pub(crate) use channel::{Channel, ChannelError};
pub(crate) use frame::PIECE_BYTES_MAX;
pub(crate) use login_name::{DEFAULT_TENANT, LoginName};
pub(crate) use office::{Office, Refusal, Serving, chain};
pub(crate) use ownership::{Ownership, OwnershipError};
pub(crate) use socket::AdminSocket;

use crate::import::MailState;

/// Grows when a request or reply changes its meaning: a CLI and a server that differ do not talk.
pub(crate) const PROTOCOL: u32 = 5;

/// What a verb asks. The body that belongs to it is named in its doc.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// First on every connection.
    Hello { protocol: u32 },
    /// Who carries this out.
    Status,
    /// Lets this administrator look for so many seconds at how requests arrive through a proxy.
    ProbeOpen { secs: u32 },
    /// Adds a tenant.
    TenantAdd { name: String },
    /// Every tenant.
    TenantList,
    /// Adds a user; the body is the photo.
    UserAdd { login: LoginName, user: NewUserSpec, password: Password },
    /// The users of a tenant, or of all.
    UserList { tenant: Option<String> },
    /// Gives a new password.
    UserPassword { login: LoginName, password: Password },
    /// Makes an app password; without a name it gets one.
    AppPasswordAdd { login: LoginName, name: Option<String>, device: Option<String> },
    /// The app passwords of a user.
    AppPasswordList { login: LoginName },
    /// Removes the app password of that name or number.
    AppPasswordRevoke { login: LoginName, which: String },
    /// Removes a user with everything.
    UserRemove { login: LoginName },
    /// Changes what is given; the body is the new photo.
    UserSet { login: LoginName, changes: UserChanges },
    /// The devices of a user, or of all.
    DeviceList { login: Option<LoginName> },
    /// Changes how a device is treated.
    DeviceDo { login: LoginName, device: String, order: DeviceOrder },
    /// What packs withheld from the side of a device.
    DeviceWithheld { login: LoginName, device: String },
    /// Puts something back that a pack withheld.
    DeviceRestore { login: LoginName, device: String, number: u64 },
    /// Has what a device sends and gets recorded until this conversation or its time ends; `full`: with its content.
    TraceBegin { device: String, minutes: u32, full: bool },
    /// The next request of it with its answer, whose documents are in the body, or a moment later nothing.
    TraceNext,
    /// What devices are at.
    Top,
    /// Messages in the outgoing queue after the one of that number.
    QueueList { after: u64 },
    /// Does something with a queued message.
    QueueDo { number: u64, order: QueueOrder },
    /// Every pack.
    PackList,
    /// The body is the last piece of a pack; its signature is the text of its `.minisig`.
    PackInstall { name: String, signature: Option<String>, allow_unsigned: bool },
    /// Does something with a pack.
    PackDo { id: String, order: PackOrder },
    /// Lets a pack serve a device, or the scores decide again.
    PackPin { device: String, pack: Option<String> },
    /// Has what packs write kept for so many minutes from now; 0 ends that.
    PackLogKeep { minutes: u32 },
    /// Has it kept until this conversation ends.
    PackLogListen,
    /// What packs wrote after the line of that number; with `wait`, a moment later where there is nothing yet.
    PackLogRead { pack: Option<String>, after: u64, wait: bool },
    /// The guides of all packs.
    Guides,
    /// Begins a backup, which lasts as long as this conversation.
    BackupBegin,
    /// The next piece of it, in the body; an empty one is the end.
    BackupRead,
    /// Ends it; to be asked after its last piece.
    BackupEnd,
    /// Puts an entry into the address list of a tenant; the body is the photo.
    AddressListPut { tenant: String, entry: Box<GalEntry> },
    /// The folder of a mailbox by path, made when it is missing.
    FolderOpen { login: LoginName, path: Vec<String>, class: Class },
    /// Every folder of a mailbox.
    Folders { login: LoginName },
    /// Begins to take things in; `over_quota`: though they make the mailbox larger than it may be.
    ImportBegin { login: LoginName, over_quota: bool },
    /// The body is a piece of the next message or object.
    ImportPiece,
    /// The body is the last piece of a message. It is committed with its neighbours.
    ImportMail { login: LoginName, number: u64, folder: FolderNumber, state: MailState },
    /// The body is the last piece of an event, task, note or contact.
    ImportObject { login: LoginName, number: u64, folder: FolderNumber, class: Class, update: bool },
    /// Commits what was taken in.
    ImportFlush,
    /// The items of a folder.
    Items { login: LoginName, folder: FolderNumber },
    /// Some bytes of an item.
    Read { login: LoginName, item: u64, offset: u64 },
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// Done, and nothing to say about it.
    Done,
    /// It cannot be done: a sentence.
    Refused { reason: String },
    /// To [`Request::Hello`].
    Hello { protocol: u32, version: String },
    /// To [`Request::Status`]; `None` when no server runs.
    Status { server: Option<ServerShown> },
    /// To [`Request::BackupEnd`]: the first mails that are not in it, a sentence each, and how many are lost and how many
    /// cannot be read.
    BackupMade { left_out: Vec<String>, lost: u64, unreadable: u64 },
    /// To [`Request::ProbeOpen`]: what to ask with.
    Probe { token: String },
    /// To [`Request::TenantList`].
    Tenants { tenants: Vec<TenantShown> },
    /// To [`Request::UserList`].
    Users { users: Vec<UserShown> },
    /// To [`Request::AppPasswordAdd`]: what was made, and its secret for the only time.
    AppPassword { password: AppPasswordShown, secret: Password },
    /// To [`Request::AppPasswordList`], and to [`Request::AppPasswordRevoke`] the one that was removed.
    AppPasswords { passwords: Vec<AppPasswordShown> },
    /// To [`Request::DeviceList`].
    Devices { devices: Vec<DeviceShown> },
    /// To [`Request::DeviceWithheld`].
    Withheld { things: Vec<WithheldShown> },
    /// To [`Request::Top`]: those that cost most, and how many there are in all.
    Activity { devices: Vec<ActivityShown>, total: usize },
    /// To [`Request::TraceNext`].
    Traced { page: TracedShown },
    /// To [`Request::QueueList`]: some of them; none when there are no more.
    Queue { messages: Vec<QueuedShown> },
    /// To [`Request::PackList`].
    Packs { packs: Vec<PackShown>, pins: Vec<(String, String)> },
    /// To [`Request::PackInstall`] and [`Request::PackDo`]: the version that serves then.
    Pack { id: String, version: Option<String> },
    /// To [`Request::PackLogRead`].
    PackLines { page: PackPageShown },
    /// To [`Request::Guides`].
    Guides { guides: Vec<GuideShown> },
    /// To [`Request::FolderOpen`].
    Folder { folder: FolderNumber },
    /// To [`Request::Folders`].
    Folders { folders: Vec<FolderShown> },
    /// To [`Request::ImportBegin`]: the bytes that are to spare; nothing: any number.
    Room { bytes: Option<u64> },
    /// What came of things taken in, by their numbers: those whose end is known by now.
    Imported { outcomes: Vec<(u64, ImportOutcome)> },
    /// To [`Request::Items`].
    Items { numbers: Vec<u64> },
    /// To [`Request::Read`]: how many bytes the item has, and of a mail its state; the body holds some of the bytes.
    Item { bytes: u64, state: Option<MailState> },
    /// To [`Request::Read`]: the item was removed meanwhile.
    Gone,
}

/// A folder's number within its mailbox.
pub(crate) type FolderNumber = u64;

/// A password on its way: never in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Password(pub(crate) String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewUserSpec {
    /// Empty: the name of the login.
    pub(crate) display_name: String,
    /// Empty: `name@tenant`, where the tenant is a domain.
    pub(crate) addresses: Vec<String>,
    pub(crate) phones: Vec<String>,
    pub(crate) zone: String,
}

/// What changes about a user; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserChanges {
    pub(crate) display_name: Option<String>,
    pub(crate) addresses: Option<Vec<String>>,
    pub(crate) phones: Option<Vec<String>>,
    pub(crate) zone: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) photo: Option<PhotoChange>,
    pub(crate) quota: Option<QuotaChange>,
}

/// What a mailbox may hold from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum QuotaChange {
    /// So many MiB.
    Mib(u64),
    /// As the configuration says.
    Configured,
    /// Anything.
    Unbounded,
}

/// What becomes of the photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PhotoChange {
    /// The body is the new one.
    Body,
    /// It goes.
    Remove,
}

/// What is done with a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DeviceOrder {
    /// Lets it in again.
    Allow,
    /// Shuts it out; its data stays on it.
    Block,
    /// Forgets it and its state: it starts over when it comes back.
    Forget,
    /// Removes the account from it. With `whole`, resets it.
    Wipe { whole: bool },
    /// Takes back a wipe that it was not told of yet.
    Unwipe,
}

/// What is done with a queued message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum QueueOrder {
    /// Removes it: it is not sent to whoever is left.
    Drop,
    /// Has it tried now, for those refused for good as well.
    Retry,
}

/// What is done with a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PackOrder {
    /// Takes it out of service; its file stays.
    Disable,
    /// Lets it serve again.
    Enable,
    /// Takes it out of service and its file away.
    Remove,
    /// Back to the version before.
    Rollback,
}

/// A pack, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackShown {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    /// `serves`, `disabled`, or for how long it is set aside.
    pub(crate) state: String,
    /// The key that signed it, or that none did.
    pub(crate) signed: String,
    pub(crate) sha256: String,
    /// Ids of the catalogue.
    pub(crate) quirks: Vec<String>,
    /// The version that returns by itself if this one keeps failing.
    pub(crate) previous: Option<String>,
    /// Settings this server does not know.
    pub(crate) left_out: Vec<String>,
    pub(crate) devices: usize,
    pub(crate) calls: u64,
    pub(crate) faults: u64,
    pub(crate) last_fault: String,
    pub(crate) micros: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) memory_bytes: u64,
}

/// A line that a pack wrote, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackLineShown {
    /// RFC 3339.
    pub(crate) at: String,
    pub(crate) pack: String,
    pub(crate) version: String,
    pub(crate) device: String,
    pub(crate) level: String,
    pub(crate) message: String,
}

/// Some lines that packs wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackPageShown {
    pub(crate) lines: Vec<PackLineShown>,
    /// After which the next page begins.
    pub(crate) last: u64,
    /// Lines that were not read in time and are no longer kept.
    pub(crate) missed: u64,
    /// For how long lines are kept though nobody listens; `None` when they are not.
    pub(crate) kept_for_secs: Option<u64>,
}

/// A guide, with what is to be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GuideShown {
    pub(crate) device: String,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// A server that runs, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerShown {
    pub(crate) version: String,
    pub(crate) pid: u32,
    /// Addresses, as URLs where they are.
    pub(crate) listening: Vec<String>,
    /// Requests that wait for news.
    pub(crate) waiting: usize,
}

/// A tenant, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TenantShown {
    pub(crate) name: String,
    pub(crate) users: usize,
}

/// A user, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserShown {
    pub(crate) login: String,
    pub(crate) display_name: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) phones: Vec<String>,
    pub(crate) zone: String,
    pub(crate) enabled: bool,
    pub(crate) photo_bytes: usize,
    pub(crate) devices: usize,
    /// What the mailbox holds.
    pub(crate) bytes: u64,
    /// What it may hold; nothing: anything.
    pub(crate) quota_bytes: Option<u64>,
}

/// An app password, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppPasswordShown {
    pub(crate) number: u64,
    pub(crate) name: String,
    /// The one device it is for, by the normal spelling of its id.
    pub(crate) device: Option<String>,
    /// A date, UTC.
    pub(crate) made: String,
    /// A date, UTC; `None`: never used.
    pub(crate) used_on: Option<String>,
}

/// A device, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceShown {
    pub(crate) login: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) user_agent: String,
    pub(crate) version: Option<String>,
    /// RFC 3339.
    pub(crate) first_seen: String,
    pub(crate) last_seen: String,
    pub(crate) blocked: bool,
    pub(crate) policy: String,
    pub(crate) wipe: String,
    pub(crate) versions_told: String,
    pub(crate) information: BTreeMap<String, String>,
    /// The pack that serves it, its version and the family; `None` when none does.
    pub(crate) pack: Option<(String, String, String)>,
    /// What the pack wishes of the policy without leave: `exempt` or `loose`.
    pub(crate) policy_wish: Option<String>,
    /// Who sent its last request: `device`, `cloud`, or `unknown`.
    pub(crate) origin: String,
    /// Headers that packs want to be remembered.
    pub(crate) headers: BTreeMap<String, String>,
}

/// Something that a pack withheld from a device's side, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WithheldShown {
    pub(crate) number: u64,
    /// RFC 3339.
    pub(crate) at: String,
    /// `mail`, or what was done with an item of which class, such as `Contacts added`.
    pub(crate) what: String,
    /// With its version.
    pub(crate) pack: String,
    pub(crate) reason: String,
    pub(crate) bytes: u64,
    /// Empty where it has none.
    pub(crate) title: String,
}

/// What a device is at and what it cost in the last minute, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityShown {
    pub(crate) login: String,
    pub(crate) device: String,
    /// The pack that serves it, with its version.
    pub(crate) pack: Option<String>,
    /// Requests that are not answered yet.
    pub(crate) under_way: u32,
    /// Of the newest request, and how long ago that came.
    pub(crate) command: String,
    pub(crate) since_secs: u64,
    /// How long a request has waited for news, when one waits.
    pub(crate) parked_secs: Option<u64>,
    /// Answered in the last minute.
    pub(crate) requests: u32,
    /// Requests told to come back later in the last minute.
    pub(crate) refused: u32,
    /// In which the server was at work on them.
    pub(crate) worked_micros: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

/// What was recorded of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TracedShown {
    /// The next request, when there was one.
    pub(crate) exchange: Option<ExchangeShown>,
    /// Requests after it that are not shown because they came too fast.
    pub(crate) lost: u64,
    /// Whether its time is over.
    pub(crate) over: bool,
}

/// A request of a device with its answer, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExchangeShown {
    /// RFC 3339.
    pub(crate) at: String,
    /// `-` where nobody was logged in yet, and so on.
    pub(crate) login: String,
    pub(crate) command: String,
    pub(crate) version: String,
    /// The HTTP code; nothing: the client went, or the answer was cut.
    pub(crate) code: Option<u16>,
    /// Until its answer was there, the time it waited included.
    pub(crate) millis: u64,
    /// The part of it in which the server was at work.
    pub(crate) worked_micros: u64,
    /// Why no command saw it; nothing: one did.
    pub(crate) refused: Option<String>,
    /// XML, or what stands in its place.
    pub(crate) request: String,
    pub(crate) answer: String,
}

/// A queued message, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueuedShown {
    pub(crate) number: u64,
    pub(crate) login: String,
    pub(crate) sender: String,
    /// Empty where the message cannot be read.
    pub(crate) subject: String,
    /// RFC 3339.
    pub(crate) queued: String,
    pub(crate) attempts: u32,
    /// Those who are tried again, and when: RFC 3339.
    pub(crate) waiting: Vec<String>,
    /// What was last said of those of them of whom something was said.
    pub(crate) delayed: Vec<(String, String)>,
    pub(crate) next_attempt: Option<String>,
    /// Those who were refused for good, and why.
    pub(crate) failed: Vec<(String, String)>,
    pub(crate) last_error: Option<String>,
}

/// A folder, for people and for export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FolderShown {
    pub(crate) number: FolderNumber,
    /// From the root.
    pub(crate) path: Vec<String>,
    pub(crate) kind: FolderType,
    pub(crate) items: u64,
}

/// What came of something taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum ImportOutcome {
    /// It is new.
    Added,
    /// It is there already.
    Known,
    /// It took the place of an older version.
    Updated,
    /// It is not taken: why.
    Refused { reason: String },
}
