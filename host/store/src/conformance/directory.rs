//! Tenants, users and the address list.

use super::Subject;
use super::subject::{CALENDAR, assert_exists, assert_missing, facts, new_user};
use crate::{GalEntry, Missing, Modseq, NewUser, TenantId, User, UserId, WELL_KNOWN_FOLDERS};

pub fn a_tenant_is_found_by_its_name(subject: &Subject<'_>) {
    let store = subject.store;
    let (second, first) = (store.add_tenant("ox.io").unwrap(), store.add_tenant("defaultcontext").unwrap());
    assert_ne!(first.id, second.id);
    assert_eq!(store.tenant("ox.io").unwrap(), Some(second.clone()));
    assert_eq!(store.tenant("OX.io").unwrap(), None);
    assert_eq!(store.tenants().unwrap(), [first, second]);
}

pub fn a_tenant_name_is_taken_once(subject: &Subject<'_>) {
    subject.store.add_tenant("ox.io").unwrap();
    assert_exists(subject.store.add_tenant("ox.io"), "ox.io");
    assert_eq!(subject.store.tenants().unwrap().len(), 1);
}

fn full(tenant: TenantId) -> NewUser {
    NewUser {
        tenant,
        name: "Anna".into(),
        display_name: "Anna Bérg".into(),
        addresses: vec!["anna@one.example".into(), "Berg@one.example".into(), "a.b@two.example".into()],
        phones: vec!["+49 1".into(), "+49 2".into()],
        photo: Some(vec![0xff, 0xd8, 0]),
        zone: "Asia/Tokyo".into(),
        password_hash: "$argon2id$one".into(),
    }
}

pub fn a_user_is_found_by_id_name_and_address(subject: &Subject<'_>) {
    let store = subject.store;
    let tenant = store.add_tenant("one").unwrap().id;
    let new = full(tenant);
    let user = store.add_user(&new).unwrap();
    let expected = User {
        id: user.id,
        tenant,
        name: new.name,
        display_name: new.display_name,
        addresses: new.addresses,
        phones: new.phones,
        photo: new.photo,
        zone: new.zone,
        password_hash: new.password_hash,
        login_generation: user.login_generation,
        enabled: true,
        quota: None,
    };
    assert_eq!(user, expected);
    assert_eq!(store.user(user.id).unwrap(), Some(expected.clone()));
    assert_eq!(store.user_by_name(tenant, "Anna").unwrap(), Some(expected));
    for address in ["anna@one.example", "ANNA@One.Example", "berg@one.example", "a.b@two.example"] {
        assert_eq!(store.user_by_address(address).unwrap(), Some(user.id), "{address}");
    }
    assert_eq!(store.user_by_address("nobody@one.example").unwrap(), None);
    assert_eq!(store.user(UserId(user.id.0 + 1)).unwrap(), None);
}

pub fn a_login_keeps_its_case_and_is_its_own_in_each_tenant(subject: &Subject<'_>) {
    let store = subject.store;
    let (one, two) = (store.add_tenant("one").unwrap().id, store.add_tenant("two").unwrap().id);
    let lower = store.add_user(&new_user(one, "anna", "a@x.example")).unwrap();
    let upper = store.add_user(&new_user(one, "Anna", "b@x.example")).unwrap();
    let other = store.add_user(&new_user(two, "anna", "c@x.example")).unwrap();
    assert_exists(store.add_user(&new_user(one, "anna", "d@x.example")), "anna");
    let found = |tenant, name| store.user_by_name(tenant, name).unwrap().map(|user| user.id);
    assert_eq!(found(one, "anna"), Some(lower.id));
    assert_eq!(found(one, "Anna"), Some(upper.id));
    assert_eq!(found(two, "anna"), Some(other.id));
    assert_eq!(found(two, "Anna"), None);
    assert_eq!(store.user_by_address("d@x.example").unwrap(), None);
}

pub fn an_address_belongs_to_one_user_of_the_server(subject: &Subject<'_>) {
    let store = subject.store;
    let (one, two) = (store.add_tenant("one").unwrap().id, store.add_tenant("two").unwrap().id);
    let first = store.add_user(&new_user(one, "anna", "anna@x.example")).unwrap();
    assert_exists(store.add_user(&new_user(two, "berta", "ANNA@x.example")), "ANNA@x.example");
    assert_eq!(store.user_by_name(two, "berta").unwrap(), None);
    assert_eq!(store.user_by_address("Anna@X.example").unwrap(), Some(first.id));
}

pub fn a_user_needs_a_tenant(subject: &Subject<'_>) {
    assert_missing(subject.store.add_user(&new_user(TenantId(9), "anna", "a@x.example")), Missing::Tenant);
    assert!(subject.store.users(TenantId(9)).unwrap().is_empty());
}

pub fn a_new_mailbox_has_the_well_known_folders(subject: &Subject<'_>) {
    let user = subject.anna();
    let snapshot = subject.snapshot(user);
    let folders = snapshot.folders().unwrap();
    let seen: Vec<(u64, &str, _)> = folders.iter().map(|f| (f.id.number(), f.name.as_str(), f.kind)).collect();
    let expected: Vec<_> = (1..).zip(WELL_KNOWN_FOLDERS).map(|(id, (name, kind))| (id, name, kind)).collect();
    assert_eq!(seen, expected);
    assert!(folders.iter().all(|folder| folder.parent.is_none()));
    assert_eq!(subject.store.modseq(user), snapshot.modseq());
    assert_eq!(subject.store.reserve_folder(user).unwrap().number(), 10);
    assert_eq!(subject.store.reserve_items(user, 1).unwrap().number(), 1);
}

pub fn users_are_listed_by_name(subject: &Subject<'_>) {
    let ids: Vec<UserId> = ["zoe", "anna", "Max"].map(|name| subject.user_of("one", name).id).into();
    subject.user_of("two", "berta");
    let tenant = subject.store.tenant("one").unwrap().unwrap().id;
    let listed: Vec<UserId> = subject.store.users(tenant).unwrap().iter().map(|user| user.id).collect();
    assert_eq!(listed, [ids[2], ids[1], ids[0]]);
}

pub fn an_update_replaces_everything_but_the_ids(subject: &Subject<'_>) {
    let store = subject.store;
    let old = subject.user_of("one", "anna");
    let new = User {
        name: "hanna".into(),
        display_name: "Hanna".into(),
        addresses: vec!["hanna@x.example".into(), "anna@one.example".into()],
        phones: vec!["1".into()],
        photo: Some(vec![7]),
        zone: "UTC".into(),
        tenant: TenantId(old.tenant.0 + 1),
        quota: Some(5_000_000_000),
        ..old.clone()
    };
    let updated = store.update_user(&new).unwrap();
    assert_eq!(updated, User { tenant: old.tenant, ..new });
    assert_eq!(store.user(old.id).unwrap(), Some(updated));
    assert_eq!(store.user_by_name(old.tenant, "anna").unwrap(), None);
    assert_eq!(store.user_by_address("hanna@X.example").unwrap(), Some(old.id));
    let fewer = User { addresses: Vec::new(), ..store.user(old.id).unwrap().unwrap() };
    store.update_user(&fewer).unwrap();
    assert_eq!(store.user_by_address("hanna@x.example").unwrap(), None);
}

pub fn an_update_cannot_take_what_another_has(subject: &Subject<'_>) {
    let store = subject.store;
    let (anna, berta) = (subject.user_of("one", "anna"), subject.user_of("one", "berta"));
    assert_exists(store.update_user(&User { name: "berta".into(), ..anna.clone() }), "berta");
    let address = vec!["x@x.example".into(), "Berta@One.example".into()];
    assert_exists(store.update_user(&User { addresses: address, ..anna.clone() }), "Berta@One.example");
    assert_eq!(store.user(anna.id).unwrap(), Some(anna.clone()));
    assert_eq!(store.user_by_address("x@x.example").unwrap(), None);
    assert_missing(store.update_user(&User { id: UserId(berta.id.0 + 1), ..anna }), Missing::User);
}

pub fn the_login_generation_grows_with_password_and_enabled(subject: &Subject<'_>) {
    let store = subject.store;
    let user = subject.user_of("one", "anna");
    let first = user.login_generation;
    // What the caller says of it does not count.
    let renamed = store.update_user(&User { display_name: "A".into(), login_generation: 99, ..user }).unwrap();
    assert_eq!(renamed.login_generation, first);
    let changed = store.update_user(&User { password_hash: "$argon2id$two".into(), ..renamed }).unwrap();
    assert_eq!(changed.login_generation, first + 1);
    let disabled = store.update_user(&User { enabled: false, ..changed }).unwrap();
    assert_eq!((disabled.login_generation, disabled.enabled), (first + 2, false));
    let same = store.update_user(&disabled).unwrap();
    assert_eq!(same.login_generation, first + 2);
    assert_eq!(store.user(same.id).unwrap(), Some(same));
}

pub fn a_removed_user_leaves_nothing(subject: &Subject<'_>) {
    let store = subject.store;
    let (anna, berta) = (subject.user_of("one", "anna"), subject.user_of("one", "berta"));
    let device = subject.device(anna.id, "phone");
    subject.add_object(anna.id, CALENDAR, "BEGIN:VEVENT", facts(1, "dinner"));
    let theirs = subject.add_object(berta.id, CALENDAR, "BEGIN:VEVENT", facts(1, "dinner"));
    let (_, queue) = subject.message("text", 5);
    subject.commit(anna.id, vec![queue]);
    let outgoing = store.due_outgoing(5, 10).unwrap()[0].id;
    let entry =
        GalEntry { user: Some(anna.id), display_name: "Anna".into(), email: "a@x".into(), ..GalEntry::default() };
    store.put_gal_entry(anna.tenant, &entry).unwrap();

    store.remove_user(anna.id).unwrap();
    assert_eq!(store.user(anna.id).unwrap(), None);
    assert_eq!(store.user_by_address("anna@one.example").unwrap(), None);
    assert_missing(store.snapshot(anna.id).map(drop), Missing::User);
    assert_eq!(store.modseq(anna.id), Modseq(0));
    assert!(store.devices(anna.id).unwrap().is_empty());
    assert_missing(store.remove_device(device), Missing::Device);
    assert!(store.search_gal(anna.tenant, "anna", 9).unwrap().is_empty());
    assert_eq!(store.outgoing(outgoing).unwrap(), None);
    assert_missing(store.reserve_items(anna.id, 1), Missing::User);
    assert_missing(store.reserve_folder(anna.id), Missing::User);
    assert_missing(subject.try_commit(anna.id, Vec::new()), Missing::User);
    assert_missing(store.remove_user(anna.id), Missing::User);
    assert!(subject.item(berta.id, theirs).is_some());

    let again = subject.user_of("one", "anna");
    assert_ne!(again.id, anna.id, "ids are never used again");
    assert_eq!(subject.snapshot(again.id).count(CALENDAR).unwrap(), 0);
}

pub fn users_of_two_tenants_never_mix(subject: &Subject<'_>) {
    let store = subject.store;
    let users = [subject.user_of("one", "anna"), subject.user_of("two", "anna")];
    let devices = users.each_ref().map(|user| subject.device(user.id, "phone"));
    assert_ne!(devices[0], devices[1]);
    let items = users.each_ref().map(|user| {
        let uid = Some("same".into());
        subject.add_object(user.id, CALENDAR, &user.id.0.to_string(), easel_protocol::Facts { uid, ..facts(1, "same") })
    });
    assert_eq!(items[0], items[1], "each mailbox counts for itself");
    for (user, item) in users.iter().zip(items) {
        let snapshot = subject.snapshot(user.id);
        assert_eq!(snapshot.content_at(item, snapshot.modseq()).unwrap(), Some(user.id.0.to_string()));
        assert_eq!(snapshot.count(CALENDAR).unwrap(), 1);
        assert_eq!(snapshot.log(CALENDAR, Modseq(0), 9).unwrap().len(), 1);
        assert_eq!(snapshot.by_uid("same").unwrap(), [item]);
        assert_eq!(store.users(user.tenant).unwrap(), std::slice::from_ref(user));
        assert_eq!(store.devices(user.id).unwrap().len(), 1);
    }
    let foreign = subject.add_object(users[1].id, CALENDAR, "more", facts(2, "more"));
    assert_eq!(subject.item(users[0].id, foreign), None);
    assert_missing(subject.try_commit(users[0].id, vec![crate::Write::RemoveItem { id: foreign }]), Missing::Item);
    store.remove_user(users[0].id).unwrap();
    assert_eq!(subject.snapshot(users[1].id).count(CALENDAR).unwrap(), 2);
}

fn entry(name: &str, email: &str) -> GalEntry {
    GalEntry { display_name: name.into(), email: email.into(), ..GalEntry::default() }
}

pub fn an_entry_is_found_by_the_start_of_its_words(subject: &Subject<'_>) {
    let store = subject.store;
    let tenant = store.add_tenant("one").unwrap().id;
    let long = "x".repeat(200);
    let entry = GalEntry {
        user: None,
        display_name: "Bérg-Olsen, Anna (Köln)".into(),
        email: "anna.berg@one.example".into(),
        phone: "1".into(),
        office: format!("Room {long}"),
        title: "Boss".into(),
        company: "Great Works".into(),
        alias: "ab".into(),
        first_name: "Anna".into(),
        last_name: "Bérg-Olsen".into(),
        home_phone: "2".into(),
        mobile_phone: "3".into(),
        photo: Some(vec![1]),
    };
    store.put_gal_entry(tenant, &entry).unwrap();
    let longer = format!("room {long}");
    for query in
        ["bé", "BÉRG", "olsen", "ann", " anna ", "köl", "anna.berg@one", "one", "exam", "great w", "ab", "(kö", &longer]
    {
        assert_eq!(store.search_gal(tenant, query, 9).unwrap(), std::slice::from_ref(&entry), "{query}");
    }
    let too_long = format!("{longer}y");
    for query in ["", "  ", "nna", "berg@one", "one.ex", "boss", "anna z", "2", "%", "_", &too_long, "\u{10ffff}"] {
        assert!(store.search_gal(tenant, query, 9).unwrap().is_empty(), "{query}");
    }
}

pub fn an_entry_replaces_the_one_with_its_address(subject: &Subject<'_>) {
    let store = subject.store;
    let tenant = store.add_tenant("one").unwrap().id;
    store.put_gal_entry(tenant, &entry("Anna", "anna@x.example")).unwrap();
    store.put_gal_entry(tenant, &entry("Hanna", "ANNA@x.example")).unwrap();
    assert_eq!(store.search_gal(tenant, "anna@", 9).unwrap(), [entry("Hanna", "ANNA@x.example")]);
    assert!(store.search_gal(tenant, "anna", 9).unwrap().len() == 1, "the address still begins with it");
    assert_missing(store.put_gal_entry(TenantId(tenant.0 + 1), &entry("x", "x@x")), Missing::Tenant);

    // A user who gets another address is not listed twice.
    let user = Some(subject.user_of("two", "berta").id);
    let tenant = store.tenant("two").unwrap().unwrap().id;
    let berta = |address| GalEntry { user, ..entry("Berta", address) };
    store.put_gal_entry(tenant, &berta("old@x.example")).unwrap();
    store.put_gal_entry(tenant, &berta("new@x.example")).unwrap();
    assert_eq!(store.search_gal(tenant, "berta", 9).unwrap(), [berta("new@x.example")]);
}

pub fn entries_are_sorted_bounded_and_of_one_tenant(subject: &Subject<'_>) {
    let store = subject.store;
    let (one, two) = (store.add_tenant("one").unwrap().id, store.add_tenant("two").unwrap().id);
    for (name, email) in [("anton", "3@x"), ("Anna", "2@x"), ("Berta Antonia", "1@x"), ("Ansgar", "0@x")] {
        store.put_gal_entry(one, &entry(name, email)).unwrap();
    }
    store.put_gal_entry(two, &entry("Anastasia", "2@x")).unwrap();
    let names = |limit| -> Vec<String> {
        store.search_gal(one, "an", limit).unwrap().into_iter().map(|entry| entry.display_name).collect()
    };
    assert_eq!(names(9), ["Anna", "Ansgar", "anton", "Berta Antonia"]);
    assert_eq!(names(2), ["Anna", "Ansgar"]);
    assert!(names(0).is_empty());
    assert_eq!(store.search_gal(two, "an", 9).unwrap().len(), 1);
}
