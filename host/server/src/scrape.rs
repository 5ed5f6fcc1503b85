//! The listener of monitoring: one page, and nothing else.
//!
//! It has an address of its own, no login and no TLS, and few connections at once; devices never meet it.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::ServerError;
use crate::exposition::OPENMETRICS;

/// Connections at once; further ones are closed.
const CONNECTIONS_MAX: usize = 8;

/// For the head of a request, and for a whole connection.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// Writes the page; it may block.
pub type Writer = Arc<dyn Fn() -> String + Send + Sync>;

/// A listener of its own for `/metrics`; it ends when dropped.
pub struct Scrape {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Scrape {
    /// Listens, on the runtime this is called in; port 0 takes a free one.
    pub async fn listen(address: SocketAddr, page: Writer) -> Result<Self, ServerError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bound.await.map_err(|cause| ServerError::Bind { address, cause })?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "metrics are read without a login at this address");
        }
        Ok(Self { address, accepting: tokio::spawn(accept(listener, page)) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Scrape {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, page: Writer) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let page = Arc::clone(&page);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<_>| {
                let page = Arc::clone(&page);
                async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), page).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE.0)
                .serve_connection(TokioIo::new(stream), answer);
            if let Ok(Err(error)) = tokio::time::timeout(PATIENCE.1, connection).await {
                tracing::debug!(%error, "a connection for metrics ended");
            }
            drop(place);
        });
    }
}

async fn answer(method: &Method, path: &str, page: Writer) -> Response<Full<Bytes>> {
    let code = |code: StatusCode| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = code;
        response
    };
    if path != "/metrics" {
        return code(StatusCode::NOT_FOUND);
    }
    if method != Method::GET && method != Method::HEAD {
        let mut response = code(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Ok(text) = tokio::task::spawn_blocking(move || page()).await else {
        return code(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
    response
}
