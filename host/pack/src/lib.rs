//! From a pack's crate to its component.
//!
//! [`build()`] compiles the crate, [`componentize`] makes a component of the module that comes out, and [`embed`] puts
//! guides and fixtures into it as custom sections, so that a pack is one file; [`sections`] reads them back.
//! [`from_module`] begins with a module that another compiler made; [`packs`] finds all of a workspace. *It knows no
//! server: what a pack does is not looked at here.*

mod beside;
mod build;
mod module;
mod section;

pub use build::{BuildError, build, packs, tool};
pub use module::from_module;
pub use section::{Sections, SectionsError, embed, sections};

/// Why no component can be made of a module.
#[derive(Debug, thiserror::Error)]
#[error("the module is no pack: {0}")]
pub struct ComponentError(String);

/// Makes a component of a module that carries its interfaces in `component-type` sections, as generated bindings do.
pub fn componentize(core: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encoder = wit_component::ComponentEncoder::default().validate(true).module(core);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| ComponentError(format!("{error:#}")))
}
