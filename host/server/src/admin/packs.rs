//! Packs: what an administrator does with them.

use super::office::{Office, Refusal};
use super::{PackOrder, Reply};

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

pub(super) fn log(office: &Office, pack: Option<&str>) -> Result<Reply, Refusal> {
    Ok(Reply::PackLines { lines: office.packs()?.lines(pack, office.now()) })
}

pub(super) fn guides(office: &Office) -> Result<Reply, Refusal> {
    Ok(Reply::Guides { guides: office.packs()?.guides() })
}
