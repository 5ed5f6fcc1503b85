//! Moxier, a mail application for Android, also as the engine inside the mail of HTC, Motorola and Samsung.
//!
//! There only the hexadecimal `Moxi` in the User-Agent tells: `HTC-HTCAmaze4G(4D6F7869SAM)/2.1500`.

use easel_pack::prelude::*;
use easel_pack::settings::{Merge, Protocol};

/// The pack.
#[derive(Debug)]
pub struct Moxier;

/// Under its own name, or inside somebody else's.
const AGENT: &str = r"^Moxier|\(4D6F7869SAM\)";

impl Describe for Moxier {
    fn describe() -> Manifest {
        Manifest::new("moxier", env!("CARGO_PKG_VERSION"), "Moxier, alone or inside a vendor's mail.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            // The engine decides and not the vendor, whose packs may know the DeviceId: so it outweighs every one.
            .recognises([user_agent(AGENT).and_device_id("."), user_agent(AGENT)])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5, Protocol::V12_0, Protocol::V12_1]),
                settings::hierarchy::MULTI.only([]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
            ])
            .answers(["G28", "T09", "T10"])
    }
}

easel_pack::export!(Moxier);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
