//! Rows that are added to others by an index, and the gradient of a table.

use super::{product, rounded};
use crate::tape::masked::RUNNING_SUM;
use crate::tape::{Input, Kind, NOTHING, Node, StorageId, Tape};

/// Rows that are sorted in one tile.
const TILE: u64 = 2304;

/// What sorting 64-bit numbers takes by so many of their bits, each with another beside it: both once more, counts of
/// digits of 8 bits, and counts of each block. `DeviceRadixSort` of CUB in PyTorch 2.15, measured.
const fn radix_sort(rows: u64, bits: u64) -> u64 {
    if rows <= TILE {
        return 1;
    }
    let (digits, blocks) = (bits.div_ceil(8), rows.div_ceil(2 * TILE));
    let counts = digits.saturating_mul(2048).saturating_add(blocks.saturating_mul(1024)).saturating_add(511);
    // One digit is sorted from the one into the other.
    let again = if digits > 1 { rounded(rows.saturating_mul(8), 256).saturating_mul(2) } else { 0 };
    again.saturating_add(counts)
}

/// Bits of the largest number.
const fn bits(largest: u64) -> u64 {
    64 - largest.leading_zeros() as u64
}

impl Tape {
    /// What `torch.sort` of 64-bit numbers takes beside its results: their positions, and what sorting takes that is not
    /// done in one block.
    pub(crate) fn sort_scratch(&mut self, shape: u16) {
        const IN_A_BLOCK: u64 = 4096;
        let rows = self.elements[usize::from(shape)];
        let sorting = if rows > IN_A_BLOCK { radix_sort(rows, 64) } else { 0 };
        self.scratch("order before sorting", &[product(&[8, rows]), sorting]);
    }

    /// What adding rows by index takes: indices and their order, sorted. `index_put_` of PyTorch 2.15, measured.
    pub(crate) fn index_scratch(&mut self, table: u16, taken: u16) {
        let dims = self.dims(taken).dims();
        let width = if dims.len() == 2 { dims[1].size } else { 1 };
        let [table_rows, rows] = [table, taken].map(|shape| self.elements[usize::from(shape)] / width.max(1));
        let name = "order of added rows";
        let wrapped = self.held_index(name, rows);
        self.scratch(name, &[product(&[8, rows])]);
        let sorted = [0, 1, 2].map(|_| self.held_index(name, rows));
        self.scratch(name, &[radix_sort(rows, bits(table_rows.saturating_sub(1)))]);
        for held in sorted.into_iter().chain([wrapped]) {
            self.unrefer(held);
        }
    }

    fn held_index(&mut self, name: &'static str, rows: u64) -> StorageId {
        self.held_scratch(name, product(&[8, rows]))
    }

    /// Up to so many rows a table's gradient is summed without sorting them.
    const UNSORTED: u64 = 3072;

    /// What the gradient of a table takes beside its own bytes where many rows were looked up: the order of rows, and sums
    /// of every tenth in fp32. `embedding_dense_backward` of PyTorch 2.15, measured.
    pub(crate) fn lookup_scratch(&mut self, table: &Input, looked_up: u16) -> Lookup {
        let width = self.dims(table.shape).dims().last().map_or(1, |dim| dim.size);
        let rows = self.elements[usize::from(looked_up)] / width.max(1);
        if self.kernels.is_none() || rows <= Self::UNSORTED {
            return Lookup::default();
        }
        let table_rows = self.elements[usize::from(table.shape)] / width.max(1);
        let sorted = [0, 1].map(|_| self.held_scratch("order of looked-up rows", product(&[8, rows])));
        self.scratch("order of looked-up rows", &[product(&[8, rows]), radix_sort(rows, bits(table_rows))]);
        Lookup { sorted, rows, segments: rows.min(table_rows), width, narrow: table.dtype.bits() < 32 }
    }

    /// Whether a small table's rows are summed without a vector for each of their parts: fewer than four for each
    /// multiprocessor, of more than four parts each. `embedding_dense_backward` of PyTorch 2.15, measured.
    fn sums_at_once(&self, segments: u64, partial: u64) -> bool {
        let few = self.kernels.is_some_and(|kernels| segments < 4 * u64::from(kernels.multiprocessors));
        few && partial > segments.saturating_mul(4)
    }

    /// A copy of a gradient in the order in which rows were looked up.
    pub(crate) fn in_order(&mut self, node: &Node) -> StorageId {
        if self.kernels.is_none() {
            return NOTHING;
        }
        self.allocate("gradient in the order of rows", node.output_shape, node.output_dtype, Kind::Scratch)
    }

    /// The sums, once the gradient itself is there.
    pub(crate) fn lookup_sums(&mut self, lookup: Lookup) {
        let Lookup { sorted, rows, segments, width, narrow } = lookup;
        if rows == 0 {
            return;
        }
        let name = "partial sums of looked-up rows";
        let numbers = self.held_scratch(name, product(&[8, rows]));
        let count = self.held_scratch(name, 8);
        self.scratch(name, &[product(&[8, rows]), RUNNING_SUM]);
        let starts = [0, 1].map(|_| self.held_scratch(name, product(&[8, segments])));
        self.scratch(name, &[RUNNING_SUM]);
        let partial = (rows / 10).saturating_add(segments);
        if self.sums_at_once(segments, partial) {
            let sums = if narrow { product(&[4, width, segments]) } else { 0 };
            self.scratch(name, &[8, product(&[8, partial]), product(&[8, partial]), sums]);
        } else {
            self.scratch(name, &[8, product(&[8, partial]), product(&[4, width, partial])]);
        }
        for held in starts.into_iter().chain([count, numbers]).chain(sorted) {
            self.unrefer(held);
        }
    }
}

/// What is held while the gradient of a table is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookup {
    sorted: [StorageId; 2],
    rows: u64,
    segments: u64,
    width: u64,
    /// Whether the gradient has 16 bits.
    narrow: bool,
}

impl Default for Lookup {
    fn default() -> Self {
        Self { sorted: [NOTHING; 2], rows: 0, segments: 0, width: 0, narrow: false }
    }
}
