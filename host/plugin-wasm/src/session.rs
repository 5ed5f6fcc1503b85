//! The code of a pack during one request: one fresh instance, made at the first call and dropped with its Store. After any
//! error the Store is dropped too.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use easel_plugin::hooks::{
    Answer, Fault, FolderChange, FolderVerdict, History, Hook, HookContext, MailVerdict, MeetingRequest, Message,
    PluginSession, Recovery, State,
};
use easel_plugin::item::{Edit, Entry};
use easel_protocol::Class;

use crate::engine::Turning;
use crate::permits::{Full, Permit};
use crate::v0_1::{Code, Exports, Failed};
use crate::{Pack, Packs};

/// Stores of one request: the first, and new ones after errors.
const STORES_MAX: u32 = 4;

/// A pack's code, for one request.
#[derive(Debug)]
pub(crate) struct Session {
    pack: Arc<Pack>,
    home: Weak<Packs>,
    device: Arc<str>,
    memo: Arc<[u8]>,
    live: Option<Live>,
    stores: u32,
    spent: Duration,
    over: bool,
    item: Option<u64>,
}

/// Dropped in this order: first the instance, then its turn.
#[derive(Debug)]
struct Live {
    code: Code,
    calls: u32,
    _permit: Permit,
    _turning: Turning,
}

/// Why there is no answer.
#[derive(Debug)]
enum Without {
    /// Others were first.
    Busy(Full),
    /// It failed.
    Failed(Failed),
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(full) => full.fmt(f),
            Self::Failed(failed) => failed.fmt(f),
        }
    }
}

/// What the device gets in place of a pack's answer, and the name of the function in the log.
const fn instead(hook: Hook) -> (&'static str, &'static str) {
    match hook {
        Hook::FolderChange => ("folder-change", "what it asked for"),
        Hook::Items => ("items", "the item untouched"),
        Hook::Mail => ("mail", "the message untouched"),
        Hook::Meeting => ("meeting", "the answer untouched"),
        Hook::Recover => ("recover", "the server's own way"),
        Hook::Wire => ("wire", "the request untouched"),
    }
}

impl Session {
    pub(crate) const fn new(pack: Arc<Pack>, home: Weak<Packs>, device: Arc<str>, memo: Arc<[u8]>) -> Self {
        let (live, stores, spent, over, item) = (None, 0, Duration::ZERO, false, None);
        Self { pack, home, device, memo, live, stores, spent, over, item }
    }

    fn live(&mut self) -> Result<&mut Live, Without> {
        if self.live.is_none() {
            let permits = &self.pack.sandbox.permits;
            let permit = permits.take(&self.pack.version.id, &self.device).map_err(Without::Busy)?;
            let turning = self.pack.sandbox.run();
            self.stores += 1;
            let code = self.pack.instance(&self.device).map_err(Without::Failed)?;
            self.live = Some(Live { code, calls: 0, _permit: permit, _turning: turning });
        }
        Ok(self.live.as_mut().expect("it was made above"))
    }

    fn ask<T>(&mut self, ask: &impl Fn(&mut Code, &Exports) -> Result<T, Failed>) -> Result<T, Without> {
        let pack = Arc::clone(&self.pack);
        let live = self.live()?;
        live.calls += 1;
        let answer = ask(&mut live.code, &pack.exports);
        pack.counters.memory(live.code.memory());
        answer.map_err(Without::Failed)
    }

    fn call<T>(
        &mut self,
        hook: Hook,
        item: Option<u64>,
        ask: impl Fn(&mut Code, &Exports) -> Result<T, Failed>,
    ) -> Result<T, Fault> {
        self.item = item;
        // Told when it began: no line for every call that is not made.
        let no_store = self.live.is_none() && self.stores >= STORES_MAX;
        if self.over || no_store || self.pack.faults.aside().is_some() {
            return Err(Fault("set aside".to_owned()));
        }
        if item.is_some_and(|item| self.pack.faults.skips(item)) {
            return Err(Fault("it failed on this item before".to_owned()));
        }
        let began = self.pack.clock.now();
        let mut answer = self.ask(&ask);
        // What earlier calls left behind may be at fault; a fresh instance would only do the same again.
        let used = self.live.as_ref().is_some_and(|live| live.calls > 1);
        if used && self.stores < STORES_MAX && matches!(answer, Err(Without::Failed(Failed::Trap(_)))) {
            self.live = None;
            answer = self.ask(&ask);
        }
        let took = self.pack.clock.now().saturating_sub(began);
        self.pack.counters.called(took);
        self.spent += took;
        let error = match answer {
            Ok(answer) => {
                if self.spent > Duration::from_millis(self.pack.sandbox.limits().request_ms) {
                    self.over = true;
                    self.live = None;
                    let spent = format!("its calls took {} ms of one request", self.spent.as_millis());
                    self.tell(hook, None, &spent);
                }
                return Ok(answer);
            }
            Err(error) => error,
        };
        self.live = None;
        match &error {
            Without::Busy(_) => {
                self.pack.counters.busy();
                let (hook, instead) = instead(hook);
                let (plugin, device) = (&self.pack.version.id, &*self.device);
                tracing::warn!(plugin, device, hook, instead, %error, "a pack was not asked");
            }
            Without::Failed(failed) => {
                self.over = matches!(failed, Failed::Time(_));
                self.tell(hook, item, &error);
            }
        }
        Err(Fault(error.to_string()))
    }

    fn tell(&self, hook: Hook, item: Option<u64>, error: &dyn fmt::Display) {
        let (hook, instead) = instead(hook);
        if self.pack.fault(&self.device, hook, item, error, instead).is_some()
            && let Some(home) = self.home.upgrade()
        {
            home.was_set_aside(&self.pack);
        }
    }
}

/// One number for what a pack is shown of an item: it has no name here.
fn number(direction: bool, class: Class, entries: &[Entry]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (direction, class).hash(&mut hasher);
    for entry in entries {
        (entry.node, entry.parent, entry.tag.page(), entry.tag.token(), &entry.text, entry.length).hash(&mut hasher);
    }
    hasher.finish()
}

impl PluginSession for Session {
    fn outgoing(
        &mut self,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        entries: &[Entry],
    ) -> Result<Answer, Fault> {
        let (memo, item) = (Arc::clone(&self.memo), Some(number(false, class, entries)));
        self.call(Hook::Items, item, |code, exports| code.outgoing(exports, (context, &memo), class, state, entries))
    }

    fn incoming(
        &mut self,
        context: &HookContext<'_>,
        class: Class,
        state: &State,
        entries: &[Entry],
        base: &[Entry],
    ) -> Result<Answer, Fault> {
        let (memo, item) = (Arc::clone(&self.memo), Some(number(true, class, entries)));
        self.call(Hook::Items, item, |code, exports| {
            code.incoming(exports, (context, &memo), class, state, (entries, base))
        })
    }

    fn mail(&mut self, context: &HookContext<'_>, message: &Message) -> Result<MailVerdict, Fault> {
        let memo = Arc::clone(&self.memo);
        self.call(Hook::Mail, None, |code, exports| code.mail(exports, (context, &memo), message))
    }

    fn folder_change(&mut self, context: &HookContext<'_>, change: &FolderChange) -> Result<FolderVerdict, Fault> {
        let memo = Arc::clone(&self.memo);
        self.call(Hook::FolderChange, None, |code, exports| code.folder_change(exports, (context, &memo), change))
    }

    fn meeting(
        &mut self,
        context: &HookContext<'_>,
        request: &MeetingRequest,
    ) -> Result<Option<MeetingRequest>, Fault> {
        let memo = Arc::clone(&self.memo);
        self.call(Hook::Meeting, None, |code, exports| code.meeting(exports, (context, &memo), request))
    }

    fn recover(&mut self, context: &HookContext<'_>, history: &History) -> Result<Recovery, Fault> {
        let memo = Arc::clone(&self.memo);
        self.call(Hook::Recover, None, |code, exports| code.recover(exports, (context, &memo), history))
    }

    fn wire(&mut self, context: &HookContext<'_>, entries: &[Entry]) -> Result<Vec<Edit>, Fault> {
        let memo = Arc::clone(&self.memo);
        self.call(Hook::Wire, None, |code, exports| code.wire(exports, (context, &memo), entries))
    }

    fn nonsense(&mut self, hook: Hook, error: &dyn fmt::Display) {
        self.live = None;
        let error = crate::log::clean(&error.to_string());
        self.tell(hook, self.item, &error);
    }
}
