//! Lines of a file, whatever is in it: a line of a gigabyte comes in pieces.

use std::io::{self, BufRead};

/// Bytes of a line that are handed on at once.
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

/// Reads lines and counts bytes and lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    /// Bytes before the piece that was read last.
    pub(super) start: u64,
    /// Bytes up to its end.
    pub(super) end: u64,
    /// The line the piece is on, from 1.
    pub(super) number: u64,
    /// Whether the piece begins its line.
    pub(super) begins: bool,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, start: 0, end: 0, number: 0, begins: true, ended: true }
    }

    /// Reads a line with its end, or a piece of a long one, into `line`, which is cleared; `false` at the end.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        self.begins = self.ended;
        self.start = self.end;
        while line.len() < LINE_BYTES_MAX {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            let room = available.len().min(LINE_BYTES_MAX - line.len());
            let found = available[..room].iter().position(|byte| *byte == b'\n');
            let taken = found.map_or(room, |at| at + 1);
            line.extend_from_slice(&available[..taken]);
            self.input.consume(taken);
            if found.is_some() {
                break;
            }
        }
        self.end += line.len() as u64;
        self.ended = line.last() == Some(&b'\n');
        self.number += u64::from(self.begins && !line.is_empty());
        Ok(!line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_a_long_one_comes_in_pieces() {
        let text = format!("a\n{}\nb", "x".repeat(LINE_BYTES_MAX + 10));
        let mut lines = Lines::new(io::BufReader::with_capacity(1000, text.as_bytes()));
        let mut line = Vec::new();
        let mut seen = Vec::new();
        while lines.next(&mut line).unwrap() {
            seen.push((lines.number, lines.begins, lines.start, line.len()));
        }
        let long = LINE_BYTES_MAX as u64;
        let expected =
            [(1, true, 0, 2), (2, true, 2, LINE_BYTES_MAX), (2, false, 2 + long, 11), (3, true, 13 + long, 1)];
        assert_eq!(seen, expected);
    }
}
