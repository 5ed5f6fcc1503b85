//! The body of a request, within bounds on size, time and memory.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap};
use tokio::time::timeout;

use super::{HttpError, text};
use crate::budgets::Leave;
use crate::gzip::{GunzipError, gunzip};
use crate::shared::Shared;

/// So much of each body is in what every request holds.
const FREE: usize = 64 << 10;

/// A body that was read to its end.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// What the request holds for it, in bytes, beyond [`FREE`] of them.
    held: usize,
    leave: Arc<Leave>,
}

impl Body {
    /// The body without its compression. The request holds it once more, for the command that takes it apart.
    pub(super) fn plain(&self, gzipped: bool, shared: &Shared) -> Result<Cow<'_, [u8]>, HttpError> {
        if !gzipped || self.bytes.is_empty() {
            self.leave.hold_anyway(self.held);
            return Ok(Cow::Borrowed(&self.bytes));
        }
        let room = |more| self.leave.hold(more);
        let plain = gunzip(&self.bytes, shared.limits.body_bytes, room).map_err(|error| match error {
            GunzipError::Broken => HttpError::Gzip,
            GunzipError::NoRoom(full) => shared.no_room(full),
            GunzipError::TooLarge => HttpError::BodyTooLarge,
        })?;
        // Asked for: what came is small, and what becomes of it is not there yet.
        room(plain.len()).map_err(|full| shared.no_room(full))?;
        Ok(Cow::Owned(plain))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.leave.give_back(self.held);
    }
}

/// Whether the body is compressed; an encoding that is not understood is refused.
pub(super) fn is_gzipped(headers: &HeaderMap) -> Result<bool, HttpError> {
    match text(headers, header::CONTENT_ENCODING).map(str::trim) {
        None => Ok(false),
        Some(coding) if coding.is_empty() || coding.eq_ignore_ascii_case("identity") => Ok(false),
        Some(coding) if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => Ok(true),
        Some(_) => Err(HttpError::Encoding),
    }
}

/// Reads the whole body, which the request holds from then on.
pub(super) async fn read(shared: &Shared, leave: &Arc<Leave>, request: Request<Incoming>) -> Result<Body, HttpError> {
    let incoming = request.into_body();
    let most = shared.limits.body_bytes;
    let announced = incoming.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > most) {
        return Err(HttpError::BodyTooLarge);
    }
    timeout(shared.limits.body_total, collect(incoming, shared, leave)).await.map_err(|_| HttpError::BodyIncomplete)?
}

async fn collect(mut incoming: Incoming, shared: &Shared, leave: &Arc<Leave>) -> Result<Body, HttpError> {
    let (most, pause) = (shared.limits.body_bytes, shared.limits.body_pause);
    let mut body = Body { bytes: Vec::new(), held: 0, leave: Arc::clone(leave) };
    while let Some(frame) = timeout(pause, incoming.frame()).await.map_err(|_| HttpError::BodyIncomplete)? {
        let Ok(data) = frame.map_err(|_| HttpError::BodyIncomplete)?.into_data() else { continue };
        let length = body.bytes.len() + data.len();
        if length > most {
            return Err(HttpError::BodyTooLarge);
        }
        let room = FREE + body.held;
        if length > room {
            let more = length.next_multiple_of(FREE).max(2 * room).min(most.max(length)) - room;
            leave.hold(more).map_err(|full| shared.no_room(full))?;
            body.held += more;
        }
        body.bytes.extend_from_slice(&data);
    }
    Ok(body)
}

/// A refused request is read to its end if that is near, so that the client sees the answer and keeps its connection.
/// One that asks first (`Expect`) is told by the answer.
pub(super) async fn drain(request: Request<Incoming>) {
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut incoming = request.into_body();
    if incoming.size_hint().lower() > FREE as u64 {
        return;
    }
    let reading = async {
        let mut length = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            length += frame.data_ref().map_or(0, bytes::Bytes::len);
            if length > FREE {
                break;
            }
        }
    };
    // Whether it came to its end or not, the request is refused.
    let _ = timeout(Duration::from_secs(5), reading).await;
}
