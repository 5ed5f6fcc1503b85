//! What a client is told. RFC 5321 4.2 "SMTP Replies", RFC 3463 "Enhanced Mail System Status Codes".

use std::borrow::Cow;

/// One reply: the code decides what the client does, the enhanced code says why, the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    code: u16,
    enhanced: &'static str,
    text: Cow<'static, str>,
}

macro_rules! replies {
    ($($name:ident = $code:literal $enhanced:literal $text:literal;)*) => {
        impl Reply {
            $(pub(super) const $name: Self = Self { code: $code, enhanced: $enhanced, text: Cow::Borrowed($text) };)*
        }
    };
}

replies! {
    BAD_LINE_END          = 500 "5.5.2" "a line ends with CR LF, and holds neither of them nor NUL elsewhere";
    BAD_PATH              = 501 "5.1.7" "not an address";
    BAD_PARAMETER         = 501 "5.5.4" "bad parameter";
    BDAT_REFUSED          = 503 "5.5.1" "the message was refused already";
    BUSY                  = 421 "4.3.2" "too many sessions, try again later";
    CHUNK_TAKEN           = 250 "2.0.0" "chunk taken";
    CLOSING               = 221 "2.0.0" "bye";
    DISK_FULL             = 452 "4.3.1" "the disk is full, try again later";
    GO_AHEAD              = 354 ""      "end with a dot on a line of its own";
    HELP                  = 214 "2.0.0" "LMTP, RFC 2033";
    LINE_TOO_LONG         = 500 "5.5.6" "line too long";
    MAILBOX_FULL          = 452 "4.2.2" "the mailbox is full, try again later";
    MAILBOX_TOO_SMALL     = 552 "5.2.2" "the message is larger than the mailbox may be";
    MESSAGE_LINE_ENDS     = 554 "5.6.0" "the message holds a CR or LF that is no line end";
    MESSAGE_NUL           = 554 "5.6.0" "the message holds NUL";
    MESSAGE_TOO_LARGE     = 552 "5.3.4" "message too large";
    NEED_LHLO             = 503 "5.5.1" "LHLO first";
    NEED_MAIL             = 503 "5.5.1" "MAIL first";
    NEED_RECIPIENT        = 503 "5.5.1" "no valid recipients";
    NEED_SMTPUTF8         = 553 "5.6.7" "this address needs SMTPUTF8";
    NESTED_MAIL           = 503 "5.5.1" "there is a sender already";
    NOT_CHUNKED           = 503 "5.5.1" "the message came in chunks: BDAT LAST ends it";
    NOT_LMTP              = 500 "5.5.1" "this is LMTP: say LHLO";
    NO_PARAMETERS         = 501 "5.5.4" "this command takes no argument";
    OK                    = 250 "2.0.0" "ok";
    RECIPIENT_OK          = 250 "2.1.5" "recipient ok";
    RECIPIENT_UNKNOWN     = 550 "5.1.1" "no such mailbox here";
    SENDER_OK             = 250 "2.1.0" "sender ok";
    SHUTTING_DOWN         = 421 "4.3.2" "shutting down, try again later";
    STORE_FAILED          = 451 "4.3.0" "cannot store mail now, try again later";
    TOO_LONG_IDLE         = 421 "4.4.2" "closing an idle connection";
    TOO_MANY_ERRORS       = 421 "4.7.0" "too many errors";
    TOO_MANY_RECIPIENTS   = 452 "4.5.3" "too many recipients";
    TOO_MUCH              = 421 "4.3.4" "far beyond the largest message";
    UNKNOWN_COMMAND       = 500 "5.5.1" "unknown command";
    UNKNOWN_PARAMETER     = 555 "5.5.4" "unknown parameter";
    VERIFY                = 252 "2.5.0" "cannot say, but RCPT will";
}

impl Reply {
    /// The greeting. RFC 5321 4.2: it carries no enhanced code.
    pub(super) fn greeting(hostname: &str) -> Self {
        Self { code: 220, enhanced: "", text: Cow::Owned(format!("{hostname} LMTP Easel")) }
    }

    /// The message is in the mailbox.
    pub(super) fn delivered(recipient: &str, id: &str) -> Self {
        Self { code: 250, enhanced: "2.0.0", text: Cow::Owned(format!("<{recipient}> {id} stored")) }
    }

    /// Whether the client does not know the protocol: RFC 3463 3.6 "Mail Delivery Protocol Status". What is refused of an
    /// address, a mailbox or a message is none: the client could not know.
    pub(super) fn is_mistake(&self) -> bool {
        self.enhanced.starts_with("5.5.")
    }

    /// Writes the line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let space = if self.enhanced.is_empty() { "" } else { " " };
        out.extend_from_slice(format!("{} {}{space}{}\r\n", self.code, self.enhanced, self.text).as_bytes());
    }
}

/// Answers LHLO: the name, then an extension a line, no enhanced codes. RFC 5321 4.1.1.1, RFC 2034 4.
pub(super) fn write_extensions(hostname: &str, message_bytes_max: u64, out: &mut Vec<u8>) {
    let size = format!("SIZE {message_bytes_max}");
    let lines = [hostname, "PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", size.as_str()];
    for (at, line) in lines.iter().enumerate() {
        let separator = if at + 1 < lines.len() { '-' } else { ' ' };
        out.extend_from_slice(format!("250{separator}{line}\r\n").as_bytes());
    }
}
