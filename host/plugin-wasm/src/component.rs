//! A file, looked at before anything of it is compiled: what it is, what it wants, what it offers, what lies in it.

use std::collections::BTreeMap;

use wasmparser::component_types::ComponentEntityType;
use wasmparser::{Parser, Payload, Validator};

use crate::v0_1::{PACKAGE, SERIES};

/// Bytes of a pack.
pub(crate) const FILE_BYTES_MAX: usize = 16 << 20;
/// Before the name of a custom section with a fixture.
const FIXTURE: &str = "easel:fixture/";
/// Before the name of a custom section with a guide: `DEVICE/LANGUAGE` follows.
const GUIDE: &str = "easel:guide/";

/// Why a file is no pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// Over the bound.
    #[error("it has {0} bytes; a pack has at most {FILE_BYTES_MAX}: leave out what is not needed")]
    Size(usize),
    /// A core module.
    #[error("it is a core module, not a component: build it with `easel pack build`, which makes one of it")]
    Core,
    /// Not Wasm, or broken.
    #[error("it is not a whole Wasm component ({0}): build or copy it again")]
    Broken(String),
    /// An import that is not offered.
    #[error(
        "it imports {0:?}, and packs get nothing but `{PACKAGE}/log`: no files, network, clock or randomness; \
         build it for wasm32-unknown-unknown and leave out what needs that"
    )]
    Import(String),
    /// Built for another version of the contract.
    #[error("it is built for {PACKAGE} {0}, and this server knows up to 0.1: update the server, or take an older pack")]
    TooNew(String),
    /// Another world.
    #[error("it does not export `{PACKAGE}/describe`, but {0}: it is no pack")]
    NoDescribe(String),
    /// A custom section that is not as it should be.
    #[error("its section {name:?} {what}: build it again with `easel pack build`")]
    Section {
        /// Its name.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Names of interfaces, with version.
    pub(crate) imports: Vec<String>,
    /// Names of interfaces, with version.
    pub(crate) exports: Vec<String>,
    /// Name and text.
    pub(crate) fixtures: Vec<(String, String)>,
    /// By device and language.
    pub(crate) guides: BTreeMap<(String, String), String>,
}

impl Shape {
    /// Reads and checks a whole file; nothing of it is run or compiled.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ComponentError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(ComponentError::Size(bytes.len()));
        }
        let broken = |error: wasmparser::BinaryReaderError| ComponentError::Broken(error.to_string());
        if Parser::is_core_wasm(bytes) {
            return Err(ComponentError::Core);
        }
        let types = Validator::new().validate_all(bytes).map_err(broken)?;
        let mut shape = Self::default();
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(bytes) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "every other section is the validator's business")]
            match payload.map_err(broken)? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        shape.imports.push(import.map_err(broken)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        shape.exports.push(export.map_err(broken)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if depth == 0 => shape.section(section.name(), section.data())?,
                _ => {}
            }
        }
        for name in shape.imports.iter().chain(&shape.exports) {
            if let Some(version) = newer(name) {
                return Err(ComponentError::TooNew(version));
            }
        }
        for name in &shape.imports {
            let only_types = match types.as_ref().component_item_for_import(name).map(|item| item.ty) {
                Some(ComponentEntityType::Instance(id)) => {
                    let of = types.as_ref();
                    of[id].exports.values().all(|item| matches!(item.ty, ComponentEntityType::Type { .. }))
                }
                _ => false,
            };
            if !only_types && interface(name) != Some("log") {
                return Err(ComponentError::Import(name.clone()));
            }
        }
        if !shape.exports.iter().any(|name| interface(name) == Some("describe")) {
            let there = if shape.exports.is_empty() { "nothing".to_owned() } else { shape.exports.join(", ") };
            return Err(ComponentError::NoDescribe(crate::log::clean(&there)));
        }
        Ok(shape)
    }

    fn section(&mut self, name: &str, data: &[u8]) -> Result<(), ComponentError> {
        let error = |what| ComponentError::Section { name: crate::log::clean(name), what };
        let text = || std::str::from_utf8(data).map(ToOwned::to_owned).map_err(|_| error("is not UTF-8"));
        if let Some(fixture) = name.strip_prefix(FIXTURE) {
            if self.fixtures.len() == 1_000 {
                return Err(error("is one fixture too many: a pack has at most 1000"));
            }
            self.fixtures.push((crate::log::clean(fixture), text()?));
        } else if let Some(guide) = name.strip_prefix(GUIDE) {
            let word = |word: &str| {
                let letters = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                letters && !word.is_empty() && word.len() <= 64
            };
            let (device, language) = guide.split_once('/').ok_or_else(|| error("names no device and language"))?;
            if !word(device) || !word(language) {
                return Err(error("names a device or language that is not of a-z, 0-9 and hyphens"));
            }
            self.guides.insert((device.to_owned(), language.to_owned()), text()?);
        }
        Ok(())
    }
}

/// The interface of a name of this package: `log` of `easel:plugin/log@0.1.0`.
fn interface(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(rest.split('@').next().unwrap_or(rest))
}

/// The version of a name of this package, if this server is too old for it.
fn newer(name: &str) -> Option<String> {
    interface(name)?;
    let version = semver::Version::parse(name.split_once('@')?.1).ok()?;
    ((version.major, version.minor) != SERIES).then(|| format!("{}.{}", version.major, version.minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_refused_with_what_to_do() {
        let core = [0, b'a', b's', b'm', 1, 0, 0, 0];
        let component = [0, b'a', b's', b'm', 13, 0, 1, 0];
        assert_eq!(Shape::read(&core), Err(ComponentError::Core));
        assert_eq!(Shape::read(&component), Err(ComponentError::NoDescribe("nothing".to_owned())));
        assert_eq!(Shape::read(&vec![0; FILE_BYTES_MAX + 1]), Err(ComponentError::Size(FILE_BYTES_MAX + 1)));
        for broken in [&b""[..], b"hello", &component[..6], &[0, b'a', b's', b'm', 13, 0, 1, 0, 7, 200]] {
            assert!(matches!(Shape::read(broken), Err(ComponentError::Broken(_))), "{broken:?}");
        }
    }

    #[test]
    fn a_pack_of_a_later_contract_is_told_apart_in_words() {
        assert_eq!(newer("easel:plugin/describe@0.3.0").as_deref(), Some("0.3"));
        assert_eq!(newer("easel:plugin/describe@0.1.7"), None);
        assert_eq!(newer("wasi:io/streams@0.2.0"), None);
    }
}
