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
pub(crate) mod trouble;
pub(crate) mod wait;

use std::sync::Arc;

use easel_items::Ghosting;
use easel_plugin::hooks::{Recovery, Symptom};
use easel_protocol::{Class, CollectionId, ServerId, SyncKey, Version};
use easel_store::{ChangeSet, CollectionState, Cursor, Cursors, Missing, Snapshot, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync;

use self::answer::{CollectionAnswer, Head, failed, nothing, written};
use self::client::{Client, Edits};
use self::known::Known;
use self::options::{OptionsError, Sticky};
use self::outflow::Outflow;
use self::request::{Collection, Command, Request};
use self::server::{Flow, Sent, Server};
use self::trouble::Way;
use crate::context::{Context, Failure, pack, unpack};
use crate::hierarchy::{self, FolderView};
use crate::hierarchy_state::HierarchyState;
use crate::recovery;
use crate::served::Served;
use crate::{Answer, Reply, SinkClosed, allowance};

/// WindowSize when the device names none. MS-ASCMD 2.2.3.199 "WindowSize".
const WINDOW_DEFAULT: u32 = 100;
/// The most entries of an answer.
const WINDOW_MAX: u32 = 512;
/// How often the work is done again when somebody else changed what it rests on.
const ATTEMPTS: u32 = 3;

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
    let step = match wait::complete(context, request)? {
        Ok(step) => step,
        Err(reply) => return Ok(reply),
    };
    if step.collections.len() > context.settings.collections_max {
        let most = u32::try_from(context.settings.collections_max).unwrap_or(u32::MAX);
        return Ok(limited(Status::TooManyCollections, most));
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

/// One step to be taken.
#[derive(Debug, Default)]
pub(crate) struct Step<'a> {
    pub(crate) collections: Vec<Collection<'a>>,
    pub(crate) window: Option<u32>,
    pub(crate) wait_secs: Option<u32>,
}

/// What a step came to.
pub(crate) enum Outcome {
    /// The pack has another way with the device.
    Advised(Recovery),
    /// The answer has left already, or was cut on its way.
    Flown(Reply),
    /// There is something to say.
    News(Vec<CollectionAnswer>),
    /// There is not.
    Nothing(Vec<CollectionAnswer>),
    /// The whole request is refused.
    Refused(Reply),
}

/// Does the work on a snapshot and commits it; again when somebody else was quicker.
pub(crate) fn attempt(context: &Context<'_>, step: &Step<'_>, out: &mut Outflow<'_>) -> Result<Outcome, Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        context.attempt.set(tries - 1);
        let snapshot = context.store().snapshot(context.user.id)?;
        let mut work = Work::new(context, &*snapshot)?;
        let outcome = work.run(step, out);
        let writes = work.writes();
        drop(snapshot);
        if out.has_begun() {
            return Ok(Outcome::Flown(ended(context, outcome.map(|_| writes), out)));
        }
        let outcome = outcome?;
        if matches!(outcome, Outcome::Refused(_) | Outcome::Advised(_)) || writes.is_empty() {
            return Ok(outcome);
        }
        let mut set = ChangeSet::by(context.user.id, context.device.key);
        set.writes = writes;
        set.writes.extend(allowance::bytes_max(context).map(|bytes_max| Write::Within { bytes_max }));
        match context.store().commit(set) {
            Ok(_) => return Ok(outcome),
            // Somebody else took the room there was.
            Err(StoreError::OverQuota { .. }) if tries < ATTEMPTS => {}
            Err(StoreError::Stale | StoreError::NotFound(Missing::Item)) if tries < ATTEMPTS => {}
            Err(StoreError::NotFound(Missing::Item)) => return Err(StoreError::Stale.into()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Commits the step whose answer is leaving, and lets the answer end; cuts it where that fails.
fn ended(context: &Context<'_>, writes: Result<Vec<Write>, Failure>, out: &mut Outflow<'_>) -> Reply {
    // Whoever has gone comes back with the old key.
    if out.is_closed() {
        return Reply::Cut;
    }
    let committed = writes.and_then(|writes| {
        let set = ChangeSet { writes, ..ChangeSet::by(context.user.id, context.device.key) };
        Ok(context.store().commit(set)?)
    });
    if let Err(error) = committed {
        let (user, device) = (context.user.id.0, context.device.key.0);
        if !matches!(&error, Failure::Store(error) if error.is_told()) {
            tracing::error!(user, device, %error, "an answer cannot be finished and is cut");
        }
        return Reply::Cut;
    }
    match out.finish() {
        Ok(()) => Reply::Streamed,
        Err(SinkClosed) => Reply::Cut,
    }
}

/// A folder that a collection names, and how far the device is there.
struct Place {
    view: FolderView,
    state: Option<CollectionState>,
}

/// Why there is no answer for a collection.
enum Refusal {
    /// The pack has another way.
    Advised(Recovery),
    /// Its options are refused.
    Options(OptionsError),
}

impl From<OptionsError> for Refusal {
    fn from(error: OptionsError) -> Self {
        Self::Options(error)
    }
}

/// One attempt at a step.
struct Work<'a> {
    context: &'a Context<'a>,
    snapshot: &'a dyn Snapshot,
    folders: Arc<Vec<FolderView>>,
    edits: Edits,
    states: Vec<Write>,
    known: Known,
}

impl<'a> Work<'a> {
    fn new(context: &'a Context<'a>, snapshot: &'a dyn Snapshot) -> Result<Self, StoreError> {
        let folders = hierarchy::view(snapshot, context)?;
        let known = Known::read(context, snapshot)?;
        let room = match allowance::bytes_max(context) {
            Some(most) => Some(most.saturating_sub(context.store().mailbox_bytes(context.user.id)?)),
            None => None,
        };
        Ok(Self { context, snapshot, folders, edits: Edits::within(room), states: Vec::new(), known })
    }

    fn writes(&mut self) -> Vec<Write> {
        let mut writes = std::mem::take(&mut self.edits).into_writes(self.snapshot.modseq());
        writes.append(&mut self.states);
        writes
    }

    fn run(&mut self, step: &Step<'_>, out: &mut Outflow<'_>) -> Result<Outcome, Failure> {
        if self.context.served.tree_is_due {
            return Ok(hierarchy_changed(self.context, &step.collections));
        }
        if self.context.served.marks.hierarchy != self.context.marks.hierarchy {
            if HierarchyState::is_behind(self.context, self.snapshot, &self.folders)? {
                return Ok(hierarchy_changed(self.context, &step.collections));
            }
            // Nothing of it shows in the tree of this mailbox.
            let mut served = Served::read(self.context.service, self.context.user, self.context.device.key)?;
            served.marks.hierarchy = self.context.marks.hierarchy;
            self.states.push(served.write(self.context.device.key));
            Served::kept(self.context);
        }
        let profile_max = self.context.profile().number("sync.window_max");
        let profile_max = usize::try_from(profile_max).expect("the table bounds it");
        let mut room = window(step.window, WINDOW_MAX).min(profile_max);
        let places = step.collections.iter().map(|collection| self.place(collection)).collect::<Result<Vec<_>, _>>()?;
        // Entries of lost answers come again whatever else there is: their room is nobody else's.
        let mut owed = Vec::new();
        for (collection, place) in step.collections.iter().zip(&places) {
            owed.push(place.as_ref().map_or(Ok(0), |place| self.owed(collection, place))?);
        }
        // A page leaves while it is made only where nothing else stands in the answer.
        let mut whole = Outflow::whole();
        let out = match &*step.collections {
            [only] if only.commands.is_empty() => out,
            _ => &mut whole,
        };
        let mut answers: Vec<CollectionAnswer> = Vec::new();
        let mut cut = false;
        for (at, (collection, place)) in step.collections.iter().zip(&places).enumerate() {
            let Some(place) = place else {
                match self.context.profile().text("status.folder_gone") {
                    "silent" => {}
                    "3" => answers.push(failed(collection, Status::InvalidSyncKey)),
                    "12" if self.context.tells_hierarchy_globally() => {
                        return Ok(Outcome::Refused(refused(Status::HierarchyChanged)));
                    }
                    "12" => answers.push(failed(collection, Status::HierarchyChanged)),
                    _ => answers.push(failed(collection, Status::NotFound)),
                }
                continue;
            };
            let free = room.saturating_sub(owed[at + 1..].iter().sum());
            let room_here = free.min(window(collection.window, WINDOW_DEFAULT));
            let promised = answers.iter().any(|answer| answer.head.more);
            cut |= room_here == 0 && !promised && self.waits(collection, place)?;
            // Whoever fills the answer leaves one place to those after it, and has more itself.
            let later = step.collections.iter().zip(&places).skip(at + 1);
            let later: Vec<_> = later.filter(|_| room_here == free && room_here > 1 && !promised).collect();
            let (answer, used) = match self.collection(collection, place, room_here, &later, out)? {
                Ok(done) => done,
                Err(Refusal::Advised(Recovery::ResyncFolder)) => (failed(collection, Status::InvalidSyncKey), 0),
                Err(Refusal::Advised(advised)) => return Ok(Outcome::Advised(advised)),
                Err(Refusal::Options(OptionsError::Malformed)) => (failed(collection, Status::ProtocolError), 0),
                Err(Refusal::Options(OptionsError::Common(status))) if self.context.version >= Version::V14_0 => {
                    return Ok(Outcome::Refused(self.context.refuse(status, airsync::SYNC, airsync::STATUS)));
                }
                Err(Refusal::Options(OptionsError::Common(_))) => (failed(collection, Status::ProtocolError), 0),
            };
            room -= used.min(room);
            answers.push(answer);
        }
        // A collection that found no room is left out. The device must come again for it, and a collection may only
        // say so beside an entry (K: G17).
        if cut && !answers.iter().any(|answer| answer.head.more) {
            let full = answers.iter_mut().rev().find(|answer| !answer.entries.is_empty());
            full.into_iter().for_each(|answer| answer.head.more = true);
        }
        let news = answers.iter().any(|answer| answer.news);
        Ok(if news { Outcome::News(answers) } else { Outcome::Nothing(answers) })
    }

    /// The folder a collection names and how far the device is there; `None` when there is no such folder.
    fn place(&self, collection: &Collection<'_>) -> Result<Option<Place>, StoreError> {
        let Some(view) = self.folder(collection) else { return Ok(None) };
        let state = self.snapshot.collection(self.context.device.key, view.id)?;
        Ok(Some(Place { view, state }))
    }

    /// How many entries a collection sends once more because the answer that held them was lost.
    fn owed(&self, collection: &Collection<'_>, place: &Place) -> Result<usize, StoreError> {
        match (&place.state, collection.key) {
            (Some(state), Some(key)) if key != state.key() && state.is_previous(key) => {
                let sticky = Sticky::default();
                self.server(&place.view, &sticky, None).repeats(&state.before, &state.after)
            }
            (_, _) => Ok(0),
        }
    }

    /// Whether a collection has something to send.
    fn waits(&self, collection: &Collection<'_>, place: &Place) -> Result<bool, StoreError> {
        let Some(state) = place.state.as_ref().filter(|state| collection.key == Some(state.key())) else {
            return Ok(false);
        };
        let class = place.view.class().expect("only folders with a class are in the view");
        let mut sticky: Sticky = unpack(&state.options).unwrap_or_default();
        if !collection.get_changes.unwrap_or(true) || sticky.replace(&collection.options, class).is_err() {
            return Ok(false);
        }
        Ok(self.server(&place.view, &sticky, None).waiting(&state.after, 1)? > 0)
    }

    fn server<'s>(&'s self, view: &'s FolderView, sticky: &'s Sticky, deadline: Option<i64>) -> Server<'s> {
        let (context, snapshot, edits, known) = (self.context, self.snapshot, &self.edits, &self.known);
        Server { context, snapshot, view, sticky, edits, known, deadline }
    }

    /// The folder a collection names; in 2.5 the class alone names its default folder.
    fn folder(&self, collection: &Collection<'_>) -> Option<FolderView> {
        let found = match (&collection.id, collection.class) {
            (Some(id), _) => {
                let id = self.context.ids.parse_folder(id).ok()?;
                self.folders.iter().find(|folder| folder.id == id)
            }
            (None, Some(class)) => {
                let kind = easel_protocol::FolderType::default_for(class);
                self.folders.iter().find(|folder| folder.kind == kind)
            }
            (None, None) => None,
        };
        found.cloned()
    }

    fn collection(
        &mut self,
        collection: &Collection<'_>,
        place: &Place,
        room: usize,
        later: &[(&Collection<'_>, &Option<Place>)],
        out: &mut Outflow<'_>,
    ) -> Result<Result<(CollectionAnswer, usize), Refusal>, Failure> {
        let Place { view, state } = place;
        let class = view.class().expect("only folders with a class are in the view");
        match (collection.key, state) {
            (Some(SyncKey::Initial), state) => {
                let advised = state.as_ref().and_then(|_| self.advises(Symptom::ZeroKey, view));
                match advised {
                    Some(Recovery::ShrinkWindow) => self.start(collection, view, class, state.as_ref(), true),
                    Some(advised) => Ok(Err(Refusal::Advised(advised))),
                    None => self.start(collection, view, class, state.as_ref(), false),
                }
            }
            (Some(key), Some(state)) if key == state.key() || state.is_previous(key) => {
                // A cursor from before the oldest row of the log says nothing any more.
                if state.needs_log_after().is_some_and(|w| self.snapshot.log_floor().is_ok_and(|floor| w < floor)) {
                    return Ok(Ok((failed(collection, Status::InvalidSyncKey), 0)));
                }
                self.go_on(collection, (view, class), state.clone(), room, later, out)
            }
            (_, _) => match self.advises(Symptom::UnknownKey, view).filter(|way| *way != Recovery::ShrinkWindow) {
                Some(advised) => Ok(Err(Refusal::Advised(advised))),
                None => Ok(Ok((failed(collection, Status::InvalidSyncKey), 0))),
            },
        }
    }

    /// What is to be done in place of the usual about a key that is not the one it should be.
    fn advises(&self, symptom: Symptom, view: &FolderView) -> Option<Recovery> {
        let advised = recovery::seen(self.context, symptom, Some(view));
        let other = [
            Recovery::Block,
            Recovery::ResyncAll,
            Recovery::ResyncHierarchy,
            Recovery::ShrinkWindow,
            Recovery::Throttle,
        ];
        other.contains(&advised).then_some(advised)
    }

    /// Key 0: forget what the device held, remember its options, send a key and nothing else. Commands that come along
    /// are not carried out: the device sends them again (K: G47, I12).
    fn start(
        &mut self,
        collection: &Collection<'_>,
        view: &FolderView,
        class: Class,
        old: Option<&CollectionState>,
        one_by_one: bool,
    ) -> Result<Result<(CollectionAnswer, usize), Refusal>, Failure> {
        if collection.get_changes == Some(true) {
            return Ok(Err(OptionsError::Malformed.into()));
        }
        let mut sticky = Sticky::default();
        if let Err(error) = sticky.replace(&collection.options, class) {
            return Ok(Err(error.into()));
        }
        match (class, collection.supported) {
            (Class::Notes, Some(_)) => return Ok(Err(OptionsError::Malformed.into())),
            (Class::Calendar, _) if self.context.version >= Version::V16_0 => sticky.ghosting = Ghosting::All,
            (Class::Calendar | Class::Contacts, Some(supported)) => sticky.ghosting = ghosting(supported),
            (Class::Calendar | Class::Contacts | Class::Email | Class::Notes | Class::Sms | Class::Tasks, _) => {}
        }
        anew::begin(&mut sticky, self.context, class);
        // Of the first answer, which has none, and of the next.
        sticky.trouble.single = if one_by_one { 2 } else { 0 };
        let mut known = self.known.clone();
        known.forget(self.snapshot, view)?;
        self.keep_known(known);
        let present = self.snapshot.modseq();
        let state = CollectionState {
            generation: self.context.service.random(),
            step: 1,
            before: Cursors::new(),
            after: view.folders.iter().map(|folder| (*folder, Cursor::starting(present))).collect(),
            outcomes: Vec::new(),
            options: pack(&sticky),
        };
        let head = self.head(view, state.key());
        let answer = CollectionAnswer { head, responses: Vec::new(), entries: Vec::new(), news: true };
        self.keep(view.id, old, state);
        Ok(Ok((answer, 0)))
    }

    fn go_on(
        &mut self,
        collection: &Collection<'_>,
        (view, class): (&FolderView, Class),
        mut old: CollectionState,
        room: usize,
        later: &[(&Collection<'_>, &Option<Place>)],
        out: &mut Outflow<'_>,
    ) -> Result<Result<(CollectionAnswer, usize), Refusal>, Failure> {
        let repeated = collection.key != Some(old.key());
        let mut sticky: Sticky = unpack(&old.options).unwrap_or_default();
        if let Err(error) = sticky.replace(&collection.options, class) {
            return Ok(Err(error.into()));
        }
        if !repeated && !anew::mark(self.snapshot, &mut sticky, &mut old.after, self.context, class)? {
            return Ok(Ok((failed(collection, Status::InvalidSyncKey), 0)));
        }
        let way = if repeated {
            let entries = self.server(view, &sticky, None).repeats(&old.before, &old.after)?;
            match sticky.trouble.again(self.context, entries, view) {
                Ok(way) => way,
                Err(advised) => return Ok(Err(Refusal::Advised(advised))),
            }
        } else {
            recovery::well(self.context, &[Symptom::UnknownKey], Some(view));
            sticky.trouble = sticky.trouble.arrived();
            Way::Again
        };
        let room = if sticky.trouble.single > 0 { room.min(1) } else { room };
        let held = if repeated { &old.before } else { &old.after };
        // An answer that was lost took with it what the pack had left.
        let pack_state = if repeated { &sticky.pack_before } else { &sticky.pack_after };
        self.context.pack_state.replace(pack_state.clone());
        let mut edits = std::mem::take(&mut self.edits);
        let mut client = Client {
            context: self.context,
            snapshot: self.snapshot,
            view,
            class,
            sticky: &sticky,
            deletes_as_moves: collection.deletes_as_moves,
            cursors: held,
            outcomes: if repeated { old.outcomes.clone() } else { Vec::new() },
            responses: Vec::new(),
            send: Vec::new(),
            known: self.known.clone(),
        };
        for command in &collection.commands {
            client.run(command, &mut edits)?;
        }
        let Client { outcomes, responses, send, known, .. } = client;
        self.edits = edits;
        self.keep_known(known);
        let mut before = if repeated { old.before.clone() } else { old.after.clone() };
        let next = SyncKey::Issued { generation: old.generation, step: old.step + u64::from(!repeated) };
        let head = self.head(view, next);
        let mut flow = Flow { out, head };
        let sent = match way {
            _ if !repeated => self.send(collection, (view, &sticky), &old, (room, later), &send, &mut flow)?,
            Way::Again => self.send_again(view, &sticky, &old, room, &send, &mut flow)?,
            Way::Single => self.server(view, &sticky, None).next(&before, 1, &mut flow)?,
            Way::Skip => {
                let server = self.server(view, &sticky, None);
                before = server.without(&old.before, &old.after)?;
                server.next(&before, 1, &mut flow)?
            }
        };
        let used = sent.count();
        let changes = collection.commands.iter().any(|command| !matches!(command, Command::Fetch { .. }));
        let news = repeated || changes || used > 0 || sent.more;
        let advances = !repeated && (changes || used > 0);
        let left = self.context.pack_state.take();
        if advances {
            sticky.pack_before = std::mem::replace(&mut sticky.pack_after, left);
        } else if repeated {
            sticky.pack_after = left;
        }
        let state = CollectionState {
            generation: old.generation,
            step: old.step + u64::from(advances),
            before: if advances || repeated { before } else { old.before.clone() },
            after: sent.cursors,
            outcomes: if advances || repeated { outcomes } else { old.outcomes.clone() },
            options: pack(&sticky),
        };
        let answer = CollectionAnswer {
            head: Head { more: sent.more, ..self.head(view, state.key()) },
            news: news || !responses.is_empty(),
            responses,
            entries: sent.entries,
        };
        if state != old {
            self.keep(view.id, Some(&old), state);
        }
        Ok(Ok((answer, used)))
    }

    fn head(&self, view: &FolderView, key: SyncKey) -> Head {
        Head {
            id: self.context.ids.folder(view.id),
            class: view.class(),
            key: key.to_string(),
            status: Status::Success,
            more: false,
        }
    }

    /// What goes out, at most `room` entries. Items whose server state won come first (K: A36); those that find no room
    /// come with the changes that follow, where they are as well.
    fn send(
        &self,
        collection: &Collection<'_>,
        (view, sticky): (&FolderView, &Sticky),
        old: &CollectionState,
        (room, later): (usize, &[(&Collection<'_>, &Option<Place>)]),
        winners: &[ServerId],
        flow: &mut Flow<'_, '_>,
    ) -> Result<Sent, Failure> {
        let profile = self.context.profile();
        let answer_within = profile.number("sync.answer_within_s");
        let deadline = (answer_within > 0).then(|| self.context.now_ms() + answer_within * 1000);
        let server = self.server(view, sticky, deadline);
        let fetches = collection.commands.iter().any(|command| matches!(command, Command::Fetch { .. }));
        let quiet = (fetches && profile.flag("sync.fetch_excludes_changes"))
            || (!collection.commands.is_empty() && profile.flag("sync.changes_after_ack"))
            || !collection.get_changes.unwrap_or(true)
            || room == 0;
        let won = server.winners(winners, room)?;
        let mut sent = if quiet {
            Sent { cursors: old.after.clone(), ..Sent::default() }
        } else {
            let mut left = room - won.len();
            if !later.is_empty() && server.waiting(&old.after, room + 1)? == room && self.one_waits(later)? {
                left -= 1;
            }
            server.next(&old.after, left, flow)?
        };
        sent.join(won);
        Ok(sent)
    }

    fn one_waits(&self, collections: &[(&Collection<'_>, &Option<Place>)]) -> Result<bool, StoreError> {
        for (collection, place) in collections {
            if let Some(place) = place
                && self.waits(collection, place)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a lost answer held, once more.
    fn send_again(
        &self,
        view: &FolderView,
        sticky: &Sticky,
        old: &CollectionState,
        room: usize,
        winners: &[ServerId],
        flow: &mut Flow<'_, '_>,
    ) -> Result<Sent, Failure> {
        let server = self.server(view, sticky, None);
        let mut sent = server.again(&old.before, &old.after, flow)?;
        sent.join(server.winners(winners, room.saturating_sub(sent.count()))?);
        // What came since follows with the next key; more must not be promised without an entry (K: G17).
        sent.more &= sent.count() > 0;
        Ok(sent)
    }

    fn keep_known(&mut self, known: Known) {
        if known != self.known {
            self.states.push(known.write(self.context.device.key));
            self.known = known;
        }
    }

    fn keep(&mut self, collection: CollectionId, old: Option<&CollectionState>, state: CollectionState) {
        self.states.push(Write::PutCollection {
            device: self.context.device.key,
            collection,
            expect: old.map(CollectionState::key),
            state: Some(state),
        });
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

/// The entries an answer may hold. MS-ASCMD 2.2.3.199 "WindowSize": 0 and all above 512 mean 512.
fn window(asked: Option<u32>, default: u32) -> usize {
    let window = match asked.unwrap_or(default) {
        0 => WINDOW_MAX,
        asked => asked.min(WINDOW_MAX),
    };
    usize::try_from(window).expect("at most 512")
}

fn ghosting(supported: &Element) -> Ghosting {
    if supported.is_empty() {
        return Ghosting::All;
    }
    Ghosting::Except(supported.children().map(|child| (child.tag.page(), child.tag.token())).collect())
}

/// A request that cannot be obeyed, told at the level it belongs to.
pub(crate) fn failure(failure: &Failure) -> Reply {
    refused(Status::from(failure))
}
