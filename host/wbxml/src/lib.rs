//! WBXML for Exchange ActiveSync: bytes to and from a compact element tree.
//!
//! The room knows bytes, code pages and trees. It knows no command, does no I/O and holds no clock.
//! Start at [`Element`], then [`decode()`] and [`Encoder`]; [`pages`] holds the 26 published tables, [`xml`] the form
//! that people read and write.

mod decode;
mod element;
mod encode;
mod limits;
pub mod pages;
mod tag;
mod walk;
pub mod xml;

pub use decode::{DecodeError, decode, decode_within};
pub use element::{Element, Node};
pub use encode::{Encoder, Fragment, HEADER, encode};
pub use limits::Limits;
pub use tag::{CodePage, Row, Tag};
