//! One writer a file: a thread that takes whatever waits and commits it together.
//!
//! The thread blocks for the first job, then takes what else waits, and never lingers: alone, a job costs one commit;
//! in company, its share of one. Each job has a savepoint, so that one that fails undoes itself and not its
//! neighbours. Nobody is answered before the commit is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use easel_store::StoreError;
use rusqlite::Connection;

use crate::error::{self, Failure, SqliteError};
use crate::meter::{Commits, Meter};
use crate::trouble::Trouble;
use crate::warm::{Touched, Warmth};
use reply::{Awaited, Reply, reply};

mod reply;

/// Most jobs in one commit, so that the first does not wait for ever for the last.
const BATCH: usize = 256;

/// Jobs that may wait; whoever comes later waits to be let in.
const QUEUE: usize = 4096;

/// The writer must be idle this long before it turns to a small backlog of its own.
const LINGER: Duration = Duration::from_millis(200);

/// What is to be done outside the database once a job is committed.
pub(crate) type Afterwards = Box<dyn FnOnce() + Send>;

/// What a job has to say besides its answer.
#[derive(Default)]
pub(crate) struct Context {
    /// Run in the order of the jobs, after the commit and before anybody is answered.
    pub(crate) afterwards: Vec<Afterwards>,
    /// How much it adds to the backlog.
    pub(crate) backlog: usize,
    /// What it changes of what is held in memory.
    pub(crate) touched: Touched,
    /// Whether the disk is full that did not take it, and what it says.
    disk: Option<(bool, String)>,
}

/// Work of the writer's own, for when nobody waits.
pub(crate) trait Backlog: Send {
    /// How much there is at the start.
    fn waiting(&mut self, connection: &Connection) -> rusqlite::Result<usize>;

    /// Does one short turn inside the transaction it is called in; how much it did.
    fn turn(&mut self, connection: &Connection) -> rusqlite::Result<usize>;

    /// How much must wait before it is done at once instead of after a pause.
    fn pressing(&self) -> usize;
}

/// No such work.
pub(crate) struct NoBacklog;

impl Backlog for NoBacklog {
    fn waiting(&mut self, _: &Connection) -> rusqlite::Result<usize> {
        Ok(0)
    }

    fn turn(&mut self, _: &Connection) -> rusqlite::Result<usize> {
        Ok(0)
    }

    fn pressing(&self) -> usize {
        usize::MAX
    }
}

trait Job: Send {
    /// Does the work; whether it is to be kept.
    fn run(&mut self, connection: &Connection, context: &mut Context) -> bool;

    /// It could not be kept, or not be run at all.
    fn undone(&mut self, error: StoreError);

    /// Tells the outcome to whoever waits.
    fn answer(self: Box<Self>);
}

struct Task<T, F> {
    work: Option<F>,
    outcome: Result<T, StoreError>,
    reply: Reply<Result<T, StoreError>>,
    doing: &'static str,
    path: Arc<Path>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&Connection, &mut Context) -> Result<T, Failure> + Send,
{
    fn run(&mut self, connection: &Connection, context: &mut Context) -> bool {
        let Some(work) = self.work.take() else { return false };
        self.outcome = match catch_unwind(AssertUnwindSafe(|| work(connection, context))) {
            Ok(outcome) => outcome.map_err(|failure| match failure {
                Failure::Sql(cause) if let Some(full) = error::disk(&cause) => {
                    let said = error::said(&self.path, cause);
                    context.disk = Some((full, said.clone()));
                    StoreError::Disk { full, cause: said.into() }
                }
                failure @ (Failure::Sql(_) | Failure::Store(_)) => failure.while_doing(self.doing, &self.path),
            }),
            Err(_) => Err(StoreError::backend(self.doing, SqliteError::WriterPanicked)),
        };
        self.outcome.is_ok()
    }

    fn undone(&mut self, error: StoreError) {
        // What failed by itself keeps its own reason.
        if self.outcome.is_ok() || self.work.is_some() {
            self.outcome = Err(error);
        }
    }

    fn answer(self: Box<Self>) {
        self.reply.send(self.outcome);
    }
}

/// The way to the thread that writes a file. Dropping it finishes what waits and closes the file.
pub(crate) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    path: Arc<Path>,
    meter: Arc<Meter>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        path: PathBuf,
        name: &str,
        backlog: Box<dyn Backlog>,
        warmth: Option<Arc<Warmth>>,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = bounded(QUEUE);
        let path: Arc<Path> = path.into();
        let meter = Arc::new(Meter::default());
        let (own, counted) = (Arc::clone(&path), Arc::clone(&meter));
        let trouble = Trouble::default();
        let (pending, stuck) = (0, false);
        let desk = Desk { connection, waiting, backlog, warmth, path: own, pending, stuck, meter: counted, trouble };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || desk.serve());
        let thread = thread.map_err(|cause| StoreError::backend("starting the writer", cause))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), path, meter })
    }

    /// What it did so far.
    pub(crate) fn commits(&self) -> Commits {
        self.meter.read()
    }

    /// Has `work` done and committed; returns once it is on the disk, or undone.
    pub(crate) fn run<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Context) -> Result<T, Failure> + Send + 'static,
    {
        self.submit(doing, work)?.wait()
    }

    /// Hands `work` in; the answer is waited for later.
    pub(crate) fn submit<T, F>(&self, doing: &'static str, work: F) -> Result<Pending<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Context) -> Result<T, Failure> + Send + 'static,
    {
        let gone = || StoreError::backend(doing, SqliteError::WriterGone);
        let (reply, answer) = reply();
        let path = Arc::clone(&self.path);
        let task = Task { work: Some(work), outcome: Err(gone()), reply, doing, path };
        self.jobs.as_ref().ok_or_else(gone)?.send(Box::new(task)).map_err(|_| gone())?;
        Ok(Pending { answer, doing })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // The thread catches the panics of its jobs; there is nobody to tell about one of its own.
            thread.join().ok();
        }
    }
}

/// An answer on its way.
pub(crate) struct Pending<T> {
    answer: Awaited<Result<T, StoreError>>,
    doing: &'static str,
}

impl<T> Pending<T> {
    pub(crate) fn wait(self) -> Result<T, StoreError> {
        let gone = || StoreError::backend(self.doing, SqliteError::WriterGone);
        self.answer.wait().ok_or_else(gone)?
    }
}

/// The writer's side.
struct Desk {
    connection: Connection,
    waiting: Receiver<Box<dyn Job>>,
    backlog: Box<dyn Backlog>,
    /// What is held in memory of the file.
    warmth: Option<Arc<Warmth>>,
    path: Arc<Path>,
    /// How much backlog waits, as far as is known.
    pending: usize,
    /// Whether the last turn of the backlog failed, or it could not be counted: that is done after the next commit.
    stuck: bool,
    meter: Arc<Meter>,
    trouble: Trouble,
}

impl Desk {
    fn serve(mut self) {
        self.count_backlog();
        while let Some(first) = self.next() {
            let mut batch = Vec::with_capacity(16);
            batch.push(first);
            while batch.len() < BATCH
                && let Ok(job) = self.waiting.try_recv()
            {
                batch.push(job);
            }
            self.commit(batch);
        }
    }

    /// The next job, with turns of the backlog while there is none; `None` when no more will come.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        while self.pending > 0 {
            if self.pending >= self.backlog.pressing() {
                match self.waiting.try_recv() {
                    Ok(job) => return Some(job),
                    Err(TryRecvError::Disconnected) => return None,
                    Err(TryRecvError::Empty) => self.turn(),
                }
            } else {
                match self.waiting.recv_timeout(LINGER) {
                    Ok(job) => return Some(job),
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) => self.turn(),
                }
            }
        }
        self.waiting.recv().ok()
    }

    fn turn(&mut self) {
        let done = self
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .and_then(|()| self.backlog.turn(&self.connection))
            .and_then(|done| self.connection.execute_batch("COMMIT").map(|()| done));
        match done {
            Ok(done) => {
                self.pending = if done > 0 { self.pending.saturating_sub(done) } else { 0 };
                self.stuck = false;
            }
            Err(error) => {
                if let Some(full) = error::disk(&error) {
                    self.trouble.met(full, error::said(&self.path, error));
                } else if !self.stuck {
                    tracing::warn!(%error, "the backlog of the writer waits for the next change");
                }
                self.roll_back();
                self.pending = 0;
                self.stuck = true;
            }
        }
    }

    /// Looks how much backlog there is.
    fn count_backlog(&mut self) {
        match self.backlog.waiting(&self.connection) {
            Ok(waiting) => (self.pending, self.stuck) = (waiting, self.stuck && waiting > 0),
            Err(_) => self.stuck = true,
        }
    }

    fn commit(&mut self, batch: Vec<Box<dyn Job>>) {
        let mut waiting = batch.into_iter();
        while waiting.len() > 0 {
            self.transaction(&mut waiting);
        }
    }

    /// One transaction with as many jobs as it carries: a failure that ends the transaction ends it for those in it.
    fn transaction(&mut self, waiting: &mut dyn ExactSizeIterator<Item = Box<dyn Job>>) {
        let mut done: Vec<Box<dyn Job>> = Vec::with_capacity(waiting.len());
        let mut afterwards = Vec::new();
        let mut touched = Vec::new();
        let mut backlog = 0;
        let began = Meter::begin();
        let changed = self.connection.total_changes();
        if let Err(cause) = self.statement("BEGIN IMMEDIATE") {
            done.extend(waiting);
            return self.undo(done, cause);
        }
        for mut job in waiting {
            let mut context = Context::default();
            let kept = self.in_savepoint(&mut job, &mut context);
            done.push(job);
            if let Some((full, said)) = context.disk {
                self.trouble.met(full, said);
            }
            match kept {
                Ok(true) => {
                    afterwards.append(&mut context.afterwards);
                    touched.push(context.touched);
                    backlog += context.backlog;
                }
                Ok(false) => {}
                Err(cause) => return self.undo(done, cause),
            }
            if self.connection.is_autocommit() {
                return self.undo(done, Undone::Ended);
            }
        }
        if let Some(warmth) = &self.warmth {
            warmth.before(&touched);
        }
        let committed = self.statement("COMMIT");
        if let Some(warmth) = &self.warmth {
            warmth.after(touched, committed.is_ok());
        }
        if let Err(cause) = committed {
            return self.undo(done, cause);
        }
        if self.connection.total_changes() > changed {
            self.trouble.over(&self.path);
        }
        self.meter.committed(began, done.len());
        if self.stuck && self.pending == 0 {
            // Something could be written: perhaps the backlog can be worked off as well.
            self.count_backlog();
        } else {
            self.pending += backlog;
        }
        for act in afterwards {
            act();
        }
        for job in done {
            job.answer();
        }
    }

    /// Whether the job is kept; an error when the transaction cannot go on.
    fn in_savepoint(&self, job: &mut Box<dyn Job>, context: &mut Context) -> Result<bool, Undone> {
        self.statement("SAVEPOINT job")?;
        let kept = job.run(&self.connection, context);
        if self.connection.is_autocommit() {
            return Ok(false);
        }
        if !kept {
            self.statement("ROLLBACK TO job")?;
        }
        self.statement("RELEASE job")?;
        Ok(kept)
    }

    fn statement(&self, sql: &'static str) -> Result<(), Undone> {
        let run = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        run.map(drop).map_err(|cause| Undone::Failed(sql, cause))
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // A failure to roll back leaves the transaction open; the next BEGIN fails and says so.
            self.connection.execute_batch("ROLLBACK").ok();
        }
    }

    /// What was to be committed lies in the WAL with its end, and only the fsync failed: the next process would take it for
    /// committed, though its jobs were refused. The next transaction is written in the same place; so a small one is,
    /// at once, that says what is so already: whether it gets to the disk makes no difference.
    fn write_over(&self) {
        let version = self.connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
        if let Ok(version) = version {
            let sql = format!("BEGIN IMMEDIATE; PRAGMA user_version = {version}; COMMIT");
            // Most likely its fsync fails as well.
            self.connection.execute_batch(&sql).ok();
            self.roll_back();
        }
    }

    fn undo(&mut self, done: Vec<Box<dyn Job>>, cause: Undone) {
        self.roll_back();
        let (full, cause) = match cause {
            Undone::Failed(sql, cause) if let Some(full) = error::disk(&cause) => {
                let said = error::said(&self.path, cause);
                self.trouble.met(full, said.clone());
                if sql == "COMMIT" {
                    self.write_over();
                }
                (Some(full), said)
            }
            // The statement that the disk refused ended it, and its job has said so.
            Undone::Ended if let Some((full, said)) = self.trouble.present() => (Some(full), said),
            Undone::Ended => (None, "the database ended the transaction".to_owned()),
            Undone::Failed(sql, cause) => (None, SqliteError::database(&self.path, cause).to_string() + ": " + sql),
        };
        if full.is_none() {
            tracing::error!(cause, jobs = done.len(), "a group of changes could not be committed");
        }
        for mut job in done {
            job.undone(match full {
                Some(full) => StoreError::Disk { full, cause: cause.clone().into() },
                None => StoreError::backend("committing", cause.clone()),
            });
            job.answer();
        }
    }
}

/// Why a transaction cannot go on.
enum Undone {
    /// The database ended it by itself.
    Ended,
    /// A statement failed.
    Failed(&'static str, rusqlite::Error),
}

#[cfg(test)]
mod tests;
