//! Mail on its way out, and what becomes of mail that is stuck.

use std::sync::Arc;

use easel_store::{ChangeSet, FailedRecipient, LocalBus, NewOutgoing, Outgoing, Store, Write};
use easel_store_sqlite::SqliteStore;

use crate::support::House;

/// Two messages of anna's: one that waits, one that was refused for good by one of two recipients.
fn queued(house: &House) {
    let store = SqliteStore::open(house.path("house/data").as_ref(), Arc::new(LocalBus::default())).unwrap();
    let tenant = store.tenant("defaultcontext").unwrap().unwrap().id;
    let user = store.user_by_name(tenant, "anna").unwrap().unwrap().id;
    // So late that no server that runs tries them.
    for (subject, queued) in [("Waits", 4_000_000_000_000), ("Stuck =?utf-8?q?=C3=BC?=", 4_000_000_001_000)] {
        let blob = store.put_blob(format!("Subject: {subject}\r\n\r\ntext\r\n").as_bytes()).unwrap();
        let recipients = vec!["bob@there.example".to_owned(), "eve@there.example".to_owned()];
        let mut set = ChangeSet::new(user);
        set.writes.push(Write::Queue(NewOutgoing { sender: "anna@example.org".into(), recipients, blob, queued }));
        store.commit(set).unwrap();
    }
    let rows = store.due_outgoing(i64::MAX, 9).unwrap();
    let (recipient, reason) = ("eve@there.example".into(), "550 5.1.1 no such user".into());
    let failed = FailedRecipient { recipient, reason, ..FailedRecipient::default() };
    let (recipient, reason) = ("bob@there.example".into(), "450 4.2.0 not now".into());
    let delayed = vec![FailedRecipient { recipient, reason, ..FailedRecipient::default() }];
    let (recipients, failed) = (vec!["bob@there.example".into()], vec![failed]);
    let next_attempt = 4_102_444_800_000;
    store
        .put_outgoing(&Outgoing { recipients, failed, delayed, attempts: 3, next_attempt, ..rows[1].clone() })
        .unwrap();
}

#[test]
fn stuck_mail_is_seen_retried_and_dropped_without_a_server() {
    let house = House::with_anna();
    assert_eq!(house.run(&["queue", "list"]).ok(), "nothing is queued\n");
    queued(&house);
    let said = house.run(&["queue", "list"]).ok();
    for part in [
        "Waits",
        "Stuck ü",
        "anna@defaultcontext",
        "eve@there.example",
        "never",
        "550 5.1.1 no such user",
        "450 4.2.0 not now",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(said.lines().count(), 1 + 4, "a head, and a line for each recipient: {said}");
    let stuck = house.json(&["queue", "list", "--failed"]);
    assert_eq!(stuck.as_array().unwrap().len(), 1);
    assert_eq!(stuck[0]["failed"][0][1], "550 5.1.1 no such user");
    assert_eq!(stuck[0]["next_attempt"], "2100-01-01T00:00:00Z");
    let number = stuck[0]["number"].to_string();

    house.run(&["queue", "retry", &number]).ok();
    assert!(house.json(&["queue", "list", "--failed"]).as_array().unwrap().is_empty());
    let all = house.json(&["queue", "list"]);
    assert_eq!(all[1]["waiting"].as_array().unwrap().len(), 2);
    house.run(&["queue", "drop", &number]).ok();
    assert_eq!(house.json(&["queue", "list"]).as_array().unwrap().len(), 1);
    for verb in ["retry", "drop"] {
        let said = house.run(&["queue", verb, &number]).refused();
        assert!(said.contains("no message") && said.contains("easel queue list"), "{said}");
    }
}

#[test]
fn a_server_that_runs_carries_it_out() {
    let house = House::with_anna();
    queued(&house);
    let serving = house.serve();
    let stuck = house.json(&["queue", "list", "--failed"]);
    let number = stuck[0]["number"].to_string();
    house.run(&["queue", "drop", &number]).ok();
    let left = house.json(&["queue", "list"]);
    assert_eq!((left.as_array().unwrap().len(), left[0]["subject"].as_str()), (1, Some("Waits")));
    drop(serving);
}
