//! Follow-up flags. MS-ASEMAIL 2.2.2.34 "Flag", MS-ASEMAIL 3.1.5.5 / 3.2.5.5.

use easel_protocol::{Flag, parse_date_time, punctuated};
use easel_wbxml::pages::{email, tasks};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;

use crate::ItemError;
use crate::body::one_line;

/// Status of a flag that is done.
const COMPLETE: u8 = 1;
/// Status of a flag that is set.
const ACTIVE: u8 = 2;
/// Characters of a text in a flag.
const TEXT_MAX: usize = 1_024;

/// The element; empty for a mail without a flag.
pub(super) fn element(flag: Option<&Flag>) -> Element {
    let mut out = Element::new(email::FLAG);
    let Some(flag) = flag.filter(|flag| flag.status != 0) else { return out };
    let date = |tag: Tag, at: Option<i64>| {
        at.and_then(|at| Timestamp::from_millisecond(at).ok()).map(|at| Element::text(tag, punctuated(at)))
    };
    let text = |tag: Tag, text: &Option<String>| text.as_deref().map(|text| Element::text(tag, one_line(text)));
    let children = [
        text(tasks::SUBJECT, &flag.subject),
        Some(Element::number(email::STATUS, flag.status)),
        text(email::FLAG_TYPE, &flag.flag_type),
        date(tasks::DATE_COMPLETED, flag.date_completed),
        date(email::COMPLETE_TIME, flag.complete_time),
        date(tasks::START_DATE, flag.start_date),
        date(tasks::DUE_DATE, flag.due_date),
        date(tasks::UTC_START_DATE, flag.utc_start_date),
        date(tasks::UTC_DUE_DATE, flag.utc_due_date),
        flag.reminder_set.map(|set| Element::boolean(tasks::REMINDER_SET, set)),
        date(tasks::REMINDER_TIME, flag.reminder_time),
        date(tasks::ORDINAL_DATE, flag.ordinal_date),
        text(tasks::SUB_ORDINAL_DATE, &flag.sub_ordinal_date),
    ];
    out.extend(children.into_iter().flatten());
    out
}

/// What a device made of the flag. `subject` is that of the mail, for a flag that brings none (K: I57).
pub(super) fn read(data: &Element, before: Option<&Flag>, subject: &str) -> Result<Option<Flag>, ItemError> {
    // K: V03. An empty Flag takes the flag away, as Status 0 does.
    if data.children().next().is_none() && data.value().trim().is_empty() {
        return Ok(None);
    }
    let status = data.text_of(email::STATUS).ok_or(rule("Status of a Flag is missing"))?;
    let mut flag = match status.trim() {
        "0" => return Ok(None),
        // What is done keeps what it was about.
        "1" => Flag { status: COMPLETE, ..before.cloned().unwrap_or_default() },
        "2" => Flag { status: ACTIVE, ..Flag::default() },
        _ => return Err(rule("Status of a Flag is 0, 1 or 2")),
    };
    let text = |tag: Tag| -> Option<String> {
        data.text_of(tag)
            .map(|text| one_line(&text).chars().take(TEXT_MAX).collect())
            .filter(|text: &String| !text.is_empty())
    };
    flag.flag_type = text(email::FLAG_TYPE).or(flag.flag_type);
    flag.subject = text(tasks::SUBJECT).or(flag.subject).or_else(|| Some(one_line(subject))).filter(|s| !s.is_empty());
    flag.complete_time = date(data, email::COMPLETE_TIME);
    flag.date_completed = date(data, tasks::DATE_COMPLETED);
    dates(&mut flag, data)?;
    reminder(&mut flag, data)?;
    flag.ordinal_date = date(data, tasks::ORDINAL_DATE).or(flag.ordinal_date);
    flag.sub_ordinal_date = text(tasks::SUB_ORDINAL_DATE).or(flag.sub_ordinal_date);
    if flag.status == COMPLETE && (flag.complete_time.is_none() || flag.date_completed.is_none()) {
        return Err(rule("a complete Flag has CompleteTime and DateCompleted"));
    }
    if flag.status == ACTIVE {
        if flag.flag_type.is_none() {
            return Err(rule("an active Flag has a FlagType"));
        }
        (flag.complete_time, flag.date_completed) = (None, None);
    }
    Ok(Some(flag))
}

/// All four dates or none, and none due before it starts. A date that cannot be read is no date (K: G51).
fn dates(flag: &mut Flag, data: &Element) -> Result<(), ItemError> {
    let tags = [tasks::START_DATE, tasks::UTC_START_DATE, tasks::DUE_DATE, tasks::UTC_DUE_DATE];
    let sent = tags.iter().filter(|tag| data.text_of(**tag).is_some_and(|text| !text.trim().is_empty())).count();
    if sent == 0 {
        return Ok(());
    }
    if sent < tags.len() {
        return Err(rule("StartDate, UtcStartDate, DueDate and UtcDueDate come together"));
    }
    let [Some(start), Some(utc_start), Some(due), Some(utc_due)] = tags.map(|tag| date(data, tag)) else {
        return Ok(());
    };
    if due < start || utc_due < utc_start {
        return Err(rule("a Flag is not due before it starts"));
    }
    (flag.start_date, flag.utc_start_date) = (Some(start), Some(utc_start));
    (flag.due_date, flag.utc_due_date) = (Some(due), Some(utc_due));
    Ok(())
}

fn reminder(flag: &mut Flag, data: &Element) -> Result<(), ItemError> {
    let Some(set) = data.text_of(tasks::REMINDER_SET) else {
        flag.reminder_time = date(data, tasks::REMINDER_TIME).or(flag.reminder_time);
        return Ok(());
    };
    let set = boolean(&set).ok_or(rule("ReminderSet is 0 or 1"))?;
    flag.reminder_set = Some(set);
    flag.reminder_time = date(data, tasks::REMINDER_TIME);
    if set && flag.reminder_time.is_none() {
        return Err(rule("ReminderSet needs a ReminderTime"));
    }
    Ok(())
}

fn date(data: &Element, tag: Tag) -> Option<i64> {
    parse_date_time(&data.text_of(tag)?).ok().map(Timestamp::as_millisecond)
}

/// `0`, `1`, or the empty tag, which is 1.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "0" => Some(false),
        "1" | "" => Some(true),
        _ => None,
    }
}

const fn rule(reason: &'static str) -> ItemError {
    ItemError::Rule { element: "Flag", reason }
}
