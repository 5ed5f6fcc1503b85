//! Answers that take their time. The server is in this process, so that a test turns its clock and holds an item back;
//! packs are the real ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use easel_commands::Settings;
use easel_plugin::hooks::{
    Answer, DevicePlugin, Fault, FolderChange, FolderVerdict, History, Hook, HookContext, MailVerdict, MeetingRequest,
    Message, NoSession, PackVersion, PluginSession, Recovery, State, Verdict,
};
use easel_plugin::item::{Content, Edit, Entry, Wanted};
use easel_plugin::rules::Rule;
use easel_plugin::{DevicePlugins, Direction, Profile};
use easel_plugin_wasm::Overrides;
use easel_plugins_tests::Bench;
use easel_protocol::{Class, Command, DeviceFacts, FolderType};
use easel_server::{Clock as _, ManualClock};
use easel_store::Store as _;
use easel_test_support::{Identity, Phone, Sent, Socket};
use easel_wbxml::pages::{airsync, email};
use easel_wire::{House, short_mail};

/// What happens whenever a mail is on its way out.
type Pace = Arc<dyn Fn() + Send + Sync>;

/// Packs whose devices get mail at a pace of the test's own.
struct Paced {
    packs: Arc<dyn DevicePlugins>,
    pace: Pace,
}

struct PacedPlugin {
    pack: Arc<dyn DevicePlugin>,
    pace: Pace,
    subject: Wanted,
}

struct PacedSession(Pace);

impl DevicePlugins for Paced {
    fn generation(&self) -> u64 {
        self.packs.generation()
    }

    fn serve(&self, facts: &DeviceFacts) -> Arc<dyn DevicePlugin> {
        let (pack, pace) = (self.packs.serve(facts), Arc::clone(&self.pace));
        let subject = Wanted::only([(email::SUBJECT, Content::Presence)]);
        Arc::new(PacedPlugin { pack, pace, subject })
    }
}

impl fmt::Debug for PacedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pack.fmt(f)
    }
}

impl DevicePlugin for PacedPlugin {
    fn pack(&self) -> Option<&PackVersion> {
        self.pack.pack()
    }

    fn profile(&self) -> &Profile {
        self.pack.profile()
    }

    fn family(&self) -> &str {
        self.pack.family()
    }

    fn rules(&self) -> &[Rule] {
        self.pack.rules()
    }

    fn subscription(&self, direction: Direction, class: Class) -> Option<&Wanted> {
        (direction == Direction::Outgoing && class == Class::Email).then_some(&self.subject)
    }

    fn wire(&self, command: Command) -> Option<&Wanted> {
        self.pack.wire(command)
    }

    fn answers(&self, hook: Hook) -> bool {
        hook == Hook::Items
    }

    fn open(&self) -> Box<dyn PluginSession> {
        Box::new(PacedSession(Arc::clone(&self.pace)))
    }
}

impl PluginSession for PacedSession {
    fn outgoing(&mut self, _: &HookContext<'_>, _: Class, _: &State, _: &[Entry]) -> Result<Answer, Fault> {
        (self.0)();
        Ok(Verdict::Keep.into())
    }

    fn incoming(
        &mut self,
        _: &HookContext<'_>,
        _: Class,
        _: &State,
        _: &[Entry],
        _: &[Entry],
    ) -> Result<Answer, Fault> {
        Ok(Verdict::Keep.into())
    }

    fn mail(&mut self, context: &HookContext<'_>, message: &Message) -> Result<MailVerdict, Fault> {
        NoSession.mail(context, message)
    }

    fn folder_change(&mut self, context: &HookContext<'_>, change: &FolderChange) -> Result<FolderVerdict, Fault> {
        NoSession.folder_change(context, change)
    }

    fn meeting(
        &mut self,
        context: &HookContext<'_>,
        request: &MeetingRequest,
    ) -> Result<Option<MeetingRequest>, Fault> {
        NoSession.meeting(context, request)
    }

    fn recover(&mut self, context: &HookContext<'_>, history: &History) -> Result<Recovery, Fault> {
        NoSession.recover(context, history)
    }

    fn wire(&mut self, context: &HookContext<'_>, entries: &[Entry]) -> Result<Vec<Edit>, Fault> {
        NoSession.wire(context, entries)
    }

    fn nonsense(&mut self, _: Hook, error: &dyn fmt::Display) {
        panic!("{error}");
    }
}

/// A house with the pack of whoever is unknown, and mail at a pace.
fn house(pace: Pace) -> House {
    static DEFAULT: OnceLock<Vec<u8>> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/default");
    let built = DEFAULT.get_or_init(|| easel_pack_build::build(&folder).unwrap());
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(built)]);
    House::with(Arc::new(Paced { packs, pace }), Settings::default())
}

/// The mail of Android itself, of 4.0.
fn aosp() -> Identity {
    Identity { name: "Android 4.0", user_agent: "Android/4.0.3-EAS-1.3", ..Identity::android() }
}

/// A phone that holds nothing of an Inbox with so many mails.
fn before_the_first_mail(house: &House, mails: usize) -> (Phone<Socket>, String) {
    for number in 0..mails {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
    let mut phone = house.ready(aosp());
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    (phone, inbox)
}

#[test]
fn tc77_an_export_slower_than_28_seconds_is_answered_in_time_with_what_is_there() {
    let clock: Arc<OnceLock<ManualClock>> = Arc::default();
    let inside = Arc::clone(&clock);
    let house = house(Arc::new(move || inside.get().unwrap().advance(Duration::from_millis(500))));
    clock.set(house.clock.clone()).unwrap();
    let (mut phone, inbox) = before_the_first_mail(&house, 80);
    let key = phone.collections[&inbox].key.clone();
    let mut pages = Vec::new();
    loop {
        let began = house.clock.now();
        let synced = phone.sync(&[Sent { window: Some(100), ..Sent::ask(&inbox) }]).unwrap();
        let took = house.clock.now().duration_since(began).as_secs_f64();
        assert!(took <= 28.0, "{took} seconds");
        pages.push((synced.entries, synced.more));
        assert_ne!(phone.collections[&inbox].key, key);
        if !synced.more {
            break;
        }
    }
    assert_eq!(pages, [(56, true), (24, false)], "as many as are made in 28 seconds, and the rest");
    assert_eq!(phone.items(&inbox).len(), 80);
    let device = house.store().device(house.anna.id, &phone.identity.device_id, phone.identity.device_type).unwrap();
    assert_eq!(device.unwrap().facts.user_agent, "Android/4.0.3-EAS-1.3");
}

#[test]
fn tc87_a_sync_that_starts_while_another_of_its_device_exports_waits_for_its_turn() {
    // The first mail of all is held back until the test lets it go; how many are made at once is counted.
    let (go, gate) = mpsc::channel::<()>();
    let (here, reached) = mpsc::channel::<()>();
    let gate = Mutex::new(Some((gate, here)));
    let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let house = house(Arc::new(move || {
        seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let first = gate.lock().unwrap().take();
        if let Some((gate, here)) = first {
            here.send(()).unwrap();
            gate.recv().unwrap();
        }
        inside.fetch_sub(1, Ordering::SeqCst);
    }));
    let (mut phone, inbox) = before_the_first_mail(&house, 5);
    let asked = [Sent::ask(&inbox)];
    let body = easel_wbxml::encode(&phone.sync_request(&asked));
    let request = phone.request(Command::Sync, &body, "application/vnd.ms-sync.wbxml");
    let send = || {
        let (mut socket, request) = (house.socket("anna"), request.clone());
        std::thread::spawn(move || {
            let response = easel_test_support::Transport::exchange(&mut socket, &request).unwrap();
            assert_eq!(response.code, 200);
            easel_wbxml::decode(&response.body).unwrap()
        })
    };
    let first = send();
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    // The phone has lost patience and asks again.
    let second = send();
    let mut other = house.phone(Identity { device_id: "another".into(), ..aosp() });
    for _ in 0..20 {
        other.folder_sync().unwrap();
    }
    assert!(!second.is_finished(), "other devices are answered meanwhile, this one is not");
    go.send(()).unwrap();
    let (first, second) = (first.join().unwrap(), second.join().unwrap());
    assert_eq!(most.load(Ordering::SeqCst), 1, "never two at once");
    assert_eq!(first, second, "what was answered once is answered again, with the same key");
    phone.take_sync(Some(second)).unwrap();
    assert_eq!(phone.items(&inbox).len(), 5);
    let quiet = phone.sync(&asked).unwrap();
    assert!(
        quiet.empty,
        "there is one state: {:?}",
        quiet.collections.get(&inbox).map(|one| one.child(airsync::STATUS))
    );
}
