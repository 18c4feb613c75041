//! What the pool of an engine's caches holds.

use crate::units::Bytes;

/// The pool of an engine that takes a share of the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Bytes for caches.
    pub bytes: Bytes,
    /// Blocks of them; nothing where the engine counts tokens.
    pub blocks: Option<u64>,
    /// Tokens of a block of full attention.
    pub block_size: u64,
    /// Tokens that the engine says it holds.
    pub tokens: u64,
    /// Requests of the whole context that are held at once, in millionths.
    pub concurrency: u64,
}
