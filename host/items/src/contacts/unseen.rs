//! Values that a device does not know of: the mark of a line that another one hid.
//!
//! A card may have several lines where the class has one element. When a device clears the one that it was shown, the
//! next stands in its place; the device is not told of its own change and goes on believing that there is none. That
//! next line therefore carries X-EASEL-UNSEEN, and what such a device says removes nothing: an element without a value
//! keeps the line, a new value goes before it. The mark goes with the first change that brings the value along, because
//! its sender has seen it.

use easel_wbxml::Tag;

use super::{fields, slots};
use crate::lines::{Component, Line};

/// The parameter of a line that moved into a place which a device believes to be empty.
const UNSEEN: &str = "X-EASEL-UNSEEN";

pub(crate) fn is_unseen(line: &Line) -> bool {
    line.param(UNSEEN).is_some()
}

pub(crate) fn set_unseen(line: &mut Line, unseen: bool) {
    line.set_param(UNSEEN, unseen.then_some("TRUE"));
}

/// The elements whose value a device may not have seen.
pub(crate) fn of(card: &Component) -> Vec<Tag> {
    if !card.lines().any(is_unseen) {
        return Vec::new();
    }
    slots::unseen(card).into_iter().chain(fields::unseen(card)).collect()
}

/// Notes that the values of these elements have been seen.
pub(crate) fn see(card: &mut Component, seen: &[Tag]) {
    seen.iter().for_each(|tag| slots::see(card, *tag));
    fields::see(card, seen);
}
