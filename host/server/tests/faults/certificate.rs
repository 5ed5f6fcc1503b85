//! The files of the certificate become rubbish while it is in use.

use easel_test_support::{Serving, Socket};

use crate::support::{House, easel};

const FILES: [&str; 2] = ["certificate.pem", "key.pem"];

fn shown(serving: &Serving) -> Vec<u8> {
    Socket::new(serving.address, "anna", "anna's word").certificate().unwrap()
}

fn options(serving: &Serving) -> u16 {
    let mut socket = Socket::new(serving.address, "anna", "anna's word");
    let request = easel_test_support::HttpRequest { method: "OPTIONS", ..Default::default() };
    easel_test_support::Transport::exchange(&mut socket, &request).unwrap().code
}

#[test]
fn rubbish_in_the_place_of_the_certificate_changes_nothing_and_the_next_good_one_is_used() {
    let house = House::with_tls();
    let serving = house.serve();
    let first = shown(&serving);
    let other = house.text("other");
    easel(&["init", &other, "--self-signed", "localhost", "--listen", "127.0.0.1:0"], "").ok();
    let rubbish: [(&str, &[u8]); 5] = [
        ("certificate.pem", b""),
        ("certificate.pem", b"\0\xff rubbish"),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("certificate.pem", &std::fs::read(house.path("other/certificate.pem")).unwrap()),
        ("key.pem", b""),
    ];
    let good = FILES.map(|name| std::fs::read(house.path("house").join(name)).unwrap());
    for (time, (name, bytes)) in rubbish.into_iter().enumerate() {
        house.write(&format!("house/{name}"), bytes);
        serving.tell("HUP");
        serving.until_logged("looked at again", time + 1);
        assert_eq!((shown(&serving), options(&serving)), (first.clone(), 200), "{name}");
        // Taken away altogether.
        if time == 1 {
            std::fs::remove_file(house.path("house/certificate.pem")).unwrap();
        }
        for (name, bytes) in FILES.iter().zip(&good) {
            house.write(&format!("house/{name}"), bytes);
        }
    }
    for name in FILES {
        std::fs::copy(house.path("other").join(name), house.path("house").join(name)).unwrap();
    }
    serving.tell("HUP");
    serving.until_logged("looked at again", 6);
    assert_ne!(shown(&serving), first);
    let (_, log) = serving.stop("TERM");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("the certificate in use stays")).collect();
    // The server looks by itself, too, and may have seen them first.
    assert!((5..=10).contains(&told.len()), "a line each: {told:#?}");
    assert!(told.iter().all(|line| line.contains(".pem")), "{told:#?}");
}

#[test]
fn a_server_whose_certificate_is_rubbish_does_not_start_and_names_the_file() {
    let house = House::with_tls();
    for name in FILES {
        let good = std::fs::read(house.path("house").join(name)).unwrap();
        for rubbish in [&b""[..], b"\0\xff rubbish"] {
            house.write(&format!("house/{name}"), rubbish);
            let said = house.run(&["serve"]).refused();
            assert!(said.contains(name) && said.contains("easel check"), "{said}");
            assert!(house.run(&["check"]).code != 0);
        }
        house.write(&format!("house/{name}"), good);
    }
    house.serve().stop("TERM");
}
