//! Whatever edits a plugin answers with are carried out whole or refused; what comes of them can be sent.
//!
//! The bytes are the length of an item in WBXML (u16, big endian), the item, and edits of eight bytes each: kind, node,
//! parent, before, tag (page, token), number of what is inserted, bytes of text.

use easel_plugin::item::{Edit, INSERTED, Item, NewContent, Wanted};
use easel_protocol::Class;
use easel_wbxml::{Element, Tag, decode};

use super::desk;

pub(crate) fn run(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_at_checked(2) else { return };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let Some((item, edits)) = rest.split_at_checked(length) else { return };
    let Ok(item) = decode(item) else { return };
    let elements: Vec<Element> = item.children().cloned().collect();
    let laid = Item::new(elements.clone());
    assert_eq!(laid.clone().into_elements(), elements, "what is laid out is put together again");
    laid.entries(&Wanted::all());
    let node = |byte: u8| if byte < 0xE0 { u32::from(byte) } else { INSERTED + u32::from(byte & 0x0F) };
    let edits: Vec<Edit> = edits
        .chunks_exact(8)
        .map(|edit| {
            let tag = Tag::new(edit[4] % 27, edit[5] & 0x3F);
            let content = match edit[7] % 3 {
                0 => NewContent::None,
                1 => NewContent::Text("x".repeat(edit[7].into())),
                _ => NewContent::Opaque(vec![edit[6]; edit[7].into()]),
            };
            match edit[0] % 5 {
                0 => Edit::Remove(node(edit[1])),
                1 => Edit::Rename(node(edit[1]), tag),
                2 => Edit::Set(node(edit[1]), content),
                3 => Edit::Truncate(node(edit[1]), edit[7].into()),
                _ => Edit::Insert {
                    node: INSERTED + u32::from(edit[6] & 0x0F),
                    parent: node(edit[2]),
                    before: (edit[3] != 0).then(|| node(edit[3])),
                    tag,
                    content,
                },
            }
        })
        .collect();
    for class in [None, Some(Class::Calendar), Some(Class::Email), Some(Class::Contacts)] {
        if let Ok(edited) = laid.edit(&edits, class) {
            desk::check_sent(edited.into_elements());
        }
    }
}
