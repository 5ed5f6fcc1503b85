//! Stores what an import found: parsing beside one another, then one commit for many.
//!
//! Nothing is remembered beside the store. A mail is there already when the mailbox holds as many copies of it as the
//! import has seen; it is looked for by its Message-ID, or by a hash where it has none, and compared byte by byte, the
//! fields that keep its state left out. Any other object is there already when one with its UID is. So an import that
//! was broken off goes on where it was, and one that is repeated adds nothing.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::sync::Arc;

use easel_items::{BodyPreferences, Owner, View, email};
use easel_protocol::{Class, CollectionId, Facts, MailRecord, ServerId, Version, WindowKey};
use easel_store::{
    BlobId, ChangeSet, Content, Item, Modseq, NewContent, Order, POSITION_START, Position, Snapshot, Store, StoreError,
    User, Write,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::MailState;
use crate::admin::{FolderNumber, ImportOutcome, LoginName, Office, Refusal, Reply, chain};

/// Things committed together.
const BATCH_MAX: usize = 128;
/// Bytes of things held until they are committed.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// Mails looked at in one look at the store.
const NAMELESS_PAGE: usize = 1000;
/// Objects with one UID that are looked at; an import never adds a second one.
const SAME_UID_MAX: usize = 100;

type Hash = [u8; 32];

/// Takes things into one mailbox.
#[derive(Debug)]
pub(crate) struct Intake {
    office: Arc<Office>,
    login: LoginName,
    user: User,
    owner: Owner,
    /// What the mailbox may hold; `None`: anything.
    bytes_max: Option<u64>,
    pending: Vec<Taken>,
    pending_bytes: usize,
    /// Message-IDs, hashed, whose mails in the mailbox are counted in `copies`.
    counted: HashSet<Hash>,
    /// Whether those without Message-ID are.
    counted_nameless: bool,
    /// How many copies of a mail the mailbox had before, and how many the import has seen.
    copies: HashMap<Hash, Copies>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Copies {
    had: u32,
    seen: u32,
}

/// Something taken in; the bytes are `None` where there were too many.
#[derive(Debug)]
pub(crate) enum Taken {
    Mail { number: u64, folder: FolderNumber, state: MailState, bytes: Option<Vec<u8>> },
    Object { number: u64, folder: FolderNumber, class: Class, update: bool, bytes: Option<Vec<u8>> },
}

/// A thing that was parsed.
enum Prepared {
    Mail {
        folder: CollectionId,
        bytes: Vec<u8>,
        index: Vec<u8>,
        record: Box<MailRecord>,
        facts: Facts,
        hash: Hash,
        /// Whether it has no Message-ID.
        nameless: bool,
    },
    Object {
        folder: CollectionId,
        class: Class,
        text: String,
        facts: Facts,
        update: bool,
    },
}

impl Taken {
    fn number(&self) -> u64 {
        match self {
            Self::Mail { number, .. } | Self::Object { number, .. } => *number,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Mail { bytes, .. } | Self::Object { bytes, .. } => bytes.as_ref().map_or(0, Vec::len),
        }
    }
}

impl Intake {
    /// For the mailbox of `user`, whose name is `login`; `over_quota`: whatever it may hold.
    pub(crate) fn new(office: Arc<Office>, login: LoginName, user: User, over_quota: bool) -> Self {
        let bytes_max = office.bytes_max(&user).filter(|_| !over_quota);
        let owner = Owner {
            name: user.display_name.clone(),
            addresses: user.addresses.clone(),
            zone: TimeZone::get(&user.zone).unwrap_or(TimeZone::UTC),
        };
        Self {
            office,
            login,
            user,
            owner,
            bytes_max,
            pending: Vec::new(),
            pending_bytes: 0,
            counted: HashSet::new(),
            counted_nameless: false,
            copies: HashMap::new(),
        }
    }

    pub(crate) fn login(&self) -> &LoginName {
        &self.login
    }

    /// The bytes that may be added, if they are bounded; refused where there are none.
    pub(crate) fn room(&self) -> Result<Option<u64>, Refusal> {
        let Some(most) = self.bytes_max else { return Ok(None) };
        let held = self.office.store.mailbox_bytes(self.user.id)?;
        if held >= most {
            return Err(Refusal(format!(
                "the mailbox of {} is full: it holds {held} bytes of {most}; --over-quota imports all the same, and \
                 `easel user set --quota` lets it hold more",
                self.login
            )));
        }
        Ok(Some(most - held))
    }

    /// Takes something; its outcome comes with this reply or a later one.
    pub(crate) fn take(&mut self, taken: Taken) -> Reply {
        self.pending_bytes += taken.size();
        self.pending.push(taken);
        let full = self.pending.len() >= BATCH_MAX || self.pending_bytes >= BATCH_BYTES_MAX;
        Reply::Imported { outcomes: if full { self.flush() } else { Vec::new() } }
    }

    /// Commits what was taken.
    pub(crate) fn flush(&mut self) -> Vec<(u64, ImportOutcome)> {
        self.pending_bytes = 0;
        let taken = std::mem::take(&mut self.pending);
        let numbers: Vec<u64> = taken.iter().map(Taken::number).collect();
        let prepared = self.prepare(taken);
        let outcomes = self.store(prepared);
        numbers.into_iter().zip(outcomes).collect()
    }

    /// Parses on several threads.
    fn prepare(&self, taken: Vec<Taken>) -> Vec<Result<Prepared, Refusal>> {
        let now = self.office.now();
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(8);
        let share = taken.len().div_ceil(threads).max(1);
        let mut shares: Vec<Vec<Taken>> = Vec::new();
        for one in taken {
            match shares.last_mut().filter(|last| last.len() < share) {
                Some(last) => last.push(one),
                None => shares.push(vec![one]),
            }
        }
        let owner = &self.owner;
        let of_share = move |share: Vec<Taken>| -> Vec<Result<Prepared, Refusal>> {
            share.into_iter().map(|one| prepare(one, owner, now)).collect()
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || of_share(share))).collect();
            running.into_iter().flat_map(|share| share.join().expect("parsing does not panic")).collect()
        })
    }

    /// Commits everything together; where that fails, one by one, so that one thing does not cost its neighbours.
    fn store(&mut self, prepared: Vec<Result<Prepared, Refusal>>) -> Vec<ImportOutcome> {
        let mut outcomes: Vec<Option<ImportOutcome>> = Vec::new();
        let mut new = Vec::new();
        for (at, prepared) in prepared.into_iter().enumerate() {
            let known = prepared.and_then(|prepared| Ok((self.known(&prepared, &new)?, prepared)));
            outcomes.push(match known {
                Ok((Known::New, prepared)) => {
                    new.push((at, prepared, None));
                    None
                }
                Ok((Known::Older(item), prepared)) => {
                    new.push((at, prepared, Some(item)));
                    None
                }
                Ok((Known::Same, _)) => Some(ImportOutcome::Known),
                Ok((Known::Other(reason), _)) => Some(ImportOutcome::Refused { reason }),
                Err(Refusal(reason)) => Some(ImportOutcome::Refused { reason }),
            });
        }
        let together = self.commit(new.iter().map(|(_, prepared, item)| (prepared, *item)));
        for (at, prepared, item) in new {
            let done = match &together {
                Ok(()) => Ok(()),
                Err(_) => self.commit([(&prepared, item)].into_iter()),
            };
            outcomes[at] = Some(match (done, item) {
                (Ok(()), None) => ImportOutcome::Added,
                (Ok(()), Some(_)) => ImportOutcome::Updated,
                (Err(error), _) => ImportOutcome::Refused { reason: why_not(&error) },
            });
        }
        outcomes.into_iter().map(|outcome| outcome.expect("every one was known, refused or committed")).collect()
    }

    fn known(&mut self, prepared: &Prepared, new: &[(usize, Prepared, Option<Older>)]) -> Result<Known, Refusal> {
        match prepared {
            Prepared::Mail { facts, hash, nameless, .. } => {
                if *nameless && !self.counted_nameless {
                    self.count_nameless()?;
                    self.counted_nameless = true;
                }
                let uid = facts.uid.as_deref().expect("every mail taken in has one");
                if self.counted.insert(Sha256::digest(uid).into()) {
                    self.count(uid)?;
                }
                let copies = self.copies.entry(*hash).or_default();
                copies.seen += 1;
                Ok(if copies.seen <= copies.had { Known::Same } else { Known::New })
            }
            Prepared::Object { class, text, facts, update, .. } => {
                let uid = facts.uid.as_deref().expect("every object taken in has one");
                let twin = new.iter().find_map(|(_, other, _)| match other {
                    Prepared::Object { text, facts, .. } if facts.uid.as_deref() == Some(uid) => Some(text),
                    Prepared::Object { .. } | Prepared::Mail { .. } => None,
                });
                match twin {
                    Some(twin) if twin == text => Ok(Known::Same),
                    Some(_) => Ok(Known::Other(format!("UID {uid:?} stands in the import before, with other content"))),
                    None => known_object(&*self.office.store.snapshot(self.user.id)?, *class, uid, text, *update),
                }
            }
        }
    }

    /// Counts the mails of a Message-ID that the mailbox has.
    fn count(&mut self, uid: &str) -> Result<(), StoreError> {
        let snapshot = self.office.store.snapshot(self.user.id)?;
        for id in snapshot.by_uid(uid)? {
            let Some(item) = snapshot.item(id)? else { continue };
            let Content::Mail(mail) = item.content else { continue };
            let hash = email::content_hash(&snapshot.blob(mail.blob, 0..mail.size)?);
            self.copies.entry(hash).or_default().had += 1;
        }
        Ok(())
    }

    /// Counts the mails of the mailbox that neither have a Message-ID nor were given a name by their content, as deliveries
    /// did not once: an import that brings a mail without Message-ID looks through the mailbox, once.
    fn count_nameless(&mut self) -> Result<(), StoreError> {
        let (store, mut found) = (Arc::clone(&self.office.store), Vec::new());
        let folders = store.snapshot(self.user.id)?.folders()?;
        for folder in folders.iter().filter(|folder| folder.kind.class() == Some(Class::Email)) {
            let mut start: Position = (WindowKey(i64::MIN), ServerId::new(0));
            loop {
                let snapshot = store.snapshot(self.user.id)?;
                let page = snapshot.range(folder.id, start..POSITION_START, Order::Ascending, NAMELESS_PAGE)?;
                for (_, id) in &page {
                    let Some(Item { content: Content::Mail(mail), facts, .. }) = snapshot.item(*id)? else { continue };
                    if facts.uid.is_some() {
                        continue;
                    }
                    // One that is lost, or that the disk does not give, is nobody's copy.
                    if let Ok(raw) = snapshot.blob(mail.blob, 0..mail.size) {
                        found.push(email::content_hash(&raw));
                    }
                }
                match page.last() {
                    Some((key, id)) if page.len() == NAMELESS_PAGE => start = (*key, ServerId::new(id.number() + 1)),
                    Some(_) | None => break,
                }
            }
        }
        // All of them or, where the store failed, none: they are counted again then.
        for hash in found {
            self.copies.entry(hash).or_default().had += 1;
        }
        Ok(())
    }

    fn commit<'p>(&self, new: impl Iterator<Item = (&'p Prepared, Option<Older>)>) -> Result<(), StoreError> {
        let new: Vec<_> = new.collect();
        if new.is_empty() {
            return Ok(());
        }
        let store = &self.office.store;
        let mut blobs = put_blobs(&**store, new.iter().map(|(prepared, _)| *prepared))?.into_iter();
        let mut changes = ChangeSet::new(self.user.id);
        let first = store.reserve_items(self.user.id, new.len() as u64)?.number();
        for (id, (prepared, older)) in (first..).zip(new) {
            let id = ServerId::new(id);
            changes.writes.push(match (prepared, older) {
                (Prepared::Mail { folder, bytes, index, record, facts, .. }, _) => {
                    let (blob, size) = (blobs.next().expect("every mail was put"), bytes.len() as u64);
                    let record = MailRecord::clone(record);
                    let content = NewContent::Mail { blob, size, index: index.clone(), record };
                    Write::AddItem { id, folder: *folder, content, facts: facts.clone() }
                }
                (Prepared::Object { folder, text, facts, .. }, None) => {
                    let content = NewContent::Object(text.clone());
                    Write::AddItem { id, folder: *folder, content, facts: facts.clone() }
                }
                (Prepared::Object { text, facts, .. }, Some(Older { id, seen })) => {
                    Write::ChangeContent { id, content: text.clone(), facts: facts.clone(), seen }
                }
            });
        }
        changes.writes.extend(self.bytes_max.map(|bytes_max| Write::Within { bytes_max }));
        store.commit(changes).map(drop)
    }
}

/// Stores the bytes of mails, several at once: a store commits together whoever waits.
fn put_blobs<'p>(store: &dyn Store, prepared: impl Iterator<Item = &'p Prepared>) -> Result<Vec<BlobId>, StoreError> {
    const THREADS: usize = 16;
    let mails: Vec<&[u8]> = prepared
        .filter_map(|prepared| match prepared {
            Prepared::Mail { bytes, .. } => Some(bytes.as_slice()),
            Prepared::Object { .. } => None,
        })
        .collect();
    let put = |share: &[&[u8]]| share.iter().map(|bytes| store.put_blob(bytes)).collect::<Result<Vec<_>, _>>();
    std::thread::scope(|scope| {
        let shares = mails.chunks(mails.len().div_ceil(THREADS).max(1));
        let running: Vec<_> = shares.map(|share| scope.spawn(move || put(share))).collect();
        let mut blobs = Vec::with_capacity(mails.len());
        for share in running {
            blobs.extend(share.join().expect("storing does not panic")?);
        }
        Ok(blobs)
    })
}

fn why_not(error: &StoreError) -> String {
    match error {
        StoreError::OverQuota { bytes, bytes_max } => {
            format!("no room: the mailbox would hold {bytes} bytes of {bytes_max}; --over-quota takes it in")
        }
        StoreError::Backend { .. }
        | StoreError::Disk { .. }
        | StoreError::Exists(_)
        | StoreError::NotFound(_)
        | StoreError::Stale
        | StoreError::TooNew { .. }
        | StoreError::Unreadable { .. } => chain(error),
    }
}

/// Whether a thing is there already.
enum Known {
    New,
    Same,
    /// It takes the place of this one.
    Older(Older),
    /// It is there and differs.
    Other(String),
}

#[derive(Clone, Copy, Debug)]
struct Older {
    id: ServerId,
    seen: Modseq,
}

fn prepare(taken: Taken, owner: &Owner, now: Timestamp) -> Result<Prepared, Refusal> {
    let over = || Refusal("more bytes than limits.message_mib_max allows".to_owned());
    match taken {
        Taken::Mail { folder, state, bytes, .. } => {
            let bytes = bytes.ok_or_else(over)?;
            Ok(prepare_mail(CollectionId::new(folder), &state, bytes, owner, now))
        }
        Taken::Object { folder, class, update, bytes, .. } => {
            let text = String::from_utf8(bytes.ok_or_else(over)?).map_err(|_| Refusal("not UTF-8".to_owned()))?;
            let body = BodyPreferences::default();
            let view =
                View { version: Version::V16_1, owner, body: &body, now, manner: easel_items::Manner::default() };
            let mut facts = easel_items::facts(class, &text, &view).map_err(|error| Refusal(chain(&error)))?;
            facts.uid.get_or_insert_with(|| email::name_by_hash(&Sha256::digest(&text).into()));
            Ok(Prepared::Object { folder: CollectionId::new(folder), class, text, facts, update })
        }
    }
}

fn prepare_mail(folder: CollectionId, state: &MailState, bytes: Vec<u8>, owner: &Owner, now: Timestamp) -> Prepared {
    // Mail from the future would stand on top for ever.
    let received = state.received.and_then(|at| Timestamp::from_millisecond(at).ok()).map_or(now, |at| at.min(now));
    let indexed = email::index(&bytes, received);
    let mut record = state.record(received.as_millisecond());
    record.received_as_bcc = email::received_as_bcc(&indexed.index, owner);
    let hash = email::content_hash(&bytes);
    let mut facts = indexed.facts;
    facts.window = WindowKey(received.as_millisecond());
    let nameless = facts.uid.is_none();
    facts.uid.get_or_insert_with(|| email::name_by_hash(&hash));
    Prepared::Mail { folder, index: indexed.index.to_bytes(), bytes, record: Box::new(record), facts, hash, nameless }
}

fn known_object(snapshot: &dyn Snapshot, class: Class, uid: &str, text: &str, update: bool) -> Result<Known, Refusal> {
    let mut other = None;
    for id in snapshot.by_uid(uid)?.into_iter().take(SAME_UID_MAX) {
        let Some(item) = snapshot.item(id)? else { continue };
        match item.content {
            Content::Object(stored) if stored == text => return Ok(Known::Same),
            Content::Object(_) => {
                let folder = snapshot.folder(item.folder)?;
                if folder.is_some_and(|folder| folder.kind.class() == Some(class)) {
                    other = Some(Older { id, seen: item.changed });
                }
            }
            Content::Mail(_) => {}
        }
    }
    Ok(match other {
        None => Known::New,
        Some(older) if update => Known::Older(older),
        Some(_) => Known::Other(format!("UID {uid:?} is there already, with other content: --update replaces it")),
    })
}
