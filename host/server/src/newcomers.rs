//! Connections on which nobody has logged in yet: few, for a short time, and the oldest goes when another comes.
//!
//! Whoever opens connections and says nothing only pushes out his own kind: a phone needs a moment to log in, and is
//! no newcomer from then on. While a password is checked its connection is not pushed out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::throttle::network;

/// How many of the oldest are looked at for one that can go.
const OLDEST: usize = 64;

/// The newcomers of all listeners.
#[derive(Debug)]
pub(crate) struct Newcomers {
    book: Mutex<Book>,
    most: usize,
    most_of_address: usize,
    patience: Duration,
    displaced: AtomicU64,
}

#[derive(Debug, Default)]
struct Book {
    /// By age.
    all: BTreeMap<u64, Entry>,
    by_address: HashMap<IpAddr, BTreeSet<u64>>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    address: Option<IpAddr>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a password is being checked.
    busy: AtomicBool,
    known: AtomicBool,
    displaced: Notify,
}

impl Newcomers {
    /// At most so many, of one address at most so many, each for at most so long.
    pub(crate) fn new(most: usize, most_of_address: usize, patience: Duration) -> Self {
        let displaced = AtomicU64::new(0);
        Self { book: Mutex::default(), most: most.max(1), most_of_address: most_of_address.max(1), patience, displaced }
    }

    /// Another one, for which the oldest goes if there are too many; `None` when none can go.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Newcomer> {
        let mut book = self.book();
        if book.all.len() >= self.most && !self.displace(&mut book, None) {
            return None;
        }
        let (number, state) = (book.next, Arc::<State>::default());
        book.next += 1;
        book.all.insert(number, Entry { address: None, state: Arc::clone(&state) });
        Some(Newcomer { newcomers: Arc::clone(self), number, state })
    }

    /// Makes the oldest go; false when none can.
    pub(crate) fn displace_oldest(&self) -> bool {
        self.displace(&mut self.book(), None)
    }

    /// Makes the oldest go: of all, or of an address without one of a number.
    fn displace(&self, book: &mut Book, of: Option<(IpAddr, u64)>) -> bool {
        let can_go = |number: &u64| book.all.get(number).is_some_and(|entry| !entry.state.busy.load(Ordering::Relaxed));
        let oldest = match of {
            Some((address, but)) => {
                let own = book.by_address.get(&address).into_iter().flatten().filter(|number| **number != but);
                own.take(OLDEST).copied().find(can_go)
            }
            None => book.all.keys().take(OLDEST).copied().find(can_go),
        };
        let gone = oldest.and_then(|number| book.remove(number));
        if let Some(entry) = &gone {
            entry.state.displaced.notify_one();
            self.displaced.fetch_add(1, Ordering::Relaxed);
        }
        gone.is_some()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.book().all.len()
    }

    /// How many had to go for others so far.
    pub(crate) fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no holder of this lock panics")
    }
}

impl Book {
    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.all.remove(&number)?;
        if let Some(address) = entry.address
            && let Some(own) = self.by_address.get_mut(&address)
        {
            own.remove(&number);
            if own.is_empty() {
                self.by_address.remove(&address);
            }
        }
        Some(entry)
    }
}

/// A connection that is a newcomer until [`Newcomer::welcome`], or until it ends.
#[derive(Debug)]
pub(crate) struct Newcomer {
    newcomers: Arc<Newcomers>,
    number: u64,
    state: Arc<State>,
}

impl Newcomer {
    /// Where it comes from; false when too many come from there and none of those can go. This machine may have any
    /// number: it stands in front of many.
    pub(crate) fn comes_from(&self, address: IpAddr) -> bool {
        let is_bounded = !address.to_canonical().is_loopback();
        let address = network(address);
        let mut book = self.newcomers.book();
        let full = book.by_address.get(&address).is_some_and(|own| own.len() >= self.newcomers.most_of_address);
        if is_bounded && full && !self.newcomers.displace(&mut book, Some((address, self.number))) {
            return false;
        }
        if let Some(entry) = book.all.get_mut(&self.number) {
            entry.address = Some(address);
            book.by_address.entry(address).or_default().insert(self.number);
        }
        true
    }

    /// Makes the oldest other one from its address go; false when none can.
    pub(crate) fn displace_neighbour(&self, address: IpAddr) -> bool {
        self.newcomers.displace(&mut self.newcomers.book(), Some((network(address), self.number)))
    }

    /// Somebody has logged in.
    pub(crate) fn welcome(&self) {
        if !self.state.known.swap(true, Ordering::Relaxed) {
            self.newcomers.book().remove(self.number);
        }
    }

    /// It is not pushed out as long as the value lives: a password is being checked.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.state.busy.store(true, Ordering::Relaxed);
        Busy(&self.state)
    }

    /// Ends when the connection has to: it was pushed out, or nobody logged in for too long. Never once somebody has.
    pub(crate) async fn over(&self) {
        if !self.state.known.load(Ordering::Relaxed) {
            tokio::select! {
                () = self.state.displaced.notified() => {}
                () = self.too_long() => {}
            }
        }
        if self.state.known.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    async fn too_long(&self) {
        sleep(self.newcomers.patience).await;
        while self.state.busy.load(Ordering::Relaxed) {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        if !self.state.known.load(Ordering::Relaxed) {
            self.newcomers.book().remove(self.number);
        }
    }
}

/// A newcomer whose password is being checked.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a State);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn newcomers(most: usize, most_of_address: usize) -> Arc<Newcomers> {
        Arc::new(Newcomers::new(most, most_of_address, Duration::from_secs(3600)))
    }

    fn is_over(newcomer: &Newcomer) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        pin!(newcomer.over()).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn the_oldest_goes_when_another_comes_and_who_is_known_or_asked_for_a_password_stays() {
        let newcomers = newcomers(3, 3);
        let all: Vec<Newcomer> = (0..3).map(|_| newcomers.enter().unwrap()).collect();
        all[0].welcome();
        let more = newcomers.enter().unwrap();
        assert!(all.iter().all(|one| !is_over(one)), "there was room");
        let busy = all[1].busy();
        let another = newcomers.enter().unwrap();
        assert_eq!(all.iter().map(is_over).collect::<Vec<_>>(), [false, false, true]);
        let (_more, _another) = (more.busy(), another.busy());
        assert!(newcomers.enter().is_none(), "none can go");
        drop(busy);
        assert!(newcomers.displace_oldest() && is_over(&all[1]));
        assert_eq!((newcomers.count(), newcomers.displaced()), (2, 2));
    }

    #[test]
    fn an_address_pushes_out_its_own_and_this_machine_is_no_address() {
        let newcomers = newcomers(100, 2);
        let from = |address: &str| {
            let newcomer = newcomers.enter().unwrap();
            assert!(newcomer.comes_from(address.parse().unwrap()));
            newcomer
        };
        let local: Vec<Newcomer> = (0..5).map(|number| from(["127.0.0.1", "::1"][number % 2])).collect();
        let own: Vec<Newcomer> = (1..=4).map(|host| from(&format!("2001:db8:1:2::{host}"))).collect();
        let other = from("192.0.2.1");
        assert_eq!(own.iter().map(is_over).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(!is_over(&other) && !local.iter().any(is_over));
        let busy: Vec<Busy<'_>> = own.iter().map(Newcomer::busy).collect();
        assert!(!newcomers.enter().unwrap().comes_from("2001:db8:1:2::9".parse().unwrap()), "none can go");
        drop(busy);
        drop((own, other, local));
        let book = newcomers.book();
        assert!(book.all.is_empty() && book.by_address.is_empty(), "nothing is left of them");
    }
}
