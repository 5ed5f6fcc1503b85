//! What a device is told: one part a collection.

use easel_protocol::{Class, ServerId, SyncKey, Version};
use easel_wbxml::pages::airsync;
use easel_wbxml::{Element, Encoder, Fragment};

use super::Status;
use super::request::Collection;
use crate::context::Context;
use crate::{Answer, Reply};

/// What is said of one collection.
#[derive(Debug)]
pub(crate) struct CollectionAnswer {
    pub(crate) head: Head,
    pub(crate) responses: Vec<Element>,
    /// The entries of Commands, encoded, with the items they are about.
    pub(crate) entries: Vec<(ServerId, Fragment)>,
    /// Whether the device must hear of it.
    pub(crate) news: bool,
}

/// What an answer says of a collection beside responses and entries.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) class: Option<Class>,
    pub(crate) key: String,
    pub(crate) status: Status,
    pub(crate) more: bool,
}

/// A collection that is told a status and nothing else.
pub(crate) fn failed(collection: &Collection<'_>, status: Status) -> CollectionAnswer {
    let key = match (status, collection.key) {
        (Status::InvalidSyncKey, _) | (_, None) => SyncKey::Initial,
        (_, Some(key)) => key,
    };
    CollectionAnswer {
        head: Head {
            id: collection.id.clone().unwrap_or_default(),
            class: collection.class,
            key: key.to_string(),
            status,
            more: false,
        },
        responses: Vec::new(),
        entries: Vec::new(),
        news: true,
    }
}

/// Nothing to say: nothing at all from 12.1 on, the keys once more before (K: G03).
pub(crate) fn nothing(context: &Context<'_>, answers: &[CollectionAnswer]) -> Reply {
    let empty = match context.profile().text("sync.empty_sync") {
        "full" => false,
        "zero_byte" => true,
        _ => context.version >= Version::V12_1,
    };
    // An empty Collections crashes devices (K: I11).
    if empty || answers.is_empty() { Answer::empty().into() } else { written(context, answers) }
}

/// The answer, collections without news left out where the version allows it.
pub(crate) fn written(context: &Context<'_>, answers: &[CollectionAnswer]) -> Reply {
    let news = answers.iter().any(|answer| answer.news);
    let mut encoder = Encoder::new();
    begin(&mut encoder);
    for answer in answers.iter().filter(|answer| answer.news || !news || context.version < Version::V12_1) {
        answer.write(&mut encoder, context.version);
    }
    end(&mut encoder);
    Answer::encoded(encoder.take()).into()
}

/// Opens the answer as far as the first collection.
pub(crate) fn begin(encoder: &mut Encoder) {
    encoder.start(airsync::SYNC);
    encoder.start(airsync::COLLECTIONS);
}

/// Closes what [`begin`] opened.
pub(crate) fn end(encoder: &mut Encoder) {
    encoder.end();
    encoder.end();
}

impl CollectionAnswer {
    fn write(&self, encoder: &mut Encoder, version: Version) {
        self.head.write(encoder, version, &self.responses);
        if !self.entries.is_empty() {
            encoder.start(airsync::COMMANDS);
            self.entries.iter().for_each(|(_, entry)| encoder.fragment(entry));
            encoder.end();
        }
        encoder.end();
    }
}

impl Head {
    /// Opens the collection and writes all that stands before Commands: Class up to 12.0 and not after (K: G02),
    /// Responses before Commands (K: P03), both only with content (K: G05).
    pub(crate) fn write(&self, encoder: &mut Encoder, version: Version, responses: &[Element]) {
        encoder.start(airsync::COLLECTION);
        if let Some(class) = self.class.filter(|_| version <= Version::V12_0) {
            encoder.leaf(airsync::CLASS, class.name());
        }
        encoder.leaf(airsync::SYNC_KEY, &self.key);
        if !self.id.is_empty() {
            encoder.leaf(airsync::COLLECTION_ID, &self.id);
        }
        encoder.leaf(airsync::STATUS, &(self.status as u8).to_string());
        if !responses.is_empty() {
            encoder.start(airsync::RESPONSES);
            responses.iter().for_each(|response| encoder.element(response));
            encoder.end();
        }
        if self.more {
            encoder.leaf(airsync::MORE_AVAILABLE, "");
        }
    }
}
