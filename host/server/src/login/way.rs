//! How somebody showed who they are.

use std::sync::Arc;

use easel_store::AppPassword;

/// What a login rests on; it is over when that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// This app password.
    App(Arc<AppPassword>),
    /// The user's password.
    Password,
}

impl Way {
    /// Whether a request that names this device may come this way; one that names none, such as a first OPTIONS, may
    /// always. `device` is in the normal spelling.
    pub(crate) fn is_for(&self, device: Option<&str>) -> bool {
        match (self, device) {
            (Self::App(password), Some(device)) => password.device.as_ref().is_none_or(|bound| bound == device),
            (Self::App(_) | Self::Password, _) => true,
        }
    }
}
