//! The works, one a file.

mod backup;
mod commits;
mod first_sync;
mod no_change;
mod overload;
mod packs;
mod parked;
mod push;
mod reloads;
mod restart;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::easel::{Easel, House};
use crate::pack;
use crate::report::{Report, Row};
use crate::seed::{self, Seeder, Sort};
use crate::{Options, Scale};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Devices ask in a closed loop whether there is anything new.
    NoChange,
    /// A phone gets a large Inbox for the first time.
    FirstMail,
    /// The same with contacts.
    FirstContacts,
    /// The same with events.
    FirstEvents,
    /// Many phones wait in a Ping.
    Parked,
    /// Mail comes while they wait.
    Push,
    /// Devices send changes at once.
    Commits,
    /// What a device costs, and whether many cost more.
    State,
    /// The server starts, and everybody comes back.
    Restart,
    /// What packs add to a Sync.
    Packs,
    /// A pack is replaced again and again while its phones synchronise.
    Reloads,
    /// Somebody asks for far too much, in one way after the other.
    Overload,
    /// A backup is made while others work.
    Backup,
}

impl Work {
    /// All, in the order of the table.
    pub const ALL: [Self; 13] = [
        Self::NoChange,
        Self::FirstMail,
        Self::FirstContacts,
        Self::FirstEvents,
        Self::Parked,
        Self::Push,
        Self::Commits,
        Self::State,
        Self::Restart,
        Self::Packs,
        Self::Reloads,
        Self::Overload,
        Self::Backup,
    ];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoChange => "no-change",
            Self::FirstMail => "first-mail",
            Self::FirstContacts => "first-contacts",
            Self::FirstEvents => "first-events",
            Self::Parked => "parked",
            Self::Push => "push",
            Self::Commits => "commits",
            Self::State => "state",
            Self::Restart => "restart",
            Self::Packs => "packs",
            Self::Reloads => "reloads",
            Self::Overload => "overload",
            Self::Backup => "backup",
        }
    }

    /// How long it may take; making sample data does not count.
    pub const fn bound(self) -> Duration {
        Duration::from_secs(match self {
            Self::NoChange | Self::FirstContacts | Self::FirstEvents => 180,
            Self::FirstMail | Self::Commits => 300,
            Self::Backup | Self::Parked | Self::Push | Self::State => 600,
            Self::Packs => 900,
            Self::Restart | Self::Reloads => 1200,
            Self::Overload => 1800,
        })
    }
}

/// What a work is given.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    options: &'a Options,
}

impl<'a> Bench<'a> {
    pub(crate) const fn new(options: &'a Options) -> Self {
        Self { options }
    }

    /// Runs one work; what it measured goes into `report`.
    pub(crate) async fn run(&self, work: Work, report: &mut Report) -> anyhow::Result<()> {
        // Sample data is made before the clock runs, and so are packs.
        if matches!(work, Work::Packs | Work::Reloads) {
            pack::built()?;
        }
        for sort in match work {
            Work::State => vec![Sort::Few, Sort::Many],
            Work::Restart => vec![Sort::Many],
            Work::Backup | Work::Reloads => Vec::new(),
            Work::Overload => vec![Sort::Overload],
            Work::Commits
            | Work::FirstContacts
            | Work::FirstEvents
            | Work::FirstMail
            | Work::NoChange
            | Work::Packs
            | Work::Parked
            | Work::Push => vec![Sort::Main],
        } {
            self.house(sort)?;
        }
        let running = async {
            match work {
                Work::NoChange => no_change::run(self, report).await,
                Work::FirstMail => first_sync::mail(self, report).await,
                Work::FirstContacts => first_sync::contacts(self, report).await,
                Work::FirstEvents => first_sync::events(self, report).await,
                Work::Parked => parked::run(self, report).await,
                Work::Push => push::run(self, report).await,
                Work::Commits => commits::run(self, report).await,
                Work::State => state::run(self, report).await,
                Work::Restart => restart::run(self, report).await,
                Work::Packs => packs::run(self, report).await,
                Work::Reloads => reloads::run(self, report).await,
                Work::Overload => overload::run(self, report).await,
                Work::Backup => backup::run(self, report).await,
            }
        };
        let within = tokio::time::timeout(work.bound(), Box::pin(running)).await;
        within.with_context(|| format!("it takes longer than {} s", work.bound().as_secs()))?
    }

    fn scale(&self) -> &Scale {
        &self.options.scale
    }

    fn house(&self, sort: Sort) -> anyhow::Result<House> {
        seed::house(&self.options.easel, &self.options.dir, self.scale(), sort)
    }

    /// Starts the server on a data directory.
    fn start(&self, sort: Sort) -> anyhow::Result<Easel> {
        Easel::start(&self.options.easel, &self.house(sort)?, None)
    }

    /// Where a work keeps what it needs for itself.
    fn own_dir(&self, name: &str) -> anyhow::Result<PathBuf> {
        let dir = self.options.dir.join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(dir)
    }

    /// A house of a work's own, which loads packs of these hashes; `fill` makes its sample data.
    fn own_house(
        &self,
        name: &str,
        hashes: &[String],
        fill: impl FnOnce(&Seeder) -> anyhow::Result<()>,
    ) -> anyhow::Result<House> {
        let house = House::make(&self.options.easel, &self.own_dir(name)?)?;
        let seeder = Seeder::open(&house)?;
        fill(&seeder)?;
        seeder.finish()?;
        house.with_packs(hashes)
    }

    /// A row with what was reached; whether that is enough is said only of the sizes that the goals are set for.
    fn judge(&self, row: Row, reached: impl Into<String>, enough: bool) -> Row {
        if *self.scale() == Scale::FULL.measured_for(self.scale().measured) {
            row.reached(reached, enough)
        } else {
            row.measured(reached)
        }
    }
}
