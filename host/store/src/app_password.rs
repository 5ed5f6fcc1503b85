//! App passwords: secrets of the server's own making, for one app or device of a user each.
//!
//! A secret has 128 random bits, so nobody guesses it, and one SHA-256 is enough to keep it: neither stretching nor a
//! salt would add anything. Without a salt the hash is the key to look it up by, whoever's it is: whoever asks learns
//! nothing of users from the time it takes.

use sha2::{Digest as _, Sha256};

use crate::UserId;

/// Names an app password; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppPasswordId(pub u64);

/// An app password to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAppPassword {
    /// Whose.
    pub user: UserId,
    /// What the administrator calls it, such as `Ann's phone`; unique among those of the user, case matters.
    pub name: String,
    /// [`AppSecret::hash`]; the store never sees a secret.
    pub hash: [u8; 32],
    /// The DeviceId it is for, in the normal spelling; `None`: any.
    pub device: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub made: i64,
}

/// An app password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPassword {
    /// The id.
    pub id: AppPasswordId,
    /// As in [`NewAppPassword`].
    pub user: UserId,
    /// As in [`NewAppPassword`].
    pub name: String,
    /// As in [`NewAppPassword`].
    pub device: Option<String>,
    /// As in [`NewAppPassword`].
    pub made: i64,
    /// The day of its last use, in days (UTC) since 1970; `None`: never used.
    pub used_on: Option<i64>,
}

/// Letters of a secret in writing: all there are but `l` and `o`, which are taken for `i`, one and zero. No digits, so
/// that nobody has to change the keyboard of a phone.
const ALPHABET: &[u8; 24] = b"abcdefghijkmnpqrstuvwxyz";

/// Letters of a secret: 24^28 is a little more than 2^128.
const LETTERS: usize = 28;

/// Letters between two dashes.
const GROUP: usize = 4;

/// The secret of an app password; its `Debug` does not show it.
///
/// In writing it is seven groups of four letters with dashes between them, such as `fkqb-ramv-...`. Capitals are read
/// as small letters; dashes and spaces may stand anywhere, or be left out.
#[derive(Clone, PartialEq, Eq)]
pub struct AppSecret(u128);

impl std::fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppSecret(..)")
    }
}

impl AppSecret {
    /// The secret of these bits, all of which are to be random.
    pub const fn new(bits: u128) -> Self {
        Self(bits)
    }

    /// Reads what was typed; `None` when it has not the form of a secret.
    pub fn parse(typed: &str) -> Option<Self> {
        let mut bits = 0_u128;
        let mut letters = 0;
        // Some keyboards make a long dash of two short ones.
        for letter in typed.chars().filter(|c| !matches!(c, '-' | ' ' | '\u{2013}' | '\u{2014}')) {
            let letter = u8::try_from(letter).ok()?.to_ascii_lowercase();
            let digit = ALPHABET.iter().position(|known| *known == letter)?;
            letters += 1;
            bits = bits.checked_mul(ALPHABET.len() as u128)?.checked_add(digit as u128)?;
        }
        (letters == LETTERS).then_some(Self(bits))
    }

    /// As it is written for people.
    pub fn text(&self) -> String {
        let (base, mut bits) = (ALPHABET.len() as u128, self.0);
        let mut letters = [0; LETTERS];
        for letter in letters.iter_mut().rev() {
            let digit = usize::try_from(bits % base).expect("less than the letters there are");
            *letter = ALPHABET[digit];
            bits /= base;
        }
        let groups: Vec<String> =
            letters.chunks(GROUP).map(|group| group.iter().copied().map(char::from).collect()).collect();
        groups.join("-")
    }

    /// What is stored of it: SHA-256 of the bits, after a text that tells them from every other use of the hash.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"easel app password 1\0");
        hash.update(self.0.to_be_bytes());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_seven_groups_of_letters_that_are_not_mistaken_for_others() {
        let all = AppSecret::new(u128::MAX).text();
        assert_eq!((all.len(), all.split('-').count()), (34, 7));
        assert_eq!(AppSecret::new(0).text(), "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa");
        assert!(!all.contains(['l', 'o']) && all.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{all}");
    }

    #[test]
    fn capitals_dashes_and_spaces_are_forgiven() {
        let secret = AppSecret::new(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);
        let text = secret.text();
        let plain = text.replace('-', "");
        let mut capital = text.clone();
        capital[..1].make_ascii_uppercase();
        for typed in [
            &text,
            &plain,
            &capital,
            &text.to_uppercase(),
            &text.replace('-', " "),
            &text.replace('-', "\u{2014}"),
            &format!(" {text} "),
        ] {
            assert_eq!(AppSecret::parse(typed), Some(secret.clone()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_secret_has_not_its_form() {
        let text = AppSecret::new(7 << 90).text();
        let short = &text[1..];
        let (digit, other) = (format!("1{short}"), format!("l{short}"));
        let (long, wide) = (format!("{text}a"), format!("\u{e4}{short}"));
        // The largest text of 28 letters is above 2^128.
        let above = "z".repeat(LETTERS);
        for typed in ["", "-", "secret", short, &digit, &other, &long, &wide, &above, &"a".repeat(2000)] {
            assert_eq!(AppSecret::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn what_is_stored_is_sha256_of_the_bits() {
        // Made with: printf 'easel app password 1\0\0...\1' | sha256sum, sixteen bytes after the text.
        let stored = AppSecret::new(1).hash();
        let hex: String = stored.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "34aa92d6c5224e5b50a98a0d269b98f1ca3cac9792bef17b622a86946126a246");
        assert_eq!(format!("{:?}", AppSecret::new(1)), "AppSecret(..)");
    }

    proptest! {
        #[test]
        fn a_secret_is_read_as_it_was_written(bits: u128) {
            prop_assert_eq!(AppSecret::parse(&AppSecret::new(bits).text()), Some(AppSecret::new(bits)));
        }

        #[test]
        fn any_text_is_read_or_refused(typed: String) {
            let _ = AppSecret::parse(&typed);
        }
    }
}
