//! Asks for birthdays and for nothing else, and gives each contact it is shown the next number for a nickname: the numbers
//! go on for as long as one instance lives.

use std::sync::atomic::{AtomicU32, Ordering};

use easel_pack::prelude::*;
use easel_pack::property::{contacts, contacts2};

static SHOWN: AtomicU32 = AtomicU32::new(0);

struct Birthday;

impl Describe for Birthday {
    fn describe() -> Manifest {
        Manifest::new("birthday", env!("CARGO_PKG_VERSION"), "Numbers contacts that have a birthday.")
            .by("Easel", "MIT OR Apache-2.0")
            .recognises([user_agent("^birthday/")])
            .wants(Class::Contacts, Direction::ToDevice, [contacts::BIRTHDAY.presence()])
    }
}

impl Items for Birthday {
    fn outgoing(_: Class, _: &Context, _: &State, _: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        let number = SHOWN.fetch_add(1, Ordering::Relaxed) + 1;
        edits.insert(Node::WHOLE, contacts2::NICK_NAME, number.to_string());
        Ok(edits.into())
    }

    fn incoming(_: Class, _: &Context, _: &State, _: Item<'_>, _: Item<'_>) -> Result<Answer, Fault> {
        Ok(Answer::keep())
    }
}

easel_pack::export!(Birthday: items);
