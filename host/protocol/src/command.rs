//! Command names and codes. MS-ASHTTP 2.2.1.1.1.2.1 "Cmd" and 2.2.1.1.1.1.2 "Command Codes".

use std::fmt;

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
