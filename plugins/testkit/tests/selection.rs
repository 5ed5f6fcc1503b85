//! Which of the packs serves which device: the identities seen in the field.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use easel_pack::Manifest;
use easel_pack::profile::Facts;

fn packs() -> Vec<Manifest> {
    let packs = [
        blackberry_addon::PACK,
        default::PACK,
        gmail_android::PACK,
        ios_modern::PACK,
        iphone_os_2_3::PACK,
        maemo_meego::PACK,
        moxier::PACK,
        nokia_mfe::PACK,
        palm::PACK,
        probe::PACK,
        roadsync::PACK,
        touchdown::PACK,
        windows_mobile::PACK,
    ];
    packs.iter().map(|pack| (pack.describe)()).collect()
}

fn facts(user_agent: &str, device_id: &str, device_type: &str) -> Facts {
    let user_agents = Some(user_agent.to_owned()).filter(|agent| !agent.is_empty()).into_iter().collect();
    Facts { user_agents, device_id: device_id.to_owned(), device_type: device_type.to_owned(), ..Facts::default() }
}

#[track_caller]
fn serves(pack: &str, devices: &[(&str, &str, &str)]) {
    let packs = packs();
    for &(user_agent, device_id, device_type) in devices {
        let facts = facts(user_agent, device_id, device_type);
        let chosen = easel_testkit::chosen(&packs, &facts).map(|manifest| manifest.id.as_str());
        assert_eq!(chosen, Some(pack), "{user_agent} {device_id} {device_type}");
    }
}

#[test]
fn tc01_early_iphones_are_told_by_their_build() {
    serves(
        "iphone-os-2-3",
        &[
            ("Apple-iPhone/704.11", "Appl88835HZ5A4T", "iPhone"),
            ("Apple-iPhone/501.347", "", "iPhone"),
            ("Apple-iPhone/508.11", "", "iPhone"),
            ("Apple-iPod/506.137", "", "iPod"),
            ("Apple-(null)/704.11", "", ""),
            ("Apple-iPad/702.500", "", "iPad"),
        ],
    );
    serves(
        "default",
        &[
            ("Apple-iPhone2C1/803.14800001", "", "iPhone"),
            ("Apple-iPhone4C1/902.512700003", "", "iPhone"),
            ("Apple-iPad3C1/1208.321", "", "iPad"),
            ("Apple-iPhone9C4/1402.92", "", "iPhone"),
            ("DTG-iPhone/4.0", "", ""),
        ],
    );
}

#[test]
fn tc07_moxier_is_itself_inside_any_other_mail() {
    serves(
        "moxier",
        &[
            ("HTC-HTCAmaze4G(4D6F7869SAM)/2.1500", "", "HTCAmaze4G"),
            ("SAMSUNG-GalaxyNexus(4D6F7869SAM)/2.1501", "SEC17CD1A3E9E3F2", "SAMSUNGGTI9250"),
            ("Moxier-Android/1.0", "android123", "Android"),
        ],
    );
}

#[test]
fn tc08_n19_a_nokia_whose_type_is_an_imei_is_told_by_its_user_agent() {
    serves(
        "nokia-mfe",
        &[
            ("NokiaN97/2.09(206)MailforExchange", "IMEI351234567890123", "IMEI351234567890123"),
            ("NokiaN95/2.09(158)MailforExchange", "", "IMEI351234567890123"),
            ("NokiaE71/1.0", "", ""),
            ("NokiaE521/2.00()MailforExchange", "", ""),
            ("Nokia5800XpressMusic/2.07(37)MailforExchange", "", ""),
            ("NokiaN800/3.00(0)MailforExchange 3gpp-gba", "", ""),
            ("", "IMEI351234567890123", "N95"),
        ],
    );
}

#[test]
fn from_ios_11_on_iphones_are_told_by_build_or_system() {
    serves(
        "ios-modern",
        &[
            ("Apple-iPhone9C1/1501.530400009", "", "iPhone"),
            ("Apple-iPhone9C4/1602.92", "", "iPhone"),
            ("Apple-iPhone15C1/2202.75", "kc28f3e3o53nhduj5rmqk1sge4", "iPhone"),
            ("Apple-iPhone15C4/2301.355", "kc28f3e3o53nhduj5rmqk1sge4", "iPhone"),
            ("Apple-iPhone15C4/2401.539000006", "", "iPhone"),
        ],
    );
    let packs = packs();
    let systems = [
        ("iOS 11.0 15A372", "ios-modern"),
        ("iOS 17.4.1", "ios-modern"),
        ("iOS 26.0.1 23A355", "ios-modern"),
        ("iPadOS 18.0", "ios-modern"),
        ("visionOS 2.1", "ios-modern"),
        ("iOS 6.1 10B145", "default"),
        ("iOS 10.3.2 14F89", "default"),
        ("iOS 110", "default"),
        ("Android", "default"),
    ];
    for (os, pack) in systems {
        let facts = Facts { os: os.to_owned(), ..Facts::default() };
        assert_eq!(easel_testkit::chosen(&packs, &facts).map(|manifest| manifest.id.as_str()), Some(pack), "{os}");
    }
}

#[test]
fn gmail_is_told_by_its_user_agent_on_any_android() {
    serves(
        "gmail-android",
        &[
            ("Android-Mail/2025.11.02.828503186.Release", "ANDROIDC1234567890", "Android"),
            ("Android-Mail/7.5.21.158567284.release", "", "SAMSUNGSMG950F"),
        ],
    );
    serves("default", &[("Android/4.4.2-EAS-1.3", "", "Android"), ("SAMSUNG-SM-G950F/101.80000", "", "")]);
}

#[test]
fn maemo_is_not_symbian() {
    serves("maemo-meego", &[("MeeGo-MfE/1.2", "", ""), ("N900/1.1", "", ""), ("", "", "meego"), ("", "", "NokiaN800")]);
    serves("nokia-mfe", &[("NokiaN800/3.00(0)MailforExchange 3gpp-gba", "IMEI351234567890123", "NokiaN800")]);
}

#[test]
fn palm_os_and_webos_are_told_by_their_user_agents() {
    serves("palm", &[("PalmOne-TreoAce/1.02m01", "", ""), ("PalmOne-TreoAce/2.01m01", "", ""), ("Palm/1.0.1", "", "")]);
}

#[test]
fn n27_roadsync_on_a_nokia_is_roadsync() {
    serves(
        "roadsync",
        &[("RoadSync-S60/5.0", "IMEI351234567890123", ""), ("RoadSync-Android/2.503", "android123", "Android")],
    );
}

#[test]
fn windows_mobile_is_told_by_user_agent_or_by_either_name_of_its_type() {
    serves(
        "windows-mobile",
        &[
            ("MSFT-PPC/5.2.1603", "B7D9806C123E69F8850A2D30D3709A18", "PocketPC"),
            ("MSFT-SPhone/5.2.1108", "", "SmartPhone"),
            ("Microsoft-AirSync/3.0", "", ""),
            ("Microsoft-PocketPC/3.0", "", ""),
            ("", "B7D9806C123E69F8850A2D30D3709A18", "PPC"),
            ("", "B7D9806C123E69F8850A2D30D3709A18", "SP"),
        ],
    );
    serves("default", &[("MSFT-WP/8.10.14157", "", "WP8")]);
}

#[test]
fn tc82_what_may_be_astrasync_is_told_by_untrusted() {
    serves("blackberry-addon", &[("BlackBerry/5.2.200 UNTRUSTED/1.0", "", "BlackBerry"), ("NotifySync/4.11", "", "")]);
    serves("default", &[("RIM-Passport_SQW100-1/10.3.1.2726", "", "BlackBerry")]);
}

#[test]
fn t04_touchdown_is_told_by_its_user_agent_on_any_device() {
    serves(
        "touchdown",
        &[("TouchDown(MSRPC)/7.1.00012/", "androidc123", "Android"), ("TouchDown(MSRPC)", "", "TouchDown")],
    );
}

#[test]
fn probes_are_probes_whoever_sends_them() {
    serves("probe", &[("", "", "TestActiveSyncConnectivity"), ("Android/0.3", "validate", "Android")]);
}

#[test]
fn whoever_is_left_gets_the_default() {
    serves("default", &[("", "", ""), ("EASClient/1.0", "x", "y")]);
}
