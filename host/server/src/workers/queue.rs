//! Whose job is next: users take turns, however much each has queued, and nobody has more than a share of the threads.
//! Nor does anybody fill the queue for others.
//!
//! Who asks for less goes first ([`Costs`]), but every fourth job is of whoever waits longest: a crowd that fetches
//! pages, each of which takes long to make, is behind the others, and only a few of its jobs are at work at once, so that
//! the processors are there for them. One user's two hundred devices, or such a crowd, then cost another user the rest of
//! a job at most.
//!
//! Most jobs are short, and waking a thread costs as much as doing one. So the thread that slept last is woken first,
//! while what it touches is still near; and never a second one as long as the first is on its way: when that one has
//! taken its job and finds more, it wakes the next. Many threads then work only when jobs take their time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::Duration;

use easel_store::UserId;

use super::costs::{Costs, Weight};

/// For whom a job is done; `None` before anybody is logged in.
pub(crate) type Party = Option<UserId>;

/// A job at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) party: Party,
    /// What was expected of it.
    weight: Weight,
}

/// Jobs at work at once.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Of one party.
    share: usize,
    /// Of all whose jobs are heavy.
    heavy: usize,
    /// Of one of these.
    heavy_share: usize,
}

/// Of so many jobs, one is of whoever waits longest.
const LONGEST: u64 = 4;

/// Jobs that wait for a thread.
#[derive(Debug)]
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    bounds: Bounds,
}

#[derive(Debug)]
struct State<J> {
    /// What each party waits for, the oldest first, and whether it takes room; none of them is empty.
    lines: HashMap<Party, VecDeque<(J, bool)>>,
    /// Those that have a line, by weight, in the order of their turns, each with the number of that turn; none is empty.
    turns: BTreeMap<Weight, VecDeque<(u64, Party)>>,
    costs: Costs,
    /// Turns so far,
    joined: u64,
    /// and jobs that were taken.
    taken: u64,
    /// Jobs at work; none of them is 0.
    at_work: HashMap<Party, usize>,
    /// The heavy ones among them.
    heavy_at_work: usize,
    /// Jobs that wait and take room.
    waiting: usize,
    /// Threads that sleep, the last one to fall asleep at the end.
    asleep: Vec<Thread>,
    /// Threads that were woken and have not looked yet.
    on_the_way: usize,
    closed: bool,
}

impl<J> State<J> {
    fn begin(&mut self, turn: Turn) {
        *self.at_work.entry(turn.party).or_insert(0) += 1;
        self.heavy_at_work += usize::from(turn.weight.is_heavy());
    }

    fn end(&mut self, turn: Turn) {
        self.heavy_at_work -= usize::from(turn.weight.is_heavy());
        if let Some(count) = self.at_work.get_mut(&turn.party) {
            *count -= 1;
            if *count == 0 {
                self.at_work.remove(&turn.party);
            }
        }
    }

    /// Joins those that have a line.
    fn join(&mut self, party: Party) {
        self.joined += 1;
        self.turns.entry(self.costs.weight(party)).or_default().push_back((self.joined, party));
    }

    /// Takes one out of them.
    fn leave_turns(&mut self, weight: Weight, at: usize) -> Option<Party> {
        let turns = self.turns.get_mut(&weight)?;
        let (_, party) = turns.remove(at)?;
        if turns.is_empty() {
            self.turns.remove(&weight);
        }
        Some(party)
    }

    /// Where the next party is that may have one more job at work: its weight, and its place among those of that weight.
    fn turn(&self, bounds: Bounds) -> Option<(Weight, usize)> {
        let may = self.turns.iter().filter(|(weight, _)| !weight.is_heavy() || self.heavy_at_work < bounds.heavy);
        let mut first = may.filter_map(|(weight, turns)| {
            let share = if weight.is_heavy() { bounds.heavy_share } else { bounds.share };
            let has_less = |(_, party): &(u64, Party)| self.at_work.get(party).is_none_or(|count| *count < share);
            let at = turns.iter().position(has_less)?;
            Some((turns[at].0, (*weight, at)))
        });
        let next = if self.taken % LONGEST == LONGEST - 1 { first.min_by_key(|(turn, _)| *turn) } else { first.next() };
        next.map(|(_, place)| place)
    }

    /// Whose job makes room for one of `coming`: of the party with the longest line, if that is longer than the line of
    /// `coming` with one more; else of the last of those whose weight is greatest, if it is greater than that of `coming`.
    fn makes_room(&self, coming: Party) -> Option<Party> {
        let own = self.lines.get(&coming).map_or(0, VecDeque::len) + 1;
        let (party, line) = self.lines.iter().max_by_key(|(_, line)| line.len())?;
        if line.len() > own {
            return Some(*party);
        }
        let weight = self.costs.weight(coming);
        let takes_room = |party: &Party| self.lines.get(party).is_some_and(|line| line.iter().any(|job| job.1));
        let heavier = self.turns.iter().rev().take_while(|(other, _)| **other > weight);
        heavier.flat_map(|(_, turns)| turns.iter().rev()).map(|(_, party)| *party).find(takes_room)
    }

    /// Takes the last job out of a line that takes room.
    fn drop_last(&mut self, party: Party) -> Option<J> {
        let line = self.lines.get_mut(&party)?;
        let at = line.iter().rposition(|(_, takes_room)| *takes_room)?;
        let (job, _) = line.remove(at)?;
        self.waiting -= 1;
        if line.is_empty() {
            self.lines.remove(&party);
            let place = self
                .turns
                .iter()
                .find_map(|(weight, turns)| Some((*weight, turns.iter().rposition(|(_, other)| *other == party)?)));
            if let Some((weight, at)) = place {
                self.leave_turns(weight, at);
            }
        }
        Some(job)
    }

    /// The thread to wake, if there is a job for it.
    fn called(&mut self, bounds: Bounds) -> Option<Thread> {
        if self.on_the_way > 0 || self.asleep.is_empty() || self.turn(bounds).is_none() {
            return None;
        }
        self.on_the_way += 1;
        self.asleep.pop()
    }

    /// The next job of a party that may have one more at work.
    fn next(&mut self, bounds: Bounds) -> Option<(Turn, J)> {
        let (weight, at) = self.turn(bounds)?;
        let party = self.leave_turns(weight, at)?;
        let line = self.lines.get_mut(&party)?;
        let (job, takes_room) = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&party);
        } else {
            self.join(party);
        }
        self.waiting -= usize::from(takes_room);
        self.taken += 1;
        let turn = Turn { party, weight };
        self.begin(turn);
        Some((turn, job))
    }
}

impl<J> Queue<J> {
    /// A queue before so many threads: a party may have a quarter of them, and so may all together whose jobs are heavy.
    pub(super) fn new(threads: usize) -> Self {
        let heavy = (threads / 4).max(2);
        let bounds = Bounds { share: (threads / 4).max(1), heavy, heavy_share: (heavy / 4).max(1) };
        let state = State {
            lines: HashMap::new(),
            turns: BTreeMap::new(),
            costs: Costs::default(),
            joined: 0,
            taken: 0,
            at_work: HashMap::new(),
            heavy_at_work: 0,
            waiting: 0,
            asleep: Vec::with_capacity(threads),
            on_the_way: 0,
            closed: false,
        };
        Self { state: Mutex::new(state), bounds }
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Adds a job behind those of its party. When `most` wait already that take room, one of them goes for it: the last of
    /// the party that has the most waiting, if that has more than this one has then; else that of a party that asks for more;
    /// otherwise the new one. Whichever does.
    pub(super) fn add(&self, party: Party, job: J, most: usize) -> Result<(), J> {
        let mut state = self.state();
        let mut gone = None;
        if state.waiting >= most {
            gone = state.makes_room(party).and_then(|party| state.drop_last(party));
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
        if !state.lines.contains_key(&party) {
            state.join(party);
        }
        state.lines.entry(party).or_default().push_back(job);
        self.leave(state);
    }

    /// Ends a look at the state that may have left a job for a thread that sleeps.
    fn leave(&self, mut state: MutexGuard<'_, State<J>>) {
        let called = state.called(self.bounds);
        drop(state);
        if let Some(thread) = called {
            thread.unpark();
        }
    }

    /// Waits for a job; `None` when no more will come. Whoever takes one says when it is done, or rests.
    pub(super) fn take(&self) -> Option<(Turn, J)> {
        let mut state = self.state();
        loop {
            if let Some(next) = state.next(self.bounds) {
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

    /// A job is done, and took so much of a processor; its thread looks for the next one.
    pub(super) fn end(&self, turn: Turn, spent: Duration) {
        let mut state = self.state();
        state.end(turn);
        state.costs.note(turn.party, spent);
    }

    /// A job rests until its client has done something.
    pub(super) fn rest(&self, turn: Turn) {
        let mut state = self.state();
        state.end(turn);
        self.leave(state);
    }

    /// A thread looks for no more jobs.
    pub(super) fn depart(&self) {
        self.leave(self.state());
    }

    /// It goes on.
    pub(super) fn begin_again(&self, turn: Turn) {
        self.state().begin(turn);
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
    const SHORT: Duration = Duration::from_micros(10);
    const LONG: Duration = Duration::from_millis(10);

    /// Before so many threads, where everybody is light of whom nothing else is said.
    fn queue(threads: usize, jobs: &[(Party, u32)]) -> Queue<u32> {
        queue_with(threads, &[], jobs)
    }

    fn queue_with(threads: usize, heavy: &[Party], jobs: &[(Party, u32)]) -> Queue<u32> {
        let queue = Queue::new(threads);
        for party in [None, ONE, OTHER] {
            queue.state().costs.note(party, SHORT);
        }
        for party in heavy {
            queue.state().costs.note(*party, LONG);
        }
        for (party, job) in jobs {
            queue.add(*party, *job, 100).unwrap();
        }
        queue
    }

    /// The jobs in the order in which one thread does them.
    fn order(queue: &Queue<u32>, count: usize) -> Vec<u32> {
        let take = |_| {
            let (turn, job) = queue.take().unwrap();
            queue.end(turn, if turn.weight.is_heavy() { LONG } else { SHORT });
            job
        };
        (0..count).map(take).collect()
    }

    fn is_empty(queue: &Queue<u32>) -> bool {
        let state = queue.state();
        state.lines.is_empty()
            && state.turns.is_empty()
            && state.at_work.is_empty()
            && (state.heavy_at_work, state.waiting) == (0, 0)
    }

    #[test]
    fn users_take_turns_however_much_each_has_queued() {
        let queue = queue(8, &[(ONE, 1), (ONE, 2), (ONE, 3), (OTHER, 4), (None, 5), (OTHER, 6)]);
        assert_eq!(order(&queue, 6), [1, 4, 5, 2, 6, 3]);
        queue.close();
        assert!(queue.take().is_none() && is_empty(&queue));
    }

    #[test]
    fn who_asks_for_less_goes_first_and_every_fourth_job_is_of_whoever_waits_longest() {
        let crowd: Vec<(Party, u32)> = (10..20).map(|number| (Some(UserId(number.into())), number)).collect();
        let queue = queue(64, &crowd);
        queue.state().costs.note(OTHER, Duration::from_millis(1));
        for job in 1..=5 {
            queue.add(ONE, job, 100).unwrap();
        }
        queue.add(OTHER, 6, 100).unwrap();
        assert_eq!(order(&queue, 8), [1, 2, 3, 10, 4, 5, 6, 11]);
        let (turn, job) = queue.take().unwrap();
        assert_eq!((turn.weight.is_heavy(), job), (true, 12));
        queue.end(turn, SHORT);
        assert!(!queue.state().costs.weight(turn.party).is_heavy(), "as soon as it asked for little");
        assert_eq!(order(&queue, 7), [13, 14, 15, 16, 17, 18, 19]);
        assert!(is_empty(&queue));
    }

    #[test]
    fn heavy_jobs_have_a_quarter_of_the_threads_and_those_of_one_party_a_quarter_of_that() {
        let queue = queue_with(32, &[ONE], &[(ONE, 1), (ONE, 2), (ONE, 3)]);
        let take = || queue.take().unwrap();
        let next = || queue.state().turn(queue.bounds);
        let own = [take(), take()];
        assert_eq!(own.map(|(turn, job)| (turn.party, job)), [(ONE, 1), (ONE, 2)]);
        assert_eq!(next(), None, "two of eight");
        for number in 10..17 {
            queue.add(Some(UserId(number)), 10, 100).unwrap();
        }
        let turns: Vec<Turn> = (0..6).map(|_| take().0).collect();
        assert_eq!(next(), None, "eight of thirty-two are at work");
        queue.add(OTHER, 20, 100).unwrap();
        assert_eq!(take().1, 20, "there are threads for others");
        queue.rest(turns[0]);
        assert_eq!(take().1, 10, "what rests does not count");
        queue.begin_again(turns[0]);
        assert_eq!(queue.state().heavy_at_work, 9);
        queue.end(own[0].0, LONG);
        assert_eq!(next(), None);
        queue.end(own[1].0, LONG);
        assert_eq!(take().1, 3);
    }

    #[test]
    fn a_user_has_a_quarter_of_the_threads_and_what_rests_does_not_count() {
        let queue = queue(8, &[(ONE, 1), (ONE, 2), (ONE, 3), (ONE, 4), (OTHER, 5)]);
        let take = || queue.take().unwrap();
        let took = [take(), take(), take()];
        assert_eq!(took.map(|(turn, job)| (turn.party, job)), [(ONE, 1), (OTHER, 5), (ONE, 2)]);
        let one = took[0].0;
        assert!(queue.state().next(queue.bounds).is_none(), "two of eight threads work for the first");
        queue.end(one, SHORT);
        assert_eq!(take().1, 3);
        queue.begin_again(one);
        assert!(queue.state().next(queue.bounds).is_none());
        queue.end(one, SHORT);
        queue.close();
        assert!(queue.take().is_none(), "who is at work for the first takes what it left");
        queue.end(one, SHORT);
        assert_eq!(queue.take(), Some((one, 4)));
    }

    #[test]
    fn who_fills_the_queue_makes_room_for_another_user() {
        let queue = queue(8, &[(ONE, 1), (ONE, 2), (ONE, 3)]);
        queue.add_anyway(ONE, 4);
        assert_eq!(queue.add(OTHER, 5, 3), Err(3), "the last that takes room");
        assert_eq!(queue.add(OTHER, 6, 3), Err(2), "three wait for the first still, and would for the other");
        assert_eq!(queue.add(OTHER, 7, 3), Err(7), "nobody has more");
        assert_eq!(queue.add(ONE, 8, 3), Err(8));
        assert_eq!(order(&queue, 4), [1, 5, 4, 6]);
        assert!(is_empty(&queue));
    }

    #[test]
    fn a_crowd_makes_room_for_who_asks_for_less_though_each_of_it_has_one_job() {
        let crowd: Vec<(Party, u32)> = (10..13).map(|number| (Some(UserId(number.into())), number)).collect();
        let queue = queue(8, &crowd);
        queue.add_anyway(Some(UserId(13)), 13);
        assert_eq!(queue.add(Some(UserId(14)), 14, 3), Err(14), "one more of it");
        assert_eq!(queue.add(ONE, 1, 3), Err(12), "the last that takes room");
        assert_eq!(queue.add(OTHER, 2, 3), Err(11));
        assert_eq!(queue.add(None, 3, 3), Err(10));
        assert_eq!(queue.add(ONE, 4, 3), Err(4), "nobody is left who would");
        assert_eq!(order(&queue, 4), [1, 2, 3, 13]);
        assert!(is_empty(&queue));
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
