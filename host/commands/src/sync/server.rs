//! What the server has for the device: the entries of Commands.

use std::collections::BTreeMap;

use easel_protocol::{CollectionId, Groups, ServerId};
use easel_store::cursor::{self, Op, OpKind, Plan};
use easel_store::{Cursor, Cursors, Folder, Snapshot, StoreError};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync;

use super::client::Edits;
use super::options::Sticky;
use crate::context::{Context, Failure};
use crate::hierarchy::FolderView;

/// What is sent of a collection, and what the device holds then.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) entries: Vec<Element>,
    pub(crate) cursors: Cursors,
    pub(crate) more: bool,
}

impl Sent {
    /// Adds entries of items that are not among the entries already.
    pub(crate) fn join(&mut self, others: Vec<Element>) {
        let id = |entry: &Element| entry.text_of(airsync::SERVER_ID).map(std::borrow::Cow::into_owned);
        let there: Vec<_> = self.entries.iter().map(id).collect();
        self.entries.extend(others.into_iter().filter(|entry| !there.contains(&id(entry))));
    }
}

/// One collection while its entries are made.
pub(crate) struct Server<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) snapshot: &'a dyn Snapshot,
    pub(crate) view: &'a FolderView,
    pub(crate) sticky: &'a Sticky,
    pub(crate) edits: &'a Edits,
    /// When the answer must be on its way, milliseconds since 1970.
    pub(crate) deadline: Option<i64>,
}

impl Server<'_> {
    /// The next entries, at most `room`.
    pub(crate) fn next(&self, from: &Cursors, room: usize) -> Result<Sent, Failure> {
        let mut sent = Sent { cursors: from.clone(), ..Sent::default() };
        let mut made = Made::default();
        for folder in self.folders(from) {
            let start = self.start(from, folder);
            let left = room.saturating_sub(sent.entries.len());
            if left == 0 || (made.out_of_time && !sent.entries.is_empty()) {
                let rest = self.plan(folder, &start, 1)?;
                sent.more |= rest.more || !rest.ops.is_empty();
                continue;
            }
            let (plan, entries) = self.folder(folder, &start, left, &mut made)?;
            sent.more |= plan.more;
            sent.entries.extend(entries);
            sent.cursors.insert(folder, plan.cursor);
        }
        Ok(sent)
    }

    /// The entries of an answer that was lost, once more, however long it takes: the key says how far they go.
    pub(crate) fn again(&self, before: &Cursors, after: &Cursors) -> Result<Sent, Failure> {
        let mut sent = Sent { cursors: after.clone(), ..Sent::default() };
        let mut made = Made::default();
        for folder in self.folders(before) {
            let (from, to) = (self.start(before, folder), self.start(after, folder));
            let mut plan = cursor::replay(self.snapshot, folder, &from, &to, self.context.device.key)?;
            let entries = self.entries(folder, &mut plan, &mut made, None)?;
            sent.entries.extend(entries);
            let rest = self.plan(folder, &plan.cursor, 1)?;
            sent.more |= rest.more || !rest.ops.is_empty();
            sent.cursors.insert(folder, plan.cursor);
        }
        Ok(sent)
    }

    /// How many entries [`Server::again`] makes at most.
    pub(crate) fn repeats(&self, before: &Cursors, after: &Cursors) -> Result<usize, StoreError> {
        let mut count = 0;
        for folder in self.folders(before) {
            let (from, to) = (self.start(before, folder), self.start(after, folder));
            count += cursor::replay(self.snapshot, folder, &from, &to, self.context.device.key)?.ops.len();
        }
        Ok(count)
    }

    /// What the device holds when the items of a lost answer are left out: those that would be new to it count as
    /// withheld until they change, of the others it keeps what it has.
    pub(crate) fn without(&self, before: &Cursors, after: &Cursors) -> Result<Cursors, StoreError> {
        let mut held = after.clone();
        for folder in self.folders(before) {
            let (from, to) = (self.start(before, folder), self.start(after, folder));
            let mut plan = cursor::replay(self.snapshot, folder, &from, &to, self.context.device.key)?;
            for op in plan.ops.clone() {
                let (user, device) = (self.context.user.id.0, self.context.device.key.0);
                let (folder, item) = (folder.number(), op.item.number());
                tracing::warn!(user, device, folder, item, "an item that never arrives is left out");
                if op.kind == OpKind::Add {
                    plan.withhold(op.item);
                }
            }
            held.insert(folder, plan.cursor);
        }
        Ok(held)
    }

    /// How many entries wait, at most `most`; what Ping and GetItemEstimate ask.
    pub(crate) fn waiting(&self, from: &Cursors, most: usize) -> Result<usize, StoreError> {
        let mut count = 0;
        for folder in self.folders(from) {
            let left = most - count;
            if left == 0 {
                break;
            }
            count += self.plan(folder, &self.start(from, folder), left)?.ops.len().min(left);
        }
        Ok(count)
    }

    /// The entries for items whose server state won over the device's change (K: A36), at most `most`.
    pub(crate) fn winners(&self, items: &[ServerId], most: usize) -> Result<Vec<Element>, Failure> {
        let mut entries = Vec::new();
        for (at, id) in items.iter().enumerate() {
            if entries.len() == most {
                break;
            }
            let found = self.snapshot.item(*id)?.filter(|_| !items[..at].contains(id));
            let Some(folder) = found.map(|item| self.snapshot.folder(item.folder)).transpose()?.flatten() else {
                continue;
            };
            let op = Op { item: *id, kind: OpKind::Change(Groups::CONTENT) };
            if let Entry::Is(element) = self.entry(Some(&folder), op)? {
                entries.push(element);
            }
        }
        Ok(entries)
    }

    /// The folders of the collection, and those that were part of it and of which the device may still hold something.
    fn folders(&self, cursors: &Cursors) -> Vec<CollectionId> {
        let gone = cursors.keys().filter(|folder| !self.view.folders.contains(folder));
        self.view.folders.iter().chain(gone).copied().collect()
    }

    /// A folder that joined the collection later starts from nothing.
    fn start(&self, cursors: &Cursors, folder: CollectionId) -> Cursor {
        cursors.get(&folder).cloned().unwrap_or_else(|| Cursor::starting(self.snapshot.modseq()))
    }

    fn plan(&self, folder: CollectionId, from: &Cursor, room: usize) -> Result<Plan, StoreError> {
        if !self.view.folders.contains(&folder) {
            return cursor::leave(self.snapshot, folder, from, self.context.device.key, room);
        }
        let class = self.view.class().expect("a collection has a class");
        let cutoff = self.sticky.cutoff(class, self.context.now);
        cursor::plan(self.snapshot, folder, from, self.context.device.key, cutoff, room)
    }

    fn folder(
        &self,
        folder: CollectionId,
        from: &Cursor,
        room: usize,
        made: &mut Made,
    ) -> Result<(Plan, Vec<Element>), Failure> {
        let mut from = from.clone();
        let mut room = room;
        loop {
            let mut plan = self.plan(folder, &from, room)?;
            let planned = plan.ops.len();
            let entries = self.entries(folder, &mut plan, made, self.deadline)?;
            // Time ran out on the way: only as much as is made already, in an answer that says there is more.
            if made.out_of_time && made.done > 0 && made.done < planned {
                room = made.done;
                made.done = planned;
                continue;
            }
            // Not a single one could be sent: more must not be promised without an entry (K: G17).
            if entries.is_empty() && plan.more && planned > 0 {
                from = plan.cursor;
                continue;
            }
            if plan.overflow {
                let (user, folder) = (self.context.user.id.0, folder.number());
                tracing::warn!(user, folder, "too many items are withheld from a device to remember them all");
            }
            return Ok((plan, entries));
        }
    }

    fn entries(
        &self,
        folder: CollectionId,
        plan: &mut Plan,
        made: &mut Made,
        deadline: Option<i64>,
    ) -> Result<Vec<Element>, Failure> {
        let folder = self.snapshot.folder(folder)?;
        let mut entries = Vec::new();
        made.done = 0;
        for op in plan.ops.clone() {
            // What the device removed in this very request is not mentioned again.
            if self.edits.removes(op.item) {
                continue;
            }
            // A plan made anew for want of time finds its entries here, unless one is another now.
            if made.kept.get(&op.item).is_none_or(|(kind, _)| *kind != op.kind) {
                if made.done > 0 && deadline.is_some_and(|deadline| self.context.service.now_ms() >= deadline) {
                    made.out_of_time = true;
                    break;
                }
                made.kept.insert(op.item, (op.kind, self.entry(folder.as_ref(), op)?));
            }
            match &made.kept[&op.item].1 {
                Entry::Is(element) => entries.push(element.clone()),
                Entry::Nothing => {}
                Entry::Withheld => {
                    plan.withhold(op.item);
                    if matches!(op.kind, OpKind::Change(_)) {
                        entries.push(self.gone(airsync::SOFT_DELETE, op.item));
                    }
                }
            }
            made.done += 1;
        }
        Ok(entries)
    }

    fn entry(&self, folder: Option<&Folder>, op: Op) -> Result<Entry, Failure> {
        let (tag, groups) = match op.kind {
            OpKind::Add => (airsync::ADD, None),
            OpKind::Change(groups) => (airsync::CHANGE, Some(groups)),
            OpKind::Delete => return Ok(Entry::Is(self.gone(airsync::DELETE, op.item))),
            OpKind::SoftDelete => return Ok(Entry::Is(self.gone(airsync::SOFT_DELETE, op.item))),
        };
        let (Some(folder), Some(item)) = (folder, self.snapshot.item(op.item)?) else { return Ok(Entry::Withheld) };
        let item = self.edits.over(item);
        let body = &self.sticky.body;
        let properties = match groups {
            None => self.context.properties(self.snapshot, folder, &item, body)?,
            Some(groups) => self.context.changed_properties(self.snapshot, folder, &item, body, groups)?,
        };
        Ok(match properties {
            None => Entry::Withheld,
            Some(properties) if properties.is_empty() && groups.is_some() => Entry::Nothing,
            Some(properties) => Entry::Is(Element::of(
                tag,
                [
                    Element::text(airsync::SERVER_ID, self.context.ids.item(op.item)),
                    Element::of(airsync::APPLICATION_DATA, properties),
                ],
            )),
        })
    }

    fn gone(&self, tag: easel_wbxml::Tag, item: ServerId) -> Element {
        Element::of(tag, [Element::text(airsync::SERVER_ID, self.context.ids.item(item))])
    }
}

/// What became of an entry.
#[derive(Debug)]
enum Entry {
    Is(Element),
    /// The device's version has no words for the change.
    Nothing,
    /// The item cannot be, or is not to be, on the device.
    Withheld,
}

/// What is made of an answer so far.
#[derive(Debug, Default)]
struct Made {
    kept: BTreeMap<ServerId, (OpKind, Entry)>,
    done: usize,
    out_of_time: bool,
}
