//! What devices are at, for an administrator who looks.

use std::collections::HashMap;

use easel_server::DeviceActivity;
use easel_store::{Tenant, User, UserId};
use jiff::Timestamp;

use super::office::{Office, Refusal};
use super::{ActivityShown, Reply};

/// Devices shown: those that cost most.
const DEVICES_MAX: usize = 200;

/// The devices that are at something or were in the last minute, those first that cost most.
pub(super) fn list(office: &Office) -> Result<Reply, Refusal> {
    let Some(serving) = &office.server else {
        return Err(Refusal("no server runs: `easel serve` starts it".to_owned()));
    };
    let now = office.now();
    let mut all = serving.running.view().activity();
    let total = all.len();
    all.sort_by_key(|one| (std::cmp::Reverse((one.worked_micros, one.requests)), one.since));
    let tenants = office.store.tenants()?;
    let mut users: HashMap<UserId, Option<User>> = HashMap::new();
    let mut devices = Vec::new();
    for activity in all.into_iter().take(DEVICES_MAX) {
        let user = match users.get(&activity.user) {
            Some(user) => user.clone(),
            None => {
                let user = office.store.user(activity.user)?;
                users.insert(activity.user, user.clone());
                user
            }
        };
        devices.push(shown(office, user.as_ref(), &tenants, activity, now)?);
    }
    Ok(Reply::Activity { devices, total })
}

fn shown(
    office: &Office,
    user: Option<&User>,
    tenants: &[Tenant],
    activity: DeviceActivity,
    now: Timestamp,
) -> Result<ActivityShown, Refusal> {
    let DeviceActivity { user: id, device, under_way, command, since, parked, .. } = activity;
    let DeviceActivity { requests, refused, worked_micros, received, sent, .. } = activity;
    let tenant = user.and_then(|user| tenants.iter().find(|tenant| tenant.id == user.tenant));
    let login = match (user, tenant) {
        (Some(user), Some(tenant)) => format!("{}@{}", user.name, tenant.name),
        (Some(_) | None, _) => "removed".to_owned(),
    };
    // A device that only asked for OPTIONS is not stored yet.
    let stored = office.store.devices(id)?.into_iter().find(|stored| stored.id == device);
    let pack = stored.and_then(|stored| office.packs().ok()?.serves(&stored.facts));
    let secs = |from: Timestamp| u64::try_from(now.duration_since(from).as_secs()).unwrap_or_default();
    Ok(ActivityShown {
        login,
        device,
        pack: pack.map(|(id, version, _)| format!("{id} {version}")),
        under_way,
        command: command.to_owned(),
        since_secs: secs(since),
        parked_secs: parked.map(secs),
        requests,
        refused,
        worked_micros,
        received,
        sent,
    })
}
