//! Provision: the device learns what the administrator demands of it, says that it obeys, and gets the key to the rest.
//!
//! MS-ASCMD 2.2.1.14 "Provision", MS-ASPROV 3.1.5.1 and 3.2.5.1; tags on code page 14, Provision.
//!
//! ```text
//! device                                     server
//!   [DeviceInformation] PolicyType      -->  PolicyType 1 temporary key, the document
//!   PolicyType, temporary key, Status   -->  PolicyType 1 the key of every later request
//!   anything, while a wipe is pending   -->  RemoteWipe or AccountOnlyRemoteWipe
//!   RemoteWipe Status                   -->  1
//! ```
//!
//! Whoever asks gets a document and a key, also where nothing is demanded: the document is permissive then. Status 2, "no
//! policy", would contradict an earlier demand and ends the account on some devices (K: G23), and clients that always ask
//! first cannot go on without a key; a pack can have it said all the same (`policy.send`). Keys are random, another one in each phase and never 0 (K: I06). A
//! repeated acknowledgement is confirmed with the key it got before (K: T06). The order of elements is not looked at.

pub(crate) mod document;

use std::collections::BTreeMap;

use easel_protocol::{CommonStatus, Version};
use easel_store::{Device, Provisioning, StoreError, Wipe};
use easel_wbxml::pages::{provision as p, settings};
use easel_wbxml::{Element, Tag};

use crate::context::{Context, Failure, RequestError};
use crate::leave::{self, Enforcement};
use crate::{Answer, Reply, device, device_information};

/// PolicyType of 2.5.
const WAP: &str = "MS-WAP-Provisioning-XML";
/// PolicyType from 12.0 on.
const WBXML: &str = "MS-EAS-Provisioning-WBXML";
/// Policy elements in one request.
const POLICIES_MAX: usize = 8;

/// What the device sends.
#[derive(Debug)]
pub(crate) struct Request {
    /// What it says of itself; `None` when it says nothing.
    pub(crate) information: Option<BTreeMap<String, String>>,
    /// The policies it asks for or acknowledges.
    pub(crate) policies: Vec<PolicyRequest>,
    /// What came of a wipe: whether it was done.
    pub(crate) wiped: Option<bool>,
}

/// One Policy of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PolicyRequest {
    kind: String,
    /// The temporary key; `None` when the device asks for the policy, or leaves it to the header.
    key: Option<String>,
    /// What it made of the policy: 1 applied, 2 in part, 3 not, 4 managed by somebody else.
    status: Option<u8>,
}

impl Request {
    pub(crate) fn from_wbxml(root: &Element) -> Result<Self, RequestError> {
        let information = root.child(settings::DEVICE_INFORMATION).and_then(|all| all.child(settings::SET));
        let policies: Vec<PolicyRequest> = root
            .child(p::POLICIES)
            .into_iter()
            .flat_map(|policies| policies.all(p::POLICY))
            .map(PolicyRequest::from_wbxml)
            .collect::<Result<_, _>>()?;
        if policies.len() > POLICIES_MAX {
            return Err(RequestError::TooMany(p::POLICY));
        }
        let wipe = root.child(p::REMOTE_WIPE).or_else(|| root.child(p::ACCOUNT_ONLY_REMOTE_WIPE));
        // K: I19. The Status of the acknowledgement also comes before the element it belongs to.
        let status = wipe.and_then(|wipe| wipe.text_of(p::STATUS).or_else(|| root.text_of(p::STATUS)));
        Ok(Self {
            information: information.map(device_information::read),
            policies,
            wiped: status.map(|status| status.trim() == "1"),
        })
    }
}

impl PolicyRequest {
    fn from_wbxml(policy: &Element) -> Result<Self, RequestError> {
        let kind = crate::context::required(policy, p::POLICY_TYPE)?.trim().to_owned();
        let text = |tag: Tag| policy.text_of(tag).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let status = text(p::STATUS).map(|status| {
            let number = status.parse().ok().filter(|number| (1..=4).contains(number));
            number.ok_or(RequestError::Value { tag: p::STATUS, value: status.chars().take(40).collect() })
        });
        Ok(Self { kind, key: text(p::POLICY_KEY), status: status.transpose()? })
    }
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// Everything it asked for, each with its own status.
    Answered {
        /// Whether it said something of itself, which was kept.
        informed: bool,
        /// An answer for each policy.
        policies: Vec<PolicyAnswer>,
        /// The wipe it must carry out.
        wipe: Option<Tag>,
        /// [`Status::ProtocolError`] when a wipe failed on the device.
        status: Status,
    },
    /// The whole request is refused.
    Refused(CommonStatus),
}

/// One Policy of an answer.
#[derive(Debug)]
pub(crate) struct PolicyAnswer {
    kind: String,
    status: PolicyStatus,
    key: Option<u32>,
    document: Option<Element>,
}

/// MS-ASPROV 2.2.2.54.2 "Status (Provision)", of the whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 1,
    /// The request breaks a rule; the device must not send it again.
    ProtocolError = 2,
    /// Our side failed; the device tries again later.
    ServerError = 3,
}

/// MS-ASPROV 2.2.2.54.1 "Status (Policy)".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum PolicyStatus {
    /// The key counts from now on.
    Success = 1,
    /// There is no policy: the device goes on without.
    NoPolicy = 2,
    /// No such PolicyType.
    UnknownType = 3,
    /// Not the key that was given last: the device starts over.
    WrongKey = 5,
}

/// Answers from, and writes to, what is remembered of the device; once more when the administrator changed it meanwhile.
pub(crate) fn handle(context: &Context<'_>, request: &Request) -> Result<Response, Failure> {
    loop {
        let before = refreshed(context)?;
        let (response, now) = step(context, request, before.clone())?;
        if now == before || device::is_probe(&now) {
            return Ok(response);
        }
        match context.store().replace_device(&before, &now) {
            Ok(_) => return Ok(response),
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The answer, and the device as it is to be remembered.
fn step(context: &Context<'_>, request: &Request, mut now: Device) -> Result<(Response, Device), Failure> {
    if let Some(information) = &request.information {
        device_information::merge(&mut now.facts.information, information);
    }
    let response = match (directive(context, &now)?, request.wiped) {
        (Some(_), Some(true)) => {
            tracing::warn!(user = context.user.id.0, device = now.key.0, "the device reports that it is wiped");
            // Whoever has it now must speak to the administrator first.
            now.policy.wipe = Wipe::Done;
            now.policy.provisioning = Provisioning::Unknown;
            now.blocked = true;
            plain(request, None, Status::Success)
        }
        (Some(directive), failed) => {
            if failed.is_some() {
                tracing::error!(user = context.user.id.0, device = now.key.0, "the device reports that a wipe failed");
                // Whoever asked for it sees that; the device is told again, now and whenever it comes.
                now.policy.wipe = now.policy.wipe.failed();
            }
            wipe(context, request, directive, &mut now)
        }
        (None, _) if request.policies.is_empty() => plain(request, None, Status::Success),
        (None, _) => policies(context, request, &mut now)?,
    };
    Ok((response, now))
}

/// The device as it is stored now: the administrator may have changed it since the request began.
fn refreshed(context: &Context<'_>) -> Result<Device, StoreError> {
    let known = &context.device;
    Ok(context.store().device(known.user, &known.id, &known.kind)?.unwrap_or_else(|| known.clone()))
}

/// An answer without policies.
fn plain(request: &Request, wipe: Option<Tag>, status: Status) -> Response {
    Response::Answered { informed: request.information.is_some(), policies: Vec::new(), wipe, status }
}

/// What is to be wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    Account,
    Device,
}

/// The wipe that is pending, or failed and is tried again. A device that serves a second mailbox loses one account and nothing else (K: G39).
fn directive(context: &Context<'_>, device: &Device) -> Result<Option<Directive>, StoreError> {
    Ok(match device.policy.wipe {
        Wipe::None | Wipe::Done => None,
        Wipe::AccountPending | Wipe::AccountFailed => Some(Directive::Account),
        Wipe::DevicePending | Wipe::DeviceFailed if is_shared(context, device)? => Some(Directive::Account),
        Wipe::DevicePending | Wipe::DeviceFailed => Some(Directive::Device),
    })
}

/// Whether another mailbox of this server is on the device. Asked only while a wipe is pending.
fn is_shared(context: &Context<'_>, device: &Device) -> Result<bool, StoreError> {
    let store = context.store();
    for tenant in store.tenants()? {
        for user in store.users(tenant.id)? {
            if user.id != device.user && store.device(user.id, &device.id, &device.kind)?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Tells the device to wipe. One whose version has no word for losing one account only is shut out instead.
fn wipe(context: &Context<'_>, request: &Request, directive: Directive, now: &mut Device) -> Response {
    let tag = match directive {
        Directive::Account if context.version >= Version::V16_1 => p::ACCOUNT_ONLY_REMOTE_WIPE,
        Directive::Account => {
            tracing::warn!(
                user = context.user.id.0,
                device = now.key.0,
                "no account-only wipe here: the device is blocked"
            );
            now.blocked = true;
            return Response::Refused(CommonStatus::DeviceBlocked);
        }
        Directive::Device => p::REMOTE_WIPE,
    };
    let status = if request.wiped == Some(false) { Status::ProtocolError } else { Status::Success };
    let mut response = plain(request, Some(tag), status);
    // Some devices wipe themselves only on the way to a policy.
    if context.profile().flag("policy.wipe_with_data")
        && let Response::Answered { policies, .. } = &mut response
    {
        let asked = request.policies.iter().filter(|policy| policy.status.is_none());
        policies.extend(asked.map(|policy| offer(context, policy, now)));
    }
    response
}

fn policies(context: &Context<'_>, request: &Request, now: &mut Device) -> Result<Response, Failure> {
    let asks = request.policies.iter().any(|policy| policy.status.is_none());
    let told = request.information.is_some() || !now.facts.information.is_empty();
    if asks && !told && context.version >= Version::V14_1 {
        return Ok(Response::Refused(CommonStatus::DeviceInformationRequired));
    }
    let offers = offers(context, now);
    let mut policies = Vec::new();
    let form = match context.profile().text("policy.format") {
        "wap" => Some(WAP),
        "wbxml" => Some(WBXML),
        _ => None,
    };
    for policy in &request.policies {
        let known =
            policy.kind == WAP || (policy.kind == WBXML && (context.version >= Version::V12_0 || form.is_some()));
        let kind = form.filter(|_| known).unwrap_or(&policy.kind).to_owned();
        let policy = &PolicyRequest { kind, key: policy.key.clone(), status: policy.status };
        policies.push(match policy.status {
            _ if !known => answer(policy, PolicyStatus::UnknownType),
            None if offers => offer(context, policy, now),
            None => answer(policy, PolicyStatus::NoPolicy),
            Some(status) => match acknowledged(context, policy, status, now) {
                Ok(answer) => answer,
                Err(refused) => return Ok(Response::Refused(refused)),
            },
        });
    }
    Ok(Response::Answered { informed: request.information.is_some(), policies, wipe: None, status: Status::Success })
}

/// Whether the device is offered a document: whoever asks is, unless its pack says that it must not be, and nothing is
/// required or the operator gave leave.
fn offers(context: &Context<'_>, device: &Device) -> bool {
    !device::is_probe(device) && leave::enforcement(context) != Enforcement::Exempt
}

fn answer(policy: &PolicyRequest, status: PolicyStatus) -> PolicyAnswer {
    PolicyAnswer { kind: policy.kind.clone(), status, key: None, document: None }
}

/// Phase 1: the document and a key that is good for one acknowledgement.
fn offer(context: &Context<'_>, request: &PolicyRequest, now: &mut Device) -> PolicyAnswer {
    let policy = &context.settings.policy;
    let temporary_key = new_key(context, 0);
    now.policy.provisioning = Provisioning::Offered { temporary_key, policy: policy.version };
    let document = if request.kind == WAP {
        Element::text(p::DATA, document::wap(policy, context.profile()))
    } else {
        Element::of(p::DATA, [document::wbxml(policy, context.profile(), context.version)])
    };
    PolicyAnswer {
        kind: request.kind.clone(),
        status: PolicyStatus::Success,
        key: Some(temporary_key),
        document: Some(document),
    }
}

/// Phase 2: the device says what it made of the document. A policy that is required must be applied by the device itself,
/// and whole unless the operator lets in who applied a part.
fn acknowledged(
    context: &Context<'_>,
    request: &PolicyRequest,
    status: u8,
    now: &mut Device,
) -> Result<PolicyAnswer, CommonStatus> {
    let required = context.settings.policy.required && leave::enforcement(context) == Enforcement::Strict;
    // A key that is left out of the body is still in the header.
    let sent = request.key.as_deref().map_or(context.line.policy_key, |key| key.parse().ok());
    let key = match now.policy.provisioning {
        Provisioning::Offered { temporary_key, policy } if sent == Some(temporary_key) => {
            match status {
                2 if required && !context.service.settings().policy.allow_partial => {
                    return Err(CommonStatus::DeviceNotFullyProvisionable);
                }
                4 if required => return Err(CommonStatus::ExternallyManagedDevicesNotAllowed),
                3 => {
                    let pack = context.asked.pack().map(|pack| pack.id.as_str()).unwrap_or_default();
                    let (user, device) = (context.user.id.0, now.key.0);
                    tracing::warn!(user, device, pack, required, "the device says that it does not apply the policy");
                    now.policy.provisioning = Provisioning::Unknown;
                    return Ok(answer(request, PolicyStatus::Success));
                }
                _ => {}
            }
            let key = new_key(context, temporary_key);
            now.policy.provisioning = Provisioning::Applied { key, temporary_key, policy, compliance: status };
            key
        }
        // K: T06. The answer was lost, or the device says it once more with the key it has by now.
        Provisioning::Applied { key, temporary_key, .. } if sent == Some(temporary_key) || sent == Some(key) => key,
        Provisioning::Applied { .. } | Provisioning::Offered { .. } | Provisioning::Unknown => {
            return Ok(answer(request, PolicyStatus::WrongKey));
        }
    };
    Ok(PolicyAnswer { key: Some(key), ..answer(request, PolicyStatus::Success) })
}

/// A key that is neither 0 nor `other` (K: I06).
fn new_key(context: &Context<'_>, other: u32) -> u32 {
    let good = |key: &u32| *key != 0 && *key != other;
    (0..8).map(|_| context.service.random()).find(good).unwrap_or_else(|| other.wrapping_add(1).max(1))
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Request(_) => Self::ProtocolError,
            Failure::Store(_) => Self::ServerError,
        }
    }
}

impl Response {
    pub(crate) fn reply(&self, context: &Context<'_>) -> Reply {
        match self {
            Self::Refused(status) => context.refuse(*status, p::PROVISION, p::STATUS),
            Self::Answered { informed, policies, wipe, status } => {
                let information = Element::of(settings::DEVICE_INFORMATION, [Element::number(settings::STATUS, 1)]);
                let mut root = Element::new(p::PROVISION).with_some(informed.then_some(information));
                root.push(Element::number(p::STATUS, *status as u8));
                if !policies.is_empty() {
                    root.push(Element::of(p::POLICIES, policies.iter().map(PolicyAnswer::to_wbxml)));
                }
                Answer::wbxml(&root.with_some(wipe.map(Element::new))).into()
            }
        }
    }
}

impl PolicyAnswer {
    fn to_wbxml(&self) -> Element {
        let mut policy = Element::of(
            p::POLICY,
            [Element::text(p::POLICY_TYPE, self.kind.as_str()), Element::number(p::STATUS, self.status as u8)],
        );
        policy.extend(self.key.map(|key| Element::number(p::POLICY_KEY, key)));
        policy.extend(self.document.clone());
        policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(policies: usize) -> Element {
        let policy = Element::of(p::POLICY, [Element::text(p::POLICY_TYPE, WBXML)]);
        Element::of(p::PROVISION, [Element::of(p::POLICIES, vec![policy; policies])])
    }

    #[test]
    fn a_request_asks_for_a_few_policies_and_no_more() {
        assert_eq!(Request::from_wbxml(&request(POLICIES_MAX)).unwrap().policies.len(), POLICIES_MAX);
        let refused = Request::from_wbxml(&request(POLICIES_MAX + 1)).unwrap_err();
        assert_eq!(refused, RequestError::TooMany(p::POLICY));
    }

    #[test]
    fn i19_the_status_of_a_wipe_is_found_inside_or_beside_it() {
        let inside = Element::of(p::REMOTE_WIPE, [Element::number(p::STATUS, 1)]);
        let beside = [Element::number(p::STATUS, 1), Element::new(p::REMOTE_WIPE)];
        let failed = Element::of(p::ACCOUNT_ONLY_REMOTE_WIPE, [Element::number(p::STATUS, 2)]);
        let wiped = |root: Element| Request::from_wbxml(&root).unwrap().wiped;
        assert_eq!(wiped(Element::of(p::PROVISION, [inside])), Some(true));
        assert_eq!(wiped(Element::of(p::PROVISION, beside)), Some(true));
        assert_eq!(wiped(Element::of(p::PROVISION, [failed])), Some(false));
        assert_eq!(wiped(Element::new(p::PROVISION)), None);
    }

    #[test]
    fn a_policy_says_what_the_device_made_of_it_or_nothing() {
        let status = |text: &str| {
            let policy = [Element::text(p::STATUS, text), Element::text(p::POLICY_TYPE, WBXML)];
            PolicyRequest::from_wbxml(&Element::of(p::POLICY, policy)).map(|policy| policy.status)
        };
        assert_eq!((status("1"), status("")), (Ok(Some(1)), Ok(None)));
        for text in ["0", "5", "x", "-1"] {
            assert!(status(text).is_err(), "{text}");
        }
    }
}
