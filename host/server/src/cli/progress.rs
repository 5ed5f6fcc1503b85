//! A bar for what takes long; quiet where nobody looks.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::{Terminal, printable};

/// Shows how far something is. Whatever is said beside it goes through it, so that the bar stays whole.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Over bytes.
    pub(super) fn of_bytes(total: u64, terminal: &Terminal) -> Self {
        let template = "{bar:40} {percent:>3} %  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {msg}";
        Self::new(total, template, terminal)
    }

    /// Over things.
    pub(super) fn of_items(total: u64, terminal: &Terminal) -> Self {
        Self::new(total, "{bar:40} {percent:>3} %  {pos} of {len}, {eta} left  {msg}", terminal)
    }

    fn new(total: u64, template: &str, terminal: &Terminal) -> Self {
        // Standard error: the answer stays clean. indicatif draws only where that is a terminal.
        let target = if terminal.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        Self(ProgressBar::with_draw_target(Some(total), target).with_style(style))
    }

    pub(super) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    pub(super) fn tell(&self, message: &str) {
        self.0.set_message(printable(message));
    }

    /// Says something while the bar stands.
    pub(super) fn suspend<T>(&self, say: impl FnOnce() -> T) -> T {
        self.0.suspend(say)
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
