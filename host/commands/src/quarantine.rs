//! What a pack withholds from a device's side: into quarantine, and back.
//!
//! The device is told that its item was taken, or its message sent. An item is kept as the device sent it, with the
//! manner in which it spoke, so that it can be merged later as it would have been then; a message is kept as it would
//! have gone out. What is put back is seen by no pack, and leaves the quarantine in the change set that puts it back.

use easel_items::{Applied, BodyPreferences, ComposeError, Edit, Ghosting, ItemError, View, compose, email};
use easel_protocol::{Class, CollectionId, FolderType, RequestLine, ServerId, Version, parse_date_time};
use easel_store::{
    ChangeSet, Content, DeviceKey, Missing, Modseq, NewContent, NewQuarantined, QuarantineId, Quarantined,
    QuarantinedKind, Snapshot, StoreError, User, UserId, Write,
};
use easel_wbxml::pages::{calendar, contacts, notes, tasks};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::context::{Context, unpack};
use crate::manner::DeviceManner;
use crate::sync::client::guests_told;
use crate::{Service, allowance, submit};

/// How often something is put back again that somebody else changed meanwhile.
const ATTEMPTS: usize = 3;
/// Characters kept of a reason.
const REASON_MAX: usize = 500;
/// Characters of a title.
const TITLE_MAX: usize = 100;
/// Bytes of a message that are read for its title.
const HEADER_BYTES_MAX: u64 = 64 << 10;

/// How a device spoke when it sent an item: what the merge needs besides the item.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manner {
    pub(crate) version: Version,
    pub(crate) body: BodyPreferences,
    pub(crate) ghosting: Ghosting,
    /// How the device was shown what it changes.
    pub(crate) shown: DeviceManner,
    /// The occurrence it changes.
    pub(crate) instance: Option<String>,
    /// What it changes, or the id it was told for what it adds.
    pub(crate) id: ServerId,
    /// What it changes was then as the device saw it.
    pub(crate) seen: Modseq,
    /// The collection it came in, and the generation of its key: as long as that lasts the device has what it added.
    pub(crate) came_in: (CollectionId, u32),
}

/// The write that keeps what the device's pack withholds.
pub(crate) fn keep(
    context: &Context<'_>,
    kind: QuarantinedKind,
    reason: &str,
    bytes: &[u8],
) -> Result<Write, StoreError> {
    let blob = context.store().put_blob(bytes)?;
    let pack = context.asked.pack();
    Ok(Write::Quarantine(NewQuarantined {
        device: context.device.key,
        at: context.now_ms(),
        kind,
        pack: pack.map(|pack| pack.id.clone()).unwrap_or_default(),
        pack_version: pack.map(|pack| pack.version.clone()).unwrap_or_default(),
        reason: reason.chars().take(REASON_MAX).collect(),
        blob,
        size: bytes.len() as u64,
    }))
}

/// Something in quarantine, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// It.
    pub quarantined: Quarantined,
    /// Its subject or name, at most 100 characters; empty when it has none.
    pub title: String,
}

/// Why something is not put back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It was put back, or its time was over.
    #[error("nothing with the number {} is in quarantine", .0.0)]
    Gone(QuarantineId),
    /// It breaks a rule of its class.
    #[error("the item cannot be taken in")]
    Item(#[from] ItemError),
    /// It is a message for more recipients than one may have, or the user has sent as many as may be sent in an hour.
    #[error("the user may not send it: it has too many recipients, or too much was sent within an hour")]
    MaySendNoMore,
    /// It changes a mail that is not there any more.
    #[error("the mail that it changes is not there any more")]
    MailGone,
    /// Nobody can be sent this.
    #[error("the message cannot be sent")]
    Message(#[from] ComposeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept cannot be read: another version of this program wrote it.
    #[error("what is kept cannot be read by this version")]
    Unreadable,
}

impl Service {
    /// What is in quarantine of a device, oldest first.
    pub fn withheld(&self, user: UserId, device: DeviceKey) -> Result<Vec<Withheld>, StoreError> {
        let all = self.store().quarantined(user)?.into_iter().filter(|one| one.new.device == device);
        let snapshot = self.store().snapshot(user)?;
        all.map(|quarantined| Ok(Withheld { title: title(&*snapshot, &quarantined.new)?, quarantined })).collect()
    }

    /// Takes in, or sends, what a pack withheld; it leaves the quarantine. When this fails nothing has changed.
    ///
    /// What a user may keep and send holds for this as well: [`StoreError::OverQuota`] is a mailbox without room for it.
    pub fn restore(&self, user: &User, id: QuarantineId) -> Result<(), RestoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_restore(user, id) {
                Err(RestoreError::Store(StoreError::Stale | StoreError::NotFound(Missing::Item)))
                    if tries < ATTEMPTS => {}
                Err(RestoreError::Store(StoreError::NotFound(Missing::Quarantined))) => {
                    return Err(RestoreError::Gone(id));
                }
                outcome => return outcome,
            }
        }
    }

    fn try_restore(&self, user: &User, id: QuarantineId) -> Result<(), RestoreError> {
        let all = self.store().quarantined(user.id)?;
        let NewQuarantined { kind, device, blob, .. } =
            all.into_iter().find(|one| one.id == id).ok_or(RestoreError::Gone(id))?.new;
        let devices = self.store().devices(user.id)?;
        let device = devices.into_iter().find(|one| one.key == device).ok_or(StoreError::NotFound(Missing::Device))?;
        let bytes = self.store().read_blob(blob)?;
        let snapshot = self.store().snapshot(user.id)?;
        let line = RequestLine::parse("Cmd=Sync&DeviceId=0&DeviceType=0", None, None, None).expect("it is well formed");
        let mut set = ChangeSet::new(user.id);
        let key = device.key;
        set.writes = match kind {
            QuarantinedKind::Item { class, folder, item, manner } => {
                let manner: Manner = unpack(&manner).ok_or(RestoreError::Unreadable)?;
                let data = easel_wbxml::decode(&bytes).map_err(|_| RestoreError::Unreadable)?;
                let context = self.without_pack(&line, user, device, manner.version);
                let (collection, generation) = manner.came_in;
                let state = snapshot.collection(key, collection)?;
                // To the device that added it, it is no news.
                let has_it = item.is_none() && state.is_some_and(|state| state.generation == generation);
                set.author = has_it.then_some(key);
                let back = Back { context: &context, snapshot: &*snapshot, class, manner: &manner, data: &data };
                match item.map(|item| snapshot.item(item)).transpose()?.flatten() {
                    Some(item) => back.change(item)?,
                    None => back.add(folder, item.is_none().then_some(manner.id))?,
                }
            }
            QuarantinedKind::Message => {
                let context = self.without_pack(&line, user, device, Version::V16_1);
                let message_id = submit::message_id(&context);
                let outgoing = compose::outgoing(&bytes, &submit::sending(&context, &message_id))?;
                let counted = allowance::of_message(&context, &*snapshot, outgoing.recipients.len())?;
                let counted = counted.map_err(|_| RestoreError::MaySendNoMore)?;
                submit::queued_and_kept(&context, &*snapshot, &outgoing)?.into_iter().chain(counted).collect()
            }
        };
        drop(snapshot);
        set.writes.push(Write::TakeFromQuarantine { id });
        let bytes_max = allowance::bytes_max_of(user, &self.settings());
        set.writes.extend(bytes_max.map(|bytes_max| Write::Within { bytes_max }));
        self.store().commit(set)?;
        Ok(())
    }
}

/// An item on its way back.
struct Back<'a> {
    context: &'a Context<'a>,
    snapshot: &'a dyn Snapshot,
    class: Class,
    manner: &'a Manner,
    data: &'a Element,
}

impl Back<'_> {
    fn change(&self, item: easel_store::Item) -> Result<Vec<Write>, RestoreError> {
        let (id, seen, view) = (item.id, self.snapshot.modseq(), self.view(item.folder)?);
        let before = match &item.content {
            Content::Object(before) => before,
            Content::Mail(mail) => {
                let (record, groups) = email::apply(&mail.record, self.data, &view, &item.facts.subject)?;
                let change = Write::ChangeRecord { id, record, groups, seen };
                return Ok(if groups.is_empty() { Vec::new() } else { vec![change] });
            }
        };
        // Where it has changed since, the merge is three-way: what came later stays, unless this changes the same.
        let base = if item.changed > self.manner.seen { self.snapshot.content_at(id, self.manner.seen)? } else { None };
        let instance = self.manner.instance.as_deref().map(parse_date_time).transpose();
        let instance = instance.map_err(|_| RestoreError::Unreadable)?;
        let edit = Edit {
            data: self.data,
            ghosting: &self.manner.ghosting,
            base: base.as_deref(),
            shown: &self.manner.body,
            instance,
            delete_instance: false,
        };
        let Applied { content, facts, changed, .. } = easel_items::apply(self.class, Some(before), &edit, &view)?;
        if !changed && content.is_some() {
            return Ok(Vec::new());
        }
        let mut writes = self.guests_told(Some(before), content.as_deref())?;
        writes.push(match content {
            Some(content) => Write::ChangeContent { id, content, facts, seen },
            None => Write::RemoveItem { id },
        });
        Ok(writes)
    }

    /// Adds it where it was to be, or to the default folder of its class when that folder is gone; under the id that the
    /// device was told, or under another when it had changed something that is gone.
    fn add(&self, folder: CollectionId, told: Option<ServerId>) -> Result<Vec<Write>, RestoreError> {
        if self.class == Class::Email {
            return Err(RestoreError::MailGone);
        }
        let folders = self.snapshot.folders()?;
        let there = folders.iter().find(|one| one.id == folder && one.kind.class() == Some(self.class));
        let default = || folders.iter().find(|one| one.kind == FolderType::default_for(self.class));
        let folder = there.or_else(default).ok_or(StoreError::NotFound(Missing::Folder))?.id;
        let edit = Edit {
            data: self.data,
            ghosting: &Ghosting::None,
            base: None,
            shown: &self.manner.body,
            instance: None,
            delete_instance: false,
        };
        let applied = easel_items::apply(self.class, None, &edit, &self.view(folder)?)?;
        let Applied { content: Some(content), facts, .. } = applied else { return Ok(Vec::new()) };
        let id = told.map_or_else(|| self.context.store().reserve_items(self.context.user.id, 1), Ok)?;
        let mut writes = self.guests_told(None, Some(&content))?;
        writes.push(Write::AddItem { id, folder, content: NewContent::Object(content), facts });
        Ok(writes)
    }

    /// As the device looked at it.
    fn view(&self, folder: CollectionId) -> Result<View<'_>, StoreError> {
        self.context.view_as(&self.manner.shown, self.snapshot, folder, &self.manner.body)
    }

    fn guests_told(&self, before: Option<&str>, after: Option<&str>) -> Result<Vec<Write>, StoreError> {
        guests_told(self.context, self.snapshot, self.class, &self.manner.body, (before, after))
    }
}

fn title(snapshot: &dyn Snapshot, withheld: &NewQuarantined) -> Result<String, StoreError> {
    let title = match &withheld.kind {
        QuarantinedKind::Item { class, item, .. } => {
            let bytes = snapshot.blob(withheld.blob, 0..withheld.size)?;
            let said = easel_wbxml::decode(&bytes).ok().and_then(|data| {
                let text = |tag: &Tag| data.text_of(*tag).filter(|text| !text.is_empty());
                titles(*class).iter().find_map(text).map(|text| text.into_owned())
            });
            match (said, item) {
                (Some(said), _) => said,
                (None, Some(item)) => snapshot.item(*item)?.map(|item| item.facts.subject).unwrap_or_default(),
                (None, None) => String::new(),
            }
        }
        QuarantinedKind::Message => {
            let header = snapshot.blob(withheld.blob, 0..HEADER_BYTES_MAX)?;
            email::index(&header, Timestamp::UNIX_EPOCH).facts.subject
        }
    };
    Ok(title.chars().take(TITLE_MAX).collect())
}

/// Where an item of a class says what it is called; the first that is there.
const fn titles(class: Class) -> &'static [Tag] {
    match class {
        Class::Calendar => &[calendar::SUBJECT],
        Class::Contacts => &[contacts::FILE_AS, contacts::LAST_NAME, contacts::FIRST_NAME, contacts::COMPANY_NAME],
        Class::Notes => &[notes::SUBJECT],
        Class::Tasks => &[tasks::SUBJECT],
        Class::Email | Class::Sms => &[],
    }
}
