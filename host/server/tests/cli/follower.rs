//! Somebody who follows what a verb shows as it comes.

use std::io::{BufRead as _, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::House;

/// For what another process is to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A verb that goes on; it is ended when dropped.
pub(crate) struct Follower {
    pub(crate) child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
}

impl Follower {
    pub(crate) fn start(house: &House, arguments: &[&str]) -> Self {
        let mut child = house.start(arguments);
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, lines: lines(out), notes: lines(err) }
    }

    /// The next line of its output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// The next line of its output, if one has come.
    pub(crate) fn line_so_far(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// The next thing it tells besides.
    #[track_caller]
    pub(crate) fn note(&self) -> String {
        self.notes.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let arguments = [format!("-{signal}"), self.child.id().to_string()];
        assert!(std::process::Command::new("kill").args(arguments).status().unwrap().success());
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lines as they come.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
