//! A plugin whose answers a test writes down.
//!
//! ```
//! use easel_plugin::Value;
//! use easel_plugin::scripted::ScriptedPlugin;
//!
//! let plugin = ScriptedPlugin::new().set("sync.window_max", Value::Number(5));
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use easel_protocol::{Class, Command, DeviceFacts};
use easel_wbxml::{Element, Tag};

use crate::hooks::{
    Answer, DevicePlugin, DevicePlugins, Direction, Fault, FolderChange, FolderVerdict, History, Hook, HookContext,
    MailVerdict, MeetingRequest, Message, PackVersion, PluginSession, Recovery, State, Verdict,
};
use crate::item::{Content, Edit, Entry, NewContent, Wanted};
use crate::rules::Rule;
use crate::settings::Effect;
use crate::{Profile, Value};

type OfWhom = Box<dyn Fn(&DeviceFacts) -> bool + Send + Sync>;
type OnItem = Box<dyn Fn(&HookContext<'_>, &State, &[Entry], &[Entry]) -> Answer + Send + Sync>;
type OnMail = Box<dyn Fn(&HookContext<'_>, &Message) -> MailVerdict + Send + Sync>;
type OnFolder = Box<dyn Fn(&HookContext<'_>, &FolderChange) -> FolderVerdict + Send + Sync>;
type OnMeeting = Box<dyn Fn(&HookContext<'_>, &MeetingRequest) -> Option<MeetingRequest> + Send + Sync>;
type OnRecover = Box<dyn Fn(&HookContext<'_>, &History) -> Recovery + Send + Sync>;
type OnWire = Box<dyn Fn(&HookContext<'_>, &[Entry]) -> Vec<Edit> + Send + Sync>;

/// Bytes of a property that a script is shown.
const SHOWN: Content = Content::Text(64 * 1024);

/// A plugin made by a test. Until it is told something it has nothing to say, like [`crate::NoPlugin`].
pub struct ScriptedPlugin {
    script: Arc<Script>,
}

struct Script {
    pack: PackVersion,
    profile: Profile,
    own: Vec<(OfWhom, Profile)>,
    headers: Arc<BTreeSet<String>>,
    operator: Profile,
    upgrade: Effect,
    rules: Vec<Rule>,
    items: BTreeMap<(bool, Class), (Wanted, OnItem)>,
    mail: Option<OnMail>,
    folder_change: Option<OnFolder>,
    meeting: Option<OnMeeting>,
    recover: Option<OnRecover>,
    wire: BTreeMap<Command, (Wanted, OnWire)>,
    asked: AtomicUsize,
    profiled: AtomicUsize,
    opened: AtomicUsize,
    nonsense: AtomicUsize,
    generation: AtomicU64,
}

impl fmt::Debug for ScriptedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedPlugin").field("profile", &self.script.profile).finish_non_exhaustive()
    }
}

impl Default for ScriptedPlugin {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedPlugin {
    /// One that has nothing to say.
    pub fn new() -> Self {
        let script = Script {
            pack: PackVersion { id: "scripted".to_owned(), version: "1.0.0".to_owned() },
            profile: Profile::default(),
            own: Vec::new(),
            headers: Arc::default(),
            operator: Profile::default(),
            upgrade: Effect::None,
            rules: Vec::new(),
            items: BTreeMap::new(),
            mail: None,
            folder_change: None,
            meeting: None,
            recover: None,
            wire: BTreeMap::new(),
            asked: AtomicUsize::new(0),
            profiled: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            nonsense: AtomicUsize::new(0),
            generation: AtomicU64::new(1),
        };
        Self { script: Arc::new(script) }
    }

    fn script(&mut self) -> &mut Script {
        Arc::get_mut(&mut self.script).expect("a script is written before it serves anybody")
    }

    /// As a pack of that name and version.
    #[must_use]
    pub fn named(mut self, id: &str, version: &str) -> Self {
        self.script().pack = PackVersion { id: id.to_owned(), version: version.to_owned() };
        self
    }

    /// Gives every device a value of a setting.
    ///
    /// # Panics
    ///
    /// When the table of settings has no such setting, or another range for it.
    #[must_use]
    pub fn set(mut self, name: &str, value: Value) -> Self {
        if let Err(error) = self.script().profile.set(name, value) {
            panic!("{error}");
        }
        self
    }

    /// Gives the devices whose User-Agent begins with `agent` a profile of their own.
    #[must_use]
    pub fn profile_of(self, agent: &str, profile: Profile) -> Self {
        let agent = agent.to_owned();
        self.profile_where(move |facts| facts.user_agent.starts_with(&agent), profile)
    }

    /// Gives the devices of which such facts are known a profile of their own; the first that fits counts.
    #[must_use]
    pub fn profile_where(
        mut self,
        which: impl Fn(&DeviceFacts) -> bool + Send + Sync + 'static,
        profile: Profile,
    ) -> Self {
        self.script().own.push((Box::new(which), profile));
        self
    }

    /// Wants a header to be remembered.
    #[must_use]
    pub fn header(mut self, name: &str) -> Self {
        Arc::make_mut(&mut self.script().headers).insert(name.to_owned());
        self
    }

    /// As if the operator had written this for every device: it goes before all else.
    #[must_use]
    pub fn operator(mut self, profile: Profile) -> Self {
        let script = self.script();
        let own = script.own.iter_mut().map(|(_, own)| own);
        own.chain([&mut script.profile]).for_each(|said| said.put_over(&profile));
        script.operator = profile;
        self
    }

    /// What is done for devices in service when this version takes the place of an earlier one.
    #[must_use]
    pub fn upgrade(mut self, effect: Effect) -> Self {
        self.script().upgrade = effect;
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.script().rules.push(rule);
        self
    }

    /// Answers for every item of a class that goes one way and has one of the properties.
    #[must_use]
    pub fn answer(
        self,
        direction: Direction,
        class: Class,
        subscribed: &[Tag],
        answer: impl Fn(&HookContext<'_>, &[Entry]) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.answer_with_state(direction, class, subscribed, move |context, _, entries, _| {
            answer(context, entries).into()
        })
    }

    /// The same with the state handed in and back, and what the device last saw.
    #[must_use]
    pub fn answer_with_state(
        mut self,
        direction: Direction,
        class: Class,
        subscribed: &[Tag],
        answer: impl Fn(&HookContext<'_>, &State, &[Entry], &[Entry]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let wanted = Wanted::only(subscribed.iter().map(|tag| (*tag, SHOWN)));
        self.script().items.insert((direction == Direction::Incoming, class), (wanted, Box::new(answer)));
        self
    }

    /// Replaces one property without others below it in every item of a class that goes one way and has it.
    #[must_use]
    pub fn edit(
        self,
        direction: Direction,
        class: Class,
        tag: Tag,
        edit: impl Fn(&Element) -> Element + Send + Sync + 'static,
    ) -> Self {
        self.answer(direction, class, &[tag], move |_, entries| {
            let one = |entry: &Entry| {
                let edited = edit(&Element::text(entry.tag, entry.text.clone().unwrap_or_default()));
                Edit::Set(entry.node, NewContent::Text(edited.value().into_owned()))
            };
            Verdict::Edit(entries.iter().map(one).collect())
        })
    }

    /// Withholds the items of a class of which one property has a value that `which` picks.
    #[must_use]
    pub fn withhold(
        self,
        direction: Direction,
        class: Class,
        tag: Tag,
        which: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.answer(direction, class, &[tag], move |_, entries| {
            if entries.iter().any(|entry| which(entry.text.as_deref().unwrap_or_default())) {
                Verdict::Withhold("the script says so".to_owned())
            } else {
                Verdict::Keep
            }
        })
    }

    /// Answers for mail that devices send.
    #[must_use]
    pub fn on_mail(
        mut self,
        answer: impl Fn(&HookContext<'_>, &Message) -> MailVerdict + Send + Sync + 'static,
    ) -> Self {
        self.script().mail = Some(Box::new(answer));
        self
    }

    /// Answers for changes of folders.
    #[must_use]
    pub fn on_folder_change(
        mut self,
        answer: impl Fn(&HookContext<'_>, &FolderChange) -> FolderVerdict + Send + Sync + 'static,
    ) -> Self {
        self.script().folder_change = Some(Box::new(answer));
        self
    }

    /// Answers for answers to invitations.
    #[must_use]
    pub fn on_meeting(
        mut self,
        answer: impl Fn(&HookContext<'_>, &MeetingRequest) -> Option<MeetingRequest> + Send + Sync + 'static,
    ) -> Self {
        self.script().meeting = Some(Box::new(answer));
        self
    }

    /// Advises on devices that seem stuck.
    #[must_use]
    pub fn on_recover(
        mut self,
        answer: impl Fn(&HookContext<'_>, &History) -> Recovery + Send + Sync + 'static,
    ) -> Self {
        self.script().recover = Some(Box::new(answer));
        self
    }

    /// Edits whole requests of a command.
    #[must_use]
    pub fn on_wire(
        mut self,
        command: Command,
        answer: impl Fn(&HookContext<'_>, &[Entry]) -> Vec<Edit> + Send + Sync + 'static,
    ) -> Self {
        self.script().wire.insert(command, (Wanted::all(), Box::new(answer)));
        self
    }

    /// Makes everybody ask again, as a new set of packs does.
    pub fn changed(&self) {
        self.script.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// How many items it was shown.
    pub fn asked(&self) -> usize {
        self.script.asked.load(Ordering::Relaxed)
    }

    /// How many times it was asked for a profile.
    pub fn profiled(&self) -> usize {
        self.script.profiled.load(Ordering::Relaxed)
    }

    /// How many requests reached its code.
    pub fn opened(&self) -> usize {
        self.script.opened.load(Ordering::Relaxed)
    }

    /// How many of its answers made no sense.
    pub fn faults(&self) -> usize {
        self.script.nonsense.load(Ordering::Relaxed)
    }
}

impl DevicePlugins for ScriptedPlugin {
    fn generation(&self) -> u64 {
        self.script.generation.load(Ordering::SeqCst)
    }

    fn headers(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.script.headers)
    }

    fn serve(&self, facts: &DeviceFacts) -> Arc<dyn DevicePlugin> {
        self.script.profiled.fetch_add(1, Ordering::Relaxed);
        let own = self.script.own.iter().position(|(which, _)| which(facts));
        Arc::new(Serving { script: Arc::clone(&self.script), own })
    }
}

/// The script, as it serves one device.
struct Serving {
    script: Arc<Script>,
    own: Option<usize>,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("profile", self.profile()).finish()
    }
}

impl DevicePlugin for Serving {
    fn pack(&self) -> Option<&PackVersion> {
        Some(&self.script.pack)
    }

    fn profile(&self) -> &Profile {
        self.own.map_or(&self.script.profile, |own| &self.script.own[own].1)
    }

    fn operator(&self) -> &Profile {
        &self.script.operator
    }

    fn upgrade(&self) -> Effect {
        self.script.upgrade
    }

    fn family(&self) -> &str {
        "scripted"
    }

    fn rules(&self) -> &[Rule] {
        &self.script.rules
    }

    fn subscription(&self, direction: Direction, class: Class) -> Option<&Wanted> {
        self.script.items.get(&(direction == Direction::Incoming, class)).map(|(wanted, _)| wanted)
    }

    fn wire(&self, command: Command) -> Option<&Wanted> {
        self.script.wire.get(&command).map(|(wanted, _)| wanted)
    }

    fn answers(&self, hook: Hook) -> bool {
        match hook {
            Hook::FolderChange => self.script.folder_change.is_some(),
            Hook::Items => !self.script.items.is_empty(),
            Hook::Mail => self.script.mail.is_some(),
            Hook::Meeting => self.script.meeting.is_some(),
            Hook::Recover => self.script.recover.is_some(),
            Hook::Wire => !self.script.wire.is_empty(),
        }
    }

    fn open(&self) -> Box<dyn PluginSession> {
        self.script.opened.fetch_add(1, Ordering::Relaxed);
        Box::new(Session(Arc::clone(&self.script)))
    }
}

struct Session(Arc<Script>);

impl Session {
    fn item(
        &self,
        incoming: bool,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        (entries, base): (&[Entry], &[Entry]),
    ) -> Result<Answer, Fault> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        match self.0.items.get(&(incoming, class)) {
            Some((_, answer)) => Ok(answer(context, state, entries, base)),
            None => Ok(Verdict::Keep.into()),
        }
    }
}

impl PluginSession for Session {
    fn outgoing(
        &mut self,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        entries: &[Entry],
    ) -> Result<Answer, Fault> {
        self.item(false, context, class, state, (entries, &[]))
    }

    fn incoming(
        &mut self,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        entries: &[Entry],
        base: &[Entry],
    ) -> Result<Answer, Fault> {
        self.item(true, context, class, state, (entries, base))
    }

    fn mail(&mut self, context: &HookContext<'_>, message: &Message) -> Result<MailVerdict, Fault> {
        let Some(answer) = &self.0.mail else { return Ok(MailVerdict::Edit(Vec::new())) };
        Ok(answer(context, message))
    }

    fn folder_change(&mut self, context: &HookContext<'_>, change: &FolderChange) -> Result<FolderVerdict, Fault> {
        let Some(answer) = &self.0.folder_change else { return Ok(FolderVerdict::Edit(Vec::new())) };
        Ok(answer(context, change))
    }

    fn meeting(
        &mut self,
        context: &HookContext<'_>,
        request: &MeetingRequest,
    ) -> Result<Option<MeetingRequest>, Fault> {
        Ok(self.0.meeting.as_ref().and_then(|answer| answer(context, request)))
    }

    fn recover(&mut self, context: &HookContext<'_>, history: &History) -> Result<Recovery, Fault> {
        Ok(self.0.recover.as_ref().map_or(Recovery::Usual, |answer| answer(context, history)))
    }

    fn wire(&mut self, context: &HookContext<'_>, entries: &[Entry]) -> Result<Vec<Edit>, Fault> {
        let answer = self.0.wire.get(&context.command);
        Ok(answer.map(|(_, answer)| answer(context, entries)).unwrap_or_default())
    }

    fn nonsense(&mut self, _hook: Hook, _error: &dyn fmt::Display) {
        self.0.nonsense.fetch_add(1, Ordering::Relaxed);
    }
}
