//! Sums of a tensor over some of its dimensions.

use super::product;
use crate::gpu::kernels::Kernels;
use crate::tape::Tape;

/// A sum over some dimensions of a tensor, as PyTorch's reduction kernel sees it.
#[derive(Debug, Clone, Copy)]
struct Reduction {
    /// Sums that are made.
    outputs: u64,
    /// Elements in each.
    inputs: u64,
    /// Whether the elements of a sum lie beside each other in memory; else equal elements of rows do.
    contiguous: bool,
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

/// Bytes that the sum over the rows of a matrix in fp32 takes while it runs, where it is split over blocks.
pub(crate) fn sum_of_rows([rows, columns]: [u64; 2], kernels: &Kernels) -> Option<[u64; 2]> {
    Reduction { outputs: columns, inputs: rows, contiguous: false }.scratch(u64::from(kernels.multiprocessors))
}

impl Tape {
    /// The partial sums of a tensor that is summed to a smaller shape.
    pub(crate) fn reduction_scratch(&mut self, whole: u16, summed: u16) {
        let Some(kernels) = self.kernels else { return };
        let (all, outputs) = (self.elements[usize::from(whole)], self.elements[usize::from(summed)]);
        let last = |shape: u16| self.dims(shape).dims().last().map_or(1, |dim| dim.size);
        let contiguous = outputs == 1 || last(whole) != last(summed);
        let reduction = Reduction { outputs, inputs: all / outputs.max(1), contiguous };
        if let Some(scratch) = reduction.scratch(u64::from(kernels.multiprocessors)) {
            self.scratch("partial sums", &scratch);
        }
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
}
