//! Devices, and what an administrator does with them.

use easel_commands::{RestoreError, Withheld};
use easel_protocol::{Origin, Version};
use easel_store::{Device, Event, Provisioning, QuarantineId, QuarantinedKind, StoreError, User, Wipe};
use jiff::Timestamp;

use super::office::{Office, Refusal};
use super::{DeviceOrder, DeviceShown, LoginName, Reply, WithheldShown, chain};

pub(super) fn list(office: &Office, login: Option<&LoginName>) -> Result<Reply, Refusal> {
    let mut devices = Vec::new();
    let mut add = |login: String, user: &User| -> Result<(), Refusal> {
        for device in office.store.devices(user.id)? {
            devices.push(shown(office, login.clone(), user, device)?);
        }
        Ok(())
    };
    if let Some(login) = login {
        add(login.to_string(), &office.user(login)?)?;
        return Ok(Reply::Devices { devices });
    }
    for tenant in office.store.tenants()? {
        for user in office.store.users(tenant.id)? {
            add(format!("{}@{}", user.name, tenant.name), &user)?;
        }
    }
    Ok(Reply::Devices { devices })
}

pub(super) fn order(office: &Office, login: &LoginName, name: &str, order: &DeviceOrder) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    loop {
        let before = find(office, &user, login, name)?;
        if let DeviceOrder::Forget = order {
            office.store.remove_device(before.key)?;
            tell(office, &before);
            return Ok(Reply::Done);
        }
        let after = ordered(before.clone(), name, order)?;
        // A request of the device may change its record between the look and the write.
        match office.store.replace_device(&before, &after) {
            Ok(device) => {
                tell(office, &device);
                return Ok(Reply::Done);
            }
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What is in quarantine of a device.
pub(super) fn withheld(office: &Office, login: &LoginName, name: &str) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    let device = find(office, &user, login, name)?;
    let things = office.service.withheld(user.id, device.key)?;
    Ok(Reply::Withheld { things: things.into_iter().map(withheld_shown).collect() })
}

/// Puts something back.
pub(super) fn restore(office: &Office, login: &LoginName, name: &str, number: u64) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    let device = find(office, &user, login, name)?;
    let id = QuarantineId(number);
    let is_there = |one: &easel_store::Quarantined| one.id == id && one.new.device == device.key;
    if !office.store.quarantined(user.id)?.iter().any(is_there) {
        let device = &device.id;
        return Err(Refusal(format!(
            "nothing with the number {number} is withheld: `easel device show {login} {device}` lists what is"
        )));
    }
    match office.service.restore(&user, id) {
        Ok(()) => Ok(Reply::Done),
        Err(RestoreError::Store(error @ StoreError::OverQuota { .. })) => Err(Refusal(format!(
            "{error}; it stays withheld: have things removed, or let the mailbox hold more with `easel user set {login} \
             --quota`"
        ))),
        Err(error @ RestoreError::MaySendNoMore) => Err(Refusal(format!(
            "{error}; it stays withheld: limits.recipients_max and limits.messages_per_hour_max say how much may be sent"
        ))),
        Err(error) => Err(Refusal(chain(&error))),
    }
}

/// The device as the order wants it.
fn ordered(mut device: Device, name: &str, order: &DeviceOrder) -> Result<Device, Refusal> {
    match order {
        DeviceOrder::Allow => device.blocked = false,
        DeviceOrder::Block => device.blocked = true,
        DeviceOrder::Forget => {}
        DeviceOrder::Wipe { whole: true } => device.policy.wipe = Wipe::DevicePending,
        DeviceOrder::Wipe { whole: false } => {
            check_account_wipe(&device)?;
            device.policy.wipe = Wipe::AccountPending;
        }
        DeviceOrder::Unwipe => match device.policy.wipe {
            Wipe::AccountFailed | Wipe::AccountPending | Wipe::DeviceFailed | Wipe::DevicePending => {
                device.policy.wipe = Wipe::None;
            }
            Wipe::Done => return Err(Refusal(format!("{name} has carried out the wipe already"))),
            Wipe::None => return Err(Refusal(format!("no wipe of {name} is pending"))),
        },
    }
    Ok(device)
}

/// Ends what the device waits for, so that it comes back and learns of the change.
fn tell(office: &Office, device: &Device) {
    office.store.bus().publish(&Event::Device { user: device.user, device: Some(device.key) });
}

/// MS-ASPROV 2.2.2.1 "AccountOnlyRemoteWipe" is known from 16.1 on.
fn check_account_wipe(device: &Device) -> Result<(), Refusal> {
    match device.facts.version {
        Some(version) if version >= Version::V16_1 => Ok(()),
        version => {
            let speaks = version.map_or_else(|| "no known version".to_owned(), |version| version.to_string());
            Err(Refusal(format!(
                "the device speaks {speaks}, and only 16.1 can remove the account alone: `easel device block` shuts it \
                 out, `easel device wipe --whole-device {}` resets all of it",
                device.id
            )))
        }
    }
}

/// The device of that id, or `id/type` where an id is there twice.
fn find(office: &Office, user: &User, login: &LoginName, name: &str) -> Result<Device, Refusal> {
    let devices = office.store.devices(user.id)?;
    let id = easel_protocol::normal_device_id(name);
    let is = |device: &&Device| device.id == id || format!("{}/{}", device.id, device.kind).eq_ignore_ascii_case(name);
    let found: Vec<&Device> = devices.iter().filter(is).collect();
    match found.as_slice() {
        [device] => Ok((*device).clone()),
        [] => {
            let what = format!("device of {login}");
            let names = devices.iter().map(|device| device.id.as_str());
            Err(Refusal::no_such(&what, name, names, "`easel device list` shows those there are"))
        }
        several => {
            let names: Vec<String> = several.iter().map(|device| format!("{}/{}", device.id, device.kind)).collect();
            Err(Refusal(format!("{name:?} is several devices; name one of {}", names.join(", "))))
        }
    }
}

fn at(millis: i64) -> String {
    Timestamp::from_millisecond(millis).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn withheld_shown(withheld: Withheld) -> WithheldShown {
    let Withheld { quarantined, title } = withheld;
    let (number, new) = (quarantined.id.0, quarantined.new);
    let what = match new.kind {
        QuarantinedKind::Item { class, item: None, .. } => format!("{} added", class.name()),
        QuarantinedKind::Item { class, item: Some(_), .. } => format!("{} changed", class.name()),
        QuarantinedKind::Message => "mail".to_owned(),
    };
    let pack = format!("{} {}", new.pack, new.pack_version);
    WithheldShown { number, at: at(new.at), what, pack, reason: new.reason, bytes: new.size, title }
}

fn shown(office: &Office, login: String, user: &User, device: Device) -> Result<DeviceShown, Refusal> {
    Ok(DeviceShown {
        policy_wish: office.service.policy_wish(user, device.key)?,
        origin: match device.facts.origin {
            Origin::Cloud => "cloud",
            Origin::Device => "device",
            Origin::Unknown => "unknown",
        }
        .to_owned(),
        login,
        id: device.id,
        kind: device.kind,
        pack: office.packs().ok().and_then(|room| room.serves(&device.facts)),
        user_agent: device.facts.user_agent,
        version: device.facts.version.map(|version| version.to_string()),
        first_seen: at(device.created),
        last_seen: at(device.last_seen),
        blocked: device.blocked,
        policy: match device.policy.provisioning {
            Provisioning::Unknown => "not asked for".to_owned(),
            Provisioning::Offered { .. } => "offered".to_owned(),
            Provisioning::Applied { compliance: 2, .. } => "applied in part".to_owned(),
            Provisioning::Applied { .. } => "applied".to_owned(),
        },
        wipe: match device.policy.wipe {
            Wipe::None => "none".to_owned(),
            Wipe::AccountPending => "account pending".to_owned(),
            Wipe::DevicePending => "whole device pending".to_owned(),
            Wipe::Done => "done".to_owned(),
            Wipe::AccountFailed => "account failed, tried again when the device comes".to_owned(),
            Wipe::DeviceFailed => "whole device failed, tried again when the device comes".to_owned(),
        },
        versions_told: device.versions_told,
        information: device.facts.information,
        headers: device.facts.headers,
    })
}
