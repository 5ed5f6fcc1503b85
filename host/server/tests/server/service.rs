//! The commands themselves behind the server.

use std::sync::Arc;

use easel_commands::{Service, Settings};
use easel_plugin::NoPlugin;
use easel_server::{Clock, Listener, ListenerKind, LoginOptions, Logins, ServeOptions, Server, SystemClock};
use easel_store::{Bus, LocalBus, MemoryStore, Store};
use tokio::net::TcpStream;

use crate::house::{Client, PASSWORD, basic, person};

#[tokio::test]
async fn options_tells_the_versions_of_the_service() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(LocalBus::default()) as Arc<dyn Bus>));
    let tenant = store.add_tenant("defaultcontext").unwrap();
    store.add_user(&person(&tenant, "anna")).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let logins = Logins::new(Arc::clone(&store), Arc::clone(&clock), LoginOptions::default()).unwrap();
    let service = Service { store, plugin: Arc::new(NoPlugin), settings: Settings::default() };
    let listener = Listener { address: ([127, 0, 0, 1], 0).into(), kind: ListenerKind::Plain };
    let options = ServeOptions { listeners: vec![listener], ..ServeOptions::default() };
    let running = Server::start(options, Arc::new(service), Arc::new(logins), clock).unwrap();
    let mut client = Client::new(TcpStream::connect(running.addresses()[0]).await.unwrap());
    let request =
        format!("OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: e\r\n{}\r\n", basic("anna", PASSWORD));
    let response = client.ask(request.as_bytes()).await;
    assert_eq!(response.code, 200);
    assert_eq!(response.header("ms-asprotocolversions"), Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1"));
}
