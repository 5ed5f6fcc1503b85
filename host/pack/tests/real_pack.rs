//! A pack of this repository, built for real: what it imports and exports, and what it carries.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use std::collections::BTreeSet;
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

#[test]
fn what_is_no_module_is_no_pack() {
    let error = easel_pack_build::componentize(b"no module").unwrap_err();
    assert!(error.to_string().starts_with("the module is no pack: "), "{error}");
}
