//! Notes that old devices send as RTF: base64 of compressed RTF, turned into text.
//!
//! MS-OXRTFCP 2.1 "RTF Compression Format", 3.1.3 "Decompressing"; of RTF itself only what plain notes use. RTF is
//! read and never written (K: W10).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, WINDOWS_1252};

/// Bytes of RTF, and bytes of text made of it.
const SIZE_MAX: usize = 4 << 20;
/// Groups inside groups.
const DEPTH_MAX: usize = 256;
/// MS-OXRTFCP 2.1.2.1: what the dictionary holds before the first byte.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
    \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\
    \\b\\i\\u\\tab\\tx";
/// Groups that hold no text of the note.
const SILENT: [&str; 9] =
    ["fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "listtable"];

/// The text of an RTF note; `None` when it is no RTF.
pub(crate) fn text_of_base64(base64: &str) -> Option<String> {
    if base64.len() > SIZE_MAX * 2 {
        return None;
    }
    let packed: String = base64.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(packed).ok()?;
    let rtf = if bytes.starts_with(b"{\\rtf") { bytes } else { decompress(&bytes)? };
    rtf.starts_with(b"{\\rtf").then(|| text(&rtf))
}

fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| bytes.get(at..at + 4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let raw_size = usize::try_from(word(4)?).ok()?.min(SIZE_MAX);
    match bytes.get(8..12)? {
        b"LZFu" => Some(expand(bytes.get(16..)?, raw_size)),
        b"MELA" => bytes.get(16..)?.get(..raw_size).map(<[u8]>::to_vec),
        _ => None,
    }
}

fn expand(packed: &[u8], raw_size: usize) -> Vec<u8> {
    let mut ring = [0_u8; 4096];
    ring[..DICTIONARY.len()].copy_from_slice(DICTIONARY);
    let mut at = DICTIONARY.len();
    let mut out = Vec::new();
    let mut bytes = packed.iter().copied();
    let put = |byte: u8, out: &mut Vec<u8>, at: &mut usize, ring: &mut [u8; 4096]| {
        out.push(byte);
        ring[*at] = byte;
        *at = (*at + 1) % 4096;
    };
    while let Some(control) = bytes.next() {
        for bit in 0..8 {
            if out.len() >= raw_size {
                return out;
            }
            if control >> bit & 1 == 0 {
                let Some(byte) = bytes.next() else { return out };
                put(byte, &mut out, &mut at, &mut ring);
                continue;
            }
            let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else { return out };
            let from = usize::from(high) << 4 | usize::from(low >> 4);
            if from == at {
                return out;
            }
            for step in 0..usize::from(low & 0x0F) + 2 {
                let byte = ring[(from + step) % 4096];
                put(byte, &mut out, &mut at, &mut ring);
            }
        }
    }
    out
}

/// What a group passes on to the groups inside it.
#[derive(Clone, Copy)]
struct Group {
    silent: bool,
    /// Characters to skip after `\u`.
    fallback: usize,
}

struct Reader<'a> {
    rtf: &'a [u8],
    at: usize,
    charset: &'static Encoding,
    groups: Vec<Group>,
    skip: usize,
    out: String,
    surrogate: Option<u16>,
}

fn text(rtf: &[u8]) -> String {
    let groups = vec![Group { silent: false, fallback: 1 }];
    let mut reader = Reader { rtf, at: 0, charset: WINDOWS_1252, groups, skip: 0, out: String::new(), surrogate: None };
    while let Some(byte) = reader.next() {
        match byte {
            b'{' if reader.groups.len() > DEPTH_MAX => break,
            b'{' => reader.groups.push(reader.group()),
            b'}' if reader.groups.len() == 1 => break,
            b'}' => {
                reader.groups.pop();
            }
            b'\\' => reader.control(),
            b'\r' | b'\n' => {}
            byte => reader.byte(byte),
        }
    }
    reader.out.trim_end().to_owned()
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.rtf.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn group(&self) -> Group {
        *self.groups.last().expect("the outermost group is never taken out")
    }

    fn silence(&mut self) {
        if let Some(group) = self.groups.last_mut() {
            group.silent = true;
        }
    }

    fn control(&mut self) {
        match self.next() {
            Some(b'\'') => {
                let digits = self.rtf.get(self.at..self.at + 2).and_then(|two| std::str::from_utf8(two).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            Some(b'*') => self.silence(),
            Some(b'~') => self.push('\u{a0}'),
            Some(b'_') => self.push('-'),
            Some(b'\r' | b'\n') => self.push('\n'),
            Some(byte @ (b'\\' | b'{' | b'}')) => self.byte(byte),
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.at -= 1;
                self.word();
            }
            Some(_) | None => {}
        }
    }

    fn word(&mut self) {
        let rest = &self.rtf[self.at..];
        let letters = rest.iter().take(32).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = std::str::from_utf8(&rest[..letters]).expect("letters are ASCII").to_owned();
        let number = &rest[letters..];
        let digits = number
            .iter()
            .take(11)
            .enumerate()
            .take_while(|(place, byte)| byte.is_ascii_digit() || (*place == 0 && **byte == b'-'))
            .count();
        let value: Option<i32> = std::str::from_utf8(&number[..digits]).ok().and_then(|digits| digits.parse().ok());
        self.at += letters + digits;
        if self.rtf.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        match name.as_str() {
            "par" | "line" | "sect" | "page" => self.push('\n'),
            "tab" => self.push('\t'),
            "emdash" => self.push('\u{2014}'),
            "endash" => self.push('\u{2013}'),
            "bullet" => self.push('\u{2022}'),
            "lquote" => self.push('\u{2018}'),
            "rquote" => self.push('\u{2019}'),
            "ldblquote" => self.push('\u{201c}'),
            "rdblquote" => self.push('\u{201d}'),
            "u" => {
                if let Some(value) = value {
                    self.unicode(value);
                }
            }
            "uc" => {
                if let Some(group) = self.groups.last_mut() {
                    group.fallback = usize::try_from(value.unwrap_or(1)).unwrap_or(0).min(16);
                }
            }
            "ansicpg" => {
                let label = format!("windows-{}", value.unwrap_or(1252));
                self.charset = Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252);
            }
            // Bytes that follow are no RTF.
            "bin" => self.at = self.at.saturating_add(usize::try_from(value.unwrap_or(0)).unwrap_or(0)),
            name if SILENT.contains(&name) => self.silence(),
            _ => {}
        }
    }

    fn unicode(&mut self, value: i32) {
        let unit = u16::try_from(value.rem_euclid(0x1_0000)).expect("a remainder of 65536 fits");
        let units = [self.surrogate.take().unwrap_or(unit), unit];
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => self.push(c),
            Some(Err(_)) | None => self.surrogate = Some(unit),
        }
        self.skip = self.group().fallback;
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let bytes = [byte];
        let (text, _) = self.charset.decode_without_bom_handling(&bytes);
        for c in text.chars() {
            self.push(c);
        }
    }

    fn push(&mut self, c: char) {
        if !self.group().silent && self.out.len() < SIZE_MAX {
            self.out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MS-OXRTFCP 4.1.1 "Example 1: Simple Compressed RTF".
    const HELLO: &[u8] = &[
        0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0x00, 0x0a, 0x00, 0x72,
        0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62,
        0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
    ];

    #[test]
    fn w10_the_published_example_of_compressed_rtf_is_read() {
        assert_eq!(DICTIONARY.len(), 207);
        assert_eq!(decompress(HELLO).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        assert_eq!(text_of_base64(&STANDARD.encode(HELLO)).as_deref(), Some("hello world"));
    }

    #[test]
    fn characters_lines_and_silent_groups_are_told_apart() {
        let rtf = br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\uc1 Gr\'fc\u223?e\par \u-10179?\u-8704? \{x\}{\*\g no}\tab end\par}";
        assert_eq!(text(rtf), "Gr\u{fc}\u{df}e\n\u{1f600} {x}\tend");
    }

    #[test]
    fn bytes_that_are_no_rtf_are_none_and_hostile_ones_are_bounded() {
        for text in ["", "!", "AAAA", "e1xydGY", &STANDARD.encode(b"x".repeat(64))] {
            assert_eq!(text_of_base64(text), None, "{text}");
        }
        let deep = format!("{{\\rtf1{}x", "{".repeat(100_000));
        assert_eq!(text(deep.as_bytes()), "");
        let mut bomb = HELLO[..16].to_vec();
        bomb[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        bomb.extend([0xFF, 0x00, 0x0F].repeat(1 << 20));
        assert!(decompress(&bomb).unwrap().len() <= SIZE_MAX + 17);
        assert_eq!(text(br"{\rtf1 \bin2147483647 x\u\'"), "");
        assert_eq!(text(br"{\rtf1 x\u\'"), "x");
    }
}
