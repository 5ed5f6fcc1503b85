//! Packs: one component, built once, that becomes others by the name in its data.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

/// User-Agent of phones that the pack [`DECLARES`] is for, which sees no items.
pub(crate) const DECLARED: &str = "declares/1";
/// User-Agent of phones that the others are for, which edit the names of each contact.
pub(crate) const EDITED: &str = "odd/names";
/// The same where each contact is named after the file that serves.
pub(crate) const VERSIONED: &str = "odd/version";
/// The pack that only declares.
pub(crate) const DECLARES: &str = "odd-declares";

/// The name as it is built, and the bytes there are for others.
const NAME: &[u8] = b"@odd@1.0.0@";
const NAME_BYTES: usize = 64;

/// The component of `tests/plugins/guests/odd`, built with the first call.
pub(crate) fn built() -> anyhow::Result<&'static [u8]> {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = BUILT.get() {
        return Ok(bytes);
    }
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/guests/odd");
    let bytes = easel_pack_build::build(&guest).with_context(|| format!("building {}", guest.display()))?;
    Ok(BUILT.get_or_init(|| bytes))
}

/// The same under another id and version, each at most some twenty bytes; `build` tells files of one version apart.
pub(crate) fn named(id: &str, version: &str, build: &str) -> anyhow::Result<Vec<u8>> {
    rename(built()?, id, version, build)
}

fn rename(component: &[u8], id: &str, version: &str, build: &str) -> anyhow::Result<Vec<u8>> {
    let name = format!("{:NAME_BYTES$}", format!("@{id}@{version}@{build}@"));
    ensure!(name.len() == NAME_BYTES, "a name that has no room: {name}");
    let at = memchr::memmem::find(component, NAME).context("the guest has no name in its data")?;
    let mut bytes = component.to_vec();
    bytes.get_mut(at..at + NAME_BYTES).context("the guest's name ends too soon")?.copy_from_slice(name.as_bytes());
    Ok(bytes)
}

/// SHA-256, as `allow_unsigned` takes it.
pub(crate) fn hash(component: &[u8]) -> String {
    Sha256::digest(component).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_gets_another_name_and_nothing_else_changes() {
        let component = format!("before{:64}behind", "@odd@1.0.0@").into_bytes();
        let renamed = rename(&component, "odd-007", "1.12.0", "b").unwrap();
        assert_eq!(String::from_utf8(renamed).unwrap(), format!("before{:64}behind", "@odd-007@1.12.0@b@"));
        assert!(rename(&component, &"x".repeat(60), "1.0.0", "").is_err());
        assert!(rename(b"@odd@1.0.0@", "odd", "1.0.0", "").is_err());
        assert!(rename(b"another", "odd", "1.0.0", "").is_err());
    }

    #[test]
    fn a_hash_is_written_as_sha256sum_writes_it() {
        assert_eq!(hash(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
