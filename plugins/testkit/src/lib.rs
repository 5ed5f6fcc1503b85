//! Runs the fixtures of a pack over its plain Rust, as a server runs them over its component.
//!
//! A pack has one test that says so:
//!
//! ```ignore
//! #[test]
//! fn the_pack_does_what_its_fixtures_say() {
//!     easel_testkit::check(&super::PACK, env!("CARGO_MANIFEST_DIR"));
//! }
//! ```
//!
//! Start at [`check`]; [`NativePack`] stands where a server has a component.

mod convert;
mod native;
mod recognise;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use easel_pack::profile::Options;
use easel_pack::settings::Known;
use easel_pack::{Manifest, Native, SettingValue};
use easel_plugin::fixture::{Fixture, FixtureError};

pub use native::NativePack;
pub use recognise::{chosen, score};

/// Sees to it that the description is sound, that every quirk it names has a fixture, and that every fixture in
/// `fixtures/` holds with the pack and does not without.
///
/// # Panics
///
/// With everything that is wrong.
pub fn check(pack: &Native, folder: &str) {
    let manifest = (pack.describe)();
    let mut wrong = wrong_in(&manifest);
    let mut shown = BTreeSet::new();
    for (name, text) in fixtures(Path::new(folder)) {
        match hold(pack, &manifest, &name, &text) {
            Ok(quirks) => shown.extend(quirks),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    let bare = manifest.quirks.iter().filter(|quirk| !shown.contains(*quirk));
    wrong.extend(bare.map(|quirk| format!("{quirk} is answered, and no fixture shows it")));
    assert!(wrong.is_empty(), "{}:\n{}", manifest.id, wrong.join("\n"));
}

/// The fixtures of a pack by name, in order.
fn fixtures(folder: &Path) -> Vec<(String, String)> {
    let folder = folder.join("fixtures");
    let listed = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |entry: Result<std::fs::DirEntry, _>| {
        let path = entry.expect("a listed file is there").path();
        let name = path.file_name().and_then(|name| name.to_str())?.strip_suffix(".toml")?.to_owned();
        Some((name, std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
    };
    let mut fixtures: Vec<_> = listed.filter_map(read).collect();
    fixtures.sort();
    fixtures
}

fn hold(pack: &Native, manifest: &Manifest, name: &str, text: &str) -> Result<Vec<String>, String> {
    let fixture = Fixture::parse(text).map_err(|error| error.to_string())?;
    let first = fixture.quirks.first().map(|quirk| quirk.to_ascii_lowercase()).unwrap_or_default();
    if name.split('-').next() != Some(first.as_str()) {
        return Err(format!("its first quirk is {first:?}, so its name begins so"));
    }
    if let Some(stranger) = fixture.quirks.iter().find(|quirk| !manifest.quirks.contains(quirk)) {
        return Err(format!("the pack does not say that it answers {stranger}"));
    }
    match fixture.run(&NativePack::new(*pack)) {
        Ok(()) => Ok(fixture.quirks),
        // The kit may know a setting before the server does. What the pack says of it is still compared.
        Err(FixtureError::NoSetting(setting)) if ahead().any(|name| name == setting) => {
            ahead_holds(pack, &fixture, text).map(|()| fixture.quirks)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Settings that the kit knows and the server does not.
fn ahead() -> impl Iterator<Item = &'static str> {
    let unknown = |known: &&Known| easel_plugin::settings::find(known.name).is_none();
    easel_pack::settings::TABLE.iter().filter(unknown).map(|known| known.name)
}

/// The settings of a `[profile]` fixture against what the pack itself says.
fn ahead_holds(pack: &Native, fixture: &Fixture, text: &str) -> Result<(), String> {
    let facts = convert::facts(&fixture.facts().map_err(|error| error.to_string())?);
    let manifest = (pack.describe)();
    if score(&manifest, &facts).is_none() {
        return Err("the pack does not recognise the device".to_owned());
    }
    let decided = pack.profile.map(|profile| profile(&facts, &Options::default())).transpose()?;
    let over = decided.iter().flat_map(|decided| &decided.settings);
    let said: BTreeMap<_, _> = manifest.settings.iter().chain(over).map(|said| (&said.name, &said.value)).collect();
    let fixture: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let expected = fixture["profile"].get("settings").and_then(toml::Value::as_table);
    for (name, value) in expected.into_iter().flatten() {
        let got = said.get(name).map(|value| as_toml(value));
        if got.as_ref() != Some(value) {
            return Err(format!("expected {name} = {value}, and got {got:?}"));
        }
    }
    match (fixture["profile"].get("family").and_then(toml::Value::as_str), decided) {
        (Some(family), Some(decided)) if decided.family != family => {
            Err(format!("expected family {family:?}, and got {:?}", decided.family))
        }
        (Some(family), None) => Err(format!("expected family {family:?}, and the pack decides nothing")),
        _ => Ok(()),
    }
}

fn as_toml(value: &SettingValue) -> toml::Value {
    match value {
        SettingValue::Flag(flag) => (*flag).into(),
        SettingValue::Number(number) => (*number).into(),
        SettingValue::Text(text) => text.as_str().into(),
        SettingValue::Texts(texts) => texts.clone().into(),
    }
}

/// What a server would refuse or leave out.
fn wrong_in(manifest: &Manifest) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let id = &manifest.id;
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    must(plain && (1..=40).contains(&id.len()), format!("id {id:?}: [a-z0-9-]{{1,40}}"));
    let numbers = manifest.version.split(['-', '+']).next().unwrap_or_default().split('.');
    let numbers: Vec<_> = numbers.map(str::parse::<u64>).collect();
    must(numbers.len() == 3 && numbers.iter().all(Result::is_ok), format!("version {:?}: 1.2.3", manifest.version));
    let summary = &manifest.summary;
    must(!summary.is_empty() && summary.chars().count() <= 200 && !summary.contains('\n'), format!("{summary:?}"));
    must(!manifest.author.is_empty() && !manifest.licence.is_empty(), "it has no author or no licence".to_owned());
    must(manifest.headers.len() <= 8, "it asks for more than 8 headers".to_owned());
    must(!manifest.matchers.is_empty(), "it recognises nobody".to_owned());
    for pattern in recognise::patterns(manifest) {
        if let Err(error) = recognise::regex(pattern) {
            must(false, error);
        }
    }
    let known = |name: &str| easel_pack::settings::TABLE.iter().any(|known| known.name == name);
    for setting in &manifest.settings {
        must(known(&setting.name), format!("no setting is called {:?}", setting.name));
    }
    wrong
}
