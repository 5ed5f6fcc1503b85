//! Which statuses the commands have, read from the commands themselves.

use anyhow::{Context as _, Result};
use easel_wbxml::{Element, decode};

use crate::case::{Case, snake};

/// The enums of statuses: the command, the enum, and the file it is in. A command joins the list with its cases.
const ENUMS: &[(&str, &str, &str)] = &[
    ("folder_create", "Status", include_str!("../../src/folder_create.rs")),
    ("folder_delete", "Status", include_str!("../../src/folder_delete.rs")),
    ("folder_sync", "Status", include_str!("../../src/folder_sync.rs")),
    ("folder_update", "Status", include_str!("../../src/folder_update.rs")),
    ("get_item_estimate", "Status", include_str!("../../src/get_item_estimate.rs")),
    ("item_operations", "Status", include_str!("../../src/item_operations.rs")),
    ("meeting_response", "Status", include_str!("../../src/meeting_response.rs")),
    ("move_items", "Status", include_str!("../../src/move_items.rs")),
    ("ping", "Response", include_str!("../../src/ping.rs")),
    ("provision", "PolicyStatus", include_str!("../../src/provision.rs")),
    ("provision", "Status", include_str!("../../src/provision.rs")),
    ("search", "Status", include_str!("../../src/search.rs")),
    ("settings", "Status", include_str!("../../src/settings.rs")),
    ("sync", "ItemStatus", include_str!("../../src/sync/client.rs")),
    ("sync", "Status", include_str!("../../src/sync.rs")),
];

/// The statuses of every command that a command answers with itself.
const COMMON: &[(&str, &[&str])] = &[
    ("get_item_estimate", &["InvalidXml", "ServerError"]),
    ("item_operations", &["InvalidCombinationOfIds", "MoveToInvalidFolder", "MoveWithoutMoveAlways"]),
    ("meeting_response", &["InvalidDateTime", "InvalidXml", "NoRecurrenceInCalendar"]),
    ("move_items", &["InvalidXml", "ServerError"]),
    (
        "provision",
        &[
            "DeviceBlocked",
            "DeviceInformationRequired",
            "DeviceNotFullyProvisionable",
            "DeviceNotProvisioned",
            "ExternallyManagedDevicesNotAllowed",
            "InvalidPolicyKey",
            "PolicyRefresh",
            "RemoteWipeRequested",
        ],
    ),
    ("search", &["NoPicture", "PictureLimitReached", "PictureTooLarge"]),
    (
        "send_mail",
        &[
            "AttachmentIsTooLarge",
            "InvalidAccountId",
            "InvalidContent",
            "InvalidMime",
            "InvalidWbxml",
            "InvalidXml",
            "IrmFeatureDisabled",
            "MailSubmissionFailed",
            "MailboxQuotaExceeded",
            "MessageHasNoRecipient",
            "MessagePreviouslySent",
            "MessageRecipientUnresolved",
            "SendQuotaExceeded",
        ],
    ),
    ("settings", &["IrmFeatureDisabled"]),
    (
        "smart_forward",
        &[
            "InvalidCombinationOfIds",
            "InvalidDateTime",
            "InvalidMimeBodyCombination",
            "InvalidSmartForwardParameters",
            "ItemNotFound",
            "MessageRecipientUnresolved",
            "MessageReplyFailed",
            "NoRecurrenceInCalendar",
            "UnexpectedItemClass",
        ],
    ),
    (
        "smart_reply",
        &[
            "InvalidCombinationOfIds",
            "InvalidDateTime",
            "ItemNotFound",
            "MessageRecipientUnresolved",
            "MessageReplyFailed",
            "NoRecurrenceInCalendar",
        ],
    ),
];

/// The variants of an enum and their numbers, as rustfmt writes them: `Wrong = 12` in the enum, or `Self::Wrong => 12`
/// in its method `status` where variants hold more than the number.
fn variants(source: &str, name: &str) -> Vec<(String, u16)> {
    let with_values = source.split_once("fn status(&self) -> u8 {").map_or("", |(_, body)| body);
    let with_values = with_values.split_once("\n    }").map_or("", |(body, _)| body);
    let arms = with_values.lines().filter_map(|line| {
        let (variant, number) = line.trim().strip_prefix("Self::")?.trim_end_matches(',').split_once(" => ")?;
        Some((variant.trim_end_matches("(_)").to_owned(), number.parse().ok()?))
    });
    if name == "Response" {
        return arms.collect();
    }
    let head = format!("enum {name} {{");
    let Some((_, body)) = source.split_once(&head) else { return Vec::new() };
    let body = body.split_once("\n}").map_or(body, |(body, _)| body);
    body.lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "))
        .filter(|(variant, _)| variant.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .filter_map(|(variant, number)| Some((variant.to_owned(), number.parse().ok()?)))
        .collect()
}

/// The number of `Type::Variant` in the file of a command; of the room `protocol` for `CommonStatus::Variant`.
pub(crate) fn number(group: &str, status: &str) -> Result<u16> {
    let (name, variant) = status.split_once("::").with_context(|| format!("{status} is no Type::Variant"))?;
    if name == "CommonStatus" {
        let all = easel_protocol::CommonStatus::ALL;
        let found = all.iter().find(|common| format!("{common:?}") == variant);
        return Ok(found.with_context(|| format!("no common status {variant}"))?.number().into());
    }
    let listed = ENUMS.iter().find(|(command, other, _)| *command == group && *other == name);
    let (_, _, source) = listed.with_context(|| format!("{group} has no list of {name}"))?;
    let found = variants(source, name).into_iter().find(|(other, _)| other == variant);
    Ok(found.with_context(|| format!("{name} has no {variant}"))?.1)
}

/// Every Status of every command, as published: `tests/fixtures/spec/statuses.tsv`.
const PUBLISHED: &str = include_str!("../../../../tests/fixtures/spec/statuses.tsv");

/// The published statuses that no answer of a case holds in their place.
pub(crate) fn unseen(cases: &[Case]) -> Vec<String> {
    let answers: Vec<(&str, Element)> =
        cases.iter().filter_map(|case| Some((case.group.as_str(), decode(&case.hex("response.hex")?).ok()?))).collect();
    let rows: Vec<Vec<&str>> = PUBLISHED.lines().skip(1).map(|row| row.split('\t').collect()).collect();
    assert!(rows.len() > 100, "the table is cut off");
    let unseen = rows.into_iter().filter(|row| {
        let &[group, place, number, _, _] = row.as_slice() else { panic!("a row has five columns: {row:?}") };
        !answers.iter().any(|(of, answer)| *of == group && stands_in(answer, place, number))
    });
    unseen.map(|row| row[..4].join(" ")).collect()
}

/// Whether a Status with that number stands in an element of that name, or anywhere.
fn stands_in(element: &Element, place: &str, number: &str) -> bool {
    let here = place == "any" || element.tag.name() == Some(place);
    let is = |child: &Element| child.tag.name() == Some("Status") && child.value() == number;
    element.children().any(|child| (here && is(child)) || stands_in(child, place, number))
}

/// The statuses that no case shows.
pub(crate) fn missing(cases: &[Case]) -> Vec<String> {
    let shown = |group: &str, status: &str| {
        cases.iter().any(|case| case.group == group && case.toml.shows.iter().any(|shown| shown == status))
    };
    let mut missing = Vec::new();
    for (group, name, source) in ENUMS {
        let all = variants(source, name);
        assert!(!all.is_empty(), "{group} has no enum {name}");
        let wanted = all.iter().map(|(variant, _)| format!("{name}::{variant}"));
        missing.extend(wanted.filter(|status| !shown(group, status)).map(|status| format!("{group} {status}")));
    }
    for (group, all) in COMMON {
        let wanted = all.iter().map(|variant| format!("CommonStatus::{variant}"));
        missing.extend(wanted.filter(|status| !shown(group, status)).map(|status| format!("{group} {status}")));
    }
    missing
}

#[test]
fn a_status_counts_where_it_stands() {
    use easel_wbxml::pages::provision as p;
    let policy = Element::of(p::POLICY, [Element::number(p::STATUS, 4)]);
    let root = Element::of(p::PROVISION, [Element::number(p::STATUS, 1), Element::of(p::POLICIES, [policy])]);
    assert!(stands_in(&root, "Policy", "4") && stands_in(&root, "any", "4") && stands_in(&root, "Provision", "1"));
    assert!(!stands_in(&root, "Provision", "4") && !stands_in(&root, "Policy", "1") && !stands_in(&root, "any", "14"));
}

#[test]
fn variants_are_read_as_rustfmt_writes_them() {
    let source = "pub(crate) enum Status {\n    /// Done.\n    Success = 1,\n    /// It is = 2,\n    Wrong = 12,\n}\n";
    assert_eq!(variants(source, "Status"), [("Success".to_owned(), 1), ("Wrong".to_owned(), 12)]);
    let source = "    const fn status(&self) -> u8 {\n        match self {\n            Self::Changes(_) => 2,\n        }\n    }\n";
    assert_eq!(variants(source, "Response"), [("Changes".to_owned(), 2)]);
    assert_eq!(snake("GetItemEstimate"), "get_item_estimate");
}
