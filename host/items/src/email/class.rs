//! What a message is: a mail, something of a meeting, a report. MS-ASEMAIL 2.2.2.49 "MessageClass".

use serde::{Deserialize, Serialize};

use super::index::Index;
use super::structure::{Node, Tree};
use super::{Raw, decode};

/// What an iCalendar object makes of a mail.
const MEETING: [MessageClass; 5] = [
    MessageClass::MeetingRequest,
    MessageClass::MeetingCanceled,
    MessageClass::MeetingAccepted,
    MessageClass::MeetingTentative,
    MessageClass::MeetingDeclined,
];
/// Bytes of iCalendar that are read.
pub(super) const CALENDAR_BYTES_MAX: usize = 512 * 1024;
/// Bytes of a report that are read.
const REPORT_BYTES_MAX: usize = 64 * 1024;

/// MS-ASEMAIL 2.2.2.49 "MessageClass".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageClass {
    /// Any other mail.
    Note,
    /// `multipart/signed` with an S/MIME signature.
    Signed,
    /// `application/pkcs7-mime`: encrypted, or signed so that only S/MIME readers can read it.
    Smime,
    /// An invitation.
    MeetingRequest,
    /// An invitation taken back.
    MeetingCanceled,
    /// An acceptance.
    MeetingAccepted,
    /// A tentative acceptance, or a counter proposal.
    MeetingTentative,
    /// A refusal.
    MeetingDeclined,
    /// A report that a message was not delivered.
    NotDelivered,
    /// A report that it was.
    Delivered,
    /// A report that it was read.
    Read,
    /// A report that it was deleted unread.
    NotRead,
}

impl MessageClass {
    /// The text of the element.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "IPM.Note",
            Self::Signed => "IPM.Note.SMIME.MultipartSigned",
            Self::Smime => "IPM.Note.SMIME",
            Self::MeetingRequest => "IPM.Schedule.Meeting.Request",
            Self::MeetingCanceled => "IPM.Schedule.Meeting.Canceled",
            Self::MeetingAccepted => "IPM.Schedule.Meeting.Resp.Pos",
            Self::MeetingTentative => "IPM.Schedule.Meeting.Resp.Tent",
            Self::MeetingDeclined => "IPM.Schedule.Meeting.Resp.Neg",
            Self::NotDelivered => "REPORT.IPM.Note.NDR",
            Self::Delivered => "REPORT.IPM.Note.DR",
            Self::Read => "REPORT.IPM.Note.IPNRN",
            Self::NotRead => "REPORT.IPM.Note.IPNNRN",
        }
    }

    /// Whether it is about a meeting.
    pub fn is_meeting(self) -> bool {
        MEETING.contains(&self)
    }

    /// Whether only the whole message shows what it is.
    pub const fn is_smime(self) -> bool {
        matches!(self, Self::Signed | Self::Smime)
    }
}

/// What the message is.
pub(super) fn classify(index: &Index, raw: &[u8], tree: &Tree) -> MessageClass {
    let content = &tree.root().content;
    let parameter = |name: &str| content.parameter(name).unwrap_or("").to_ascii_lowercase();
    match (content.media.0.as_str(), content.media.1.as_str()) {
        ("application", "pkcs7-mime" | "x-pkcs7-mime") if parameter("smime-type") != "certs-only" => {
            MessageClass::Smime
        }
        ("multipart", "signed") if parameter("protocol").ends_with("pkcs7-signature") => MessageClass::Signed,
        ("multipart", "report") => report(&parameter("report-type"), raw, tree),
        _ => calendar_class(index, &raw),
    }
}

/// RFC 3462, RFC 3464 "Delivery Status Notifications", RFC 8098 "Message Disposition Notification".
fn report(kind: &str, raw: &[u8], tree: &Tree) -> MessageClass {
    let wanted = |subtype: &str| tree.nodes.iter().find(|node| node.content.is("message", subtype));
    let lines = |node: &Node| {
        let body = &raw[node.body.clone()];
        String::from_utf8_lossy(&body[..body.len().min(REPORT_BYTES_MAX)]).to_ascii_lowercase()
    };
    let value = |text: &str, name: &str, wanted: &str| {
        text.lines().any(|line| line.strip_prefix(name).is_some_and(|value| value.contains(wanted)))
    };
    match kind {
        "disposition-notification" => {
            let text = wanted("disposition-notification").map(lines).unwrap_or_default();
            if value(&text, "disposition:", "deleted") { MessageClass::NotRead } else { MessageClass::Read }
        }
        "delivery-status" => {
            let text =
                wanted("delivery-status").or_else(|| wanted("global-delivery-status")).map(lines).unwrap_or_default();
            let good = ["delivered", "relayed", "expanded"].iter().any(|action| value(&text, "action:", action));
            if good && !value(&text, "action:", "failed") {
                MessageClass::Delivered
            } else {
                MessageClass::NotDelivered
            }
        }
        _ => MessageClass::Note,
    }
}

/// RFC 5546 3.2: the method, and for a reply what the attendee says.
fn calendar_class(index: &Index, raw: &dyn Raw) -> MessageClass {
    let part = index.calendar.and_then(|at| index.parts.get(usize::from(at)));
    let text = part.and_then(|part| decode::text(raw, part, Some(CALENDAR_BYTES_MAX)).ok());
    let name = text.and_then(|(text, _)| crate::calendar::message_class(&text));
    MEETING.into_iter().find(|class| Some(class.name()) == name).unwrap_or(MessageClass::Note)
}
