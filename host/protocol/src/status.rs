//! Common status codes and what stands for them before 14.0. MS-ASCMD 2.2.2 "Common Status Codes".

use crate::Version;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $http:literal,)*) => {
        /// A mistake that any command can report. From 14.0 on its number is the Status of the command's root element;
        /// before, an HTTP code takes its place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum CommonStatus {
            $($(#[$doc])* $variant = $number,)*
        }

        impl CommonStatus {
            /// Every common status of this server.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The HTTP code that 2.5 to 12.1 get instead.
            pub const fn http(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }
        }
    };
}

statuses! {
    /// The body or its type does not fit the command or the version.
    InvalidContent = 101 400,
    /// The bytes do not decode.
    InvalidWbxml = 102 400,
    /// The tree breaks the grammar.
    InvalidXml = 103 400,
    /// A date that cannot be read.
    InvalidDateTime = 104 400,
    /// Parameters that exclude one another.
    InvalidCombinationOfIds = 105 400,
    /// An id of a wrong form.
    InvalidIds = 106 400,
    /// The message is not MIME.
    InvalidMime = 107 500,
    /// The device id is missing or wrong.
    DeviceIdInvalid = 108 400,
    /// The device type is missing or wrong.
    DeviceTypeInvalid = 109 400,
    /// Our side failed; the device may try again.
    ServerError = 110 500,
    /// Our side is busy; the device tries again later.
    ServerErrorRetryLater = 111 503,
    /// The mailbox is full.
    MailboxQuotaExceeded = 113 507,
    /// More recipients than one message may have.
    SendQuotaExceeded = 115 403,
    /// A recipient that cannot be resolved.
    MessageRecipientUnresolved = 116 400,
    /// The same ClientId was sent before.
    MessagePreviouslySent = 118 200,
    /// Nobody to send to.
    MessageHasNoRecipient = 119 400,
    /// The message could not be queued.
    MailSubmissionFailed = 120 500,
    /// The original of a reply could not be used.
    MessageReplyFailed = 121 500,
    /// The attachment is too large.
    AttachmentIsTooLarge = 122 413,
    /// The user may not synchronise.
    UserDisabledForSync = 126 403,
    /// The administrator blocked the device.
    DeviceBlocked = 129 403,
    /// The account is disabled.
    AccountDisabled = 131 403,
    /// The state vanished; the next request will see a bad key.
    SyncStateNotFound = 132 403,
    /// This server has no such command.
    CommandNotSupported = 137 501,
    /// The command does not exist in this version.
    VersionNotSupported = 138 400,
    /// The device cannot apply the whole policy and must.
    DeviceNotFullyProvisionable = 139 403,
    /// A remote wipe is pending.
    RemoteWipeRequested = 140 449,
    /// The device cannot be provisioned and must.
    LegacyDeviceOnStrictPolicy = 141 449,
    /// The device must run Provision first.
    DeviceNotProvisioned = 142 449,
    /// The policy changed; the device must run Provision again.
    PolicyRefresh = 143 449,
    /// The policy key is not the one this device was given.
    InvalidPolicyKey = 144 449,
    /// Devices managed by somebody else are refused.
    ExternallyManagedDevicesNotAllowed = 145 403,
    /// An occurrence of something that does not recur.
    NoRecurrenceInCalendar = 146 400,
    /// An item of a class that does not fit.
    UnexpectedItemClass = 147 400,
    /// The remembered request cannot be run again.
    InvalidStoredRequest = 149 400,
    /// The item of a reply, a forward or an occurrence is not there.
    ItemNotFound = 150 500,
    /// More folders than the server allows.
    TooManyFolders = 151 400,
    /// A search found no folders.
    NoFoldersFound = 152 400,
    /// A move without MoveAlways.
    MoveWithoutMoveAlways = 155 400,
    /// The destination is no mail folder.
    MoveToInvalidFolder = 156 400,
    /// A body part in a form other than HTML.
    BodyPartPreferenceTypeNotSupported = 164 400,
    /// The first Provision must tell what the device is.
    DeviceInformationRequired = 165 403,
    /// An account id this server does not know.
    InvalidAccountId = 166 400,
    /// Protected mail is not offered.
    IrmFeatureDisabled = 168 400,
    /// The person has no picture.
    NoPicture = 173 404,
    /// The picture is larger than the device takes.
    PictureTooLarge = 174 413,
    /// The device has as many pictures as it takes.
    PictureLimitReached = 175 403,
    /// The user has as many devices as allowed.
    MaximumDevicesReached = 177 403,
    /// A forward with both a MIME message and a body.
    InvalidMimeBodyCombination = 178 400,
    /// A forward whose parameters do not fit together.
    InvalidSmartForwardParameters = 179 400,
    /// A draft sent without, or with bad, recipients.
    InvalidRecipients = 183 400,
    /// The series is saved, some exceptions are not.
    OneOrMoreExceptionsFailed = 184 200,
}

impl CommonStatus {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The first version that may see the number.
    pub const fn since(self) -> Version {
        match self.number() {
            ..=163 => Version::V14_0,
            164..=177 => Version::V14_1,
            178.. => Version::V16_0,
        }
    }

    /// What a version from 14.0 on is told in its place if it does not know the number yet.
    ///
    /// 103 makes the device give the request up, 110 makes it try again. One device too many is told as a blocked one:
    /// its owner must speak to the administrator.
    const fn before(self) -> Self {
        if matches!(self, Self::MaximumDevicesReached) {
            Self::DeviceBlocked
        } else if matches!(self, Self::OneOrMoreExceptionsFailed) {
            Self::ServerError
        } else {
            Self::InvalidXml
        }
    }

    /// How a device of `version` is told: by a number that its version has, or by an HTTP code before 14.0.
    pub fn refusal(self, version: Version) -> Refusal {
        if !version.has_common_status() {
            Refusal::Http(self.http())
        } else if version >= self.since() {
            Refusal::Status(self)
        } else {
            Refusal::Status(self.before())
        }
    }
}

/// How a common mistake is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An HTTP code with an empty body.
    Http(u16),
    /// HTTP 200 and the Status in the command's root element.
    Status(CommonStatus),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_before_14_never_see_a_common_status() {
        for status in CommonStatus::ALL {
            for version in Version::ALL {
                match status.refusal(version) {
                    Refusal::Http(code) => assert!(version < Version::V14_0 && (200..=507).contains(&code)),
                    Refusal::Status(_) => assert!(version >= Version::V14_0),
                }
            }
        }
    }

    #[test]
    fn no_device_sees_a_number_younger_than_its_version() {
        use CommonStatus as S;
        for status in CommonStatus::ALL {
            for version in Version::ALL.into_iter().filter(|version| version.has_common_status()) {
                let Refusal::Status(told) = status.refusal(version) else { panic!("{status:?} in {version}") };
                assert!(told.since() <= version, "{status:?} in {version}");
                assert!(told == *status || status.since() > version, "{status:?} in {version}");
            }
        }
        assert_eq!(S::DeviceInformationRequired.refusal(Version::V14_0), Refusal::Status(S::InvalidXml));
        assert_eq!(S::DeviceInformationRequired.refusal(Version::V14_1), Refusal::Status(S::DeviceInformationRequired));
        assert_eq!(S::MaximumDevicesReached.refusal(Version::V14_0), Refusal::Status(S::DeviceBlocked));
        assert_eq!(S::InvalidRecipients.refusal(Version::V14_1), Refusal::Status(S::InvalidXml));
        assert_eq!(S::OneOrMoreExceptionsFailed.refusal(Version::V14_1), Refusal::Status(S::ServerError));
    }

    #[test]
    fn a_common_status_has_the_published_number() {
        for (status, number, http) in [
            (CommonStatus::InvalidWbxml, 102, 400),
            (CommonStatus::ServerErrorRetryLater, 111, 503),
            (CommonStatus::SyncStateNotFound, 132, 403),
            (CommonStatus::CommandNotSupported, 137, 501),
            (CommonStatus::DeviceNotProvisioned, 142, 449),
            (CommonStatus::ItemNotFound, 150, 500),
            (CommonStatus::MaximumDevicesReached, 177, 403),
            (CommonStatus::OneOrMoreExceptionsFailed, 184, 200),
        ] {
            assert_eq!((status.number(), status.http()), (number, http), "{status:?}");
        }
    }
}
