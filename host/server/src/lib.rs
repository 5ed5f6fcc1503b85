//! The server of Easel: sockets, TLS, HTTP, login, waiting requests.
//!
//! [`Server::start`] is the way in. A connection walks through `accept` (limits, PROXY header, TLS), `connection`
//! (hyper, and out of it), `http` (path, login, request line, budgets, body), `workers` (the threads on which the commands run)
//! and, while a Ping or Sync waits, `park`. This is the only room that knows hyper, rustls and the system's clock; it
//! knows no SQL and no Wasm.

mod accept;
mod activity;
mod authenticate;
mod bounded;
mod budgets;
mod clock;
mod commands;
mod connection;
mod credential_cache;
mod devices;
mod error;
mod exposition;
mod gzip;
mod http;
mod limits;
mod login;
mod memory;
mod metrics;
mod networks;
mod newcomers;
mod park;
mod probe;
mod proxy_protocol;
mod recorder;
mod scrape;
mod serve;
mod shared;
mod shutdown;
mod sink;
mod throttle;
mod tls;
mod trace;
mod transport;
mod workers;

pub use activity::DeviceActivity;
pub use authenticate::Credentials;
pub use budgets::Allowance;
pub use clock::{Clock, ManualClock, SystemClock};
pub use commands::{Commands, GoOn, Turn, Wait};
pub use error::ServerError;
pub use exposition::{Exposition, Kind, Labels, OPENMETRICS, scaled};
pub use limits::Limits;
pub use login::{Denied, LoginOptions, Logins, Session};
pub use memory::Elsewhere;
pub use networks::{Network, NetworkError, Networks};
pub use recorder::{
    DOCUMENT_BYTES_MAX, Document, Exchange, FOLLOWERS_MAX, Following, KEPT_BYTES_MAX, KEPT_MAX, LINE_MAX, Refused,
};
pub use scrape::{Scrape, Writer};
pub use serve::{Listener, ListenerKind, Running, ServeOptions, Server, View};
pub use throttle::{Budget, CLOUD_FACTOR, Origin};
pub use tls::{Lapse, TlsFiles, Validity};
