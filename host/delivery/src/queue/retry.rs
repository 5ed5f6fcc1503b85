//! When a message is tried again, and how long at all.

use std::time::Duration;

use easel_store::{FailedRecipient, Outgoing};
use jiff::Timestamp;

use super::waited::count;

const MINUTE_MS: i64 = 60_000;

/// Minutes to the next attempt, after the first, the second and so on; the last again and again.
const DELAYS_MIN: [i64; 7] = [1, 5, 15, 30, 60, 180, 360];
/// The part of a delay that chance may take away: an eighth. Messages put off together do not come back together.
const JITTER: i64 = 8;
/// A destination that cannot be used is asked for again after so long at first, and after an eighth of the time the
/// message has waited later.
const HOST_DELAY_MS: i64 = MINUTE_MS;
/// Characters of a reason that are kept.
const REASON_MAX: usize = 500;

/// How long a message is tried. RFC 5321 4.5.4.1 "Sending Strategy" asks for four or five days. Only time in which it
/// was tried counts: a leap of the clock, or a server that was off, takes at most an hour of it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// After so long the recipients that are left are given up.
    pub expire: Duration,
    /// After so long the sender is told, once, that it takes longer; zero: never.
    pub notice: Duration,
}

impl Default for Schedule {
    /// Five days, and four hours.
    fn default() -> Self {
        Self { expire: Duration::from_secs(5 * 86_400), notice: Duration::from_secs(4 * 3600) }
    }
}

impl Schedule {
    /// For how many milliseconds more it is tried; not positive: it has waited too long.
    pub(super) fn left(&self, row: &Outgoing) -> i64 {
        ms(self.expire).saturating_sub(row.waited)
    }

    /// In how many milliseconds the sender is to be told that it takes longer, if that is still to be done; not
    /// positive: now.
    pub(super) fn until_notice(&self, row: &Outgoing) -> Option<i64> {
        let wanted = !self.notice.is_zero() && !row.delay_told && !row.sender.is_empty();
        wanted.then(|| ms(self.notice).saturating_sub(row.waited))
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Why there are recipients left after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody was asked: the destination cannot be used. It says nothing about the message.
    Host {
        reason: String,
        /// The longest rest, in minutes.
        rest_max_min: i64,
    },
    /// It may go better another time.
    Temporary(String),
}

impl Trouble {
    /// The one of two that counts.
    pub(super) fn or(self, other: Option<Self>) -> Self {
        match (self, other) {
            (Self::Host { .. }, Some(other @ Self::Temporary(_))) => other,
            (trouble, _) => trouble,
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Host { reason, .. } | Self::Temporary(reason) => reason,
        }
    }
}

/// Puts a message off after an attempt, not beyond the moment at which something else is to be done about it.
pub(super) fn put_off(row: &mut Outgoing, now: Timestamp, schedule: &Schedule, trouble: &Trouble) {
    count(row, now);
    let now = now.as_millisecond();
    let delay = match trouble {
        Trouble::Host { rest_max_min, .. } => {
            (row.waited / JITTER).clamp(HOST_DELAY_MS, HOST_DELAY_MS.max(rest_max_min * MINUTE_MS))
        }
        Trouble::Temporary(_) => {
            let last = DELAYS_MIN[DELAYS_MIN.len() - 1];
            let step = usize::try_from(row.attempts).unwrap_or(usize::MAX);
            row.attempts = row.attempts.saturating_add(1);
            DELAYS_MIN.get(step).copied().unwrap_or(last) * MINUTE_MS
        }
    };
    let rest = delay - jitter(row, now, delay / JITTER);
    let events = [Some(schedule.left(row)), schedule.until_notice(row)];
    let event = events.into_iter().flatten().filter(|event| *event > 0).min();
    row.next_attempt = now.saturating_add(event.map_or(rest, |event| rest.min(event)));
    row.last_error = Some(kept(trouble.reason()));
}

/// A number below `most` that another message, or the same at another time, has otherwise.
fn jitter(row: &Outgoing, now: i64, most: i64) -> i64 {
    i64::try_from(spread(chance(row, now)) % most.max(1).unsigned_abs()).unwrap_or_default()
}

/// What chance is made of: the same for the same message and time.
pub(super) fn chance(row: &Outgoing, now: i64) -> u64 {
    row.id.0.rotate_left(32) ^ now.unsigned_abs() ^ u64::from(row.attempts)
}

/// SplitMix64: numbers near one another become numbers spread evenly.
pub(super) const fn spread(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A server's words: one line, and not for ever.
pub(super) fn kept(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_MAX).collect()
}

/// Gives up those recipients of a message for whom there is a reason: they are not tried again.
pub(super) fn fail(row: &mut Outgoing, reason: impl Fn(&str) -> Option<FailedRecipient>) {
    for recipient in std::mem::take(&mut row.recipients) {
        match reason(&recipient) {
            Some(failed) => {
                row.last_error = Some(kept(&format!("<{recipient}>: {}", failed.reason)));
                row.delayed.retain(|delayed| delayed.recipient != recipient);
                row.failed.push(FailedRecipient { recipient, reason: kept(&failed.reason), ..failed });
            }
            None => row.recipients.push(recipient),
        }
    }
}

/// Notes what was said of a recipient who is still to be served.
pub(super) fn delay(row: &mut Outgoing, said: FailedRecipient) {
    row.delayed.retain(|delayed| delayed.recipient != said.recipient);
    row.delayed.push(FailedRecipient { reason: kept(&said.reason), ..said });
}

/// Forgets what was said of recipients who are no longer waited for.
pub(super) fn forget_served(row: &mut Outgoing) {
    let Outgoing { recipients, delayed, .. } = row;
    delayed.retain(|delayed| recipients.contains(&delayed.recipient));
}

/// Gives up everybody who is left of a message that has waited too long.
pub(super) fn expire(row: &mut Outgoing, schedule: &Schedule) {
    if schedule.left(row) > 0 {
        return;
    }
    let (delayed, last) = (row.delayed.clone(), row.last_error.clone());
    fail(row, |recipient| {
        let said = delayed.iter().find(|delayed| delayed.recipient == recipient).cloned();
        let mut failed = said.unwrap_or_else(|| FailedRecipient {
            reason: last.clone().unwrap_or_else(|| "it was never tried".to_owned()),
            ..FailedRecipient::default()
        });
        // RFC 3463 3.5: delivery time expired.
        "4.4.7".clone_into(&mut failed.status);
        Some(failed)
    });
}

#[cfg(test)]
pub(super) mod tests {
    use easel_store::{BlobId, OutgoingId, UserId};

    use super::*;

    pub(in super::super) fn row() -> Outgoing {
        Outgoing {
            id: OutgoingId(1),
            user: UserId(1),
            sender: String::new(),
            recipients: vec!["a@x".to_owned(), "b@x".to_owned()],
            failed: Vec::new(),
            delayed: Vec::new(),
            delay_told: false,
            blob: BlobId(1),
            queued: 0,
            attempts: 0,
            tried: None,
            waited: 0,
            next_attempt: 0,
            last_error: None,
        }
    }

    fn host(reason: &str, rest_max_min: i64) -> Trouble {
        Trouble::Host { reason: reason.to_owned(), rest_max_min }
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millisecond(minutes * MINUTE_MS).unwrap()
    }

    #[test]
    fn the_delay_grows_up_to_six_hours_and_chance_takes_at_most_an_eighth() {
        let mut row = row();
        let mut exact = 0;
        for minutes in [1, 5, 15, 30, 60, 180, 360, 360, 360] {
            put_off(&mut row, Timestamp::UNIX_EPOCH, &Schedule::default(), &Trouble::Temporary("later\r\n".to_owned()));
            let delay = minutes * MINUTE_MS;
            assert!((delay - delay / 8..=delay).contains(&row.next_attempt), "{minutes}: {}", row.next_attempt);
            exact += usize::from(row.next_attempt == delay);
        }
        assert!(exact < 9, "chance never took anything");
        assert_eq!((row.attempts, row.last_error.as_deref()), (9, Some("later  ")));
    }

    #[test]
    fn messages_put_off_together_do_not_come_back_together() {
        let times: std::collections::BTreeSet<i64> = (0..100)
            .map(|id| {
                let mut row = Outgoing { id: OutgoingId(id), attempts: 6, ..row() };
                put_off(&mut row, at(7), &Schedule::default(), &Trouble::Temporary(String::new()));
                row.next_attempt / MINUTE_MS
            })
            .collect();
        assert!(times.len() > 20, "{times:?}");
    }

    #[test]
    fn a_host_that_is_down_costs_the_message_nothing_and_is_asked_less_and_less_often() {
        let mut row = row();
        for (waited, least, most) in [(0, 0, 1), (8, 0, 1), (80, 8, 10), (4000, 13, 15)] {
            row.waited = waited * MINUTE_MS;
            put_off(&mut row, at(0), &Schedule::default(), &host(&"x".repeat(1000), 15));
            let rest = row.next_attempt / MINUTE_MS;
            assert!((least..=most).contains(&rest), "after {waited}: {rest}");
        }
        assert_eq!(row.attempts, 0);
        assert_eq!(row.last_error.map(|reason| reason.len()), Some(REASON_MAX));
    }

    #[test]
    fn what_a_message_says_outweighs_what_a_host_says() {
        let said = Trouble::Temporary("450".to_owned());
        assert_eq!(host("down", 1).or(Some(said.clone())), said);
        assert_eq!(said.clone().or(Some(host("down", 1))), said);
        assert_eq!(host("down", 1).or(None), host("down", 1));
    }

    #[test]
    fn nobody_waits_beyond_the_notice_or_the_end() {
        let mut row = Outgoing { sender: "a@ox.io".to_owned(), attempts: 9, next_attempt: i64::MAX, ..row() };
        let schedule = Schedule::default();
        put_off(&mut row, at(100), &schedule, &Trouble::Temporary(String::new()));
        assert_eq!(row.next_attempt, 240 * MINUTE_MS);
        row.delay_told = true;
        put_off(&mut row, at(240), &schedule, &Trouble::Temporary(String::new()));
        assert!(row.next_attempt > 500 * MINUTE_MS);
        let end = 5 * 1440;
        row.next_attempt = i64::MAX;
        put_off(&mut row, at(end - 10), &schedule, &Trouble::Temporary(String::new()));
        assert_eq!(row.next_attempt, end * MINUTE_MS);
        assert_eq!(schedule.until_notice(&Outgoing { delay_told: false, sender: String::new(), ..row }), None);
    }

    #[test]
    fn after_five_days_everybody_left_is_given_up_with_what_was_said_last() {
        let mut row = Outgoing { last_error: Some("no route".to_owned()), ..row() };
        let said = |recipient: &str, reason: &str| FailedRecipient {
            recipient: recipient.to_owned(),
            reason: reason.to_owned(),
            status: "4.2.2".to_owned(),
            host: "mx".to_owned(),
        };
        delay(&mut row, said("a@x", "451 first"));
        delay(&mut row, said("a@x", "452 full"));
        row.waited = 5 * 1440 * MINUTE_MS - 1;
        expire(&mut row, &Schedule::default());
        assert_eq!((row.recipients.len(), row.failed.len()), (2, 0));
        row.waited += 1;
        expire(&mut row, &Schedule::default());
        assert!(row.recipients.is_empty() && row.delayed.is_empty());
        let reasons: Vec<_> = row.failed.iter().map(|one| (one.reason.as_str(), one.status.as_str())).collect();
        assert_eq!(reasons, [("452 full", "4.4.7"), ("no route", "4.4.7")]);
    }

    #[test]
    fn only_those_refused_for_good_are_given_up() {
        let mut row = row();
        let refused = FailedRecipient { reason: "550\r\nno".to_owned(), ..FailedRecipient::default() };
        fail(&mut row, |recipient| (recipient == "a@x").then(|| refused.clone()));
        assert_eq!(row.recipients, ["b@x"]);
        assert_eq!(row.last_error.as_deref(), Some("<a@x>: 550  no"));
        let kept = FailedRecipient { recipient: "a@x".into(), reason: "550  no".into(), ..refused };
        assert_eq!(row.failed, [kept]);
    }
}
