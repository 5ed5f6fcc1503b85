//! FolderUpdate: the device gives a folder another name or place.
//!
//! MS-ASCMD 2.2.1.6 "FolderUpdate"; tags on code page 7, FolderHierarchy.

use easel_protocol::{CollectionId, SyncKey};
use easel_store::{ChangeSet, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::folder_hierarchy as fh;

use crate::context::{Context, Failure, RequestError, required};
use crate::folder_create::{name, parent};
use crate::hierarchy::FolderView;
use crate::hierarchy_state::{HierarchyState, KeyAge};

/// What the device sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The key of the tree, `None` for text that is no key of ours.
    pub(crate) sync_key: Option<SyncKey>,
    /// Which folder.
    pub(crate) id: String,
    /// Its place; `0` is the root.
    pub(crate) parent: String,
    /// Its name, 1 to 256 characters.
    pub(crate) name: String,
}

impl Request {
    pub(crate) fn from_wbxml(root: &Element) -> Result<Self, RequestError> {
        if let Some(status) = root.text_of(fh::STATUS) {
            return Err(RequestError::Value { tag: fh::STATUS, value: status.chars().take(40).collect() });
        }
        Ok(Self {
            sync_key: SyncKey::parse(&required(root, fh::SYNC_KEY)?).ok(),
            id: required(root, fh::SERVER_ID)?.into_owned(),
            parent: required(root, fh::PARENT_ID)?.trim().to_owned(),
            name: name(root)?,
        })
    }
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// Done, and the key under which the device knows it.
    Updated(SyncKey),
    /// Nothing happened.
    Refused(Status),
}

/// MS-ASCMD 2.2.3.177.6 "Status (FolderUpdate)"; 1, success, is [`Response::Updated`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// The parent has a folder of that name, or the folder is one that stays as it is.
    NameExists = 2,
    /// There is no such folder: the device runs FolderSync.
    NotFound = 4,
    /// There is no such parent: the device runs FolderSync.
    ParentNotFound = 5,
    /// Often passes by itself.
    ServerError = 6,
    /// The device starts over at SyncKey `0`.
    InvalidSyncKey = 9,
    /// The device must not send the same request again.
    MalformedRequest = 10,
}

/// Renames or moves the folder.
pub(crate) fn handle(context: &Context<'_>, request: &Request) -> Result<Response, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let Some(mut state) = HierarchyState::read(&*snapshot, context.device.key, context.ids)? else {
        return Ok(Response::Refused(Status::InvalidSyncKey));
    };
    drop(snapshot);
    let known = |id: &CollectionId| state.after.iter().find(|folder| folder.id == *id).cloned();
    let age = request.sync_key.map_or(KeyAge::Unknown, |key| state.age(key));
    if age == KeyAge::Unknown {
        return Ok(Response::Refused(Status::InvalidSyncKey));
    }
    let Some(folder) = context.ids.parse_folder(&request.id).ok().as_ref().and_then(known) else {
        return Ok(Response::Refused(Status::NotFound));
    };
    let Ok(parent) = parent(context, &state, &request.parent) else {
        return Ok(Response::Refused(Status::ParentNotFound));
    };
    if age == KeyAge::Previous {
        // The answer was lost: it is done when the folder is as asked for.
        let done = folder.name == request.name && folder.parent == parent;
        return Ok(if done { Response::Updated(state.key()) } else { Response::Refused(Status::InvalidSyncKey) });
    }
    if folder.kind.is_default() {
        return Ok(Response::Refused(Status::NameExists));
    }
    if inside(&state.after, parent, folder.id) {
        return Ok(Response::Refused(Status::ParentNotFound));
    }
    let mut list = state.after.clone();
    for known in &mut list {
        if known.id == folder.id {
            known.parent = parent;
            known.name.clone_from(&request.name);
        }
    }
    state.advance(list);
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(Write::UpdateFolder { id: folder.id, parent, name: request.name.clone() });
    set.writes.push(state.write(context.device.key));
    match context.store().commit(set) {
        Ok(_) => Ok(Response::Updated(state.key())),
        Err(StoreError::Exists(_)) => Ok(Response::Refused(Status::NameExists)),
        Err(StoreError::NotFound(_)) => Ok(Response::Refused(Status::NotFound)),
        Err(
            error @ (StoreError::Backend { .. }
            | StoreError::Disk { .. }
            | StoreError::OverQuota { .. }
            | StoreError::Stale
            | StoreError::TooNew { .. }
            | StoreError::Unreadable { .. }),
        ) => Err(error.into()),
    }
}

/// Whether `place` is `folder` or lies in it.
fn inside(list: &[FolderView], place: Option<CollectionId>, folder: CollectionId) -> bool {
    let mut at = place;
    for _ in 0..=list.len() {
        match at {
            Some(id) if id == folder => return true,
            Some(id) => at = list.iter().find(|other| other.id == id).and_then(|other| other.parent),
            None => return false,
        }
    }
    true
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
            Self::Updated(key) => Element::of(
                fh::FOLDER_UPDATE,
                [Element::number(fh::STATUS, 1), Element::text(fh::SYNC_KEY, key.to_string())],
            ),
            Self::Refused(status) => Element::of(fh::FOLDER_UPDATE, [Element::number(fh::STATUS, *status as u8)]),
        }
    }
}
