//! What the commands of one request change, before it is written.

use std::collections::BTreeMap;

use easel_protocol::{Facts, Groups, MailRecord, ServerId};
use easel_store::{Content, Item, Modseq, Write};

/// What the commands of one request change, over all its collections.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    pub(super) writes: Vec<Write>,
    /// Items changed in this request, as they will be.
    pub(super) items: BTreeMap<ServerId, Edited>,
    /// Bytes that may still be added, if they are bounded.
    pub(super) room: Option<u64>,
}

/// An item as this request leaves it.
#[derive(Debug)]
pub(super) enum Edited {
    Content(String, Facts),
    Gone,
    Record(MailRecord, Groups),
}

impl Edits {
    /// None yet, in a mailbox with room for so many bytes.
    pub(crate) fn within(room: Option<u64>) -> Self {
        Self { room, ..Self::default() }
    }

    /// Takes the room that a text needs in the place of another; whether there is so much.
    pub(super) fn take_room(&mut self, before: usize, after: usize) -> bool {
        let more = after.saturating_sub(before) as u64;
        match &mut self.room {
            Some(room) if more > *room => false,
            Some(room) => {
                *room -= more;
                true
            }
            None => true,
        }
    }

    /// Whether the device itself removed the item in this request.
    pub(crate) fn removes(&self, item: ServerId) -> bool {
        matches!(self.items.get(&item), Some(Edited::Gone))
    }

    /// The item as this request leaves it.
    pub(crate) fn over(&self, mut item: Item) -> Item {
        match (self.items.get(&item.id), &mut item.content) {
            (Some(Edited::Content(text, facts)), content) => {
                *content = Content::Object(text.clone());
                item.facts = facts.clone();
            }
            (Some(Edited::Record(record, _)), Content::Mail(mail)) => mail.record = record.clone(),
            (Some(Edited::Gone | Edited::Record(..)) | None, _) => {}
        }
        item
    }

    /// The writes, resting on the mailbox as at `seen`.
    pub(crate) fn into_writes(mut self, seen: Modseq) -> Vec<Write> {
        for (id, edited) in self.items {
            match edited {
                Edited::Content(content, facts) => {
                    self.writes.push(Write::ChangeContent { id, content, facts, seen });
                }
                Edited::Record(record, groups) => self.writes.push(Write::ChangeRecord { id, record, groups, seen }),
                Edited::Gone => {}
            }
        }
        self.writes
    }
}
