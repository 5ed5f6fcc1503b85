//! The server of Easel: sockets, TLS, HTTP, login, waiting requests.
//!
//! [`Server::start`] is the way in. A connection walks through `accept` (socket, PROXY header, TLS), `http` (request
//! line, login, body), `workers` (threads on which the commands run) and, while a Ping or Sync waits, `park`. This is
//! the only room that knows hyper, rustls and the system's clock; it knows no SQL and no Wasm.

mod clock;
mod error;
mod limits;
mod login;
mod serve;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::ServerError;
pub use limits::Limits;
pub use login::{Denied, LoginOptions, Logins};
pub use serve::{Listener, ListenerKind, Running, ServeOptions, Server, TlsFiles};
