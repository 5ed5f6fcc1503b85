//! Guides and fixtures inside a component.
//!
//! Custom sections named `easel:guide/<device>/<lang>` and `easel:fixture/<name>`, at the end of the component.

use std::collections::BTreeMap;

use wasm_encoder::{ComponentSection as _, CustomSection};

const GUIDE: &str = "easel:guide/";
const FIXTURE: &str = "easel:fixture/";
/// Magic number, version and layer of a component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// What a pack carries beside its code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// Guides in Markdown, by device and language.
    pub guides: BTreeMap<(String, String), String>,
    /// Fixtures in TOML, by name.
    pub fixtures: BTreeMap<String, String>,
}

/// Why the sections of a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SectionsError {
    /// It does not begin as a component does.
    #[error("this is no component")]
    NotAComponent,
    /// It ends in the middle of a section.
    #[error("the section at byte {0} is cut short")]
    CutShort(usize),
    /// A guide or fixture that is no text, or has no name.
    #[error("section {0:?} is no guide or fixture")]
    NotText(String),
}

/// Puts guides and fixtures at the end of a component.
pub fn embed(mut component: Vec<u8>, sections: &Sections) -> Vec<u8> {
    let guides = sections.guides.iter().map(|((device, lang), text)| (format!("{GUIDE}{device}/{lang}"), text));
    let fixtures = sections.fixtures.iter().map(|(name, text)| (format!("{FIXTURE}{name}"), text));
    for (name, text) in guides.chain(fixtures) {
        CustomSection { name: name.into(), data: text.as_bytes().into() }.append_to_component(&mut component);
    }
    component
}

/// Reads the guides and fixtures of a component, without a look at anything else in it.
pub fn sections(component: &[u8]) -> Result<Sections, SectionsError> {
    if !component.starts_with(HEADER) {
        return Err(SectionsError::NotAComponent);
    }
    let mut found = Sections::default();
    let mut at = HEADER.len();
    while at < component.len() {
        let start = at;
        let cut = || SectionsError::CutShort(start);
        let id = component[at];
        at += 1;
        let length = number(component, &mut at).ok_or_else(cut)?;
        let end = at.checked_add(length).filter(|end| *end <= component.len()).ok_or_else(cut)?;
        if id == 0 {
            let length = number(&component[..end], &mut at).ok_or_else(cut)?;
            let name_end = at.checked_add(length).filter(|name_end| *name_end <= end).ok_or_else(cut)?;
            let name = String::from_utf8_lossy(&component[at..name_end]);
            take(&mut found, &name, &component[name_end..end])?;
        }
        at = end;
    }
    Ok(found)
}

fn take(found: &mut Sections, name: &str, data: &[u8]) -> Result<(), SectionsError> {
    let wrong = || SectionsError::NotText(name.to_owned());
    let text = || String::from_utf8(data.to_vec()).map_err(|_| wrong());
    if let Some(guide) = name.strip_prefix(GUIDE) {
        let (device, lang) = guide.split_once('/').ok_or_else(wrong)?;
        found.guides.insert((device.to_owned(), lang.to_owned()), text()?);
    } else if let Some(fixture) = name.strip_prefix(FIXTURE) {
        found.fixtures.insert(fixture.to_owned(), text()?);
    }
    Ok(())
}

/// An unsigned LEB128 number of at most 32 bits.
fn number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(number).ok().and_then(|number| usize::try_from(number).ok());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Sections {
        let mut sections = Sections::default();
        let key = |device: &str, lang: &str| (device.to_owned(), lang.to_owned());
        sections.guides.insert(key("nokia-n97", "de"), "# Einrichten\n".to_owned());
        sections.guides.insert(key("nokia-n97", "en"), "# Set up\n".repeat(100));
        sections.fixtures.insert("n03-more".to_owned(), "quirks = []".to_owned());
        sections
    }

    #[test]
    fn what_was_put_in_is_read_back() {
        let component = embed(HEADER.to_vec(), &full());
        assert_eq!(sections(&component).unwrap(), full());
        assert_eq!(sections(HEADER).unwrap(), Sections::default());
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_or_read_up_to_a_whole_section() {
        let component = embed(HEADER.to_vec(), &full());
        let mut whole = 0;
        for length in 0..component.len() {
            match sections(&component[..length]) {
                Ok(_) => whole += 1,
                Err(SectionsError::NotAComponent) => assert!(length < HEADER.len()),
                Err(SectionsError::CutShort(at)) => assert!(at < length),
                Err(SectionsError::NotText(name)) => panic!("{name}"),
            }
        }
        assert_eq!(whole, 3, "after the header and after each section but the last");
    }

    #[test]
    fn a_module_is_no_component() {
        assert!(matches!(sections(b"\0asm\x01\0\0\0"), Err(SectionsError::NotAComponent)));
    }

    #[test]
    fn lengths_beyond_the_file_are_refused() {
        for tail in [&b"\0\xFF\xFF\xFF\xFF\x0F"[..], b"\0\xFF\xFF\xFF\xFF\xFF\xFF", b"\0\x01\x05", b"\x01\x7F"] {
            let file = [HEADER, tail].concat();
            assert!(matches!(sections(&file), Err(SectionsError::CutShort(8))), "{tail:?}");
        }
    }

    #[test]
    fn a_guide_that_is_no_text_is_refused_by_name() {
        let mut file = HEADER.to_vec();
        let name = "easel:guide/x/en";
        CustomSection { name: name.into(), data: b"\xFF".as_slice().into() }.append_to_component(&mut file);
        assert!(matches!(sections(&file), Err(SectionsError::NotText(found)) if found == name));
    }
}
