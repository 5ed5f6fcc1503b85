//! Which device asks: the partnership, found or made, and what is known of it.

use std::collections::BTreeSet;

use easel_protocol::{CommonStatus, DeviceFacts, QueryForm};
use easel_store::{Device, DeviceKey, PolicyState, Store, StoreError, Wipe, change_device_of};

use crate::{Request, Settings};

/// Ids that programs use to try a login; they are answered and never stored (K: A01).
const PROBES: [&str; 1] = ["validate"];

/// `last_seen` is written at most this often, and follows a clock that was set back by so much.
const SEEN_EVERY_MS: u64 = 3_600_000;

/// Ids that are kept of a device which comes under another one each time.
const VOLATILE_MAX: usize = 3;

/// Characters of a User-Agent kept.
pub(crate) const USER_AGENT_MAX: usize = 512;

/// The id in its normal spelling: the same phone appears in upper and lower case, and with the digits of its text.
pub(crate) fn normal_id(id: &str) -> String {
    easel_protocol::normal_device_id(id)
}

/// Whether the device is one that is never stored.
pub(crate) fn is_probe(device: &Device) -> bool {
    device.key == DeviceKey(0)
}

/// The device of a request, refreshed by what the request tells; a new one is stored.
pub(crate) fn identify(
    store: &dyn Store,
    settings: &Settings,
    request: &Request<'_>,
    wanted: &BTreeSet<String>,
    is_volatile: impl FnOnce(&DeviceFacts) -> bool,
) -> Result<Result<Device, CommonStatus>, StoreError> {
    let (id, kind) = (normal_id(&request.line.device_id), request.line.device_type.clone());
    let now = request.now.as_millisecond();
    if PROBES.contains(&id.as_str()) {
        return Ok(Ok(new_device(request, (id, kind), wanted, now)));
    }
    // The administrator may change it between the look and the write.
    let known = change_device_of(store, request.user.id, (&id, &kind), |device| {
        // What a blocked device tells is not kept.
        if device.blocked {
            return;
        }
        tell(&mut device.facts, request, wanted);
        device.last_seen = seen(device.last_seen, now);
    })?;
    if let Some(device) = known {
        return Ok(if device.blocked { Err(CommonStatus::DeviceBlocked) } else { Ok(device) });
    }
    let device = new_device(request, (id.clone(), kind.clone()), wanted, now);
    let mut count = store.devices(request.user.id)?;
    if is_volatile(&device.facts) {
        expire(store, &device, &mut count)?;
    }
    if count.len() >= settings.devices_max {
        return Ok(Err(CommonStatus::MaximumDevicesReached));
    }
    match store.put_device(&device) {
        Ok(device) => Ok(Ok(device)),
        // Two first requests at once: the other one made it.
        Err(StoreError::Exists(_)) => Ok(Ok(store.device(request.user.id, &id, &kind)?.unwrap_or(device))),
        Err(error) => Err(error),
    }
}

/// When a device was seen that was seen at `last` and is there `now`, as it is written down.
const fn seen(last: i64, now: i64) -> i64 {
    if now.abs_diff(last) >= SEEN_EVERY_MS { now } else { last }
}

/// The device of a request that waited: it is not made again if it was forgotten meanwhile.
pub(crate) fn known(store: &dyn Store, request: &Request<'_>) -> Result<Option<Device>, StoreError> {
    let line = request.line;
    store.device(request.user.id, &normal_id(&line.device_id), &line.device_type)
}

/// A device that comes under another id each time: earlier ones of its kind expire, but for the newest few, and none of
/// them counts. What the administrator decided about one stays.
fn expire(store: &dyn Store, device: &Device, count: &mut Vec<Device>) -> Result<(), StoreError> {
    let (mut same, others): (Vec<_>, Vec<_>) = std::mem::take(count).into_iter().partition(|other| {
        let is_decided = other.blocked || !matches!(other.policy.wipe, Wipe::None);
        other.kind == device.kind && other.facts.user_agent == device.facts.user_agent && !is_decided
    });
    *count = others;
    same.sort_unstable_by_key(|other| std::cmp::Reverse((other.last_seen, other.key)));
    for old in same.into_iter().skip(VOLATILE_MAX - 1) {
        tracing::info!(user = device.user.0, device = old.key.0, "an id that the device gave up is forgotten");
        store.remove_device(old.key)?;
    }
    Ok(())
}

fn new_device(request: &Request<'_>, (id, kind): (String, String), wanted: &BTreeSet<String>, now: i64) -> Device {
    let mut facts = DeviceFacts { device_id: request.line.device_id.clone(), ..DeviceFacts::default() };
    tell(&mut facts, request, wanted);
    Device {
        key: DeviceKey(0),
        user: request.user.id,
        id,
        kind,
        facts,
        policy: PolicyState::default(),
        blocked: false,
        created: now,
        last_seen: now,
        versions_told: String::new(),
    }
}

/// Many requests carry no User-Agent: what was told once stays. `wanted` are the headers to be remembered.
fn tell(facts: &mut DeviceFacts, request: &Request<'_>, wanted: &BTreeSet<String>) {
    facts.device_type.clone_from(&request.line.device_type);
    let agent: String = request.user_agent.trim().chars().take(USER_AGENT_MAX).collect();
    facts.saw_agent(&agent);
    facts.version = request.line.version.or(facts.version);
    facts.base64_query = request.line.form == QueryForm::Base64;
    facts.saw_headers(wanted, request.headers);
    facts.origin = request.origin.unwrap_or(facts.origin);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_hourly_when_a_device_was_seen_and_a_clock_set_back_is_followed() {
        const HOUR: i64 = 3_600_000;
        for (last, now, written) in [
            (0, HOUR - 1, 0),
            (0, HOUR, HOUR),
            (9 * HOUR, 8 * HOUR + 1, 9 * HOUR),
            (9 * HOUR, 8 * HOUR, 8 * HOUR),
            (i64::MAX, HOUR, HOUR),
            (i64::MAX, i64::MIN, i64::MIN),
        ] {
            assert_eq!(seen(last, now), written, "{last}, {now}");
        }
    }
}
