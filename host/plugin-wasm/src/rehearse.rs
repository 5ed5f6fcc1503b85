//! What the bytes of a pack meet, without a server and without a device: for whoever looks for bytes that confuse it.

use easel_plugin::Profile;
use easel_plugin::hooks::{
    Answer, FolderChange, FolderOperation, FolderVerdict, History, HookContext, MailVerdict, MeetingRequest, Message,
    State, Symptom,
};
use easel_plugin::item::Edit;
use easel_plugin::rules::Rule;
use easel_protocol::{Class, Command, DeviceFacts, Version};

use crate::component::Shape;
use crate::v0_1::Failed;
use crate::{ComponentError, Manifest, Pack};

/// Reads a file as it is read before anything of it is compiled. Gives its fixtures, by name.
pub fn rehearse_file(bytes: &[u8]) -> Result<Vec<(String, String)>, ComponentError> {
    Shape::read(bytes).map(|shape| shape.fixtures)
}

/// A question to a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the function of its name")]
pub enum Question {
    FolderChange,
    ItemsIncoming,
    ItemsOutgoing,
    Mail,
    Manifest,
    Meeting,
    Profile,
    Wire,
}

impl Question {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::FolderChange,
        Self::ItemsIncoming,
        Self::ItemsOutgoing,
        Self::Mail,
        Self::Manifest,
        Self::Meeting,
        Self::Profile,
        Self::Wire,
    ];
}

/// What was understood of an answer, before whoever asked checks whether it may be.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the answer to the question of its name")]
pub enum Heard {
    FolderChange(FolderVerdict),
    Items(Answer),
    Mail(MailVerdict),
    Manifest(Box<Manifest>),
    Meeting(Option<MeetingRequest>),
    Profile { family: String, rules: Vec<Rule>, profile: Box<Profile>, memo: Vec<u8>, left_out: Vec<String> },
    Wire(Vec<Edit>),
}

/// Asks a pack for advice, with these bytes as what it had remembered of the device, and then one question, in one
/// instance. The error is the one that would stand in the log.
pub fn rehearse(pack: &Pack, question: Question, memo: &[u8]) -> Result<Heard, String> {
    let _turning = pack.sandbox.run();
    ask(pack, question, memo).map_err(|failed| failed.to_string())
}

fn ask(pack: &Pack, question: Question, memo: &[u8]) -> Result<Heard, Failed> {
    let exports = &pack.exports;
    let mut code = pack.instance("rehearsal")?;
    let context = HookContext {
        version: Version::V16_1,
        now_ms: 0,
        zone: "UTC",
        owner_name: "Ada",
        owner_addresses: &[],
        command: Command::Sync,
        folder: None,
        attempt: 0,
    };
    let history = History { symptom: Symptom::ZeroKey, times: 1, within_secs: 1 };
    code.recover(exports, (&context, memo), &history)?;
    let (context, state, class) = ((&context, &[][..]), State::default(), Class::Contacts);
    Ok(match question {
        Question::FolderChange => {
            let change = FolderChange {
                operation: FolderOperation::Create,
                current: None,
                current_name: String::new(),
                parent: None,
                same_parent: false,
                display_name: "New".to_owned(),
                kind: 12,
            };
            Heard::FolderChange(code.folder_change(exports, context, &change)?)
        }
        Question::ItemsIncoming => Heard::Items(code.incoming(exports, context, class, &state, (&[], &[]))?),
        Question::ItemsOutgoing => Heard::Items(code.outgoing(exports, context, class, &state, &[])?),
        Question::Mail => Heard::Mail(code.mail(exports, context, &Message::default())?),
        Question::Manifest => {
            let said = code.manifest(exports)?;
            Heard::Manifest(Box::new(Manifest::check(said).map_err(|error| Failed::Said(error.to_string()))?))
        }
        Question::Meeting => Heard::Meeting(code.meeting(exports, context, &MeetingRequest::default())?),
        Question::Profile => {
            let said = code.profile(exports, &DeviceFacts::default(), &[], &Vec::new())?;
            Heard::Profile {
                family: said.family,
                rules: said.rules,
                profile: Box::new(said.profile),
                memo: said.memo,
                left_out: said.left_out,
            }
        }
        Question::Wire => Heard::Wire(code.wire(exports, context, &[])?),
    })
}
