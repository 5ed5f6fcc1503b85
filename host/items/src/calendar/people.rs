//! Organizer and attendees. RFC 5545 3.8.4.1 "Attendee", 3.8.4.3 "Organizer"; MS-ASCAL 2.2.2.4 "Attendees".

use std::collections::HashMap;

use easel_protocol::Version;
use easel_wbxml::Element;
use easel_wbxml::pages::calendar as c;

use crate::lines::{Component, Entry, Line};
use crate::said::{clean, text_element};
use crate::{ItemError, Owner, View};

/// Attendees that a device is shown.
const ATTENDEES_MAX: usize = 2_000;

/// The address of an ORGANIZER or ATTENDEE, if a device can use it.
pub(super) fn address(line: &Line) -> Option<String> {
    let value = clean(line.value.trim());
    let mail = value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).map(|_| value[7..].to_owned());
    let plain = || (value.contains('@') && !value.contains(':')).then(|| value.clone());
    let address = mail.or_else(|| line.param("EMAIL").map(str::to_owned)).or_else(plain)?;
    let address = address.trim().to_owned();
    (!address.is_empty()).then_some(address)
}

fn name(line: &Line, address: &str) -> String {
    let name = line.param("CN").map(|name| clean(name.trim())).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| address.to_owned())
}

/// The people of an event.
#[derive(Debug)]
pub(super) struct Meeting<'a> {
    /// Name and address.
    pub(super) organizer: Option<(String, String)>,
    /// Whether the owner of the mailbox is the organizer, which is so where nobody is named.
    pub(super) own: bool,
    /// Without the organizer, who is often listed among them (K: I27).
    pub(super) attendees: Vec<(&'a Line, String)>,
    /// The owner's line.
    pub(super) me: Option<&'a Line>,
    pub(super) cancelled: bool,
}

impl<'a> Meeting<'a> {
    pub(super) fn of(event: &'a Component, owner: &Owner) -> Self {
        let organizer = event.line("ORGANIZER").and_then(|line| {
            let address = address(line)?;
            Some((name(line, &address), address))
        });
        let own = organizer.as_ref().is_none_or(|(_, address)| owner.is(address));
        let organizes = |address: &str| match &organizer {
            Some((_, organizer)) => organizer.eq_ignore_ascii_case(address),
            None => owner.is(address),
        };
        let all = event.all("ATTENDEE").filter_map(|line| Some((line, address(line)?)));
        let attendees: Vec<_> = all.filter(|(_, address)| !organizes(address)).take(ATTENDEES_MAX).collect();
        let me = event.all("ATTENDEE").find(|line| address(line).is_some_and(|address| owner.is(&address)));
        let status = event.line("STATUS").map(|line| line.value.trim().to_ascii_uppercase());
        Self { organizer, own, attendees, me, cancelled: status.as_deref() == Some("CANCELLED") }
    }

    pub(super) fn is_meeting(&self) -> bool {
        !self.own || !self.attendees.is_empty()
    }

    /// MeetingStatus (K: G35).
    pub(super) fn status(&self) -> u8 {
        let status = match (self.is_meeting(), self.own) {
            (false, _) => return 0,
            (true, true) => 1,
            (true, false) => 3,
        };
        if self.cancelled { status + 4 } else { status }
    }

    /// ResponseType.
    pub(super) fn response(&self) -> u8 {
        match (self.is_meeting(), self.own) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => self.me.map_or(0, |line| match partstat(line) {
                0 => 5,
                status => status,
            }),
        }
    }

    /// OrganizerName and OrganizerEmail: the owner's where nobody is named. A device takes a meeting without for somebody
    /// else's, and some take every event so (K: G34, I27, A25).
    pub(super) fn organizer(&self, owner: &Owner) -> [Option<Element>; 2] {
        let (name, address) = match &self.organizer {
            Some((name, address)) => (name.as_str(), address.as_str()),
            None => (owner.name.as_str(), owner.addresses.first().map_or("", String::as_str)),
        };
        let name = if name.is_empty() { address } else { name };
        [text_element(c::ORGANIZER_NAME, name), text_element(c::ORGANIZER_EMAIL, address)]
    }

    /// Attendees; none where there is nobody (K: G05, P13).
    pub(super) fn element(&self, view: &View<'_>) -> Option<Element> {
        let one = |(line, address): &(&Line, String)| {
            let mut attendee = Element::of(c::ATTENDEE, text_element(c::EMAIL, address));
            attendee.extend(text_element(c::NAME, &name(line, address)));
            // K: G36
            if self.own && view.version >= Version::V12_0 {
                attendee.push(Element::number(c::ATTENDEE_STATUS, partstat(line)));
                attendee.push(Element::number(c::ATTENDEE_TYPE, role(line)));
            }
            attendee
        };
        let attendees: Vec<Element> = self.attendees.iter().map(one).collect();
        (!attendees.is_empty()).then(|| Element::of(c::ATTENDEES, attendees))
    }
}

/// AttendeeStatus; 0 where nothing is known.
pub(super) fn partstat(line: &Line) -> u8 {
    match line.param("PARTSTAT").map(str::to_ascii_uppercase).as_deref() {
        Some("TENTATIVE") => 2,
        Some("ACCEPTED") => 3,
        Some("DECLINED") => 4,
        Some("NEEDS-ACTION") => 5,
        _ => 0,
    }
}

/// PARTSTAT of an AttendeeStatus.
pub(super) const fn partstat_name(status: u8) -> Option<&'static str> {
    match status {
        2 => Some("TENTATIVE"),
        3 => Some("ACCEPTED"),
        4 => Some("DECLINED"),
        5 => Some("NEEDS-ACTION"),
        _ => None,
    }
}

/// AttendeeType.
fn role(line: &Line) -> u8 {
    let is = |param: &str, value: &str| line.has_param(param, value);
    if is("CUTYPE", "RESOURCE") || is("CUTYPE", "ROOM") || is("ROLE", "NON-PARTICIPANT") {
        3
    } else if is("ROLE", "OPT-PARTICIPANT") {
        2
    } else {
        1
    }
}

fn set_role(line: &mut Line, kind: u8) {
    if role(line) == kind {
        return;
    }
    if line.has_param("CUTYPE", "RESOURCE") || line.has_param("CUTYPE", "ROOM") {
        line.set_param("CUTYPE", None);
    }
    match kind {
        2 => line.set_param("ROLE", Some("OPT-PARTICIPANT")),
        3 => {
            line.set_param("CUTYPE", Some("RESOURCE"));
            line.set_param("ROLE", Some("NON-PARTICIPANT"));
        }
        _ => line.set_param("ROLE", Some("REQ-PARTICIPANT")),
    }
}

/// Sets the organizer, unless somebody else is it already.
pub(super) fn set_organizer(event: &mut Component, name: &str, address: &str, owner: &Owner) {
    let known = event.line("ORGANIZER").and_then(self::address);
    if address.is_empty() || known.as_deref().is_some_and(|known| !owner.is(known)) {
        return;
    }
    let mut line = event.line("ORGANIZER").cloned().unwrap_or_else(|| Line::new("ORGANIZER", ""));
    if known.is_none_or(|known| !known.eq_ignore_ascii_case(address)) {
        line.set_value(format!("mailto:{address}"));
    }
    if !name.is_empty() && name != address {
        line.set_param("CN", Some(name));
    }
    event.set(line);
}

/// Writes down that the owner accepts somebody else's invitation; `false` for what is none.
pub(super) fn accept(event: &mut Component, owner: &Owner) -> bool {
    if Meeting::of(event, owner).own {
        return false;
    }
    let mine = event.entries.iter_mut().find_map(|entry| match entry {
        Entry::Line(line) if line.name == "ATTENDEE" => {
            address(line).is_some_and(|address| owner.is(&address)).then_some(line)
        }
        Entry::Line(_) | Entry::Component(_) => None,
    });
    let invited = mine.is_some();
    if let Some(line) = mine.filter(|line| partstat(line) != 3) {
        line.set_param("PARTSTAT", partstat_name(3));
    }
    invited
}

/// One attendee that a device sent.
struct Guest {
    address: String,
    name: Option<String>,
    status: Option<u8>,
    kind: Option<u8>,
}

impl Guest {
    fn read(element: &Element) -> Result<Option<Self>, ItemError> {
        let text = |tag| element.text_of(tag).map(|text| clean(text.trim())).filter(|text| !text.is_empty());
        let number = |tag, name: &'static str, allowed: &[u8]| match text(tag) {
            None => Ok(None),
            Some(text) => match text.parse::<u8>() {
                Ok(number) if allowed.contains(&number) => Ok(Some(number)),
                _ => Err(ItemError::Rule { element: name, reason: "no such value" }),
            },
        };
        let status = number(c::ATTENDEE_STATUS, "AttendeeStatus", &[0, 2, 3, 4, 5])?;
        let kind = number(c::ATTENDEE_TYPE, "AttendeeType", &[1, 2, 3])?;
        let Some(address) = text(c::EMAIL) else { return Ok(None) };
        Ok(Some(Self { address, name: text(c::NAME), status, kind }))
    }
}

/// The guests of an element, each address once.
#[derive(Default)]
struct Guests {
    list: Vec<Guest>,
    /// By address in small letters.
    places: HashMap<String, usize>,
}

impl Guests {
    fn read(element: Option<&Element>) -> Result<Self, ItemError> {
        let mut guests = Self::default();
        for attendee in element.into_iter().flat_map(|element| element.all(c::ATTENDEE)).take(ATTENDEES_MAX) {
            let Some(guest) = Guest::read(attendee)? else { continue };
            let address = guest.address.to_ascii_lowercase();
            if !guests.places.contains_key(&address) {
                guests.places.insert(address, guests.list.len());
                guests.list.push(guest);
            }
        }
        Ok(guests)
    }

    fn find(&self, address: &str) -> Option<&Guest> {
        self.places.get(&address.to_ascii_lowercase()).map(|at| &self.list[*at])
    }
}

/// Merges a list of attendees: who was not shown and is new is added, who was shown and is missing goes, and of the
/// others only what differs from what was shown. An empty list clears (K: G37, P14).
pub(super) fn merge(
    event: &mut Component,
    sent: Option<&Element>,
    shown: Option<&Element>,
    view: &View<'_>,
) -> Result<(), ItemError> {
    let (sent, shown) = (Guests::read(sent)?, Guests::read(shown)?);
    event.entries.retain(|entry| match entry {
        Entry::Line(line) if line.name == "ATTENDEE" => {
            address(line).is_none_or(|address| shown.find(&address).is_none() || sent.find(&address).is_some())
        }
        Entry::Line(_) | Entry::Component(_) => true,
    });
    let mut there = HashMap::new();
    for (at, entry) in event.entries.iter().enumerate() {
        if let Entry::Line(line) = entry
            && line.name == "ATTENDEE"
            && let Some(address) = address(line)
        {
            there.entry(address.to_ascii_lowercase()).or_insert(at);
        }
    }
    let mut new = Vec::new();
    for guest in &sent.list {
        let before = shown.find(&guest.address);
        let line = there.get(&guest.address.to_ascii_lowercase()).and_then(|at| match &mut event.entries[*at] {
            Entry::Line(line) => Some(line),
            Entry::Component(_) => None,
        });
        match line {
            Some(line) => update(line, guest, before),
            // Gone on the server since the device was shown it: it stays gone, unless the device changed it.
            None if before.is_some_and(|before| before.name == guest.name && before.kind == guest.kind) => {}
            None => {
                let mut line = Line::new("ATTENDEE", format!("mailto:{}", guest.address));
                update(&mut line, guest, None);
                if guest.status.is_none() && view.version >= Version::V16_0 {
                    line.set_param("PARTSTAT", Some("NEEDS-ACTION"));
                }
                new.push(line);
            }
        }
    }
    new.into_iter().for_each(|line| event.push(line));
    Ok(())
}

fn update(line: &mut Line, guest: &Guest, before: Option<&Guest>) {
    if guest.name.is_some() && before.is_none_or(|before| before.name != guest.name) {
        let name = guest.name.as_deref().filter(|name| *name != guest.address);
        line.set_param("CN", name);
    }
    if let Some(kind) = guest.kind.filter(|_| before.is_none_or(|before| before.kind != guest.kind)) {
        set_role(line, kind);
    }
    if let Some(status) = guest.status.filter(|_| before.is_none_or(|before| before.status != guest.status)) {
        line.set_param("PARTSTAT", partstat_name(status));
    }
}
