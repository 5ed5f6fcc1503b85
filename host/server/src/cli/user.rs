//! `easel user`

mod app_password;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::json;

use super::error::CliError;
use super::terminal::Terminal;
use super::{confirm, open, password};
use crate::admin::{
    LoginName, NewUserSpec, PIECE_BYTES_MAX, PhotoChange, QuotaChange, Request, UserChanges, UserShown,
};

const ADD_EXAMPLES: &str = "\
Examples:
  easel user add anna --address anna@example.org --random
  easel user add zoe@ox.io --name 'Zoë Martin' --phone '+33 1 23 45' --photo zoe.jpg --zone Europe/Paris
  echo \"$PASSWORD\" | easel user add anna --address anna@example.org";

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Adds a user with an empty mailbox.
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddArguments),
    /// Changes a user; what is not given stays.
    #[command(
        after_help = "Examples:\n  easel user set anna --zone America/Lima\n  easel user set zoe@ox.io --disable\n  \
                      easel user set zoe@ox.io --quota 2048"
    )]
    Set(SetArguments),
    /// Gives a user a new password; logins with the old one end at once. App passwords stay.
    #[command(after_help = "Examples:\n  easel user passwd anna\n  easel user passwd zoe@ox.io --random")]
    Passwd {
        /// Whose, such as anna or anna@ox.io.
        login: LoginName,
        #[command(flatten)]
        password: password::Source,
    },
    /// Makes, lists and revokes passwords for one phone or app each.
    #[command(subcommand, after_help = app_password::HELP)]
    AppPassword(app_password::Verb),
    /// Lists the users.
    List {
        /// Only those of this tenant.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Removes a user, the mailbox and everything in it.
    #[command(after_help = "Example:\n  easel user remove anna@ox.io --confirm anna@ox.io")]
    Remove {
        /// Whom.
        login: LoginName,
        /// The same again, where nobody can be asked.
        #[arg(long, value_name = "USER")]
        confirm: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    /// Whom, such as anna or anna@ox.io.
    login: LoginName,
    /// How people call the user [default: the name of the login].
    #[arg(long)]
    name: Option<String>,
    /// A mail address, the primary one first; may be repeated [default: the login, where its tenant is a domain].
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// A telephone number, business first, then mobile; may be repeated.
    #[arg(long = "phone", value_name = "NUMBER")]
    phones: Vec<String>,
    /// A picture, JPEG or PNG, at most 512 KiB.
    #[arg(long, value_name = "FILE")]
    photo: Option<PathBuf>,
    /// The time zone, as an IANA name [default: that of this machine].
    #[arg(long)]
    zone: Option<String>,
    #[command(flatten)]
    password: password::Source,
}

#[derive(Debug, Args)]
pub(super) struct SetArguments {
    /// Whom.
    login: LoginName,
    /// How people call the user.
    #[arg(long)]
    name: Option<String>,
    /// The mail addresses, instead of all there were; the primary one first.
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// The telephone numbers, instead of all there were.
    #[arg(long = "phone", value_name = "NUMBER")]
    phones: Vec<String>,
    /// A picture, JPEG or PNG, at most 512 KiB.
    #[arg(long, value_name = "FILE", conflicts_with = "no_photo")]
    photo: Option<PathBuf>,
    /// Removes the picture.
    #[arg(long)]
    no_photo: bool,
    /// The time zone, as an IANA name.
    #[arg(long)]
    zone: Option<String>,
    /// Lets the user log in again.
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Shuts the user out; mail still arrives.
    #[arg(long)]
    disable: bool,
    /// What the mailbox may hold: MiB, "none" for any amount, or "default" for what the configuration says.
    #[arg(long, value_name = "MIB", value_parser = read_quota)]
    quota: Option<QuotaChange>,
}

fn read_quota(text: &str) -> Result<QuotaChange, String> {
    match text {
        "default" => Ok(QuotaChange::Configured),
        "none" => Ok(QuotaChange::Unbounded),
        number => number.parse().map(QuotaChange::Mib).map_err(|_| {
            "write a whole number of MiB, \"none\" for any amount, or \"default\" for limits.quota_mib".to_owned()
        }),
    }
}

pub(super) fn run(verb: Verb, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    match verb {
        Verb::Add(arguments) => add(arguments, file, terminal),
        Verb::Set(arguments) => set(arguments, file, terminal),
        Verb::Passwd { login, password } => {
            let chosen = password.choose(&login.to_string())?;
            let request = Request::UserPassword { login: login.clone(), password: chosen.password.clone() };
            open(file, "user passwd")?.order(request, &[])?;
            done(terminal, &format!("changed the password of {login}"), &login, &chosen)
        }
        Verb::AppPassword(verb) => app_password::run(verb, file, terminal),
        Verb::List { tenant } => {
            let users = open(file, "user list")?.users(tenant)?;
            list(&users, terminal)
        }
        Verb::Remove { login, confirm } => {
            let question = format!("{login}, the mailbox and everything in it will be removed.");
            confirm::typed(&question, &login.to_string(), confirm.as_deref())?;
            open(file, "user remove")?.order(Request::UserRemove { login: login.clone() }, &[])?;
            terminal.say(&format!("removed {login}"), &json!({ "login": login.to_string() }))
        }
    }
}

fn add(arguments: AddArguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let login = arguments.login;
    let photo = arguments.photo.as_deref().map(read_photo).transpose()?.unwrap_or_default();
    let chosen = arguments.password.choose(&login.to_string())?;
    let user = NewUserSpec {
        display_name: arguments.name.unwrap_or_default(),
        addresses: arguments.addresses,
        phones: arguments.phones,
        zone: arguments.zone.unwrap_or_else(zone_of_machine),
    };
    let request = Request::UserAdd { login: login.clone(), user, password: chosen.password.clone() };
    open(file, "user add")?.order(request, &photo)?;
    done(terminal, &format!("added {login}"), &login, &chosen)
}

fn set(arguments: SetArguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let login = arguments.login;
    let photo = arguments.photo.as_deref().map(read_photo).transpose()?;
    let kept = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
    let changes = UserChanges {
        display_name: arguments.name,
        addresses: kept(arguments.addresses),
        phones: kept(arguments.phones),
        zone: arguments.zone,
        enabled: (arguments.enable || arguments.disable).then_some(arguments.enable),
        photo: match (&photo, arguments.no_photo) {
            (Some(_), _) => Some(PhotoChange::Body),
            (None, true) => Some(PhotoChange::Remove),
            (None, false) => None,
        },
        quota: arguments.quota,
    };
    if changes == UserChanges::default() {
        return Err(CliError::Said("nothing to change: see `easel user set --help`".to_owned()));
    }
    open(file, "user set")?.order(Request::UserSet { login: login.clone(), changes }, &photo.unwrap_or_default())?;
    terminal.say(&format!("changed {login}"), &json!({ "login": login.to_string() }))
}

fn done(terminal: &mut Terminal, sentence: &str, login: &LoginName, chosen: &password::Chosen) -> Result<(), CliError> {
    let login = login.to_string();
    if chosen.is_new {
        let password = &chosen.password.0;
        terminal
            .say(&format!("{sentence}; the password is {password}"), &json!({ "login": login, "password": password }))
    } else {
        terminal.say(sentence, &json!({ "login": login }))
    }
}

fn list(users: &[UserShown], terminal: &mut Terminal) -> Result<(), CliError> {
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            let state = if user.enabled { "" } else { "disabled" };
            vec![
                user.login.clone(),
                user.display_name.clone(),
                user.addresses.join(", "),
                user.phones.join(", "),
                user.zone.clone(),
                user.devices.to_string(),
                held(user),
                state.to_owned(),
            ]
        })
        .collect();
    terminal.table(&["user", "name", "addresses", "phones", "zone", "devices", "MiB", ""], &rows, "no users", &users)
}

/// What the mailbox holds, and may hold, in MiB.
fn held(user: &UserShown) -> String {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    match user.quota_bytes {
        Some(most) => format!("{} of {}", mib(user.bytes), mib(most)),
        None => mib(user.bytes).to_string(),
    }
}

fn read_photo(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut photo = Vec::new();
    let file = File::open(path).map_err(CliError::file("read", path))?;
    file.take(PIECE_BYTES_MAX as u64 + 1).read_to_end(&mut photo).map_err(CliError::file("read", path))?;
    if photo.is_empty() || photo.len() > PIECE_BYTES_MAX {
        return Err(CliError::Said(format!("{} is empty or more than 512 KiB", path.display())));
    }
    Ok(photo)
}

fn zone_of_machine() -> String {
    let zone = TimeZone::system();
    zone.iana_name().map_or_else(|| "UTC".to_owned(), str::to_owned)
}
