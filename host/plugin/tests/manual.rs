//! `plugins/SETTINGS.md` says of each setting what the table has.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::path::Path;

use easel_plugin::settings::{Default, Effect, TABLE};

const HEAD: &str = "# Settings of devices

What a device can be given in place of what the protocol says: by its pack (`settings` of `describe`), or by the
operator, whose word goes before the pack's: `settings`, `[packs.per_pack.ID]` and `[packs.per_device.DEVICEID]` of
[`easel.toml`](../examples/easel.toml). `easel device show` prints what a device has in the end, and from whom.

A flag is `true` or `false`; of words, those listed can be; a list holds words or texts; pairs are texts of
`key=value`. When a setting of a device in service changes, the device may have to be sent something again: the last
column says what. Written by `UPDATE_GOLDEN=1 cargo test -p easel-plugin --test manual` from the server's own table.
";

fn kind(default: Default) -> (&'static str, String) {
    match default {
        Default::Flag(flag) => ("flag", format!("`{flag}`")),
        Default::Number(number, least, most) => ("number", format!("`{number}` ({least} to {most})")),
        Default::Text(text, words) => (
            if words.is_empty() { "text" } else { "word" },
            if text.is_empty() { "none".to_owned() } else { format!("`{text}`") },
        ),
        Default::Texts(_) => ("list", "empty".to_owned()),
        Default::Map(..) => ("pairs", "empty".to_owned()),
    }
}

const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "",
        Effect::Resend => "items again",
        Effect::Hierarchy => "folders again",
        Effect::Renegotiate => "versions again",
    }
}

#[test]
fn the_manual_of_settings_says_what_the_table_has() {
    let mut manual = HEAD.to_owned();
    let mut groups: Vec<&str> = TABLE.iter().filter_map(|setting| Some(setting.name.split_once('.')?.0)).collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        write!(
            manual,
            "\n## {group}\n\n| setting | type | default | what it may be | change |\n| --- | --- | --- | --- | --- |\n"
        )
        .unwrap();
        let mut own: Vec<_> = TABLE.iter().filter(|setting| setting.name.split_once('.').unwrap().0 == group).collect();
        own.sort_unstable_by_key(|setting| setting.name);
        for setting in own {
            let (kind, default) = kind(setting.default);
            let expected = setting.expected.replace('|', "\\|");
            writeln!(manual, "| `{}` | {kind} | {default} | {expected} | {} |", setting.name, effect(setting.effect))
                .unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/SETTINGS.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &manual).unwrap();
    }
    assert_eq!(manual, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
}
