//! The mailboxes a case begins with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use easel_commands::{Policy, Service, Settings};
use easel_items::{BodyPreferences, Owner, View};
use easel_plugin::Value;
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{Class, CollectionId, DeviceFacts, Facts, FolderType, MailRecord, ServerId, Version};
use easel_store::{
    ChangeSet, Device, DeviceKey, GalEntry, LocalBus, MemoryStore, NewContent, NewUser, PolicyState, Provisioning,
    Store, TenantId, User, Wipe, Write,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::case::{self, Case};
use crate::unwell::Unwell;

/// Who is there: name, display name, tenant.
const PEOPLE: [(&str, &str, &str); 3] = [
    ("ada", "Ada Lovelace", "defaultcontext"),
    ("bob", "Bob Noyce", "defaultcontext"),
    ("eve", "Eve Marsden", "ox.io"),
];

/// Everything around one case.
pub(crate) struct World {
    /// The store, which can be told to fail.
    pub(crate) store: Arc<Unwell>,
    /// The commands over it.
    pub(crate) service: Service,
    /// Who asks.
    pub(crate) user: User,
    /// Now.
    pub(crate) now: Timestamp,
    /// The version of the request.
    pub(crate) version: Version,
}

impl World {
    /// The world of a case, before its requests.
    pub(crate) fn of(case: &Case) -> Self {
        let toml = &case.toml;
        let now: Timestamp = toml.now.parse().unwrap();
        let version = Version::parse(&toml.version).unwrap();
        let store = Arc::new(Unwell::new(MemoryStore::new(Arc::new(LocalBus::default()))));
        let people = people(&*store);
        let user = |name: &str| people.iter().find(|user| user.name == name).cloned().unwrap();
        for folder in &toml.folder {
            add_folder(&*store, &user(&folder.user), folder);
        }
        for item in &toml.item {
            add_item(&*store, &user(&item.user), case, item, now);
        }
        for entry in &toml.gal {
            let tenant = store.tenant(&entry.tenant).unwrap().unwrap().id;
            store.put_gal_entry(tenant, &gal(case, entry)).unwrap();
        }
        store.put_device(&device(&user(&toml.user), &toml.device, version, now)).unwrap();
        if let Some(other) = &toml.device.shared_with {
            store.put_device(&device(&user(other), &case::Device::default(), version, now)).unwrap();
        }
        let counted = AtomicU32::new(1);
        let service =
            Service::new(store.clone(), Arc::new(plugin(case)), settings(&toml.operator), Arc::new(move || now))
                .with_chance(Arc::new(move || counted.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x0101_0101)));
        Self { store, service, user: user(&toml.user), now, version }
    }

    /// Somebody else changes an item of the user who asks.
    pub(crate) fn edit(&self, case: &Case, edit: &case::Edit) {
        let id = ServerId::new(edit.item);
        let snapshot = self.store.snapshot(self.user.id).unwrap();
        let folder = snapshot.item(id).unwrap().unwrap().folder;
        let class = snapshot.folder(folder).unwrap().unwrap().kind.class().unwrap();
        let seen = snapshot.modseq();
        drop(snapshot);
        let content = case.content(None, Some(&edit.text));
        let facts = object_facts(class, &content, &self.user, self.now);
        let mut set = ChangeSet::new(self.user.id);
        set.writes.push(Write::ChangeContent { id, content, facts, seen });
        self.store.commit(set).unwrap();
    }
}

fn people(store: &dyn Store) -> Vec<User> {
    let tenant = |name: &str| store.tenant(name).unwrap().or_else(|| store.add_tenant(name).ok()).unwrap().id;
    PEOPLE.iter().map(|(name, display, of)| person(store, tenant(of), name, display, of)).collect()
}

fn person(store: &dyn Store, tenant: TenantId, name: &str, display: &str, domain: &str) -> User {
    let domain = if domain == "defaultcontext" { "example.org" } else { domain };
    let new = NewUser {
        tenant,
        name: name.to_owned(),
        display_name: display.to_owned(),
        addresses: vec![format!("{name}@{domain}"), format!("{}@{domain}", display.replace(' ', ".").to_lowercase())],
        phones: Vec::new(),
        photo: None,
        zone: "Europe/Berlin".to_owned(),
        password_hash: String::new(),
    };
    store.add_user(&new).unwrap()
}

fn add_folder(store: &dyn Store, user: &User, folder: &case::Folder) {
    let id = store.reserve_folder(user.id).unwrap();
    let mut set = ChangeSet::new(user.id);
    set.writes.push(Write::AddFolder {
        id,
        parent: folder.parent.map(CollectionId::new),
        name: folder.name.clone(),
        kind: FolderType::from_number(folder.kind).unwrap(),
    });
    store.commit(set).unwrap();
}

fn add_item(store: &dyn Store, user: &User, case: &Case, item: &case::Item, now: Timestamp) {
    let folder = CollectionId::new(item.folder);
    let kind = store.snapshot(user.id).unwrap().folder(folder).unwrap().unwrap().kind;
    let text = case.content(item.file.as_ref(), item.text.as_ref());
    let id = store.reserve_items(user.id, 1).unwrap();
    let (content, facts) = match kind.class().unwrap() {
        Class::Email => {
            let received = item.received.as_ref().map_or(now, |text| text.parse().unwrap());
            let indexed = easel_items::email::index(text.as_bytes(), received);
            let record = MailRecord { read: item.read, ..MailRecord::arrived(received.as_millisecond()) };
            let blob = store.put_blob(if item.damaged { b"lost" } else { text.as_bytes() }).unwrap();
            let (size, index) = (text.len() as u64, indexed.index.to_bytes());
            (NewContent::Mail { blob, size, index, record }, indexed.facts)
        }
        class @ (Class::Calendar | Class::Contacts | Class::Tasks | Class::Notes | Class::Sms) => {
            let facts = object_facts(class, &text, user, now);
            (NewContent::Object(text), facts)
        }
    };
    let mut set = ChangeSet::new(user.id);
    set.writes.push(Write::AddItem { id, folder, content, facts });
    store.commit(set).unwrap();
}

fn object_facts(class: Class, text: &str, user: &User, now: Timestamp) -> Facts {
    let owner = Owner {
        name: user.display_name.clone(),
        addresses: user.addresses.clone(),
        zone: TimeZone::get(&user.zone).unwrap(),
    };
    let body = BodyPreferences::default();
    let view =
        View { version: Version::V16_1, owner: &owner, body: &body, now, manner: easel_items::Manner::default() };
    easel_items::facts(class, text, &view).unwrap()
}

fn gal(case: &Case, entry: &case::Gal) -> GalEntry {
    let card = case.content(entry.file.as_ref(), entry.text.as_ref());
    let fields = easel_items::contacts::gal_fields(&card).unwrap();
    GalEntry {
        user: None,
        display_name: fields.display_name,
        email: fields.email,
        phone: fields.phone,
        office: fields.office,
        title: fields.title,
        company: fields.company,
        alias: fields.alias,
        first_name: fields.first_name,
        last_name: fields.last_name,
        home_phone: fields.home_phone,
        mobile_phone: fields.mobile_phone,
        photo: fields.photo.map(|(_, bytes)| bytes),
    }
}

fn device(user: &User, device: &case::Device, version: Version, now: Timestamp) -> Device {
    let policy = device.policy_version;
    let provisioning = match device.policy.as_str() {
        "unknown" => Provisioning::Unknown,
        "offered" => Provisioning::Offered { temporary_key: 7, policy },
        "applied" => Provisioning::Applied { key: 8, temporary_key: 7, policy, compliance: device.compliance },
        other => panic!("a policy is unknown, offered or applied, not {other}"),
    };
    let facts = DeviceFacts {
        device_id: device.id.clone(),
        device_type: device.kind.clone(),
        version: Some(device.version.as_deref().map_or(version, |version| Version::parse(version).unwrap())),
        information: device.information.clone(),
        ..DeviceFacts::default()
    };
    Device {
        key: DeviceKey(0),
        user: user.id,
        id: device.id.clone(),
        kind: device.kind.clone(),
        facts,
        policy: PolicyState { provisioning, wipe: wipe(&device.wipe) },
        blocked: false,
        created: now.as_millisecond(),
        last_seen: now.as_millisecond(),
        versions_told: String::new(),
    }
}

/// The wipe of that name.
pub(crate) fn wipe(name: &str) -> Wipe {
    match name {
        "none" => Wipe::None,
        "account" => Wipe::AccountPending,
        "device" => Wipe::DevicePending,
        "done" => Wipe::Done,
        "account-failed" => Wipe::AccountFailed,
        "device-failed" => Wipe::DeviceFailed,
        other => panic!("a wipe is none, account, device, done, account-failed or device-failed, not {other}"),
    }
}

fn settings(operator: &case::Operator) -> Settings {
    let default = Settings::default();
    Settings {
        policy: Policy {
            required: operator.policy_required,
            allow_partial: operator.policy_allow_partial,
            version: operator.policy_version,
            settings: operator.policy.clone(),
        },
        message_bytes_max: operator.message_bytes_max.unwrap_or(default.message_bytes_max),
        quota: operator.quota,
        collections_max: operator.collections_max.unwrap_or(default.collections_max),
        heartbeat_secs: operator.heartbeat_secs.unwrap_or(default.heartbeat_secs),
        ..default
    }
}

fn plugin(case: &Case) -> ScriptedPlugin {
    case.toml.profile.iter().fold(ScriptedPlugin::new(), |plugin, (name, value)| {
        let value = match value {
            toml::Value::Boolean(flag) => Value::Flag(*flag),
            toml::Value::Integer(number) => Value::Number(*number),
            toml::Value::String(text) => Value::Text(text.clone()),
            toml::Value::Array(texts) => {
                Value::Texts(texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect())
            }
            other @ (toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_)) => {
                panic!("{name} cannot be {other}")
            }
        };
        plugin.set(name, value)
    })
}
