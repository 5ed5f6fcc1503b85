//! What a pack withholds, as an administrator finds it and puts it back.

use std::sync::Arc;

use easel_commands::{Reply, Request, Service, Settings, Sink, SinkClosed};
use easel_plugin::Direction;
use easel_plugin::hooks::MailVerdict;
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{Class, Command, RequestLine};
use easel_store::{LocalBus, Store, User};
use easel_store_sqlite::SqliteStore;
use easel_test_support::{HttpRequest, HttpResponse, Identity, Phone, Sent, Transport};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, contacts};

use crate::support::House;

/// From a phone straight to the commands.
struct Line {
    service: Service,
    user: User,
}

struct NoSink;

impl Sink for NoSink {
    fn write(&mut self, _: Vec<u8>) -> Result<(), SinkClosed> {
        Err(SinkClosed)
    }
}

impl Transport for Line {
    fn exchange(&mut self, request: &HttpRequest) -> anyhow::Result<HttpResponse> {
        let header = |name: &str| {
            request.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let (version, key) = (header("MS-ASProtocolVersion"), header("X-MS-PolicyKey"));
        let line = RequestLine::parse(&request.query, version, key, None)?;
        let request = Request {
            line: &line,
            user: &self.user,
            user_agent: header("User-Agent").unwrap_or_default(),
            headers: &[],
            origin: None,
            content_type: header("Content-Type").unwrap_or_default(),
            body: &request.body,
            now: WHEN.parse()?,
        };
        let Reply::Answer(answer) = self.service.handle(&request, &mut NoSink) else { anyhow::bail!("no answer") };
        let headers = answer.content_type.map(|kind| ("content-type".to_owned(), kind));
        Ok(HttpResponse { code: answer.code, headers: headers.into_iter().collect(), body: answer.body })
    }
}

/// Far ahead, so that a server that runs does not find it old.
const WHEN: &str = "2100-01-01T10:00:00Z";

/// A contact and a message of anna's that a pack withholds; the device's id.
fn withhold(house: &House) -> String {
    let store = SqliteStore::open(house.path("house/data").as_ref(), Arc::new(LocalBus::default())).unwrap();
    let tenant = store.tenant("defaultcontext").unwrap().unwrap().id;
    let user = store.user_by_name(tenant, "anna").unwrap().unwrap();
    let plugin = ScriptedPlugin::new()
        .named("old-phones", "1.2.0")
        .withhold(Direction::Incoming, Class::Contacts, contacts::FILE_AS, |_| true)
        .on_mail(|_, _| MailVerdict::Withhold("sent before".into()));
    let clock = Arc::new(|| WHEN.parse().unwrap());
    let service = Service::new(Arc::new(store), Arc::new(plugin), Settings::default(), clock);
    let mut phone = Phone::new(Line { service, user }, Identity::iphone_3gs(), "anna");
    phone.folder_sync().unwrap();
    phone.sync_folder("f7", 10).unwrap();
    let data = [Element::text(contacts::FILE_AS, "Hopper, Grace"), Element::text(contacts::LAST_NAME, "Hopper")];
    let data = Element::of(airsync::APPLICATION_DATA, data);
    let add = Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "1"), data]);
    phone.sync(&[Sent::commands("f7", vec![add])]).unwrap();
    let message = b"To: bob@there.example\r\nSubject: Again\r\nContent-Type: text/plain\r\n\r\ntext\r\n";
    let request = phone.request(Command::SendMail, message, "message/rfc822");
    assert_eq!(phone.transport.exchange(&request).unwrap().code, 200);
    phone.identity.device_id.to_string()
}

/// Both are listed and put back, and then nothing is left to be.
fn listed_and_put_back(house: &House, id: &str) {
    let said = house.run(&["device", "show", "anna", id]).ok();
    for part in ["Contacts added", "Hopper, Grace", "mail", "Again", "old-phones 1.2.0", "sent before", "bytes", WHEN] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let shown = house.json(&["device", "show", "anna", id]);
    let (contact, mail) = (&shown["withheld"][0], &shown["withheld"][1]);
    assert_eq!((contact["title"].as_str(), mail["what"].as_str()), (Some("Hopper, Grace"), Some("mail")));
    assert_eq!(mail["at"], WHEN);
    assert!(house.json(&["queue", "list"]).as_array().unwrap().is_empty());
    for thing in [contact, mail] {
        let number = thing["number"].to_string();
        house.run(&["device", "restore", "anna", id, &number]).ok();
        let said = house.run(&["device", "restore", "anna", id, &number]).refused();
        assert!(said.contains(&format!("number {number}")) && said.contains("easel device show"), "{said}");
    }
    let queue = house.json(&["queue", "list"]);
    assert_eq!(
        (queue[0]["subject"].as_str(), queue[0]["waiting"][0].as_str()),
        (Some("Again"), Some("bob@there.example"))
    );
    let exported = house.export("out", &[]);
    assert!(exported.iter().any(|(_, bytes)| bytes.windows(7).any(|part| part == b"Hopper;")));
    assert_eq!(house.json(&["device", "show", "anna", id])["withheld"].as_array().map(Vec::len), Some(0));
    assert!(!house.run(&["device", "show", "anna", id]).ok().contains("withheld"));
}

#[test]
fn what_a_pack_withheld_is_listed_and_put_back_without_a_server() {
    let house = House::with_anna();
    let id = withhold(&house);
    listed_and_put_back(&house, &id);
}

#[test]
fn a_server_that_runs_lists_it_and_puts_it_back() {
    let house = House::with_anna();
    let id = withhold(&house);
    let serving = house.serve();
    listed_and_put_back(&house, &id);
    drop(serving);
}

#[test]
fn what_a_full_mailbox_has_no_room_for_stays_withheld_and_the_refusal_says_what_to_do() {
    let house = House::with_anna();
    let id = withhold(&house);
    let filling = house.write("large.eml", format!("Subject: large\n\n{}", "text\n".repeat(220_000)));
    house.import(&[&filling]);
    house.run(&["user", "set", "anna", "--quota", "1"]).ok();
    let serving = house.serve();
    for number in ["1", "2"] {
        let said = house.run(&["device", "restore", "anna", &id, number]).refused();
        assert!(said.contains("mailbox is full") && said.contains("easel user set anna"), "{said}");
        assert!(said.contains("stays withheld"), "{said}");
    }
    house.run(&["user", "set", "anna", "--quota", "default"]).ok();
    listed_and_put_back(&house, &id);
    drop(serving);
}

#[test]
fn what_is_withheld_from_one_device_is_not_put_back_by_another_name() {
    let house = House::with_anna();
    let id = withhold(&house);
    house.add_user("berta", "berta@example.org", "berta's word");
    house.run(&["device", "restore", "berta", &id, "1"]).refused();
    assert_eq!(house.json(&["device", "show", "anna", &id])["withheld"].as_array().map(Vec::len), Some(2));
    for verb in ["restore", "show"] {
        let help = house.run(&["device", verb, "--help"]).ok();
        assert!(help.contains("30 days"), "{help}");
    }
}
