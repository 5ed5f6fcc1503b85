//! Logins with app passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use easel_commands::{Answer, Request, Sink};
use easel_server::{Budget, Clock, Credentials, Denied, ListenerKind, LoginOptions, Logins, ManualClock, Turn};
use easel_store::{AppPassword, AppSecret, LocalBus, NewAppPassword, Store, User};
use easel_store_sqlite::SqliteStore;
use jiff::Timestamp;

use crate::house::{House, PASSWORD, basic, house, person, plan, post_as};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn who(request: &Request<'_>, _: &mut dyn Sink) -> Turn {
    Turn::Answer(Answer::bytes("text/plain", request.user.name.clone().into_bytes()))
}

fn credentials(login: &str, password: &str) -> Credentials {
    Credentials { login: login.to_owned(), password: password.to_owned() }
}

/// Gives a user an app password as the administrator's side does it, and the secret in writing.
fn give(house: &House, user: &User, bits: u128, device: Option<&str>) -> (AppPassword, String) {
    let secret = AppSecret::new(bits);
    let device = device.map(easel_protocol::normal_device_id);
    let (name, hash) = (format!("phone {bits}"), secret.hash());
    let new = NewAppPassword { user: user.id, name, hash, device, made: 1_700_000_000_000 };
    let added = house.store.add_app_password(&new).unwrap();
    house.logins.invalidate(user.id);
    (added, secret.text())
}

/// What has the form of an app password and is none.
fn guess(number: u128) -> String {
    AppSecret::new(u128::MAX / 3 + number).text()
}

#[tokio::test]
async fn an_app_password_logs_in_without_argon2_and_however_it_is_typed() {
    let house = house(who);
    let (_, secret) = give(&house, &house.anna, 7, None);
    let mut client = house.client().await;
    let mut first = secret.clone();
    first[..1].make_ascii_uppercase();
    let typed = [secret.clone(), first, secret.to_uppercase(), secret.replace('-', ""), secret.replace('-', " ")];
    for (number, typed) in (1..).zip(&typed) {
        for login in ["anna", "anna@defaultcontext", "\\anna"] {
            let answer = client.ask(&post_as(&basic(login, typed), "D", "Sync", "", b"")).await;
            assert_eq!((answer.code, answer.body.as_slice()), (200, &b"anna"[..]), "{login} {typed}");
        }
        assert_eq!(house.logins.app_passwords(), number * 3, "each spelling is looked up once");
        assert_eq!(client.ask(&post_as(&basic("anna", typed), "D", "Sync", "", b"")).await.code, 200);
        assert_eq!(house.logins.app_passwords(), number * 3, "then it is cached");
    }
    assert_eq!(house.logins.hashes(), 0);
    assert_eq!(client.ask(&post_as(&basic("anna", PASSWORD), "D", "Sync", "", b"")).await.code, 200);
    assert_eq!(house.logins.hashes(), 1, "the own password is checked as ever");
}

#[tokio::test]
async fn an_app_password_lets_in_its_user_only() {
    let house = house(who);
    let default = house.store.tenant("defaultcontext").unwrap().unwrap();
    let ox = house.store.add_tenant("ox.io").unwrap();
    let other_anna = house.store.add_user(&person(&ox, "anna")).unwrap();
    let berta = house.store.add_user(&person(&default, "berta")).unwrap();
    let (_, secret) = give(&house, &other_anna, 7, None);
    for (number, login) in (1..).zip(["anna", "berta", "berta@ox.io", "nobody", "anna@nowhere.example", "\\"]) {
        assert_eq!(house.logins.check(&credentials(login, &secret), HOME).await.unwrap_err(), Denied::Wrong, "{login}");
        assert_eq!(house.logins.hashes(), number, "{login} costs what any wrong password costs");
    }
    for login in ["anna@ox.io", "ox.io\\anna", "anna@mail.ox.io.example"] {
        let session = house.logins.check(&credentials(login, &secret), HOME).await.unwrap();
        assert_eq!(session.user.id, other_anna.id, "{login}");
    }
    house.store.update_user(&User { enabled: false, ..house.store.user(other_anna.id).unwrap().unwrap() }).unwrap();
    house.logins.invalidate(other_anna.id);
    let disabled = house.logins.check(&credentials("anna@ox.io", &secret), HOME).await;
    assert_eq!(disabled.unwrap_err(), Denied::Wrong);
    assert_eq!(house.store.app_passwords(berta.id).unwrap(), []);
}

#[tokio::test]
async fn a_guess_with_the_form_of_an_app_password_costs_a_hash_whoever_is_meant_and_is_throttled() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.per_login = Budget { burst: 3, refill: Duration::from_secs(60) };
    let house = plan.build(who);
    let (_, secret) = give(&house, &house.anna, 7, None);
    for login in ["anna", "nobody"] {
        let before = house.logins.hashes();
        for number in 0..3 {
            let wrong = house.logins.check(&credentials(login, &guess(number)), HOME).await;
            assert_eq!(wrong.unwrap_err(), Denied::Wrong);
        }
        assert_eq!(house.logins.hashes(), before + 3, "{login}");
        for number in 3..6 {
            let busy = house.logins.check(&credentials(login, &guess(number)), HOME).await;
            assert_eq!(busy.unwrap_err(), Denied::TooOften { retry_after_secs: 60 }, "{login}");
        }
        assert_eq!(house.logins.hashes(), before + 3, "{login}");
        let known = house.logins.check(&credentials(login, &guess(0)), HOME).await;
        assert_eq!(known.unwrap_err(), Denied::Wrong, "what is known to be wrong costs nothing");
    }
    let own = house.logins.check(&credentials("anna", PASSWORD), HOME).await;
    assert_eq!(own.unwrap_err(), Denied::TooOften { retry_after_secs: 60 });
    assert!(house.logins.check(&credentials("anna", &secret), HOME).await.is_ok(), "guessing shuts no phone out");
    let own = house.logins.check(&credentials("anna", PASSWORD), HOME).await;
    assert_eq!(own.unwrap_err(), Denied::TooOften { retry_after_secs: 60 }, "nothing was given back that was not paid");
    house.clock.advance(Duration::from_secs(60));
    assert!(house.logins.check(&credentials("anna", PASSWORD), HOME).await.is_ok());
}

#[tokio::test]
async fn a_password_of_ones_own_that_has_the_form_of_an_app_password_lets_in() {
    let house = house(who);
    let password = guess(1);
    house.store.update_user(&User { password_hash: Logins::hash_password(&password), ..house.anna.clone() }).unwrap();
    assert!(house.logins.check(&credentials("anna", &password), HOME).await.is_ok());
    let capital = credentials("anna", &password.to_uppercase());
    assert_eq!(house.logins.check(&capital, HOME).await.unwrap_err(), Denied::Wrong, "nothing of it is forgiven");
}

#[tokio::test]
async fn where_only_app_passwords_let_in_nothing_is_ever_hashed() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.app_passwords_only = true;
    plan.logins.per_login = Budget { burst: 2, refill: Duration::from_secs(60) };
    let house = plan.build(who);
    let (_, secret) = give(&house, &house.anna, 7, None);
    let mut client = house.client().await;
    let mut ask = async |login: &str, password: &str| {
        client.ask(&post_as(&basic(login, password), "D", "Sync", "", b"")).await.code
    };
    for login in ["anna", "nobody"] {
        assert_eq!(ask(login, PASSWORD).await, 401);
        assert_eq!(
            (ask(login, &guess(1)).await, ask(login, &guess(2)).await, ask(login, &guess(3)).await),
            (401, 401, 503)
        );
    }
    assert_eq!(ask("anna", &secret).await, 200);
    assert_eq!(house.logins.hashes(), 0);
}

#[tokio::test]
async fn a_bound_app_password_is_a_wrong_one_on_every_other_device() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.per_login = Budget { burst: 3, refill: Duration::from_secs(60) };
    let house = plan.build(who);
    let (_, secret) = give(&house, &house.anna, 7, Some("Phone1"));
    let mut client = house.client().await;
    let login = basic("anna", &secret);
    let mut ask = async |device: &str| client.ask(&post_as(&login, device, "Sync", "", b"")).await.code;
    // In any spelling: 50686F6E6531... is hexadecimal.
    assert_eq!((ask("Phone1").await, ask("PHONE1").await), (200, 200));
    assert_eq!((ask("Phone2").await, ask("Phone3").await, ask("Phone4").await), (401, 401, 401));
    assert_eq!(ask("Phone5").await, 503, "guessing devices is guessing");
    assert_eq!(ask("Phone2").await, 401, "what is known to be wrong costs nothing");
    assert_eq!(ask("Phone1").await, 200);
    let options = format!("OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: e\r\n{login}\r\n");
    assert_eq!(client.ask(options.as_bytes()).await.code, 200, "the first question names no device");
    assert_eq!(house.logins.hashes(), 0);
}

#[tokio::test]
async fn a_revoked_app_password_ends_cached_logins_at_once_and_no_others() {
    let house = house(who);
    let (lost, lost_secret) = give(&house, &house.anna, 7, None);
    let mut client = house.client().await;
    let mut ask =
        async |password: &str| client.ask(&post_as(&basic("anna", password), "D", "Sync", "", b"")).await.code;
    assert_eq!((ask(&lost_secret).await, ask(PASSWORD).await, ask(&guess(1)).await), (200, 200, 401));
    let (_, secret) = give(&house, &house.anna, u128::MAX / 3 + 1, None);
    assert_eq!(secret, guess(1));
    assert_eq!(ask(&secret).await, 200, "what was wrong before it was made is right now");
    house.store.remove_app_password(house.anna.id, lost.id).unwrap();
    house.logins.invalidate(house.anna.id);
    assert_eq!((ask(&lost_secret).await, ask(&secret).await, ask(PASSWORD).await), (401, 200, 200));
}

#[tokio::test]
async fn a_revocation_nobody_told_of_is_noticed_within_a_minute() {
    let house = house(who);
    let (lost, lost_secret) = give(&house, &house.anna, 7, None);
    let (_, secret) = give(&house, &house.anna, 8, None);
    let mut client = house.client().await;
    let mut ask =
        async |password: &str| client.ask(&post_as(&basic("anna", password), "D", "Sync", "", b"")).await.code;
    assert_eq!((ask(&secret).await, ask(&lost_secret).await), (200, 200));
    house.store.remove_app_password(house.anna.id, lost.id).unwrap();
    house.clock.advance(Duration::from_secs(60));
    assert_eq!((ask(&secret).await, ask(&lost_secret).await, ask(&secret).await), (200, 401, 200));
}

#[tokio::test]
async fn the_day_of_the_last_use_is_kept() {
    let house = house(who);
    let (_, secret) = give(&house, &house.anna, 7, None);
    let mut client = house.client().await;
    let used = |house: &House| house.store.app_passwords(house.anna.id).unwrap()[0].used_on;
    assert_eq!(used(&house), None);
    // 2023-11-14T22:13:20Z
    for (hours, day) in [(0, 19_675), (1, 19_675), (1, 19_676), (20, 19_676), (30, 19_678)] {
        // Every quarter of an hour, so that the login stays in the cache as long as it may.
        for _ in 0..hours * 4 {
            house.clock.advance(Duration::from_secs(900));
            assert_eq!(client.ask(&post_as(&basic("anna", &secret), "D", "Sync", "", b"")).await.code, 200);
        }
        assert_eq!(client.ask(&post_as(&basic("anna", &secret), "D", "Sync", "", b"")).await.code, 200);
        house.until(|house| used(house) == Some(day)).await;
    }
    assert!(house.logins.app_passwords() <= 4, "{} look-ups in 52 hours", house.logins.app_passwords());
}

/// What a login costs that is not cached, on the store that servers use.
#[tokio::test]
async fn a_thousand_uncached_logins_with_app_passwords_take_less_than_a_hundred_hashes() {
    const LOGINS: u32 = 1000;
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), Arc::new(LocalBus::default())).unwrap());
    let tenant = store.add_tenant("defaultcontext").unwrap();
    let anna = store.add_user(&person(&tenant, "anna")).unwrap();
    let secret = AppSecret::new(7);
    let (name, hash) = ("phone".to_owned(), secret.hash());
    store.add_app_password(&NewAppPassword { user: anna.id, name, hash, device: None, made: 0 }).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap()));
    let logins = Logins::new(store, clock, LoginOptions::default()).unwrap();
    let timed = async |password: &str, times: u32| {
        #[expect(clippy::disallowed_methods, reason = "a measurement")]
        let start = Instant::now();
        for _ in 0..times {
            logins.invalidate(anna.id);
            logins.check(&credentials("anna", password), HOME).await.unwrap();
        }
        start.elapsed() / times
    };
    let app = timed(&secret.text(), LOGINS).await;
    let own = timed(PASSWORD, 5).await;
    println!("a login that is not cached: {app:?} with an app password, {own:?} with the own password");
    assert_eq!((logins.app_passwords(), logins.hashes()), (u64::from(LOGINS), 5));
    assert!(app * LOGINS < own * 100, "{app:?} against {own:?}");
}
