//! iPhone, iPod touch and iPad before iOS 4: iPhone OS 2 and 3.
//!
//! They cannot be told apart by hardware. The User-Agent has the build: `Apple-iPhone/704.11` is 7D11, iPhone OS 3.1.2.

use easel_pack::mail::{self, Message, Reference};
use easel_pack::prelude::*;
use easel_pack::property::{calendar, email};
use easel_pack::settings::{
    Birthday, BlankDomain, FolderGone, MeetingLookup, Merge, Multi, Protocol, PushFolders, Shown, UidForm,
};
use easel_pack::{address, apple, event};

/// The pack.
#[derive(Debug)]
pub struct IphoneOs;

impl Describe for IphoneOs {
    fn describe() -> Manifest {
        Manifest::new("iphone-os-2-3", env!("CARGO_PKG_VERSION"), "iPhone, iPod touch and iPad before iOS 4.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            // Train 5 is iPhone OS 2, train 7 is 3; the letter of the build follows as two digits.
            .recognises([user_agent(r"^Apple-[^/]+/[57]\d\d\.\d")])
            .settings([
                settings::versions::VERSIONS.are([Protocol::V2_5, Protocol::V12_0, Protocol::V12_1]),
                settings::login::BLANK_DOMAIN.is(BlankDomain::Default),
                settings::hierarchy::CLASSES.are([Shown::Email, Shown::Contacts, Shown::Calendar]),
                settings::hierarchy::MULTI.only([Multi::Mail, Multi::Con, Multi::Cal]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::sync::WINDOW_MAX.is(100),
                settings::sync::ANSWER_WITHIN_S.is(210),
                settings::sync::FETCH_EXCLUDES_CHANGES.is(true),
                settings::push::PUSH_FOLDERS.is(PushFolders::Inbox),
                settings::mail::HTML25.is(true),
                settings::mail::PREVIEW_STRIP.is(true),
                settings::calendar::UID_FORM.is(UidForm::HexUpper),
                settings::calendar::MEETING_LOOKUP.is(MeetingLookup::CalendarFirst),
                settings::calendar::ADD_FINDS_UID.is(true),
                settings::contact::BIRTHDAY.is(Birthday::UserZone00),
                settings::search::NAMES.is(true),
                settings::status::FOLDER_GONE.is(FolderGone::HierarchyChanged),
            ])
            .wants(Class::Email, Direction::ToDevice, CORRESPONDENTS.map(|property| property.text(32 * 1024)))
            .wants(
                Class::Calendar,
                Direction::ToDevice,
                [calendar::ATTENDEES.presence(), calendar::EMAIL.text(1024), calendar::ORGANIZER_EMAIL.text(1024)],
            )
            .wants(
                Class::Calendar,
                Direction::FromDevice,
                [
                    calendar::TIMEZONE.text(256),
                    calendar::ALL_DAY_EVENT.text(1),
                    calendar::START_TIME.text(32),
                    calendar::EXCEPTION_START_TIME.text(32),
                    calendar::MEETING_STATUS.text(2),
                    calendar::ORGANIZER_EMAIL.text(1024),
                    calendar::ATTENDEES.presence(),
                    calendar::ATTENDEE.presence(),
                    calendar::EMAIL.text(1024),
                    calendar::NAME.text(1024),
                    calendar::ATTENDEE_STATUS.text(2),
                    calendar::ATTENDEE_TYPE.text(2),
                ],
            )
            .answers([
                "G16", "G19", "G28", "G29", "I01", "I02", "I04", "I09", "I13", "I16", "I17", "I24", "I28", "I29",
                "I30", "I33", "I43", "I44", "I45",
            ])
    }
}

/// Where a mail names people.
const CORRESPONDENTS: [Property; 5] = [email::FROM, email::TO, email::CC, email::REPLY_TO, email::ORGANIZER];
/// Where an event names them.
const PEOPLE: [Property; 2] = [calendar::ORGANIZER_EMAIL, calendar::EMAIL];

impl Profile for IphoneOs {
    fn for_device(facts: &Facts, _: &Options) -> Result<DeviceProfile, Fault> {
        let major = apple::Client::of(facts).and_then(|client| client.build.major());
        Ok(DeviceProfile::family(if major == Some(2) { "iphone-os-2" } else { "iphone-os-3" }))
    }
}

impl Items for IphoneOs {
    /// G19. I24: attendees are of use in the default calendar only.
    fn outgoing(class: Class, context: &Context, _: &State, item: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        match class {
            Class::Calendar if in_default_calendar(context) => address::write_safe(item, &PEOPLE, &mut edits),
            Class::Calendar => {
                address::write_safe(item, &[calendar::ORGANIZER_EMAIL], &mut edits);
                item.all(calendar::ATTENDEES).for_each(|attendees| edits.remove(attendees));
            }
            Class::Email | Class::Contacts | Class::Tasks | Class::Notes | Class::Sms => {
                address::write_safe(item, &CORRESPONDENTS, &mut edits);
            }
        }
        Ok(edits.into())
    }

    fn incoming(_: Class, context: &Context, _: &State, item: Item<'_>, base: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        // G19
        if in_default_calendar(context) {
            address::restore(item, &PEOPLE, &mut edits);
        } else {
            address::restore(item, &[calendar::ORGANIZER_EMAIL], &mut edits);
            keep_attendees(item, base, &mut edits);
        }
        // I28, I29
        event::name_the_organizer(context, item, base, &mut edits);
        event::anchor_exceptions(item, base, &mut edits);
        Ok(edits.into())
    }
}

fn in_default_calendar(context: &Context) -> bool {
    context.folder.as_ref().is_none_or(|folder| folder.is_default)
}

/// I24: the phone was not shown the attendees of this event, so what it says of them means nothing.
fn keep_attendees(item: Item<'_>, base: Item<'_>, edits: &mut Edits) {
    let Some(attendees) = base.find(calendar::ATTENDEES) else { return };
    if let Some(sent) = item.find(calendar::ATTENDEES) {
        edits.remove(sent);
    }
    let all = edits.insert(Node::WHOLE, calendar::ATTENDEES, Value::None);
    for attendee in base.children(attendees) {
        let one = edits.insert(all, Property(attendee.property), Value::None);
        for detail in base.children(attendee) {
            edits.insert(one, Property(detail.property), detail.text());
        }
    }
}

impl Mail for IphoneOs {
    /// G19. I01: iPhone OS 2 answers and forwards with SendMail. What the message refers to is in its headers.
    fn incoming(context: &Context, message: &Message) -> Result<mail::Verdict, Fault> {
        let mut edits = address::restored_headers(message);
        let id = |name| message.header(name).and_then(mail::last_message_id);
        let Some(id) = id("In-Reply-To").or_else(|| id("References")).filter(|_| context.command == "SendMail") else {
            return Ok(edits.into());
        };
        let subject = message.header("Subject").unwrap_or_default().trim_start().to_lowercase();
        let forwarded = FORWARDED.iter().any(|mark| subject.starts_with(mark));
        let reference = if forwarded { Reference::Forwarded } else { Reference::Replied };
        edits.push(mail::Edit::Mark((id.to_owned(), reference)));
        Ok(edits.into())
    }
}

/// How a phone in English, French, German, Italian, Dutch or Spanish begins the subject of what it forwards.
const FORWARDED: [&str; 7] = ["fwd:", "fw:", "tr :", "tr:", "wg:", "i:", "rv:"];

easel_pack::export!(IphoneOs: profile, items, mail);

#[cfg(test)]
mod tests {
    use easel_pack::items::Verdict;
    use easel_pack::testing::{Given, device, el, sync, text};

    use super::*;

    #[test]
    fn the_pack_does_what_its_fixtures_say() {
        easel_testkit::check(&PACK, env!("CARGO_MANIFEST_DIR"));
    }

    /// Berlin.
    const ZONE: &str = concat!(
        "xP///wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAoAAAAFAAMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w==",
    );

    fn context(default: bool) -> Context {
        let mut context = sync(121, "calendar");
        context.folder.as_mut().unwrap().is_default = default;
        context
    }

    fn state() -> State {
        State { version: String::new(), bytes: Vec::new() }
    }

    fn incoming(context: &Context, given: &Given, base: &Given) -> Given {
        let (entries, base) = (given.entries(), base.entries());
        let (item, base) = (Item::new(&entries), Item::new(&base));
        match <IphoneOs as Items>::incoming(Class::Calendar, context, &state(), item, base).unwrap().verdict {
            Verdict::Edit(edits) => given.after(&edits),
            Verdict::Keep => given.clone(),
            Verdict::Withhold(reason) => panic!("withheld: {reason}"),
        }
    }

    fn attendees() -> easel_pack::testing::El {
        el(
            calendar::ATTENDEES,
            ["a@x.org", "b@x.org"].map(|address| {
                el(calendar::ATTENDEE, [text(calendar::EMAIL, address), text(calendar::ATTENDEE_STATUS, "3")])
            }),
        )
    }

    #[test]
    fn the_build_makes_the_family() {
        let family = |agent: &str| IphoneOs::for_device(&device(agent), &Options::default()).unwrap().family;
        assert_eq!(family("Apple-iPhone/508.11"), "iphone-os-2");
        assert_eq!(family("Apple-(null)/704.11"), "iphone-os-3");
        assert_eq!(family("Apple-iPad/702.367"), "iphone-os-3");
    }

    #[test]
    fn i24_attendees_the_phone_was_not_shown_stay() {
        let alarm = Given::item([text(calendar::REMINDER, "15")]);
        let base = Given::item([attendees()]);
        let kept = Given::item([text(calendar::REMINDER, "15"), attendees()]);
        assert_eq!(incoming(&context(false), &alarm, &base), kept);
        // An empty element means nothing either.
        let emptied = Given::item([el(calendar::ATTENDEES, []), text(calendar::REMINDER, "15")]);
        assert_eq!(incoming(&context(false), &emptied, &base), kept);
        assert_eq!(incoming(&context(true), &emptied, &base), emptied);
    }

    #[test]
    fn i24_attendees_are_left_out_of_any_other_calendar() {
        let event = Given::item([text(calendar::SUBJECT, "tea"), attendees()]);
        let entries = event.entries();
        let sent = |default| {
            let context = context(default);
            match IphoneOs::outgoing(Class::Calendar, &context, &state(), Item::new(&entries)).unwrap().verdict {
                Verdict::Edit(edits) => event.after(&edits),
                Verdict::Keep | Verdict::Withhold(_) => event.clone(),
            }
        };
        assert_eq!(sent(false), Given::item([text(calendar::SUBJECT, "tea")]));
        assert_eq!(sent(true), event);
    }

    #[test]
    fn i28_an_invitation_of_the_users_own_gets_its_organizer() {
        let meeting = |status: &str| Given::item([text(calendar::MEETING_STATUS, status)]);
        let named = Given::item([
            text(calendar::MEETING_STATUS, "1"),
            text(calendar::ORGANIZER_NAME, "Anna Example"),
            text(calendar::ORGANIZER_EMAIL, "anna@example.org"),
        ]);
        let none = Given::item([]);
        assert_eq!(incoming(&context(true), &meeting("1"), &none), named);
        assert_eq!(incoming(&context(true), &meeting("3"), &none), meeting("3"));
        assert_eq!(incoming(&context(true), &named, &none), named);
        let of_another = Given::item([text(calendar::ORGANIZER_EMAIL, "b@x.org")]);
        assert_eq!(incoming(&context(true), &meeting("1"), &of_another), meeting("1"));
    }

    #[test]
    fn i29_exceptions_follow_a_series_that_was_moved() {
        let series = |all_day: &str, start: &str, exceptions: [&str; 2]| {
            let exception = |start| el(calendar::EXCEPTION, [text(calendar::EXCEPTION_START_TIME, start)]);
            Given::item([
                text(calendar::TIMEZONE, ZONE),
                text(calendar::ALL_DAY_EVENT, all_day),
                text(calendar::START_TIME, start),
                el(calendar::EXCEPTIONS, exceptions.map(exception)),
            ])
        };
        let none = Given::item([]);
        let read = |given: &Given| incoming(&context(true), given, &none);
        // From nine to ten in the morning; one occurrence is in winter, one in summer.
        let moved = series("0", "20260105T090000Z", ["20260112T080000Z", "20260706T070000Z"]);
        let right = series("0", "20260105T090000Z", ["20260112T090000Z", "20260706T080000Z"]);
        assert_eq!(read(&moved), right);
        assert_eq!(read(&right), right);
        // All day: midnight in Berlin, or the bare date.
        let mixed = series("1", "20260104T230000Z", ["20260112T080000Z", "20260706T000000Z"]);
        let whole = series("1", "20260104T230000Z", ["20260111T230000Z", "20260705T220000Z"]);
        assert_eq!(read(&mixed), whole);
    }

    #[test]
    fn i01_the_message_answered_or_forwarded_is_in_the_headers() {
        let verdict = |command: &str, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            let message = Message { headers, parts: Vec::new(), client_id: String::new() };
            let context = Context { command: command.to_owned(), ..sync(121, "inbox") };
            <IphoneOs as Mail>::incoming(&context, &message).unwrap()
        };
        let mark = |reference| mail::Verdict::Edit(vec![mail::Edit::Mark(("<a@x>".to_owned(), reference))]);
        let answered = [("Subject", "Re: tea"), ("In-Reply-To", "<a@x>")];
        assert_eq!(verdict("SendMail", &answered), mark(Reference::Replied));
        let forwarded = [("Subject", "Fwd: tea"), ("References", "<0@x> <a@x>")];
        assert_eq!(verdict("SendMail", &forwarded), mark(Reference::Forwarded));
        assert_eq!(verdict("SmartReply", &answered), mail::Verdict::Keep);
        assert_eq!(verdict("SendMail", &[("Subject", "Re: tea")]), mail::Verdict::Keep);
    }
}
