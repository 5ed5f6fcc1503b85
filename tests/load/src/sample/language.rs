//! Ten languages, each in the charset and encoding that its mail programs used or use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;

use crate::dice::Dice;

/// Content-Transfer-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    Base64,
    EightBit,
    QuotedPrintable,
    SevenBit,
}

impl Transfer {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::EightBit => "8bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::SevenBit => "7bit",
        }
    }
}

/// A language and how its mail is written.
#[derive(Debug)]
pub(super) struct Language {
    /// As in the HTML.
    pub(super) tag: &'static str,
    /// The charset's name in the mail.
    pub(super) charset: &'static str,
    pub(super) transfer: Transfer,
    /// Who writes.
    pub(super) people: [&'static str; 4],
    /// Words, separated by spaces.
    words: &'static str,
    /// Between words.
    gap: &'static str,
    /// Behind a sentence.
    stop: &'static str,
}

/// All ten.
pub(super) const LANGUAGES: [Language; 10] = [
    Language {
        tag: "en",
        charset: "us-ascii",
        transfer: Transfer::SevenBit,
        people: ["Tom Fisher", "Grace Miller", "Oliver Wood", "Emily Stone"],
        words: "the meeting report please attached tomorrow morning we have and you with number order delivery team \
                project Monday questions budget review next week thanks regards office train before because invoice",
        gap: " ",
        stop: ". ",
    },
    Language {
        tag: "de",
        charset: "iso-8859-1",
        transfer: Transfer::QuotedPrintable,
        people: ["J\u{fc}rgen M\u{fc}ller", "Anna Berger", "Bj\u{f6}rn Krau\u{df}", "Z\u{f6}e Wei\u{df}"],
        words: "die Besprechung Gr\u{fc}\u{df}e n\u{e4}chste Woche Angebot bitte pr\u{fc}fen und wir haben \u{fc}ber Stra\u{df}e Rechnung \
                Lieferung m\u{f6}glich sch\u{f6}n heute fr\u{fc}h Projekt Zug vielleicht sp\u{e4}ter Kollegen B\u{fc}ro danke",
        gap: " ",
        stop: ". ",
    },
    Language {
        tag: "fr",
        charset: "windows-1252",
        transfer: Transfer::QuotedPrintable,
        people: ["Zo\u{eb} Martin", "Yann Petit", "H\u{e9}l\u{e8}ne Fran\u{e7}ois", "Ren\u{e9} Lef\u{e8}vre"],
        words: "la r\u{e9}union demain matin \u{e0} propos du compte rendu tr\u{e8}s bient\u{f4}t nous avons re\u{e7}u votre \u{e9}quipe \
                projet co\u{fb}t d\u{e9}lai o\u{f9} l\u{2019}offre fa\u{e7}on \u{0153}uvre facture merci semaine prochaine bureau \u{20ac}",
        gap: " ",
        stop: ". ",
    },
    Language {
        tag: "es",
        charset: "utf-8",
        transfer: Transfer::EightBit,
        people: ["Jos\u{e9} Nu\u{f1}ez", "Mar\u{ed}a Garc\u{ed}a", "In\u{e9}s Pe\u{f1}a", "Andr\u{e9}s L\u{f3}pez"],
        words: "la reuni\u{f3}n ma\u{f1}ana por favor informe se\u{f1}or proyecto a\u{f1}o pr\u{f3}ximo cu\u{e1}ndo env\u{ed}o factura \
                tambi\u{e9}n oficina tel\u{e9}fono gracias semana pedido n\u{fa}mero despu\u{e9}s equipo aqu\u{ed}",
        gap: " ",
        stop: ". ",
    },
    Language {
        tag: "pl",
        charset: "iso-8859-2",
        transfer: Transfer::QuotedPrintable,
        people: [
            "\u{141}ukasz Nowak",
            "Ma\u{142}gorzata W\u{f3}jcik",
            "Stanis\u{142}aw Zi\u{119}ba",
            "Agnieszka D\u{105}b",
        ],
        words: "spotkanie jutro rano prosz\u{119} za\u{142}\u{105}cznik dzi\u{119}kuj\u{119} zesp\u{f3}\u{142} faktura w przysz\u{142}ym tygodniu je\u{15b}li \
                mo\u{17c}na biuro zam\u{f3}wienie pytania wi\u{119}cej bud\u{17c}et ju\u{17c} by\u{142}o\u{15b}my poci\u{105}g \u{15b}roda",
        gap: " ",
        stop: ". ",
    },
    Language {
        tag: "ru",
        charset: "koi8-r",
        transfer: Transfer::EightBit,
        people: [
            "\u{418}\u{432}\u{430}\u{43d} \u{41f}\u{435}\u{442}\u{440}\u{43e}\u{432}",
            "\u{410}\u{43d}\u{43d}\u{430} \u{421}\u{43c}\u{438}\u{440}\u{43d}\u{43e}\u{432}\u{430}",
            "\u{41e}\u{43b}\u{435}\u{433} \u{41e}\u{440}\u{43b}\u{43e}\u{432}",
            "\u{41c}\u{430}\u{440}\u{438}\u{44f} \u{41b}\u{435}\u{431}\u{435}\u{434}\u{435}\u{432}\u{430}",
        ],
        words: "\u{432}\u{441}\u{442}\u{440}\u{435}\u{447}\u{430} \u{437}\u{430}\u{432}\u{442}\u{440}\u{430} \u{443}\u{442}\u{440}\u{43e}\u{43c} \
                \u{43f}\u{43e}\u{436}\u{430}\u{43b}\u{443}\u{439}\u{441}\u{442}\u{430} \u{43e}\u{442}\u{447}\u{451}\u{442} \u{438} \u{43c}\u{44b} \
                \u{43d}\u{430} \u{441}\u{43b}\u{435}\u{434}\u{443}\u{44e}\u{449}\u{435}\u{439} \u{43d}\u{435}\u{434}\u{435}\u{43b}\u{435} \
                \u{441}\u{447}\u{451}\u{442} \u{441}\u{43f}\u{430}\u{441}\u{438}\u{431}\u{43e} \u{43f}\u{440}\u{43e}\u{435}\u{43a}\u{442} \
                \u{43e}\u{444}\u{438}\u{441} \u{432}\u{43e}\u{43f}\u{440}\u{43e}\u{441}\u{44b} \u{43f}\u{43e}\u{435}\u{437}\u{434}",
        gap: " ",
        stop: ". ",
    },
    Language {
        tag: "el",
        charset: "iso-8859-7",
        transfer: Transfer::Base64,
        people: [
            "\u{393}\u{3b9}\u{3ce}\u{3c1}\u{3b3}\u{3bf}\u{3c2} \u{39d}\u{3af}\u{3ba}\u{3bf}\u{3c5}",
            "\u{395}\u{3bb}\u{3ad}\u{3bd}\u{3b7} \u{39c}\u{3b1}\u{3ba}\u{3c1}\u{3ae}",
            "\u{39d}\u{3af}\u{3ba}\u{3bf}\u{3c2} \u{3a0}\u{3b1}\u{3c0}\u{3ac}\u{3c2}",
            "\u{39c}\u{3b1}\u{3c1}\u{3af}\u{3b1} \u{394}\u{3ae}\u{3bc}\u{3bf}\u{3c5}",
        ],
        words: "\u{3b7} \u{3c3}\u{3c5}\u{3bd}\u{3ac}\u{3bd}\u{3c4}\u{3b7}\u{3c3}\u{3b7} \u{3b1}\u{3cd}\u{3c1}\u{3b9}\u{3bf} \u{3c0}\u{3c1}\u{3c9}\u{3af} \
                \u{3c0}\u{3b1}\u{3c1}\u{3b1}\u{3ba}\u{3b1}\u{3bb}\u{3ce} \u{3ba}\u{3b1}\u{3b9} \u{3b1}\u{3bd}\u{3b1}\u{3c6}\u{3bf}\u{3c1}\u{3ac} \
                \u{3b5}\u{3c5}\u{3c7}\u{3b1}\u{3c1}\u{3b9}\u{3c3}\u{3c4}\u{3ce} \u{3b3}\u{3c1}\u{3b1}\u{3c6}\u{3b5}\u{3af}\u{3bf} \
                \u{3b5}\u{3b2}\u{3b4}\u{3bf}\u{3bc}\u{3ac}\u{3b4}\u{3b1} \u{3ad}\u{3c1}\u{3b3}\u{3bf} \u{3c4}\u{3b9}\u{3bc}\u{3bf}\u{3bb}\u{3cc}\u{3b3}\u{3b9}\u{3bf}",
        gap: " ",
        stop: ". ",
    },
    Language {
        tag: "ja",
        charset: "iso-2022-jp",
        transfer: Transfer::SevenBit,
        people: [
            "\u{5c71}\u{7530}\u{592a}\u{90ce}",
            "\u{4f50}\u{85e4}\u{82b1}\u{5b50}",
            "\u{9234}\u{6728}\u{4e00}\u{90ce}",
            "\u{7530}\u{4e2d}\u{7f8e}\u{548c}",
        ],
        words: "\u{4f1a}\u{8b70} \u{660e}\u{65e5} \u{5348}\u{524d} \u{304a}\u{9858}\u{3044}\u{3057}\u{307e}\u{3059} \u{8cc7}\u{6599} \u{3067} \u{306f} \
                \u{6765}\u{9031} \u{4e88}\u{7b97} \u{3042}\u{308a}\u{304c}\u{3068}\u{3046} \u{4e8b}\u{52d9}\u{6240} \u{30d7}\u{30ed}\u{30b8}\u{30a7}\u{30af}\u{30c8} \
                \u{8acb}\u{6c42}\u{66f8} \u{3092} \u{78ba}\u{8a8d} \u{3057}\u{307e}\u{3057}\u{305f}",
        gap: "",
        stop: "\u{3002}",
    },
    Language {
        tag: "zh",
        charset: "gb18030",
        transfer: Transfer::Base64,
        people: ["\u{738b}\u{4f1f}", "\u{674e}\u{5a1c}", "\u{5f20}\u{654f}", "\u{5218}\u{6d0b}"],
        words: "\u{4f1a}\u{8bae} \u{660e}\u{5929} \u{4e0a}\u{5348} \u{8bf7} \u{62a5}\u{544a} \u{548c} \u{6211}\u{4eec} \u{4e0b}\u{5468} \u{9884}\u{7b97} \
                \u{8c22}\u{8c22} \u{529e}\u{516c}\u{5ba4} \u{9879}\u{76ee} \u{53d1}\u{7968} \u{786e}\u{8ba4} \u{95ee}\u{9898} \u{706b}\u{8f66}",
        gap: "",
        stop: "\u{3002}",
    },
    Language {
        tag: "ko",
        charset: "euc-kr",
        transfer: Transfer::EightBit,
        people: [
            "\u{ae40}\u{bbfc}\u{c900}",
            "\u{c774}\u{c11c}\u{c5f0}",
            "\u{bc15}\u{c9c0}\u{d6c8}",
            "\u{cd5c}\u{c720}\u{c9c4}",
        ],
        words: "\u{d68c}\u{c758} \u{b0b4}\u{c77c} \u{c624}\u{c804} \u{bd80}\u{d0c1}\u{b4dc}\u{b9bd}\u{b2c8}\u{b2e4} \u{bcf4}\u{ace0}\u{c11c} \
                \u{adf8}\u{b9ac}\u{ace0} \u{c6b0}\u{b9ac} \u{b2e4}\u{c74c} \u{c8fc} \u{c608}\u{c0b0} \u{ac10}\u{c0ac}\u{d569}\u{b2c8}\u{b2e4} \
                \u{c0ac}\u{bb34}\u{c2e4} \u{d504}\u{b85c}\u{c81d}\u{d2b8} \u{c9c8}\u{bb38}",
        gap: " ",
        stop: ". ",
    },
];

/// Characters of a line that is not quoted-printable.
const LINE_CHARACTERS: usize = 72;

impl Language {
    /// A sentence of some words.
    pub(super) fn sentence(&self, dice: &mut Dice) -> String {
        let words: Vec<&str> = self.words.split_ascii_whitespace().collect();
        let count = 5 + dice.below(12);
        let mut sentence = (0..count).map(|_| *dice.pick(&words)).collect::<Vec<_>>().join(self.gap);
        sentence.push_str(self.stop);
        sentence
    }

    /// A few words, for a subject.
    pub(super) fn title(&self, dice: &mut Dice) -> String {
        let words: Vec<&str> = self.words.split_ascii_whitespace().collect();
        (0..3 + dice.below(4)).map(|_| *dice.pick(&words)).collect::<Vec<_>>().join(self.gap)
    }

    /// Text as it stands in a mail: in the charset, transfer-encoded, with line ends.
    pub(super) fn encode(&self, text: &str) -> Vec<u8> {
        match self.transfer {
            Transfer::Base64 => base64_lines(&self.bytes(text)),
            Transfer::QuotedPrintable => quoted_printable(&self.bytes(text)),
            Transfer::EightBit | Transfer::SevenBit => self.bytes(&folded(text)),
        }
    }

    /// A header's text: encoded words where it is not plain ASCII. RFC 2047.
    pub(super) fn header(&self, text: &str) -> String {
        if text.is_ascii() {
            return text.to_owned();
        }
        let characters: Vec<char> = text.chars().collect();
        let words = characters.chunks(12).map(|part| {
            let part: String = part.iter().collect();
            format!("=?{}?B?{}?=", self.charset, STANDARD.encode(self.bytes(&part)))
        });
        words.collect::<Vec<_>>().join("\r\n ")
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        let encoding = Encoding::for_label(self.charset.as_bytes()).unwrap_or(encoding_rs::UTF_8);
        encoding.encode(text).0.into_owned()
    }
}

/// Base64 in lines of 76.
pub(super) fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode(bytes);
    let mut lines = Vec::with_capacity(encoded.len() + encoded.len() / 38 + 2);
    for line in encoded.as_bytes().chunks(76) {
        lines.extend_from_slice(line);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// RFC 2045 6.7 "Quoted-Printable Content-Transfer-Encoding".
fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(bytes.len() * 3 / 2);
    let mut column = 0;
    for byte in bytes {
        if *byte == b'\n' {
            out.extend_from_slice(b"\r\n");
            column = 0;
            continue;
        }
        let plain = matches!(byte, b' '..=b'~') && *byte != b'=';
        if column + if plain { 1 } else { 3 } > 75 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if plain {
            out.push(*byte);
            column += 1;
        } else {
            out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            column += 3;
        }
    }
    if column > 0 {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Lines as a mail program breaks them: at a space, and in the middle where there is none.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 30);
    for line in text.split('\n') {
        let mut column = 0;
        for c in line.chars() {
            if column >= LINE_CHARACTERS && c == ' ' || column >= 2 * LINE_CHARACTERS {
                out.push_str("\r\n");
                column = 0;
                if c == ' ' {
                    continue;
                }
            }
            out.push(c);
            column += 1;
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_can_be_written_in_its_charset() {
        for language in &LANGUAGES {
            let encoding = Encoding::for_label(language.charset.as_bytes()).unwrap();
            let all = format!("{}{}{}", language.words, language.people.concat(), language.stop);
            let (bytes, _, lost) = encoding.encode(&all);
            assert!(!lost, "{}", language.charset);
            assert_eq!(encoding.decode(&bytes).0, all, "{}", language.charset);
        }
    }

    #[test]
    fn no_line_is_longer_than_a_mail_may_have() {
        let mut dice = Dice::of(0, 0);
        for language in &LANGUAGES {
            let text: String = (0..200).map(|_| language.sentence(&mut dice)).collect();
            let encoded = language.encode(&text);
            let longest = encoded.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
            assert!(longest < Some(998), "{} {longest:?}", language.tag);
            assert!(encoded.ends_with(b"\r\n"), "{}", language.tag);
        }
    }
}
