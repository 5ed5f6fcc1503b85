//! Whose job is next: users take turns, however much each has queued, and nobody has more than a share of the threads.
//!
//! One user's two hundred devices, or pages that take long to make, then cost another user the rest of a job at most.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};

use easel_store::UserId;

/// For whom a job is done; `None` before anybody is logged in.
pub(crate) type Party = Option<UserId>;

/// Jobs that wait for a thread.
#[derive(Debug)]
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
    /// Jobs of one party at work at once.
    share: usize,
}

#[derive(Debug)]
struct State<J> {
    /// What each party waits for, the oldest first, and whether it takes room; none of them is empty.
    lines: HashMap<Party, VecDeque<(J, bool)>>,
    /// Those that have a line, in the order of their turns.
    turns: VecDeque<Party>,
    /// Jobs at work; none of them is 0.
    at_work: HashMap<Party, usize>,
    /// Jobs that wait and take room.
    waiting: usize,
    closed: bool,
}

impl<J> State<J> {
    fn begin(&mut self, party: Party) {
        *self.at_work.entry(party).or_insert(0) += 1;
    }

    fn end(&mut self, party: Party) {
        if let Some(count) = self.at_work.get_mut(&party) {
            *count -= 1;
            if *count == 0 {
                self.at_work.remove(&party);
            }
        }
    }

    /// The next job of a party that may have one more at work.
    fn next(&mut self, share: usize) -> Option<(Party, J)> {
        let may = |party: &Party| self.at_work.get(party).is_none_or(|count| *count < share);
        let at = self.turns.iter().position(may)?;
        let party = self.turns.remove(at)?;
        let line = self.lines.get_mut(&party)?;
        let (job, takes_room) = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&party);
        } else {
            self.turns.push_back(party);
        }
        self.waiting -= usize::from(takes_room);
        self.begin(party);
        Some((party, job))
    }
}

impl<J> Queue<J> {
    /// A queue before so many threads: a party may have a quarter of them.
    pub(super) fn new(threads: usize) -> Self {
        let state =
            State { lines: HashMap::new(), turns: VecDeque::new(), at_work: HashMap::new(), waiting: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), share: (threads / 4).max(1) }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Adds a job behind those of its party, unless `most` wait already that take room.
    pub(super) fn add(&self, party: Party, job: J, most: usize) -> Result<(), J> {
        let mut state = self.state();
        if state.waiting >= most {
            return Err(job);
        }
        state.waiting += 1;
        self.line_up(state, party, (job, true));
        Ok(())
    }

    /// Adds a job that takes no room, however many wait.
    pub(super) fn add_anyway(&self, party: Party, job: J) {
        self.line_up(self.state(), party, (job, false));
    }

    fn line_up(&self, mut state: MutexGuard<'_, State<J>>, party: Party, job: (J, bool)) {
        let State { lines, turns, .. } = &mut *state;
        let line = lines.entry(party).or_insert_with(|| {
            turns.push_back(party);
            VecDeque::new()
        });
        line.push_back(job);
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for a job; `None` when no more will come. Whoever takes one says when it is done, or rests.
    pub(super) fn take(&self) -> Option<(Party, J)> {
        let mut state = self.state();
        loop {
            if let Some(next) = state.next(self.share) {
                return Some(next);
            }
            // What is left then is for those who are at work for its party.
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).expect("no holder of this lock panics");
        }
    }

    /// A job is done, or rests until its client has done something.
    pub(super) fn end(&self, party: Party) {
        self.state().end(party);
        self.changed.notify_one();
    }

    /// It goes on.
    pub(super) fn begin_again(&self, party: Party) {
        self.state().begin(party);
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Party = Some(UserId(1));
    const OTHER: Party = Some(UserId(2));

    fn queue(threads: usize, jobs: &[(Party, u32)]) -> Queue<u32> {
        let queue = Queue::new(threads);
        for (party, job) in jobs {
            queue.add(*party, *job, 100).unwrap();
        }
        queue
    }

    #[test]
    fn users_take_turns_however_much_each_has_queued() {
        let queue = queue(8, &[(ONE, 1), (ONE, 2), (ONE, 3), (OTHER, 4), (None, 5), (OTHER, 6)]);
        let taken: Vec<u32> = (0..6)
            .map(|_| {
                let (party, job) = queue.take().unwrap();
                queue.end(party);
                job
            })
            .collect();
        assert_eq!(taken, [1, 4, 5, 2, 6, 3]);
        queue.close();
        assert!(queue.take().is_none());
        let state = queue.state();
        assert!(state.lines.is_empty() && state.turns.is_empty() && state.at_work.is_empty() && state.waiting == 0);
    }

    #[test]
    fn a_user_has_a_quarter_of_the_threads_and_what_rests_does_not_count() {
        let queue = queue(8, &[(ONE, 1), (ONE, 2), (ONE, 3), (ONE, 4), (OTHER, 5)]);
        let take = || queue.take().unwrap();
        assert_eq!([take(), take(), take()], [(ONE, 1), (OTHER, 5), (ONE, 2)]);
        assert!(queue.state().next(queue.share).is_none(), "two of eight threads work for the first");
        queue.end(ONE);
        assert_eq!(take(), (ONE, 3));
        queue.begin_again(ONE);
        assert!(queue.state().next(queue.share).is_none());
        queue.end(ONE);
        queue.close();
        assert!(queue.take().is_none(), "who is at work for the first takes what it left");
        queue.end(ONE);
        assert_eq!(queue.take(), Some((ONE, 4)));
    }

    #[test]
    fn a_full_queue_takes_only_what_has_room_in_any_case() {
        let queue = queue(1, &[(ONE, 1), (OTHER, 2)]);
        assert_eq!(queue.add(None, 3, 2), Err(3));
        queue.add_anyway(None, 4);
        queue.take().unwrap();
        assert_eq!(queue.add(None, 3, 2), Ok(()), "what is added anyway takes no room");
        assert_eq!(queue.add(None, 5, 2), Err(5));
    }
}
