//! Requests of phones that wait which the server puts off, and what a phone does then: it stays away as long as it was
//! told, and asks again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::clock::now;
use crate::http::Answer;
use crate::phone::{Door, Phone};

/// How often a phone that is put off comes back.
const ATTEMPTS: u32 = 1000;
/// Connections that one may lose over one request.
const LINES: u32 = 10;
/// How long one may be put off altogether.
const PATIENCE: Duration = Duration::from_secs(180);

/// How often the server said 503, and who stays away for it now.
#[derive(Debug, Default)]
pub(crate) struct PutOff {
    times: AtomicU64,
    away: AtomicUsize,
    back: Mutex<Option<Instant>>,
}

impl PutOff {
    /// How often somebody was told to come later.
    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// How many stay away now.
    pub(crate) fn away(&self) -> usize {
        self.away.load(Ordering::Relaxed)
    }

    /// When the last one asked again.
    pub(crate) fn last_back(&self) -> Option<Instant> {
        *self.back.lock().expect("no holder of this lock panics")
    }

    /// Waits for the answer to a request that was sent, and sends it again as often as it is put off; over a new
    /// connection where the server closes the old one.
    pub(crate) async fn heed(
        &self,
        door: &Door,
        number: usize,
        phone: &mut Phone,
        request: &[u8],
    ) -> anyhow::Result<Answer> {
        for _ in 0..ATTEMPTS {
            let answer = phone.line.answer().await?;
            let (503, Some(secs)) = (answer.code, answer.retry_after) else { return Ok(answer) };
            let away = Away::begin(self);
            tokio::time::sleep(Duration::from_secs(secs)).await;
            if answer.closes {
                phone.line = door.connect(number).await?;
            }
            self.send(door, number, phone, request).await?;
            away.end();
        }
        bail!("{} is put off again and again", phone.identity.user)
    }

    /// Sends a request; over a new connection where the old one is gone: the server closes one on which nothing came for
    /// a minute.
    pub(crate) async fn send(
        &self,
        door: &Door,
        number: usize,
        phone: &mut Phone,
        request: &[u8],
    ) -> anyhow::Result<()> {
        if phone.line.send(request).await.is_err() {
            phone.line = door.connect(number).await?;
            phone.line.send(request).await?;
        }
        Ok(())
    }

    /// One request and its answer: again when it is put off, and over a new connection when the old one breaks.
    pub(crate) async fn ask(
        &self,
        door: &Door,
        number: usize,
        phone: &mut Phone,
        request: &[u8],
    ) -> anyhow::Result<Answer> {
        for _ in 0..LINES {
            self.send(door, number, phone, request).await?;
            let heeded = tokio::time::timeout(PATIENCE, self.heed(door, number, phone, request)).await;
            match heeded.context("no answer for minutes")? {
                Err(error) if error.chain().any(|cause| cause.is::<std::io::Error>()) => {
                    phone.line = door.connect(number).await?;
                }
                heeded => return heeded,
            }
        }
        bail!("{} loses one connection after the other", phone.identity.user)
    }
}

/// Somebody who stays away; also one that is given up is away no longer.
struct Away<'a>(&'a PutOff);

impl<'a> Away<'a> {
    fn begin(put_off: &'a PutOff) -> Self {
        put_off.times.fetch_add(1, Ordering::Relaxed);
        put_off.away.fetch_add(1, Ordering::Relaxed);
        Self(put_off)
    }

    fn end(self) {
        *self.0.back.lock().expect("no holder of this lock panics") = Some(now());
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.0.away.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use easel_protocol::{Command, Version};
    use easel_test_support::trusting_tls;
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::phone::{Identity, ping_inbox};

    /// Answers each request with the next of these; one that says that it closes is the last of its connection.
    async fn serve(listener: TcpListener, answers: &[&str]) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut line = None;
        for answer in answers {
            let mut stream = match line.take() {
                Some(line) => line,
                None => acceptor.accept(listener.accept().await.unwrap().0).await.unwrap(),
            };
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            line = (!answer.contains("close")).then_some(stream);
        }
    }

    #[tokio::test]
    async fn a_ping_that_is_put_off_is_sent_again_over_a_new_connection_where_the_old_one_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Door::new(listener.local_addr().unwrap(), trusting_tls());
        let server = tokio::spawn(async move {
            let kept = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
            let closed = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            serve(listener, &[kept, closed, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"]).await;
        });
        let mut phone = Phone::connect(&door, 0, Identity::new("p", "D", Version::V16_1)).await.unwrap();
        let request = phone.identity.request(Command::Ping, &ping_inbox());
        phone.line.send(&request).await.unwrap();
        let put_off = PutOff::default();
        assert_eq!(put_off.last_back(), None);
        let answer = put_off.heed(&door, 0, &mut phone, &request).await.unwrap();
        assert_eq!((answer.code, put_off.times(), put_off.away()), (200, 2, 0));
        assert!(put_off.last_back().is_some());
        server.await.unwrap();
    }

    #[test]
    fn who_is_given_up_stays_away_no_longer() {
        let put_off = PutOff::default();
        let away = Away::begin(&put_off);
        assert_eq!((put_off.times(), put_off.away()), (1, 1));
        drop(away);
        assert_eq!((put_off.away(), put_off.last_back()), (0, None));
    }
}
