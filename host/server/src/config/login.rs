//! `[login]`: what lets users in.

use super::reader::Section;

/// `[login]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// Whether phones log in with app passwords only.
    pub(crate) app_passwords_only: bool,
}

impl Login {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let login = Self { app_passwords_only: section.flag("app_passwords_only", false) };
        section.finish();
        login
    }
}
