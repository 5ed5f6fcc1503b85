//! More than one device, or one user, may ask for; and everybody at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use easel_commands::{Answer, Request, Sink};
use easel_protocol::Command;
use easel_server::{Allowance, Clock as _, Limits, ListenerKind, Turn};
use easel_store::Store as _;
use jiff::SignedDuration;
use tokio::net::TcpStream;

use crate::house::{Client, House, PASSWORD, Response, basic, limited, person, plan, post, post_as};
use crate::limits::metrics;
use crate::park::{Ping, deliver, parked};

fn ok(_: &Request<'_>, _: &mut dyn Sink) -> Turn {
    Turn::Answer(Answer::empty())
}

fn requests(number: u32) -> Allowance {
    Allowance { requests_per_minute: Some(number), ..Allowance::UNBOUNDED }
}

fn at_once(number: u32) -> Allowance {
    Allowance { at_once: Some(number), ..Allowance::UNBOUNDED }
}

/// A request of a user's device.
fn of(user: &str, device: &str, command: &str) -> Vec<u8> {
    post_as(&basic(user, PASSWORD), device, command, "", b"")
}

fn users(house: &House, names: impl IntoIterator<Item = String>) {
    let tenant = house.store.tenant("defaultcontext").unwrap().unwrap();
    for name in names {
        house.store.add_user(&person(&tenant, &name)).unwrap();
    }
}

/// How many were refused for a reason.
fn refused(house: &House, reason: &str) -> usize {
    let start = format!("easel_throttled_total{{reason=\"{reason}\"}} ");
    let page = metrics(house);
    let line = page.lines().find_map(|line| line.strip_prefix(start.as_str()).map(str::to_owned));
    line.unwrap().parse().unwrap()
}

fn retry_after(response: &Response) -> u64 {
    assert_eq!(response.code, 503, "nothing but a pause is asked for");
    response.header("retry-after").unwrap().parse().unwrap()
}

/// What others may wait at most while somebody overdoes it: far above what an answer takes on a machine that has many
/// tests to run.
const UNNOTICED: Duration = Duration::from_secs(1);

/// The time within which 99 of 100 were answered.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[expect(clippy::disallowed_methods, reason = "how long others wait is what is looked at")]
async fn timed(client: &mut Client<TcpStream>, request: &[u8]) -> Duration {
    let begun = Instant::now();
    assert_eq!(client.ask(request).await.code, 200);
    begun.elapsed()
}

#[tokio::test]
async fn a_device_in_a_tight_loop_gets_503_and_nobody_else_does() {
    let limits = Limits { device: requests(60), loop_pause: Duration::from_millis(50), ..Limits::default() };
    let ping = Ping::telling();
    let house = limited(limits).build({
        let ping = ping.clone();
        move |request, _| match request.line.command {
            Command::Ping => ping.begin(request),
            _ => Turn::Answer(Answer::empty()),
        }
    });
    users(&house, ["bob".to_owned()]);
    let mut waits = house.client().await;
    waits.send(&of("anna", "D9", "Ping")).await;
    parked(&house, 1).await;
    let codes = Arc::new(Mutex::new(Vec::new()));
    let loops: Vec<_> = (0..3)
        .map(|_| {
            let (address, codes) = (house.running.addresses()[0], Arc::clone(&codes));
            tokio::spawn(async move {
                let mut client = Client::new(TcpStream::connect(address).await.unwrap());
                loop {
                    let response = client.ask(&post("Sync", "", &[0; 1000])).await;
                    codes.lock().unwrap().push(response.code);
                }
            })
        })
        .collect();
    let mut others = Vec::new();
    for (user, device) in [("anna", "D2"), ("bob", "D1"), ("bob", "D2")] {
        let mut client = house.client().await;
        assert_eq!(client.ask(&of(user, device, "FolderSync")).await.code, 200);
        for _ in 0..59 {
            others.push(timed(&mut client, &of(user, device, "Sync")).await);
        }
    }
    let enough = async {
        while codes.lock().unwrap().len() < 80 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), enough).await.unwrap();
    for one in loops {
        one.abort();
    }
    let codes = codes.lock().unwrap().clone();
    assert_eq!(codes.iter().filter(|code| **code == 200).count(), 60, "what it may use");
    assert!(codes.iter().all(|code| [200, 503].contains(code)), "{codes:?}");
    assert!(p99(others) < UNNOTICED);
    assert_eq!(house.running.parked(), 1, "who waits is not in its way");
    let mut client = house.client().await;
    let told = client.ask(&post("Sync", "", b"")).await;
    assert!((1..=3).contains(&retry_after(&told)), "a request comes back every second: {told:?}");
    assert_eq!(told.header("x-ms-asthrottle"), Some("CommandFrequency"));
    assert!(refused(&house, "device_budget") >= 20);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(client.ask(&post("Sync", "", b"")).await.code, 200, "the connection goes on");
    deliver(&house);
    assert_eq!(waits.response().await.code, 200);
}

#[tokio::test]
async fn requests_that_wait_are_not_under_way_and_hold_nothing() {
    let ping = Ping::telling();
    let house = limited(Limits { device: at_once(1), user: at_once(2), ..Limits::default() }).build({
        let ping = ping.clone();
        move |request, _| match request.line.command {
            Command::Ping => ping.clone().quiet().begin(request),
            _ => Turn::Answer(Answer::empty()),
        }
    });
    let mut waiting = Vec::new();
    for device in 1..=6 {
        let mut client = house.client().await;
        client.send(&of("anna", &format!("D{device}"), "Ping")).await;
        parked(&house, device).await;
        waiting.push(client);
    }
    assert!(metrics(&house).contains("\neasel_request_memory_bytes 0\n"));
    for device in 1..=6 {
        assert_eq!(house.client().await.ask(&of("anna", &format!("D{device}"), "Sync")).await.code, 200);
    }
    assert_eq!(house.running.parked(), 6);
    drop(waiting);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long the answer is held back is what is looked at")]
async fn who_comes_again_though_it_was_told_to_stay_away_gets_its_answer_later() {
    let pause = Duration::from_millis(400);
    let house = limited(Limits { device: requests(1), loop_pause: pause, ..Limits::default() }).build(ok);
    let mut client = house.client().await;
    assert_eq!(client.ask(&post("Sync", "", b"")).await.code, 200);
    retry_after(&client.ask(&post("Sync", "", b"")).await);
    let begun = Instant::now();
    retry_after(&client.ask(&post("Sync", "", b"")).await);
    assert!(begun.elapsed() >= pause);
}

#[tokio::test]
async fn only_versions_whose_servers_knew_it_are_told_the_condition() {
    let limits = Limits { device: requests(1), loop_pause: Duration::ZERO, ..Limits::default() };
    let house = limited(limits).build(ok);
    for (number, (version, condition)) in [
        ("2.5", None),
        ("12.0", None),
        ("12.1", None),
        ("14.0", Some("CommandFrequency")),
        ("14.1", Some("CommandFrequency")),
        ("16.0", Some("CommandFrequency")),
        ("16.1", Some("CommandFrequency")),
    ]
    .into_iter()
    .enumerate()
    {
        let request = String::from_utf8(of("anna", &format!("V{number}"), "Sync")).unwrap();
        let request = request.replace("14.1", version);
        let mut client = house.client().await;
        assert_eq!(client.ask(request.as_bytes()).await.code, 200);
        let told = client.ask(request.as_bytes()).await;
        assert!(retry_after(&told) >= 1 && told.body.is_empty());
        assert_eq!(told.header("x-ms-asthrottle"), condition, "{version}");
    }
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body_and_options_count_too() {
    let house = limited(Limits { device: requests(2), ..Limits::default() }).build(ok);
    let mut client = house.client().await;
    let options = format!(
        "OPTIONS /Microsoft-Server-ActiveSync?Cmd=OPTIONS&DeviceId=D1&DeviceType=P HTTP/1.1\r\nHost: e\r\n{}\r\n",
        basic("anna", PASSWORD)
    );
    assert_eq!(client.ask(options.as_bytes()).await.code, 200);
    assert_eq!(client.ask(&post("Sync", "", b"")).await.code, 200);
    client.send(&post("SendMail", "", &vec![0; 10 << 20])[..1000]).await;
    assert!(retry_after(&client.response().await) >= 1);
    house.clock.advance(Duration::from_secs(60));
    let mut client = house.client().await;
    for _ in 0..2 {
        assert_eq!(client.ask(options.as_bytes()).await.code, 200);
    }
    assert!(retry_after(&client.ask(options.as_bytes()).await) >= 1);
}

#[tokio::test]
async fn work_is_charged_to_device_and_user_and_what_waits_for_a_slow_client_is_not() {
    let device = Allowance { work_per_minute: Some(Duration::from_secs(10)), ..Allowance::UNBOUNDED };
    let user = Allowance { work_per_minute: Some(Duration::from_secs(15)), ..Allowance::UNBOUNDED };
    let limits = Limits { device, user, stall: Duration::from_secs(600), ..Limits::default() };
    let (clock, pieces) = (Arc::new(Mutex::new(None::<easel_server::ManualClock>)), Arc::new(AtomicUsize::new(0)));
    let house = limited(limits).build({
        let (clock, pieces) = (Arc::clone(&clock), Arc::clone(&pieces));
        move |request, sink| {
            if request.line.command == Command::Search {
                for _ in 0..64 {
                    sink.write(vec![0; 1 << 20]).unwrap();
                    pieces.fetch_add(1, Ordering::Relaxed);
                }
                return Turn::Streamed;
            }
            clock.lock().unwrap().as_ref().unwrap().advance(Duration::from_secs(11));
            Turn::Answer(Answer::empty())
        }
    });
    *clock.lock().unwrap() = Some(house.clock.clone());
    let mut slow = house.client().await;
    slow.send(&post("Search", "", b"")).await;
    let stands = async {
        let mut before = usize::MAX;
        while before == 0 || before != pieces.load(Ordering::Relaxed) {
            before = pieces.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    stands.await;
    assert!(pieces.load(Ordering::Relaxed) < 64, "it waits for its client");
    house.clock.advance(Duration::from_secs(600));
    assert_eq!(slow.response().await.body.len(), 64 << 20);
    let mut client = house.client().await;
    assert_eq!(client.ask(&post("Sync", "", b"")).await.code, 200, "ten minutes of waiting cost nothing");
    let told = client.ask(&post("Sync", "", b"")).await;
    assert!((6..=9).contains(&retry_after(&told)), "a second too much is six of waiting: {told:?}");
    assert_eq!(told.header("x-ms-asthrottle"), Some("OutOfBudgets"));
    assert_eq!(client.ask(&of("anna", "D2", "Sync")).await.code, 200, "the user has some left");
    assert!(retry_after(&client.ask(&of("anna", "D3", "Sync")).await) >= 1, "and then none");
    assert_eq!((refused(&house, "device_budget"), refused(&house, "user_budget")), (1, 1));
}

#[tokio::test]
async fn two_hundred_devices_of_one_user_get_through_and_no_more_at_once_than_may() {
    let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let limits = Limits { user: Allowance { requests_per_minute: Some(600), ..at_once(8) }, ..Limits::default() };
    let (greatest, (release, released)) = (Arc::clone(&most), mpsc::channel::<()>());
    let released = Mutex::new(Some(released));
    let house = limited(limits).build(move |request, _| {
        if request.user.name == "anna" {
            greatest.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // The first ones are at work together, until the word is given.
            let wait = released.lock().unwrap().take();
            wait.map(|word| word.recv());
            inside.fetch_sub(1, Ordering::SeqCst);
        }
        Turn::Answer(Answer::empty())
    });
    users(&house, ["bob".to_owned()]);
    let address = house.running.addresses()[0];
    let through = Arc::new(AtomicUsize::new(0));
    let devices: Vec<_> = (0..200)
        .map(|number| {
            let (through, clock) = (Arc::clone(&through), house.clock.clone());
            tokio::spawn(async move {
                let mut client = Client::new(TcpStream::connect(address).await.unwrap());
                let request = of("anna", &format!("D{number}"), "FolderSync");
                for attempt in 1.. {
                    let response = client.ask(&request).await;
                    if response.code == 200 {
                        through.fetch_add(1, Ordering::SeqCst);
                        return attempt;
                    }
                    let back = clock.now() + SignedDuration::from_secs(retry_after(&response).try_into().unwrap());
                    clock.sleep_until(back).await;
                }
                unreachable!()
            })
        })
        .collect();
    house.until(|house| refused(house, "user") > 0).await;
    let mut bob = house.client().await;
    // With the check of the password.
    timed(&mut bob, &of("bob", "D1", "Sync")).await;
    let mut times = Vec::new();
    for _ in 0..200 {
        times.push(timed(&mut bob, &of("bob", "D1", "Sync")).await);
    }
    assert!(p99(times) < UNNOTICED);
    release.send(()).unwrap();
    let all = async {
        while through.load(Ordering::SeqCst) < 200 {
            house.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("each device gets through");
    let mut attempts = 0;
    for device in devices {
        attempts += device.await.unwrap();
    }
    assert!(attempts > 200 && most.load(Ordering::SeqCst) <= 8, "{attempts} attempts");
}

#[tokio::test]
async fn a_folder_sync_storm_is_answered_or_told_to_come_back_and_who_waits_stays() {
    let limits = Limits { workers: 2, workers_max: 2, queue: 8, ..Limits::default() };
    let ping = Ping::telling();
    let house = limited(limits).build({
        let ping = ping.clone();
        move |request, _| match request.line.command {
            Command::Ping => ping.begin(request),
            Command::FolderSync => {
                // Some work: what a thousand rounds take.
                let sum = (0..100_000_u64).fold(0, |sum, next| sum ^ next.wrapping_mul(0x9E37_79B9));
                Turn::Answer(Answer::bytes("text/plain", sum.to_string().into_bytes()))
            }
            _ => Turn::Answer(Answer::empty()),
        }
    });
    users(&house, (0..20).map(|number| format!("user{number}")));
    let mut waits = house.client().await;
    waits.send(&of("anna", "D1", "Ping")).await;
    parked(&house, 1).await;
    let address = house.running.addresses()[0];
    // Known already, so that it is the queue that is full and not the gate of the passwords.
    let mut clients = Vec::new();
    for number in 0..100 {
        let mut client = Client::new(TcpStream::connect(address).await.unwrap());
        let user = format!("user{}", number % 20);
        if number < 20 {
            assert_eq!(client.ask(&of(&user, "D0", "Sync")).await.code, 200);
        }
        clients.push((client, of(&user, &format!("D{number}"), "FolderSync")));
    }
    let storm: Vec<_> = clients
        .into_iter()
        .map(|(mut client, request)| {
            tokio::spawn(async move {
                let mut told = 0;
                loop {
                    let response = client.ask(&request).await;
                    if response.code == 200 {
                        return told;
                    }
                    assert!((1..=30).contains(&retry_after(&response)));
                    told += 1;
                    tokio::time::sleep(Duration::from_millis(retry_after(&response))).await;
                }
            })
        })
        .collect();
    let mut told = 0;
    for one in storm {
        told += tokio::time::timeout(Duration::from_secs(60), one).await.expect("each gets through").unwrap();
    }
    assert!(told > 0 && refused(&house, "workers") == told, "{told}");
    assert_eq!(house.running.parked(), 1);
    deliver(&house);
    assert_eq!(waits.response().await.body, b"Changed");
}

#[tokio::test]
async fn who_waits_is_looked_at_however_many_others_wait_for_a_thread_or_for_the_same_device() {
    let limits =
        Limits { workers: 1, workers_max: 1, queue: 1, device_wait: Duration::from_millis(50), ..Limits::default() };
    let (release, released) = mpsc::channel::<()>();
    let (released, entered) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
    let (news, enters) = (Arc::new(AtomicBool::new(false)), Arc::clone(&entered));
    let ping = Ping::new({
        let news = Arc::clone(&news);
        move |_| news.load(Ordering::SeqCst).then(|| Answer::bytes("text/plain", b"news".to_vec()))
    });
    let house = limited(limits).build({
        let ping = ping.clone();
        move |request, _| match request.line.command {
            Command::Ping => ping.begin(request),
            _ => {
                enters.fetch_add(1, Ordering::SeqCst);
                released.lock().unwrap().recv().unwrap();
                Turn::Answer(Answer::empty())
            }
        }
    });
    let (mut waits, mut idle) = (house.client().await, house.client().await);
    waits.send(&of("anna", "D1", "Ping")).await;
    parked(&house, 1).await;
    // Of a device that does nothing else.
    idle.send(&of("anna", "D9", "Ping")).await;
    parked(&house, 2).await;
    let (mut same, mut queued, mut beyond) = (house.client().await, house.client().await, house.client().await);
    same.send(&of("anna", "D1", "Sync")).await;
    house.until(|_| entered.load(Ordering::SeqCst) == 1).await;
    queued.send(&of("anna", "D2", "Sync")).await;
    while refused(&house, "workers") == 0 {
        // Whichever of these comes first fills the queue.
        beyond.send(&of("anna", "D3", "Sync")).await;
        let answer = tokio::time::timeout(Duration::from_millis(20), beyond.response()).await;
        assert!(answer.is_err() || answer.unwrap().code == 503);
    }
    news.store(true, Ordering::SeqCst);
    deliver(&house);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(house.running.parked(), 2, "its device is busy for longer than a new request would wait");
    for _ in 0..3 {
        // As many as may still be under way.
        release.send(()).unwrap();
    }
    assert_eq!(idle.response().await.body, b"news");
    assert_eq!(waits.response().await.body, b"news");
}

#[tokio::test]
async fn a_user_who_fills_the_queue_makes_room_in_it_for_another() {
    let limits = Limits { workers: 1, workers_max: 1, queue: 4, ..Limits::default() };
    let (release, released) = mpsc::channel::<()>();
    let (released, entered) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
    let enters = Arc::clone(&entered);
    let house = limited(limits).build(move |_, _| {
        enters.fetch_add(1, Ordering::SeqCst);
        released.lock().unwrap().recv().unwrap();
        Turn::Answer(Answer::empty())
    });
    users(&house, ["bob".to_owned()]);
    let mut annas = Vec::new();
    for device in 0..5 {
        let mut client = house.client().await;
        client.send(&of("anna", &format!("D{device}"), "Sync")).await;
        annas.push(client);
        house.until(|_| entered.load(Ordering::SeqCst) == 1).await;
    }
    // Whichever of these comes before one of the others is one of the four that wait.
    let mut beyond = house.client().await;
    beyond.send(&of("anna", "D9", "Sync")).await;
    annas.push(beyond);
    house.until(|house| refused(house, "workers") == 1).await;
    let mut bob = house.client().await;
    bob.send(&of("bob", "D1", "Sync")).await;
    house.until(|house| refused(house, "workers") == 2).await;
    // One at work, three of hers that wait, and his.
    (0..5).for_each(|_| release.send(()).unwrap());
    assert_eq!(bob.response().await.code, 200);
    let mut codes = Vec::new();
    for client in &mut annas {
        codes.push(client.response().await.code);
    }
    codes.sort_unstable();
    assert_eq!(codes, [200, 200, 200, 200, 503, 503]);
}

#[tokio::test]
async fn all_phones_reconnect_at_once_and_get_503_at_most_never_401() {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.logins.hashes_at_once = 1;
    plan.logins.queue = 4;
    // Budgets of wrong passwords are not for those who know theirs.
    plan.logins.per_address.burst = 10;
    let house = plan.build(ok);
    users(&house, (0..60).map(|number| format!("user{number}")));
    let address = house.running.addresses()[0];
    let phones: Vec<_> = (0..60)
        .map(|number| {
            tokio::spawn(async move {
                let request = of(&format!("user{number}"), "D1", "Sync");
                let mut told = 0;
                loop {
                    // Each time anew, as after a restart.
                    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
                    let response = client.ask(&request).await;
                    if response.code == 200 {
                        return told;
                    }
                    assert!(retry_after(&response) >= 1);
                    assert_eq!(response.header("x-ms-asthrottle"), None, "it did nothing that others do not");
                    told += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        })
        .collect();
    let mut told = 0;
    for phone in phones {
        told += tokio::time::timeout(Duration::from_secs(60), phone).await.expect("each gets in").unwrap();
    }
    assert!(told > 0, "the gate was full");
    assert_eq!(house.logins.hashes(), 60, "one for each");
}
