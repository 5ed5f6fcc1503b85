//! A number that is another as soon as what it stands for is.

/// FNV-1a over what is eaten: the same today and after every update of the compiler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(u64);

const BASIS: u64 = 0xCBF2_9CE4_8422_2325;

impl Mark {
    pub(crate) const fn new() -> Self {
        Self(BASIS)
    }

    /// Eats one thing: what is eaten one after the other is not the same as what is eaten together.
    pub(crate) fn eat(&mut self, bytes: &[u8]) {
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    /// 0 when nothing was eaten.
    pub(crate) const fn number(self) -> u64 {
        self.0 ^ BASIS
    }
}
