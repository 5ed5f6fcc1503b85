//! FolderSync: the device learns the tree of folders, or what changed in it.
//!
//! MS-ASCMD 2.2.1.5 "FolderSync"; tags on code page 7, FolderHierarchy.
//!
//! The device starts with SyncKey `0` and gets every folder as an Add. It then sends back the key it was given and
//! gets the difference between the list it was sent last and the one its profile shows now. The key before the last
//! one is taken once more, for a lost answer (K: N09). Key `0` in mid-life sends the whole tree again and leaves the
//! state of the collections alone (K: A41). Nothing is sent that the list does not make necessary: no Update without a
//! difference, no Delete of what was never sent (K: N09, N10, P20).

use easel_plugin::hooks::{Recovery, Symptom};
use easel_protocol::SyncKey;
use easel_store::ChangeSet;
use easel_wbxml::pages::folder_hierarchy as fh;
use easel_wbxml::{Element, Tag};

use crate::context::{Context, Failure, RequestError, required};
use crate::hierarchy::{self, FolderView};
use crate::hierarchy_state::{FolderChange, HierarchyState, KeyAge, difference};
use crate::served::Served;
use crate::{Answer, Reply, recovery};

/// What the device sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `0` on first contact, then the key of the last answer; `None` for text that is no key of ours.
    pub(crate) sync_key: Option<SyncKey>,
}

impl Request {
    pub(crate) fn from_wbxml(root: &Element) -> Result<Self, RequestError> {
        Ok(Self { sync_key: SyncKey::parse(&required(root, fh::SYNC_KEY)?).ok() })
    }
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// The next key and the changes up to it.
    Changes { sync_key: SyncKey, changes: Vec<FolderChange> },
    /// What the pack advised for a device that seems stuck.
    Advised(Reply),
    /// No key, no changes.
    Refused(Status),
}

/// MS-ASCMD 2.2.3.177.5 "Status (FolderSync)"; 1, success, is [`Response::Changes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Often passes by itself; the device tries again.
    ServerError = 6,
    /// The device starts over at SyncKey `0`.
    InvalidSyncKey = 9,
    /// The device must not send the same request again.
    MalformedRequest = 10,
}

/// Answers from the list of folders the profile shows.
pub(crate) fn handle(context: &Context<'_>, request: &Request) -> Result<Response, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let now = hierarchy::view(&*snapshot, context)?.to_vec();
    let seen = snapshot.modseq();
    let state = HierarchyState::read(&*snapshot, context.device.key, context.ids)?;
    drop(snapshot);
    let symptom = match (request.sync_key, &state) {
        (Some(SyncKey::Initial), Some(_)) => Some(Symptom::ZeroKey),
        (Some(SyncKey::Initial), None) => None,
        (Some(key), Some(state)) => match state.age(key) {
            KeyAge::Current => None,
            KeyAge::Previous => Some(Symptom::RepeatedKey),
            KeyAge::Unknown => Some(Symptom::UnknownKey),
        },
        (_, _) => Some(Symptom::UnknownKey),
    };
    match symptom {
        None => recovery::well(context, &[Symptom::RepeatedKey, Symptom::UnknownKey], None),
        Some(symptom) => match recovery::seen(context, symptom, None) {
            advised @ (Recovery::Block | Recovery::ResyncAll | Recovery::ResyncHierarchy | Recovery::Throttle) => {
                let reply = recovery::carry_out(context, advised)?;
                return Ok(reply.map_or(Response::Refused(Status::InvalidSyncKey), Response::Advised));
            }
            Recovery::ResyncFolder
            | Recovery::Retry
            | Recovery::ShrinkWindow
            | Recovery::SkipItem
            | Recovery::Usual => {}
        },
    }
    let (mut state, changes) = match (request.sync_key, state) {
        (Some(SyncKey::Initial), _) => {
            let changes = difference(&[], &now);
            let generation = context.service.random();
            (HierarchyState { generation, step: 1, before: Vec::new(), after: now, seen, ids: context.ids }, changes)
        }
        (Some(key), Some(mut state)) => match state.age(key) {
            KeyAge::Current => {
                let changes = difference(&state.after, &now);
                if !changes.is_empty() {
                    state.advance(now);
                }
                (state, changes)
            }
            KeyAge::Previous => {
                let changes = difference(&state.before, &now);
                state.after = now;
                (state, changes)
            }
            KeyAge::Unknown => return Ok(Response::Refused(Status::InvalidSyncKey)),
        },
        (Some(SyncKey::Issued { .. }) | None, _) => return Ok(Response::Refused(Status::InvalidSyncKey)),
    };
    state.seen = seen;
    let sync_key = state.key();
    if !crate::device::is_probe(&context.device) {
        let mut set = ChangeSet::new(context.user.id);
        set.writes.push(state.write(context.device.key));
        // The gate may have kept something meanwhile.
        let known = Served::read(context.service, context.user, context.device.key)?;
        let mut served = known.clone();
        served.marks.hierarchy = context.marks.hierarchy;
        served.tree_is_due &= request.sync_key != Some(SyncKey::Initial);
        if served != known {
            set.writes.push(served.write(context.device.key));
        }
        context.store().commit(set)?;
        Served::kept(context);
    }
    Ok(Response::Changes { sync_key, changes })
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
    pub(crate) fn reply(self, context: &Context<'_>) -> Reply {
        let root = match self {
            Self::Advised(reply) => return reply,
            Self::Refused(status) => Element::of(fh::FOLDER_SYNC, [Element::number(fh::STATUS, status as u8)]),
            Self::Changes { sync_key, changes } => {
                let count = u32::try_from(changes.len()).expect("a mailbox has far fewer folders");
                let mut list = Element::of(fh::CHANGES, [Element::number(fh::COUNT, count)]);
                list.extend(changes.iter().map(|change| written(context, change)));
                Element::of(
                    fh::FOLDER_SYNC,
                    [Element::number(fh::STATUS, 1), Element::text(fh::SYNC_KEY, sync_key.to_string()), list],
                )
            }
        };
        Answer::wbxml(&root).into()
    }
}

fn written(context: &Context<'_>, change: &FolderChange) -> Element {
    match change {
        FolderChange::Add(folder) => described(context, fh::ADD, folder),
        FolderChange::Delete(id) => Element::of(fh::DELETE, [Element::text(fh::SERVER_ID, context.ids.folder(*id))]),
        FolderChange::Update(folder) => described(context, fh::UPDATE, folder),
    }
}

fn described(context: &Context<'_>, tag: Tag, folder: &FolderView) -> Element {
    let parent = folder.parent.map_or_else(|| "0".to_owned(), |parent| context.ids.folder(parent));
    Element::of(
        tag,
        [
            Element::text(fh::SERVER_ID, context.ids.folder(folder.id)),
            Element::text(fh::PARENT_ID, parent),
            Element::text(fh::DISPLAY_NAME, folder.name.clone()),
            Element::number(fh::TYPE, folder.told.number()),
        ],
    )
}
