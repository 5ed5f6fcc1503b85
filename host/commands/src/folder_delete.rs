//! FolderDelete: the device removes a folder.
//!
//! MS-ASCMD 2.2.1.3 "FolderDelete"; tags on code page 7, FolderHierarchy.
//!
//! A mail folder goes to Deleted Items with everything inside, so that a slip of the thumb can be undone; one that
//! lies there already, and a folder of another class, is removed.

use easel_protocol::{Class, CollectionId, FolderType, SyncKey};
use easel_store::{ChangeSet, Folder, Snapshot, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::folder_hierarchy as fh;

use crate::context::{Context, Failure, RequestError, required};
use crate::hierarchy_state::{HierarchyState, KeyAge};

/// What the device sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The key of the tree, `None` for text that is no key of ours.
    pub(crate) sync_key: Option<SyncKey>,
    /// Which folder.
    pub(crate) id: String,
}

impl Request {
    pub(crate) fn from_wbxml(root: &Element) -> Result<Self, RequestError> {
        Ok(Self {
            sync_key: SyncKey::parse(&required(root, fh::SYNC_KEY)?).ok(),
            id: required(root, fh::SERVER_ID)?.into_owned(),
        })
    }
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// Done, and the key under which the device knows it.
    Deleted(SyncKey),
    /// Nothing happened.
    Refused(Status),
}

/// MS-ASCMD 2.2.3.177.3 "Status (FolderDelete)"; 1, success, is [`Response::Deleted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// One of the folders that every mailbox has.
    SpecialFolder = 3,
    /// There is no such folder: the device runs FolderSync.
    NotFound = 4,
    /// Often passes by itself.
    ServerError = 6,
    /// The device starts over at SyncKey `0`.
    InvalidSyncKey = 9,
    /// The device must not send the same request again.
    MalformedRequest = 10,
}

/// Removes the folder.
pub(crate) fn handle(context: &Context<'_>, request: &Request) -> Result<Response, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let Some(mut state) = HierarchyState::read(&*snapshot, context.device.key, context.ids)? else {
        return Ok(Response::Refused(Status::InvalidSyncKey));
    };
    let id = context.ids.parse_folder(&request.id).ok();
    match request.sync_key.map_or(KeyAge::Unknown, |key| state.age(key)) {
        KeyAge::Current => {}
        KeyAge::Previous => {
            // The answer was lost: it is done when this step removed the folder from the list.
            let was = |list: &[crate::hierarchy::FolderView]| list.iter().any(|folder| Some(folder.id) == id);
            let done = was(&state.before) && !was(&state.after);
            return Ok(if done { Response::Deleted(state.key()) } else { Response::Refused(Status::InvalidSyncKey) });
        }
        KeyAge::Unknown => return Ok(Response::Refused(Status::InvalidSyncKey)),
    }
    let known = id.filter(|id| state.after.iter().any(|folder| folder.id == *id));
    let Some(folder) = known.map(|id| snapshot.folder(id)).transpose()?.flatten() else {
        return Ok(Response::Refused(Status::NotFound));
    };
    if folder.kind.is_default() {
        return Ok(Response::Refused(Status::SpecialFolder));
    }
    let write = removal(&*snapshot, &folder)?;
    drop(snapshot);
    let mut gone = vec![folder.id];
    // The list has parents before their children.
    for known in &state.after {
        if known.parent.is_some_and(|parent| gone.contains(&parent)) {
            gone.push(known.id);
        }
    }
    let list = state.after.iter().filter(|known| !gone.contains(&known.id)).cloned().collect();
    state.advance(list);
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(write);
    set.writes.push(state.write(context.device.key));
    match context.store().commit(set) {
        Ok(_) => Ok(Response::Deleted(state.key())),
        Err(StoreError::NotFound(_)) => Ok(Response::Refused(Status::NotFound)),
        Err(error) => Err(error.into()),
    }
}

fn removal(snapshot: &dyn Snapshot, folder: &Folder) -> Result<Write, StoreError> {
    let all = snapshot.folders()?;
    let trash = all.iter().find(|other| other.kind == FolderType::DeletedItems).map(|trash| trash.id);
    let parent_of = |id: CollectionId| all.iter().find(|other| other.id == id).and_then(|other| other.parent);
    let mut ancestors = std::iter::successors(folder.parent, |id| parent_of(*id)).take(all.len());
    if folder.kind.class() != Some(Class::Email) || trash.is_none() || ancestors.any(|id| Some(id) == trash) {
        return Ok(Write::RemoveFolder { id: folder.id });
    }
    let taken =
        |name: &str| all.iter().any(|other| other.parent == trash && other.name.to_lowercase() == name.to_lowercase());
    let numbered = (2..).map(|number| format!("{} ({number})", folder.name));
    let name = std::iter::once(folder.name.clone()).chain(numbered).find(|name| !taken(name));
    Ok(Write::UpdateFolder { id: folder.id, parent: trash, name: name.expect("some number is free") })
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Request(_) => Self::MalformedRequest,
            Failure::Store(_) => Self::ServerError,
        }
    }
}

impl Response {
    pub(crate) fn to_wbxml(&self) -> Element {
        match self {
            Self::Deleted(key) => Element::of(
                fh::FOLDER_DELETE,
                [Element::number(fh::STATUS, 1), Element::text(fh::SYNC_KEY, key.to_string())],
            ),
            Self::Refused(status) => Element::of(fh::FOLDER_DELETE, [Element::number(fh::STATUS, *status as u8)]),
        }
    }
}
