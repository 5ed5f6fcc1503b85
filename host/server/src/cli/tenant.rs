//! `easel tenant`

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::error::CliError;
use super::open;
use super::terminal::Terminal;
use crate::admin::Request;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Adds a tenant, such as ox.io. Its users log in as anna@ox.io.
    #[command(after_help = "Example:\n  easel tenant add ox.io")]
    Add {
        /// What stands behind the @ of a login; case matters.
        name: String,
    },
    /// Lists the tenants and how many users each has.
    List,
}

pub(super) fn run(verb: Verb, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    match verb {
        Verb::Add { name } => {
            open(file, "tenant add")?.order(Request::TenantAdd { name: name.clone() }, &[])?;
            terminal.say(&format!("added the tenant {name}"), &json!({ "tenant": name }))
        }
        Verb::List => {
            let tenants = open(file, "tenant list")?.tenants()?;
            let rows: Vec<_> =
                tenants.iter().map(|tenant| vec![tenant.name.clone(), tenant.users.to_string()]).collect();
            terminal.table(&["tenant", "users"], &rows, "no tenants", &tenants)
        }
    }
}
