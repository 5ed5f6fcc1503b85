//! Builds the layer beside whoever uses this crate: cargo hands no dynamic library to a test by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where to"));
    for source in ["layer/Cargo.toml", "layer/src", "src/format.rs"] {
        println!("cargo::rerun-if-changed={}", here.join(source).display());
    }
    let target = out.join("layer");
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("cargo says what it is"));
    cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(here.join("layer/Cargo.toml"));
    cargo.arg("--target-dir").arg(&target);
    // What looks over the crates of this workspace does so to the layer as well, in its own turn.
    cargo.env_remove("RUSTC_WORKSPACE_WRAPPER").env_remove("CARGO_BUILD_TARGET").env_remove("CARGO_TARGET_DIR");
    assert!(cargo.status().expect("cargo can be started").success(), "the layer is built");
    let library = target.join("debug/libeasel_faults_layer.so");
    assert!(Path::new(&library).exists(), "{}", library.display());
    println!("cargo::rustc-env=EASEL_FAULTS_LAYER={}", library.display());
}
