//! What the device changed: its commands, one after the other, into writes and answers.
//!
//! MS-ASCMD 2.2.3.32 "Commands". Nothing is written here: every command adds to an [`Edits`], which becomes one change
//! set together with the new key. A command that was carried out in a lost answer is recognised and answered again.

mod done;
mod edits;
mod guests;
mod incoming;
mod last_had;

use easel_items::{Applied, Edit, Ghosting, ItemError, calendar, email};
use easel_protocol::{Class, CollectionId, FolderType, Groups, ServerId, Version, parse_date_time};
use easel_store::{Content, Cursors, Item, Modseq, NewContent, Outcome, OutcomeToken, Snapshot, StoreError, Write};
use easel_wbxml::pages::{airsync, airsyncbase};
use easel_wbxml::{Element, encode};
use sha2::{Digest as _, Sha256};

use self::done::Done;
use self::edits::Edited;
pub(crate) use self::edits::Edits;
pub(crate) use self::guests::guests_told;
use self::incoming::Incoming;
use self::last_had::{changed_by_others, content_seen};
use super::anew;
use super::known::Known;
use super::options::Sticky;
use super::request::Command;
use crate::context::{Context, Failure};
use crate::hierarchy::FolderView;
use crate::submit;

/// Item status. MS-ASCMD 2.2.3.177.17 "Status (Sync)".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ItemStatus {
    /// Done.
    Success = 1,
    /// The item breaks a rule of its class.
    Conversion = 6,
    /// The server's change stays; it is sent in the same answer (K: A36).
    Conflict = 7,
    /// There is no such item.
    NotFound = 8,
    /// The mailbox is full; the device keeps the item and says so.
    Full = 9,
}

/// One collection while its commands run.
pub(crate) struct Client<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) snapshot: &'a dyn Snapshot,
    pub(crate) view: &'a FolderView,
    pub(crate) class: Class,
    pub(crate) sticky: &'a Sticky,
    /// Whether the request says how bodies are wanted: if not, a Fetch means all of them.
    pub(crate) has_options: bool,
    pub(crate) deletes_as_moves: bool,
    /// What the device holds when it sends this.
    pub(crate) cursors: &'a Cursors,
    /// Outcomes of the step whose answer was lost, and, afterwards, of this one too.
    pub(crate) outcomes: Vec<Outcome>,
    /// What goes into Responses.
    pub(crate) responses: Vec<Element>,
    /// Items whose server state is to be sent because it won.
    pub(crate) send: Vec<ServerId>,
    /// Items that the device added though they are there.
    pub(crate) known: Known,
}

impl Client<'_> {
    /// Carries out the commands of the request.
    pub(crate) fn run_all(&mut self, commands: &[Command<'_>], edits: &mut Edits) -> Result<(), Failure> {
        let mut done = Done::default();
        if !self.outcomes.is_empty() {
            let named = commands.iter().filter_map(|command| {
                let (id, token) = named(command)?;
                Some((self.context.ids.parse_item(id).ok()?, token))
            });
            done = Done::of(&self.outcomes, named);
        }
        commands.iter().try_for_each(|command| self.run(command, &mut done, edits))
    }

    /// Carries out one command.
    fn run(&mut self, command: &Command<'_>, done: &mut Done, edits: &mut Edits) -> Result<(), Failure> {
        match command {
            Command::Add { class, client_id, data } => self.add(*class, client_id, data, edits),
            Command::Change { id, instance, data } => {
                let (token, instance) = (change_token(id, instance.as_deref(), data), instance.as_deref());
                self.once(token, done, (airsync::CHANGE, id, instance), |client| {
                    client.change(id, instance, data, edits)
                })
            }
            Command::Delete { id, instance } => {
                let (token, instance) = (delete_token(id, instance.as_deref()), instance.as_deref());
                self.once(token, done, (airsync::DELETE, id, instance), |client| client.delete(id, instance, edits))
            }
            Command::Fetch { id } => self.fetch(id, edits),
        }
    }

    fn add(&mut self, class: Option<Class>, client_id: &str, data: &Element, edits: &mut Edits) -> Result<(), Failure> {
        let token = OutcomeToken::ClientId(client_id.to_owned());
        let outcome = match self.outcomes.iter().find(|outcome| outcome.token == token).cloned() {
            Some(outcome) => outcome,
            None => {
                let (status, item, answer) = match self.added(class, data, edits)? {
                    Ok((item, answer)) => (ItemStatus::Success, Some(item), answer),
                    Err(status) => (status, None, Vec::new()),
                };
                let answer = if answer.is_empty() {
                    Vec::new()
                } else {
                    encode(&Element::of(airsync::APPLICATION_DATA, answer))
                };
                let outcome = Outcome { token, item, status: status as u8, answer };
                self.outcomes.push(outcome.clone());
                outcome
            }
        };
        self.send.extend(outcome.item.filter(|item| self.known.has(*item)));
        let mut response = Element::new(airsync::ADD);
        response.push(Element::text(airsync::CLIENT_ID, client_id));
        if let Some(item) = outcome.item {
            response.push(Element::text(airsync::SERVER_ID, self.context.ids.item(item)));
        }
        response.push(Element::number(airsync::STATUS, outcome.status));
        if let Ok(answer) = easel_wbxml::decode(&outcome.answer) {
            response.push(answer);
        }
        self.responses.push(response);
        Ok(())
    }

    fn added(
        &mut self,
        class: Option<Class>,
        data: &Element,
        edits: &mut Edits,
    ) -> Result<Result<(ServerId, Vec<Element>), ItemStatus>, Failure> {
        // Mail comes by sending, drafts are read-only, and text messages are not kept (K: G46, V17).
        if self.class == Class::Email || class.is_some_and(|class| class != self.class) {
            return Ok(Err(ItemStatus::Conversion));
        }
        if let Some((item, answer)) = self.same_event(data, edits)? {
            // What is stored stays as it is, and is what the device gets.
            self.known.push(item);
            return Ok(Ok((item, answer)));
        }
        let folder = self.view.folders[0];
        let data = match self.incoming(folder, data, None)? {
            Incoming::As(data) => data,
            // The device is told that it was taken; its id names nothing, unless it is put back.
            Incoming::Withheld(reason, data) => {
                let id = self.context.store().reserve_items(self.context.user.id, 1)?;
                edits.writes.push(self.quarantined(folder, (id, None), &Ghosting::None, None, (&reason, &data))?);
                return Ok(Ok((id, Vec::new())));
            }
        };
        let view = self.context.view(self.snapshot, folder, &self.sticky.body)?;
        let none = Ghosting::None;
        let edit = Edit {
            data: &data,
            ghosting: &none,
            base: None,
            shown: &self.sticky.body,
            instance: None,
            delete_instance: false,
        };
        let applied = match easel_items::apply(self.class, None, &edit, &view) {
            Ok(applied) => applied,
            Err(error) => return Ok(Err(self.refused(&error))),
        };
        let Applied { content: Some(content), facts, mut answer, .. } = applied else {
            return Ok(Err(ItemStatus::Conversion));
        };
        let told = self.guests_told(None, Some(&content))?;
        if !edits.take_room(0, content.len() + submit::copies_bytes(&told)) {
            return Ok(Err(ItemStatus::Full));
        }
        let id = self.context.store().reserve_items(self.context.user.id, 1)?;
        answer.extend(self.added_attachments(&data, id));
        edits.writes.extend(told);
        edits.writes.push(Write::AddItem { id, folder, content: NewContent::Object(content), facts });
        Ok(Ok((id, answer)))
    }

    /// The event of the collection that has the UID of a new one, where the profile asks for that (I33); and what the
    /// device is told of it.
    fn same_event(&self, data: &Element, edits: &Edits) -> Result<Option<(ServerId, Vec<Element>)>, Failure> {
        if self.class != Class::Calendar || !self.context.profile().flag("calendar.add_finds_uid") {
            return Ok(None);
        }
        let view = self.context.view(self.snapshot, self.view.folders[0], &self.sticky.body)?;
        for uid in calendar::uids_of_new(data, &view) {
            for id in self.snapshot.by_uid(&uid)? {
                let folder = self.snapshot.folder_of(id)?;
                if folder.is_some_and(|folder| self.view.folders.contains(&folder)) && !edits.removes(id) {
                    return Ok(Some((id, calendar::answer_to_new(&uid, &view))));
                }
            }
        }
        Ok(None)
    }

    /// A Change or Delete: done once, answered only when it failed or has something to tell.
    fn once(
        &mut self,
        token: OutcomeToken,
        done: &mut Done,
        (tag, id, instance): (easel_wbxml::Tag, &str, Option<&str>),
        act: impl FnOnce(&mut Self) -> Result<Result<Vec<Element>, ItemStatus>, Failure>,
    ) -> Result<(), Failure> {
        let item = self.context.ids.parse_item(id).ok();
        let outcome = match item.and_then(|item| done.next(item, &token)) {
            Some(outcome) => outcome,
            None => {
                let (status, answer) = match act(self)? {
                    Ok(answer) if answer.is_empty() => (ItemStatus::Success, Vec::new()),
                    Ok(answer) => (ItemStatus::Success, encode(&Element::of(airsync::APPLICATION_DATA, answer))),
                    Err(status) => (status, Vec::new()),
                };
                let outcome = Outcome { token, item, status: status as u8, answer };
                self.outcomes.push(outcome.clone());
                outcome
            }
        };
        if outcome.status == ItemStatus::Conflict as u8 {
            self.send.extend(item);
        }
        let answer = easel_wbxml::decode(&outcome.answer).ok();
        let tells = answer.is_some()
            || self.context.profile().flag("sync.ack_all")
            || (instance.is_some() && self.context.version >= Version::V16_0);
        if outcome.status != ItemStatus::Success as u8 || tells {
            let mut response = Element::of(tag, [Element::text(airsync::SERVER_ID, id)]);
            response
                .content
                .extend(instance.map(|at| easel_wbxml::Node::Element(Element::text(airsyncbase::INSTANCE_ID, at))));
            response.push(Element::number(airsync::STATUS, outcome.status));
            self.responses.push(response.with_some(answer));
        }
        Ok(())
    }

    fn change(
        &mut self,
        id: &str,
        instance: Option<&str>,
        data: &Element,
        edits: &mut Edits,
    ) -> Result<Result<Vec<Element>, ItemStatus>, Failure> {
        let Some(item) = self.item(id, edits)? else { return Ok(Err(ItemStatus::NotFound)) };
        let data = match self.incoming(item.folder, data, Some(&item))? {
            Incoming::As(data) => data,
            Incoming::Withheld(reason, data) => {
                let place = (item.id, Some(&item));
                edits.writes.push(self.quarantined(item.folder, place, self.ghosting(), instance, (&reason, &data))?);
                return Ok(Ok(Vec::new()));
            }
        };
        match &item.content {
            Content::Mail(_) => self.change_mail(&item, &data, edits),
            Content::Object(_) => self.change_object(&item, instance, &data, false, edits),
        }
    }

    fn change_mail(
        &mut self,
        item: &Item,
        data: &Element,
        edits: &mut Edits,
    ) -> Result<Result<Vec<Element>, ItemStatus>, Failure> {
        let Content::Mail(mail) = &item.content else { return Ok(Err(ItemStatus::NotFound)) };
        let view = self.context.view(self.snapshot, item.folder, &self.sticky.body)?;
        match email::apply(&mail.record, data, &view, &item.facts.subject) {
            Ok((record, groups)) => {
                if !groups.is_empty() {
                    let before = match edits.items.get(&item.id) {
                        Some(Edited::Record(_, groups)) => *groups,
                        Some(Edited::Content(..) | Edited::Gone) | None => Groups::NONE,
                    };
                    edits.items.insert(item.id, Edited::Record(record, groups.and(before)));
                }
                Ok(Ok(Vec::new()))
            }
            Err(error) => Ok(Err(self.refused(&error))),
        }
    }

    fn change_object(
        &mut self,
        item: &Item,
        instance: Option<&str>,
        data: &Element,
        delete_instance: bool,
        edits: &mut Edits,
    ) -> Result<Result<Vec<Element>, ItemStatus>, Failure> {
        let Content::Object(before) = &item.content else { return Ok(Err(ItemStatus::NotFound)) };
        let seen = self.cursors.get(&item.folder).map_or(Modseq(0), |cursor| cursor.w);
        let conflict = item.changed > seen && changed_by_others(self.snapshot, item, seen, self.context.device.key)?;
        if conflict && !self.client_wins() {
            return Ok(Err(ItemStatus::Conflict));
        }
        let base = if conflict { content_seen(self.snapshot, item, seen, self.context.device.key)? } else { None };
        let instance = match instance.map(parse_date_time) {
            None => None,
            Some(Ok(instance)) => Some(instance),
            Some(Err(_)) => return Ok(Err(ItemStatus::Conversion)),
        };
        let edit = Edit {
            data,
            ghosting: self.ghosting(),
            base: base.as_deref(),
            shown: &self.sticky.body,
            instance,
            delete_instance,
        };
        let manner = anew::last_shown(self.sticky, self.cursors, item.id, &self.context.manner, self.class);
        let view = self.context.view_as(&manner, self.snapshot, item.folder, &self.sticky.body)?;
        match easel_items::apply(self.class, Some(before), &edit, &view) {
            Ok(Applied { content: Some(content), facts, changed, mut answer }) => {
                if changed {
                    let told = self.guests_told(Some(before), Some(&content))?;
                    if !edits.take_room(before.len(), content.len() + submit::copies_bytes(&told)) {
                        return Ok(Err(ItemStatus::Full));
                    }
                    edits.writes.extend(told);
                    edits.items.insert(item.id, Edited::Content(content, facts));
                }
                answer.extend(self.added_attachments(data, item.id));
                Ok(Ok(answer))
            }
            Ok(Applied { content: None, .. }) => {
                self.cancel(before, edits)?;
                edits.writes.push(Write::RemoveItem { id: item.id });
                edits.items.insert(item.id, Edited::Gone);
                Ok(Ok(Vec::new()))
            }
            Err(error) => Ok(Err(self.refused(&error))),
        }
    }

    fn guests_told(&self, before: Option<&str>, after: Option<&str>) -> Result<Vec<Write>, StoreError> {
        guests_told(self.context, self.snapshot, self.class, &self.sticky.body, (before, after))
    }

    /// Tells the guests that a meeting is off. Things are removed however full the mailbox is: where there is no room
    /// for the copies, there are none.
    fn cancel(&self, before: &str, edits: &mut Edits) -> Result<(), StoreError> {
        let told = self.guests_told(Some(before), None)?;
        let fits = edits.take_room(before.len(), submit::copies_bytes(&told));
        edits.writes.extend(if fits { told } else { submit::without_copies(told) });
        Ok(())
    }

    /// What a device is told of the attachments it added to an event.
    fn added_attachments(&self, data: &Element, item: ServerId) -> Option<Element> {
        let tells = self.class == Class::Calendar && self.context.version >= Version::V16_0;
        tells.then(|| calendar::added_attachments(data, item)).flatten()
    }

    /// What the absence of a property in a Change means.
    fn ghosting(&self) -> &Ghosting {
        match self.context.profile().text("sync.ghosting") {
            "all-ghosted" => &Ghosting::All,
            "none" => &Ghosting::None,
            _ => &self.sticky.ghosting,
        }
    }

    fn client_wins(&self) -> bool {
        match self.context.profile().text("sync.conflict") {
            "client" => true,
            "server" => false,
            _ => self.sticky.client_wins,
        }
    }

    fn delete(
        &mut self,
        id: &str,
        instance: Option<&str>,
        edits: &mut Edits,
    ) -> Result<Result<Vec<Element>, ItemStatus>, Failure> {
        let Some(item) = self.item(id, edits)? else { return Ok(Err(ItemStatus::NotFound)) };
        if instance.is_some() {
            let nothing = Element::new(airsync::APPLICATION_DATA);
            return self.change_object(&item, instance, &nothing, true, edits);
        }
        if let Content::Object(before) = &item.content {
            self.cancel(before, edits)?;
        }
        match self.trash(&item)? {
            Some(trash) => {
                let new_id = self.context.store().reserve_items(self.context.user.id, 1)?;
                edits.writes.push(Write::MoveItem { id: item.id, to: trash, new_id });
            }
            None => edits.writes.push(Write::RemoveItem { id: item.id }),
        }
        // What was changed before in the same request goes with it.
        edits.items.insert(item.id, Edited::Gone);
        Ok(Ok(Vec::new()))
    }

    /// Where a deleted mail goes; `None` when it is to be removed.
    fn trash(&self, item: &Item) -> Result<Option<CollectionId>, StoreError> {
        if self.class != Class::Email || !self.deletes_as_moves {
            return Ok(None);
        }
        let folders = self.snapshot.folders()?;
        let trash = folders.iter().find(|folder| folder.kind == FolderType::DeletedItems).map(|folder| folder.id);
        Ok(trash.filter(|trash| *trash != item.folder))
    }

    /// A mail that was cut is fetched to read the rest of it (MS-ASCMD 2.2.3.67.2 "Fetch (Sync)"): only Options of the
    /// request itself cut it again.
    fn fetch(&mut self, id: &str, edits: &Edits) -> Result<(), Failure> {
        let body = if self.has_options { self.sticky.body.clone() } else { self.sticky.body.uncut() };
        let mut response = Element::of(airsync::FETCH, [Element::text(airsync::SERVER_ID, id)]);
        let item = if self.class == Class::Email { self.item(id, edits)? } else { None };
        let folder = item.as_ref().map(|item| self.snapshot.folder(item.folder)).transpose()?.flatten();
        let properties = match (&item, &folder) {
            (Some(item), Some(folder)) => self.context.properties(self.snapshot, folder, item, &body)?,
            (None | Some(_), _) => None,
        };
        match properties {
            Some(properties) => {
                response.push(Element::number(airsync::STATUS, ItemStatus::Success as u8));
                response.push(Element::of(airsync::APPLICATION_DATA, properties));
            }
            None => response.push(Element::number(airsync::STATUS, ItemStatus::NotFound as u8)),
        }
        self.responses.push(response);
        Ok(())
    }

    /// The item a device names, as this request has left it so far; only one of this collection.
    fn item(&self, id: &str, edits: &Edits) -> Result<Option<Item>, StoreError> {
        let Ok(id) = self.context.ids.parse_item(id) else { return Ok(None) };
        if edits.removes(id) {
            return Ok(None);
        }
        let item = self.snapshot.item(id)?.filter(|item| self.view.folders.contains(&item.folder));
        Ok(item.map(|item| edits.over(item)))
    }

    fn refused(&self, error: &ItemError) -> ItemStatus {
        tracing::info!(user = self.context.user.id.0, device = self.context.device.key.0, %error, "an item is refused");
        ItemStatus::Conversion
    }
}

/// The item that a Change or Delete names, and by what the command is recognised.
fn named<'c>(command: &'c Command<'_>) -> Option<(&'c str, OutcomeToken)> {
    match command {
        Command::Change { id, instance, data } => Some((id, change_token(id, instance.as_deref(), data))),
        Command::Delete { id, instance } => Some((id, delete_token(id, instance.as_deref()))),
        Command::Add { .. } | Command::Fetch { .. } => None,
    }
}

fn change_token(id: &str, instance: Option<&str>, data: &Element) -> OutcomeToken {
    token(b'C', id, instance, Some(data))
}

fn delete_token(id: &str, instance: Option<&str>) -> OutcomeToken {
    token(b'D', id, instance, None)
}

fn token(kind: u8, id: &str, instance: Option<&str>, data: Option<&Element>) -> OutcomeToken {
    let mut hash = Sha256::new();
    hash.update([kind]);
    for text in [id, instance.unwrap_or_default()] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(data.map(encode).unwrap_or_default());
    let digest = hash.finalize();
    OutcomeToken::Hash(digest[..16].try_into().expect("a digest has 32 bytes"))
}
