//! Nokia S60 phones with Mail for Exchange: N95, N97, E51, E71, 5800 and their kin.
//!
//! Mail for Exchange 2 speaks 2.5, 3 speaks 12.1 as well. The DeviceType is often the phone's IMEI, so that the
//! User-Agent tells who it is: `NokiaN97/3.00(73)MailforExchange`.

use easel_pack::mail::{self, Message};
use easel_pack::prelude::*;
use easel_pack::property::{calendar, contacts, tasks};
use easel_pack::settings::{
    Attendees, BlankDomain, DetailsWhenOff, EmptySync, FakeFolder, Heartbeat, IdScheme, Merge, OnError, Protocol,
};
use easel_pack::time::DateTime;

/// The pack.
#[derive(Debug)]
pub struct NokiaMfe;

impl Describe for NokiaMfe {
    fn describe() -> Manifest {
        Manifest::new("nokia-mfe", env!("CARGO_PKG_VERSION"), "Nokia S60 phones with Mail for Exchange.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([
                user_agent(r"^Nokia.+/\d+\.\d+(\(\d*\))?MailforExchange"),
                user_agent(r"^Nokia\w+/\d"),
                device_id("^IMEI"),
            ])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5]),
                settings::login::BLANK_DOMAIN.is(BlankDomain::Default),
                settings::hierarchy::MULTI.only([]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::hierarchy::ID_SCHEME.is(IdScheme::SafeHex),
                settings::push::HEARTBEAT.is(Heartbeat { min: 300, max: 1800, default: 900 }),
                settings::mail::MAX_RECIPIENTS.is(100),
                settings::mail::NO_RTF.is(true),
                settings::calendar::ATTENDEES.is(Attendees::None),
                settings::search::GAL_DEFAULT_RANGE.is(50),
                settings::search::ALWAYS_FIRSTNAME.is(true),
                settings::policy::DETAILS_WHEN_OFF.is(DetailsWhenOff::Send),
                settings::policy::MAX_ATTACHMENT.is(LARGEST),
                settings::policy::TRUNC_UNLIMITED.is(LARGEST),
                settings::recovery::ON_ERROR.is(OnError::Resync),
            ])
            .wants(
                Class::Calendar,
                Direction::FromDevice,
                [calendar::ALL_DAY_EVENT.text(1), calendar::START_TIME.text(32), calendar::END_TIME.text(32)],
            )
            .wants(
                Class::Contacts,
                Direction::FromDevice,
                [contacts::COMPRESSED_RTF.presence(), contacts::BODY.presence()],
            )
            .wants(Class::Tasks, Direction::FromDevice, [tasks::COMPRESSED_RTF.presence(), tasks::BODY.presence()])
            .answers([
                "G28", "G30", "N01", "N02", "N03", "N06", "N07", "N08", "N11", "N12", "N14", "N16", "N17", "N18",
                "N19", "N21", "N22", "N23", "N25", "N26",
            ])
    }
}

/// What is sent for "no limit": -1 turns HTML mail off, and a missing number fails.
const LARGEST: i64 = 5_000_000;

/// Settings that a late Symbian takes, those of the password among them; at any other it gives the account up.
const ACCEPTED_POLICIES: [&str; 23] = [
    "DevicePasswordEnabled",
    "AlphanumericDevicePasswordRequired",
    "PasswordRecoveryEnabled",
    "MinDevicePasswordLength",
    "MaxInactivityTimeDeviceLock",
    "MaxDevicePasswordFailedAttempts",
    "AllowSimpleDevicePassword",
    "DevicePasswordExpiration",
    "DevicePasswordHistory",
    "MinDevicePasswordComplexCharacters",
    "AllowTextMessaging",
    "RequireManualSyncWhenRoaming",
    "AllowHTMLEmail",
    "RequireSignedSMIMEMessages",
    "RequireEncryptedSMIMEMessages",
    "RequireSignedSMIMEAlgorithm",
    "RequireEncryptionSMIMEAlgorithm",
    "AllowUnsignedApplications",
    "AllowUnsignedInstallationPackages",
    "AllowInternetSharing",
    "AllowPOPIMAPEmail",
    "AllowConsumerEmail",
    "AllowBrowser",
];

impl Profile for NokiaMfe {
    fn for_device(facts: &Facts, _: &Options) -> Result<DeviceProfile, Fault> {
        // Without a version it is taken for the one that is content with less.
        let agent = facts.agent(|agent| agent.starts_with("Nokia"));
        let version = agent.and_then(|agent| Version::after(agent, "/")).unwrap_or_default();
        // N21: Symbian from Anna on says so behind its name. Earlier ones need the largest attachment told (N07).
        let late = agent.is_some_and(|agent| agent.ends_with(" 3gpp-gba"));
        let accepted = late.then(|| settings::policy::ALLOW_LIST.are(ACCEPTED_POLICIES));
        if version >= Version::of(&[3]) {
            let profile = DeviceProfile::family("mfe-3").with([
                settings::versions::VERSIONS.are([Protocol::V2_5, Protocol::V12_1]),
                settings::calendar::ALWAYS_UID.is(true),
            ]);
            // N23: the N8 cannot take an empty answer.
            let n8 = agent.is_some_and(|agent| agent.starts_with("NokiaN800/"));
            return Ok(profile.with(n8.then(|| settings::sync::EMPTY_SYNC.is(EmptySync::Full))).with(accepted));
        }
        // Without an Outbox in the tree it does not begin.
        let outbox = settings::hierarchy::FAKE_FOLDERS.are([FakeFolder::Outbox]);
        Ok(DeviceProfile::family("mfe-2").with([outbox]).with(accepted))
    }
}

impl Items for NokiaMfe {
    fn outgoing(_: Class, _: &Context, _: &State, _: Item<'_>) -> Result<Answer, Fault> {
        Ok(Answer::keep())
    }

    fn incoming(class: Class, _: &Context, _: &State, item: Item<'_>, base: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        match class {
            Class::Calendar => give_the_day_its_length(item, base, &mut edits),
            Class::Contacts => prefer_body(item, contacts::COMPRESSED_RTF, contacts::BODY, &mut edits),
            Class::Tasks => prefer_body(item, tasks::COMPRESSED_RTF, tasks::BODY, &mut edits),
            Class::Email | Class::Notes | Class::Sms => {}
        }
        Ok(edits.into())
    }
}

/// N16: an anniversary comes as an all-day event that ends when it starts. It lasts the day.
fn give_the_day_its_length(item: Item<'_>, base: Item<'_>, edits: &mut Edits) {
    let told = |property| item.find(property).or_else(|| base.find(property)).map(|entry| entry.text());
    let Some(end) = item.find(calendar::END_TIME) else { return };
    let date = |property| told(property).and_then(DateTime::parse);
    if told(calendar::ALL_DAY_EVENT) == Some("1")
        && let (Some(start), Some(until)) = (date(calendar::START_TIME), DateTime::parse(end.text()))
        && start.secs == until.secs
    {
        edits.set(end, until.plus(24 * 3600).to_string());
    }
}

/// N14: an empty RTF next to the real text, which would count.
fn prefer_body(item: Item<'_>, rtf: Property, body: Property, edits: &mut Edits) {
    let filled = !matches!(item.content(body), Content::Absent | Content::Empty);
    if let Some(rtf) = item.find(rtf).filter(|rtf| rtf.length == 0 && filled) {
        edits.remove(rtf);
    }
}

impl Mail for NokiaMfe {
    /// N17: an invitation is recognisable by the name of its file only.
    fn incoming(_: &Context, message: &Message) -> Result<mail::Verdict, Fault> {
        let invitation = |part: &&mail::Part| {
            let name = part.filename.to_ascii_lowercase();
            (name.ends_with(".ics") || name.ends_with(".vcs")) && part.content_type != "text/calendar"
        };
        let says = |part: &mail::Part| mail::Edit::ContentType((part.index, "text/calendar".to_owned()));
        let edits: Vec<_> = message.parts.iter().filter(invitation).map(says).collect();
        Ok(edits.into())
    }
}

easel_pack::export!(NokiaMfe: profile, items, mail);

#[cfg(test)]
mod tests {
    use easel_pack::testing::{Given, device, sync, text};

    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }

    fn incoming(class: Class, role: &str, given: &Given, base: &Given) -> Given {
        let (entries, base) = (given.entries(), base.entries());
        let state = State { version: String::new(), bytes: Vec::new() };
        let context = sync(25, role);
        let answer =
            <NokiaMfe as Items>::incoming(class, &context, &state, Item::new(&entries), Item::new(&base)).unwrap();
        match answer.verdict {
            easel_pack::items::Verdict::Edit(edits) => given.after(&edits),
            easel_pack::items::Verdict::Keep => given.clone(),
            easel_pack::items::Verdict::Withhold(reason) => panic!("withheld: {reason}"),
        }
    }

    #[test]
    fn mail_for_exchange_2_and_3_are_two_families() {
        let family = |agent: &str| NokiaMfe::for_device(&device(agent), &Options::default()).unwrap().family;
        for agent in ["NokiaN97/2.09(206)MailforExchange", "NokiaE71/1.0", "NokiaE521/2.00()MailforExchange", ""] {
            assert_eq!(family(agent), "mfe-2", "{agent}");
        }
        for agent in ["NokiaN97/3.00(73)MailforExchange", "NokiaN800/3.00(0)MailforExchange 3gpp-gba"] {
            assert_eq!(family(agent), "mfe-3", "{agent}");
        }
    }

    #[test]
    fn n16_only_an_all_day_event_without_length_gets_one() {
        let event = |all_day: &str, start: &str, end: &str| {
            Given::item([
                text(calendar::ALL_DAY_EVENT, all_day),
                text(calendar::START_TIME, start),
                text(calendar::END_TIME, end),
            ])
        };
        let (day, next) = ("20261125T230000Z", "20261126T230000Z");
        let none = Given::item([]);
        assert_eq!(incoming(Class::Calendar, "calendar", &event("1", day, day), &none), event("1", day, next));
        for as_it_is in [event("0", day, day), event("1", day, next), event("1", "x", "x")] {
            assert_eq!(incoming(Class::Calendar, "calendar", &as_it_is, &none), as_it_is);
        }
        // A change says only what changed.
        let change = Given::item([text(calendar::END_TIME, day)]);
        let changed = Given::item([text(calendar::END_TIME, next)]);
        assert_eq!(incoming(Class::Calendar, "calendar", &change, &event("1", day, next)), changed);
        assert_eq!(incoming(Class::Calendar, "calendar", &change, &none), change);
    }

    #[test]
    fn n14_an_empty_rtf_gives_way_to_a_body_and_a_real_one_does_not() {
        let task = |rtf: &str, body: &str| Given::item([text(tasks::COMPRESSED_RTF, rtf), text(tasks::BODY, body)]);
        let none = Given::item([]);
        let body_alone = Given::item([text(tasks::BODY, "x")]);
        assert_eq!(incoming(Class::Tasks, "tasks", &task("", "x"), &none), body_alone);
        assert_eq!(incoming(Class::Tasks, "tasks", &task("rtf", "x"), &none), task("rtf", "x"));
        assert_eq!(incoming(Class::Tasks, "tasks", &task("", ""), &none), task("", ""));
    }
}
