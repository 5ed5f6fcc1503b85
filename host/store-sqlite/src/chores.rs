//! What the writer does when nobody waits for it: removed folders are swept, new words are indexed.

use rusqlite::Connection;

use crate::writer::Backlog;
use crate::{removal, search};

/// Things to do beyond which they are done without waiting for a pause.
const PRESSING: usize = 128;

/// Both, in short turns.
pub(crate) struct Chores;

impl Backlog for Chores {
    fn waiting(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        Ok(removal::waiting(connection)? + search::waiting(connection)?)
    }

    fn turn(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        match removal::turn(connection)? {
            0 => search::drain(connection),
            left => Ok(left),
        }
    }

    fn pressing(&self) -> usize {
        PRESSING
    }
}
