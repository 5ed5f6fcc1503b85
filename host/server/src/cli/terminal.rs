//! Answers: tables and sentences for people, JSON for machines.

use std::io::{self, IsTerminal, Write};

use console::measure_text_width;
use serde::Serialize;
use serde_json::json;

use super::error::CliError;

/// Where answers go.
pub(super) struct Terminal {
    json: bool,
    out: Box<dyn Write>,
    errors: Box<dyn Write>,
}

impl Terminal {
    pub(super) fn new(json: bool) -> Self {
        Self { json, out: Box::new(io::stdout()), errors: Box::new(io::stderr()) }
    }

    /// Whether a machine reads.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether there is somebody to ask.
    pub(super) fn can_ask() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// An empty screen.
    pub(super) fn clear(&mut self) -> Result<(), CliError> {
        Ok(write!(self.out, "\x1b[H\x1b[2J")?)
    }

    /// A sentence, or the same for machines.
    pub(super) fn say(&mut self, sentence: &str, value: &impl Serialize) -> Result<(), CliError> {
        if self.json {
            return self.value(value);
        }
        writeln!(self.out, "{}", printable(sentence))?;
        Ok(self.out.flush()?)
    }

    /// Several lines, or the same for machines.
    pub(super) fn lines(&mut self, lines: &[String], value: &impl Serialize) -> Result<(), CliError> {
        if self.json {
            return self.value(value);
        }
        for line in lines {
            writeln!(self.out, "{}", printable(line))?;
        }
        Ok(self.out.flush()?)
    }

    /// One of an unknown number of lines; for machines one JSON value on a line of its own.
    pub(super) fn line(&mut self, line: &str, value: &impl Serialize) -> Result<(), CliError> {
        let text = if self.json { serde_json::to_string(value).map_err(io::Error::from)? } else { printable(line) };
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    /// A table, or the same for machines. Without rows it says `none`.
    pub(super) fn table(
        &mut self,
        heads: &[&str],
        rows: &[Vec<String>],
        none: &str,
        value: &impl Serialize,
    ) -> Result<(), CliError> {
        if self.json {
            return self.value(value);
        }
        if rows.is_empty() {
            writeln!(self.out, "{none}")?;
            return Ok(self.out.flush()?);
        }
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_uppercase()).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| &row[column]).chain([&heads[column]]);
            cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        for row in std::iter::once(&heads).chain(&rows) {
            writeln!(self.out, "{}", aligned(row, &widths))?;
        }
        Ok(self.out.flush()?)
    }

    /// Something to notice beside the answer.
    pub(super) fn note(&mut self, sentence: &str) {
        // Nobody is left to be told when standard error is gone.
        drop(writeln!(self.errors, "{}", printable(sentence)));
    }

    /// Why it failed.
    pub(super) fn complain(&mut self, error: &CliError) {
        let text = error.text();
        let told = if self.json {
            writeln!(self.errors, "{}", json!({ "error": text }))
        } else {
            let lines: Vec<String> = text.lines().map(printable).collect();
            writeln!(self.errors, "easel: {}", lines.join("\n"))
        };
        drop(told);
    }

    fn value(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width.saturating_sub(measure_text_width(cell)) + 2));
    }
    line.trim_end().to_owned()
}

/// Text that cannot steer a terminal: names and agents come from anywhere.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let steers = c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if steers { c.escape_default().collect::<Vec<char>>() } else { vec![c] }
        })
        .collect()
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(printable("Zoë\u{1b}[2J\u{202e}x\n"), "Zoë\\u{1b}[2J\\u{202e}x\\n");
    }

    #[test]
    fn columns_line_up_by_width_not_by_bytes() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(aligned(&row(["日本", "x"]), &[5, 1]), "日本   x");
        assert_eq!(aligned(&row(["Zoë", ""]), &[5, 1]), "Zoë");
    }

    #[test]
    fn bytes_are_counted_in_the_largest_unit() {
        assert_eq!([bytes(9), bytes(1536), bytes(5 << 30)], ["9 bytes", "1.5 KiB", "5.0 GiB"]);
    }
}
