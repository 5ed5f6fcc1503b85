//! Whatever somebody mails about a meeting is taken or refused: what comes of it is an object that devices are told of,
//! what the owner answers and what guests are told is a message, and a file of any events is cut into objects.
//!
//! The bytes are the owner's event, empty where there is none, a zero, and what came by mail.

use easel_items::calendar::{
    About, Response, check_occurrence, forwarded, invited, message_class, messages, method, moved_to, received,
    respond, split, uid,
};
use easel_items::{View, facts, properties};
use easel_protocol::{Class, Version};

use super::desk;

pub(crate) fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    let current = String::from_utf8_lossy(&bytes[..end]);
    let message = String::from_utf8_lossy(bytes.get(end + usize::from(end < bytes.len())..).unwrap_or_default());
    let current = (!current.is_empty()).then_some(&*current);
    drop((uid(&message), method(&message), message_class(&message)));
    for event in split(&message).unwrap_or_default().iter().take(4) {
        drop(uid(event));
    }
    let owner = desk::owner();
    for version in [Version::V14_1, Version::V16_1] {
        let body = desk::bodies(20);
        let view = desk::view(version, &owner, &body);
        let taken = received(current, &message, &view);
        let after = taken.ok().flatten().and_then(|taken| taken.content);
        if let Some(after) = &after {
            check_object(after, &view);
            drop(messages(current, Some(after), &view));
        }
        let others = split(&message).unwrap_or_default().into_iter().take(4);
        let events: Vec<String> = current.map(str::to_owned).into_iter().chain(others).collect();
        if let Ok(Some(invited)) = invited(&events, &message, &view) {
            check_object(&invited.content, &view);
        }
        let Some(event) = after.as_deref().or(current) else { continue };
        let at = desk::now();
        for instance in [None, Some(at)] {
            drop(forwarded(event, instance, &["bob@example.org".to_owned()], &view));
        }
        for about in [About::Event, About::Occurrence(at), About::Invitation(&message)] {
            for response in [Response::Accepted, Response::Declined] {
                if let Ok(responded) = respond(event, response, about, Some("yes"), &view) {
                    match responded.applied.content {
                        Some(content) => check_object(&content, &view),
                        None => {
                            assert!(responded.alone && response == Response::Declined, "an answered meeting is kept")
                        }
                    }
                    assert_eq!(method(&responded.reply).as_deref(), Some("REPLY"));
                }
            }
        }
        drop((check_occurrence(event, at, &view), moved_to(event, at, &view), messages(Some(event), None, &view)));
    }
}

fn check_object(content: &str, view: &View<'_>) {
    facts(Class::Calendar, content, view).expect("what was taken is an object");
    if let Ok(told) = properties(Class::Calendar, content, view) {
        desk::check_sent(told);
    }
}
