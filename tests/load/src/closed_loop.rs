//! Devices that ask whether there is anything new, and hear that there is not.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use easel_protocol::Command;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::clock::now;
use crate::histogram::Histogram;
use crate::phone::{Door, Identity, Line, Phone, Wanted};

/// A device that has everything there is.
#[derive(Debug)]
pub(crate) struct Asker {
    line: Line,
    /// The request that is sent again and again: without news the key stays.
    request: Vec<u8>,
}

impl Asker {
    /// A device that synchronises first, and gets so many items by it.
    async fn ready(
        door: &Door,
        number: usize,
        identity: Identity,
        wanted: &Wanted,
        items: u64,
    ) -> anyhow::Result<Self> {
        let mut phone = Phone::connect(door, number, identity).await?;
        let brought = phone.synchronise(wanted).await?;
        ensure!(brought.items.len() as u64 == items, "{} items came of {items}", brought.items.len());
        let request = phone.identity.request(Command::Sync, &wanted.since(&brought.key));
        let mut asker = Self { line: phone.line, request };
        // What was sent last is acknowledged by this; from here on nothing changes.
        asker.ask().await?;
        Ok(asker)
    }

    /// Several devices that synchronise beside one another: a connection that waited for the others would be closed.
    pub(crate) async fn all_ready(
        door: &Door,
        identities: Vec<Identity>,
        wanted: Wanted,
        items: u64,
    ) -> anyhow::Result<Vec<Self>> {
        let mut beginning = JoinSet::new();
        for (number, identity) in identities.into_iter().enumerate() {
            let door = door.clone();
            beginning.spawn(async move { Self::ready(&door, number, identity, &wanted, items).await });
        }
        let mut askers = Vec::new();
        while let Some(ready) = beginning.join_next().await {
            askers.push(ready.context("a device broke")??);
        }
        Ok(askers)
    }

    async fn ask(&mut self) -> anyhow::Result<()> {
        let answer = self.line.ask(&self.request).await?;
        ensure!(answer.body.is_empty(), "news came where there are none: {} bytes", answer.body.len());
        Ok(())
    }
}

/// Everybody asks, for so long: at once again after each answer, or at a pace of their own.
pub(crate) async fn ask_for(
    askers: &mut Vec<Asker>,
    how_long: Duration,
    pace: Option<Duration>,
) -> anyhow::Result<Histogram> {
    let end = now() + how_long;
    let mut asking = JoinSet::new();
    for mut asker in askers.drain(..) {
        asking.spawn(async move {
            let mut times = Histogram::default();
            let mut ticks = pace.map(tokio::time::interval);
            if let Some(ticks) = &mut ticks {
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            }
            let mut start = now();
            while start < end {
                asker.ask().await?;
                times.record(now() - start);
                if let Some(ticks) = &mut ticks {
                    ticks.tick().await;
                }
                start = now();
            }
            anyhow::Ok((asker, times))
        });
    }
    let mut all = Histogram::default();
    while let Some(done) = asking.join_next().await {
        let (asker, times) = done.context("a device broke")??;
        askers.push(asker);
        all.add(&times);
    }
    ensure!(all.count() > 0, "nobody asked");
    Ok(all)
}
