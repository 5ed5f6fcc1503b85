//! The spelling of device ids. MS-ASHTTP 2.2.1.1.1.2.3 "DeviceId".
//!
//! One device appears under several spellings: in mixed case, as text and as the hexadecimal form of that text, and as
//! a GUID with and without its punctuation. State is kept under one of them.

/// The one spelling of a device id: lower case, a GUID without braces and hyphens, text in place of its hexadecimal
/// form.
///
/// Hexadecimal digits are taken for text only if they are at least eight letters or digits, which the sixteen bytes of a
/// GUID never are by accident. Calling it again changes nothing.
pub fn normal_device_id(id: &str) -> String {
    let mut normal = guid_digits(id.trim()).unwrap_or_else(|| id.trim().to_owned()).to_ascii_lowercase();
    // Each round halves the text, so this ends.
    while let Some(text) = hexadecimal_text(&normal) {
        normal = text.to_ascii_lowercase();
    }
    normal
}

/// The 32 digits of a GUID that is written with punctuation.
fn guid_digits(id: &str) -> Option<String> {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let bare = id.strip_prefix('{').map_or(Some(id), |rest| rest.strip_suffix('}'))?;
    let is_guid = bare.len() == 36
        && bare.char_indices().all(|(at, c)| if HYPHENS.contains(&at) { c == '-' } else { c.is_ascii_hexdigit() });
    is_guid.then(|| bare.replace('-', ""))
}

/// The text whose hexadecimal form `id` is.
fn hexadecimal_text(id: &str) -> Option<String> {
    if id.len() < 16 || !id.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let text = id.as_bytes().chunks_exact(2).map(|pair| {
        let byte = digit(&pair[0])? << 4 | digit(&pair[1])?;
        Some(char::from(byte)).filter(char::is_ascii_alphanumeric)
    });
    text.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_device_has_one_spelling() {
        for (id, normal) in [
            ("ApplDNXXXXXXXXXX", "appldnxxxxxxxxxx"),
            ("applDNxxxxxxxxxx", "appldnxxxxxxxxxx"),
            // The text `nine0123abcdef`, plain and in hexadecimal of either case.
            ("nine0123ABCDEF", "nine0123abcdef"),
            ("6E696E6530313233414243444546", "nine0123abcdef"),
            ("6e696e6530313233616263646566", "nine0123abcdef"),
            // The bytes of a GUID from a base64 query, and the same digits with punctuation.
            ("9B2F3C4D5E6F708192A3B4C5D6E7F809", "9b2f3c4d5e6f708192a3b4c5d6e7f809"),
            ("{9b2f3c4d-5e6f-7081-92a3-b4c5d6e7f809}", "9b2f3c4d5e6f708192a3b4c5d6e7f809"),
            ("9B2F3C4D-5E6F-7081-92A3-B4C5D6E7F809", "9b2f3c4d5e6f708192a3b4c5d6e7f809"),
            (" validate ", "validate"),
            ("IMEI490154203237518", "imei490154203237518"),
            // Hexadecimal, but of too short a text, and of no text.
            ("41424344", "41424344"),
            ("0102030405060708", "0102030405060708"),
            ("{9b2f3c4d", "{9b2f3c4d"),
            ("", ""),
        ] {
            assert_eq!(normal_device_id(id), normal, "{id}");
        }
    }

    proptest! {
        #[test]
        fn the_one_spelling_is_its_own(id in prop_oneof![any::<String>(), "[0-9A-Fa-f{}-]{0,80}", "(3[0-9]|6[1-9]){8,16}"]) {
            let once = normal_device_id(&id);
            prop_assert_eq!(normal_device_id(&once), once);
        }

        #[test]
        fn case_and_hexadecimal_form_make_no_difference(id in "[0-9a-zA-Z]{8,32}") {
            let hex: String = id.bytes().map(|byte| format!("{byte:02X}")).collect();
            prop_assert_eq!(normal_device_id(&hex), normal_device_id(&id));
            prop_assert_eq!(normal_device_id(&id.to_ascii_uppercase()), normal_device_id(&id));
        }
    }
}
