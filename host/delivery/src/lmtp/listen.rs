//! The socket LMTP is served at.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::Listen;
use crate::DeliveryError;

/// Reads and writes, whatever is underneath.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where connections come from.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Socket,
    /// Held for its end.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of a Unix socket; gone when this is dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens.
    pub(super) async fn bind(listen: &Listen) -> Result<Self, DeliveryError> {
        match listen {
            Listen::Tcp(address) if !address.ip().is_loopback() => Err(DeliveryError::NotLoopback(*address)),
            Listen::Tcp(address) => {
                let failed = |cause| DeliveryError::Listen { place: address.to_string(), cause };
                let socket = Socket::Tcp(TcpListener::bind(address).await.map_err(failed)?);
                Ok(Self { socket, _file: None })
            }
            Listen::Unix { path, mode } => bind_unix(path, *mode),
        }
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match &self.socket {
            Socket::Tcp(listener) => Box::new(listener.accept().await?.0),
            Socket::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }

    /// The address, if it is one of the network.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }
}

/// Binds beside the path, gives the socket its mode and moves it there: nobody finds it with another mode, and a socket
/// left by a process that died is replaced in one step.
fn bind_unix(path: &Path, mode: u32) -> Result<Listener, DeliveryError> {
    let taken = |by| DeliveryError::PathTaken { path: path.to_owned(), by };
    let failed = |cause| DeliveryError::Listen { place: path.display().to_string(), cause };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(taken("something that is no socket")),
        Ok(_) if StdStream::connect(path).is_ok() => return Err(taken("a running server")),
        Ok(_) | Err(_) => {}
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let _ = fs::remove_file(&fresh);
    let bind = || {
        let listener = StdListener::bind(&fresh)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(mode))?;
        fs::rename(&fresh, path)?;
        UnixListener::from_std(listener)
    };
    let listener = bind().map_err(failed)?;
    Ok(Listener { socket: Socket::Unix(listener), _file: Some(SocketFile(path.to_owned())) })
}
