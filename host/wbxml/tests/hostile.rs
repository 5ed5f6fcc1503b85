//! Bytes that mean harm: every bound is reached, and nothing recurses.

use easel_wbxml::pages::airsync;
use easel_wbxml::xml::{from_xml_within, to_xml, to_xml_pretty};
use easel_wbxml::{DecodeError, Element, HEADER, Limits, Node, Tag, decode, decode_within, encode};

const NONE: Limits = Limits { bytes_max: usize::MAX, depth_max: usize::MAX, elements_max: usize::MAX };

fn document(body: impl IntoIterator<Item = u8>) -> Vec<u8> {
    HEADER.into_iter().chain(body).collect()
}

/// `depth` times `<Add>`, closed again.
fn nested(depth: usize) -> Vec<u8> {
    let inner = depth - 1;
    document([vec![0x47; inner], vec![0x07], vec![0x01; inner]].concat())
}

#[test]
fn depth_is_bounded() {
    let most = Limits::default().depth_max;
    assert!(decode(&nested(most)).is_ok());
    assert_eq!(decode(&nested(most + 1)), Err(DecodeError::TooDeep(most)));
    // Only opened: the bound strikes before the end of the input is looked for.
    assert_eq!(decode(&document(vec![0x47; 1 << 20])), Err(DecodeError::TooDeep(most)));
}

#[test]
fn size_is_bounded() {
    let limits = Limits { bytes_max: 8, ..Limits::default() };
    let fits = document([0x45, 0x47, 0x01, 0x01]);
    assert!(decode_within(&fits, limits).is_ok());
    let over = document([0x45, 0x47, 0x01, 0x07, 0x01]);
    assert_eq!(decode_within(&over, limits), Err(DecodeError::TooLong(9)));
}

#[test]
fn the_number_of_elements_is_bounded() {
    let most = Limits::default().elements_max;
    let wide = |children: usize| document([vec![0x45], vec![0x07; children], vec![0x01]].concat());
    assert_eq!(decode(&wide(most - 1)).unwrap().children().count(), most - 1);
    assert_eq!(decode(&wide(most)), Err(DecodeError::TooMany(most)));
}

#[test]
fn the_pieces_of_data_in_one_element_are_bounded() {
    // A text and a byte by turns, so that no two pieces join.
    let pair = [0x03, b'a', 0x00, 0xC3, 0x01, 0x00];
    let limits = Limits { elements_max: 4, ..Limits::default() };
    let of = |pairs: usize| document([&[0x45][..], &pair.repeat(pairs), &[0x01]].concat());
    assert_eq!(decode_within(&of(2), limits).unwrap().content.len(), 4);
    assert_eq!(decode_within(&of(3), limits), Err(DecodeError::TooMany(4)));
}

#[test]
fn a_string_table_yields_no_more_than_a_document_may_hold() {
    // 200 bytes of strings, said a hundred times.
    let mut wire = vec![0x03, 0x01, 0x6A, 0x81, 0x49];
    wire.extend([b'a'; 200]);
    wire.push(0);
    wire.push(0x45);
    wire.extend([0x83, 0x00].repeat(100));
    wire.push(0x01);
    let said = decode_within(&wire, Limits { bytes_max: 20_000, ..Limits::default() }).unwrap();
    assert_eq!(said.value().len(), 20_000);
    let refused = decode_within(&wire, Limits { bytes_max: 19_999, ..Limits::default() });
    assert_eq!(refused, Err(DecodeError::TooLong(19_999)));
}

#[test]
fn string_tables_and_literals_are_read() {
    let table = |body: &[u8]| [&[0x03, 0x01, 0x6A, 0x05], &b"ab\0c\0"[..], body].concat();
    let sync = |text: &str| Ok(Element::text(airsync::SYNC, text));
    assert_eq!(decode(&table(&[0x45, 0x83, 0x00, 0x83, 0x03, 0x01])), sync("abc"));
    assert_eq!(decode(&table(&[0x45, 0x83, 0x01, 0x03, b'd', 0x00, 0x01])), sync("bd"));
    assert_eq!(decode(&table(&[0x45, 0x83, 0x05, 0x01])), Err(DecodeError::StringTable(5)));
    assert_eq!(decode(&table(&[0x45, 0x83, 0x85, 0x00, 0x01])), Err(DecodeError::StringTable(0x280)));
    let unended = [0x03, 0x01, 0x6A, 0x01, b'a', 0x45, 0x83, 0x00, 0x01];
    assert_eq!(decode(&unended), Err(DecodeError::StringTable(0)));
    let cut = [0x03, 0x01, 0x6A, 0x09, b'a', 0x00];
    assert_eq!(decode(&cut), Err(DecodeError::EndOfInput(6)));

    // A literal survives as the number no page uses, is shown, and is left out of what is sent.
    let literal = decode(&table(&[0x45, 0x44, 0x03, 0x03, b'x', 0x00, 0x01, 0x04, 0x00, 0x0E, 0x01])).unwrap();
    assert_eq!(literal.children().next().unwrap(), &Element::text(Tag::new(0, 0x04), "x"));
    assert_eq!(
        to_xml(&literal).lines().last().unwrap(),
        "<Sync xmlns=\"AirSync:\"><_0x04>x</_0x04><_0x04/><Status/></Sync>"
    );
    assert_eq!(encode(&literal), document([0x45, 0x0E, 0x01]));
    assert_eq!(encode(&Element::of(airsync::SYNC, [Element::new(Tag::new(0, 0x04))])), document([0x05]));
    assert_eq!(decode(&table(&[0x45, 0x04, 0x09, 0x01])), Err(DecodeError::StringTable(9)));
}

#[test]
fn the_public_id_may_stand_in_the_string_table() {
    let wire = [0x03, 0x00, 0x00, 0x6A, 0x02, b'p', 0x00, 0x05];
    assert_eq!(decode(&wire), Ok(Element::new(airsync::SYNC)));
}

#[test]
fn numbers_of_many_bytes_are_read_and_those_beyond_32_bits_refused() {
    for length in [0usize, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
        let tree = Element::opaque(airsync::SYNC, vec![0; length]);
        let wire = encode(&tree);
        let again = decode(&wire).unwrap();
        assert_eq!(again.bytes().len(), length);
    }
    // Leading zeros are a longer way to write a number, up to five bytes.
    assert_eq!(decode(&document([0x45, 0xC3, 0x80, 0x80, 0x80, 0x80, 0x01, 7, 0x01])).unwrap().bytes().as_ref(), [7]);
    for number in [&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01][..], &[0x90, 0x80, 0x80, 0x80, 0x00], &[0xFF; 9]] {
        let wire = document([&[0x45, 0xC3], number].concat());
        assert_eq!(decode(&wire), Err(DecodeError::NumberTooLarge(6)), "{number:?}");
    }
    assert_eq!(decode(&document([0x45, 0xC3, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F])), Err(DecodeError::EndOfInput(11)));
}

#[test]
fn what_a_document_of_ours_never_holds_is_refused() {
    for (wire, error) in [
        (document([0x45, 0x02, 0x26, 0x01]), DecodeError::Token { token: 0x02, at: 5 }),
        (document([0x45, 0x43, 0x01]), DecodeError::Token { token: 0x43, at: 5 }),
        (document([0x45, 0x40, 0x01]), DecodeError::Token { token: 0x40, at: 5 }),
        (document([0x45, 0xC0, 0x01]), DecodeError::Attributes(5)),
        (document([0xC5, 0x01, 0x01]), DecodeError::Attributes(4)),
        (document([0x01]), DecodeError::Token { token: 0x01, at: 4 }),
        (document([0x03, b'a', 0x00]), DecodeError::Token { token: 0x03, at: 4 }),
        (document([0xC3, 0x01, b'a']), DecodeError::Token { token: 0xC3, at: 4 }),
        (document([0x05, 0x03, b'a', 0x00]), DecodeError::TrailingData(5)),
        (document([0x05, 0x00]), DecodeError::EndOfInput(6)),
        (document([0x45, 0x03, 0xC3, 0x28, 0x00, 0x01]), DecodeError::BadText(5)),
        (vec![0x00, 0x01, 0x6A, 0x00, 0x05], DecodeError::Version(0)),
        (vec![0x04, 0x01, 0x6A, 0x00, 0x05], DecodeError::Version(4)),
        (vec![0x03, 0x01, 0x04, 0x00, 0x05], DecodeError::Charset(4)),
        (Vec::new(), DecodeError::EndOfInput(0)),
    ] {
        assert_eq!(decode(&wire), Err(error), "{wire:02X?}");
    }
    assert!(decode(&document([0x05, 0x00, 0x07])).is_ok(), "a page switch after the root is harmless");
}

#[test]
fn a_tree_of_any_depth_is_read_copied_compared_written_and_dropped_on_a_small_stack() {
    const DEPTH: usize = 100_000;
    let walk = || {
        let wire = nested(DEPTH);
        let tree = decode_within(&wire, NONE).unwrap();
        let copy = tree.clone();
        assert!(tree == copy);
        assert_eq!(encode(&copy), wire);
        assert_eq!(format!("{tree:?}").matches("<Add").count(), DEPTH);
        assert!(to_xml_pretty(&decode(&nested(60)).unwrap()).lines().count() > 100);
        assert!(from_xml_within(&to_xml(&tree), NONE).unwrap() == tree);
        // The same, but wide at every level, and grown from inside out.
        let bush = (0..DEPTH).fold(Element::new(airsync::ADD), |inner, _| {
            Element::of(airsync::ADD, [Element::text(airsync::STATUS, "1"), inner, Element::new(airsync::CHANGE)])
        });
        assert!(bush != tree);
        drop(bush);
        let mut inner = tree;
        let taken = std::mem::take(&mut inner.content);
        assert!(matches!(taken.as_slice(), [Node::Element(_)]));
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(walk).expect("a thread").join().expect("no overflow");
}
