//! The body of a request, within bounds on size, time and memory.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::{HttpError, text};
use crate::gzip::{GunzipError, gunzip};
use crate::metrics::Throttled;
use crate::shared::Shared;

/// So much of each body is not counted against the room for all bodies.
const FREE: usize = 64 << 10;

/// A body that was read to its end.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Body {
    /// The body without its compression.
    pub(super) fn plain(&self, gzipped: bool, most: usize) -> Result<Cow<'_, [u8]>, HttpError> {
        if !gzipped || self.bytes.is_empty() {
            return Ok(Cow::Borrowed(&self.bytes));
        }
        gunzip(&self.bytes, most).map(Cow::Owned).map_err(|error| match error {
            GunzipError::Broken => HttpError::Gzip,
            GunzipError::TooLarge => HttpError::BodyTooLarge,
        })
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

/// Reads the whole body.
pub(super) async fn read(shared: &Shared, request: Request<Incoming>) -> Result<Body, HttpError> {
    let incoming = request.into_body();
    let most = shared.limits.body_bytes;
    let announced = incoming.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > most) {
        return Err(HttpError::BodyTooLarge);
    }
    timeout(shared.limits.body_total, collect(incoming, shared)).await.map_err(|_| HttpError::BodyIncomplete)?
}

async fn collect(mut incoming: Incoming, shared: &Shared) -> Result<Body, HttpError> {
    let (most, pause) = (shared.limits.body_bytes, shared.limits.body_pause);
    let mut body = Body { bytes: Vec::new(), _room: None };
    let mut reserved = FREE;
    while let Some(frame) = timeout(pause, incoming.frame()).await.map_err(|_| HttpError::BodyIncomplete)? {
        let Ok(data) = frame.map_err(|_| HttpError::BodyIncomplete)?.into_data() else { continue };
        let length = body.bytes.len() + data.len();
        if length > most {
            return Err(HttpError::BodyTooLarge);
        }
        if length > reserved {
            let more = length.next_multiple_of(FREE).max(2 * reserved).min(most.max(length)) - reserved;
            let kib = u32::try_from(more.div_ceil(1024)).map_err(|_| HttpError::BodyTooLarge)?;
            let permit = Arc::clone(&shared.bodies).try_acquire_many_owned(kib);
            let permit = permit.map_err(|_| shared.too_much(Throttled::Bodies))?;
            match &mut body._room {
                Some(room) => room.merge(permit),
                room @ None => *room = Some(permit),
            }
            reserved += more;
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
