//! Windows Mobile 2003 to 6.5: Pocket PC with a touch screen, Smartphone without.
//!
//! The User-Agent carries the build of the system and not the model: `MSFT-PPC/5.2.1603`. 5.1 is Windows Mobile 5, 5.2
//! is Windows Mobile 6.

use easel_pack::prelude::*;
use easel_pack::property::{email, search};
use easel_pack::settings::{
    BlankDomain, Conflict, Enforce, FileAsOrder, Heartbeat, Login, Merge, PolicyFormat, Protocol, Shown,
};
use easel_pack::wire;

/// The pack.
#[derive(Debug)]
pub struct WindowsMobile;

impl Describe for WindowsMobile {
    fn describe() -> Manifest {
        Manifest::new("windows-mobile", env!("CARGO_PKG_VERSION"), "Windows Mobile 2003 to 6.5.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([
                user_agent("^MSFT-(PPC|SPhone)/"),
                user_agent("^Microsoft-(AirSync|PocketPC)/"),
                device_type("^(PocketPC|SmartPhone|PPC|SP)$"),
            ])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5, Protocol::V12_0, Protocol::V12_1]),
                settings::login::PATTERN.are([Login::DomainUser, Login::UserAtDomain, Login::User]),
                settings::login::BLANK_DOMAIN.is(BlankDomain::Default),
                settings::hierarchy::MULTI.only([]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::sync::CONFLICT.is(Conflict::Server),
                settings::push::HEARTBEAT.is(Heartbeat { min: 60, max: 3540, default: 900 }),
                settings::contact::FILEAS_ORDER.is(FileAsOrder::LastFirst),
                settings::search::GAL_DEFAULT_RANGE.is(99),
                settings::policy::WAP4133.is(false),
            ])
            .wants(Class::Email, Direction::FromDevice, [email::READ.presence(), email::MESSAGE_CLASS.text(64)])
            .wants_command(
                "Search",
                [
                    search::GREATER_THAN.presence(),
                    search::LESS_THAN.presence(),
                    email::DATE_RECEIVED.presence(),
                    search::VALUE.text(64),
                ],
            )
            .answers(["G28", "G30", "W03", "W04", "W05", "W06", "W07", "W08", "W11", "W13", "W14", "W15"])
    }
}

impl Profile for WindowsMobile {
    fn for_device(facts: &Facts, _: &Options) -> Result<DeviceProfile, Fault> {
        let agent = facts.agent(|agent| agent.starts_with("MSFT-")).unwrap_or_default();
        let version = Version::after(agent, "/").unwrap_or_default();
        let smartphone = agent.starts_with("MSFT-SPhone") || matches!(facts.device_type.as_str(), "SmartPhone" | "SP");
        let family = match (version >= WINDOWS_MOBILE_6, smartphone) {
            (true, false) => "wm6",
            (true, true) => "wm6-smartphone",
            (false, false) => "wm5",
            (false, true) => "wm5-smartphone",
        };
        let mut profile = DeviceProfile::family(family);
        // One that came without the Messaging and Security Feature Pack cannot obey a policy, and none of that time
        // knows another document.
        if version < WINDOWS_MOBILE_6 {
            profile = profile.with([
                settings::versions::VERSIONS.are([Protocol::V2_5]),
                settings::policy::FORMAT.is(PolicyFormat::Wap),
                settings::policy::ENFORCE.is(Enforce::Loose),
            ]);
        }
        if smartphone {
            let shown = [Shown::Email, Shown::Calendar, Shown::Contacts, Shown::Tasks];
            profile = profile.with([settings::hierarchy::CLASSES.are(shown)]);
        }
        Ok(profile)
    }
}

const WINDOWS_MOBILE_6: Version = Version::of(&[5, 2]);

impl Items for WindowsMobile {
    fn outgoing(_: Class, _: &Context, _: &State, _: Item<'_>) -> Result<Answer, Fault> {
        Ok(Answer::keep())
    }

    /// W07: a change of the read flag of what is no mail ends the synchronisation on the phone. It is left out.
    fn incoming(_: Class, _: &Context, _: &State, item: Item<'_>, base: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        let class = base.text(email::MESSAGE_CLASS).to_ascii_uppercase();
        if let Some(read) = item.find(email::READ).filter(|_| class.starts_with("IPM.TASK")) {
            edits.remove(read);
        }
        Ok(edits.into())
    }
}

impl Wire for WindowsMobile {
    /// W03: a Pocket PC writes the date inside the name of the property it compares with. It belongs next to it:
    /// MS-ASCMD 2.2.3.85 "GreaterThan".
    fn incoming(_: &Context, request: Item<'_>) -> Result<wire::Verdict, Fault> {
        let mut edits = Edits::new();
        for comparison in request.all(search::GREATER_THAN).chain(request.all(search::LESS_THAN)) {
            let received = request.child(comparison, email::DATE_RECEIVED);
            let nested = received.and_then(|received| request.child(received, search::VALUE));
            if let Some(value) = nested {
                edits.remove(value);
                edits.insert(comparison, search::VALUE, value.text());
            }
        }
        Ok(edits.into())
    }
}

easel_pack::export!(WindowsMobile: profile, items, wire);

#[cfg(test)]
mod tests {
    use easel_pack::testing::{Given, device, el, sync, text};

    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn the_build_and_the_screen_make_the_family() {
        let family = |facts: &Facts| WindowsMobile::for_device(facts, &Options::default()).unwrap().family;
        assert_eq!(family(&device("MSFT-PPC/5.2.1603")), "wm6");
        assert_eq!(family(&device("MSFT-PPC/5.1.2301")), "wm5");
        assert_eq!(family(&device("MSFT-SPhone/5.2.1108")), "wm6-smartphone");
        assert_eq!(family(&device("Microsoft-AirSync/3.0")), "wm5");
        let facts = Facts { device_type: "SP".to_owned(), ..Facts::default() };
        assert_eq!(family(&facts), "wm5-smartphone");
    }

    #[test]
    fn w03_a_nested_date_comes_out_and_a_right_one_stays() {
        let query = |comparison: &[easel_pack::testing::El]| {
            Given::item([el(search::QUERY, [el(search::AND, [el(search::LESS_THAN, comparison.to_vec())])])])
        };
        let right = query(&[el(email::DATE_RECEIVED, []), text(search::VALUE, "2026-11-25T00:00:00.000Z")]);
        let nested = query(&[el(email::DATE_RECEIVED, [text(search::VALUE, "2026-11-25T00:00:00.000Z")])]);
        let read = |given: &Given| {
            let entries = given.entries();
            match <WindowsMobile as Wire>::incoming(&sync(121, "inbox"), Item::new(&entries)).unwrap() {
                wire::Verdict::Edit(edits) => given.after(&edits),
                wire::Verdict::Keep => given.clone(),
            }
        };
        assert_eq!(read(&nested), right);
        assert_eq!(read(&right), right);
    }

    #[test]
    fn w07_the_read_flag_of_a_task_mail_is_left_alone_and_that_of_a_mail_is_not() {
        let answer = |class: &str| {
            let change = Given::item([text(email::READ, "1")]).entries();
            let base = Given::item([text(email::MESSAGE_CLASS, class)]).entries();
            let state = State { version: String::new(), bytes: Vec::new() };
            let (item, base) = (Item::new(&change), Item::new(&base));
            <WindowsMobile as Items>::incoming(Class::Email, &sync(25, "inbox"), &state, item, base).unwrap()
        };
        assert_ne!(answer("IPM.TaskRequest"), Answer::keep());
        assert_eq!(answer("IPM.Note"), Answer::keep());
        assert_eq!(answer("IPM.Schedule.Meeting.Request"), Answer::keep());
        assert_eq!(answer(""), Answer::keep());
    }
}
