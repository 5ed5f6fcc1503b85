//! Frames on the admin socket.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes in the body of a frame.
pub(crate) const PIECE_BYTES_MAX: usize = 1 << 20;

/// Bytes in the head of a request.
pub(super) const REQUEST_HEAD_MAX: usize = 1 << 20;

/// Bytes in the head of a reply: a list of a hundred thousand users fits.
pub(super) const REPLY_HEAD_MAX: usize = 64 << 20;

/// Writes a frame.
pub(super) fn write(out: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    for length in [head.len(), body.len()] {
        let length = u32::try_from(length).map_err(|_| io::Error::other("a frame of more than 4 GiB"))?;
        out.write_all(&length.to_be_bytes())?;
    }
    out.write_all(&head)?;
    out.write_all(body)?;
    out.flush()
}

/// Reads a frame; `None` where the other side has ended.
pub(super) fn read<T: DeserializeOwned>(input: &mut impl Read, head_max: usize) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut first = [0; 1];
    if input.read(&mut first)? == 0 {
        return Ok(None);
    }
    let mut rest = [0; 7];
    input.read_exact(&mut rest)?;
    let [a] = first;
    let [b, c, d, body @ ..] = rest;
    let head = length([a, b, c, d], head_max)?;
    let body = length(body, PIECE_BYTES_MAX)?;
    let head = take(input, head)?;
    let body = take(input, body)?;
    Ok(Some((serde_json::from_slice(&head)?, body)))
}

fn length(bytes: [u8; 4], max: usize) -> io::Result<usize> {
    let length = u32::from_be_bytes(bytes) as usize;
    if length > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{length} bytes in a frame, above {max}")));
    }
    Ok(length)
}

fn take(input: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    // The vector grows with what comes, not with what was announced.
    let mut bytes = Vec::new();
    input.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let mut wire = Vec::new();
        write(&mut wire, &"head", b"body").unwrap();
        write(&mut wire, &7, b"").unwrap();
        let mut input = wire.as_slice();
        assert_eq!(read::<String>(&mut input, 100).unwrap(), Some(("head".to_owned(), b"body".to_vec())));
        assert_eq!(read::<u8>(&mut input, 100).unwrap(), Some((7, Vec::new())));
        assert_eq!(read::<u8>(&mut input, 100).unwrap(), None);
    }

    #[test]
    fn lengths_above_the_bounds_and_ends_in_the_middle_are_errors() {
        let too_long_a_head = [0, 0, 0, 101, 0, 0, 0, 0];
        assert_eq!(read::<u8>(&mut too_long_a_head.as_slice(), 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let too_long_a_body = [0, 0, 0, 1, 0, 0x10, 0, 1, b'7'];
        assert_eq!(read::<u8>(&mut too_long_a_body.as_slice(), 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
        for cut in [&[0, 0][..], &[0, 0, 0, 1, 0, 0, 0, 0], &[0, 0, 0, 1, 0, 0, 0, 2, b'7', 0]] {
            assert_eq!(read::<u8>(&mut { cut }, 100).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{cut:?}");
        }
    }
}
