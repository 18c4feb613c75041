//! Hugging Face Transformers: its trainer's step, and its `generate()`.

pub(crate) mod length;
pub(crate) mod serve;
pub(crate) mod train;
