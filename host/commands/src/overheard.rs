//! What devices call themselves before they are known: the User-Agent of OPTIONS.
//!
//! Windows Phone says it there and with none of its later requests (P19). A device is stored with its first command, so
//! what it said before is kept here until then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use easel_store::UserId;

use crate::{Request, device};

/// Devices remembered; above it all are forgotten.
const REMEMBERED_MAX: usize = 4096;

/// User-Agents by user, id and type.
#[derive(Debug, Default)]
pub(crate) struct Overheard(Mutex<HashMap<Name, String>>);

type Name = (UserId, String, String);

impl Overheard {
    /// Keeps what a device that is named calls itself.
    pub(crate) fn hear(&self, user: UserId, (id, kind): (&str, &str), user_agent: &str) {
        let agent: String = user_agent.trim().chars().take(device::USER_AGENT_MAX).collect();
        if id.is_empty() || agent.is_empty() {
            return;
        }
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() >= REMEMBERED_MAX {
            heard.clear();
        }
        heard.insert((user, device::normal_id(id), kind.to_owned()), agent);
    }

    /// What the device of a request called itself before; `None` when the request says it, or nothing was heard.
    pub(crate) fn agent_of(&self, request: &Request<'_>) -> Option<String> {
        if !request.user_agent.trim().is_empty() {
            return None;
        }
        let name = (request.user.id, device::normal_id(&request.line.device_id), request.line.device_type.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_devices_are_remembered_and_what_is_said_of_nobody_is_not() {
        let heard = Overheard::default();
        let held = |heard: &Overheard| heard.0.lock().unwrap().len();
        heard.hear(UserId(1), ("", "WP8"), "MSFT-WP/8.10");
        heard.hear(UserId(1), ("A", "WP8"), " ");
        assert_eq!(held(&heard), 0);
        for number in 0..REMEMBERED_MAX {
            heard.hear(UserId(1), (&number.to_string(), "WP8"), "MSFT-WP/8.10");
        }
        assert_eq!(held(&heard), REMEMBERED_MAX);
        heard.hear(UserId(1), ("one more", "WP8"), "MSFT-WP/8.10");
        assert_eq!(held(&heard), 1);
    }
}
