//! Any text is a document or an error; a document written again is the same document.
#![no_main]

use easel_wbxml::xml::{from_xml, to_xml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(document) = from_xml(text) {
        assert_eq!(from_xml(&to_xml(&document)).expect("written XML is read"), document);
    }
});
