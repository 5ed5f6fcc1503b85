//! What was measured, as a table for the README.

use std::time::Duration;

use crate::histogram::Histogram;
use crate::machine::{Machine, millis};
use crate::process::Spent;

/// How a number stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is no goal, or this scale is not the one it is set for.
    Measured,
    /// Not reached.
    Missed,
    /// Reached.
    Reached,
}

impl Verdict {
    pub(crate) const fn of(reached: bool) -> Self {
        if reached { Self::Reached } else { Self::Missed }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Measured => "",
            Self::Missed => "**missed**",
            Self::Reached => "reached",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was done.
    pub work: String,
    /// What is to be reached.
    pub goal: String,
    /// What was reached.
    pub reached: String,
    /// How the two stand.
    pub verdict: Option<Verdict>,
    pub(crate) cpu: Option<Duration>,
    pub(crate) half: Option<Duration>,
    pub(crate) most: Option<Duration>,
    pub(crate) resident: Option<u64>,
    pub(crate) own_share: Option<f64>,
}

impl Row {
    pub(crate) fn new(work: impl Into<String>, goal: impl Into<String>) -> Self {
        Self { work: work.into(), goal: goal.into(), ..Self::default() }
    }

    /// What was reached, and whether it is enough.
    pub(crate) fn reached(mut self, reached: impl Into<String>, enough: bool) -> Self {
        self.reached = reached.into();
        self.verdict = Some(Verdict::of(enough));
        self
    }

    /// What was measured where there is no goal.
    pub(crate) fn measured(mut self, measured: impl Into<String>) -> Self {
        self.reached = measured.into();
        self.verdict = Some(Verdict::Measured);
        self
    }

    /// The CPU of server and load program for so many requests.
    pub(crate) fn spent(mut self, spent: &Spent, count: u64) -> Self {
        self.cpu = Some(spent.each(count));
        self.own_share = Some(spent.own_share());
        self
    }

    pub(crate) fn times(mut self, times: &Histogram) -> Self {
        self.half = Some(times.quantile(0.5));
        self.most = Some(times.quantile(0.99));
        self
    }

    pub(crate) fn resident(mut self, bytes: u64) -> Self {
        self.resident = Some(bytes);
        self
    }

    fn cells(&self) -> [String; 8] {
        let blank = || "-".to_owned();
        let times = self.half.zip(self.most).map(|(half, most)| format!("{} / {}", millis(half), millis(most)));
        [
            self.work.clone(),
            if self.goal.is_empty() { blank() } else { self.goal.clone() },
            self.reached.clone(),
            self.verdict.unwrap_or(Verdict::Measured).word().to_owned(),
            self.cpu.map_or_else(blank, millis),
            times.unwrap_or_else(blank),
            self.resident.map_or_else(blank, |bytes| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))),
            self.own_share.map_or_else(blank, |share| format!("{:.0} %", share * 100.0)),
        ]
    }
}

/// The table, and what stands around it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The lines, in the order of the works.
    pub rows: Vec<Row>,
    /// Works whose answers were wrong, or which took too long: what happened.
    pub failures: Vec<String>,
    notes: Vec<String>,
}

const TITLES: [&str; 8] =
    ["work", "to reach", "reached", "", "server CPU each", "p50 / p99", "resident", "load program's share of CPU"];

impl Report {
    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.failures.extend(other.failures);
        self.notes.extend(other.notes);
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The page: Markdown.
    pub(crate) fn page(&self, command: &str, machine: &Machine) -> String {
        let mut lines = vec![format!("`{command}`"), String::new()];
        lines.extend(machine.lines().into_iter().map(|line| format!("- {line}")));
        lines.push(String::new());
        lines.push(format!("| {} |", TITLES.join(" | ")));
        lines.push("|---|---|---|---|--:|--:|--:|--:|".to_owned());
        lines.extend(self.rows.iter().map(|row| format!("| {} |", row.cells().join(" | "))));
        lines.push(String::new());
        lines.extend(self.notes.iter().map(|note| format!("- {note}")));
        lines.extend(self.failures.iter().map(|failure| format!("- WRONG: {failure}")));
        lines.join("\n").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_a_table_that_says_what_was_reached_and_what_was_missed() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::measure(dir.path()).unwrap();
        let mut report = Report::default();
        let mut times = Histogram::default();
        times.record(Duration::from_micros(1500));
        let spent =
            Spent { wall: Duration::from_secs(1), server: Duration::from_millis(300), own: Duration::from_millis(100) };
        report.push(
            Row::new("pages", "quick").reached("quick", true).spent(&spent, 1000).times(&times).resident(5 << 20),
        );
        report.push(Row::new("others", "<= 1").reached("2", false));
        report.push(Row::new("more", "").measured("7"));
        report.note("one note");
        report.failures.push("a work: what happened".to_owned());
        let page = report.page("the command", &machine);
        assert!(page.starts_with("`the command`\n\n- "), "{page}");
        assert!(
            page.contains("| pages | quick | quick | reached | 0.300 ms | 1.50 ms / 1.50 ms | 5 MiB | 25 % |"),
            "{page}"
        );
        assert!(page.contains("| others | <= 1 | 2 | **missed** | - | - | - | - |"), "{page}");
        assert!(page.contains("| more | - | 7 |  | - |"), "{page}");
        assert!(page.ends_with("- one note\n- WRONG: a work: what happened"), "{page}");
        let columns: Vec<usize> =
            page.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
        assert_eq!(columns, [9; 5]);
    }
}
