//! What several tests need.

pub(crate) mod binary;
pub(crate) mod gguf;
pub(crate) mod models;
pub(crate) mod steps;
pub(crate) mod uses;
