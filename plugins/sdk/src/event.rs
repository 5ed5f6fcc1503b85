//! What the packs of several families do to an event from a device. A pack that calls one of these wants the elements
//! that it names.

use crate::property::calendar;
use crate::time::{DateTime, Zone};
use crate::{Context, Edits, Entry, Item, Node};

/// An invitation of the user's own that does not say whose it is gets the user as its organizer.
///
/// Wants `MeetingStatus` as text, and `OrganizerEmail`.
pub fn name_the_organizer(context: &Context, item: Item<'_>, base: Item<'_>, edits: &mut Edits) {
    let told = item.find(calendar::ORGANIZER_EMAIL).or_else(|| base.find(calendar::ORGANIZER_EMAIL));
    if item.text(calendar::MEETING_STATUS) != "1" || told.is_some() {
        return;
    }
    if let Some(address) = context.owner.addresses.first() {
        edits.insert(Node::WHOLE, calendar::ORGANIZER_NAME, context.owner.name.as_str());
        edits.insert(Node::WHOLE, calendar::ORGANIZER_EMAIL, address.as_str());
    }
}

/// After a series was moved, or made to last the day, its exceptions name starts that it has no more. An exception
/// belongs to the occurrence of its day, so it gets the time of that.
///
/// Wants `Timezone` (256 bytes), `AllDayEvent`, `StartTime` and `ExceptionStartTime` as text.
pub fn anchor_exceptions(item: Item<'_>, base: Item<'_>, edits: &mut Edits) {
    let told = |property| {
        let entry = item.find(property).or_else(|| base.find(property));
        entry.map(Entry::text)
    };
    let (Some(start), Some(zone)) =
        (told(calendar::START_TIME).and_then(DateTime::parse), told(calendar::TIMEZONE).and_then(Zone::parse))
    else {
        return;
    };
    let all_day = told(calendar::ALL_DAY_EVENT) == Some("1");
    let on_the_clock = |date: DateTime| date.plus(zone.offset_at(date.secs));
    let time = on_the_clock(start).time_of_day();
    for named in item.all(calendar::EXCEPTION_START_TIME) {
        let Some(date) = DateTime::parse(named.text()) else { continue };
        let local = on_the_clock(date);
        if local.time_of_day() == time {
            continue;
        }
        // A day without a time comes as midnight UTC, whatever the zone.
        let day = if all_day && date.time_of_day() == 0 { date } else { local.midnight() };
        let anchored = date.plus(zone.instant_of(day.secs + time) - date.secs);
        edits.set(named, anchored.to_string());
    }
}
