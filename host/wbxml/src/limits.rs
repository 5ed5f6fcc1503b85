//! How much a document may hold.

/// Bounds for one document. A document beyond one of them is refused, never cut.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole document, and of all text and data read from it: references into a string table can say more
    /// than the document is long.
    pub bytes_max: usize,
    /// Elements inside elements, the root counted.
    pub depth_max: usize,
    /// Elements in all, and likewise the pieces of text and data between them.
    pub elements_max: usize,
}

impl Default for Limits {
    /// 64 MiB, 64 deep, 100,000 elements: above what any phone sends, low enough to be harmless.
    fn default() -> Self {
        Self { bytes_max: 64 << 20, depth_max: 64, elements_max: 100_000 }
    }
}
