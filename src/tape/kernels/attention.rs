//! Attention in one kernel.

use super::{product, rounded};
use crate::tape::{Dtype, FusedKernel, Tape, Tensor};

impl Tape {
    /// The sizes of `[batch, heads, s, d]` queries and their keys.
    fn attended(&self, query: u16, key: u16) -> Option<Attended> {
        let [batch, heads, rows, width] = self.dims(query).dims() else { return None };
        let [_, key_heads, keys, _] = self.dims(key).dims() else { return None };
        let [batch, heads, rows, width] = [batch, heads, rows, width].map(|dim| dim.size);
        Some(Attended { batch, heads, key_heads: key_heads.size, rows, keys: keys.size, width })
    }

    /// What an attention kernel takes in forward: FlashAttention for a few heads and long rows the parts of each row,
    /// the memory-efficient kernel for wide heads its sums in fp32.
    pub(crate) fn fused_forward_scratch(&mut self, kernel: FusedKernel, [query, key, value]: [Tensor; 3]) {
        let (Some(kernels), Some(sizes)) = (self.kernels, self.attended(query.shape, key.shape)) else { return };
        match kernel {
            FusedKernel::Flash | FusedKernel::FlashByHead => {
                let splits = sizes.splits(u64::from(kernels.multiprocessors));
                if splits > 1 {
                    let rows = product(&[4, splits, sizes.all(), sizes.rows]);
                    self.scratch("parts of attention", &[rows, product(&[rows, sizes.flash_width()])]);
                }
            }
            FusedKernel::Efficient if query.dtype != Dtype::Fp32 && sizes.width > 128 => {
                let values = self.dims(value.shape).dims().last().map_or(0, |width| width.size);
                self.scratch("attention in fp32", &[product(&[4, sizes.all(), sizes.rows, values])]);
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

    pub(crate) fn fused_backward_scratch(&mut self, kernel: FusedKernel, query: u16, key: u16, dtype: Dtype) {
        if let (Some(_), Some(sizes)) = (self.kernels, self.attended(query, key)) {
            self.fused_scratch(kernel, sizes, dtype);
        }
    }
}

/// The sizes of an attention kernel.
#[derive(Debug, Clone, Copy)]
struct Attended {
    batch: u64,
    heads: u64,
    key_heads: u64,
    rows: u64,
    keys: u64,
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
        let (key_blocks, places) = (self.keys.div_ceil(of_keys), 2 * multiprocessors);
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

    #[test]
    fn attention_takes_what_was_measured() {
        let of = |[batch, heads, rows, width]: [u64; 4]| Attended {
            batch,
            heads,
            key_heads: heads,
            rows,
            keys: rows,
            width,
        };
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
