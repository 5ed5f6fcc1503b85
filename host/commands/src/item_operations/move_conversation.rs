//! Move: the messages of a conversation go to another folder, and what comes of it later too. MS-ASCMD 2.2.3.117.1
//! "Move (ItemOperations)".
//!
//! From 14.0. All messages but those in Sent Items are moved. First the store is told where the conversation goes; whatever
//! is delivered after that goes there by itself, and whatever came before is found and moved. The Inbox, where mail comes
//! anyway, ends it.

use easel_protocol::{Class, CollectionId, CommonStatus, FolderType, ServerId};
use easel_store::{ChangeSet, Missing, Query, Snapshot, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::item_operations as io;

use super::{Status, Stop, moves_conversations};
use crate::context::{Context, Failure};
use crate::hierarchy::{self, FolderView};

/// Messages that are moved in one change set.
const BATCH: usize = 500;
/// How often a change set is made again because somebody else was quicker.
const ATTEMPTS: usize = 3;

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
    let mut folders = folders(&view);
    if messages(&*snapshot, id, &folders, 1)?.is_empty() && snapshot.followed(id)?.is_none() {
        return Ok(Err(Status::NotFound.into()));
    }
    drop(snapshot);
    let mut set = ChangeSet::new(context.user.id);
    let later = Some(to.id).filter(|_| to.kind != FolderType::Inbox);
    set.writes.push(Write::FollowConversation { conversation: id, to: later });
    context.store().commit(set)?;
    folders.retain(|folder| *folder != to.id);
    move_batches(context, id, &folders, to.id)?;
    Ok(Ok(()))
}

/// Moves what is in the folders, some hundred messages at a time, so that nobody waits for long.
fn move_batches(
    context: &Context<'_>,
    conversation: [u8; 16],
    folders: &[CollectionId],
    to: CollectionId,
) -> Result<(), Failure> {
    let mut tries = 0;
    // Without a folder to take them from a question would be about all of them.
    while !folders.is_empty() {
        let snapshot = context.store().snapshot(context.user.id)?;
        let moved = messages(&*snapshot, conversation, folders, BATCH)?;
        drop(snapshot);
        if moved.is_empty() {
            break;
        }
        let first = context.store().reserve_items(context.user.id, moved.len() as u64)?.number();
        let mut set = ChangeSet::new(context.user.id);
        let write = |(id, new): (ServerId, u64)| Write::MoveItem { id, to, new_id: ServerId::new(new) };
        set.writes = moved.into_iter().zip(first..).map(write).collect();
        match context.store().commit(set) {
            Ok(_) => tries = 0,
            Err(StoreError::NotFound(Missing::Item)) if tries < ATTEMPTS => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The mail folders that messages are taken from.
fn folders(view: &[FolderView]) -> Vec<CollectionId> {
    let taken = |folder: &&FolderView| folder.class() == Some(Class::Email) && folder.kind != FolderType::SentItems;
    view.iter().filter(taken).flat_map(|folder| folder.folders.iter().copied()).collect()
}

/// Messages of a conversation in these folders.
fn messages(
    snapshot: &dyn Snapshot,
    conversation: [u8; 16],
    folders: &[CollectionId],
    limit: usize,
) -> Result<Vec<ServerId>, Failure> {
    let query = Query { conversation: Some(conversation), folders: folders.to_vec(), limit, ..Query::default() };
    Ok(snapshot.search(&query)?)
}
