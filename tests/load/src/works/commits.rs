//! Devices send changes at once, each durable before it is answered: on the disk as it is, and on one that is slower.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use easel_protocol::{Command, Version};
use easel_wbxml::pages::{airsync, email};
use easel_wbxml::{Element, decode};
use tokio::task::JoinSet;

use super::Bench;
use crate::clock::now;
use crate::easel::Easel;
use crate::histogram::Histogram;
use crate::phone::{Door, INBOX, Identity, Phone, Wanted};
use crate::process::{Meter, memory};
use crate::report::{Report, Row};
use crate::scan::Synced;
use crate::seed::{Sort, writer};
use crate::slow_sync;

/// What a sync takes at least in the second half.
const SLOW: Duration = Duration::from_millis(1);
/// Mails without their bodies: only what is read and unread goes back and forth.
const UNREAD: Wanted = Wanted { body: None, ..INBOX };

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let dir = bench.own_dir("slow-sync")?;
    measure(bench, report, None).await?;
    match slow_sync::compile(&dir, SLOW) {
        Ok(library) => measure(bench, report, Some(&library)).await,
        Err(error) => {
            report.note(format!("no commits on a slow disk: {error:#}"));
            Ok(())
        }
    }
}

async fn measure(bench: &Bench<'_>, report: &mut Report, library: Option<&Path>) -> anyhow::Result<()> {
    let (house, scale) = (bench.house(Sort::Main)?, bench.scale());
    let easel = Easel::start(&bench.options.easel, &house, library)?;
    let door = easel.door();
    let mut writers = Vec::new();
    for number in 0..scale.writers {
        writers.push(Writer::ready(&door, number).await?);
    }
    write_for(&mut writers, scale.warm).await?;
    let meter = Meter::start(easel.id())?;
    let times = write_for(&mut writers, scale.measured).await?;
    let spent = meter.read()?;
    let rate = spent.rate(times.count());
    let slow = library.is_some();
    let disk = if slow { "where a sync takes 1 ms or more (a library in between sleeps)" } else { "on this disk" };
    let row =
        Row::new(format!("changes of {} devices at once, {disk}", scale.writers), if slow { ">= 8,000/s" } else { "" });
    let reached = format!("{rate:.0} durable commits/s");
    let row = if slow { bench.judge(row, reached, rate >= 8_000.0) } else { row.measured(reached) };
    report.push(row.spent(&spent, times.count()).times(&times).resident(memory(easel.id())?.resident));
    // Whatever was answered is there after a crash.
    easel.kill()?;
    let easel = Easel::start(&bench.options.easel, &house, None)?;
    let door = easel.door();
    for (number, writer) in writers.iter().enumerate() {
        writer.check(&door, number).await?;
    }
    easel.stop()
}

/// A device that marks a mail as read, and as unread again.
struct Writer {
    phone: Phone,
    key: String,
    mail: String,
    is_read: bool,
}

impl Writer {
    async fn ready(door: &Door, number: usize) -> anyhow::Result<Self> {
        let mut phone = Phone::connect(door, number, writer(number)).await?;
        let brought = phone.synchronise(&UNREAD).await?;
        let mail = brought.items.first().context("an empty Inbox")?.clone();
        Ok(Self { phone, key: brought.key, mail, is_read: false })
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        let is_read = !self.is_read;
        let data = Element::of(airsync::APPLICATION_DATA, [Element::boolean(email::READ, is_read)]);
        let change = Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, self.mail.clone()), data]);
        let answer = self.phone.ask(Command::Sync, &UNREAD.sending(&self.key, vec![change])).await?;
        let synced = Synced::read(&answer.body)?;
        ensure!(synced.key != self.key, "a change did not move the key");
        ensure!(synced.added.is_empty() && synced.others == 0, "a change comes back to who made it");
        self.key = synced.key;
        self.is_read = is_read;
        Ok(())
    }

    /// Another device of the same user sees what was answered last.
    async fn check(&self, door: &Door, number: usize) -> anyhow::Result<()> {
        let identity = Identity::new(&self.phone.identity.user, "LOADCHECK", Version::V14_1);
        let mut phone = Phone::connect(door, number, identity).await?;
        phone.folder_sync().await?;
        let key = phone.begin(&UNREAD).await?;
        let answer = phone.ask(Command::Sync, &UNREAD.since(&key)).await?;
        let root = decode(&answer.body)?;
        let commands =
            root.at(&[airsync::COLLECTIONS, airsync::COLLECTION, airsync::COMMANDS]).context("no Commands")?;
        let item = commands.children().find(|add| add.text_of(airsync::SERVER_ID).as_deref() == Some(&self.mail));
        let item = item.with_context(|| format!("mail {} of {} is lost", self.mail, self.phone.identity.user))?;
        let read = item.at(&[airsync::APPLICATION_DATA, email::READ]).context("no Read")?.value() == "1";
        ensure!(read == self.is_read, "the last change of {} is lost", self.phone.identity.user);
        Ok(())
    }
}

/// Everybody writes, for so long, each again as soon as it was answered.
async fn write_for(writers: &mut Vec<Writer>, how_long: Duration) -> anyhow::Result<Histogram> {
    let end = now() + how_long;
    let mut writing = JoinSet::new();
    for (place, mut writer) in writers.drain(..).enumerate() {
        writing.spawn(async move {
            let mut times = Histogram::default();
            let mut start = now();
            while start < end {
                writer.write().await?;
                times.record(now() - start);
                start = now();
            }
            anyhow::Ok((place, writer, times))
        });
    }
    let mut all = Histogram::default();
    let mut done = Vec::new();
    while let Some(one) = writing.join_next().await {
        let (place, writer, times) = one.context("a device broke")??;
        done.push((place, writer));
        all.add(&times);
    }
    done.sort_by_key(|(place, _)| *place);
    writers.extend(done.into_iter().map(|(_, writer)| writer));
    Ok(all)
}
