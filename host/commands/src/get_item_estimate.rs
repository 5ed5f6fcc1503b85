//! GetItemEstimate: how many entries the next Sync would send.
//!
//! MS-ASCMD 2.2.1.9 "GetItemEstimate"; tags on code page 6. It changes no state. The order of elements differs between
//! versions and is not looked at (K: W02).

use easel_plugin::hooks::{Recovery, Symptom};
use easel_protocol::{Class, CommonStatus, SyncKey, Version};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, get_item_estimate as gie};

use crate::context::{Context, Failure, RequestError, number};
use crate::{Answer, Reply, hierarchy, recovery, sync};

/// Collections in one request.
const COLLECTIONS_MAX: usize = 1000;
/// An estimate is not counted further.
const ESTIMATE_MAX: usize = 10_000;

/// One collection of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    id: Option<String>,
    class: Option<Class>,
    /// `None` for text that is no key of ours.
    key: Option<SyncKey>,
    filter: Option<u8>,
}

/// What the device sends.
pub(crate) fn from_wbxml(root: &Element) -> Result<Vec<Collection>, RequestError> {
    let collections = root.child(gie::COLLECTIONS).ok_or(RequestError::Missing(gie::COLLECTIONS))?;
    let read: Vec<Collection> =
        collections.all(gie::COLLECTION).map(Collection::from_wbxml).collect::<Result<_, _>>()?;
    if read.len() > COLLECTIONS_MAX {
        return Err(RequestError::TooMany(gie::COLLECTION));
    }
    Ok(read)
}

impl Collection {
    fn from_wbxml(element: &Element) -> Result<Self, RequestError> {
        let text = |tags: [easel_wbxml::Tag; 2]| tags.into_iter().find_map(|tag| element.text_of(tag));
        let options = element.child(airsync::OPTIONS);
        let filter = match options {
            Some(options) => number(options, airsync::FILTER_TYPE)?,
            None => number(element, airsync::FILTER_TYPE)?,
        };
        let wrong = |filter: u32| RequestError::Value { tag: airsync::FILTER_TYPE, value: filter.to_string() };
        let filter = filter.map(|n| u8::try_from(n).ok().filter(|n| *n <= 8).ok_or_else(|| wrong(n))).transpose()?;
        let class = text([airsync::CLASS, gie::CLASS]).or_else(|| options.and_then(|o| o.text_of(airsync::CLASS)));
        Ok(Self {
            id: text([gie::COLLECTION_ID, airsync::COLLECTION_ID]).map(|id| id.trim().to_owned()),
            class: class.and_then(|name| Class::parse(&name)),
            key: element.text_of(airsync::SYNC_KEY).and_then(|key| SyncKey::parse(&key).ok()),
            filter,
        })
    }
}

/// MS-ASCMD 2.2.3.177.8 "Status (GetItemEstimate)".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 1,
    /// There is no such collection.
    InvalidCollection = 2,
    /// The collection was never synchronised.
    NotPrimed = 3,
    /// The key is not the current one.
    InvalidSyncKey = 4,
}

/// Answers with one Response a collection.
pub(crate) fn handle(context: &Context<'_>, collections: &[Collection]) -> Result<Reply, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context)?;
    let lenient = context.profile().text("sync.estimate_badkey") == "ok1";
    let mut root = Element::new(gie::GET_ITEM_ESTIMATE);
    for asked in collections {
        let id = asked.id.as_deref().and_then(|id| context.ids.parse_folder(id).ok());
        let default = asked.class.map(easel_protocol::FolderType::default_for);
        let folder = match &asked.id {
            Some(_) => view.iter().find(|folder| Some(folder.id) == id),
            None => view.iter().find(|folder| Some(folder.kind) == default),
        };
        let Some(folder) = folder else {
            root.push(Element::of(gie::RESPONSE, [Element::number(gie::STATUS, Status::InvalidCollection as u8)]));
            continue;
        };
        let waiting = sync::waiting(context, &*snapshot, folder, asked.filter, ESTIMATE_MAX)?;
        let mut lenient = lenient;
        if waiting.as_ref().is_some_and(|(state, _)| asked.key != Some(state.key())) {
            let advised = recovery::seen(context, Symptom::UnknownKey, Some(folder));
            if let Some(reply) = recovery::carry_out(context, advised)? {
                return Ok(reply);
            }
            lenient &= advised != Recovery::ResyncFolder;
        }
        let (status, estimate) = match waiting {
            Some((state, count)) if asked.key == Some(state.key()) => (Status::Success, count),
            // Devices never synchronise what is estimated at 0 and ignore the status: they get 1, and Sync tells them
            // (K: W01, A15).
            Some(_) | None if lenient => (Status::Success, 1),
            Some(_) => (Status::InvalidSyncKey, 0),
            None => (Status::NotPrimed, 0),
        };
        let mut response = Element::of(gie::RESPONSE, [Element::number(gie::STATUS, status as u8)]);
        if status == Status::Success {
            let mut collection = Element::new(gie::COLLECTION);
            if let Some(class) = folder.class().filter(|_| context.version <= Version::V12_1) {
                collection.push(Element::text(gie::CLASS, class.name()));
            }
            collection.push(Element::text(gie::COLLECTION_ID, context.ids.folder(folder.id)));
            let estimate = u32::try_from(estimate).expect("bounded above");
            collection.push(Element::number(gie::ESTIMATE, estimate));
            response.push(collection);
        }
        root.push(response);
    }
    Ok(Answer::wbxml(&root).into())
}

/// A request that cannot be obeyed.
pub(crate) fn failure(context: &Context<'_>, failure: &Failure) -> Reply {
    let status = match failure {
        Failure::Request(_) => CommonStatus::InvalidXml,
        Failure::Store(_) => CommonStatus::ServerError,
    };
    context.refuse(status, gie::GET_ITEM_ESTIMATE, gie::STATUS)
}
