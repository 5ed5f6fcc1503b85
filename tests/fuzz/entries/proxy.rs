//! Whatever a connection begins with is a PROXY header or none, and nothing beyond the header is read.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[path = "../../../host/server/src/proxy_protocol.rs"]
#[allow(unreachable_pub, dead_code, reason = "a module of the server, taken as it is")]
mod proxy_protocol;

pub(crate) fn run(bytes: &[u8]) {
    let mut stream = bytes;
    let mut context = Context::from_waker(Waker::noop());
    let read = pin!(proxy_protocol::read(&mut stream)).poll(&mut context);
    let Poll::Ready(read) = read else { panic!("bytes in memory are always there") };
    if read.is_ok() {
        let used = bytes.len() - stream.len();
        assert!((15..=16 + 2048).contains(&used), "a header of {used} bytes");
    }
}
