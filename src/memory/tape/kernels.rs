//! What kernels take for themselves while they run: workspaces of cuBLAS, partial sums of reductions.
//!
//! A tracker that looks on from outside sees none of it, and no new storage is made for what it does see; the allocator
//! sees all of it.

use super::{Dtype, FusedKernel, Input, Kind, Rule, StorageId, Tape, Tensor};
use crate::memory::entry::Dim;
use crate::memory::kernels::{KIB, Kernels};
use crate::memory::runtime::WORKSPACE;

/// Sizes multiplied. What is beyond 64 bits ends there: the tensors that it belongs to have ended the estimate by then.
fn product(sizes: &[u64]) -> u64 {
    sizes.iter().fold(1, |product, size| product.saturating_mul(*size))
}

/// The next multiple.
const fn rounded(size: u64, multiple: u64) -> u64 {
    size.div_ceil(multiple).saturating_mul(multiple)
}

/// A sum over some dimensions of a tensor, as PyTorch's reduction kernel sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reduction {
    /// Sums that are made.
    pub(super) outputs: u64,
    /// Elements in each.
    pub(super) inputs: u64,
    /// Whether the elements of a sum lie beside each other in memory; else equal elements of rows do.
    pub(super) contiguous: bool,
}

impl Reduction {
    /// Bytes of partial sums and of the counters that say when all are there; nothing where no sum is split over blocks.
    ///
    /// `setReduceConfig` of PyTorch 2.15, Reduce.cuh, for sums in fp32: read, and measured.
    fn scratch(self, multiprocessors: u64) -> Option<[u64; 2]> {
        const THREADS: u64 = 512;
        const WARP: u64 = 32;
        const RESIDENT: u64 = 2048;
        const FEWEST: u64 = 16;
        const MOST: u64 = 256;
        let Self { outputs, inputs, contiguous } = self;
        if outputs == 0 || inputs == 0 {
            return None;
        }
        // Four outputs, or as many as divide them, are read at once.
        let vector = if contiguous { 1 } else { 1 << outputs.trailing_zeros().min(2) };
        let (width, height) = if contiguous { (inputs, outputs) } else { (outputs / vector, inputs) };
        let threads = THREADS / vector;
        let power = |size: u64| if size < threads { 1 << size.max(1).ilog2() } else { threads };
        let (width_power, height_power) = (power(width), power(height));
        let block_height = height_power.min(threads / width_power.min(WARP));
        let block_width = width_power.min(threads / block_height);
        let (mut step_input, mut step_output) = (1, 1);
        *if contiguous { &mut step_input } else { &mut step_output } *= block_width;
        let each = |step: u64| inputs.div_ceil(step);
        if each(step_input) < (block_height * FEWEST).min(MOST) {
            return None;
        }
        step_input *= block_height;
        let grid = (outputs / vector).div_ceil(step_output);
        let target = multiprocessors * (RESIDENT / (block_width * block_height));
        let values = each(step_input);
        if values < MOST || grid > target {
            return None;
        }
        let blocks = target.div_ceil(grid).min(values.div_ceil(FEWEST)).max(values.div_ceil(MOST));
        if blocks < 2 {
            return None;
        }
        let lanes = if contiguous { 1 } else { block_width * vector };
        Some([product(&[4, outputs, blocks, lanes]), product(&[4, grid])])
    }
}

impl Tape {
    /// From here on kernels take what they need, and gradients are summed where nobody else holds them.
    pub(crate) fn run_kernels(&mut self, kernels: Kernels) {
        self.kernels = Some(kernels);
        self.sum_in_place();
    }

    /// A product of matrices has its result and takes a workspace.
    pub(crate) fn product_workspace(&mut self) {
        self.workspace(|kernels| kernels.product);
    }

    /// The same of one that adds a bias as it goes.
    pub(crate) fn product_with_bias_workspace(&mut self) {
        self.workspace(|kernels| kernels.product_with_bias);
    }

    fn workspace(&mut self, bytes: impl Fn(&Kernels) -> u64) {
        if let Some(kernels) = &self.kernels {
            let bytes = bytes(kernels);
            self.take(Kind::Workspace, WORKSPACE, &[bytes]);
        }
    }

    /// A kernel has its result and takes so many bytes at once until it is done; some of them may be none.
    pub(crate) fn scratch(&mut self, name: &'static str, bytes: &[u64]) {
        if self.kernels.is_some() {
            self.take(Kind::Scratch, name, bytes);
        }
    }

    fn take(&mut self, kind: Kind, name: &'static str, bytes: &[u64]) {
        let mut taken = [super::NOTHING; 8];
        for (slot, bytes) in taken.iter_mut().zip(bytes.iter().filter(|bytes| **bytes > 0)) {
            let shape = self.shape(&[Dim { symbol: "", size: *bytes }]);
            *slot = self.allocate(name, shape, Dtype::Bool, kind);
        }
        for storage in taken {
            self.unrefer(storage);
        }
    }

    /// The partial sums of a tensor that is summed to a smaller shape.
    pub(super) fn reduction_scratch(&mut self, whole: u16, summed: u16) {
        let Some(kernels) = self.kernels else { return };
        let (all, outputs) = (self.elements[usize::from(whole)], self.elements[usize::from(summed)]);
        let last = |shape: u16| self.dims(shape).dims().last().map_or(1, |dim| dim.size);
        let contiguous = outputs == 1 || last(whole) != last(summed);
        let reduction = Reduction { outputs, inputs: all / outputs.max(1), contiguous };
        if let Some(scratch) = reduction.scratch(kernels.multiprocessors) {
            self.scratch("partial sums", &scratch);
        }
    }
}

impl Tape {
    /// The sizes of `[batch, heads, s, d]` queries and their keys.
    fn attended(&self, query: u16, key: u16) -> Option<Attended> {
        let [batch, heads, rows, width] = self.dims(query).dims() else { return None };
        let key_heads = self.dims(key).dims().get(1)?.size;
        Some(Attended { batch: batch.size, heads: heads.size, key_heads, rows: rows.size, width: width.size })
    }

    /// What an attention kernel takes in forward: FlashAttention for a few heads and long rows the parts of each row,
    /// the memory-efficient kernel for wide heads its sums in fp32.
    pub(crate) fn fused_forward_scratch(&mut self, kernel: FusedKernel, query: Tensor, key: Tensor) {
        let (Some(kernels), Some(sizes)) = (self.kernels, self.attended(query.shape, key.shape)) else { return };
        match kernel {
            FusedKernel::Flash | FusedKernel::FlashByHead => {
                let splits = sizes.splits(kernels.multiprocessors);
                if splits > 1 {
                    let rows = product(&[4, splits, sizes.all(), sizes.rows]);
                    self.scratch("parts of attention", &[rows, product(&[rows, sizes.flash_width()])]);
                }
            }
            FusedKernel::Efficient if query.dtype != Dtype::Fp32 && sizes.width > 128 => {
                self.scratch("attention in fp32", &[product(&[4, sizes.all(), sizes.rows, sizes.width])]);
            }
            FusedKernel::Efficient => {}
        }
    }

    /// What its backward takes once the gradients of queries, keys and values are there.
    fn fused_scratch(&mut self, kernel: FusedKernel, sizes: Attended, dtype: Dtype) {
        let Attended { heads, key_heads, rows, width, .. } = sizes;
        let all = sizes.all();
        let each = u64::from(dtype.bits() / 8);
        // Of keys and values of groups a gradient for every query head.
        let expanded = if heads == key_heads { 0 } else { product(&[each, all, rows, width]) };
        match kernel {
            FusedKernel::Flash | FusedKernel::FlashByHead => {
                let padded = product(&[4, all, rounded(rows, 128)]);
                let sums = product(&[padded, sizes.flash_width()]);
                self.scratch("attention's backward", &[padded, sums, expanded, expanded]);
            }
            FusedKernel::Efficient => {
                let sums = product(&[4, all, rows]);
                let workspace = product(&[all, sizes.efficient_workspace(dtype)]);
                if dtype == Dtype::Fp32 {
                    let [keys, values] = [0, 1].map(|_| self.held_scratch("attention's backward", expanded));
                    let product = self.held_scratch("attention's backward", product(&[sums, width]));
                    let sum = self.held_scratch("attention's backward", sums);
                    let copy = self.held_scratch("attention's backward", sums);
                    self.unrefer(sum);
                    self.unrefer(product);
                    self.scratch("attention's backward", &[workspace]);
                    for held in [copy, values, keys] {
                        self.unrefer(held);
                    }
                } else {
                    self.scratch("attention's backward", &[expanded, expanded, sums, workspace]);
                }
            }
        }
    }

    pub(super) fn fused_backward_scratch(&mut self, kernel: FusedKernel, query: u16, key: u16, dtype: Dtype) {
        if let (Some(_), Some(sizes)) = (self.kernels, self.attended(query, key)) {
            self.fused_scratch(kernel, sizes, dtype);
        }
    }

    /// What adding rows by index takes: indices and their order, sorted. `index_put_` of PyTorch 2.15, measured.
    pub(super) fn index_scratch(&mut self, taken: u16) {
        let dims = self.dims(taken).dims();
        let width = if dims.len() == 2 { dims[1].size } else { 1 };
        let rows = self.elements[usize::from(taken)] / width.max(1);
        let name = "order of added rows";
        let wrapped = self.held_index(name, rows);
        self.scratch(name, &[product(&[8, rows])]);
        let sorted = [0, 1, 2].map(|_| self.held_index(name, rows));
        self.scratch(name, &[product(&[16, rows]).saturating_add(7 * KIB)]);
        for held in sorted.into_iter().chain([wrapped]) {
            self.unrefer(held);
        }
    }

    fn held_index(&mut self, name: &'static str, rows: u64) -> StorageId {
        self.held_scratch(name, product(&[8, rows]))
    }

    /// Scales of a matrix in 4 bits, which are quantized themselves, in fp32.
    pub(super) fn unpacked_scales(&mut self, rule: Rule, matrix: u16) -> StorageId {
        const BLOCK: u64 = 64;
        if self.kernels.is_none() || rule != Rule::UnpackNested {
            return super::NOTHING;
        }
        self.held_scratch("dequantized scales", product(&[4, self.elements[usize::from(matrix)].div_ceil(BLOCK)]))
    }

    fn held_scratch(&mut self, name: &'static str, bytes: u64) -> StorageId {
        if bytes == 0 {
            return super::NOTHING;
        }
        let shape = self.shape(&[Dim { symbol: "", size: bytes }]);
        self.allocate(name, shape, Dtype::Bool, Kind::Scratch)
    }

    /// Up to so many rows a table's gradient is summed without sorting them.
    const UNSORTED: u64 = 3072;

    /// What the gradient of a table takes beside its own bytes where many rows were looked up: the order of rows, and sums
    /// of every tenth in fp32. `embedding_dense_backward` of PyTorch 2.15, measured.
    pub(super) fn lookup_scratch(&mut self, table: &Input, looked_up: u16) -> Lookup {
        let width = self.dims(table.shape).dims().last().map_or(1, |dim| dim.size);
        let rows = self.elements[usize::from(looked_up)] / width.max(1);
        if self.kernels.is_none() || rows <= Self::UNSORTED {
            return Lookup::default();
        }
        let table_rows = self.elements[usize::from(table.shape)] / width.max(1);
        let sorted = [0, 1].map(|_| self.held_scratch("order of looked-up rows", product(&[8, rows])));
        self.scratch("order of looked-up rows", &[product(&[8, rows]), product(&[16, rows]).saturating_add(7 * KIB)]);
        Lookup { sorted, rows, segments: rows.min(table_rows), width }
    }

    /// The sums, once the gradient itself is there.
    pub(super) fn lookup_sums(&mut self, lookup: Lookup) {
        let Lookup { sorted, rows, segments, width } = lookup;
        if rows == 0 {
            return;
        }
        let name = "partial sums of looked-up rows";
        let numbers = self.held_scratch(name, product(&[8, rows]));
        let count = self.held_scratch(name, 8);
        self.scratch(name, &[product(&[8, rows]), 1279]);
        let starts = [0, 1].map(|_| self.held_scratch(name, product(&[8, segments])));
        self.scratch(name, &[1279]);
        let partial = (rows / 10).saturating_add(segments);
        self.scratch(name, &[8, product(&[8, partial]), product(&[4, width, partial])]);
        for held in starts.into_iter().chain([count, numbers]).chain(sorted) {
            self.unrefer(held);
        }
    }
}

/// What is held while the gradient of a table is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup {
    sorted: [StorageId; 2],
    rows: u64,
    segments: u64,
    width: u64,
}

impl Default for Lookup {
    fn default() -> Self {
        Self { sorted: [super::NOTHING; 2], rows: 0, segments: 0, width: 0 }
    }
}

/// The sizes of an attention kernel.
#[derive(Debug, Clone, Copy)]
struct Attended {
    batch: u64,
    heads: u64,
    key_heads: u64,
    rows: u64,
    width: u64,
}

impl Attended {
    /// Heads of the whole batch.
    const fn all(&self) -> u64 {
        self.batch.saturating_mul(self.heads)
    }

    /// The width that FlashAttention's sums in fp32 have.
    const fn flash_width(&self) -> u64 {
        if self.width <= 192 { self.width.next_multiple_of(32) } else { 256 }
    }

    /// In how many parts FlashAttention reads each row of keys so that every multiprocessor has work: the fewest that
    /// keep them within 15 % as busy as can be. `num_splits_heuristic`, read and measured.
    fn splits(&self, multiprocessors: u64) -> u64 {
        const MOST: u64 = 128;
        let of_keys = if self.width <= 64 {
            256
        } else if self.width <= 128 {
            128
        } else {
            64
        };
        let blocks = product(&[self.all(), self.rows.div_ceil(64)]);
        let (key_blocks, places) = (self.rows.div_ceil(of_keys), 2 * multiprocessors);
        if blocks.saturating_mul(10) >= 8 * places {
            return 1;
        }
        let eligible = |splits: u64| splits == 1 || key_blocks.div_ceil(splits) != key_blocks.div_ceil(splits - 1);
        // Waves that are full, of those that are begun, in millionths.
        let busy = |splits: u64| 1_000_000 * blocks * splits / places / (blocks * splits).div_ceil(places).max(1);
        let most = MOST.min(places).min(key_blocks);
        let best = (1..=most).filter(|splits| eligible(*splits)).map(busy).max().unwrap_or(0);
        (1..=most).find(|splits| eligible(*splits) && 100 * busy(*splits) >= 85 * best).unwrap_or(1)
    }

    /// Bytes for one head of the memory-efficient kernel's backward: sums of the queries' gradients in fp32, block by
    /// block, with a lock each; for wide heads those of keys and values too. Measured.
    fn efficient_workspace(&self, dtype: Dtype) -> u64 {
        const LOCK: u64 = 16;
        let wide = matches!(dtype, Dtype::Fp32);
        let (rows, columns) = match (self.width, wide) {
            (..=64, _) => (64, 64),
            (65..=128, false) => (128, 128),
            _ => (128, 64),
        };
        let blocks = product(&[self.rows.div_ceil(rows), self.width.div_ceil(columns)]);
        let sums = product(&[blocks, LOCK + 4 * rows * columns]);
        let both = !wide && self.width > 128;
        let keys_too = if both { product(&[8, rounded(self.rows, 64), self.width]) } else { 0 };
        sums.saturating_add(keys_too)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read off PyTorch 2.15 on capability 9.0, 132 multiprocessors.
    #[test]
    fn reductions_take_what_was_measured() {
        let columns = |inputs, outputs| Reduction { outputs, inputs, contiguous: false }.scratch(132);
        assert_eq!(columns(1400, 2560), Some([28_835_840, 80]));
        assert_eq!(columns(1400 * 8, 128), Some([11_468_800, 4]));
        assert_eq!(columns(1400 * 32, 128), Some([45_875_200, 4]));
        assert_eq!(columns(4096, 1000), Some([32_768_000, 32]));
        assert_eq!(columns(8192, 2048), Some([134_217_728, 64]));
        assert_eq!(columns(16384, 2048), Some([138_412_032, 64]));
        assert_eq!(columns(65536, 6), Some([3072, 8]));
        for (inputs, outputs) in [(100, 50), (2048, 30), (777, 333), (256, 3072)] {
            assert_eq!(columns(inputs, outputs), None);
        }
        let rows = |inputs, outputs| Reduction { outputs, inputs, contiguous: true }.scratch(132);
        assert_eq!(rows(300_000, 3), Some([444, 12]));
        assert_eq!(rows(16_777_216, 1), Some([2112, 4]));
        assert_eq!(rows(4_096_000, 1), Some([2000, 4]));
        assert_eq!(rows(393_216, 1), Some([192, 4]));
        for (inputs, outputs) in [(50, 100), (2048, 8192), (300, 777)] {
            assert_eq!(rows(inputs, outputs), None);
        }
    }

    #[test]
    fn attention_takes_what_was_measured() {
        let of = |[batch, heads, rows, width]: [u64; 4]| Attended { batch, heads, key_heads: heads, rows, width };
        for (sizes, splits) in [
            ([2, 4, 512, 128], 4),
            ([2, 4, 512, 32], 2),
            ([2, 4, 200, 128], 2),
            ([2, 4, 256, 64], 1),
            ([2, 4, 512, 256], 4),
            ([1, 4, 512, 64], 2),
            ([8, 32, 2048, 128], 1),
        ] {
            assert_eq!(of(sizes).splits(132), splits, "{sizes:?}");
        }
        for ([rows, width], dtype, bytes) in [
            ([512, 32], Dtype::Fp32, 1_049_600),
            ([512, 100], Dtype::Fp32, 2_098_176),
            ([700, 128], Dtype::Fp32, 3_147_264),
            ([512, 192], Dtype::Fp32, 3_147_264),
            ([512, 256], Dtype::Fp32, 4_196_352),
            ([96, 32], Dtype::Bf16, 262_400),
            ([700, 128], Dtype::Bf16, 3_146_496),
            ([512, 256], Dtype::Bf16, 12_584_960),
        ] {
            assert_eq!(8 * of([2, 4, rows, width]).efficient_workspace(dtype), bytes, "{rows} {width} {dtype:?}");
        }
    }
}
