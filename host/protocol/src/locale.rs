//! The locale of a base64 query. MS-ASHTTP 2.2.1.1.1.1.1 "Base64-Encoded Query Value"; numbers from MS-LCID 2.2.

/// The language of a Windows LCID as an ISO 639 code, which is what Accept-Language says in a plain query; `None` for
/// neutral and rare ones.
///
/// The low ten bits are the language, the rest is where it is spoken; only three languages differ by that.
pub fn language(lcid: u16) -> Option<&'static str> {
    let code = match (lcid & 0x03FF, lcid) {
        (_, 0x101A | 0x041A) => "hr",
        (_, 0x141A | 0x201A) => "bs",
        (0x1A, _) => "sr",
        (0x01, _) => "ar",
        (0x02, _) => "bg",
        (0x03, _) => "ca",
        (0x04, _) => "zh",
        (0x05, _) => "cs",
        (0x06, _) => "da",
        (0x07, _) => "de",
        (0x08, _) => "el",
        (0x09, _) => "en",
        (0x0A, _) => "es",
        (0x0B, _) => "fi",
        (0x0C, _) => "fr",
        (0x0D, _) => "he",
        (0x0E, _) => "hu",
        (0x0F, _) => "is",
        (0x10, _) => "it",
        (0x11, _) => "ja",
        (0x12, _) => "ko",
        (0x13, _) => "nl",
        (0x14, _) => "no",
        (0x15, _) => "pl",
        (0x16, _) => "pt",
        (0x18, _) => "ro",
        (0x19, _) => "ru",
        (0x1B, _) => "sk",
        (0x1C, _) => "sq",
        (0x1D, _) => "sv",
        (0x1E, _) => "th",
        (0x1F, _) => "tr",
        (0x20, _) => "ur",
        (0x21, _) => "id",
        (0x22, _) => "uk",
        (0x23, _) => "be",
        (0x24, _) => "sl",
        (0x25, _) => "et",
        (0x26, _) => "lv",
        (0x27, _) => "lt",
        (0x29, _) => "fa",
        (0x2A, _) => "vi",
        (0x2D, _) => "eu",
        (0x39, _) => "hi",
        (0x56, _) => "gl",
        _ => return None,
    };
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_names_its_language_wherever_it_is_spoken() {
        for (lcid, code) in [
            (0x0409, Some("en")),
            (0x0809, Some("en")),
            (0x0407, Some("de")),
            (0x0C07, Some("de")),
            (0x0411, Some("ja")),
            (0x0416, Some("pt")),
            (0x0816, Some("pt")),
            (0x041A, Some("hr")),
            (0x0C1A, Some("sr")),
            (0x141A, Some("bs")),
            (0x0000, None),
            (0xFFFF, None),
        ] {
            assert_eq!(language(lcid), code, "{lcid:#06X}");
        }
    }
}
