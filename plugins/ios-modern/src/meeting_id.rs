//! The GlobalObjId of a meeting. MS-ASEMAIL 2.2.2.37 "GlobalObjId".

/// What every one begins with.
const CLASS_ID: [u8; 16] = [4, 0, 0, 0, 0x82, 0, 0xE0, 0, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 8];
/// Date of the instance, time of creation, and what is kept free: all zero here.
const ZERO: [u8; 20] = [0; 20];

/// In base64. A UID that is one in hexadecimal is that one, any other is wrapped.
pub(crate) fn of_uid(uid: &str) -> String {
    let own = bytes_of_hex(uid).filter(|id| id.starts_with(&CLASS_ID) && id.len() >= 40);
    base64(&own.unwrap_or_else(|| {
        let data = [b"vCal-Uid\x01\0\0\0", uid.as_bytes(), b"\0"].concat();
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
        [&CLASS_ID[..], &ZERO, &length, &data].concat()
    }))
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
    digits
        .filter(|digits| digits.len() % 2 == 0)
        .map(|digits| digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect())
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let held = chunk.iter().fold(0_u32, |held, byte| held << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(held >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_of_hexadecimal_digits_is_the_id_itself() {
        let uid = "040000008200E00074C5B7101A82E00800000000A0B1C2D3E4F5060100000000000000001000000001020304";
        assert_eq!(of_uid(uid), "BAAAAIIA4AB0xbcQGoLgCAAAAACgscLT5PUGAQAAAAAAAAAAEAAAAAECAwQ=");
    }

    #[test]
    fn any_other_uid_is_wrapped() {
        let wrapped = "BAAAAIIA4AB0xbcQGoLgCAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAHZDYWwtVWlkAQAAAHRlYQA=";
        assert_eq!(of_uid("tea"), wrapped);
        assert_eq!(base64(b"a"), "YQ==");
        // Digits, and no id.
        assert_ne!(of_uid("0400"), base64(&[4, 0]));
    }
}
