//! The server over real sockets and real TLS, with a script in the place of the commands, or the commands themselves.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "everything here is a test")]

mod app_passwords;
mod house;
mod http;
mod limits;
mod login;
mod newcomers;
mod overload;
mod park;
mod service;
mod shutdown;
mod slow;
mod tls;
