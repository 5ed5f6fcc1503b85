//! AstraSync and NotifySync, mail applications for BlackBerry OS 4 to 7, which itself speaks no ActiveSync.
//!
//! No log of theirs is known. The one User-Agent that may be theirs, `BlackBerry/5.2.200 UNTRUSTED/1.0`, carries the
//! version of a Windows Mobile, so that they are treated like one of those, with care.

use easel_pack::prelude::*;
use easel_pack::settings::{BlankDomain, EmptySync, Enforce, Merge, PolicyFormat, Protocol};

/// The pack.
#[derive(Debug)]
pub struct BlackberryAddon;

impl Describe for BlackberryAddon {
    fn describe() -> Manifest {
        Manifest::new(
            "blackberry-addon",
            env!("CARGO_PKG_VERSION"),
            "AstraSync and NotifySync on BlackBerry OS 4 to 7.",
        )
        .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
        .recognises([
            user_agent("^BlackBerry/.*UNTRUSTED"),
            user_agent("AstraSync|NotifySync"),
            device_type("^BlackBerry$").and_user_agent(r"^BlackBerry/5\.\d"),
        ])
        .settings([
            settings::versions::VERSIONS.are([Protocol::V2_5]),
            settings::login::BLANK_DOMAIN.is(BlankDomain::Default),
            settings::hierarchy::MULTI.only([]),
            settings::hierarchy::MERGE.is(Merge::DefaultFolder),
            settings::sync::EMPTY_SYNC.is(EmptySync::Full),
            settings::policy::FORMAT.is(PolicyFormat::Wap),
            settings::policy::ENFORCE.is(Enforce::Loose),
        ])
        .answers(["B09", "B10", "B11", "G28"])
    }
}

easel_pack::export!(BlackberryAddon);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
