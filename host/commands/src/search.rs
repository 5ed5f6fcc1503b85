//! Search: people in the address list, items in the mailbox.
//!
//! MS-ASCMD 2.2.1.16 "Search"; tags on code pages 15, Search, and 16, GAL.
//!
//! The device names a store ([`gal`], [`mailbox`], or a document library, which this server does not have), a query and
//! a range, and gets a page of results with their number. Nothing is cached between pages: each is searched anew, so
//! RebuildResults is always obeyed.

mod free_text;
mod gal;
mod mailbox;
pub(crate) mod range;

use easel_protocol::{CommonStatus, Version};
use easel_wbxml::Element;
use easel_wbxml::pages::{document_library, search as s};

use self::range::Range;
use crate::context::{Context, Failure, RequestError, required};
use crate::{Answer, Reply};

/// What the device sends.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    store: Store,
    query: &'a Element,
    options: Option<&'a Element>,
}

/// Where to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    DocumentLibrary,
    Gal,
    Mailbox,
    Unknown,
}

impl<'a> Request<'a> {
    pub(crate) fn from_wbxml(root: &'a Element) -> Result<Self, RequestError> {
        let element = root.child(s::STORE).ok_or(RequestError::Missing(s::STORE))?;
        let store = match required(element, s::NAME)?.trim().to_ascii_lowercase().as_str() {
            "documentlibrary" | "document library" => Store::DocumentLibrary,
            "gal" => Store::Gal,
            "mailbox" => Store::Mailbox,
            _ => Store::Unknown,
        };
        let query = element.child(s::QUERY).ok_or(RequestError::Missing(s::QUERY))?;
        Ok(Self { store, query, options: element.child(s::OPTIONS) })
    }
}

/// What the device gets.
#[derive(Debug)]
pub(crate) enum Response {
    /// A page of results.
    Found(Found),
    /// The search is not carried out.
    Refused(Status),
    /// The whole request is refused.
    RefusedWhole(CommonStatus),
    /// Our side failed: the status stands in the root.
    Failed,
}

/// A page of results.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Each a Result.
    results: Vec<Element>,
    /// Which of all they are; `None` when there is none.
    range: Option<Range>,
    /// How many there are in all, as far as that is known.
    total: usize,
}

/// MS-ASCMD 2.2.3.177.15 "Status (Search)", of the store; in the root stands 1, or [`Status::ServerError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 1,
    /// The request breaks a rule; the device must not send it again.
    InvalidRequest = 2,
    /// Our side failed; the device tries again later.
    ServerError = 3,
    /// A link without a target.
    BadLink = 4,
    /// There is no such document.
    NotFound = 6,
    /// A query of a form that is not served: the device makes it simpler.
    TooComplex = 8,
    /// The device does not know the tree of folders as it is: it runs FolderSync.
    FolderSyncRequired = 11,
    /// The range begins where no search reaches: the device asks its owner for a narrower query.
    EndOfRange = 12,
}

/// Searches the store that the device names.
pub(crate) fn handle(context: &Context<'_>, request: &Request<'_>) -> Result<Response, Failure> {
    let found = match request.store {
        Store::Gal => gal::search(context, &request.query.value(), request.options)?,
        Store::Mailbox if context.version >= Version::V12_0 => {
            mailbox::search(context, request.query, request.options)?
        }
        // K: A49. A clean status; there are no documents.
        Store::DocumentLibrary if context.version >= Version::V12_0 => Err(Stop::Store(documents(request.query))),
        Store::DocumentLibrary | Store::Mailbox | Store::Unknown => Err(Stop::Store(Status::InvalidRequest)),
    };
    Ok(match found {
        Ok(found) => Response::Found(found),
        Err(Stop::Store(status)) => Response::Refused(status),
        Err(Stop::Whole(status)) => Response::RefusedWhole(status),
    })
}

/// Why there is no page.
#[derive(Debug)]
enum Stop {
    Store(Status),
    Whole(CommonStatus),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Store(status)
    }
}

fn documents(query: &Element) -> Status {
    match query.child(s::EQUAL_TO).map(|equal| (equal.child(document_library::LINK_ID), equal.text_of(s::VALUE))) {
        Some((Some(_), Some(link))) if link.trim().is_empty() => Status::BadLink,
        Some((Some(_), Some(_))) => Status::NotFound,
        Some(_) | None => Status::InvalidRequest,
    }
}

impl From<&Failure> for Response {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Request(_) => Self::Refused(Status::InvalidRequest),
            Failure::Store(_) => Self::Failed,
        }
    }
}

impl Response {
    pub(crate) fn reply(&self, context: &Context<'_>) -> Reply {
        let store = match self {
            Self::Failed => {
                let status = Element::number(s::STATUS, Status::ServerError as u8);
                return Answer::wbxml(&Element::of(s::SEARCH, [status])).into();
            }
            Self::RefusedWhole(status) => return context.refuse(*status, s::SEARCH, s::STATUS),
            Self::Refused(status) => Element::of(s::STORE, [Element::number(s::STATUS, *status as u8)]),
            Self::Found(found) => found.to_wbxml(),
        };
        let status = Element::number(s::STATUS, Status::Success as u8);
        Answer::wbxml(&Element::of(s::SEARCH, [status, Element::of(s::RESPONSE, [store])])).into()
    }
}

impl Found {
    /// K: A21, G30. Range and Total are always there when there is a result.
    fn to_wbxml(&self) -> Element {
        let mut store = Element::of(s::STORE, [Element::number(s::STATUS, Status::Success as u8)]);
        store.extend(self.results.iter().cloned());
        store.extend(self.range.map(|range| Element::text(s::RANGE, range.to_string())));
        store.push(Element::number(s::TOTAL, u32::try_from(self.total).unwrap_or(u32::MAX)));
        store
    }
}
