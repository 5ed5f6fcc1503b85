//! The rule that decides what a device is sent.
//!
//! A [`Cursor`] says exactly what a device holds of a folder. [`plan`] does two things until there is no more room:
//! it takes the rows of the log after `w`, oldest first, each as the change it was then; and it moves `low` to the
//! filter's cutoff, newest items first when more is to be held, oldest first when less. First sync, an altered
//! FilterType, the window moving with the clock and arrivals between pages are this one rule. Within one answer the
//! entries of one item are netted. `w` and `low` advance exactly as far as was sent.
//!
//! [`replay`] reads the same range again, with the content of today, for a device whose answer was lost. Ping,
//! GetItemEstimate and Sync all ask [`plan`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use easel_protocol::{CollectionId, Groups, ServerId, WindowKey};

use crate::{Cursor, DeviceKey, LogKind, LogRow, Modseq, Order, Position, Snapshot, StoreError};

/// Withheld items remembered for one folder and device; beyond it the oldest are forgotten and [`Plan::overflow`]
/// is set. A forgotten one counts as held: at worst the device is told to remove what it does not have.
pub const WITHHELD_MAX: usize = 4096;

/// Log rows read at once.
const ROWS: usize = 256;

/// Positions read at once.
const PAGE: usize = 512;

/// What one answer sends of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The entries, one an item, in the order to send them.
    pub ops: Vec<Op>,
    /// What the device holds once it has them.
    pub cursor: Cursor,
    /// Whether there is more to send.
    pub more: bool,
    /// Whether withheld items had to be forgotten.
    pub overflow: bool,
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// Which item.
    pub item: ServerId,
    /// What is said of it.
    pub kind: OpKind,
}

/// What is said of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// The device gets it.
    Add,
    /// It changed, in these groups.
    Change(Groups),
    /// It left the folder.
    Delete,
    /// It left the filter's window, or is withheld now.
    SoftDelete,
}

impl Plan {
    /// The item could not be sent after all: it is not on the device.
    pub fn withhold(&mut self, item: ServerId) {
        self.cursor.withheld.insert(item);
        self.overflow |= bound(&mut self.cursor.withheld);
    }
}

/// What the device is to be sent next.
///
/// `device` is who asks: its own changes are not sent back. `cutoff` is the least window key to be held. `room` is the
/// most entries; a plan may hold fewer and still say there is more, but not without an entry.
pub fn plan(
    snapshot: &dyn Snapshot,
    folder: CollectionId,
    cursor: &Cursor,
    device: DeviceKey,
    cutoff: WindowKey,
    room: usize,
) -> Result<Plan, StoreError> {
    plan_down_to(snapshot, folder, cursor, device, (cutoff, ServerId::new(0)), room)
}

/// What takes a folder off the device that is no part of the collection any more: what it holds of it goes.
pub fn leave(
    snapshot: &dyn Snapshot,
    folder: CollectionId,
    cursor: &Cursor,
    device: DeviceKey,
    room: usize,
) -> Result<Plan, StoreError> {
    plan_down_to(snapshot, folder, cursor, device, crate::POSITION_START, room)
}

fn plan_down_to(
    snapshot: &dyn Snapshot,
    folder: CollectionId,
    cursor: &Cursor,
    device: DeviceKey,
    low: Position,
    room: usize,
) -> Result<Plan, StoreError> {
    let mut from = cursor.clone();
    let mut overflow = false;
    loop {
        let target = Target { w: snapshot.modseq(), low, room: Some(room) };
        let mut plan = Walk::new(snapshot, folder, &from, device).run(target)?;
        overflow |= plan.overflow;
        // An answer with nothing in it must not promise more: go on until there is an entry (K: G17).
        if plan.ops.is_empty() && plan.more && room > 0 {
            from = plan.cursor;
            continue;
        }
        plan.overflow = overflow;
        return Ok(plan);
    }
}

/// The range between two cursors once more, with the content of today.
pub fn replay(
    snapshot: &dyn Snapshot,
    folder: CollectionId,
    before: &Cursor,
    after: &Cursor,
    device: DeviceKey,
) -> Result<Plan, StoreError> {
    let target = Target { w: after.w, low: after.low, room: None };
    let mut walk = Walk::new(snapshot, folder, before, device);
    // What still waited then to be sent again was no part of the answer.
    walk.waits.clone_from(&after.resend);
    walk.run(target)
}

/// How far a walk goes; without `room` it goes all the way.
struct Target {
    w: Modseq,
    low: Position,
    room: Option<usize>,
}

/// Positions in order; `up_to` is the last one looked at, `None` at the end of the range.
struct Page {
    positions: Vec<Position>,
    up_to: Option<Position>,
}

/// One item's entry in the making.
struct Entry {
    held_before: bool,
    held_after: bool,
    /// Whether only the device itself, or nobody, changed it.
    quiet: bool,
    groups: Groups,
}

impl Entry {
    /// Whether it may take a place in the answer.
    const fn counts(&self) -> bool {
        self.held_before || self.held_after
    }
}

struct Walk<'a> {
    snapshot: &'a dyn Snapshot,
    folder: CollectionId,
    device: DeviceKey,
    cursor: Cursor,
    entries: BTreeMap<ServerId, Entry>,
    order: Vec<ServerId>,
    counted: usize,
    /// Of what is to be sent again, what is not sent now.
    waits: BTreeSet<ServerId>,
}

impl<'a> Walk<'a> {
    fn new(snapshot: &'a dyn Snapshot, folder: CollectionId, from: &Cursor, device: DeviceKey) -> Self {
        let cursor = from.clone();
        Self {
            snapshot,
            folder,
            device,
            cursor,
            entries: BTreeMap::new(),
            order: Vec::new(),
            counted: 0,
            waits: BTreeSet::new(),
        }
    }

    fn run(mut self, target: Target) -> Result<Plan, StoreError> {
        let mut more = !self.take_rows(&target)?;
        if !more {
            more = !self.send_again(&target)?;
        }
        if !more {
            more = !self.move_low(&target)?;
        }
        let overflow = bound(&mut self.cursor.withheld);
        let ops = self.ops()?;
        Ok(Plan { ops, cursor: self.cursor, more, overflow })
    }

    /// The rows after `w`; false when the room was used up.
    fn take_rows(&mut self, target: &Target) -> Result<bool, StoreError> {
        loop {
            let rows = self.snapshot.log(self.folder, self.cursor.w, ROWS)?;
            let last = rows.len() < ROWS;
            for row in rows {
                if row.modseq > target.w {
                    self.cursor.w = self.cursor.w.max(target.w);
                    return Ok(true);
                }
                if !self.take_row(&row, target)? {
                    return Ok(false);
                }
                self.cursor.w = row.modseq;
            }
            if last {
                self.cursor.w = self.cursor.w.max(target.w);
                return Ok(true);
            }
        }
    }

    fn take_row(&mut self, row: &LogRow, target: &Target) -> Result<bool, StoreError> {
        let own = row.author == Some(self.device);
        let own_add = own && row.kind == LogKind::Entered;
        let held_before = match self.entries.get(&row.item) {
            Some(entry) => entry.held_after,
            None => {
                row.kind != LogKind::Entered
                    && (row.key_before, row.item) >= self.cursor.low
                    && !self.cursor.withheld.contains(&row.item)
            }
        };
        let in_range = row.kind != LogKind::Left && (row.key_after, row.item) >= self.cursor.low;
        // What came and is gone again has no content to send: it stays as it is.
        let held_before = held_before || own_add;
        let held_after = in_range && (held_before || self.is_there(row.item)?);
        if !self.fits(row.item, held_before || held_after, target) {
            return Ok(false);
        }
        self.note(row.item, held_before, held_after, own, row.groups);
        if in_range && !held_after {
            self.cursor.withheld.insert(row.item);
        } else {
            self.cursor.withheld.remove(&row.item);
        }
        if !in_range {
            self.cursor.resend.remove(&row.item);
        }
        Ok(true)
    }

    /// What is to be sent again though unchanged; false when the room was used up.
    fn send_again(&mut self, target: &Target) -> Result<bool, StoreError> {
        for item in self.cursor.resend.difference(&self.waits).copied().collect::<Vec<_>>() {
            let held = match self.entries.get(&item) {
                Some(entry) => entry.held_after,
                None => !self.cursor.withheld.contains(&item),
            };
            if held && self.is_there(item)? {
                if !self.fits(item, true, target) {
                    return Ok(false);
                }
                self.note(item, true, true, false, Groups::CONTENT);
            }
            self.cursor.resend.remove(&item);
        }
        Ok(true)
    }

    /// `low` to its target, by keys as at `w`; false when the room was used up.
    fn move_low(&mut self, target: &Target) -> Result<bool, StoreError> {
        let touched = self.touched_since_w()?;
        while target.low < self.cursor.low {
            let page = self.page(target.low..self.cursor.low, Order::Descending, &touched)?;
            for position in page.positions {
                if !self.take_in(position, target)? {
                    return Ok(false);
                }
            }
            self.cursor.low = page.up_to.unwrap_or(target.low);
        }
        while target.low > self.cursor.low {
            let page = self.page(self.cursor.low..target.low, Order::Ascending, &touched)?;
            for position in page.positions {
                if !self.put_out(position, target) {
                    return Ok(false);
                }
            }
            self.cursor.low = page.up_to.map_or(target.low, |(key, item)| (key, ServerId::new(item.number() + 1)));
        }
        Ok(true)
    }

    /// The item at `position` comes into the window.
    fn take_in(&mut self, position: Position, target: &Target) -> Result<bool, StoreError> {
        let item = position.1;
        let there = self.is_there(item)?;
        if there && !self.fits(item, true, target) {
            return Ok(false);
        }
        let held_before = self.entries.get(&item).is_some_and(|entry| entry.held_after);
        self.note(item, held_before, there, false, Groups::CONTENT);
        if !there {
            self.cursor.withheld.insert(item);
        }
        self.cursor.low = position;
        Ok(true)
    }

    /// The item at `position` goes out of the window.
    fn put_out(&mut self, position: Position, target: &Target) -> bool {
        let item = position.1;
        let held = match self.entries.get(&item) {
            Some(entry) => entry.held_after,
            None => !self.cursor.withheld.contains(&item),
        };
        if held && !self.fits(item, true, target) {
            self.cursor.low = position;
            return false;
        }
        self.note(item, held, false, false, Groups::NONE);
        self.cursor.withheld.remove(&item);
        self.cursor.resend.remove(&item);
        true
    }

    /// Some of the items that were there at `w`, by their keys then: those of today, corrected by the rows after `w`.
    fn page(
        &self,
        range: Range<Position>,
        order: Order,
        touched: &BTreeMap<ServerId, Option<Position>>,
    ) -> Result<Page, StoreError> {
        let mut positions = self.snapshot.range(self.folder, range.clone(), order, PAGE)?;
        let up_to = positions.last().copied().filter(|_| positions.len() == PAGE);
        let inside = |position: &Position| match (up_to, order) {
            (Some(last), Order::Descending) => *position >= last && *position < range.end,
            (Some(last), Order::Ascending) => *position >= range.start && *position <= last,
            (None, Order::Descending | Order::Ascending) => range.contains(position),
        };
        if !touched.is_empty() {
            positions.retain(|(_, item)| !touched.contains_key(item));
            positions.extend(touched.values().flatten().copied().filter(inside));
            positions.sort_unstable();
            if order == Order::Descending {
                positions.reverse();
            }
        }
        Ok(Page { positions, up_to })
    }

    /// Items with rows after `w`: where they stood at `w`, `None` when they were not there.
    fn touched_since_w(&self) -> Result<BTreeMap<ServerId, Option<Position>>, StoreError> {
        let mut touched = BTreeMap::new();
        let mut after = self.cursor.w;
        while after < self.snapshot.modseq() {
            let rows = self.snapshot.log(self.folder, after, ROWS)?;
            for row in &rows {
                let then = (row.kind != LogKind::Entered).then_some((row.key_before, row.item));
                touched.entry(row.item).or_insert(then);
                after = row.modseq;
            }
            if rows.len() < ROWS {
                break;
            }
        }
        Ok(touched)
    }

    fn is_there(&self, item: ServerId) -> Result<bool, StoreError> {
        Ok(self.snapshot.folder_of(item)? == Some(self.folder))
    }

    /// Whether an entry for the item fits the room; one that is counted already always does.
    fn fits(&self, item: ServerId, counts: bool, target: &Target) -> bool {
        let counted = || self.entries.get(&item).is_some_and(Entry::counts);
        !counts || counted() || target.room.is_none_or(|room| self.counted < room)
    }

    fn note(&mut self, item: ServerId, held_before: bool, held_after: bool, quiet: bool, groups: Groups) {
        let fresh = Entry { held_before, held_after: false, quiet: true, groups: Groups::NONE };
        let entry = match self.entries.entry(item) {
            std::collections::btree_map::Entry::Occupied(entry) => {
                self.counted -= usize::from(entry.get().counts());
                entry.into_mut()
            }
            std::collections::btree_map::Entry::Vacant(place) => {
                self.order.push(item);
                place.insert(fresh)
            }
        };
        entry.held_after = held_after;
        entry.quiet &= quiet;
        if !quiet {
            entry.groups = entry.groups.and(groups);
        }
        self.counted += usize::from(entry.counts());
    }

    fn ops(&self) -> Result<Vec<Op>, StoreError> {
        let mut ops = Vec::with_capacity(self.order.len());
        for item in &self.order {
            let entry = &self.entries[item];
            let there = self.is_there(*item)?;
            let kind = match (entry.held_before, entry.held_after) {
                (false, false) => continue,
                (false, true) => OpKind::Add,
                (true, true) if entry.quiet || !there => continue,
                (true, true) => OpKind::Change(entry.groups),
                // What the device removed itself is never mentioned again.
                (true, false) if !there && self.removed_by_device(*item)? => continue,
                (true, false) if there => OpKind::SoftDelete,
                (true, false) => OpKind::Delete,
            };
            ops.push(Op { item: *item, kind });
        }
        Ok(ops)
    }

    fn removed_by_device(&self, item: ServerId) -> Result<bool, StoreError> {
        Ok(self.snapshot.last_row(item)?.is_some_and(|row| row.author == Some(self.device)))
    }
}

fn bound(withheld: &mut BTreeSet<ServerId>) -> bool {
    let over = withheld.len() > WITHHELD_MAX;
    while withheld.len() > WITHHELD_MAX {
        withheld.pop_first();
    }
    over
}
