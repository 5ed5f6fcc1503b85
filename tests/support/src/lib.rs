//! A phone made of code: it speaks the protocol as a real one does, keeps what it was sent, and complains about
//! everything that would confuse a real one.
//!
//! [`Phone`] is the phone, [`Transport`] what it speaks through: [`Socket`] is real TLS over a real socket; a test of
//! the commands hands over a function. [`Identity`] is what it says it is, and [`hostile`] what it should survive.
//! [`Easel`] is the other side: the binary, as an administrator runs it, and [`Lmtp`] brings it mail.

mod easel;
pub mod hostile;
mod identity;
mod lmtp;
mod phone;
mod serving;
mod socket;
mod transport;
mod until;

pub use easel::{Easel, Said};
pub use identity::Identity;
pub use lmtp::{Lmtp, mail};
pub use phone::{Collection, Folder, Phone, Sent, Synced, change, item_text};
pub use serving::Serving;
pub use socket::{Socket, trusting_tls};
pub use transport::{HttpRequest, HttpResponse, Transport};
pub use until::until;
