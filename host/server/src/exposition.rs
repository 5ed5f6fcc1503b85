//! Numbers as text that monitoring reads: OpenMetrics 1.0.0, "Text format".
//!
//! Written here and not by a library: what is counted on the way of a request is counted with atomics (the histograms of
//! the libraries take a lock), and what is left is a few lines.

use std::fmt::{Display, Write as _};

use easel_store::HistogramRead;

/// The content type of the text.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a family of numbers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many values were up to each bound.
    Histogram,
    /// Facts in labels.
    Info,
    /// Quantiles.
    Summary,
}

/// Labels of a number: names and values.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// The text, as it grows: families one after another, each begun with [`Exposition::family`].
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    /// The family being written, with what follows its name in a plain number.
    family: String,
    suffix: &'static str,
}

impl Exposition {
    /// Begins a family. `name` ends with its unit where it has one; `unit` says it again, or is empty.
    pub fn family(&mut self, name: &str, kind: Kind, unit: &str, help: &str) {
        let (word, suffix) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram => ("histogram", ""),
            Kind::Info => ("info", "_info"),
            Kind::Summary => ("summary", ""),
        };
        self.suffix = suffix;
        name.clone_into(&mut self.family);
        self.line(format_args!("# TYPE {name} {word}"));
        if !unit.is_empty() {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name} {}", escaped(help)));
    }

    /// A number of the family.
    pub fn number(&mut self, labels: Labels<'_>, value: impl Display) {
        self.sample(self.suffix, labels, value);
    }

    /// A histogram of the family; `scale` values make one of its unit.
    pub fn histogram(&mut self, labels: Labels<'_>, read: &HistogramRead, scale: f64) {
        let mut below = 0;
        for (bound, count) in &read.steps {
            below += count;
            self.bucket(labels, &scaled(*bound, scale), below);
        }
        below += read.above;
        self.bucket(labels, "+Inf", below);
        self.sample("_count", labels, below);
        self.sample("_sum", labels, scaled(read.sum, scale));
    }

    fn bucket(&mut self, labels: Labels<'_>, bound: &str, below: u64) {
        self.sample("_bucket", &[labels, &[("le", bound)]].concat(), below);
    }

    /// A number of the family under a name of its own, such as `_sum`.
    pub fn sample(&mut self, suffix: &str, labels: Labels<'_>, value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let name = format!("{}{suffix}", self.family);
        self.line(format_args!("{name}{labels} {value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a text takes everything");
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

/// A count in a larger unit: a decimal number, always with a point.
#[expect(clippy::cast_precision_loss, reason = "a count of microseconds for people")]
pub fn scaled(value: u64, scale: f64) -> String {
    format!("{:?}", value as f64 / scale)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_openmetrics_has_them() {
        let mut page = Exposition::default();
        page.family("easel_requests", Kind::Counter, "", "Requests.");
        page.number(&[("command", "Sy\"nc\\\n")], 3);
        page.family("easel_wait_seconds", Kind::Histogram, "seconds", "Waits.");
        page.histogram(&[], &HistogramRead { steps: vec![(500, 1), (1_000_000, 2)], above: 1, sum: 2_500_000 }, 1e6);
        let expected = "\
# TYPE easel_requests counter
# HELP easel_requests Requests.
easel_requests_total{command=\"Sy\\\"nc\\\\\\n\"} 3
# TYPE easel_wait_seconds histogram
# UNIT easel_wait_seconds seconds
# HELP easel_wait_seconds Waits.
easel_wait_seconds_bucket{le=\"0.0005\"} 1
easel_wait_seconds_bucket{le=\"1.0\"} 3
easel_wait_seconds_bucket{le=\"+Inf\"} 4
easel_wait_seconds_count 4
easel_wait_seconds_sum 2.5
# EOF
";
        assert_eq!(page.finish(), expected);
    }
}
