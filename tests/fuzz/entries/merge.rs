//! Whatever a device sends about an object is merged or refused; what was merged is an object still, and a device that
//! says nothing changes nothing.
//!
//! The bytes are the object, a zero, and a document in WBXML; of that the first ApplicationData is taken.

use easel_items::{BodyPreferences, Edit, Ghosting, apply, properties};
use easel_protocol::Class;
use easel_wbxml::pages::airsync;
use easel_wbxml::{Element, decode};

use super::desk;

pub(crate) fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let current = String::from_utf8_lossy(&bytes[..end]);
    let sent = bytes.get(end + 1..).and_then(|sent| decode(sent).ok()).and_then(|sent| application_data(&sent));
    let class = if current.contains("BEGIN:VCARD") {
        Class::Contacts
    } else if current.contains("BEGIN:VTODO") {
        Class::Tasks
    } else if current.contains("BEGIN:VJOURNAL") {
        Class::Notes
    } else {
        Class::Calendar
    };
    let owner = desk::owner();
    let nothing = Element::new(airsync::APPLICATION_DATA);
    for version in desk::VERSIONS {
        let body = desk::bodies(20);
        let view = desk::view(version, &owner, &body);
        if properties(class, &current, &view).is_err() {
            continue;
        }
        if let Ok(applied) = apply(class, Some(&current), &edit(&nothing, &Ghosting::All, &body), &view) {
            assert!(!applied.changed, "nothing was said");
        }
        let Some(data) = &sent else { continue };
        for ghosting in [Ghosting::None, Ghosting::All] {
            for current in [Some(&*current), None] {
                let Ok(applied) = apply(class, current, &edit(data, &ghosting, &body), &view) else { continue };
                let Some(content) = applied.content else { continue };
                let told = properties(class, &content, &view);
                desk::check_sent(told.expect("what was merged is an object"));
            }
        }
    }
}

fn edit<'a>(data: &'a Element, ghosting: &'a Ghosting, shown: &'a BodyPreferences) -> Edit<'a> {
    Edit { data, ghosting, base: None, shown, instance: None, delete_instance: false }
}

fn application_data(document: &Element) -> Option<Element> {
    let mut next = vec![document];
    while let Some(element) = next.pop() {
        if element.tag == airsync::APPLICATION_DATA {
            return Some(element.clone());
        }
        next.extend(element.children());
    }
    None
}
