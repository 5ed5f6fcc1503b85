//! `easel device`

mod trace;

use std::path::Path;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::error::CliError;
use super::terminal::{Terminal, bytes};
use super::{confirm, open};
use crate::admin::{DeviceOrder, DeviceShown, LoginName, Request, WithheldShown};

const WIPE_HELP: &str = "\
The device does it when it next connects; `easel device show` tells whether it has, or that it failed. One that failed \
is told again whenever it comes. Until it is done `easel device unwipe` takes it back.

Examples:
  easel device wipe anna SEC1D2C6E5D3A7F1                     removes the account from it (from 16.1)
  easel device wipe anna --whole-device SEC1D2C6E5D3A7F1      resets the whole device, photos and all";

const RESTORE_HELP: &str = "\
A pack, the code that serves a kind of device, may keep what a device sends from being stored or sent; the device is \
told that it was. It is kept for 30 days, at most 1000 things and 100 MiB of a user, and `easel device show` lists it.

What is put back is taken in as if no pack were there: an item is added or merged, a change of an item that is gone \
becomes a new one, and mail is sent. It goes from the list.

Example:
  easel device restore anna SEC1D2C6E5D3A7F1 17";

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lists devices, last seen first.
    List {
        /// Only those of this user.
        login: Option<LoginName>,
    },
    /// Shows everything known of a device, and what its pack withheld.
    #[command(after_help = "What is withheld is kept for 30 days; `easel device restore` puts it back.")]
    Show {
        /// Whose.
        login: LoginName,
        /// Its id, as `easel device list` shows it; id/type where an id is there twice.
        device: String,
    },
    /// Shuts a device out; what is on it stays.
    Block {
        /// Whose.
        login: LoginName,
        /// Its id.
        device: String,
    },
    /// Lets a blocked device in again.
    Allow {
        /// Whose.
        login: LoginName,
        /// Its id.
        device: String,
    },
    /// Forgets a device, its state and what was withheld; it starts over when it comes back.
    Forget {
        /// Whose.
        login: LoginName,
        /// Its id.
        device: String,
    },
    /// Shows what a device and the server say to one another, as XML, until its time, the server or Ctrl-C ends it.
    #[command(after_help = trace::HELP)]
    Trace(trace::Arguments),
    /// Puts back what a pack withheld from the device's side.
    #[command(after_help = RESTORE_HELP)]
    Restore {
        /// Whose.
        login: LoginName,
        /// Its id.
        device: String,
        /// The number of what is put back, as `easel device show` lists it.
        number: u64,
    },
    /// Has a device remove the account, or with --whole-device everything.
    #[command(after_help = WIPE_HELP)]
    Wipe {
        /// Whose.
        login: LoginName,
        /// Its id.
        device: String,
        /// Resets the whole device.
        #[arg(long)]
        whole_device: bool,
        /// The id again, where nobody can be asked.
        #[arg(long, value_name = "DEVICE")]
        confirm: Option<String>,
    },
    /// Takes back a wipe that the device has not carried out yet.
    Unwipe {
        /// Whose.
        login: LoginName,
        /// Its id.
        device: String,
    },
}

pub(super) fn run(verb: Verb, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    match verb {
        Verb::List { login } => {
            let devices = open(file, "device list")?.devices(login)?;
            list(&devices, terminal)
        }
        Verb::Show { login, device } => {
            let mut channel = open(file, "device show")?;
            let devices = channel.devices(Some(login.clone()))?;
            let shown = found(&devices, &device)?;
            let withheld = channel.withheld(login, format!("{}/{}", shown.id, shown.kind))?;
            show(shown, &withheld, terminal)
        }
        Verb::Trace(arguments) => trace::run(&arguments, file, terminal),
        Verb::Restore { login, device, number } => {
            let request = Request::DeviceRestore { login: login.clone(), device: device.clone(), number };
            open(file, "device restore")?.order(request, &[])?;
            let value = json!({ "login": login.to_string(), "device": device, "number": number });
            terminal.say(&format!("put back {number} of {device} of {login}"), &value)
        }
        Verb::Block { login, device } => order(file, terminal, login, device, DeviceOrder::Block, "blocked"),
        Verb::Allow { login, device } => order(file, terminal, login, device, DeviceOrder::Allow, "allowed"),
        Verb::Forget { login, device } => order(file, terminal, login, device, DeviceOrder::Forget, "forgot"),
        Verb::Unwipe { login, device } => {
            order(file, terminal, login, device, DeviceOrder::Unwipe, "took back the wipe of")
        }
        Verb::Wipe { login, device, whole_device: false, .. } => {
            let wipe = DeviceOrder::Wipe { whole: false };
            order(file, terminal, login, device, wipe, "the account will be removed from")
        }
        Verb::Wipe { login, device, whole_device: true, confirm } => {
            let question = format!("Everything on the device {device} of {login} will be erased.");
            confirm::typed(&question, &device, confirm.as_deref())?;
            let wipe = DeviceOrder::Wipe { whole: true };
            order(file, terminal, login, device, wipe, "everything will be erased on")
        }
    }
}

fn order(
    file: &Path,
    terminal: &mut Terminal,
    login: LoginName,
    device: String,
    order: DeviceOrder,
    done: &str,
) -> Result<(), CliError> {
    let request = Request::DeviceDo { login: login.clone(), device: device.clone(), order };
    open(file, "device")?.order(request, &[])?;
    terminal.say(&format!("{done} {device} of {login}"), &json!({ "login": login.to_string(), "device": device }))
}

fn list(devices: &[DeviceShown], terminal: &mut Terminal) -> Result<(), CliError> {
    let rows: Vec<Vec<String>> = devices
        .iter()
        .map(|device| {
            let blocked = if device.blocked { Some("blocked".to_owned()) } else { None };
            let wipe = Some(&device.wipe).filter(|wipe| *wipe != "none").map(|wipe| format!("wipe {wipe}"));
            vec![
                device.login.clone(),
                device.id.clone(),
                device.kind.clone(),
                name(device),
                device.version.clone().unwrap_or_default(),
                device.last_seen.clone(),
                blocked.into_iter().chain(wipe).collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    terminal.table(&["user", "device", "type", "name", "version", "last seen", ""], &rows, "no devices", &devices)
}

/// What the device calls itself, else the start of its User-Agent.
fn name(device: &DeviceShown) -> String {
    let told = ["FriendlyName", "Model"].iter().find_map(|key| device.information.get(*key));
    told.cloned().unwrap_or_else(|| device.user_agent.chars().take(40).collect())
}

/// The device of that id, or `id/type` where an id is there twice.
fn found<'a>(devices: &'a [DeviceShown], name: &str) -> Result<&'a DeviceShown, CliError> {
    let id = easel_protocol::normal_device_id(name);
    let is =
        |device: &&DeviceShown| device.id == id || format!("{}/{}", device.id, device.kind).eq_ignore_ascii_case(name);
    let found: Vec<&DeviceShown> = devices.iter().filter(is).collect();
    match found.as_slice() {
        [device] => Ok(*device),
        [] => Err(CliError::Said(format!("there is no device {name:?}: `easel device list` shows those there are"))),
        several => {
            let names: Vec<String> = several.iter().map(|device| format!("{}/{}", device.id, device.kind)).collect();
            Err(CliError::Said(format!("{name:?} is several devices; name one of {}", names.join(", "))))
        }
    }
}

/// A device with what is withheld, for machines.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    device: &'a DeviceShown,
    withheld: &'a [WithheldShown],
}

fn show(device: &DeviceShown, withheld: &[WithheldShown], terminal: &mut Terminal) -> Result<(), CliError> {
    let fixed = [
        ("user", device.login.clone()),
        ("device", device.id.clone()),
        ("type", device.kind.clone()),
        ("user agent", device.user_agent.clone()),
        ("pack", device.pack.as_ref().map_or_else(|| "none".to_owned(), |(id, version, _)| format!("{id} {version}"))),
        ("family", device.pack.as_ref().map(|(_, _, family)| family.clone()).unwrap_or_default()),
        ("version", device.version.clone().unwrap_or_default()),
        ("versions told", device.versions_told.clone()),
        ("first seen", device.first_seen.clone()),
        ("last seen", device.last_seen.clone()),
        ("policy", device.policy.clone()),
        ("policy wish", wish(device)),
        ("blocked", if device.blocked { "yes" } else { "no" }.to_owned()),
        ("wipe", device.wipe.clone()),
        ("origin", device.origin.clone()),
    ];
    let told = device.information.iter().map(|(key, value)| (key.as_str(), value.clone()));
    let headers = device.headers.iter().map(|(name, value)| ("header", format!("{name}: {value}")));
    let lines = fixed.into_iter().chain(told).chain(headers);
    let lines: Vec<String> = lines.map(|(key, value)| format!("{key:<24}{value}")).collect();
    terminal.lines(&lines, &Shown { device, withheld })?;
    if withheld.is_empty() || terminal.is_json() {
        return Ok(());
    }
    terminal.lines(&[String::new(), "withheld, until `easel device restore` puts it back:".to_owned()], &())?;
    let rows: Vec<Vec<String>> = withheld.iter().map(row).collect();
    terminal.table(&["number", "when", "what", "title", "size", "pack", "reason"], &rows, "", &())
}

/// What its pack wishes of the policy and has no leave for, with what would give it.
fn wish(device: &DeviceShown) -> String {
    let Some(wish) = &device.policy_wish else { return "none".to_owned() };
    let pack = device.pack.as_ref().map_or("its pack", |(id, _, _)| id.as_str());
    format!("{wish}, by {pack}, without leave (packs.allow_exempt and its kin give it)")
}

fn row(withheld: &WithheldShown) -> Vec<String> {
    let WithheldShown { number, at, what, title, pack, reason, bytes: size } = withheld.clone();
    vec![number.to_string(), at, what, title, bytes(size), pack, reason]
}
