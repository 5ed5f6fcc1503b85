//! What `easel check --proxy` asks through a proxy in front: how requests arrive here, and how answers leave.
//!
//! A probe is a POST to the path of the protocol with the query `EaselProbe=TOKEN&Do=..`. A token is made through the
//! admin socket and good for one check; without one a request is treated like any other. Nothing here is ActiveSync, and
//! nothing of a mailbox is touched.

use std::fmt;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use easel_commands::Answer;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::http::HttpError;
use crate::shared::{Begun, Shared};
use crate::sink::{Piece, Queued, Stream};

/// The key of the query that a probe begins with.
const KEY: &str = "EaselProbe=";

/// Tokens at once: checks that run at the same time.
const TOKENS_MAX: usize = 8;

/// The longest a probe waits, in seconds: as long as any Ping may.
const HOLD_SECS_MAX: u64 = 3540;

/// Pieces of an answer in pieces, one byte and a second each.
const PIECES: u8 = 5;

/// Headers whose arrival is told.
const HEADERS: [&str; 5] = ["authorization", "content-type", "ms-asprotocolversion", "user-agent", "x-ms-policykey"];

/// Tokens that are good.
#[derive(Default)]
pub(crate) struct Probes(Mutex<Vec<(String, Timestamp)>>);

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probes(..)")
    }
}

impl Probes {
    /// Makes a token that is good for a time; the oldest goes when there are too many.
    pub(crate) fn open(&self, now: Timestamp, good_for: Duration) -> String {
        let token = format!("{:032x}", rand::random::<u128>());
        let most = Duration::from_secs(2 * HOLD_SECS_MAX);
        let until = now + SignedDuration::try_from(good_for.min(most)).unwrap_or_default();
        let mut tokens = self.0.lock().expect("no holder of this lock panics");
        tokens.retain(|(_, until)| *until > now);
        if tokens.len() >= TOKENS_MAX {
            tokens.remove(0);
        }
        tokens.push((token.clone(), until));
        token
    }

    /// What a query asks for, if it has a good token.
    pub(crate) fn asked(&self, query: Option<&str>, now: Timestamp) -> Option<Probe> {
        let mut parts = query?.strip_prefix(KEY)?.split('&');
        let token = parts.next()?;
        let tokens = self.0.lock().expect("no holder of this lock panics");
        // 128 random bits: how long a comparison takes tells nothing of use.
        tokens.iter().any(|(good, until)| good == token && *until > now).then_some(())?;
        match parts.next()?.strip_prefix("Do=")? {
            "echo" => Some(Probe::Echo),
            "pieces" => Some(Probe::Pieces),
            hold => {
                let secs: u64 = hold.strip_prefix("hold-")?.parse().ok()?;
                Some(Probe::Hold(Duration::from_secs(secs.min(HOLD_SECS_MAX))))
            }
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// How the request arrived.
    Echo,
    /// Nothing for so long, then an answer.
    Hold(Duration),
    /// An answer of five bytes, one a second.
    Pieces,
}

/// Does what is asked for.
pub(crate) async fn answer(
    shared: &Shared,
    peer: IpAddr,
    probe: Probe,
    request: Request<Incoming>,
) -> Result<Begun, HttpError> {
    tracing::info!(%peer, ?probe, "a check of the proxy in front");
    match probe {
        Probe::Echo => echo(shared, peer, request).await,
        Probe::Hold(time) => {
            tokio::time::sleep(time).await;
            Ok(whole(&json!({})))
        }
        Probe::Pieces => Ok(Begun::Stream(Stream { pieces: pieces(), gzipped: false })),
    }
}

fn pieces() -> mpsc::Receiver<Piece> {
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        for number in 0..PIECES {
            let piece = Bytes::from(vec![b'0' + number]);
            // Whoever asked may have gone.
            if sender.send(Piece::Bytes(Queued::new(piece))).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let _ = sender.send(Piece::End).await;
    });
    pieces
}

/// What arrived: who sent it, which headers it still has, how many bytes its body has, and in how many milliseconds
/// after its head they came.
async fn echo(shared: &Shared, peer: IpAddr, request: Request<Incoming>) -> Result<Begun, HttpError> {
    let began = shared.clock.now();
    let header = |name: &&str| {
        let value = request.headers().get(*name).map(HeaderValue::as_bytes)?;
        Some(((*name).to_owned(), Value::from(String::from_utf8_lossy(value))))
    };
    let headers: Map<String, Value> = HEADERS.iter().filter_map(header).collect();
    let counting = count(request.into_body(), shared.limits.body_bytes, shared.limits.body_pause);
    let bytes = timeout(shared.limits.body_total, counting).await.map_err(|_| HttpError::BodyIncomplete)??;
    let over_ms = shared.clock.now().duration_since(began).as_millis();
    let over_ms = u64::try_from(over_ms).unwrap_or_default();
    Ok(whole(&json!({ "peer": peer, "headers": headers, "bytes": bytes, "over_ms": over_ms })))
}

/// Counts a body without keeping it.
async fn count(mut body: Incoming, most: usize, pause: Duration) -> Result<usize, HttpError> {
    let mut bytes = 0;
    while let Some(frame) = timeout(pause, body.frame()).await.map_err(|_| HttpError::BodyIncomplete)? {
        let frame = frame.map_err(|_| HttpError::BodyIncomplete)?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > most {
            return Err(HttpError::BodyTooLarge);
        }
    }
    Ok(bytes)
}

fn whole(value: &Value) -> Begun {
    let answer = Answer {
        content_type: Some("application/json".to_owned()),
        body: value.to_string().into_bytes(),
        ..Answer::empty()
    };
    Begun::Whole { answer, gzipped: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn only_a_token_that_was_made_and_is_not_over_is_good() {
        let probes = Probes::default();
        let token = probes.open(START, Duration::from_secs(60));
        let asked = |what: &str, after_secs: i64| {
            let query = format!("EaselProbe={what}");
            probes.asked(Some(&query), START + SignedDuration::from_secs(after_secs))
        };
        assert_eq!(asked(&format!("{token}&Do=echo"), 59), Some(Probe::Echo));
        assert_eq!(asked(&format!("{token}&Do=pieces"), 0), Some(Probe::Pieces));
        assert_eq!(asked(&format!("{token}&Do=echo"), 60), None);
        for other in
            [format!("{}&Do=echo", "0".repeat(32)), "&Do=echo".to_owned(), token.clone(), format!("{token}&Do=x")]
        {
            assert_eq!(asked(&other, 0), None, "{other}");
        }
        assert_eq!(probes.asked(None, START), None);
    }

    #[test]
    fn nothing_is_held_longer_than_a_ping_may_wait() {
        let probes = Probes::default();
        let token = probes.open(START, Duration::MAX);
        let held = |secs: &str| probes.asked(Some(&format!("EaselProbe={token}&Do=hold-{secs}")), START);
        assert_eq!(held("95"), Some(Probe::Hold(Duration::from_secs(95))));
        assert_eq!(held("99999999"), Some(Probe::Hold(Duration::from_secs(3540))));
        assert_eq!(held("-1"), None);
    }

    #[test]
    fn tokens_are_few_and_the_oldest_goes() {
        let probes = Probes::default();
        let tokens: Vec<String> = (0..9).map(|_| probes.open(START, Duration::from_secs(60))).collect();
        let good = |token: &String| probes.asked(Some(&format!("EaselProbe={token}&Do=echo")), START).is_some();
        assert_eq!(tokens.iter().map(good).collect::<Vec<_>>(), [[false].as_slice(), &[true; 8]].concat());
    }
}
