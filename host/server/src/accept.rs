//! From a socket to a connection that has greeted: limits, PROXY header, TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

use crate::connection;
use crate::metrics::OfListener;
use crate::proxy_protocol::{self, ProxyError};
use crate::shared::{Held, Shared};
use crate::shutdown::Phase;
use crate::transport::Transport;

/// How connections of a listener greet.
#[derive(Clone)]
pub(crate) enum Greeting {
    Plain,
    /// A PROXY header, then plain.
    Proxied,
    Tls(TlsAcceptor),
}

/// Why a connection ends before its first request.
#[derive(Debug, thiserror::Error)]
enum GreetError {
    #[error("the address has as many connections as it may")]
    Crowded,
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("the greeting takes too long")]
    TooSlow,
    #[error("no TLS connection comes about")]
    Tls(#[source] io::Error),
}

/// Accepts until the server stops. When all room is taken, connections wait in the kernel's queue.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, greeting: Greeting, counts: Arc<OfListener>) {
    let mut phases = shared.shutdown.phases();
    let mut full = false;
    loop {
        let free = shared.connections.available_permits();
        if free == 0 && !full {
            tracing::warn!("there is no room for further connections");
        }
        // Said again only after a good part of the room was free.
        full = free == 0 || full && free < usize::try_from(shared.connections_max / 10).unwrap_or(0);
        let next = async {
            let room = Arc::clone(&shared.connections).acquire_owned().await.expect("this semaphore is never closed");
            (room, listener.accept().await)
        };
        let (room, accepted) = tokio::select! {
            biased;
            _ = phases.changed_from(Phase::Serving) => return,
            next = next => next,
        };
        match accepted {
            Ok((socket, peer)) => {
                counts.accepted();
                let counts = Arc::clone(&counts);
                tokio::spawn(greet(Arc::clone(&shared), socket, peer, greeting.clone(), (room, counts)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Greets; the connection goes on in a task of its own, because what the handshake needs would count in its size.
async fn greet(
    shared: Arc<Shared>,
    socket: TcpStream,
    peer: SocketAddr,
    greeting: Greeting,
    (room, counts): (OwnedSemaphorePermit, Arc<OfListener>),
) {
    let mut phases = shared.shutdown.phases();
    let greeted = tokio::select! {
        biased;
        _ = phases.changed_from(Phase::Serving) => return,
        greeted = welcome(&shared, socket, peer.ip(), greeting, (room, &counts)) => greeted,
    };
    match greeted {
        Ok((transport, client, held)) => {
            tokio::spawn(connection::serve(shared, transport, client, held));
        }
        Err(error) => {
            match error {
                GreetError::Crowded => counts.crowded(),
                GreetError::Proxy(_) | GreetError::TooSlow | GreetError::Tls(_) => counts.greeting_failed(),
            }
            let error: &dyn std::error::Error = &error;
            tracing::debug!(peer = %peer.ip(), error, "a connection ended before its first request");
        }
    }
}

async fn welcome(
    shared: &Shared,
    mut socket: TcpStream,
    peer: IpAddr,
    greeting: Greeting,
    (room, counts): (OwnedSemaphorePermit, &Arc<OfListener>),
) -> Result<(Transport, IpAddr, Held), GreetError> {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a socket keeps small packets back");
    }
    let patience = shared.limits.handshake;
    let client = match greeting {
        Greeting::Plain | Greeting::Tls(_) => peer,
        Greeting::Proxied => {
            let header = tokio::time::timeout(patience, proxy_protocol::read(&mut socket));
            header.await.map_err(|_| GreetError::TooSlow)??.unwrap_or(peer)
        }
    };
    let address = shared.addresses.enter(client).ok_or(GreetError::Crowded)?;
    let transport = match greeting {
        Greeting::Plain | Greeting::Proxied => Transport::Plain(socket),
        Greeting::Tls(acceptor) => {
            let handshake = tokio::time::timeout(patience, acceptor.accept(socket)).await;
            let stream = handshake.map_err(|_| GreetError::TooSlow)?.map_err(GreetError::Tls)?;
            Transport::Tls(Box::new(stream))
        }
    };
    Ok((transport, client, Held { _room: room, _address: address, _open: Arc::clone(counts).open() }))
}
