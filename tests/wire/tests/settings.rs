//! Every setting that the host knows is shown on the wire.

use easel_plugin::settings::TABLE;

/// The tests in which a phone sees what a setting does.
const TESTS: [&str; 4] = [
    include_str!("plugin.rs"),
    include_str!("settings_host.rs"),
    include_str!("settings_items.rs"),
    include_str!("../../../host/commands/tests/meeting_stories.rs"),
];

/// The names of the tests of a file.
fn names(source: &str) -> impl Iterator<Item = &str> {
    let behind = |attribute: &'static str| source.split(attribute).skip(1);
    behind("#[test]\n").filter_map(|rest| rest.split_once("fn ")?.1.split_once('(')).map(|(name, _)| name)
}

#[test]
fn every_setting_is_shown_on_the_wire() {
    let all: Vec<&str> = TESTS.into_iter().flat_map(names).collect();
    assert!(all.len() > 70, "{}", all.len());
    let is_shown = |name: &str| {
        let wanted = name.replace('.', "_");
        all.iter().any(|test| format!("_{test}_").contains(&format!("_{wanted}_")))
    };
    let missing: Vec<&str> = TABLE.iter().map(|setting| setting.name).filter(|name| !is_shown(name)).collect();
    assert!(missing.is_empty(), "no test is called after {missing:?}");
}
