//! The contract in `wit/`, generated: one set of bindings for each interface, so that a pack exports only those it has.
//!
//! The types they share are generated once, in [`base`]. Each of the other modules is a world with a single export, and
//! carries that world in a custom section which is linked only where its export macro is used; what is put together of
//! them is the world of the pack.
#![allow(
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    missing_docs,
    missing_debug_implementations,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

pub mod base {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package easel:pack-base;
            world base {
                import easel:plugin/types@0.1.0;
                import easel:plugin/log@0.1.0;
            }
        ",
        world: "easel:pack-base/base",
        additional_derives: [PartialEq, Eq],
        generate_unused_types: true,
        generate_all,
    });
}

macro_rules! part {
    ($module:ident, $export:literal, $inline:literal, $world:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                inline: $inline,
                world: $world,
                with: { "easel:plugin/types@0.1.0": crate::bindings::base::easel::plugin::types },
                additional_derives: [PartialEq, Eq],
                pub_export_macro: true,
                export_macro_name: $export,
                generate_unused_types: true,
            });
        }
    };
}

part!(
    describe,
    "export_describe",
    "package easel:pack-describe; world describe-part { export easel:plugin/describe@0.1.0; }",
    "easel:pack-describe/describe-part"
);
part!(
    folder_change,
    "export_folder_change",
    "package easel:pack-folder-change; world folder-change-part { export easel:plugin/folder-change@0.1.0; }",
    "easel:pack-folder-change/folder-change-part"
);
part!(
    items,
    "export_items",
    "package easel:pack-items; world items-part { export easel:plugin/items@0.1.0; }",
    "easel:pack-items/items-part"
);
part!(
    mail,
    "export_mail",
    "package easel:pack-mail; world mail-part { export easel:plugin/mail@0.1.0; }",
    "easel:pack-mail/mail-part"
);
part!(
    meeting,
    "export_meeting",
    "package easel:pack-meeting; world meeting-part { export easel:plugin/meeting@0.1.0; }",
    "easel:pack-meeting/meeting-part"
);
part!(
    profile,
    "export_profile",
    "package easel:pack-profile; world profile-part { export easel:plugin/profile@0.1.0; }",
    "easel:pack-profile/profile-part"
);
part!(
    recover,
    "export_recover",
    "package easel:pack-recover; world recover-part { export easel:plugin/recover@0.1.0; }",
    "easel:pack-recover/recover-part"
);
part!(
    wire,
    "export_wire",
    "package easel:pack-wire; world wire-part { export easel:plugin/wire@0.1.0; }",
    "easel:pack-wire/wire-part"
);
