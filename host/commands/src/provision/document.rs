//! The policy in words of the protocol. MS-ASPROV 2.2.2.28 "EASProvisionDoc", 2.2.2.43 "PolicyType".
//!
//! A document holds every setting that the version knows, those that restrict nothing with their permissive value:
//! devices do not forget a setting that is merely absent. A version gets only its own rows (K: O17).

use easel_plugin::Profile;
use easel_protocol::Version;
use easel_wbxml::pages::provision as p;
use easel_wbxml::{Element, Tag};

use crate::Policy;

/// What a setting says when the administrator says nothing.
#[derive(Clone, Copy, Debug)]
enum Permissive {
    /// A value.
    Is(&'static str),
    /// An empty element.
    Empty,
    /// No element; the administrator's values are children of this tag.
    List(Tag),
}

use Permissive::{Empty, Is, List};

/// The settings in the order of the schema, with what allows everything, and whether they are about a password.
const ROWS: [(Tag, Permissive, bool); 42] = [
    (p::DEVICE_PASSWORD_ENABLED, Is("0"), false),
    (p::ALPHANUMERIC_DEVICE_PASSWORD_REQUIRED, Is("0"), true),
    (p::PASSWORD_RECOVERY_ENABLED, Is("0"), true),
    (p::REQUIRE_STORAGE_CARD_ENCRYPTION, Is("0"), false),
    (p::ATTACHMENTS_ENABLED, Is("1"), false),
    (p::MIN_DEVICE_PASSWORD_LENGTH, Empty, true),
    (p::MAX_INACTIVITY_TIME_DEVICE_LOCK, Empty, true),
    (p::MAX_DEVICE_PASSWORD_FAILED_ATTEMPTS, Empty, true),
    (p::MAX_ATTACHMENT_SIZE, Empty, false),
    (p::ALLOW_SIMPLE_DEVICE_PASSWORD, Is("1"), true),
    (p::DEVICE_PASSWORD_EXPIRATION, Is("0"), true),
    (p::DEVICE_PASSWORD_HISTORY, Is("0"), true),
    (p::ALLOW_STORAGE_CARD, Is("1"), false),
    (p::ALLOW_CAMERA, Is("1"), false),
    (p::REQUIRE_DEVICE_ENCRYPTION, Is("0"), false),
    (p::ALLOW_UNSIGNED_APPLICATIONS, Is("1"), false),
    (p::ALLOW_UNSIGNED_INSTALLATION_PACKAGES, Is("1"), false),
    (p::MIN_DEVICE_PASSWORD_COMPLEX_CHARACTERS, Is("1"), true),
    (p::ALLOW_WI_FI, Is("1"), false),
    (p::ALLOW_TEXT_MESSAGING, Is("1"), false),
    (p::ALLOW_POPIMAP_EMAIL, Is("1"), false),
    (p::ALLOW_BLUETOOTH, Is("2"), false),
    (p::ALLOW_IR_DA, Is("1"), false),
    (p::REQUIRE_MANUAL_SYNC_WHEN_ROAMING, Is("0"), false),
    (p::ALLOW_DESKTOP_SYNC, Is("1"), false),
    (p::MAX_CALENDAR_AGE_FILTER, Is("0"), false),
    (p::ALLOW_HTML_EMAIL, Is("1"), false),
    (p::MAX_EMAIL_AGE_FILTER, Is("0"), false),
    (p::MAX_EMAIL_BODY_TRUNCATION_SIZE, Is("-1"), false),
    (p::MAX_EMAIL_HTML_BODY_TRUNCATION_SIZE, Is("-1"), false),
    (p::REQUIRE_SIGNED_SMIME_MESSAGES, Is("0"), false),
    (p::REQUIRE_ENCRYPTED_SMIME_MESSAGES, Is("0"), false),
    (p::REQUIRE_SIGNED_SMIME_ALGORITHM, Is("0"), false),
    (p::REQUIRE_ENCRYPTION_SMIME_ALGORITHM, Is("0"), false),
    (p::ALLOW_SMIME_ENCRYPTION_ALGORITHM_NEGOTIATION, Is("2"), false),
    (p::ALLOW_SMIME_SOFT_CERTS, Is("1"), false),
    (p::ALLOW_BROWSER, Is("1"), false),
    (p::ALLOW_CONSUMER_EMAIL, Is("1"), false),
    (p::ALLOW_REMOTE_DESKTOP, Is("1"), false),
    (p::ALLOW_INTERNET_SHARING, Is("1"), false),
    (p::UNAPPROVED_IN_ROM_APPLICATION_LIST, List(p::APPLICATION_NAME), false),
    (p::APPROVED_APPLICATION_LIST, List(p::HASH), false),
];

impl Policy {
    /// What the policy says of a setting; `None` when it leaves it open. The last word counts.
    pub(crate) fn says(&self, setting: Tag) -> Option<&str> {
        let name = setting.name()?;
        self.settings.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.trim())
    }

    /// Whether devices may have attachments.
    pub(crate) fn attachments_enabled(&self) -> bool {
        self.says(p::ATTACHMENTS_ENABLED) != Some("0")
    }

    /// The most bytes of an attachment.
    pub(crate) fn attachment_bytes_max(&self) -> u64 {
        self.says(p::MAX_ATTACHMENT_SIZE).and_then(|value| value.parse().ok()).unwrap_or(u64::MAX)
    }

    /// Whether devices may leave a recovery password here.
    pub(crate) fn keeps_recovery_passwords(&self) -> bool {
        self.says(p::PASSWORD_RECOVERY_ENABLED) == Some("1")
    }
}

/// What the operator says of a setting, else what the pack says in the operator's silence.
fn says<'a>(policy: &'a Policy, profile: &'a Profile, setting: Tag) -> Option<&'a str> {
    policy.says(setting).or_else(|| profile.map("policy.force", setting.name()?))
}

/// EASProvisionDoc, from 12.0 on.
pub(crate) fn wbxml(policy: &Policy, profile: &Profile, version: Version) -> Element {
    let password = says(policy, profile, p::DEVICE_PASSWORD_ENABLED) == Some("1");
    let details = password || profile.text("policy.details_when_off") == "send";
    let listed = profile.texts("policy.allow_list");
    let rows = ROWS.iter().filter(|(tag, _, detail)| {
        let name = tag.name().unwrap_or_default();
        let known = tag.since().is_some_and(|since| since <= version.times_ten());
        // What restricts is always said; what restricts nothing is left out if the device cannot bear it.
        let said =
            says(policy, profile, *tag).is_some() || listed.is_empty() || listed.iter().any(|other| other == name);
        known && said && (details || !*detail || profile.map("policy.force", name).is_some())
    });
    Element::of(p::EAS_PROVISION_DOC, rows.filter_map(|(tag, permissive, _)| row(policy, profile, *tag, *permissive)))
}

fn row(policy: &Policy, profile: &Profile, tag: Tag, permissive: Permissive) -> Option<Element> {
    if let List(child) = permissive {
        let name = tag.name()?;
        let values = policy.settings.iter().filter(|(other, _)| other == name).map(|(_, value)| value.trim());
        let values: Vec<Element> = values.map(|value| Element::text(child, value)).collect();
        return (!values.is_empty()).then(|| Element::of(tag, values));
    }
    let open = match permissive {
        Is(value) => value,
        Empty | List(_) => "",
    };
    let value = says(policy, profile, tag).unwrap_or(open);
    let size = profile.number("policy.max_attachment");
    let unlimited = profile.number("policy.trunc_unlimited");
    Some(match tag {
        p::MAX_ATTACHMENT_SIZE if value.is_empty() && size > 0 => Element::number(tag, size),
        p::MAX_EMAIL_BODY_TRUNCATION_SIZE | p::MAX_EMAIL_HTML_BODY_TRUNCATION_SIZE if value == "-1" => {
            Element::number(tag, unlimited)
        }
        _ => Element::text(tag, value),
    })
}

/// The document of 2.5: XML as text. Only numbers are written into it.
pub(crate) fn wap(policy: &Policy, profile: &Profile) -> String {
    let password = says(policy, profile, p::DEVICE_PASSWORD_ENABLED) == Some("1");
    let mut xml = String::from("<wap-provisioningdoc><characteristic type=\"SecurityPolicy\">");
    parm(&mut xml, "4131", if password { 0 } else { 1 });
    if profile.flag("policy.wap4133") {
        parm(&mut xml, "4133", if password { 0 } else { 1 });
    }
    xml.push_str("</characteristic>");
    if password {
        registry(&mut xml, policy, profile);
    }
    xml.push_str("</wap-provisioningdoc>");
    xml
}

fn registry(xml: &mut String, policy: &Policy, profile: &Profile) {
    const LASSD: &str = r"HKLM\Comm\Security\Policy\LASSD";
    let number = |tag: Tag| says(policy, profile, tag).and_then(|value| value.parse::<i64>().ok());
    xml.push_str("<characteristic type=\"Registry\">");
    let mut key = |path: &str, parms: &[(&str, i64)]| {
        xml.push_str(&format!("<characteristic type=\"{path}\">"));
        for (name, value) in parms {
            parm(xml, name, *value);
        }
        xml.push_str("</characteristic>");
    };
    let idle = number(p::MAX_INACTIVITY_TIME_DEVICE_LOCK).filter(|seconds| (1..9999).contains(seconds));
    let frequency = [("AEFrequencyType", i64::from(idle.is_some())), ("AEFrequencyValue", idle.map_or(0, minutes))];
    let frequency = if idle.is_some() { &frequency[..] } else { &frequency[..1] };
    key(&format!(r"{LASSD}\AE\{{50C13377-C66D-400C-889E-C316FC4AB374}}"), frequency);
    let attempts = number(p::MAX_DEVICE_PASSWORD_FAILED_ATTEMPTS);
    let codeword = attempts.map_or(-1, |attempts| attempts / 2);
    key(LASSD, &[("DeviceWipeThreshold", attempts.unwrap_or(-1)), ("CodewordFrequency", codeword)]);
    let length = number(p::MIN_DEVICE_PASSWORD_LENGTH).unwrap_or(1);
    let strong = says(policy, profile, p::ALPHANUMERIC_DEVICE_PASSWORD_REQUIRED) == Some("1");
    let complexity = if strong { 0 } else { 2 };
    key(&format!(r"{LASSD}\LAP\lap_pw"), &[("MinimumPasswordLength", length), ("PasswordComplexity", complexity)]);
    xml.push_str("</characteristic>");
}

fn minutes(seconds: i64) -> i64 {
    (seconds + 59) / 60
}

fn parm(xml: &mut String, name: &str, value: i64) {
    xml.push_str(&format!("<parm name=\"{name}\" value=\"{value}\"/>"));
}

#[cfg(test)]
mod tests {
    use easel_plugin::Value;

    use super::*;

    fn policy(settings: &[(&str, &str)]) -> Policy {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Policy { required: true, version: 1, settings, ..Policy::default() }
    }

    fn profile(name: &str, value: Value) -> Profile {
        let mut profile = Profile::default();
        profile.set(name, value).unwrap();
        profile
    }

    fn said(document: &Element, tag: Tag) -> Option<String> {
        document.text_of(tag).map(|text| text.into_owned())
    }

    #[test]
    fn o17_a_version_gets_only_its_own_rows() {
        let rows = |version| wbxml(&policy(&[]), &Profile::default(), version).children().count();
        let document = wbxml(&policy(&[("AllowCamera", "0")]), &Profile::default(), Version::V12_0);
        assert!(document.children().all(|child| child.tag.since() <= Some(120)), "{document:?}");
        assert!(rows(Version::V12_0) < rows(Version::V12_1));
        assert_eq!(rows(Version::V12_1), rows(Version::V16_1));
    }

    #[test]
    fn rows_stand_in_the_order_of_the_published_document() {
        let published = include_str!("../../../../tests/fixtures/spec/vectors/17-provision-initial-response.xml");
        let root = easel_wbxml::xml::from_xml(published).unwrap();
        let document = root.at(&[p::POLICIES, p::POLICY, p::DATA, p::EAS_PROVISION_DOC]).unwrap();
        let place = |tag: Tag| ROWS.iter().position(|(other, _, _)| *other == tag).unwrap();
        let places: Vec<usize> = document.children().map(|child| place(child.tag)).collect();
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn n06_v10_details_of_a_password_that_is_not_demanded_are_sent_or_not() {
        let off = policy(&[]);
        let details =
            |profile: &Profile| wbxml(&off, profile, Version::V12_1).child(p::MIN_DEVICE_PASSWORD_LENGTH).is_some();
        assert!(!details(&Profile::default()));
        assert!(details(&profile("policy.details_when_off", Value::Text("send".to_owned()))));
        let on = policy(&[("DevicePasswordEnabled", "1"), ("MinDevicePasswordLength", "6")]);
        assert_eq!(
            said(&wbxml(&on, &Profile::default(), Version::V12_1), p::MIN_DEVICE_PASSWORD_LENGTH),
            Some("6".into())
        );
    }

    #[test]
    fn n07_n08_a_number_stands_for_no_limit() {
        let size = profile("policy.max_attachment", Value::Number(50_000_000));
        let document = wbxml(&policy(&[]), &size, Version::V12_1);
        assert_eq!(said(&document, p::MAX_ATTACHMENT_SIZE), Some("50000000".to_owned()));
        let cut = profile("policy.trunc_unlimited", Value::Number(5_000_000));
        let document = wbxml(&policy(&[]), &cut, Version::V12_1);
        assert_eq!(said(&document, p::MAX_EMAIL_HTML_BODY_TRUNCATION_SIZE), Some("5000000".to_owned()));
        // What the administrator limits stays as it is.
        let limited = policy(&[("MaxAttachmentSize", "1000"), ("MaxEmailBodyTruncationSize", "0")]);
        let document = wbxml(&limited, &size, Version::V12_1);
        assert_eq!(said(&document, p::MAX_ATTACHMENT_SIZE), Some("1000".to_owned()));
        assert_eq!(said(&document, p::MAX_EMAIL_BODY_TRUNCATION_SIZE), Some("0".to_owned()));
    }

    #[test]
    fn n21_a_list_leaves_out_what_restricts_nothing_and_never_what_restricts() {
        let only = profile("policy.allow_list", Value::Texts(vec!["AllowHTMLEmail".to_owned()]));
        let document = wbxml(&policy(&[("AllowBrowser", "0")]), &only, Version::V12_1);
        let names: Vec<_> = document.children().map(|child| (child.tag, child.value().into_owned())).collect();
        assert_eq!(names, [(p::ALLOW_HTML_EMAIL, "1".to_owned()), (p::ALLOW_BROWSER, "0".to_owned())]);
    }

    #[test]
    fn w05_the_document_of_2_5_has_4133_only_where_it_is_wanted() {
        let plain = wap(&policy(&[]), &Profile::default());
        assert_eq!(
            plain,
            "<wap-provisioningdoc><characteristic type=\"SecurityPolicy\"><parm name=\"4131\" value=\"1\"/>\
             </characteristic></wap-provisioningdoc>"
        );
        let with = wap(&policy(&[]), &profile("policy.wap4133", Value::Flag(true)));
        assert!(with.contains("<parm name=\"4133\" value=\"1\"/>"));
    }

    #[test]
    fn the_document_of_2_5_says_what_a_password_must_be() {
        let demanded = policy(&[
            ("DevicePasswordEnabled", "1"),
            ("MinDevicePasswordLength", "5"),
            ("MaxInactivityTimeDeviceLock", "290"),
            ("MaxDevicePasswordFailedAttempts", "8"),
        ]);
        let xml = wap(&demanded, &Profile::default());
        for said in [
            "name=\"4131\" value=\"0\"",
            "name=\"AEFrequencyValue\" value=\"5\"",
            "name=\"DeviceWipeThreshold\" value=\"8\"",
            "name=\"MinimumPasswordLength\" value=\"5\"",
            "name=\"PasswordComplexity\" value=\"2\"",
        ] {
            assert!(xml.contains(said), "{said} is not in {xml}");
        }
    }

    #[test]
    fn lists_hold_one_value_each_time_they_are_named() {
        let lists = policy(&[("ApprovedApplicationList", "aa"), ("ApprovedApplicationList", "bb")]);
        let document = wbxml(&lists, &Profile::default(), Version::V14_1);
        let list = document.child(p::APPROVED_APPLICATION_LIST).unwrap();
        assert_eq!(list.children().map(Element::value).collect::<Vec<_>>(), ["aa", "bb"]);
        assert!(document.child(p::UNAPPROVED_IN_ROM_APPLICATION_LIST).is_none());
    }
}
