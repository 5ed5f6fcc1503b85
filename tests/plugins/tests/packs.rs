//! The packs of this repository, built, loaded, and their fixtures run where they will run: in the sandbox.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use easel_plugin::DevicePlugins;
use easel_plugin_wasm::{LoadError, Overrides, Trust};
use easel_plugins_tests::{Bench, facts};

#[test]
fn every_pack_loads_with_its_fixtures_and_none_of_them_takes_another_s_devices() {
    let bench = Bench::default();
    let (mut packs, mut wrong, mut held) = (Vec::new(), Vec::new(), 0);
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    for folder in easel_pack_build::packs(&plugins).unwrap() {
        let built = easel_pack_build::build(&folder).unwrap();
        match bench.loader(Trust::default()).load_unsigned(&folder, &built) {
            Ok(pack) => {
                assert_eq!((&pack.manifest().left_out, pack.untested()), (&Vec::new(), [].as_slice()));
                held += pack.fixtures();
                packs.push(std::sync::Arc::new(pack));
            }
            Err(error @ LoadError::Fixture { .. }) => wrong.push(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(held > 20, "{held} fixtures held");
    let ids: Vec<String> = packs.iter().map(|pack| pack.version().id.clone()).collect();
    assert!(ids.len() >= 13 && ids.contains(&"default".to_owned()), "{ids:?}");
    let all = bench.packs(Overrides::default(), packs);
    for (agent, id) in [
        ("NokiaN97/3.00(73)MailforExchange", "nokia-mfe"),
        ("Apple-iPhone/704.11", "iphone-os-2-3"),
        ("TouchDown(MSRPC)/8.1.00052", "touchdown"),
        ("Nobody/1.0", "default"),
    ] {
        assert_eq!(all.serve(&facts(agent)).pack().unwrap().id, id, "{agent}");
    }
}
