//! One conversation: requests are carried out one after the other.

use std::sync::Arc;

use easel_store::{Backup, LeftOut};

use super::office::{Office, Refusal};
use super::recording::Recorded;
use super::{
    DeviceOrder, LoginName, PROTOCOL, PackOrder, QueueOrder, Reply, Request, address_list, app_passwords, devices,
    mailbox, packs, queue, recording, top, users,
};
use crate::import::{Intake, Taken};
use crate::packs::PackListening;

/// Carries out requests, in whichever process owns the data directory.
#[derive(Debug)]
pub(crate) struct Session {
    office: Arc<Office>,
    /// Pieces of the next thing taken in.
    pieces: Vec<u8>,
    /// Whether the thing whose pieces come is over the bound; its pieces are dropped.
    over: bool,
    intake: Option<Intake>,
    /// Held by a conversation that follows what packs write.
    listening: Option<PackListening>,
    /// Held by a conversation that makes a backup, until it is ended.
    backup: Option<Box<dyn Backup>>,
    /// Held by a conversation that follows a device.
    recorded: Option<Recorded>,
}

impl Session {
    pub(crate) fn new(office: Arc<Office>) -> Self {
        Self { office, pieces: Vec::new(), over: false, intake: None, listening: None, backup: None, recorded: None }
    }

    /// Carries out a request.
    pub(crate) fn answer(&mut self, request: Request, body: Vec<u8>) -> (Reply, Vec<u8>) {
        let change = change(&request);
        let answer = self.carry_out(request, body);
        if let Some((what, whose)) = change {
            tracing::info!(what, whose, done = answer.is_ok(), "an administrator's change");
        }
        match answer {
            Ok(answer) => answer,
            Err(Refusal(reason)) => (Reply::Refused { reason }, Vec::new()),
        }
    }

    fn carry_out(&mut self, request: Request, body: Vec<u8>) -> Result<(Reply, Vec<u8>), Refusal> {
        let office = &self.office;
        let reply = match request {
            Request::Hello { .. } => Reply::Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() },
            Request::Status => office.status(),
            Request::ProbeOpen { secs } => office.open_probe(secs)?,
            Request::TenantAdd { name } => users::add_tenant(office, &name)?,
            Request::TenantList => users::list_tenants(office)?,
            Request::UserAdd { login, user, password } => users::add(office, &login, user, &password, body)?,
            Request::UserList { tenant } => users::list(office, tenant.as_deref())?,
            Request::UserPassword { login, password } => users::set_password(office, &login, &password)?,
            Request::AppPasswordAdd { login, name, device } => {
                app_passwords::add(office, &login, name, device.as_deref())?
            }
            Request::AppPasswordList { login } => app_passwords::list(office, &login)?,
            Request::AppPasswordRevoke { login, which } => app_passwords::revoke(office, &login, &which)?,
            Request::UserRemove { login } => users::remove(office, &login)?,
            Request::UserSet { login, changes } => users::set(office, &login, changes, body)?,
            Request::DeviceList { login } => devices::list(office, login.as_ref())?,
            Request::DeviceDo { login, device, order } => devices::order(office, &login, &device, &order)?,
            Request::DeviceWithheld { login, device } => devices::withheld(office, &login, &device)?,
            Request::DeviceRestore { login, device, number } => devices::restore(office, &login, &device, number)?,
            Request::TraceBegin { device, minutes, full } => {
                self.recorded = Some(recording::begin(office, &device, minutes, full)?);
                Reply::Done
            }
            Request::Top => top::list(office)?,
            Request::TraceNext => recording::next(office, self.recorded.as_ref())?,
            Request::QueueList { after } => queue::list(office, after)?,
            Request::QueueDo { number, order } => queue::order(office, number, order)?,
            Request::PackList => packs::list(office)?,
            Request::PackInstall { name, signature, allow_unsigned } => {
                let bytes = self.finish_pieces(&body);
                packs::install(&self.office, &name, bytes, signature.as_deref(), allow_unsigned)?
            }
            Request::PackDo { id, order } => packs::order(office, &id, order)?,
            Request::PackPin { device, pack } => packs::pin(office, &device, pack.as_deref())?,
            Request::PackLogKeep { minutes } => packs::keep_lines(office, minutes)?,
            Request::PackLogListen => {
                if self.listening.is_none() {
                    self.listening = Some(packs::listen(office)?);
                }
                Reply::Done
            }
            Request::PackLogRead { pack, after, wait } => packs::lines(office, pack.as_deref(), after, wait)?,
            Request::Guides => packs::guides(office)?,
            Request::BackupBegin => {
                self.backup = None;
                self.backup = Some(office.store.backup(office.now().as_millisecond())?);
                Reply::Done
            }
            Request::BackupRead => {
                let backup = self.backup.as_mut().ok_or_else(no_backup)?;
                return Ok((Reply::Done, backup.piece()?));
            }
            Request::BackupEnd => {
                let backup = self.backup.take().ok_or_else(no_backup)?;
                let LeftOut { mails, lost, unreadable } = backup.left_out();
                let left_out = mails.iter().map(ToString::to_string).collect();
                Reply::BackupMade { left_out, lost: *lost, unreadable: *unreadable }
            }
            Request::AddressListPut { tenant, entry } => address_list::put(office, &tenant, *entry, body)?,
            Request::FolderOpen { login, path, class } => mailbox::open(office, &login, &path, class)?,
            Request::Folders { login } => mailbox::folders(office, &login)?,
            Request::Items { login, folder } => mailbox::items(office, &login, folder)?,
            Request::Read { login, item, offset } => return mailbox::read(office, &login, item, offset),
            Request::ImportBegin { login, over_quota } => {
                let user = office.user(&login)?;
                let intake = Intake::new(Arc::clone(office), login, user, over_quota);
                let bytes = intake.room()?;
                self.intake = Some(intake);
                Reply::Room { bytes }
            }
            Request::ImportPiece => {
                self.add_piece(&body);
                Reply::Done
            }
            Request::ImportMail { login, number, folder, state } => {
                let bytes = self.finish_pieces(&body);
                self.intake_for(&login)?.take(Taken::Mail { number, folder, state, bytes })
            }
            Request::ImportObject { login, number, folder, class, update } => {
                let bytes = self.finish_pieces(&body);
                self.intake_for(&login)?.take(Taken::Object { number, folder, class, update, bytes })
            }
            Request::ImportFlush => {
                let outcomes = self.intake.as_mut().map(Intake::flush).unwrap_or_default();
                Reply::Imported { outcomes }
            }
        };
        Ok((reply, Vec::new()))
    }

    fn add_piece(&mut self, piece: &[u8]) {
        self.over |= self.pieces.len() + piece.len() > self.office.message_bytes_max;
        if self.over {
            self.pieces = Vec::new();
        } else {
            self.pieces.extend_from_slice(piece);
        }
    }

    /// The whole thing; `None` when it was over the bound.
    fn finish_pieces(&mut self, last: &[u8]) -> Option<Vec<u8>> {
        self.add_piece(last);
        let bytes = std::mem::take(&mut self.pieces);
        (!std::mem::take(&mut self.over)).then_some(bytes)
    }

    fn intake_for(&mut self, login: &LoginName) -> Result<&mut Intake, Refusal> {
        let same = self.intake.as_ref().is_some_and(|intake| intake.login() == login);
        if !same {
            let user = self.office.user(login)?;
            self.intake = Some(Intake::new(Arc::clone(&self.office), login.clone(), user, false));
        }
        Ok(self.intake.as_mut().expect("it was made above"))
    }
}

fn no_backup() -> Refusal {
    Refusal("no backup was begun".to_owned())
}

/// What a request changes, and of whom, for the log; `None` when it changes nothing, or when there are too many of it.
fn change(request: &Request) -> Option<(&'static str, String)> {
    match request {
        Request::TenantAdd { name } => Some(("tenant added", name.clone())),
        Request::UserAdd { login, .. } => Some(("user added", login.to_string())),
        Request::UserPassword { login, .. } => Some(("password", login.to_string())),
        Request::AppPasswordAdd { login, .. } => Some(("app password added", login.to_string())),
        Request::AppPasswordRevoke { login, .. } => Some(("app password revoked", login.to_string())),
        Request::UserRemove { login } => Some(("user removed", login.to_string())),
        Request::UserSet { login, .. } => Some(("user changed", login.to_string())),
        Request::DeviceDo { login, order, .. } => Some(match order {
            DeviceOrder::Allow => ("device allowed", login.to_string()),
            DeviceOrder::Block => ("device blocked", login.to_string()),
            DeviceOrder::Forget => ("device forgotten", login.to_string()),
            DeviceOrder::Wipe { whole: true } => ("device to be wiped", login.to_string()),
            DeviceOrder::Wipe { whole: false } => ("account to be wiped", login.to_string()),
            DeviceOrder::Unwipe => ("wipe taken back", login.to_string()),
        }),
        Request::TraceBegin { device, full: false, .. } => Some(("device traced", device.clone())),
        Request::TraceBegin { device, full: true, .. } => Some(("device traced with its content", device.clone())),
        Request::DeviceRestore { login, .. } => Some(("what was withheld put back", login.to_string())),
        Request::QueueDo { number, order: QueueOrder::Drop } => Some(("queued message dropped", number.to_string())),
        Request::QueueDo { number, order: QueueOrder::Retry } => Some(("queued message retried", number.to_string())),
        Request::PackInstall { name, .. } => Some(("pack installed", name.clone())),
        Request::PackDo { id, order } => Some(match order {
            PackOrder::Disable => ("pack disabled", id.clone()),
            PackOrder::Enable => ("pack enabled", id.clone()),
            PackOrder::Remove => ("pack removed", id.clone()),
            PackOrder::Rollback => ("pack rolled back", id.clone()),
        }),
        Request::PackPin { device, .. } => Some(("pack pinned", device.clone())),
        Request::PackLogKeep { minutes } => Some(("pack log kept for minutes", minutes.to_string())),
        Request::BackupBegin => Some(("backup begun", String::new())),
        Request::Hello { .. }
        | Request::BackupRead
        | Request::BackupEnd
        | Request::PackList
        | Request::PackLogListen
        | Request::PackLogRead { .. }
        | Request::Guides
        | Request::QueueList { .. }
        | Request::ProbeOpen { .. }
        | Request::Top
        | Request::TraceNext
        | Request::Status
        | Request::TenantList
        | Request::UserList { .. }
        | Request::AppPasswordList { .. }
        | Request::DeviceList { .. }
        | Request::DeviceWithheld { .. }
        | Request::AddressListPut { .. }
        | Request::FolderOpen { .. }
        | Request::Folders { .. }
        | Request::ImportBegin { .. }
        | Request::ImportPiece
        | Request::ImportMail { .. }
        | Request::ImportObject { .. }
        | Request::ImportFlush
        | Request::Items { .. }
        | Request::Read { .. } => None,
    }
}
