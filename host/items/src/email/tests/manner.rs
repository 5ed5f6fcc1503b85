//! Mail in other manners than the host's own.

use super::*;
use crate::manner::MailManner;

fn shown_in(manner: MailManner, raw: &[u8], version: Version, body: &BodyPreferences) -> Element {
    let (index, owner) = (index(raw, arrival()).index, ann());
    let manner = crate::Manner { mail: manner, ..crate::Manner::default() };
    let view = View { version, owner: &owner, body, now: arrival(), manner };
    let record = MailRecord::arrived(arrival().as_millisecond());
    let children = properties(ServerId::new(0x1f), &index, &record, &raw, &view).unwrap();
    Element::of(easel_wbxml::pages::airsync::APPLICATION_DATA, children)
}

fn whole(raw: &[u8]) -> String {
    let ask = BodyPreferences { mime_support: 2, ..preferences(vec![prefer(BodyType::Mime, None)]) };
    let data = shown_in(MailManner { mime_8bit: true, ..MailManner::default() }, raw, Version::V14_0, &ask);
    body_data(&data)
}

#[test]
fn o03_a_message_as_8bit_utf_8_is_the_same_message() {
    for name in MAILS {
        let raw = mail(name);
        let written = whole(&raw);
        assert!(written.split("\r\n").all(|line| !line.contains(['\r', '\n'])), "{name}: lines end with CRLF");
        let [before, after] = [&raw[..], written.as_bytes()].map(|raw| index(raw, arrival()));
        if name != "broken" {
            assert_eq!(after.facts.search_text.trim_end(), before.facts.search_text.trim_end(), "{name}");
        }
        assert_eq!(after.index.class, before.index.class, "{name}");
        let names =
            |index: &Index| index.attachments().map(|part| (part.number, part.name.clone())).collect::<Vec<_>>();
        assert_eq!(names(&after.index), names(&before.index), "{name}");
        assert_eq!(whole(written.as_bytes()), written, "{name}: once is enough");
    }
}

#[test]
fn o03_what_is_signed_and_what_is_attached_stay_as_they_are() {
    let part = "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nM=FCller\r\n";
    let signed = format!("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n{part}--b--\r\n");
    assert_eq!(whole(signed.as_bytes()), signed);
    let attached = part.replace("\r\n\r\n", "\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n");
    let mixed = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{part}--b\r\n{attached}--b--\r\n");
    let written = whole(mixed.as_bytes());
    assert!(written.contains("Müller") && written.contains(&attached), "{written}");
}

#[test]
fn o03_a_page_that_names_another_charset_names_it_no_more() {
    let raw = b"Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
        <html><head><meta charset=\"iso-8859-1\"></head><body>M\xfcller</body></html>\r\n";
    let written = whole(raw);
    assert!(written.contains("<body>Müller</body>") && !written.contains("8859"), "{written}");
}

#[test]
fn a_mail_that_goes_whole_is_no_larger_than_the_largest_form_the_device_takes() {
    let manner = MailManner { smime_whole: true, drafts_whole: true, ..MailManner::default() };
    let raw = mail("signed-smime");
    let size = u32::try_from(raw.len()).unwrap();
    let ask = |html: u32| preferences(vec![prefer(BodyType::Text, Some(10)), prefer(BodyType::Html, Some(html))]);
    let kind = |data: &Element| data.at(&[airsyncbase::BODY, airsyncbase::TYPE]).unwrap().value().into_owned();
    let fits = shown_in(manner, &raw, Version::V14_1, &ask(size));
    assert_eq!((kind(&fits).as_str(), body_data(&fits).len()), ("4", raw.len()));
    let too_large = shown_in(manner, &raw, Version::V14_1, &ask(size - 1));
    assert_eq!((kind(&too_large).as_str(), body_data(&too_large).as_str()), ("4", ""));
    assert_eq!(too_large.at(&[airsyncbase::BODY, airsyncbase::TRUNCATED]).unwrap().value(), "1");
}

#[test]
fn a_draft_that_is_too_large_to_go_whole_goes_as_it_can() {
    let raw = b"Subject: d\r\n\r\nA long text that is the draft.\r\n";
    let (index, owner) = (index(raw, arrival()).index, ann());
    let mail = MailManner { drafts_whole: true, ..MailManner::default() };
    let body = preferences(vec![prefer(BodyType::Text, Some(12))]);
    let manner = crate::Manner { mail, ..crate::Manner::default() };
    let view = View { version: Version::V16_1, owner: &owner, body: &body, now: arrival(), manner };
    let record = MailRecord { draft: true, ..MailRecord::arrived(1) };
    let children = properties(ServerId::new(1), &index, &record, &&raw[..], &view).unwrap();
    assert_eq!(body_data(&Element::of(easel_wbxml::pages::airsync::APPLICATION_DATA, children)), "A long text ");
}

#[test]
fn i17_a_preview_holds_no_addresses() {
    let manner = MailManner { preview_strip: true, ..MailManner::default() };
    let raw = b"Subject: d\r\n\r\nSee https://example.org/a/long/one for [cid:picture1] more.\r\nBye\r\n";
    let html = BodyPreference { preview: Some(20), ..prefer(BodyType::Html, Some(10)) };
    let data = shown_in(manner, raw, Version::V14_1, &preferences(vec![html]));
    assert_eq!(data.at(&[airsyncbase::BODY, airsyncbase::PREVIEW]).unwrap().value(), "See for more. Bye");
}

#[test]
fn v05_text_of_2_5_holds_no_entities_either() {
    let manner = MailManner { plain: true, html_in_2_5: false, ..MailManner::default() };
    let raw = b"Subject: d\r\n\r\nfish &amp; chips &lt;3 &unknown; & more\r\n";
    let data = shown_in(manner, raw, Version::V2_5, &BodyPreferences::default());
    assert_eq!(data.text_of(email::BODY).unwrap(), "fish & chips <3 &unknown; & more\r\n");
}

#[test]
fn every_mail_can_be_shown_in_every_manner() {
    let flags = |n: u32| (0..10).map(move |bit| n >> bit & 1 == 1).collect::<Vec<bool>>();
    for name in MAILS {
        let raw = mail(name);
        for number in (0..1024).step_by(31) {
            let on = flags(number);
            let manner = MailManner {
                recipients_max: u32::from(on[0]),
                prefer_mime: on[1],
                text_as_html: on[2],
                preview_strip: on[3],
                plain: on[4],
                html_in_2_5: on[5],
                name_senders: on[6],
                mime_8bit: on[7],
                tnef_dropped: on[8],
                smime_whole: on[9],
                drafts_whole: on[0],
            };
            let both = vec![prefer(BodyType::Text, Some(40)), prefer(BodyType::Html, Some(60))];
            let all = [both.clone(), [both, vec![prefer(BodyType::Mime, None)]].concat()];
            for types in all {
                for version in [Version::V2_5, Version::V14_1] {
                    let ask = BodyPreferences { mime_support: 1, ..preferences(types.clone()) };
                    let data = shown_in(manner, &raw, version, &ask);
                    let _ = easel_wbxml::encode(&data);
                }
            }
        }
    }
}
