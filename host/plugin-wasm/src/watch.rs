//! Looking at the folder of packs when something in it changes, and every ten seconds where nothing tells of changes.
//!
//! What tells of changes does so for a folder, not for its name: when the folder is removed, moved or put over, the one
//! that has its name from then on is watched from the first look that finds it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::{FolderError, PackFolder};

/// Nothing must have happened for so long before a change is looked at: a copy comes in pieces.
const QUIET: Duration = Duration::from_millis(50);
/// Where nothing tells of changes, they are found so often.
const POLL: Duration = Duration::from_secs(10);

impl PackFolder {
    /// Looks at the folder whenever something in it changes, and every ten seconds, until the watch is dropped.
    pub fn watch(self: &Arc<Self>) -> Result<Watch, FolderError> {
        let (sender, changes) = channel();
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Told::new(&self.folder, sender.clone());
        self.be_told();
        let folder = Arc::clone(self);
        let thread = std::thread::Builder::new().name("pack-folder".to_owned());
        let spawned = thread.spawn(move || folder.follow(&changes));
        let spawned =
            spawned.map_err(|source| FolderError::Use { path: self.folder.clone(), doing: "watched", source });
        Ok(Watch { folder: Arc::clone(self), now: Some(sender), thread: Some(spawned?) })
    }

    /// Has changes of the folder told that has the name now, where they are to be told at all. Before a look, so that
    /// nothing happens between the two unnoticed.
    pub(crate) fn be_told(&self) {
        if let Some(told) = &mut *self.told.lock().unwrap_or_else(PoisonError::into_inner) {
            told.follow_the_name();
        }
    }

    fn follow(&self, changes: &Receiver<()>) {
        loop {
            match changes.recv_timeout(POLL) {
                Ok(()) => {
                    // Not for ever: somebody may write without a pause.
                    for _ in 0..40 {
                        match changes.recv_timeout(QUIET) {
                            Ok(()) => {}
                            Err(RecvTimeoutError::Timeout) => break,
                            Err(RecvTimeoutError::Disconnected) => return,
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.load_all();
        }
    }
}

/// What tells of changes.
#[derive(Debug)]
pub(crate) struct Told {
    watcher: RecommendedWatcher,
    folder: PathBuf,
    /// The folder whose changes are told, by device and inode; `None`: of none.
    of: Option<(u64, u64)>,
    /// Whether that folder is no longer there. The next of its name may have the same inode.
    went: Arc<AtomicBool>,
    /// Whether the log says that changes are not told.
    warned: bool,
}

impl Told {
    fn new(folder: &Path, events: Sender<()>) -> Option<Self> {
        let went = Arc::new(AtomicBool::new(false));
        let (goes, name) = (Arc::clone(&went), std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let is_removal = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
            if is_removal && event.paths.contains(&name) {
                goes.store(true, Ordering::Relaxed);
            }
            // Our own reading is no change.
            let matters = match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
                EventKind::Access(_) => false,
                EventKind::Any
                | EventKind::Create(_)
                | EventKind::Modify(_)
                | EventKind::Remove(_)
                | EventKind::Other => true,
            };
            if matters {
                // Nobody listens any more once the watch is dropped.
                let _ = events.send(());
            }
        });
        match watcher {
            Ok(watcher) => Some(Self { watcher, folder: folder.to_owned(), of: None, went, warned: false }),
            Err(error) => {
                warn(folder, &error);
                None
            }
        }
    }

    fn follow_the_name(&mut self) {
        let there = fs::metadata(&self.folder).ok().map(|data| (data.dev(), data.ino()));
        if there == self.of && !self.went.swap(false, Ordering::Relaxed) {
            return;
        }
        self.went.store(false, Ordering::Relaxed);
        // What is gone is not watched any more, and what was moved no longer matters.
        let _ = self.watcher.unwatch(&self.folder);
        self.of = None;
        if there.is_none() {
            return;
        }
        match self.watcher.watch(&self.folder, RecursiveMode::NonRecursive) {
            Ok(()) => (self.of, self.warned) = (there, false),
            Err(error) => {
                if !std::mem::replace(&mut self.warned, true) {
                    warn(&self.folder, &error);
                }
            }
        }
    }
}

fn warn(folder: &Path, error: &notify::Error) {
    tracing::warn!(folder = %folder.display(), %error, "changes of packs are noticed every ten seconds only");
}

/// The folder is watched as long as this lives.
#[derive(Debug)]
pub struct Watch {
    folder: Arc<PackFolder>,
    now: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Looks now: for a signal from the operator.
    pub fn look(&self) {
        if let Some(now) = &self.now {
            // It listens until this is dropped.
            let _ = now.send(());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let told = self.folder.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Outside of the lock: whoever tells is waited for, and so is the thread, which may look at this moment.
        drop((told, self.now.take()));
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by itself.
            let _ = thread.join();
        }
    }
}
