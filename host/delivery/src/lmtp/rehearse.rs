//! A session without a socket and without a store: for whoever looks for bytes that confuse it.

use easel_store::UserId;

use super::Limits;
use super::reply::Reply;
use super::session::{Looked, Session, Turn};

/// What came of a session that was played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// Everything the client was told.
    pub replies: Vec<u8>,
    /// For each message, how many were accepted as its recipients, and its bytes.
    pub messages: Vec<(usize, Vec<u8>)>,
}

/// Plays a session whose client sends these pieces one after the other. Every recipient is known, and every message is
/// stored.
pub fn rehearse<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Rehearsal {
    let mut session = Session::new("localhost", limits);
    let mut messages = Vec::new();
    let mut pieces = pieces.into_iter();
    loop {
        match session.advance() {
            Turn::Close => break,
            Turn::Deliver(transaction) => {
                session.delivered(&vec![Reply::OK; transaction.recipients.len()]);
                messages.push((transaction.recipients.len(), transaction.message));
            }
            Turn::Look(_) => session.looked(Looked::Found(UserId(1))),
            Turn::Read => match pieces.next() {
                Some(piece) => session.push(piece),
                None => break,
            },
        }
    }
    Rehearsal { replies: session.replies(), messages }
}
