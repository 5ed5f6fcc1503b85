//! Clients that are slow, either way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use easel_commands::{Answer, Request, Sink};
use easel_protocol::Command;
use easel_server::{Allowance, Limits, Turn};
use easel_store::Store as _;
use tokio::io::AsyncReadExt as _;

use crate::house::{Client, House, PASSWORD, basic, limited, person, post, post_as};
use crate::limits::metrics;

const MIB: usize = 1 << 20;

/// What is taken by hashes, of which there are two at once, and by one thread.
const TAKEN: usize = 39 * MIB;

fn held(house: &House) -> usize {
    let page = metrics(house);
    page.lines().find_map(|line| line.strip_prefix("easel_request_memory_bytes ")).unwrap().parse().unwrap()
}

fn of(user: &str, device: usize, command: &str, body: &[u8]) -> Vec<u8> {
    post_as(&basic(user, PASSWORD), &format!("D{device}"), command, "", body)
}

fn with_bob(house: &House) {
    let tenant = house.store.tenant("defaultcontext").unwrap().unwrap();
    house.store.add_user(&person(&tenant, "bob")).unwrap();
}

/// Answers a Search with eight MiB.
fn eight(request: &Request<'_>, _: &mut dyn Sink) -> Turn {
    Turn::Answer(match request.line.command {
        Command::Search => Answer::bytes("text/plain", vec![0; 8 * MIB]),
        _ => Answer::empty(),
    })
}

#[tokio::test]
async fn what_slow_readers_hold_has_a_ceiling_and_others_are_served() {
    let limits = Limits {
        memory: Some(TAKEN + 80 * MIB),
        workers: 1,
        body_bytes: MIB,
        stall: Duration::from_millis(500),
        ..Limits::default()
    };
    let house = limited(limits).build(eight);
    with_bob(&house);
    let mut slow = Vec::new();
    let refused = loop {
        let mut client = house.client().await;
        client.send(&of("anna", slow.len(), "Search", b"")).await;
        let head = client.head().await;
        if head.code == 503 {
            break head;
        }
        slow.push(client);
        assert!(slow.len() < 20, "a quarter of the ceiling is 20 MiB");
    };
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("x-ms-asthrottle"), Some("OutOfBudgets"), "others would have room");
    assert!(held(&house) >= 8 * MIB && held(&house) <= 40 * MIB, "{}", held(&house));
    assert_eq!(house.client().await.ask(&of("bob", 0, "Sync", b"")).await.code, 200);
    assert_eq!(house.client().await.ask(&of("bob", 0, "Search", b"")).await.code, 200);
    house.until(|house| held(house) == 0).await;
    assert_eq!(house.client().await.ask(&of("anna", 0, "Search", b"")).await.code, 200, "once they were cut off");
    for client in &mut slow {
        assert!(client.rest().await.len() < 8 * MIB, "the answer was not finished");
    }
}

#[tokio::test]
async fn answers_that_are_read_slowly_are_cut_where_they_hold_more_than_their_user_may() {
    const READERS: usize = 10;
    let limits = Limits {
        memory: Some(182 * MIB),
        // Of whom nothing is known has a sixteenth of the threads.
        workers: 16 * READERS,
        body_bytes: MIB,
        stall: Duration::from_secs(600),
        ..Limits::default()
    };
    // A user may hold a quarter of what hashes and threads leave, which is less than 25 MiB.
    let (release, released) = mpsc::channel::<()>();
    let (released, cut, entered) = (Mutex::new(released), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (cuts, enters) = (Arc::clone(&cut), Arc::clone(&entered));
    let house = limited(limits).build(move |request, sink| {
        if request.line.command != Command::Search {
            return Turn::Answer(Answer::empty());
        }
        enters.fetch_add(1, Ordering::SeqCst);
        released.lock().unwrap().recv().unwrap();
        while sink.write(vec![0; MIB]).is_ok() {}
        cuts.fetch_add(1, Ordering::SeqCst);
        Turn::Cut
    });
    with_bob(&house);
    let mut slow = Vec::new();
    for device in 0..READERS {
        let mut client = house.client().await;
        client.send(&of("anna", device, "Search", b"")).await;
        slow.push(client);
    }
    // Nothing is held yet when the last one is let in.
    house.until(|_| entered.load(Ordering::SeqCst) == READERS).await;
    (0..READERS).for_each(|_| release.send(()).unwrap());
    // Each that is kept holds four pieces under way, one that waits, and what it is at: no more than four are.
    house.until(|_| cut.load(Ordering::SeqCst) >= READERS - 4).await;
    assert_eq!(house.client().await.ask(&of("bob", 0, "Sync", b"")).await.code, 200);
}

#[tokio::test]
async fn what_a_page_keeps_for_a_slow_reader_counts_and_it_is_cut_where_its_user_may_hold_no_more() {
    // A user may hold a quarter of what hashes and threads leave, which is less than 25 MiB.
    let limits = Limits {
        memory: Some(182 * MIB),
        workers: 64,
        body_bytes: MIB,
        stall: Duration::from_millis(500),
        ..Limits::default()
    };
    let most = Arc::<AtomicUsize>::default();
    let kept_most = Arc::clone(&most);
    let house = limited(limits).build(move |request, sink| {
        let mut kept = Vec::new();
        while request.line.command == Command::Search && kept.len() < 100 * MIB {
            kept.extend_from_slice(&[0; MIB / 4]);
            kept_most.fetch_max(kept.len(), Ordering::SeqCst);
            match sink.offer(std::mem::take(&mut kept)) {
                Ok(again) => kept = again.unwrap_or_default(),
                Err(_) => return Turn::Cut,
            }
        }
        Turn::Answer(Answer::empty())
    });
    let mut slow = house.client().await;
    slow.send(&of("anna", 0, "Search", b"")).await;
    house.until(|house| most.load(Ordering::SeqCst) > 0 && held(house) == 0).await;
    assert!(slow.rest().await.len() < 100 * MIB, "the answer was not finished");
    let most = most.load(Ordering::SeqCst);
    assert!((4 * MIB..25 * MIB).contains(&most), "{most}");
    assert_eq!(house.client().await.ask(&of("anna", 0, "Sync", b"")).await.code, 200);
}

#[tokio::test]
async fn many_users_with_many_slow_readers_leave_threads_for_others_and_cut_nobody_who_has_one() {
    // Room for four that wait.
    let limits = Limits { workers: 2, workers_max: 6, stall: Duration::from_secs(600), ..Limits::default() };
    let house = limited(limits).build(|request, sink| {
        if request.line.command != Command::Search {
            return Turn::Answer(Answer::empty());
        }
        for _ in 0..64 {
            if sink.write(vec![0; MIB]).is_err() {
                return Turn::Cut;
            }
        }
        Turn::Streamed
    });
    let tenant = house.store.tenant("defaultcontext").unwrap().unwrap();
    for name in ["bob", "carl", "dora"] {
        house.store.add_user(&person(&tenant, name)).unwrap();
    }
    let displaced = |house: &House| {
        let page = metrics(house);
        let line = page.lines().find_map(|line| line.strip_prefix("easel_slow_answers_displaced_total "));
        line.unwrap().parse::<usize>().unwrap()
    };
    let mut slow = Vec::new();
    for (device, user) in ["bob"].into_iter().chain(["carl"; 4]).chain(["dora"; 4]).enumerate() {
        let mut client = house.client().await;
        client.send(&of(user, device, "Search", b"")).await;
        assert_eq!(client.head().await.code, 200);
        slow.push(client);
        house.until(|house| 4 + displaced(house) >= slow.len()).await;
    }
    house.until(|house| displaced(house) == 5).await;
    assert_eq!(house.client().await.ask(&of("anna", 0, "Sync", b"")).await.code, 200);
    assert_eq!(
        slow.remove(0).chunks().await.unwrap().len(),
        64 * MIB,
        "who has one is not cut for those who have many"
    );
    let mut whole = 0;
    for client in &mut slow {
        whole += usize::from(client.chunks().await.is_some());
    }
    assert_eq!((whole, displaced(&house)), (3, 5));
}

#[tokio::test]
async fn an_answer_that_is_taken_in_drips_is_cut_after_its_time_and_its_command_is_told() {
    let limits =
        Limits { stall: Duration::from_secs(600), answer_total: Duration::from_millis(400), ..Limits::default() };
    let told = Arc::new(AtomicUsize::new(0));
    let tells = Arc::clone(&told);
    let house = limited(limits).build(move |request, sink| {
        if request.line.command != Command::Search {
            return Turn::Answer(Answer::bytes("text/plain", vec![0; 64 * MIB]));
        }
        while sink.write(vec![0; MIB]).is_ok() {}
        tells.fetch_add(1, Ordering::SeqCst);
        Turn::Cut
    });
    for command in ["Sync", "Search"] {
        let mut client = house.client().await;
        client.send(&post(command, "", b"")).await;
        assert_eq!(client.head().await.code, 200);
        let dripping = async {
            let mut piece = vec![0; 16 << 10];
            let mut taken = 0;
            while let Ok(length) = client.stream.read(&mut piece).await
                && length > 0
            {
                taken += length;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            taken
        };
        let taken = tokio::time::timeout(Duration::from_secs(60), dripping).await.expect("it is cut off");
        assert!(taken < 64 * MIB, "{taken}");
    }
    house.until(|_| told.load(Ordering::SeqCst) == 1).await;
    house.until(|house| (held(house), house.running.connections()) == (0, 0)).await;
}

#[tokio::test]
async fn an_answer_taken_at_once_may_follow_another_for_as_long_as_the_connection_lasts() {
    let limits = Limits { answer_total: Duration::from_millis(300), ..Limits::default() };
    let house = limited(limits).build(eight);
    let mut client = house.client().await;
    for _ in 0..4 {
        client.send(&post("Search", "", b"")).await;
        // Slowly enough that the answer has to wait, for less than an answer's time.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(client.response().await.body.len(), 8 * MIB);
    }
}

#[tokio::test]
async fn what_waits_for_a_slow_client_is_held_no_longer_when_its_answer_is_cut() {
    for headers in ["", "Accept-Encoding: gzip\r\n"] {
        let (cut, is_cut) = mpsc::channel();
        let cut = Mutex::new(cut);
        let house = limited(Limits::default()).build(move |_, sink| {
            // Until the client takes nothing more. Noise: it does not become smaller.
            let mut state = 1_u32;
            let mut noise = || {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state.to_le_bytes()
            };
            while sink.offer((0..MIB / 4).flat_map(|_| noise()).collect()).unwrap().is_none() {}
            cut.lock().unwrap().send(()).unwrap();
            Turn::Cut
        });
        let mut slow = house.client().await;
        slow.send(&post("Search", headers, b"")).await;
        house.until(|_| is_cut.try_recv().is_ok()).await;
        house.until(|house| held(house) < MIB).await;
        assert_eq!(house.running.connections(), 1, "it is there still");
    }
}

#[tokio::test]
async fn slow_writers_hold_no_more_than_their_user_may_and_others_are_served() {
    let user = Allowance { at_once: Some(4), ..Allowance::UNBOUNDED };
    let limits = Limits { user, body_total: Duration::from_millis(700), ..Limits::default() };
    let house = limited(limits).build(eight);
    with_bob(&house);
    let mut slow = Vec::new();
    for device in 0..4 {
        let mut client = house.client().await;
        let request = of("anna", device, "SendMail", &[0; 1000]);
        client.send(&request[..request.len() - 10]).await;
        slow.push(client);
    }
    house.until(|house| held(house) >= 4 * (96 << 10)).await;
    let mut fifth = house.client().await;
    let request = of("anna", 5, "SendMail", &[0; 1000]);
    assert_eq!(fifth.ask(&request).await.code, 503);
    assert_eq!(house.client().await.ask(&of("bob", 0, "Sync", b"")).await.code, 200);
    for client in &mut slow {
        assert_eq!(client.response().await.code, 408);
    }
    assert_eq!(fifth.ask(&request).await.code, 200);
    assert_eq!(held(&house), 0);
}

#[tokio::test]
async fn a_small_body_that_grows_large_when_it_is_unpacked_stays_below_the_ceiling() {
    let limits = Limits { memory: Some(TAKEN + 16 * MIB), workers: 1, body_bytes: 8 * MIB, ..Limits::default() };
    let house = limited(limits)
        .build(|request, _| Turn::Answer(Answer::bytes("text/plain", request.body.len().to_string().into_bytes())));
    let packed = |bytes: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![0; bytes]).unwrap();
        post("Sync", "Content-Encoding: gzip\r\n", &encoder.finish().unwrap())
    };
    assert_eq!(house.client().await.ask(&packed(7 * MIB)).await.body, (7 * MIB).to_string().into_bytes());
    let mut slow = Client::new(house.client().await.stream);
    slow.send(&of("anna", 2, "SendMail", &vec![0; 8 * MIB])[..6 * MIB]).await;
    house.until(|house| held(house) > 6 * MIB).await;
    let response = house.client().await.ask(&packed(7 * MIB)).await;
    assert_eq!(response.code, 503);
    assert!(response.header("retry-after").is_some());
}
