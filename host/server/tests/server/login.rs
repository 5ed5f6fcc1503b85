//! Who is who.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easel_commands::{Answer, Request, Sink};
use easel_server::{Budget, Credentials, Denied, ListenerKind, Logins, Turn};
use easel_store::Store as _;

use crate::house::{House, PASSWORD, basic, house, person, plan, post_as};
use crate::limits::metrics;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Answers with the tenant's number and the user's name.
fn who(request: &Request<'_>, _: &mut dyn Sink) -> Turn {
    let name = format!("{}/{}", request.user.tenant.0, request.user.name);
    Turn::Answer(Answer::bytes("text/plain", name.into_bytes()))
}

/// A house with `anna` in both tenants, and a few more people.
fn tenants() -> (House, [u64; 2]) {
    let house = house(who);
    let default = house.store.tenant("defaultcontext").unwrap().unwrap();
    let ox = house.store.add_tenant("ox.io").unwrap();
    for name in ["anna", "Anna", "peter@home"] {
        house.store.add_user(&person(&ox, name)).unwrap();
    }
    house.store.add_user(&person(&default, "jürgen")).unwrap();
    (house, [default.id.0, ox.id.0])
}

fn credentials(login: &str, password: &str) -> Credentials {
    Credentials { login: login.to_owned(), password: password.to_owned() }
}

#[tokio::test]
async fn f6_every_form_of_every_device_logs_in() {
    let (house, [default, ox]) = tenants();
    let mut client = house.client().await;
    for (device, login, tenant, user) in [
        // Windows Mobile: the domain field must be filled.
        ("Windows Mobile", "defaultcontext\\anna", default, "anna"),
        ("Windows Mobile", "ox.io\\anna", ox, "anna"),
        ("Windows Mobile", "ox.io\\anna@ox.io", ox, "anna"),
        ("Windows Mobile", "defaultcontext\\anna@ox.io", ox, "anna"),
        // iPhone: the domain is the default or empty.
        ("iPhone", "anna", default, "anna"),
        ("iPhone", "\\anna", default, "anna"),
        ("iPhone", "defaultcontext\\anna", default, "anna"),
        ("iPhone", "anna@ox.io", ox, "anna"),
        ("iPhone", "\\anna@ox.io", ox, "anna"),
        ("iPhone", "ox.io\\anna", ox, "anna"),
        // BlackBerry with AstraSync: user and domain are asked for.
        ("AstraSync", "defaultcontext\\anna", default, "anna"),
        ("AstraSync", "ox.io\\anna", ox, "anna"),
        ("AstraSync", "anna@ox.io", ox, "anna"),
        // S60: empty, one space, what follows the @, or the default.
        ("S60", "anna", default, "anna"),
        ("S60", "\\anna", default, "anna"),
        ("S60", " \\anna", default, "anna"),
        ("S60", "defaultcontext\\anna", default, "anna"),
        ("S60", " \\anna@ox.io", ox, "anna"),
        ("S60", "ox.io\\anna", ox, "anna"),
        ("S60", "ox.io\\anna@ox.io", ox, "anna"),
        // Android with a further application: all in one field, or with a domain.
        ("Android", "anna", default, "anna"),
        ("Android", "anna@ox.io", ox, "anna"),
        ("Android", "anna@defaultcontext", default, "anna"),
        ("Android", "defaultcontext\\anna", default, "anna"),
        // Any device: a mail address, a name with an @ in it, a name that differs in case only.
        ("any", "anna@mail.ox.io.example", ox, "anna"),
        ("any", "anna@mail.defaultcontext.example", default, "anna"),
        ("any", "ox.io\\anna@mail.ox.io.example", ox, "anna"),
        ("any", "peter@home@ox.io", ox, "peter@home"),
        ("any", "ox.io\\peter@home", ox, "peter@home"),
        ("any", "Anna@ox.io", ox, "Anna"),
    ] {
        let response = client.ask(&post_as(&basic(login, PASSWORD), "D", "Sync", "", b"")).await;
        let seen = (response.code, String::from_utf8(response.body).unwrap());
        assert_eq!(seen, (200, format!("{tenant}/{user}")), "{device}: {login:?}");
    }
}

#[tokio::test]
async fn f5_name_password_and_domain_are_case_sensitive_and_domains_are_not_guessed() {
    let (house, _) = tenants();
    let mut client = house.client().await;
    for (login, password) in [
        ("ANNA", PASSWORD),
        ("anna", "S3CRET"),
        ("anna", "s3cret "),
        ("anna ", PASSWORD),
        ("anna@OX.IO", PASSWORD),
        ("Defaultcontext\\anna", PASSWORD),
        ("ANNA@mail.ox.io.example", PASSWORD),
        ("Anna", PASSWORD),
        ("anna@nowhere.example", PASSWORD),
        ("ox.io\\anna@defaultcontext", PASSWORD),
        ("ox.io\\anna@mail.defaultcontext.example", PASSWORD),
        ("nobody", PASSWORD),
    ] {
        let response = client.ask(&post_as(&basic(login, password), "D", "Sync", "", b"")).await;
        assert_eq!(response.code, 401, "{login:?} {password:?}");
        assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"Easel\""));
    }
}

#[tokio::test]
async fn g26_a_login_in_latin1_is_the_same_as_in_utf8() {
    let (house, _) = tenants();
    let mut client = house.client().await;
    for raw in [&b"j\xFCrgen:s3cret"[..], "jürgen:s3cret".as_bytes()] {
        let credentials = format!("Authorization: Basic {}\r\n", STANDARD.encode(raw));
        assert_eq!(client.ask(&post_as(&credentials, "D", "Sync", "", b"")).await.code, 200);
    }
}

#[tokio::test]
async fn g25_a_request_without_credentials_is_challenged_and_counts_for_nothing() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.per_address = Budget { burst: 1, refill: Duration::from_secs(3600) };
    let house = plan.build(who);
    let mut client = house.client().await;
    for _ in 0..50 {
        for request in [
            post_as("", "D", "FolderSync", "", b"\x03\x01\x6A\x00"),
            post_as("Authorization: Bearer x\r\n", "D", "FolderSync", "", b""),
            b"OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: e\r\n\r\n".to_vec(),
        ] {
            let response = client.ask(&request).await;
            assert_eq!(response.code, 401);
            assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"Easel\""));
        }
    }
    assert_eq!(house.logins.hashes(), 0);
    assert_eq!(client.ask(&post_as(&basic("anna", PASSWORD), "D", "Sync", "", b"")).await.code, 200);
}

#[tokio::test]
async fn too_many_wrong_passwords_are_throttled_before_hashing_and_never_with_401() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.per_login = Budget { burst: 3, refill: Duration::from_secs(60) };
    let house = plan.build(who);
    let mut client = house.client().await;
    let mut ask = async |password: &str| {
        let response = client.ask(&post_as(&basic("anna", password), "D", "Sync", "", b"")).await;
        let header = |name| response.header(name).map(ToOwned::to_owned);
        (response.code, header("retry-after"), header("x-ms-asthrottle"))
    };
    for guess in 0..3 {
        assert_eq!(ask(&guess.to_string()).await, (401, None, None));
    }
    let told = (503, Some("60".to_owned()), Some("OutOfBudgets".to_owned()));
    assert_eq!(ask("3").await, told);
    assert_eq!(ask(PASSWORD).await, told);
    assert_eq!(house.logins.hashes(), 3);
    assert_eq!(ask("0").await.0, 401, "what is known to be wrong costs nothing");
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(ask(PASSWORD).await.0, 200);
    assert_eq!(house.logins.hashes(), 4);
}

#[tokio::test]
async fn an_address_is_throttled_over_all_logins() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.per_address = Budget { burst: 3, refill: Duration::from_secs(60) };
    let house = plan.build(who);
    for guess in 0..3 {
        let stranger = credentials(&format!("user{guess}"), "x");
        assert_eq!(house.logins.check(&stranger, HOME).await.unwrap_err(), Denied::Wrong);
    }
    let told = Denied::TooOften { retry_after_secs: 60 };
    assert_eq!(house.logins.check(&credentials("anna", PASSWORD), HOME).await.unwrap_err(), told);
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    assert!(house.logins.check(&credentials("anna", PASSWORD), elsewhere).await.is_ok());
}

#[tokio::test]
async fn one_password_is_hashed_once_however_many_ask_at_once() {
    let house = house(who);
    let anna = credentials("anna", PASSWORD);
    let wrong = credentials("anna", "wrong");
    let rights = (0..20).map(|_| {
        let (logins, anna) = (house.logins.clone(), anna.clone());
        tokio::spawn(async move { logins.check(&anna, HOME).await.is_ok() })
    });
    let wrongs = (0..20).map(|_| {
        let (logins, wrong) = (house.logins.clone(), wrong.clone());
        tokio::spawn(async move { logins.check(&wrong, HOME).await.is_ok() })
    });
    let tasks: Vec<_> = rights.chain(wrongs).collect();
    let mut right = 0;
    for task in tasks {
        right += usize::from(task.await.unwrap());
    }
    assert_eq!((right, house.logins.hashes()), (20, 2));
}

#[tokio::test]
async fn a_login_that_nobody_has_costs_a_hash_too() {
    let house = house(who);
    for (count, login) in ["nobody", "nobody@ox.io", "nowhere\\anna", "anna@nowhere", "\\"].into_iter().enumerate() {
        assert_eq!(house.logins.check(&credentials(login, PASSWORD), HOME).await.unwrap_err(), Denied::Wrong);
        assert_eq!(house.logins.hashes(), count as u64 + 1, "{login}");
    }
}

#[tokio::test]
async fn a_full_queue_before_the_gate_is_busy_and_not_wrong() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.hashes_at_once = 1;
    plan.logins.queue = 1;
    let house = plan.build(who);
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let logins = house.logins.clone();
            let (anna, address) = (credentials("anna", &format!("guess {number}")), Ipv4Addr::new(192, 0, 2, number));
            tokio::spawn(async move { logins.check(&anna, IpAddr::from(address)).await.unwrap_err() })
        })
        .collect();
    let (mut wrong, mut busy) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Denied::Wrong => wrong += 1,
            Denied::Busy { retry_after_secs } => {
                assert!((1..=60).contains(&retry_after_secs));
                busy += 1;
            }
            Denied::Failed => panic!("the store works"),
            Denied::TooOften { .. } => panic!("each address and login has room for more"),
        }
    }
    assert!(wrong >= 1 && busy >= 1, "{wrong} {busy}");
    assert_eq!(house.logins.hashes(), wrong);
}

#[tokio::test]
async fn a_changed_password_ends_cached_logins_at_once() {
    let house = house(who);
    let mut client = house.client().await;
    let mut ask =
        async |password: &str| client.ask(&post_as(&basic("anna", password), "D", "Sync", "", b"")).await.code;
    assert_eq!((ask(PASSWORD).await, ask("new").await), (200, 401));
    let mut anna = house.anna.clone();
    anna.password_hash = Logins::hash_password("new");
    house.store.update_user(&anna).unwrap();
    house.logins.invalidate(anna.id);
    assert_eq!((ask(PASSWORD).await, ask("new").await), (401, 200));
}

#[tokio::test]
async fn a_login_that_ends_while_the_body_is_on_its_way_does_nothing_any_more() {
    let acts = Arc::new(AtomicUsize::new(0));
    let acted = Arc::clone(&acts);
    let house = house(move |_, _| {
        acted.fetch_add(1, Ordering::Relaxed);
        Turn::Answer(Answer::empty())
    });
    let mut client = house.client().await;
    let request = post_as(&basic("anna", PASSWORD), "D", "SendMail", "", &[b'm'; 1000]);
    assert_eq!(client.ask(&request).await.code, 200);
    let (first, rest) = request.split_at(request.len() - 500);
    client.send(first).await;
    house.until(|house| metrics(house).contains("easel_login_cache_total{result=\"hit\"} 1")).await;
    house.store.update_user(&easel_store::User { enabled: false, ..house.anna.clone() }).unwrap();
    house.logins.invalidate(house.anna.id);
    client.send(rest).await;
    assert_eq!(client.response().await.code, 401);
    assert_eq!(acts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_change_nobody_told_of_is_noticed_within_a_minute() {
    let house = house(who);
    let mut client = house.client().await;
    let mut ask = async || client.ask(&post_as(&basic("anna", PASSWORD), "D", "Sync", "", b"")).await.code;
    assert_eq!(ask().await, 200);
    house.store.update_user(&easel_store::User { enabled: false, ..house.anna.clone() }).unwrap();
    assert_eq!(ask().await, 200);
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(ask().await, 401);
    assert_eq!(ask().await, 401);
}

#[tokio::test]
async fn right_credentials_are_hashed_again_after_half_an_hour_without_use() {
    let house = house(who);
    let anna = credentials("anna", PASSWORD);
    for (idle, hashes) in [(0, 1), (29 * 60, 1), (29 * 60, 1), (31 * 60, 2)] {
        house.clock.advance(Duration::from_secs(idle));
        assert!(house.logins.check(&anna, HOME).await.is_ok());
        assert_eq!(house.logins.hashes(), hashes, "{idle}");
    }
}

#[test]
fn passwords_are_stored_as_argon2id_with_19_mib_and_two_passes() {
    let (one, other) = (Logins::hash_password("x"), Logins::hash_password("x"));
    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
    assert_ne!(one, other, "each has its salt");
}
