//! The time: the only place that asks the system for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Tells the time, and waits for it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Ends when [`Clock::now`] has reached `at`.
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::try_from(SystemTime::now()).expect("the system's clock stands between the years -9999 and 9999")
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let left = at.duration_since(self.now());
        Box::pin(tokio::time::sleep(Duration::try_from(left).unwrap_or(Duration::ZERO)))
    }
}

/// A clock that is turned by hand: for tests, of heartbeats above all.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// Stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(now)))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).expect("a test turns the clock by less than an age");
        self.0.send_modify(|now| *now += by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut turns = self.0.subscribe();
        Box::pin(async move {
            if turns.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeper_wakes_when_the_clock_is_turned_far_enough() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut sleep = clock.sleep_until(Timestamp::from_second(10).unwrap());
            clock.advance(Duration::from_secs(9));
            assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await);
            clock.advance(Duration::from_secs(1));
            sleep.await;
            assert_eq!(clock.now(), Timestamp::from_second(10).unwrap());
        });
    }
}
