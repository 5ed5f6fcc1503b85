//! Looking at the folder of packs when something in it changes, and every ten seconds where nothing tells of changes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher};

use crate::{FolderError, PackFolder};

/// Nothing must have happened for so long before a change is looked at: a copy comes in pieces.
const QUIET: Duration = Duration::from_millis(50);
/// Where nothing tells of changes, they are found so often.
const POLL: Duration = Duration::from_secs(10);
impl PackFolder {
    /// Looks at the folder whenever something in it changes, and every ten seconds, until the watch is dropped.
    pub fn watch(self: &Arc<Self>) -> Result<Watch, FolderError> {
        let (sender, changes) = channel();
        let events = sender.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading is no change.
            let matters = |kind: EventKind| match kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
                EventKind::Access(_) => false,
                EventKind::Any
                | EventKind::Create(_)
                | EventKind::Modify(_)
                | EventKind::Remove(_)
                | EventKind::Other => true,
            };
            if event.is_ok_and(|event| matters(event.kind)) {
                // Nobody listens any more once the watch is dropped.
                let _ = events.send(());
            }
        });
        if let Ok(watcher) = &mut watcher
            && let Err(error) = watcher.watch(&self.folder, RecursiveMode::NonRecursive)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "changes of packs are noticed every ten seconds only");
        }
        let folder = Arc::clone(self);
        let thread = std::thread::Builder::new().name("pack-folder".to_owned());
        let spawned = thread.spawn(move || folder.follow(&changes));
        let spawned =
            spawned.map_err(|source| FolderError::Use { path: self.folder.clone(), doing: "watched", source });
        Ok(Watch { watcher: watcher.ok(), now: Some(sender), thread: Some(spawned?) })
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

/// The folder is watched as long as this lives.
pub struct Watch {
    watcher: Option<notify::RecommendedWatcher>,
    now: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
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
        (self.watcher, self.now) = (None, None);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by itself.
            let _ = thread.join();
        }
    }
}
