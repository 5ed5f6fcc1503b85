//! Automatic replies while the owner is away. MS-ASCMD 2.2.3.123 "Oof".

use serde::{Deserialize, Serialize};

/// What a mailbox answers while its owner is away. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oof {
    /// Whether it answers.
    pub state: OofState,
    /// Since when, if [`OofState::Timed`]; `None` is since ever.
    pub start: Option<i64>,
    /// Until when, if [`OofState::Timed`]; `None` is for ever.
    pub end: Option<i64>,
    /// To senders of the same tenant.
    pub internal: OofMessage,
    /// To other senders whom the owner's contacts know.
    pub external_known: OofMessage,
    /// To everybody else.
    pub external_unknown: OofMessage,
}

/// Whether automatic replies are sent. MS-ASCMD 2.2.3.124 "OofState".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum OofState {
    /// No.
    #[default]
    Off = 0,
    /// Yes.
    On = 1,
    /// Between two times.
    Timed = 2,
}

/// The reply to one audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OofMessage {
    /// Whether this audience gets one.
    pub enabled: bool,
    /// The reply.
    pub reply: String,
    /// Whether the reply is HTML.
    pub html: bool,
}

impl Oof {
    /// The name under which a mailbox keeps it.
    pub const NAME: &'static str = "oof";

    /// The name under which a mailbox keeps whom it has answered; opaque outside delivery. Removed when an absence begins
    /// or changes: everybody is answered anew.
    pub const ANSWERED: &'static str = "oof.answered";

    /// Whether the owner is away at `now`.
    pub fn is_on(&self, now: i64) -> bool {
        match self.state {
            OofState::Off => false,
            OofState::On => true,
            OofState::Timed => self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end),
        }
    }
}

impl OofState {
    /// The state of that number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::On),
            2 => Some(Self::Timed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_times_is_from_the_first_on_and_before_the_second() {
        let away = Oof { state: OofState::Timed, start: Some(10), end: Some(20), ..Oof::default() };
        assert_eq!([9, 10, 19, 20].map(|now| away.is_on(now)), [false, true, true, false]);
        let open = Oof { end: None, ..away };
        assert!(open.is_on(i64::MAX) && !Oof::default().is_on(10));
    }
}
