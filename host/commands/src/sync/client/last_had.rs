//! An item as the device last had it, which others may have changed since.

use easel_protocol::Groups;
use easel_store::{DeviceKey, Item, LogKind, Modseq, Snapshot, StoreError};

/// Whether somebody else than the device changed the content after `seen`.
pub(super) fn changed_by_others(
    snapshot: &dyn Snapshot,
    item: &Item,
    seen: Modseq,
    device: DeviceKey,
) -> Result<bool, StoreError> {
    let mut after = seen;
    loop {
        let rows = snapshot.log(item.folder, after, 256)?;
        let by_others = |row: &easel_store::LogRow| {
            row.item == item.id
                && row.author != Some(device)
                && row.kind == LogKind::Changed
                && row.groups.has(Groups::CONTENT)
        };
        if rows.iter().any(by_others) {
            return Ok(true);
        }
        match rows.last() {
            Some(last) if rows.len() == 256 => after = last.modseq,
            Some(_) | None => return Ok(false),
        }
    }
}

/// The text of an item as the device last had it.
pub(super) fn content_seen(
    snapshot: &dyn Snapshot,
    item: &Item,
    seen: Modseq,
    device: DeviceKey,
) -> Result<Option<String>, StoreError> {
    snapshot.content_at(item.id, last_own(snapshot, item, seen, device)?)
}

/// When an item was as the device last had it: at `seen`, or when it wrote it itself since, before anybody else did.
pub(super) fn last_own(
    snapshot: &dyn Snapshot,
    item: &Item,
    seen: Modseq,
    device: DeviceKey,
) -> Result<Modseq, StoreError> {
    let (mut after, mut own) = (seen, seen);
    'log: loop {
        let rows = snapshot.log(item.folder, after, 256)?;
        for row in rows.iter().filter(|row| row.item == item.id) {
            if row.author == Some(device) {
                own = row.modseq;
            } else if row.kind == LogKind::Changed && row.groups.has(Groups::CONTENT) {
                break 'log;
            }
        }
        match rows.last() {
            Some(last) if rows.len() == 256 => after = last.modseq,
            Some(_) | None => break,
        }
    }
    Ok(own)
}
