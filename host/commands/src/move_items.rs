//! MoveItems: items go to other folders.
//!
//! MS-ASCMD 2.2.1.12 "MoveItems"; tags on code page 5, Move. The device sees the move as a Delete there and an Add
//! here in its next Syncs. A move whose answer was lost is answered again the same.

use easel_protocol::{CollectionId, CommonStatus, ServerId};
use easel_store::{ChangeSet, Missing, Snapshot, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::moves;
use serde::{Deserialize, Serialize};

use crate::context::{Context, Failure, RequestError, pack, required, unpack};
use crate::hierarchy::{self, FolderView};
use crate::{Answer, Reply};

const NAME: &str = "moves";
/// Moves in one request.
const MOVES_MAX: usize = 1000;
/// Moves remembered for a lost answer.
const REMEMBERED_MAX: usize = 1000;
/// How often the moves are looked at again when somebody else took an item or a folder away.
const ATTEMPTS: usize = 3;

/// One move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    item: String,
    from: String,
    to: String,
}

/// What the device sends.
pub(crate) fn from_wbxml(root: &Element) -> Result<Vec<Move>, RequestError> {
    let read = |element: &Element| {
        let text = |tag| required(element, tag).map(|text| text.trim().to_owned());
        Ok(Move { item: text(moves::SRC_MSG_ID)?, from: text(moves::SRC_FLD_ID)?, to: text(moves::DST_FLD_ID)? })
    };
    let all: Vec<Move> = root.all(moves::MOVE).map(read).collect::<Result<_, RequestError>>()?;
    match all.len() {
        0 => Err(RequestError::Missing(moves::MOVE)),
        1..=MOVES_MAX => Ok(all),
        _ => Err(RequestError::TooMany(moves::MOVE)),
    }
}

/// MS-ASCMD 2.2.3.177.10 "Status (MoveItems)".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// There is no such item or source folder.
    InvalidSource = 1,
    /// There is no such destination, or it holds another class.
    InvalidDestination = 2,
    /// Done.
    Success = 3,
    /// Source and destination are the same.
    SameFolder = 4,
    /// Our side failed for this item; the device may try again.
    Failed = 5,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    item: ServerId,
    to: CollectionId,
    new: ServerId,
}

/// What becomes of a move.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It is moved in this request, or was in one whose answer was lost.
    Moved(Moved),
    Refused(Status),
}

/// Moves what can be moved, and remembers it, in one commit; each move succeeds or fails by itself.
pub(crate) fn handle(context: &Context<'_>, all: &[Move]) -> Result<Reply, Failure> {
    let mut outcomes = Vec::new();
    for attempt in 1..=ATTEMPTS {
        let snapshot = context.store().snapshot(context.user.id)?;
        let remembered: Vec<Moved> =
            snapshot.device_value(context.device.key, NAME)?.and_then(|bytes| unpack(&bytes)).unwrap_or_default();
        let done;
        (outcomes, done) = planned(context, &*snapshot, all, &remembered)?;
        drop(snapshot);
        if done.is_empty() {
            break;
        }
        let mut set = ChangeSet::new(context.user.id);
        let moves = done.iter().map(|moved| Write::MoveItem { id: moved.item, to: moved.to, new_id: moved.new });
        set.writes.extend(moves);
        let value = Some(pack(&memory(remembered, &done)));
        set.writes.push(Write::PutDeviceValue { device: context.device.key, name: NAME, value });
        match context.store().commit(set) {
            Ok(_) => break,
            // Somebody else was quicker: what is there now says what is left to be done.
            Err(StoreError::NotFound(Missing::Item | Missing::Folder)) if attempt < ATTEMPTS => {}
            Err(error) => {
                if !error.is_told() {
                    tracing::error!(user = context.user.id.0, moves = done.len(), %error, "moves failed");
                }
                for outcome in &mut outcomes {
                    if matches!(outcome, Outcome::Moved(moved) if done.contains(moved)) {
                        *outcome = Outcome::Refused(Status::Failed);
                    }
                }
                break;
            }
        }
    }
    let responses = all.iter().zip(outcomes).map(|(one, outcome)| {
        let (status, new) = match outcome {
            Outcome::Moved(moved) => (Status::Success, Some(moved.new)),
            Outcome::Refused(status) => (status, None),
        };
        let said = [Element::number(moves::STATUS, status as u8), Element::text(moves::SRC_MSG_ID, one.item.clone())];
        Element::of(moves::RESPONSE, said)
            .with_some(new.map(|new| Element::text(moves::DST_MSG_ID, context.ids.item(new))))
    });
    Ok(Answer::wbxml(&Element::of(moves::MOVE_ITEMS, responses)).into())
}

/// What becomes of each move, and those that are still to be done.
fn planned(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    all: &[Move],
    remembered: &[Moved],
) -> Result<(Vec<Outcome>, Vec<Moved>), Failure> {
    let view = hierarchy::view(snapshot, context)?;
    let mut outcomes = Vec::new();
    let mut done: Vec<Moved> = Vec::new();
    for one in all {
        outcomes.push(match place(context, &view, one) {
            Err(status) => Outcome::Refused(status),
            Ok((item, from, to)) => {
                let there = snapshot.folder_of(item)?.is_some_and(|place| from.folders.contains(&place));
                if there && !done.iter().any(|moved| moved.item == item) {
                    let new = context.store().reserve_items(context.user.id, 1)?;
                    done.push(Moved { item, to: to.id, new });
                    Outcome::Moved(Moved { item, to: to.id, new })
                } else {
                    let before = remembered.iter().find(|moved| moved.item == item && moved.to == to.id);
                    before.map_or(Outcome::Refused(Status::InvalidSource), |moved| Outcome::Moved(*moved))
                }
            }
        });
    }
    Ok((outcomes, done))
}

/// The item and the folders that a move names.
fn place<'v>(
    context: &Context<'_>,
    view: &'v [FolderView],
    one: &Move,
) -> Result<(ServerId, &'v FolderView, &'v FolderView), Status> {
    let folder = |text: &str| {
        let id = context.ids.parse_folder(text).ok()?;
        view.iter().find(|folder| folder.id == id)
    };
    let from = folder(&one.from).ok_or(Status::InvalidSource)?;
    let to = folder(&one.to).ok_or(Status::InvalidDestination)?;
    let item = context.ids.parse_item(&one.item).map_err(|_| Status::InvalidSource)?;
    if from.id == to.id {
        return Err(Status::SameFolder);
    }
    // An invented folder holds nothing.
    if from.class() != to.class() || to.folders.is_empty() {
        return Err(Status::InvalidDestination);
    }
    Ok((item, from, to))
}

/// The newest moves first, as many as are remembered.
fn memory(old: Vec<Moved>, done: &[Moved]) -> Vec<Moved> {
    let older = old.into_iter().filter(|moved| !done.contains(moved));
    done.iter().copied().chain(older).take(REMEMBERED_MAX).collect()
}

/// A request that cannot be obeyed.
pub(crate) fn failure(context: &Context<'_>, failure: &Failure) -> Reply {
    let status = match failure {
        Failure::Request(_) => CommonStatus::InvalidXml,
        Failure::Store(_) => CommonStatus::ServerError,
    };
    context.refuse(status, moves::MOVE_ITEMS, moves::STATUS)
}
