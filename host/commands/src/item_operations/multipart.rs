//! Answers of several parts. MS-ASCMD 2.2.1.10.1 "MultiPartResponse".
//!
//! ```text
//! count | offset, length of part 0 (the document) | offset, length of part 1 | ... | part 0 | part 1 | ...
//! ```
//! All numbers are four bytes, the lowest first; offsets count from the start of the answer. Parts follow each other
//! without a gap.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use easel_wbxml::pages::item_operations as io;
use easel_wbxml::{Element, Tag, encode};

use crate::Answer;

const CONTENT_TYPE: &str = "application/vnd.ms-sync.multipart";
/// An answer may hold so much even if a message may not.
const ANSWER_BYTES_MIN: usize = 16 << 20;

/// What goes beside the document, or into it.
#[derive(Debug)]
pub(crate) struct Parts {
    multipart: bool,
    parts: Vec<Vec<u8>>,
    /// Bytes that still may be sent.
    left: usize,
}

impl Parts {
    /// None yet. An answer holds about as much as the largest message.
    pub(super) fn new(multipart: bool, message_bytes_max: usize) -> Self {
        Self { multipart, parts: Vec::new(), left: message_bytes_max.max(ANSWER_BYTES_MIN) }
    }

    /// Whether so many bytes still have room; they are taken from it.
    pub(super) fn reserve(&mut self, bytes: u64) -> bool {
        let left = usize::try_from(bytes).ok().and_then(|bytes| self.left.checked_sub(bytes));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Bytes that still have room.
    pub(super) fn left(&self) -> u64 {
        self.left as u64
    }

    /// Bytes: a part, or base64 text under `inline`, with the padding of its end (K: P16).
    pub(super) fn bytes(&mut self, inline: Tag, bytes: Vec<u8>) -> Element {
        if self.multipart { self.part(bytes) } else { Element::text(inline, BASE64.encode(bytes)) }
    }

    /// Text: a part, or the element it is.
    pub(super) fn text(&mut self, element: Element) -> Element {
        if self.multipart { self.part(element.bytes().into_owned()) } else { element }
    }

    /// Parts are counted from 1.
    fn part(&mut self, bytes: Vec<u8>) -> Element {
        self.parts.push(bytes);
        Element::number(io::PART, u32::try_from(self.parts.len()).expect("a hundred operations make few parts"))
    }

    /// The whole answer.
    pub(super) fn answer(self, root: &Element) -> Answer {
        if !self.multipart {
            return Answer::wbxml(root);
        }
        let mut all = vec![encode(root)];
        all.extend(self.parts);
        Answer::bytes(CONTENT_TYPE, joined(&all))
    }
}

fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).expect("an answer is bounded").to_le_bytes();
    let mut out = number(parts.len()).to_vec();
    let mut offset = 4 + 8 * parts.len();
    for part in parts {
        out.extend(number(offset));
        out.extend(number(part.len()));
        offset += part.len();
    }
    out.extend(parts.iter().flatten());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_leads_to_its_part() {
        let parts = vec![b"document".to_vec(), Vec::new(), vec![0, 1, 2]];
        let all = joined(&parts);
        let number = |at: usize| u32::from_le_bytes(all[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(number(0), 3);
        for (at, part) in parts.iter().enumerate() {
            let (offset, length) = (number(4 + 8 * at), number(8 + 8 * at));
            assert_eq!(&all[offset..offset + length], part.as_slice());
        }
        assert_eq!(all.len(), 4 + 3 * 8 + 8 + 3);
    }

    #[test]
    fn an_answer_takes_so_much_and_no_more() {
        let mut parts = Parts::new(true, 0);
        assert!(parts.reserve(ANSWER_BYTES_MIN as u64 - 1));
        assert!(!parts.reserve(2));
        assert!(parts.reserve(1) && !parts.reserve(1));
    }

    #[test]
    fn p16_bytes_in_the_document_are_padded_base64() {
        let mut inline = Parts::new(false, 0);
        assert_eq!(inline.bytes(io::DATA, vec![1]), Element::text(io::DATA, "AQ=="));
        let mut multipart = Parts::new(true, 0);
        assert_eq!(multipart.bytes(io::DATA, vec![1]), Element::number(io::PART, 1));
        assert_eq!(multipart.text(Element::text(io::DATA, "a")), Element::number(io::PART, 2));
    }
}
