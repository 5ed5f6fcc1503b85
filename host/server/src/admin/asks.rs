//! Requests with the one kind of reply each has.

use easel_protocol::Class;

use super::{
    ActivityShown, AppPasswordShown, Channel, ChannelError, DeviceShown, FolderNumber, FolderShown, GuideShown,
    ImportOutcome, LoginName, PackOrder, PackPageShown, PackShown, Password, QueuedShown, Reply, Request, ServerShown,
    TenantShown, TracedShown, UserShown, WithheldShown,
};
use crate::import::MailState;

/// A piece of an item: how many bytes the item has, of a mail its state, and the piece.
pub(crate) type ItemPiece = (u64, Option<MailState>, Vec<u8>);

/// Every pack; pinned devices with their packs.
pub(crate) type PacksAndPins = (Vec<PackShown>, Vec<(String, String)>);

impl Channel {
    /// The server that carries requests out; `None` when this process does.
    pub(crate) fn status(&mut self) -> Result<Option<ServerShown>, ChannelError> {
        let reply = self.ask(Request::Status)?;
        let Reply::Status { server } = reply else { return Err(unexpected(&reply)) };
        Ok(server)
    }

    /// What to ask with through a proxy in front, for so many seconds.
    pub(crate) fn open_probe(&mut self, secs: u32) -> Result<String, ChannelError> {
        let reply = self.ask(Request::ProbeOpen { secs })?;
        let Reply::Probe { token } = reply else { return Err(unexpected(&reply)) };
        Ok(token)
    }

    pub(crate) fn tenants(&mut self) -> Result<Vec<TenantShown>, ChannelError> {
        let reply = self.ask(Request::TenantList)?;
        let Reply::Tenants { tenants } = reply else { return Err(unexpected(&reply)) };
        Ok(tenants)
    }

    /// The users of a tenant, or all.
    pub(crate) fn users(&mut self, tenant: Option<String>) -> Result<Vec<UserShown>, ChannelError> {
        let reply = self.ask(Request::UserList { tenant })?;
        let Reply::Users { users } = reply else { return Err(unexpected(&reply)) };
        Ok(users)
    }

    /// Makes an app password: what it is, and its secret.
    pub(crate) fn add_app_password(
        &mut self,
        login: LoginName,
        name: Option<String>,
        device: Option<String>,
    ) -> Result<(AppPasswordShown, Password), ChannelError> {
        let reply = self.ask(Request::AppPasswordAdd { login, name, device })?;
        let Reply::AppPassword { password, secret } = reply else { return Err(unexpected(&reply)) };
        Ok((password, secret))
    }

    /// The app passwords of a user.
    pub(crate) fn app_passwords(&mut self, login: LoginName) -> Result<Vec<AppPasswordShown>, ChannelError> {
        let reply = self.ask(Request::AppPasswordList { login })?;
        let Reply::AppPasswords { passwords } = reply else { return Err(unexpected(&reply)) };
        Ok(passwords)
    }

    /// Removes an app password: which one it was.
    pub(crate) fn revoke_app_password(
        &mut self,
        login: LoginName,
        which: String,
    ) -> Result<AppPasswordShown, ChannelError> {
        let mut reply = self.ask(Request::AppPasswordRevoke { login, which })?;
        let Reply::AppPasswords { passwords } = &mut reply else { return Err(unexpected(&reply)) };
        passwords.pop().ok_or_else(|| unexpected(&reply))
    }

    /// The devices of a user, or all.
    pub(crate) fn devices(&mut self, login: Option<LoginName>) -> Result<Vec<DeviceShown>, ChannelError> {
        let reply = self.ask(Request::DeviceList { login })?;
        let Reply::Devices { devices } = reply else { return Err(unexpected(&reply)) };
        Ok(devices)
    }

    /// What packs withheld from the side of a device.
    pub(crate) fn withheld(&mut self, login: LoginName, device: String) -> Result<Vec<WithheldShown>, ChannelError> {
        let reply = self.ask(Request::DeviceWithheld { login, device })?;
        let Reply::Withheld { things } = reply else { return Err(unexpected(&reply)) };
        Ok(things)
    }

    /// What devices are at, and how many there are in all.
    pub(crate) fn activity(&mut self) -> Result<(Vec<ActivityShown>, usize), ChannelError> {
        let reply = self.ask(Request::Top)?;
        let Reply::Activity { devices, total } = reply else { return Err(unexpected(&reply)) };
        Ok((devices, total))
    }

    /// What was recorded next of the device that is followed.
    pub(crate) fn trace_next(&mut self) -> Result<TracedShown, ChannelError> {
        let reply = self.ask(Request::TraceNext)?;
        let Reply::Traced { page } = reply else { return Err(unexpected(&reply)) };
        Ok(page)
    }

    /// Everything in the outgoing queue.
    pub(crate) fn queue(&mut self) -> Result<Vec<QueuedShown>, ChannelError> {
        let mut all: Vec<QueuedShown> = Vec::new();
        loop {
            let after = all.last().map_or(0, |message| message.number);
            let reply = self.ask(Request::QueueList { after })?;
            let Reply::Queue { messages } = reply else { return Err(unexpected(&reply)) };
            if messages.is_empty() {
                return Ok(all);
            }
            all.extend(messages);
        }
    }

    /// Every pack, and the pins.
    pub(crate) fn packs(&mut self) -> Result<PacksAndPins, ChannelError> {
        let reply = self.ask(Request::PackList)?;
        let Reply::Packs { packs, pins } = reply else { return Err(unexpected(&reply)) };
        Ok((packs, pins))
    }

    /// Installs a pack; its id and version.
    pub(crate) fn install_pack(
        &mut self,
        name: String,
        bytes: &[u8],
        signature: Option<String>,
        allow_unsigned: bool,
    ) -> Result<(String, String), ChannelError> {
        let reply = self.ask_with_all(Request::PackInstall { name, signature, allow_unsigned }, bytes)?;
        let Reply::Pack { id, version: Some(version) } = reply else { return Err(unexpected(&reply)) };
        Ok((id, version))
    }

    /// Does something with a pack; the version that serves then, where one does.
    pub(crate) fn order_pack(&mut self, id: &str, order: PackOrder) -> Result<Option<String>, ChannelError> {
        let reply = self.ask(Request::PackDo { id: id.to_owned(), order })?;
        let Reply::Pack { version, .. } = reply else { return Err(unexpected(&reply)) };
        Ok(version)
    }

    /// What packs wrote after a line; with `wait`, a moment later where there is nothing yet.
    pub(crate) fn pack_lines(
        &mut self,
        pack: Option<&str>,
        after: u64,
        wait: bool,
    ) -> Result<PackPageShown, ChannelError> {
        let reply = self.ask(Request::PackLogRead { pack: pack.map(str::to_owned), after, wait })?;
        let Reply::PackLines { page } = reply else { return Err(unexpected(&reply)) };
        Ok(page)
    }

    /// The guides of all packs.
    pub(crate) fn guides(&mut self) -> Result<Vec<GuideShown>, ChannelError> {
        let reply = self.ask(Request::Guides)?;
        let Reply::Guides { guides } = reply else { return Err(unexpected(&reply)) };
        Ok(guides)
    }

    /// Begins a backup.
    pub(crate) fn begin_backup(&mut self) -> Result<(), ChannelError> {
        self.order(Request::BackupBegin, &[])
    }

    /// The next piece of the backup; an empty one is the end.
    pub(crate) fn backup_piece(&mut self) -> Result<Vec<u8>, ChannelError> {
        let (reply, piece) = self.ask_with(Request::BackupRead, &[])?;
        if reply == Reply::Done { Ok(piece) } else { Err(unexpected(&reply)) }
    }

    /// Ends the backup: the first mails that are not in it, a sentence each, and how many are lost and how many cannot be
    /// read.
    pub(crate) fn end_backup(&mut self) -> Result<(Vec<String>, u64, u64), ChannelError> {
        let reply = self.ask(Request::BackupEnd)?;
        let Reply::BackupMade { left_out, lost, unreadable } = reply else { return Err(unexpected(&reply)) };
        Ok((left_out, lost, unreadable))
    }

    pub(crate) fn folders(&mut self, login: &LoginName) -> Result<Vec<FolderShown>, ChannelError> {
        let reply = self.ask(Request::Folders { login: login.clone() })?;
        let Reply::Folders { folders } = reply else { return Err(unexpected(&reply)) };
        Ok(folders)
    }

    /// The folder at a path, made where it is missing.
    pub(crate) fn open_folder(
        &mut self,
        login: &LoginName,
        path: &[String],
        class: Class,
    ) -> Result<FolderNumber, ChannelError> {
        let reply = self.ask(Request::FolderOpen { login: login.clone(), path: path.to_vec(), class })?;
        let Reply::Folder { folder } = reply else { return Err(unexpected(&reply)) };
        Ok(folder)
    }

    /// The numbers of the items of a folder.
    pub(crate) fn items(&mut self, login: &LoginName, folder: FolderNumber) -> Result<Vec<u64>, ChannelError> {
        let reply = self.ask(Request::Items { login: login.clone(), folder })?;
        let Reply::Items { numbers } = reply else { return Err(unexpected(&reply)) };
        Ok(numbers)
    }

    /// A piece of an item; `None` when it was removed meanwhile.
    pub(crate) fn read(
        &mut self,
        login: &LoginName,
        item: u64,
        offset: u64,
    ) -> Result<Option<ItemPiece>, ChannelError> {
        let (reply, piece) = self.ask_with(Request::Read { login: login.clone(), item, offset }, &[])?;
        if reply == Reply::Gone {
            return Ok(None);
        }
        let Reply::Item { bytes, state } = reply else { return Err(unexpected(&reply)) };
        Ok(Some((bytes, state, piece)))
    }

    /// Begins to take things in: how many bytes are to spare, if they are bounded.
    pub(crate) fn begin_import(&mut self, login: LoginName, over_quota: bool) -> Result<Option<u64>, ChannelError> {
        let reply = self.ask(Request::ImportBegin { login, over_quota })?;
        let Reply::Room { bytes } = reply else { return Err(unexpected(&reply)) };
        Ok(bytes)
    }

    /// Hands on something to take in: what is known of the ends by now.
    pub(crate) fn take_in(
        &mut self,
        request: Request,
        bytes: &[u8],
    ) -> Result<Vec<(u64, ImportOutcome)>, ChannelError> {
        let reply = self.ask_with_all(request, bytes)?;
        let Reply::Imported { outcomes } = reply else { return Err(unexpected(&reply)) };
        Ok(outcomes)
    }

    /// Asks for something that has no answer but done.
    pub(crate) fn order(&mut self, request: Request, body: &[u8]) -> Result<(), ChannelError> {
        let (reply, _) = self.ask_with(request, body)?;
        if reply == Reply::Done { Ok(()) } else { Err(unexpected(&reply)) }
    }
}

/// Both ends are the same version, so this is a mistake in one of them.
pub(super) fn unexpected(reply: &Reply) -> ChannelError {
    let reply: String = serde_json::to_string(reply).unwrap_or_default().chars().take(200).collect();
    ChannelError::Refused(format!("an answer that does not belong to the request: {reply}"))
}
