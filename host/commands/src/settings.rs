//! Settings: what a mailbox and a device keep besides items: automatic replies, who the device is, whose mailbox it is.
//!
//! MS-ASCMD 2.2.1.20 "Settings"; tags on code page 18, Settings. From 12.0.
//!
//! A request holds up to five properties, each a Get or a Set, each at most once. They are carried out and answered in
//! the order of the document, each with a status of its own; one that fails leaves the others alone.

mod oof;

use std::collections::BTreeMap;

use easel_protocol::{CommonStatus, Version};
use easel_store::{ChangeSet, Write, change_device};
use easel_wbxml::pages::{rights_management as rm, settings as s};
use easel_wbxml::{Element, Tag};

use crate::context::{Context, Failure, RequestError};
use crate::{Answer, Reply, device, device_information};

pub(crate) use oof::OofRequest;

/// Characters of a recovery password.
const PASSWORD_MAX: usize = 255;
/// The value of a device that holds its recovery password.
const RECOVERY_PASSWORD: &str = "recovery-password";

/// What the device sends: its properties, in order.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) properties: Vec<Property>,
}

/// One property of a request; `Err` is one that cannot be obeyed.
#[derive(Debug)]
pub(crate) enum Property {
    /// DeviceInformation: what the device says of itself.
    DeviceInformation(Result<BTreeMap<String, String>, Status>),
    /// DevicePassword: a password that unlocks the device if its owner forgets the own one; empty takes it away.
    DevicePassword(Result<String, Status>),
    /// Oof: automatic replies.
    Oof(Result<OofRequest, Status>),
    /// RightsManagementInformation: templates of protected mail, which this server does not have.
    RightsManagementInformation,
    /// UserInformation: the addresses of the mailbox.
    UserInformation(Result<(), Status>),
}

/// MS-ASCMD 2.2.3.177.16 "Status (Settings)", of the whole answer or of one property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 1,
    /// The request breaks a rule; the device must not send it again.
    ProtocolError = 2,
    /// Our side failed; the device tries again later.
    ServerUnavailable = 4,
    /// A value is none that it can have.
    InvalidArguments = 5,
    /// Two values contradict each other.
    ConflictingArguments = 6,
    /// The administrator does not want it.
    DeniedByPolicy = 7,
}

impl Request {
    pub(crate) fn from_wbxml(root: &Element) -> Result<Self, RequestError> {
        let mut properties = Vec::new();
        let mut seen: Vec<Tag> = Vec::new();
        for child in root.children() {
            let Some(property) = Property::from_wbxml(child) else { continue };
            if seen.contains(&child.tag) {
                return Err(RequestError::TooMany(child.tag));
            }
            seen.push(child.tag);
            properties.push(property);
        }
        if properties.is_empty() { Err(RequestError::Missing(s::SETTINGS)) } else { Ok(Self { properties }) }
    }
}

impl Property {
    /// `None` for what is no property.
    fn from_wbxml(element: &Element) -> Option<Self> {
        let set = element.child(s::SET);
        Some(match element.tag {
            s::DEVICE_INFORMATION => {
                Self::DeviceInformation(set.map(device_information::read).ok_or(Status::ProtocolError))
            }
            s::DEVICE_PASSWORD => {
                let password = set.and_then(|set| set.text_of(s::PASSWORD)).ok_or(Status::ProtocolError);
                Self::DevicePassword(password.and_then(|password| match password.chars().count() {
                    ..=PASSWORD_MAX => Ok(password.into_owned()),
                    _ => Err(Status::InvalidArguments),
                }))
            }
            s::OOF => Self::Oof(OofRequest::from_wbxml(element)),
            s::RIGHTS_MANAGEMENT_INFORMATION => Self::RightsManagementInformation,
            s::USER_INFORMATION => {
                Self::UserInformation(element.child(s::GET).map(|_| ()).ok_or(Status::ProtocolError))
            }
            _ => return None,
        })
    }
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// An answer for each property, in the order of the request.
    Answered(Vec<Element>),
    /// The whole request is refused.
    Refused(Status),
}

/// Carries the properties out, one after the other.
pub(crate) fn handle(context: &Context<'_>, request: &Request) -> Result<Response, Failure> {
    let answers = request.properties.iter().map(|property| answered(context, property)).collect::<Result<_, _>>()?;
    Ok(Response::Answered(answers))
}

fn answered(context: &Context<'_>, property: &Property) -> Result<Element, Failure> {
    let (tag, outcome) = match property {
        Property::DeviceInformation(told) => (s::DEVICE_INFORMATION, told.as_ref().map_err(|status| *status)),
        Property::DevicePassword(password) => {
            let outcome = match password {
                Ok(password) => keep_password(context, password)?,
                Err(status) => Err(*status),
            };
            return Ok(said(s::DEVICE_PASSWORD, outcome));
        }
        Property::Oof(request) => {
            let outcome = match request {
                Ok(request) => request.carry_out(context)?,
                Err(status) => Err(*status),
            };
            return Ok(said(s::OOF, outcome));
        }
        Property::RightsManagementInformation => return Ok(no_rights_management(context)),
        Property::UserInformation(asked) => {
            return Ok(said(s::USER_INFORMATION, asked.map(|()| Some(user_information(context)))));
        }
    };
    let outcome = match outcome {
        Ok(told) => keep_information(context, told)?,
        Err(status) => Err(status),
    };
    Ok(said(tag, outcome))
}

/// A property's answer: its status, then what it is.
fn said(tag: Tag, outcome: Result<Option<Element>, Status>) -> Element {
    match outcome {
        Ok(data) => Element::of(tag, [Element::number(s::STATUS, Status::Success as u8)]).with_some(data),
        Err(status) => Element::of(tag, [Element::number(s::STATUS, status as u8)]),
    }
}

/// K: N20, X10. Devices tell this at the start, some on each run; it is kept and answered with success.
fn keep_information(
    context: &Context<'_>,
    told: &BTreeMap<String, String>,
) -> Result<Result<Option<Element>, Status>, Failure> {
    change_device(context.store(), &context.device, |device| {
        device_information::merge(&mut device.facts.information, told);
    })?;
    Ok(Ok(None))
}

fn keep_password(context: &Context<'_>, password: &str) -> Result<Result<Option<Element>, Status>, Failure> {
    if !context.settings.policy.keeps_recovery_passwords() {
        return Ok(Err(Status::DeniedByPolicy));
    }
    if !device::is_probe(&context.device) {
        let mut set = ChangeSet::new(context.user.id);
        let value = (!password.is_empty()).then(|| password.as_bytes().to_vec());
        set.writes.push(Write::PutDeviceValue { device: context.device.key, name: RECOVERY_PASSWORD, value });
        context.store().commit(set)?;
    }
    Ok(Ok(None))
}

/// The addresses, the primary one first; with the account around them from 14.1. The primary account has no id.
fn user_information(context: &Context<'_>) -> Element {
    let all = context.user.addresses.iter().map(|address| Element::text(s::SMTP_ADDRESS, address.as_str()));
    let mut addresses = Element::of(s::EMAIL_ADDRESSES, all);
    if context.version < Version::V14_1 {
        return Element::of(s::GET, [addresses]);
    }
    addresses.extend(context.user.addresses.first().map(|own| Element::text(s::PRIMARY_SMTP_ADDRESS, own.as_str())));
    let account =
        Element::of(s::ACCOUNT, [Element::text(s::USER_DISPLAY_NAME, context.user.display_name.as_str()), addresses]);
    Element::of(s::GET, [Element::of(s::ACCOUNTS, [account])])
}

/// Protected mail came with 14.1 and is not offered: refused, or a list of templates with none in it (I53).
fn no_rights_management(context: &Context<'_>) -> Element {
    if context.version >= Version::V14_1 && context.profile().text("settings.rights_management") == "empty" {
        let none = Element::of(s::GET, [Element::new(rm::RIGHTS_MANAGEMENT_TEMPLATES)]);
        return said(s::RIGHTS_MANAGEMENT_INFORMATION, Ok(Some(none)));
    }
    let status = if context.version >= Version::V14_1 {
        CommonStatus::IrmFeatureDisabled.number()
    } else {
        Status::ProtocolError as u8
    };
    Element::of(s::RIGHTS_MANAGEMENT_INFORMATION, [Element::number(s::STATUS, status)])
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Request(_) => Self::ProtocolError,
            Failure::Store(_) => Self::ServerUnavailable,
        }
    }
}

impl Response {
    pub(crate) fn reply(&self) -> Reply {
        let (status, answers) = match self {
            Self::Answered(answers) => (Status::Success, answers.as_slice()),
            Self::Refused(status) => (*status, &[][..]),
        };
        let mut root = Element::of(s::SETTINGS, [Element::number(s::STATUS, status as u8)]);
        root.extend(answers.iter().cloned());
        Answer::wbxml(&root).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_twice_and_a_request_without_any_are_refused() {
        let user = || Element::of(s::USER_INFORMATION, [Element::new(s::GET)]);
        let read = |children: Vec<Element>| Request::from_wbxml(&Element::of(s::SETTINGS, children));
        assert_eq!(read(vec![user()]).unwrap().properties.len(), 1);
        assert!(read(vec![user(), user()]).is_err());
        assert!(read(vec![]).is_err());
        assert!(read(vec![Element::new(s::STATUS)]).is_err());
    }

    #[test]
    fn a_recovery_password_has_at_most_255_characters() {
        let sent = |length: usize| {
            let set = Element::of(s::SET, [Element::text(s::PASSWORD, "p".repeat(length))]);
            match Property::from_wbxml(&Element::of(s::DEVICE_PASSWORD, [set])) {
                Some(Property::DevicePassword(password)) => password.map(|password| password.len()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((sent(0), sent(255), sent(256)), (Ok(0), Ok(255), Err(Status::InvalidArguments)));
    }
}
