//! .
/// .
#[derive(Debug)]
pub struct MemoryStore;
