//! Items of the mailbox. MS-ASCMD 2.2.3.142.2 "Query (Search)".
//!
//! ```text
//! Query And (Class* CollectionId* ConversationId? FreeText? GreaterThan? LessThan?)     everything must hold
//! ```
//!
//! Without a folder, or with folder 0 (K: O27, A22), all folders of the class are searched, of mail if none is named. A
//! device can be set to search the default folder of the class where it names none: `search.all`.

use easel_protocol::{Class, CollectionId, LongId, ServerId, Version, parse_date_time};
use easel_store::{Query, Snapshot, Term};
use easel_wbxml::pages::{airsync, airsyncbase, email, search as s};
use easel_wbxml::{Element, Tag};

use super::range::Range;
use super::{Found, Status, Stop, free_text, gal};
use crate::context::{Context, Failure};
use crate::hierarchy::{self, FolderView};
use crate::sync::options::{self, OptionsError};

/// The last place that a search reaches.
const LAST_MAX: u64 = 99;
/// The most hits that are counted.
const HITS_MAX: usize = 1000;
/// Folders of a query.
const FOLDERS_MAX: usize = 1000;
/// The folder that means all of them.
const EVERYWHERE: &str = "0";

/// What an item must be.
#[derive(Debug, Default, PartialEq, Eq)]
struct Criteria {
    /// FreeText; `None` when no text was given, and empty when it holds no word, which nothing matches.
    words: Option<Vec<Term>>,
    classes: Vec<Class>,
    collections: Vec<String>,
    conversation: Option<Vec<u8>>,
    after: Option<i64>,
    before: Option<i64>,
}

pub(super) fn search(
    context: &Context<'_>,
    query: &Element,
    options: Option<&Element>,
) -> Result<Result<Found, Stop>, Failure> {
    let criteria = match Criteria::from_wbxml(query, context.version) {
        Ok(criteria) => criteria,
        Err(status) => return Ok(Err(status.into())),
    };
    let range = options.and_then(|options| options.text_of(s::RANGE));
    let asked = match range.map_or(Ok(Range { first: 0, last: LAST_MAX }), |text| gal::cut(&text, LAST_MAX)) {
        Ok(range) => range,
        Err(status) => return Ok(Err(status.into())),
    };
    let empty = Element::new(s::OPTIONS);
    let options = options.unwrap_or(&empty);
    // The unique part of a message is known only within its conversation.
    if options.child(airsyncbase::BODY_PART_PREFERENCE).is_some() && criteria.conversation.is_none() {
        return Ok(Err(Status::InvalidRequest.into()));
    }
    let body = match options::bodies(options) {
        Ok(body) => body,
        Err(OptionsError::Malformed) => return Ok(Err(Status::InvalidRequest.into())),
        Err(OptionsError::Common(status)) => return Ok(Err(Stop::Whole(status))),
    };
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context)?;
    let deep = options.child(s::DEEP_TRAVERSAL).is_some();
    let Some(folders) = criteria.folders(context, &view, deep) else {
        return Ok(Err(Status::FolderSyncRequired.into()));
    };
    let hits = criteria.hits(&*snapshot, &folders)?;
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let wanted = hits.iter().skip(place(asked.first)).take(place(asked.last - asked.first) + 1);
    let mut found = Found { total: hits.len(), ..Found::default() };
    let mut looked_at = 0;
    for id in wanted {
        looked_at += 1;
        found.results.extend(result(context, &*snapshot, &view, *id, &body)?);
    }
    if looked_at > 0 {
        found.range = Some(Range { first: asked.first, last: asked.first + looked_at - 1 });
    } else if context.version >= Version::V14_0 {
        found.results.push(Element::new(s::RESULT));
    }
    Ok(Ok(found))
}

/// One hit; `None` when the device is not to have it.
fn result(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    view: &[FolderView],
    id: ServerId,
    body: &easel_items::BodyPreferences,
) -> Result<Option<Element>, Failure> {
    let Some(item) = snapshot.item(id)? else { return Ok(None) };
    let Some(folder) = snapshot.folder(item.folder)? else { return Ok(None) };
    let Some(shown) = view.iter().find(|shown| shown.folders.contains(&item.folder)) else { return Ok(None) };
    let Some(class) = shown.class() else { return Ok(None) };
    let Some(properties) = context.properties(snapshot, &folder, &item, body)? else { return Ok(None) };
    Ok(Some(Element::of(
        s::RESULT,
        [
            Element::text(airsync::CLASS, class.name()),
            Element::text(s::LONG_ID, LongId { item: id }.to_string()),
            Element::text(airsync::COLLECTION_ID, context.ids.folder(shown.id)),
            Element::of(s::PROPERTIES, properties),
        ],
    )))
}

impl Criteria {
    fn from_wbxml(query: &Element, version: Version) -> Result<Self, Status> {
        const INSIDE: [Tag; 6] =
            [airsync::CLASS, airsync::COLLECTION_ID, s::CONVERSATION_ID, s::FREE_TEXT, s::GREATER_THAN, s::LESS_THAN];
        let mut all = query.all(s::AND);
        let (and, second) = (all.next(), all.next());
        let stray = query.children().any(|child| child.tag == s::OR || INSIDE.contains(&child.tag));
        let Some(and) = and.filter(|_| second.is_none() && !stray) else {
            return Err(if query.children().next().is_none() { Status::InvalidRequest } else { Status::TooComplex });
        };
        let mut criteria = Self::default();
        for child in and.children() {
            criteria.take(child, version)?;
        }
        if criteria == Self::default() { Err(Status::InvalidRequest) } else { Ok(criteria) }
    }

    fn take(&mut self, child: &Element, version: Version) -> Result<(), Status> {
        match child.tag {
            airsync::CLASS => {
                let class = Class::parse(child.value().trim()).ok_or(Status::InvalidRequest)?;
                let young = matches!(class, Class::Notes | Class::Sms) && version < Version::V14_0;
                self.classes.push(Some(class).filter(|_| !young).ok_or(Status::InvalidRequest)?);
            }
            airsync::COLLECTION_ID => self.collections.push(child.value().trim().to_owned()),
            s::AND | s::OR => return Err(Status::TooComplex),
            s::CONVERSATION_ID if version >= Version::V14_0 => {
                once(&mut self.conversation, child.bytes().into_owned())?
            }
            s::FREE_TEXT => once(&mut self.words, free_text::terms(&child.value()))?,
            s::GREATER_THAN => once(&mut self.after, date(child)?)?,
            s::LESS_THAN => once(&mut self.before, date(child)?)?,
            // Properties of a class cannot be asked for here.
            _ => return Err(Status::InvalidRequest),
        }
        let many = self.collections.len() > FOLDERS_MAX || self.classes.len() > Class::FOLDERS.len() + 1;
        if many { Err(Status::TooComplex) } else { Ok(()) }
    }

    /// The folders to search; `None` when one is named that the device cannot know.
    fn folders(&self, context: &Context<'_>, view: &[FolderView], deep: bool) -> Option<Vec<CollectionId>> {
        let unnamed = self.collections.is_empty();
        let default_only = unnamed && !context.profile().flag("search.all");
        let everywhere = unnamed || self.collections.iter().any(|id| id == EVERYWHERE);
        let named: Vec<CollectionId> = self
            .collections
            .iter()
            .filter(|id| *id != EVERYWHERE)
            .map(|id| context.ids.parse_folder(id).ok().filter(|id| view.iter().any(|folder| folder.id == *id)))
            .collect::<Option<_>>()?;
        let mail = [Class::Email];
        let classes = if self.classes.is_empty() && everywhere { &mail[..] } else { &self.classes };
        let of_class =
            |folder: &FolderView| classes.is_empty() || folder.class().is_some_and(|class| classes.contains(&class));
        let is_named =
            |folder: &FolderView| everywhere || named.contains(&folder.id) || (deep && lies_in(view, folder, &named));
        let in_range = |folder: &FolderView| !default_only || folder.kind.is_default();
        let searched = view.iter().filter(|folder| of_class(folder) && is_named(folder) && in_range(folder));
        Some(searched.flat_map(|folder| folder.folders.iter().copied()).collect())
    }

    fn hits(&self, snapshot: &dyn Snapshot, folders: &[CollectionId]) -> Result<Vec<ServerId>, Failure> {
        let conversation = self.conversation.as_ref().map(|id| <[u8; 16]>::try_from(id.as_slice()).ok());
        let impossible =
            folders.is_empty() || conversation == Some(None) || self.words.as_ref().is_some_and(Vec::is_empty);
        if impossible {
            return Ok(Vec::new());
        }
        Ok(snapshot.search(&Query {
            words: self.words.clone().unwrap_or_default(),
            folders: folders.to_vec(),
            classes: Vec::new(),
            conversation: conversation.flatten(),
            after: self.after,
            before: self.before,
            limit: HITS_MAX,
        })?)
    }
}

/// A criterion that may be given once.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Status> {
    if place.replace(value).is_some() { Err(Status::TooComplex) } else { Ok(()) }
}

/// The date of a comparison, the only property that can be compared. Value stands beside DateReceived, or inside it.
fn date(comparison: &Element) -> Result<i64, Status> {
    let received = comparison.child(email::DATE_RECEIVED).ok_or(Status::InvalidRequest)?;
    let value = comparison.text_of(s::VALUE).or_else(|| received.text_of(s::VALUE)).ok_or(Status::InvalidRequest)?;
    parse_date_time(&value).map(jiff::Timestamp::as_millisecond).map_err(|_| Status::InvalidRequest)
}

/// Whether a folder lies below one of `roots`.
fn lies_in(view: &[FolderView], folder: &FolderView, roots: &[CollectionId]) -> bool {
    let mut above = folder.parent;
    // A tree is no deeper than it has folders.
    for _ in 0..view.len() {
        let Some(id) = above else { return false };
        if roots.contains(&id) {
            return true;
        }
        above = view.iter().find(|other| other.id == id).and_then(|other| other.parent);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn and(children: impl IntoIterator<Item = Element>) -> Element {
        Element::of(s::QUERY, [Element::of(s::AND, children)])
    }

    fn text(text: &str) -> Element {
        Element::text(s::FREE_TEXT, text)
    }

    fn read(query: &Element) -> Result<Criteria, Status> {
        Criteria::from_wbxml(query, Version::V14_1)
    }

    #[test]
    fn a_value_is_found_beside_the_date_or_inside_it() {
        let value = || Element::text(s::VALUE, "2026-03-01T12:00:00.000Z");
        let beside = Element::of(s::GREATER_THAN, [Element::new(email::DATE_RECEIVED), value()]);
        let inside = Element::of(s::GREATER_THAN, [Element::of(email::DATE_RECEIVED, [value()])]);
        assert_eq!(read(&and([beside])).unwrap(), read(&and([inside])).unwrap());
    }

    #[test]
    fn a_query_that_is_no_single_and_is_too_complex() {
        let or = Element::of(s::QUERY, [Element::of(s::OR, [text("a")])]);
        let two = Element::of(s::QUERY, [Element::of(s::AND, [text("a")]), Element::of(s::AND, [text("b")])]);
        let stray = Element::of(s::QUERY, [text("a"), Element::of(s::AND, [text("b")])]);
        for query in [or, two, stray, and([Element::of(s::AND, [text("a")])]), and([text("a"), text("b")])] {
            assert_eq!(read(&query), Err(Status::TooComplex), "{query:?}");
        }
    }

    #[test]
    fn a_query_names_so_many_folders_and_no_more() {
        let folders = |count| and(vec![Element::text(airsync::COLLECTION_ID, "f1"); count]);
        assert_eq!(read(&folders(FOLDERS_MAX)).unwrap().collections.len(), FOLDERS_MAX);
        assert_eq!(read(&folders(FOLDERS_MAX + 1)), Err(Status::TooComplex));
    }

    #[test]
    fn a_query_that_asks_nothing_or_what_nobody_knows_is_invalid() {
        let date = Element::of(s::LESS_THAN, [Element::new(email::DATE_RECEIVED), Element::text(s::VALUE, "soon")]);
        let other = Element::of(s::LESS_THAN, [Element::new(email::SUBJECT), Element::text(s::VALUE, "a")]);
        for query in [
            Element::new(s::QUERY),
            and([]),
            and([Element::text(airsync::CLASS, "Journal")]),
            and([Element::text(email::SUBJECT, "a")]),
            and([date]),
            and([other]),
        ] {
            assert_eq!(read(&query), Err(Status::InvalidRequest), "{query:?}");
        }
        let notes = and([Element::text(airsync::CLASS, "Notes")]);
        assert_eq!(Criteria::from_wbxml(&notes, Version::V12_1), Err(Status::InvalidRequest));
    }
}
