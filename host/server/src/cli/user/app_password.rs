//! `easel user app-password`

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::super::error::CliError;
use super::super::open;
use super::super::terminal::Terminal;
use crate::admin::{AppPasswordShown, LoginName};

pub(super) const HELP: &str = "\
An app password is a secret that the server makes for one phone or app. It is shown once, and typed on the phone where \
the password goes: seven groups of four letters; capitals and missing dashes are forgiven. A phone that is lost is \
shut out by revoking its app password, and the user's own password, which never was on it, stays. Checking one costs \
the server next to nothing, so that all phones are back at once after a restart.

Where login.app_passwords_only is true in the configuration, phones log in with app passwords only.";

const ADD_EXAMPLES: &str = "\
Examples:
  easel user app-password add anna --name \"Ann's phone\"
  easel user app-password add zoe@ox.io --name tablet --device SEC1D2C6E5D3A7F1";

const REVOKE_HELP: &str = "\
Requests of devices that wait with it are answered with 401 at once, and devices with other passwords notice nothing.

Examples:
  easel user app-password revoke anna \"Ann's phone\"
  easel user app-password revoke zoe@ox.io 17";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Makes an app password and prints it once.
    #[command(after_help = ADD_EXAMPLES)]
    Add {
        /// Whose, such as anna or anna@ox.io.
        login: LoginName,
        /// What to call it, 1 to 64 characters [default: "phone 1", or the next number that is free].
        #[arg(long)]
        name: Option<String>,
        /// The DeviceId of the only device that may use it.
        #[arg(long, value_name = "ID")]
        device: Option<String>,
    },
    /// Lists the app passwords of a user, with the last day of use (UTC).
    List {
        /// Whose.
        login: LoginName,
    },
    /// Takes an app password back; logins with it end at once.
    #[command(after_help = REVOKE_HELP)]
    Revoke {
        /// Whose.
        login: LoginName,
        /// Its name, or its number as `list` shows it.
        #[arg(value_name = "NAME|ID")]
        which: String,
    },
}

pub(super) fn run(verb: Verb, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    match verb {
        Verb::Add { login, name, device } => {
            let mut channel = open(file, "user app-password add")?;
            let (added, secret) = channel.add_app_password(login.clone(), name, device)?;
            let sentence = format!("added the app password {:?} of {login}; it is {}", added.name, secret.0);
            let AppPasswordShown { number, name, device, .. } = added;
            let value = json!({
                "login": login.to_string(), "number": number, "name": name, "device": device, "password": secret.0,
            });
            terminal.say(&sentence, &value)
        }
        Verb::List { login } => {
            let passwords = open(file, "user app-password list")?.app_passwords(login)?;
            list(&passwords, terminal)
        }
        Verb::Revoke { login, which } => {
            let gone = open(file, "user app-password revoke")?.revoke_app_password(login.clone(), which)?;
            let value = json!({ "login": login.to_string(), "number": gone.number, "name": gone.name });
            terminal.say(&format!("revoked the app password {:?} of {login}", gone.name), &value)
        }
    }
}

fn list(passwords: &[AppPasswordShown], terminal: &mut Terminal) -> Result<(), CliError> {
    let rows: Vec<Vec<String>> = passwords
        .iter()
        .map(|one| {
            vec![
                one.number.to_string(),
                one.name.clone(),
                one.device.clone().unwrap_or_else(|| "any".to_owned()),
                one.made.clone(),
                one.used_on.clone().unwrap_or_else(|| "never".to_owned()),
            ]
        })
        .collect();
    terminal.table(&["id", "name", "device", "made", "last used"], &rows, "no app passwords", &passwords)
}
