//! `[log]`: what is logged, and how.

use super::reader::Section;
use super::values;

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// A level, or filter directives such as `info,easel_delivery=debug`.
    pub(crate) level: String,
    /// For people or for machines.
    pub(crate) format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

impl Log {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let log = Self {
            level: section.value("level", "info".to_owned(), values::log_filter),
            format: section.value("format", LogFormat::Text, values::log_format),
        };
        section.finish();
        log
    }
}
