//! Whose pack it is. Beside `NAME.wasm` lies `NAME.wasm.minisig`, a signature as minisign makes it.

use minisign_verify::{PublicKey, Signature};

use crate::manifest::is_id;

/// A key that the operator trusts, and for what.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    text: String,
    key: PublicKey,
    packs: Vec<String>,
}

/// Whom the operator trusts.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: Vec<TrustedKey>,
    allowed: Vec<[u8; 32]>,
}

/// How a pack is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By this key, as it is written down.
    By(String),
    /// Not at all; the operator allowed this very file.
    Allowed,
}

/// Why a signature is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// None there.
    #[error(
        "it is not signed: put its .minisig file beside it, or allow this very file with \
         `easel pack install --allow-unsigned` (SHA-256 {0})"
    )]
    Unsigned(String),
    /// Not a signature.
    #[error("its signature cannot be read ({0}): sign it again with `easel pack sign`")]
    Unreadable(String),
    /// By nobody who is trusted, or not of these bytes.
    #[error(
        "no trusted key made its signature for these bytes: it was changed, or its key is not in the configuration"
    )]
    Untrusted,
    /// By a key that may not sign packs of this name.
    #[error("its key {key} may sign {packs}, not {id:?}: add {id:?} to the key's packs if its owner may")]
    Scope {
        /// The key.
        key: String,
        /// What it may sign.
        packs: String,
        /// What was signed.
        id: String,
    },
    /// A key in the configuration is none.
    #[error("{0:?} is not a public key of minisign: the second line of its .pub file is one")]
    Key(String),
    /// A key without packs, or with something that is no id.
    #[error("the key {0} names no pack it may sign, or one that is not 1 to 40 of a-z, 0-9 and hyphens")]
    Packs(String),
}

impl TrustedKey {
    /// Reads a key, as the second line of minisign's `.pub` file has it, and the ids of packs that it may sign.
    pub fn new(key: &str, packs: Vec<String>) -> Result<Self, SignatureError> {
        let text = key.trim().to_owned();
        if packs.is_empty() || !packs.iter().all(|id| is_id(id)) {
            return Err(SignatureError::Packs(text));
        }
        let key = PublicKey::from_base64(&text).map_err(|_| SignatureError::Key(text.clone()))?;
        Ok(Self { text, key, packs })
    }
}

impl Trust {
    /// Keys, and SHA-256 hashes of files that need none.
    pub const fn new(keys: Vec<TrustedKey>, allowed: Vec<[u8; 32]>) -> Self {
        Self { keys, allowed }
    }

    /// Whether a file without signature, of that hash, is let in by the configuration.
    pub(crate) fn allows(&self, hash: &[u8; 32]) -> bool {
        self.allowed.contains(hash)
    }

    /// The key that made the signature for these bytes.
    pub(crate) fn verify(&self, bytes: &[u8], signature: &str) -> Result<&TrustedKey, SignatureError> {
        let signature = Signature::decode(signature).map_err(|error| SignatureError::Unreadable(error.to_string()))?;
        // No legacy: a signature of the whole file's hash only, as minisign has made them since 2018.
        let made = |key: &&TrustedKey| key.key.verify(bytes, &signature, false).is_ok();
        self.keys.iter().find(made).ok_or(SignatureError::Untrusted)
    }
}

impl TrustedKey {
    /// Whether it may sign this pack.
    pub(crate) fn signs(&self, id: &str) -> Result<Signed, SignatureError> {
        if self.packs.iter().any(|pack| pack == id) {
            return Ok(Signed::By(self.text.clone()));
        }
        Err(SignatureError::Scope { key: self.text.clone(), packs: self.packs.join(", "), id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{key_pair, sign};

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_packs_only() {
        let (ours, other) = (key_pair(None).unwrap(), key_pair(None).unwrap());
        let trusted = |pair: &crate::KeyPair, packs: &[&str]| {
            TrustedKey::new(&pair.public, packs.iter().map(|id| (*id).to_owned()).collect())
        };
        let signature = sign(b"bytes", &ours.secret, None, "odd 1.0.0").unwrap();
        let trust = Trust::new(vec![trusted(&other, &["odd"]).unwrap(), trusted(&ours, &["a", "b"]).unwrap()], vec![]);
        let key = trust.verify(b"bytes", &signature).unwrap();
        assert_eq!(key.signs("b"), Ok(Signed::By(ours.public.clone())));
        let scope = key.signs("odd").unwrap_err().to_string();
        assert!(scope.contains(&ours.public) && scope.contains("a, b") && scope.contains("\"odd\""), "{scope}");
        assert_eq!(trust.verify(b"bytez", &signature).unwrap_err(), SignatureError::Untrusted);
        let foreign = Trust::new(vec![trusted(&other, &["b"]).unwrap()], vec![]);
        assert_eq!(foreign.verify(b"bytes", &signature).unwrap_err(), SignatureError::Untrusted);
        assert!(matches!(trust.verify(b"bytes", "nothing"), Err(SignatureError::Unreadable(_))));
        // The comment that says what was signed is under the signature too.
        let forged = signature.replace("odd 1.0.0", "odd 9.0.0");
        assert_eq!(trust.verify(b"bytes", &forged).unwrap_err(), SignatureError::Untrusted);
        assert!(matches!(TrustedKey::new("no key", vec!["a".to_owned()]), Err(SignatureError::Key(_))));
        assert!(matches!(trusted(&ours, &[]), Err(SignatureError::Packs(_))));
        assert!(matches!(trusted(&ours, &["*"]), Err(SignatureError::Packs(_))));
    }

    #[test]
    fn a_secret_key_under_a_password_signs_only_with_it() {
        let pair = key_pair(Some("open sesame")).unwrap();
        assert!(sign(b"x", &pair.secret, Some("open sesame"), "").is_ok());
        assert!(sign(b"x", &pair.secret, Some("sesame"), "").is_err());
        assert!(sign(b"x", &pair.secret, None, "").is_err());
    }
}
