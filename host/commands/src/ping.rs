//! Ping: the device waits for something to happen.
//!
//! MS-ASCMD 2.2.1.13 "Ping"; tags on code page 13, Ping.
//!
//! Interval and folders are remembered with the device; either may be left out later, and an empty body means both.
//! What would wake it is what the next Sync would send: the same question, asked of the same state.

use std::collections::HashSet;

use easel_protocol::FolderType;
use easel_store::{ChangeSet, Interest, Snapshot, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::ping;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::context::{Context, Failure, RequestError, id_of, number, pack, unpack};
use crate::hierarchy::{self, FolderView};
use crate::hierarchy_state::{HierarchyState, difference};
use crate::reply::{Parked, Resume, Why};
use crate::service::Waiting;
use crate::{Answer, Reply, sync};

const NAME: &str = "ping";

/// What the device sends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// Seconds; `None` means as before.
    pub(crate) interval_secs: Option<u32>,
    /// Folder ids as sent; `None` means as before.
    pub(crate) folders: Option<Vec<String>>,
}

impl Request {
    /// The order of Id and Class does not matter (K: T08), a folder listed twice counts once (K: A18).
    pub(crate) fn from_wbxml(root: &Element) -> Result<Self, RequestError> {
        let folders = root.child(ping::FOLDERS).map(|folders| {
            let (mut ids, mut seen) = (Vec::new(), HashSet::new());
            for folder in folders.all(ping::FOLDER) {
                let id = id_of(folder, ping::ID)?.ok_or(RequestError::Missing(ping::ID))?;
                if seen.insert(id.clone()) {
                    ids.push(id);
                }
            }
            Ok(ids)
        });
        let folders = folders.transpose()?.filter(|ids| !ids.is_empty());
        Ok(Self { interval_secs: number(root, ping::HEARTBEAT_INTERVAL)?, folders })
    }
}

/// MS-ASCMD 2.2.3.177.11 "Status (Ping)".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// 1: the interval is over.
    NoChanges,
    /// 2: something is there in these folders; the device syncs them.
    Changes(Vec<String>),
    /// 3: nothing is remembered; the device sends everything.
    Incomplete,
    /// 4: the request makes no sense.
    SyntaxError,
    /// 5: the nearest interval in range.
    IntervalOutOfRange(u32),
    /// 6: how many folders may be listed.
    TooManyFolders(u32),
    /// 7: the tree of folders changed: the device runs FolderSync.
    HierarchyChanged,
    /// 8: our side failed; the device tries again.
    ServerError,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    interval_secs: Option<u32>,
    folders: Vec<String>,
}

/// What a waiting Ping goes on with.
#[derive(Clone, Debug)]
pub(crate) struct WaitingPing {
    folders: Vec<String>,
}

/// Answers at once when there is something to say, else waits.
pub(crate) fn handle(context: &Context<'_>, request: Request) -> Result<Reply, Failure> {
    let (least, most) = context.heartbeat_secs();
    let most_folders = context.settings.collections_max;
    if request.folders.as_ref().is_some_and(|folders| folders.len() > most_folders) {
        return Ok(Response::TooManyFolders(u32::try_from(most_folders).unwrap_or(u32::MAX)).reply());
    }
    if let Some(asked) = request.interval_secs.filter(|asked| !(least..=most).contains(asked)) {
        return Ok(Response::IntervalOutOfRange(asked.clamp(least, most)).reply());
    }
    let Some((interval_secs, folders)) = complete(context, request)? else {
        return Ok(Response::Incomplete.reply());
    };
    let until = context.now + SignedDuration::from_secs(i64::from(interval_secs.clamp(least, most)));
    match look(context, &folders)? {
        Some(response) => Ok(response.reply()),
        None => wait(context, WaitingPing { folders }, until),
    }
}

/// The interval and folders, completed from what is remembered; both are remembered for the next time.
fn complete(context: &Context<'_>, request: Request) -> Result<Option<(u32, Vec<String>)>, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let old: Remembered =
        snapshot.device_value(context.device.key, NAME)?.and_then(|bytes| unpack(&bytes)).unwrap_or_default();
    drop(snapshot);
    let new = Remembered {
        interval_secs: request.interval_secs.or(old.interval_secs),
        folders: request.folders.unwrap_or_else(|| old.folders.clone()),
    };
    if new != old && !crate::device::is_probe(&context.device) {
        let mut set = ChangeSet::new(context.user.id);
        set.writes.push(Write::PutDeviceValue { device: context.device.key, name: NAME, value: Some(pack(&new)) });
        context.store().commit(set)?;
    }
    let interval_secs = new.interval_secs.or(context.heartbeat_default_secs());
    Ok(interval_secs.filter(|_| !new.folders.is_empty()).map(|interval_secs| (interval_secs, new.folders)))
}

/// What there is to say now.
fn look(context: &Context<'_>, folders: &[String]) -> Result<Option<Response>, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context)?;
    if hierarchy_changed(context, &*snapshot, &view)? {
        return Ok(Some(Response::HierarchyChanged));
    }
    let inbox_only = context.profile().text("push.push_folders") == "inbox";
    let echoes = !context.profile().flag("push.suppress_echo");
    let mut changed = Vec::new();
    for text in folders {
        // A folder the device has not synchronised, or that is not there, is passed over: an error loops (K: I15, O25).
        let id = context.ids.parse_folder(text).ok();
        let Some(folder) = view.iter().find(|folder| Some(folder.id) == id) else { continue };
        if folder.kind == FolderType::Outbox || (inbox_only && folder.kind != FolderType::Inbox) {
            continue;
        }
        let Some((state, count)) = sync::waiting(context, &*snapshot, folder, None, 1)? else { continue };
        if count > 0 || (echoes && sync::changed_itself(context, &*snapshot, &state)?) {
            changed.push(text.clone());
        }
    }
    Ok((!changed.is_empty()).then_some(Response::Changes(changed)))
}

/// Whether FolderSync would have something to send.
fn hierarchy_changed(context: &Context<'_>, snapshot: &dyn Snapshot, view: &[FolderView]) -> Result<bool, StoreError> {
    let Some(state) = HierarchyState::read(snapshot, context.device.key, context.ids)? else { return Ok(true) };
    Ok(!difference(&state.after, view).is_empty())
}

fn wait(context: &Context<'_>, waiting: WaitingPing, until: Timestamp) -> Result<Reply, Failure> {
    let folders = sync::wait::watched(context, waiting.folders.iter().map(String::as_str))?;
    Ok(Reply::Park(Parked {
        interest: Interest::Mailbox { user: context.user.id, device: context.device.key, folders },
        until,
        resume: Resume { line: Box::new(context.line.clone()), until, waiting: Waiting::Ping(waiting) },
    }))
}

/// A waiting Ping goes on.
pub(crate) fn resume(
    context: &Context<'_>,
    waiting: WaitingPing,
    until: Timestamp,
    why: Why,
) -> Result<Reply, Failure> {
    if why == Why::Superseded {
        return Ok(Response::NoChanges.reply());
    }
    match look(context, &waiting.folders)? {
        Some(response) => Ok(response.reply()),
        None => match why {
            Why::Changed if context.now < until => wait(context, waiting, until),
            Why::Changed | Why::Shutdown | Why::Superseded | Why::TimeUp => Ok(Response::NoChanges.reply()),
        },
    }
}

impl From<&Failure> for Response {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Request(_) => Self::SyntaxError,
            Failure::Store(_) => Self::ServerError,
        }
    }
}

impl Response {
    const fn status(&self) -> u8 {
        match self {
            Self::NoChanges => 1,
            Self::Changes(_) => 2,
            Self::Incomplete => 3,
            Self::SyntaxError => 4,
            Self::IntervalOutOfRange(_) => 5,
            Self::TooManyFolders(_) => 6,
            Self::HierarchyChanged => 7,
            Self::ServerError => 8,
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let mut root = Element::of(ping::PING, [Element::number(ping::STATUS, self.status())]);
        match self {
            Self::Changes(folders) => {
                let folders = folders.iter().map(|id| Element::text(ping::FOLDER, id.clone()));
                root.push(Element::of(ping::FOLDERS, folders));
            }
            Self::IntervalOutOfRange(nearest) => root.push(Element::number(ping::HEARTBEAT_INTERVAL, *nearest)),
            Self::TooManyFolders(most) => root.push(Element::number(ping::MAX_FOLDERS, *most)),
            Self::NoChanges | Self::Incomplete | Self::SyntaxError | Self::HierarchyChanged | Self::ServerError => {}
        }
        Answer::wbxml(&root).into()
    }
}
