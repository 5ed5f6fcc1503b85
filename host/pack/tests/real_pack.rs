//! A pack of this repository, built for real: what it imports and exports, and what it carries.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wasmparser::{ComponentTypeRef, Parser, Payload};

/// Names of a component's imports and exports; of imports, whether it is an instance.
#[expect(clippy::wildcard_enum_match_arm, reason = "of some forty payloads four matter")]
fn interfaces(component: &[u8]) -> (Vec<(String, bool)>, BTreeSet<String>) {
    let (mut imports, mut exports, mut depth) = (Vec::new(), BTreeSet::new(), 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.unwrap();
                    imports.push((import.name.name.to_owned(), matches!(import.ty, ComponentTypeRef::Instance(_))));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|export| export.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    (imports, exports)
}

#[test]
fn a_pack_exports_what_it_has_and_imports_nothing_but_the_log() {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let nokia = easel_pack_build::build(&packs.join("nokia-mfe")).unwrap();
    let (imports, exports) = interfaces(&nokia);
    for (name, instance) in &imports {
        assert!(*instance, "{name}");
        let ours = ["easel:plugin/log@0.1.0", "easel:plugin/types@0.1.0"];
        assert!(ours.contains(&name.as_str()), "{name} is imported");
    }
    let expected = ["describe", "items", "mail", "profile"].map(|name| format!("easel:plugin/{name}@0.1.0"));
    assert_eq!(exports, BTreeSet::from(expected));

    let carried = easel_pack_build::sections(&nokia).unwrap();
    assert!(carried.fixtures.contains_key("n03-more-than-100-recipients"), "{:?}", carried.fixtures.keys());
    assert!(carried.guides.contains_key(&("nokia-n97".to_owned(), "en".to_owned())), "{:?}", carried.guides.keys());

    // No path of the machine it was built on.
    let text = String::from_utf8_lossy(&nokia);
    let here = packs.canonicalize().unwrap();
    assert!(!text.contains(here.to_str().unwrap()), "the component names {}", here.display());

    // Nothing but a description.
    let plain = easel_pack_build::build(&packs.join("touchdown")).unwrap();
    let (imports, exports) = interfaces(&plain);
    assert!(imports.iter().all(|(name, _)| name == "easel:plugin/types@0.1.0"), "{imports:?}");
    assert_eq!(exports, BTreeSet::from(["easel:plugin/describe@0.1.0".to_owned()]));
}

/// A crate as a new pack has it, with this library. Names differ, since the modules come into one folder.
fn new_pack(name: &str, library: &str) -> tempfile::TempDir {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").canonicalize().unwrap();
    let (sdk, folder) = (plugins.join("sdk"), tempfile::tempdir().unwrap());
    let write = |place: &str, text: &str| {
        let place = folder.path().join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text.replace("{{name}}", name).replace("{{sdk}}", sdk.to_str().unwrap())).unwrap();
    };
    write("Cargo.toml", include_str!("../../../plugins/sdk/template/Cargo.toml.template"));
    write("src/lib.rs", library);
    write("guides/en/new-phone.md", include_str!("../../../plugins/sdk/template/guide.md.template"));
    // What is built already need not be built again: the same versions, the same target folder.
    fs::copy(plugins.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    write(".cargo/config.toml", &format!("[build]\ntarget-dir = {:?}\n", plugins.join("target")));
    folder
}

#[test]
fn a_new_pack_is_a_component_at_once() {
    let folder = new_pack("new-phone", include_str!("../../../plugins/sdk/template/lib.rs.template"));
    let component = easel_pack_build::build(folder.path()).unwrap();
    let (imports, exports) = interfaces(&component);
    assert!(imports.iter().all(|(name, _)| name == "easel:plugin/types@0.1.0"), "{imports:?}");
    let expected = ["describe", "items", "profile"].map(|name| format!("easel:plugin/{name}@0.1.0"));
    assert_eq!(exports, BTreeSet::from(expected));
    assert_eq!(easel_pack_build::sections(&component).unwrap().guides.len(), 1);
}

#[test]
fn a_pack_may_have_every_interface_and_say_something_in_the_log() {
    let folder = new_pack("every-hook", include_str!("every_hook.rs.txt"));
    let (imports, exports) = interfaces(&easel_pack_build::build(folder.path()).unwrap());
    let imports: BTreeSet<_> = imports.into_iter().map(|(name, _)| name).collect();
    assert_eq!(imports, BTreeSet::from(["log", "types"].map(|name| format!("easel:plugin/{name}@0.1.0"))));
    let all = ["describe", "folder-change", "items", "mail", "meeting", "profile", "recover", "wire"];
    assert_eq!(exports, BTreeSet::from(all.map(|name| format!("easel:plugin/{name}@0.1.0"))));
}

#[test]
fn what_is_no_module_is_no_pack() {
    let error = easel_pack_build::componentize(b"no module").unwrap_err();
    assert!(error.to_string().starts_with("the module is no pack: "), "{error}");
}
