//! Whose job is next: users take turns, however much each has queued, and nobody has more than a share of the threads.
//! Nor does anybody fill the queue for others.
//!
//! One user's two hundred devices, or pages that take long to make, then cost another user the rest of a job at most.
//!
//! Most jobs are short, and waking a thread costs as much as doing one. So the thread that slept last is woken first,
//! while what it touches is still near; and never a second one as long as the first is on its way: when that one has
//! taken its job and finds more, it wakes the next. Many threads then work only when jobs take their time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::thread::{self, Thread};

use easel_store::UserId;

/// For whom a job is done; `None` before anybody is logged in.
pub(crate) type Party = Option<UserId>;

/// Jobs that wait for a thread.
#[derive(Debug)]
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
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
    /// Threads that sleep, the last one to fall asleep at the end.
    asleep: Vec<Thread>,
    /// Threads that were woken and have not looked yet.
    on_the_way: usize,
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

    /// Where in `turns` the next party is that may have one more job at work.
    fn turn(&self, share: usize) -> Option<usize> {
        self.turns.iter().position(|party| self.at_work.get(party).is_none_or(|count| *count < share))
    }

    /// The party with the longest line, if that is longer than the line of `coming` with one more.
    fn longest(&self, coming: Party) -> Option<Party> {
        let own = self.lines.get(&coming).map_or(0, VecDeque::len) + 1;
        let (party, line) = self.lines.iter().max_by_key(|(_, line)| line.len())?;
        (line.len() > own).then_some(*party)
    }

    /// Takes the last job out of a line of several that takes room.
    fn drop_last(&mut self, party: Party) -> Option<J> {
        let line = self.lines.get_mut(&party)?;
        let at = line.iter().rposition(|(_, takes_room)| *takes_room)?;
        let (job, _) = line.remove(at)?;
        self.waiting -= 1;
        Some(job)
    }

    /// The thread to wake, if there is a job for it.
    fn called(&mut self, share: usize) -> Option<Thread> {
        if self.on_the_way > 0 || self.asleep.is_empty() || self.turn(share).is_none() {
            return None;
        }
        self.on_the_way += 1;
        self.asleep.pop()
    }

    /// The next job of a party that may have one more at work.
    fn next(&mut self, share: usize) -> Option<(Party, J)> {
        let at = self.turn(share)?;
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
        let state = State {
            lines: HashMap::new(),
            turns: VecDeque::new(),
            at_work: HashMap::new(),
            waiting: 0,
            asleep: Vec::with_capacity(threads),
            on_the_way: 0,
            closed: false,
        };
        Self { state: Mutex::new(state), share: (threads / 4).max(1) }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Adds a job behind those of its party. When `most` wait already that take room, the last one goes of the party that
    /// has the most of them waiting, if that has more than this one has then; otherwise the new one. Whichever does.
    pub(super) fn add(&self, party: Party, job: J, most: usize) -> Result<(), J> {
        let mut state = self.state();
        let mut gone = None;
        if state.waiting >= most {
            gone = state.longest(party).and_then(|party| state.drop_last(party));
            if gone.is_none() {
                return Err(job);
            }
        }
        state.waiting += 1;
        self.line_up(state, party, (job, true));
        gone.map_or(Ok(()), Err)
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
        self.leave(state);
    }

    /// Ends a look at the state that may have left a job for a thread that sleeps.
    fn leave(&self, mut state: MutexGuard<'_, State<J>>) {
        let called = state.called(self.share);
        drop(state);
        if let Some(thread) = called {
            thread.unpark();
        }
    }

    /// Waits for a job; `None` when no more will come. Whoever takes one says when it is done, or rests.
    pub(super) fn take(&self) -> Option<(Party, J)> {
        let mut state = self.state();
        loop {
            if let Some(next) = state.next(self.share) {
                self.leave(state);
                return Some(next);
            }
            // What is left then is for those who are at work for its party.
            if state.closed {
                return None;
            }
            state = self.sleep(state);
        }
    }

    /// Sleeps until somebody calls this thread.
    fn sleep<'q>(&'q self, mut state: MutexGuard<'q, State<J>>) -> MutexGuard<'q, State<J>> {
        let own = thread::current();
        let id = own.id();
        state.asleep.push(own);
        loop {
            drop(state);
            thread::park();
            state = self.state();
            // Parking may end by itself.
            if !state.asleep.iter().rev().any(|other| other.id() == id) {
                state.on_the_way = state.on_the_way.saturating_sub(1);
                return state;
            }
        }
    }

    /// A job is done; its thread looks for the next one.
    pub(super) fn end(&self, party: Party) {
        self.state().end(party);
    }

    /// A job rests until its client has done something.
    pub(super) fn rest(&self, party: Party) {
        let mut state = self.state();
        state.end(party);
        self.leave(state);
    }

    /// A thread looks for no more jobs.
    pub(super) fn depart(&self) {
        self.leave(self.state());
    }

    /// It goes on.
    pub(super) fn begin_again(&self, party: Party) {
        self.state().begin(party);
    }

    /// No more will come.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let all = std::mem::take(&mut state.asleep);
        drop(state);
        all.iter().for_each(Thread::unpark);
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
    fn who_fills_the_queue_makes_room_for_another_user() {
        let queue = queue(8, &[(ONE, 1), (ONE, 2), (ONE, 3)]);
        queue.add_anyway(ONE, 4);
        assert_eq!(queue.add(OTHER, 5, 3), Err(3), "the last that takes room");
        assert_eq!(queue.add(OTHER, 6, 3), Err(2), "three wait for the first still, and would for the other");
        assert_eq!(queue.add(OTHER, 7, 3), Err(7), "nobody has more");
        assert_eq!(queue.add(ONE, 8, 3), Err(8));
        let taken: Vec<u32> = (0..4)
            .map(|_| {
                let (party, job) = queue.take().unwrap();
                queue.end(party);
                job
            })
            .collect();
        assert_eq!(taken, [1, 5, 4, 6]);
        assert_eq!(queue.state().waiting, 0);
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
