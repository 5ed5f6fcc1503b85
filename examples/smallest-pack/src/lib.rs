//! The smallest pack there is: it knows a phone by its User-Agent and gives it short answers.

use easel_pack::prelude::*;

/// The pack.
#[derive(Debug)]
pub struct Smallest;

impl Describe for Smallest {
    fn describe() -> Manifest {
        Manifest::new("smallest-pack", env!("CARGO_PKG_VERSION"), "A phone that likes short answers.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([user_agent("^SmallPhone/")])
            .settings([settings::sync::WINDOW_MAX.is(25)])
            .answers(["Q1"])
    }
}

easel_pack::export!(Smallest);

#[cfg(test)]
mod tests {
    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&super::PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
