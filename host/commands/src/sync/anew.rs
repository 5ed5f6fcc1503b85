//! Items that a device is to see otherwise than it was shown them: what it holds is sent again, as it is shown now.
//!
//! A collection remembers the manner of its last answer. When the settings of the device change, or the rules of its
//! pack for what is sent, or a new version of the pack asks for it, every item that the device holds goes on the list of
//! what is to be sent again though unchanged. Until its turn comes, what the device says of it is read in the manner it
//! was shown in; the rules for what it sends are those of today.

use std::collections::BTreeSet;

use easel_protocol::{Class, CollectionId, ServerId};
use easel_store::{Cursors, LogKind, Modseq, Order, POSITION_START, Snapshot, StoreError};
use serde::{Deserialize, Serialize};

use super::options::Sticky;
use crate::context::{Context, pack, unpack};
use crate::manner::DeviceManner;

/// Items of one collection that are sent again; with more, the device starts over.
const RESEND_MAX: usize = 4096;

/// Everything that decides what the items of a class look like on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    manner: DeviceManner,
    /// The mark of the rules for what is sent.
    rules: u64,
    /// How often new versions of packs asked for everything to be sent again.
    resends: u32,
}

impl Look {
    fn of(context: &Context<'_>, class: Class) -> Self {
        Self {
            manner: context.manner.shown(class),
            rules: context.chosen.rules(class),
            resends: context.served.resends,
        }
    }
}

/// The manner in which a collection begins.
pub(crate) fn begin(sticky: &mut Sticky, context: &Context<'_>, class: Class) {
    sticky.manner = pack(&Look::of(context, class));
}

/// Puts what the device holds on the list, if it is shown in another manner than before; `false` when that is too much
/// and the device has to start over.
pub(crate) fn mark(
    snapshot: &dyn Snapshot,
    sticky: &mut Sticky,
    held: &mut Cursors,
    context: &Context<'_>,
    class: Class,
) -> Result<bool, StoreError> {
    let now = pack(&Look::of(context, class));
    if sticky.manner == now {
        return Ok(true);
    }
    // Of what another version of this program wrote nothing is known; it did not show things otherwise on purpose.
    if unpack::<Look>(&sticky.manner).is_none() {
        sticky.manner = now;
        return Ok(true);
    }
    // An item that still waits from the change before was shown in the manner before that one.
    if held.values().all(|cursor| cursor.resend.is_empty()) {
        sticky.manner_before.clone_from(&sticky.manner);
    }
    let mut count = 0;
    for (folder, cursor) in held.iter_mut() {
        let positions = snapshot.range(*folder, cursor.low..POSITION_START, Order::Descending, RESEND_MAX + 1)?;
        let arrived = arrived_after(snapshot, *folder, cursor.w)?;
        let shown = positions
            .into_iter()
            .map(|(_, item)| item)
            .filter(|item| !cursor.withheld.contains(item) && !arrived.contains(item));
        cursor.resend.extend(shown);
        count += cursor.resend.len();
        if count > RESEND_MAX {
            return Ok(false);
        }
    }
    sticky.manner = now;
    Ok(true)
}

/// What came into a folder since, and is not on the device yet.
fn arrived_after(
    snapshot: &dyn Snapshot,
    folder: CollectionId,
    mut after: Modseq,
) -> Result<BTreeSet<ServerId>, StoreError> {
    let mut arrived = BTreeSet::new();
    loop {
        let rows = snapshot.log(folder, after, 256)?;
        arrived.extend(rows.iter().filter(|row| row.kind == LogKind::Entered).map(|row| row.item));
        match rows.last() {
            Some(last) if rows.len() == 256 => after = last.modseq,
            Some(_) | None => return Ok(arrived),
        }
    }
}

/// The manner in which the device was last shown an item.
pub(crate) fn last_shown(
    sticky: &Sticky,
    held: &Cursors,
    item: ServerId,
    manner: &DeviceManner,
    class: Class,
) -> DeviceManner {
    let waits = held.values().any(|cursor| cursor.resend.contains(&item));
    let before = if waits { unpack::<Look>(&sticky.manner_before) } else { None };
    before.map_or(*manner, |before| manner.with_shown(&before.manner, class))
}
