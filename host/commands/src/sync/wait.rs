//! Waiting, empty and partial requests. MS-ASCMD 2.2.3.124 "Partial", 2.2.3.88 "HeartbeatInterval", 2.2.3.198 "Wait".
//!
//! The last request without client commands is remembered with the device: an empty one means it again, a partial one
//! overrides parts of it, and both mean the keys that were named last. A key that was given since may have arrived or
//! not: whoever goes on from it loses what a lost answer held, whoever goes back sends everything twice. So the device
//! is asked to say its keys, with Status 13 (K: P09). That costs a round trip after news, and none while nothing
//! happens, which is when a device may leave its request empty (MS-ASCMD 4.5.10 "Empty Sync Request and Response").

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
    /// Whether the device ever left out what is remembered. The keys of one that never does are not followed, so that
    /// its requests write nothing while they stay the same.
    relied_on: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RememberedCollection {
    id: String,
    /// A key that the device named. It holds what belongs to it or something later, so that it holds what belongs to
    /// the current key if this is the one.
    key: Option<SyncKey>,
    window: Option<u32>,
    get_changes: Option<bool>,
    deletes_as_moves: bool,
}

/// What a waiting Sync goes on with.
#[derive(Clone, Debug)]
pub(crate) struct WaitingSync {
    collections: Vec<WaitingCollection>,
    window: Option<u32>,
}

#[derive(Clone, Debug)]
struct WaitingCollection {
    id: String,
    key: SyncKey,
    window: Option<u32>,
    get_changes: Option<bool>,
}

/// The step a request stands for, completed from what is remembered; or the answer, when it stands for none.
pub(crate) fn complete<'a>(
    context: &Context<'_>,
    request: Option<Request<'a>>,
) -> Result<Result<Step<'a>, Reply>, Failure> {
    let listed = request.as_ref().map_or(0, |request| request.collections.len());
    if let Some(reply) = too_many(context, listed) {
        return Ok(Err(reply));
    }
    if context.version < Version::V12_1 {
        return Ok(match request {
            Some(request) if !request.partial && request.wait.is_none() => {
                Ok(Step { collections: request.collections, window: request.window, wait_secs: None })
            }
            Some(_) | None => Err(refused(Status::ProtocolError)),
        });
    }
    let snapshot = context.store().snapshot(context.user.id)?;
    let old: Option<Remembered> = snapshot.device_value(context.device.key, NAME)?.and_then(|bytes| unpack(&bytes));
    let (request, old) = match (request, old) {
        (Some(request), old) if !request.partial => {
            drop(snapshot);
            return complete_one(context, request, old.as_ref());
        }
        (_, None) => return Ok(Err(refused(Status::Incomplete))),
        (request, Some(old)) => (request, old),
    };
    let named = |id: &str| {
        let mut listed = request.iter().flat_map(|request| &request.collections);
        listed.any(|collection| collection.id.as_deref() == Some(id))
    };
    let others: Vec<_> = old.collections.iter().filter(|other| !named(&other.id)).cloned().collect();
    if let Some(reply) = too_many(context, others.len() + listed) {
        return Ok(Err(reply));
    }
    // K: P09. The time to wait does not come back with an empty request.
    let wait = request.as_ref().and_then(|request| request.wait.or(old.wait));
    let wait_secs = match wait_secs(context, wait) {
        Ok(secs) => secs,
        Err(reply) => return Ok(Err(reply)),
    };
    let recalled = recalled(context, &*snapshot, &others)?;
    drop(snapshot);
    let mut collections = match recalled {
        Ok(collections) => collections,
        Err(reply) => {
            old.relied_on().keep(context, Some(&old))?;
            return Ok(Err(reply));
        }
    };
    let window = request.as_ref().and_then(|request| request.window).or(old.window);
    match &request {
        Some(request) if !request.has_commands() => {
            let mut all = others;
            all.extend(RememberedCollection::of(request));
            Remembered { collections: all, window, wait, relied_on: true }.keep(context, Some(&old))?;
        }
        Some(_) | None => old.relied_on().keep(context, Some(&old))?,
    }
    collections.extend(request.into_iter().flat_map(|request| request.collections));
    Ok(Ok(Step { collections, window, wait_secs }))
}

/// The step of a request that leaves nothing out.
fn complete_one<'a>(
    context: &Context<'_>,
    request: Request<'a>,
    old: Option<&Remembered>,
) -> Result<Result<Step<'a>, Reply>, Failure> {
    let wait_secs = match wait_secs(context, request.wait) {
        Ok(secs) => secs,
        Err(reply) => return Ok(Err(reply)),
    };
    if !request.has_commands() && !request.collections.is_empty() {
        let collections = RememberedCollection::of(&request).collect();
        let relied_on = old.is_some_and(|old| old.relied_on);
        Remembered { collections, window: request.window, wait: request.wait, relied_on }.keep(context, old)?;
    }
    Ok(Ok(Step { collections: request.collections, window: request.window, wait_secs }))
}

/// The answer to a request for more collections than may be.
fn too_many(context: &Context<'_>, collections: usize) -> Option<Reply> {
    let most = context.settings.collections_max;
    (collections > most).then(|| limited(Status::TooManyCollections, u32::try_from(most).unwrap_or(u32::MAX)))
}

fn cannot_rerun(context: &Context<'_>) -> Reply {
    if context.version >= Version::V14_0 {
        return context.refuse(CommonStatus::InvalidStoredRequest, airsync::SYNC, airsync::STATUS);
    }
    refused(Status::Incomplete)
}

/// Remembered collections, to go on where they are; or the answer, when one is not there any more or when it is not
/// certain that the device holds what belongs to its current key.
fn recalled<'a>(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    remembered: &[RememberedCollection],
) -> Result<Result<Vec<Collection<'a>>, Reply>, Failure> {
    let mut collections = Vec::new();
    for one in remembered {
        let Ok(id) = context.ids.parse_folder(&one.id) else { return Ok(Err(cannot_rerun(context))) };
        let Some(state) = snapshot.collection(context.device.key, id)? else { return Ok(Err(cannot_rerun(context))) };
        if one.key != Some(state.key()) {
            return Ok(Err(refused(Status::Incomplete)));
        }
        collections.push(Collection {
            key: one.key,
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
    Ok(Ok(collections))
}

impl RememberedCollection {
    fn of(request: &Request<'_>) -> impl Iterator<Item = Self> {
        request.collections.iter().filter_map(|collection| {
            Some(Self {
                id: collection.id.clone()?,
                key: collection.key,
                window: collection.window,
                get_changes: collection.get_changes,
                deletes_as_moves: collection.deletes_as_moves,
            })
        })
    }
}

impl Remembered {
    fn relied_on(&self) -> Self {
        Self { relied_on: true, ..self.clone() }
    }

    /// Whether it says the same as `other`, but of other keys.
    fn differs_in_keys(&self, other: &Self) -> bool {
        let Self { collections, window, wait, relied_on } = other;
        let same = |(one, other): (&RememberedCollection, &RememberedCollection)| {
            let RememberedCollection { id, key: _, window, get_changes, deletes_as_moves } = other;
            (&one.id, one.window, one.get_changes, one.deletes_as_moves)
                == (id, *window, *get_changes, *deletes_as_moves)
        };
        (self.window, self.wait, self.relied_on) == (*window, *wait, *relied_on)
            && self.collections.len() == collections.len()
            && self.collections.iter().zip(collections).all(same)
    }

    /// Takes the place of `old`, where it says anything else that counts.
    fn keep(&self, context: &Context<'_>, old: Option<&Self>) -> Result<(), Failure> {
        let same = old.is_some_and(|old| old == self || (!self.relied_on && self.differs_in_keys(old)));
        if same || crate::device::is_probe(&context.device) {
            return Ok(());
        }
        let mut set = ChangeSet::new(context.user.id);
        set.writes.push(Write::PutDeviceValue { device: context.device.key, name: NAME, value: Some(pack(self)) });
        context.store().commit(set)?;
        Ok(())
    }
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
    let collections = step.collections.iter().filter_map(|collection| {
        Some(WaitingCollection {
            id: collection.id.clone()?,
            key: collection.key?,
            window: collection.window,
            get_changes: collection.get_changes,
        })
    });
    let waiting = WaitingSync { collections: collections.collect(), window: step.window };
    let until = context.now + SignedDuration::from_secs(i64::from(secs));
    wait(context, waiting, until)
}

fn wait(context: &Context<'_>, waiting: WaitingSync, until: Timestamp) -> Reply {
    let wanted = waiting.collections.iter().filter(|collection| collection.get_changes.unwrap_or(true));
    let folders = watched(context, wanted.map(|collection| collection.id.as_str())).unwrap_or_default();
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
    let collections = waiting.collections.iter().map(|collection| Collection {
        key: Some(collection.key),
        id: Some(collection.id.clone()),
        class: None,
        supported: None,
        deletes_as_moves: true,
        get_changes: collection.get_changes,
        window: collection.window,
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
