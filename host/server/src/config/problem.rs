//! What is wrong with a configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One mistake: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The file.
    pub(crate) file: PathBuf,
    /// The line in it, from 1; `None` when it is about the file as a whole.
    pub(crate) line: Option<usize>,
    /// Whether the server starts all the same.
    pub(crate) severity: Severity,
    /// What is wrong, with the key and the value.
    pub(crate) what: String,
    /// What to do.
    pub(crate) cure: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The server does not start.
    Error,
    /// The server starts, and says so at each start.
    Warning,
}

impl Problem {
    /// An error about a file as a whole.
    pub(crate) fn of_file(file: &Path, what: String, cure: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, severity: Severity::Error, what, cure: cure.into() }
    }

    /// The same, not stopping anything.
    #[must_use]
    pub(crate) fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// Whether the server does not start.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if self.severity == Severity::Warning {
            f.write_str(" warning:")?;
        }
        write!(f, " {}", self.what)?;
        if self.cure.is_empty() { Ok(()) } else { write!(f, "\n    cure: {}", self.cure) }
    }
}

/// Everything that is wrong, warnings included, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct ConfigErrors(pub(crate) Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
