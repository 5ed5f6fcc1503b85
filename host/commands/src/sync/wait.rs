//! Waiting, empty and partial requests. MS-ASCMD 2.2.3.124 "Partial", 2.2.3.88 "HeartbeatInterval", 2.2.3.198 "Wait".
//!
//! The last full request without client commands is remembered with the device: an empty one means it again, a partial
//! one overrides parts of it. Keys are never remembered: a remembered request goes on from where the collections are.

use std::collections::BTreeSet;

use easel_protocol::{CommonStatus, FolderType, SyncKey, Version};
use easel_store::{ChangeSet, Interest, Snapshot, Write};
use easel_wbxml::pages::airsync;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::answer::{nothing, written};
use super::outflow::Outflow;
use super::request::{Collection, Request, Wait};
use super::step::{Outcome, Step, attempt};
use super::{Status, limited, refused};
use crate::context::{Context, Failure, pack, unpack};
use crate::reply::{Parked, Resume, Why};
use crate::service::Waiting;
use crate::{Reply, hierarchy};

const NAME: &str = "sync";

/// The longest Wait and HeartbeatInterval the protocol has, and the shortest HeartbeatInterval.
const MINUTES: (u32, u32) = (1, 59);

/// The remembered request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    collections: Vec<RememberedCollection>,
    window: Option<u32>,
    wait: Option<Wait>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RememberedCollection {
    id: String,
    window: Option<u32>,
    get_changes: Option<bool>,
    deletes_as_moves: bool,
}

/// What a waiting Sync goes on with.
#[derive(Clone, Debug)]
pub(crate) struct WaitingSync {
    collections: Vec<(String, SyncKey, Option<u32>)>,
    window: Option<u32>,
}

/// The step a request stands for, completed from what is remembered; or the answer, when it stands for none.
pub(crate) fn complete<'a>(
    context: &Context<'_>,
    request: Option<Request<'a>>,
) -> Result<Result<Step<'a>, Reply>, Failure> {
    if context.version < Version::V12_1 {
        return Ok(match request {
            Some(request) if !request.partial && request.wait.is_none() => {
                Ok(Step { collections: request.collections, window: request.window, wait_secs: None })
            }
            Some(_) | None => Err(refused(Status::ProtocolError)),
        });
    }
    let snapshot = context.store().snapshot(context.user.id)?;
    let remembered: Option<Remembered> =
        snapshot.device_value(context.device.key, NAME)?.and_then(|bytes| unpack(&bytes));
    let step = match (request, remembered) {
        (None, None) => return Ok(Err(refused(Status::Incomplete))),
        (Some(request), None) if request.partial => return Ok(Err(refused(Status::Incomplete))),
        (None, Some(remembered)) => {
            // K: P09. The time to wait does not come back with an empty request.
            let Some(collections) = recalled(context, &*snapshot, &remembered.collections)? else {
                return Ok(Err(cannot_rerun(context)));
            };
            Step { collections, window: remembered.window, wait_secs: None }
        }
        (Some(request), Some(remembered)) if request.partial => {
            let named = |other: &RememberedCollection| {
                request.collections.iter().any(|listed| listed.id.as_deref() == Some(&other.id))
            };
            let others: Vec<RememberedCollection> =
                remembered.collections.into_iter().filter(|other| !named(other)).collect();
            let Some(mut collections) = recalled(context, &*snapshot, &others)? else {
                return Ok(Err(cannot_rerun(context)));
            };
            collections.extend(request.collections);
            let wait_secs = match wait_secs(context, request.wait.or(remembered.wait)) {
                Ok(secs) => secs,
                Err(reply) => return Ok(Err(reply)),
            };
            Step { collections, window: request.window.or(remembered.window), wait_secs }
        }
        (Some(request), remembered) => {
            let wait_secs = match wait_secs(context, request.wait) {
                Ok(secs) => secs,
                Err(reply) => return Ok(Err(reply)),
            };
            drop(snapshot);
            remember(context, &request, remembered.as_ref())?;
            return Ok(Ok(Step { collections: request.collections, window: request.window, wait_secs }));
        }
    };
    Ok(Ok(step))
}

fn cannot_rerun(context: &Context<'_>) -> Reply {
    if context.version >= Version::V14_0 {
        return context.refuse(CommonStatus::InvalidStoredRequest, airsync::SYNC, airsync::STATUS);
    }
    refused(Status::Incomplete)
}

/// Remembered collections with the keys they have now; `None` when one has none.
fn recalled<'a>(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    remembered: &[RememberedCollection],
) -> Result<Option<Vec<Collection<'a>>>, Failure> {
    let mut collections = Vec::new();
    for one in remembered {
        let Ok(id) = context.ids.parse_folder(&one.id) else { return Ok(None) };
        let Some(state) = snapshot.collection(context.device.key, id)? else { return Ok(None) };
        collections.push(Collection {
            key: Some(state.key()),
            id: Some(one.id.clone()),
            class: None,
            supported: None,
            deletes_as_moves: one.deletes_as_moves,
            get_changes: one.get_changes,
            window: one.window,
            options: Vec::new(),
            commands: Vec::new(),
        });
    }
    Ok(Some(collections))
}

fn remember(context: &Context<'_>, request: &Request<'_>, old: Option<&Remembered>) -> Result<(), Failure> {
    let has_commands = request.collections.iter().any(|collection| !collection.commands.is_empty());
    if has_commands || request.collections.is_empty() {
        return Ok(());
    }
    let collections = request.collections.iter().filter_map(|collection| {
        Some(RememberedCollection {
            id: collection.id.clone()?,
            window: collection.window,
            get_changes: collection.get_changes,
            deletes_as_moves: collection.deletes_as_moves,
        })
    });
    let new = Remembered { collections: collections.collect(), window: request.window, wait: request.wait };
    if old == Some(&new) || crate::device::is_probe(&context.device) {
        return Ok(());
    }
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(Write::PutDeviceValue { device: context.device.key, name: NAME, value: Some(pack(&new)) });
    context.store().commit(set)?;
    Ok(())
}

/// The time to wait in seconds, or the answer that says which would be in range.
fn wait_secs(context: &Context<'_>, wait: Option<Wait>) -> Result<Option<u32>, Reply> {
    let (least, most) = context.heartbeat_secs();
    let (asked, least, most, unit) = match wait {
        None => return Ok(None),
        Some(Wait::Seconds(secs)) => (secs, least, most, 1),
        Some(Wait::Minutes(minutes)) => {
            let most = (most / 60).clamp(MINUTES.0, MINUTES.1);
            // Where no whole minute lies between the bounds, it is the one below them.
            (minutes, least.div_ceil(60).clamp(MINUTES.0, most), most, 60)
        }
    };
    if asked < least || asked > most {
        return Err(limited(Status::WaitOutOfRange, asked.clamp(least, most)));
    }
    Ok(Some(asked * unit))
}

/// The request waits until something is there to be said.
pub(crate) fn park(context: &Context<'_>, step: &Step<'_>, secs: u32) -> Reply {
    let collections = step
        .collections
        .iter()
        .filter_map(|collection| Some((collection.id.clone()?, collection.key?, collection.window)));
    let waiting = WaitingSync { collections: collections.collect(), window: step.window };
    let until = context.now + SignedDuration::from_secs(i64::from(secs));
    wait(context, waiting, until)
}

fn wait(context: &Context<'_>, waiting: WaitingSync, until: Timestamp) -> Reply {
    let folders = watched(context, waiting.collections.iter().map(|(id, _, _)| id.as_str())).unwrap_or_default();
    Reply::Park(Parked {
        interest: Interest::Mailbox { user: context.user.id, device: context.device.key, folders },
        until,
        resume: Resume { line: Box::new(context.line.clone()), until, waiting: Waiting::Sync(waiting) },
    })
}

/// The folders behind collections that a device waits for: not the Outbox (K: A17), and only the Inbox where the
/// profile says so.
pub(crate) fn watched<'i>(
    context: &Context<'_>,
    ids: impl Iterator<Item = &'i str>,
) -> Result<BTreeSet<easel_protocol::CollectionId>, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context)?;
    let inbox_only = context.profile().text("push.push_folders") == "inbox";
    let mut folders = BTreeSet::new();
    for id in ids {
        let Ok(id) = context.ids.parse_folder(id) else { continue };
        let wakes = |kind: FolderType| kind != FolderType::Outbox && (!inbox_only || kind == FolderType::Inbox);
        let found = view.iter().find(|folder| folder.id == id && wakes(folder.kind));
        folders.extend(found.into_iter().flat_map(|folder| folder.folders.iter().copied()));
    }
    Ok(folders)
}

/// A waiting Sync goes on.
pub(crate) fn resume(
    context: &Context<'_>,
    waiting: WaitingSync,
    until: Timestamp,
    why: Why,
    out: &mut Outflow<'_>,
) -> Result<Reply, Failure> {
    let collections = waiting.collections.iter().map(|(id, key, window)| Collection {
        key: Some(*key),
        id: Some(id.clone()),
        class: None,
        supported: None,
        deletes_as_moves: true,
        get_changes: None,
        window: *window,
        options: Vec::new(),
        commands: Vec::new(),
    });
    let step = Step { collections: collections.collect(), window: waiting.window, wait_secs: None };
    if why == Why::Superseded {
        return Ok(crate::Answer::empty().into());
    }
    Ok(match attempt(context, &step, out)? {
        Outcome::Flown(reply) => reply,
        Outcome::Advised(recovery) => super::advised(context, &step.collections, recovery)?,
        Outcome::Refused(reply) => reply,
        Outcome::News(answers) => written(context, &answers),
        Outcome::Nothing(answers) => match why {
            Why::Changed if context.now < until => wait(context, waiting, until),
            Why::Changed | Why::Shutdown | Why::Superseded | Why::TimeUp => nothing(context, &answers),
        },
    })
}
