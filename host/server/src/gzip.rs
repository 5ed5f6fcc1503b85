//! gzip, both ways, for who asks.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::memory::Full;

/// Answers below this many bytes are sent as they are.
const WORTHWHILE: usize = 512;

/// Why a compressed body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GunzipError {
    /// It is no gzip, or ends too early.
    #[error("the body is not gzip")]
    Broken,
    /// There is no room for more of it.
    #[error("there is no room for the body")]
    NoRoom(Full),
    /// It is larger than a body may be.
    #[error("the body is larger than allowed")]
    TooLarge,
}

/// How much is decompressed before more room is asked for.
const STEP: u64 = 256 << 10;

/// Decompresses; what grows beyond `most` bytes is given up at that point. `room` is asked for room for so many bytes
/// more.
pub(crate) fn gunzip(
    body: &[u8],
    most: usize,
    room: impl Fn(usize) -> Result<(), Full>,
) -> Result<Vec<u8>, GunzipError> {
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(body);
    loop {
        let before = plain.len();
        decoder.by_ref().take(STEP).read_to_end(&mut plain).map_err(|_| GunzipError::Broken)?;
        match plain.len() - before {
            0 => return Ok(plain),
            _ if plain.len() > most => return Err(GunzipError::TooLarge),
            more => room(more).map_err(GunzipError::NoRoom)?,
        }
    }
}

/// Compresses an answer, when that makes it smaller.
pub(crate) fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < WORTHWHILE {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().filter(|smaller| smaller.len() < body.len())
}

/// Compresses an answer that comes in pieces.
#[derive(Debug)]
pub(crate) struct Pieces {
    encoder: GzEncoder<Vec<u8>>,
    begun: bool,
}

/// Compressed bytes are handed on when so many have come together.
const PIECE: usize = 8 << 10;

impl Pieces {
    pub(crate) fn new() -> Self {
        Self { encoder: GzEncoder::new(Vec::new(), Compression::fast()), begun: false }
    }

    /// Takes a piece, and gives what is ready; the first piece is given at once.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.encoder.write_all(piece).expect("a vector takes every byte");
        if !self.begun {
            self.begun = true;
            self.encoder.flush().expect("a vector takes every byte");
        } else if self.encoder.get_ref().len() < PIECE {
            return Vec::new();
        }
        std::mem::take(self.encoder.get_mut())
    }

    /// The end.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.encoder.finish().expect("a vector takes every byte")
    }
}

/// Whether an Accept-Encoding header asks for gzip. RFC 9110 12.5.3 "Accept-Encoding".
pub(crate) fn is_accepted(header: &str) -> bool {
    header.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|parameter| {
            let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
            weight.and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
        });
        (name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip")) && !refused
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bomb_is_given_up_at_the_limit() {
        let bomb = gzip(&vec![0; 10 << 20]).unwrap();
        assert!(bomb.len() < 64 << 10);
        assert_eq!(gunzip(&bomb, 1 << 20, |_| Ok(())), Err(GunzipError::TooLarge));
        assert_eq!(gunzip(&bomb, (10 << 20) - 1, |_| Ok(())), Err(GunzipError::TooLarge));
        assert_eq!(gunzip(&bomb, 10 << 20, |_| Ok(())).unwrap().len(), 10 << 20);
    }

    #[test]
    fn what_is_cut_or_no_gzip_is_broken() {
        let whole = gzip(&vec![7; 4096]).unwrap();
        assert_eq!(gunzip(&whole[..whole.len() - 1], 1 << 20, |_| Ok(())), Err(GunzipError::Broken));
        assert_eq!(gunzip(b"\x03\x01\x6A\x00", 1 << 20, |_| Ok(())), Err(GunzipError::Broken));
    }

    #[test]
    fn small_and_random_answers_stay_as_they_are() {
        assert_eq!(gzip(&[0; WORTHWHILE - 1]), None);
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        assert_eq!(gzip(&noise.take(4096).collect::<Vec<u8>>()), None);
    }

    #[test]
    fn the_first_piece_is_not_held_back() {
        let mut pieces = Pieces::new();
        let first = pieces.push(b"\x03\x01\x6A\x00");
        assert!(first.len() > 10);
        let mut all = first;
        for _ in 0..100 {
            all.extend(pieces.push(&[5; 1000]));
        }
        all.extend(pieces.finish());
        assert_eq!(gunzip(&all, 1 << 20, |_| Ok(())).unwrap().len(), 100_004);
    }

    #[test]
    fn gzip_is_sent_only_when_asked_for() {
        for header in ["gzip", "gzip, deflate", "deflate;q=0.5, GZIP;q=0.1", "x-gzip", "br , gzip ; q=1"] {
            assert!(is_accepted(header), "{header}");
        }
        for header in ["", "identity", "deflate", "gzip;q=0", "gzip; q=0.000", "gzippy", "*"] {
            assert!(!is_accepted(header), "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_within_the_limit(bytes: Vec<u8>) {
            if let Ok(plain) = gunzip(&bytes, 1000, |_| Ok(())) {
                prop_assert!(plain.len() <= 1000);
            }
        }
    }
}
