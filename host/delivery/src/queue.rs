//! The queue, the way mail goes out.
