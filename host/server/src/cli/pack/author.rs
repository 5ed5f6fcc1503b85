//! What authors do with packs: a new one, built, tested and signed. None of it needs a server or a configuration.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Source;
use crate::cli::error::CliError;
use crate::cli::terminal::{self, Terminal};
use crate::config::Config;
use crate::packs;

const TEMPLATE: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../../../../plugins/sdk/template/Cargo.toml.template")),
    ("src/lib.rs", include_str!("../../../../../plugins/sdk/template/lib.rs.template")),
    (
        "fixtures/q1-short-answers.toml",
        include_str!("../../../../../plugins/sdk/template/q1-short-answers.toml.template"),
    ),
    (
        "fixtures/q2-a-task-without-a-blank-in-front.toml",
        include_str!("../../../../../plugins/sdk/template/q2-a-task-without-a-blank-in-front.toml.template"),
    ),
    ("guides/en/{{name}}.md", include_str!("../../../../../plugins/sdk/template/guide.md.template")),
];

pub(super) fn new(name: &str, sdk: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=40).contains(&name.len())
        || !name.bytes().all(good)
        || !name.starts_with(|first: char| first.is_ascii_lowercase())
    {
        return Err(CliError::Said(format!("{name:?} is no id of a pack: a-z, 0-9 and hyphens, a letter first")));
    }
    let sdk = sdk.canonicalize().map_err(CliError::file("find the SDK in", sdk))?;
    let dir = Path::new(name);
    if dir.exists() {
        return Err(CliError::Said(format!("{name} is there already: choose another name, or remove it")));
    }
    for (path, text) in TEMPLATE {
        let fill = |text: &str| text.replace("{{name}}", name).replace("{{sdk}}", &sdk.display().to_string());
        let path = dir.join(fill(path));
        let parent = path.parent().expect("every file of a pack is in its folder");
        fs::create_dir_all(parent).map_err(CliError::file("make", parent))?;
        fs::write(&path, fill(text)).map_err(CliError::file("write", &path))?;
    }
    terminal.say(&format!("{name} is made: `easel pack test {name}` builds and tests it"), &json!({ "dir": name }))
}

pub(super) fn build(source: &Source, output: Option<PathBuf>, terminal: &mut Terminal) -> Result<(), CliError> {
    let bytes = built(source)?;
    let output = output.map_or_else(|| named(source).map(|name| source.dir.join(format!("{name}.wasm"))), Ok)?;
    if source.module.as_ref().is_some_and(|module| same_file(module, &output)) {
        let module = output.display();
        return Err(CliError::Said(format!("{module} is the module itself: name another file with --output")));
    }
    fs::write(&output, &bytes).map_err(CliError::file("write", &output))?;
    let said = format!("{}: {}", output.display(), terminal::bytes(bytes.len() as u64));
    terminal.say(&said, &json!({ "file": output, "bytes": bytes.len() }))
}

fn built(source: &Source) -> Result<Vec<u8>, CliError> {
    let built = match &source.module {
        Some(module) => easel_pack_build::from_module(module, &source.dir),
        None => easel_pack_build::build(&source.dir),
    };
    built.map_err(|error| CliError::Said(crate::admin::chain(&error)))
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// The name of the crate in a folder; of the folder where a module is given instead.
fn named(source: &Source) -> Result<String, CliError> {
    if source.module.is_some() {
        let dir = source.dir.canonicalize().map_err(CliError::file("find", &source.dir))?;
        let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
        return name.ok_or_else(|| CliError::Said("a folder without a name: name the file with --output".to_owned()));
    }
    let manifest = source.dir.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(CliError::file("read", &manifest))?;
    let read: Option<String> = text
        .parse::<toml::Table>()
        .ok()
        .and_then(|table| Some(table.get("package")?.get("name")?.as_str()?.to_owned()));
    read.ok_or_else(|| CliError::Said(format!("{} names no package", manifest.display())))
}

pub(super) fn test(source: &Source, terminal: &mut Terminal) -> Result<(), CliError> {
    let bytes = built(source)?;
    let file = std::env::temp_dir().join(format!("easel-pack-{}.wasm", std::process::id()));
    fs::write(&file, bytes).map_err(CliError::file("write", &file))?;
    let inspected = packs::inspected(&file, &Config::default().packs);
    drop(fs::remove_file(&file));
    let (lines, good) = inspected.map_err(CliError::Said)?;
    terminal.lines(&lines, &json!({ "dir": source.dir, "good": good, "lines": lines }))?;
    if good { Ok(()) } else { Err(CliError::Found) }
}

pub(super) fn keygen(name: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let pair = easel_plugin_wasm::key_pair(None).map_err(|error| CliError::Said(error.to_string()))?;
    let (secret, public) = (name.with_extension("key"), name.with_extension("pub"));
    let write = |path: &Path, mode: u32, text: &str| {
        use std::io::Write as _;
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(CliError::file("write", path))
    };
    write(&secret, 0o600, &pair.secret)?;
    write(&public, 0o644, &format!("untrusted comment: Easel pack key\n{}\n", pair.public))?;
    let said = format!(
        "{} signs; whoever trusts it writes packs.trusted_keys = [\"{} NAME-OF-PACK\"]",
        secret.display(),
        pair.public
    );
    terminal.say(&said, &json!({ "key": secret, "pub": public, "public": pair.public }))
}

pub(super) fn sign(pack: &Path, key: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let bytes = fs::read(pack).map_err(CliError::file("read", pack))?;
    let secret = fs::read_to_string(key).map_err(CliError::file("read", key))?;
    let says = pack.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let signed = easel_plugin_wasm::sign(&bytes, &secret, None, &says);
    let signed = signed.map_err(|error| CliError::Said(error.to_string()))?;
    let beside = super::signature_beside(pack);
    fs::write(&beside, signed).map_err(CliError::file("write", &beside))?;
    terminal.say(&format!("{} is written", beside.display()), &json!({ "signature": beside }))
}
