//! One HTTP request: path and method, login, request line, body; then the command, and its answer.
//!
//! MS-ASHTTP 2.2.1 "Request", 2.2.2 "Response". Nothing of a body is read before its sender is logged in.

mod body;
mod error;
mod seen;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use easel_commands::{Answer, EntryRules, Request as CommandRequest, Sink};
use easel_protocol::{DeviceFacts, RequestLine, Version};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::authenticate::Credentials;
use crate::budgets::{Leave, TooMuch};
use crate::commands::Turn;
use crate::connection::Slot;
use crate::devices::{DeviceName, Devices};
use crate::gzip;
use crate::login::Session;
use crate::memory::REQUEST;
use crate::metrics::Throttled;
use crate::newcomers::Newcomer;
use crate::park::{self, FirstLook, Visitor};
use crate::probe;
use crate::shared::{Begun, Shared};
use crate::sink::{AnswerBody, CutShort, Stream};
use crate::throttle::Origin;
use crate::trace::{Spent, Trace};
use crate::workers::Fate;

pub(crate) use error::HttpError;
use seen::Seen;

const METHODS: &str = "OPTIONS,POST";

/// Longest User-Agent handed on, in characters.
const USER_AGENT_MAX: usize = 256;

/// Answers a request; the future stays pending for good when the request is to wait outside of hyper.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    peer: IpAddr,
    slot: &Slot,
    newcomer: &Newcomer,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, CutShort> {
    if let Some(prepared) = slot.take_prepared() {
        return Ok(prepared);
    }
    let seen = Seen::of(shared, &request);
    let line = Line::of(&request);
    let version = line.version();
    match exchange(shared, peer, newcomer, line, request).await {
        Ok(Exchange::Begun(begun, leave)) => respond(shared, begun, leave),
        Ok(Exchange::Wait(look)) => match look {
            FirstLook::Answer(answer) => answer,
            FirstLook::Wait(ticket) => {
                slot.leave(ticket);
                std::future::pending().await
            }
        },
        Err(error) => {
            shared.metrics.refused(error.code());
            tracing::info!(%peer, code = error.code(), %error, "request refused");
            if let Some(seen) = seen {
                seen.refused(&error, shared.clock.now());
            }
            Ok(refuse(shared, &error, version))
        }
    }
}

enum Exchange {
    /// What is under way until it is taken.
    Begun(Begun, Option<Arc<Leave>>),
    Wait(FirstLook),
}

async fn exchange(
    shared: &Arc<Shared>,
    peer: IpAddr,
    newcomer: &Newcomer,
    line: Line,
    request: Request<Incoming>,
) -> Result<Exchange, HttpError> {
    if !is_endpoint(request.uri().path()) {
        body::drain(request).await;
        return Err(HttpError::NotFound);
    }
    let is_options = match *request.method() {
        Method::OPTIONS => true,
        Method::POST => false,
        Method::GET if rules(shared, peer, &line, &request).await?.answers_get => {
            body::drain(request).await;
            return Ok(Exchange::Begun(Begun::Whole { answer: Answer::empty(), gzipped: false }, None));
        }
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::PATCH => {
            body::drain(request).await;
            return Err(HttpError::MethodNotAllowed);
        }
        _ => return Err(HttpError::MethodUnknown),
    };
    if let Some(probe) = shared.probes.asked(request.uri().query(), shared.clock.now())
        && !is_options
    {
        newcomer.welcome();
        let answer = probe::answer(shared, peer, probe, request).await;
        return answer.map(|begun| Exchange::Begun(begun, None));
    }
    let logged_in = {
        let _busy = newcomer.busy();
        log_in(shared, peer, &line, &request).await
    };
    let session = match logged_in {
        Ok(session) => {
            newcomer.welcome();
            session
        }
        Err(error) => {
            body::drain(request).await;
            return Err(error);
        }
    };
    if is_options {
        options(shared, peer, session, &line, request).await
    } else {
        post(shared, peer, session, line, request).await
    }
}

/// K: G24. Any case, with or without a slash at the end, and the name some old clients add.
fn is_endpoint(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = match path.len().checked_sub("/default.eas".len()).and_then(|at| path.split_at_checked(at)) {
        Some((start, end)) if end.eq_ignore_ascii_case("/default.eas") => start,
        Some(_) | None => path,
    };
    path.eq_ignore_ascii_case("/Microsoft-Server-ActiveSync")
}

/// K: G25. A request without credentials is challenged, and counts for nothing.
async fn log_in(shared: &Shared, peer: IpAddr, line: &Line, request: &Request<Incoming>) -> Result<Session, HttpError> {
    let value = request.headers().get(header::AUTHORIZATION).ok_or(HttpError::NoCredentials)?;
    let rules = rules(shared, peer, line, request).await?;
    if rules.is_denied {
        return Err(HttpError::CloudDenied);
    }
    let credentials = Credentials::from_header(value.as_bytes(), rules.charset).ok_or(HttpError::NoCredentials)?;
    let named = line.named();
    let user = named.and_then(|line| line.user.as_deref());
    let credentials = credentials.under(&rules, user).ok_or(HttpError::WrongCredentials)?;
    let origin = if rules.is_cloud { Origin::Cloud(peer) } else { Origin::Device(peer) };
    let device = named.map(|line| line.device_id.as_str());
    shared.logins.check_on(&credentials, origin, device).await.map_err(HttpError::from)
}

/// What holds for a request before anybody is logged in: what a plugin says of it is asked on a worker, once.
async fn rules(
    shared: &Shared,
    peer: IpAddr,
    line: &Line,
    request: &Request<Incoming>,
) -> Result<EntryRules, HttpError> {
    let facts = told(shared, peer, line, request);
    if let Some(rules) = shared.commands.entry_rules(&facts, false) {
        return Ok(rules);
    }
    let (sender, answer) = oneshot::channel();
    let commands = Arc::clone(&shared.commands);
    let asking = move |fate| {
        if fate == Fate::Done {
            // Whoever asked may have gone.
            let _ = sender.send(commands.entry_rules(&facts, true).unwrap_or_default());
        }
    };
    shared.workers.submit(None, asking);
    answer.await.map_err(|_| shared.too_much(Throttled::Workers))
}

/// What a request says of its device, whatever its command.
fn told(shared: &Shared, peer: IpAddr, line: &Line, request: &Request<Incoming>) -> DeviceFacts {
    let line = line.named();
    let mut facts = DeviceFacts {
        user_agent: user_agent(request.headers()).trim().to_owned(),
        device_id: line.map(|line| line.device_id.clone()).unwrap_or_default(),
        device_type: line.map(|line| line.device_type.clone()).unwrap_or_default(),
        origin: shared.clouds.load().origin(peer),
        ..DeviceFacts::default()
    };
    let wanted = shared.commands.headers();
    facts.saw_headers(&wanted, &picked(&wanted, request.headers()));
    facts
}

/// The wanted headers of a request, names in lower case; of one that comes more than once, all values. MS-ASHTTP has
/// no word on them: RFC 9110 5.3 "Field Order".
fn picked(wanted: &BTreeSet<String>, headers: &HeaderMap) -> Vec<(String, String)> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let names = headers.keys().map(HeaderName::as_str).filter(|name| wanted.contains(*name));
    let values = |name: &str| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ")
    };
    names.map(|name| (name.to_owned(), values(name))).collect()
}

/// The request line, read once.
struct Line {
    whole: Result<RequestLine, HttpError>,
    /// Of one that names no command, or a wrong one: device and user at least.
    rest: Option<RequestLine>,
}

impl Line {
    fn of(request: &Request<Incoming>) -> Self {
        let whole = request_line(request);
        let rest = whole.is_err().then(|| {
            let query = request.uri().query().unwrap_or_default();
            RequestLine::parse(&format!("Cmd=Ping&{query}"), None, None, None).ok()
        });
        Self { whole, rest: rest.flatten() }
    }

    /// Device and user of a request, whatever its command; `None` when it names no device.
    fn named(&self) -> Option<&RequestLine> {
        self.whole.as_ref().ok().or(self.rest.as_ref())
    }

    /// The version of a request; OPTIONS names none.
    fn version(&self) -> Option<Version> {
        self.whole.as_ref().ok()?.version
    }
}

/// Lets a request be under way, within the budgets of its device and its user. Whoever comes again although it was told
/// to stay away gets the answer a moment later, so that a device in a tight loop is one in a slow loop.
async fn let_in(
    shared: &Shared,
    device: &DeviceName,
    command: &'static str,
    now: Timestamp,
) -> Result<Arc<Leave>, HttpError> {
    let leave = match shared.budgets.enter(device, now) {
        Ok(leave) => leave,
        Err(too_much) => {
            shared.metrics.throttle(too_much.why);
            shared.activity.refuse(device.clone(), command, now);
            if too_much.again {
                tokio::time::sleep(shared.limits.loop_pause).await;
            }
            let TooMuch { retry_after_secs, condition, .. } = too_much;
            return Err(HttpError::OverBudget { retry_after_secs, condition });
        }
    };
    leave.hold(REQUEST).map_err(|full| shared.no_room(full))?;
    Ok(Arc::new(leave))
}

/// MS-ASHTTP 2.2.3 "HTTP OPTIONS Command": the versions, for the device if the client names it.
async fn options(
    shared: &Arc<Shared>,
    peer: IpAddr,
    session: Session,
    line: &Line,
    request: Request<Incoming>,
) -> Result<Exchange, HttpError> {
    let facts = told(shared, peer, line, &request);
    body::drain(request).await;
    let device = Devices::name(session.user.id, &facts.device_id);
    let leave = let_in(shared, &device, "OPTIONS", shared.clock.now()).await?;
    let trace = Arc::new(Trace {
        peer,
        user: session.user.id,
        device: facts.device_id.clone(),
        command: "OPTIONS",
        version: 0,
        received: 0,
        began: shared.clock.now(),
        spent: Spent::default(),
        metrics: Arc::clone(&shared.metrics),
        active: shared.activity.begin(session.user.id, &facts.device_id, "OPTIONS", shared.clock.now()),
        recording: shared.recorder.begin(&facts.device_id),
    });
    let (inner, told) = (Arc::clone(shared), Arc::clone(&trace));
    let command = move |_: &mut dyn Sink| {
        let user = match inner.logins.recheck(&session) {
            Ok(user) => user,
            Err(denied) => return refused(&inner, &told, &denied.into()),
        };
        let offer = inner.commands.offer(&user, &facts);
        let mut headers = vec![
            ("ms-asprotocolversions".into(), easel_protocol::version_list(offer.versions)),
            ("ms-asprotocolcommands".into(), inner.commands.names()),
            ("public".into(), METHODS.to_owned()),
            ("allow".into(), METHODS.to_owned()),
        ];
        headers.extend(offer.headers);
        Turn::Answer(Answer { headers, ..Answer::empty() })
    };
    let begun = shared.run(None, Arc::clone(&leave), false, trace, command).await;
    let begun = begun.map_err(|_| shared.too_much(Throttled::Workers))?;
    Ok(Exchange::Begun(begun, Some(leave)))
}

/// MS-ASHTTP 2.2.1 "HTTP POST Command".
async fn post(
    shared: &Arc<Shared>,
    peer: IpAddr,
    session: Session,
    line: Line,
    request: Request<Incoming>,
) -> Result<Exchange, HttpError> {
    let began = shared.clock.now();
    let headers = request.headers();
    let line = match line.whole {
        Ok(line) => line,
        Err(error) => {
            body::drain(request).await;
            return Err(error);
        }
    };
    let device = Devices::name(session.user.id, &line.device_id);
    let leave = match let_in(shared, &device, line.command.name(), began).await {
        Ok(leave) => leave,
        Err(error) => {
            body::drain(request).await;
            return Err(error);
        }
    };
    let gzip = text(headers, header::ACCEPT_ENCODING).is_some_and(gzip::is_accepted);
    let version = request.version();
    let close = version < hyper::Version::HTTP_11
        || text(headers, header::CONNECTION)
            .is_some_and(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("close")));
    let gzipped = body::is_gzipped(headers)?;
    let user_agent = user_agent(headers);
    let picked = picked(&shared.commands.headers(), headers);
    let origin = shared.clouds.load().origin(peer);
    let content_type = text(headers, header::CONTENT_TYPE).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = body::read(shared, &leave, request).await?;
    let trace = Arc::new(Trace {
        peer,
        user: session.user.id,
        device: line.device_id.clone(),
        command: line.command.name(),
        version: line.version.map_or(0, Version::times_ten),
        received: body.bytes.len(),
        began,
        spent: Spent::default(),
        metrics: Arc::clone(&shared.metrics),
        active: shared.activity.begin(session.user.id, &line.device_id, line.command.name(), shared.clock.now()),
        recording: shared.recorder.begin(&line.device_id),
    });
    let pass = shared.devices.pass(device.clone()).await.map_err(|_| shared.too_much(Throttled::Device))?;
    let visitor = Visitor { session: session.clone(), device, trace: Arc::clone(&trace), gzip, close, version };
    let (inner, told) = (Arc::clone(shared), Arc::clone(&trace));
    let command = move |sink: &mut dyn Sink| {
        let user = match inner.logins.recheck(&session) {
            Ok(user) => user,
            Err(denied) => return refused(&inner, &told, &denied.into()),
        };
        let plain = match body.plain(gzipped, &inner) {
            Ok(plain) => plain,
            Err(error) => return refused(&inner, &told, &error),
        };
        if let Some(recording) = &told.recording {
            recording.request(&plain);
        }
        let request = CommandRequest {
            line: &line,
            user: &user,
            user_agent: &user_agent,
            headers: &picked,
            origin: Some(origin),
            content_type: &content_type,
            body: &plain,
            now: inner.clock.now(),
        };
        inner.commands.handle(&request, sink)
    };
    let begun = shared.run(Some(pass), Arc::clone(&leave), gzip, trace, command).await;
    match begun.map_err(|_| shared.too_much(Throttled::Workers))? {
        Begun::Wait(wait) => Ok(Exchange::Wait(park::first_look(shared, wait, visitor).await)),
        begun @ (Begun::Whole { .. } | Begun::Stream(_) | Begun::Cut) => Ok(Exchange::Begun(begun, Some(leave))),
    }
}

/// What a worker answers in the place of the command.
pub(crate) fn refused(shared: &Shared, trace: &Trace, error: &HttpError) -> Turn {
    trace.refused(error);
    Turn::Answer(error.answer(shared, trace.version()))
}

fn request_line(request: &Request<Incoming>) -> Result<RequestLine, HttpError> {
    let headers = request.headers();
    let line = RequestLine::parse(
        request.uri().query().unwrap_or_default(),
        text(headers, HeaderName::from_static("ms-asprotocolversion")),
        text(headers, HeaderName::from_static("x-ms-policykey")),
        text(headers, HeaderName::from_static("ms-asacceptmultipart")),
    )?;
    Ok(line)
}

fn user_agent(headers: &HeaderMap) -> String {
    let bytes = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(bytes).chars().take(USER_AGENT_MAX).collect()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The answer to a request of that version that no command sees.
pub(crate) fn refuse(shared: &Shared, error: &HttpError, version: Option<Version>) -> Response<AnswerBody> {
    head(shared, error.answer(shared, version), false, |bytes| AnswerBody::whole(bytes, None))
}

/// An answer as HTTP; what is under way until it is taken.
pub(crate) fn respond(
    shared: &Shared,
    begun: Begun,
    leave: Option<Arc<Leave>>,
) -> Result<Response<AnswerBody>, CutShort> {
    match begun {
        Begun::Whole { answer, gzipped } => Ok(head(shared, answer, gzipped, |bytes| AnswerBody::whole(bytes, leave))),
        Begun::Stream(Stream { pieces, gzipped }) => {
            let wbxml = Some("application/vnd.ms-sync.wbxml".to_owned());
            let answer = Answer { content_type: wbxml, ..Answer::empty() };
            Ok(head(shared, answer, gzipped, |_| AnswerBody::pieces(pieces, leave)))
        }
        Begun::Wait(_) | Begun::Cut => Err(CutShort),
    }
}

/// MS-ASHTTP 2.2.2.1.2 "Response Headers".
fn head(
    shared: &Shared,
    answer: Answer,
    gzipped: bool,
    body: impl FnOnce(bytes::Bytes) -> AnswerBody,
) -> Response<AnswerBody> {
    let Answer { code, content_type, headers, body: bytes } = answer;
    let mut response = Response::new(body(bytes.into()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let head = response.headers_mut();
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    head.insert("ms-server-activesync", shared.server_version.clone());
    if gzipped {
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let content_type = content_type.map(|value| ("content-type".into(), value));
    for (name, value) in content_type.into_iter().chain(headers) {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(value)) => drop(head.insert(name, value)),
            (Ok(_) | Err(_), _) => tracing::error!(%name, "an answer has a header that cannot be sent"),
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g24_the_endpoint_has_any_case_a_slash_or_a_file_name() {
        for path in [
            "/Microsoft-Server-ActiveSync",
            "/microsoft-server-activesync/",
            "/MICROSOFT-SERVER-ACTIVESYNC",
            "/Microsoft-Server-ActiveSync/default.eas",
            "/Microsoft-Server-ActiveSync/Default.EAS",
        ] {
            assert!(is_endpoint(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/Microsoft-Server-ActiveSync2",
            "/Microsoft-Server-ActiveSync/x",
            "/default.eas",
            "/\u{e9}/default.eas",
        ] {
            assert!(!is_endpoint(path), "{path}");
        }
    }
}
