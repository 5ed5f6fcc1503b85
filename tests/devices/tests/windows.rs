//! Windows Phone, the mail of Windows, and Outlook.
//!
//! Packs for them do not exist: what those would say, the operator says here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use easel_devices_tests::words::{card, change, commands, folders_of, mail, only, responses};
use easel_devices_tests::{House, User, identities};
use easel_protocol::{Class, Command, FolderType, Version};
use easel_test_support::{Folder, HttpRequest, Identity, Phone, Sent, Socket, Transport as _, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, airsyncbase as base, email, folder_hierarchy as fh, provision as prov};

/// A house whose operator writes these settings for every device, and changes these lines of the configuration.
fn operator(settings: &[&str], lines: &[(&str, &str)]) -> House {
    let quoted: Vec<String> = settings.iter().map(|setting| format!("\"{setting}\"")).collect();
    let settings = format!("settings = [{}]", quoted.join(", "));
    House::with(&[&[("settings = []", settings.as_str())], lines].concat())
}

/// A phone with Windows Phone 8.1, which says who it is where it asks for the versions, and nowhere else.
fn windows_phone() -> Identity {
    Identity { base64: true, ..identities::other("WP8", "", Version::V14_1) }
}

fn outlook() -> Identity {
    identities::other("WindowsOutlook15", "Outlook/16.0 (16.0.17932.20884; C2R; x64)", Version::V14_0)
}

#[test]
fn tc60_a_flag_that_changes_comes_alone() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("one.eml", &mail("one", ""));
    let (mut phone, inbox) = user.begun(windows_phone(), FolderType::Inbox);
    let (mut other, _) = user.begun(Identity::iphone_today(), FolderType::Inbox);
    let (id, shown) = only(&phone, &inbox);
    let flag = [Element::text(email::STATUS, "2"), Element::text(email::FLAG_TYPE, "for Follow Up")];
    let flagged = change(&id, [Element::boolean(email::READ, true), Element::of(email::FLAG, flag)]);
    assert!(responses(&other.sync(&[Sent::commands(&inbox, vec![flagged])]).unwrap(), &inbox).is_empty());
    let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let sent = commands(&synced, &inbox);
    assert_eq!((sent.len(), sent[0].tag), (1, airsync::CHANGE));
    let mut changed: Vec<_> =
        sent[0].child(airsync::APPLICATION_DATA).unwrap().children().map(|property| property.tag).collect();
    changed.sort_unstable();
    assert_eq!(changed, [email::READ, email::FLAG], "no MessageClass, which would cost the mail its summary");
    let now = only(&phone, &inbox).1;
    assert_eq!(item_text(&now, email::MESSAGE_CLASS), item_text(&shown, email::MESSAGE_CLASS));
    assert_eq!(item_text(now.child(email::FLAG).unwrap(), email::STATUS), "2");
}

#[test]
fn tc61_a_request_with_changes_is_acknowledged_first_and_news_follow() {
    let first = |house: &House| {
        let user = house.user("Europe/Berlin");
        user.import("one.eml", &mail("one", ""));
        let (mut phone, inbox) = user.begun(windows_phone(), FolderType::Inbox);
        let read = change(&only(&phone, &inbox).0, [Element::boolean(email::READ, true)]);
        let unknown = change("affff", [Element::boolean(email::READ, true)]);
        user.import("two.eml", &mail("two", ""));
        let synced = phone.sync(&[Sent::commands(&inbox, vec![read, unknown])]).unwrap();
        assert_eq!(responses(&synced, &inbox).len(), 1, "of what could not be done");
        let after = phone.sync(&[Sent::ask(&inbox)]).unwrap();
        assert_eq!(phone.items(&inbox).len(), 2);
        (synced.entries, synced.more, after.entries)
    };
    assert_eq!(first(&House::shared()), (1, false, 0));
    assert_eq!(first(&operator(&["sync.changes_after_ack=true"], &[])), (0, false, 1));
}

#[test]
fn tc62_a_version_without_its_second_number_is_that_version() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let windows_10 = identities::other("WindowsMail", "MSFT-WP/10.0.10240", Version::V14_0);
    let mut phone = user.phone(windows_10);
    let ask = |phone: &mut Phone<Socket>, command: Command, body: &Element| {
        let body = easel_wbxml::encode(body);
        let mut request = phone.request(command, &body, "application/vnd.ms-sync.wbxml");
        let version = request.headers.iter_mut().find(|(name, _)| name == "MS-ASProtocolVersion").unwrap();
        version.1 = "14".to_owned();
        let response = phone.transport.exchange(&request).unwrap();
        assert_eq!(response.code, 200);
        easel_wbxml::decode(&response.body).unwrap()
    };
    let root = ask(&mut phone, Command::FolderSync, &Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]));
    assert!(phone.take_folder_sync(Some(root)).unwrap() > 0);
    assert_eq!(user.device(&phone.identity.device_id)["version"], "14.0");
    // In 14.0 a device need not say what it is before it asks for the policy; from 14.1 on it must.
    let policy = Element::of(prov::POLICY, [Element::text(prov::POLICY_TYPE, "MS-EAS-Provisioning-WBXML")]);
    let body = Element::of(prov::PROVISION, [Element::of(prov::POLICIES, [policy])]);
    assert_eq!(item_text(&ask(&mut phone, Command::Provision, &body), prov::STATUS), "1");
    phone.version = Version::V14_1;
    phone.identity.device_id = "B7D9806C123E69F8850A2D30D3709A18".into();
    let root = phone.ask(Command::Provision, Some(&body)).unwrap().unwrap();
    assert_eq!(item_text(&root, prov::STATUS), "165");
}

/// Names and types of the address books that Outlook is shown of two.
fn books(house: &House) -> Vec<(String, FolderType)> {
    let user = house.user("Europe/Berlin");
    user.import("own.vcf", &card("Own", ""));
    user.import_into(&["--folder", "Friends"], "friend.vcf", &card("Friend", ""));
    let mut phone = user.ready(outlook());
    let own = phone.folder(FolderType::Contacts).unwrap();
    phone.sync_folder(&own, 10).unwrap();
    assert_eq!(phone.items(&own).len(), 1, "each card in its own book");
    let is_book = |folder: &&Folder| ["Contacts", "Friends"].contains(&folder.name.as_str());
    let mut books: Vec<_> =
        phone.folders.values().filter(is_book).map(|folder| (folder.name.clone(), folder.kind)).collect();
    books.sort();
    books
}

#[test]
fn tc64_outlook_has_one_address_book_and_the_second_is_hidden_or_of_no_known_kind() {
    let own = ("Contacts".to_owned(), FolderType::Contacts);
    let hidden = operator(&["hierarchy.multi=mail=yes,con=no", "hierarchy.merge=hide"], &[]);
    assert_eq!(books(&hidden), std::slice::from_ref(&own));
    let unknown = operator(&["hierarchy.multi=mail=yes,con=yes", "hierarchy.folder_types=14=18"], &[]);
    assert_eq!(books(&unknown), [own, ("Friends".to_owned(), FolderType::Unknown)]);
}

#[test]
fn tc65_outlook_that_takes_a_new_id_with_each_start_fills_no_list_of_devices() {
    let few = ("devices_per_user_max = 100", "devices_per_user_max = 4");
    let started = |house: &House| {
        let user = house.user("Europe/Berlin");
        for identity in [Identity::nokia_n97(), Identity::iphone_3gs()] {
            user.phone(identity).folder_sync().unwrap();
        }
        let start = |number: u32| {
            let id = format!("6D1AEFA21B4C4F24A4A0E5F5A5B0D1C{number}");
            user.phone(Identity { device_id: id, ..outlook() }).folder_sync().is_ok()
        };
        let let_in: Vec<bool> = (0..5).map(start).collect();
        let kinds = user.devices().into_iter().map(|device| device["kind"].as_str().unwrap().to_owned());
        let (outlooks, others): (Vec<_>, Vec<_>) = kinds.partition(|kind| kind == "WindowsOutlook15");
        (let_in, outlooks.len(), others.len())
    };
    assert_eq!(started(&House::with(&[few])), (vec![true, true, false, false, false], 2, 2));
    let volatile = operator(&["recovery.device_id_volatile=true"], &[few]);
    assert_eq!(started(&volatile), (vec![true; 5], 3, 2), "old ones expire");
}

/// The message that Outlook gets whole.
fn whole_message(user: &User<'_>) -> String {
    let mut phone = user.ready(outlook());
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let preference = Element::of(base::BODY_PREFERENCE, [Element::number(base::TYPE, 4)]);
    let options = Some(vec![Element::number(airsync::MIME_SUPPORT, 2), preference]);
    for _ in 0..2 {
        phone.sync(&[Sent { options: options.clone(), ..Sent::ask(&inbox) }]).unwrap();
    }
    let item = only(&phone, &inbox).1;
    let body = item.child(base::BODY).unwrap();
    assert_eq!(item_text(body, base::TYPE), "4");
    item_text(body, base::DATA)
}

#[test]
fn tc66_outlook_gets_text_as_it_can_read_it() {
    let raw = mail("one", "")
        .replace("charset=utf-8", "charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable")
        .replace("Hello, this is one.\r\n", "Gr=FC=DFe aus =\nM=FCnchen\nAnna\n");
    let seen = |house: &House| {
        let user = house.user("Europe/Berlin");
        user.import("one.eml", &raw);
        whole_message(&user)
    };
    let kept = seen(&House::shared());
    assert!(kept.contains("Gr=FC=DFe aus"), "{kept}");
    let written = seen(&operator(&["mail.mime_rewrite=8bit_utf8"], &[]));
    assert!(written.ends_with("\r\n\r\nGrüße aus München\r\nAnna\r\n"), "{written}");
    assert!(written.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{written}");
    assert!(written.contains("Content-Transfer-Encoding: 8bit\r\n"), "{written}");
    assert!(!written.contains("quoted-printable") && !written.contains("8859"), "{written}");
}

/// The collections that a device is told of, with their status, when one of the two it asks for is gone.
fn after_a_deletion(house: &House, identity: Identity, pack: &str) -> Option<Vec<String>> {
    let user = house.user("Europe/Berlin");
    user.import_into(&["--folder", "Choir"], "choir.eml", &mail("choir", ""));
    let (mut phone, inbox) = user.begun(identity, FolderType::Inbox);
    assert_eq!(user.served(&phone.identity.device_id).0, pack);
    let choir = phone.folders.iter().find(|(_, folder)| folder.name == "Choir").unwrap().0.clone();
    phone.sync_folder(&choir, 10).unwrap();
    let mut other = user.ready(Identity { device_id: "another".into(), ..Identity::android() });
    // Into Deleted Items, and out of there.
    for _ in 0..2 {
        let key = Element::text(fh::SYNC_KEY, other.hierarchy_key.clone());
        let body = Element::of(fh::FOLDER_DELETE, [key, Element::text(fh::SERVER_ID, choir.clone())]);
        let root = other.ask(Command::FolderDelete, Some(&body)).unwrap().unwrap();
        assert_eq!(item_text(&root, fh::STATUS), "1");
        other.hierarchy_key = item_text(&root, fh::SYNC_KEY);
        other.folders.remove(&choir);
        other.folder_sync().unwrap();
    }
    user.import("one.eml", &mail("one", ""));
    let body = phone.sync_request(&[Sent::ask(&inbox), Sent::ask(&choir)]);
    let root = phone.ask(Command::Sync, Some(&body)).unwrap()?;
    let all = root.child(airsync::COLLECTIONS)?.all(airsync::COLLECTION);
    Some(all.map(|collection| item_text(collection, airsync::STATUS)).collect())
}

#[test]
fn tc67_a_folder_that_is_gone_is_told_of_as_each_device_bears_it() {
    let told = |statuses: &[&str]| Some(statuses.iter().map(ToString::to_string).collect());
    let house = House::shared();
    assert_eq!(after_a_deletion(&house, Identity::iphone_today(), "ios-modern"), told(&["1", "12"]));
    assert_eq!(after_a_deletion(&house, Identity::iphone_3gs(), "iphone-os-2-3"), told(&["1", "12"]));
    assert_eq!(after_a_deletion(&house, Identity::android(), "default"), told(&["1", "8"]));
    let silent = operator(&["status.folder_gone=silent"], &[]);
    assert_eq!(after_a_deletion(&silent, outlook(), "default"), told(&["1"]));
}

#[test]
fn tc83_who_names_no_user_is_the_one_who_logs_in() {
    let house = House::shared();
    let (anna, zoe) = (house.user("Europe/Berlin"), house.user("Europe/Paris"));
    anna.import("one.eml", &mail("one", ""));
    let mut phone = anna.phone(Identity { base64: false, ..windows_phone() });
    let ask = |phone: &mut Phone<Socket>, command: Command, body: &Element| {
        let body = easel_wbxml::encode(body);
        let request = phone.request(command, &body, "application/vnd.ms-sync.wbxml");
        let pairs: Vec<&str> = request.query.split('&').filter(|pair| !pair.starts_with("User=")).collect();
        let request = HttpRequest { query: pairs.join("&"), ..request };
        assert!(!request.query.contains("User"), "{}", request.query);
        let response = phone.transport.exchange(&request).unwrap();
        assert_eq!(response.code, 200);
        (!response.body.is_empty()).then(|| easel_wbxml::decode(&response.body).unwrap())
    };
    let tree = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]);
    let root = ask(&mut phone, Command::FolderSync, &tree);
    phone.take_folder_sync(root).unwrap();
    assert_eq!(folders_of(&phone, Class::Contacts), 1);
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    for _ in 0..2 {
        let body = phone.sync_request(&[Sent::ask(&inbox)]);
        let root = ask(&mut phone, Command::Sync, &body);
        phone.take_sync(root).unwrap();
    }
    assert_eq!(item_text(&only(&phone, &inbox).1, email::SUBJECT), "one", "it is Anna's");
    assert_eq!((anna.devices().len(), zoe.devices().len()), (1, 0));
}
