//! Bytes taken for what somebody says, piece by piece; where they end, everything is nothing.

/// What is left to say.
pub(crate) struct Said<'a>(pub(crate) &'a [u8]);

impl<'a> Said<'a> {
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Two bytes, big endian.
    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// As many bytes as the first two say, or as there are.
    pub(crate) fn block(&mut self) -> &'a [u8] {
        let length = usize::from(self.short()).min(self.0.len());
        let (block, rest) = self.0.split_at(length);
        self.0 = rest;
        block
    }

    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.block()).into_owned()
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }
}
