//! Where the log goes: standard error, as text or as JSON.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// The variable that overrides `log.level`.
const VARIABLE: &str = "EASEL_LOG";

/// Logs from now on. Called once.
pub(crate) fn start(log: &Log) {
    let from_environment = std::env::var(VARIABLE).ok().and_then(|level| EnvFilter::try_new(level).ok());
    let filter = from_environment.unwrap_or_else(|| EnvFilter::new(&log.level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).init(),
    }
}
