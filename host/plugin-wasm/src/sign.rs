//! Making keys and signatures: the author's side of `signature.rs`.

use std::fmt;
use std::io::Cursor;

use minisign::{KeyPair as Pair, SecretKeyBox};

/// A new pair of keys, as minisign writes them.
#[derive(Clone)]
pub struct KeyPair {
    /// One line of base64: what a server's configuration names.
    pub public: String,
    /// The whole text of a secret key file. Its owner alone may read it.
    pub secret: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Making keys or a signature came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// No key was made.
    #[error("a pair of keys cannot be made: {0}")]
    Make(String),
    /// The secret key cannot be used.
    #[error("the secret key cannot be opened: {0}")]
    Open(String),
    /// Nothing was signed.
    #[error("the file cannot be signed: {0}")]
    Sign(String),
}

/// Makes a pair; the secret key under a password, or open to whoever has the file.
pub fn key_pair(password: Option<&str>) -> Result<KeyPair, SignError> {
    let make = |error: minisign::PError| SignError::Make(error.to_string());
    let pair = match password {
        None => Pair::generate_unencrypted_keypair(),
        Some(password) => Pair::generate_encrypted_keypair(Some(password.to_owned())),
    };
    let pair = pair.map_err(make)?;
    let comment = Some("Easel pack key");
    Ok(KeyPair { public: pair.pk.to_base64(), secret: pair.sk.to_box(comment).map_err(make)?.into_string() })
}

/// Signs a file: the text of its `.minisig`. `says` is part of what is signed: the pack and its version.
pub fn sign(bytes: &[u8], secret: &str, password: Option<&str>, says: &str) -> Result<String, SignError> {
    let open = |error: minisign::PError| SignError::Open(error.to_string());
    let sealed = SecretKeyBox::from_string(secret).map_err(open)?;
    let key = match password {
        None => sealed.into_unencrypted_secret_key(),
        Some(password) => sealed.into_secret_key(Some(password.to_owned())),
    };
    let signed = minisign::sign(None, &key.map_err(open)?, Cursor::new(bytes), Some(says), Some("signed for Easel"));
    signed.map(minisign::SignatureBox::into_string).map_err(|error| SignError::Sign(error.to_string()))
}
