//! What lies in the folder of a case.
//!
//! | file | what it is |
//! |---|---|
//! | `case.toml` | everything but the bodies: [`Toml`], each field explained there |
//! | `request.hex`, `request.xml` | a WBXML body, as bytes and for people; the test compares the two |
//! | `request.eml` | a body that is a message instead; lines are sent with CRLF |
//! | neither | a request without a body |
//! | `response.hex`, `response.xml` | a WBXML answer |
//! | `response.raw.hex` | an answer that is something else; `content_type` names it |
//! | neither | an answer without a body |
//!
//! Without a word in the case the mailbox is that of `ada` (`world.rs`) with the nine folders f1 to f9 of every new
//! mailbox: Inbox, Drafts, Deleted Items, Sent Items, Outbox, Calendar, Contacts, Tasks, Notes. Further folders are fa,
//! fb, ... in the order of the file, items are a1, a2, ... Numbers that are random elsewhere are 0x01010101,
//! 0x02020202, ... here, so that keys can be written down: the first key of the first collection is `b010101011`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use easel_protocol::Command;
use serde::Deserialize;

/// `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Toml {
    /// Where the request comes from and which passage the answer obeys, for people.
    pub(crate) source: String,
    /// The version of the request, such as `14.1`.
    pub(crate) version: String,
    /// The command, if it is not the one the folder is named for.
    pub(crate) command: Option<String>,
    /// The statuses the case shows, as `Type::Variant` of the command's file. The answer must hold the number.
    #[serde(default)]
    pub(crate) shows: Vec<String>,
    /// Why nothing here gives this answer. Such a case is made from the grammar as a whole, and is read instead of played:
    /// `make-request.py` makes its answer as well.
    pub(crate) unplayed: Option<String>,
    /// The HTTP code of the answer; 200 if absent.
    #[serde(default = "ok")]
    pub(crate) code: u16,
    /// Content-Type of the answer, where it is not WBXML.
    pub(crate) content_type: Option<String>,
    /// Now; 2026-03-01T12:00:00Z if absent.
    #[serde(default = "now")]
    pub(crate) now: String,
    /// Who asks; `ada` if absent. `world.rs` has the others.
    #[serde(default = "ada")]
    pub(crate) user: String,
    /// The request line and headers, where they say more than the command, the version and the device.
    #[serde(default)]
    pub(crate) query: Query,
    /// What of the store fails during the request: `snapshot`, `commit`, `put_device`, `put_blob`, `search_gal`, and
    /// `stale`: a commit that finds the mailbox changed by somebody else every time. `commit 2`: only the second one.
    /// `blocked after look 1`: the administrator blocks the device when the request has read its record once, and so
    /// on.
    #[serde(default)]
    pub(crate) fails: Vec<String>,
    /// The device before the request.
    #[serde(default)]
    pub(crate) device: Device,
    /// What the operator decided.
    #[serde(default)]
    pub(crate) operator: Operator,
    /// Settings of the device, by name: a flag, number, text or list.
    #[serde(default)]
    pub(crate) profile: BTreeMap<String, toml::Value>,
    /// Folders, in the order of their numbers from fa on.
    #[serde(default)]
    pub(crate) folder: Vec<Folder>,
    /// Items, in the order of their numbers from a1 on, for each user.
    #[serde(default)]
    pub(crate) item: Vec<Item>,
    /// The address list.
    #[serde(default)]
    pub(crate) gal: Vec<Gal>,
    /// Requests of the same device and version before, in order; each must be answered with 200.
    #[serde(default)]
    pub(crate) before: Vec<Before>,
    /// What others change after that, and before the request.
    #[serde(default)]
    pub(crate) edit: Vec<Edit>,
    /// How a request that waits goes on: `changed`, `shutdown`, `superseded` or `time-up`. Absent: it must not wait.
    pub(crate) resume: Option<String>,
    /// The store after; what is not named is not looked at.
    #[serde(default)]
    pub(crate) after: After,
}

fn ok() -> u16 {
    200
}

fn now() -> String {
    "2026-03-01T12:00:00Z".to_owned()
}

fn ada() -> String {
    "ada".to_owned()
}

/// What a request line says besides command, version and device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// X-MS-PolicyKey.
    pub(crate) policy_key: Option<u32>,
    /// MS-ASAcceptMultiPart: T.
    #[serde(default)]
    pub(crate) multipart: bool,
    /// SaveInSent=T.
    #[serde(default)]
    pub(crate) save_in_sent: bool,
    /// AttachmentName.
    pub(crate) attachment_name: Option<String>,
    /// CollectionId.
    pub(crate) collection_id: Option<String>,
    /// ItemId.
    pub(crate) item_id: Option<String>,
    /// LongId.
    pub(crate) long_id: Option<String>,
    /// Occurrence.
    pub(crate) occurrence: Option<String>,
    /// Content-Type; absent: what fits the body.
    pub(crate) content_type: Option<String>,
}

/// A device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Device {
    /// DeviceId.
    pub(crate) id: String,
    /// DeviceType.
    pub(crate) kind: String,
    /// `unknown`, `offered` (temporary key 7) or `applied` (key 8, acknowledged with 7).
    pub(crate) policy: String,
    /// The version of that policy.
    pub(crate) policy_version: u64,
    /// What the device said of an applied policy: 1 all, 2 a part, 4 managed by somebody else.
    pub(crate) compliance: u8,
    /// `none`, `account`, `device`, `done`, `account-failed` or `device-failed`.
    pub(crate) wipe: String,
    /// What the device told of itself.
    pub(crate) information: BTreeMap<String, String>,
    /// The version it spoke last; that of the request if absent.
    pub(crate) version: Option<String>,
    /// Another user of the same device.
    pub(crate) shared_with: Option<String>,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            id: "phone1".to_owned(),
            kind: "Phone".to_owned(),
            policy: "unknown".to_owned(),
            policy_version: 1,
            compliance: 1,
            wipe: "none".to_owned(),
            information: BTreeMap::new(),
            version: None,
            shared_with: None,
        }
    }
}

/// What the operator decided.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Operator {
    /// Whether devices must run Provision.
    pub(crate) policy_required: bool,
    /// Whether those that apply it in part are let in.
    pub(crate) policy_allow_partial: bool,
    /// The version of the policy.
    pub(crate) policy_version: u64,
    /// Settings of the policy, by element name.
    pub(crate) policy: Vec<(String, String)>,
    /// Bytes of a message.
    pub(crate) message_bytes_max: Option<usize>,
    /// Bytes of a mailbox.
    pub(crate) quota: Option<u64>,
    /// Collections in one Sync.
    pub(crate) collections_max: Option<usize>,
    /// The shortest and the longest heartbeat.
    pub(crate) heartbeat_secs: Option<(u32, u32)>,
}

/// A folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folder {
    /// Whose; `ada` if absent.
    #[serde(default = "ada")]
    pub(crate) user: String,
    /// Its name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) kind: u8,
    /// The number of the folder it lies in.
    pub(crate) parent: Option<u64>,
}

/// An item.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// Whose; `ada` if absent.
    #[serde(default = "ada")]
    pub(crate) user: String,
    /// The number of the folder it lies in.
    pub(crate) folder: u64,
    /// The file it is: in the folder of the case, else in `tests/fixtures/store`. Lines end with CRLF in the store.
    pub(crate) file: Option<String>,
    /// The text it is, in place of a file.
    pub(crate) text: Option<String>,
    /// When a mail arrived; now if absent.
    pub(crate) received: Option<String>,
    /// Whether a mail was read.
    #[serde(default)]
    pub(crate) read: bool,
    /// Whether the file of a mail is damaged: what its index names is no longer there.
    #[serde(default)]
    pub(crate) damaged: bool,
}

/// An entry of the address list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gal {
    /// The tenant; `defaultcontext` if absent.
    #[serde(default = "tenant")]
    pub(crate) tenant: String,
    /// A vCard, in `tests/fixtures/store` or the folder of the case.
    pub(crate) file: Option<String>,
    /// A vCard, in place of a file.
    pub(crate) text: Option<String>,
}

fn tenant() -> String {
    "defaultcontext".to_owned()
}

/// A request before the one that is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Before {
    /// The command.
    pub(crate) command: String,
    /// Its WBXML body.
    pub(crate) xml: Option<String>,
    /// A body of another kind.
    pub(crate) text: Option<String>,
    /// The request line.
    #[serde(default)]
    pub(crate) query: Query,
}

/// A change of an item by nobody's device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// The number of the item.
    pub(crate) item: u64,
    /// What it is then: an event, contact, task or note.
    pub(crate) text: String,
}

/// The store after the request.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct After {
    /// Ids of the items of a folder, by number: `f1 = ["a1"]`.
    pub(crate) items: BTreeMap<String, Vec<String>>,
    /// Names of every folder, by number: `fa = "Work"`.
    pub(crate) folders: Option<BTreeMap<String, String>>,
    /// The queue, a message a line: `sender -> recipient, recipient`.
    pub(crate) queue: Option<Vec<String>>,
    /// What was done last to a mail: `a1 = "Reply"`, or `none`.
    pub(crate) verbs: BTreeMap<String, String>,
    /// `unknown`, `offered` or `applied`.
    pub(crate) policy: Option<String>,
    /// The policy key of every later request.
    pub(crate) policy_key: Option<u32>,
    /// `none`, `account`, `device`, `done`, `account-failed` or `device-failed`.
    pub(crate) wipe: Option<String>,
    /// Whether the device is blocked.
    pub(crate) blocked: Option<bool>,
    /// What the device told of itself.
    pub(crate) information: Option<BTreeMap<String, String>>,
}

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The folder it lies in: `folder_sync` and the like.
    pub(crate) group: String,
    /// The command.
    pub(crate) command: Command,
    /// Everything but the bodies.
    pub(crate) toml: Toml,
}

/// `tests/fixtures`.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

impl Case {
    /// Every case of every command, by name.
    pub(crate) fn all() -> Vec<Self> {
        let groups = Command::ALL.iter().map(|command| (snake(command.name()), *command));
        let mut cases: Vec<Self> = groups
            .flat_map(|(group, command)| {
                let folders = fs::read_dir(fixtures().join(&group)).into_iter().flatten();
                folders.filter_map(move |entry| Self::read(&entry.unwrap().path(), &group, command))
            })
            .collect();
        cases.sort_by(|a, b| a.folder.cmp(&b.folder));
        cases
    }

    fn read(folder: &Path, group: &str, command: Command) -> Option<Self> {
        let text = fs::read_to_string(folder.join("case.toml")).ok()?;
        let toml: Toml = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let command = toml.command.as_deref().map_or(command, |name| Command::parse(name).unwrap());
        Some(Self { folder: folder.to_owned(), group: group.to_owned(), command, toml })
    }

    /// `folder_sync/first-contact`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.group, self.folder.file_name().unwrap().to_string_lossy())
    }

    /// The text of a file of the case, if it has one of that name.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    /// The bytes that a `.hex` file of the case writes down.
    pub(crate) fn hex(&self, name: &str) -> Option<Vec<u8>> {
        let digits: String = self.text(name)?.split_whitespace().collect();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        Some((0..digits.len()).step_by(2).map(byte).collect())
    }

    /// The content of an item or card: the text given, or a file of the case or of `tests/fixtures/store`.
    pub(crate) fn content(&self, file: Option<&String>, text: Option<&String>) -> String {
        let found = match (file, text) {
            (None, Some(text)) => text.clone(),
            (Some(file), None) => self
                .text(file)
                .or_else(|| fs::read_to_string(fixtures().join("store").join(file)).ok())
                .unwrap_or_else(|| panic!("{}: no file {file}", self.name())),
            (Some(_), Some(_)) | (None, None) => panic!("{}: either a file or a text", self.name()),
        };
        found.replace("\r\n", "\n").replace('\n', "\r\n")
    }
}

/// `FolderSync` as `folder_sync`.
pub(crate) fn snake(name: &str) -> String {
    name.char_indices().fold(String::new(), |mut snake, (at, c)| {
        if c.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
        snake
    })
}
