//! Folders and items of a mailbox: where an import goes, and what an export reads.

use std::collections::HashMap;

use easel_protocol::{Class, CollectionId, FolderType, ServerId, WindowKey};
use easel_store::{ChangeSet, Content, Folder, Order, POSITION_START, Position, StoreError, UserId, Write};

use super::office::{Office, Refusal};
use super::{FolderNumber, FolderShown, LoginName, PIECE_BYTES_MAX, Reply};
use crate::import::MailState;

/// Folders inside folders.
const DEPTH_MAX: usize = 16;
/// Characters of a folder's name. MS-ASCMD 2.2.3.49.2 "DisplayName (FolderCreate)".
const NAME_CHARS_MAX: usize = 256;
/// Items listed in one look at the store.
const PAGE: usize = 5000;
/// How often work is repeated when the mailbox changed meanwhile.
const ATTEMPTS: usize = 3;

/// The folder at `path`, made where it is missing; an empty path is the default folder of the class.
pub(super) fn open(office: &Office, login: &LoginName, path: &[String], class: Class) -> Result<Reply, Refusal> {
    let user = office.user(login)?.id;
    check_path(path)?;
    for _ in 0..ATTEMPTS {
        let folders = office.store.snapshot(user)?.folders()?;
        if path.is_empty() {
            let folder = folders.iter().find(|folder| folder.kind == FolderType::default_for(class));
            let folder = folder.ok_or_else(|| Refusal(format!("the mailbox has no folder for {class}")))?;
            return Ok(Reply::Folder { folder: folder.id.number() });
        }
        match make(office, user, &folders, path, class) {
            Ok(reply) => return reply,
            // Somebody made or removed one of the folders meanwhile: look again.
            Err(StoreError::Exists(_) | StoreError::NotFound(_) | StoreError::Stale) => {}
            Err(
                error @ (StoreError::Backend { .. }
                | StoreError::Disk { .. }
                | StoreError::OverQuota { .. }
                | StoreError::TooNew { .. }
                | StoreError::Unreadable { .. }),
            ) => {
                return Err(error.into());
            }
        }
    }
    Err(Refusal(format!("the folder {} cannot be made: the mailbox keeps changing", path.join("/"))))
}

fn check_path(path: &[String]) -> Result<(), Refusal> {
    if path.len() > DEPTH_MAX {
        return Err(Refusal(format!("{} folders inside one another are more than {DEPTH_MAX}", path.len())));
    }
    let bad = |name: &&String| {
        name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control)
    };
    match path.iter().find(bad) {
        Some(name) => Err(Refusal(format!("{name:?} is no name of a folder"))),
        None => Ok(()),
    }
}

fn make(
    office: &Office,
    user: UserId,
    folders: &[Folder],
    path: &[String],
    class: Class,
) -> Result<Result<Reply, Refusal>, StoreError> {
    let mut parent = None;
    let mut changes = ChangeSet::new(user);
    for (depth, name) in path.iter().enumerate() {
        let is = |folder: &&Folder| folder.parent == parent && folder.name.to_lowercase() == name.to_lowercase();
        let last = depth + 1 == path.len();
        // Inside a folder that is new there is nothing yet.
        match folders.iter().find(is).filter(|_| changes.writes.is_empty()) {
            Some(folder) if last && folder.kind.class() != Some(class) => {
                let holds = folder.kind.class().map_or("nothing that is synchronised", Class::name);
                return Ok(Err(Refusal(format!("the folder {} holds {holds}, not {class}", path.join("/")))));
            }
            Some(folder) => parent = Some(folder.id),
            None => {
                let id = office.store.reserve_folder(user)?;
                let kind = FolderType::made_by_user(class);
                changes.writes.push(Write::AddFolder { id, parent, name: name.clone(), kind });
                parent = Some(id);
            }
        }
    }
    if !changes.writes.is_empty() {
        office.store.commit(changes)?;
    }
    let folder = parent.expect("the path names a folder").number();
    Ok(Ok(Reply::Folder { folder }))
}

/// Every folder, with its path.
pub(super) fn folders(office: &Office, login: &LoginName) -> Result<Reply, Refusal> {
    let user = office.user(login)?.id;
    let snapshot = office.store.snapshot(user)?;
    let folders = snapshot.folders()?;
    let by_id: HashMap<CollectionId, &Folder> = folders.iter().map(|folder| (folder.id, folder)).collect();
    let mut shown = Vec::new();
    for folder in &folders {
        let items = snapshot.count(folder.id)?;
        shown.push(FolderShown { number: folder.id.number(), path: path(folder, &by_id), kind: folder.kind, items });
    }
    Ok(Reply::Folders { folders: shown })
}

/// A ring of parents, which a store should not hold, ends at the number of folders.
fn path(folder: &Folder, by_id: &HashMap<CollectionId, &Folder>) -> Vec<String> {
    let above = |folder: &&Folder| folder.parent.and_then(|parent| by_id.get(&parent)).copied();
    let mut path: Vec<String> =
        std::iter::successors(Some(folder), above).take(by_id.len()).map(|folder| folder.name.clone()).collect();
    path.reverse();
    path
}

/// The numbers of every item of a folder, in the order they came.
pub(super) fn items(office: &Office, login: &LoginName, folder: FolderNumber) -> Result<Reply, Refusal> {
    let user = office.user(login)?.id;
    let folder = CollectionId::new(folder);
    let snapshot = office.store.snapshot(user)?;
    let mut numbers = Vec::new();
    let mut start: Position = (WindowKey(i64::MIN), ServerId::new(0));
    loop {
        let page = snapshot.range(folder, start..POSITION_START, Order::Ascending, PAGE)?;
        numbers.extend(page.iter().map(|(_, id)| id.number()));
        match page.last() {
            Some((key, id)) if page.len() == PAGE => start = (*key, ServerId::new(id.number() + 1)),
            Some(_) | None => break,
        }
    }
    numbers.sort_unstable();
    Ok(Reply::Items { numbers })
}

/// A piece of an item.
pub(super) fn read(office: &Office, login: &LoginName, item: u64, offset: u64) -> Result<(Reply, Vec<u8>), Refusal> {
    let user = office.user(login)?.id;
    let snapshot = office.store.snapshot(user)?;
    let Some(item) = snapshot.item(ServerId::new(item))? else { return Ok((Reply::Gone, Vec::new())) };
    let end = offset.saturating_add(PIECE_BYTES_MAX as u64);
    match item.content {
        Content::Mail(mail) => {
            let bytes = snapshot.blob(mail.blob, offset..end.min(mail.size))?;
            Ok((Reply::Item { bytes: mail.size, state: Some(MailState::of(&mail.record)) }, bytes))
        }
        Content::Object(text) => {
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
            let to = usize::try_from(end).unwrap_or(usize::MAX).min(text.len());
            Ok((Reply::Item { bytes: text.len() as u64, state: None }, text.as_bytes()[from..to].to_vec()))
        }
    }
}
