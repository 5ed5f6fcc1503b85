//! What a server can do beyond the plain protocol. RFC 5321 4.1.1.1, RFC 1870, RFC 3461, RFC 6152, RFC 6531.

/// The extensions that change what is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) dsn: bool,
    pub(super) eight_bit_mime: bool,
    pub(super) smtp_utf8: bool,
    /// Whether sizes are announced.
    pub(super) size: bool,
    /// The largest message, if the server says: bytes.
    pub(super) size_max: Option<u64>,
}

impl Offers {
    /// Reads the lines of an answer to EHLO; the first is a name.
    pub(super) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut offers = Self::default();
        for line in lines.skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "DSN" => offers.dsn = true,
                "8BITMIME" => offers.eight_bit_mime = true,
                "SMTPUTF8" => offers.smtp_utf8 = true,
                "SIZE" => {
                    offers.size = true;
                    // RFC 1870 3: 0 is no fixed maximum.
                    offers.size_max = words.next().and_then(|size| size.parse().ok()).filter(|size| *size > 0);
                }
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whatever_its_case_and_its_name_is_no_extension() {
        let read = |text: &str| Offers::read(text.lines());
        assert_eq!(read("DSN\nsize"), Offers { size: true, ..Offers::default() });
        let all = read("mx.y.example\n8bitmime\nSMTPUTF8\ndsn\nSIZE 1000\nAUTH PLAIN\n\n");
        let expected = Offers { dsn: true, eight_bit_mime: true, smtp_utf8: true, size: true, size_max: Some(1000) };
        assert_eq!(all, expected);
        assert_eq!(read("mx\nSIZE 0\nSIZE x").size_max, None);
    }
}
