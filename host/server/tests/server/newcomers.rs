//! Connections on which nobody logs in.

use std::time::Duration;

use easel_commands::{Answer, Request, Sink};
use easel_protocol::Command;
use easel_server::{Limits, ListenerKind, Turn};
use rustls::version::TLS13;
use tokio::net::TcpStream;

use crate::house::{Client, House, PASSWORD, basic, limited, plan, post, post_as};
use crate::limits::metrics;
use crate::park::{Ping, deliver, parked};
use crate::tls::{certificate, connect, trusting};

fn ok(_: &Request<'_>, _: &mut dyn Sink) -> Turn {
    Turn::Answer(Answer::empty())
}

fn number(house: &House, name: &str) -> usize {
    let page = metrics(house);
    let start = format!("{name} ");
    page.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap().parse().unwrap()
}

#[tokio::test]
async fn hundreds_of_half_open_connections_keep_no_phone_out_and_who_waits_stays() {
    let files = certificate("localhost");
    let mut plan = plan(&[ListenerKind::Tls]);
    plan.options.tls = Some(files.tls.clone());
    plan.options.limits = Limits { newcomers: 40, ..Limits::default() };
    let ping = Ping::telling();
    let house = plan.build({
        let ping = ping.clone();
        move |request, _| match request.line.command {
            Command::Ping => ping.begin(request),
            _ => Turn::Answer(Answer::empty()),
        }
    });
    let (address, config) = (house.running.addresses()[0], trusting(&files, &[&TLS13]));
    let mut waits = Client::new(connect(address, &config).await.unwrap());
    waits.send(&post("Ping", "", b"")).await;
    parked(&house, 1).await;
    let mut known = Client::new(connect(address, &config).await.unwrap());
    assert_eq!(known.ask(&post_as(&basic("anna", PASSWORD), "D2", "Sync", "", b"")).await.code, 200);
    let mut half_open = Vec::new();
    for at in 0..400 {
        half_open.push(TcpStream::connect(address).await.unwrap());
        if at % 100 == 99 {
            let mut phone = Client::new(connect(address, &config).await.unwrap());
            assert_eq!(phone.ask(&post_as(&basic("anna", PASSWORD), "D3", "Sync", "", b"")).await.code, 200);
        }
        assert!(number(&house, "easel_unauthenticated_connections") <= 40);
    }
    house.until(|house| number(house, "easel_connections_displaced_total") >= 360).await;
    assert!(Client::new(half_open.swap_remove(0)).ended().await, "the oldest was closed");
    assert_eq!(known.ask(&post_as(&basic("anna", PASSWORD), "D2", "Sync", "", b"")).await.code, 200);
    assert_eq!(house.running.parked(), 1);
    deliver(&house);
    assert_eq!(waits.response().await.body, b"Changed");
}

#[tokio::test]
async fn when_all_room_is_taken_the_oldest_on_which_nobody_logged_in_goes_and_nobody_else() {
    let house = limited(Limits { connections: Some(3), ..Limits::default() }).build(ok);
    let mut known = house.client().await;
    assert_eq!(known.ask(&post("Sync", "", b"")).await.code, 200);
    let (mut oldest, mut silent) = (house.client().await, house.client().await);
    house.until(|house| house.running.connections() == 3).await;
    let mut phone = house.client().await;
    assert_eq!(phone.ask(&post("Sync", "", b"")).await.code, 200);
    assert!(oldest.ended().await);
    let mut another = house.client().await;
    assert_eq!(another.ask(&post("Sync", "", b"")).await.code, 200);
    assert!(silent.ended().await);
    assert_eq!(known.ask(&post("Sync", "", b"")).await.code, 200);
}

#[tokio::test]
async fn an_address_with_all_its_connections_lets_go_of_the_oldest_on_which_nobody_logged_in() {
    let house = limited(Limits { connections_per_address: Some(3), ..Limits::default() }).build(ok);
    let mut known = house.client().await;
    assert_eq!(known.ask(&post("Sync", "", b"")).await.code, 200);
    let (mut oldest, mut silent) = (house.client().await, house.client().await);
    house.until(|house| house.running.connections() == 3).await;
    let mut phones = Vec::new();
    for gone in [&mut oldest, &mut silent] {
        let mut phone = house.client().await;
        assert_eq!(phone.ask(&post("Sync", "", b"")).await.code, 200);
        assert!(gone.ended().await);
        phones.push(phone);
    }
    assert_eq!(known.ask(&post("Sync", "", b"")).await.code, 200);
    assert!(house.client().await.ended().await, "all three are known");
}

#[tokio::test]
async fn an_address_has_so_many_and_others_have_their_own() {
    let mut plan = plan(&[ListenerKind::Proxied]);
    plan.options.limits = Limits { newcomers_per_address: 3, ..Limits::default() };
    let house = plan.build(ok);
    let from = async |address: &str| {
        let mut client = house.client().await;
        client.send(format!("PROXY TCP4 {address} 192.0.2.1 56324 443\r\n").as_bytes()).await;
        client
    };
    let mut other = from("198.51.100.7").await;
    let mut crowd = Vec::new();
    for _ in 0..10 {
        crowd.push(from("198.51.100.8").await);
        let entered = crowd.len();
        house.until(|house| number(house, "easel_unauthenticated_connections") == 1 + entered.min(3)).await;
    }
    for gone in &mut crowd[..7] {
        assert!(gone.ended().await);
    }
    for client in crowd[7..].iter_mut().chain([&mut other]) {
        assert_eq!(client.ask(&post("Sync", "", b"")).await.code, 200);
    }
    assert_eq!(number(&house, "easel_unauthenticated_connections"), 0);
    for _ in 0..3 {
        let mut phone = from("198.51.100.8").await;
        assert_eq!(phone.ask(&post("Sync", "", b"")).await.code, 200, "who logged in does not count");
    }
}

#[tokio::test]
async fn whoever_does_not_log_in_in_time_is_closed_and_who_did_is_not() {
    let limits = Limits { newcomer: Duration::from_millis(300), ..Limits::default() };
    let house = limited(limits).build(ok);
    let mut known = house.client().await;
    assert_eq!(known.ask(&post("Sync", "", b"")).await.code, 200);
    let mut wrong = house.client().await;
    assert_eq!(wrong.ask(&post_as(&basic("anna", "guess"), "D1", "Sync", "", b"")).await.code, 401);
    let mut silent = house.client().await;
    let mut slow = house.client().await;
    slow.send(b"POST /Microsoft-Server-ActiveSync?Cmd=Sync HTTP/1.1\r\nHost: e\r\n").await;
    assert!(wrong.ended().await && silent.ended().await && slow.ended().await);
    assert_eq!(known.ask(&post("Sync", "", b"")).await.code, 200);
}
