//! The tree of folders.

use easel_protocol::{CollectionId, FolderType};

use super::Subject;
use super::subject::{CALENDAR, INBOX, assert_exists, assert_missing, facts};
use crate::{Content, Folder, LogKind, Missing, Modseq, Write};

pub fn a_folder_comes_changes_and_goes(subject: &Subject<'_>) {
    let user = subject.anna();
    let start = subject.snapshot(user).hierarchy().unwrap();
    assert_eq!(start, Modseq(0));
    let id = subject.add_folder(user, Some(INBOX), "Projekte");
    let folder = Folder { id, parent: Some(INBOX), name: "Projekte".into(), kind: FolderType::UserMail };
    assert_eq!(subject.folder(user, id), Some(folder.clone()));
    let added = subject.snapshot(user).hierarchy().unwrap();
    assert_eq!(added, subject.store.modseq(user));
    assert!(added > start);

    subject.commit(user, vec![Write::UpdateFolder { id, parent: None, name: "projekte".into() }]);
    let changed = Folder { parent: None, name: "projekte".into(), ..folder };
    assert_eq!(subject.folder(user, id), Some(changed.clone()));
    let moved = subject.snapshot(user).hierarchy().unwrap();
    assert!(moved > added);
    assert_eq!(subject.snapshot(user).folders().unwrap().last(), Some(&changed));

    subject.add_object(user, CALENDAR, "x", facts(1, "x"));
    assert_eq!(subject.snapshot(user).hierarchy().unwrap(), moved, "items do not change the tree");

    subject.commit(user, vec![Write::RemoveFolder { id }]);
    assert_eq!(subject.folder(user, id), None);
    assert_eq!(subject.snapshot(user).hierarchy().unwrap(), subject.store.modseq(user));
    assert_eq!(subject.snapshot(user).folders().unwrap().len(), 9);
}

pub fn a_folder_number_is_never_given_out_twice(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let first = subject.add_folder(user, None, "a");
    subject.commit(user, vec![Write::RemoveFolder { id: first }]);
    let second = subject.add_folder(user, None, "a");
    let (third, fourth) = (subject.store.reserve_folder(user).unwrap(), subject.store.reserve_folder(user).unwrap());
    assert!(first < second && second < third && third < fourth);
    assert_eq!(subject.store.reserve_folder(other).unwrap(), first, "each mailbox counts for itself");
}

pub fn a_folder_name_is_unique_in_its_parent_without_regard_to_case(subject: &Subject<'_>) {
    let user = subject.anna();
    let add = |parent, name: &str| {
        let id = subject.store.reserve_folder(user).unwrap();
        let kind = FolderType::UserMail;
        subject.try_commit(user, vec![Write::AddFolder { id, parent, name: name.into(), kind }]).map(|_| id)
    };
    let outer = add(None, "Ärzte").unwrap();
    assert_exists(add(None, "äRZTE"), "äRZTE");
    assert_exists(add(None, "INBOX"), "INBOX");
    let inner = add(Some(outer), "Ärzte").unwrap();
    assert_exists(add(Some(outer), "ärzte"), "ärzte");
    let other = add(None, "Other").unwrap();
    let rename =
        |id, parent, name: &str| subject.try_commit(user, vec![Write::UpdateFolder { id, parent, name: name.into() }]);
    assert_exists(rename(other, None, "ÄRZTE"), "ÄRZTE");
    assert_exists(rename(inner, None, "other"), "other");
    rename(other, None, "OTHER").unwrap();
    rename(other, Some(outer), "OTHER").unwrap();
    rename(inner, None, "Other").unwrap();
}

pub fn a_folder_needs_a_parent_that_is_there(subject: &Subject<'_>) {
    let user = subject.anna();
    let foreign = subject.add_folder(subject.user_of("one", "berta").id, None, "theirs");
    let id = subject.store.reserve_folder(user).unwrap();
    for parent in [foreign, CollectionId::new(u64::MAX)] {
        let (parent, name, kind) = (Some(parent), "x".to_owned(), FolderType::UserMail);
        let add = Write::AddFolder { id, parent, name: name.clone(), kind };
        if parent != Some(id) {
            assert_missing(subject.try_commit(user, vec![add]), Missing::Folder);
        }
        let update = Write::UpdateFolder { id: INBOX, parent, name };
        assert_missing(subject.try_commit(user, vec![update]), Missing::Folder);
    }
}

pub fn a_folder_cannot_lie_inside_itself(subject: &Subject<'_>) {
    let user = subject.anna();
    let outer = subject.add_folder(user, None, "outer");
    let middle = subject.add_folder(user, Some(outer), "middle");
    let inner = subject.add_folder(user, Some(middle), "inner");
    for parent in [outer, middle, inner] {
        let update = Write::UpdateFolder { id: outer, parent: Some(parent), name: "outer".into() };
        assert_missing(subject.try_commit(user, vec![update]), Missing::Folder);
    }
    assert_eq!(subject.folder(user, outer).unwrap().parent, None);
    let update = Write::UpdateFolder { id: inner, parent: Some(outer), name: "inner".into() };
    subject.commit(user, vec![update]);
}

pub fn an_unknown_folder_is_named(subject: &Subject<'_>) {
    let user = subject.anna();
    for id in [CollectionId::new(0), CollectionId::new(99), CollectionId::new(u64::MAX)] {
        let update = Write::UpdateFolder { id, parent: None, name: "x".into() };
        assert_missing(subject.try_commit(user, vec![update]), Missing::Folder);
        assert_missing(subject.try_commit(user, vec![Write::RemoveFolder { id }]), Missing::Folder);
        assert_eq!(subject.folder(user, id), None);
    }
    assert_eq!(subject.store.modseq(user), Modseq(0));
}

pub fn a_removed_folder_takes_everything_inside_along(subject: &Subject<'_>) {
    let user = subject.anna();
    let outer = subject.add_folder(user, None, "outer");
    let inner = subject.add_folder(user, Some(outer), "inner");
    let innermost = subject.add_folder(user, Some(inner), "innermost");
    let beside = subject.add_folder(user, None, "beside");
    let kept = subject.add_object(user, beside, "kept", facts(1, "kept"));
    let items: Vec<_> = [outer, inner, innermost, innermost]
        .into_iter()
        .map(|folder| (folder, subject.add_object(user, folder, "gone", facts(1, "gone"))))
        .collect();
    let before = subject.store.modseq(user);
    let device = subject.device(user, "phone");
    subject.commit_by(user, device, vec![Write::RemoveFolder { id: outer }]);

    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.folders().unwrap().len(), 10);
    for (folder, item) in items {
        assert_eq!(snapshot.folder(folder).unwrap(), None);
        assert_eq!(snapshot.count(folder).unwrap(), 0);
        assert_eq!(snapshot.item(item).unwrap(), None);
        let last = snapshot.last_row(item).unwrap().unwrap();
        assert_eq!((last.kind, last.author), (LogKind::Left, Some(device)));
        assert!(snapshot.log(folder, before, 9).unwrap().contains(&last));
        assert_eq!(snapshot.content_at(item, before).unwrap().as_deref(), Some("gone"));
    }
    assert_eq!(snapshot.item(kept).unwrap().unwrap().content, Content::Object("kept".into()));
    assert_eq!(snapshot.hierarchy().unwrap(), snapshot.modseq());
}
