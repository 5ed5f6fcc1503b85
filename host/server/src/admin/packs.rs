//! Packs: what an administrator does with them.

use std::time::Duration;

use super::office::{Office, Refusal};
use super::{PackOrder, Reply};
use crate::packs::{PackListening, PackRoom};

/// How long a conversation waits for what packs write: by then it notices that the other side has gone.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn list(office: &Office) -> Result<Reply, Refusal> {
    let room = office.packs()?;
    Ok(Reply::Packs { packs: room.list().map_err(Refusal)?, pins: room.pins() })
}

/// `bytes` is `None` for a file over the bound of everything that is taken in.
pub(super) fn install(
    office: &Office,
    name: &str,
    bytes: Option<Vec<u8>>,
    signature: Option<&str>,
    allow_unsigned: bool,
) -> Result<Reply, Refusal> {
    let bytes = bytes.ok_or_else(|| Refusal(format!("{name} is too large for a pack")))?;
    let installed = office.packs()?.install(name, &bytes, signature, allow_unsigned);
    let (id, version) = installed.map_err(Refusal)?;
    Ok(Reply::Pack { id, version: Some(version) })
}

pub(super) fn order(office: &Office, id: &str, order: PackOrder) -> Result<Reply, Refusal> {
    let version = office.packs()?.order(id, order).map_err(Refusal)?;
    Ok(Reply::Pack { id: id.to_owned(), version })
}

pub(super) fn pin(office: &Office, device: &str, pack: Option<&str>) -> Result<Reply, Refusal> {
    office.packs()?.pin(device, pack).map_err(Refusal)?;
    Ok(Reply::Done)
}

/// The packs of a server that runs: without one they are not asked anything, and write nothing.
fn speaking(office: &Office) -> Result<&PackRoom, Refusal> {
    if office.server.is_none() {
        return Err(Refusal("no server runs, and packs write only while one does: `easel serve` starts it".to_owned()));
    }
    office.packs().map(|room| &**room)
}

pub(super) fn keep_lines(office: &Office, minutes: u32) -> Result<Reply, Refusal> {
    speaking(office)?.keep_lines(Duration::from_secs(u64::from(minutes) * 60));
    Ok(Reply::Done)
}

pub(super) fn listen(office: &Office) -> Result<PackListening, Refusal> {
    let listening = speaking(office)?.listen();
    listening.ok_or_else(|| Refusal("eight follow what packs write already: end one of them".to_owned()))
}

pub(super) fn lines(office: &Office, pack: Option<&str>, after: u64, wait: bool) -> Result<Reply, Refusal> {
    let patience = if wait { PATIENCE } else { Duration::ZERO };
    Ok(Reply::PackLines { page: speaking(office)?.lines(pack, after, patience, || office.now()) })
}

pub(super) fn guides(office: &Office) -> Result<Reply, Refusal> {
    Ok(Reply::Guides { guides: office.packs()?.guides() })
}
