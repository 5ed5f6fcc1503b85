//! From a socket to a connection that has greeted: limits, PROXY header, TLS.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

use crate::connection;
use crate::metrics::OfListener;
use crate::newcomers::Newcomer;
use crate::proxy_protocol::{self, ProxyError};
use crate::shared::{Entered, Held, Shared};
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
    #[error("there is no room for another connection on which nobody has logged in")]
    Displaced,
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("the greeting takes too long")]
    TooSlow,
    #[error("no TLS connection comes about")]
    Tls(#[source] io::Error),
}

/// Accepts until the server stops. When all room is taken, the oldest connection on which nobody has logged in makes
/// room; when there is none, connections wait in the kernel's queue.
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
            let accepted = listener.accept().await;
            if shared.connections.available_permits() == 0 {
                shared.newcomers.displace_oldest();
            }
            (Arc::clone(&shared.connections).acquire_owned().await.expect("this semaphore is never closed"), accepted)
        };
        let (room, accepted) = tokio::select! {
            biased;
            _ = phases.changed_from(Phase::Serving) => return,
            next = next => next,
        };
        match accepted {
            Ok((socket, peer)) => {
                counts.accepted();
                let Some(newcomer) = shared.newcomers.enter() else {
                    counts.crowded();
                    continue;
                };
                let guest = Guest { socket, peer: peer.ip(), room, counts: Arc::clone(&counts), newcomer };
                tokio::spawn(greet(Arc::clone(&shared), guest, greeting.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A connection that was accepted.
struct Guest {
    socket: TcpStream,
    peer: IpAddr,
    room: OwnedSemaphorePermit,
    counts: Arc<OfListener>,
    newcomer: Newcomer,
}

/// Greets; the connection goes on in a task of its own, because what the handshake needs would count in its size.
async fn greet(shared: Arc<Shared>, guest: Guest, greeting: Greeting) {
    let mut phases = shared.shutdown.phases();
    let Guest { socket, peer, room, counts, newcomer } = guest;
    let greeted = tokio::select! {
        biased;
        _ = phases.changed_from(Phase::Serving) => return,
        () = newcomer.over() => Err(GreetError::Displaced),
        greeted = welcome(&shared, socket, peer, &newcomer, greeting) => greeted,
    };
    match greeted {
        Ok((transport, client, address)) => {
            let newcomer = Arc::new(newcomer);
            let held = Held { _room: room, _address: address, _open: counts.open(), newcomer };
            tokio::spawn(connection::serve(shared, transport, client, held));
        }
        Err(error) => {
            match error {
                GreetError::Crowded => counts.crowded(),
                // Counted where it was chosen.
                GreetError::Displaced => {}
                GreetError::Proxy(_) | GreetError::TooSlow | GreetError::Tls(_) => counts.greeting_failed(),
            }
            let error: &dyn std::error::Error = &error;
            tracing::debug!(%peer, error, "a connection ended before its first request");
        }
    }
}

async fn welcome(
    shared: &Shared,
    mut socket: TcpStream,
    peer: IpAddr,
    newcomer: &Newcomer,
    greeting: Greeting,
) -> Result<(Transport, IpAddr, Entered), GreetError> {
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
    if !newcomer.comes_from(client) {
        return Err(GreetError::Crowded);
    }
    let address = match shared.addresses.enter(client) {
        Some(entered) => entered,
        // What goes for it is still counted for a moment.
        None if newcomer.displace_neighbour(client) => shared.addresses.enter_anyway(client),
        None => return Err(GreetError::Crowded),
    };
    let transport = match greeting {
        Greeting::Plain | Greeting::Proxied => Transport::Plain(socket),
        Greeting::Tls(acceptor) => {
            let handshake = tokio::time::timeout(patience, acceptor.accept(socket)).await;
            let stream = handshake.map_err(|_| GreetError::TooSlow)?.map_err(GreetError::Tls)?;
            Transport::Tls(Box::new(stream))
        }
    };
    Ok((transport, client, address))
}
