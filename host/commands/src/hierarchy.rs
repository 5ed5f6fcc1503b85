//! The tree of folders as one device sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use easel_plugin::Profile;
use easel_protocol::{Class, CollectionId, FolderType, IdError, ServerId, Version};
use easel_store::{Folder, Modseq, Snapshot, StoreError, UserId};
use serde::{Deserialize, Serialize};

use crate::context::Context;

/// How ids are written for a device: `hierarchy.id_scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ids {
    /// Plain numbers.
    Decimal,
    /// A letter and letters from g on, which are neither numbers nor hexadecimal.
    Opaque,
    /// A letter and hexadecimal digits (K: G45).
    SafeHex,
}

impl Ids {
    pub(crate) fn of(profile: &Profile) -> Self {
        match profile.text("hierarchy.id_scheme") {
            "decimal" => Self::Decimal,
            "opaque" => Self::Opaque,
            _ => Self::SafeHex,
        }
    }

    pub(crate) fn folder(self, id: CollectionId) -> String {
        match self {
            Self::Decimal => id.number().to_string(),
            Self::Opaque => opaque(&id.to_string()),
            Self::SafeHex => id.to_string(),
        }
    }

    pub(crate) fn item(self, id: ServerId) -> String {
        match self {
            Self::Decimal => id.number().to_string(),
            Self::Opaque => opaque(&id.to_string()),
            Self::SafeHex => id.to_string(),
        }
    }

    pub(crate) fn parse_folder(self, text: &str) -> Result<CollectionId, IdError> {
        match self {
            Self::Decimal => decimal(text).map(CollectionId::new),
            Self::Opaque => CollectionId::parse(&plain(text.trim()).ok_or_else(|| wrong_id(text))?),
            Self::SafeHex => CollectionId::parse(text.trim()),
        }
    }

    pub(crate) fn parse_item(self, text: &str) -> Result<ServerId, IdError> {
        match self {
            Self::Decimal => decimal(text).map(ServerId::new),
            Self::Opaque => ServerId::parse(&plain(text.trim()).ok_or_else(|| wrong_id(text))?),
            Self::SafeHex => ServerId::parse(text.trim()),
        }
    }
}

/// Each digit after the first letter as the letter so far after `g`.
fn opaque(id: &str) -> String {
    let digit = |at: usize, c: char| match c.to_digit(16) {
        Some(value) if at > 0 => char::from(b'g' + u8::try_from(value).expect("a digit is below 16")),
        Some(_) | None => c,
    };
    id.chars().enumerate().map(|(at, c)| digit(at, c)).collect()
}

/// What [`opaque`] was made of.
fn plain(text: &str) -> Option<String> {
    let digit = |(at, c): (usize, char)| match c {
        _ if at == 0 => Some(c),
        'g'..='v' => char::from_digit(c as u32 - 'g' as u32, 16),
        _ => None,
    };
    text.chars().enumerate().map(digit).collect()
}

fn wrong_id(text: &str) -> IdError {
    IdError(text.chars().take(80).collect())
}

fn decimal(text: &str) -> Result<u64, IdError> {
    let text = text.trim();
    let plain = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().ok_or_else(|| IdError(text.chars().take(80).collect()))
}

/// One folder as a device sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FolderView {
    /// Its id.
    pub(crate) id: CollectionId,
    /// The folder it lies in; `None` at the root.
    pub(crate) parent: Option<CollectionId>,
    /// Its name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) kind: FolderType,
    /// The type the device is told.
    pub(crate) told: FolderType,
    /// The folders of the mailbox whose items it shows, its own first; none of an invented one.
    pub(crate) folders: Vec<CollectionId>,
}

impl FolderView {
    /// The class of its items.
    pub(crate) fn class(&self) -> Option<Class> {
        self.kind.class()
    }

    /// Whether a device that was sent `other` knows all it needs to know of this one.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        (self.parent, &self.name, self.told) == (other.parent, &other.name, other.told)
    }
}

/// The folders a device sees, parents before children (K: G44, O15).
pub(crate) fn view(snapshot: &dyn Snapshot, context: &Context<'_>) -> Result<Arc<Vec<FolderView>>, StoreError> {
    let seen_at = SeenAt {
        user: context.user.id,
        address: context.user.addresses.first().cloned(),
        version: context.version,
        hierarchy: snapshot.hierarchy()?,
    };
    context.chosen.tree.seen(seen_at, || Ok(context.service.trees().share(made(snapshot, context)?)))
}

fn made(snapshot: &dyn Snapshot, context: &Context<'_>) -> Result<Vec<FolderView>, StoreError> {
    let profile = context.profile();
    let classes = classes(profile.texts("hierarchy.classes"));
    let single = |class| profile.map("hierarchy.multi", multi(class)) == Some("no");
    let merge = profile.text("hierarchy.merge") == "default-folder";
    let all = snapshot.folders()?;
    let mut shown: BTreeMap<CollectionId, FolderView> = BTreeMap::new();
    let mut merged: BTreeMap<Class, Vec<CollectionId>> = BTreeMap::new();
    for folder in &all {
        let Some(class) = folder.kind.class().filter(|class| classes.contains(class)) else { continue };
        // Notes came with 14.0; older devices take their folder for a mail folder.
        if class == Class::Notes && context.version < Version::V14_0 {
            continue;
        }
        if single(class) && !folder.kind.is_default() {
            merged.entry(class).or_default().push(folder.id);
            continue;
        }
        let Folder { id, parent, name, kind } = folder.clone();
        shown.insert(id, FolderView { id, parent, name, kind, told: told(profile, kind), folders: vec![id] });
    }
    limit(&mut shown, usize::try_from(profile.number("hierarchy.max_folders")).expect("the table bounds it"));
    if merge {
        for folder in shown.values_mut() {
            if let Some(class) = folder.kind.class().filter(|class| folder.kind == FolderType::default_for(*class)) {
                folder.folders.extend(merged.remove(&class).unwrap_or_default());
            }
        }
    }
    let wanted = profile.texts("hierarchy.fake_folders");
    for (kind, name) in NAMES.into_iter().filter(|(kind, _)| wanted.contains(&kind.number().to_string())) {
        if !shown.values().any(|folder| folder.kind == kind) {
            let id = CollectionId::new(INVENTED + u64::from(kind.number()));
            let (name, told) = (name.to_owned(), told(profile, kind));
            shown.insert(id, FolderView { id, parent: None, name, kind, told, folders: Vec::new() });
        }
    }
    if profile.flag("hierarchy.rename_default_calendar")
        && let Some(address) = context.user.addresses.first()
    {
        let calendar = shown.values_mut().find(|folder| folder.kind == FolderType::Calendar);
        if let Some(calendar) = calendar.filter(|calendar| !calendar.name.contains(address.as_str())) {
            calendar.name = format!("{} ({address})", calendar.name);
        }
    }
    Ok(parents_first(shown, &all))
}

/// A tree of folders as a device saw it last; every request asks for it, and it hardly ever changes.
#[derive(Debug, Default)]
pub(crate) struct Tree(Mutex<Option<(SeenAt, Arc<Vec<FolderView>>)>>);

/// What a look at the tree depends on, beside the profile.
#[derive(Debug, PartialEq, Eq)]
struct SeenAt {
    user: UserId,
    address: Option<String>,
    version: Version,
    hierarchy: Modseq,
}

impl Tree {
    fn seen(
        &self,
        at: SeenAt,
        make: impl FnOnce() -> Result<Arc<Vec<FolderView>>, StoreError>,
    ) -> Result<Arc<Vec<FolderView>>, StoreError> {
        if let Some((_, tree)) = self.lock().as_ref().filter(|(then, _)| *then == at) {
            return Ok(Arc::clone(tree));
        }
        let tree = make()?;
        *self.lock() = Some((at, Arc::clone(&tree)));
        Ok(tree)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(SeenAt, Arc<Vec<FolderView>>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The type a device is told for a folder.
pub(crate) fn told(profile: &Profile, kind: FolderType) -> FolderType {
    let other = profile.map_number("hierarchy.folder_types", &kind.number().to_string());
    other.and_then(|number| FolderType::from_number(u8::try_from(number).ok()?)).unwrap_or(kind)
}

/// Numbers of folders that a device is shown though the mailbox has none; a mailbox never gets so far.
const INVENTED: u64 = 1 << 40;

/// What invented folders are called.
const NAMES: [(FolderType, &str); 5] = [
    (FolderType::Inbox, "Inbox"),
    (FolderType::Drafts, "Drafts"),
    (FolderType::DeletedItems, "Deleted Items"),
    (FolderType::SentItems, "Sent Items"),
    (FolderType::Outbox, "Outbox"),
];

/// The key of a class in `hierarchy.multi`.
const fn multi(class: Class) -> &'static str {
    match class {
        Class::Calendar => "cal",
        Class::Contacts => "con",
        Class::Email | Class::Sms => "mail",
        Class::Notes => "note",
        Class::Tasks => "task",
    }
}

/// Leaves out what is over the limit, the newest folders of the user's own making first; 0 is no limit.
fn limit(shown: &mut BTreeMap<CollectionId, FolderView>, most: usize) {
    if most == 0 || shown.len() <= most {
        return;
    }
    let mut order: Vec<_> = shown.values().map(|folder| (!folder.kind.is_default(), folder.id)).collect();
    order.sort_unstable();
    for (_, id) in order.split_off(most) {
        shown.remove(&id);
    }
}

/// A folder whose parent is hidden hangs at the nearest shown ancestor, or at the root.
fn parents_first(mut shown: BTreeMap<CollectionId, FolderView>, all: &[Folder]) -> Vec<FolderView> {
    let parents: BTreeMap<CollectionId, Option<CollectionId>> = all.iter().map(|f| (f.id, f.parent)).collect();
    let ids: BTreeSet<CollectionId> = shown.keys().copied().collect();
    for folder in shown.values_mut() {
        let mut hops = 0;
        while let Some(parent) = folder.parent.filter(|parent| !ids.contains(parent)) {
            hops += 1;
            folder.parent = parents.get(&parent).copied().flatten().filter(|_| hops <= all.len());
        }
    }
    let mut ordered: Vec<FolderView> = Vec::with_capacity(shown.len());
    let mut placed = BTreeSet::new();
    while !shown.is_empty() {
        let ready: Vec<CollectionId> = shown
            .values()
            .filter(|folder| folder.parent.is_none_or(|parent| placed.contains(&parent)))
            .map(|folder| folder.id)
            .collect();
        // A tree has always a folder whose parent is placed; were it not one, its folders would hang at the root.
        let ready = if ready.is_empty() { shown.keys().copied().collect() } else { ready };
        for id in ready {
            if let Some(mut folder) = shown.remove(&id) {
                folder.parent = folder.parent.filter(|parent| placed.contains(parent));
                placed.insert(id);
                ordered.push(folder);
            }
        }
    }
    ordered
}

fn classes(names: &[String]) -> BTreeSet<Class> {
    if names.is_empty() { Class::FOLDERS.into_iter().collect() } else { classes_of(names) }
}

fn classes_of(names: &[String]) -> BTreeSet<Class> {
    names.iter().filter_map(|name| Class::parse(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(id: u64, parent: Option<u64>, kind: FolderType) -> Folder {
        Folder { id: CollectionId::new(id), parent: parent.map(CollectionId::new), name: format!("{id}"), kind }
    }

    fn views(folders: &[Folder]) -> BTreeMap<CollectionId, FolderView> {
        let view = |f: &Folder| FolderView {
            id: f.id,
            parent: f.parent,
            name: f.name.clone(),
            kind: f.kind,
            told: f.kind,
            folders: vec![f.id],
        };
        folders.iter().map(|f| (f.id, view(f))).collect()
    }

    #[test]
    fn g44_a_parent_comes_before_its_child_and_a_hidden_one_is_left_out() {
        let all = [
            folder(1, Some(5), FolderType::UserMail),
            folder(2, Some(9), FolderType::UserMail),
            folder(5, None, FolderType::UserMail),
            folder(9, Some(5), FolderType::Journal),
        ];
        let mut shown = views(&all);
        shown.remove(&CollectionId::new(9));
        let ordered: Vec<_> =
            parents_first(shown, &all).iter().map(|f| (f.id.number(), f.parent.map(|p| p.number()))).collect();
        assert_eq!(ordered, [(5, None), (1, Some(5)), (2, Some(5))]);
    }

    #[test]
    fn a_circle_of_folders_ends_at_the_root() {
        let all = [folder(1, Some(2), FolderType::UserMail), folder(2, Some(1), FolderType::UserMail)];
        assert_eq!(parents_first(views(&all), &all).len(), 2);
    }

    #[test]
    fn opaque_ids_are_letters_and_have_one_spelling() {
        let id = Ids::Opaque.item(ServerId::new(0x1f0));
        assert_eq!((id.as_str(), Ids::Opaque.parse_item(&id)), ("ahvg", Ok(ServerId::new(0x1f0))));
        for text in ["", "a", "a1f0", "agh", "ahvG", "ahv g", "\u{e9}hvg"] {
            assert!(Ids::Opaque.parse_item(text).is_err(), "{text}");
        }
    }

    #[test]
    fn decimal_ids_have_one_spelling() {
        assert_eq!(Ids::Decimal.parse_item("17"), Ok(ServerId::new(17)));
        for text in ["", "0", "017", "a17", "1e5", "+1"] {
            assert!(Ids::Decimal.parse_item(text).is_err(), "{text}");
        }
    }
}
