//! Sync keys. MS-ASCMD 2.2.3.181 "SyncKey".

use std::fmt;

use serde::{Deserialize, Serialize};

/// A server's mark of what a device has.
///
/// A key carries the random generation of the state it names, so that one from before a reset, or from before a backup
/// was restored, is never taken for a current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SyncKey {
    /// `0`: the device starts over.
    Initial,
    /// A key this server issued.
    Issued {
        /// Random, the same for all keys since the last reset.
        generation: u32,
        /// Counts the answers since then, from 1.
        step: u64,
    },
}

/// Text that is no key of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sync key of this server")]
pub struct SyncKeyError;

impl SyncKey {
    /// Reads a key; at most 64 characters, as the protocol says.
    pub fn parse(text: &str) -> Result<Self, SyncKeyError> {
        let text = text.trim();
        if text == "0" {
            return Ok(Self::Initial);
        }
        let digits = text.strip_prefix('b').filter(|rest| rest.len() <= 24 && rest.is_ascii()).ok_or(SyncKeyError)?;
        let (generation, step) = digits.split_at_checked(8).ok_or(SyncKeyError)?;
        if step.is_empty() || step.starts_with('0') || digits.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(SyncKeyError);
        }
        let generation = u32::from_str_radix(generation, 16).map_err(|_| SyncKeyError)?;
        let step = u64::from_str_radix(step, 16).map_err(|_| SyncKeyError)?;
        Ok(Self::Issued { generation, step })
    }
}

impl fmt::Display for SyncKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initial => f.write_str("0"),
            Self::Issued { generation, step } => write!(f, "b{generation:08x}{step:x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_text() {
        for key in [
            SyncKey::Initial,
            SyncKey::Issued { generation: 0, step: 1 },
            SyncKey::Issued { generation: u32::MAX, step: u64::MAX },
        ] {
            assert_eq!(SyncKey::parse(&key.to_string()), Ok(key));
            assert!(key.to_string().len() <= 64);
        }
    }

    #[test]
    fn other_text_is_no_key() {
        for text in ["", "1", "00", "b", "b0000000", "b000000000", "b0000000001", "B000000001", "b00000000+1", "é"] {
            assert_eq!(SyncKey::parse(text), Err(SyncKeyError), "{text}");
        }
    }
}
