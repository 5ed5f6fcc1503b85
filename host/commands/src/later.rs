//! 503: a device is to come back later. Every answer of that kind is made here.

use easel_protocol::Version;

use crate::Answer;

/// What a device did that it is put off for: the values of X-MS-ASThrottle. MS-ASHTTP 2.2.2.1.2.13 "X-MS-ASThrottle"
/// leaves them open; these are known to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It sends more requests than it may.
    CommandFrequency,
    /// It, its user, or whoever logs in as that user, has used up something else.
    OutOfBudgets,
    /// It sends the same request again and again.
    RecentCommands,
}

impl Condition {
    /// As in the header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommandFrequency => "CommandFrequency",
            Self::OutOfBudgets => "OutOfBudgets",
            Self::RecentCommands => "RecentCommands",
        }
    }
}

/// When a device is to come back, and why. MS-ASHTTP 3.1.5.2.3 "HTTP Error 503"
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Later {
    /// Retry-After, in seconds.
    pub retry_after_secs: u64,
    /// What the device did; `None` when it is the server that is short of something, which no device can help.
    pub condition: Option<Condition>,
}

impl Later {
    /// The answer to a request of that version; `None` where it names none. Servers that know X-MS-ASThrottle are
    /// younger than the versions before 14.0, whose devices are not told the condition.
    pub fn answer(self, version: Option<Version>) -> Answer {
        let knows = version.is_some_and(|version| version >= Version::V14_0);
        let condition = self.condition.filter(|_| knows);
        let condition = condition.map(|condition| ("x-ms-asthrottle".into(), condition.name().to_owned()));
        let retry_after = ("retry-after".into(), self.retry_after_secs.to_string());
        Answer { headers: [retry_after].into_iter().chain(condition).collect(), ..Answer::code(503) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_is_told_from_14_0_on_and_when_to_come_back_always() {
        let later = Later { retry_after_secs: 7, condition: Some(Condition::OutOfBudgets) };
        let headers = |later: Later, version| {
            let answer = later.answer(version);
            assert_eq!((answer.code, answer.body.len()), (503, 0));
            answer.headers
        };
        let retry_after = ("retry-after".into(), "7".to_owned());
        let condition = ("x-ms-asthrottle".into(), "OutOfBudgets".to_owned());
        for version in [Version::V14_0, Version::V16_1] {
            assert_eq!(headers(later, Some(version)), [retry_after.clone(), condition.clone()]);
            assert_eq!(headers(Later { condition: None, ..later }, Some(version)), std::slice::from_ref(&retry_after));
        }
        for version in [None, Some(Version::V2_5), Some(Version::V12_1)] {
            assert_eq!(headers(later, version), std::slice::from_ref(&retry_after));
        }
    }
}
