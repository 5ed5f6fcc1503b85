//! The settings of a device that concern items, as the items room wants them.

use easel_items::Manner;
use easel_items::manner::{
    Birthday, CalendarManner, ContactManner, FileAs, MailManner, Picture, TaskDates, TzBlob, UidForm,
};
use easel_plugin::Profile;
use easel_protocol::Class;
use serde::{Deserialize, Serialize};

/// How items are shown to a device and heard from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
            task_dates: match profile.text("task.task_dates") {
                "local" => TaskDates::Local,
                "both" => TaskDates::Both,
                _ => TaskDates::Utc,
            },
            note_categories_cleared: profile.text("note.note_categories") == "cleared_if_absent",
            no_rtf: profile.flag("mail.no_rtf"),
        };
        Self { items, attendees_in_default_only: attendees == "default-calendar" }
    }

    /// As much of it as decides what the items of a class look like.
    pub(crate) fn shown(&self, class: Class) -> Self {
        Self::default().with_shown(self, class)
    }

    /// This manner, but items of a class look as in `other`.
    pub(crate) fn with_shown(mut self, other: &Self, class: Class) -> Self {
        let items = &mut self.items;
        match class {
            Class::Calendar => {
                let free_means_accepted = items.calendar.free_means_accepted;
                items.calendar = CalendarManner { free_means_accepted, ..other.items.calendar };
                self.attendees_in_default_only = other.attendees_in_default_only;
            }
            Class::Contacts => {
                items.contact = ContactManner { picture: items.contact.picture, ..other.items.contact };
            }
            Class::Email => items.mail = other.items.mail,
            Class::Tasks => items.task_dates = other.items.task_dates,
            Class::Notes | Class::Sms => {}
        }
        self
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
        tz_blob: match profile.text("calendar.tz_blob") {
            "no_names" => TzBlob::Needed,
            "zero_for_allday" => TzBlob::ZeroForDays,
            _ => TzBlob::Full,
        },
        allday_raw: profile.text("calendar.allday_tz") == "raw",
        until_max: Some(until_max).filter(|year| *year > 0),
        organizer_always: profile.flag("calendar.organizer_always"),
        attendees_hidden: false,
        reminder_explicit: profile.flag("calendar.reminder_explicit"),
        uid_form: match profile.text("calendar.uid_form") {
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
        birthday: match profile.text("contact.birthday") {
            "utc08" => Birthday::Utc08,
            "utc11" => Birthday::Utc11,
            "utc12" => Birthday::Utc12,
            "userzone00" => Birthday::UserZone00,
            "as_is" => Birthday::AsIs,
            "date_only" => Birthday::DateOnly,
            _ => Birthday::Utc00,
        },
        // A Picture that is absent keeps the photo in every manner.
        picture: match profile.text("contact.picture") {
            "ghost_if_empty" => Picture::EmptyKeeps,
            "empty_deletes" => Picture::EmptyDeletes,
            _ => Picture::Normal,
        },
        file_as: match profile.text("contact.fileas_order") {
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
    use easel_plugin::{Value, settings};

    use super::*;

    #[test]
    fn a_profile_that_says_nothing_leaves_the_host_its_own_manner() {
        assert_eq!(DeviceManner::of(&Profile::default()), DeviceManner::default());
    }

    #[test]
    fn what_changes_how_a_class_is_shown_is_what_the_table_says_is_sent_again() {
        for setting in settings::TABLE {
            let Some((group, _)) = setting.name.split_once('.') else { continue };
            let class = match group {
                "mail" => Class::Email,
                "calendar" => Class::Calendar,
                "contact" => Class::Contacts,
                "task" => Class::Tasks,
                _ => continue,
            };
            let other = match setting.default {
                settings::Default::Flag(flag) => Value::Flag(!flag),
                settings::Default::Number(_, _, most) => Value::Number(most),
                settings::Default::Text(_, words) => Value::Text((*words.last().unwrap()).to_owned()),
                settings::Default::Map(..) | settings::Default::Texts(_) => continue,
            };
            let mut profile = Profile::default();
            profile.set(setting.name, other).unwrap();
            let shown = |profile: &Profile| DeviceManner::of(profile).shown(class);
            let differs = shown(&profile) != shown(&Profile::default());
            // RTF is read in another manner, and never shown.
            let resends = setting.effect == settings::Effect::Resend && setting.name != "mail.no_rtf";
            assert_eq!(differs, resends, "{}", setting.name);
        }
    }
}
