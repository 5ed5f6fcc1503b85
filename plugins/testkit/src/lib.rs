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

use std::collections::BTreeSet;
use std::path::Path;

use easel_pack::{Manifest, Native};
use easel_plugin::fixture::Fixture;

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
    fixture.run(&NativePack::new(*pack)).map_err(|error| error.to_string())?;
    Ok(fixture.quirks)
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
