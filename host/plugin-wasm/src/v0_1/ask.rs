//! Calls into a component.

use easel_plugin::hooks::{
    Answer, FolderChange, FolderVerdict, History, HookContext, MailVerdict, MeetingRequest, Message, Recovery, State,
};
use easel_plugin::item::{Edit, Entry};
use easel_protocol::{Class, DeviceFacts};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::said::{self, Declared, RawManifest};
use super::{Exports, Options, shown};
use crate::guest::{Guest, begin};

/// What kind of call failed, so that what follows can be decided.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It ran over its time.
    Time(String),
    /// It trapped, or gave back something that is no value.
    Trap(String),
    /// It gave back an error, or a value that cannot be.
    Said(String),
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(text) | Self::Trap(text) | Self::Said(text) => f.write_str(text),
        }
    }
}

impl From<wasmtime::Error> for Failed {
    fn from(error: wasmtime::Error) -> Self {
        if let Some(time) = error.downcast_ref::<crate::guest::OverTime>() {
            return Self::Time(time.to_string());
        }
        // The chain on one line, without the frames of a guest that is stripped anyway.
        let causes: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
        let said: Vec<&str> =
            causes.iter().filter(|cause| !cause.starts_with("error while executing")).map(String::as_str).collect();
        Self::Trap(crate::log::clean(&if said.is_empty() { causes.join(": ") } else { said.join(": ") }))
    }
}

fn err(sentence: String) -> Failed {
    Failed::Said(format!("it says: {}", crate::log::clean(&sentence)))
}

/// An instance and the Store it lives in.
#[derive(Debug)]
pub(crate) struct Code {
    store: Store<Guest>,
    instance: Instance,
}

macro_rules! guest {
    ($code:ident, $exports:ident, $interface:ident) => {{
        begin(&mut $code.store);
        let indices = $exports.$interface.as_ref().ok_or_else(|| Failed::Said("it has no such function".to_owned()))?;
        indices.load(&mut $code.store, &$code.instance)?
    }};
}

impl Code {
    /// Makes an instance in a Store of its own.
    pub(crate) fn new(mut store: Store<Guest>, pre: &InstancePre<Guest>) -> Result<Self, Failed> {
        begin(&mut store);
        let instance = pre.instantiate(&mut store)?;
        Ok(Self { store, instance })
    }

    /// Whether its functions are those of the contract.
    pub(crate) fn fit(&mut self, exports: &Exports) -> wasmtime::Result<()> {
        exports.fit(&mut self.store, &self.instance)
    }

    /// Bytes of memory that it has.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().memory()
    }

    pub(crate) fn manifest(&mut self, exports: &Exports) -> Result<RawManifest, Failed> {
        begin(&mut self.store);
        let guest = exports.describe.load(&mut self.store, &self.instance)?;
        Ok(said::manifest(guest.call_get_manifest(&mut self.store)?))
    }

    pub(crate) fn profile(
        &mut self,
        exports: &Exports,
        of: &DeviceFacts,
        headers: &[String],
        options: &Options,
    ) -> Result<Declared, Failed> {
        let guest = guest!(self, exports, profile);
        let said = guest.call_for_device(&mut self.store, &shown::facts(of, headers), &shown::options(options))?;
        said::declared(said.map_err(err)?).map_err(Failed::Said)
    }

    pub(crate) fn outgoing(
        &mut self,
        exports: &Exports,
        (context, memo): (&HookContext<'_>, &[u8]),
        class: Class,
        state: &State,
        entries: &[Entry],
    ) -> Result<Answer, Failed> {
        let guest = guest!(self, exports, items);
        let (context, state, entries) = (shown::context(context, memo), shown::state(state), shown::entries(entries));
        let said = guest.call_outgoing(&mut self.store, shown::class(class), &context, &state, &entries)?;
        said.map(said::answer).map_err(err)
    }

    pub(crate) fn incoming(
        &mut self,
        exports: &Exports,
        (context, memo): (&HookContext<'_>, &[u8]),
        class: Class,
        state: &State,
        (entries, base): (&[Entry], &[Entry]),
    ) -> Result<Answer, Failed> {
        let guest = guest!(self, exports, items);
        let (context, state) = (shown::context(context, memo), shown::state(state));
        let (entries, base) = (shown::entries(entries), shown::entries(base));
        let said = guest.call_incoming(&mut self.store, shown::class(class), &context, &state, &entries, &base)?;
        said.map(said::answer).map_err(err)
    }

    pub(crate) fn mail(
        &mut self,
        exports: &Exports,
        (context, memo): (&HookContext<'_>, &[u8]),
        message: &Message,
    ) -> Result<MailVerdict, Failed> {
        let guest = guest!(self, exports, mail);
        let said = guest.call_incoming(&mut self.store, &shown::context(context, memo), &shown::message(message))?;
        said.map(said::mail).map_err(err)
    }

    pub(crate) fn folder_change(
        &mut self,
        exports: &Exports,
        (context, memo): (&HookContext<'_>, &[u8]),
        change: &FolderChange,
    ) -> Result<FolderVerdict, Failed> {
        let guest = guest!(self, exports, folder_change);
        let said = guest.call_incoming(&mut self.store, &shown::context(context, memo), &shown::change(change))?;
        said.map(said::folder).map_err(err)
    }

    pub(crate) fn meeting(
        &mut self,
        exports: &Exports,
        (context, memo): (&HookContext<'_>, &[u8]),
        request: &MeetingRequest,
    ) -> Result<Option<MeetingRequest>, Failed> {
        let guest = guest!(self, exports, meeting);
        let said = guest.call_incoming(&mut self.store, &shown::context(context, memo), &shown::request(request))?;
        said.map(|other| other.map(said::request)).map_err(err)
    }

    pub(crate) fn recover(
        &mut self,
        exports: &Exports,
        (context, memo): (&HookContext<'_>, &[u8]),
        history: &History,
    ) -> Result<Recovery, Failed> {
        let guest = guest!(self, exports, recover);
        let said = guest.call_advise(&mut self.store, &shown::context(context, memo), shown::history(history))?;
        said.map(said::recovery).map_err(err)
    }

    pub(crate) fn wire(
        &mut self,
        exports: &Exports,
        (context, memo): (&HookContext<'_>, &[u8]),
        entries: &[Entry],
    ) -> Result<Vec<Edit>, Failed> {
        use super::bindings::exports::easel::plugin::wire::Verdict;
        let guest = guest!(self, exports, wire);
        let said = guest.call_incoming(&mut self.store, &shown::context(context, memo), &shown::entries(entries))?;
        match said.map_err(err)? {
            Verdict::Edit(edits) => Ok(said::edits(edits)),
            Verdict::Keep => Ok(Vec::new()),
        }
    }
}
