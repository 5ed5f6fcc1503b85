//! A long page leaves while it is made, so that it never stands in memory whole.
//!
//! Everything that stands before the entries is settled by then: the key that follows, and whether there is more. The
//! page ends only after the commit. When the work or the commit fails in between, the answer is cut, and the device
//! repeats its old key. A device that reads slowly holds up neither the work nor the snapshot it rests on: what it does
//! not take is kept until the step is committed.

use easel_protocol::Version;
use easel_wbxml::pages::airsync;
use easel_wbxml::{Encoder, Fragment};

use super::answer::{self, Head};
use crate::{Sink, SinkClosed};

/// An answer begins to leave when so many bytes of entries are made.
const BEGINS_AT: usize = 64 << 10;
/// Bytes handed on at a time.
const PIECE: usize = 16 << 10;

/// The way out of one answer.
pub(crate) struct Outflow<'s> {
    /// `None` for an answer that must be made whole.
    sink: Option<&'s mut dyn Sink>,
    encoder: Encoder,
    /// What the device did not take yet.
    kept: Vec<u8>,
    begun: bool,
    closed: bool,
}

impl<'s> Outflow<'s> {
    /// An answer that may leave piece by piece.
    pub(crate) fn through(sink: &'s mut dyn Sink) -> Self {
        Self { sink: Some(sink), ..Self::whole() }
    }

    /// An answer that must be made whole.
    pub(crate) fn whole() -> Self {
        Self { sink: None, encoder: Encoder::new(), kept: Vec::new(), begun: false, closed: false }
    }

    /// Whether the answer has begun to leave.
    pub(crate) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the device has gone since.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it is time to let go of entries of this size.
    pub(crate) const fn is_due(&self, made: usize) -> bool {
        self.begun || (self.sink.is_some() && made >= BEGINS_AT)
    }

    /// Takes the next entry of the page of one collection; the first takes its head along.
    pub(crate) fn entry(&mut self, version: Version, head: &Head, entry: &Fragment) {
        if !self.begun {
            self.begun = true;
            answer::begin(&mut self.encoder);
            head.write(&mut self.encoder, version, &[]);
            self.encoder.start(airsync::COMMANDS);
        }
        self.encoder.fragment(entry);
        if self.encoder.len() >= PIECE {
            self.offer();
        }
    }

    fn offer(&mut self) {
        self.kept.append(&mut self.encoder.take());
        let Some(sink) = self.sink.as_mut().filter(|_| !self.closed) else { return };
        match sink.offer(std::mem::take(&mut self.kept)) {
            Ok(kept) => self.kept = kept.unwrap_or_default(),
            Err(SinkClosed) => self.closed = true,
        }
    }

    /// Ends the page; may wait for the device.
    pub(crate) fn finish(&mut self) -> Result<(), SinkClosed> {
        // Commands and the collection, then what stands around them.
        self.encoder.end();
        self.encoder.end();
        answer::end(&mut self.encoder);
        self.kept.append(&mut self.encoder.take());
        let sink = self.sink.as_mut().filter(|_| !self.closed).ok_or(SinkClosed)?;
        sink.write(std::mem::take(&mut self.kept))
    }
}
