//! Sync answers, read in one pass and without a tree: the key, what came, and whether there is more.
//!
//! A page of mail is hundreds of kilobytes; making a tree of it would cost the load program more than the server spends.
//! Tokens as in MS-ASWBXML 2.1.

use anyhow::{Context as _, bail, ensure};
use easel_wbxml::Tag;
use easel_wbxml::pages::airsync;

const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
const STR_I: u8 = 0x03;
const OPAQUE: u8 = 0xC3;
const HAS_CONTENT: u8 = 0x40;

/// What one Sync answer says of its only collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Synced {
    /// The new key; empty when the whole answer is only a Status.
    pub(crate) key: String,
    /// The ServerIds of Add, in order.
    pub(crate) added: Vec<String>,
    /// How many Change, Delete and SoftDelete came.
    pub(crate) others: usize,
    /// MoreAvailable.
    pub(crate) more: bool,
}

impl Synced {
    /// Reads an answer of one collection; any Status but 1 is an error.
    pub(crate) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut scan = Scan::new(bytes)?;
        let mut synced = Self::default();
        let mut path: Vec<Tag> = Vec::with_capacity(16);
        while let Some(token) = scan.token()? {
            match token {
                Token::Start { tag, has_content } => {
                    let in_commands = path.last() == Some(&airsync::COMMANDS);
                    if tag == airsync::MORE_AVAILABLE {
                        synced.more = true;
                    } else if in_commands && tag != airsync::ADD {
                        synced.others += 1;
                    }
                    if has_content {
                        path.push(tag);
                    }
                }
                Token::End => {
                    path.pop().context("an END too many")?;
                }
                Token::Data(data) => match *path.as_slice() {
                    [.., airsync::STATUS] => {
                        ensure!(data == b"1", "Sync was answered with Status {}", String::from_utf8_lossy(data));
                    }
                    [.., airsync::COLLECTION, airsync::SYNC_KEY] => synced.key = text(data)?,
                    [.., airsync::COMMANDS, airsync::ADD, airsync::SERVER_ID] => synced.added.push(text(data)?),
                    _ => {}
                },
            }
        }
        ensure!(path.is_empty(), "the answer ends inside of {:?}", path.last());
        ensure!(!synced.key.is_empty(), "an answer without SyncKey");
        Ok(synced)
    }
}

fn text(data: &[u8]) -> anyhow::Result<String> {
    Ok(std::str::from_utf8(data).context("text that is not UTF-8")?.to_owned())
}

enum Token<'a> {
    Start { tag: Tag, has_content: bool },
    End,
    Data(&'a [u8]),
}

struct Scan<'a> {
    rest: &'a [u8],
    page: u8,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8]) -> anyhow::Result<Self> {
        let mut scan = Self { rest: bytes, page: 0 };
        // Version, public id, charset, string table.
        scan.byte()?;
        scan.number()?;
        scan.number()?;
        ensure!(scan.number()? == 0, "a string table");
        Ok(scan)
    }

    fn token(&mut self) -> anyhow::Result<Option<Token<'a>>> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            return Ok(Some(match self.byte()? {
                SWITCH_PAGE => {
                    self.page = self.byte()?;
                    continue;
                }
                END => Token::End,
                STR_I => {
                    let end = memchr::memchr(0, self.rest).context("text without an end")?;
                    let data = self.take(end)?;
                    self.byte()?;
                    Token::Data(data)
                }
                OPAQUE => {
                    let length = self.number()?;
                    Token::Data(self.take(length)?)
                }
                token if token & 0x80 == 0 && token & 0x3F >= 0x05 => {
                    Token::Start { tag: Tag::new(self.page, token & 0x3F), has_content: token & HAS_CONTENT != 0 }
                }
                token => bail!("token {token:#04X}"),
            }));
        }
    }

    fn byte(&mut self) -> anyhow::Result<u8> {
        let (byte, rest) = self.rest.split_first().context("the answer ends early")?;
        self.rest = rest;
        Ok(*byte)
    }

    fn take(&mut self, length: usize) -> anyhow::Result<&'a [u8]> {
        let (data, rest) = self.rest.split_at_checked(length).context("the answer ends early")?;
        self.rest = rest;
        Ok(data)
    }

    /// A number in the base of 128.
    fn number(&mut self) -> anyhow::Result<usize> {
        let mut number = 0_usize;
        for _ in 0..5 {
            let byte = self.byte()?;
            number = number << 7 | usize::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        bail!("a number beyond 32 bits")
    }
}

#[cfg(test)]
mod tests {
    use easel_wbxml::pages::{airsyncbase, email};
    use easel_wbxml::{Element, encode};

    use super::*;

    fn add(id: &str) -> Element {
        let body = Element::of(airsyncbase::BODY, [Element::text(airsyncbase::DATA, "text")]);
        let data = [Element::text(email::SUBJECT, "1"), body, Element::opaque(email::BODY, vec![0, 1, 0xC3, 3])];
        Element::of(airsync::ADD, [Element::text(airsync::SERVER_ID, id), Element::of(airsync::APPLICATION_DATA, data)])
    }

    fn answer(status: u8, commands: Vec<Element>, more: bool) -> Vec<u8> {
        let mut collection = Element::of(
            airsync::COLLECTION,
            [
                Element::text(airsync::SYNC_KEY, "b00c0ffee7"),
                Element::text(airsync::COLLECTION_ID, "1"),
                Element::number(airsync::STATUS, status),
            ],
        );
        if more {
            collection.push(Element::new(airsync::MORE_AVAILABLE));
        }
        collection.push(Element::of(airsync::COMMANDS, commands));
        encode(&Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, [collection])]))
    }

    #[test]
    fn key_items_and_more_are_found_among_properties_of_all_kinds() {
        let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, "9")]);
        let bytes = answer(1, vec![add("7"), delete, add("8")], true);
        let synced = Synced::read(&bytes).unwrap();
        assert_eq!(synced.key, "b00c0ffee7");
        assert_eq!((synced.added, synced.others, synced.more), (vec!["7".to_owned(), "8".to_owned()], 1, true));
        assert!(!Synced::read(&answer(1, vec![add("7")], false)).unwrap().more);
    }

    #[test]
    fn another_status_a_cut_answer_and_a_bare_status_are_errors() {
        let failed = |bytes: &[u8]| Synced::read(bytes).unwrap_err().to_string();
        assert_eq!(failed(&answer(3, Vec::new(), false)), "Sync was answered with Status 3");
        let bytes = answer(1, vec![add("7")], true);
        for end in 0..bytes.len() {
            failed(&bytes[..end]);
        }
        let bare = encode(&Element::of(airsync::SYNC, [Element::number(airsync::STATUS, 1)]));
        assert_eq!(failed(&bare), "an answer without SyncKey");
    }
}
