//! Turns: how many instances run at once, of one pack and for one device.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::Limits;

/// Hands out turns.
#[derive(Clone, Debug)]
pub(crate) struct Permits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    taken: Mutex<Taken>,
    given_back: Condvar,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    by_pack: HashMap<String, u32>,
    by_device: HashMap<String, u32>,
}

/// One turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Permits,
    pack: String,
    device: String,
}

/// Of what there were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    All,
    Device,
    Pack,
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::All => "too many packs are at work",
            Self::Device => "too many requests of this device are at work",
            Self::Pack => "this pack is at work for too many requests",
        })
    }
}

impl Permits {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner { limits, taken: Mutex::default(), given_back: Condvar::new() }))
    }

    /// How many instances are at work.
    pub(crate) fn taken(&self) -> u32 {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Waits a moment for a turn; the error says what was full in the end.
    pub(crate) fn take(&self, pack: &str, device: &str) -> Result<Permit, Full> {
        let inner = &self.0;
        let full = |taken: &Taken| {
            let of = |map: &HashMap<String, u32>, name: &str| map.get(name).copied().unwrap_or_default();
            if of(&taken.by_device, device) >= inner.limits.instances_per_device {
                Some(Full::Device)
            } else if of(&taken.by_pack, pack) >= inner.limits.instances_per_pack {
                Some(Full::Pack)
            } else {
                (taken.all >= inner.limits.instances).then_some(Full::All)
            }
        };
        let taken = inner.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = Duration::from_millis(inner.limits.wait_ms);
        let waited = inner.given_back.wait_timeout_while(taken, wait, |taken| full(taken).is_some());
        let mut taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        if let Some(full) = full(&taken) {
            return Err(full);
        }
        taken.all += 1;
        *taken.by_pack.entry(pack.to_owned()).or_default() += 1;
        *taken.by_device.entry(device.to_owned()).or_default() += 1;
        Ok(Permit { permits: self.clone(), pack: pack.to_owned(), device: device.to_owned() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.permits.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let Taken { by_pack, by_device, .. } = &mut *taken;
        for (map, name) in [(by_pack, &self.pack), (by_device, &self.device)] {
            if let Some(count) = map.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    map.remove(name);
                }
            }
        }
        drop(taken);
        self.permits.0.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(permits: &Permits, pack: &str, device: &str) -> Option<Full> {
        permits.take(pack, device).err()
    }

    #[test]
    fn a_pack_and_a_device_have_their_share_and_no_more() {
        let limits =
            Limits { instances: 4, instances_per_pack: 3, instances_per_device: 2, wait_ms: 1, ..Limits::default() };
        let permits = Permits::new(limits);
        let one = permits.take("a", "x").unwrap();
        let two = permits.take("a", "x").unwrap();
        assert_eq!(full(&permits, "a", "x"), Some(Full::Device));
        let three = permits.take("a", "y").unwrap();
        assert_eq!(full(&permits, "a", "z"), Some(Full::Pack));
        let four = permits.take("b", "y").unwrap();
        assert_eq!(full(&permits, "b", "z"), Some(Full::All));
        drop((one, two, three, four));
        assert_eq!(full(&permits, "a", "x"), None);
        let taken = permits.0.taken.lock().unwrap();
        assert_eq!((taken.all, taken.by_pack.len(), taken.by_device.len()), (0, 0, 0));
    }

    #[test]
    fn a_turn_given_back_in_time_is_taken() {
        let limits = Limits { instances_per_device: 1, wait_ms: 10_000, ..Limits::default() };
        let permits = Permits::new(limits);
        let first = permits.take("a", "x").unwrap();
        let other = permits.clone();
        let second = std::thread::spawn(move || other.take("a", "x").is_ok());
        drop(first);
        assert!(second.join().unwrap());
    }
}
