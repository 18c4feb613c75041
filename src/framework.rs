//! How an implementation computes what a family describes, where the memory depends on it.

pub mod litgpt;
pub mod profile;
pub mod torchtune;
pub mod transformers;

pub use profile::{Profile, Profiles, Serving};
pub use transformers::{Implementation, implementation, of_model};
