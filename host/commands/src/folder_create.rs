//! FolderCreate: the device makes a folder.
//!
//! MS-ASCMD 2.2.1.2 "FolderCreate"; tags on code page 7, FolderHierarchy.

use easel_protocol::{CollectionId, FolderType, SyncKey};
use easel_store::{ChangeSet, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::folder_hierarchy as fh;

use crate::context::{Context, Failure, RequestError, required};
use crate::hierarchy::FolderView;
use crate::hierarchy_state::{HierarchyState, KeyAge};

/// Characters of a name.
pub(crate) const NAME_MAX: usize = 256;

/// What the device sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The key of the tree, `None` for text that is no key of ours.
    pub(crate) sync_key: Option<SyncKey>,
    /// The folder it shall lie in; `0` is the root.
    pub(crate) parent: String,
    /// Its name, 1 to 256 characters.
    pub(crate) name: String,
    /// What it is for: 1 or 12 to 17.
    pub(crate) kind: FolderType,
}

impl Request {
    pub(crate) fn from_wbxml(root: &Element) -> Result<Self, RequestError> {
        let kind = required(root, fh::TYPE)?;
        let wrong = || RequestError::Value { tag: fh::TYPE, value: kind.chars().take(40).collect() };
        let kind = kind.trim().parse().ok().and_then(FolderType::from_number).ok_or_else(wrong)?;
        if kind.is_default() || kind.class().is_none() {
            return Err(wrong());
        }
        Ok(Self {
            sync_key: SyncKey::parse(&required(root, fh::SYNC_KEY)?).ok(),
            parent: required(root, fh::PARENT_ID)?.trim().to_owned(),
            name: name(root)?,
            kind,
        })
    }
}

/// The name a folder shall have.
pub(crate) fn name(root: &Element) -> Result<String, RequestError> {
    let name = required(root, fh::DISPLAY_NAME)?.trim().to_owned();
    if (1..=NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(RequestError::Value { tag: fh::DISPLAY_NAME, value: name.chars().take(40).collect() })
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// The folder, and the key under which the device knows it.
    Created { sync_key: SyncKey, id: CollectionId },
    /// Nothing happened.
    Refused(Status),
}

/// MS-ASCMD 2.2.3.177.2 "Status (FolderCreate)"; 1, success, is [`Response::Created`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// The parent has a folder of that name: the device asks for another.
    NameExists = 2,
    /// There is no such parent: the device runs FolderSync.
    ParentNotFound = 5,
    /// Often passes by itself.
    ServerError = 6,
    /// The device starts over at SyncKey `0`.
    InvalidSyncKey = 9,
    /// The device must not send the same request again.
    MalformedRequest = 10,
}

/// Makes the folder and tells nobody but this device about it here; the others learn it by FolderSync.
pub(crate) fn handle(context: &Context<'_>, request: &Request) -> Result<Response, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let Some(mut state) = HierarchyState::read(&*snapshot, context.device.key, context.ids)? else {
        return Ok(Response::Refused(Status::InvalidSyncKey));
    };
    let Ok(parent) = parent(context, &state, &request.parent) else {
        return Ok(Response::Refused(Status::ParentNotFound));
    };
    match request.sync_key.map(|key| state.age(key)) {
        Some(KeyAge::Current) => {}
        Some(KeyAge::Previous) => {
            // The answer was lost: the folder is there already, and only this step can have made it.
            let is = |folder: &&FolderView| folder.name == request.name && folder.parent == parent;
            let made = state.after.iter().find(is).filter(|made| !state.before.iter().any(|old| old.id == made.id));
            return Ok(made.map_or(Response::Refused(Status::InvalidSyncKey), |made| Response::Created {
                sync_key: state.key(),
                id: made.id,
            }));
        }
        Some(KeyAge::Unknown) | None => return Ok(Response::Refused(Status::InvalidSyncKey)),
    }
    if parent.is_some_and(|parent| snapshot.folder(parent).is_ok_and(|folder| folder.is_none())) {
        return Ok(Response::Refused(Status::ParentNotFound));
    }
    drop(snapshot);
    let id = context.store().reserve_folder(context.user.id)?;
    let (name, kind) = (request.name.clone(), request.kind);
    let mut list = state.after.clone();
    let told = crate::hierarchy::told(context.profile(), kind);
    list.push(FolderView { id, parent, name: name.clone(), kind, told, folders: vec![id] });
    state.advance(list);
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(Write::AddFolder { id, parent, name, kind });
    set.writes.push(state.write(context.device.key));
    match context.store().commit(set) {
        Ok(_) => Ok(Response::Created { sync_key: state.key(), id }),
        Err(StoreError::Exists(_)) => Ok(Response::Refused(Status::NameExists)),
        Err(error) => Err(error.into()),
    }
}

/// The folder a request names as parent: one the device knows, or the root.
pub(crate) fn parent(context: &Context<'_>, state: &HierarchyState, text: &str) -> Result<Option<CollectionId>, ()> {
    if text == "0" {
        return Ok(None);
    }
    let id = context.ids.parse_folder(text).map_err(|_| ())?;
    if state.after.iter().any(|folder| folder.id == id) { Ok(Some(id)) } else { Err(()) }
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
    pub(crate) fn to_wbxml(&self, context: &Context<'_>) -> Element {
        match self {
            Self::Created { sync_key, id } => Element::of(
                fh::FOLDER_CREATE,
                [
                    Element::number(fh::STATUS, 1),
                    Element::text(fh::SYNC_KEY, sync_key.to_string()),
                    Element::text(fh::SERVER_ID, context.ids.folder(*id)),
                ],
            ),
            Self::Refused(status) => Element::of(fh::FOLDER_CREATE, [Element::number(fh::STATUS, *status as u8)]),
        }
    }
}
