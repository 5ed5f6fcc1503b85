//! RoadSync, a mail application for Android and for Nokia's S60.

use easel_pack::prelude::*;
use easel_pack::settings::{IdScheme, Merge, Protocol, TaskDates};

/// The pack.
#[derive(Debug)]
pub struct RoadSync;

impl Describe for RoadSync {
    fn describe() -> Manifest {
        Manifest::new("roadsync", env!("CARGO_PKG_VERSION"), "RoadSync for Android and S60.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            // On a Nokia it has the DeviceId of a Nokia, and is not Mail for Exchange: so it outweighs every DeviceId.
            .recognises([user_agent("^RoadSync").and_device_id("."), user_agent("^RoadSync")])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5]),
                settings::hierarchy::MULTI.only([]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::task::TASK_DATES.is(TaskDates::Both),
            ])
            .answers(["G28", "N27", "T05"])
    }
}

impl Profile for RoadSync {
    fn for_device(facts: &Facts, _: &Options) -> Result<DeviceProfile, Fault> {
        if facts.agent(|agent| agent.starts_with("RoadSync-S60/")).is_some() {
            let ids = settings::hierarchy::ID_SCHEME.is(IdScheme::SafeHex);
            return Ok(DeviceProfile::family("roadsync-s60").with([ids]));
        }
        Ok(DeviceProfile::family("roadsync"))
    }
}

easel_pack::export!(RoadSync: profile);

#[cfg(test)]
mod tests {
    use easel_pack::testing::device;

    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn s60_is_a_family_of_its_own() {
        let family = |agent: &str| RoadSync::for_device(&device(agent), &Options::default()).unwrap().family;
        assert_eq!(family("RoadSync-S60/5.0"), "roadsync-s60");
        assert_eq!(family("RoadSync-Android/2.503"), "roadsync");
    }
}
