//! A last question before something cannot be taken back.

use console::Term;

use super::error::CliError;
use super::terminal::Terminal;

/// Goes on only if `given`, or else what is typed, is `expected`.
pub(super) fn typed(question: &str, expected: &str, given: Option<&str>) -> Result<(), CliError> {
    let answer = match given {
        Some(given) => given.to_owned(),
        None if Terminal::can_ask() => {
            let terminal = Term::stderr();
            terminal.write_line(question)?;
            terminal.write_str(&format!("Type {expected} to go on: "))?;
            terminal.read_line()?
        }
        None => String::new(),
    };
    if answer.trim() == expected {
        return Ok(());
    }
    Err(CliError::Said(format!("nothing was done: {question} To do it, confirm with {expected}")))
}
