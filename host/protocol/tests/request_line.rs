//! Request lines as devices send them, and as nobody should.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easel_protocol::{Command, QueryForm, RequestLine, RequestLineError, Version, normal_device_id};
use proptest::prelude::*;

fn plain(query: &str) -> Result<RequestLine, RequestLineError> {
    RequestLine::parse(query, Some("14.1"), None, None)
}

fn read(query: &str) -> RequestLine {
    plain(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// A base64 query of its fields; parameters are tag and value.
struct Base64<'a> {
    version: u8,
    command: u8,
    locale: u16,
    device_id: &'a [u8],
    policy_key: &'a [u8],
    device_type: &'a [u8],
    parameters: &'a [(u8, &'a [u8])],
}

const PHONE: Base64<'static> = Base64 {
    version: 141,
    command: 0,
    locale: 0x0407,
    device_id: b"v141Device",
    policy_key: &[],
    device_type: b"SmartPhone",
    parameters: &[],
};

impl Base64<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.version, self.command];
        out.extend(self.locale.to_le_bytes());
        let mut field = |value: &[u8]| {
            out.push(u8::try_from(value.len()).expect("a short value"));
            out.extend(value);
        };
        field(self.device_id);
        field(self.policy_key);
        field(self.device_type);
        for (tag, value) in self.parameters {
            out.push(*tag);
            out.push(u8::try_from(value.len()).expect("a short value"));
            out.extend(*value);
        }
        out
    }

    fn read(&self) -> Result<RequestLine, RequestLineError> {
        RequestLine::parse(&STANDARD.encode(self.bytes()), None, None, None)
    }
}

#[test]
fn the_published_base64_example_is_read() {
    let line = RequestLine::parse("jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l", None, None, None).unwrap();
    assert_eq!(line.form, QueryForm::Base64);
    assert_eq!((line.version, line.command, line.locale), (Some(Version::V14_0), Command::Sync, Some(0x0409)));
    assert_eq!((line.device_id.as_str(), line.device_type.as_str()), ("v140Device", "SmartPhone"));
    assert_eq!((line.policy_key, line.user), (None, None));
}

#[test]
fn a_plain_query_is_read_in_any_order_and_case() {
    let line = RequestLine::parse(
        "User=anna%40example.org&DEVICEID=Appl0123&cmd=foldersync&devicetype=iPhone",
        Some("12.1"),
        Some("1307199584"),
        Some("T"),
    )
    .unwrap();
    assert_eq!((line.form, line.command, line.version), (QueryForm::Plain, Command::FolderSync, Some(Version::V12_1)));
    assert_eq!((line.device_id.as_str(), line.device_type.as_str()), ("Appl0123", "iPhone"));
    assert_eq!(line.user.as_deref(), Some("anna@example.org"));
    assert_eq!((line.policy_key, line.accept_multipart, line.locale), (Some(1_307_199_584), true, None));
}

#[test]
fn the_parameters_of_older_commands_are_read_in_both_forms() {
    let line = read(
        "Cmd=SmartForward&DeviceId=d1&DeviceType=SP&CollectionId=f5&ItemId=a1f&LongId=e1f&Occurrence=2026-10-18T00%3A00%3A00.000Z&SaveInSent=T",
    );
    let parameters: &[(u8, &[u8])] = &[
        (1, b"f5"),
        (3, b"a1f"),
        (4, b"e1f"),
        (6, b"2026-10-18T00:00:00.000Z"),
        (7, &[0x01]),
        (5, b"parent"),
        (99, b"?"),
    ];
    let other = Base64 { command: 2, parameters, ..PHONE }.read().unwrap();
    for line in [line, other] {
        assert_eq!(line.command, Command::SmartForward);
        assert_eq!(line.collection_id.as_deref(), Some("f5"));
        assert_eq!(line.item_id.as_deref(), Some("a1f"));
        assert_eq!(line.long_id.as_deref(), Some("e1f"));
        assert_eq!(line.occurrence.as_deref(), Some("2026-10-18T00:00:00.000Z"));
        assert!(line.save_in_sent && !line.accept_multipart);
    }
    let attachment = read("Cmd=GetAttachment&DeviceId=d1&DeviceType=SP&AttachmentName=c1f-2");
    assert_eq!(attachment.attachment_name.as_deref(), Some("c1f-2"));
    let parameters: &[(u8, &[u8])] = &[(0, b"c1f-2"), (7, &[0x02]), (8, b"anna")];
    let attachment = Base64 { command: 4, parameters, ..PHONE }.read().unwrap();
    assert_eq!(attachment.attachment_name.as_deref(), Some("c1f-2"));
    assert!(attachment.accept_multipart && !attachment.save_in_sent);
    assert_eq!(attachment.user.as_deref(), Some("anna"));
}

#[test]
fn p24_a_query_without_a_user_is_complete() {
    assert_eq!(read("Cmd=Ping&DeviceId=d1&DeviceType=WP").user, None);
    assert_eq!(read("Cmd=Ping&User=&DeviceId=d1&DeviceType=WP").user, None);
    assert_eq!(PHONE.read().unwrap().user, None);
}

#[test]
fn a_missing_device_type_is_empty_and_a_missing_device_id_an_error() {
    assert_eq!(read("Cmd=FolderSync&User=anna&DeviceId=validate").device_type, "");
    assert_eq!(Base64 { device_type: b"", ..PHONE }.read().unwrap().device_type, "");
    for query in ["Cmd=FolderSync&DeviceType=x", "Cmd=FolderSync&DeviceId=&DeviceType=x"] {
        assert_eq!(plain(query), Err(RequestLineError::DeviceId(String::new())));
    }
    assert_eq!(Base64 { device_id: b"", ..PHONE }.read(), Err(RequestLineError::DeviceId(String::new())));
}

#[test]
fn p22_the_version_header_is_a_number_and_may_be_absent() {
    let of = |version| RequestLine::parse("Cmd=Sync&DeviceId=d&DeviceType=t", version, None, None);
    assert_eq!(of(Some("14")).unwrap().version, Some(Version::V14_0));
    assert_eq!(of(Some(" 16.1 ")).unwrap().version, Some(Version::V16_1));
    assert_eq!(of(Some("")).unwrap().version, None);
    assert_eq!(of(None).unwrap().version, None);
    assert!(matches!(of(Some("1.0")), Err(RequestLineError::Version(_))));
}

#[test]
fn t02_percent_encoding_is_read_leniently() {
    for (written, read_as) in [
        ("a%2Fb", "a/b"),
        ("a%2fb", "a/b"),
        ("100%", "100%"),
        ("a%zzb%4", "a%zzb%4"),
        ("a%252F", "a%2F"),
        ("a+b%2Bc", "a b+c"),
        ("gr%C3%BC%C3%9Fe", "grüße"),
        ("%FF", "\u{FFFD}"),
        ("a%0Ab%00", "ab"),
    ] {
        let line = read(&format!("Cmd=SmartReply&DeviceId=d&DeviceType=t&ItemId={written}"));
        assert_eq!(line.item_id.as_deref(), Some(read_as), "{written}");
    }
}

#[test]
fn a_plus_in_a_base64_query_is_a_digit_however_it_arrives() {
    // From the seventh byte of the query on, FB EF BE is `++++` and FF FF FF is `////`.
    let guid = [&[0, 0xFB, 0xEF, 0xBE, 0xFF, 0xFF, 0xFF][..], &[0; 9]].concat();
    let query = STANDARD.encode(Base64 { device_id: &guid, ..PHONE }.bytes());
    assert!(query.contains('+') && query.contains('/'), "{query}");
    for arrived in [
        query.clone(),
        query.replace('+', " "),
        query.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"),
        query.replace('+', "-").replace('/', "_"),
        query.trim_end_matches('=').to_owned(),
    ] {
        let line = RequestLine::parse(&arrived, None, None, None).unwrap_or_else(|error| panic!("{arrived}: {error}"));
        assert_eq!(line.device_id, "00FBEFBEFFFFFF000000000000000000", "{arrived}");
    }
}

#[test]
fn g24_one_device_is_recognised_in_both_forms() {
    let guid: Vec<u8> = (0xA0..0xB0).collect();
    let other = Base64 { device_id: &guid, ..PHONE }.read().unwrap();
    let first = read("Cmd=Sync&DeviceId=a0a1a2a3a4a5a6a7a8a9aaabacadaeaf&DeviceType=WP");
    assert_eq!(normal_device_id(&first.device_id), normal_device_id(&other.device_id));
    let text = Base64 { device_id: b"APPL0123", ..PHONE }.read().unwrap();
    assert_eq!(normal_device_id(&text.device_id), normal_device_id(&read("Cmd=Sync&DeviceId=appl0123").device_id));
}

#[test]
fn a_query_with_cmd_is_plain_and_every_other_is_base64_or_nothing() {
    // `Cmd` need not come first.
    assert_eq!(read("DeviceId=d&CMD=Sync").form, QueryForm::Plain);
    for query in ["", "User=anna&DeviceId=d", "Command=Sync&DeviceId=d", "C", "jAAJ BAp2*", "%%%", "ü"] {
        assert_eq!(plain(query).unwrap_err(), RequestLineError::Form, "{query}");
    }
    assert_eq!(plain("Cmd=&DeviceId=d"), Err(RequestLineError::Command(String::new())));
    assert_eq!(plain("Cmd=Explode&DeviceId=d"), Err(RequestLineError::Command("Explode".to_owned())));
    assert_eq!(Base64 { command: 6, ..PHONE }.read(), Err(RequestLineError::Command("6".to_owned())));
    assert!(matches!(Base64 { version: 10, ..PHONE }.read(), Err(RequestLineError::Version(_))));
}

#[test]
fn a_policy_key_is_the_one_of_the_byte_string_or_else_of_the_header() {
    let with = |bytes: &[u8], header| {
        let query = STANDARD.encode(Base64 { policy_key: bytes, ..PHONE }.bytes());
        RequestLine::parse(&query, Some("16.1"), header, Some("T")).map(|line| (line.policy_key, line.version))
    };
    let version = Some(Version::V14_1);
    assert_eq!(with(&[0x78, 0x56, 0x34, 0x12], Some("7")), Ok((Some(0x1234_5678), version)));
    assert_eq!(with(&[], Some("7")), Ok((Some(7), version)));
    assert_eq!(with(&[], None), Ok((None, version)));
    assert_eq!(with(&[1, 2], None), Err(RequestLineError::PolicyKey("2 bytes".to_owned())));
    // A key from some other server sends the device to Provision, not away for ever.
    for (header, key) in [("0", 0), ("4294967295", u32::MAX), ("4294967296", 0), ("-1", 0), ("{guid}", 0)] {
        let line = RequestLine::parse("Cmd=Sync&DeviceId=d", None, Some(header), None).unwrap();
        assert_eq!(line.policy_key, Some(key), "{header}");
    }
    assert_eq!(RequestLine::parse("Cmd=Sync&DeviceId=d", None, Some(" "), None).unwrap().policy_key, None);
}

#[test]
fn a_base64_query_cut_anywhere_is_refused() {
    let parameters: &[(u8, &[u8])] = &[(1, b"f5")];
    let bytes = Base64 { policy_key: &[1, 2, 3, 4], parameters, ..PHONE }.bytes();
    let complete = bytes.len() - 4;
    for end in 0..bytes.len() {
        let line = RequestLine::parse(&STANDARD.encode(&bytes[..end]), None, None, None);
        // Without its only parameter it is a whole query again.
        assert_eq!(line.is_ok(), end == complete, "cut at {end}");
    }
}

#[test]
fn every_length_is_bounded() {
    let id = |length: usize| plain(&format!("Cmd=Sync&DeviceId={}", "d".repeat(length)));
    assert_eq!(id(64).unwrap().device_id.len(), 64);
    assert_eq!(id(65), Err(RequestLineError::DeviceId("d".repeat(64))));
    for bad in ["a%2Cb", "a%00b", "a%0d%0ab"] {
        assert!(matches!(plain(&format!("Cmd=Sync&DeviceId={bad}")), Err(RequestLineError::DeviceId(_))), "{bad}");
    }
    let long = read(&format!("Cmd=Sync&DeviceId=d&DeviceType={0}&ItemId={0}&User={0}", "x".repeat(1000)));
    assert_eq!((long.device_type.len(), long.item_id.unwrap().len(), long.user.unwrap().len()), (64, 256, 256));
    let query = |length: usize| format!("Cmd=Sync&DeviceId=d&x={}", "y".repeat(length - 22));
    assert!(plain(&query(8192)).is_ok());
    assert_eq!(plain(&query(8193)), Err(RequestLineError::Form));
    let binary = Base64 { device_id: &[0xFF; 33], ..PHONE }.read();
    assert!(matches!(binary, Err(RequestLineError::DeviceId(id)) if id.len() == 64));
    let many: Vec<(u8, &[u8])> = vec![(9, &[]); 2000];
    assert!(Base64 { parameters: &many, ..PHONE }.read().is_ok());
}

proptest! {
    #[test]
    fn any_query_is_read_or_refused(
        query in prop_oneof![
            any::<String>(),
            "(Cmd|DeviceId|DeviceType|User|ItemId)=[A-Za-z%&=+]{0,40}",
            prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| STANDARD.encode(bytes)),
        ],
        header in prop::option::of(".{0,12}"),
    ) {
        let header = header.as_deref();
        if let Ok(line) = RequestLine::parse(&query, header, header, header) {
            prop_assert!(!line.device_id.is_empty() && line.device_id.chars().count() <= 64);
            prop_assert!(line.device_type.chars().count() <= 64);
        }
    }

    #[test]
    fn a_base64_query_says_what_was_put_into_it(
        command in 0u8..=23, locale: u16, key: u32, id in "[a-zA-Z0-9]{1,64}", kind in "[ -~]{0,64}", item in "[!-~]{1,200}",
    ) {
        prop_assume!(Command::from_code(command).is_some());
        let parameters: &[(u8, &[u8])] = &[(3, item.as_bytes())];
        let line = Base64 {
            version: 161, command, locale, device_id: id.as_bytes(), policy_key: &key.to_le_bytes(),
            device_type: kind.as_bytes(), parameters,
        }.read().unwrap();
        prop_assert_eq!(line.version, Some(Version::V16_1));
        prop_assert_eq!(line.command.code(), command);
        prop_assert_eq!((line.locale, line.policy_key), (Some(locale), Some(key)));
        prop_assert_eq!((line.device_id, line.device_type, line.item_id), (id, kind, Some(item)));
    }
}
