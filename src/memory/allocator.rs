//! PyTorch's caching allocator, as far as what it counts as allocated differs from what was asked for.
//!
//! A block that is found or fetched for a request is split where more than a little would be left over. What is too
//! little stays with the request and counts as allocated: up to a mebibyte for each large tensor.

use crate::units::{Bytes, Overflow};

const MIB: u64 = 1 << 20;
/// Requests up to here come from small segments.
const SMALL: u64 = MIB;
/// A small segment.
const SMALL_SEGMENT: u64 = 2 * MIB;
/// Requests from here on have a segment of their own.
const OWN_SEGMENT: u64 = 10 * MIB;
/// What requests below that are cut from.
const SHARED_SEGMENT: u64 = 20 * MIB;
/// Segments of their own are multiples of this.
const ROUND: u64 = 2 * MIB;
/// Every request is a multiple of this, and a small block is split where as much is left.
const GRAIN: u64 = 512;

/// The free blocks of an allocator, by size.
#[derive(Debug, Default)]
pub(super) struct Allocator {
    small: Vec<u64>,
    large: Vec<u64>,
}

impl Allocator {
    /// What is counted as allocated for a tensor of so many bytes that stays.
    pub(super) fn allocate(&mut self, bytes: u64) -> Result<Bytes, Overflow> {
        let asked = bytes.max(1).checked_next_multiple_of(GRAIN).ok_or(Overflow)?;
        let small = asked <= SMALL;
        let free = if small { &mut self.small } else { &mut self.large };
        // The smallest free block that is large enough, else a new segment.
        let at = free.partition_point(|block| *block < asked);
        let block = if at < free.len() {
            free.remove(at)
        } else if small {
            SMALL_SEGMENT
        } else if asked < OWN_SEGMENT {
            SHARED_SEGMENT
        } else {
            asked.checked_next_multiple_of(ROUND).ok_or(Overflow)?
        };
        let left = block - asked;
        if if small { left >= GRAIN } else { left > SMALL } {
            let at = free.partition_point(|block| *block < left);
            free.insert(at, left);
            return Ok(Bytes::new(asked));
        }
        Ok(Bytes::new(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sizes: &[u64]) -> Vec<u64> {
        let mut allocator = Allocator::default();
        sizes.iter().map(|size| allocator.allocate(*size).unwrap().get()).collect()
    }

    #[test]
    fn what_is_too_little_to_split_counts_as_allocated() {
        // 129.5 MiB come from a segment of 130, and half a mebibyte is not split off.
        assert_eq!(counted(&[259 * MIB / 2]), [130 * MIB]);
        // 32.375 MiB leave 1.625 of a segment of 34, where 1.0125 then leave too little.
        assert_eq!(counted(&[259 * MIB / 8, 1_061_683]), [259 * MIB / 8, 13 * MIB / 8]);
        // 24.5 MiB leave a mebibyte and a half, which are split off.
        assert_eq!(counted(&[49 * MIB / 2, 3 * MIB / 2]), [49 * MIB / 2, 3 * MIB / 2]);
    }

    #[test]
    fn small_requests_are_rounded_and_share_segments() {
        assert_eq!(counted(&[1, 512, 513, 0]), [512, 512, 1024, 512]);
        assert_eq!(counted(&[3 * MIB; 7]), [3 * MIB; 7]);
        assert_eq!(Allocator::default().allocate(u64::MAX), Err(Overflow));
    }
}
