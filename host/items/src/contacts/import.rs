//! Files of many cards, and cards of version 2.1.
//!
//! A file is cut at BEGIN and END without reading what is between, so that one broken card costs only itself. vCard
//! 2.1 folds, escapes and encodes in its own way; a 2.1 card becomes 3.0 (RFC 2426) before anything reads it.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use crate::ItemError;
use crate::lines::escape;

/// Cards in one file.
const CARDS_MAX: usize = 100_000;

/// The cards of a file, each as it stands (2.1 as 3.0). A group (`KIND:group`) is among them and is refused when it is
/// read, as is a broken card, so that an import can say which it left out and why.
pub fn split(vcf: &str) -> Result<Vec<String>, ItemError> {
    let bad = |reason: String| ItemError::BadObject { format: "vCard", reason };
    let mut cards = Vec::new();
    let mut start = None;
    let mut depth = 0_usize;
    let mut at = 0;
    for line in vcf.split_inclusive('\n') {
        let word = line.trim().trim_start_matches('\u{feff}');
        if is(word, "BEGIN:VCARD") {
            if depth == 0 {
                start = Some(at + line.find(['B', 'b']).unwrap_or(0));
            }
            depth += 1;
        } else if is(word, "END:VCARD") && depth > 0 {
            depth -= 1;
            if let Some(begun) = start.take_if(|_| depth == 0) {
                if cards.len() >= CARDS_MAX {
                    return Err(bad(format!("more than {CARDS_MAX} cards")));
                }
                cards.push(upgrade(&vcf[begun..at + line.len()]).into_owned());
            }
        }
        at += line.len();
    }
    // A card that never ends is handed on to be refused with its reason.
    cards.extend(start.map(|begun| vcf[begun..].to_owned()));
    if cards.is_empty() { Err(bad("no BEGIN:VCARD".to_owned())) } else { Ok(cards) }
}

fn is(line: &str, word: &str) -> bool {
    let begins = |text: &str| text.bytes().next().map(|byte| byte.to_ascii_uppercase());
    let may_be = line.len() >= word.len() && begins(line.trim_start()) == begins(word);
    may_be && line.split_whitespace().collect::<String>().eq_ignore_ascii_case(word)
}

/// A card of version 2.1 as 3.0; any other as it is.
pub(crate) fn upgrade(card: &str) -> Cow<'_, str> {
    let is_old = card.lines().take(50).any(|line| is(line, "VERSION:2.1"));
    if !is_old || card.len() > super::card::CARD_MAX {
        return Cow::Borrowed(card);
    }
    let mut out = String::with_capacity(card.len() + card.len() / 8);
    let mut lines = card.lines().peekable();
    while let Some(first) = lines.next() {
        let mut line = first.to_owned();
        let quoted = is_quoted_printable(&line);
        loop {
            let soft = quoted && line.ends_with('=');
            if soft {
                line.pop();
            }
            match lines.next_if(|next| soft || next.starts_with([' ', '\t'])) {
                Some(next) => line.push_str(if soft { next } else { next.trim_start() }),
                None => break,
            }
        }
        if !line.trim().is_empty() {
            write_line(&line, &mut out);
        }
    }
    Cow::Owned(out)
}

fn is_quoted_printable(line: &str) -> bool {
    let head = line.split(':').next().unwrap_or("");
    head.to_ascii_uppercase().split(';').any(|param| matches!(param, "QUOTED-PRINTABLE" | "ENCODING=QUOTED-PRINTABLE"))
}

fn write_line(line: &str, out: &mut String) {
    let Some((head, value)) = line.split_once(':') else { return };
    let mut params = head.split(';').map(str::trim);
    let name = params.next().unwrap_or("");
    let mut charset = UTF_8;
    let mut quoted = false;
    let mut binary = false;
    let mut kept = String::new();
    for param in params {
        let (key, text) = param.split_once('=').unwrap_or(("", param));
        match (key.to_ascii_uppercase().as_str(), text.to_ascii_uppercase().as_str()) {
            ("" | "ENCODING", "QUOTED-PRINTABLE") => quoted = true,
            ("" | "ENCODING", "BASE64" | "B") => binary = true,
            ("" | "ENCODING", "7BIT" | "8BIT") => {}
            ("CHARSET", _) => charset = Encoding::for_label(text.as_bytes()).unwrap_or(UTF_8),
            ("", _) => kept.push_str(&format!(";TYPE={text}")),
            (key, _) => kept.push_str(&format!(";{key}={text}")),
        }
    }
    if binary {
        kept.push_str(";ENCODING=b");
    }
    let bare = name.rsplit('.').next().unwrap_or("").to_ascii_uppercase();
    let value = match bare.as_str() {
        "VERSION" => "3.0".to_owned(),
        "BEGIN" | "END" => value.to_owned(),
        _ if binary => value.split_whitespace().collect(),
        "N" | "ADR" | "ORG" => {
            structured(value).map(|part| escape(&decode(&part, quoted, charset))).collect::<Vec<_>>().join(";")
        }
        "CATEGORIES" => {
            let all = decode(value, quoted, charset);
            all.split([',', ';']).map(|one| escape(one.trim())).collect::<Vec<_>>().join(",")
        }
        _ => escape(&decode(&value.replace("\\;", ";"), quoted, charset)),
    };
    crate::lines::fold(&format!("{name}{kept}:{value}"), out);
}

/// The parts of a structured value; in 2.1 only `\;` is an escape.
fn structured(value: &str) -> impl Iterator<Item = String> + '_ {
    crate::lines::split_unescaped(value, ';').into_iter().map(|part| part.replace("\\;", ";"))
}

fn decode(text: &str, quoted: bool, charset: &'static Encoding) -> String {
    if !quoted {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|_| bytes[at] == b'=').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    let (text, _, _) = charset.decode(&decoded);
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contacts::card;

    #[test]
    fn a_file_is_cut_into_its_cards_and_a_broken_one_costs_only_itself() {
        let file = "\u{feff}BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n\r\nbegin:vcard\nVERSION:4.0\nKIND:group\n\
            FN:Friends\nMEMBER:urn:uuid:1\nend:vcard\nBEGIN:VCARD\nVERSION:3.0\nAGENT:\nBEGIN:VCARD\nFN:B\nEND:VCARD\n\
            END:VCARD\nBEGIN:VCARD\nVERSION:3.0\nFN:torn";
        let cards = split(file).unwrap();
        assert_eq!(cards.len(), 4);
        assert_eq!(cards[0], "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n");
        assert!(card::read(&cards[0]).is_ok());
        assert!(card::read(&cards[1]).unwrap_err().to_string().contains("group"));
        assert!(card::read(&cards[2]).is_ok());
        assert!(card::read(&cards[3]).unwrap_err().to_string().contains("without its END"));
        assert!(split("FN:nobody").is_err());
    }

    #[test]
    fn version_2_1_becomes_3_0() {
        let old = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg=\r\n=20A;;;\r\n\
            TEL;WORK;VOICE:+49 1\r\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:a=0D=0Ab, \\n=FC;\r\n\
            PHOTO;ENCODING=BASE64;JPEG:\r\n /9j/\r\n AAAA\r\n\r\nORG:A\\;B;C, D\r\nEND:VCARD\r\n";
        let new = upgrade(old);
        let tree = card::read(&new).unwrap();
        assert_eq!(tree.line("N").unwrap().parts(), ["M\u{fc}ller", "J\u{f6}rg A", "", "", ""]);
        assert_eq!(tree.line("TEL").unwrap().param_values("TYPE").collect::<Vec<_>>(), ["WORK", "VOICE"]);
        assert_eq!(tree.plain("NOTE").unwrap(), "a\nb, \\n\u{fc};");
        assert_eq!(tree.line("PHOTO").unwrap().value, "/9j/AAAA");
        assert_eq!(tree.line("ORG").unwrap().parts(), ["A;B", "C, D"]);
        assert!(!new.contains("QUOTED"));
        assert!(matches!(upgrade(&new), Cow::Borrowed(_)));
    }

    #[test]
    fn garbage_and_endless_soft_breaks_end() {
        let endless = format!("BEGIN:VCARD\nVERSION:2.1\nNOTE;QUOTED-PRINTABLE:{}", "=\n".repeat(200_000));
        assert!(split(&endless).is_ok());
        let many = "BEGIN:VCARD\nEND:VCARD\n".repeat(CARDS_MAX + 1);
        assert!(split(&many).is_err());
        assert_eq!(decode("=4=G1=\u{fc}=41=", true, UTF_8), "=4=G1=\u{fc}A=");
    }
}
