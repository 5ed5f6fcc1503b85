//! Whoever no other pack knows. Everything is set so that the common failures of all the old families are avoided at
//! once, at the price of comfort: short answers, one folder a class but for mail, no version beyond 14.1.

use easel_pack::prelude::*;
use easel_pack::settings::{Birthday, EmptySync, Enforce, IdScheme, Merge, Multi, Picture, Protocol, TzBlob};

/// The pack.
#[derive(Debug)]
pub struct Unknown;

impl Describe for Unknown {
    fn describe() -> Manifest {
        Manifest::new("default", env!("CARGO_PKG_VERSION"), "Whoever no other pack knows.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([anyone()])
            .settings([
                settings::versions::VERSIONS.are([
                    Protocol::V2_5,
                    Protocol::V12_0,
                    Protocol::V12_1,
                    Protocol::V14_0,
                    Protocol::V14_1,
                ]),
                settings::hierarchy::MULTI.only([Multi::Mail]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::hierarchy::ID_SCHEME.is(IdScheme::SafeHex),
                settings::sync::WINDOW_MAX.is(100),
                settings::sync::ANSWER_WITHIN_S.is(28),
                settings::sync::EMPTY_SYNC.is(EmptySync::Auto),
                settings::calendar::TZ_BLOB.is(TzBlob::NoNames),
                settings::calendar::ORGANIZER_ALWAYS.is(true),
                settings::contact::BIRTHDAY.is(Birthday::Utc00),
                settings::contact::PICTURE.is(Picture::GhostIfAbsent),
                settings::policy::ENFORCE.is(Enforce::Loose),
            ])
            .answers(["G16", "G28", "G34", "T11", "X15", "X17"])
    }
}

easel_pack::export!(Unknown);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
