//! Budgets and limits, as the configuration says them.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::House;

/// A house with other values in its configuration.
fn configured(lines: &[(&str, u32)]) -> House {
    let house = House::with_anna();
    let mut text = std::fs::read_to_string(house.path("house/easel.toml")).unwrap();
    for (key, value) in lines {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap().to_owned();
        text = text.replace(&line, &format!("{key} = {value}"));
    }
    house.write("house/easel.toml", text);
    house
}

#[test]
fn a_device_over_its_budget_is_told_to_come_back_and_shown() {
    let house = configured(&[("device_requests_per_minute_max", 3)]);
    let serving = house.serve();
    let codes: Vec<String> = (0..5).map(|_| serving.options("anna", "anna's word")).collect();
    assert_eq!(codes, ["200", "200", "200", "503", "503"]);
    let seen = house.json(&["top"]);
    let device = &seen["devices"][0];
    assert_eq!((device["requests"].as_u64(), device["refused"].as_u64()), (Some(3), Some(2)), "{seen}");
    let text = house.run(&["top"]).ok();
    assert!(text.lines().next().unwrap().contains("REFUSED"), "{text}");
    serving.stop("TERM");
}

#[test]
fn connections_on_which_nobody_logs_in_are_few_and_short() {
    let house = configured(&[("unauthenticated_max", 16), ("unauthenticated_secs_max", 5)]);
    let serving = house.serve();
    let mut silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(serving.address).unwrap()).collect();
    assert_eq!(serving.options("anna", "anna's word"), "200");
    let is_closed = |stream: &mut TcpStream, patience| {
        stream.set_read_timeout(Some(patience)).unwrap();
        match stream.read(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    };
    for stream in &mut silent[..80] {
        assert!(is_closed(stream, Duration::from_secs(60)), "the older ones made room");
    }
    let newest = silent.last_mut().unwrap();
    assert!(!is_closed(newest, Duration::from_millis(1)));
    assert!(is_closed(newest, Duration::from_secs(60)), "its time is over");
    serving.stop("TERM");
}
