//! Sync: items go both ways, collection by collection.
//!
//! MS-ASCMD 2.2.1.21 "Sync"; tags on code page 0, AirSync.
//!
//! One request is one step. The device names, for each collection, the key of what it has; its commands are carried
//! out ([`client`]), what changed on the server is sent ([`server`]), and the changes, their outcomes, the cursors and
//! the new keys are committed together. A key that is repeated means that the answer was lost: the same range is read
//! again with the content of today, commands that were carried out are answered and not done again, and the new key is
//! the same (K: G01). Key `0` starts over. When there is nothing to say the answer is empty from 12.1 on (K: G03), or
//! is held back until there is, if the device asked for that.

mod anew;
mod answer;
pub(crate) mod client;
mod known;
pub(crate) mod options;
pub(crate) mod outflow;
pub(crate) mod request;
pub(crate) mod server;
mod step;
pub(crate) mod trouble;
pub(crate) mod wait;
mod work;

use easel_plugin::hooks::{Recovery, Symptom};
use easel_protocol::{SyncKey, Version};
use easel_store::{CollectionState, Snapshot, StoreError};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync;

use self::answer::{failed, nothing, written};
use self::client::Edits;
use self::known::Known;
use self::options::Sticky;
use self::outflow::Outflow;
use self::request::{Collection, Request};
use self::server::Server;
use self::step::{Outcome, attempt};
use crate::context::{Context, Failure, unpack};
use crate::hierarchy::FolderView;
use crate::{Answer, Reply, recovery};

/// MS-ASCMD 2.2.3.177.17 "Status (Sync)", for a collection or the whole answer; item status is
/// [`client::ItemStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 1,
    /// The key is not one of ours: the device starts the collection over.
    InvalidSyncKey = 3,
    /// The request breaks a rule; the device must not send it again.
    ProtocolError = 4,
    /// Our side failed; the device tries again.
    ServerError = 5,
    /// There is no such folder.
    NotFound = 8,
    /// The tree of folders changed: the device runs FolderSync.
    HierarchyChanged = 12,
    /// The remembered request is not there: the device sends everything.
    Incomplete = 13,
    /// The time to wait is out of range; Limit says what is in it.
    WaitOutOfRange = 14,
    /// Too many collections; Limit says how many may be.
    TooManyCollections = 15,
    /// The answer could not be finished; the device tries again.
    Retry = 16,
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Request(_) => Self::ProtocolError,
            Failure::Store(StoreError::Stale) => Self::Retry,
            Failure::Store(_) => Self::ServerError,
        }
    }
}

/// An answer that is only a status.
pub(crate) fn refused(status: Status) -> Reply {
    Answer::wbxml(&Element::of(airsync::SYNC, [Element::number(airsync::STATUS, status as u8)])).into()
}

/// An answer that is a status and what would have been in range.
pub(crate) fn limited(status: Status, limit: u32) -> Reply {
    let children = [Element::number(airsync::STATUS, status as u8), Element::number(airsync::LIMIT, limit)];
    Answer::wbxml(&Element::of(airsync::SYNC, children)).into()
}

/// Answers a request; `None` for the body means that the device sent none.
pub(crate) fn handle(context: &Context<'_>, root: Option<&Element>, out: &mut Outflow<'_>) -> Result<Reply, Failure> {
    let request = root.map(Request::from_wbxml).transpose()?;
    // Before it is remembered, and once more with what is remembered.
    if let Some(reply) = request.as_ref().and_then(|request| too_many(context, &request.collections)) {
        return Ok(reply);
    }
    let step = match wait::complete(context, request)? {
        Ok(step) => step,
        Err(reply) => return Ok(reply),
    };
    if let Some(reply) = too_many(context, &step.collections) {
        return Ok(reply);
    }
    let outcome = attempt(context, &step, out)?;
    match outcome {
        Outcome::Flown(reply) => {
            recovery::well(context, &[Symptom::BusyLoop], None);
            Ok(reply)
        }
        Outcome::Advised(recovery) => advised(context, &step.collections, recovery),
        Outcome::Refused(reply) => Ok(reply),
        Outcome::News(answers) => {
            recovery::well(context, &[Symptom::BusyLoop], None);
            Ok(written(context, &answers))
        }
        Outcome::Nothing(answers) => match step.wait_secs {
            Some(secs) if context.version >= Version::V12_1 => Ok(wait::park(context, &step, secs)),
            Some(_) | None => match recovery::nothing_new(context) {
                recovery @ (Recovery::Block | Recovery::ResyncAll | Recovery::ResyncHierarchy | Recovery::Throttle) => {
                    advised(context, &step.collections, recovery)
                }
                Recovery::ResyncFolder
                | Recovery::Retry
                | Recovery::ShrinkWindow
                | Recovery::SkipItem
                | Recovery::Usual => Ok(nothing(context, &answers)),
            },
        },
    }
}

/// What a request of more collections than may be gets.
fn too_many(context: &Context<'_>, collections: &[Collection<'_>]) -> Option<Reply> {
    let most = context.settings.collections_max;
    let limit = || limited(Status::TooManyCollections, u32::try_from(most).unwrap_or(u32::MAX));
    (collections.len() > most).then(limit)
}

/// Carries out what the pack advised, and tells the device.
pub(crate) fn advised(
    context: &Context<'_>,
    collections: &[Collection<'_>],
    recovery: Recovery,
) -> Result<Reply, Failure> {
    if let Some(reply) = recovery::carry_out(context, recovery)? {
        return Ok(reply);
    }
    Ok(match hierarchy_changed(context, collections) {
        Outcome::News(answers) => written(context, &answers),
        Outcome::Refused(reply) => reply,
        Outcome::Advised(_) | Outcome::Flown(_) | Outcome::Nothing(_) => refused(Status::HierarchyChanged),
    })
}

/// A step that failed on our side. A device that only a fresh start brings back to life gets one: `recovery.on_error`.
pub(crate) fn failed_step(context: &Context<'_>, root: Option<&Element>, error: &Failure) -> Reply {
    let request = root.and_then(|root| Request::from_wbxml(root).ok());
    let running = request
        .as_ref()
        .is_none_or(|request| request.collections.iter().any(|collection| collection.key != Some(SyncKey::Initial)));
    // A disk that takes nothing for a while has nothing to do with what the device holds.
    if matches!(error, Failure::Request(_) | Failure::Store(StoreError::Stale | StoreError::Disk { .. }))
        || !running
        || !recovery::resyncs_on_error(context)
    {
        return failure(error);
    }
    tracing::warn!(user = context.user.id.0, device = context.device.key.0, "its folders start over after a failure");
    match request.filter(|request| !request.collections.is_empty()) {
        Some(request) => {
            let all: Vec<_> =
                request.collections.iter().map(|collection| failed(collection, Status::InvalidSyncKey)).collect();
            written(context, &all)
        }
        None => refused(Status::InvalidSyncKey),
    }
}

/// What waits in a collection for a device, at most `most`: what Ping and GetItemEstimate ask; `None` when the device
/// has no state there.
pub(crate) fn waiting(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    view: &FolderView,
    filter: Option<u8>,
    most: usize,
) -> Result<Option<(CollectionState, usize)>, Failure> {
    let Some(mut state) = snapshot.collection(context.device.key, view.id)? else { return Ok(None) };
    let mut sticky: Sticky = unpack(&state.options).unwrap_or_default();
    if let Some(class) = view.class()
        && !anew::mark(snapshot, &mut sticky, &mut state.after, context, class)?
    {
        // Sync says so.
        return Ok(Some((state, 1)));
    }
    sticky.filter = filter.unwrap_or(sticky.filter);
    let (edits, known) = (Edits::default(), Known::default());
    let server = Server { context, snapshot, view, sticky: &sticky, edits: &edits, known: &known, deadline: None };
    let count = server.waiting(&state.after, most)?;
    Ok(Some((state, count)))
}

/// What a device is told that is to learn the tree first.
fn hierarchy_changed(context: &Context<'_>, collections: &[Collection<'_>]) -> Outcome {
    if context.tells_hierarchy_globally() || collections.is_empty() {
        return Outcome::Refused(refused(Status::HierarchyChanged));
    }
    // Before 12.1 the word for it is that the folder is not there.
    let status = if context.version >= Version::V12_1 { Status::HierarchyChanged } else { Status::NotFound };
    Outcome::News(collections.iter().map(|collection| failed(collection, status)).collect())
}

/// Whether the device itself changed something that no Sync of its went past since.
pub(crate) fn changed_itself(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    state: &CollectionState,
) -> Result<bool, StoreError> {
    for (folder, cursor) in &state.after {
        let rows = snapshot.log(*folder, cursor.w, 256)?;
        if rows.iter().any(|row| row.author == Some(context.device.key)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A request that cannot be obeyed, told at the level it belongs to.
pub(crate) fn failure(failure: &Failure) -> Reply {
    refused(Status::from(failure))
}
