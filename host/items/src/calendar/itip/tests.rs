use easel_protocol::{Class, Version};

use super::*;
use crate::desk::Desk;

fn desk() -> Desk {
    Desk::new(Class::Calendar, Version::V16_1)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ics(method: &str, lines: &str) -> String {
    let lines = lines.lines().map(|line| format!("{}\r\n", line.trim())).collect::<String>();
    let method = if method.is_empty() { String::new() } else { format!("METHOD:{method}\r\n") };
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{method}BEGIN:VEVENT\r\nUID:u1\r\nDTSTAMP:20260101T000000Z\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

const INVITED: &str = "DTSTART;TZID=Europe/Berlin:20260310T090000\nDTEND;TZID=Europe/Berlin:20260310T100000\nSUMMARY:Talk\n\
    SEQUENCE:1\nORGANIZER;CN=Bob:mailto:bob@example.org\nATTENDEE;CN=Ada;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:ADA@example.org\n\
    ATTENDEE;CN=Carol:mailto:carol@example.org";
const OWN: &str = "DTSTART;TZID=Europe/Berlin:20260310T090000\nDTEND;TZID=Europe/Berlin:20260310T100000\nSUMMARY:Talk\n\
    ORGANIZER:mailto:ada@example.org\nATTENDEE:mailto:bob@example.org\nATTENDEE;SCHEDULE-AGENT=CLIENT:mailto:far@example.org\n\
    X-EASEL-CLIENT-UID:secret\nCATEGORIES:mine\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM";

#[test]
fn an_answer_is_noted_in_the_event_and_told_to_the_organizer() {
    let desk = desk();
    for (number, partstat, busy) in [(1, "ACCEPTED", "2"), (2, "TENTATIVE", "1"), (3, "DECLINED", "0")] {
        let response = Response::from_number(number).unwrap();
        let done = respond(&ics("", INVITED), response, About::Event, Some("on my way"), &desk.view()).unwrap();
        let content = done.applied.content.unwrap();
        assert!(
            content.contains(&format!("ATTENDEE;CN=Ada;PARTSTAT={partstat}:mailto:ADA@example.org\r\n")),
            "{content}"
        );
        assert!(content.contains("X-MICROSOFT-CDO-REPLYTIME:20260301T100000Z\r\n"));
        assert!(content.contains("ATTENDEE;CN=Carol:mailto:carol@example.org\r\n"));
        use easel_wbxml::pages::calendar as c;
        assert_eq!(
            desk.text(&content, c::RESPONSE_TYPE).unwrap(),
            (number % 3
                + if number == 3 {
                    4
                } else if number == 1 {
                    2
                } else {
                    0
                })
            .to_string()
        );
        assert_eq!(desk.text(&content, c::BUSY_STATUS).as_deref(), Some(busy));
        assert_eq!(done.organizer, "bob@example.org");
        assert!(done.reply.contains("METHOD:REPLY\r\n") && done.reply.contains("SEQUENCE:1\r\n"), "{}", done.reply);
        assert!(done.reply.contains("COMMENT:on my way\r\n") && !done.reply.contains("Carol"), "{}", done.reply);
        assert_eq!(
            super::super::message_class(&done.reply).unwrap().len(),
            "IPM.Schedule.Meeting.Resp.Pos".len() + usize::from(number == 2)
        );
    }
    assert_eq!(Response::from_number(4), None);
    let own = respond(&ics("", OWN), Response::Accepted, About::Event, None, &desk.view());
    assert!(matches!(own, Err(ItemError::Rule { element: "UserResponse", .. })));
}

#[test]
fn one_occurrence_is_answered_alone() {
    let desk = desk();
    let series = ics("", &format!("RRULE:FREQ=WEEKLY\n{INVITED}"));
    let about = |text: &str| About::Occurrence(at(text));
    let done = respond(&series, Response::Accepted, about("2026-03-17T08:00:00Z"), None, &desk.view()).unwrap();
    let content = done.applied.content.unwrap();
    assert!(done.alone);
    assert_eq!(content.matches("PARTSTAT=ACCEPTED").count(), 1, "{content}");
    assert_eq!(content.matches("PARTSTAT=NEEDS-ACTION").count(), 1, "{content}");
    assert!(done.reply.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260317T090000\r\n"), "{}", done.reply);
    let done = respond(&content, Response::Declined, about("2026-03-17T08:00:00Z"), None, &desk.view()).unwrap();
    let content = done.applied.content.unwrap();
    assert_eq!(content.matches("BEGIN:VEVENT").count(), 1, "{content}");
    assert!(content.contains("EXDATE;TZID=Europe/Berlin:20260317T090000\r\n"), "{content}");
    assert!(content.contains("PARTSTAT=NEEDS-ACTION"), "{content}");
    assert!(done.reply.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260317T090000\r\n"), "{}", done.reply);
    assert!(done.reply.contains("PARTSTAT=DECLINED"), "{}", done.reply);
    for (stored, instant) in [(&series, "2026-03-18T08:00:00Z"), (&ics("", INVITED), "2026-03-10T08:00:00Z")] {
        let lost = respond(stored, Response::Declined, about(instant), None, &desk.view());
        assert_eq!(lost.unwrap_err(), ItemError::NoSuchOccurrence);
    }
    let last = ics("", &format!("RRULE:FREQ=WEEKLY;COUNT=1\n{INVITED}"));
    let done = respond(&last, Response::Declined, about("2026-03-10T08:00:00Z"), None, &desk.view()).unwrap();
    assert_eq!((done.alone, done.applied.content), (true, None));
}

#[test]
fn an_answer_to_an_invitation_is_about_what_the_invitation_is_about() {
    let desk = desk();
    let series = ics("", &format!("RRULE:FREQ=DAILY;BYHOUR=9,15;COUNT=9\n{INVITED}"));
    // Of two occurrences a day the second, which a device could not name.
    let one =
        format!("RECURRENCE-ID;TZID=Europe/Berlin:20260311T150000\n{}", INVITED.replace("20260310T0", "20260311T1"));
    let invitation = ics("REQUEST", &one);
    let declined = |stored: &str, message: &str| {
        respond(stored, Response::Declined, About::Invitation(message), None, &desk.view()).unwrap()
    };
    let done = declined(&series, &invitation);
    let content = done.applied.content.unwrap();
    assert!(done.alone && content.contains("EXDATE;TZID=Europe/Berlin:20260311T150000\r\n"), "{content}");
    assert!(done.reply.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260311T150000\r\n"), "{}", done.reply);
    // A second time nothing is left to be done.
    assert_eq!(declined(&content, &invitation).applied.content.as_deref(), Some(content.as_str()));
    assert!(!declined(&series, &ics("REQUEST", INVITED)).alone);
    assert!(!declined(&ics("", &one), &invitation).alone, "an occurrence of somebody's series is an event of its own");
}

#[test]
fn whoever_is_not_listed_is_added_with_the_answer() {
    let stored = ics("", &INVITED.replace("ADA@example.org", "team@example.org"));
    let done = respond(&stored, Response::Accepted, About::Event, None, &desk().view()).unwrap();
    let content = done.applied.content.unwrap();
    assert!(content.contains("ATTENDEE;CN=Ada;PARTSTAT=ACCEPTED:mailto:ada@example.org"), "{content}");
}

#[test]
fn an_invitation_becomes_an_event_and_a_newer_one_replaces_it() {
    let desk = desk();
    let take = |current: Option<&str>, message: &str| received(current, message, &desk.view()).unwrap();
    let first = take(None, &ics("REQUEST", INVITED)).unwrap().content.unwrap();
    assert_eq!(first, ics("", INVITED));
    assert_eq!(take(Some(&first), &ics("REQUEST", INVITED)), None);
    let mine =
        first.replace("END:VEVENT", "CATEGORIES:mine\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT");
    let moved = INVITED.replace("T090000", "T110000").replace("SEQUENCE:1", "SEQUENCE:2");
    let second = take(Some(&mine), &ics("REQUEST", &moved)).unwrap().content.unwrap();
    assert!(
        second.contains("T110000") && second.contains("CATEGORIES:mine") && second.contains("TRIGGER:-PT5M"),
        "{second}"
    );
    assert_eq!(take(Some(&second), &ics("REQUEST", INVITED)), None, "an older one changes nothing");
    assert_eq!(take(None, &ics("PUBLISH", INVITED)), None);
    assert_eq!(take(None, &ics("REQUEST", OWN)), None, "an invitation of one's own is no news");
}

#[test]
fn an_invitation_to_one_occurrence_changes_only_that_one() {
    let desk = desk();
    let series = ics("", &format!("RRULE:FREQ=WEEKLY\n{INVITED}"));
    let one =
        format!("RECURRENCE-ID;TZID=Europe/Berlin:20260317T090000\n{}", INVITED.replace("20260310T", "20260318T"));
    let zone = "BEGIN:VTIMEZONE\r\nTZID:Z\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0000\r\n\
        TZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT";
    let message = ics("REQUEST", &one).replace("BEGIN:VEVENT", zone);
    let after = received(Some(&series), &message, &desk.view()).unwrap().unwrap().content.unwrap();
    assert!(after.contains("TZID:Z\r\n"), "{after}");
    assert_eq!(after.matches("BEGIN:VEVENT").count(), 2, "{after}");
    assert!(after.contains("DTSTART;TZID=Europe/Berlin:20260318T090000"));
    let cancelled = received(Some(&after), &ics("CANCEL", &one), &desk.view()).unwrap().unwrap().content.unwrap();
    assert_eq!(cancelled.matches("STATUS:CANCELLED").count(), 1, "{cancelled}");
    let lost = one.replace("20260317", "20260316");
    assert_eq!(received(Some(&series), &ics("REQUEST", &lost), &desk.view()), Err(ItemError::NoSuchOccurrence));
    // Without the series it is an event of its own.
    let alone = received(None, &ics("REQUEST", &one), &desk.view()).unwrap().unwrap().content.unwrap();
    assert!(alone.contains("RECURRENCE-ID"), "{alone}");
}

#[test]
fn a_cancellation_and_an_answer_need_their_event() {
    let desk = desk();
    let take = |current: Option<&str>, message: &str| received(current, message, &desk.view()).unwrap();
    assert_eq!(take(None, &ics("CANCEL", INVITED)), None);
    let gone = take(Some(&ics("", INVITED)), &ics("CANCEL", INVITED)).unwrap().content.unwrap();
    assert!(gone.contains("STATUS:CANCELLED"), "{gone}");
    let reply =
        "DTSTART:20260310T080000Z\nORGANIZER:mailto:ada@example.org\nATTENDEE;PARTSTAT=ACCEPTED:mailto:Bob@example.org";
    assert_eq!(take(None, &ics("REPLY", reply)), None);
    let noted = take(Some(&ics("", OWN)), &ics("REPLY", reply)).unwrap().content.unwrap();
    assert!(noted.contains("ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.org\r\n"), "{noted}");
    let stranger = reply.replace("Bob@", "eve@");
    assert_eq!(take(Some(&ics("", OWN)), &ics("REPLY", &stranger)), None);
    let silent = reply.replace(";PARTSTAT=ACCEPTED", "");
    assert_eq!(take(Some(&ics("", OWN)), &ics("REPLY", &silent)), None);
}

#[test]
fn everybody_is_told_what_concerns_them() {
    let desk = desk();
    let own = ics("", OWN);
    let told = |before: Option<&str>, after: Option<&str>| {
        let all = messages(before, after, &desk.view()).unwrap();
        all.into_iter()
            .map(|message| format!("{} {}", message.method, message.recipients.join(",")))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(None, Some(&own)), ["REQUEST bob@example.org"]);
    assert_eq!(told(Some(&own), None), ["CANCEL bob@example.org"]);
    assert!(told(Some(&own), Some(&own)).is_empty());
    let renamed = own.replace("SUMMARY:Talk", "SUMMARY:Walk");
    assert_eq!(told(Some(&own), Some(&renamed)), ["REQUEST bob@example.org"]);
    let quiet = own
        .replace("CATEGORIES:mine", "CATEGORIES:other")
        .replace("-PT5M", "-PT9M")
        .replace("20260101T0", "20260102T0");
    assert!(told(Some(&own), Some(&quiet)).is_empty());
    let more = own.replace("ATTENDEE:mailto:bob", "ATTENDEE:mailto:carol@example.org\r\nATTENDEE:mailto:bob");
    assert_eq!(told(Some(&own), Some(&more)), ["REQUEST carol@example.org"]);
    assert_eq!(told(Some(&more), Some(&own)), ["CANCEL carol@example.org"]);
    let cancelled = own.replace("SUMMARY:Talk", "STATUS:CANCELLED\r\nSUMMARY:Talk");
    assert_eq!(told(Some(&own), Some(&cancelled)), ["CANCEL bob@example.org"]);
    // Meetings of somebody else are not ours to mail about.
    assert!(told(None, Some(&ics("", INVITED))).is_empty());
    assert!(told(Some(&ics("", INVITED)), None).is_empty());
}

#[test]
fn an_occurrence_that_is_taken_out_is_cancelled_for_its_own_guests_alone() {
    let desk = desk();
    let weekly = format!("{OWN}\nRRULE:FREQ=WEEKLY\nSEQUENCE:2");
    let out = |day: &str| format!("EXDATE;TZID=Europe/Berlin:202603{day}T090000");
    let other = "END:VEVENT\nBEGIN:VEVENT\nUID:u1\nDTSTAMP:20260101T000000Z\n\
        RECURRENCE-ID;TZID=Europe/Berlin:20260324T090000\nDTSTART;TZID=Europe/Berlin:20260324T110000\nSUMMARY:Walk\n\
        SEQUENCE:7\nORGANIZER:mailto:ada@example.org\nATTENDEE:mailto:dan@example.org";
    let told = |before: &str, after: &str| {
        let all = messages(Some(&ics("", before)), Some(&ics("", after)), &desk.view()).unwrap();
        let of = |message: Message| {
            let date = message.content.lines().find_map(|line| line.strip_prefix("RECURRENCE-ID;TZID=Europe/Berlin:"));
            let number = message.content.lines().find_map(|line| line.strip_prefix("SEQUENCE:")).map(str::to_owned);
            let date = date.map(str::to_owned).filter(|_| !message.content.contains("RRULE"));
            (message.method, message.recipients.join(","), message.subject, date, number.unwrap_or_default())
        };
        all.into_iter().map(of).collect::<Vec<_>>()
    };
    let said = |method, to: &str, subject: &str, date: Option<&str>, number: &str| {
        (method, to.to_owned(), subject.to_owned(), date.map(str::to_owned), number.to_owned())
    };
    let next = weekly.replace("SEQUENCE:2", "SEQUENCE:3");
    let (bob, dan) = ("bob@example.org", "dan@example.org");
    let (seventeenth, twenty_fourth) = (out("17"), out("24"));
    assert_eq!(
        told(&weekly, &format!("{next}\n{seventeenth}")),
        [said("CANCEL", bob, "Talk", Some("20260317T090000"), "3")]
    );
    // The guest of that date alone hears of that date, and not of the series.
    assert_eq!(
        told(&format!("{weekly}\n{other}"), &format!("{next}\n{twenty_fourth}")),
        [said("CANCEL", dan, "Walk", Some("20260324T090000"), "8")]
    );
    // What is more than that is told as a whole.
    let two = format!("{next}\n{seventeenth}\n{twenty_fourth}");
    assert_eq!(told(&weekly, &two), [said("REQUEST", bob, "Talk", None, "3")]);
    let renamed = format!("{next}\n{seventeenth}").replace("SUMMARY:Talk", "SUMMARY:Chat");
    assert_eq!(told(&weekly, &renamed), [said("REQUEST", bob, "Chat", None, "3")]);
}

#[test]
fn what_is_the_owners_own_business_is_not_mailed() {
    let message = messages(None, Some(&ics("", OWN)), &desk().view()).unwrap().remove(0);
    assert!(
        message.content.contains("METHOD:REQUEST\r\n") && message.content.contains("SUMMARY:Talk"),
        "{}",
        message.content
    );
    for secret in ["secret", "CATEGORIES", "VALARM"] {
        assert!(!message.content.contains(secret), "{}", message.content);
    }
    assert_eq!(message.subject, "Talk");
    assert_eq!(super::super::message_class(&message.content), Some("IPM.Schedule.Meeting.Request"));
}

#[test]
fn an_invitation_is_forwarded_as_it_is_without_what_is_private() {
    let desk = desk();
    let private =
        format!("{INVITED}\nCATEGORIES:mine\nX-EASEL-CLIENT-UID:secret\nBEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM");
    let handed_on = forwarded(&ics("", &private), None, &["dan@example.org".into()], &desk.view()).unwrap();
    assert_eq!(handed_on.subject, "Talk");
    let content = handed_on.content;
    assert!(content.contains("METHOD:REQUEST\r\n") && content.contains("ORGANIZER;CN=Bob:mailto:bob@example.org\r\n"));
    assert!(content.contains("mailto:carol@example.org") && !content.contains("dan@"), "{content}");
    for private in ["CATEGORIES", "X-EASEL", "VALARM"] {
        assert!(!content.contains(private), "{content}");
    }
}

#[test]
fn an_appointment_is_forwarded_as_an_invitation_of_the_owner() {
    let desk = desk();
    let lonely = "DTSTART:20260310T090000Z\nDTEND:20260310T100000Z\nSUMMARY:Dentist";
    let handed_on = forwarded(&ics("", lonely), None, &["dan@example.org".into()], &desk.view()).unwrap().content;
    assert!(handed_on.contains(":mailto:ada@example.org\r\n") && handed_on.contains("ORGANIZER"), "{handed_on}");
    assert!(handed_on.contains("ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:dan@example.org\r\n"), "{handed_on}");
}

#[test]
fn one_occurrence_is_forwarded_alone() {
    let desk = desk();
    let series = "DTSTART:20260302T090000Z\nDTEND:20260302T100000Z\nRRULE:FREQ=WEEKLY\nEXDATE:20260316T090000Z\nSUMMARY:Weekly\n\
        ORGANIZER:mailto:ada@example.org\nATTENDEE:mailto:bob@example.org\nEND:VEVENT\nBEGIN:VEVENT\nUID:u1\n\
        RECURRENCE-ID:20260323T090000Z\nDTSTART:20260323T130000Z\nDTEND:20260323T140000Z\nSUMMARY:Late";
    let one = |at_| forwarded(&ics("", series), Some(at(at_)), &[], &desk.view());
    let plain = one("2026-03-09T09:00:00Z").unwrap();
    assert_eq!(plain.subject, "Weekly");
    for line in ["RECURRENCE-ID:20260309T090000Z", "DTSTART:20260309T090000Z", "DTEND:20260309T100000Z"] {
        assert!(plain.content.contains(&format!("{line}\r\n")), "{}", plain.content);
    }
    assert_eq!(plain.content.matches("BEGIN:VEVENT").count(), 1);
    assert!(!plain.content.contains("RRULE") && !plain.content.contains("EXDATE"));
    let moved = one("2026-03-23T09:00:00Z").unwrap();
    assert_eq!(moved.subject, "Late");
    assert!(moved.content.contains("DTSTART:20260323T130000Z\r\n"), "{}", moved.content);
    for never in ["2026-03-16T09:00:00Z", "2026-03-11T09:00:00Z"] {
        assert!(matches!(one(never), Err(ItemError::NoSuchOccurrence)), "{never}");
        assert!(check_occurrence(&ics("", series), at(never), &desk.view()).is_err());
    }
    assert!(matches!(
        forwarded(&ics("", INVITED), Some(at("2026-03-10T08:00:00Z")), &[], &desk.view()),
        Err(ItemError::NoSuchOccurrence)
    ));
}
