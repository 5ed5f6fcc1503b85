//! ItemOperations: the device reads items and attachments, empties folders, moves conversations.
//!
//! MS-ASCMD 2.2.1.10 "ItemOperations"; tags on code page 20, ItemOperations. From 12.0.
//!
//! Operations are carried out and answered in the order of the document, each with a status of its own. Where the
//! device takes multipart answers, bodies and attachments follow the document as parts ([`multipart`]); else they stand
//! in it.

mod empty_folder;
mod fetch;
mod move_conversation;
mod multipart;

use easel_protocol::{CommonStatus, Version};
use easel_wbxml::pages::{airsync, item_operations as io};
use easel_wbxml::{Element, Tag};

use self::multipart::Parts;
use crate::context::{Context, Failure, RequestError};
use crate::{Answer, Reply};

/// Operations in one request.
const OPERATIONS_MAX: usize = 100;

/// What the device sends: operations, in order.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    operations: Vec<Operation<'a>>,
}

/// One operation, as sent.
#[derive(Clone, Copy, Debug)]
enum Operation<'a> {
    EmptyFolder(&'a Element),
    Fetch(&'a Element),
    Move(&'a Element),
}

impl<'a> Request<'a> {
    pub(crate) fn from_wbxml(root: &'a Element) -> Result<Self, RequestError> {
        let operations: Vec<Operation<'a>> = root
            .children()
            .filter_map(|child| match child.tag {
                io::EMPTY_FOLDER_CONTENTS => Some(Operation::EmptyFolder(child)),
                io::FETCH => Some(Operation::Fetch(child)),
                io::MOVE => Some(Operation::Move(child)),
                _ => None,
            })
            .collect();
        match operations.len() {
            0 => Err(RequestError::Missing(io::ITEM_OPERATIONS)),
            1..=OPERATIONS_MAX => Ok(Self { operations }),
            _ => Err(RequestError::TooMany(io::ITEM_OPERATIONS)),
        }
    }
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// An answer for each operation, and what goes beside the document.
    Answered(Vec<Element>, Parts),
    /// The whole request is refused.
    Refused(Status),
    /// The whole request is refused, with a status that every command has.
    RefusedWhole(CommonStatus),
}

/// MS-ASCMD 2.2.3.177.8 "Status (ItemOperations)", of the whole answer or of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 1,
    /// The request breaks a rule; the device must not send it again.
    ProtocolError = 2,
    /// Our side failed; the device tries again later.
    ServerError = 3,
    /// A link without a target.
    BadLink = 4,
    /// There is no such item, document, conversation or folder.
    NotFound = 6,
    /// The range is none, or lies behind the end.
    BadRange = 8,
    /// A store that nobody knows.
    UnknownStore = 9,
    /// There is nothing in it.
    Empty = 10,
    /// It is larger than the policy or one answer allows; or too many operations.
    TooLarge = 11,
    /// The bytes of an attachment cannot be read; the device tries again later.
    IoFailure = 12,
    /// The wishes for a body contradict themselves. A number of the editions up to 14.x, which no later one gives another
    /// meaning.
    BadBodyPreference = 13,
    /// The item cannot be shown in this version.
    ConversionFailed = 14,
    /// There is no such attachment.
    AttachmentInvalid = 15,
    /// The policy forbids it.
    AccessDenied = 16,
    /// Some of it is done, and our side failed at the rest; the device repeats the operation.
    PartialSuccess = 17,
}

/// Why an operation was not carried out.
#[derive(Debug)]
enum Stop {
    /// With a status of this command.
    Own(Status),
    /// With one that every command has.
    Common(CommonStatus),
    /// Not this operation alone: the whole request is refused.
    Whole(CommonStatus),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Own(status)
    }
}

/// Carries out one operation after the other.
pub(crate) fn handle(context: &Context<'_>, request: &Request<'_>) -> Response {
    let mut parts = Parts::new(context.line.accept_multipart, context.settings.message_bytes_max);
    let mut answers = Vec::new();
    for operation in &request.operations {
        let answer = match operation {
            Operation::Fetch(element) => fetch::fetch(context, element, &mut parts),
            Operation::EmptyFolder(element) => {
                let id = element.child(airsync::COLLECTION_ID).cloned();
                plain(context, io::EMPTY_FOLDER_CONTENTS, empty_folder::empty(context, element), id)
            }
            Operation::Move(element) => {
                let id = element.child(io::CONVERSATION_ID).cloned();
                plain(context, io::MOVE, move_conversation::move_all(context, element), id)
            }
        };
        match answer {
            Ok(answer) => answers.push(answer),
            Err(status) => return Response::RefusedWhole(status),
        }
    }
    Response::Answered(answers, parts)
}

/// The answer to an operation that has no data: its status and what it was about.
fn plain(
    context: &Context<'_>,
    tag: Tag,
    outcome: Result<Result<(), Stop>, Failure>,
    about: Option<Element>,
) -> Result<Element, CommonStatus> {
    let status = match failed(context, outcome) {
        Ok(()) => Status::Success as u8,
        Err(stop) => stop.number()?,
    };
    Ok(Element::of(tag, [Element::number(io::STATUS, status)]).with_some(about))
}

/// An operation that failed on our side leaves the others alone; here the cause is logged.
fn failed<T>(context: &Context<'_>, outcome: Result<Result<T, Stop>, Failure>) -> Result<T, Stop> {
    outcome.unwrap_or_else(|failure| {
        let (user, device) = (context.user.id.0, context.device.key.0);
        match &failure {
            Failure::Request(error) => tracing::info!(user, device, %error, "an operation is refused"),
            Failure::Store(error) if error.is_told() => {}
            Failure::Store(error) => tracing::error!(user, device, %error, "an operation failed"),
        }
        Err(Status::from(&failure).into())
    })
}

impl Stop {
    fn number(&self) -> Result<u8, CommonStatus> {
        match self {
            Self::Own(status) => Ok(*status as u8),
            Self::Common(status) => Ok(status.number()),
            Self::Whole(status) => Err(*status),
        }
    }
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Request(RequestError::TooMany(_)) => Self::TooLarge,
            Failure::Request(_) => Self::ProtocolError,
            Failure::Store(_) => Self::ServerError,
        }
    }
}

impl Response {
    pub(crate) fn reply(self, context: &Context<'_>) -> Reply {
        let status = |status: Status| Element::number(io::STATUS, status as u8);
        match self {
            Self::Answered(answers, parts) => {
                let response = Element::of(io::RESPONSE, answers);
                parts.answer(&Element::of(io::ITEM_OPERATIONS, [status(Status::Success), response])).into()
            }
            Self::Refused(refused) => Answer::wbxml(&Element::of(io::ITEM_OPERATIONS, [status(refused)])).into(),
            Self::RefusedWhole(refused) => context.refuse(refused, io::ITEM_OPERATIONS, io::STATUS),
        }
    }
}

/// Whether a version has the Move operation.
fn moves_conversations(version: Version) -> bool {
    version >= Version::V14_0
}
