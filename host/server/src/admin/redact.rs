//! Documents of devices as an administrator may see them: which, when and how many, never what or who.
//!
//! A text is shown only in an element of [`SHOWN`]: ids, keys, statuses, kinds, dates, sizes. Everything else, and
//! everything that no table names, is there with its length alone. What is new in the protocol is not shown until
//! somebody writes it down here.

use easel_wbxml::{Element, Node, Tag};

/// Longest text that is shown, in characters: ids and keys are not longer.
const TEXT_MAX: usize = 128;

/// By namespace: the elements whose text is shown.
const SHOWN: &[(&str, &str)] = &[
    (
        "AirSync",
        "SyncKey ClientId ServerId Status Class CollectionId GetChanges MoreAvailable WindowSize FilterType \
         Truncation RTFTruncation Conflict DeletesAsMoves MIMESupport MIMETruncation Wait Limit Partial \
         ConversationMode MaxItems HeartbeatInterval",
    ),
    ("Contacts", "BodySize BodyTruncated"),
    (
        "Email",
        "AttSize AttMethod BodySize BodyTruncated DateReceived Importance MessageClass Read AllDayEvent \
         DtStamp EndTime InstanceType BusyStatus RecurrenceId Reminder ResponseRequested Type Until \
         Occurrences Interval DayOfWeek DayOfMonth WeekOfMonth MonthOfYear StartTime Sensitivity \
         MIMETruncated MIMESize InternetCPID Status ContentClass CompleteTime DisallowNewTimeProposal",
    ),
    (
        "Calendar",
        "AllDayEvent BodyTruncated BusyStatus DtStamp EndTime Deleted ExceptionStartTime MeetingStatus Type \
         Until Occurrences Interval DayOfWeek DayOfMonth WeekOfMonth MonthOfYear Reminder Sensitivity \
         StartTime AttendeeStatus AttendeeType DisallowNewTimeProposal ResponseRequested \
         AppointmentReplyTime ResponseType CalendarType IsLeapMonth FirstDayOfWeek ClientUid",
    ),
    ("Move", "SrcMsgId SrcFldId DstFldId Status DstMsgId"),
    ("GetItemEstimate", "Version Class CollectionId DateTime Estimate Status"),
    ("FolderHierarchy", "ServerId ParentId Type Status SyncKey Count Version"),
    (
        "MeetingResponse",
        "CalendarId CollectionId RequestId Status UserResponse Version InstanceId ProposedStartTime \
         ProposedEndTime",
    ),
    (
        "Tasks",
        "BodySize BodyTruncated Complete DateCompleted DueDate UtcDueDate Importance Type Start Until \
         Occurrences Interval DayOfMonth DayOfWeek WeekOfMonth MonthOfYear Regenerate DeadOccur ReminderSet \
         ReminderTime Sensitivity StartDate UtcStartDate OrdinalDate CalendarType IsLeapMonth \
         FirstDayOfWeek",
    ),
    (
        "ResolveRecipients",
        "Status Type CertificateRetrieval RecipientCount MaxCertificates MaxAmbiguousRecipients \
         CertificateCount StartTime EndTime MaxSize MaxPictures",
    ),
    ("ValidateCert", "CheckCRL Status"),
    ("Ping", "Status HeartbeatInterval Id Class MaxFolders Version"),
    (
        "Provision",
        "PolicyType PolicyKey Status DevicePasswordEnabled AlphanumericDevicePasswordRequired \
         RequireStorageCardEncryption PasswordRecoveryEnabled AttachmentsEnabled MinDevicePasswordLength \
         MaxInactivityTimeDeviceLock MaxDevicePasswordFailedAttempts MaxAttachmentSize \
         AllowSimpleDevicePassword DevicePasswordExpiration DevicePasswordHistory AllowStorageCard \
         AllowCamera RequireDeviceEncryption MinDevicePasswordComplexCharacters MaxCalendarAgeFilter \
         AllowHTMLEmail MaxEmailAgeFilter MaxEmailBodyTruncationSize MaxEmailHTMLBodyTruncationSize",
    ),
    ("Search", "Name Range Status DeepTraversal LongId RebuildResults Total MaxSize MaxPictures"),
    ("GAL", "Status"),
    (
        "AirSyncBase",
        "Type TruncationSize AllOrNone EstimatedDataSize Truncated FileReference Method IsInline \
         NativeBodyType Status ClientId InstanceId",
    ),
    ("Settings", "Status OofState StartTime EndTime Enabled BodyType Model OS OSLanguage"),
    ("ItemOperations", "Range Total Status Version Part Store DstFldId DeleteSubFolders MoveAlways"),
    ("ComposeMail", "FolderId ItemId LongId InstanceId ClientId Status AccountId"),
    (
        "Email2",
        "UmAttDuration UmAttOrder LastVerbExecuted LastVerbExecutionTime ReceivedAsBcc CalendarType \
         IsLeapMonth AccountId FirstDayOfWeek MeetingMessageType IsDraft",
    ),
    ("Notes", "MessageClass LastModifiedDate"),
    ("Find", "SearchId Status Range DeepTraversal HasAttachments Total MaxPictures MaxSize"),
];

fn is_shown(tag: Tag) -> bool {
    let (Some(namespace), Some(name)) = (tag.namespace(), tag.name()) else { return false };
    SHOWN.iter().any(|(of, names)| *of == namespace && names.split(' ').any(|shown| shown == name))
}

/// Puts lengths in the place of what is not shown.
pub(super) fn redact(root: &mut Element) {
    let mut open = vec![root];
    while let Some(element) = open.pop() {
        let shown = is_shown(element.tag);
        for node in &mut element.content {
            match node {
                Node::Text(text) => {
                    let length = text.chars().count();
                    if !shown || length > TEXT_MAX {
                        *text = format!("[{length} characters]");
                    }
                }
                Node::Opaque(bytes) => *node = Node::Text(format!("[{} bytes]", bytes.len())),
                Node::Element(_) => {}
            }
        }
        let children = element.content.iter_mut().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) | Node::Opaque(_) => None,
        });
        open.extend(children);
    }
}

/// Parameters of a query whose values are shown.
const SHOWN_PARAMETERS: [&str; 7] = ["Cmd", "DeviceId", "DeviceType", "CollectionId", "ItemId", "LongId", "SaveInSent"];

/// The first line of a request with lengths in the place of what is not shown; a query in base64 is one such thing.
pub(super) fn redact_line(line: &str) -> String {
    let Some((before, query)) = line.split_once('?') else { return line.to_owned() };
    let pair = |pair: &str| {
        let length = |text: &str| text.chars().count();
        match pair.split_once('=') {
            // The padding of base64.
            Some((name, value)) if value.bytes().all(|byte| byte == b'=') => {
                format!("[{} characters]", length(name) + length(value) + 1)
            }
            Some((name, value)) if SHOWN_PARAMETERS.iter().any(|shown| shown.eq_ignore_ascii_case(name)) => {
                let cut = if length(value) > TEXT_MAX { "..." } else { "" };
                format!("{name}={}{cut}", value.chars().take(TEXT_MAX).collect::<String>())
            }
            Some((name, value)) if length(name) <= 40 => format!("{name}=[{} characters]", length(value)),
            Some(_) | None => format!("[{} characters]", length(pair)),
        }
    };
    let query: Vec<String> = query.split('&').map(pair).collect();
    format!("{before}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use easel_wbxml::pages::{airsync as a, airsyncbase as b, email as e};

    use super::*;

    #[test]
    fn every_element_that_is_shown_is_one_of_the_tables() {
        for (namespace, names) in SHOWN {
            for name in names.split(' ') {
                assert!(Tag::by_name(namespace, name).is_some(), "{namespace}:{name}");
            }
        }
    }

    #[test]
    fn of_a_query_the_device_is_shown_and_nobody() {
        let line = "POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=anna&DeviceId=ABC&devicetype=x&Odd=secret&rest";
        let shown = "POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=[4 characters]&DeviceId=ABC&devicetype=x\
                     &Odd=[6 characters]&[4 characters]";
        assert_eq!(redact_line(line), shown);
        assert_eq!(redact_line("OPTIONS /x"), "OPTIONS /x");
        for base64 in ["jAkJBANBQkM=", "jAkJBANBQg==", "jAkJBANB"] {
            assert_eq!(redact_line(&format!("POST /x?{base64}")), format!("POST /x?[{} characters]", base64.len()));
        }
        let long = redact_line(&format!("POST /x?Cmd={}", "x".repeat(500)));
        assert!(long.ends_with("x...") && long.len() < 160, "{long}");
    }

    #[test]
    fn content_and_people_are_not_shown_and_ids_and_keys_are() {
        let mut root = Element::of(
            a::SYNC,
            [
                Element::text(a::SYNC_KEY, "{1}7"),
                Element::text(a::CLIENT_ID, "x".repeat(TEXT_MAX + 1)),
                Element::text(e::SUBJECT, "Zoë"),
                Element::text(e::DATE_RECEIVED, "2026-01-01T00:00:00.000Z"),
                Element::of(b::BODY, [Element::opaque(b::DATA, *b"secret"), Element::number(b::TYPE, 2)]),
                Element::text(Tag::new(254, 0x3F), "unknown"),
            ],
        );
        redact(&mut root);
        let xml = easel_wbxml::xml::to_xml(&root);
        for shown in ["{1}7", "[129 characters]", "[3 characters]", "2026-01-01", "[6 bytes]", ">2<", "[7 characters]"]
        {
            assert!(xml.contains(shown), "{shown}: {xml}");
        }
        for hidden in ["Zo", "secret", "c2Vj", "unknown", "xxx"] {
            assert!(!xml.contains(hidden), "{hidden}: {xml}");
        }
    }
}
