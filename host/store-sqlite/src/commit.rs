//! A change set becomes rows.
//!
//! Runs inside a savepoint of the writer: whatever fails here leaves nothing. Every change of an item takes the next
//! number of the mailbox's counter and appends a row to the log; so does, without a row, every change of the tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use easel_protocol::{CollectionId, Facts, Groups, MailRecord, ServerId, SyncKey, WindowKey};
use easel_store::{
    Bus, ChangeSet, CollectionState, DeviceKey, Event, Folder, LogKind, LogRow, Missing, Modseq, NewContent,
    StoreError, UserId, Write,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Failure;
use crate::numbers::Numbers;
use crate::sql::{encode, int, number};
use crate::warm::{Change, Touched};
use crate::{conversations, devices, directory, folders, log, outgoing, quarantine, removal, search};

/// What a change set made.
pub(crate) struct Made {
    pub(crate) modseq: Modseq,
    /// How many objects more wait for a turn of the writer: to be indexed, or to leave.
    pub(crate) backlog: usize,
    user: UserId,
    author: Option<DeviceKey>,
    /// The folders touched, each with the last number that was taken there.
    folders: BTreeMap<CollectionId, Modseq>,
    hierarchy: bool,
    queued: bool,
    highest_item: Option<u64>,
    held: Vec<Change>,
}

impl Made {
    /// What changes of what is held in memory.
    pub(crate) fn touched(&mut self) -> Touched {
        let mut held = std::mem::take(&mut self.held);
        held.extend(self.folders.iter().map(|(folder, end)| Change::LogEnd(*folder, *end)));
        if held.is_empty() { Touched::Nothing } else { Touched::Mailbox(self.user, held) }
    }

    /// Tells memory, then whoever watches. Only once it is on the disk.
    pub(crate) fn announce(self, numbers: &Numbers, bus: &dyn Bus) {
        numbers.committed(self.user, self.modseq);
        if let Some(highest) = self.highest_item {
            numbers.used(self.user, highest);
        }
        if self.hierarchy || !self.folders.is_empty() {
            let (user, author) = (self.user, self.author);
            let folders = self.folders.into_keys().collect();
            bus.publish(&Event::Mailbox { user, folders, hierarchy: self.hierarchy, author });
        }
        if self.queued {
            bus.publish(&Event::Outgoing);
        }
    }
}

/// Makes the changes.
pub(crate) fn apply(connection: &Connection, changes: ChangeSet) -> Result<Made, Failure> {
    let mut step = Step::new(connection, &changes)?;
    for write in changes.writes {
        step.write(write)?;
    }
    step.finish()
}

/// An item as it is before the step changes it.
struct Stored {
    object: i64,
    folder: CollectionId,
    changed: Modseq,
    window: WindowKey,
    /// The text; `None` for a mail.
    text: Option<String>,
}

struct Step<'a> {
    connection: &'a Connection,
    made: Made,
    before: Modseq,
    /// What the mailbox held before, and what it may hold, if that is bounded.
    within: Option<(u64, u64)>,
    highest_folder: u64,
    hierarchy_at: Option<Modseq>,
}

impl<'a> Step<'a> {
    fn new(connection: &'a Connection, changes: &ChangeSet) -> Result<Self, Failure> {
        let sql = "SELECT modseq FROM mailbox WHERE user = ?1";
        let found = connection.prepare_cached(sql)?.query_row(params![int(changes.user.0)], |row| number(row, 0));
        let modseq = Modseq(found.optional()?.ok_or(Missing::User)?);
        let made = Made {
            modseq,
            backlog: 0,
            user: changes.user,
            author: changes.author,
            folders: BTreeMap::new(),
            hierarchy: false,
            queued: false,
            highest_item: None,
            held: Vec::new(),
        };
        let bound = |write: &Write| if let Write::Within { bytes_max } = write { Some(*bytes_max) } else { None };
        let bounds = changes.writes.iter().filter_map(bound);
        let within = match bounds.min() {
            Some(bytes_max) => Some((directory::bytes(connection, changes.user)?, bytes_max)),
            None => None,
        };
        Ok(Self { connection, made, before: modseq, within, highest_folder: 0, hierarchy_at: None })
    }

    fn write(&mut self, write: Write) -> Result<(), Failure> {
        match write {
            Write::AddFolder { id, parent, name, kind } => {
                folders::add(self.connection, self.made.user, &Folder { id, parent, name, kind })?;
                self.highest_folder = self.highest_folder.max(id.number());
                self.tree_changed();
                Ok(())
            }
            Write::AddItem { id, folder, content, facts } => {
                self.add_item(id, folder, content, &facts, self.made.author)
            }
            Write::ChangeContent { id, content, facts, seen } => self.change_content(id, &content, &facts, seen),
            Write::ChangeRecord { id, record, groups, seen } => self.change_record(id, &record, groups, seen),
            Write::DeliverItem { id, folder, content, facts } => {
                let folder = conversations::delivered_to(self.connection, self.made.user, folder, &facts)?;
                self.add_item(id, folder, content, &facts, None)
            }
            Write::FollowConversation { conversation, to } => {
                conversations::follow(self.connection, self.made.user, conversation, to)
            }
            Write::MoveItem { id, to, new_id } => self.move_item(id, to, new_id),
            Write::PutCollection { device, collection, expect, state } => {
                self.put_collection((device, collection), expect, state)
            }
            Write::PutOutgoing(tried) => Ok(outgoing::put(self.connection, &tried)?),
            Write::PutDeviceValue { device, name, value } => self.put_device_value(device, name, value),
            Write::PutValue { name, value } => Ok(self.put_value(name, value)?),
            Write::Quarantine(new) => quarantine::put(self.connection, self.made.user, &new),
            Write::Queue(new) => {
                outgoing::queue(self.connection, self.made.user, &new)?;
                self.made.queued = true;
                Ok(())
            }
            Write::RememberSent { device, token, at } => self.remember_sent(device, &token, at),
            Write::RemoveFolder { id } => self.remove_folder(id),
            Write::RemoveItem { id } => {
                let stored = self.leave(id)?;
                self.forget(&stored)?;
                Ok(())
            }
            Write::TakeFromQuarantine { id } => quarantine::take(self.connection, self.made.user, id),
            Write::UpdateFolder { id, parent, name } => {
                folders::update(self.connection, self.made.user, id, (parent, &name))?;
                self.tree_changed();
                Ok(())
            }
            // Looked at when everything is written.
            Write::Within { .. } => Ok(()),
        }
    }

    /// The counters of the mailbox.
    fn finish(self) -> Result<Made, Failure> {
        let mut made = self.made;
        if let Some((before, bytes_max)) = self.within {
            let bytes = directory::bytes(self.connection, made.user)?;
            if bytes > bytes_max && bytes > before {
                return Err(StoreError::OverQuota { bytes, bytes_max }.into());
            }
        }
        if made.modseq > self.before || made.highest_item.is_some() {
            let sql = "UPDATE mailbox SET modseq = ?2, hierarchy = max(hierarchy, ?3),
                           next_item = max(next_item, ?4), next_folder = max(next_folder, ?5)
                       WHERE user = ?1";
            self.connection.prepare_cached(sql)?.execute(params![
                int(made.user.0),
                int(made.modseq.0),
                self.hierarchy_at.map_or(0, |at| int(at.0)),
                made.highest_item.map_or(0, |highest| int(highest + 1)),
                int(self.highest_folder + 1)
            ])?;
        }
        if made.modseq > self.before {
            made.held.push(Change::Counters { modseq: made.modseq, hierarchy: self.hierarchy_at });
        }
        Ok(made)
    }

    fn next_modseq(&mut self) -> Modseq {
        self.made.modseq = Modseq(self.made.modseq.0 + 1);
        self.made.modseq
    }

    fn tree_changed(&mut self) {
        self.hierarchy_at = Some(self.next_modseq());
        self.made.hierarchy = true;
    }

    /// Appends a row to the log of a folder.
    fn append(&mut self, folder: CollectionId, row: LogRow) -> Result<(), Failure> {
        self.made.folders.insert(folder, row.modseq);
        log::append(self.connection, self.made.user, folder, &row)?;
        Ok(())
    }

    fn stored(&self, id: ServerId) -> Result<Stored, Failure> {
        let sql = "SELECT object, folder, changed, window, text FROM item CROSS JOIN content USING (object)
                   WHERE user = ?1 AND id = ?2 AND NOT EXISTS (
                       SELECT 1 FROM folder WHERE folder.user = ?1 AND folder.id = item.folder AND removed IS NOT NULL)";
        let values = params![int(self.made.user.0), int(id.number())];
        let found = self.connection.prepare_cached(sql)?.query_row(values, |row| {
            Ok(Stored {
                object: row.get(0)?,
                folder: CollectionId::new(number(row, 1)?),
                changed: Modseq(number(row, 2)?),
                window: WindowKey(row.get(3)?),
                text: row.get(4)?,
            })
        });
        Ok(found.optional()?.ok_or(Missing::Item)?)
    }

    /// An id that nothing has or had; only the writer's own check keeps it from being given out later.
    fn take_id(&mut self, id: ServerId) -> Result<(), Failure> {
        let sql = "SELECT 1 FROM item WHERE user = ?1 AND id = ?2";
        let values = params![int(self.made.user.0), int(id.number())];
        if id.number() >= int(u64::MAX).unsigned_abs() || self.connection.prepare_cached(sql)?.exists(values)? {
            return Err(StoreError::Exists(id.to_string()).into());
        }
        self.made.highest_item = self.made.highest_item.max(Some(id.number()));
        Ok(())
    }

    fn add_item(
        &mut self,
        id: ServerId,
        folder: CollectionId,
        content: NewContent,
        facts: &Facts,
        author: Option<DeviceKey>,
    ) -> Result<(), Failure> {
        folders::check(self.connection, self.made.user, folder)?;
        self.take_id(id)?;
        let modseq = self.next_modseq();
        let sql = "INSERT INTO item (user, id, folder, entered, changed, window, conversation, uid)
                   VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)";
        self.connection.prepare_cached(sql)?.execute(params![
            int(self.made.user.0),
            int(id.number()),
            int(folder.number()),
            int(modseq.0),
            facts.window.0,
            facts.conversation,
            facts.uid
        ])?;
        let object = self.connection.last_insert_rowid();
        self.put_content(object, content, facts)?;
        self.index(object, facts)?;
        self.entered(id, folder, facts.window, author)
    }

    fn put_content(&self, object: i64, content: NewContent, facts: &Facts) -> Result<(), Failure> {
        let sql = "INSERT INTO content (object, blob, size, part_index, record, text, subject, people)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let mut insert = self.connection.prepare_cached(sql)?;
        match content {
            NewContent::Mail { blob, size, index, record } => insert.execute(params![
                object,
                int(blob.0),
                int(size),
                index,
                encode(&record),
                None::<String>,
                facts.subject,
                facts.people
            ])?,
            NewContent::Object(text) => insert.execute(params![
                object,
                None::<i64>,
                None::<i64>,
                None::<Vec<u8>>,
                None::<Vec<u8>>,
                text,
                facts.subject,
                facts.people
            ])?,
        };
        Ok(())
    }

    fn index(&mut self, object: i64, facts: &Facts) -> Result<(), Failure> {
        search::enqueue(self.connection, self.made.user, object, &search::text_of(facts))?;
        self.made.backlog += 1;
        Ok(())
    }

    /// The row of an item that has come, at the present number.
    fn entered(
        &mut self,
        item: ServerId,
        folder: CollectionId,
        key: WindowKey,
        author: Option<DeviceKey>,
    ) -> Result<(), Failure> {
        let (modseq, kind, groups) = (self.made.modseq, LogKind::Entered, Groups::CONTENT);
        self.append(folder, LogRow { modseq, item, kind, author, groups, key_before: key, key_after: key })
    }

    fn change_content(&mut self, id: ServerId, text: &str, facts: &Facts, seen: Modseq) -> Result<(), Failure> {
        let stored = self.stored(id)?;
        if stored.changed > seen {
            return Err(StoreError::Stale.into());
        }
        let replaced = stored.text.ok_or(Missing::Item)?;
        let modseq = self.next_modseq();
        let sql = "UPDATE item SET changed = ?2, window = ?3, conversation = ?4, uid = ?5 WHERE object = ?1";
        self.connection.prepare_cached(sql)?.execute(params![
            stored.object,
            int(modseq.0),
            facts.window.0,
            facts.conversation,
            facts.uid
        ])?;
        let sql = "UPDATE content SET text = ?2, subject = ?3, people = ?4 WHERE object = ?1";
        let values = params![stored.object, text, facts.subject, facts.people];
        self.connection.prepare_cached(sql)?.execute(values)?;
        self.index(stored.object, facts)?;
        log::keep_replaced(self.connection, self.made.user, modseq, &replaced)?;
        let (kind, author, groups) = (LogKind::Changed, self.made.author, Groups::CONTENT);
        let (key_before, key_after) = (stored.window, facts.window);
        self.append(stored.folder, LogRow { modseq, item: id, kind, author, groups, key_before, key_after })
    }

    fn change_record(
        &mut self,
        id: ServerId,
        record: &MailRecord,
        groups: Groups,
        seen: Modseq,
    ) -> Result<(), Failure> {
        let stored = self.stored(id)?;
        if stored.changed > seen {
            return Err(StoreError::Stale.into());
        }
        if stored.text.is_some() {
            return Err(Missing::Item.into());
        }
        let modseq = self.next_modseq();
        let sql = "UPDATE item SET changed = ?2 WHERE object = ?1";
        self.connection.prepare_cached(sql)?.execute(params![stored.object, int(modseq.0)])?;
        let sql = "UPDATE content SET record = ?2 WHERE object = ?1";
        self.connection.prepare_cached(sql)?.execute(params![stored.object, encode(record)])?;
        let (kind, author, key) = (LogKind::Changed, self.made.author, stored.window);
        self.append(stored.folder, LogRow { modseq, item: id, kind, author, groups, key_before: key, key_after: key })
    }

    fn move_item(&mut self, id: ServerId, to: CollectionId, new_id: ServerId) -> Result<(), Failure> {
        folders::check(self.connection, self.made.user, to)?;
        let stored = self.leave(id)?;
        self.take_id(new_id)?;
        let modseq = self.next_modseq();
        let sql = "UPDATE item SET id = ?2, folder = ?3, entered = ?4, changed = ?4 WHERE object = ?1";
        self.connection.prepare_cached(sql)?.execute(params![
            stored.object,
            int(new_id.number()),
            int(to.number()),
            int(modseq.0)
        ])?;
        // The new item is nobody's Add: whoever moved it inside a Sync is told where it went.
        self.entered(new_id, to, stored.window, None)
    }

    /// The row of an item that goes, with the text it had. The item itself is still there.
    fn leave(&mut self, id: ServerId) -> Result<Stored, Failure> {
        let stored = self.stored(id)?;
        let modseq = self.next_modseq();
        if let Some(text) = &stored.text {
            log::keep_replaced(self.connection, self.made.user, modseq, text)?;
        }
        let (kind, author, key) = (LogKind::Left, self.made.author, stored.window);
        let row = LogRow { modseq, item: id, kind, author, groups: Groups::CONTENT, key_before: key, key_after: key };
        self.append(stored.folder, row)?;
        Ok(stored)
    }

    /// Removes an item that left.
    fn forget(&self, stored: &Stored) -> Result<(), Failure> {
        search::forget(self.connection, stored.object)?;
        let sql = "DELETE FROM item WHERE object = ?1";
        self.connection.prepare_cached(sql)?.execute(params![stored.object])?;
        Ok(())
    }

    /// What lies inside goes first, so that the log tells it; out of a large folder it goes in turns afterwards.
    fn remove_folder(&mut self, id: CollectionId) -> Result<(), Failure> {
        let all = folders::subtree(self.connection, self.made.user, id)?;
        if all.is_empty() {
            return Err(Missing::Folder.into());
        }
        for folder in all {
            conversations::forget(self.connection, self.made.user, folder)?;
            let count = self.count(folder)?;
            if count > removal::LARGE {
                removal::begin(self.connection, self.made.user, folder, self.made.modseq, self.made.author)?;
                self.made.modseq = Modseq(self.made.modseq.0 + count);
                self.made.backlog += usize::try_from(count).unwrap_or(usize::MAX);
                self.made.folders.insert(folder, self.made.modseq);
                self.tree_changed();
                continue;
            }
            let sql = "SELECT id FROM item WHERE user = ?1 AND folder = ?2 ORDER BY window, id";
            let values = params![int(self.made.user.0), int(folder.number())];
            let items: Vec<u64> = self
                .connection
                .prepare_cached(sql)?
                .query_map(values, |row| number(row, 0))?
                .collect::<rusqlite::Result<_>>()?;
            for item in items {
                let stored = self.leave(ServerId::new(item))?;
                self.forget(&stored)?;
            }
            folders::remove(self.connection, self.made.user, folder)?;
            self.made.folders.insert(folder, self.made.modseq);
            self.tree_changed();
        }
        Ok(())
    }

    fn count(&self, folder: CollectionId) -> Result<u64, Failure> {
        let sql = "SELECT count(*) FROM item WHERE user = ?1 AND folder = ?2";
        let values = [int(self.made.user.0), int(folder.number())];
        Ok(self.connection.prepare_cached(sql)?.query_row(values, |row| number(row, 0))?)
    }

    fn put_collection(
        &mut self,
        place: (DeviceKey, CollectionId),
        expect: Option<SyncKey>,
        state: Option<CollectionState>,
    ) -> Result<(), Failure> {
        let (device, collection) = place;
        devices::check(self.connection, self.made.user, device)?;
        let keys = [int(self.made.user.0), int(device.0), int(collection.number())];
        let sql = "SELECT generation, step FROM collection WHERE user = ?1 AND device = ?2 AND collection = ?3";
        let present = self
            .connection
            .prepare_cached(sql)?
            .query_row(keys, |row| Ok(SyncKey::Issued { generation: row.get(0)?, step: number(row, 1)? }));
        if present.optional()? != expect {
            return Err(StoreError::Stale.into());
        }
        let Some(state) = state else {
            let sql = "DELETE FROM collection WHERE user = ?1 AND device = ?2 AND collection = ?3";
            self.connection.prepare_cached(sql)?.execute(keys)?;
            self.made.held.push(Change::Collection(device, collection, None));
            return Ok(());
        };
        let sql = "INSERT OR REPLACE INTO collection (user, device, collection, generation, step, needs_log, state)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.connection.prepare_cached(sql)?.execute(params![
            keys[0],
            keys[1],
            keys[2],
            state.generation,
            int(state.step),
            state.needs_log_after().map(|modseq| int(modseq.0)),
            encode(&state)
        ])?;
        self.made.held.push(Change::Collection(device, collection, Some(Arc::new(state))));
        Ok(())
    }

    fn put_device_value(
        &mut self,
        device: DeviceKey,
        name: &'static str,
        value: Option<Vec<u8>>,
    ) -> Result<(), Failure> {
        devices::check(self.connection, self.made.user, device)?;
        self.made.held.push(Change::DeviceValue(device, name, value.clone()));
        let (user, device) = (int(self.made.user.0), int(device.0));
        if let Some(value) = value {
            let sql = "INSERT OR REPLACE INTO device_value (user, device, name, value) VALUES (?1, ?2, ?3, ?4)";
            self.connection.prepare_cached(sql)?.execute(params![user, device, name, value])?;
        } else {
            let sql = "DELETE FROM device_value WHERE user = ?1 AND device = ?2 AND name = ?3";
            self.connection.prepare_cached(sql)?.execute(params![user, device, name])?;
        }
        Ok(())
    }

    fn put_value(&mut self, name: &'static str, value: Option<Vec<u8>>) -> rusqlite::Result<()> {
        self.made.held.push(Change::Value(name, value.clone()));
        let user = int(self.made.user.0);
        if let Some(value) = value {
            let sql = "INSERT OR REPLACE INTO mailbox_value (user, name, value) VALUES (?1, ?2, ?3)";
            self.connection.prepare_cached(sql)?.execute(params![user, name, value])?;
        } else {
            let sql = "DELETE FROM mailbox_value WHERE user = ?1 AND name = ?2";
            self.connection.prepare_cached(sql)?.execute(params![user, name])?;
        }
        Ok(())
    }

    fn remember_sent(&self, device: DeviceKey, token: &[u8], at: i64) -> Result<(), Failure> {
        devices::check(self.connection, self.made.user, device)?;
        let sql = "INSERT OR REPLACE INTO sent (user, device, token, at) VALUES (?1, ?2, ?3, ?4)";
        self.connection.prepare_cached(sql)?.execute(params![int(self.made.user.0), int(device.0), token, at])?;
        Ok(())
    }
}
