//! `[budgets]`: what a device, and a user, may use.

use super::reader::Section;

/// `[budgets]`: what a device, or all devices of a user, may use. `None` is without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budgets {
    /// Of one device.
    pub(crate) device: Budget,
    /// Of all devices of a user together.
    pub(crate) user: Budget,
}

/// One budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Requests in a minute.
    pub(crate) requests_per_minute_max: Option<u32>,
    /// Seconds of threads at work in a minute.
    pub(crate) work_secs_per_minute_max: Option<u32>,
    /// Requests under way at once; those that wait for news do not count.
    pub(crate) at_once_max: Option<u32>,
}

impl Budgets {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let mut number = |key, default, most, unit| {
            Some(section.number::<u32>(key, default, 0..=most, unit)).filter(|number| *number > 0)
        };
        let budgets = Self {
            device: Budget {
                requests_per_minute_max: number("device_requests_per_minute_max", 3000, 1_000_000, "requests"),
                work_secs_per_minute_max: number("device_work_secs_per_minute_max", 30, 3600, "seconds"),
                at_once_max: number("device_at_once_max", 9, 1000, "requests"),
            },
            user: Budget {
                requests_per_minute_max: number("user_requests_per_minute_max", 12_000, 1_000_000, "requests"),
                work_secs_per_minute_max: number("user_work_secs_per_minute_max", 60, 3600, "seconds"),
                at_once_max: number("user_at_once_max", 32, 100_000, "requests"),
            },
        };
        section.finish();
        budgets
    }
}
