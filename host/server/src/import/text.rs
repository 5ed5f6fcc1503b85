//! Bytes that should be text.

/// UTF-8 where it is UTF-8, UTF-16 where a byte order mark says so, else Latin-1, in which every byte is a letter.
pub(super) fn decode(bytes: Vec<u8>) -> String {
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => {
            String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
        }
    }
}

/// Whether a text begins with a mark of UTF-16.
pub(super) fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff])
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_become_text() {
        assert_eq!(decode("Zoë".into()), "Zoë");
        assert_eq!(decode(b"Zo\xeb".to_vec()), "Zoë");
        assert_eq!(decode(b"\xff\xfeZ\0o\0\xeb\0".to_vec()), "Zoë");
        assert_eq!(decode(b"\xfe\xff\0Z\0o\0\xeb\xd8".to_vec()), "Zoë");
        assert!(is_utf16(b"\xff\xfe") && !is_utf16(b"\xef\xbb\xbf"));
    }
}
