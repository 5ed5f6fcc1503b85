//! Which way a recipient's mail goes.

use crate::Address;

use super::QueueOptions;

/// One way out; what goes the same way shares its limit on connections, and its rest when it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Destination {
    /// To the servers of a domain, in lower case, or to the address that its literal is.
    Domain(String),
    /// There is none.
    Nowhere,
    /// To the smart host.
    SmartHost,
}

impl Destination {
    /// How somebody is reached.
    pub(super) fn of(options: &QueueOptions, address: &Address) -> Self {
        match (&options.smart_host, &options.direct) {
            (Some(_), _) => Self::SmartHost,
            (None, Some(_)) => Self::Domain(address.domain().to_lowercase()),
            (None, None) => Self::Nowhere,
        }
    }

    /// The longest rest between two attempts to reach it, in minutes. The one way for everything is asked for more often
    /// than one of many.
    pub(super) const fn rest_max_min(&self) -> i64 {
        match self {
            Self::Domain(_) => 360,
            Self::Nowhere | Self::SmartHost => 15,
        }
    }

    /// Transactions under way to it at once.
    pub(super) fn limit(&self, options: &QueueOptions) -> usize {
        match self {
            Self::Domain(_) => options.direct.as_ref().map_or(1, |direct| direct.concurrency.max(1)),
            Self::Nowhere | Self::SmartHost => options.concurrency.max(1),
        }
    }
}
