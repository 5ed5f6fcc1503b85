//! The tree of folders as one device sees it.

use std::collections::{BTreeMap, BTreeSet};

use easel_plugin::Profile;
use easel_protocol::{Class, CollectionId, FolderType, IdError, ServerId, Version};
use easel_store::{Folder, Snapshot, StoreError};
use serde::{Deserialize, Serialize};

/// How ids are written for a device: `hierarchy.id_scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ids {
    /// Plain numbers.
    Decimal,
    /// A letter and hexadecimal digits (K: G45).
    SafeHex,
}

impl Ids {
    pub(crate) fn of(profile: &Profile) -> Self {
        match profile.text("hierarchy.id_scheme").as_str() {
            "decimal" => Self::Decimal,
            _ => Self::SafeHex,
        }
    }

    pub(crate) fn folder(self, id: CollectionId) -> String {
        match self {
            Self::Decimal => id.number().to_string(),
            Self::SafeHex => id.to_string(),
        }
    }

    pub(crate) fn item(self, id: ServerId) -> String {
        match self {
            Self::Decimal => id.number().to_string(),
            Self::SafeHex => id.to_string(),
        }
    }

    pub(crate) fn parse_folder(self, text: &str) -> Result<CollectionId, IdError> {
        match self {
            Self::Decimal => decimal(text).map(CollectionId::new),
            Self::SafeHex => CollectionId::parse(text.trim()),
        }
    }

    pub(crate) fn parse_item(self, text: &str) -> Result<ServerId, IdError> {
        match self {
            Self::Decimal => decimal(text).map(ServerId::new),
            Self::SafeHex => ServerId::parse(text.trim()),
        }
    }
}

fn decimal(text: &str) -> Result<u64, IdError> {
    let text = text.trim();
    let plain = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().ok_or_else(|| IdError(text.chars().take(80).collect()))
}

/// One folder as a device sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FolderView {
    /// Its id.
    pub(crate) id: CollectionId,
    /// The folder it lies in; `None` at the root.
    pub(crate) parent: Option<CollectionId>,
    /// Its name.
    pub(crate) name: String,
    /// The type the device is told.
    pub(crate) kind: FolderType,
    /// The folders of the mailbox whose items it shows, its own first.
    pub(crate) folders: Vec<CollectionId>,
}

impl FolderView {
    /// The class of its items.
    pub(crate) fn class(&self) -> Option<Class> {
        self.kind.class()
    }

    /// Whether a device that was sent `other` knows all it needs to know of this one.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        (self.parent, &self.name, self.kind) == (other.parent, &other.name, other.kind)
    }
}

/// The folders a device sees, parents before children (K: G44, O15).
pub(crate) fn view(
    snapshot: &dyn Snapshot,
    profile: &Profile,
    version: Version,
) -> Result<Vec<FolderView>, StoreError> {
    let classes = classes(&profile.texts("hierarchy.classes"));
    let single = classes_of(&profile.texts("hierarchy.single"));
    let merge = profile.text("hierarchy.merge") == "default-folder";
    let all = snapshot.folders()?;
    let mut shown: BTreeMap<CollectionId, FolderView> = BTreeMap::new();
    let mut merged: BTreeMap<Class, Vec<CollectionId>> = BTreeMap::new();
    for folder in &all {
        let Some(class) = folder.kind.class().filter(|class| classes.contains(class)) else { continue };
        // Notes came with 14.0; older devices take their folder for a mail folder.
        if class == Class::Notes && version < Version::V14_0 {
            continue;
        }
        if single.contains(&class) && !folder.kind.is_default() {
            merged.entry(class).or_default().push(folder.id);
            continue;
        }
        let Folder { id, parent, name, kind } = folder.clone();
        shown.insert(id, FolderView { id, parent, name, kind, folders: vec![id] });
    }
    if merge {
        for folder in shown.values_mut() {
            if let Some(class) = folder.kind.class().filter(|class| folder.kind == FolderType::default_for(*class)) {
                folder.folders.extend(merged.remove(&class).unwrap_or_default());
            }
        }
    }
    Ok(parents_first(shown, &all))
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
    fn decimal_ids_have_one_spelling() {
        assert_eq!(Ids::Decimal.parse_item("17"), Ok(ServerId::new(17)));
        for text in ["", "0", "017", "a17", "1e5", "+1"] {
            assert!(Ids::Decimal.parse_item(text).is_err(), "{text}");
        }
    }
}
