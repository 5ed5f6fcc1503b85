//! `examples/old-tls`: phones that only speak TLS 1.0.

use std::fs;

use easel_protocol::{Class, FolderType};
use easel_test_support::{Identity, Phone, Sent};
use tempfile::TempDir;

use crate::front::{Front, OPENSSL, example, free_port};
use crate::house::{House, PASSWORD};
use crate::s_client::{OldTls, handshake};

/// HAProxy as the example has it, but for places.
fn front(house: &House, level: &str) -> Front {
    let dir = tempfile::tempdir().unwrap();
    let pem = certificate(&dir);
    let port = free_port();
    let config = example(
        "old-tls/haproxy.cfg",
        &[
            ("bind :8443 ", &format!("bind 127.0.0.1:{port} ")),
            ("/etc/haproxy/old-tls.pem", &pem),
            ("127.0.0.1:8081", &format!("127.0.0.1:{}", house.proxied)),
            ("@SECLEVEL=0", level),
        ],
    );
    Front::haproxy(dir, port, &config)
}

/// Made by the commands of the example's README.
fn certificate(dir: &TempDir) -> String {
    let readme = example("old-tls/README.md", &[]);
    let (_, commands) = readme.split_once("```sh\n   openssl req ").unwrap();
    let commands = format!("openssl req {}", commands.split_once("```").unwrap().0);
    let made = std::process::Command::new("sh").args(["-e", "-c", &commands]).current_dir(dir.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = dir.path().join("old-tls.pem");
    let shown = OPENSSL.command().args(["x509", "-noout", "-text", "-in"]).arg(&pem).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("Public-Key: (2048 bit)") && shown.contains("rsaEncryption"), "{shown}");
    assert!(fs::read_to_string(&pem).unwrap().contains("PRIVATE KEY"));
    pem.display().to_string()
}

/// OPTIONS, the tree, and mail until there is no more; the server knows the phone by its own address.
pub(crate) fn syncs() {
    let house = House::new();
    let front = front(&house, "@SECLEVEL=0");
    let shown = handshake("-tls1", front.port);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("Protocol  : TLSv1\n"), "{shown}");

    let transport = OldTls::connect(front.port, "127.0.0.3", "anna", PASSWORD);
    let mut phone = Phone::new(transport, Identity::nokia_n97(), "anna");
    phone.options().unwrap();
    phone.provision().unwrap();
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    loop {
        let ask = Sent { options: Some(phone.body_options(Class::Email)), window: Some(1), ..Sent::ask(&inbox) };
        if !phone.sync(&[ask]).unwrap().more {
            break;
        }
    }
    assert_eq!(phone.collections[&inbox].items.len(), 3);

    let (_, log) = house.serving.stop("TERM");
    let requests: Vec<&str> = log.lines().filter(|line| line.contains("command=")).collect();
    assert!(requests.iter().any(|line| line.contains("OPTIONS")) && requests.len() >= 7, "{log}");
    for line in requests {
        assert!(line.contains("peer=127.0.0.3"), "{line}");
    }
    drop(front);
}

/// The listeners of Easel take nothing below TLS 1.2.
pub(crate) fn refused_directly() {
    let house = House::new();
    let shown = handshake("-tls1", house.tls);
    let said = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(!shown.status.success() && said.contains("alert"), "{said}");
    assert!(handshake("-tls1_2", house.tls).status.success());
}

/// What the example lowers is needed, and lowered there alone.
pub(crate) fn level_matters() {
    let house = House::new();
    let front = front(&house, "@SECLEVEL=1");
    let shown = handshake("-tls1", front.port);
    assert!(!shown.status.success(), "{}", String::from_utf8_lossy(&shown.stdout));
    drop(front);
}
