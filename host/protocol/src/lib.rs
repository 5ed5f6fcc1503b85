//! The nouns of Exchange ActiveSync.
//!
//! Values and their text on the wire: versions, classes, commands, ids, keys, dates, status codes and the request
//! line. No I/O, no clock, no task: functions over values. Start at [`Version`] and [`RequestLine`].

mod class;
mod command;
mod date_time;
mod device_facts;
mod device_id;
mod facts;
mod folder_type;
mod headers;
mod ids;
mod locale;
mod mail_record;
mod oof;
mod request_line;
mod status;
mod sync_key;
mod version;

pub use class::Class;
pub use command::Command;
pub use date_time::{DateTimeError, compact, parse_date_time, punctuated};
pub use device_facts::{DeviceFacts, Origin, secret_in_name};
pub use device_id::normal_device_id;
pub use facts::{Facts, Groups, WindowKey};
pub use folder_type::FolderType;
pub use headers::{ENDPOINT, SERVER_VERSION, command_list, is_endpoint, version_list};
pub use ids::{CollectionId, FileReference, IdError, LongId, ServerId};
pub use locale::language;
pub use mail_record::{Flag, LastVerb, MailRecord, Verb};
pub use oof::{Oof, OofMessage, OofState};
pub use request_line::{QueryForm, RequestLine, RequestLineError};
pub use status::{CommonStatus, Refusal};
pub use sync_key::{SyncKey, SyncKeyError};
pub use version::{Version, VersionError};
