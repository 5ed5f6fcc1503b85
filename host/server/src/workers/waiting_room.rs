//! Jobs that wait for a slow client: so many at most, and one of whoever has the most there goes when another comes.
//!
//! Each keeps a thread and what it is at. However many users read slowly together, enough threads are left for the
//! others; and a phone in a tunnel is not cut for somebody who reads a hundred answers slowly.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::Party;

/// Where jobs wait for their clients.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    book: Mutex<Book>,
    most: usize,
    displaced: AtomicU64,
}

#[derive(Debug, Default)]
struct Book {
    /// Who waits for whom, by age; nobody's is empty.
    of: HashMap<Party, BTreeMap<u64, Arc<Notify>>>,
    count: usize,
    next: u64,
}

impl WaitingRoom {
    /// A room for so many, and for one in any case.
    pub(super) fn new(most: usize) -> Self {
        Self { book: Mutex::default(), most: most.max(1), displaced: AtomicU64::new(0) }
    }

    /// Another one, for which the oldest goes of whoever has the most.
    pub(super) fn enter(&self, party: Party) -> Waiter<'_> {
        let mut book = self.book();
        if book.count >= self.most
            && let Some((whose, number)) = book.whose_turn_to_go(party)
            && let Some(gone) = book.remove(whose, number)
        {
            gone.notify_one();
            self.displaced.fetch_add(1, Ordering::Relaxed);
        }
        let (number, displaced) = (book.next, Arc::<Notify>::default());
        book.next += 1;
        book.count += 1;
        book.of.entry(party).or_default().insert(number, Arc::clone(&displaced));
        Waiter { room: self, party, number, displaced }
    }

    /// How many had to go so far.
    pub(super) fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no holder of this lock panics")
    }
}

impl Book {
    /// The oldest of the party that has the most when one of `coming` has come; of several, the oldest of all.
    fn whose_turn_to_go(&self, coming: Party) -> Option<(Party, u64)> {
        let all = self.of.iter().filter_map(|(party, own)| {
            let oldest = *own.first_key_value()?.0;
            Some((own.len() + usize::from(*party == coming), Reverse(oldest), *party))
        });
        all.max_by_key(|(count, oldest, _)| (*count, *oldest)).map(|(_, Reverse(oldest), party)| (party, oldest))
    }

    fn remove(&mut self, party: Party, number: u64) -> Option<Arc<Notify>> {
        let own = self.of.get_mut(&party)?;
        let waiter = own.remove(&number)?;
        if own.is_empty() {
            self.of.remove(&party);
        }
        self.count -= 1;
        Some(waiter)
    }
}

/// A job that waits, as long as the value lives.
#[derive(Debug)]
pub(crate) struct Waiter<'a> {
    room: &'a WaitingRoom,
    party: Party,
    number: u64,
    displaced: Arc<Notify>,
}

impl Waiter<'_> {
    /// Ends when it has to go for another one.
    pub(crate) async fn displaced(&self) {
        self.displaced.notified().await;
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.room.book().remove(self.party, self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use easel_store::UserId;

    use super::*;

    fn has_to_go(waiter: &Waiter<'_>) -> bool {
        pin!(waiter.displaced()).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    fn user(number: u64) -> Party {
        Some(UserId(number))
    }

    #[test]
    fn the_oldest_goes_of_whoever_has_the_most() {
        let room = WaitingRoom::new(4);
        let all: Vec<Waiter<'_>> = [1, 2, 2, 3].into_iter().map(|number| room.enter(user(number))).collect();
        assert!(!all.iter().any(has_to_go), "there was room");
        let more = room.enter(user(4));
        assert_eq!(all.iter().map(has_to_go).collect::<Vec<_>>(), [false, true, false, false]);
        let another = room.enter(user(3));
        assert_eq!(all.iter().map(has_to_go).collect::<Vec<_>>(), [false, false, false, true], "its own goes");
        let last = room.enter(user(5));
        assert!(has_to_go(&all[0]), "of several that have one, the oldest");
        assert!(!has_to_go(&more) && !has_to_go(&another) && !has_to_go(&last));
        assert_eq!((room.displaced(), room.book().count), (3, 4));
        drop((all, more, another, last));
        assert!(room.book().of.is_empty() && room.book().count == 0, "nothing is left of them");
    }

    #[test]
    fn there_is_room_for_one_in_any_case() {
        let room = WaitingRoom::new(0);
        let one = room.enter(user(1));
        assert!(!has_to_go(&one));
        let _other = room.enter(user(1));
        assert!(has_to_go(&one));
    }
}
