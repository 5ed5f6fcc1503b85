//! A device at its desk: what the tests of every class need to look at an item and to edit one.

use easel_protocol::{Class, Version};
use easel_wbxml::pages::airsync::APPLICATION_DATA;
use easel_wbxml::pages::airsyncbase;
use easel_wbxml::{Element, Tag};
use jiff::tz::TimeZone;

use crate::{Applied, BodyPreference, BodyPreferences, BodyType, Edit, Ghosting, ItemError, Manner, Owner, View};

pub(crate) struct Desk {
    pub(crate) class: Class,
    pub(crate) version: Version,
    pub(crate) body: BodyPreferences,
    pub(crate) ghosting: Ghosting,
    pub(crate) base: Option<String>,
    pub(crate) owner: Owner,
    pub(crate) manner: Manner,
}

impl Desk {
    pub(crate) fn new(class: Class, version: Version) -> Self {
        let owner = Owner {
            name: "Ada".to_owned(),
            addresses: vec!["ada@example.org".to_owned()],
            zone: TimeZone::get("Europe/Berlin").unwrap(),
        };
        Self {
            class,
            version,
            body: text_bodies(None),
            ghosting: Ghosting::None,
            base: None,
            owner,
            manner: Manner::default(),
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        View { version: self.version, owner: &self.owner, body: &self.body, now, manner: self.manner }
    }

    pub(crate) fn see(&self, content: &str) -> Vec<Element> {
        crate::properties(self.class, content, &self.view()).unwrap()
    }

    pub(crate) fn text(&self, content: &str, tag: Tag) -> Option<String> {
        self.see(content).iter().find(|element| element.tag == tag).map(|element| element.value().into_owned())
    }

    pub(crate) fn send(&self, current: Option<&str>, properties: Vec<Element>) -> Result<Applied, ItemError> {
        let data = Element::of(APPLICATION_DATA, properties);
        let edit = Edit {
            data: &data,
            ghosting: &self.ghosting,
            base: self.base.as_deref(),
            shown: &self.body,
            instance: None,
            delete_instance: false,
        };
        crate::apply(self.class, current, &edit, &self.view())
    }

    pub(crate) fn add(&self, properties: Vec<Element>) -> String {
        self.send(None, properties).unwrap().content.unwrap()
    }

    /// Sends back everything shown, with `edits` in place of what has their tag.
    pub(crate) fn change(&self, current: &str, edits: Vec<Element>) -> String {
        let mut properties = self.see(current);
        properties.retain(|element| !edits.iter().any(|edit| edit.tag == element.tag));
        properties.extend(edits);
        self.send(Some(current), properties).unwrap().content.unwrap()
    }

    /// Sends back everything shown but the properties `gone`.
    pub(crate) fn change_without(&self, current: &str, gone: &[Tag]) -> String {
        let mut properties = self.see(current);
        properties.retain(|element| !gone.contains(&element.tag));
        self.send(Some(current), properties).unwrap().content.unwrap()
    }
}

pub(crate) fn text_bodies(truncation_size: Option<u32>) -> BodyPreferences {
    let kind = BodyType::Text;
    let types = vec![BodyPreference { kind, truncation_size, all_or_none: false, preview: None }];
    BodyPreferences { types, ..BodyPreferences::default() }
}

pub(crate) fn body(kind: BodyType, text: &str) -> Element {
    Element::of(
        airsyncbase::BODY,
        [Element::number(airsyncbase::TYPE, kind as u8), Element::text(airsyncbase::DATA, text)],
    )
}
