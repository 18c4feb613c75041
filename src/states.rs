//! What stands in memory without a recording: weights, gradients, optimizer states, buffers.

pub(crate) mod adapters;
pub(crate) mod cache;
pub(crate) mod file;
pub(crate) mod optimizer;
pub(crate) mod quantized;
pub(crate) mod recurrent;
pub(crate) mod shard;
pub(crate) mod stored;
pub(crate) mod targets;
pub(crate) mod weights;
