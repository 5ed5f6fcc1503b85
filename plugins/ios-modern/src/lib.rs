//! iPhone, iPod touch, iPad and Vision Pro from iOS 11: iOS, iPadOS, visionOS.
//!
//! The User-Agent has the build: `Apple-iPhone15C4/2301.355` is 23A355, iOS 26. The operating system that the device
//! tells of later, `iOS 26.0.1 23A355`, says the same in words.

mod meeting_id;

use easel_pack::apple::{self, Build};
use easel_pack::mail::{self, Message};
use easel_pack::meeting::Request;
use easel_pack::prelude::*;
use easel_pack::property::{airsync, airsyncbase, calendar, email, item_operations};
use easel_pack::recover::{History, Recovery, Symptom};
use easel_pack::settings::{
    Birthday, DraftForm, FolderGone, GalPhoto, MeetingLookup, MeetingReplyBy, Merge, Multi, Picture, Protocol,
    RightsManagement, TaskDates, UidForm,
};
use easel_pack::{address, event, wire};

/// The pack.
#[derive(Debug)]
pub struct Ios;

impl Describe for Ios {
    fn describe() -> Manifest {
        Manifest::new("ios-modern", env!("CARGO_PKG_VERSION"), "iPhone, iPad and Vision Pro from iOS 11.")
            .by(env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_LICENSE"))
            .recognises([
                // Train 15 is iOS 11; the letter of the build follows as two digits.
                user_agent(r"^Apple-[^/]+/(1[5-9]|[2-9]\d)\d\d\.\d"),
                os(r"^iOS (1[1-9]|[2-9]\d)\b"),
                os(r"^(iPadOS|visionOS) \d"),
            ])
            .settings([
                settings::versions::VERSIONS.are([
                    Protocol::V12_1,
                    Protocol::V14_0,
                    Protocol::V14_1,
                    Protocol::V16_0,
                    Protocol::V16_1,
                ]),
                settings::hierarchy::MULTI.only([Multi::Mail, Multi::Cal, Multi::Con, Multi::Task]),
                settings::hierarchy::MERGE.is(Merge::DefaultFolder),
                settings::sync::ANSWER_WITHIN_S.is(210),
                settings::mail::PREFER_MIME.is(true),
                settings::mail::PREVIEW_STRIP.is(true),
                settings::mail::DRAFT_FORM.is(DraftForm::Mime),
                settings::calendar::UID_FORM.is(UidForm::HexUpper),
                settings::calendar::MEETING_LOOKUP.is(MeetingLookup::CalendarFirst),
                settings::calendar::ADD_FINDS_UID.is(true),
                settings::contact::BIRTHDAY.is(Birthday::Utc00),
                settings::contact::PICTURE.is(Picture::GhostIfEmpty),
                settings::task::TASK_DATES.is(TaskDates::Local),
                settings::search::GAL_PHOTO.is(GalPhoto::NoneStatus),
                settings::settings::OOF_BODYTYPE.is(false),
                settings::settings::RIGHTS_MANAGEMENT.is(RightsManagement::Empty),
                settings::status::FOLDER_GONE.is(FolderGone::HierarchyChanged),
            ])
            .wants(Class::Email, Direction::ToDevice, mail_wanted())
            .wants(Class::Calendar, Direction::ToDevice, PEOPLE.map(|property| property.text(1024)))
            .wants(Class::Calendar, Direction::FromDevice, event_wanted())
            .wants_command("ItemOperations", [item_operations::FETCH.presence(), airsync::COLLECTION_ID.text(64)])
            .answers([
                "G16", "G19", "G28", "G29", "I04", "I05", "I08", "I10", "I16", "I17", "I18", "I22", "I28", "I29",
                "I30", "I31", "I32", "I33", "I36", "I38", "I39", "I40", "I41", "I44", "I49", "I51", "I52", "I53",
                "I55", "I58",
            ])
    }
}

fn mail_wanted() -> impl Iterator<Item = easel_pack::Wanted> {
    let ids = [calendar::UID.text(600), email::GLOBAL_OBJ_ID.presence()];
    ids.into_iter().chain(CORRESPONDENTS.map(|property| property.text(32 * 1024)))
}

/// Where a mail names people.
const CORRESPONDENTS: [Property; 5] = [email::FROM, email::TO, email::CC, email::REPLY_TO, email::ORGANIZER];
/// Where an event names them.
const PEOPLE: [Property; 2] = [calendar::ORGANIZER_EMAIL, calendar::EMAIL];

fn event_wanted() -> impl Iterator<Item = easel_pack::Wanted> {
    let texts =
        [calendar::UID, calendar::CLIENT_UID, calendar::ORGANIZER_EMAIL, calendar::ORGANIZER_NAME, calendar::EMAIL];
    let attachments = [airsyncbase::ATTACHMENTS, airsyncbase::ADD, airsyncbase::CONTENT, airsyncbase::DELETE];
    let dates = WHEN.into_iter().chain(PATTERN).chain([calendar::MEETING_STATUS, calendar::EXCEPTION_START_TIME]);
    let texts = texts.map(|property| property.text(1024)).into_iter();
    let dates = dates.map(|property| property.text(256));
    texts.chain(dates).chain(attachments.map(Property::presence))
}

/// When an event is.
const WHEN: [Property; 5] =
    [calendar::TIMEZONE, calendar::ALL_DAY_EVENT, calendar::START_TIME, calendar::END_TIME, calendar::RECURRENCE];

/// What stands in a Recurrence. MS-ASCAL 2.2.2.37 "Recurrence".
const PATTERN: [Property; 11] = [
    calendar::TYPE,
    calendar::UNTIL,
    calendar::OCCURRENCES,
    calendar::INTERVAL,
    calendar::DAY_OF_WEEK,
    calendar::DAY_OF_MONTH,
    calendar::WEEK_OF_MONTH,
    calendar::MONTH_OF_YEAR,
    calendar::CALENDAR_TYPE,
    calendar::IS_LEAP_MONTH,
    calendar::FIRST_DAY_OF_WEEK,
];

impl Profile for Ios {
    fn for_device(facts: &Facts, _: &Options) -> Result<DeviceProfile, Fault> {
        let told = apple::told(&facts.os);
        let agent = apple::Client::of(facts).map(|client| client.build);
        let build = told.and_then(|(_, build)| build).or(agent);
        let name = ["visionOS", "iPadOS"].into_iter().find(|name| facts.os.starts_with(name)).unwrap_or("iOS");
        let major = told.map(|(version, _)| version.major()).or(build.and_then(Build::major)).unwrap_or_default();
        let profile = DeviceProfile::family(&format!("{}-{major}", name.to_ascii_lowercase()));
        let silent = match build {
            Some(build) => SILENT.contains(&(build.train, build.letter)),
            None => told.is_some_and(|(version, _)| (Version::of(&[12, 4])..Version::of(&[13, 7])).contains(&version)),
        };
        // I31
        let answers = silent.then(|| settings::calendar::MEETING_REPLY_BY.is(MeetingReplyBy::Server));
        Ok(profile.with(answers))
    }
}

/// I31: builds that tell the server of an answer to an invitation and do not mail it: iOS 12.4 to 13.6.
const SILENT: std::ops::RangeInclusive<(u16, char)> = (16, 'G')..=(17, 'G');

impl Items for Ios {
    /// G19. I05: from 16.0 an invitation has a UID in place of its GlobalObjId. The phone looks for both.
    fn outgoing(class: Class, context: &Context, _: &State, item: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        if class == Class::Calendar {
            address::write_safe(item, &PEOPLE, &mut edits);
            return Ok(edits.into());
        }
        address::write_safe(item, &CORRESPONDENTS, &mut edits);
        let told = item.all(email::GLOBAL_OBJ_ID).next().is_some();
        if let Some(uid) = item.all(calendar::UID).next().filter(|_| context.protocol >= 160 && !told) {
            edits.insert(Node(uid.parent), email::GLOBAL_OBJ_ID, meeting_id::of_uid(uid.text()));
        }
        Ok(edits.into())
    }

    fn incoming(_: Class, context: &Context, _: &State, item: Item<'_>, base: Item<'_>) -> Result<Answer, Fault> {
        let mut edits = Edits::new();
        no_empty_recurrence(item, base, &mut edits);
        no_hollow_attachments(item, &mut edits);
        if base.is_empty() {
            plain_ids(item, &mut edits);
        }
        // G19
        address::restore(item, &PEOPLE, &mut edits);
        if is_received(base) {
            keep_what_is_the_organizers(context, item, base, &mut edits);
        } else {
            // I29
            event::anchor_exceptions(item, base, &mut edits);
            // I28. From 16.0 the server itself says whose an event is: MS-ASCAL 2.2.2.34 "OrganizerEmail".
            if context.protocol < 160 {
                event::name_the_organizer(context, item, base, &mut edits);
            }
        }
        Ok(edits.into())
    }
}

/// I39: an empty Recurrence is none, and so says nothing of an event that has none.
fn no_empty_recurrence(item: Item<'_>, base: Item<'_>, edits: &mut Edits) {
    let recurs = base.find(calendar::RECURRENCE).is_some_and(|recurrence| recurrence.length > 0);
    if let Some(empty) = item.find(calendar::RECURRENCE).filter(|recurrence| recurrence.length == 0 && !recurs) {
        edits.remove(empty);
    }
}

/// I40: an event that moves to another calendar brings its attachments without their content.
fn no_hollow_attachments(item: Item<'_>, edits: &mut Edits) {
    let Some(attachments) = item.find(airsyncbase::ATTACHMENTS) else { return };
    let hollow = |add: &&easel_pack::Entry| {
        let content = item.child(*add, airsyncbase::CONTENT);
        add.is(airsyncbase::ADD) && content.is_none_or(|content| content.length == 0)
    };
    let (all, hollow) =
        (item.children(attachments).count(), item.children(attachments).filter(hollow).collect::<Vec<_>>());
    if !hollow.is_empty() && hollow.len() == all {
        edits.remove(attachments);
    } else {
        hollow.into_iter().for_each(|add| edits.remove(add));
    }
}

/// I52: the UID of a new event comes without its dashes, and with the NUL that ends a text in C.
fn plain_ids(item: Item<'_>, edits: &mut Edits) {
    for id in [calendar::UID, calendar::CLIENT_UID].into_iter().filter_map(|property| item.find(property)) {
        let text = id.text().trim_end_matches('\0');
        let bare = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let plain = if bare {
            [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
        } else {
            text.to_owned()
        };
        if plain != id.text() {
            edits.set(id, plain);
        }
    }
}

/// Whether the event is somebody else's meeting. MS-ASCAL 2.2.2.28 "MeetingStatus": its second bit.
fn is_received(base: Item<'_>) -> bool {
    base.text(calendar::MEETING_STATUS).parse().is_ok_and(|status: u8| status & 2 != 0)
}

/// I58: the phone takes a meeting over. I49: up to 14.1 it sends whole events, and writes series anew as it understands
/// them, which the organizer would be told of.
fn keep_what_is_the_organizers(context: &Context, item: Item<'_>, base: Item<'_>, edits: &mut Edits) {
    let theirs = [calendar::ORGANIZER_NAME, calendar::ORGANIZER_EMAIL];
    let series = base.find(calendar::RECURRENCE).is_some() && context.protocol < 160;
    for property in theirs.into_iter().chain(WHEN.into_iter().filter(|_| series)) {
        let Some(sent) = item.find(property) else { continue };
        let details = |item: Item<'_>, of: &easel_pack::Entry| {
            let detail = |entry: &easel_pack::Entry| (entry.property, entry.text().to_owned());
            item.children(of).map(detail).collect::<Vec<_>>()
        };
        match base.find(property) {
            None => edits.remove(sent),
            Some(was) if (was.text(), details(base, was)) == (sent.text(), details(item, sent)) => {}
            Some(was) if property == calendar::RECURRENCE => {
                edits.remove(sent);
                let recurrence = edits.insert(Node::WHOLE, property, Value::None);
                for (detail, text) in details(base, was) {
                    edits.insert(recurrence, Property(detail), text);
                }
            }
            Some(was) => edits.set(sent, was.text()),
        }
    }
}

impl Mail for Ios {
    /// G19
    fn incoming(_: &Context, message: &Message) -> Result<mail::Verdict, Fault> {
        Ok(address::restored_headers(message).into())
    }
}

impl Meeting for Ios {
    /// I32: one occurrence is named by the item and, behind a mark, its start.
    fn incoming(_: &Context, request: &Request) -> Result<Option<Request>, Fault> {
        let split = MARKS.iter().find_map(|mark| request.request_id.split_once(mark));
        Ok(split.map(|(id, instance)| {
            let named = &request.instance_id;
            let instance_id = if named.is_empty() { instance.to_owned() } else { named.clone() };
            Request { request_id: id.to_owned(), instance_id, ..request.clone() }
        }))
    }
}

/// The mark as it is, and as it is seen where it was escaped once too often.
const MARKS: [&str; 2] = ["<!ExceptionDate!>", "&lt;!ExceptionDate!&gt;"];

impl Recover for Ios {
    /// I55: a phone that cannot digest an item soon starts the folder afresh, which would bring the whole page again.
    fn advise(context: &Context, history: &History) -> Result<Recovery, Fault> {
        let afresh = history.symptom == Symptom::ZeroKey && context.command == "Sync";
        let again = afresh && history.times > 1 && history.within_secs <= 3600;
        Ok(if again { Recovery::ShrinkWindow } else { Recovery::Usual })
    }
}

impl Wire for Ios {
    /// I36: a mail found by a search of everything is fetched from a folder that only the phone has.
    fn incoming(_: &Context, request: Item<'_>) -> Result<wire::Verdict, Fault> {
        let mut edits = Edits::new();
        for folder in request.all(airsync::COLLECTION_ID) {
            let fetched = request.all(item_operations::FETCH).any(|fetch| fetch.node == folder.parent);
            if fetched && folder.text() == "kDAMailAccountAllMailboxesFolderID" {
                edits.remove(folder);
            }
        }
        Ok(edits.into())
    }
}

easel_pack::export!(Ios: profile, items, mail, meeting, recover, wire);

#[cfg(test)]
mod tests;
