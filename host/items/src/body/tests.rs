use easel_wbxml::pages::{airsyncbase, contacts};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::{BodyPartPreference, BodyPreferences, Owner};

fn prefer(kind: BodyType, truncation_size: Option<u32>) -> BodyPreference {
    BodyPreference { kind, truncation_size, all_or_none: false, preview: None }
}

/// The Body of `stored` as version, Type, EstimatedDataSize, Truncated, Data, Preview.
fn shown(stored: Stored<'_>, version: Version, types: Vec<BodyPreference>) -> Option<(String, String, Option<String>)> {
    let owner = Owner { name: "Ann".into(), addresses: vec!["ann@example.org".into()], zone: TimeZone::UTC };
    let preferences = BodyPreferences { types, ..BodyPreferences::default() };
    let view = View {
        version,
        owner: &owner,
        body: &preferences,
        now: Timestamp::UNIX_EPOCH,
        manner: crate::Manner::default(),
    };
    let body = body(&stored, &view).unwrap()?;
    let numbers: Vec<String> =
        [airsyncbase::TYPE, airsyncbase::ESTIMATED_DATA_SIZE, airsyncbase::TRUNCATED, airsyncbase::PREVIEW]
            .iter()
            .map(|tag| body.text_of(*tag).map_or("-".to_owned(), std::borrow::Cow::into_owned))
            .collect();
    let data = body.text_of(airsyncbase::DATA).map(std::borrow::Cow::into_owned);
    Some((numbers[..3].join(" "), numbers[3].clone(), data))
}

fn text(text: &str) -> Stored<'_> {
    Stored { text, html: None }
}

#[test]
fn the_native_form_is_sent_if_it_is_wanted() {
    let html = Stored { text: "", html: Some("<p>Hi <b>you</b></p>") };
    let both = vec![prefer(BodyType::Text, None), prefer(BodyType::Html, None)];
    assert_eq!(
        shown(html, Version::V12_1, both.clone()).unwrap(),
        ("2 20 -".into(), "-".into(), Some("<p>Hi <b>you</b></p>".into()))
    );
    assert_eq!(shown(text("Hi"), Version::V12_1, both).unwrap(), ("1 2 -".into(), "-".into(), Some("Hi".into())));
    assert_eq!(
        shown(html, Version::V12_1, vec![prefer(BodyType::Text, None)]).unwrap().2.as_deref(),
        Some("Hi you\r\n")
    );
}

#[test]
fn g53_text_asked_for_as_html_is_html() {
    let (numbers, _, data) =
        shown(text("a < b\r\n  c & d"), Version::V14_1, vec![prefer(BodyType::Html, None)]).unwrap();
    assert!(numbers.starts_with("2 "));
    assert_eq!(data.as_deref(), Some("<html><body>\r\na &lt; b<br>\r\n&nbsp;&nbsp;c &amp; d\r\n</body></html>\r\n"));
}

#[test]
fn rtf_is_answered_with_text() {
    let (numbers, _, data) = shown(text("plain"), Version::V12_1, vec![prefer(BodyType::Rtf, Some(3))]).unwrap();
    assert_eq!((numbers.as_str(), data.as_deref()), ("1 5 1", Some("pla")));
}

#[test]
fn g33_truncated_is_sent_only_as_1() {
    let one = |limit| shown(text("abcdef"), Version::V12_1, vec![prefer(BodyType::Text, limit)]).unwrap().0;
    assert_eq!(one(None), "1 6 -");
    assert_eq!(one(Some(6)), "1 6 -");
    assert_eq!(one(Some(5)), "1 6 1");
}

#[test]
fn p07_a_truncation_size_of_0_means_nothing() {
    let (numbers, _, data) = shown(text("abc"), Version::V14_1, vec![prefer(BodyType::Text, Some(0))]).unwrap();
    assert_eq!((numbers.as_str(), data), ("1 3 1", None));
}

#[test]
fn p02_an_item_without_a_body_has_no_body_element() {
    for stored in [text(""), text("\r\n"), Stored { text: "", html: Some(" ") }] {
        for types in [vec![], vec![prefer(BodyType::Text, None)], vec![prefer(BodyType::Html, Some(0))]] {
            assert_eq!(shown(stored, Version::V14_0, types), None);
        }
    }
}

#[test]
fn without_a_preference_the_device_learns_type_and_size() {
    assert_eq!(shown(text("abc"), Version::V12_0, vec![]).unwrap(), ("1 3 -".into(), "-".into(), None));
}

#[test]
fn all_or_none_takes_the_next_form_rather_than_a_cut_one() {
    let html = Stored { text: "", html: Some("<p>one</p><p>two</p><p>three</p>") };
    let strict = |kind, size| BodyPreference { all_or_none: true, ..prefer(kind, Some(size)) };
    let types = vec![strict(BodyType::Html, 10), prefer(BodyType::Text, Some(100))];
    assert_eq!(shown(html, Version::V12_1, types).unwrap().2.as_deref(), Some("one\r\n\r\ntwo\r\n\r\nthree\r\n"));
    let types = vec![strict(BodyType::Html, 10), strict(BodyType::Text, 10)];
    let (numbers, _, data) = shown(html, Version::V12_1, types).unwrap();
    assert_eq!((numbers.as_str(), data), ("2 32 1", None));
    let without_limit = BodyPreference { all_or_none: true, ..prefer(BodyType::Html, None) };
    assert!(shown(html, Version::V12_1, vec![without_limit]).unwrap().2.is_some());
}

#[test]
fn p05_a_preview_is_sent_only_when_asked_for_and_from_14_0() {
    let html = Stored { text: "", html: Some("<p>Hello\n  there</p><p>you</p>") };
    let asked = |kind, size| vec![BodyPreference { preview: Some(9), ..prefer(kind, size) }];
    assert_eq!(shown(html, Version::V14_0, asked(BodyType::Html, None)).unwrap().1, "Hello the");
    assert_eq!(shown(html, Version::V12_1, asked(BodyType::Html, None)).unwrap().1, "-");
    assert_eq!(shown(html, Version::V14_0, vec![prefer(BodyType::Html, None)]).unwrap().1, "-");
    assert_eq!(shown(text("abc"), Version::V14_0, asked(BodyType::Text, None)).unwrap().1, "-");
    assert_eq!(shown(text("abc"), Version::V14_0, asked(BodyType::Text, Some(0))).unwrap().1, "abc");
}

#[test]
fn g06_control_characters_never_reach_the_wire() {
    let (_, _, data) =
        shown(text("a\u{b}b\u{0}c\u{1b}d\u{ffff}e\nf\rg\r\n"), Version::V12_1, vec![prefer(BodyType::Text, None)])
            .unwrap();
    assert_eq!(data.as_deref(), Some("abcde\r\nf\r\ng\r\n"));
    assert!(matches!(clean("harmless \u{fffd}\r\n\tﾀ"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn a_body_part_is_html_and_only_for_14_1() {
    let owner = Owner { name: String::new(), addresses: vec!["a@b".into()], zone: TimeZone::UTC };
    let part = Some(BodyPartPreference { truncation_size: Some(20), all_or_none: false, preview: Some(5) });
    let preferences = BodyPreferences { part, ..BodyPreferences::default() };
    let view = |version| View {
        version,
        owner: &owner,
        body: &preferences,
        now: Timestamp::UNIX_EPOCH,
        manner: crate::Manner::default(),
    };
    assert_eq!(body_part(&text("some text"), &view(Version::V14_0)).unwrap(), None);
    let made = body_part(&text("some text"), &view(Version::V14_1)).unwrap().unwrap();
    let names: Vec<_> = made.children().map(|child| child.tag).collect();
    assert_eq!(
        names,
        [
            airsyncbase::STATUS,
            airsyncbase::TYPE,
            airsyncbase::ESTIMATED_DATA_SIZE,
            airsyncbase::TRUNCATED,
            airsyncbase::DATA,
            airsyncbase::PREVIEW
        ]
    );
    assert_eq!(made.text_of(airsyncbase::PREVIEW).unwrap(), "some");
}

/// The Data and the EstimatedDataSize of the BodyPart.
fn own_part(stored: Stored<'_>, truncation_size: Option<u32>) -> (String, String, bool) {
    let owner = Owner { name: String::new(), addresses: vec!["a@b".into()], zone: TimeZone::UTC };
    let part = Some(BodyPartPreference { truncation_size, all_or_none: false, preview: None });
    let preferences = BodyPreferences { part, ..BodyPreferences::default() };
    let view = View {
        version: Version::V14_1,
        owner: &owner,
        body: &preferences,
        now: Timestamp::UNIX_EPOCH,
        manner: crate::Manner::default(),
    };
    let made = body_part(&stored, &view).unwrap().unwrap();
    let text = |tag| made.text_of(tag).unwrap_or_default().into_owned();
    (text(airsyncbase::DATA), text(airsyncbase::ESTIMATED_DATA_SIZE), made.child(airsyncbase::TRUNCATED).is_some())
}

#[test]
fn a_body_part_is_without_the_history_that_mail_programs_quote() {
    for quote in [
        "<div class=\"gmail_quote\"><div dir=\"ltr\">On Monday Bob wrote:</div><blockquote>Old</blockquote></div>",
        "<div class=\"moz-cite-prefix\">On 2.3. Bob wrote:</div><blockquote type=\"cite\">Old</blockquote>\r\n",
        "<blockquote type=cite><div>On 2 March, Bob wrote:</div>Old</blockquote><br>",
        "<div id=\"appendonsend\"></div><hr tabindex=\"-1\"><div id=\"divRplyFwdMsg\">From: Bob</div>Old",
        "<hr style=\"width:98%\" tabindex=\"-1\"><div>From: Bob</div>Old",
        "<div style=\"border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt\"><b>From:</b> Bob</div><p>Old",
        "<div class=\"yahoo_quoted\" id=\"x\">Old</div>",
        "<div class=\"protonmail_quote\">Old</div>",
        "<hr>\r\n<div>From: Bob<br>\r\nSent: Mon</div><br>\r\n<div>Old</div>",
    ] {
        let page = format!("<html><style>a {{}}</style><p>New <b>words</b></p>{quote}</html>");
        let (data, size, cut) = own_part(Stored { text: "", html: Some(&page) }, None);
        assert_eq!(data, "<html><style>a {}</style><p>New <b>words</b></p>", "{quote}");
        assert_eq!((size, cut), (data.len().to_string(), false));
        // What there is of it is cut as any other body.
        let (data, size, cut) = own_part(Stored { text: "", html: Some(&page) }, Some(30));
        assert_eq!((data.len() <= 30, size.as_str(), cut), (true, "48", true), "{data}");
        let forwarded = format!("<html><p>&nbsp;</p>{quote}</html>");
        assert_eq!(own_part(Stored { text: "", html: Some(&forwarded) }, None).0, forwarded);
    }
    for quote in [
        "On Mon, 2 Mar 2026, Bob wrote:\r\n> Old\r\n>\r\n> older\r\n",
        "Am 2. M\u{e4}rz 2026 um 10:00 schrieb Bob\r\n<bob@example.org>:\r\n\r\n> Old\r\n",
        "> Old\r\n",
        "-----Original Message-----\r\nFrom: Bob\r\n\r\nOld\r\n",
        "________________________________\r\nVon: Bob\r\nOld\r\n",
    ] {
        let data = own_part(text(&format!("New words\r\n\r\n{quote}")), None).0;
        assert!(data.contains("New words") && !data.contains("Old") && !data.contains("Bob"), "{data}");
        assert!(own_part(text(quote), None).0.contains("Old"), "{quote}");
    }
}

#[test]
fn an_answer_below_or_between_quoted_lines_keeps_the_whole() {
    let page = "<p>Hi</p><blockquote type=\"cite\">Why?</blockquote><p>Because.</p>";
    assert_eq!(own_part(Stored { text: "", html: Some(page) }, None).0, page);
    for answer in ["Bob wrote:\r\n> Why?\r\nBecause.\r\n", "a > b\r\n-----\r\nc: d\r\n", "Hi\r\n> Why?\r\nSo.\r\n"] {
        let whole = text_to_html(answer);
        assert_eq!(own_part(text(answer), None).0, whole);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_has_an_own_part_that_is_its_beginning(
        html in "(<(div|hr|blockquote)( (type=cite|class=\"gmail_quote\"|tabindex=\"-1\"))?>|</blockquote>|<|>|\u{e4}| |[a-z]|&amp;){0,40}",
        lines in "(> ?|-----|[a-z]: |\r\n|\n|_{20}|[a-z\u{e4}0-9]){0,40}",
    ) {
        if let Some(own) = own::own_html(&html) {
            proptest::prop_assert!(html.starts_with(own) && own.len() < html.len());
        }
        if let Some(own) = own::own_text(&lines) {
            proptest::prop_assert!(lines.starts_with(own) && own.len() < lines.len());
        }
    }
}

#[test]
fn n13_a_cut_body_of_2_5_carries_its_full_size_and_i47_an_empty_one_stays() {
    let owner = Owner { name: String::new(), addresses: vec!["a@b".into()], zone: TimeZone::UTC };
    let made = |stored: Stored<'_>, truncation| {
        let preferences = BodyPreferences { truncation, ..BodyPreferences::default() };
        let view = View {
            version: Version::V2_5,
            owner: &owner,
            body: &preferences,
            now: Timestamp::UNIX_EPOCH,
            manner: crate::Manner::default(),
        };
        let tags = [contacts::BODY, contacts::BODY_SIZE, contacts::BODY_TRUNCATED];
        legacy(&stored, &view, tags).unwrap().map(|element| element.value().into_owned())
    };
    let long = "x".repeat(600);
    assert_eq!(made(text(&long), Some(1)), ["x".repeat(512), "600".into(), "1".into()]);
    assert_eq!(made(text(&long), None), [long.clone(), "600".into(), "0".into()]);
    assert_eq!(made(text(&long), Some(0)), [String::new(), "600".into(), "1".into()]);
    assert_eq!(made(text(""), Some(1)), ["", "0", "0"]);
}

#[test]
fn g32_text_is_cut_between_characters() {
    let family = "\u{1f468}\u{200d}\u{1f469}";
    for (input, limit, kept) in [
        ("a\u{20ac}b", 3, "a"),
        ("a\u{20ac}b", 4, "a\u{20ac}"),
        ("ab\r\ncd", 3, "ab"),
        ("e\u{301}x", 1, ""),
        ("xe\u{301}", 2, "x"),
        (family, 7, ""),
        ("abc", 3, "abc"),
        ("abc", 0, ""),
    ] {
        assert_eq!(cut_text(input, limit), kept, "{input} {limit}");
    }
    let marks = format!("a{}", "\u{301}".repeat(1000));
    assert!(cut_text(&marks, 1001).len() > 900, "a run of marks without end is cut all the same");
}

#[test]
fn html_is_cut_outside_of_tags_entities_comments_and_scripts() {
    for (input, limit, kept) in [
        ("<p>ab</p>", 2, ""),
        ("<p>ab</p>", 4, "<p>a"),
        ("<p>ab</p>", 7, "<p>ab"),
        ("a&amp;b", 4, "a"),
        ("a&amp;b", 6, "a&amp;"),
        ("a & b", 3, "a &"),
        ("x<!-- > -->y", 8, "x"),
        ("x<script>a<b</script>y", 15, "x"),
        ("x<style>p{}</style>yz", 20, "x<style>p{}</style>y"),
        ("<a title=\">\">b</a>", 11, ""),
        ("1 < 2 and 3", 5, "1 < 2"),
        ("\u{20ac}\u{20ac}", 4, "\u{20ac}"),
    ] {
        assert_eq!(cut_html(input, limit), kept, "{input} {limit}");
    }
}

#[test]
fn html_becomes_readable_text() {
    let page = "<html><head><title>T</title><style>p{color:red}</style></head><body>\n<h1>Caf&eacute;</h1>\n\
        <p>See <a href=\"https://example.org/?a=1&amp;b=2\">the page</a> or\n<a href='https://example.org'>https://example.org</a>.</p>\
        <ul><li>one<li>two</ul><script>alert('<p>no</p>')</script><pre>  x\n   y</pre>\
        <table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table><p>1 &lt; 2 &#8364; &nope; &#x41;<br>end</p>\
        <img src=cid:x alt=\"a cat\"><!-- <p>hidden</p> --></body></html>";
    assert_eq!(
        html_to_text(page, usize::MAX).0,
        "Caf\u{e9}\r\n\r\nSee the page <https://example.org/?a=1&b=2> or https://example.org.\r\n\r\n* one\r\n* two\r\n\r\n  x\r\n   y\r\n\r\n\
         a b\r\nc\r\n\r\n1 < 2 \u{20ac} &nope; A\r\nend\r\n\r\na cat\r\n"
    );
    assert_eq!(html_to_text("plain text", usize::MAX), ("plain text\r\n".into(), true));
    let (start, whole) = html_to_text(&"<p>word</p>".repeat(1000), 100);
    assert!(!whole && start.len() > 100 && start.len() < 200);
}

#[test]
fn the_charset_of_a_page_is_taken_out() {
    let page =
        "<html><head><META http-equiv=\"Content-Type\" content=\"text/html; charset=koi8-r\"><meta name=x></head>";
    assert_eq!(without_charset(page), "<html><head><meta name=x></head>");
    assert_eq!(charset_within(page.as_bytes()).as_deref(), Some("koi8-r"));
    assert_eq!(charset_within(b"<meta charset='utf-8'>").as_deref(), Some("utf-8"));
    assert!(matches!(without_charset("<p>charset=x</p>"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn hostile_html_costs_no_more_than_its_length() {
    for piece in ["<", "<a", "<!--", "<b>", "<div><pre>", "&", "&#", "<script>", "</", "<a href=\"", "\u{0}<\u{301}"] {
        let page = piece.repeat(400_000 / piece.len());
        let (text, _) = html_to_text(&page, usize::MAX);
        assert!(text.len() <= page.len() * 4 + 2, "{piece}");
        assert!(cut_html(&page, 100_000).len() <= 100_000);
        let _ = without_charset(&page);
    }
}

proptest::proptest! {
    #[test]
    fn any_page_is_cut_within_its_limit_and_converted(page in "[<>&;a-z\"'=!/ \u{e9}\u{1f600}\r\n-]{0,200}", limit in 0usize..220) {
        let cut = cut_html(&page, limit);
        proptest::prop_assert!(cut.len() <= limit && page.starts_with(cut));
        proptest::prop_assert!(cut_text(&page, limit).len() <= limit);
        let (text, _) = html_to_text(&page, usize::MAX);
        proptest::prop_assert_eq!(clean(&text).into_owned(), text);
    }
}
