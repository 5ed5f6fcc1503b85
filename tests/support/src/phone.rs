//! The phone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use easel_protocol::{Class, Command, FolderType, Version};
use easel_wbxml::pages::{airsync, airsyncbase, folder_hierarchy as fh, ping, provision, settings};
use easel_wbxml::{Element, Tag, decode, encode};

use crate::{HttpRequest, HttpResponse, Identity, Transport};

/// A phone and everything it holds.
#[derive(Debug)]
pub struct Phone<T> {
    /// What it speaks through.
    pub transport: T,
    /// What it says it is.
    pub identity: Identity,
    /// The user it sends in the query.
    pub user: String,
    /// Headers it sends besides its own.
    pub headers: Vec<(String, String)>,
    /// The version it speaks: its own, or the highest the server has below.
    pub version: Version,
    /// The policy key it sends.
    pub policy_key: u32,
    /// The key of the tree.
    pub hierarchy_key: String,
    /// The folders, by id.
    pub folders: BTreeMap<String, Folder>,
    /// What it holds of each collection, by folder id.
    pub collections: BTreeMap<String, Collection>,
}

/// A folder as the phone was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// The id of its parent, `0` at the root.
    pub parent: String,
    /// What it is for.
    pub kind: FolderType,
}

/// What the phone holds of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// The key it sends next.
    pub key: String,
    /// Its items: ServerId to ApplicationData.
    pub items: BTreeMap<String, Element>,
}

/// What one Sync brought.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// The Collection elements of the answer, by folder id.
    pub collections: BTreeMap<String, Element>,
    /// Whether the answer was empty.
    pub empty: bool,
    /// Whether some collection has more.
    pub more: bool,
    /// Entries in Commands, in all collections.
    pub entries: usize,
}

/// What the phone sends of a collection.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// The folder.
    pub folder: String,
    /// The children of Commands.
    pub commands: Vec<Element>,
    /// The children of Options; `None` leaves the element out.
    pub options: Option<Vec<Element>>,
    /// WindowSize.
    pub window: Option<u32>,
    /// GetChanges.
    pub get_changes: Option<bool>,
    /// The children of Supported, with key 0.
    pub supported: Option<Vec<Element>>,
}

impl Sent {
    /// Only asks for what is new.
    pub fn ask(folder: &str) -> Self {
        Self { folder: folder.to_owned(), ..Self::default() }
    }

    /// Sends commands.
    pub fn commands(folder: &str, commands: Vec<Element>) -> Self {
        Self { folder: folder.to_owned(), commands, ..Self::default() }
    }
}

impl<T: Transport> Phone<T> {
    /// A phone fresh from the shop.
    pub fn new(transport: T, identity: Identity, user: &str) -> Self {
        Self {
            transport,
            version: identity.version,
            identity,
            user: user.to_owned(),
            headers: Vec::new(),
            policy_key: 0,
            hierarchy_key: "0".into(),
            folders: BTreeMap::new(),
            collections: BTreeMap::new(),
        }
    }

    /// The same phone, which speaks through something else.
    pub fn through<U: Transport>(&self, transport: U) -> Phone<U> {
        Phone {
            transport,
            identity: self.identity.clone(),
            user: self.user.clone(),
            headers: self.headers.clone(),
            version: self.version,
            policy_key: self.policy_key,
            hierarchy_key: self.hierarchy_key.clone(),
            folders: self.folders.clone(),
            collections: self.collections.clone(),
        }
    }

    /// Asks which versions there are and takes the highest it knows itself.
    pub fn options(&mut self) -> anyhow::Result<HttpResponse> {
        let request = HttpRequest { method: "OPTIONS", headers: self.headers(), ..HttpRequest::default() };
        let response = self.transport.exchange(&request)?;
        ensure!(response.code == 200, "OPTIONS was answered with {}", response.code);
        let versions = response.header("ms-asprotocolversions").context("no list of versions")?;
        let known = versions.split(',').filter_map(|version| Version::parse(version).ok());
        self.version = known.filter(|version| *version <= self.identity.version).max().context("no common version")?;
        Ok(response)
    }

    /// The headers it sends with every request.
    fn headers(&self) -> Vec<(String, String)> {
        let agent = Some(("User-Agent", self.identity.user_agent)).filter(|(_, agent)| !agent.is_empty());
        let all = agent.into_iter().chain(self.identity.headers.iter().copied());
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        all.chain(self.headers.iter().cloned()).collect()
    }

    /// One request of a command, as the phone's version writes it.
    pub fn request(&self, command: Command, body: &[u8], content_type: &str) -> HttpRequest {
        let mut headers = self.headers();
        if !body.is_empty() {
            headers.push(("Content-Type".to_owned(), content_type.to_owned()));
        }
        let query = if self.identity.base64 && self.version >= Version::V12_1 {
            self.base64_query(command)
        } else {
            headers.push(("MS-ASProtocolVersion".to_owned(), self.version.to_string()));
            headers.push(("X-MS-PolicyKey".to_owned(), self.policy_key.to_string()));
            format!(
                "Cmd={command}&User={}&DeviceId={}&DeviceType={}",
                self.user.replace('@', "%40"),
                self.identity.device_id,
                self.identity.device_type
            )
        };
        HttpRequest { method: "POST", query, headers, body: body.to_vec() }
    }

    fn base64_query(&self, command: Command) -> String {
        let mut bytes = vec![self.version.times_ten(), command.code(), 0x09, 0x04];
        let mut value = |value: &[u8]| {
            bytes.push(u8::try_from(value.len()).expect("short"));
            bytes.extend_from_slice(value);
        };
        value(self.identity.device_id.as_bytes());
        value(&self.policy_key.to_le_bytes());
        value(self.identity.device_type.as_bytes());
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
    }

    /// Sends a command with a WBXML body and returns the raw answer.
    pub fn post(&mut self, command: Command, body: Option<&Element>) -> anyhow::Result<HttpResponse> {
        let body = body.map(encode).unwrap_or_default();
        let request = self.request(command, &body, "application/vnd.ms-sync.wbxml");
        self.transport.exchange(&request)
    }

    /// Sends a command and reads its WBXML answer; `None` for an empty one.
    pub fn ask(&mut self, command: Command, body: Option<&Element>) -> anyhow::Result<Option<Element>> {
        let response = self.post(command, body)?;
        ensure!(response.code == 200, "{command} was answered with {}", response.code);
        if response.body.is_empty() {
            return Ok(None);
        }
        let kind = response.header("content-type").unwrap_or_default();
        ensure!(kind == "application/vnd.ms-sync.wbxml", "{command} was answered with {kind:?}");
        Ok(Some(decode(&response.body).with_context(|| format!("reading the answer to {command}"))?))
    }

    /// Both phases of Provision; the phone accepts whatever it is offered.
    pub fn provision(&mut self) -> anyhow::Result<()> {
        let kind = if self.version >= Version::V12_0 { "MS-EAS-Provisioning-WBXML" } else { "MS-WAP-Provisioning-XML" };
        let policy = |children: Vec<Element>| {
            let mut policy = Element::of(provision::POLICY, [Element::text(provision::POLICY_TYPE, kind)]);
            policy.extend(children);
            Element::of(provision::POLICIES, [policy])
        };
        let mut first = Element::new(provision::PROVISION);
        if self.version >= Version::V14_1 {
            let model = Element::text(settings::MODEL, self.identity.name);
            first.push(Element::of(settings::DEVICE_INFORMATION, [Element::of(settings::SET, [model])]));
        }
        first.push(policy(Vec::new()));
        self.policy_key = 0;
        let Some(temporary) = self.policy_answer(&first)? else { return Ok(()) };
        self.policy_key = temporary.parse()?;
        let acknowledged = vec![Element::text(provision::POLICY_KEY, temporary), Element::number(provision::STATUS, 1)];
        let second = Element::of(provision::PROVISION, [policy(acknowledged)]);
        let lasting = self.policy_answer(&second)?.context("no lasting policy key")?;
        self.policy_key = lasting.parse()?;
        ensure!(self.policy_key != 0, "policy key 0");
        Ok(())
    }

    /// The key of a Provision answer; `None` when there is no policy (Status 2).
    fn policy_answer(&mut self, body: &Element) -> anyhow::Result<Option<String>> {
        let root = self.ask(Command::Provision, Some(body))?.context("an empty Provision answer")?;
        let status = root.text_of(provision::STATUS).unwrap_or_default();
        ensure!(status == "1", "Provision status {status}");
        let policy = root.at(&[provision::POLICIES, provision::POLICY]).context("no Policy")?;
        match policy.text_of(provision::STATUS).as_deref() {
            Some("1") => Ok(Some(policy.text_of(provision::POLICY_KEY).context("no PolicyKey")?.into_owned())),
            Some("2") => Ok(None),
            other => bail!("policy status {other:?}"),
        }
    }

    /// FolderSync; how many changes came.
    pub fn folder_sync(&mut self) -> anyhow::Result<usize> {
        let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, self.hierarchy_key.clone())]);
        let answer = self.ask(Command::FolderSync, Some(&body))?;
        self.take_folder_sync(answer)
    }

    /// Takes in the answer to a FolderSync; how many changes came.
    pub fn take_folder_sync(&mut self, answer: Option<Element>) -> anyhow::Result<usize> {
        let root = answer.context("an empty FolderSync answer")?;
        let status = root.text_of(fh::STATUS).unwrap_or_default();
        ensure!(status == "1", "FolderSync status {status}");
        if self.hierarchy_key == "0" {
            self.folders.clear();
        }
        self.hierarchy_key = root.text_of(fh::SYNC_KEY).context("no SyncKey")?.into_owned();
        let changes = root.child(fh::CHANGES).context("no Changes")?;
        let count = changes.text_of(fh::COUNT).context("no Count")?.into_owned();
        let mut seen = 0;
        for change in changes.children().filter(|change| change.tag != fh::COUNT) {
            seen += 1;
            self.take_folder(change)?;
        }
        ensure!(count == seen.to_string(), "Count {count}, but {seen} changes");
        Ok(seen)
    }

    fn take_folder(&mut self, change: &Element) -> anyhow::Result<()> {
        let text =
            |tag: Tag| Ok::<_, anyhow::Error>(change.text_of(tag).with_context(|| format!("no {tag}"))?.into_owned());
        let id = text(fh::SERVER_ID)?;
        if change.tag == fh::DELETE {
            ensure!(self.folders.remove(&id).is_some(), "Delete of folder {id}, which was never sent");
            self.collections.remove(&id);
            return Ok(());
        }
        let kind = text(fh::TYPE)?.parse().ok().and_then(FolderType::from_number).context("a folder type")?;
        let folder = Folder { name: text(fh::DISPLAY_NAME)?, parent: text(fh::PARENT_ID)?, kind };
        ensure!(folder.parent == "0" || self.folders.contains_key(&folder.parent), "folder {id} before its parent");
        let known = self.folders.insert(id.clone(), folder).is_some();
        ensure!(known == (change.tag == fh::UPDATE), "{} of folder {id}", change.tag);
        Ok(())
    }

    /// The id of the folder of that type.
    pub fn folder(&self, kind: FolderType) -> anyhow::Result<String> {
        let found = self.folders.iter().find(|(_, folder)| folder.kind == kind);
        Ok(found.with_context(|| format!("no {kind:?} folder"))?.0.clone())
    }

    /// The folders the phone's owner chose to synchronise.
    pub fn chosen(&self) -> Vec<String> {
        let chosen = |folder: &Folder| {
            folder.kind != FolderType::Outbox
                && folder.kind.class().is_some_and(|class| self.identity.classes.contains(&class))
        };
        self.folders.iter().filter(|(_, folder)| chosen(folder)).map(|(id, _)| id.clone()).collect()
    }

    /// What the phone asks of bodies, in its version's words.
    pub fn body_options(&self, class: Class) -> Vec<Element> {
        if self.version < Version::V12_0 {
            return vec![Element::number(airsync::TRUNCATION, 8)];
        }
        let preference = |kind: u8, size: u32| {
            let children =
                [Element::number(airsyncbase::TYPE, kind), Element::number(airsyncbase::TRUNCATION_SIZE, size)];
            Element::of(airsyncbase::BODY_PREFERENCE, children)
        };
        if class == Class::Email { vec![preference(2, 32_768)] } else { vec![preference(1, 32_768)] }
    }

    /// The class of a folder.
    pub fn class(&self, folder: &str) -> Option<Class> {
        self.folders.get(folder).and_then(|folder| folder.kind.class())
    }

    /// The Sync request for some collections.
    pub fn sync_request(&self, sent: &[Sent]) -> Element {
        let collections = sent.iter().map(|one| {
            let mut collection = Element::new(airsync::COLLECTION);
            let class = self.class(&one.folder);
            if let Some(class) = class.filter(|_| self.version <= Version::V12_0) {
                collection.push(Element::text(airsync::CLASS, class.name()));
            }
            let key = self.collections.get(&one.folder).map_or("0", |collection| collection.key.as_str());
            collection.push(Element::text(airsync::SYNC_KEY, key));
            collection.push(Element::text(airsync::COLLECTION_ID, one.folder.clone()));
            if let Some(supported) = &one.supported {
                collection.push(Element::of(airsync::SUPPORTED, supported.iter().cloned()));
            }
            if let Some(get_changes) = one.get_changes {
                collection.push(Element::boolean(airsync::GET_CHANGES, get_changes));
            }
            collection.content.extend(
                one.window.map(|window| easel_wbxml::Node::Element(Element::number(airsync::WINDOW_SIZE, window))),
            );
            if let Some(options) = &one.options {
                collection.push(Element::of(airsync::OPTIONS, options.iter().cloned()));
            }
            if !one.commands.is_empty() {
                collection.push(Element::of(airsync::COMMANDS, one.commands.iter().cloned()));
            }
            collection
        });
        Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, collections)])
    }

    /// One Sync; what came is taken in.
    pub fn sync(&mut self, sent: &[Sent]) -> anyhow::Result<Synced> {
        let body = self.sync_request(sent);
        let answer = self.ask(Command::Sync, Some(&body))?;
        self.take_sync(answer)
    }

    /// Takes in the answer to a Sync.
    pub fn take_sync(&mut self, answer: Option<Element>) -> anyhow::Result<Synced> {
        let Some(root) = answer else { return Ok(Synced { empty: true, ..Synced::default() }) };
        if let Some(status) = root.text_of(airsync::STATUS) {
            ensure!(status == "1", "Sync status {status}");
        }
        let mut synced = Synced::default();
        let mut seen = BTreeSet::new();
        for collection in root.child(airsync::COLLECTIONS).context("no Collections")?.all(airsync::COLLECTION) {
            let id = collection.text_of(airsync::COLLECTION_ID).context("no CollectionId")?.into_owned();
            ensure!(seen.insert(id.clone()), "collection {id} twice");
            let has_class = collection.child(airsync::CLASS).is_some();
            ensure!(has_class == (self.version <= Version::V12_0), "Class in a collection of {}", self.version);
            synced.entries += self.take_collection(&id, collection)?;
            synced.more |= collection.child(airsync::MORE_AVAILABLE).is_some();
            synced.collections.insert(id, collection.clone());
        }
        ensure!(!seen.is_empty(), "an empty Collections");
        Ok(synced)
    }

    fn take_collection(&mut self, id: &str, collection: &Element) -> anyhow::Result<usize> {
        let status = collection.text_of(airsync::STATUS).context("no Status")?;
        ensure!(status == "1", "collection {id} status {status}");
        let key = collection.text_of(airsync::SYNC_KEY).context("no SyncKey")?.into_owned();
        let held = self.collections.entry(id.to_owned()).or_default();
        let more = collection.child(airsync::MORE_AVAILABLE).is_some();
        let commands = collection.child(airsync::COMMANDS);
        ensure!(!more || (commands.is_some() && key != held.key), "MoreAvailable without items or without a new key");
        held.key = key;
        for empty in [airsync::COMMANDS, airsync::RESPONSES] {
            ensure!(collection.child(empty).is_none_or(|element| !element.is_empty()), "an empty {empty}");
        }
        for response in collection.child(airsync::RESPONSES).into_iter().flat_map(Element::children) {
            let status = response.text_of(airsync::STATUS).context("a response without Status")?;
            let server_id = response.text_of(airsync::SERVER_ID);
            if let (airsync::ADD, "1", Some(server_id)) = (response.tag, status.as_ref(), server_id) {
                held.items.entry(server_id.into_owned()).or_insert_with(|| Element::new(airsync::APPLICATION_DATA));
            }
        }
        let mut seen = BTreeSet::new();
        let entries: Vec<&Element> = commands.into_iter().flat_map(Element::children).collect();
        for entry in &entries {
            let item = entry.text_of(airsync::SERVER_ID).context("an entry without ServerId")?.into_owned();
            ensure!(seen.insert(item.clone()), "item {item} twice in one answer");
            let data = entry.child(airsync::APPLICATION_DATA);
            match entry.tag {
                airsync::ADD => {
                    let data = data.context("an Add without ApplicationData")?.clone();
                    ensure!(held.items.insert(item.clone(), data).is_none(), "Add of item {item}, which is there");
                }
                airsync::CHANGE => {
                    let old = held.items.get_mut(&item).with_context(|| format!("Change of item {item}, not there"))?;
                    change(old, data.context("a Change without ApplicationData")?);
                }
                airsync::DELETE | airsync::SOFT_DELETE => {
                    ensure!(held.items.remove(&item).is_some(), "{} of item {item}, which is not there", entry.tag);
                }
                other => bail!("{other} in Commands"),
            }
        }
        Ok(entries.len())
    }

    /// Synchronises one folder, from key 0 if need be, until nothing is left; how many entries came.
    pub fn sync_folder(&mut self, folder: &str, window: u32) -> anyhow::Result<usize> {
        let options = self.class(folder).map(|class| self.body_options(class));
        if !self.collections.contains_key(folder) {
            self.sync(&[Sent { options: options.clone(), ..Sent::ask(folder) }])?;
        }
        let mut entries = 0;
        for _ in 0..10_000 {
            let asked = Sent { window: Some(window), options: options.clone(), ..Sent::ask(folder) };
            let synced = self.sync(&[asked])?;
            entries += synced.entries;
            if !synced.more {
                return Ok(entries);
            }
        }
        bail!("folder {folder} never ends")
    }

    /// What the phone holds of a folder.
    pub fn items(&self, folder: &str) -> BTreeMap<String, Element> {
        self.collections.get(folder).map(|collection| collection.items.clone()).unwrap_or_default()
    }

    /// Ping: the status, and the folders that changed.
    pub fn ping(&mut self, folders: &[String], secs: u32) -> anyhow::Result<(String, Vec<String>)> {
        let listed = folders.iter().map(|id| {
            let class = self.class(id).map_or("Email", Class::name);
            Element::of(ping::FOLDER, [Element::text(ping::ID, id.clone()), Element::text(ping::CLASS, class)])
        });
        let children = [Element::number(ping::HEARTBEAT_INTERVAL, secs), Element::of(ping::FOLDERS, listed)];
        let body = Element::of(ping::PING, children);
        let root = self.ask(Command::Ping, Some(&body))?.context("an empty Ping answer")?;
        let status = root.text_of(ping::STATUS).context("no Status")?.into_owned();
        let changed =
            root.child(ping::FOLDERS).map(|all| all.all(ping::FOLDER).map(|f| f.value().into_owned()).collect());
        Ok((status, changed.unwrap_or_default()))
    }
}

/// What a phone does with a Change: the properties in it replace its own.
pub fn change(item: &mut Element, data: &Element) {
    for property in data.children() {
        let mut content = std::mem::take(&mut item.content);
        content.retain(|node| !matches!(node, easel_wbxml::Node::Element(old) if old.tag == property.tag));
        item.content = content;
        item.push(property.clone());
    }
}

/// The text of a property of an item.
pub fn item_text(item: &Element, tag: Tag) -> String {
    item.text_of(tag).unwrap_or_default().into_owned()
}
