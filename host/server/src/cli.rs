//! The command line.

mod backup;
mod check;
mod confirm;
mod device;
mod error;
mod export;
mod guide;
mod import;
mod init;
mod pack;
mod password;
mod progress;
mod queue;
mod restore;
mod serve;
mod tenant;
mod terminal;
mod top;
mod user;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::admin::Channel;
use crate::config::Config;
use error::CliError;
use terminal::Terminal;

const AFTER_HELP: &str = "\
With a server running on the data directory, every verb is carried out by the server and takes effect at once; \
otherwise it is carried out here.

The configuration is the file of --config, else of $EASEL_CONFIG, else easel.toml in the current directory, else \
/etc/easel/easel.toml.

A user is written anna@ox.io; without @ the user belongs to the tenant defaultcontext.

Examples:
  easel init /srv/easel --self-signed mail.example.org
  easel --config /srv/easel/easel.toml user add anna --address anna@example.org --random
  easel --config /srv/easel/easel.toml serve";

/// An Exchange ActiveSync server: mail, contacts, calendars, tasks and notes for phones.
#[derive(Debug, Parser)]
#[command(name = "easel", version, after_help = AFTER_HELP, max_term_width = 120)]
struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answers for machines: one JSON value on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes a configuration and an empty data directory.
    Init(init::Arguments),
    /// Serves until it is told to stop (SIGTERM or Ctrl-C).
    Serve(serve::Arguments),
    /// Looks for mistakes in the configuration and the data.
    Check(check::Arguments),
    /// Adds, changes, lists and removes users.
    #[command(subcommand)]
    User(user::Verb),
    /// Adds and lists tenants: domains of users who see one another and nobody else.
    #[command(subcommand)]
    Tenant(tenant::Verb),
    /// Imports mail, calendars, tasks, notes and contacts.
    Import(import::Arguments),
    /// Exports a mailbox into files.
    Export(export::Arguments),
    /// Writes everything into one file while the server goes on.
    Backup(backup::Arguments),
    /// Makes a backup the data again.
    Restore(restore::Arguments),
    /// Lists devices, and blocks, wipes or forgets them.
    #[command(subcommand)]
    Device(device::Verb),
    /// Installs, lists and removes packs; makes, builds, tests and signs them.
    #[command(subcommand)]
    Pack(pack::Verb),
    /// Prints how the owner of a device sets it up.
    Guide(guide::Arguments),
    /// Shows what devices are doing now, with which pack, and what it costs.
    Top(top::Arguments),
    /// Lists mail on its way out, and has it tried again or dropped.
    #[command(subcommand)]
    Queue(queue::Verb),
}

/// The exit code when everything was done that can be, and something is lost.
const INCOMPLETE: u8 = 3;

/// Reads the command line and does what it says.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let mut terminal = Terminal::new(cli.json);
    let file = config_file(cli.config.as_deref());
    let done = match cli.verb {
        Verb::Init(arguments) => init::run(&arguments, &mut terminal),
        Verb::Serve(arguments) => serve::run(&arguments, &file, &mut terminal),
        Verb::Check(arguments) => check::run(&arguments, &file, &mut terminal),
        Verb::User(verb) => user::run(verb, &file, &mut terminal),
        Verb::Tenant(verb) => tenant::run(verb, &file, &mut terminal),
        Verb::Import(arguments) => import::run(&arguments, &file, &mut terminal),
        Verb::Export(arguments) => export::run(&arguments, &file, &mut terminal),
        Verb::Backup(arguments) => backup::run(&arguments, &file, &mut terminal),
        Verb::Restore(arguments) => restore::run(&arguments, &file, &mut terminal),
        Verb::Device(verb) => device::run(verb, &file, &mut terminal),
        Verb::Pack(verb) => pack::run(verb, &file, &mut terminal),
        Verb::Guide(arguments) => guide::run(&arguments, &file, &mut terminal),
        Verb::Top(arguments) => top::run(&arguments, &file, &mut terminal),
        Verb::Queue(verb) => queue::run(verb, &file, &mut terminal),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(CliError::Found) => ExitCode::FAILURE,
        Err(error) => {
            terminal.complain(&error);
            if error.is_partial() { ExitCode::from(INCOMPLETE) } else { ExitCode::FAILURE }
        }
    }
}

fn config_file(given: Option<&Path>) -> PathBuf {
    if let Some(given) = given {
        return given.to_owned();
    }
    if let Some(named) = std::env::var_os("EASEL_CONFIG") {
        return PathBuf::from(named);
    }
    let here = PathBuf::from("easel.toml");
    let system = PathBuf::from("/etc/easel/easel.toml");
    if !here.exists() && system.exists() { system } else { here }
}

/// Reads the configuration and finds who owns the data directory.
fn open(file: &Path, what: &str) -> Result<Channel, CliError> {
    let (config, _) = Config::load(file)?;
    Ok(Channel::open(&config, what)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const WIDTH: usize = 80;

    /// The help of a verb and of all below it, by name.
    fn helps(command: &mut clap::Command, name: &str, all: &mut Vec<(String, String)>) {
        all.push((name.to_owned(), command.clone().term_width(WIDTH).render_long_help().to_string()));
        for verb in command.get_subcommands_mut() {
            let name = format!("{name} {}", verb.get_name());
            helps(verb, &name, all);
        }
    }

    /// The column at which a line of sentences begins; `None` for one that begins with the name of an option or verb,
    /// and for none.
    fn column(line: &str) -> Option<usize> {
        let text = line.trim_start();
        let is_entry = text.starts_with(['-', '<', '[']) || text.contains("  ");
        (!text.is_empty() && !is_entry).then(|| line.len() - text.len())
    }

    /// A line ends early if the first word of the next one had room in it, both being of one paragraph: they begin at
    /// the same column, with nothing between them. Examples, which come last, are not sentences.
    #[test]
    fn no_line_of_a_help_ends_early_on_a_narrow_terminal() {
        let mut all = Vec::new();
        let mut cli = Cli::command();
        cli.build();
        helps(&mut cli, "easel", &mut all);
        assert!(all.len() > 30, "{}", all.len());
        let mut ragged = Vec::new();
        for (name, help) in &all {
            ragged.extend(help.lines().filter(|line| line.contains('\\')).map(|line| format!("{name}: {line}")));
            let sentences = help.split("\nExample").next().unwrap_or_default();
            let lines: Vec<&str> = sentences.lines().collect();
            for pair in lines.windows(2) {
                let (Some(here), Some(there)) = (column(pair[0]), column(pair[1])) else { continue };
                let next = pair[1].split_whitespace().next().unwrap_or_default();
                let is_heading = pair[0].ends_with(':') && here == 0;
                if here == there && !is_heading && pair[0].chars().count() + 1 + next.chars().count() <= WIDTH {
                    ragged.push(format!("{name}: {}", pair[0]));
                }
            }
        }
        assert!(ragged.is_empty(), "{}", ragged.join("\n"));
    }
}
