//! When a message is tried again.

use easel_store::{FailedRecipient, Outgoing};
use jiff::Timestamp;

/// Minutes to the next attempt, after the first, the second and so on; the last again and again.
const DELAYS_MIN: [i64; 7] = [1, 5, 15, 30, 60, 180, 360];
/// Minutes until a smart host that cannot be reached, or was not configured, is asked for again.
pub(super) const HOST_DELAY_MIN: i64 = 1;
/// Characters of a reason that are kept.
const REASON_MAX: usize = 500;

/// Why there are recipients left after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody was asked: the smart host cannot be used. It says nothing about the message.
    Host(String),
    /// It may go better another time.
    Temporary(String),
}

/// Puts a message off.
pub(super) fn put_off(row: &mut Outgoing, now: Timestamp, trouble: Trouble) {
    let (minutes, reason) = match trouble {
        Trouble::Host(reason) => (HOST_DELAY_MIN, reason),
        Trouble::Temporary(reason) => {
            let delay = DELAYS_MIN[DELAYS_MIN.len() - 1];
            let step = usize::try_from(row.attempts).unwrap_or(usize::MAX);
            row.attempts = row.attempts.saturating_add(1);
            (DELAYS_MIN.get(step).copied().unwrap_or(delay), reason)
        }
    };
    row.next_attempt = now.as_millisecond().saturating_add(minutes * 60_000);
    row.last_error = Some(kept(&reason));
}

/// A smart host's words: one line, and not for ever.
fn kept(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_MAX).collect()
}

/// Gives up those recipients of a message for whom there is a reason: they are not tried again.
pub(super) fn fail(row: &mut Outgoing, reason: impl Fn(&str) -> Option<String>) {
    for recipient in std::mem::take(&mut row.recipients) {
        match reason(&recipient) {
            Some(reason) => {
                row.last_error = Some(kept(&format!("<{recipient}>: {reason}")));
                row.failed.push(FailedRecipient { recipient, reason: kept(&reason) });
            }
            None => row.recipients.push(recipient),
        }
    }
}

#[cfg(test)]
mod tests {
    use easel_store::{BlobId, OutgoingId, UserId};

    use super::*;

    fn row() -> Outgoing {
        Outgoing {
            id: OutgoingId(1),
            user: UserId(1),
            sender: String::new(),
            recipients: vec!["a@x".to_owned(), "b@x".to_owned()],
            failed: Vec::new(),
            blob: BlobId(1),
            queued: 0,
            attempts: 0,
            next_attempt: 0,
            last_error: None,
        }
    }

    #[test]
    fn the_delay_grows_up_to_six_hours() {
        let (mut row, now) = (row(), Timestamp::UNIX_EPOCH);
        let mut minutes = Vec::new();
        for _ in 0..9 {
            put_off(&mut row, now, Trouble::Temporary("later\r\n".to_owned()));
            minutes.push(row.next_attempt / 60_000);
        }
        assert_eq!(minutes, [1, 5, 15, 30, 60, 180, 360, 360, 360]);
        assert_eq!((row.attempts, row.last_error.as_deref()), (9, Some("later  ")));
    }

    #[test]
    fn a_host_that_is_down_costs_the_message_nothing() {
        let mut row = row();
        put_off(&mut row, Timestamp::UNIX_EPOCH, Trouble::Host("x".repeat(1000)));
        assert_eq!((row.attempts, row.next_attempt), (0, HOST_DELAY_MIN * 60_000));
        assert_eq!(row.last_error.map(|reason| reason.len()), Some(REASON_MAX));
    }

    #[test]
    fn only_those_refused_for_good_are_given_up() {
        let mut row = row();
        fail(&mut row, |recipient| (recipient == "a@x").then(|| "550\r\nno".to_owned()));
        assert_eq!(row.recipients, ["b@x"]);
        assert_eq!(row.last_error.as_deref(), Some("<a@x>: 550  no"));
        assert_eq!(row.failed, [FailedRecipient { recipient: "a@x".into(), reason: "550  no".into() }]);
    }
}
