//! EmptyFolderContents: everything in a folder goes. MS-ASCMD 2.2.3.55 "EmptyFolderContents".

use easel_protocol::{CollectionId, ServerId, WindowKey};
use easel_store::{ChangeSet, Folder, Missing, Order, POSITION_START, Snapshot, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, item_operations as io};

use super::{Status, Stop};
use crate::context::{Context, Failure, flag};
use crate::hierarchy;

/// Items removed in one change set.
const BATCH: usize = 500;
/// How often a change set is made again because somebody else was quicker.
const ATTEMPTS: usize = 3;

pub(super) fn empty(context: &Context<'_>, request: &Element) -> Result<Result<(), Stop>, Failure> {
    let Some(id) = request.text_of(airsync::COLLECTION_ID) else { return Ok(Err(Status::ProtocolError.into())) };
    let with_folders = request.child(io::OPTIONS).is_some_and(|options| flag(options, io::DELETE_SUB_FOLDERS, false));
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context)?;
    let id = context.ids.parse_folder(&id).ok();
    let Some(shown) = view.iter().find(|folder| Some(folder.id) == id) else {
        return Ok(Err(Status::NotFound.into()));
    };
    let below = if with_folders { below(&snapshot.folders()?, shown.id) } else { Vec::new() };
    drop(snapshot);
    let mut removed = false;
    match remove(context, &shown.folders, below, &mut removed) {
        Ok(()) => Ok(Ok(())),
        Err(Failure::Store(error)) if removed => {
            if !error.is_told() {
                tracing::error!(user = context.user.id.0, %error, "a folder is emptied in part");
            }
            Ok(Err(Status::PartialSuccess.into()))
        }
        Err(failure) => Err(failure),
    }
}

/// Removes what is in the folders, then those below; `removed` tells whether anything went before a failure.
fn remove(
    context: &Context<'_>,
    folders: &[CollectionId],
    below: Vec<CollectionId>,
    removed: &mut bool,
) -> Result<(), Failure> {
    for folder in folders {
        empty_one(context, *folder, removed)?;
    }
    if !below.is_empty() {
        let mut set = ChangeSet::new(context.user.id);
        set.writes = below.into_iter().map(|id| Write::RemoveFolder { id }).collect();
        context.store().commit(set)?;
    }
    Ok(())
}

/// The folders right below, without those that hold one of the folders every mailbox has.
fn below(all: &[Folder], id: CollectionId) -> Vec<CollectionId> {
    let holds_default = |root: &Folder| {
        let mut inside = vec![root.id];
        let mut at = 0;
        while let Some(parent) = inside.get(at).copied() {
            let children = all.iter().filter(|folder| folder.parent == Some(parent) && !inside.contains(&folder.id));
            let children: Vec<CollectionId> = children.map(|folder| folder.id).collect();
            inside.extend(children);
            at += 1;
        }
        all.iter().any(|folder| inside.contains(&folder.id) && folder.kind.is_default())
    };
    all.iter().filter(|folder| folder.parent == Some(id) && !holds_default(folder)).map(|folder| folder.id).collect()
}

/// Removes what is in the folder, some hundred items at a time, so that nobody waits for long.
fn empty_one(context: &Context<'_>, folder: CollectionId, removed: &mut bool) -> Result<(), Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let batches = usize::try_from(snapshot.count(folder)?).unwrap_or(usize::MAX).div_ceil(BATCH);
    drop(snapshot);
    for _ in 0..batches {
        let mut tries = 0;
        loop {
            tries += 1;
            let snapshot = context.store().snapshot(context.user.id)?;
            let mut set = ChangeSet::new(context.user.id);
            set.writes = batch(&*snapshot, folder)?.into_iter().map(|id| Write::RemoveItem { id }).collect();
            drop(snapshot);
            if set.writes.is_empty() {
                return Ok(());
            }
            match context.store().commit(set) {
                Ok(_) => {
                    *removed = true;
                    break;
                }
                Err(StoreError::NotFound(Missing::Item)) if tries < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn batch(snapshot: &dyn Snapshot, folder: CollectionId) -> Result<Vec<ServerId>, StoreError> {
    let lowest = (WindowKey::NEVER, ServerId::new(0));
    let found = snapshot.range(folder, lowest..POSITION_START, Order::Ascending, BATCH)?;
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use easel_protocol::FolderType;

    use super::*;

    #[test]
    fn a_folder_that_every_mailbox_has_is_not_deleted_with_the_one_around_it() {
        let folder = |id: u64, parent: Option<u64>, kind| Folder {
            id: CollectionId::new(id),
            parent: parent.map(CollectionId::new),
            name: id.to_string(),
            kind,
        };
        let all = [
            folder(3, None, FolderType::DeletedItems),
            folder(10, Some(3), FolderType::UserMail),
            folder(11, Some(3), FolderType::UserMail),
            folder(4, Some(11), FolderType::SentItems),
            folder(12, Some(10), FolderType::UserMail),
        ];
        assert_eq!(below(&all, CollectionId::new(3)), [CollectionId::new(10)]);
    }
}
