//! Values of response headers, and the path they answer on. MS-ASHTTP 2.2.1.2 "Response" and 2.2.3 "HTTP OPTIONS
//! Command".

use crate::{Command, Version};

/// The one path of the protocol, as it is published.
pub const ENDPOINT: &str = "/Microsoft-Server-ActiveSync";

/// MS-Server-ActiveSync: the version of the server, with its minor number.
///
/// K: G08. Clients that do not find a full number stay on 12.1; old ones read the first number and guess what the server
/// can do.
pub const SERVER_VERSION: &str = "15.1";

/// Whether `path` is the endpoint: in any case, with or without a slash at the end, or as its default page (K: G24).
pub fn is_endpoint(path: &str) -> bool {
    let Some((endpoint, rest)) = path.split_at_checked(ENDPOINT.len()) else { return false };
    endpoint.eq_ignore_ascii_case(ENDPOINT)
        && (rest.is_empty() || rest == "/" || rest.eq_ignore_ascii_case("/default.eas"))
}

/// MS-ASProtocolVersions: `2.5,12.0,12.1` and so on, oldest first, whatever order they are given in.
///
/// K: O22. There is no [`Version`] below 2.5, so none is ever listed.
pub fn version_list(versions: impl IntoIterator<Item = Version>) -> String {
    let mut versions: Vec<Version> = versions.into_iter().collect();
    versions.sort_unstable();
    versions.dedup();
    join(versions.iter().map(Version::to_string))
}

/// MS-ASProtocolCommands: the names of `commands`, in the order of their codes.
pub fn command_list(commands: impl IntoIterator<Item = Command>) -> String {
    let mut commands: Vec<Command> = commands.into_iter().collect();
    commands.sort_unstable();
    commands.dedup();
    join(commands.iter().map(Command::to_string))
}

fn join(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g24_the_endpoint_is_found_in_every_spelling() {
        for path in [
            "/Microsoft-Server-ActiveSync",
            "/microsoft-server-activesync",
            "/MICROSOFT-SERVER-ACTIVESYNC/",
            "/Microsoft-Server-ActiveSync/",
            "/Microsoft-Server-ActiveSync/default.eas",
            "/Microsoft-Server-ActiveSync/Default.EAS",
        ] {
            assert!(is_endpoint(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/Microsoft-Server-ActiveSyn",
            "/Microsoft-Server-ActiveSync2",
            "/Microsoft-Server-ActiveSync//",
            "/Microsoft-Server-ActiveSync/other.eas",
            "Microsoft-Server-ActiveSync/",
            "/x/Microsoft-Server-ActiveSync",
            "/Microsoft-Server-ActiveSynü",
        ] {
            assert!(!is_endpoint(path), "{path}");
        }
    }

    #[test]
    fn g08_the_server_version_is_a_full_number() {
        let (major, minor) = SERVER_VERSION.split_once('.').unwrap();
        assert!(major.parse::<u8>().unwrap() >= 14 && minor.parse::<u8>().is_ok());
    }

    #[test]
    fn o22_the_version_list_begins_with_2_5_and_ends_at_the_ceiling() {
        assert_eq!(version_list(Version::up_to(Version::V16_1)), "2.5,12.0,12.1,14.0,14.1,16.0,16.1");
        assert_eq!(version_list(Version::up_to(Version::V12_1)), "2.5,12.0,12.1");
        assert_eq!(version_list(Version::up_to(Version::V2_5)), "2.5");
        assert_eq!(version_list([Version::V14_1, Version::V12_0, Version::V14_1]), "12.0,14.1");
        assert_eq!(version_list([]), "");
    }

    #[test]
    fn commands_are_listed_once_each_in_the_order_of_their_codes() {
        assert_eq!(command_list([Command::Ping, Command::Sync, Command::Ping]), "Sync,Ping");
        assert!(command_list(Command::ALL.iter().copied()).ends_with("ResolveRecipients,ValidateCert,Find"));
    }
}
