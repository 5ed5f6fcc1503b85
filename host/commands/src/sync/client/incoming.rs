//! What a plugin makes of what the device sent, and where that goes which it withholds.

use easel_items::Ghosting;
use easel_plugin::{Direction, Outcome as Asked};
use easel_protocol::{CollectionId, ServerId};
use easel_store::{Content, Folder, Item, Modseq, QuarantinedKind, StoreError, Write};
use easel_wbxml::pages::airsync;
use easel_wbxml::{Element, encode};

use super::Client;
use super::last_had::{content_seen, last_own};
use crate::context::{Failure, pack};
use crate::quarantine::{self, Manner};

/// What a plugin made of what the device sent.
pub(super) enum Incoming {
    /// This is to be taken in.
    As(Element),
    /// Nothing is, for this reason; the device does not learn of it.
    Withheld(String, Element),
}

impl Client<'_> {
    /// What the device sent, after the plugin saw it. `before` is the item it changes.
    pub(super) fn incoming(
        &self,
        folder: CollectionId,
        data: &Element,
        before: Option<&Item>,
    ) -> Result<Incoming, Failure> {
        let folder: Option<Folder> = self.snapshot.folder(folder)?;
        let base = match before {
            Some(item) if self.context.asked.sees(Direction::Incoming, self.class) => self.last_seen(item)?,
            Some(_) | None => Vec::new(),
        };
        let properties: Vec<Element> = data.children().cloned().collect();
        let hook = self.context.hook(folder.as_ref());
        let mut state = self.context.pack_state.borrow_mut();
        Ok(match self.context.asked.incoming(&hook, self.class, &mut state, properties, || base) {
            Asked::As(properties) => Incoming::As(Element::of(airsync::APPLICATION_DATA, properties)),
            Asked::Withheld(reason, properties) => {
                let (user, device) = (self.context.user.id.0, self.context.device.key.0);
                tracing::warn!(user, device, reason, "a pack withholds what the device sent");
                Incoming::Withheld(reason, Element::of(airsync::APPLICATION_DATA, properties))
            }
        })
    }

    /// The write that keeps what a pack withholds: of an Add under the id that the device is told, or of a Change.
    pub(super) fn quarantined(
        &self,
        folder: CollectionId,
        (id, changes): (ServerId, Option<&Item>),
        ghosting: &Ghosting,
        instance: Option<&str>,
        (reason, data): (&str, &Element),
    ) -> Result<Write, StoreError> {
        let seen = self.cursors.get(&folder).map_or(Modseq(0), |cursor| cursor.w);
        let seen = changes.map_or(Ok(seen), |item| last_own(self.snapshot, item, seen, self.context.device.key))?;
        let state = self.snapshot.collection(self.context.device.key, self.view.id)?;
        let manner = Manner {
            version: self.context.version,
            shown: self.context.manner,
            body: self.sticky.body.clone(),
            ghosting: ghosting.clone(),
            instance: instance.map(str::to_owned),
            id,
            seen,
            came_in: (self.view.id, state.map_or(0, |state| state.generation)),
        };
        let (class, item, manner) = (self.class, changes.map(|item| item.id), pack(&manner));
        let kind = QuarantinedKind::Item { class, folder, item, manner };
        quarantine::keep(self.context, kind, reason, &encode(data))
    }

    /// An item as the host would show what this device last saw of it.
    fn last_seen(&self, item: &Item) -> Result<Vec<Element>, Failure> {
        let seen = self.cursors.get(&item.folder).map_or(Modseq(0), |cursor| cursor.w);
        let mut item = item.clone();
        if item.changed > seen
            && let Some(then) = content_seen(self.snapshot, &item, seen, self.context.device.key)?
        {
            item.content = Content::Object(then);
        }
        Ok(self.context.shown(self.snapshot, self.class, &item, &self.sticky.body)?.unwrap_or_default())
    }
}
