//! Devices that seem stuck: what is seen of them, what their pack advises, and how it is carried out.
//!
//! A device whose pack has no code for this costs nothing here: nothing is counted for it but repeated Sync answers,
//! which are kept with their collection ([`crate::sync::trouble::Trouble`]).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use easel_plugin::Hook;
use easel_plugin::hooks::{History, HookContext, Recovery, Symptom};
use easel_protocol::{Command, CommonStatus, Version};
use easel_store::{ChangeSet, DeviceKey, Modseq, StoreError, Write, change_device};
use serde::{Deserialize, Serialize};

use crate::context::{Context, Failure, hook_folder, pack, unpack};
use crate::hierarchy::FolderView;
use crate::{Answer, Condition, Later, Reply, device, dispatch, hierarchy, hierarchy_state};

const NAME: &str = "recovery";

/// Everything starts over at most once in this time.
const RESYNC_EVERY_MS: i64 = 3_600_000;
/// How long a device that is slowed down gets 503.
const THROTTLE_MS: i64 = 300_000;
/// What is not seen again for so long begins anew.
const FORGOTTEN_AFTER_MS: i64 = 3_600_000;
/// Requests without news that make a busy loop,
const BUSY_REQUESTS: u32 = 30;
/// within this time.
const BUSY_WITHIN_MS: i64 = 60_000;
/// The place of what is seen of the tree of folders, or of no folder: none has this number.
const TREE: u64 = 0;
/// Things remembered; above it all are forgotten.
const REMEMBERED_MAX: usize = 20_000;

/// What is remembered with a device.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Remembered {
    /// When everything was started over, milliseconds since 1970.
    resync_ms: i64,
}

/// Where a symptom is seen: a device, and a collection or the tree.
type Place = (DeviceKey, Symptom, u64);

/// How often each symptom was seen in a row, and since when; the last request of each command, with the mailbox as it
/// was; and who is slowed down until when.
#[derive(Debug, Default)]
pub(crate) struct Symptoms {
    seen: Mutex<HashMap<Place, (u32, i64)>>,
    last: Mutex<HashMap<(DeviceKey, Command), (u64, Modseq)>>,
    slowed: Mutex<HashMap<DeviceKey, i64>>,
}

impl Symptoms {
    /// The symptom once more.
    fn again(&self, place: Place, now: i64) -> (u32, i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED_MAX {
            seen.clear();
        }
        // What is ahead of the clock was seen before it was set back.
        let counts = |(_, since): &(u32, i64)| (0..FORGOTTEN_AFTER_MS).contains(&(now - since));
        let (times, since) = seen.get(&place).copied().filter(counts).unwrap_or((0, now));
        seen.insert(place, (times.saturating_add(1), since));
        (times.saturating_add(1), since)
    }

    fn forget(&self, place: &Place) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }

    /// Whether a request is the same as the last one of its command, and nothing changed since.
    fn is_same(&self, device: DeviceKey, command: Command, request: (u64, Modseq)) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= REMEMBERED_MAX {
            last.clear();
        }
        last.insert((device, command), request) == Some(request)
    }

    /// For how many seconds a device is still to get 503.
    pub(crate) fn slowed_secs(&self, device: DeviceKey, now: i64) -> Option<i64> {
        let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        // More than that is left only when the clock was set back since.
        let left = slowed.get(&device).map(|until| until - now).filter(|left| (1..=THROTTLE_MS).contains(left));
        if left.is_none() {
            slowed.remove(&device);
        }
        left.map(|left| (left + 999) / 1000)
    }

    fn slow(&self, device: DeviceKey, until: i64) {
        self.slowed.lock().unwrap_or_else(PoisonError::into_inner).insert(device, until);
    }
}

/// A device that is slowed down comes back in so many seconds.
pub(crate) fn slowed(secs: i64, version: Version) -> Answer {
    let condition = Some(Condition::RecentCommands);
    Later { retry_after_secs: secs.unsigned_abs(), condition }.answer(Some(version))
}

/// Whether anybody looks at what is seen of the device.
fn is_watched(context: &Context<'_>) -> bool {
    context.asked.plugin().answers(Hook::Recover) && !device::is_probe(&context.device)
}

/// What the pack advises about a symptom that was seen, in a collection or in the tree.
pub(crate) fn seen(context: &Context<'_>, symptom: Symptom, view: Option<&FolderView>) -> Recovery {
    if !is_watched(context) {
        return Recovery::Usual;
    }
    let place = view.map_or(TREE, |view| view.id.number());
    let (times, since) = context.service.symptoms().again((context.device.key, symptom, place), context.now_ms());
    advice(context, symptom, view, (times, since))
}

/// Symptoms were not seen this time.
pub(crate) fn well(context: &Context<'_>, symptoms: &[Symptom], view: Option<&FolderView>) {
    if context.asked.plugin().answers(Hook::Recover) {
        let place = view.map_or(TREE, |view| view.id.number());
        symptoms.iter().for_each(|symptom| {
            context.service.symptoms().forget(&(context.device.key, *symptom, place));
        });
    }
}

/// A Sync that brought nothing: many of them in a short time are a busy loop.
pub(crate) fn nothing_new(context: &Context<'_>) -> Recovery {
    if is_watched(context) { busy(context, TREE) } else { Recovery::Usual }
}

fn busy(context: &Context<'_>, number: u64) -> Recovery {
    let place = (context.device.key, Symptom::BusyLoop, number);
    let (times, since) = context.service.symptoms().again(place, context.now_ms());
    if context.now_ms() - since > BUSY_WITHIN_MS {
        context.service.symptoms().forget(&place);
        return Recovery::Usual;
    }
    // Asked each time the loop has become twice as long, so that a pack with no advice costs the device nothing.
    let is_asked = times.is_multiple_of(BUSY_REQUESTS) && (times / BUSY_REQUESTS).is_power_of_two();
    if is_asked { advice(context, Symptom::BusyLoop, None, (times, since)) } else { Recovery::Usual }
}

/// What is done about a request before it is carried out.
pub(crate) enum Before {
    /// Nothing.
    Go,
    /// It is answered so.
    Instead(Reply),
    /// It is carried out without the items that it fetches.
    Skip,
}

/// A request of any command but Sync, which has keys to tell by. The same request again, with nothing changed since, may
/// mean that its answer did not arrive or could not be digested, and many of them in a short time are a busy loop.
pub(crate) fn before(context: &Context<'_>, body: &[u8]) -> Result<Before, Failure> {
    if context.command == Command::Sync || !is_watched(context) {
        return Ok(Before::Go);
    }
    let mut hash = DefaultHasher::new();
    (body, format!("{:?}", context.line)).hash(&mut hash);
    let request = (hash.finish(), context.store().snapshot(context.user.id)?.modseq());
    let (symptoms, device) = (context.service.symptoms(), context.device.key);
    let number = u64::MAX - Command::ALL.iter().position(|command| *command == context.command).unwrap_or(0) as u64;
    let symptoms_of = [(Command::ItemOperations, Symptom::RepeatedItem), (Command::MoveItems, Symptom::RepeatedKey)];
    let symptom = symptoms_of.into_iter().find(|(command, _)| *command == context.command).map(|(_, symptom)| symptom);
    if !symptoms.is_same(device, context.command, request) {
        for symptom in symptom.into_iter().chain([Symptom::BusyLoop]) {
            symptoms.forget(&(device, symptom, number));
        }
        return Ok(Before::Go);
    }
    let mut advised = busy(context, number);
    if let (Recovery::Usual, Some(symptom)) = (advised, symptom) {
        advised = advice(context, symptom, None, symptoms.again((device, symptom, number), context.now_ms()));
    }
    Ok(match carry_out(context, advised)? {
        Some(reply) => Before::Instead(reply),
        // What starts over is told by the next FolderSync, Ping or Sync, in its own words.
        None if advised == Recovery::SkipItem && context.command == Command::ItemOperations => Before::Skip,
        None => Before::Go,
    })
}

/// What the pack advises; everything is started over at most once an hour.
pub(crate) fn advice(
    context: &Context<'_>,
    symptom: Symptom,
    view: Option<&FolderView>,
    (times, since_ms): (u32, i64),
) -> Recovery {
    let within_secs = u32::try_from((context.now_ms() - since_ms) / 1000).unwrap_or(0);
    let around = HookContext { folder: view.map(|view| hook_folder(view.kind)), ..context.hook(None) };
    let advised = context.asked.recover(&around, &History { symptom, times: times.max(1), within_secs });
    if advised != Recovery::Usual {
        let (user, device, command) = (context.user.id.0, context.device.key.0, context.command);
        tracing::warn!(user, device, %command, ?symptom, times, ?advised, "a device seems stuck");
    }
    if advised == Recovery::ResyncAll && !may_resync(context).unwrap_or(false) {
        return Recovery::Usual;
    }
    advised
}

fn remembered(context: &Context<'_>) -> Result<Remembered, StoreError> {
    let value = context.store().snapshot(context.user.id)?.device_value(context.device.key, NAME)?;
    Ok(value.and_then(|bytes| unpack(&bytes)).unwrap_or_default())
}

fn may_resync(context: &Context<'_>) -> Result<bool, StoreError> {
    // What is ahead of the clock was noted before it was set back.
    let since = context.now_ms() - remembered(context)?.resync_ms;
    Ok(!(0..RESYNC_EVERY_MS).contains(&since))
}

/// Whether a Sync that failed may start its folders over: at most once an hour and device.
pub(crate) fn resyncs_on_error(context: &Context<'_>) -> bool {
    if context.profile().text("recovery.on_error") != "resync" || !may_resync(context).unwrap_or(false) {
        return false;
    }
    let value = Some(pack(&Remembered { resync_ms: context.now_ms() }));
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(Write::PutDeviceValue { device: context.device.key, name: NAME, value });
    context.store().commit(set).is_ok()
}

/// Does to the device what is advised; the answer, where it is one for every command. After `None` the command tells
/// the device to start over in its own words.
pub(crate) fn carry_out(context: &Context<'_>, advised: Recovery) -> Result<Option<Reply>, Failure> {
    let device = context.device.key;
    let mut set = ChangeSet::new(context.user.id);
    match advised {
        Recovery::Throttle => {
            context.service.symptoms().slow(device, context.now_ms() + THROTTLE_MS);
            return Ok(Some(slowed(THROTTLE_MS / 1000, context.version).into()));
        }
        Recovery::Block => {
            change_device(context.store(), &context.device, |device| device.blocked = true)?;
            return Ok(Some(dispatch::refuse(context.command, context.version, CommonStatus::DeviceBlocked)));
        }
        Recovery::ResyncAll => {
            let snapshot = context.store().snapshot(context.user.id)?;
            for folder in hierarchy::view(&*snapshot, context)?.iter() {
                if let Some(state) = snapshot.collection(device, folder.id)? {
                    let expect = Some(state.key());
                    set.writes.push(Write::PutCollection { device, collection: folder.id, expect, state: None });
                }
            }
            let value = Some(pack(&Remembered { resync_ms: context.now_ms() }));
            set.writes.push(Write::PutDeviceValue { device, name: NAME, value });
            set.writes.push(hierarchy_state::forget(device));
        }
        Recovery::ResyncHierarchy => set.writes.push(hierarchy_state::forget(device)),
        Recovery::ResyncFolder | Recovery::Retry | Recovery::ShrinkWindow | Recovery::SkipItem | Recovery::Usual => {}
    }
    if !set.writes.is_empty() {
        context.store().commit(set)?;
    }
    Ok(None)
}
