//! Connections that read: bounded, opened when first needed, kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use easel_store::StoreError;
use rusqlite::Connection;

use crate::connection::{self, Files, Role};
use crate::error::SqliteError;

/// How long somebody waits for a reader before being told that there are too many.
const PATIENCE: Duration = Duration::from_secs(10);

/// Readers, at most so many at once.
pub(crate) struct Pool {
    files: Files,
    max: usize,
    patience: Duration,
    state: Mutex<State>,
    returned: Condvar,
    /// How often a connection was handed out.
    used: AtomicU64,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// Places taken, with a connection or without.
    lent: usize,
}

impl Pool {
    pub(crate) fn new(files: Files, max: usize) -> Arc<Self> {
        let (state, used) = (Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { files, max, patience: PATIENCE, state, returned: Condvar::new(), used })
    }

    /// Takes a place; waits when all are taken. Whoever has one gets a connection whenever it asks, without waiting.
    pub(crate) fn reserve(self: &Arc<Self>) -> Result<Reader, StoreError> {
        let state = self.state.lock().expect("no holder of this lock panics");
        let full = |state: &mut State| state.lent >= self.max;
        let (mut state, waited) =
            self.returned.wait_timeout_while(state, self.patience, full).expect("no holder of this lock panics");
        if waited.timed_out() {
            let busy = SqliteError::Busy { secs: self.patience.as_secs() };
            return Err(StoreError::backend("waiting for a database reader", busy));
        }
        state.lent += 1;
        drop(state);
        Ok(Reader { pool: Arc::clone(self), connection: None })
    }

    /// Takes a place with a connection.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Reader, StoreError> {
        let mut reader = self.reserve()?;
        reader.connect()?;
        Ok(reader)
    }

    /// Places taken now, and how many there are.
    pub(crate) fn lent(&self) -> (usize, usize) {
        (self.state.lock().expect("no holder of this lock panics").lent, self.max)
    }

    /// How often a connection was handed out so far.
    #[cfg(test)]
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// A place in the pool, and the reader on loan once it was asked for; it goes back when dropped.
pub(crate) struct Reader {
    pool: Arc<Pool>,
    connection: Option<Connection>,
}

impl Reader {
    /// Gets the connection.
    pub(crate) fn connect(&mut self) -> Result<&Connection, StoreError> {
        if self.connection.is_none() {
            let idle = self.pool.state.lock().expect("no holder of this lock panics").idle.pop();
            let opened = idle.map_or_else(|| connection::open(&self.pool.files, Role::Reader), Ok);
            let failed = |cause| SqliteError::database(&self.pool.files.easel, cause);
            let opened = opened.map_err(|cause| StoreError::backend("opening a database reader", failed(cause)))?;
            self.pool.used.fetch_add(1, Ordering::Relaxed);
            self.connection = Some(opened);
        }
        Ok(self)
    }
}

impl std::ops::Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader is asked only once it has its connection")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // One that cannot end its transaction is not lent again.
        let sound = self
            .connection
            .take()
            .filter(|connection| connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok());
        let mut state = self.pool.state.lock().expect("no holder of this lock panics");
        state.idle.extend(sound);
        state.lent -= 1;
        drop(state);
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn files(dir: &std::path::Path) -> Files {
        let files = Files::inside(dir);
        for role in [Role::EaselWriter, Role::MailWriter] {
            connection::open(&files, role).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        }
        files
    }

    #[test]
    fn no_more_readers_than_allowed_and_the_next_waits_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut pool = Pool::new(files(dir.path()), 2);
        Arc::get_mut(&mut pool).unwrap().patience = Duration::from_millis(1);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        let refused = pool.take().err().unwrap();
        assert!(refused.source().unwrap().to_string().contains("too many requests"), "{refused:?}");
        drop(first);
        let third = pool.take().unwrap();
        drop((second, third));
        let state = pool.state.lock().unwrap();
        assert_eq!((state.lent, state.idle.len()), (0, 2));
    }

    #[test]
    fn a_place_counts_before_it_has_a_connection() {
        let dir = tempfile::tempdir().unwrap();
        let mut pool = Pool::new(files(dir.path()), 1);
        Arc::get_mut(&mut pool).unwrap().patience = Duration::from_millis(1);
        let mut place = pool.reserve().unwrap();
        assert_eq!(pool.used(), 0);
        assert!(pool.reserve().is_err());
        place.connect().unwrap();
        assert_eq!(pool.used(), 1);
        drop(place);
        pool.take().unwrap();
    }

    #[test]
    fn a_transaction_left_open_does_not_reach_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool::new(files(dir.path()), 1);
        pool.take().unwrap().execute_batch("BEGIN; SELECT * FROM t").unwrap();
        assert!(pool.take().unwrap().is_autocommit());
    }

    #[test]
    fn a_reader_that_cannot_be_opened_gives_its_place_back() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool::new(Files::inside(&dir.path().join("nowhere")), 1);
        for _ in 0..3 {
            assert!(pool.take().is_err());
        }
        assert_eq!(pool.state.lock().unwrap().lent, 0);
    }
}
