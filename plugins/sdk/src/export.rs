//! From a pack's traits to the exports of its component.

use std::marker::PhantomData;

use crate::profile::{DeviceProfile, Facts, Options};
use crate::{
    Class, Context, Describe, Fault, FolderChange, Item, Items, Mail, Manifest, Meeting, Profile, Recover, Wire,
    folder_change, items, mail, meeting, recover, wire,
};

/// Stands between a pack and the contract: takes owned values and lends them on.
#[derive(Debug)]
pub struct Adapter<P>(PhantomData<P>);

/// A hook as a function: what holds around the call, what it is about, the answer.
pub type Hook<A, R> = fn(&Context, &A) -> Result<R, Fault>;
/// `profile` as a function.
pub type ProfileHook = fn(&Facts, &Options) -> Result<DeviceProfile, Fault>;
/// `items` as a function, for what goes out.
pub type OutgoingHook = fn(Class, &Context, &items::State, Item<'_>) -> Result<items::Answer, Fault>;
/// `items` as a function, for what comes in: an item, and the item as the server would show it.
pub type IncomingHook = fn(Class, &Context, &items::State, Item<'_>, Item<'_>) -> Result<items::Answer, Fault>;
/// `wire` as a function.
pub type WireHook = fn(&Context, Item<'_>) -> Result<wire::Verdict, Fault>;

/// A pack as functions, for tests that run it as it is, without a component: the interfaces it has and no others.
#[derive(Clone, Copy, Debug)]
pub struct Native {
    /// `describe`
    pub describe: fn() -> Manifest,
    /// `profile`
    pub profile: Option<ProfileHook>,
    /// `items`: what goes out, what comes in.
    pub items: Option<(OutgoingHook, IncomingHook)>,
    /// `mail`
    pub mail: Option<Hook<mail::Message, mail::Verdict>>,
    /// `folder-change`
    pub folder_change: Option<Hook<folder_change::Change, folder_change::Verdict>>,
    /// `meeting`
    pub meeting: Option<Hook<meeting::Request, Option<meeting::Request>>>,
    /// `recover`
    pub recover: Option<Hook<recover::History, recover::Recovery>>,
    /// `wire`
    pub wire: Option<WireHook>,
}

impl Native {
    /// A pack that only describes itself.
    pub const fn describe<P: Describe>() -> Self {
        Self {
            describe: P::describe,
            profile: None,
            items: None,
            mail: None,
            folder_change: None,
            meeting: None,
            recover: None,
            wire: None,
        }
    }

    /// And decides per device.
    #[must_use]
    pub const fn profile<P: Profile>(mut self) -> Self {
        self.profile = Some(P::for_device);
        self
    }

    /// And sees items.
    #[must_use]
    pub const fn items<P: Items>(mut self) -> Self {
        self.items = Some((P::outgoing, P::incoming));
        self
    }

    /// And sees mail.
    #[must_use]
    pub const fn mail<P: Mail>(mut self) -> Self {
        self.mail = Some(P::incoming);
        self
    }

    /// And sees changes of folders.
    #[must_use]
    pub const fn folder_change<P: FolderChange>(mut self) -> Self {
        self.folder_change = Some(P::incoming);
        self
    }

    /// And sees answers to invitations.
    #[must_use]
    pub const fn meeting<P: Meeting>(mut self) -> Self {
        self.meeting = Some(P::incoming);
        self
    }

    /// And helps clients that are stuck.
    #[must_use]
    pub const fn recover<P: Recover>(mut self) -> Self {
        self.recover = Some(P::advise);
        self
    }

    /// And sees requests.
    #[must_use]
    pub const fn wire<P: Wire>(mut self) -> Self {
        self.wire = Some(P::incoming);
        self
    }
}

/// Makes a component of a pack: the type that implements [`Describe`], and the other interfaces it has.
///
/// ```
/// # use easel_pack::{Describe, Manifest};
/// /// Nothing but a description.
/// struct Plain;
///
/// impl Describe for Plain {
///     fn describe() -> Manifest {
///         Manifest::new("plain", "1.0.0", "Says what it is.")
///     }
/// }
///
/// easel_pack::export!(Plain);
/// # fn main() {}
/// ```
///
/// With more: `easel_pack::export!(NokiaMfe: profile, items, mail);`. Outside a component the same line makes a
/// constant `PACK` of type [`Native`], which tests run.
#[macro_export]
macro_rules! export {
    ($pack:ident $(: $($interface:ident),+ $(,)?)?) => {
        /// This pack as functions, for tests.
        #[cfg(not(target_arch = "wasm32"))]
        pub const PACK: $crate::Native = $crate::Native::describe::<$pack>()$($(.$interface::<$pack>())+)?;

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "generated exports")]
        const _: () = {
            type Component = $crate::Adapter<$pack>;

            $crate::bindings::describe::export_describe!(Component with_types_in $crate::bindings::describe);
            $($($crate::export_interface!($interface Component);)+)?
        };
    };
}

/// The exports of one interface.
#[doc(hidden)]
#[macro_export]
macro_rules! export_interface {
    (profile $component:ident) => {
        $crate::bindings::profile::export_profile!($component with_types_in $crate::bindings::profile);
    };
    (items $component:ident) => {
        $crate::bindings::items::export_items!($component with_types_in $crate::bindings::items);
    };
    (mail $component:ident) => {
        $crate::bindings::mail::export_mail!($component with_types_in $crate::bindings::mail);
    };
    (folder_change $component:ident) => {
        $crate::bindings::folder_change::export_folder_change!(
            $component with_types_in $crate::bindings::folder_change
        );
    };
    (meeting $component:ident) => {
        $crate::bindings::meeting::export_meeting!($component with_types_in $crate::bindings::meeting);
    };
    (recover $component:ident) => {
        $crate::bindings::recover::export_recover!($component with_types_in $crate::bindings::recover);
    };
    (wire $component:ident) => {
        $crate::bindings::wire::export_wire!($component with_types_in $crate::bindings::wire);
    };
}
