//! What is left when a store ends without being closed: everything acknowledged, and nothing half.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{add_device, add_user, open, step, steps};
use easel_store::{DeviceKey, Store, UserId};

const DIR: &str = "EASEL_TEST_CRASH_DIR";

/// Users that write at once, so that commits are made in groups.
const USERS: u64 = 3;

/// Commits without end in the process that the next test kills; by itself a few turns, which are there afterwards.
#[test]
fn commits_follow_one_another_until_the_process_ends() {
    let Some(dir) = std::env::var_os(DIR) else {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let user = add_user(&store, "user");
        let device = add_device(&store, user, "phone");
        for turn in 1..=5 {
            step(&store, user, device, turn);
        }
        drop(store);
        assert_eq!(steps(&open(dir.path()), user, device), 5);
        return;
    };
    let store = open(Path::new(&dir));
    std::thread::scope(|scope| {
        for user in 1..=USERS {
            let store = &store;
            scope.spawn(move || {
                let (user, device) = (UserId(user), DeviceKey(user));
                for turn in steps(store, user, device) + 1.. {
                    step(store, user, device, turn);
                    writeln!(std::io::stdout(), "done {} {turn}", user.0).unwrap();
                }
            });
        }
    });
}

/// Lets the process make so many steps, kills it, and returns the last step it acknowledged to each user.
fn run_and_kill(dir: &Path, lines: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["commits_follow_one_another_until_the_process_ends", "--exact", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acknowledged = vec![0; USERS as usize];
    let mut seen = 0;
    // What was written before the kill is still in the pipe after it, whole lines or not.
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        let line = String::from_utf8(line.unwrap()).unwrap();
        let Some((_, done)) = line.split_once("done ") else { continue };
        if let Some((user, turn)) = done.split_once(' ')
            && let (Ok(user), Ok(turn)) = (user.parse::<usize>(), turn.parse::<u64>())
        {
            acknowledged[user - 1] = turn;
            seen += 1;
        }
        if seen == lines {
            // SIGKILL; harmless once it is dead.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= lines, "the process ended by itself");
    acknowledged
}

#[test]
fn whatever_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for user in 1..=USERS {
        let id = add_user(&store, &format!("user{user}"));
        assert_eq!((id, add_device(&store, id, "phone")), (UserId(user), DeviceKey(user)));
    }
    drop(store);
    for lines in [1, 2, 5, 11, 23, 40] {
        let acknowledged = run_and_kill(dir.path(), lines);
        let store = open(dir.path());
        for (user, acknowledged) in (1..=USERS).zip(acknowledged) {
            let there = steps(&store, UserId(user), DeviceKey(user));
            // A line may have been cut by the kill, and one step may have been made and not told.
            assert!(there >= acknowledged, "user {user} was told of step {acknowledged} and has {there}");
            assert!(there <= acknowledged + 2, "user {user} was told of step {acknowledged} and has {there}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for name in ["easel.db", "easel.db-wal", "mail.db", "mail.db-wal"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn a_copy_of_the_files_of_a_running_store_has_everything_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let device = add_device(&store, user, "phone");
    for turn in 1..=20 {
        step(&store, user, device, turn);
        if turn % 5 == 0 {
            let copied = tempfile::tempdir().unwrap();
            copy(dir.path(), copied.path());
            assert_eq!(steps(&open(copied.path()), user, device), turn);
        }
    }
}

/// The disk lost the end of what was written: whole steps are missing from the end, never a part of one.
#[test]
fn a_torn_log_of_the_database_loses_whole_steps_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let device = add_device(&store, user, "phone");
    for turn in 1..=12 {
        step(&store, user, device, turn);
    }
    let wal = std::fs::metadata(dir.path().join("easel.db-wal")).unwrap().len();
    let mut found = Vec::new();
    for cut in 1..12 {
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        let file = std::fs::OpenOptions::new().write(true).open(copied.path().join("easel.db-wal")).unwrap();
        file.set_len(wal / 12 * cut + 17).unwrap();
        let store = open(copied.path());
        if store.user(user).unwrap().is_some() && !store.devices(user).unwrap().is_empty() {
            found.push(steps(&store, user, device));
        }
    }
    assert!(found.is_sorted() && found.len() > 3, "{found:?}");
    assert!(found.first() < found.last(), "{found:?}");
}
