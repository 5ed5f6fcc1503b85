//! A pack of what another compiler made: C, or any language that becomes WebAssembly.

use std::fs;
use std::path::Path;

use crate::beside::beside;
use crate::{BuildError, Sections, componentize, embed, sections};

/// How a core module begins: magic number and version. A component has another version.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Makes a pack of a module, or of a component, with the guides and fixtures of `folder` in it, as
/// [`build()`](crate::build()) has them. The module carries its interfaces in `component-type` sections, as generated
/// bindings do.
pub fn from_module(module: &Path, folder: &Path) -> Result<Vec<u8>, BuildError> {
    let folder = folder.canonicalize().map_err(|source| BuildError::Read { path: folder.to_owned(), source })?;
    let bytes = fs::read(module).map_err(|source| BuildError::Read { path: module.to_owned(), source })?;
    let component = if bytes.starts_with(MODULE) { componentize(&bytes)? } else { bytes };
    let carried = sections(&component).map_err(|reason| BuildError::Sections { path: module.to_owned(), reason })?;
    if carried != Sections::default() {
        return Err(BuildError::Whole { path: module.to_owned() });
    }
    Ok(embed(component, &beside(&folder)?))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// The magic number, version and layer of a component without anything in it.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    /// A folder with a fixture, and a file in it.
    fn folder(file: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.wasm");
        fs::write(&path, file).unwrap();
        fs::create_dir(folder.path().join("fixtures")).unwrap();
        fs::write(folder.path().join("fixtures/q1-short.toml"), "quirks = []").unwrap();
        (folder, path)
    }

    #[test]
    fn a_component_gets_what_lies_in_the_folder_and_only_once() {
        let (folder, path) = folder(EMPTY);
        let pack = from_module(&path, folder.path()).unwrap();
        assert_eq!(sections(&pack).unwrap().fixtures["q1-short"], "quirks = []");
        fs::write(&path, pack).unwrap();
        assert!(matches!(from_module(&path, folder.path()), Err(BuildError::Whole { .. })));
    }

    #[test]
    fn a_module_becomes_a_component() {
        let (folder, path) = folder(MODULE);
        let pack = from_module(&path, folder.path()).unwrap();
        assert!(pack.starts_with(EMPTY) && pack.len() > EMPTY.len());
    }

    #[test]
    fn what_is_neither_is_refused_with_its_path() {
        let (folder, path) = folder(b"int main;");
        let error = from_module(&path, folder.path()).unwrap_err().to_string();
        assert_eq!(error, format!("{}: this is no component", path.display()));
        let absent = folder.path().join("absent.wasm");
        assert!(matches!(from_module(&absent, folder.path()), Err(BuildError::Read { path, .. }) if path == absent));
        let nowhere = folder.path().join("nowhere");
        assert!(matches!(from_module(&path, &nowhere), Err(BuildError::Read { path, .. }) if path == nowhere));
    }
}
