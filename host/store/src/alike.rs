//! Values of which many are alike, and each is kept once.
//!
//! Ten thousand mailboxes have the same few folders, under the same numbers: whoever remembers them need not remember
//! ten thousand of them.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Values known at a time; a further one is nobody else's.
const KNOWN_MAX: usize = 4096;

/// One copy of each value that somebody holds.
pub struct Alike<T> {
    known: Mutex<Known<T>>,
    hasher: RandomState,
}

/// By hash; those that nobody holds are dropped when there are many.
type Known<T> = HashMap<u64, Weak<T>>;

impl<T> Default for Alike<T> {
    fn default() -> Self {
        Self { known: Mutex::default(), hasher: RandomState::new() }
    }
}

impl<T> fmt::Debug for Alike<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alike").finish_non_exhaustive()
    }
}

impl<T: Eq + Hash> Alike<T> {
    /// The value; the copy that somebody holds already, if one does.
    pub fn share(&self, value: T) -> Arc<T> {
        let hash = self.hasher.hash_one(&value);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = known.get(&hash).and_then(Weak::upgrade)
            && *held == value
        {
            return held;
        }
        let value = Arc::new(value);
        if known.len() >= KNOWN_MAX {
            known.retain(|_, value| value.strong_count() > 0);
        }
        if known.len() < KNOWN_MAX {
            known.insert(hash, Arc::downgrade(&value));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_kept_once_and_only_while_somebody_holds_it() {
        let alike = Alike::default();
        let one = alike.share("Inbox".to_owned());
        assert!(Arc::ptr_eq(&one, &alike.share("Inbox".to_owned())));
        assert!(!Arc::ptr_eq(&one, &alike.share("Outbox".to_owned())));
        let gone = Arc::downgrade(&one);
        drop(one);
        assert!(gone.upgrade().is_none());
        assert_eq!(*alike.share("Inbox".to_owned()), "Inbox");
    }

    #[test]
    fn more_values_than_are_known_at_a_time_are_each_their_own_and_room_comes_back() {
        let alike = Alike::default();
        let held: Vec<_> = (0..KNOWN_MAX).map(|value| alike.share(value)).collect();
        let own = alike.share(KNOWN_MAX);
        assert!(!Arc::ptr_eq(&own, &alike.share(KNOWN_MAX)), "there is no room to know it");
        assert!(Arc::ptr_eq(&held[7], &alike.share(7)));
        drop(held);
        let own = alike.share(KNOWN_MAX);
        assert!(Arc::ptr_eq(&own, &alike.share(KNOWN_MAX)));
    }
}
