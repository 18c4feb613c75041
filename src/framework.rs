//! How an implementation computes what a family describes, where the memory depends on it.

pub mod transformers;

pub use crate::scenario::profile::{Profile, Profiles, Serving};
pub use transformers::{Implementation, implementation, of_model};
