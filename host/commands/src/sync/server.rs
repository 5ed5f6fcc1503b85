//! What the server has for the device: the entries of Commands.

use std::collections::BTreeMap;

use easel_protocol::{CollectionId, Groups, ServerId};
use easel_store::cursor::{self, Op, OpKind, Plan};
use easel_store::{Cursor, Cursors, Folder, Snapshot, StoreError};
use easel_wbxml::pages::airsync;
use easel_wbxml::{Element, Fragment};

use super::answer::Head;
use super::client::Edits;
use super::known::Known;
use super::options::Sticky;
use super::outflow::Outflow;
use crate::context::{Context, Failure};
use crate::hierarchy::FolderView;

/// What is sent of a collection, and what the device holds then.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) entries: Vec<(ServerId, Fragment)>,
    /// Entries that have left already.
    pub(crate) flown: usize,
    pub(crate) cursors: Cursors,
    pub(crate) more: bool,
}

/// How a page leaves while it is made, and what stands before its entries.
pub(crate) struct Flow<'f, 's> {
    pub(crate) out: &'f mut Outflow<'s>,
    pub(crate) head: Head,
}

impl Sent {
    /// Adds entries of items that are not among the entries already.
    pub(crate) fn join(&mut self, others: Vec<(ServerId, Fragment)>) {
        let there: Vec<_> = self.entries.iter().map(|(item, _)| *item).collect();
        self.entries.extend(others.into_iter().filter(|(item, _)| !there.contains(item)));
    }

    /// Entries in all.
    pub(crate) const fn count(&self) -> usize {
        self.entries.len() + self.flown
    }
}

/// One collection while its entries are made.
pub(crate) struct Server<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) snapshot: &'a dyn Snapshot,
    pub(crate) view: &'a FolderView,
    pub(crate) sticky: &'a Sticky,
    pub(crate) edits: &'a Edits,
    pub(crate) known: &'a Known,
    /// When the answer must be on its way, milliseconds since 1970.
    pub(crate) deadline: Option<i64>,
}

impl Server<'_> {
    /// The next entries, at most `room`.
    pub(crate) fn next(&self, from: &Cursors, room: usize, flow: &mut Flow<'_, '_>) -> Result<Sent, Failure> {
        let mut sent = Sent { cursors: from.clone(), ..Sent::default() };
        let mut made = Made::default();
        let folders = self.folders(from);
        for &folder in &folders {
            let start = self.start(from, folder);
            let left = room.saturating_sub(sent.count());
            if left == 0 || (made.out_of_time && sent.count() > 0) {
                let rest = self.plan(folder, &start, 1)?;
                sent.more |= rest.more || !rest.ops.is_empty();
                continue;
            }
            let alone = Some(&mut *flow).filter(|_| folders.len() == 1);
            let (plan, entries) = self.folder(folder, &start, left, &mut made, alone)?;
            sent.more |= plan.more;
            sent.entries.extend(entries);
            sent.flown += made.flown;
            sent.cursors.insert(folder, plan.cursor);
        }
        Ok(sent)
    }

    /// The entries of an answer that was lost, once more, however long it takes: the key says how far they go.
    pub(crate) fn again(&self, before: &Cursors, after: &Cursors, flow: &mut Flow<'_, '_>) -> Result<Sent, Failure> {
        let mut sent = Sent { cursors: after.clone(), ..Sent::default() };
        let mut made = Made::default();
        let folders = self.folders(before);
        for &folder in &folders {
            let (from, to) = (self.start(before, folder), self.start(after, folder));
            let mut plan = cursor::replay(self.snapshot, folder, &from, &to, self.context.device.key)?;
            let rest = self.plan(folder, &plan.cursor, 1)?;
            flow.head.more = rest.more || !rest.ops.is_empty();
            sent.more |= flow.head.more;
            let alone = Some(&mut *flow).filter(|_| folders.len() == 1);
            sent.entries.extend(self.entries(folder, &mut plan, &mut made, None, alone)?);
            sent.flown += made.flown;
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
    pub(crate) fn winners(&self, items: &[ServerId], most: usize) -> Result<Vec<(ServerId, Fragment)>, Failure> {
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
            if let Entry::Is(entry) = self.entry(Some(&folder), op)? {
                entries.push((*id, entry));
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
        mut flow: Option<&mut Flow<'_, '_>>,
    ) -> Result<(Plan, Vec<(ServerId, Fragment)>), Failure> {
        let mut from = from.clone();
        let mut room = room;
        loop {
            let mut plan = self.plan(folder, &from, room)?;
            let planned = plan.ops.len();
            if let Some(flow) = &mut flow {
                flow.head.more = plan.more;
            }
            let entries = self.entries(folder, &mut plan, made, self.deadline, flow.as_deref_mut())?;
            // Time ran out on the way: only as much as is made already, in an answer that says there is more.
            if made.out_of_time && made.done > 0 && made.done < planned {
                room = made.done;
                made.done = planned;
                continue;
            }
            // Not a single one could be sent: more must not be promised without an entry (K: G17).
            if entries.is_empty() && made.flown == 0 && plan.more && planned > 0 {
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

    /// Makes the entries of a plan; those that `flow` takes leave at once and are only counted.
    fn entries(
        &self,
        folder: CollectionId,
        plan: &mut Plan,
        made: &mut Made,
        deadline: Option<i64>,
        mut flow: Option<&mut Flow<'_, '_>>,
    ) -> Result<Vec<(ServerId, Fragment)>, Failure> {
        let folder = self.snapshot.folder(folder)?;
        let mut entries = Vec::new();
        let mut bytes = 0;
        (made.done, made.flown) = (0, 0);
        for op in plan.ops.clone() {
            // What the device removed in this very request is not mentioned again.
            if self.edits.removes(op.item) {
                continue;
            }
            // A plan made anew for want of time finds its entries here, unless one is another now.
            let entry = match made.kept.remove(&op.item) {
                Some((kind, entry)) if kind == op.kind => entry,
                Some(_) | None => {
                    // A device that is reading already does not lose patience.
                    let late = || deadline.is_some_and(|deadline| self.context.service.now_ms() >= deadline);
                    if made.done > 0 && made.flown == 0 && late() {
                        made.out_of_time = true;
                        break;
                    }
                    self.entry(folder.as_ref(), op)?
                }
            };
            let gone = match &entry {
                Entry::Withheld => {
                    plan.withhold(op.item);
                    matches!(op.kind, OpKind::Change(_)).then(|| self.gone(airsync::SOFT_DELETE, op.item))
                }
                Entry::Is(_) | Entry::Nothing => None,
            };
            made.done += 1;
            bytes += entry.len();
            entries.push((op, entry, gone));
            if let Some(flow) = &mut flow
                && flow.out.is_due(bytes)
            {
                let leaving = entries.drain(..).filter_map(|(_, entry, gone)| entry.into_fragment(gone));
                leaving.for_each(|entry| {
                    flow.out.entry(self.context.version, &flow.head, &entry);
                    made.flown += 1;
                });
                if flow.out.is_closed() {
                    break;
                }
            }
        }
        if made.out_of_time && made.done < plan.ops.len() {
            made.kept.extend(entries.into_iter().map(|(op, entry, _)| (op.item, (op.kind, entry))));
            return Ok(Vec::new());
        }
        let left = entries.into_iter();
        Ok(left.filter_map(|(op, entry, gone)| Some((op.item, entry.into_fragment(gone)?))).collect())
    }

    fn entry(&self, folder: Option<&Folder>, op: Op) -> Result<Entry, Failure> {
        let (tag, groups) = match op.kind {
            OpKind::Add if self.known.has(op.item) => (airsync::CHANGE, None),
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
            Some(properties) => Entry::Is(Fragment::of(&Element::of(
                tag,
                [
                    Element::text(airsync::SERVER_ID, self.context.ids.item(op.item)),
                    Element::of(airsync::APPLICATION_DATA, properties),
                ],
            ))),
        })
    }

    fn gone(&self, tag: easel_wbxml::Tag, item: ServerId) -> Fragment {
        Fragment::of(&Element::of(tag, [Element::text(airsync::SERVER_ID, self.context.ids.item(item))]))
    }
}

/// What became of an entry.
#[derive(Debug)]
enum Entry {
    Is(Fragment),
    /// The device's version has no words for the change.
    Nothing,
    /// The item cannot be, or is not to be, on the device.
    Withheld,
}

impl Entry {
    const fn len(&self) -> usize {
        match self {
            Self::Is(entry) => entry.len(),
            Self::Nothing | Self::Withheld => 0,
        }
    }

    /// What is sent; of a withheld item, that it is `gone`.
    fn into_fragment(self, gone: Option<Fragment>) -> Option<Fragment> {
        match self {
            Self::Is(entry) => Some(entry),
            Self::Nothing => None,
            Self::Withheld => gone,
        }
    }
}

/// What is made of an answer so far.
#[derive(Debug, Default)]
struct Made {
    kept: BTreeMap<ServerId, (OpKind, Entry)>,
    done: usize,
    /// Entries of the plan at hand that have left.
    flown: usize,
    out_of_time: bool,
}
