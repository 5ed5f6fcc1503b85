//! AstraSync and NotifySync, mail applications for BlackBerry OS 4 to 7, which itself speaks no ActiveSync.
//!
//! No log of theirs is known. The one User-Agent that may be theirs, `BlackBerry/5.2.200 UNTRUSTED/1.0`, carries the
//! version of a Windows Mobile, so that they are treated like one of those, with care.

use easel_pack::address;
use easel_pack::mail::{self, Message};
use easel_pack::prelude::*;
use easel_pack::property::{calendar, email};
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
        .wants(Class::Email, Direction::ToDevice, CORRESPONDENTS.map(|property| property.text(32 * 1024)))
        .wants(Class::Calendar, Direction::ToDevice, PEOPLE.map(|property| property.text(1024)))
        .wants(Class::Calendar, Direction::FromDevice, PEOPLE.map(|property| property.text(1024)))
        .answers(["B09", "B10", "B11", "G19", "G28"])
    }
}

/// Where a mail names people.
const CORRESPONDENTS: [Property; 4] = [email::FROM, email::TO, email::CC, email::REPLY_TO];
/// Where an event names them.
const PEOPLE: [Property; 2] = [calendar::ORGANIZER_EMAIL, calendar::EMAIL];

/// G19
impl Items for BlackberryAddon {
    fn outgoing(class: Class, _: &Context, _: &State, item: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        let named: &[Property] = if class == Class::Calendar { &PEOPLE } else { &CORRESPONDENTS };
        address::write_safe(item, named, &mut edits);
        Ok(edits.into())
    }

    fn incoming(_: Class, _: &Context, _: &State, item: Item<'_>, _: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        address::restore(item, &PEOPLE, &mut edits);
        Ok(edits.into())
    }
}

/// G19
impl Mail for BlackberryAddon {
    fn incoming(_: &Context, message: &Message) -> Result<mail::Verdict, Fault> {
        Ok(address::restored_headers(message).into())
    }
}

easel_pack::export!(BlackberryAddon: items, mail);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }
}
