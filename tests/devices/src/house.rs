//! A server with all packs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use easel_test_support::{Easel, Serving};
use serde_json::Value;
use tempfile::TempDir;

use crate::User;
use crate::template::{configure, template};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "s3cret";

/// A server that runs, with all packs, on a directory of its own.
#[derive(Debug)]
pub struct House {
    dir: TempDir,
    /// The binary with the configuration of this house.
    pub easel: Easel,
    serving: Mutex<Option<Serving>>,
    users: AtomicU32,
}

impl House {
    /// The one that all tests share which run at this moment; nobody may stop it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<House>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(house) = shared.upgrade() {
            return house;
        }
        let house = Arc::new(Self::with(&[]));
        *shared = Arc::downgrade(&house);
        house
    }

    /// One of a test's own, with these lines of the configuration replaced by others.
    ///
    /// # Panics
    /// When there is no such line, or the machine does not let it listen or write.
    pub fn with(changes: &[(&str, &str)]) -> Self {
        let template = template();
        let dir = tempfile::tempdir().expect("a directory");
        let copied = Command::new("cp").arg("-a").arg(template.dir.join(".")).arg(dir.path()).status();
        assert!(copied.is_ok_and(|copied| copied.success()), "the house is copied");
        for (from, to) in changes {
            configure(dir.path(), from, to);
        }
        let easel = Easel::new(&template.program, dir.path().join("easel.toml"));
        let serving = Mutex::new(Some(easel.serve()));
        Self { dir, easel, serving, users: AtomicU32::new(0) }
    }

    /// Stops the server gently; what it has logged.
    ///
    /// # Panics
    /// When it did not run, or did not end well.
    pub fn stop(&self) -> String {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (code, log) = serving.expect("it runs").stop("TERM");
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// Starts it again, with lines of the configuration replaced.
    pub fn start(&self, changes: &[(&str, &str)]) {
        for (from, to) in changes {
            configure(self.dir.path(), from, to);
        }
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.easel.serve());
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When it was stopped.
    pub fn address(&self) -> std::net::SocketAddr {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).as_ref().expect("it runs").address
    }

    /// The log of its packs.
    pub fn pack_log(&self) -> Value {
        self.easel.json(&["pack", "log"])
    }

    /// A user of `defaultcontext` nobody else uses, who lives in a time zone.
    pub fn user(&self, zone: &str) -> User<'_> {
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        self.user_named(&format!("user{number}"), &format!("user{number}@example.org"), zone)
    }

    /// A user of that login and address.
    pub fn user_named(&self, login: &str, address: &str, zone: &str) -> User<'_> {
        let arguments = ["user", "add", login, "--address", address, "--name", "Anna Muster", "--zone", zone];
        self.easel.run_with(&arguments, &format!("{PASSWORD}\n")).ok();
        User { house: self, login: login.to_owned(), address: address.to_owned() }
    }

    /// A file with this content; its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: &str) -> String {
        let file = self.place(name);
        fs::write(&file, content).expect("a file");
        file.display().to_string()
    }

    /// A place for a file nobody else uses.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.path().join(format!("files/{number}"));
        fs::create_dir_all(&dir).expect("a directory");
        dir.join(name)
    }
}
