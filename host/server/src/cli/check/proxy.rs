//! `easel check --proxy`: what a proxy in front does to requests and answers, seen by asking the server through it.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::finding::{Cure, Finding};
use super::wire::{Answer, Line, Target, WireError};
use crate::cli::error::CliError;
use crate::cli::terminal::Terminal;
use crate::config::Config;

/// How long everything but the long request may take together: 52 MiB through a slow line.
const PATIENCE_SECS: u32 = 1800;

/// Bytes of a body that is sent slowly, and in how many pieces, half a second apart.
const SLOW_BYTES: usize = 64 << 10;
const SLOW_PIECES: usize = 4;
const SLOW_PAUSE: Duration = Duration::from_millis(500);

/// Headers that a device sends, and what they look like.
const HEADERS: [(&str, &str); 5] = [
    ("authorization", "Basic cHJvYmU6cHJvYmU="),
    ("content-type", "application/vnd.ms-sync.wbxml"),
    ("ms-asprotocolversion", "14.1"),
    ("user-agent", "easel-check/1.0"),
    ("x-ms-policykey", "1234567890"),
];

/// What is tried.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) target: Target,
    /// How long a request is left waiting.
    pub(super) hold_secs: u32,
    /// Bytes of the largest body.
    pub(super) body_bytes: usize,
    token: String,
}

/// Tries everything, and says what was found; an error when something is wrong.
pub(super) fn run(
    url: &str,
    secs: u32,
    mib: Option<u32>,
    config: &Config,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let target = Target::parse(url)?;
    let mut channel = crate::admin::Channel::open(config, "check")?;
    let token = channel.open_probe(secs.saturating_add(PATIENCE_SECS))?;
    let most = config.limits.request_bytes_max;
    let body_bytes = mib.map_or(most, |mib| (mib as usize) << 20).min(most);
    let trial = Trial { target, hold_secs: secs, body_bytes, token };
    if !terminal.is_json() {
        terminal.note(&format!("a request is left waiting for {secs} seconds; the whole takes a little longer"));
    }
    let findings = trial.findings();
    let failed = findings.iter().any(|finding| finding.is_error);
    let mut lines: Vec<String> = findings.iter().flat_map(Finding::lines).collect();
    if !failed {
        let mib = trial.body_bytes >> 20;
        lines.push(format!(
            "{url}: answers pass as they come, a request may wait {secs} seconds, bodies of {mib} MiB pass"
        ));
    }
    let value =
        json!({ "ok": !failed, "proxy": url, "secs": secs, "body_bytes": trial.body_bytes, "findings": findings });
    terminal.lines(&lines, &value)?;
    if failed { Err(CliError::Found) } else { Ok(()) }
}

/// How a request arrived.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Arrived {
    peer: IpAddr,
    headers: serde_json::Map<String, Value>,
    bytes: usize,
    over_ms: u64,
}

impl Trial {
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        match self.first() {
            // Whoever is not there at all has no further faults.
            Err(finding) => return vec![finding],
            Ok(found) => findings.extend(found),
        }
        findings.extend(self.slow_body());
        findings.extend(self.pieces());
        findings.extend(self.large_body());
        findings.extend(self.hold());
        findings.sort_by_key(|finding| !finding.is_error);
        findings
    }

    fn query(&self, what: &str) -> String {
        format!("EaselProbe={}&Do={what}", self.token)
    }

    /// Asks how a request with that body arrives.
    fn echo(&self, line: &mut Line, body: &[u8]) -> Result<Answer, WireError> {
        line.send(&self.target, &self.query("echo"), &HEADERS, body)?;
        line.answer(Duration::from_secs(60))
    }

    /// Whether the server is there, what of a request arrives, and whether the connection is kept for the next.
    fn first(&self) -> Result<Vec<Finding>, Finding> {
        let unreachable =
            |error: WireError| Finding::error(format!("no answer comes from {}: {error}", self.target), Cure::Reach);
        let mut line = Line::connect(&self.target).map_err(unreachable)?;
        let answer = self.echo(&mut line, b"x").map_err(unreachable)?;
        let arrived = Self::arrived(&answer).ok_or_else(|| {
            let what = format!("{} answers {} where this server answers 200", self.target, answer.code);
            Finding::error(what, Cure::Route)
        })?;
        let mut findings = Vec::new();
        for (name, sent) in HEADERS {
            match arrived.headers.get(name).and_then(Value::as_str) {
                Some(value) if value == sent => {}
                Some(value) => {
                    findings.push(Finding::error(format!("the header {name} arrives as {value:?}"), Cure::Header));
                }
                None => findings.push(Finding::error(format!("the header {name} does not arrive"), Cure::Header)),
            }
        }
        if answer.header("ms-server-activesync").is_none() {
            findings.push(Finding::error("answers lose the header MS-Server-ActiveSync".to_owned(), Cure::Header));
        }
        let (from, seen) = (line.local(), arrived.peer);
        if seen != from {
            let what = format!("the server sees the address {seen}, where this check asked from {from}");
            findings.push(Finding::warning(what, Cure::Address));
        }
        let again = !answer.is_last() && self.echo(&mut line, b"x").is_ok_and(|answer| answer.code == 200);
        if !again {
            let what = "the connection is closed after each answer: every request costs a TLS handshake".to_owned();
            findings.push(Finding::warning(what, Cure::KeepAlive));
        }
        Ok(findings)
    }

    fn arrived(answer: &Answer) -> Option<Arrived> {
        (answer.code == 200).then(|| serde_json::from_slice(&answer.body).ok()).flatten()
    }

    /// Whether a body that takes two seconds arrives while it is sent.
    fn slow_body(&self) -> Option<Finding> {
        let try_it = || -> Result<Option<Arrived>, WireError> {
            let mut line = Line::connect(&self.target)?;
            line.head(&self.target, &self.query("echo"), &HEADERS, SLOW_BYTES)?;
            for _ in 0..SLOW_PIECES {
                line.body(&vec![0; SLOW_BYTES / SLOW_PIECES])?;
                pause(SLOW_PAUSE);
            }
            Ok(Self::arrived(&line.answer(Duration::from_secs(60))?))
        };
        match try_it() {
            Ok(Some(arrived)) if arrived.bytes != SLOW_BYTES => {
                let what = format!("of a body of {SLOW_BYTES} bytes {} arrive", arrived.bytes);
                Some(Finding::error(what, Cure::RequestBuffer))
            }
            // The last piece is sent a second and a half after the head.
            Ok(Some(arrived)) if arrived.over_ms < 500 => {
                let what =
                    "a request is kept back until its body is complete: a large mail takes twice as long".to_owned();
                Some(Finding::warning(what, Cure::RequestBuffer))
            }
            Ok(Some(_)) => None,
            Ok(None) => Some(Finding::error("a body that comes slowly is refused".to_owned(), Cure::SlowBody)),
            Err(error) => Some(Finding::error(format!("a body that comes slowly is cut off: {error}"), Cure::SlowBody)),
        }
    }

    /// Whether the pieces of an answer pass as they come.
    fn pieces(&self) -> Option<Finding> {
        let answer = Line::connect(&self.target).and_then(|mut line| {
            line.send(&self.target, &self.query("pieces"), &HEADERS, b"")?;
            line.answer(Duration::from_secs(60))
        });
        match answer {
            Ok(answer) if answer.body != b"01234" => {
                let what = format!("an answer in pieces arrives changed (code {}, {:?})", answer.code, answer.text());
                Some(Finding::error(what, Cure::Change))
            }
            // Five pieces, a second apart: four seconds lie between the first and the last.
            Ok(answer) if answer.span() < Duration::from_secs(3) => {
                let (first, span) = (answer.first().as_secs_f32(), answer.span().as_secs_f32());
                let what = format!(
                    "answers are kept back: of 5 bytes sent a second apart the first came after {first:.1} s, all within {span:.1} s"
                );
                Some(Finding::error(what, Cure::AnswerBuffer))
            }
            Ok(_) => None,
            Err(error) => Some(Finding::error(format!("an answer in pieces is cut off: {error}"), Cure::AnswerBuffer)),
        }
    }

    /// Whether a body passes that is as large as this server takes.
    fn large_body(&self) -> Option<Finding> {
        let most = self.body_bytes;
        let mib = most >> 20;
        let body = vec![0; most];
        let mut line = Line::connect(&self.target).ok()?;
        // Who refuses may do so before everything is sent, and close.
        let sent = line.send(&self.target, &self.query("echo"), &HEADERS, &body);
        match (line.answer(Duration::from_secs(300)), sent) {
            (Ok(answer), _) => match Self::arrived(&answer) {
                Some(arrived) if arrived.bytes == most => None,
                Some(arrived) => Some(Finding::error(
                    format!("of a body of {most} bytes {} arrive", arrived.bytes),
                    Cure::Body(most),
                )),
                None => {
                    let what = format!("a body of {mib} MiB is refused with {}", answer.code);
                    Some(Finding::error(what, Cure::Body(most)))
                }
            },
            (Err(_), Err(error)) | (Err(error), Ok(())) => {
                Some(Finding::error(format!("a body of {mib} MiB is cut off: {error}"), Cure::Body(most)))
            }
        }
    }

    /// Whether a request may wait.
    fn hold(&self) -> Option<Finding> {
        let secs = self.hold_secs;
        let mut line = Line::connect(&self.target).ok()?;
        let began = line.now();
        let answer = line
            .send(&self.target, &self.query(&format!("hold-{secs}")), &HEADERS, b"")
            .and_then(|()| line.answer(Duration::from_secs(u64::from(secs) + 30)));
        let after = line.since(began).as_secs();
        let cut = match answer {
            Ok(answer) if answer.code == 200 => return None,
            Ok(answer) => format!("answered with {}", answer.code),
            Err(error) => format!("cut off ({error})"),
        };
        Some(Finding::error(format!("a request that was to wait {secs} seconds was {cut} after {after}"), Cure::Wait))
    }
}

#[expect(clippy::disallowed_methods, reason = "a body is sent slowly on purpose, by a program that does nothing else")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
