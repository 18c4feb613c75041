//! The allocator itself: blocks, segments, and the two calls.

use super::block::{
    Block, GRAIN, Kind, LARGE_SEGMENT, NONE, PAGE, POOLS, SMALL, Stream, segment, splits, with_least_room,
};
use super::pool::{BlockId, Hole, Pool};
use super::settings::Settings;

/// A card that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// PyTorch's caching allocator on one card.
#[derive(Debug, Clone)]
pub(crate) struct Caching {
    pub(crate) settings: Settings,
    /// Bytes that the card hands out.
    pub(crate) capacity: u64,
    pub(crate) blocks: Vec<Block>,
    /// Places of blocks that are no more.
    spare: Vec<BlockId>,
    /// The stream that allocates now.
    pub(crate) stream: Stream,
    /// Free blocks, by [`Kind::index`].
    pub(crate) pools: [Pool; POOLS],
    /// Unmapped pieces of expandable segments, by address, in the same order.
    pub(crate) unmapped: [Vec<BlockId>; POOLS],
    /// Where the next segment lies; two never touch.
    pub(crate) next: u64,
    /// Bytes taken from the driver, and the most that this was.
    pub(crate) reserved: u64,
    pub(crate) peak_reserved: u64,
    /// Bytes of blocks that are in use, and the most that this was.
    pub(crate) allocated: u64,
    pub(crate) peak_allocated: u64,
    /// The least capacity at which something that the driver refused would have been had.
    pub(crate) refused: u64,
}

impl Caching {
    /// On a card without end, with nothing taken yet.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            capacity: u64::MAX,
            blocks: Vec::with_capacity(1024),
            spare: Vec::new(),
            stream: Stream::Program,
            pools: Default::default(),
            unmapped: Default::default(),
            next: 1 << 40,
            reserved: 0,
            peak_reserved: 0,
            allocated: 0,
            peak_allocated: 0,
            refused: u64::MAX,
        }
    }

    /// A block for so many bytes; nothing for none.
    pub(crate) fn allocate(&mut self, bytes: u64) -> Result<BlockId, OutOfMemory> {
        if bytes == 0 {
            return Ok(NONE);
        }
        let size = self.rounded(bytes).ok_or(OutOfMemory)?;
        let kind = self.kind(size);
        let found = self.find(size, kind).or_else(|| self.fetch(size, kind));
        let found = found.or_else(|| self.release_oversize(size, kind).then(|| self.fetch(size, kind)).flatten());
        let block = if let Some(block) = found {
            block
        } else {
            self.release_cached();
            self.fetch(size, kind).ok_or(OutOfMemory)?
        };
        self.block(block).free = false;
        if self.splits(self.blocks[block as usize].size, size) {
            let rest = self.cut(block, size, true);
            self.put(rest);
        }
        self.allocated += self.blocks[block as usize].size;
        self.peak_allocated = self.peak_allocated.max(self.allocated);
        Ok(block)
    }

    /// A block for so many bytes that is released at once. Where one is free that is large enough, this leaves everything as
    /// it was but for the peak; else nothing has happened.
    pub(crate) fn lend(&mut self, bytes: u64) -> bool {
        let Some(size) = self.rounded(bytes).filter(|_| bytes > 0) else { return false };
        let Some(hole) = self.fitting(size, self.kind(size)) else { return false };
        let taken = if self.splits(hole.size, size) { size } else { hole.size };
        self.peak_allocated = self.peak_allocated.max(self.allocated + taken);
        true
    }

    /// The pool of a size, on the stream that allocates.
    pub(crate) fn kind(&self, size: u64) -> Kind {
        Kind { stream: self.stream, small: size <= SMALL }
    }

    /// Whether what is left of a block goes back when so much of it is taken.
    fn splits(&self, block: u64, size: u64) -> bool {
        let left = block - size;
        if self.settings.expandable_segments {
            return left >= GRAIN;
        }
        let stays_whole = size > SMALL && self.settings.max_split.is_some_and(|most| size >= most);
        splits(left, size) && !stays_whole
    }

    /// Releases a block: it joins free neighbours and waits to be used again.
    pub(crate) fn free(&mut self, block: BlockId) {
        if block == NONE {
            return;
        }
        let Block { size, previous, next, .. } = self.blocks[block as usize];
        self.allocated -= size;
        let block = self.joined(block, previous);
        let block = self.joined(block, next);
        self.put(block);
    }

    fn rounded(&self, bytes: u64) -> Option<u64> {
        let steps = self.settings.divisions.of(bytes);
        if steps > 1 && bytes > GRAIN * steps {
            if bytes.is_power_of_two() {
                return Some(bytes);
            }
            return bytes.checked_next_multiple_of((1 << bytes.ilog2()) / steps);
        }
        bytes.checked_next_multiple_of(GRAIN)
    }

    /// Best fit: the smallest free block that is large enough, the lowest address among equals.
    fn fitting(&self, size: u64, kind: Kind) -> Option<Hole> {
        let mut holes = self.pools[kind.index()].from(size);
        let hole = if self.settings.expandable_segments { with_least_room(&self.blocks, holes) } else { holes.next() }?;
        let refused = self.settings.max_split.is_some_and(|most| {
            let unsplit = hole.size >= most;
            size < most && unsplit || size >= most && hole.size >= size.saturating_add(LARGE_SEGMENT)
        });
        (!refused).then_some(hole)
    }

    fn find(&mut self, size: u64, kind: Kind) -> Option<BlockId> {
        let hole = self.fitting(size, kind)?;
        self.pools[kind.index()].take(hole.size, hole.at);
        Some(hole.block)
    }

    /// New memory from the driver.
    fn fetch(&mut self, size: u64, kind: Kind) -> Option<BlockId> {
        if self.settings.expandable_segments {
            return self.grow(size, kind);
        }
        let length = segment(size)?;
        if !self.take(length) {
            return None;
        }
        let at = self.next;
        self.next += length + PAGE;
        let free = Block { at, size: length, previous: NONE, next: NONE, base: 0, kind, free: true, mapped: true };
        Some(self.add(free))
    }

    /// Asks the driver for so many bytes.
    pub(crate) fn take(&mut self, bytes: u64) -> bool {
        let wanted = self.reserved.saturating_add(bytes);
        if wanted > self.capacity {
            self.refused = self.refused.min(wanted);
            return false;
        }
        self.reserved = wanted;
        self.peak_reserved = self.peak_reserved.max(wanted);
        true
    }

    /// Under `max_split_size_mb`: segments that are never split go first, as many as the request needs.
    fn release_oversize(&mut self, size: u64, kind: Kind) -> bool {
        let Some(most) = self.settings.max_split else { return false };
        let wanted = size.max(most);
        let large = Kind { small: false, ..kind }.index();
        let large_enough = self.pools[large].from(wanted).next();
        if let Some(hole) = large_enough {
            self.give_back(hole);
            return true;
        }
        let mut given = 0;
        while given < wanted {
            let Some(hole) = self.pools[large].largest().filter(|hole| hole.size >= most) else { break };
            given += hole.size;
            self.give_back(hole);
        }
        given >= wanted
    }

    fn give_back(&mut self, hole: Hole) {
        let kind = self.blocks[hole.block as usize].kind;
        self.pools[kind.index()].take(hole.size, hole.at);
        self.reserved -= hole.size;
        self.spare.push(hole.block);
    }

    /// Gives back every segment that is one free block; of expandable ones every free unit.
    pub(crate) fn release_cached(&mut self) {
        for pool in 0..self.pools.len() {
            for hole in self.pools[pool].from(0).collect::<Vec<_>>() {
                if self.settings.expandable_segments {
                    self.unmap(hole.block);
                } else if self.is_whole(hole.block) {
                    self.give_back(hole);
                }
            }
        }
    }

    fn is_whole(&self, block: BlockId) -> bool {
        let Block { previous, next, .. } = self.blocks[block as usize];
        previous == NONE && next == NONE
    }

    pub(crate) fn block(&mut self, block: BlockId) -> &mut Block {
        &mut self.blocks[block as usize]
    }

    pub(crate) fn add(&mut self, block: Block) -> BlockId {
        if let Some(spare) = self.spare.pop() {
            self.blocks[spare as usize] = block;
            return spare;
        }
        self.blocks.push(block);
        BlockId::try_from(self.blocks.len() - 1).unwrap_or(NONE)
    }

    /// Puts a free block among those that wait.
    pub(crate) fn put(&mut self, block: BlockId) {
        let it = self.block(block);
        it.free = true;
        let (hole, kind) = (Hole { size: it.size, at: it.at, block }, it.kind);
        self.pools[kind.index()].put(hole);
    }

    /// Leaves `size` bytes in a block; the rest becomes one behind it.
    pub(crate) fn cut(&mut self, block: BlockId, size: u64, mapped: bool) -> BlockId {
        let it = self.blocks[block as usize];
        let rest =
            self.add(Block { at: it.at + size, size: it.size - size, previous: block, free: true, mapped, ..it });
        if it.next != NONE {
            self.block(it.next).previous = rest;
        }
        let it = self.block(block);
        (it.next, it.size) = (rest, size);
        rest
    }

    /// Joins a free neighbour of the same kind to a block.
    pub(crate) fn joined(&mut self, block: BlockId, neighbour: BlockId) -> BlockId {
        let Some(other) = self.blocks.get(neighbour as usize).copied() else { return block };
        let it = self.blocks[block as usize];
        if !other.free || other.mapped != it.mapped {
            return block;
        }
        if other.mapped {
            self.pools[other.kind.index()].take(other.size, other.at);
        } else {
            self.unmapped[other.kind.index()].retain(|known| *known != neighbour);
        }
        // Neighbours on the far side of the one that goes.
        let (previous, next) =
            if neighbour == it.previous { (other.previous, it.next) } else { (it.previous, other.next) };
        if previous != NONE {
            self.block(previous).next = block;
        }
        if next != NONE {
            self.block(next).previous = block;
        }
        *self.block(block) = Block { at: it.at.min(other.at), size: it.size + other.size, previous, next, ..it };
        self.spare.push(neighbour);
        block
    }
}
