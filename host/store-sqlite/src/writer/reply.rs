//! The answer to one job, waited for by a thread that sleeps.
//!
//! A commit takes as long as the disk, so whoever waits sleeps at once. A channel would first spin for a while and
//! yield, which costs more than the waking when dozens wait for one commit.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Makes both ends.
pub(super) fn reply<T>() -> (Reply<T>, Awaited<T>) {
    let shared = Arc::new(Shared { state: Mutex::new(State::Open), turned: Condvar::new() });
    (Reply(Arc::clone(&shared)), Awaited(shared))
}

/// Where the answer goes; dropping it tells that none will come.
pub(super) struct Reply<T>(Arc<Shared<T>>);

/// Where the answer comes from.
pub(super) struct Awaited<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    turned: Condvar,
}

enum State<T> {
    Open,
    There(T),
    Over,
}

impl<T> Reply<T> {
    pub(super) fn send(self, answer: T) {
        *self.0.lock() = State::There(answer);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Open) {
            *state = State::Over;
        }
        drop(state);
        self.0.turned.notify_one();
    }
}

impl<T> Awaited<T> {
    /// Sleeps until the answer is there; `None` when none will come.
    pub(super) fn wait(self) -> Option<T> {
        let mut state = self.0.lock();
        while matches!(*state, State::Open) {
            state = self.0.turned.wait(state).expect("no holder of this lock panics");
        }
        match std::mem::replace(&mut *state, State::Over) {
            State::There(answer) => Some(answer),
            State::Open | State::Over => None,
        }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_whether_somebody_waits_already_or_not() {
        let (one, awaited) = reply();
        one.send(1);
        assert_eq!(awaited.wait(), Some(1));
        let (two, awaited) = reply();
        let waiter = std::thread::spawn(|| awaited.wait());
        two.send(2);
        assert_eq!(waiter.join().unwrap(), Some(2));
    }

    #[test]
    fn whoever_waits_for_an_answer_that_will_not_come_is_told() {
        let (reply, awaited) = reply::<u8>();
        let waiter = std::thread::spawn(|| awaited.wait());
        drop(reply);
        assert_eq!(waiter.join().unwrap(), None);
    }
}
