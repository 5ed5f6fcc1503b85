//! Move: the messages of a conversation go to another folder. MS-ASCMD 2.2.3.117.1 "Move (ItemOperations)".
//!
//! From 14.0. All messages that are there now are moved, except those in Sent Items.

use easel_protocol::{Class, CollectionId, CommonStatus, FolderType, ServerId};
use easel_store::{ChangeSet, Query, Snapshot, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::item_operations as io;

use super::{Status, Stop, moves_conversations};
use crate::context::{Context, Failure};
use crate::hierarchy::{self, FolderView};

/// Messages of a conversation that are moved.
const MESSAGES_MAX: usize = 1000;

pub(super) fn move_all(context: &Context<'_>, request: &Element) -> Result<Result<(), Stop>, Failure> {
    let (conversation, to) = (request.child(io::CONVERSATION_ID), request.text_of(io::DST_FLD_ID));
    let (Some(conversation), Some(to), true) = (conversation, to, moves_conversations(context.version)) else {
        return Ok(Err(Status::ProtocolError.into()));
    };
    if request.at(&[io::OPTIONS, io::MOVE_ALWAYS]).is_none() {
        return Ok(Err(Stop::Common(CommonStatus::MoveWithoutMoveAlways)));
    }
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context)?;
    let to = context.ids.parse_folder(&to).ok();
    let Some(to) = view.iter().find(|folder| Some(folder.id) == to) else {
        return Ok(Err(Status::NotFound.into()));
    };
    if to.class() != Some(Class::Email) {
        return Ok(Err(Stop::Common(CommonStatus::MoveToInvalidFolder)));
    }
    // An invented folder holds nothing.
    if to.folders.is_empty() {
        return Ok(Err(Stop::Common(CommonStatus::InvalidCombinationOfIds)));
    }
    let Ok(id) = <[u8; 16]>::try_from(&*conversation.bytes()) else { return Ok(Err(Status::NotFound.into())) };
    let folders = folders(&view);
    let messages = messages(&*snapshot, id, folders)?;
    if messages.is_empty() {
        return Ok(Err(Status::NotFound.into()));
    }
    drop(snapshot);
    let moved: Vec<ServerId> = messages.into_iter().filter(|(_, at)| *at != to.id).map(|(id, _)| id).collect();
    if moved.is_empty() {
        return Ok(Ok(()));
    }
    let first = context.store().reserve_items(context.user.id, moved.len() as u64)?.number();
    let mut set = ChangeSet::new(context.user.id);
    let write = |(id, new): (ServerId, u64)| Write::MoveItem { id, to: to.id, new_id: ServerId::new(new) };
    set.writes = moved.into_iter().zip(first..).map(write).collect();
    context.store().commit(set)?;
    Ok(Ok(()))
}

/// The mail folders that messages are taken from.
fn folders(view: &[FolderView]) -> Vec<CollectionId> {
    let taken = |folder: &&FolderView| folder.class() == Some(Class::Email) && folder.kind != FolderType::SentItems;
    view.iter().filter(taken).flat_map(|folder| folder.folders.iter().copied()).collect()
}

/// The messages, and where each lies.
fn messages(
    snapshot: &dyn Snapshot,
    conversation: [u8; 16],
    folders: Vec<CollectionId>,
) -> Result<Vec<(ServerId, CollectionId)>, Failure> {
    let query = Query { conversation: Some(conversation), folders, limit: MESSAGES_MAX, ..Query::default() };
    let mut found = Vec::new();
    for id in snapshot.search(&query)? {
        found.extend(snapshot.folder_of(id)?.map(|folder| (id, folder)));
    }
    Ok(found)
}
