//! A pack's plain Rust where a server has a component.

use std::fmt;
use std::sync::Arc;

use easel_pack::item::Item;
use easel_pack::profile::Options;
use easel_pack::{Manifest, Native};
use easel_plugin::Profile;
use easel_plugin::hooks::{
    Answer, DevicePlugin, DevicePlugins, Direction, Fault, FolderChange, FolderVerdict, History, Hook, HookContext,
    MailVerdict, MeetingRequest, Message, PackVersion, PluginSession, Recovery, State, Unclaimed,
};
use easel_plugin::item::{Edit, Entry, Wanted};
use easel_plugin::rules::Rule;
use easel_protocol::{Class, Command, DeviceFacts};

use crate::{convert, recognise};

/// Serves the devices that the pack recognises, as a server with no other pack would.
#[derive(Clone, Copy, Debug)]
pub struct NativePack(Native);

impl NativePack {
    /// The constant `PACK` that exporting a pack makes.
    pub const fn new(pack: Native) -> Self {
        Self(pack)
    }
}

impl DevicePlugins for NativePack {
    fn generation(&self) -> u64 {
        0
    }

    /// # Panics
    ///
    /// Where `profile` fails: a test has no log to look into.
    fn serve(&self, facts: &DeviceFacts) -> Arc<dyn DevicePlugin> {
        let facts = convert::facts(facts);
        let manifests = [(self.0.describe)()];
        let Some(manifest) = recognise::chosen(&manifests, &facts) else { return Arc::new(Unclaimed::default()) };
        let decided = self.0.profile.map(|profile| profile(&facts, &Options::default()));
        let decided = decided.map(|decided| decided.unwrap_or_else(|error| panic!("{}: {error}", manifest.id)));
        let mut profile = Profile::default();
        let over = decided.iter().flat_map(|decided| &decided.settings);
        for setting in manifest.settings.iter().chain(over) {
            // One that this server does not know is left out.
            if easel_plugin::settings::find(&setting.name).is_some() {
                let set = profile.set(&setting.name, convert::value(&setting.value));
                set.unwrap_or_else(|error| panic!("{}: {error}", manifest.id));
            }
        }
        Arc::new(Served {
            pack: PackVersion { id: manifest.id.clone(), version: manifest.version.clone() },
            native: self.0,
            manifest: manifest.clone(),
            profile,
            family: decided.as_ref().map(|decided| decided.family.clone()).unwrap_or_default(),
            rules: decided.iter().flat_map(|decided| &decided.rules).map(convert::rule).collect(),
            wanted: Wants::of(manifest),
            memo: decided.map(|decided| decided.memo).unwrap_or_default(),
        })
    }
}

/// The pack, as it serves one device.
struct Served {
    pack: PackVersion,
    native: Native,
    manifest: Manifest,
    profile: Profile,
    family: String,
    rules: Vec<Rule>,
    wanted: Wants,
    memo: Vec<u8>,
}

struct Wants {
    items: Vec<(Direction, Class, Wanted)>,
    wire: Vec<(String, Wanted)>,
}

impl Wants {
    fn of(manifest: &Manifest) -> Self {
        let item = |subscription: &easel_pack::describe::Subscription| {
            let wanted = convert::wanted(&subscription.wanted);
            (convert::direction(subscription.direction), convert::class(subscription.class), wanted)
        };
        let command =
            |command: &easel_pack::describe::Command| (command.name.clone(), convert::wanted(&command.wanted));
        Self {
            items: manifest.subscriptions.iter().map(item).collect(),
            wire: manifest.commands.iter().map(command).collect(),
        }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("pack", &self.pack).field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl DevicePlugin for Served {
    fn pack(&self) -> Option<&PackVersion> {
        Some(&self.pack)
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn family(&self) -> &str {
        &self.family
    }

    fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn subscription(&self, direction: Direction, class: Class) -> Option<&Wanted> {
        let mut items = self.wanted.items.iter();
        items.find(|item| (item.0, item.1) == (direction, class)).map(|(_, _, wanted)| wanted)
    }

    fn wire(&self, command: Command) -> Option<&Wanted> {
        self.wanted.wire.iter().find(|(name, _)| *name == command.name()).map(|(_, wanted)| wanted)
    }

    fn answers(&self, hook: Hook) -> bool {
        match hook {
            Hook::FolderChange => self.native.folder_change.is_some(),
            Hook::Items => self.native.items.is_some(),
            Hook::Mail => self.native.mail.is_some(),
            Hook::Meeting => self.native.meeting.is_some(),
            Hook::Recover => self.native.recover.is_some(),
            Hook::Wire => self.native.wire.is_some(),
        }
    }

    fn open(&self) -> Box<dyn PluginSession> {
        Box::new(Session { native: self.native, memo: self.memo.clone() })
    }
}

struct Session {
    native: Native,
    memo: Vec<u8>,
}

impl Session {
    fn context(&self, context: &HookContext<'_>) -> easel_pack::Context {
        convert::context(context, &self.memo)
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
        let (outgoing, _) = hook(self.native.items)?;
        let (entries, state) = (convert::entries(entries), convert::state(state));
        let answer = outgoing(convert::pack_class(class), &self.context(context), &state, Item::new(&entries));
        answer.map(convert::answer).map_err(Fault)
    }

    fn incoming(
        &mut self,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        entries: &[Entry],
        base: &[Entry],
    ) -> Result<Answer, Fault> {
        let (_, incoming) = hook(self.native.items)?;
        let (entries, base, state) = (convert::entries(entries), convert::entries(base), convert::state(state));
        let (item, base) = (Item::new(&entries), Item::new(&base));
        let answer = incoming(convert::pack_class(class), &self.context(context), &state, item, base);
        answer.map(convert::answer).map_err(Fault)
    }

    fn mail(&mut self, context: &HookContext<'_>, message: &Message) -> Result<MailVerdict, Fault> {
        let verdict = hook(self.native.mail)?(&self.context(context), &convert::message(message));
        verdict.map(convert::mail_verdict).map_err(Fault)
    }

    fn folder_change(&mut self, context: &HookContext<'_>, change: &FolderChange) -> Result<FolderVerdict, Fault> {
        let verdict = hook(self.native.folder_change)?(&self.context(context), &convert::folder_change(change));
        verdict.map(convert::folder_verdict).map_err(Fault)
    }

    fn meeting(
        &mut self,
        context: &HookContext<'_>,
        request: &MeetingRequest,
    ) -> Result<Option<MeetingRequest>, Fault> {
        let answer = hook(self.native.meeting)?(&self.context(context), &convert::meeting(request));
        answer.map(|request| request.map(convert::meeting_back)).map_err(Fault)
    }

    fn recover(&mut self, context: &HookContext<'_>, history: &History) -> Result<Recovery, Fault> {
        let advice = hook(self.native.recover)?(&self.context(context), &convert::history(history));
        advice.map(convert::recovery).map_err(Fault)
    }

    fn wire(&mut self, context: &HookContext<'_>, entries: &[Entry]) -> Result<Vec<Edit>, Fault> {
        let entries = convert::entries(entries);
        let verdict = hook(self.native.wire)?(&self.context(context), Item::new(&entries));
        verdict.map(convert::wire_verdict).map_err(Fault)
    }

    /// # Panics
    ///
    /// Always: a server would log it and go on, a test must not.
    fn nonsense(&mut self, hook: Hook, error: &dyn fmt::Display) {
        panic!("the answer of {hook:?} makes no sense: {error}");
    }
}

/// Whoever asks knows that the pack has it.
fn hook<T>(function: Option<T>) -> Result<T, Fault> {
    function.ok_or_else(|| Fault("the pack has no such function".to_owned()))
}
