//! Groups, failures inside them, and the writer's own work.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use easel_store::Missing;
use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::connection::{self, Files, Role};

fn writer(backlog: Box<dyn Backlog>) -> (TempDir, Connection, Writer) {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::inside(dir.path());
    let connection = connection::open(&files, Role::EaselWriter).unwrap();
    connection.execute_batch("CREATE TABLE t (x INTEGER UNIQUE, y BLOB) STRICT").unwrap();
    let reader = Connection::open(&files.easel).unwrap();
    let writer = Writer::start(connection, files.easel, "test-writer", backlog, None).unwrap();
    (dir, reader, writer)
}

fn insert(connection: &Connection, x: i64) -> Result<i64, Failure> {
    connection.execute("INSERT INTO t (x) VALUES (?1)", params![x])?;
    Ok(x)
}

fn rows(reader: &Connection) -> Vec<i64> {
    let mut statement = reader.prepare("SELECT x FROM t ORDER BY x").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Holds the writer in a job until told to go on, so that what is handed in meanwhile becomes one group.
fn held(writer: &Writer) -> (mpsc::Sender<()>, Pending<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel();
    let job = writer.submit("holding", move |_, _| {
        started.send(()).unwrap();
        wait.recv().ok();
        Ok(())
    });
    running.recv().unwrap();
    (go, job.unwrap())
}

#[test]
fn whoever_is_answered_is_on_the_disk() {
    let (_dir, reader, writer) = writer(Box::new(NoBacklog));
    for x in 0..20 {
        assert_eq!(writer.run("testing", move |connection, _| insert(connection, x)).unwrap(), x);
        assert_eq!(rows(&reader).last(), Some(&x));
    }
}

#[test]
fn a_job_that_fails_or_panics_undoes_itself_and_not_its_neighbours() {
    let (_dir, reader, writer) = writer(Box::new(NoBacklog));
    let (go, first) = held(&writer);
    let after = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<Pending<i64>> = (0..30)
        .map(|x| {
            let after = Arc::clone(&after);
            let job = move |connection: &Connection, context: &mut Context| {
                insert(connection, x)?;
                context.afterwards.push(Box::new(move || {
                    after.fetch_add(1, Ordering::Relaxed);
                }));
                match x % 3 {
                    0 => Ok(x),
                    1 => Err(Missing::Item.into()),
                    _ => panic!("on purpose"),
                }
            };
            writer.submit("testing", job).unwrap()
        })
        .collect();
    assert!(rows(&reader).is_empty());
    go.send(()).unwrap();
    first.wait().unwrap();
    for (x, job) in (0..).zip(jobs) {
        match (x % 3, job.wait()) {
            (0, Ok(answer)) => assert_eq!(answer, x),
            (1, Err(StoreError::NotFound(Missing::Item))) => {}
            (2, Err(error)) => assert!(error.source().unwrap().to_string().contains("nothing of it was written")),
            (_, outcome) => panic!("{x}: {outcome:?}"),
        }
    }
    assert_eq!(rows(&reader), (0..30).step_by(3).collect::<Vec<_>>());
    assert_eq!(after.load(Ordering::Relaxed), 10);
}

#[test]
fn what_waits_together_is_committed_together() {
    let (dir, reader, writer) = writer(Box::new(NoBacklog));
    let (go, first) = held(&writer);
    let jobs: Vec<_> = (0..100).map(|x| writer.submit("testing", move |c, _| insert(c, x)).unwrap()).collect();
    let frames = || std::fs::metadata(dir.path().join("easel.db-wal")).unwrap().len() / (4096 + 24);
    let before = frames();
    go.send(()).unwrap();
    first.wait().unwrap();
    for job in jobs {
        job.wait().unwrap();
    }
    assert_eq!(rows(&reader).len(), 100);
    // One commit each would have written two pages each.
    assert!(frames() - before < 50, "{} pages were written", frames() - before);
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let (_dir, reader, writer) = writer(Box::new(NoBacklog));
    writer.run("testing", |connection, _| insert(connection, 1)).unwrap();
    let limit = |pages: i64| {
        let set = move |c: &Connection, _: &mut Context| {
            Ok(c.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        };
        writer.run("testing", set).unwrap();
    };
    limit(8);
    let (go, first) = held(&writer);
    let small = writer.submit("testing", |connection, _| insert(connection, 2)).unwrap();
    let large = writer
        .submit("testing", |connection, _| {
            Ok(connection.execute("INSERT INTO t VALUES (3, zeroblob(1000000))", []).map(drop)?)
        })
        .unwrap();
    go.send(()).unwrap();
    first.wait().ok();
    let error = large.wait().unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("easel.db") && cause.contains("the disk is full: free space"), "{cause}");
    let kept = small.wait().is_ok();
    assert_eq!(rows(&reader), if kept { vec![1, 2] } else { vec![1] });
    limit(100_000);
    writer.run("testing", |connection, _| insert(connection, 4)).unwrap();
    assert_eq!(rows(&reader).last(), Some(&4));
}

/// Some failures end the whole transaction: a neighbour must not be told that it is on the disk.
#[test]
fn nobody_is_told_of_a_commit_that_was_rolled_back() {
    let (_dir, reader, writer) = writer(Box::new(NoBacklog));
    let (go, first) = held(&writer);
    let before = writer.submit("testing", |connection, _| insert(connection, 1)).unwrap();
    let breaking = writer
        .submit("testing", |connection, _| {
            connection.execute_batch("ROLLBACK")?;
            Ok(())
        })
        .unwrap();
    let after = writer.submit("testing", |connection, _| insert(connection, 2)).unwrap();
    go.send(()).unwrap();
    first.wait().unwrap();
    assert!(before.wait().is_err());
    assert!(breaking.wait().is_err());
    assert_eq!(after.wait().unwrap(), 2);
    assert_eq!(rows(&reader), [2]);
}

#[test]
fn what_was_handed_in_is_done_before_the_writer_ends() {
    let (_dir, reader, writer) = writer(Box::new(NoBacklog));
    let (go, _first) = held(&writer);
    let jobs: Vec<_> = (0..10).map(|x| writer.submit("testing", move |c, _| insert(c, x)).unwrap()).collect();
    go.send(()).unwrap();
    drop(writer);
    assert_eq!(rows(&reader).len(), 10);
    for job in jobs {
        job.wait().unwrap();
    }
}

/// Counts down, and says when it is done.
struct Countdown {
    left: usize,
    done: mpsc::Sender<()>,
}

impl Backlog for Countdown {
    fn waiting(&mut self, _: &Connection) -> rusqlite::Result<usize> {
        Ok(self.left)
    }

    fn turn(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.execute("INSERT INTO t (x) VALUES (?1)", params![1000 + self.left as i64])?;
        self.left -= 1;
        if self.left == 0 {
            self.done.send(()).unwrap();
        }
        Ok(1)
    }

    fn pressing(&self) -> usize {
        2
    }
}

#[test]
fn the_backlog_is_worked_off_when_nobody_waits() {
    let (done, finished) = mpsc::channel();
    let (_dir, reader, writer) = writer(Box::new(Countdown { left: 5, done }));
    finished.recv().unwrap();
    // The last turn is committed before the next job.
    writer.run("testing", |connection, _| insert(connection, 1)).unwrap();
    assert_eq!(rows(&reader), [1, 1001, 1002, 1003, 1004, 1005]);
}

#[test]
fn a_backlog_that_fails_does_not_hurt_the_jobs() {
    struct Broken;
    impl Backlog for Broken {
        fn waiting(&mut self, _: &Connection) -> rusqlite::Result<usize> {
            Ok(9)
        }
        fn turn(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
            connection.execute("INSERT INTO t (x) VALUES (7)", [])?;
            Err(rusqlite::Error::InvalidQuery)
        }
        fn pressing(&self) -> usize {
            1
        }
    }
    let (_dir, reader, writer) = writer(Box::new(Broken));
    writer.run("testing", |connection, _| insert(connection, 1)).unwrap();
    assert_eq!(rows(&reader), [1]);
}

#[test]
fn a_backlog_that_failed_goes_on_after_the_next_change() {
    struct Hindered {
        countdown: Countdown,
        failed: mpsc::Sender<()>,
        failures: usize,
    }
    impl Backlog for Hindered {
        fn waiting(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
            self.countdown.waiting(connection)
        }
        fn turn(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
            if self.failures > 0 {
                self.failures -= 1;
                self.failed.send(()).unwrap();
                return Err(rusqlite::Error::InvalidQuery);
            }
            self.countdown.turn(connection)
        }
        fn pressing(&self) -> usize {
            2
        }
    }
    let ((done, finished), (failed, fails)) = (mpsc::channel(), mpsc::channel());
    let (_dir, reader, writer) =
        writer(Box::new(Hindered { countdown: Countdown { left: 5, done }, failed, failures: 2 }));
    for x in 0..2 {
        fails.recv_timeout(Duration::from_secs(20)).unwrap();
        writer.run("testing", move |connection, _| insert(connection, x)).unwrap();
    }
    finished.recv_timeout(Duration::from_secs(20)).expect("the rest is done");
    writer.run("testing", |connection, _| insert(connection, 2)).unwrap();
    assert_eq!(rows(&reader), [0, 1, 2, 1001, 1002, 1003, 1004, 1005]);
}
