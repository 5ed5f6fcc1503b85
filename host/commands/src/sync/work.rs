//! One attempt at a step: what becomes of each collection, and what is to be written.

use std::collections::BTreeSet;
use std::sync::Arc;

use easel_items::Ghosting;
use easel_plugin::hooks::{Recovery, Symptom};
use easel_protocol::{Class, CollectionId, ServerId, SyncKey, Version};
use easel_store::{CollectionState, Cursor, Cursors, Snapshot, StoreError, Write};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync;

use super::answer::{CollectionAnswer, Head, failed};
use super::client::{Client, Edits};
use super::known::Known;
use super::options::{OptionsError, Sticky};
use super::outflow::Outflow;
use super::request::{Collection, Command};
use super::server::{Flow, Sent, Server};
use super::step::{Outcome, Step};
use super::trouble::Way;
use super::{Status, anew, hierarchy_changed, refused};
use crate::context::{Context, Failure, pack, unpack};
use crate::hierarchy::{self, FolderView};
use crate::hierarchy_state::HierarchyState;
use crate::served::Served;
use crate::{allowance, recovery};

/// WindowSize when the device names none. MS-ASCMD 2.2.3.199 "WindowSize".
const WINDOW_DEFAULT: u32 = 100;
/// The most entries of an answer.
const WINDOW_MAX: u32 = 512;

/// One attempt at a step.
pub(super) struct Work<'a> {
    context: &'a Context<'a>,
    snapshot: &'a dyn Snapshot,
    folders: Arc<Vec<FolderView>>,
    edits: Edits,
    states: Vec<Write>,
    known: Known,
}

impl<'a> Work<'a> {
    pub(super) fn new(context: &'a Context<'a>, snapshot: &'a dyn Snapshot) -> Result<Self, StoreError> {
        let folders = hierarchy::view(snapshot, context)?;
        let known = Known::read(context, snapshot)?;
        let room = match allowance::bytes_max(context) {
            Some(most) => Some(most.saturating_sub(context.store().mailbox_bytes(context.user.id)?)),
            None => None,
        };
        Ok(Self { context, snapshot, folders, edits: Edits::within(room), states: Vec::new(), known })
    }

    pub(super) fn writes(&mut self) -> Vec<Write> {
        let mut writes = std::mem::take(&mut self.edits).into_writes(self.snapshot.modseq());
        writes.append(&mut self.states);
        writes
    }

    pub(super) fn run(&mut self, step: &Step<'_>, out: &mut Outflow<'_>) -> Result<Outcome, Failure> {
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
            has_options: !collection.options.is_empty(),
            deletes_as_moves: collection.deletes_as_moves,
            cursors: held,
            outcomes: if repeated { old.outcomes.clone() } else { Vec::new() },
            responses: Vec::new(),
            send: Vec::new(),
            known: self.known.clone(),
        };
        client.run_all(&collection.commands, &mut edits)?;
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
    // It is kept with the collection: each property once, and none that no page has.
    let known = supported.children().map(|child| child.tag).filter(|tag| tag.name().is_some());
    let managed: BTreeSet<(u8, u8)> = known.map(|tag| (tag.page(), tag.token())).collect();
    Ghosting::Except(managed.into_iter().collect())
}
