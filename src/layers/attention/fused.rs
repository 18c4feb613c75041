//! Attention in one kernel, which keeps no scores.

use super::{Projected, Sizes};
use crate::families::code::Rotation;
use crate::layers::Run;
use crate::layers::operations::{cast, copy};
use crate::model::architecture::Attention;
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, FusedKernel, Operation, Rule, Tape, Tensor};

/// Channels of the widest heads that FlashAttention computes.
const WIDEST: u64 = 256;

impl Run<'_> {
    pub(crate) fn fused(&self, tape: &mut Tape, projected: Projected, attention: &Attention, sizes: Sizes) -> Tensor {
        let masked = self.masked(attention.sliding_window);
        let compute = self.compute();
        let [query, mut key, mut value] = [projected.query, projected.key, projected.value].map(|t| tape.share(t));
        if self.repeats_for_kernel(attention, sizes) {
            for (slot, name) in
                [(&mut key, "attention.key for every head"), (&mut value, "attention.value for every head")]
            {
                let repeated = self.repeat(tape, *slot, attention, sizes, name);
                tape.release(*slot);
                *slot = repeated;
            }
        }
        // The caller's variables last until the context is known.
        let wide = [query, key, value];
        // Autocast casts the last argument first.
        let [value, key, query] = [
            (value, "attention.value"),
            (key, "attention.key after rotary embedding"),
            (query, "attention.query after rotary embedding"),
        ]
        .map(|(tensor, name)| cast(tape, tensor, compute, name));
        let mask = masked.then(|| self.additive_mask(tape, compute, attention.sliding_window));
        // The kernel's output has the layout of the queries: rotated parts put together are contiguous by head, and
        // the output projection then reads a copy.
        // Latent attention needs value heads as wide as key heads for that kernel.
        let by_head = attention.heads > 1
            && sizes.value_head.size == sizes.head.size
            && self.code.rotation == Rotation::Concatenated
            && self.liger.is_none()
            && compute == Dtype::Bf16
            && self.sequence > 1
            && mask.is_none()
            || self.lies_by_head(sizes.heads) && mask.is_none();
        let context = self.kernel(tape, [query, key, value], mask, (sizes, by_head));
        if let Some(mask) = mask {
            tape.release(mask);
        }
        for tensor in [query, key, value] {
            tape.release(tensor);
        }
        let shape = self.stream(tape, sizes.context);
        let flat = if by_head { copy(tape, context, "attention.context", shape) } else { tape.view(context, shape) };
        tape.release(context);
        for tensor in wide {
            tape.release(tensor);
        }
        flat
    }

    /// Whether keys and values are repeated for every head before a kernel reads them.
    pub(super) fn repeats_for_kernel(&self, attention: &Attention, sizes: Sizes) -> bool {
        let wide_heads = sizes.head.size.max(sizes.value_head.size) > WIDEST;
        let repeats = self.masked(attention.sliding_window)
            || self.code.repeats_heads
            || wide_heads && attention.latent.is_none();
        // One query reads the keys of its group as they are.
        repeats && !self.code.expanded_late && !self.is_a_step()
    }

    fn additive_mask(&self, tape: &mut Tape, compute: Dtype, window: Option<u64>) -> Tensor {
        // The kernel wants rows that begin at multiples of eight elements.
        let keys = self.keys(window);
        let row = Dim { size: keys.size.next_multiple_of(8), ..keys };
        let [plain, padded] = [keys, row].map(|keys| tape.shape(&[self.b(), self.s(), keys]));
        let scalar = tape.shape(&[]);
        let ends = [0, 1].map(|_| tape.constant("highest and lowest bias", scalar, compute));
        let mask = tape.constant("attention.additive mask", plain, compute);
        tape.release_each([ends[1], ends[0]]);
        if plain == padded {
            return mask;
        }
        let wider = tape.constant("attention.additive mask", padded, compute);
        tape.release(mask);
        wider
    }

    /// FlashAttention for 16-bit inputs without a mask, the memory-efficient kernel otherwise.
    pub(crate) fn kernel(
        &self,
        tape: &mut Tape,
        inputs: [Tensor; 3],
        mask: Option<Tensor>,
        (sizes, by_head): (Sizes, bool),
    ) -> Tensor {
        let alike = sizes.value_head.size == sizes.head.size && sizes.head.size <= WIDEST;
        let flash = mask.is_none() && inputs[0].dtype == Dtype::Bf16 && alike;
        let rows = if flash { self.sequence } else { self.sequence.next_multiple_of(32) };
        let row = Dim { symbol: "s", size: rows };
        let log_sum_exp = tape.shape(&[self.b(), sizes.heads, row]);
        let seed = tape.shape(&[Dim { symbol: "", size: if flash { 2 } else { 1 } }]);
        let offset = tape.shape(&[Dim { symbol: "", size: 1 }]);
        let log_sum_exp = Extra { name: "attention.log-sum-exp", shape: log_sum_exp, dtype: Dtype::Fp32 };
        let seed = Extra { name: "attention.random seed", shape: seed, dtype: Dtype::Int64 };
        let offset = Extra { name: "attention.random offset", shape: offset, dtype: Dtype::Int64 };
        let (kernel, extras) = if flash {
            let kernel = if by_head { FusedKernel::FlashByHead } else { FusedKernel::Flash };
            (kernel, [log_sum_exp, seed, offset])
        } else {
            (FusedKernel::Efficient, [seed, offset, log_sum_exp])
        };
        // With dropout the memory-efficient kernel has seed and offset on the host, which a tracker of fake tensors cannot see.
        let on_host = self.kernels.is_some() && !flash && self.dropout[2];
        let extras = match (on_host, flash || self.graph) {
            _ if flash && self.code.seeds_on_host => &extras[..1],
            (true, _) => &extras[2..],
            (false, true) => &extras[..],
            // What only backward reads is not made.
            (false, false) => &extras[..2],
        };
        let [query, key, value] = inputs;
        let keeps = [query, key, value, mask.unwrap_or(query)];
        let learned = mask.is_some_and(|mask| mask.needs_gradient());
        let operation = Operation {
            rule: Rule::Fused(kernel),
            inputs: if learned { &keeps } else { &inputs },
            keeps: if mask.is_some() { &keeps } else { &keeps[..3] },
            extras,
            keeps_output: true,
        };
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.value_head]);
        let context = tape.apply(&operation, "attention.context", shape, query.dtype);
        tape.fused_forward_scratch(kernel, [query, key, value]);
        context
    }
}
