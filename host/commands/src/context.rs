//! Everything a command works with, for one request.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

use easel_items::Owner;
use easel_plugin::{Asked, HookContext, HookFolder, Profile, StoredState};
use easel_protocol::{CollectionId, Command, CommonStatus, FolderType, Refusal, RequestLine, Version};
use easel_store::{Device, Folder, Store, StoreError, User};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::hierarchy::Ids;
use crate::manner::DeviceManner;
use crate::profiles::Chosen;
use crate::served::{Marks, Served};
use crate::{Answer, Later, Reply, Service, Settings};

/// One request, with everything around it looked up.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) service: &'a Service,
    pub(crate) user: &'a User,
    pub(crate) owner: Owner,
    pub(crate) device: Device,
    /// What serves the device, and its code.
    pub(crate) asked: Asked,
    /// The marks of its profile,
    pub(crate) marks: Marks,
    /// and what it was served with last.
    pub(crate) served: Served,
    /// What the operator decided, from the beginning of the request to its end.
    pub(crate) settings: Arc<Settings>,
    /// How often the work was begun again because the mailbox changed under it.
    pub(crate) attempt: Cell<u32>,
    /// Whether the pack advised to go on without the items that the request fetches.
    pub(crate) skips_items: Cell<bool>,
    /// What the pack left for the collection at work; commands without a sync key begin and end with nothing.
    pub(crate) pack_state: RefCell<Option<StoredState>>,
    pub(crate) ids: Ids,
    /// How items are shown to the device.
    pub(crate) manner: DeviceManner,
    /// What serves the device.
    pub(crate) chosen: Arc<Chosen>,
    /// The folders whose events the device sees in its default calendar; looked up when it is asked for.
    pub(crate) default_calendar: OnceCell<Vec<CollectionId>>,
    pub(crate) version: Version,
    pub(crate) command: Command,
    pub(crate) line: &'a RequestLine,
    pub(crate) content_type: &'a str,
    pub(crate) now: Timestamp,
}

impl Context<'_> {
    pub(crate) fn store(&self) -> &dyn Store {
        &**self.service.store()
    }

    /// The shortest and the longest heartbeat: the operator's bounds narrowed by the profile's.
    pub(crate) fn heartbeat_secs(&self) -> (u32, u32) {
        let (least, most) = self.settings.heartbeat_secs;
        let most = self.heartbeat("max").map_or(most, |own| most.min(own));
        (self.heartbeat("min").map_or(least, |own| least.max(own)).min(most), most)
    }

    /// How long a Ping waits that never named an interval; `None` when it has to name one.
    pub(crate) fn heartbeat_default_secs(&self) -> Option<u32> {
        self.heartbeat("default")
    }

    fn heartbeat(&self, key: &str) -> Option<u32> {
        self.profile().map_number("push.heartbeat", key).and_then(|secs| u32::try_from(secs).ok())
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now.as_millisecond()
    }

    /// Whether a change of the tree is told for the whole answer, not for one collection.
    pub(crate) fn tells_hierarchy_globally(&self) -> bool {
        self.profile().text("status.hier_changed") == "global"
    }

    /// The settings of the device.
    pub(crate) fn profile(&self) -> &Profile {
        self.asked.profile()
    }

    /// What a plugin may know about a call.
    pub(crate) fn hook(&self, folder: Option<&Folder>) -> HookContext<'_> {
        HookContext {
            version: self.version,
            now_ms: self.now_ms(),
            zone: &self.user.zone,
            owner_name: &self.user.display_name,
            owner_addresses: &self.user.addresses,
            command: self.command,
            folder: folder.map(|folder| hook_folder(folder.kind)),
            attempt: self.attempt.get(),
        }
    }

    /// A common mistake, told the way the version knows: `root` carries the Status from 14.0 on.
    pub(crate) fn refuse(&self, status: CommonStatus, root: Tag, status_tag: Tag) -> Reply {
        refuse(self.version, status, root, status_tag)
    }
}

/// A folder, as a plugin knows it.
pub(crate) fn hook_folder(kind: FolderType) -> HookFolder {
    let is_default = kind.class().is_some_and(|class| FolderType::default_for(class) == kind);
    HookFolder { kind, is_default }
}

/// When a device comes back that hears that our side is busy.
const BUSY_SECS: u64 = 30;

/// A common mistake, told the way the version knows.
pub(crate) fn refuse(version: Version, status: CommonStatus, root: Tag, status_tag: Tag) -> Reply {
    let answer = match status.refusal(version) {
        Refusal::Http(503) => Later { retry_after_secs: BUSY_SECS, condition: None }.answer(Some(version)),
        Refusal::Http(code) => Answer::code(code),
        Refusal::Status(status) => Answer::wbxml(&Element::of(root, [Element::number(status_tag, status.number())])),
    };
    answer.into()
}

/// The owner of a mailbox, as the items room wants it.
pub(crate) fn owner(user: &User) -> Owner {
    Owner {
        name: user.display_name.clone(),
        addresses: user.addresses.clone(),
        zone: TimeZone::get(&user.zone).unwrap_or(TimeZone::UTC),
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Our side failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a request makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// An element that must be there is not.
    #[error("{0} is missing")]
    Missing(Tag),
    /// An element whose value is none it can have.
    #[error("{tag} cannot be {value:?}")]
    Value {
        /// The element.
        tag: Tag,
        /// What it says.
        value: String,
    },
    /// More of something than one request may hold.
    #[error("too many of {0}")]
    TooMany(Tag),
}

/// The text of a child that must be there.
pub(crate) fn required(element: &Element, tag: Tag) -> Result<Cow<'_, str>, RequestError> {
    element.text_of(tag).ok_or(RequestError::Missing(tag))
}

/// Characters of an id, in either direction. MS-ASCMD 2.2.3.30 "CollectionId", 2.2.3.166 "ServerId".
const ID_MAX: usize = 64;

/// The id that a child says, without blanks around it; `None` when it is absent. What is longer than an id can be is
/// refused, so that whoever keeps ids of a device keeps little.
pub(crate) fn id_of(element: &Element, tag: Tag) -> Result<Option<String>, RequestError> {
    let Some(text) = element.text_of(tag) else { return Ok(None) };
    let id = text.trim();
    if id.chars().nth(ID_MAX).is_some() {
        return Err(RequestError::Value { tag, value: id.chars().take(40).collect() });
    }
    Ok(Some(id.to_owned()))
}

/// The number of a child, `None` when it is absent or empty.
pub(crate) fn number(element: &Element, tag: Tag) -> Result<Option<u32>, RequestError> {
    let Some(text) = element.text_of(tag) else { return Ok(None) };
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.trim().parse().map(Some).map_err(|_| RequestError::Value { tag, value: text.chars().take(40).collect() })
}

/// A boolean child: absent is `default`, and an empty one is true (K: W12, T07, X06).
pub(crate) fn flag(element: &Element, tag: Tag, default: bool) -> bool {
    element.text_of(tag).map_or(default, |text| !matches!(text.trim(), "0" | "false"))
}

/// A small value, as the store keeps it.
pub(crate) fn pack<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain values always serialise")
}

/// What [`pack`] made; `None` for what another version of this program made, which is as good as absent.
pub(crate) fn unpack<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}
