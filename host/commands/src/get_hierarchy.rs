//! GetHierarchy: the mail folders, up to 12.1.
//!
//! MS-ASCMD 2.2.1.9 "GetHierarchy"; tags on code page 7, FolderHierarchy. The request has no body; a failure is
//! HTTP 500.

use easel_protocol::Class;
use easel_wbxml::Element;
use easel_wbxml::pages::folder_hierarchy as fh;

use crate::context::{Context, Failure};
use crate::hierarchy::{self, FolderView};
use crate::{Answer, Reply};

/// Answers with every mail folder of the device's view.
pub(crate) fn handle(context: &Context<'_>) -> Result<Reply, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let view = hierarchy::view(&*snapshot, context)?;
    let mail = |folder: &&FolderView| folder.class() == Some(Class::Email);
    let shown = view.iter().filter(mail).map(|folder| {
        // A parent that is no mail folder is not in the list.
        let parent = folder.parent.filter(|parent| view.iter().filter(mail).any(|other| other.id == *parent));
        let parent = parent.map_or_else(|| "0".to_owned(), |parent| context.ids.folder(parent));
        Element::of(
            fh::FOLDER,
            [
                Element::text(fh::DISPLAY_NAME, folder.name.as_str()),
                Element::text(fh::SERVER_ID, context.ids.folder(folder.id)),
                Element::number(fh::TYPE, folder.told.number()),
                Element::text(fh::PARENT_ID, parent),
            ],
        )
    });
    Ok(Answer::wbxml(&Element::of(fh::FOLDERS, shown)).into())
}
