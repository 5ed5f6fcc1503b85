//! The house that all others are copies of: a configuration, a certificate, the signed packs and what the server made
//! of them when it first loaded them.
//!
//! It lies in the target directory and is made anew when the packs or the binary are others. Processes that run at
//! once wait for the one that makes it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use easel_test_support::Easel;

/// What everything starts from.
#[derive(Debug)]
pub(crate) struct Template {
    /// The binary.
    pub(crate) program: PathBuf,
    /// The directory to copy.
    pub(crate) dir: PathBuf,
}

/// Made once a process.
pub(crate) fn template() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    MADE.get_or_init(make)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project's root")
}

fn make() -> Template {
    let test = std::env::current_exe().expect("a test runs from a file");
    let profile = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    let target = profile.parent().expect("a profile lies in the target directory");
    let program = build_server(target, profile);
    let place = target.join("tmp/devices");
    fs::create_dir_all(&place).expect("the target directory can be written");
    let lock = File::create(place.join("lock")).expect("a file");
    lock.lock().expect("a file can be locked");
    let dir = place.join(format!("{:016x}", fingerprint(&program)));
    if !dir.join("ready").is_file() {
        for entry in fs::read_dir(&place).expect("it was just made").flatten().filter(|entry| entry.path().is_dir()) {
            fs::remove_dir_all(entry.path()).expect("an older house can be removed");
        }
        furnish(&program, &dir);
        File::create(dir.join("ready")).expect("a file");
    }
    Template { program, dir }
}

/// The binary of the profile that the test was built with. A run of the whole suite has built it already.
fn build_server(target: &Path, profile: &Path) -> PathBuf {
    let program = profile.join("easel");
    if is_fresh(&program) {
        return program;
    }
    let mut cargo = easel_pack_build::tool("cargo", &root());
    // Of the whole workspace, so that its dependencies are those that the tests were built with.
    cargo.args(["build", "--quiet", "--workspace", "--bin", "easel", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.stdout(Stdio::null()).status().expect("cargo can be started");
    assert!(built.success(), "the server cannot be built");
    program
}

/// Whether a binary is newer than everything that cargo lists beside it as what it was made of.
fn is_fresh(program: &Path) -> bool {
    let written = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let Ok(list) = fs::read_to_string(program.with_extension("d")) else { return false };
    let sources = list.split_once(':').map_or("", |(_, sources)| sources).split_whitespace().map(PathBuf::from);
    let manifests = ["Cargo.toml", "Cargo.lock"].map(|name| root().join(name));
    let newest = sources.chain(manifests).map(|path| written(&path)).collect::<Option<Vec<_>>>();
    newest.and_then(|all| all.into_iter().max()).is_some_and(|newest| Some(newest) <= written(program))
}

/// Changes with every source of the packs and with the binary.
fn fingerprint(program: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let binary = fs::metadata(program).expect("it was just built");
    (binary.len(), binary.modified().expect("Linux keeps it")).hash(&mut hasher);
    let mut open = vec![root().join("plugins"), root().join("wit")];
    while let Some(dir) = open.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(dir).expect("a folder").flatten().map(|e| e.path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                open.extend((!path.ends_with("plugins/target")).then_some(path));
            } else {
                path.hash(&mut hasher);
                fs::read(&path).expect("a source can be read").hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

fn furnish(program: &Path, dir: &Path) {
    let easel = Easel::new(program, dir.join("easel.toml"));
    let text = |path: PathBuf| path.display().to_string();
    easel.bare(&["init", &text(dir.to_owned()), "--self-signed", "localhost", "--listen", "127.0.0.1:0"], "").ok();
    let key = text(dir.join("vendor"));
    easel.bare(&["pack", "keygen", &key], "").ok();
    let packs = easel_pack_build::packs(&root().join("plugins")).expect("the packs' workspace");
    let names: Vec<String> =
        packs.iter().filter_map(|pack| Some(pack.file_name()?.to_string_lossy().into_owned())).collect();
    let public = fs::read_to_string(dir.join("vendor.pub")).expect("keygen wrote it");
    let public = public.lines().nth(1).expect("the key is on the second line");
    configure(dir, "trusted_keys = []", &format!("trusted_keys = [\"{public} {}\"]", names.join(" ")));
    let folder = dir.join("data/packs");
    fs::create_dir_all(&folder).expect("a folder");
    for (pack, name) in packs.iter().zip(&names) {
        let built = easel_pack_build::build(pack).unwrap_or_else(|error| panic!("{name}: {error}"));
        let file = folder.join(format!("{name}.wasm"));
        fs::write(&file, built).expect("a file");
        easel.bare(&["pack", "sign", &text(file), "--key", &format!("{key}.key")], "").ok();
    }
    // The first start compiles them; what it makes is kept in the directory.
    let serving = easel.serve();
    let list = easel.json(&["pack", "list"]);
    let served = list["packs"].as_array().expect("a list").iter().filter(|pack| pack["state"] == "serves");
    assert_eq!(served.count(), names.len(), "{list:#}");
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
}

/// Replaces a line of the configuration.
pub(crate) fn configure(dir: &Path, from: &str, to: &str) {
    let file = dir.join("easel.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    assert!(text.contains(from), "the configuration has no {from:?}");
    fs::write(&file, text.replacen(from, to, 1)).expect("a file");
}
