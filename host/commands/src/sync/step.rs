//! One step: the work done on a snapshot, and committed with its answer.

use easel_plugin::hooks::Recovery;
use easel_store::{ChangeSet, Missing, StoreError, Write};

use super::answer::CollectionAnswer;
use super::outflow::Outflow;
use super::request::Collection;
use super::work::Work;
use crate::context::{Context, Failure};
use crate::{Reply, SinkClosed, allowance};

/// How often the work is done again when somebody else changed what it rests on.
const ATTEMPTS: u32 = 3;

/// One step to be taken.
#[derive(Debug, Default)]
pub(crate) struct Step<'a> {
    pub(crate) collections: Vec<Collection<'a>>,
    pub(crate) window: Option<u32>,
    pub(crate) wait_secs: Option<u32>,
}

/// What a step came to.
pub(crate) enum Outcome {
    /// The pack has another way with the device.
    Advised(Recovery),
    /// The answer has left already, or was cut on its way.
    Flown(Reply),
    /// There is something to say.
    News(Vec<CollectionAnswer>),
    /// There is not.
    Nothing(Vec<CollectionAnswer>),
    /// The whole request is refused.
    Refused(Reply),
}

/// Does the work on a snapshot and commits it; again when somebody else was quicker.
pub(crate) fn attempt(context: &Context<'_>, step: &Step<'_>, out: &mut Outflow<'_>) -> Result<Outcome, Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        context.attempt.set(tries - 1);
        let snapshot = context.store().snapshot(context.user.id)?;
        let mut work = Work::new(context, &*snapshot)?;
        let outcome = work.run(step, out);
        let writes = work.writes();
        drop(snapshot);
        if out.has_begun() {
            return Ok(Outcome::Flown(ended(context, outcome.map(|_| writes), out)));
        }
        let outcome = outcome?;
        if matches!(outcome, Outcome::Refused(_) | Outcome::Advised(_)) || writes.is_empty() {
            return Ok(outcome);
        }
        let mut set = ChangeSet::by(context.user.id, context.device.key);
        set.writes = writes;
        set.writes.extend(allowance::bytes_max(context).map(|bytes_max| Write::Within { bytes_max }));
        match context.store().commit(set) {
            Ok(_) => return Ok(outcome),
            // Somebody else took the room there was.
            Err(StoreError::OverQuota { .. }) if tries < ATTEMPTS => {}
            Err(StoreError::Stale | StoreError::NotFound(Missing::Item)) if tries < ATTEMPTS => {}
            Err(StoreError::NotFound(Missing::Item)) => return Err(StoreError::Stale.into()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Commits the step whose answer is leaving, and lets the answer end; cuts it where that fails.
fn ended(context: &Context<'_>, writes: Result<Vec<Write>, Failure>, out: &mut Outflow<'_>) -> Reply {
    // Whoever has gone comes back with the old key.
    if out.is_closed() {
        return Reply::Cut;
    }
    let committed = writes.and_then(|writes| {
        let set = ChangeSet { writes, ..ChangeSet::by(context.user.id, context.device.key) };
        Ok(context.store().commit(set)?)
    });
    if let Err(error) = committed {
        let (user, device) = (context.user.id.0, context.device.key.0);
        if !matches!(&error, Failure::Store(error) if error.is_told()) {
            tracing::error!(user, device, %error, "an answer cannot be finished and is cut");
        }
        return Reply::Cut;
    }
    match out.finish() {
        Ok(()) => Reply::Streamed,
        Err(SinkClosed) => Reply::Cut,
    }
}
