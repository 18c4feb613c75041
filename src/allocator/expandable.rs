//! `expandable_segments:True`: one range of addresses for each pool, behind which memory is put unit by unit.

use super::block::{Block, Kind, LARGE_SEGMENT, NONE, SMALL_SEGMENT};
use super::caching::Caching;
use super::pool::BlockId;

/// Addresses of one range.
const RANGE: u64 = 1 << 50;

/// Memory is mapped in units of this many bytes.
const fn unit(small: bool) -> u64 {
    if small { SMALL_SEGMENT } else { LARGE_SEGMENT }
}

impl Caching {
    /// Memory behind the lowest addresses that have room, those of the free block before them included; a range where
    /// none has.
    pub(crate) fn grow(&mut self, size: u64, kind: Kind) -> Option<BlockId> {
        let start = self.start_with_room(size, kind);
        let mut block = start;
        if !self.blocks[block as usize].mapped {
            let length = size.min(self.blocks[block as usize].size);
            block = self.map(block, length)?;
        }
        while self.blocks[block as usize].size < size {
            let it = self.blocks[block as usize];
            let missing = (size - it.size).min(self.blocks[it.next as usize].size);
            block = self.map(it.next, missing)?;
        }
        let Block { size, at, .. } = self.blocks[block as usize];
        self.pools[kind.index()].take(size, at);
        Some(block)
    }

    fn start_with_room(&mut self, size: u64, kind: Kind) -> BlockId {
        for unmapped in &self.unmapped[kind.index()] {
            let previous = self.blocks[*unmapped as usize].previous;
            let before = self.blocks.get(previous as usize).filter(|block| block.free);
            let start = before.map_or(*unmapped, |_| previous);
            let (mut room, mut next) = (0_u64, start);
            while let Some(block) = self.blocks.get(next as usize).filter(|block| block.free && room < size) {
                room = room.saturating_add(block.size);
                next = block.next;
            }
            if room >= size {
                return start;
            }
        }
        let at = self.next;
        self.next += 2 * RANGE;
        let (previous, next) = (NONE, NONE);
        let range = Block { at, size: RANGE, previous, next, base: at, kind, free: true, mapped: false };
        let range = self.add(range);
        self.unmapped[kind.index()].push(range);
        range
    }

    /// Puts memory behind the first bytes of unmapped addresses, in whole units; what it joins is free.
    fn map(&mut self, block: BlockId, size: u64) -> Option<BlockId> {
        let Block { at, size: room, base, kind, .. } = self.blocks[block as usize];
        let end = base + (at + size - base).next_multiple_of(unit(kind.small));
        let length = (end - at).min(room);
        if !self.take(length) {
            return None;
        }
        self.unmapped[kind.index()].retain(|known| *known != block);
        self.block(block).mapped = true;
        if length < room {
            let rest = self.cut(block, length, false);
            self.put_unmapped(rest);
        }
        Some(self.put_joined(block))
    }

    /// Takes the memory of the whole units of a free block away.
    pub(crate) fn unmap(&mut self, block: BlockId) {
        let Block { at, size, base, kind, .. } = self.blocks[block as usize];
        let unit = unit(kind.small);
        let (left, right) = (base + (at - base).next_multiple_of(unit), base + (at + size - base) / unit * unit);
        if left >= right {
            return;
        }
        self.pools[kind.index()].take(size, at);
        self.reserved -= right - left;
        if right < at + size {
            let rest = self.cut(block, right - at, true);
            self.put(rest);
        }
        let mut inner = block;
        if at < left {
            inner = self.cut(block, left - at, true);
            self.put(block);
        }
        self.block(inner).mapped = false;
        let Block { previous, next, .. } = self.blocks[inner as usize];
        let inner = self.joined(inner, previous);
        let inner = self.joined(inner, next);
        self.put_unmapped(inner);
    }

    fn put_joined(&mut self, block: BlockId) -> BlockId {
        let Block { previous, next, .. } = self.blocks[block as usize];
        let block = self.joined(block, previous);
        let block = self.joined(block, next);
        self.put(block);
        block
    }

    fn put_unmapped(&mut self, block: BlockId) {
        let Block { at, kind, .. } = self.blocks[block as usize];
        let list = &self.unmapped[kind.index()];
        let position = list.partition_point(|known| self.blocks[*known as usize].at < at);
        self.unmapped[kind.index()].insert(position, block);
    }
}
