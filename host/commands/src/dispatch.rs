//! From the command's name to the command: the table of contents of this room.

use easel_plugin::hooks::FolderOperation;
use easel_protocol::{Command, CommonStatus, Version};
use easel_wbxml::pages::{
    airsync, compose_mail as cm, folder_hierarchy as fh, get_item_estimate, item_operations as io,
    meeting_response as mr, moves, provision as prov, search as find, settings as set,
};
use easel_wbxml::{Element, Tag};

use crate::context::{Context, Failure, RequestError};
use crate::recovery::{self, Before};
use crate::sync::outflow::Outflow;
use crate::{
    Answer, Reply, folder_change, folder_create, folder_delete, folder_sync, folder_update, gate, get_attachment,
    get_hierarchy, get_item_estimate as estimate, item_operations, meeting_response, move_items, ping, provision,
    search, send_mail, settings, smart_forward, smart_reply, submit, sync,
};

/// The root element of a command's answers and the element of its status; `None` for a command whose answers are no
/// WBXML, or without a status.
pub(crate) const fn root(command: Command) -> Option<(Tag, Tag)> {
    Some(match command {
        Command::Sync => (airsync::SYNC, airsync::STATUS),
        Command::FolderSync => (fh::FOLDER_SYNC, fh::STATUS),
        Command::FolderCreate => (fh::FOLDER_CREATE, fh::STATUS),
        Command::FolderDelete => (fh::FOLDER_DELETE, fh::STATUS),
        Command::FolderUpdate => (fh::FOLDER_UPDATE, fh::STATUS),
        Command::MoveItems => (moves::MOVE_ITEMS, moves::STATUS),
        Command::GetItemEstimate => (get_item_estimate::GET_ITEM_ESTIMATE, get_item_estimate::STATUS),
        Command::Ping => (easel_wbxml::pages::ping::PING, easel_wbxml::pages::ping::STATUS),
        Command::MeetingResponse => (mr::MEETING_RESPONSE, mr::STATUS),
        Command::SendMail => (cm::SEND_MAIL, cm::STATUS),
        Command::SmartForward => (cm::SMART_FORWARD, cm::STATUS),
        Command::SmartReply => (cm::SMART_REPLY, cm::STATUS),
        Command::Search => (find::SEARCH, find::STATUS),
        Command::Settings => (set::SETTINGS, set::STATUS),
        Command::ItemOperations => (io::ITEM_OPERATIONS, io::STATUS),
        Command::Provision => (prov::PROVISION, prov::STATUS),
        Command::GetAttachment
        | Command::GetHierarchy
        | Command::ResolveRecipients
        | Command::ValidateCert
        | Command::Find => return None,
    })
}

/// Whether this server has the command.
pub(crate) const fn serves(command: Command) -> bool {
    root(command).is_some() || matches!(command, Command::GetAttachment | Command::GetHierarchy)
}

/// Whether the command may come without a body.
const fn may_be_empty(command: Command) -> bool {
    matches!(command, Command::Sync | Command::Ping)
}

/// Tells a device to provision, or to wipe, first.
///
/// The status alone from 14.0 on and HTTP 449 before, as the protocol has it; a profile can ask for 449 or for both,
/// because some devices act on one of them only (G10).
pub(crate) fn refuse_at_gate(context: &Context<'_>, status: CommonStatus) -> Reply {
    // A device that never sends a key cannot obey 449 (MS-ASPROV 3.1.5.1).
    if status == CommonStatus::RemoteWipeRequested
        && context.line.policy_key.is_none()
        && context.version < Version::V14_0
    {
        return Answer::code(403).into();
    }
    let reply = refuse(context.command, context.version, status);
    if status == CommonStatus::DeviceInformationRequired {
        return reply;
    }
    match (reply, context.profile().text("policy.signal")) {
        (Reply::Answer(answer), "both") => Answer { code: 449, ..answer }.into(),
        (Reply::Answer(_), "449") => Answer::code(449).into(),
        (reply, _) => reply,
    }
}

/// A common mistake, told in the command's own root from 14.0 on.
pub(crate) fn refuse(command: Command, version: Version, status: CommonStatus) -> Reply {
    match root(command) {
        Some((root, tag)) => crate::context::refuse(version, status, root, tag),
        None => Answer::code(status.http()).into(),
    }
}

/// Runs the command of a request that came through login.
pub(crate) fn dispatch(context: &Context<'_>, body: &[u8], out: &mut Outflow<'_>) -> Reply {
    if !context.command.exists_in(context.version) {
        return refuse(context.command, context.version, CommonStatus::VersionNotSupported);
    }
    let refusal = gate::refusal(context);
    // Nothing comes before a wipe.
    if refusal != Some(CommonStatus::RemoteWipeRequested) {
        match recovery::before(context, body) {
            Ok(Before::Go) => {}
            Ok(Before::Instead(reply)) => return reply,
            Ok(Before::Skip) => context.skips_items.set(true),
            Err(failure) => {
                return told(context, Err(failure), |_| {
                    refuse(context.command, context.version, CommonStatus::ServerError)
                });
            }
        }
    }
    if let Some(status) = refusal {
        return refuse_at_gate(context, status);
    }
    if let Some(reply) = run_own_body(context, body) {
        return reply;
    }
    let decoded = if body.is_empty() && may_be_empty(context.command) {
        None
    } else {
        match easel_wbxml::decode(body) {
            Ok(root) => Some(root),
            Err(error) => {
                tracing::info!(user = context.user.id.0, command = %context.command, %error, "bad WBXML");
                return refuse(context.command, context.version, CommonStatus::InvalidWbxml);
            }
        }
    };
    if let (Some(found), Some((expected, _))) = (&decoded, root(context.command))
        && found.tag != expected
    {
        return refuse(context.command, context.version, CommonStatus::InvalidXml);
    }
    let decoded = decoded.map(|root| context.asked.wire(&context.hook(None), context.command, root));
    run(context, decoded.as_ref(), out)
}

/// Runs a command that brings no document, but a message or nothing at all; `None` for the others.
fn run_own_body(context: &Context<'_>, body: &[u8]) -> Option<Reply> {
    let failed = |failure: &Failure| submit::failure(context, failure);
    let broken = |_: &Failure| Answer::code(500).into();
    Some(match context.command {
        Command::SendMail => told(context, send_mail::handle(context, body), failed),
        Command::SmartForward => told(context, smart_forward::handle(context, body), failed),
        Command::SmartReply => told(context, smart_reply::handle(context, body), failed),
        Command::GetAttachment => told(context, get_attachment::handle(context), broken),
        Command::GetHierarchy => told(context, get_hierarchy::handle(context), broken),
        Command::Sync
        | Command::FolderSync
        | Command::FolderCreate
        | Command::FolderDelete
        | Command::FolderUpdate
        | Command::MoveItems
        | Command::GetItemEstimate
        | Command::MeetingResponse
        | Command::Search
        | Command::Settings
        | Command::Ping
        | Command::ItemOperations
        | Command::Provision
        | Command::ResolveRecipients
        | Command::ValidateCert
        | Command::Find => return None,
    })
}

fn run(context: &Context<'_>, body: Option<&Element>, out: &mut Outflow<'_>) -> Reply {
    let empty = || Failure::from(RequestError::Missing(root(context.command).expect("a command with a root").0));
    let with_body = |handle: &dyn Fn(&Element) -> Result<Reply, Failure>| match body {
        Some(body) => handle(body),
        None => Err(empty()),
    };
    let status_only = |status: u8| {
        let (root, tag) = root(context.command).expect("a command with a root");
        Reply::from(Answer::wbxml(&Element::of(root, [Element::number(tag, status)])))
    };
    // A command about one folder is shown to the pack first; `refused` says no for it.
    let with_folder = |operation, refused: u8, handle: &dyn Fn(&Element) -> Result<Reply, Failure>| {
        with_body(&|body| match folder_change::mended(context, operation, body)? {
            Some(body) => handle(&body),
            None => Ok(status_only(refused)),
        })
    };
    match context.command {
        Command::Sync => {
            told(context, sync::handle(context, body, out), |failure| sync::failed_step(context, body, failure))
        }
        Command::Ping => {
            let request = body.map_or_else(|| Ok(ping::Request::default()), ping::Request::from_wbxml);
            let reply = request.map_err(Failure::from).and_then(|request| ping::handle(context, request));
            told(context, reply, |failure| ping::Response::from(failure).reply())
        }
        Command::FolderSync => {
            let reply = with_body(&|body| {
                let request = folder_sync::Request::from_wbxml(body)?;
                Ok(folder_sync::handle(context, &request)?.reply(context))
            });
            told(context, reply, |failure| status_only(folder_sync::Status::from(failure) as u8))
        }
        Command::FolderCreate => {
            let reply = with_folder(FolderOperation::Create, folder_create::Status::MalformedRequest as u8, &|body| {
                let request = folder_create::Request::from_wbxml(body)?;
                Ok(Answer::wbxml(&folder_create::handle(context, &request)?.to_wbxml(context)).into())
            });
            told(context, reply, |failure| status_only(folder_create::Status::from(failure) as u8))
        }
        Command::FolderDelete => {
            let reply = with_folder(FolderOperation::Delete, folder_delete::Status::SpecialFolder as u8, &|body| {
                let request = folder_delete::Request::from_wbxml(body)?;
                Ok(Answer::wbxml(&folder_delete::handle(context, &request)?.to_wbxml()).into())
            });
            told(context, reply, |failure| status_only(folder_delete::Status::from(failure) as u8))
        }
        Command::FolderUpdate => {
            let reply = with_folder(FolderOperation::Update, folder_update::Status::NameExists as u8, &|body| {
                let request = folder_update::Request::from_wbxml(body)?;
                Ok(Answer::wbxml(&folder_update::handle(context, &request)?.to_wbxml()).into())
            });
            told(context, reply, |failure| status_only(folder_update::Status::from(failure) as u8))
        }
        Command::GetItemEstimate => {
            let reply = with_body(&|body| estimate::handle(context, &estimate::from_wbxml(body)?));
            told(context, reply, |failure| estimate::failure(context, failure))
        }
        Command::MoveItems => {
            let reply = with_body(&|body| move_items::handle(context, &move_items::from_wbxml(body)?));
            told(context, reply, |failure| move_items::failure(context, failure))
        }
        Command::MeetingResponse => {
            let reply = with_body(&|body| meeting_response::handle(context, &meeting_response::from_wbxml(body)?));
            told(context, reply, |failure| match failure {
                Failure::Request(_) => refuse(context.command, context.version, CommonStatus::InvalidXml),
                Failure::Store(_) => refuse(context.command, context.version, CommonStatus::ServerError),
            })
        }
        Command::Provision => {
            let reply = with_body(&|body| {
                let request = provision::Request::from_wbxml(body)?;
                Ok(provision::handle(context, &request)?.reply(context))
            });
            told(context, reply, |failure| status_only(provision::Status::from(failure) as u8))
        }
        Command::Settings => {
            let reply =
                with_body(&|body| Ok(settings::handle(context, &settings::Request::from_wbxml(body)?)?.reply()));
            told(context, reply, |failure| settings::Response::Refused(settings::Status::from(failure)).reply())
        }
        Command::Search => {
            let reply = with_body(&|body| {
                let request = search::Request::from_wbxml(body)?;
                Ok(search::handle(context, &request)?.reply(context))
            });
            told(context, reply, |failure| search::Response::from(failure).reply(context))
        }
        Command::ItemOperations => {
            let reply = with_body(&|body| {
                let request = item_operations::Request::from_wbxml(body)?;
                Ok(item_operations::handle(context, &request).reply(context))
            });
            told(context, reply, |failure| {
                item_operations::Response::Refused(item_operations::Status::from(failure)).reply(context)
            })
        }
        Command::GetAttachment
        | Command::GetHierarchy
        | Command::SendMail
        | Command::SmartForward
        | Command::SmartReply
        | Command::ResolveRecipients
        | Command::ValidateCert
        | Command::Find => refuse(context.command, context.version, CommonStatus::CommandNotSupported),
    }
}

/// The reply, or the number that a failure becomes; here the cause is logged, once.
pub(crate) fn told(context: &Context<'_>, reply: Result<Reply, Failure>, number: impl Fn(&Failure) -> Reply) -> Reply {
    reply.unwrap_or_else(|failure| {
        let (user, device, command) = (context.user.id.0, context.device.key.0, context.command);
        match &failure {
            Failure::Request(error) => tracing::info!(user, device, %command, %error, "a request is refused"),
            // Said by the store, once: there may be thousands.
            Failure::Store(error) if error.is_told() => {
                tracing::debug!(user, device, %command, %error, "a request failed");
            }
            Failure::Store(error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(user, device, %command, %error, cause, "a request failed");
            }
        }
        number(&failure)
    })
}
