//! A job on many GPUs: how they are divided among the axes of parallelism, what a rank has, and what wraps a model there.

pub(crate) mod fsdp1;
pub(crate) mod fsdp2;
pub(crate) mod layout;
pub(crate) mod units;
pub(crate) mod wrapper;
pub(crate) mod zero;
pub(crate) mod zero3;

pub use layout::Layout;
