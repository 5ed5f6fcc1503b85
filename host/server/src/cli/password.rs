//! Where a new password comes from.

use std::io::{self, BufRead};

use clap::Args;
use console::Term;
use rand::seq::IndexedRandom;

use super::error::CliError;
use super::terminal::Terminal;
use crate::admin::Password;

/// Letters that are not mistaken for one another on a phone.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// Groups of four letters: 79 bits.
const GROUPS: usize = 4;
/// Bytes of a line on standard input that are read.
const LINE_MAX: u64 = 4096;

#[derive(Debug, Args)]
pub(super) struct Source {
    /// Makes a password and prints it once. Otherwise it is asked for, or read from the first line of standard input.
    #[arg(long)]
    random: bool,
}

/// A password, and whether it has to be shown.
pub(super) struct Chosen {
    pub(super) password: Password,
    pub(super) is_new: bool,
}

impl Source {
    pub(super) fn choose(&self, login: &str) -> Result<Chosen, CliError> {
        if self.random {
            return Ok(Chosen { password: Password(random()), is_new: true });
        }
        let password = if Terminal::can_ask() { ask(login)? } else { read_line()? };
        Ok(Chosen { password: Password(password), is_new: false })
    }
}

fn random() -> String {
    let mut rng = rand::rng();
    let mut letter = || char::from(*ALPHABET.choose(&mut rng).expect("the alphabet is not empty"));
    let groups: Vec<String> = (0..GROUPS).map(|_| (0..4).map(|_| letter()).collect()).collect();
    groups.join("-")
}

fn ask(login: &str) -> Result<String, CliError> {
    let terminal = Term::stderr();
    let hidden = |question: &str| -> io::Result<String> {
        terminal.write_str(question)?;
        terminal.read_secure_line()
    };
    let password = hidden(&format!("New password of {login}: "))?;
    if hidden("The same again: ")? != password {
        return Err(CliError::Said("the two passwords differ; nothing was changed".to_owned()));
    }
    Ok(password)
}

fn read_line() -> Result<String, CliError> {
    let mut line = String::new();
    io::Read::take(io::stdin().lock(), LINE_MAX).read_line(&mut line)?;
    let password = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if password.is_empty() {
        let cure = "no password on standard input: write it there, or use --random";
        return Err(CliError::Said(cure.to_owned()));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_password_can_be_typed_and_is_never_the_same() {
        let (one, two) = (random(), random());
        assert_ne!(one, two);
        assert_eq!(one.len(), 19);
        assert!(one.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{one}");
    }
}
