//! Connections that read: bounded, opened when first needed, kept.

use std::sync::{Condvar, Mutex};
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
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    open: usize,
}

impl Pool {
    pub(crate) fn new(files: Files, max: usize) -> Self {
        Self { files, max, patience: PATIENCE, state: Mutex::default(), returned: Condvar::new() }
    }

    /// Takes a reader; waits when all are taken.
    pub(crate) fn take(&self) -> Result<Reader<'_>, StoreError> {
        let state = self.state.lock().expect("no holder of this lock panics");
        let taken = |state: &mut State| state.idle.is_empty() && state.open >= self.max;
        let (mut state, waited) =
            self.returned.wait_timeout_while(state, self.patience, taken).expect("no holder of this lock panics");
        if waited.timed_out() {
            let busy = SqliteError::Busy { secs: self.patience.as_secs() };
            return Err(StoreError::backend("waiting for a database reader", busy));
        }
        if let Some(connection) = state.idle.pop() {
            return Ok(Reader { pool: self, connection: Some(connection) });
        }
        state.open += 1;
        drop(state);
        // From here on the place is given back by dropping the reader.
        let mut reader = Reader { pool: self, connection: None };
        let opened = connection::open(&self.files, Role::Reader);
        let failed = |cause| SqliteError::database(&self.files.easel, cause);
        reader.connection =
            Some(opened.map_err(|cause| StoreError::backend("opening a database reader", failed(cause)))?);
        Ok(reader)
    }
}

/// A reader on loan; it goes back when dropped.
pub(crate) struct Reader<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl std::ops::Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader on loan has its connection")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // One that cannot end its transaction is not lent again.
        let sound = self
            .connection
            .take()
            .filter(|connection| connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok());
        let mut state = self.pool.state.lock().expect("no holder of this lock panics");
        match sound {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
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
        pool.patience = Duration::from_millis(1);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        let refused = pool.take().err().unwrap();
        assert!(refused.source().unwrap().to_string().contains("too many requests"), "{refused:?}");
        drop(first);
        let third = pool.take().unwrap();
        drop((second, third));
        assert_eq!(pool.state.lock().unwrap().open, 2);
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
        assert_eq!(pool.state.lock().unwrap().open, 0);
    }
}
