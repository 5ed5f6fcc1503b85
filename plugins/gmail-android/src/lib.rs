//! Gmail on Android, of any maker: the application decides, not the phone.

use easel_pack::prelude::*;
use easel_pack::property::{email, email2};
use easel_pack::recover::{History, Recovery, Symptom};
use easel_pack::settings::{Birthday, InstanceId, Merge, Multi, PolicySend, Protocol};

/// The pack.
#[derive(Debug)]
pub struct Gmail;

impl Describe for Gmail {
    fn describe() -> Manifest {
        Manifest::new("gmail-android", env!("CARGO_PKG_VERSION"), "Gmail on Android.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([user_agent("^Android-Mail/")])
            .settings([
                settings::versions::VERSIONS.are(UP_TO_14),
                settings::hierarchy::MULTI.only([Multi::Mail, Multi::Cal]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::sync::ANSWER_WITHIN_S.is(28),
                settings::mail::TEXT_AS_HTML.is(true),
                settings::calendar::ORGANIZER_ALWAYS.is(true),
                settings::calendar::INSTANCE_ID.is(InstanceId::Shown),
                settings::contact::BIRTHDAY.is(Birthday::Utc00),
                // Gmail gives the account up when a policy asks for less than it does by itself. A wish: whether a
                // policy holds, the operator decides.
                settings::policy::SEND.is(PolicySend::None),
            ])
            .wants(Class::Email, Direction::FromDevice, RECIPIENTS.map(|property| property.text(LONGEST)))
            .answers(["A07", "A25", "A31", "A32", "A38", "A39", "A40", "A41", "A43", "A47", "G16", "G28", "G31", "G34"])
    }
}

const UP_TO_14: [Protocol; 5] = [Protocol::V2_5, Protocol::V12_0, Protocol::V12_1, Protocol::V14_0, Protocol::V14_1];

/// To whom a draft is to go.
const RECIPIENTS: [Property; 3] = [email::TO, email::CC, email2::BCC];

/// Bytes of a list of recipients that is looked at; one that is longer stays as it is.
const LONGEST: u32 = 32_768;

impl Profile for Gmail {
    /// A39: 16.0 and 16.1 came with mistakes. An operator who has seen the builds of 2026 do better sets `offer-16`.
    fn for_device(facts: &Facts, options: &Options) -> Result<DeviceProfile, Fault> {
        let build = facts.agent(|agent| agent.starts_with(NAME)).and_then(|agent| Version::after(agent, NAME));
        let new = build.is_some_and(|build| build.major() >= 2026);
        let profile = DeviceProfile::family(if new { "gmail-2026" } else { "gmail" });
        let offered = new && options.flag("offer-16") == Some(true);
        Ok(profile
            .with(offered.then(|| settings::versions::VERSIONS.are(UP_TO_14.into_iter().chain([Protocol::V16_1])))))
    }
}

const NAME: &str = "Android-Mail/";

impl Items for Gmail {
    fn outgoing(_: Class, _: &Context, _: &State, _: Item<'_>) -> Result<Answer, Fault> {
        Ok(Answer::keep())
    }

    /// A31: the recipients of a draft come with semicolons between them.
    fn incoming(_: Class, _: &Context, _: &State, item: Item<'_>, _: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        for list in RECIPIENTS.into_iter().filter_map(|property| item.find(property)) {
            let whole = list.length <= LONGEST;
            if let Some(split) = with_commas(list.text()).filter(|_| whole) {
                edits.set(list, split);
            }
        }
        Ok(edits.into())
    }
}

/// The list with commas for its semicolons, none where it has none. One inside quotes is part of a name.
fn with_commas(list: &str) -> Option<String> {
    let (mut quoted, mut escaped, mut found) = (false, false, false);
    let split = list.chars().map(|c| {
        let bare = !std::mem::take(&mut escaped);
        match c {
            '"' if bare => quoted = !quoted,
            '\\' if bare && quoted => escaped = true,
            ';' if !quoted => {
                found = true;
                return ',';
            }
            _ => {}
        }
        c
    });
    let split: String = split.collect();
    // One at the end separates nothing.
    found.then(|| split.trim_end().trim_end_matches(',').to_owned())
}

impl Recover for Gmail {
    /// A41: every refresh asks for the tree of folders from its beginning. It means nothing by it: it gets the list
    /// again, and its folders stay in step.
    fn advise(context: &Context, history: &History) -> Result<Recovery, Fault> {
        let afresh = history.symptom == Symptom::ZeroKey && context.command == "FolderSync";
        Ok(if afresh { Recovery::Retry } else { Recovery::Usual })
    }
}

easel_pack::export!(Gmail: profile, items, recover);

#[cfg(test)]
mod tests {
    use easel_pack::testing::{device, sync};
    use easel_pack::{Setting, SettingValue};

    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a31_a_semicolon_between_recipients_is_a_comma() {
        let cases = [
            ("a@x.org; b@x.org", Some("a@x.org, b@x.org")),
            ("a@x.org;", Some("a@x.org")),
            (r#""Muster; Anna" <a@x.org>; b@x.org"#, Some(r#""Muster; Anna" <a@x.org>, b@x.org"#)),
            (r#""a \"; b" <a@x.org>"#, None),
            ("a@x.org, b@x.org", None),
            ("", None),
        ];
        for (list, split) in cases {
            assert_eq!(with_commas(list).as_deref(), split, "{list}");
        }
    }

    #[test]
    fn a39_only_a_build_of_2026_may_have_16_1_and_only_if_the_operator_says_so() {
        let versions = |agent: &str, offer: Option<SettingValue>| {
            let options =
                Options(offer.map(|value| Setting { name: "offer-16".to_owned(), value }).into_iter().collect());
            let profile = Gmail::for_device(&device(agent), &options).unwrap();
            profile.settings.into_iter().map(|setting| setting.value).collect::<Vec<_>>()
        };
        let yes = || Some(SettingValue::Flag(true));
        let all = ["2.5", "12.0", "12.1", "14.0", "14.1", "16.1"].map(str::to_owned).to_vec();
        assert_eq!(versions("Android-Mail/2026.02.01.1234.Release", yes()), [SettingValue::Texts(all)]);
        assert_eq!(versions("Android-Mail/2026.02.01.1234.Release", None), []);
        assert_eq!(versions("Android-Mail/2026.02.01.1234.Release", Some(SettingValue::Flag(false))), []);
        assert_eq!(versions("Android-Mail/2025.11.02.1234.Release", yes()), []);
        assert_eq!(versions("Android-Mail/7.5.21.1234.release", yes()), []);
    }

    #[test]
    fn a41_only_the_tree_of_folders_is_sent_again() {
        let advice = |command: &str, symptom| {
            let context = Context { command: command.to_owned(), folder: None, ..sync(141, "inbox") };
            Gmail::advise(&context, &History { symptom, times: 3, within_secs: 60 }).unwrap()
        };
        assert_eq!(advice("FolderSync", Symptom::ZeroKey), Recovery::Retry);
        assert_eq!(advice("FolderSync", Symptom::UnknownKey), Recovery::Usual);
        assert_eq!(advice("Sync", Symptom::ZeroKey), Recovery::Usual);
    }
}
