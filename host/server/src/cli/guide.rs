//! `easel guide`

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::open;
use super::terminal::Terminal;
use crate::admin::{DEFAULT_TENANT, GuideShown, LoginName};
use crate::config::Config;

const HELP: &str = "\
Examples:
  easel guide                                                   which devices there are guides for
  easel guide --device nokia-n97 --user anna@ox.io --lang fr    how Anna sets up her N97, in French";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The device; without one the guides there are.
    #[arg(long)]
    device: Option<String>,
    /// Whose device it is: server, login and domain are filled in.
    #[arg(long, value_name = "LOGIN")]
    user: Option<LoginName>,
    /// The language: fr, en, de.
    #[arg(long, default_value = "en")]
    lang: String,
}

pub(super) fn run(arguments: &Arguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let (config, _) = Config::load(file)?;
    let guides = open(file, "guide")?.guides()?;
    let Some(device) = &arguments.device else { return list(&guides, terminal) };
    let of_device: Vec<&GuideShown> = guides.iter().filter(|guide| guide.device == *device).collect();
    let Some(guide) = of_device.iter().find(|guide| guide.language == arguments.lang) else {
        let languages: Vec<&str> = of_device.iter().map(|guide| guide.language.as_str()).collect();
        return Err(CliError::Said(match languages.as_slice() {
            [] => format!("no pack has a guide for {device:?}: `easel guide` lists those there are"),
            languages => format!("the guide for {device} is there in {}", languages.join(", ")),
        }));
    };
    let text = match &arguments.user {
        Some(login) => filled(&guide.text, &config.hostname, login),
        None => guide.text.clone(),
    };
    let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    terminal.lines(&lines, &json!({ "device": device, "language": arguments.lang, "text": text }))
}

fn list(guides: &[GuideShown], terminal: &mut Terminal) -> Result<(), CliError> {
    let rows: Vec<Vec<String>> =
        guides.iter().map(|guide| vec![guide.device.clone(), guide.language.clone()]).collect();
    terminal.table(&["device", "language"], &rows, "no pack in service has a guide", &guides)
}

/// The guide with what its reader has to type: F6 says what follows from a login with and without `@`.
fn filled(text: &str, server: &str, login: &LoginName) -> String {
    let domain = if login.tenant == DEFAULT_TENANT { "" } else { login.tenant.as_str() };
    let whole = if domain.is_empty() { login.name.clone() } else { format!("{}@{domain}", login.name) };
    let pairs = [
        ("{server}", server),
        ("{address}", &whole),
        ("{login}", &whole),
        ("{user}", &login.name),
        ("{domain-or-default}", &login.tenant),
        ("{domain}", domain),
    ];
    pairs.into_iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_a_guide_says_what_its_reader_types() {
        let text = "{server} {login} {user} [{domain}] {domain-or-default}";
        let of = |login: &str| filled(text, "mail.ox.io", &login.parse().unwrap());
        assert_eq!(of("anna@ox.io"), "mail.ox.io anna@ox.io anna [ox.io] ox.io");
        assert_eq!(of("anna"), "mail.ox.io anna anna [] defaultcontext");
    }
}
