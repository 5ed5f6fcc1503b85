//! An administrator who replaces a pack and goes back to the version before.

use std::path::Path;

use easel_test_support::Said;

use super::Answers;
use crate::support::{House, easel};

/// The pack, real and signed, of one of the phones.
const PACK: &str = "ios-modern";
/// Its version, and the one that takes its place.
const VERSIONS: [&str; 2] = ["0.1.0", "0.1.1"];
/// Swaps in one turn.
const SWAPS_MAX: usize = 2;

/// Swaps two versions of a pack, by installing the one and rolling back to the other.
pub(crate) struct Vendor<'a> {
    house: &'a House,
    newer: String,
    /// Which version was said to serve.
    serves: usize,
    /// How many swaps were said to be done.
    pub(crate) swaps: usize,
    broken_off: bool,
}

impl<'a> Vendor<'a> {
    /// Has the house trust a key, and installs the first version.
    pub(crate) fn new(house: &'a House) -> Self {
        easel(&["pack", "keygen", &house.text("vendor")], "").ok();
        let public = std::fs::read_to_string(house.path("vendor.pub")).unwrap();
        let public = public.lines().nth(1).unwrap();
        let config = std::fs::read_to_string(house.path("house/easel.toml")).unwrap();
        let trusting = config.replace("trusted_keys = []", &format!("trusted_keys = [\"{public} {PACK}\"]"));
        assert_ne!(trusting, config);
        house.write("house/easel.toml", trusting);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(PACK);
        let first = easel_pack_build::build(&folder).unwrap();
        let signed = |pack: &[u8], version: &str| {
            let file = house.write(&format!("packs/{version}/{PACK}.wasm"), pack);
            easel(&["pack", "sign", &file, "--key", &house.text("vendor.key")], "").ok();
            file
        };
        let newer = signed(&numbered(&first, VERSIONS[1]), VERSIONS[1]);
        let first = signed(&first, VERSIONS[0]);
        house.run(&["pack", "install", &first]).ok();
        let vendor = Self { house, newer, serves: 0, swaps: 0, broken_off: false };
        assert_eq!(vendor.installed(), 0);
        vendor
    }

    /// Swaps until the server is gone.
    pub(crate) fn work(&mut self, answers: &Answers) {
        for _ in 0..SWAPS_MAX {
            if answers.is_over() {
                return;
            }
            let said = self.swap();
            if said.code != 0 {
                assert!(said.code == 1 && !said.err.trim().is_empty(), "a swap that breaks off says why: {said:?}");
                self.broken_off = true;
                return;
            }
            self.serves = 1 - self.serves;
            self.swaps += 1;
            answers.swap_arrived();
        }
    }

    fn swap(&self) -> Said {
        match self.serves {
            0 => self.house.run(&["pack", "install", &self.newer]),
            _ => self.house.run(&["pack", "rollback", PACK]),
        }
    }

    /// After a restart: the version that was said to serve does; where nothing was said, one of the two does.
    pub(crate) fn come_back(&mut self, at: &str) {
        let installed = self.installed();
        if !std::mem::take(&mut self.broken_off) {
            assert_eq!(VERSIONS[installed], VERSIONS[self.serves], "{at}: the version that was said to serve");
        }
        self.serves = installed;
    }

    /// Which version serves.
    #[track_caller]
    fn installed(&self) -> usize {
        let list = self.house.json(&["pack", "list"]);
        let packs = list["packs"].as_array().unwrap();
        assert_eq!(packs.len(), 1, "{list}");
        assert_eq!((&packs[0]["id"], &packs[0]["state"]), (&PACK.into(), &"serves".into()), "{list}");
        VERSIONS.iter().position(|version| packs[0]["version"] == *version).unwrap()
    }
}

/// The pack as the same crate with another number would be built; that of the contract stays.
fn numbered(pack: &[u8], version: &str) -> Vec<u8> {
    let mut numbered = pack.to_vec();
    let own = VERSIONS[0].as_bytes();
    let places: Vec<usize> = pack
        .windows(own.len() + 1)
        .enumerate()
        .filter(|(_, window)| window[1..] == *own && window[0] != b'@')
        .map(|(at, _)| at + 1)
        .collect();
    assert!(!places.is_empty(), "plugins/{PACK} is not {} any more", VERSIONS[0]);
    for at in places {
        numbered[at..at + own.len()].copy_from_slice(version.as_bytes());
    }
    numbered
}
