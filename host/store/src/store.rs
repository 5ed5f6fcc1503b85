//! The promises every store gives.

use easel_protocol::{CollectionId, Facts, ServerId};

use crate::{
    AppPassword, AppPasswordId, Backup, BlobId, Bus, ChangeSet, Committed, Device, DeviceKey, GalEntry, Modseq,
    NewAppPassword, NewUser, Outgoing, OutgoingId, Quarantined, Snapshot, StoreError, Tenant, TenantId, User, UserId,
};

/// Where everything is kept.
///
/// A method is one transaction: when the process dies half way, nothing of it happened; when it returned, it survives.
/// Methods block; they are called on threads that may block.
pub trait Store: Send + Sync {
    /// Adds a tenant; [`StoreError::Exists`] when there is one of that name.
    fn add_tenant(&self, name: &str) -> Result<Tenant, StoreError>;

    /// Every tenant, by name.
    fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// The tenant of that name; case matters.
    fn tenant(&self, name: &str) -> Result<Option<Tenant>, StoreError>;

    /// Adds a user with the well-known folders; [`StoreError::Exists`] names the login or address that is taken.
    fn add_user(&self, user: &NewUser) -> Result<User, StoreError>;

    /// The users of a tenant, by name.
    fn users(&self, tenant: TenantId) -> Result<Vec<User>, StoreError>;

    /// A user.
    fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user of that name in a tenant; case matters (F5).
    fn user_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<User>, StoreError>;

    /// The user whose address it is, without regard to case.
    fn user_by_address(&self, address: &str) -> Result<Option<UserId>, StoreError>;

    /// Replaces everything of a user but the ids. The login generation grows by itself when password or `enabled`
    /// differ.
    fn update_user(&self, user: &User) -> Result<User, StoreError>;

    /// Adds an app password; the user's login generation grows with it. [`StoreError::Exists`] when the user has one of
    /// that name.
    fn add_app_password(&self, new: &NewAppPassword) -> Result<AppPassword, StoreError>;

    /// The app passwords of a user, in the order they were made.
    fn app_passwords(&self, user: UserId) -> Result<Vec<AppPassword>, StoreError>;

    /// The app password whose secret has that hash ([`AppSecret::hash`](crate::AppSecret::hash)), whoever's it is.
    fn app_password(&self, hash: &[u8; 32]) -> Result<Option<AppPassword>, StoreError>;

    /// Removes an app password of a user, whose login generation grows with it.
    fn remove_app_password(&self, user: UserId, id: AppPasswordId) -> Result<(), StoreError>;

    /// Writes down when app passwords were used, in days since 1970. A day before the one that is known, and a password
    /// that is gone, are passed over.
    fn note_app_password_uses(&self, uses: &[(AppPasswordId, i64)]) -> Result<(), StoreError>;

    /// Removes a user with the mailbox, devices and address list entry.
    fn remove_user(&self, id: UserId) -> Result<(), StoreError>;

    /// Adds an entry to a tenant's address list, in the place of one with the same address; the entry of a user also in
    /// the place of any other of that user.
    fn put_gal_entry(&self, tenant: TenantId, entry: &GalEntry) -> Result<(), StoreError>;

    /// The entries that [`GalEntry::matches`], by display name, at most `limit`.
    fn search_gal(&self, tenant: TenantId, query: &str, limit: usize) -> Result<Vec<GalEntry>, StoreError>;

    /// The devices of a user, last seen first.
    fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError>;

    /// A device of a user, by normal id and type.
    fn device(&self, user: UserId, id: &str, kind: &str) -> Result<Option<Device>, StoreError>;

    /// Stores a device; one with key 0 is new and gets its key.
    fn put_device(&self, device: &Device) -> Result<Device, StoreError>;

    /// Stores `after` in the place of a device that still is as `before`; [`StoreError::Stale`] when somebody else
    /// changed it meanwhile. [`change_device`](crate::change_device) looks again and repeats.
    fn replace_device(&self, before: &Device, after: &Device) -> Result<Device, StoreError>;

    /// Forgets a device and all its state, with what is in quarantine of it.
    fn remove_device(&self, key: DeviceKey) -> Result<(), StoreError>;

    /// What the items of a mailbox hold: the bytes of mails as they came, of everything else as it is kept; 0 for a user who
    /// is not there. What stands in the queue and in quarantine is not counted.
    fn mailbox_bytes(&self, user: UserId) -> Result<u64, StoreError>;

    /// The counter of a mailbox, answered from memory; 0 for a user who is not there.
    fn modseq(&self, user: UserId) -> Modseq;

    /// Looks at a mailbox.
    fn snapshot(&self, user: UserId) -> Result<Box<dyn Snapshot + '_>, StoreError>;

    /// Sets `count` item numbers aside; the first of them. Numbers that are never used are never used again.
    fn reserve_items(&self, user: UserId, count: u64) -> Result<ServerId, StoreError>;

    /// Sets a folder number aside.
    fn reserve_folder(&self, user: UserId) -> Result<CollectionId, StoreError>;

    /// Stores raw mail, durably. What no item, no queued message and nothing in quarantine names is swept: see
    /// [`Store::sweep`].
    fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StoreError>;

    /// Raw mail, whole: for sending and export. Errors as of [`Snapshot::blob`].
    fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, StoreError>;

    /// Makes changes, all or none, and wakes whoever watches.
    fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError>;

    /// Queued messages that are due at `now` (milliseconds since 1970), oldest first, at most `limit`.
    fn due_outgoing(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, StoreError>;

    /// Writes back what an attempt left: a message without recipients, failed ones included, is done and goes.
    fn put_outgoing(&self, outgoing: &Outgoing) -> Result<(), StoreError>;

    /// A queued message.
    fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError>;

    /// Everything queued, due or not, failed or not, after the message `after`, by id, at most `limit`.
    fn list_outgoing(&self, after: OutgoingId, limit: usize) -> Result<Vec<Outgoing>, StoreError>;

    /// Has a message tried at `now` (milliseconds since 1970), those who were refused for good included; whether it is
    /// there. An attempt that is under way is not disturbed, and what it writes back holds.
    fn retry_outgoing(&self, id: OutgoingId, now: i64) -> Result<bool, StoreError>;

    /// Removes a message from the queue; whether it was there. An attempt that is under way is not stopped.
    fn drop_outgoing(&self, id: OutgoingId) -> Result<bool, StoreError>;

    /// Small texts of the server's own whose key begins with `prefix`, in the order of the keys.
    fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// Writes one, or removes it; it is there after a crash when this returns.
    fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError>;

    /// What is in quarantine of a user, oldest first.
    fn quarantined(&self, user: UserId) -> Result<Vec<Quarantined>, StoreError>;

    /// Removes what went into quarantine before `before` (milliseconds since 1970); how many things.
    fn expire_quarantine(&self, before: i64) -> Result<u64, StoreError>;

    /// Removes log rows that every device seen after `since` (milliseconds since 1970) has passed; how many. Messages
    /// sent at or before `since` are forgotten as well.
    fn prune_log(&self, since: i64) -> Result<u64, StoreError>;

    /// Removes raw mail that nothing names, and gives its space back; how many mails. Called now and then, such as every
    /// hour: only what two sweeps in turn have found unnamed goes, so a mail has at least the time between two of them
    /// to be named. A change set that names one that is gone fails ([`crate::Missing::Blob`]). Takes short turns.
    fn sweep(&self) -> Result<u64, StoreError>;

    /// Items whose words were indexed by an older rule than today's, at most `limit`; none when there are none. Their text
    /// is to be made again by whoever knows formats: see [`Store::index_again`].
    fn to_index_again(&self, limit: usize) -> Result<Vec<(UserId, ServerId)>, StoreError>;

    /// Indexes the words of an item again; nothing else of it changes. `seen` is when the item that `facts` were made of
    /// had changed last ([`crate::Item::changed`]): of one that changed since, or is gone, nothing is done.
    fn index_again(&self, user: UserId, item: ServerId, facts: &Facts, seen: Modseq) -> Result<(), StoreError>;

    /// Begins a copy of everything as it is now, made at `now` (milliseconds since 1970). One is made at a time. Nobody
    /// who reads or writes waits for it. A store that keeps nothing beyond the process has no copy to give.
    fn backup(&self, now: i64) -> Result<Box<dyn Backup>, StoreError> {
        let _ = now;
        Err(StoreError::backend("backing up", "this store keeps nothing that a backup could hold"))
    }

    /// Who is woken by changes.
    fn bus(&self) -> &dyn Bus;
}
