//! TLS, its certificate, and the PROXY listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use easel_commands::{Answer, Request, Sink};
use easel_server::{ListenerKind, ServerError, TlsFiles, Turn};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::house::{Client, House, PASSWORD, basic, plan, post, post_as};
use crate::limits::metrics;

/// A certificate on disk.
pub(crate) struct Files {
    pub(crate) tls: TlsFiles,
    authority: CertificateDer<'static>,
    _directory: TempDir,
}

pub(crate) fn certificate(name: &str) -> Files {
    let directory = TempDir::new().unwrap();
    let tls = TlsFiles { certificate: directory.path().join("cert.pem"), key: directory.path().join("key.pem") };
    let authority = write(&tls, name);
    Files { tls, authority, _directory: directory }
}

fn write(files: &TlsFiles, name: &str) -> CertificateDer<'static> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

pub(crate) fn trusting(files: &Files, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(files.authority.clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(crate) async fn connect(address: SocketAddr, config: &ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(config.clone()));
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, TcpStream::connect(address).await?).await
}

fn ok(_: &Request<'_>, _: &mut dyn Sink) -> Turn {
    Turn::Answer(Answer::empty())
}

fn served(files: &Files, poll: Duration) -> House {
    let mut plan = plan(&[ListenerKind::Tls]);
    plan.options.tls = Some(files.tls.clone());
    plan.options.limits.certificate_poll = poll;
    plan.build(ok)
}

const NEVER: Duration = Duration::from_secs(100_000);

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_only_http_1_1_is_offered() {
    let files = certificate("localhost");
    let house = served(&files, NEVER);
    let address = house.running.addresses()[0];
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut config = trusting(&files, &[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = connect(address, &config).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut client = Client::new(stream);
        assert_eq!(client.ask(&post("Sync", "", b"\x03\x01\x6A\x00")).await.code, 200);
    }
    let mut config = trusting(&files, &[&rustls::version::TLS13]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    assert!(connect(address, &config).await.is_err());
}

#[tokio::test]
async fn f4_one_server_serves_phones_with_and_without_encryption() {
    let files = certificate("localhost");
    let mut plan = plan(&[ListenerKind::Tls, ListenerKind::Plain]);
    plan.options.tls = Some(files.tls.clone());
    let house = plan.build(ok);
    let [tls, plain] = house.running.addresses() else { panic!("two listeners") };
    let config = trusting(&files, &[&rustls::version::TLS12]);
    let mut encrypted = Client::new(connect(*tls, &config).await.unwrap());
    let mut open = Client::new(TcpStream::connect(plain).await.unwrap());
    assert_eq!(encrypted.ask(&post("Sync", "", b"")).await.code, 200);
    assert_eq!(open.ask(&post("Sync", "", b"")).await.code, 200);
}

#[tokio::test]
async fn tls_1_0_is_refused_by_an_alert() {
    let files = certificate("localhost");
    let house = served(&files, NEVER);
    let mut socket = TcpStream::connect(house.running.addresses()[0]).await.unwrap();
    // ClientHello of version 3.1: random, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression, no extensions.
    let hello = [&[3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2F, 1, 0]].concat();
    let handshake = [&[1, 0, 0, u8::try_from(hello.len()).unwrap()][..], &hello].concat();
    let record = [&[22, 3, 1, 0, u8::try_from(handshake.len()).unwrap()][..], &handshake].concat();
    socket.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    // An alert record: fatal.
    assert_eq!((answer[0], answer[5]), (21, 2), "{answer:?}");
}

#[tokio::test]
async fn a_new_certificate_is_served_when_its_files_change_and_a_broken_one_is_not() {
    let files = certificate("localhost");
    let house = served(&files, Duration::from_millis(5));
    let address = house.running.addresses()[0];
    let old = trusting(&files, &[&rustls::version::TLS13]);
    let mut kept = Client::new(connect(address, &old).await.unwrap());
    let renewed = Files { authority: write(&files.tls, "localhost"), ..files };
    let new = trusting(&renewed, &[&rustls::version::TLS13]);
    let renewal = async { while connect(address, &new).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(60), renewal).await.expect("the new certificate is noticed");
    assert!(connect(address, &old).await.is_err());
    assert_eq!(kept.ask(&post("Sync", "", b"")).await.code, 200, "connections stay");
    std::fs::write(&renewed.tls.certificate, "-----BEGIN CERTIFICATE-----\nbroken").unwrap();
    let error = house.running.reload_certificate().unwrap_err();
    assert!(matches!(error, ServerError::Certificate { .. }), "{error}");
    assert!(connect(address, &new).await.is_ok(), "the old one stays");
    let other = certificate("localhost");
    std::fs::copy(&other.tls.certificate, &renewed.tls.certificate).unwrap();
    let error = house.running.reload_certificate().unwrap_err();
    assert!(matches!(error, ServerError::KeyPair { .. }), "{error}");
    assert!(connect(address, &new).await.is_ok());
    std::fs::remove_file(&renewed.tls.key).unwrap();
    let error = house.running.reload_certificate().unwrap_err();
    assert!(matches!(error, ServerError::PrivateKey { .. }), "{error}");
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_is_refused() {
    let files = certificate("localhost");
    let house = served(&files, NEVER);
    for bytes in [&b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n"[..], &post("Sync", "", b"")] {
        let mut socket = TcpStream::connect(house.running.addresses()[0]).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset counts as an end.
        let _ = socket.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
}

#[tokio::test]
async fn the_proxied_listener_serves_whom_the_header_names_and_nobody_without_one() {
    let mut plan = plan(&[ListenerKind::Proxied]);
    plan.logins.per_address = easel_server::Budget { burst: 1, refill: Duration::from_secs(3600) };
    let house = plan.build(ok);
    let guess =
        |header: &[u8], password: &str| [header, &post_as(&basic("anna", password), "D1", "Sync", "", b"")].concat();
    let v2 = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C"[..], &[192, 0, 2, 9, 192, 0, 2, 1, 0, 1, 0, 2]].concat();
    for (header, password, code) in [
        (&b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n"[..], "guess 1", 401),
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 56325 443\r\n", "guess 2", 503),
        (b"PROXY TCP4 192.0.2.8 192.0.2.1 56324 443\r\n", "guess 3", 401),
        (&v2, "guess 4", 401),
        (&v2, "guess 5", 503),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", PASSWORD, 200),
    ] {
        let mut client = house.client().await;
        assert_eq!(client.ask(&guess(header, password)).await.code, code, "{password}");
    }
    for header in [&b""[..], b"PROXY TCP4 192.0.2.7\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\x00"] {
        let mut client = house.client().await;
        client.send(&guess(header, PASSWORD)).await;
        assert!(client.ended().await);
    }
}

#[test]
fn a_tls_listener_without_a_certificate_does_not_start() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let started = std::panic::catch_unwind(|| plan(&[ListenerKind::Tls]).build(ok));
    assert!(started.is_err());
}

#[tokio::test]
async fn monitoring_reads_for_how_long_the_certificate_is_good() {
    let files = certificate("localhost");
    let house = served(&files, NEVER);
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // The clock of a house stands at 2023-11-14T22:13:20Z.
    for (day, secs) in [(15, 6400), (14, -80_000)] {
        params.not_after = rcgen::date_time_ymd(2023, 11, day);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&files.tls.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&files.tls.key, key.serialize_pem()).unwrap();
        house.running.reload_certificate().unwrap();
        assert!(metrics(&house).contains(&format!("\neasel_certificate_remaining_seconds {secs}\n")));
    }
    let plain = crate::house::house(ok);
    assert!(!metrics(&plain).contains("easel_certificate"));
}
