//! A plugin during one request, asked the way commands want to ask: what it may not see or say is settled here.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use easel_protocol::{Class, Command};
use easel_wbxml::Element;

use crate::hooks::{
    DevicePlugin, Direction, FolderChange, FolderEdit, FolderVerdict, History, Hook, HookContext, MAIL_EDITS_MAX,
    MailEdit, MailVerdict, MeetingRequest, Message, PackVersion, PluginSession, Recovery, STATE_BYTES_MAX, State,
    Verdict,
};
use crate::item::Item;
use crate::{Profile, rules};

/// What serves a device, and its code for the request at hand. After any fault the untouched value goes on.
pub struct Asked {
    plugin: Arc<dyn DevicePlugin>,
    session: Mutex<Option<Box<dyn PluginSession>>>,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its properties.
    As(Vec<Element>),
    /// It goes no further, for this reason; and as it was before the plugin saw it.
    Withheld(String, Vec<Element>),
}

/// What a plugin left for a device and folder, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredState {
    /// The pack.
    pub pack: String,
    /// Its version.
    pub version: String,
    /// Opaque.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

impl Asked {
    /// For one request.
    pub fn new(plugin: Arc<dyn DevicePlugin>) -> Self {
        Self { plugin, session: Mutex::new(None) }
    }

    /// The settings of the device.
    pub fn profile(&self) -> &Profile {
        self.plugin.profile()
    }

    /// Which pack serves the device.
    pub fn pack(&self) -> Option<&PackVersion> {
        self.plugin.pack()
    }

    /// What serves the device.
    pub const fn plugin(&self) -> &Arc<dyn DevicePlugin> {
        &self.plugin
    }

    fn with<T>(&self, ask: impl FnOnce(&mut dyn PluginSession) -> T) -> T {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        ask(session.get_or_insert_with(|| self.plugin.open()).as_mut())
    }

    /// Whether code would see an item that goes this way: what commands ask before they make what only code needs.
    pub fn sees(&self, direction: Direction, class: Class) -> bool {
        self.plugin.answers(Hook::Items) && self.plugin.subscription(direction, class).is_some()
    }

    /// An item on its way to the device.
    pub fn outgoing(
        &self,
        context: &HookContext<'_>,
        class: Class,
        state: &mut Option<StoredState>,
        properties: Vec<Element>,
    ) -> Outcome {
        self.item(context, Direction::Outgoing, class, state, properties, Vec::new)
    }

    /// An item from the device; `base` is asked for only when code sees it.
    pub fn incoming(
        &self,
        context: &HookContext<'_>,
        class: Class,
        state: &mut Option<StoredState>,
        properties: Vec<Element>,
        base: impl FnOnce() -> Vec<Element>,
    ) -> Outcome {
        self.item(context, Direction::Incoming, class, state, properties, base)
    }

    fn item(
        &self,
        context: &HookContext<'_>,
        direction: Direction,
        class: Class,
        stored: &mut Option<StoredState>,
        mut properties: Vec<Element>,
        base: impl FnOnce() -> Vec<Element>,
    ) -> Outcome {
        rules::apply(self.plugin.rules(), direction, class, &mut properties);
        let wanted = self.plugin.subscription(direction, class).filter(|_| self.plugin.answers(Hook::Items));
        let (Some(wanted), Some(pack)) = (wanted, self.plugin.pack()) else { return Outcome::As(properties) };
        let touched = |properties: &[Element]| properties.iter().any(|property| wanted.touches(property));
        // What the device leaves out may be what code is there for: the stored form counts as well.
        let base = match direction {
            Direction::Incoming => base(),
            Direction::Outgoing => Vec::new(),
        };
        if !touched(&properties) && !touched(&base) {
            return Outcome::As(properties);
        }
        let item = Item::new(properties);
        let entries = item.entries(wanted);
        let state = match stored {
            Some(stored) if stored.pack == pack.id => {
                State { version: stored.version.clone(), bytes: stored.bytes.clone() }
            }
            Some(_) | None => State::default(),
        };
        self.with(|session| {
            let answer = match direction {
                Direction::Outgoing => session.outgoing(context, class, &state, &entries),
                Direction::Incoming => {
                    let base = Item::new(base).entries(wanted);
                    session.incoming(context, class, &state, &entries, &base)
                }
            };
            let Ok(answer) = answer else { return Outcome::As(item.into_elements()) };
            if answer.state.as_ref().is_some_and(|bytes| bytes.len() > STATE_BYTES_MAX) {
                session.nonsense(Hook::Items, &format_args!("a state of more than {STATE_BYTES_MAX} bytes"));
                return Outcome::As(item.into_elements());
            }
            let outcome = match answer.verdict {
                Verdict::Keep => Outcome::As(item.into_elements()),
                Verdict::Withhold(reason) => Outcome::Withheld(reason, item.into_elements()),
                Verdict::Edit(edits) => match item.edit(&edits, Some(class)) {
                    Ok(edited) => Outcome::As(edited.into_elements()),
                    Err(error) => {
                        session.nonsense(Hook::Items, &error);
                        return Outcome::As(item.into_elements());
                    }
                },
            };
            if let Some(bytes) = answer.state {
                *stored = (!bytes.is_empty()).then(|| StoredState {
                    pack: pack.id.clone(),
                    version: pack.version.clone(),
                    bytes,
                });
            }
            outcome
        })
    }

    /// Mail that the device sends; `None` when no code looks at it. `message` is asked for only when it does.
    pub fn mail(&self, context: &HookContext<'_>, message: impl FnOnce() -> Message) -> Option<MailVerdict> {
        if !self.plugin.answers(Hook::Mail) {
            return None;
        }
        let message = message();
        self.with(|session| {
            let verdict = session.mail(context, &message).ok()?;
            if let MailVerdict::Edit(edits) = &verdict {
                let parts = message.parts.len();
                if edits.len() > MAIL_EDITS_MAX {
                    let count = edits.len();
                    session.nonsense(Hook::Mail, &format_args!("{count} edits: at most {MAIL_EDITS_MAX}"));
                    return None;
                }
                if let Some(wrong) = edits.iter().find_map(|edit| wrong_in_mail(edit, parts)) {
                    session.nonsense(Hook::Mail, &wrong);
                    return None;
                }
            }
            Some(verdict)
        })
    }

    /// A folder that the device makes, changes or removes; `None` when no code looks at it.
    pub fn folder_change(&self, context: &HookContext<'_>, change: &FolderChange) -> Option<FolderVerdict> {
        if !self.plugin.answers(Hook::FolderChange) {
            return None;
        }
        self.with(|session| {
            let verdict = session.folder_change(context, change).ok()?;
            let wrong = |edit: &FolderEdit| match edit {
                FolderEdit::DisplayName(name) => name.is_empty() || name.len() > 256 || name.contains(char::is_control),
                FolderEdit::Kind(kind) => !(1..=19).contains(kind),
                FolderEdit::ToRoot | FolderEdit::ToTrash => false,
            };
            if let FolderVerdict::Edit(edits) = &verdict
                && let Some(edit) = edits.iter().find(|edit| wrong(edit))
            {
                session.nonsense(Hook::FolderChange, edit);
                return None;
            }
            Some(verdict)
        })
    }

    /// An answer to an invitation, as the plugin would have it.
    pub fn meeting(&self, context: &HookContext<'_>, request: MeetingRequest) -> MeetingRequest {
        if !self.plugin.answers(Hook::Meeting) {
            return request;
        }
        self.with(|session| match session.meeting(context, &request) {
            Ok(Some(other)) if (1..=3).contains(&other.user_response) => other,
            Ok(Some(other)) => {
                session.nonsense(Hook::Meeting, &format_args!("an answer of {}", other.user_response));
                request
            }
            Ok(None) | Err(_) => request,
        })
    }

    /// What to do with a device that seems stuck.
    pub fn recover(&self, context: &HookContext<'_>, history: &History) -> Recovery {
        if !self.plugin.answers(Hook::Recover) {
            return Recovery::Usual;
        }
        self.with(|session| session.recover(context, history).unwrap_or_default())
    }

    /// A whole request. `Provision` and `Settings` are never shown, nor is one with a password in it.
    pub fn wire(&self, context: &HookContext<'_>, command: Command, request: Element) -> Element {
        let never = matches!(command, Command::Provision | Command::Settings) || holds_password(&request);
        let wanted = self.plugin.wire(command).filter(|_| !never && self.plugin.answers(Hook::Wire));
        let Some(wanted) = wanted else { return request };
        let tag = request.tag;
        let mut item = Item::new(vec![request]);
        self.with(|session| match session.wire(context, &item.entries(wanted)) {
            Ok(edits) if edits.is_empty() => {}
            Ok(edits) => match item.edit(&edits, None) {
                Ok(edited) if edited.is_rooted(tag) => item = edited,
                Ok(_) => session.nonsense(Hook::Wire, &"the request has another root"),
                Err(error) => session.nonsense(Hook::Wire, &error),
            },
            Err(_) => {}
        });
        item.into_elements().into_iter().next().expect("a request keeps its root")
    }
}

fn wrong_in_mail(edit: &MailEdit, parts: usize) -> Option<String> {
    let no_part = |part: &u32| usize::try_from(*part).is_ok_and(|part| part >= parts);
    let no_line = |text: &str| text.is_empty() || text.contains(char::is_control);
    let no_name = |name: &str| {
        name.is_empty() || name.len() > 76 || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
    };
    let wrong = match edit {
        MailEdit::Charset(part, text) | MailEdit::ContentType(part, text) => no_part(part) || no_line(text),
        MailEdit::Mark(id, _) => no_line(id),
        MailEdit::RemoveHeader(name) => no_name(name),
        MailEdit::SetHeader(name, value) => no_name(name) || value.contains(char::is_control),
    };
    wrong.then(|| edit.to_string())
}

fn holds_password(request: &Element) -> bool {
    let mut next = vec![request];
    while let Some(element) = next.pop() {
        if element.tag.name().is_some_and(|name| name.contains("Password")) {
            return true;
        }
        next.extend(element.children());
    }
    false
}
