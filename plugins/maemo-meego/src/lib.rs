//! Nokia's tablets and phones with Maemo and MeeGo: N800, N900, N9. Their mail is not the Mail for Exchange of Symbian.

use easel_pack::prelude::*;
use easel_pack::settings::{EmptySync, Protocol};

/// The pack.
#[derive(Debug)]
pub struct Maemo;

/// How they name themselves.
const AGENT: &str = r"^(MeeGo-MfE/|N900/\d)";

impl Describe for Maemo {
    fn describe() -> Manifest {
        Manifest::new("maemo-meego", env!("CARGO_PKG_VERSION"), "Nokia tablets and phones with Maemo and MeeGo.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            // Their DeviceId may be an IMEI, as that of a Nokia with Symbian is: so the name outweighs every one.
            .recognises([user_agent(AGENT).and_device_id("."), user_agent(AGENT), device_type("^(meego|nokian800)$")])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5, Protocol::V12_0, Protocol::V12_1, Protocol::V14_0]),
                settings::sync::EMPTY_SYNC.is(EmptySync::Full),
            ])
            .answers(["N23"])
    }
}

easel_pack::export!(Maemo);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
