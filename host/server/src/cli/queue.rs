//! `easel queue`

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::error::CliError;
use super::open;
use super::terminal::Terminal;
use crate::admin::{QueueOrder, QueuedShown, Request};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lists mail on its way out, with what became of it so far.
    List {
        /// Only mail that somebody refused for good.
        #[arg(long)]
        failed: bool,
    },
    /// Has a message tried now, for those who refused it for good as well.
    Retry {
        /// Its number, as `easel queue list` shows it.
        number: u64,
    },
    /// Removes a message: it is not sent to those who have not got it.
    Drop {
        /// Its number.
        number: u64,
    },
}

pub(super) fn run(verb: Verb, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    match verb {
        Verb::List { failed } => {
            let mut messages = open(file, "queue list")?.queue()?;
            messages.retain(|message| !failed || !message.failed.is_empty());
            list(&messages, terminal)
        }
        Verb::Retry { number } => order(file, terminal, number, QueueOrder::Retry, "will be tried again now"),
        Verb::Drop { number } => order(file, terminal, number, QueueOrder::Drop, "is dropped"),
    }
}

fn order(file: &Path, terminal: &mut Terminal, number: u64, order: QueueOrder, done: &str) -> Result<(), CliError> {
    open(file, "queue")?.order(Request::QueueDo { number, order }, &[])?;
    terminal.say(&format!("message {number} {done}"), &json!({ "number": number }))
}

fn list(messages: &[QueuedShown], terminal: &mut Terminal) -> Result<(), CliError> {
    let rows: Vec<Vec<String>> = messages.iter().flat_map(rows).collect();
    let heads = ["number", "queued", "user", "subject", "to", "tries", "next", "said"];
    terminal.table(&heads, &rows, "nothing is queued", &messages)
}

/// A line for each recipient.
fn rows(message: &QueuedShown) -> Vec<Vec<String>> {
    let row = |to: &str, next: &str, said: &str| {
        vec![
            message.number.to_string(),
            message.queued.clone(),
            message.login.clone(),
            message.subject.clone(),
            to.to_owned(),
            message.attempts.to_string(),
            next.to_owned(),
            said.to_owned(),
        ]
    };
    let next = message.next_attempt.as_deref().unwrap_or_default();
    let said = message.last_error.as_deref().unwrap_or_default();
    let failed = message.failed.iter().map(|(to, reason)| row(to, "never", reason));
    let waiting = message.waiting.iter().map(|to| {
        let own = message.delayed.iter().find(|(delayed, _)| delayed == to);
        row(to, next, own.map_or(said, |(_, reason)| reason))
    });
    waiting.chain(failed).collect()
}
