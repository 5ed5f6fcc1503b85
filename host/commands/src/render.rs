//! Items on their way to a device: stored object, view, plugin.

use std::cell::Cell;
use std::error::Error as _;
use std::ops::Range;
use std::sync::Arc;

use easel_items::email::{self, Index, Raw};
use easel_items::{BodyPreferences, ItemError, ReadError, View, calendar};
use easel_plugin::Outcome;
use easel_protocol::{Class, CollectionId, FolderType, Groups};
use easel_store::{BlobId, Content, Folder, Item, Mail, Snapshot, StoreError};
use easel_wbxml::Element;

use crate::context::{Context, Failure};
use crate::hierarchy;
use crate::manner::DeviceManner;

/// What became of an item on its way to a device.
#[derive(Debug)]
pub(crate) enum Rendered {
    /// Its properties.
    As(Vec<Element>),
    /// No view of this version can show it.
    Unconvertible,
    /// The device is not to have it.
    Withheld,
}

/// The bytes of a stored mail, read in pieces.
pub(crate) struct StoredMail<'a> {
    snapshot: &'a dyn Snapshot,
    blob: BlobId,
    size: u64,
    /// Bytes of it are lost, or cannot be read, and that will stay so.
    broken: Cell<bool>,
}

impl<'a> StoredMail<'a> {
    pub(crate) fn new(snapshot: &'a dyn Snapshot, mail: &Mail) -> Self {
        Self { snapshot, blob: mail.blob, size: mail.size, broken: Cell::new(false) }
    }

    /// Whether trying again would not help with what failed.
    fn is_broken(&self) -> bool {
        self.broken.get()
    }
}

impl Raw for StoredMail<'_> {
    fn len(&self) -> u64 {
        self.size
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let wanted = range.end.min(self.size).saturating_sub(range.start);
        let bytes = self.snapshot.blob(self.blob, range).map_err(|error| {
            self.broken.set(matches!(error, StoreError::NotFound(_) | StoreError::Unreadable { .. }));
            ReadError(error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
        })?;
        // Half a mail must not pass for a whole one.
        if (bytes.len() as u64) < wanted {
            self.broken.set(true);
            return Err(ReadError(format!("{} bytes are left of {wanted}", bytes.len())));
        }
        Ok(bytes)
    }
}

/// The part index of a stored mail; one that an older parser made is made again.
pub(crate) fn index(mail: &Mail, raw: &StoredMail<'_>) -> Result<Index, ItemError> {
    match Index::from_bytes(&mail.index) {
        Err(ItemError::OldIndex(_)) => {
            let bytes = raw.read(0..raw.len()).map_err(Arc::new)?;
            let received =
                jiff::Timestamp::from_millisecond(mail.record.received).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            Ok(email::index(&bytes, received).index)
        }
        index => index,
    }
}

impl<'a> Context<'a> {
    /// How this request looks at the items of a folder.
    pub(crate) fn view<'v>(
        &'v self,
        snapshot: &dyn Snapshot,
        folder: CollectionId,
        body: &'v BodyPreferences,
    ) -> Result<View<'v>, StoreError> {
        self.view_as(&self.manner, snapshot, folder, body)
    }

    /// How the server itself looks at an item, whatever the device bears: what is mailed to others is not for its sake.
    pub(crate) fn own_view<'v>(&'v self, body: &'v BodyPreferences) -> View<'v> {
        View { version: self.version, owner: &self.owner, body, now: self.now, manner: easel_items::Manner::default() }
    }

    /// How it would look at them in some manner.
    pub(crate) fn view_as<'v>(
        &'v self,
        manner: &DeviceManner,
        snapshot: &dyn Snapshot,
        folder: CollectionId,
        body: &'v BodyPreferences,
    ) -> Result<View<'v>, StoreError> {
        let attendees_in_default_only = manner.attendees_in_default_only;
        let mut manner = manner.items;
        if attendees_in_default_only && !self.is_default_calendar(snapshot, folder)? {
            manner.calendar.attendees_hidden = true;
        }
        Ok(View { version: self.version, owner: &self.owner, body, now: self.now, manner })
    }

    /// Whether the device sees the events of a folder in its default calendar.
    fn is_default_calendar(&self, snapshot: &dyn Snapshot, folder: CollectionId) -> Result<bool, StoreError> {
        if let Some(folders) = self.default_calendar.get() {
            return Ok(folders.contains(&folder));
        }
        let views = hierarchy::view(snapshot, self)?;
        let default = views.iter().find(|view| view.kind == FolderType::Calendar);
        Ok(self
            .default_calendar
            .get_or_init(|| default.map(|view| view.folders.clone()).unwrap_or_default())
            .contains(&folder))
    }

    /// The properties of an item for this device; `None` when it is not to have it.
    ///
    /// An item that cannot be converted, or whose bytes are lost or on a bad sector, is left out and logged: it must not
    /// stop the ones behind it.
    pub(crate) fn properties(
        &self,
        snapshot: &dyn Snapshot,
        folder: &Folder,
        item: &Item,
        body: &BodyPreferences,
    ) -> Result<Option<Vec<Element>>, Failure> {
        Ok(match self.rendered(snapshot, folder, item, body)? {
            Rendered::As(properties) => Some(properties),
            Rendered::Withheld | Rendered::Unconvertible => None,
        })
    }

    /// The properties of an item for this device, or why it has none.
    pub(crate) fn rendered(
        &self,
        snapshot: &dyn Snapshot,
        folder: &Folder,
        item: &Item,
        body: &BodyPreferences,
    ) -> Result<Rendered, Failure> {
        let Some(class) = folder.kind.class() else { return Ok(Rendered::Withheld) };
        match self.shown(snapshot, class, item, body)? {
            Some(properties) => Ok(self.ask_plugin(folder, class, properties).map_or(Rendered::Withheld, Rendered::As)),
            None => Ok(Rendered::Unconvertible),
        }
    }

    /// The properties of an item as the host shows it to this device, before a plugin sees it; `None` for one that no
    /// view can show, which is logged.
    pub(crate) fn shown(
        &self,
        snapshot: &dyn Snapshot,
        class: Class,
        item: &Item,
        body: &BodyPreferences,
    ) -> Result<Option<Vec<Element>>, Failure> {
        let view = self.view(snapshot, item.folder, body)?;
        let mut is_broken = false;
        let properties = match &item.content {
            Content::Mail(mail) => {
                let raw = StoredMail::new(snapshot, mail);
                let properties =
                    index(mail, &raw).and_then(|index| email::properties(item.id, &index, &mail.record, &raw, &view));
                is_broken = raw.is_broken();
                properties
            }
            Content::Object(content) => easel_items::properties(class, content, &view).and_then(|mut properties| {
                if class == Class::Calendar {
                    properties.extend(calendar::attachments(content, item.id, &view)?);
                }
                Ok(properties)
            }),
        };
        match properties {
            Ok(properties) => Ok(Some(properties)),
            Err(ItemError::Read(error)) if is_broken => {
                let (user, item) = (self.user.id.0, item.id.number());
                tracing::error!(user, item, %error, "a mail that cannot be read is left out");
                Ok(None)
            }
            Err(ItemError::Read(error)) => Err(StoreError::backend("reading a mail", error.to_string()).into()),
            Err(error) => {
                tracing::warn!(user = self.user.id.0, item = item.id.number(), %error, "an item is left out");
                Ok(None)
            }
        }
    }

    /// What a device that has the item is told of a change; `None` when it is not to have it any more, and nothing
    /// inside when its version has no words for the change.
    pub(crate) fn changed_properties(
        &self,
        snapshot: &dyn Snapshot,
        folder: &Folder,
        item: &Item,
        body: &BodyPreferences,
        groups: Groups,
    ) -> Result<Option<Vec<Element>>, Failure> {
        match &item.content {
            Content::Mail(mail) if !groups.has(Groups::CONTENT) => {
                let changed = email::changed(groups, &mail.record, &self.view(snapshot, item.folder, body)?);
                Ok(self.ask_plugin(folder, Class::Email, changed))
            }
            Content::Mail(_) | Content::Object(_) => self.properties(snapshot, folder, item, body),
        }
    }

    /// What the plugin makes of an item on its way to the device; `None` when it withholds it.
    fn ask_plugin(&self, folder: &Folder, class: Class, properties: Vec<Element>) -> Option<Vec<Element>> {
        let mut state = self.pack_state.borrow_mut();
        match self.asked.outgoing(&self.hook(Some(folder)), class, &mut state, properties) {
            Outcome::As(properties) => Some(properties),
            Outcome::Withheld(reason, _) => {
                tracing::info!(user = self.user.id.0, device = self.device.key.0, reason, "a pack withholds an item");
                None
            }
        }
    }
}
