//! Tenants, users and the address list.

use easel_protocol::FolderType;
use serde::{Deserialize, Serialize};

/// Names a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantId(pub u64);

/// Names a user, and the user's mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId(pub u64);

/// A domain of users who see one another and nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The id.
    pub id: TenantId,
    /// What stands behind the `@` of a login, such as `defaultcontext`; unique.
    pub name: String,
}

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Where.
    pub tenant: TenantId,
    /// The login without its tenant; case matters (F5). Unique in the tenant.
    pub name: String,
    /// How people call the user.
    pub display_name: String,
    /// Mail addresses, the primary one first; each belongs to one user of the whole server.
    pub addresses: Vec<String>,
    /// Telephone numbers: business first.
    pub phones: Vec<String>,
    /// A picture, JPEG or PNG.
    pub photo: Option<Vec<u8>>,
    /// The IANA zone that local dates are read in.
    pub zone: String,
    /// A PHC string; the store never sees a password.
    pub password_hash: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// Where.
    pub tenant: TenantId,
    /// As in [`NewUser`].
    pub name: String,
    /// As in [`NewUser`].
    pub display_name: String,
    /// As in [`NewUser`].
    pub addresses: Vec<String>,
    /// As in [`NewUser`].
    pub phones: Vec<String>,
    /// As in [`NewUser`].
    pub photo: Option<Vec<u8>>,
    /// As in [`NewUser`].
    pub zone: String,
    /// As in [`NewUser`].
    pub password_hash: String,
    /// Grows whenever the password or `enabled` changes, and when an app password comes or goes; whatever was cached
    /// under an older one is void.
    pub login_generation: u64,
    /// Whether the user may log in.
    pub enabled: bool,
    /// Bytes that the mailbox may hold; 0 is without bound, `None` as the server's configuration says.
    pub quota: Option<u64>,
}

/// One entry of a tenant's global address list. MS-ASCMD 2.2.3.141 "Properties (Search)"; empty text means none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GalEntry {
    /// The user it stands for, if it is one of this server.
    pub user: Option<UserId>,
    /// The name shown.
    pub display_name: String,
    /// The address; the entry's key within its tenant, without regard to case.
    pub email: String,
    /// The business telephone.
    pub phone: String,
    /// The room or place.
    pub office: String,
    /// The position.
    pub title: String,
    /// The company.
    pub company: String,
    /// The short name.
    pub alias: String,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The private telephone.
    pub home_phone: String,
    /// The mobile telephone.
    pub mobile_phone: String,
    /// A picture, JPEG or PNG.
    pub photo: Option<Vec<u8>>,
}

impl GalEntry {
    /// Whether a search for `query` finds the entry: some word of a name, the address, company or office begins with
    /// it, without regard to case.
    pub fn matches(&self, query: &str) -> bool {
        let query = query.trim().to_lowercase();
        let fields = [
            &self.display_name,
            &self.alias,
            &self.first_name,
            &self.last_name,
            &self.email,
            &self.company,
            &self.office,
        ];
        !query.is_empty()
            && fields.into_iter().any(|field| {
                let field = field.to_lowercase();
                field.starts_with(&query)
                    || field.split([' ', ',', '-', '@', '.', '(']).any(|word| word.starts_with(&query))
                    || field.split(' ').any(|word| word.starts_with(&query))
            })
    }
}

/// The folders every new mailbox has, in this order; their numbers are 1 to 9.
pub const WELL_KNOWN_FOLDERS: [(&str, FolderType); 9] = [
    ("Inbox", FolderType::Inbox),
    ("Drafts", FolderType::Drafts),
    ("Deleted Items", FolderType::DeletedItems),
    ("Sent Items", FolderType::SentItems),
    ("Outbox", FolderType::Outbox),
    ("Calendar", FolderType::Calendar),
    ("Contacts", FolderType::Contacts),
    ("Tasks", FolderType::Tasks),
    ("Notes", FolderType::Notes),
];
