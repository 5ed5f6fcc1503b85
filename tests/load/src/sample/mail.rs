//! Mails: 40 % plain, 40 % with HTML beside the text, 20 % with an attachment; ten languages in turn.
//!
//! Sizes are drawn so that each doubling between two bounds is as likely as any other. The bounds make the median of all
//! 12 KB (plain ones are smaller, those with attachments larger, a quarter of those with HTML smaller) and the mean 60 KB.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Kind;
use super::language::{LANGUAGES, Language, base64_lines};
use crate::dice::Dice;

/// Bytes of a plain mail,
const PLAIN: (usize, usize) = (2 << 10, 10 << 10);
/// of one with HTML,
const ALTERNATIVE: (usize, usize) = (8 << 10, 40_500 * 1024 / 1000);
/// and of one with an attachment.
const ATTACHMENT: (usize, usize) = (60 << 10, 658 << 10);

/// The newest mail of the sample came at this moment,
const NEWEST: i64 = 1_767_225_600_000;
/// and the one before so much earlier: 20,000 are three years.
const APART_MS: i64 = 79 * 60 * 1000;

/// What a mail is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Alternative,
    Attachment,
}

/// A mail.
#[derive(Clone, Debug)]
pub(crate) struct SampleMail {
    /// When it came, milliseconds since 1970.
    pub(crate) received: i64,
    pub(crate) raw: Vec<u8>,
}

impl Shape {
    /// Two, two and one of five.
    pub(crate) const fn of(number: u64) -> Self {
        match number % 5 {
            0 | 1 => Self::Plain,
            2 | 3 => Self::Alternative,
            _ => Self::Attachment,
        }
    }

    const fn sizes(self) -> (usize, usize) {
        match self {
            Self::Plain => PLAIN,
            Self::Alternative => ALTERNATIVE,
            Self::Attachment => ATTACHMENT,
        }
    }
}

/// The `number`-th mail to `to`.
pub(crate) fn mail(number: u64, to: &str) -> SampleMail {
    let mut dice = Kind::Mail.dice(number);
    let shape = Shape::of(number);
    let (least, most) = shape.sizes();
    let size = dice.size(least, most);
    // Shapes repeat after five, so languages go on with the fives: each shape meets each language.
    let language = &LANGUAGES[(number / 5 % 10) as usize];
    let received = NEWEST - APART_MS * i64::try_from(number).unwrap_or(0);
    let mut raw = head(number, to, received, language, &mut dice).into_bytes();
    match shape {
        Shape::Plain => part(&mut raw, language, "plain", text, size, &mut dice),
        Shape::Alternative => alternative(&mut raw, language, size, number, &mut dice),
        Shape::Attachment => attachment(&mut raw, language, size, number, &mut dice),
    }
    SampleMail { received, raw }
}

/// A mail of some 700 bytes.
pub(crate) fn short_mail(number: u64, to: &str) -> SampleMail {
    let mut dice = Kind::Mail.dice(number);
    let received = NEWEST - APART_MS * i64::try_from(number).unwrap_or(0);
    let language = &LANGUAGES[(number % 10) as usize];
    let mut raw = head(number, to, received, language, &mut dice).into_bytes();
    let size = raw.len() + 250;
    part(&mut raw, language, "plain", text, size, &mut dice);
    SampleMail { received, raw }
}

fn head(number: u64, to: &str, received: i64, language: &Language, dice: &mut Dice) -> String {
    let person = *dice.pick(&language.people);
    let from = format!("sender{}@example.{}", dice.below(500), language.tag);
    let date = Timestamp::from_millisecond(received).unwrap_or_default().to_zoned(TimeZone::UTC);
    let date = date.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let subject = language.title(dice);
    let answers = number % 4 == 3;
    let references = if answers { format!("References: <{}.load@example.net>\r\n", number - 1) } else { String::new() };
    format!(
        "Return-Path: <{from}>\r\n\
         Received: from mx.example.{tag} (mx.example.{tag} [192.0.2.{host}])\r\n\tby mail.example.org (Postfix) with ESMTPS id {id:016X}\r\n\tfor <{to}>; {date}\r\n\
         Message-ID: <{number}.load@example.net>\r\n{references}\
         Date: {date}\r\nFrom: {name} <{from}>\r\nTo: <{to}>\r\nSubject: {reply}{subject}\r\n\
         User-Agent: Mozilla Thunderbird\r\nMIME-Version: 1.0\r\n",
        tag = language.tag,
        host = dice.below(250) + 1,
        id = dice.roll(),
        name = language.header(person),
        reply = if answers { "Re: " } else { "" },
        subject = language.header(&subject),
    )
}

/// A part whose encoded text fills the mail up to `size` bytes.
fn part(
    raw: &mut Vec<u8>,
    language: &Language,
    kind: &str,
    write: impl Fn(usize, &Language, &mut Dice) -> String,
    size: usize,
    dice: &mut Dice,
) {
    let (charset, transfer) = (language.charset, language.transfer.name());
    let head = format!("Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {transfer}\r\n\r\n");
    raw.extend_from_slice(head.as_bytes());
    let room = size.saturating_sub(raw.len()).max(100);
    // How much larger text becomes by its encoding differs from language to language: tried on a piece.
    let piece = write(1000, language, dice);
    let growth = language.encode(&piece).len() as f64 / piece.len() as f64;
    let written = write((room as f64 / growth) as usize, language, dice);
    raw.extend_from_slice(&language.encode(&written));
}

/// Paragraphs of text of about `room` bytes.
fn text(room: usize, language: &Language, dice: &mut Dice) -> String {
    let mut text = String::with_capacity(room + 200);
    while text.len() < room {
        for _ in 0..2 + dice.below(4) {
            text.push_str(&language.sentence(dice));
            if text.len() >= room {
                break;
            }
        }
        text.push_str("\n\n");
    }
    text.push_str("-- \n");
    let name: &str = dice.pick::<&str>(&language.people);
    text.push_str(name);
    text.push('\n');
    text
}

const STYLE: &str = "<style type=\"text/css\">\n\
    body{margin:0;padding:0;background:#f4f4f4;font-family:Helvetica,Arial,sans-serif;font-size:14px}\n\
    .box{max-width:600px;margin:0 auto;background:#fff}\n\
    .button a{color:#fff!important;text-decoration:none;padding:12px 24px;display:inline-block}\n\
    @media only screen and (max-width:480px){.box{width:100%!important}.col{display:block!important}}\n</style>\n";

/// HTML as newsletters and offices write it, of about `room` bytes: tables, styles, links, pictures.
fn html(room: usize, language: &Language, dice: &mut Dice) -> String {
    let mut html = format!(
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
         <html lang=\"{}\">\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset={}\">\n{STYLE}</head>\n<body>\n\
         <table class=\"box\" width=\"600\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" align=\"center\">\n",
        language.tag, language.charset
    );
    while html.len() < room {
        let (sentence, more) = (language.sentence(dice), language.sentence(dice));
        let (title, number, width) = (language.title(dice), dice.below(100_000), 100 + dice.below(400));
        html.push_str(&match dice.below(5) {
            0 => format!("<tr><td style=\"padding:16px 24px;color:#333333\"><h2 style=\"margin:0\">{title}</h2></td></tr>\n"),
            1 => format!(
                "<tr><td class=\"button\" bgcolor=\"#1a73e8\"><a href=\"https://example.{}/offer?id={number}&amp;utm_source=mail\">{title}</a></td></tr>\n",
                language.tag
            ),
            2 => format!(
                "<tr><td><img src=\"https://example.net/i/{number}.jpg\" width=\"{width}\" height=\"120\" alt=\"{title}\" style=\"display:block;border:0\"></td></tr>\n"
            ),
            3 => format!(
                "<tr><td style=\"padding:0 24px;line-height:20px\"><p class=\"MsoNormal\"><span style=\"font-size:10.0pt;font-family:&quot;Arial&quot;,sans-serif\">{sentence}<b>{more}</b><o:p></o:p></span></p></td></tr>\n"
            ),
            _ => format!("<tr><td style=\"padding:0 24px\"><p>{sentence}{more}<br>\n{sentence}</p></td></tr>\n"),
        });
    }
    html.push_str("</table>\n<!-- tracking --><img src=\"https://example.net/open.gif\" width=\"1\" height=\"1\">\n</body>\n</html>\n");
    html
}

fn alternative(raw: &mut Vec<u8>, language: &Language, size: usize, number: u64, dice: &mut Dice) {
    let edge = format!("----=_Alt_{number:08X}");
    raw.extend_from_slice(format!("Content-Type: multipart/alternative; boundary=\"{edge}\"\r\n\r\n").as_bytes());
    let room = size.saturating_sub(raw.len());
    raw.extend_from_slice(format!("--{edge}\r\n").as_bytes());
    let end = raw.len() + room / 4;
    part(raw, language, "plain", text, end, dice);
    raw.extend_from_slice(format!("\r\n--{edge}\r\n").as_bytes());
    part(raw, language, "html", html, size, dice);
    raw.extend_from_slice(format!("\r\n--{edge}--\r\n").as_bytes());
}

fn attachment(raw: &mut Vec<u8>, language: &Language, size: usize, number: u64, dice: &mut Dice) {
    let edge = format!("----=_Mix_{number:08X}");
    raw.extend_from_slice(format!("Content-Type: multipart/mixed; boundary=\"{edge}\"\r\n\r\n--{edge}\r\n").as_bytes());
    let room = 10 << 10;
    // Text, and HTML beside it in every other one.
    if (number / 5).is_multiple_of(2) {
        let end = raw.len() + room / 2;
        part(raw, language, "plain", text, end, dice);
    } else {
        let end = raw.len() + room;
        alternative(raw, language, end, number, dice);
    }
    let (kind, name) = *dice.pick(&[
        ("application/pdf", "report.pdf"),
        ("image/jpeg", "photo.jpg"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "offer.docx"),
        ("application/zip", "files.zip"),
    ]);
    let head = format!(
        "\r\n--{edge}\r\nContent-Type: {kind}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n"
    );
    raw.extend_from_slice(head.as_bytes());
    // Base64 with line ends makes 78 of 57.
    let bytes = size.saturating_sub(raw.len() + 40) * 57 / 78;
    raw.extend_from_slice(&base64_lines(&dice.bytes(bytes)));
    raw.extend_from_slice(format!("--{edge}--\r\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: u64 = 2000;

    fn sample() -> Vec<SampleMail> {
        (0..COUNT).map(|number| mail(number, "anna@example.org")).collect()
    }

    #[test]
    fn the_median_is_12_kb_and_the_mean_60_kb() {
        let mut sizes: Vec<usize> = sample().iter().map(|mail| mail.raw.len()).collect();
        sizes.sort_unstable();
        let (median, mean) = (sizes[sizes.len() / 2] as f64 / 1024.0, sizes.iter().sum::<usize>() as f64 / 1024.0);
        let mean = mean / COUNT as f64;
        assert!((11.0..=13.0).contains(&median), "median {median:.1} KB");
        assert!((56.0..=64.0).contains(&mean), "mean {mean:.1} KB");
    }

    #[test]
    fn two_fifths_are_plain_two_fifths_have_html_beside_text_and_a_fifth_an_attachment() {
        let mut counts = [0; 3];
        let mut charsets = std::collections::BTreeMap::new();
        for mail in sample() {
            let text = String::from_utf8_lossy(&mail.raw);
            let head = text.split("\r\n\r\n").next().unwrap();
            let kind = head.split("Content-Type: ").nth(1).unwrap();
            let shape = ["text/plain", "multipart/alternative", "multipart/mixed"]
                .iter()
                .position(|name| kind.starts_with(name))
                .unwrap();
            counts[shape] += 1;
            let charset = text.split("charset=").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
            *charsets.entry(charset).or_insert(0) += 1;
            let attached = text.contains("Content-Disposition: attachment");
            assert_eq!(attached, shape == 2);
            assert_eq!(shape == 1, text.contains("text/html") && !attached, "{head}");
        }
        assert_eq!(counts, [800, 800, 400]);
        assert_eq!(charsets.values().copied().collect::<Vec<_>>(), [200; 10], "{charsets:?}");
    }

    #[test]
    fn the_index_finds_what_was_written_in_every_language_and_shape() {
        for number in 0..100 {
            let mail = mail(number, "anna@example.org");
            let received = Timestamp::from_millisecond(mail.received).unwrap();
            let indexed = easel_items::email::index(&mail.raw, received);
            let language = &LANGUAGES[(number / 5 % 10) as usize];
            // A sentence of the language is found: charset and transfer encoding were understood.
            let word = language.title(&mut Dice::of(0, 0));
            let first = word.chars().next().unwrap();
            assert!(indexed.facts.search_text.contains(first), "mail {number}: {:.100}", indexed.facts.search_text);
            assert!(!indexed.facts.search_text.contains('\u{FFFD}'), "mail {number}");
            assert!(!indexed.facts.subject.contains("=?"), "mail {number}: {}", indexed.facts.subject);
            assert_eq!(indexed.facts.uid.as_deref(), Some(format!("{number}.load@example.net").as_str()));
        }
    }

    #[test]
    fn the_same_number_makes_the_same_mail() {
        assert_eq!(mail(7, "a@example.org").raw, mail(7, "a@example.org").raw);
        assert_ne!(mail(7, "a@example.org").raw, mail(12, "a@example.org").raw);
        let short = short_mail(3, "a@example.org");
        assert!((400..1500).contains(&short.raw.len()), "{}", short.raw.len());
    }
}
