//! The full-text index finds what the plain statement of a search finds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use common::{add_user, commit, open};
use easel_protocol::{CollectionId, Facts, ServerId, WindowKey};
use easel_store::{LocalBus, MemoryStore, NewContent, Place, Query, Store, Term, UserId, Write};
use proptest::prelude::*;

const WORDS: [&str; 16] = [
    "anna",
    "ann",
    "Anton",
    "ÄRGER",
    "ärgern",
    "2024",
    "a",
    "x1",
    "會議",
    "größe",
    "GRÖSSE",
    "İstanbul",
    "議會議室",
    "東京a",
    "회의",
    "の會",
];

fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&WORDS[..]);
    let mark = prop::sample::select(&["", "", " ", "-", "@", "\n", "\u{0}", "\"", "'", "*", ", ", "\u{301}"][..]);
    prop::collection::vec((word, mark), 0..6)
        .prop_map(|parts| parts.into_iter().map(|(word, mark)| format!("{word}{mark}")).collect())
}

fn facts() -> impl Strategy<Value = Facts> {
    (0..5_i64, text(), text(), (text(), text()), text()).prop_map(
        |(window, subject, people, (from, to), search_text)| Facts {
            subject,
            people,
            from,
            to,
            search_text,
            conversation: Some([u8::try_from(window).unwrap(); 16]),
            ..Facts::of(WindowKey(window))
        },
    )
}

fn query() -> impl Strategy<Value = Query> {
    let word = (
        prop::sample::select(&WORDS[..]),
        1..8_usize,
        prop::sample::select(&["", "-a", "@x1 ", ".", "議", "-會", "室a"][..]),
    );
    let word = word.prop_map(|(word, count, end)| word.chars().take(count).chain(end.chars()).collect::<String>());
    let place = prop::sample::select(&[Place::Anywhere, Place::Anywhere, Place::From, Place::Subject, Place::To][..]);
    let word = (word, place, any::<bool>()).prop_map(|(text, place, whole)| Term { text, place, whole });
    let words = prop::collection::vec(word, 0..3);
    let bound = prop::option::of(0..5_i64);
    (words, bound.clone(), bound, prop::option::of(0..5_u8), 0..9_usize).prop_map(
        |(words, after, before, conversation, limit)| Query {
            words,
            after,
            before,
            conversation: conversation.map(|thread| [thread; 16]),
            limit,
            ..Query::default()
        },
    )
}

/// What is done to both stores, by the number of the item.
#[derive(Clone, Debug)]
enum Act {
    Add(Facts),
    Change(usize, Facts),
    Index,
    Move(usize),
    Remove(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => facts().prop_map(Act::Add),
        2 => (any::<usize>(), facts()).prop_map(|(at, facts)| Act::Change(at, facts)),
        2 => Just(Act::Index),
        1 => any::<usize>().prop_map(Act::Move),
        1 => any::<usize>().prop_map(Act::Remove),
    ]
}

const FOLDERS: [CollectionId; 2] = [CollectionId::new(6), CollectionId::new(8)];

fn do_to(store: &dyn Store, user: UserId, items: &mut Vec<ServerId>, act: &Act) {
    let at = |at: &usize, items: &[ServerId]| (!items.is_empty()).then(|| at % items.len());
    let seen = store.modseq(user);
    match act {
        Act::Add(facts) => {
            let id = store.reserve_items(user, 1).unwrap();
            let (content, facts) = (NewContent::Object("x".into()), facts.clone());
            commit(store, user, vec![Write::AddItem { id, folder: FOLDERS[0], content, facts }]);
            items.push(id);
        }
        Act::Change(which, facts) => {
            let Some(at) = at(which, items) else { return };
            let (id, facts) = (items[at], facts.clone());
            commit(store, user, vec![Write::ChangeContent { id, content: "y".into(), facts, seen }]);
        }
        Act::Index => {}
        Act::Move(which) => {
            let Some(at) = at(which, items) else { return };
            let new_id = store.reserve_items(user, 1).unwrap();
            commit(store, user, vec![Write::MoveItem { id: items[at], to: FOLDERS[1], new_id }]);
            items[at] = new_id;
        }
        Act::Remove(which) => {
            let Some(at) = at(which, items) else { return };
            commit(store, user, vec![Write::RemoveItem { id: items.swap_remove(at) }]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_the_memory_store_finds(
        acts in prop::collection::vec((0..2_usize, act()), 0..30),
        queries in prop::collection::vec(query(), 1..12),
    ) {
        let dir = common::quick_directory();
        let sqlite = open(dir.path());
        let memory = MemoryStore::new(Arc::new(LocalBus::default()));
        let users = [add_user(&sqlite, "anna"), add_user(&sqlite, "berta")];
        prop_assert_eq!(users, [add_user(&memory, "anna"), add_user(&memory, "berta")]);
        let mut items = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
        for (whose, act) in &acts {
            let user = users[*whose];
            do_to(&sqlite, user, &mut items[0][*whose], act);
            do_to(&memory, user, &mut items[1][*whose], act);
            if matches!(act, Act::Index) {
                sqlite.finish_indexing().unwrap();
            }
        }
        for indexed in [false, true] {
            if indexed {
                sqlite.finish_indexing().unwrap();
            }
            for (user, query) in users.iter().flat_map(|user| queries.iter().map(move |query| (*user, query))) {
                let found = sqlite.snapshot(user).unwrap().search(query).unwrap();
                let expected = memory.snapshot(user).unwrap().search(query).unwrap();
                prop_assert_eq!(&found, &expected, "{:?}", query);
            }
        }
    }
}

#[test]
fn an_address_is_found_by_its_beginning_in_the_index_and_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let known = Facts { people: "Anna Berg <anna.berg@one.example>".into(), ..common::facts(1, "x") };
    let id = common::add_event(&store, user, "x", known);
    for _ in 0..2 {
        let snapshot = store.snapshot(user).unwrap();
        assert_eq!(common::search(&*snapshot, &["anna.berg@one"]), [id]);
        assert!(common::search(&*snapshot, &["anna.one"]).is_empty());
        assert!(common::search(&*snapshot, &["\" OR words:anna"]).is_empty());
        drop(snapshot);
        store.finish_indexing().unwrap();
    }
}

#[test]
fn a_text_beyond_the_limit_is_searched_up_to_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let search_text = format!("early {} late", "ü".repeat(200_000));
    let id = common::add_event(&store, user, "x", Facts { search_text, ..common::facts(1, "x") });
    store.finish_indexing().unwrap();
    let snapshot = store.snapshot(user).unwrap();
    assert_eq!(common::search(&*snapshot, &["early"]), [id]);
    assert!(common::search(&*snapshot, &["late"]).is_empty());
}

/// A file of the version before, as that version left it: one run is one word.
#[test]
fn items_of_the_older_rule_are_found_as_before_and_after_they_are_indexed_again_inside_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let known = |text: &str| Facts { search_text: text.into(), ..common::facts(1, "x") };
    let (old, waits) = (known("東京都庁前です"), known("京都"));
    let id = common::add_event(&store, user, "x", old.clone());
    store.finish_indexing().unwrap();
    drop(store);
    let connection = rusqlite::Connection::open(dir.path().join("easel.db")).unwrap();
    connection
        .execute_batch(
            "DELETE FROM search;
             INSERT INTO search (rowid, words) SELECT object, user || 'ux ' || user || 'u東京都庁前です' FROM item;
             DROP TABLE search_again;
             DROP TABLE quarantine;
             DROP TABLE note;
             DROP TABLE followed;
             DROP TABLE app_password;
             ALTER TABLE outgoing DROP COLUMN failed;
             ALTER TABLE outgoing DROP COLUMN refused;
             ALTER TABLE outgoing DROP COLUMN delayed;
             ALTER TABLE outgoing DROP COLUMN delay_told;
             ALTER TABLE outgoing DROP COLUMN tried;
             ALTER TABLE outgoing DROP COLUMN waited;
             DROP TRIGGER content_comes;
             DROP TRIGGER content_changes;
             DROP TRIGGER item_goes;
             ALTER TABLE user DROP COLUMN quota;
             ALTER TABLE mailbox DROP COLUMN bytes;
             PRAGMA user_version = 3",
        )
        .unwrap();
    drop(connection);
    let store = open(dir.path());
    let find = |word: &str| common::search(&*store.snapshot(user).unwrap(), &[word]);
    assert_eq!((find("東"), find("東京"), find("東京都庁"), find("都庁")), (vec![id], vec![id], vec![id], vec![]));
    let newer = common::add_event(&store, user, "x", waits);
    assert_eq!(find("京都"), [newer]);
    assert_eq!(store.to_index_again(9).unwrap(), [(user, id)]);
    let seen = store.snapshot(user).unwrap().item(id).unwrap().unwrap().changed;
    store.index_again(user, id, &old, seen).unwrap();
    assert!(store.to_index_again(9).unwrap().is_empty());
    for _ in 0..2 {
        assert_eq!((find("東京都庁"), find("都庁"), find("前です")), (vec![id], vec![id], vec![id]));
        assert_eq!(find("京都"), [newer, id]);
        store.finish_indexing().unwrap();
    }
    drop(store);
    assert!(open(dir.path()).to_index_again(9).unwrap().is_empty());
}
