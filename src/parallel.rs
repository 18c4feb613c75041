//! A job on many GPUs: how they are divided among the axes of parallelism, what a rank has, and what wraps a model there.

pub(crate) mod layout;

pub use layout::Layout;
