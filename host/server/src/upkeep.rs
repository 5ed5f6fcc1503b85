//! What the server does for its store every hour: the change log is pruned, what has been in quarantine for long goes,
//! mail that nothing names is swept, and words that an older version indexed are indexed again.

use std::sync::Arc;

use easel_delivery::{Shutdown, owner};
use easel_items::{BodyPreferences, View, email};
use easel_protocol::{Facts, FolderType, ServerId, Version};
use easel_server::Clock;
use easel_store::{Content, Item, Snapshot, Store, StoreError, UserId};
use jiff::{SignedDuration, Timestamp};

use crate::age;

/// The change log is kept for devices seen within so many days.
const LOG_DAYS: i64 = 60;
/// What packs withheld is kept for so many days.
const QUARANTINE_DAYS: i64 = 30;
/// How often there is upkeep.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Items indexed again at once.
const PAGE: usize = 32;

/// Keeps the store in order until told to end.
pub(crate) async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>, mut stopped: Shutdown) {
    loop {
        let now = clock.now();
        let (kept, stop) = (Arc::clone(&store), stopped.clone());
        let work = tokio::task::spawn_blocking(move || once(&*kept, now, || *stop.borrow()));
        if let Err(error) = work.await {
            tracing::error!(%error, "upkeep broke");
        }
        tokio::select! {
            () = clock.sleep_until(now.saturating_add(EVERY).unwrap_or(now)) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

fn once(store: &dyn Store, now: Timestamp, stopped: impl Fn() -> bool) {
    match age::is_believed(store, now) {
        Ok(true) => {
            report("pruning the change log", store.prune_log(days_before(now, LOG_DAYS)));
            report("emptying the quarantine", store.expire_quarantine(days_before(now, QUARANTINE_DAYS)));
        }
        Ok(false) => {}
        Err(error) => report("looking at the time", Err(error)),
    }
    report("sweeping removed mail", store.sweep());
    report("indexing words again", index_again(store, now, stopped));
}

/// Milliseconds since 1970.
fn days_before(now: Timestamp, days: i64) -> i64 {
    now.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now).as_millisecond()
}

fn report(what: &'static str, outcome: Result<u64, StoreError>) {
    match outcome {
        Ok(0) => {}
        Ok(count) => tracing::info!(what, count, "upkeep"),
        Err(error) => tracing::error!(what, error = crate::admin::chain(&error), "upkeep failed"),
    }
}

/// Makes the words of items anew that an older version indexed; how many.
fn index_again(store: &dyn Store, now: Timestamp, stopped: impl Fn() -> bool) -> Result<u64, StoreError> {
    let mut done = 0;
    loop {
        let page = store.to_index_again(PAGE)?;
        let mut renewed = 0;
        for (user, id) in &page {
            if stopped() {
                return Ok(done);
            }
            renewed += u64::from(renew(store, *user, *id, now)?);
        }
        done += renewed;
        // What could not be made now is there still: next hour.
        if renewed == 0 {
            return Ok(done);
        }
    }
}

fn renew(store: &dyn Store, user: UserId, id: ServerId, now: Timestamp) -> Result<bool, StoreError> {
    let snapshot = store.snapshot(user)?;
    let Some(item) = snapshot.item(id)? else { return Ok(false) };
    let facts = facts(store, &*snapshot, user, &item, now)?;
    drop(snapshot);
    store.index_again(user, id, &facts, item.changed)?;
    Ok(true)
}

/// What is known of an item, with its text; without a text where it cannot be read any more.
fn facts(
    store: &dyn Store,
    snapshot: &dyn Snapshot,
    user: UserId,
    item: &Item,
    now: Timestamp,
) -> Result<Facts, StoreError> {
    let made = match &item.content {
        Content::Mail(mail) => {
            let received = Timestamp::from_millisecond(mail.record.received).unwrap_or_default();
            Some(email::index(&snapshot.blob(mail.blob, 0..mail.size)?, received).facts)
        }
        Content::Object(text) => {
            let class = snapshot.folder(item.folder)?.map(|folder| folder.kind).and_then(FolderType::class);
            let owner = store.user(user)?.as_ref().map(owner);
            class.zip(owner).and_then(|(class, owner)| {
                let body = BodyPreferences::default();
                let view = View {
                    version: Version::V16_1,
                    owner: &owner,
                    body: &body,
                    now,
                    manner: easel_items::Manner::default(),
                };
                easel_items::facts(class, text, &view).ok()
            })
        }
    };
    Ok(made.unwrap_or_else(|| item.facts.clone()))
}

#[cfg(test)]
mod tests {
    use easel_protocol::{CollectionId, MailRecord, WindowKey};
    use easel_store::{
        ChangeSet, DeviceKey, LocalBus, MemoryStore, NewContent, NewQuarantined, NewUser, QuarantinedKind, Query, Write,
    };
    use easel_store_sqlite::SqliteStore;

    use super::*;

    fn anna(store: &dyn Store) -> UserId {
        let tenant = store.add_tenant("one").unwrap().id;
        let new = NewUser {
            tenant,
            name: "anna".into(),
            display_name: "Anna".into(),
            addresses: vec!["anna@one.example".into()],
            phones: Vec::new(),
            photo: None,
            zone: "Asia/Tokyo".into(),
            password_hash: String::new(),
        };
        store.add_user(&new).unwrap().id
    }

    #[test]
    fn what_is_in_quarantine_for_more_than_thirty_days_goes() {
        let store = MemoryStore::new(Arc::new(LocalBus::default()));
        let (user, blob) = (anna(&store), store.put_blob(b"x").unwrap());
        let now: Timestamp = "2026-03-31T10:00:00Z".parse().unwrap();
        let mut set = ChangeSet::new(user);
        for at in ["2026-03-01T09:59:59Z", "2026-03-01T10:00:00Z"] {
            let (at, kind) = (at.parse::<Timestamp>().unwrap().as_millisecond(), QuarantinedKind::Message);
            let (pack, pack_version, reason) = (String::new(), String::new(), String::new());
            let device = DeviceKey(1);
            let new = NewQuarantined { device, at, kind, pack, pack_version, reason, blob, size: 1 };
            set.writes.push(Write::Quarantine(new));
        }
        store.commit(set).unwrap();
        // It has looked at the time for three days, every hour.
        for hour in 0..72 {
            once(&store, now - SignedDuration::from_hours(72 - hour), || false);
        }
        once(&store, now, || false);
        let kept: Vec<i64> = store.quarantined(user).unwrap().iter().map(|one| one.new.at).collect();
        assert_eq!(kept, [now.as_millisecond() - 30 * 24 * 3_600_000]);
    }

    #[test]
    fn what_an_older_version_indexed_is_found_inside_a_run_once_it_is_indexed_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), Arc::new(LocalBus::default())).unwrap();
        let user = anna(&store);
        let mail = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n東京都庁前です\r\n".as_bytes();
        let event = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20260101T000000Z\r\n\
                     DTSTART:20260101T000000Z\r\nSUMMARY:第二会議室\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let first = store.reserve_items(user, 50).unwrap().number();
        let mut set = ChangeSet::new(user);
        // Indexed without their text, as if by somebody who knew less of it.
        let bare = || Facts { subject: "x".into(), ..Facts::of(WindowKey(1)) };
        for id in first..first + 49 {
            let blob = store.put_blob(mail).unwrap();
            let (size, record) = (mail.len() as u64, MailRecord::arrived(1));
            let content = NewContent::Mail { blob, size, index: Vec::new(), record };
            set.writes.push(Write::AddItem {
                id: ServerId::new(id),
                folder: CollectionId::new(1),
                content,
                facts: bare(),
            });
        }
        let (id, folder) = (ServerId::new(first + 49), CollectionId::new(6));
        set.writes.push(Write::AddItem { id, folder, content: NewContent::Object(event.into()), facts: bare() });
        store.commit(set).unwrap();
        store.finish_indexing().unwrap();
        assert_eq!(store.renew_index().unwrap(), 50);
        let find = |word: &str| {
            let query = Query { words: vec![word.into()], limit: 99, ..Query::default() };
            store.snapshot(user).unwrap().search(&query).unwrap().len()
        };
        assert_eq!((find("都庁"), find("会議室")), (0, 0));
        assert_eq!(index_again(&store, Timestamp::UNIX_EPOCH, || true).unwrap(), 0);
        assert_eq!(index_again(&store, Timestamp::UNIX_EPOCH, || false).unwrap(), 50);
        assert_eq!((find("都庁"), find("会議室")), (49, 1));
        store.finish_indexing().unwrap();
        assert_eq!((find("都庁"), find("会議室")), (49, 1));
        assert_eq!(index_again(&store, Timestamp::UNIX_EPOCH, || false).unwrap(), 0);
    }
}
