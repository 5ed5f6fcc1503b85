//! One case, played and compared. The only place that touches the API.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use easel_commands::{Reply, Request, Sink, SinkClosed, Why};
use easel_protocol::{Command, QueryForm, RequestLine};
use easel_store::{Content, Device, Order, POSITION_START, Provisioning, Store as _};
use easel_wbxml::xml::{from_xml, to_xml};
use easel_wbxml::{Element, decode, encode};

use crate::case::{Case, Query};
use crate::statuses;
use crate::world::{World, wipe};

const WBXML: &str = "application/vnd.ms-sync.wbxml";
const MESSAGE: &str = "message/rfc822";

/// Whether the case is answered as it is written.
pub(crate) fn check(case: &Case) -> Result<()> {
    ensure!(!case.toml.source.is_empty(), "nobody says where it comes from");
    if case.toml.unplayed.is_some() {
        return read(case);
    }
    let world = World::of(case);
    for (at, before) in case.toml.before.iter().enumerate() {
        let command = Command::parse(&before.command).context("before: no such command")?;
        let body = match (&before.xml, &before.text) {
            (Some(xml), None) => encode(&from_xml(xml)?),
            (None, text) => text.clone().unwrap_or_default().replace('\n', "\r\n").into_bytes(),
            (Some(_), Some(_)) => bail!("before: either xml or text"),
        };
        let kind = if before.text.is_some() { MESSAGE } else { WBXML };
        let answer = ask(&world, case, command, &before.query, (kind, &body))?;
        ensure!(answer.code == 200, "before[{at}] was answered with {}", answer.code);
    }
    for edit in &case.toml.edit {
        world.edit(case, edit);
    }
    let (kind, body) = request(case)?;
    world.store.fail(&case.toml.fails);
    let answer = ask(&world, case, case.command, &case.toml.query, (kind, &body))?;
    world.store.fail(&[]);
    compare(case, &answer)?;
    after(case, &world).context("afterwards")
}

/// Whether a case that is not played can be read: both documents, as bytes and for people.
fn read(case: &Case) -> Result<()> {
    let (kind, _) = request(case)?;
    ensure!(kind == WBXML, "a case from the grammar has a request.hex");
    ensure!(!case.toml.unplayed.as_ref().is_some_and(String::is_empty), "nobody says why nothing gives this answer");
    ensure!(case.toml.shows.is_empty(), "what a command answers with is played");
    let bytes = case.hex("response.hex").context("no response.hex: run make-request.py")?;
    let xml = case.text("response.xml").context("no response.xml")?;
    ensure!(decode(&bytes).context("response.hex")? == from_xml(&xml)?, "response.xml says something else");
    Ok(())
}

/// The body of the request and its type; what people read must be what is sent.
fn request(case: &Case) -> Result<(&'static str, Vec<u8>)> {
    if let Some(bytes) = case.hex("request.hex") {
        let xml = case.text("request.xml").context("request.hex without request.xml")?;
        // A body that is no WBXML on purpose has an empty XML file beside it.
        if !xml.is_empty() {
            let (sent, read) = (decode(&bytes).context("request.hex")?, from_xml(&xml).context("request.xml")?);
            ensure!(sent == read, "request.hex says {sent:?}");
        }
        return Ok((WBXML, bytes));
    }
    ensure!(case.text("request.xml").is_none(), "request.xml without request.hex: run make-request.py");
    Ok(match case.text("request.eml") {
        Some(text) => (MESSAGE, text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()),
        None => ("", Vec::new()),
    })
}

#[derive(Default)]
struct Pieces(Vec<u8>);

impl Sink for Pieces {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), SinkClosed> {
        self.0.extend(piece);
        Ok(())
    }
}

struct Answered {
    code: u16,
    content_type: Option<String>,
    body: Vec<u8>,
}

fn ask(world: &World, case: &Case, command: Command, query: &Query, (kind, body): (&str, &[u8])) -> Result<Answered> {
    let line = RequestLine {
        form: QueryForm::Plain,
        command,
        version: Some(world.version),
        device_id: case.toml.device.id.clone(),
        device_type: case.toml.device.kind.clone(),
        user: Some(case.toml.user.clone()),
        policy_key: query.policy_key,
        locale: None,
        accept_multipart: query.multipart,
        save_in_sent: query.save_in_sent,
        attachment_name: query.attachment_name.clone(),
        collection_id: query.collection_id.clone(),
        item_id: query.item_id.clone(),
        long_id: query.long_id.clone(),
        occurrence: query.occurrence.clone(),
    };
    let request = Request {
        line: &line,
        user: &world.user,
        user_agent: "",
        headers: &[],
        origin: None,
        content_type: query.content_type.as_deref().unwrap_or(kind),
        body,
        now: world.now,
    };
    let mut pieces = Pieces::default();
    let mut reply = world.service.handle(&request, &mut pieces);
    if let Reply::Park(parked) = reply {
        let why = match case.toml.resume.as_deref() {
            Some("changed") => Why::Changed,
            Some("shutdown") => Why::Shutdown,
            Some("superseded") => Why::Superseded,
            Some("time-up") => Why::TimeUp,
            other => bail!("the request waits, and resume is {other:?}"),
        };
        let now = if why == Why::TimeUp { parked.until } else { world.now };
        reply = world.service.resume(&world.user, parked.resume, why, now, &mut pieces);
    }
    match reply {
        Reply::Answer(answer) => {
            Ok(Answered { code: answer.code, content_type: answer.content_type, body: answer.body })
        }
        Reply::Streamed => Ok(Answered { code: 200, content_type: Some(WBXML.to_owned()), body: pieces.0 }),
        Reply::Park(_) => bail!("the request waits once more"),
        Reply::Cut => bail!("the answer was cut off"),
    }
}

fn compare(case: &Case, answer: &Answered) -> Result<()> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write(case, answer)?;
    }
    ensure!(answer.code == case.toml.code, "answered with {}, not {}", answer.code, case.toml.code);
    let said = answer.content_type.as_deref() == Some(WBXML);
    let wanted = case.toml.content_type.as_deref().or(said.then_some(WBXML));
    ensure!(answer.content_type.as_deref() == wanted, "the answer is {:?}", answer.content_type);
    let golden = if said { case.hex("response.hex") } else { case.hex("response.raw.hex") };
    let shown = || if said { format!("{:#?}", decode(&answer.body)) } else { format!("{:02x?}", answer.body) };
    ensure!(answer.body == golden.unwrap_or_default(), "answered with\n{}", shown());
    if !said {
        return Ok(());
    }
    let tree = decode(&answer.body).context("the answer")?;
    let xml = case.text("response.xml").context("no response.xml")?;
    ensure!(from_xml(&xml)? == tree, "response.xml says something else");
    for status in &case.toml.shows {
        let number = statuses::number(&case.group, status)?;
        ensure!(holds(&tree, &number.to_string()), "{status} is {number}, which the answer does not say");
    }
    Ok(())
}

/// Whether some Status of the answer has that number.
fn holds(element: &Element, number: &str) -> bool {
    let is = element.tag.name() == Some("Status") && element.value() == number;
    is || element.children().any(|child| holds(child, number))
}

fn write(case: &Case, answer: &Answered) -> Result<()> {
    for name in ["response.hex", "response.xml", "response.raw.hex"] {
        let path = case.folder.join(name);
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    if answer.body.is_empty() {
        return Ok(());
    }
    if answer.content_type.as_deref() != Some(WBXML) {
        return Ok(fs::write(case.folder.join("response.raw.hex"), hex(&answer.body))?);
    }
    fs::write(case.folder.join("response.hex"), hex(&answer.body))?;
    Ok(fs::write(case.folder.join("response.xml"), to_xml(&decode(&answer.body)?) + "\n")?)
}

/// Thirty-two bytes a line.
fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    bytes.chunks(32).map(line).collect()
}

fn after(case: &Case, world: &World) -> Result<()> {
    let after = &case.toml.after;
    let snapshot = world.store.snapshot(world.user.id)?;
    let folders = snapshot.folders()?;
    if let Some(wanted) = &after.folders {
        let there: BTreeMap<String, String> =
            folders.iter().map(|folder| (folder.id.to_string(), folder.name.clone())).collect();
        ensure!(there == *wanted, "the folders are {there:?}");
    }
    for (folder, wanted) in &after.items {
        let id = easel_protocol::CollectionId::parse(folder)?;
        let lowest = (easel_protocol::WindowKey(i64::MIN), easel_protocol::ServerId::new(0));
        let found = snapshot.range(id, lowest..POSITION_START, Order::Ascending, 1000)?;
        let mut there: Vec<u64> = found.iter().map(|(_, item)| item.number()).collect();
        there.sort_unstable();
        let there: Vec<String> = there.iter().map(|item| format!("a{item:x}")).collect();
        ensure!(there == *wanted, "in {folder} are {there:?}");
    }
    for (item, wanted) in &after.verbs {
        let found = snapshot.item(easel_protocol::ServerId::parse(item)?)?.context("no such item")?;
        let Content::Mail(mail) = found.content else { bail!("{item} is no mail") };
        let verb = mail.record.last_verb.map_or("none".to_owned(), |last| format!("{:?}", last.verb));
        ensure!(verb == *wanted, "{item} was last {verb}");
    }
    if let Some(wanted) = &after.queue {
        let queue = world.store.due_outgoing(i64::MAX, 1000)?;
        let there: Vec<String> =
            queue.iter().map(|message| format!("{} -> {}", message.sender, message.recipients.join(", "))).collect();
        ensure!(there == *wanted, "the queue is {there:?}");
    }
    let device = world.store.device(world.user.id, &case.toml.device.id, &case.toml.device.kind)?;
    device.map_or(Ok(()), |device| device_after(case, &device))
}

fn device_after(case: &Case, device: &Device) -> Result<()> {
    let after = &case.toml.after;
    let (policy, key) = match device.policy.provisioning {
        Provisioning::Unknown => ("unknown", 0),
        Provisioning::Offered { .. } => ("offered", 0),
        Provisioning::Applied { key, .. } => ("applied", key),
    };
    ensure!(after.policy.as_deref().is_none_or(|wanted| wanted == policy), "the policy is {policy}");
    ensure!(after.policy_key.is_none_or(|wanted| wanted == key), "the policy key is {key}");
    let pending = device.policy.wipe;
    ensure!(after.wipe.as_deref().is_none_or(|wanted| wipe(wanted) == pending), "the wipe is {pending:?}");
    ensure!(after.blocked.is_none_or(|wanted| wanted == device.blocked), "blocked is {}", device.blocked);
    let told = &device.facts.information;
    ensure!(after.information.as_ref().is_none_or(|wanted| wanted == told), "the device told {told:?}");
    Ok(())
}
