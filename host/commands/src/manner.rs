//! The settings of a device that concern items, as the items room wants them.

use easel_items::Manner;
use easel_items::manner::{
    Birthday, CalendarManner, ContactManner, FileAs, MailManner, Picture, TaskDates, TzBlob, UidForm,
};
use easel_plugin::Profile;

/// How items are shown to a device and heard from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceManner {
    /// In every folder.
    pub(crate) items: Manner,
    /// Attendees are for the default calendar only (K: I24).
    pub(crate) attendees_in_default_only: bool,
}

impl DeviceManner {
    /// What a profile says; read once a request.
    pub(crate) fn of(profile: &Profile) -> Self {
        let attendees = profile.text("calendar.attendees");
        let items = Manner {
            mail: mail(profile),
            calendar: CalendarManner { attendees_hidden: attendees == "none", ..calendar(profile) },
            contact: contact(profile),
            task_dates: match profile.text("task.task_dates").as_str() {
                "local" => TaskDates::Local,
                "both" => TaskDates::Both,
                _ => TaskDates::Utc,
            },
            note_categories_cleared: profile.text("note.note_categories") == "cleared_if_absent",
            no_rtf: profile.flag("mail.no_rtf"),
        };
        Self { items, attendees_in_default_only: attendees == "default-calendar" }
    }
}

fn number(profile: &Profile, name: &str) -> u32 {
    u32::try_from(profile.number(name)).expect("the table bounds it")
}

fn mail(profile: &Profile) -> MailManner {
    MailManner {
        recipients_max: number(profile, "mail.max_recipients"),
        prefer_mime: profile.flag("mail.prefer_mime"),
        text_as_html: profile.flag("mail.text_as_html"),
        preview_strip: profile.flag("mail.preview_strip"),
        plain: profile.text("mail.preview_entities") == "decode",
        html_in_2_5: profile.flag("mail.html25"),
        name_senders: profile.text("mail.from_name") == "address",
        mime_8bit: profile.text("mail.mime_rewrite") == "8bit_utf8",
        tnef_dropped: profile.text("mail.tnef") == "drop",
        smime_whole: profile.text("mail.smime") == "full_mime",
        drafts_whole: profile.text("mail.draft_form") == "mime",
    }
}

fn calendar(profile: &Profile) -> CalendarManner {
    let until_max = i16::try_from(profile.number("calendar.until_max")).expect("the table bounds it");
    CalendarManner {
        tz_blob: match profile.text("calendar.tz_blob").as_str() {
            "no_names" => TzBlob::Needed,
            "zero_for_allday" => TzBlob::ZeroForDays,
            _ => TzBlob::Full,
        },
        allday_raw: profile.text("calendar.allday_tz") == "raw",
        until_max: Some(until_max).filter(|year| *year > 0),
        organizer_always: profile.flag("calendar.organizer_always"),
        attendees_hidden: false,
        reminder_explicit: profile.flag("calendar.reminder_explicit"),
        uid_form: match profile.text("calendar.uid_form").as_str() {
            "hex-upper" => UidForm::HexUpper,
            "base64" => UidForm::Base64,
            _ => UidForm::AsIs,
        },
        always_uid: profile.flag("calendar.always_uid"),
        free_means_accepted: profile.flag("calendar.busy_free_means_accepted"),
    }
}

fn contact(profile: &Profile) -> ContactManner {
    ContactManner {
        birthday: match profile.text("contact.birthday").as_str() {
            "utc08" => Birthday::Utc08,
            "utc11" => Birthday::Utc11,
            "utc12" => Birthday::Utc12,
            "userzone00" => Birthday::UserZone00,
            "as_is" => Birthday::AsIs,
            "date_only" => Birthday::DateOnly,
            _ => Birthday::Utc00,
        },
        // A Picture that is absent keeps the photo in every manner.
        picture: match profile.text("contact.picture").as_str() {
            "ghost_if_empty" => Picture::EmptyKeeps,
            "empty_deletes" => Picture::EmptyDeletes,
            _ => Picture::Normal,
        },
        file_as: match profile.text("contact.fileas_order").as_str() {
            "last-first" => FileAs::LastFirst,
            "first-last" => FileAs::FirstLast,
            "company" => FileAs::Company,
            _ => FileAs::AsIs,
        },
        photo_max: number(profile, "contact.photo_max"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_says_nothing_leaves_the_host_its_own_manner() {
        let manner = DeviceManner { items: Manner::default(), attendees_in_default_only: false };
        assert_eq!(DeviceManner::of(&Profile::default()), manner);
    }
}
