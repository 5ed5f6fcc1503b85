//! What is wrong with the dates of the certificate, said once a day.

use jiff::{SignedDuration, Timestamp};

use super::{Certificate, Lapse};

/// How often it is said.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// When it was said last.
#[derive(Debug, Default)]
pub(crate) struct Reminder(Option<Timestamp>);

impl Reminder {
    /// Looks at the certificate in use.
    pub(crate) fn look(&mut self, certificate: &Certificate, now: Timestamp) {
        let lapse = certificate.validity().and_then(|validity| validity.lapse(now));
        if let Some(lapse) = self.due(lapse, now) {
            let certificate = certificate.files.certificate.display();
            tracing::warn!(%certificate, "{lapse} (`easel check` tells the cure)");
        }
    }

    /// What is to be said now.
    fn due(&mut self, lapse: Option<Lapse>, now: Timestamp) -> Option<Lapse> {
        // A clock that was set back makes nobody silent for longer.
        let is_fresh = |said: Timestamp| (SignedDuration::ZERO..EVERY).contains(&now.duration_since(said));
        if lapse.is_some() && self.0.is_some_and(is_fresh) {
            return None;
        }
        self.0 = lapse.map(|_| now);
        lapse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lapse_is_said_once_a_day_and_anew_after_a_certificate_that_was_good() {
        let at = |hour: i64| Timestamp::from_second(1_700_000_000 + 3600 * hour).unwrap();
        let over = Some(Lapse::Over(at(-1)));
        let mut reminder = Reminder::default();
        let said: Vec<bool> = [0, 1, 23, 24, 25, -100].map(|hour| reminder.due(over, at(hour)).is_some()).into();
        assert_eq!(said, [true, false, false, true, false, true]);
        assert_eq!(reminder.due(None, at(-99)), None);
        assert_eq!(reminder.due(over, at(-98)), over);
    }
}
