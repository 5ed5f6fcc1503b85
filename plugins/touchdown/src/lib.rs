//! TouchDown, a mail application for Android with everything of its own, a PIN included.

use easel_pack::prelude::*;
use easel_pack::settings::{Birthday, Enforce, Merge, NoteCategories, Protocol};

/// The pack.
#[derive(Debug)]
pub struct Touchdown;

impl Describe for Touchdown {
    fn describe() -> Manifest {
        Manifest::new("touchdown", env!("CARGO_PKG_VERSION"), "TouchDown for Android.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            // The application decides and not the device, which may be anything: so it outweighs every DeviceId.
            .recognises([user_agent("^TouchDown").and_device_id("."), user_agent("^TouchDown")])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5, Protocol::V12_0, Protocol::V12_1]),
                settings::hierarchy::MULTI.only([]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::contact::BIRTHDAY.is(Birthday::AsIs),
                settings::note::NOTE_CATEGORIES.is(NoteCategories::ClearedIfAbsent),
                settings::policy::ENFORCE.is(Enforce::Strict),
            ])
            .answers(["G28", "T01", "T03", "T04"])
    }
}

easel_pack::export!(Touchdown);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
