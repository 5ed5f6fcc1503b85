//! What holds for every tree and for every input.

use easel_wbxml::xml::{from_xml, from_xml_within, to_xml, to_xml_pretty};
use easel_wbxml::{Element, Encoder, Limits, Node, Tag, decode, decode_within, encode};
use proptest::prelude::*;

fn tag() -> impl Strategy<Value = Tag> {
    // Published pages mostly, with every token, and pages that nobody published.
    (prop_oneof![4 => 0u8..26, 1 => any::<u8>()], 0x05u8..=0x3F).prop_map(|(page, token)| Tag::new(page, token))
}

/// Text as a command may hold it: every character that XML 1.0 allows.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \t\r\n]{1,3}",
        "[a-z&<>\"' \r\n]{1,12}",
        any::<String>().prop_map(|text| text.chars().filter(|c| is_xml(*c)).collect()),
    ]
    .prop_filter("empty text is no content", |text: &String| !text.is_empty())
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

/// Trees in the one form that decoding makes: no empty piece, no two texts side by side.
fn tree() -> impl Strategy<Value = Element> {
    let data =
        || prop_oneof![text().prop_map(Node::Text), prop::collection::vec(any::<u8>(), 1..200).prop_map(Node::Opaque)];
    let leaf = (tag(), prop::collection::vec(data(), 0..3));
    leaf.prop_map(normal).prop_recursive(6, 60, 6, move |inner| {
        let node = prop_oneof![3 => inner.prop_map(Node::Element), 1 => data()];
        (tag(), prop::collection::vec(node, 0..6)).prop_map(normal)
    })
}

fn normal((tag, nodes): (Tag, Vec<Node>)) -> Element {
    let mut content: Vec<Node> = Vec::new();
    for node in nodes {
        match (content.last_mut(), node) {
            (Some(Node::Text(before)), Node::Text(text)) => before.push_str(&text),
            (_, node) => content.push(node),
        }
    }
    Element { tag, content }
}

/// Bytes that look like a document more often than random ones do.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(vec![0x01u8]),
        (0x05u8..=0x3F).prop_map(|token| vec![token]),
        (0x45u8..=0x7F).prop_map(|token| vec![token]),
        any::<u8>().prop_map(|page| vec![0x00, page]),
        Just(vec![0x03, b'a', 0x00]),
        Just(vec![0x83, 0x00]),
        Just(vec![0xC3, 0x02, 0x01, 0x02]),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    let header = prop_oneof![
        Just(vec![3, 1, 0x6A, 0]),
        Just(vec![3, 1, 0x6A, 3, b'x', b'y', 0]),
        any::<[u8; 4]>().prop_map(Vec::from)
    ];
    (header, prop::collection::vec(token, 0..40)).prop_map(|(header, tokens)| [header, tokens.concat()].concat())
}

proptest! {
    #[test]
    fn decoding_an_encoded_tree_gives_the_tree(tree in tree()) {
        prop_assert_eq!(decode(&encode(&tree)).unwrap(), tree);
    }

    #[test]
    fn reading_written_xml_gives_the_tree(tree in tree()) {
        prop_assert_eq!(&from_xml(&to_xml(&tree)).unwrap(), &tree);
        prop_assert_eq!(&from_xml(&to_xml_pretty(&tree)).unwrap(), &tree);
    }

    #[test]
    fn a_document_taken_in_pieces_is_the_document(tree in tree()) {
        let mut encoder = Encoder::new();
        let mut pieces = vec![encoder.take()];
        encoder.start(tree.tag);
        for node in &tree.content {
            match node {
                Node::Element(child) => encoder.element(child),
                Node::Opaque(bytes) => encoder.opaque(bytes),
                Node::Text(text) => encoder.text(text),
            }
            prop_assert!(!encoder.is_empty());
            pieces.push(encoder.take());
            prop_assert_eq!(encoder.len(), 0);
        }
        encoder.end();
        pieces.push(encoder.take());
        prop_assert_eq!(decode(&pieces.concat()).unwrap(), tree);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop_oneof![wire(), prop::collection::vec(any::<u8>(), 0..200)]) {
        let limits = Limits { bytes_max: 400, depth_max: 8, elements_max: 30 };
        let Ok(tree) = decode_within(&bytes, limits) else { return Ok(()) };
        // What was read is written in the one form of this server and means the same when it is read again; a literal
        // name has no number to be written by and goes, so the second writing is the one that counts.
        let once = decode(&encode(&tree));
        if tree.tag.is_writable() {
            let once = once.unwrap();
            prop_assert_eq!(decode(&encode(&once)).unwrap(), once);
        }
    }

    #[test]
    fn any_text_is_read_as_xml_or_refused(text in prop_oneof![any::<String>(), "[<>/&;# a-z\"=:]{0,40}"]) {
        let text = format!("<Sync xmlns=\"AirSync:\">{text}");
        let limits = Limits { bytes_max: 400, depth_max: 8, elements_max: 30 };
        let _ = from_xml_within(&text, limits);
        let _ = from_xml_within(&format!("{text}</Sync>"), limits);
    }

    #[test]
    fn g06_what_is_sent_is_legal_xml_text(text in any::<String>()) {
        let sent = decode(&encode(&Element::text(Tag::new(17, 0x0B), text.as_str()))).unwrap();
        let legal: String = text.chars().filter(|c| is_xml(*c)).collect();
        prop_assert_eq!(sent.value(), legal);
    }
}

#[test]
fn g06_control_characters_and_noncharacters_are_left_out() {
    let text = "a\u{B}b\0c\u{1F}\td\r\ne\u{FFFE}\u{FFFF}\u{FFFD}\u{10FFFF}";
    let sent = decode(&encode(&Element::text(Tag::new(17, 0x0B), text))).unwrap();
    assert_eq!(sent.value(), "abc\td\r\ne\u{FFFD}\u{10FFFF}");
}
