//! What a device sends. MS-ASCMD 2.2.1.21 "Sync".
//!
//! The order of elements is not looked at (K: G04), an empty boolean is true (K: W12, T07, X06), and what no schema
//! knows is passed over (K: G49).

use std::collections::HashSet;

use easel_protocol::{Class, SyncKey};
use easel_wbxml::Element;
use easel_wbxml::pages::airsync;
use serde::{Deserialize, Serialize};

use crate::context::{RequestError, flag, id_of, number, required};

/// Client commands in one request.
const COMMANDS_MAX: usize = 200;

/// One Sync request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) collections: Vec<Collection<'a>>,
    pub(crate) wait: Option<Wait>,
    /// The most entries of the whole answer.
    pub(crate) window: Option<u32>,
    pub(crate) partial: bool,
}

/// How long an answer without news may be held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wait {
    /// HeartbeatInterval, from 14.0.
    Seconds(u32),
    /// Wait, from 12.1.
    Minutes(u32),
}

/// One Collection.
#[derive(Debug)]
pub(crate) struct Collection<'a> {
    /// `None` for text that is no key of ours.
    pub(crate) key: Option<SyncKey>,
    pub(crate) id: Option<String>,
    pub(crate) class: Option<Class>,
    pub(crate) supported: Option<&'a Element>,
    pub(crate) deletes_as_moves: bool,
    /// As sent.
    pub(crate) get_changes: Option<bool>,
    pub(crate) window: Option<u32>,
    pub(crate) options: Vec<&'a Element>,
    pub(crate) commands: Vec<Command<'a>>,
}

/// One client command.
#[derive(Debug)]
pub(crate) enum Command<'a> {
    Add { class: Option<Class>, client_id: String, data: &'a Element },
    Change { id: String, instance: Option<String>, data: &'a Element },
    Delete { id: String, instance: Option<String> },
    Fetch { id: String },
}

impl<'a> Request<'a> {
    pub(crate) fn from_wbxml(root: &'a Element) -> Result<Self, RequestError> {
        let wait = match (number(root, airsync::WAIT)?, number(root, airsync::HEARTBEAT_INTERVAL)?) {
            (Some(_), Some(seconds)) => {
                return Err(RequestError::Value { tag: airsync::HEARTBEAT_INTERVAL, value: seconds.to_string() });
            }
            (Some(minutes), None) => Some(Wait::Minutes(minutes)),
            (None, Some(seconds)) => Some(Wait::Seconds(seconds)),
            (None, None) => None,
        };
        let collections = root.child(airsync::COLLECTIONS);
        let partial = flag(root, airsync::PARTIAL, false);
        if collections.is_none() && !partial {
            return Err(RequestError::Missing(airsync::COLLECTIONS));
        }
        if partial && collections.is_none() && wait.is_none() && root.child(airsync::WINDOW_SIZE).is_none() {
            return Err(RequestError::Missing(airsync::COLLECTIONS));
        }
        let collections: Vec<Collection<'a>> = collections
            .into_iter()
            .flat_map(|all| all.all(airsync::COLLECTION))
            .map(Collection::from_wbxml)
            .collect::<Result<_, _>>()?;
        if collections.iter().map(|collection| collection.commands.len()).sum::<usize>() > COMMANDS_MAX {
            return Err(RequestError::TooMany(airsync::COMMANDS));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = collections.iter().filter_map(|one| one.id.as_deref()).find(|id| !seen.insert(*id)) {
            return Err(RequestError::Value { tag: airsync::COLLECTION_ID, value: twice.to_owned() });
        }
        Ok(Self { collections, wait, window: number(root, airsync::WINDOW_SIZE)?, partial })
    }

    /// Whether the device changes or fetches anything.
    pub(crate) fn has_commands(&self) -> bool {
        self.collections.iter().any(|collection| !collection.commands.is_empty())
    }
}

impl<'a> Collection<'a> {
    fn from_wbxml(element: &'a Element) -> Result<Self, RequestError> {
        let commands = element.child(airsync::COMMANDS);
        let commands = commands.into_iter().flat_map(Element::children);
        Ok(Self {
            key: SyncKey::parse(&required(element, airsync::SYNC_KEY)?).ok(),
            id: id_of(element, airsync::COLLECTION_ID)?.filter(|id| !id.is_empty()),
            class: element.text_of(airsync::CLASS).and_then(|name| Class::parse(&name)),
            supported: element.child(airsync::SUPPORTED),
            deletes_as_moves: flag(element, airsync::DELETES_AS_MOVES, true),
            get_changes: element.child(airsync::GET_CHANGES).map(|_| flag(element, airsync::GET_CHANGES, true)),
            window: number(element, airsync::WINDOW_SIZE)?,
            options: element.all(airsync::OPTIONS).collect(),
            commands: commands
                .filter_map(|command| Command::from_wbxml(command).transpose())
                .collect::<Result<_, _>>()?,
        })
    }
}

impl<'a> Command<'a> {
    /// `None` for an element that is no command.
    fn from_wbxml(element: &'a Element) -> Result<Option<Self>, RequestError> {
        let id = || required(element, airsync::SERVER_ID).map(|id| id.trim().to_owned());
        let instance = || element.text_of(easel_wbxml::pages::airsyncbase::INSTANCE_ID).map(|text| text.into_owned());
        let data = || element.child(airsync::APPLICATION_DATA).ok_or(RequestError::Missing(airsync::APPLICATION_DATA));
        Ok(Some(match element.tag {
            airsync::ADD => {
                let client_id = required(element, airsync::CLIENT_ID)?.into_owned();
                if client_id.is_empty() || client_id.chars().count() > 64 {
                    let value = client_id.chars().take(64).collect();
                    return Err(RequestError::Value { tag: airsync::CLIENT_ID, value });
                }
                let class = element.text_of(airsync::CLASS).and_then(|name| Class::parse(&name));
                Self::Add { class, client_id, data: data()? }
            }
            airsync::CHANGE => Self::Change { id: id()?, instance: instance(), data: data()? },
            airsync::DELETE => Self::Delete { id: id()?, instance: instance() },
            airsync::FETCH => Self::Fetch { id: id()? },
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sync(children: impl IntoIterator<Item = Element>) -> Element {
        let collection = Element::of(airsync::COLLECTION, children);
        Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, [collection])])
    }

    #[test]
    fn g04_the_order_of_elements_does_not_matter() {
        let id = || Element::text(airsync::COLLECTION_ID, "f1");
        let key = || Element::text(airsync::SYNC_KEY, "0");
        let class = || Element::text(airsync::CLASS, "Email");
        for order in [[class(), key(), id()], [id(), key(), class()], [key(), id(), class()]] {
            let root = sync(order);
            let request = Request::from_wbxml(&root).unwrap();
            let collection = &request.collections[0];
            assert_eq!((collection.key, collection.id.as_deref()), (Some(SyncKey::Initial), Some("f1")));
            assert_eq!(collection.class, Some(Class::Email));
        }
    }

    #[test]
    fn w12_t07_x06_an_empty_boolean_is_true_and_v02_one_with_a_value_is_read() {
        let read = |text: &str| {
            let root = sync([
                Element::text(airsync::SYNC_KEY, "0"),
                Element::text(airsync::GET_CHANGES, text),
                Element::text(airsync::DELETES_AS_MOVES, text),
            ]);
            let request = Request::from_wbxml(&root).unwrap();
            (request.collections[0].get_changes, request.collections[0].deletes_as_moves)
        };
        assert_eq!(read(""), (Some(true), true));
        assert_eq!(read("1"), (Some(true), true));
        assert_eq!(read("0"), (Some(false), false));
    }

    #[test]
    fn what_makes_no_request_is_refused() {
        let key = || Element::text(airsync::SYNC_KEY, "0");
        let twice = Element::of(airsync::COLLECTION, [key(), Element::text(airsync::COLLECTION_ID, "f1")]);
        let wait = [Element::number(airsync::WAIT, 1), Element::number(airsync::HEARTBEAT_INTERVAL, 60)];
        let fetch = Element::of(airsync::FETCH, [Element::text(airsync::SERVER_ID, "a1")]);
        let many = Element::of(airsync::COMMANDS, vec![fetch; COMMANDS_MAX + 1]);
        for root in [
            Element::new(airsync::SYNC),
            Element::of(airsync::SYNC, [Element::new(airsync::PARTIAL)]),
            Element::of(airsync::SYNC, wait),
            sync([]),
            sync([key(), many]),
            sync([key(), Element::of(airsync::COMMANDS, [Element::new(airsync::DELETE)])]),
            Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, [twice.clone(), twice])]),
        ] {
            assert!(Request::from_wbxml(&root).is_err(), "{root:?}");
        }
    }
}
