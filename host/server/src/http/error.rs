//! Requests that no command sees, and the HTTP code each gets. MS-ASHTTP 2.2.2.1.1 "Status Line".

use easel_commands::{Answer, Condition, Later};
use easel_protocol::{RequestLineError, Version};

use crate::login::Denied;
use crate::shared::Shared;

/// Why a request is refused before, or instead of, its command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("the body pauses too long or ends early")]
    BodyIncomplete,
    #[error("the body is larger than allowed")]
    BodyTooLarge,
    #[error("too much at once")]
    Busy { retry_after_secs: u64 },
    #[error("servers that hold their users' passwords are not let in")]
    CloudDenied,
    #[error("the body has an encoding other than gzip")]
    Encoding,
    #[error("the body is no gzip")]
    Gzip,
    #[error("the method is not served here")]
    MethodNotAllowed,
    #[error("the method is unknown")]
    MethodUnknown,
    #[error("more than its budget")]
    OverBudget { retry_after_secs: u64, condition: Condition },
    #[error("no credentials")]
    NoCredentials,
    #[error("another path")]
    NotFound,
    #[error("{0}")]
    RequestLine(RequestLineError),
    #[error("wrong credentials")]
    WrongCredentials,
}

impl HttpError {
    /// Busy for a few seconds.
    pub(crate) fn busy() -> Self {
        Self::Busy { retry_after_secs: a_few_secs() }
    }

    /// The device, or its user, has too much under way; it takes a few seconds.
    pub(crate) fn too_much_under_way() -> Self {
        Self::OverBudget { retry_after_secs: a_few_secs(), condition: Condition::OutOfBudgets }
    }

    /// The HTTP code.
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::BodyIncomplete => 408,
            Self::BodyTooLarge => 413,
            Self::Busy { .. } | Self::OverBudget { .. } => 503,
            Self::CloudDenied => 403,
            Self::Encoding => 415,
            Self::Gzip => 400,
            Self::MethodNotAllowed => 405,
            Self::MethodUnknown => 501,
            Self::NoCredentials | Self::WrongCredentials => 401,
            Self::NotFound => 404,
            Self::RequestLine(error) => match error {
                RequestLineError::Command(_) => 501,
                RequestLineError::Version(version) if is_before_2_5(&version.0) => 505,
                RequestLineError::Version(_)
                | RequestLineError::Form
                | RequestLineError::Cut(_)
                | RequestLineError::DeviceId(_)
                | RequestLineError::PolicyKey(_) => 400,
            },
        }
    }

    /// The answer to a request of that version, if it named one: a code, and never a body.
    pub(crate) fn answer(&self, shared: &Shared, version: Option<Version>) -> Answer {
        let headers = match self {
            Self::NoCredentials | Self::WrongCredentials => vec![("www-authenticate".into(), shared.challenge.clone())],
            Self::Busy { retry_after_secs } => {
                return Later { retry_after_secs: *retry_after_secs, condition: None }.answer(version);
            }
            Self::OverBudget { retry_after_secs, condition } => {
                return Later { retry_after_secs: *retry_after_secs, condition: Some(*condition) }.answer(version);
            }
            Self::MethodNotAllowed => vec![("allow".into(), super::METHODS.to_owned())],
            Self::BodyIncomplete
            | Self::BodyTooLarge
            | Self::CloudDenied
            | Self::Encoding
            | Self::Gzip
            | Self::MethodUnknown
            | Self::NotFound
            | Self::RequestLine(_) => Vec::new(),
        };
        Answer { headers, ..Answer::code(self.code()) }
    }
}

/// Not the same for everybody.
fn a_few_secs() -> u64 {
    rand::random_range(5..=15)
}

/// Devices of the first two versions understand 505. MS-ASHTTP 2.2.2.1.1 "Status Line".
fn is_before_2_5(version: &str) -> bool {
    version.trim().parse::<f32>().is_ok_and(|version| (0.0..2.5).contains(&version))
}

impl From<Denied> for HttpError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Wrong => Self::WrongCredentials,
            Denied::Busy { retry_after_secs } => Self::Busy { retry_after_secs },
            Denied::TooOften { retry_after_secs } => {
                Self::OverBudget { retry_after_secs, condition: Condition::OutOfBudgets }
            }
            Denied::Failed => Self::Busy { retry_after_secs: 30 },
        }
    }
}

impl From<RequestLineError> for HttpError {
    fn from(error: RequestLineError) -> Self {
        Self::RequestLine(error)
    }
}
