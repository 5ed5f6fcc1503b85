//! Answers that never arrive, and what is done about them.

use easel_plugin::Hook;
use easel_plugin::hooks::{Recovery, Symptom};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::hierarchy::FolderView;
use crate::recovery;

/// Answers that are asked for again and again (K: G18).
///
/// ```text
///   fine --asked again N times--> one item an answer --asked again N times--> on without the item
///    '<-- as many answers arrived as the one had entries --'
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    /// How often in a row the last answer was asked for again,
    pub(crate) times: u32,
    /// and since when, milliseconds since 1970.
    pub(crate) since_ms: i64,
    /// How many answers are still to have one entry only.
    pub(crate) single: u32,
}

impl Trouble {
    /// The last answer arrived.
    pub(crate) const fn arrived(self) -> Self {
        Self { times: 0, since_ms: 0, single: self.single.saturating_sub(1) }
    }

    /// The last answer is asked for once more: it holds `entries` entries of a folder. What the pack advises goes before
    /// the host's own way; `Err` is advice that concerns more than this answer.
    pub(crate) fn again(&mut self, context: &Context<'_>, entries: usize, view: &FolderView) -> Result<Way, Recovery> {
        if self.times == 0 {
            self.since_ms = context.now_ms();
        }
        self.times = self.times.saturating_add(1);
        if entries == 0 {
            return Ok(Way::Again);
        }
        let one = self.single > 0;
        let advised = if context.asked.plugin().answers(Hook::Recover) {
            let symptom = if one { Symptom::RepeatedItem } else { Symptom::RepeatedKey };
            recovery::advice(context, symptom, Some(view), (self.times, self.since_ms))
        } else {
            Recovery::Usual
        };
        let limit = u32::try_from(context.profile().number("recovery.loop_limit")).expect("the table bounds it");
        let is_enough = limit > 0 && self.times >= limit;
        let way = match advised {
            Recovery::Retry => Way::Again,
            Recovery::Usual if !is_enough => Way::Again,
            Recovery::Usual if one => Way::Skip,
            Recovery::SkipItem if one || entries == 1 => Way::Skip,
            Recovery::ShrinkWindow | Recovery::SkipItem | Recovery::Usual => Way::Single,
            Recovery::Block
            | Recovery::ResyncAll
            | Recovery::ResyncFolder
            | Recovery::ResyncHierarchy
            | Recovery::Throttle => return Err(advised),
        };
        match way {
            Way::Again => {}
            Way::Single => {
                let entries = u32::try_from(entries).unwrap_or(u32::MAX);
                let single = if advised == Recovery::ShrinkWindow { 1 } else { entries };
                *self = Self { single, ..Self::default() };
                let (user, device, folder) = (context.user.id.0, context.device.key.0, view.id.number());
                tracing::warn!(user, device, folder, "an answer does not arrive: one item at a time from now on");
            }
            Way::Skip => *self = Self { single: self.single, ..Self::default() },
        }
        Ok(way)
    }
}

/// What is done about an answer that is asked for once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The same again.
    Again,
    /// Only its first entry.
    Single,
    /// On without what it held.
    Skip,
}
