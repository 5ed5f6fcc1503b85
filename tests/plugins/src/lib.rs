//! What tests of packs need: guests that are built once, components made of them, and a place to load them.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once, OnceLock};

use easel_plugin::{Asked, DevicePlugins, HookContext, Outcome};
use easel_plugin_wasm::{
    Clock, Limits, Loader, MemoryLedger, Overrides, Pack, PackLog, PackSet, Packs, Sandbox, TestClock, Trust,
};
use easel_protocol::{Class, DeviceFacts, Version};
use easel_wbxml::Element;
use easel_wbxml::pages::contacts;
use wasm_encoder::{ComponentSection, CustomSection, Encode};

/// The pack that does what the User-Agent says; built once a run.
///
/// # Panics
///
/// When it cannot be built.
pub fn odd() -> &'static [u8] {
    static ODD: OnceLock<Vec<u8>> = OnceLock::new();
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/odd");
    ODD.get_or_init(|| easel_pack_build::build(&guest).unwrap_or_else(|error| panic!("{error}")))
}

/// The same under another id or version.
///
/// # Panics
///
/// When the guest has no place for them.
pub fn odd_as(id: &str, version: &str) -> Vec<u8> {
    let mut bytes = odd().to_vec();
    let at = bytes.windows(11).position(|window| window == b"@odd@1.0.0@").expect("the guest's name is in its data");
    let name = format!("{:64}", format!("@{id}@{version}@"));
    assert_eq!(name.len(), 64, "{name}");
    bytes[at..at + 64].copy_from_slice(name.as_bytes());
    bytes
}

/// A component with one more custom section: a fixture or a guide.
pub fn with_section(component: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let section = CustomSection { name: name.into(), data: data.into() };
    let mut bytes = component.to_vec();
    bytes.push(section.id());
    section.encode(&mut bytes);
    bytes
}

/// A place to load packs, with a clock that is turned by hand.
#[derive(Debug)]
pub struct Bench {
    /// Where they run.
    pub sandbox: Arc<Sandbox>,
    /// What is remembered.
    pub ledger: Arc<MemoryLedger>,
    /// The time.
    pub clock: Arc<TestClock>,
    /// What they write.
    pub log: Arc<PackLog>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::with(Limits::default())
    }
}

impl Bench {
    /// With other limits.
    ///
    /// # Panics
    ///
    /// When the machine has no room for it.
    pub fn with(limits: Limits) -> Self {
        let clock = Arc::new(TestClock::default());
        let log = Arc::new(PackLog::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let sandbox = Arc::new(Sandbox::new(limits).expect("an engine can be made"));
        Self { sandbox, ledger: Arc::new(MemoryLedger::default()), clock, log }
    }

    /// A loader that trusts these.
    pub fn loader(&self, trust: Trust) -> Loader {
        let (sandbox, ledger) = (Arc::clone(&self.sandbox), Arc::clone(&self.ledger));
        Loader::new(sandbox, trust, ledger, Arc::clone(&self.clock) as Arc<dyn Clock>, Arc::clone(&self.log))
    }

    /// Loads a component, whoever made it.
    ///
    /// # Panics
    ///
    /// When it is not taken.
    pub fn load(&self, component: &[u8]) -> Arc<Pack> {
        let loaded = self.loader(Trust::default()).load_unsigned(&PathBuf::from("odd.wasm"), component);
        Arc::new(loaded.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Packs in service.
    ///
    /// # Panics
    ///
    /// Never: the ledger is in memory.
    pub fn packs(&self, overrides: Overrides, packs: impl IntoIterator<Item = Arc<Pack>>) -> Arc<Packs> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let all = Packs::new(overrides, Arc::clone(&self.ledger) as Arc<dyn easel_plugin_wasm::Ledger>, clock);
        let all = all.expect("a ledger in memory can be read");
        all.swap(PackSet::new(packs));
        all
    }
}

/// What a device of that User-Agent is known by.
pub fn facts(user_agent: &str) -> DeviceFacts {
    DeviceFacts {
        device_id: "ODD1".to_owned(),
        device_type: "Odd".to_owned(),
        user_agent: user_agent.to_owned(),
        version: Some(Version::V14_1),
        ..DeviceFacts::default()
    }
}

/// A contact as a device gets it, with a picture of 40 KB.
pub fn contact(name: &str) -> Vec<Element> {
    vec![
        Element::text(contacts::FILE_AS, name),
        Element::text(contacts::FIRST_NAME, " Anna "),
        Element::text(contacts::LAST_NAME, "Muster"),
        Element::text(contacts::PICTURE, "A".repeat(40_000)),
    ]
}

/// A request of Anna's.
pub fn context<'a>(command: easel_protocol::Command, addresses: &'a [String]) -> HookContext<'a> {
    HookContext {
        version: Version::V14_1,
        now_ms: 1_795_000_000_000,
        zone: "Europe/Berlin",
        owner_name: "Anna",
        owner_addresses: addresses,
        command,
        folder: None,
        attempt: 0,
    }
}

/// Sends one contact to a device of that User-Agent, in a request of its own.
pub fn send(packs: &Packs, user_agent: &str, properties: Vec<Element>) -> Outcome {
    let asked = Asked::new(packs.serve(&facts(user_agent)));
    send_with(&asked, properties)
}

/// Sends one contact in a request under way.
pub fn send_with(asked: &Asked, properties: Vec<Element>) -> Outcome {
    asked.outgoing(&context(easel_protocol::Command::Sync, &[]), Class::Contacts, &mut None, properties)
}

thread_local! {
    /// What this thread has written to the log since it began to listen.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to whoever listens on this thread.
struct Lines;

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.as_mut().map(|lines| lines.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written to the log while something is done on this thread.
pub fn logged<T>(what: impl FnOnce() -> T) -> (T, String) {
    // One for the process: whether a line is wanted at all is remembered for all threads.
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(|| Lines);
        subscriber.with_max_level(tracing::Level::DEBUG).init();
    });
    LINES.set(Some(Vec::new()));
    let done = what();
    let bytes = LINES.take().unwrap_or_default();
    (done, String::from_utf8_lossy(&bytes).into_owned())
}
