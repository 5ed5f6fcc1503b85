//! App passwords: made, found by the hash of their secret, and gone with their user.

use super::Subject;
use super::subject::{assert_exists, assert_missing};
use crate::{AppPassword, AppPasswordId, Event, Missing, NewAppPassword, User, UserId};

fn new(user: UserId, name: &str, hash: u8) -> NewAppPassword {
    NewAppPassword { user, name: name.into(), hash: [hash; 32], device: None, made: 1_700_000_000_000 }
}

fn generation(subject: &Subject<'_>, user: UserId) -> u64 {
    subject.store.user(user).unwrap().unwrap().login_generation
}

pub fn an_app_password_is_listed_and_found_by_the_hash_of_its_secret(subject: &Subject<'_>) {
    let store = subject.store;
    let (anna, berta) = (subject.user_of("one", "anna").id, subject.user_of("one", "berta").id);
    let first = NewAppPassword { device: Some("SEC1D2C6".into()), ..new(anna, "Ann's phone", 1) };
    let first = store.add_app_password(&first).unwrap();
    let expected = AppPassword {
        id: first.id,
        user: anna,
        name: "Ann's phone".into(),
        device: Some("SEC1D2C6".into()),
        made: 1_700_000_000_000,
        used_on: None,
    };
    assert_eq!(first, expected);
    let second = store.add_app_password(&new(anna, "ann's phone", 2)).unwrap();
    let theirs = store.add_app_password(&new(berta, "Ann's phone", 3)).unwrap();
    assert_eq!(store.app_passwords(anna).unwrap(), [first.clone(), second]);
    assert_eq!(store.app_passwords(berta).unwrap(), std::slice::from_ref(&theirs));
    assert_eq!(store.app_password(&[1; 32]).unwrap(), Some(first));
    assert_eq!(store.app_password(&[3; 32]).unwrap(), Some(theirs));
    assert_eq!(store.app_password(&[4; 32]).unwrap(), None);
}

pub fn an_app_password_needs_its_user_and_a_name_of_its_own(subject: &Subject<'_>) {
    let store = subject.store;
    let anna = subject.anna();
    store.add_app_password(&new(anna, "phone", 1)).unwrap();
    let before = generation(subject, anna);
    assert_exists(store.add_app_password(&new(anna, "phone", 2)), "phone");
    assert_missing(store.add_app_password(&new(UserId(anna.0 + 1), "phone", 3)), Missing::User);
    assert_eq!(store.app_password(&[2; 32]).unwrap(), None);
    assert_eq!(store.app_password(&[3; 32]).unwrap(), None);
    assert_eq!(generation(subject, anna), before, "what failed changed nothing");
}

pub fn the_login_generation_grows_when_an_app_password_comes_or_goes(subject: &Subject<'_>) {
    let store = subject.store;
    let (anna, berta) = (subject.user_of("one", "anna"), subject.user_of("one", "berta"));
    let added = store.add_app_password(&new(anna.id, "phone", 1)).unwrap();
    assert_eq!(generation(subject, anna.id), anna.login_generation + 1);
    assert_missing(store.remove_app_password(berta.id, added.id), Missing::AppPassword);
    assert_missing(store.remove_app_password(anna.id, AppPasswordId(added.id.0 + 1)), Missing::AppPassword);
    assert_missing(store.remove_app_password(UserId(berta.id.0 + 1), added.id), Missing::User);
    assert_eq!(generation(subject, anna.id), anna.login_generation + 1, "what failed changed nothing");
    store.remove_app_password(anna.id, added.id).unwrap();
    assert_eq!(generation(subject, anna.id), anna.login_generation + 2);
    assert_eq!(generation(subject, berta.id), berta.login_generation);
    assert_eq!(store.app_password(&[1; 32]).unwrap(), None);
    assert!(store.app_passwords(anna.id).unwrap().is_empty());
    assert_missing(store.remove_app_password(anna.id, added.id), Missing::AppPassword);
    let again = store.add_app_password(&new(anna.id, "phone", 1)).unwrap();
    assert_ne!(again.id, added.id, "ids are never used again");
    // A user who is written back as read keeps what came meanwhile.
    let renamed = store.update_user(&User { display_name: "A".into(), ..anna.clone() }).unwrap();
    assert_eq!(renamed.login_generation, anna.login_generation + 3);
}

pub fn whoever_waits_is_woken_when_an_app_password_comes_or_goes(subject: &Subject<'_>) {
    let store = subject.store;
    let anna = subject.anna();
    let device = subject.device(anna, "phone");
    let watch = || subject.watch(anna, device, &[]);
    let told = Event::Device { user: anna, device: None };
    let added = watch();
    let id = store.add_app_password(&new(anna, "phone", 1)).unwrap().id;
    assert_eq!(added.try_recv().unwrap(), told);
    let removed = watch();
    store.note_app_password_uses(&[(id, 20_000)]).unwrap();
    assert!(removed.try_recv().is_err(), "use wakes nobody");
    store.remove_app_password(anna, id).unwrap();
    assert_eq!(removed.try_recv().unwrap(), told);
}

pub fn the_last_day_of_use_is_kept(subject: &Subject<'_>) {
    let store = subject.store;
    let anna = subject.anna();
    let [one, two] =
        [("one", 1), ("two", 2)].map(|(name, hash)| store.add_app_password(&new(anna, name, hash)).unwrap());
    let before = generation(subject, anna);
    let days = || store.app_passwords(anna).unwrap().iter().map(|one| one.used_on).collect::<Vec<_>>();
    store.note_app_password_uses(&[(one.id, 20_000), (AppPasswordId(two.id.0 + 1), 20_000)]).unwrap();
    assert_eq!(days(), [Some(20_000), None]);
    // Of two that are written down in the wrong order the later holds.
    store.note_app_password_uses(&[(one.id, 19_999), (two.id, 20_001), (two.id, 20_000)]).unwrap();
    assert_eq!(days(), [Some(20_000), Some(20_001)]);
    store.note_app_password_uses(&[]).unwrap();
    assert_eq!(generation(subject, anna), before, "use voids nothing");
}

pub fn app_passwords_go_with_their_user(subject: &Subject<'_>) {
    let store = subject.store;
    let (anna, berta) = (subject.user_of("one", "anna"), subject.user_of("two", "anna"));
    for (user, hash) in [(&anna, 1), (&berta, 2)] {
        store.add_app_password(&new(user.id, "phone", hash)).unwrap();
    }
    store.remove_user(anna.id).unwrap();
    assert_eq!(store.app_password(&[1; 32]).unwrap(), None);
    assert!(store.app_passwords(anna.id).unwrap().is_empty());
    assert_eq!(store.app_password(&[2; 32]).unwrap().map(|one| one.user), Some(berta.id));
    assert!(store.app_passwords(UserId(99)).unwrap().is_empty());
}
