//! Argon2, and the memory it works in.
//!
//! An ordinary allocation of 19 MiB stayed with the process, one for each user who logged in: glibc takes it from its heaps,
//! and does not use that piece again. Above the largest threshold that glibc has, memory is mapped, and given back when it
//! is free.

use argon2::password_hash::{Output, ParamsString, PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Above `DEFAULT_MMAP_THRESHOLD_MAX` of glibc, 32 MiB: mallopt(3), `M_MMAP_THRESHOLD`. Only what is used is ever
/// resident.
const MAPPED: usize = 33 << 20;

/// What one hash takes, in KiB, and in bytes.
const KIB: u32 = 19 << 10;
pub(super) const BYTES: usize = 19 << 20;

/// Memory that a password is hashed in; kept from one to the next by whoever has many.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0 = Vec::new();
            self.0.reserve_exact(count.max(MAPPED / size_of::<Block>()));
            self.0.resize(count, Block::default());
        }
        &mut self.0[..count]
    }

    /// Whether `password` is the one that was hashed; `None` when `hash` is no hash of Argon2.
    pub(super) fn verify(&mut self, hash: &str, password: &str) -> Option<bool> {
        let hash = PasswordHash::new(hash).ok()?;
        let (salt, expected) = (hash.salt?, hash.hash?);
        let algorithm = Algorithm::try_from(hash.algorithm).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let mut salt_bytes = [0; 64];
        let salt = salt.decode_b64(&mut salt_bytes).ok()?;
        let memory = self.blocks(params.block_count());
        let argon2 = Argon2::new(algorithm, version, params);
        let output = Output::init_with(expected.len(), |out| {
            Ok(argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory)?)
        });
        // Compared in the same time however much of it is right.
        Some(output.ok()? == expected)
    }
}

/// The hash to store for a password: Argon2id, 19 MiB, two passes, one lane, as a PHC string.
pub(super) fn hash_password(password: &str) -> String {
    let params = Params::new(KIB, 2, 1, None).expect("these parameters are within Argon2's bounds");
    let salt: [u8; 16] = rand::random();
    let named = ParamsString::try_from(&params).expect("parameters have names");
    let mut memory = Memory::default();
    let blocks = memory.blocks(params.block_count());
    let output = Output::init_with(Params::DEFAULT_OUTPUT_LEN, |out| {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(argon2.hash_password_into_with_memory(password.as_bytes(), &salt, out, blocks)?)
    });
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: named,
        salt: Some(salt.as_salt()),
        hash: Some(output.expect("a password of less than 4 GiB is hashed")),
    };
    hash.to_string()
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    #[test]
    fn a_hash_is_one_that_every_argon2_knows_and_only_the_password_fits_it() {
        let hash = hash_password("b\u{e4}r");
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(Argon2::default().verify_password("b\u{e4}r".as_bytes(), &parsed).is_ok());
        let mut memory = Memory::default();
        assert_eq!(memory.verify(&hash, "b\u{e4}r"), Some(true));
        assert_eq!(memory.verify(&hash, "bar"), Some(false));
        // Of another making: other parameters, in the same memory.
        let salt = SaltString::encode_b64(&[7; 16]).unwrap();
        let small = Argon2::new(Algorithm::Argon2i, Version::V0x10, Params::new(64, 1, 2, Some(24)).unwrap());
        let small = small.hash_password(b"secret", &salt).unwrap().to_string();
        assert_eq!(memory.verify(&small, "secret"), Some(true));
        assert_eq!(memory.verify(&small, "Secret"), Some(false));
        assert_eq!(memory.verify(&hash, "b\u{e4}r"), Some(true));
        for none in ["", "secret", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ"] {
            assert_eq!(memory.verify(none, "secret"), None, "{none}");
        }
    }
}
