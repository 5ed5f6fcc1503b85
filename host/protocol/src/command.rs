//! Command names and codes. MS-ASHTTP 2.2.1.1.1.2.1 "Cmd" and 2.2.1.1.1.1.2 "Command Codes".

use std::fmt;

use crate::Version;

macro_rules! commands {
    ($($variant:ident = $code:literal,)*) => {
        /// A command of the protocol, by its published name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Command {
            $(#[doc = concat!("`", stringify!($variant), "`.")] $variant,)*
        }

        impl Command {
            /// Every command, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in a plain query.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The code in a base64 query.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

commands! {
    Sync = 0,
    SendMail = 1,
    SmartForward = 2,
    SmartReply = 3,
    GetAttachment = 4,
    GetHierarchy = 5,
    FolderSync = 9,
    FolderCreate = 10,
    FolderDelete = 11,
    FolderUpdate = 12,
    MoveItems = 13,
    GetItemEstimate = 14,
    MeetingResponse = 15,
    Search = 16,
    Settings = 17,
    Ping = 18,
    ItemOperations = 19,
    Provision = 20,
    ResolveRecipients = 21,
    ValidateCert = 22,
    Find = 23,
}

impl Command {
    /// The command of that name, matched without regard to case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.name().eq_ignore_ascii_case(name))
    }

    /// Whether the command exists in that version. Settings and ItemOperations came with 12.0, Find with 16.1;
    /// GetHierarchy and GetAttachment ended with 12.1.
    pub fn exists_in(self, version: Version) -> bool {
        match self {
            Self::GetAttachment | Self::GetHierarchy => version <= Version::V12_1,
            Self::ItemOperations | Self::Settings => version >= Version::V12_0,
            Self::Find => version >= Version::V16_1,
            Self::Sync
            | Self::SendMail
            | Self::SmartForward
            | Self::SmartReply
            | Self::FolderSync
            | Self::FolderCreate
            | Self::FolderDelete
            | Self::FolderUpdate
            | Self::MoveItems
            | Self::GetItemEstimate
            | Self::MeetingResponse
            | Self::Search
            | Self::Ping
            | Self::Provision
            | Self::ResolveRecipients
            | Self::ValidateCert => true,
        }
    }

    /// The command of that code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.code() == code)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_by_its_name_and_by_its_code() {
        for command in Command::ALL {
            assert_eq!(Command::parse(command.name()), Some(*command));
            assert_eq!(Command::parse(&command.name().to_lowercase()), Some(*command));
            assert_eq!(Command::from_code(command.code()), Some(*command));
        }
        assert_eq!(Command::parse("Autodiscover"), None);
        for dead in [6, 7, 8, 24, 255] {
            assert_eq!(Command::from_code(dead), None);
        }
    }

    #[test]
    fn commands_come_and_go_with_versions() {
        let of = |version| Command::ALL.iter().filter(move |command| command.exists_in(version)).count();
        assert_eq!(Version::ALL.map(of), [18, 20, 20, 18, 18, 18, 19]);
        assert!(Command::GetAttachment.exists_in(Version::V12_1) && !Command::GetAttachment.exists_in(Version::V14_0));
        assert!(Command::Find.exists_in(Version::V16_1) && !Command::Find.exists_in(Version::V16_0));
    }
}
