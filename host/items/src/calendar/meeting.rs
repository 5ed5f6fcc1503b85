//! Meeting mail: MeetingRequest, the message class, and the two names of a meeting. MS-ASEMAIL 2.2.2.48.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easel_protocol::{Version, compact, punctuated};
use easel_wbxml::Element;
use easel_wbxml::pages::{calendar, email as e, email2};

use super::clock::{Clock, Series};
use super::people::Meeting;
use super::stored::{Stored, later};
use super::{alarm, place, show};
use crate::View;
use crate::lines::Component;
use crate::manner::UidForm;
use crate::recurrence::MEETING;
use crate::said::text_element;
use crate::time_zone::{Rules, encode};

/// MS-OXOCAL 2.2.1.27 "PidLidGlobalObjectId": what each one begins with.
const CLASS_ID: [u8; 16] = [0x04, 0, 0, 0, 0x82, 0, 0xE0, 0, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 0x08];
/// Where the instance date lies.
const INSTANCE: std::ops::Range<usize> = 16..20;
/// Where the length of the data lies.
const LENGTH: std::ops::Range<usize> = 36..40;
/// Where the data lie.
const DATA: usize = 40;
/// What the data of a foreign UID begin with.
const VCAL_UID: &[u8] = b"vCal-Uid\x01\0\0\0";
/// Bytes of a decoded GlobalObjId.
const ID_MAX: usize = 2_048;

/// The UID of the first event of an iCalendar object. RFC 5545 3.8.4.7.
pub fn uid(ics: &str) -> Option<String> {
    let stored = Stored::parse(ics).ok()?;
    stored.main().line("UID").map(|line| line.value.trim().to_owned()).filter(|uid| !uid.is_empty())
}

/// METHOD of an object, in capitals.
pub fn method(ics: &str) -> Option<String> {
    let stored = Stored::parse(ics).ok()?;
    stored.root.line("METHOD").map(|line| line.value.trim().to_ascii_uppercase())
}

/// The MessageClass of a mail that carries this object; `None` for one that is no meeting mail.
pub fn message_class(ics: &str) -> Option<&'static str> {
    let stored = Stored::parse(ics).ok()?;
    match stored.root.line("METHOD")?.value.trim().to_ascii_uppercase().as_str() {
        "REQUEST" => Some("IPM.Schedule.Meeting.Request"),
        "CANCEL" => Some("IPM.Schedule.Meeting.Canceled"),
        "REPLY" | "COUNTER" => {
            let answer = stored.main().line("ATTENDEE").map(super::people::partstat)?;
            match answer {
                2 => Some("IPM.Schedule.Meeting.Resp.Tent"),
                3 => Some("IPM.Schedule.Meeting.Resp.Pos"),
                4 => Some("IPM.Schedule.Meeting.Resp.Neg"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `email:MeetingRequest` of a mail that carries this object: only of requests and cancellations to somebody else's
/// meeting.
pub fn meeting_request(ics: &str, view: &View<'_>) -> Option<Element> {
    let stored = Stored::parse(ics).ok()?;
    let method = stored.root.line("METHOD")?.value.trim().to_ascii_uppercase();
    let event = stored.main();
    let meeting = Meeting::of(event, view.owner);
    if !matches!(method.as_str(), "REQUEST" | "CANCEL") || (meeting.own && meeting.organizer.is_some()) {
        return None;
    }
    let owner = &view.owner.zone;
    let span = stored.span(event, owner).ok()?;
    let series = Series::of(&stored, view).ok().flatten();
    let clock = series.as_ref().map_or_else(|| Clock::of(&span, None, view), |series| series.clock.clone());
    let start = clock.say(span.start.local);
    let end = if span.start.is_date() { clock.say(span.end_local()) } else { later(start, span.length) };
    let instance = event.line("RECURRENCE-ID").and_then(|line| stored.when(line));
    let stamp = event.line("DTSTAMP").and_then(|line| easel_protocol::parse_date_time(&line.value).ok());

    let mut request = Element::of(
        e::MEETING_REQUEST,
        [
            Element::boolean(e::ALL_DAY_EVENT, span.start.is_date()),
            Element::text(e::START_TIME, punctuated(start)),
            Element::text(e::DT_STAMP, punctuated(stamp.unwrap_or(view.now))),
            Element::text(e::END_TIME, punctuated(end)),
            Element::number(e::INSTANCE_TYPE, instance_type(&stored, series.is_some(), instance.is_some())),
        ],
    );
    request.extend(if view.version >= Version::V16_0 {
        place::element(event)
    } else {
        text_element(e::LOCATION, &place::text(event))
    });
    request.extend(meeting.organizer.as_ref().and_then(|(name, address)| {
        text_element(e::ORGANIZER, &if name == address { address.clone() } else { format!("\"{name}\" <{address}>") })
    }));
    request.extend(
        instance.as_ref().map(|when| Element::text(e::RECURRENCE_ID, punctuated(clock.say(clock.of_when(when))))),
    );
    let reminder = alarm::reminder(&stored, event, &span, owner).filter(|minutes| *minutes <= 65_535);
    request.extend(reminder.map(|minutes| Element::number(e::REMINDER, minutes)));
    request.push(Element::boolean(e::RESPONSE_REQUESTED, show::response_requested(event)));
    request.extend(series.as_ref().and_then(|series| recurrences(series, view)));
    request.push(Element::number(e::SENSITIVITY, show::sensitivity(event)));
    request.push(Element::number(e::BUSY_STATUS, show::busy_status(event)));
    let rules = || encode(&Rules::of(&span.start.zone(owner), span.start.instant(owner)));
    request.push(Element::text(e::TIME_ZONE, clock.blob.clone().unwrap_or_else(rules)));
    identify(&mut request, event, instance.map(|when| when.local.date()), &method, view);
    Some(request)
}

/// 0 single, 1 series, 2 one occurrence, 3 a changed one. MS-ASEMAIL 2.2.2.39 "InstanceType".
fn instance_type(stored: &Stored, series: bool, instance: bool) -> u8 {
    match (series, instance) {
        (true, _) => 1,
        (false, false) => 0,
        // An occurrence that stands where it always stood is not changed.
        (false, true) => {
            let event = stored.main();
            let when = |name: &str| event.line(name).and_then(|line| stored.when(line));
            if when("RECURRENCE-ID") == when("DTSTART") { 2 } else { 3 }
        }
    }
}

fn recurrences(series: &Series, view: &View<'_>) -> Option<Element> {
    let start = series.span.start.local;
    let rule = series.set.main_rule()?;
    let mut pattern = rule.to_pattern(start, &series.clock.zone, view.version, |at| series.clock.say(at)).ok()?;
    pattern.until = pattern.until.filter(|until| !show::is_too_late(*until, view));
    Some(Element::of(e::RECURRENCES, [pattern.to_element(&MEETING, view.version, compact)]))
}

/// GlobalObjId up to 14.1, UID from 16.0, and the kind of message from 14.1. K: I05. Some devices look for GlobalObjId
/// in 16.x too.
fn identify(
    request: &mut Element,
    event: &Component,
    instance: Option<jiff::civil::Date>,
    method: &str,
    view: &View<'_>,
) {
    let uid = event.plain("UID").unwrap_or_default();
    let form = view.manner.calendar.uid_form;
    if view.version < Version::V16_0 || form != UidForm::AsIs {
        let id = global_obj_id_bytes(uid.trim(), instance);
        let text = if form == UidForm::HexUpper { capitals(&id) } else { STANDARD.encode(id) };
        request.push(Element::text(e::GLOBAL_OBJ_ID, text));
    }
    if view.version >= Version::V14_0 {
        request.push(Element::boolean(e::DISALLOW_NEW_TIME_PROPOSAL, show::is_true(event, show::X_DISALLOW_COUNTER)));
    }
    if view.version >= Version::V14_1 {
        let sequence: u32 = event.line("SEQUENCE").and_then(|line| line.value.trim().parse().ok()).unwrap_or(0);
        let kind = match (method, sequence) {
            ("CANCEL", _) => 0,
            (_, 0) => 1,
            _ => 2,
        };
        request.push(Element::number(email2::MEETING_MESSAGE_TYPE, kind));
    }
    if view.version >= Version::V16_0 {
        request.push(Element::text(calendar::UID, show::uid_for(uid.trim(), view)));
    }
}

/// The GlobalObjId of a UID, base64: a UID that is one in hexadecimal is decoded, any other is wrapped.
pub fn global_obj_id(uid: &str, instance: Option<jiff::civil::Date>) -> String {
    STANDARD.encode(global_obj_id_bytes(uid, instance))
}

/// Whether a UID is a GlobalObjId in hexadecimal.
pub(super) fn is_global_obj_id(uid: &str) -> bool {
    decoded_uid(uid).is_some()
}

fn decoded_uid(uid: &str) -> Option<Vec<u8>> {
    decode_hex(uid).filter(|id| id.starts_with(&CLASS_ID) && id.len() >= DATA)
}

fn global_obj_id_bytes(uid: &str, instance: Option<jiff::civil::Date>) -> Vec<u8> {
    let mut id = decoded_uid(uid).unwrap_or_else(|| {
        let mut id = CLASS_ID.to_vec();
        id.resize(LENGTH.start, 0);
        let length = u32::try_from(VCAL_UID.len() + uid.len() + 1).unwrap_or(u32::MAX);
        id.extend(length.to_le_bytes());
        id.extend(VCAL_UID);
        id.extend(uid.as_bytes());
        id.push(0);
        id
    });
    if let Some(date) = instance {
        let [high, low] = date.year().to_be_bytes();
        id[INSTANCE].copy_from_slice(&[high, low, date.month().unsigned_abs(), date.day().unsigned_abs()]);
    }
    id
}

fn capitals(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The UID of a GlobalObjId; `None` for text that is none. MS-ASEMAIL 2.2.2.37 "GlobalObjId".
pub fn uid_of_global_obj_id(text: &str) -> Option<String> {
    if text.len() > ID_MAX * 2 {
        return None;
    }
    let mut id = STANDARD.decode(text.trim()).ok().filter(|id| !id.is_empty())?;
    let foreign = id.get(DATA..DATA + 8) == Some(&VCAL_UID[..8]) && id.len() > DATA + VCAL_UID.len();
    if foreign {
        let length = id.get(LENGTH).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        let start = DATA + VCAL_UID.len();
        let uid = usize::try_from(length).ok().and_then(|length| length.checked_sub(VCAL_UID.len() + 1));
        if let Some(uid) = uid.and_then(|length| id.get(start..start.checked_add(length)?)) {
            return Some(String::from_utf8_lossy(uid).into_owned());
        }
    }
    if let Some(instance) = id.get_mut(INSTANCE) {
        instance.fill(0);
    }
    Some(capitals(&id))
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.len() > ID_MAX * 2 || !text.is_ascii() {
        return None;
    }
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
