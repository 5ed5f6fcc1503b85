//! Maildir: a file for each message, its state in its name; folders of Maildir++ beside `cur` and `new`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;

use super::MailState;

/// Bytes of the file in which Dovecot keeps the names of keywords.
const KEYWORDS_FILE_MAX: u64 = 64 << 10;

/// Whether a directory is a Maildir.
pub(crate) fn is_maildir(dir: &Path) -> bool {
    dir.join("cur").is_dir() && dir.join("new").is_dir()
}

/// The names of keywords `a` to `z`, as Dovecot keeps them.
pub(crate) fn keywords(dir: &Path) -> io::Result<Vec<String>> {
    let path = dir.join("dovecot-keywords");
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= KEYWORDS_FILE_MAX => {}
        Ok(_) => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut names = vec![String::new(); 26];
    for line in String::from_utf8_lossy(&fs::read(path)?).lines() {
        let Some((number, name)) = line.split_once(' ') else { continue };
        if let Some(place) = number.parse::<usize>().ok().and_then(|number| names.get_mut(number)) {
            *place = name.trim().to_owned();
        }
    }
    Ok(names)
}

/// The state a file's name tells.
pub(crate) fn state(name: &OsStr, keywords: &[String]) -> MailState {
    let name = name.to_string_lossy();
    let mut state = MailState::default();
    // A colon cannot stand in names on some file systems; there programs write another sign.
    let flags = name.rsplit_once([':', ';', '!']).and_then(|(_, info)| info.strip_prefix("2,")).unwrap_or("");
    for flag in flags.chars() {
        match flag {
            'D' => state.draft = true,
            'F' => state.flagged = true,
            'P' => state.forwarded = true,
            'R' => state.replied = true,
            'S' => state.read = true,
            'T' => state.deleted = true,
            'a'..='z' => {
                let number = flag as usize - 'a' as usize;
                if let Some(keyword) = keywords.get(number) {
                    state.add_keyword(keyword);
                }
            }
            _ => {}
        }
    }
    state
}

/// The flags of a file's name that say a state; `keywords` grows by what is not in it yet, to at most 26.
pub(crate) fn flags(state: &MailState, keywords: &mut Vec<String>) -> String {
    let flags =
        [(state.draft, 'D'), (state.flagged, 'F'), (state.forwarded, 'P'), (state.replied, 'R'), (state.read, 'S')];
    let mut letters: Vec<char> = flags.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    for keyword in &state.keywords {
        let place = keywords
            .iter()
            .position(|known| known == keyword)
            .or_else(|| (keywords.len() < 26).then(|| keywords.push(keyword.clone())).map(|()| keywords.len() - 1));
        letters.extend(place.and_then(|place| char::from_digit(u32::try_from(place).ok()? + 10, 36)));
    }
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// When a message arrived: the earlier of what its name and its file say. The name begins with the time of delivery; the
/// file's time is what IMAP calls the internal date, until somebody copies the file.
pub(crate) fn received(name: &OsStr, modified: Option<Timestamp>) -> Option<Timestamp> {
    let named = name.to_string_lossy();
    let named = named.split('.').next().and_then(|seconds| seconds.parse().ok());
    let named = named.and_then(|seconds| Timestamp::from_second(seconds).ok()).filter(|at| *at > Timestamp::UNIX_EPOCH);
    match (named, modified) {
        (Some(named), Some(modified)) => Some(named.min(modified)),
        (named, modified) => named.or(modified),
    }
}

/// The folder that a directory of Maildir++ stands for: `.Archive.2020` is `2020` in `Archive`.
pub(crate) fn folder(name: &OsStr) -> Option<Vec<String>> {
    let name = name.to_str()?.strip_prefix('.')?;
    let parts: Vec<String> = name.split('.').map(decode_name).collect();
    (!parts.iter().any(String::is_empty)).then_some(parts)
}

/// The name of the directory for a folder.
pub(crate) fn directory(path: &[String]) -> String {
    path.iter().map(|name| format!(".{}", encode_name(name))).collect()
}

/// RFC 3501 5.1.3 "Mailbox International Naming Convention": base64 with a comma, of UTF-16.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::IMAP_MUTF7,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

fn decode_name(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some((plain, after)) = rest.split_once('&') {
        out.push_str(plain);
        let Some((encoded, after)) = after.split_once('-') else {
            return name.to_owned();
        };
        if encoded.is_empty() {
            out.push('&');
        } else {
            let Ok(bytes) = ENGINE.decode(encoded) else { return name.to_owned() };
            let units = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
            out.extend(char::decode_utf16(units).map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Dots and slashes divide directories, so they are encoded too; decoding does not mind.
fn encode_name(name: &str) -> String {
    let mut out = String::new();
    let mut pending: Vec<u8> = Vec::new();
    let flush = |pending: &mut Vec<u8>, out: &mut String| {
        if !pending.is_empty() {
            out.push('&');
            out.push_str(&ENGINE.encode(&*pending));
            out.push('-');
            pending.clear();
        }
    };
    for letter in name.chars() {
        if matches!(letter, ' '..='~') && !"./&".contains(letter) {
            flush(&mut pending, &mut out);
            out.push(letter);
        } else if letter == '&' {
            flush(&mut pending, &mut out);
            out.push_str("&-");
        } else {
            pending.extend(letter.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut pending, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_the_state() {
        let keywords = ["Red".to_owned(), String::new(), "Blue".to_owned()];
        let read = state(OsStr::new("1577934245.M1P2.host,S=12:2,FRSPTDac"), &keywords);
        let expected = MailState {
            read: true,
            flagged: true,
            replied: true,
            forwarded: true,
            draft: true,
            deleted: true,
            keywords: vec!["Red".to_owned(), "Blue".to_owned()],
            received: None,
        };
        assert_eq!(read, expected);
        assert_eq!(state(OsStr::new("1577934245.M1P2.host"), &keywords), MailState::default());
        assert!(state(OsStr::new("x;2,S"), &[]).read);
    }

    #[test]
    fn flags_are_written_as_they_are_read() {
        let mut keywords = Vec::new();
        let given = MailState {
            read: true,
            draft: true,
            keywords: vec!["Red".to_owned(), "Blue".to_owned()],
            ..MailState::default()
        };
        let written = flags(&given, &mut keywords);
        assert_eq!(written, "DSab");
        assert_eq!(state(OsStr::new(&format!("1.x:2,{written}")), &keywords), given);
    }

    #[test]
    fn a_message_arrived_at_the_earlier_of_two_times() {
        let at = |second| Timestamp::from_second(second).ok();
        assert_eq!(received(OsStr::new("1000.x"), at(2000)), at(1000));
        assert_eq!(received(OsStr::new("1000.x"), at(500)), at(500));
        assert_eq!(received(OsStr::new("x.1000"), at(500)), at(500));
        assert_eq!(received(OsStr::new("x"), None), None);
    }

    #[test]
    fn folder_names_are_decoded_and_encoded() {
        let folder_of = |name: &str| folder(OsStr::new(name));
        assert_eq!(folder_of(".Archive.2020"), Some(vec!["Archive".to_owned(), "2020".to_owned()]));
        assert_eq!(folder_of(".Entw&APw-rfe"), Some(vec!["Entwürfe".to_owned()]));
        assert_eq!(folder_of(".A &- B"), Some(vec!["A & B".to_owned()]));
        assert_eq!(folder_of(".broken&xyz"), Some(vec!["broken&xyz".to_owned()]));
        assert_eq!(folder_of("..x"), None);
        for name in ["Entwürfe", "a.b/c", "A & B", "日本語 😀", "plain"] {
            let path = vec![name.to_owned(), "in".to_owned()];
            assert_eq!(folder_of(&directory(&path)), Some(path));
        }
    }
}
