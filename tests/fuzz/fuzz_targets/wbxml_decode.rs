//! Any bytes are a document or an error; a document written again is the same document, as WBXML and as XML.
#![no_main]

use easel_wbxml::xml::{from_xml, to_xml, to_xml_pretty};
use easel_wbxml::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(read) = decode(bytes) else { return };
    if !read.tag.is_writable() {
        return; // a root with a literal name is nothing this server would send
    }
    // Writing leaves out literal names and characters that XML forbids; what is left must stay.
    let document = decode(&encode(&read)).expect("what was written is read");
    assert_eq!(decode(&encode(&document)).as_ref(), Ok(&document));
    assert_eq!(from_xml(&to_xml(&document)).expect("written XML is read"), document);
    assert_eq!(from_xml(&to_xml_pretty(&document)).expect("written XML is read"), document);
});
