//! `[heartbeat]`: how long a device may wait for news.

use super::reader::Section;

/// `[heartbeat]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    /// The shortest Ping, in seconds.
    pub(crate) secs_min: u32,
    /// The longest.
    pub(crate) secs_max: u32,
}

impl Heartbeat {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let heartbeat = Self {
            secs_min: section.number("secs_min", 60, 1..=3540, "seconds"),
            secs_max: section.number("secs_max", 3540, 1..=3540, "seconds"),
        };
        if heartbeat.secs_min > heartbeat.secs_max {
            let (least, most) = (heartbeat.secs_min, heartbeat.secs_max);
            section.wrong("secs_min", format!("the shortest ({least}) is above the longest ({most})"), "swap them");
        }
        section.finish();
        heartbeat
    }
}
