//! Blocks: the pieces of segments, and the sizes that PyTorch rounds to.

use super::MIB;
use super::pool::{BlockId, Hole};

/// Every size is a multiple of this, and as much is split off a small block.
pub(crate) const GRAIN: u64 = 512;
/// Rounded sizes up to here are of the small pool.
pub(crate) const SMALL: u64 = MIB;
/// A segment of the small pool.
pub(crate) const SMALL_SEGMENT: u64 = 2 * MIB;
/// A segment of the large pool that several share.
pub(crate) const LARGE_SEGMENT: u64 = 20 * MIB;
/// Sizes from here on have a segment of their own,
const OWN_SEGMENT: u64 = 10 * MIB;
/// which is a multiple of this, as is all that the driver hands out.
pub(crate) const PAGE: u64 = 2 * MIB;

/// A stream of a card, on which memory is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// That of the program.
    Program,
    /// That of collectives which gather weights.
    Gathering,
    /// That of collectives which reduce gradients.
    Reducing,
}

/// Pools of a card.
pub(crate) const POOLS: usize = 2 * (Stream::Reducing as usize + 1);

/// Which pool a block is of: every stream has one for large blocks and one for small ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) stream: Stream,
    pub(crate) small: bool,
}

impl Kind {
    /// Its place among all pools.
    pub(crate) fn index(self) -> usize {
        2 * self.stream as usize + usize::from(self.small)
    }
}

/// No block.
pub(crate) const NONE: BlockId = BlockId::MAX;

/// The segment that is taken for a size, rounded; nothing where it overflows.
pub(crate) fn segment(size: u64) -> Option<u64> {
    if size <= SMALL {
        Some(SMALL_SEGMENT)
    } else if size < OWN_SEGMENT {
        Some(LARGE_SEGMENT)
    } else {
        size.checked_next_multiple_of(PAGE)
    }
}

/// Whether what is left of a block goes back when a size, rounded, is taken from it; by PyTorch's own settings.
pub(crate) const fn splits(left: u64, size: u64) -> bool {
    if size <= SMALL { left >= GRAIN } else { left > SMALL }
}

/// A piece of a segment, between its neighbours there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) at: u64,
    pub(crate) size: u64,
    pub(crate) previous: BlockId,
    pub(crate) next: BlockId,
    /// Where the range of addresses of an expandable segment begins.
    pub(crate) base: u64,
    pub(crate) kind: Kind,
    pub(crate) free: bool,
    /// Whether memory lies behind the addresses; only of an expandable segment it may not.
    pub(crate) mapped: bool,
}

/// The first of these holes that has less room than the one after it: a block counts with the addresses that it could
/// grow into.
pub(crate) fn with_least_room(blocks: &[Block], holes: impl Iterator<Item = Hole>) -> Option<Hole> {
    let room = |hole: &Hole| {
        let next = blocks.get(blocks[hole.block as usize].next as usize);
        hole.size + next.filter(|next| !next.mapped).map_or(0, |next| next.size)
    };
    let mut holes = holes.peekable();
    let mut best = holes.next()?;
    while let Some(next) = holes.next_if(|next| room(next) < room(&best)) {
        best = next;
    }
    Some(best)
}
