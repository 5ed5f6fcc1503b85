//! The server starts where many devices are known, and ten thousand phones come back at once; some have got mail meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;

use super::Bench;
use super::parked::leave;
use crate::clock::now;
use crate::easel::Easel;
use crate::lmtp::Postman;
use crate::lot::{Arrival, Lot};
use crate::phone::Identity;
use crate::process::{Meter, Spent, memory};
use crate::report::{Report, Row};
use crate::sample::mail::short_mail;
use crate::seed::{Hash, Sort, address, app_secret, phone};

/// Phones that are on their way at once; the others try a moment later, as their radio lets them.
const AT_ONCE: usize = 500;
/// How soon everybody has to be back.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// How soon the server has to serve.
const SERVING_WITHIN: Duration = Duration::from_secs(2);

/// How phones log in when they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    /// With app passwords: this is what the goal is set for.
    App,
    /// With the users' own passwords, as the server hashes them.
    Own,
    /// With own passwords that cost nothing to check.
    Light,
}

impl Coming {
    const ALL: [Self; 3] = [Self::App, Self::Own, Self::Light];

    const fn passwords(self) -> &'static str {
        match self {
            Self::App => "with app passwords",
            Self::Own => "own passwords hashed with Argon2id, 19 MiB",
            Self::Light => "with hashes that cost nothing",
        }
    }

    fn phone(self, number: usize) -> Identity {
        match self {
            Self::App => {
                let phone = phone(Hash::Real, number, 0);
                let secret = app_secret(&phone.user);
                phone.with_app_password(&secret)
            }
            Self::Own => phone(Hash::Real, number, 0),
            Self::Light => phone(Hash::Light, number, 0),
        }
    }
}

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let scale = bench.scale();
    let count = scale.phones_allowed();
    let known = 2 * scale.phones * scale.devices_each;
    for coming in Coming::ALL {
        let easel = bench.start(Sort::Many)?;
        easel.door().connect(count).await?.exchange(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let serving = now() - easel.started;
        let is_goal = coming == Coming::App;
        if is_goal {
            let row = Row::new(format!("restart with {known} known devices, to the first answer"), "< 2 s");
            report.push(bench.judge(row, format!("{:.2} s", serving.as_secs_f64()), serving < SERVING_WITHIN));
        }
        let back = come_back(&easel, coming, count, scale.missed).await?;
        let took = back.took;
        let work = format!("{count} phones back, {}; {} mails came meanwhile", coming.passwords(), scale.missed);
        let reached = format!(
            "{:.0} s; no 401, no Ping lost; told to come later: {} logins, {} Pings",
            took.as_secs_f64(),
            back.arrival.sent_away,
            back.put_off
        );
        let row = Row::new(work, if is_goal { "within 60 s, no 401, no lost Ping" } else { "" });
        let row = if is_goal { bench.judge(row, reached, took <= BACK_WITHIN) } else { row.measured(reached) };
        let row = row.spent(&back.spent, count as u64).times(&back.arrival.times);
        report.push(row.resident(memory(easel.id())?.resident));
        leave(back.lot, easel).await?;
    }
    Ok(())
}

struct Back {
    lot: Lot,
    arrival: Arrival,
    /// Until everybody was let in and asked to wait, for the last time where that was put off.
    took: Duration,
    /// Pings that were put off.
    put_off: u64,
    spent: Spent,
}

async fn come_back(easel: &Easel, coming: Coming, count: usize, missed: usize) -> anyhow::Result<Back> {
    // Mail that comes while nobody is there; every phone is away alike, so the first ones will do.
    let away: BTreeSet<usize> = (0..missed.min(count)).collect();
    deliver(easel, coming, &away).await?;
    let meter = Meter::start(easel.id())?;
    let mut lot = Lot::new(easel.door(), easel.id());
    let began = now();
    let arrival = lot.enter((0..count).map(|number| (number, coming.phone(number))), AT_ONCE).await?;
    let spent = meter.read()?;
    let told = lot.settle().await?;
    let put_off = lot.put_off().times();
    let took = lot.put_off().last_back().map_or(Duration::ZERO, |back| back - began).max(arrival.times.max());
    let lost = away.difference(&told).count();
    ensure!(lost == 0, "{lost} of {} phones were not told of mail that came while they were away", away.len());
    // Now everybody waits: each of these is told, and nobody else.
    let next: BTreeSet<usize> = (count.saturating_sub(missed)..count).collect();
    deliver(easel, coming, &next).await?;
    lot.told(&next).await?;
    lot.quiet()?;
    Ok(Back { lot, arrival, took, put_off, spent })
}

async fn deliver(easel: &Easel, coming: Coming, to: &BTreeSet<usize>) -> anyhow::Result<()> {
    let mut postman = Postman::connect(&easel.lmtp).await?;
    for number in to {
        let to = address(&coming.phone(*number).user);
        postman.address(std::slice::from_ref(&to)).await?;
        postman.hand_over(&short_mail(*number as u64, &to).raw).await?;
        postman.delivered().await?;
    }
    Ok(())
}
