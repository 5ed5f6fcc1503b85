//! What only looks whether there is a server: connectivity analysers, and the account check of early Android.

use easel_pack::prelude::*;
use easel_pack::settings::Enforce;

/// The pack.
#[derive(Debug)]
pub struct Probe;

impl Describe for Probe {
    fn describe() -> Manifest {
        Manifest::new("probe", env!("CARGO_PKG_VERSION"), "Connectivity analysers and account checks.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([device_type("^TestActiveSyncConnectivity$"), device_id("^validate$")])
            .settings([settings::policy::ENFORCE.is(Enforce::Exempt)])
            .answers(["X16"])
    }
}

easel_pack::export!(Probe);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
