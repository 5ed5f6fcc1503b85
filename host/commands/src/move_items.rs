//! MoveItems: items go to other folders.
//!
//! MS-ASCMD 2.2.1.12 "MoveItems"; tags on code page 5, Move. The device sees the move as a Delete there and an Add
//! here in its next Syncs. A move whose answer was lost is answered again the same.

use easel_protocol::{CollectionId, CommonStatus, ServerId};
use easel_store::{ChangeSet, Missing, StoreError, Write};
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

/// Moves one after the other; each succeeds or fails by itself.
pub(crate) fn handle(context: &Context<'_>, all: &[Move]) -> Result<Reply, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context.profile(), context.version)?;
    let remembered: Vec<Moved> =
        snapshot.device_value(context.device.key, NAME)?.and_then(|bytes| unpack(&bytes)).unwrap_or_default();
    drop(snapshot);
    let mut done = Vec::new();
    let mut root = Element::new(moves::MOVE_ITEMS);
    for one in all {
        let mut response = Element::new(moves::RESPONSE);
        response.push(Element::text(moves::SRC_MSG_ID, one.item.clone()));
        match moved(context, &view, one, &remembered)? {
            Ok(moved) => {
                response
                    .content
                    .insert(0, easel_wbxml::Node::Element(Element::number(moves::STATUS, Status::Success as u8)));
                response.push(Element::text(moves::DST_MSG_ID, context.ids.item(moved.new)));
                done.push(moved);
            }
            Err(status) => {
                let status = Element::number(moves::STATUS, status as u8);
                response.content.insert(0, easel_wbxml::Node::Element(status));
            }
        }
        root.push(response);
    }
    remember(context, &remembered, done)?;
    Ok(Answer::wbxml(&root).into())
}

fn moved(
    context: &Context<'_>,
    view: &[FolderView],
    one: &Move,
    remembered: &[Moved],
) -> Result<Result<Moved, Status>, Failure> {
    let folder = |text: &str| {
        let id = context.ids.parse_folder(text).ok()?;
        view.iter().find(|folder| folder.id == id)
    };
    let Some(from) = folder(&one.from) else { return Ok(Err(Status::InvalidSource)) };
    let Some(to) = folder(&one.to) else { return Ok(Err(Status::InvalidDestination)) };
    let Ok(item) = context.ids.parse_item(&one.item) else { return Ok(Err(Status::InvalidSource)) };
    if from.id == to.id {
        return Ok(Err(Status::SameFolder));
    }
    if from.class() != to.class() {
        return Ok(Err(Status::InvalidDestination));
    }
    let store = context.store();
    let place = store.snapshot(context.user.id)?.folder_of(item)?;
    if !place.is_some_and(|place| from.folders.contains(&place)) {
        let before = remembered.iter().find(|moved| moved.item == item && moved.to == to.id);
        return Ok(before.copied().ok_or(Status::InvalidSource));
    }
    let new = store.reserve_items(context.user.id, 1)?;
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(Write::MoveItem { id: item, to: to.id, new_id: new });
    match store.commit(set) {
        Ok(_) => Ok(Ok(Moved { item, to: to.id, new })),
        Err(StoreError::NotFound(Missing::Item)) => Ok(Err(Status::InvalidSource)),
        Err(StoreError::NotFound(Missing::Folder)) => Ok(Err(Status::InvalidDestination)),
        Err(error) => {
            tracing::error!(user = context.user.id.0, item = item.number(), %error, "a move failed");
            Ok(Err(Status::Failed))
        }
    }
}

fn remember(context: &Context<'_>, old: &[Moved], mut done: Vec<Moved>) -> Result<(), Failure> {
    if done.iter().all(|moved| old.contains(moved)) {
        return Ok(());
    }
    done.extend(old.iter().filter(|moved| !done.contains(moved)).copied().collect::<Vec<_>>());
    done.truncate(REMEMBERED_MAX);
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(Write::PutDeviceValue { device: context.device.key, name: NAME, value: Some(pack(&done)) });
    context.store().commit(set)?;
    Ok(())
}

/// A request that cannot be obeyed.
pub(crate) fn failure(context: &Context<'_>, failure: &Failure) -> Reply {
    let status = match failure {
        Failure::Request(_) => CommonStatus::InvalidXml,
        Failure::Store(_) => CommonStatus::ServerError,
    };
    context.refuse(status, moves::MOVE_ITEMS, moves::STATUS)
}
