//! Stopping.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use easel_commands::{Answer, Why};
use easel_protocol::{CollectionId, Command};
use easel_server::{GoOn, Turn, Wait};
use easel_store::{DeviceKey, Interest};
use jiff::SignedDuration;

use crate::house::{House, PASSWORD, basic, house, post, post_as};

/// Ping waits until the server stops; Sync waits for a word; the rest answers.
fn stopping() -> (House, mpsc::Sender<()>, Arc<AtomicBool>) {
    let (release, released) = mpsc::channel::<()>();
    let (released, runs) = (Mutex::new(released), Arc::new(AtomicBool::new(false)));
    let running = Arc::clone(&runs);
    let house = house(move |request, _| match request.line.command {
        Command::Ping => {
            let (user, until) = (request.user.id, request.now + SignedDuration::from_mins(10));
            let device = DeviceKey(request.line.device_id[1..].parse().unwrap());
            let interest = move || Interest::Mailbox { user, device, folders: BTreeSet::from([CollectionId::new(1)]) };
            let second: GoOn = Box::new(|_, why, _, _| {
                assert_eq!(why, Why::Shutdown);
                Turn::Answer(Answer::bytes("text/plain", b"come back".to_vec()))
            });
            let first: GoOn =
                Box::new(move |_, _, _, _| Turn::Wait(Wait { interest: interest(), until, go_on: second }));
            Turn::Wait(Wait { interest: interest(), until, go_on: first })
        }
        Command::Sync => {
            running.store(true, Ordering::Relaxed);
            released.lock().unwrap().recv().unwrap();
            Turn::Answer(Answer::empty())
        }
        _ => Turn::Answer(Answer::empty()),
    });
    (house, release, runs)
}

#[tokio::test]
async fn who_waits_is_answered_who_is_idle_leaves_and_who_runs_finishes() {
    let (house, release, runs) = stopping();
    let mut waiting = Vec::new();
    for number in 1..=20 {
        let mut client = house.client().await;
        client.send(&post_as(&basic("anna", PASSWORD), &format!("D{number}"), "Ping", "", b"")).await;
        waiting.push(client);
    }
    house.until(|house| house.running.parked() == 20).await;
    let (mut idle, mut busy) = (house.client().await, house.client().await);
    assert_eq!(idle.ask(&post("Search", "", b"")).await.code, 200);
    busy.send(&post_as(&basic("anna", PASSWORD), "D99", "Sync", "", b"")).await;
    house.until(|_| runs.load(Ordering::Relaxed)).await;
    let address = house.running.addresses()[0];
    let running = house.running;
    let stopped = tokio::spawn(async move { running.shutdown(Duration::from_secs(3)).await });
    assert!(idle.ended().await);
    for mut client in waiting {
        let response = client.response().await;
        assert_eq!((response.code, response.body.as_slice()), (200, &b"come back"[..]));
        assert_eq!(response.header("connection"), Some("close"));
        assert!(client.ended().await);
    }
    assert!(!stopped.is_finished());
    release.send(()).unwrap();
    assert_eq!(busy.response().await.code, 200);
    assert_eq!(stopped.await.unwrap(), 0);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn who_is_still_there_after_the_grace_is_cut_off() {
    let (house, release, runs) = stopping();
    let mut busy = house.client().await;
    busy.send(&post("Sync", "", b"")).await;
    house.until(|_| runs.load(Ordering::Relaxed)).await;
    let left = house.running.shutdown(Duration::from_millis(50)).await;
    assert_eq!(left, 1);
    assert!(busy.ended().await);
    drop(release);
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts_everybody() {
    let (house, _release, _) = stopping();
    let (mut waits, mut idle) = (house.client().await, house.client().await);
    waits.send(&post("Ping", "", b"")).await;
    house.until(|house| house.running.parked() == 1).await;
    assert_eq!(idle.ask(&post("Search", "", b"")).await.code, 200);
    let House { running, bus, .. } = house;
    drop(running);
    assert!(waits.ended().await && idle.ended().await);
    assert_eq!(bus.waiting(), 0);
}
