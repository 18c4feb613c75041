//! How an implementation computes what a family describes, where the memory depends on it.

pub mod transformers;

pub use transformers::{Implementation, implementation, of_model};
