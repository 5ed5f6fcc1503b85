//! Sample data, made once and kept: through the store while no server runs, because it is much quicker, and with the real
//! commands for what devices are known to hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, bail, ensure};
use argon2::password_hash::SaltString;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version as ArgonVersion};
use easel_commands::{Reply, Request, Service, Settings, Sink, SinkClosed};
use easel_items::{BodyPreferences, Manner, Owner, View, email};
use easel_plugin::NoPlugin;
use easel_protocol::{Class, CollectionId, Command, MailRecord, RequestLine, ServerId, Version, WindowKey};
use easel_store::{AppSecret, ChangeSet, LocalBus, NewAppPassword, NewContent, NewUser, Store, User, UserId, Write};
use easel_store_sqlite::{DataLock, SqliteStore};
use easel_wbxml::pages::airsync;
use easel_wbxml::{Element, decode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::Scale;
use crate::easel::House;
use crate::phone::{CALENDAR, CONTACTS, INBOX, Identity, PASSWORD, USER_AGENT, Wanted, folder_sync};
use crate::sample::contact::Contacts;
use crate::sample::event::event;
use crate::sample::mail::{SampleMail, mail, short_mail};
use crate::say;
use crate::scale::Overload;

/// Grows whenever the sample data changes, so that kept data is never taken for today's.
const VERSION: u32 = 2;
/// Things committed together.
const BATCH: usize = 256;
/// Threads that wait for the disk: the store commits together whoever waits.
const THREADS: usize = 32;
/// Ballast of one user.
const BALLAST_EACH_MIB: usize = 16;
/// Mails of a user who only synchronises.
pub(crate) const MAILS_EACH: u64 = 20;

/// The user with the large mailbox.
pub(crate) const LARGE: &str = "large";
/// The user with very many, or few, short mails.
pub(crate) const CROWDED: &str = "crowded";

/// The user with very many devices.
pub(crate) const COLLECTOR: &str = "collector";

/// A device that asks whether there is anything new.
pub(crate) fn syncer(number: usize) -> Identity {
    let version = if number.is_multiple_of(2) { Version::V12_1 } else { Version::V16_1 };
    Identity::new(&format!("s{number:05}"), &format!("LOADS{number:05}"), version)
}

/// A device that changes things.
pub(crate) fn writer(number: usize) -> Identity {
    let version = if number.is_multiple_of(2) { Version::V12_1 } else { Version::V16_1 };
    Identity::new(&format!("w{number:05}"), &format!("LOADW{number:05}"), version)
}

/// A device that asks for more than it can get.
pub(crate) fn attacker(number: usize) -> Identity {
    let version = if number.is_multiple_of(2) { Version::V12_1 } else { Version::V16_1 };
    Identity::new(&format!("a{number:05}"), &format!("LOADA{number:05}"), version)
}

/// One device of a user who has many.
pub(crate) fn one_of_many(number: usize) -> Identity {
    Identity::new(COLLECTOR, &format!("LOADC{number:05}"), Version::V16_1)
}

/// A device that reads slowly, of one of so many users.
pub(crate) fn slow_reader(number: usize, users: usize) -> Identity {
    let user = number % users.max(1);
    Identity::new(&format!("slow{user}"), &format!("LOADR{number:05}"), Version::V16_1)
}

/// What the password of a phone's user is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// Argon2id with the least of everything: as good as free.
    Light,
    /// Argon2id as the server stores passwords: 19 MiB, two passes. Each of these users has an app password, too.
    Real,
}

/// A phone that waits; `device` is which of its user's.
pub(crate) fn phone(hash: Hash, number: usize, device: usize) -> Identity {
    let letter = match hash {
        Hash::Light => 'p',
        Hash::Real => 'r',
    };
    let version = if number.is_multiple_of(2) { Version::V12_1 } else { Version::V16_1 };
    let name = format!("{letter}{number:05}");
    Identity::new(&name, &format!("LOAD{}D{device}", name.to_uppercase()), version)
}

/// The app password of a phone's user.
pub(crate) fn app_secret(user: &str) -> AppSecret {
    let hash: [u8; 32] = Sha256::digest(format!("load, not secret: {user}")).into();
    let (bits, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
    AppSecret::new(u128::from_be_bytes(*bits))
}

/// The primary address of a user.
pub(crate) fn address(user: &str) -> String {
    format!("{user}@load.example")
}

/// Data directories that differ in what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Those who work, the large mailbox, and the phones that wait.
    Main,
    /// Few devices are known, and a mailbox has few items.
    Few,
    /// Many devices are known, and a mailbox has many items.
    Many,
    /// Phones that wait, others that work, and those who ask for too much.
    Overload,
}

impl Sort {
    const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Few => "few",
            Self::Many => "many",
            Self::Overload => "crowds",
        }
    }
}

/// Where kept data lies.
pub(crate) fn kept(dir: &Path, scale: &Scale) -> PathBuf {
    dir.join(format!("seed-{VERSION}-{}", scale.name))
}

/// The data directory of that sort, made if it is not there yet.
pub(crate) fn house(easel: &Path, dir: &Path, scale: &Scale, sort: Sort) -> anyhow::Result<House> {
    let place = kept(dir, scale).join(sort.name());
    if place.join("easel.toml").exists() {
        let house = House::at(&place);
        house.lift_budgets()?;
        return Ok(house);
    }
    say(&format!("making sample data in {}, which is kept", place.display()));
    let unfinished = place.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("removing {}", unfinished.display()))?;
    }
    fs::create_dir_all(&unfinished)?;
    let house = House::make(easel, &unfinished)?;
    let seeder = Seeder::open(&house)?;
    match sort {
        Sort::Main => seeder.main(scale)?,
        Sort::Few => {
            seeder.devices(Hash::Light, scale.few_users, scale.devices_each)?;
            seeder.crowd(scale.few_items)?;
        }
        Sort::Many => {
            seeder.devices(Hash::Light, scale.phones, scale.devices_each)?;
            seeder.devices(Hash::Real, scale.phones, scale.devices_each)?;
            seeder.crowd(scale.many_items)?;
        }
        Sort::Overload => seeder.overload(&scale.overload)?,
    }
    seeder.finish()?;
    fs::rename(&unfinished, &place).with_context(|| format!("naming {}", place.display()))?;
    Ok(House::at(&place))
}

/// A data directory in this process's hands.
pub(crate) struct Seeder {
    store: Arc<SqliteStore>,
    service: Service,
    now: Timestamp,
    hashes: [String; 2],
    _lock: DataLock,
}

impl Seeder {
    pub(crate) fn open(house: &House) -> anyhow::Result<Self> {
        let lock = easel_store_sqlite::lock(&house.data())?;
        let store = Arc::new(SqliteStore::open(&house.data(), Arc::new(LocalBus::default()))?);
        let now = Timestamp::now();
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let service = Service::new(shared, Arc::new(NoPlugin), Settings::default(), Arc::new(move || now));
        let hashes = [hash(8, 1)?, hash(19 << 10, 2)?];
        Ok(Self { store, service, now, hashes, _lock: lock })
    }

    /// Ends what waits, and closes.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        Ok(self.store.finish_indexing()?)
    }

    fn main(&self, scale: &Scale) -> anyhow::Result<()> {
        self.workers((0..scale.syncers).map(syncer).chain((0..scale.writers).map(writer)))?;
        let large = self.users(&[LARGE.to_owned()], Hash::Light)?;
        let [large] = large.as_slice() else { bail!("one user was made") };
        self.mails(large, scale.mails, mail)?;
        let contacts = Contacts::new()?;
        self.objects(large, Class::Contacts, scale.contacts, |number| contacts.card(number))?;
        self.objects(large, Class::Calendar, scale.events, |number| event(number, &large.addresses[0]))?;
        self.devices(Hash::Light, scale.phones, 1)
    }

    fn overload(&self, scale: &Overload) -> anyhow::Result<()> {
        self.workers((0..scale.neighbours).map(syncer).chain((0..scale.crowd).map(attacker)))?;
        let collector = self.users(&[COLLECTOR.to_owned()], Hash::Light)?;
        self.fill(&collector, [&INBOX])?;
        let names: Vec<String> = (0..scale.readers).map(|number| slow_reader(number, scale.readers).user).collect();
        for user in self.users(&names, Hash::Light)? {
            self.mails(&user, scale.reader_mails, mail)?;
        }
        self.devices(Hash::Light, scale.parked, 1)
    }

    /// Users who have so many MiB of something in easel.db.
    pub(crate) fn ballast(&self, mib: usize) -> anyhow::Result<()> {
        let names: Vec<String> = (0..mib.div_ceil(BALLAST_EACH_MIB)).map(|number| format!("heavy{number}")).collect();
        for user in self.users(&names, Hash::Light)? {
            let mut changes = ChangeSet::new(user.id);
            let value = Some(vec![0xEA; BALLAST_EACH_MIB << 20]);
            changes.writes = vec![Write::PutValue { name: "ballast", value }];
            self.store.commit(changes)?;
        }
        Ok(())
    }

    /// The users of devices that synchronise, with some mail each.
    pub(crate) fn workers(&self, devices: impl Iterator<Item = Identity>) -> anyhow::Result<()> {
        let names: Vec<String> = devices.map(|identity| identity.user).collect();
        let users = self.users(&names, Hash::Light)?;
        in_parallel(&users, |user| {
            let mails = (0..MAILS_EACH).map(|number| short_mail(number, &user.addresses[0]));
            self.store_mails(user.id, mails.collect())
        })?;
        Ok(())
    }

    /// Users with so many contacts each, none of them with a photo.
    pub(crate) fn acquainted(&self, names: &[String], contacts: u64) -> anyhow::Result<()> {
        let cards = Contacts::new()?;
        for user in self.users(names, Hash::Light)? {
            self.objects(&user, Class::Contacts, contacts, |number| cards.card(number * 3 + 1))?;
        }
        Ok(())
    }

    /// The user with so many short mails.
    fn crowd(&self, items: u64) -> anyhow::Result<()> {
        let users = self.users(&[CROWDED.to_owned()], Hash::Light)?;
        let [user] = users.as_slice() else { bail!("one user was made") };
        self.mails(user, items, short_mail)
    }

    /// Users whose phones have synchronised before: each knows the folders and holds Inbox, calendar and contacts.
    pub(crate) fn devices(&self, hash: Hash, users: usize, each: usize) -> anyhow::Result<()> {
        let names: Vec<String> = (0..users).map(|number| phone(hash, number, 0).user).collect();
        let made = self.users(&names, hash)?;
        self.fill(&made, [&INBOX])?;
        let numbered: Vec<(usize, User)> = made.into_iter().enumerate().collect();
        say(&format!("{} phones synchronise for the first time", users * each));
        in_parallel(&numbered, |(number, user)| {
            (0..each).try_for_each(|device| {
                let identity = phone(hash, *number, device);
                self.tree(user, &identity)?;
                self.hold(user, &identity, &[INBOX, CALENDAR, CONTACTS])
            })
        })?;
        Ok(())
    }

    /// A mail comes into each of these folders of each user.
    pub(crate) fn fill<'f>(&self, users: &[User], folders: impl IntoIterator<Item = &'f Wanted>) -> anyhow::Result<()> {
        let folders: Vec<CollectionId> = folders.into_iter().map(Wanted::id).collect();
        in_parallel(users, |user| {
            folders.iter().try_for_each(|folder| {
                let mail = self.stored_mail(short_mail(0, &user.addresses[0]))?;
                self.enter(user.id, *folder, vec![mail])
            })
        })?;
        Ok(())
    }

    /// Users, in the order of their names.
    pub(crate) fn users(&self, names: &[String], hash: Hash) -> anyhow::Result<Vec<User>> {
        let tenant = self.store.tenant("defaultcontext")?.context("easel init makes the default tenant")?;
        let password_hash = &self.hashes[usize::from(hash == Hash::Real)];
        in_parallel(names, |name| {
            let user = NewUser {
                tenant: tenant.id,
                name: name.clone(),
                display_name: name.clone(),
                addresses: vec![address(name)],
                phones: Vec::new(),
                photo: None,
                zone: "Europe/Berlin".to_owned(),
                password_hash: password_hash.clone(),
            };
            let user = self.store.add_user(&user)?;
            if hash == Hash::Real {
                let (name, hash, made) = ("phone".to_owned(), app_secret(name).hash(), self.now.as_millisecond());
                self.store.add_app_password(&NewAppPassword { user: user.id, name, hash, device: None, made })?;
            }
            Ok(user)
        })
    }

    fn mails(&self, user: &User, count: u64, make: impl Fn(u64, &str) -> SampleMail + Sync) -> anyhow::Result<()> {
        say(&format!("{count} mails for {}", user.name));
        let numbers: Vec<u64> = (0..count).collect();
        for batch in numbers.chunks(BATCH) {
            let mails = in_parallel(batch, |number| {
                let mail = make(*number, &user.addresses[0]);
                self.stored_mail(mail)
            })?;
            self.enter(user.id, INBOX.id(), mails)?;
        }
        Ok(())
    }

    fn store_mails(&self, user: UserId, mails: Vec<SampleMail>) -> anyhow::Result<()> {
        let stored = mails.into_iter().map(|mail| self.stored_mail(mail)).collect::<anyhow::Result<_>>()?;
        self.enter(user, INBOX.id(), stored)
    }

    /// As delivery does it: the bytes first, with the index of their parts.
    fn stored_mail(&self, mail: SampleMail) -> anyhow::Result<(NewContent, easel_protocol::Facts)> {
        let indexed = email::index(&mail.raw, Timestamp::from_millisecond(mail.received)?);
        let content = NewContent::Mail {
            blob: self.store.put_blob(&mail.raw)?,
            size: mail.raw.len() as u64,
            index: indexed.index.to_bytes(),
            record: MailRecord::arrived(mail.received),
        };
        Ok((content, easel_protocol::Facts { window: WindowKey(mail.received), ..indexed.facts }))
    }

    fn objects(
        &self,
        user: &User,
        class: Class,
        count: u64,
        make: impl Fn(u64) -> String + Sync,
    ) -> anyhow::Result<()> {
        say(&format!("{count} of {class:?} for {}", user.name));
        let owner = Owner {
            name: user.display_name.clone(),
            addresses: user.addresses.clone(),
            zone: TimeZone::get(&user.zone)?,
        };
        let body = BodyPreferences::default();
        let manner = Manner::default();
        let view = View { version: Version::V16_1, owner: &owner, body: &body, now: self.now, manner };
        let folder = if class == Class::Calendar { CALENDAR } else { CONTACTS };
        let numbers: Vec<u64> = (0..count).collect();
        for batch in numbers.chunks(BATCH) {
            let made = batch.iter().map(|number| {
                let text = make(*number);
                let facts = easel_items::facts(class, &text, &view).with_context(|| format!("{class:?} {number}"))?;
                Ok((NewContent::Object(text), facts))
            });
            let made = made.collect::<anyhow::Result<_>>()?;
            self.enter(user.id, folder.id(), made)?;
        }
        Ok(())
    }

    fn enter(
        &self,
        user: UserId,
        folder: CollectionId,
        things: Vec<(NewContent, easel_protocol::Facts)>,
    ) -> anyhow::Result<()> {
        let first = self.store.reserve_items(user, things.len() as u64)?.number();
        let mut changes = ChangeSet::new(user);
        changes.writes = (first..)
            .zip(things)
            .map(|(id, (content, facts))| Write::AddItem { id: ServerId::new(id), folder, content, facts })
            .collect();
        self.store.commit(changes)?;
        Ok(())
    }

    /// The device learns the tree of folders.
    pub(crate) fn tree(&self, user: &User, identity: &Identity) -> anyhow::Result<()> {
        self.ask(user, identity, Command::FolderSync, &folder_sync()).map(drop)
    }

    /// The device holds what is in these collections: at most a page of each.
    pub(crate) fn hold(&self, user: &User, identity: &Identity, wanted: &[Wanted]) -> anyhow::Result<()> {
        let begin = Wanted::request(wanted.iter().map(|wanted| (wanted, "0")));
        let answer = self.ask(user, identity, Command::Sync, &begin)?.context("an empty answer to key 0")?;
        let keys = keys_in(&answer)?;
        ensure!(keys.len() == wanted.len(), "{} keys for {} collections", keys.len(), wanted.len());
        let go_on = Wanted::request(wanted.iter().zip(keys.iter().map(String::as_str)));
        let answer = self.ask(user, identity, Command::Sync, &go_on)?;
        answer.map_or(Ok(()), |answer| keys_in(&answer).map(drop))
    }

    /// One request, without the network.
    fn ask(&self, user: &User, identity: &Identity, command: Command, body: &[u8]) -> anyhow::Result<Option<Element>> {
        let version = identity.version_header();
        let line = RequestLine::parse(&identity.query(command), version.as_deref(), Some("0"), None)?;
        let content_type = "application/vnd.ms-sync.wbxml";
        let request = Request {
            line: &line,
            user,
            user_agent: USER_AGENT,
            headers: &[],
            origin: None,
            content_type,
            body,
            now: self.now,
        };
        let mut streamed = Streamed::default();
        let body = match self.service.handle(&request, &mut streamed) {
            Reply::Answer(answer) => {
                ensure!(answer.code == 200, "{command} was answered with {}", answer.code);
                answer.body
            }
            Reply::Streamed => streamed.0,
            Reply::Cut | Reply::Park(_) => bail!("{command} was not answered"),
        };
        if body.is_empty() {
            return Ok(None);
        }
        let root = decode(&body)?;
        let status = root.text_of(easel_wbxml::pages::folder_hierarchy::STATUS).or(root.text_of(airsync::STATUS));
        ensure!(status.is_none_or(|status| status == "1"), "{command} was answered with {root:?}");
        Ok(Some(root))
    }
}

/// The keys of a Sync answer, in its order; an error when a collection is refused.
fn keys_in(answer: &Element) -> anyhow::Result<Vec<String>> {
    let collections = answer.child(airsync::COLLECTIONS).context("no Collections")?;
    let key = |collection: &Element| {
        let status = collection.text_of(airsync::STATUS).context("no Status")?;
        ensure!(status == "1", "Sync was answered with Status {status}");
        Ok(collection.text_of(airsync::SYNC_KEY).context("no SyncKey")?.into_owned())
    };
    collections.all(airsync::COLLECTION).map(key).collect()
}

/// A long answer, put together.
#[derive(Default)]
struct Streamed(Vec<u8>);

impl Sink for Streamed {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), SinkClosed> {
        self.0.extend_from_slice(&piece);
        Ok(())
    }
}

/// What is stored of everybody's password.
fn hash(kib: u32, passes: u32) -> anyhow::Result<String> {
    let failed = |error| anyhow::anyhow!("hashing the password: {error}");
    let params = Params::new(kib, passes, 1, None).map_err(|error| anyhow::anyhow!("hashing the password: {error}"))?;
    let salt = SaltString::encode_b64(b"load, not secret").map_err(failed)?;
    let hash = Argon2::new(Algorithm::Argon2id, ArgonVersion::V0x13, params)
        .hash_password(PASSWORD.as_bytes(), &salt)
        .map_err(failed)?;
    Ok(hash.to_string())
}

/// Does the same with many things, on threads that mostly wait for the disk; the outcomes in the order of the things.
fn in_parallel<T: Sync, R: Send>(
    things: &[T],
    work: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let share = things.len().div_ceil(THREADS).max(1);
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = things
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(work).collect::<anyhow::Result<Vec<R>>>()))
            .collect();
        let mut outcomes = Vec::with_capacity(things.len());
        for one in running {
            let done = one.join().map_err(|_| anyhow::anyhow!("making sample data broke"))?;
            outcomes.extend(done?);
        }
        Ok(outcomes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_in_parallel_keeps_its_order_and_tells_what_failed() {
        let things: Vec<u32> = (0..1000).collect();
        assert_eq!(in_parallel(&things, |one| Ok(one * 2)).unwrap()[999], 1998);
        let failed = in_parallel(&things, |one| if *one == 500 { bail!("no {one}") } else { Ok(()) });
        assert_eq!(failed.unwrap_err().to_string(), "no 500");
        assert!(in_parallel(&[], |(): &()| Ok(())).unwrap().is_empty());
    }
}
