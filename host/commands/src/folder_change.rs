//! What the pack makes of a folder command before the command is read: some devices ask for a place or a type that makes
//! no sense (I20, O18, O33).

use std::borrow::Cow;

use easel_plugin::hooks::{FolderChange, FolderEdit, FolderOperation, FolderVerdict, Hook};
use easel_protocol::FolderType;
use easel_store::StoreError;
use easel_wbxml::pages::folder_hierarchy as fh;
use easel_wbxml::{Element, Tag};

use crate::context::{Context, hook_folder};
use crate::hierarchy::FolderView;
use crate::hierarchy_state::HierarchyState;

/// The request as the pack would have it; `None` when it refuses it.
pub(crate) fn mended<'a>(
    context: &Context<'_>,
    operation: FolderOperation,
    root: &'a Element,
) -> Result<Option<Cow<'a, Element>>, StoreError> {
    if !context.asked.plugin().answers(Hook::FolderChange) {
        return Ok(Some(Cow::Borrowed(root)));
    }
    let snapshot = context.store().snapshot(context.user.id)?;
    let state = HierarchyState::read(&*snapshot, context.device.key, context.ids)?;
    let known = |tag: Tag| -> Option<&FolderView> {
        let id = context.ids.parse_folder(&root.text_of(tag)?).ok()?;
        state.as_ref()?.after.iter().find(|folder| folder.id == id)
    };
    let (current, parent) = (known(fh::SERVER_ID), known(fh::PARENT_ID));
    let text = |tag: Tag| root.text_of(tag).map(|text| text.trim().to_owned()).unwrap_or_default();
    let change = FolderChange {
        operation,
        current: current.map(|folder| hook_folder(folder.kind)),
        current_name: current.map(|folder| folder.name.clone()).unwrap_or_default(),
        parent: parent.map(|folder| hook_folder(folder.kind)),
        same_parent: current.is_some_and(|folder| folder.parent == parent.map(|parent| parent.id)),
        display_name: text(fh::DISPLAY_NAME),
        kind: text(fh::TYPE).parse().unwrap_or(0),
    };
    let edits = match context.asked.folder_change(&context.hook(None), &change) {
        None => return Ok(Some(Cow::Borrowed(root))),
        Some(FolderVerdict::Refuse(reason)) => {
            tracing::info!(user = context.user.id.0, device = context.device.key.0, reason, "a pack refuses a change");
            return Ok(None);
        }
        Some(FolderVerdict::Edit(edits)) => edits,
    };
    let trash = state.iter().flat_map(|state| &state.after).find(|folder| folder.kind == FolderType::DeletedItems);
    let mut mended = root.clone();
    for edit in edits {
        match (edit, trash) {
            (FolderEdit::DisplayName(name), _) => put(&mut mended, fh::DISPLAY_NAME, name),
            (FolderEdit::Kind(kind), _) => put(&mut mended, fh::TYPE, kind.to_string()),
            (FolderEdit::ToRoot, _) => put(&mut mended, fh::PARENT_ID, "0".to_owned()),
            (FolderEdit::ToTrash, Some(trash)) => put(&mut mended, fh::PARENT_ID, context.ids.folder(trash.id)),
            // A device without such a folder is served as it asked.
            (FolderEdit::ToTrash, None) => {}
        }
    }
    Ok(Some(Cow::Owned(mended)))
}

/// Writes a child, in the place of the one that is there; one that is not there is not missing.
fn put(root: &mut Element, tag: Tag, text: String) {
    for node in &mut root.content {
        if let easel_wbxml::Node::Element(child) = node
            && child.tag == tag
        {
            *child = Element::text(tag, text);
            return;
        }
    }
}
