//! Gated `DeltaNet` and Kimi Delta Attention, by the chunked kernels of flash-linear-attention.

use super::{GatedNorm, Kernel, compute_fused, contiguous, dim};
use crate::layers::Run;
use crate::layers::operations::{add, cast, copy, fresh, multiply, unary_keeping_input, unary_keeping_output};
use crate::model::part::Part;
use crate::model::recurrent::{DeltaNet, KimiDelta};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule as TapeRule, Tape, Tensor};

/// Tokens of a chunk of the delta rule's kernels.
const CHUNK: u64 = 64;

/// Queries, keys and values out of the convolution, with what the delta rule multiplies them by.
struct Rule<'a> {
    convolved: Tensor,
    decay: Tensor,
    update: Tensor,
    /// Query and key heads, and all their channels.
    keys: [Dim; 2],
    /// Value heads, and all their channels.
    values: [Dim; 2],
    /// Channels of a key head and of a value head.
    head: [u64; 2],
    /// The kernel's own matrices of a chunk.
    chunk_matrices: &'a [&'static str],
}

impl Run<'_> {
    pub(crate) fn delta_net(&self, tape: &mut Tape, input: Tensor, net: &DeltaNet) -> Tensor {
        let (keys, values, heads) = (dim("K", net.keys()), dim("W", net.values()), dim("H", net.value_heads));
        let channels = dim("(2K+W)", net.convolved());
        let (mixed, gate, rates) = if net.fused {
            self.projected_together(tape, input, net, [channels, values, heads])
        } else {
            self.projected_apart(tape, input, [channels, values, heads])
        };
        let convolved = self.convolved(tape, mixed, channels, net.kernel, false);
        tape.release(mixed);
        let update = unary_keeping_output(tape, rates[0], "mixer.update rate");
        let decay = self.decay(tape, rates[1], net.value_heads);
        let rule = Rule {
            convolved,
            decay,
            update,
            keys: [dim("", net.key_heads), keys],
            values: [heads, values],
            head: [net.key_head_dim, net.value_head_dim],
            chunk_matrices: &["mixer.inverse of each chunk"],
        };
        let context = self.delta_rule(tape, &rule);
        let norm = GatedNorm {
            rows: heads,
            weight: net.value_head_dim,
            gate_first: false,
            weight_in_fp32: false,
            sigmoid: false,
        };
        let normed = self.gated_norm(tape, context, gate, norm);
        let output = self.mixed(tape, normed, values, false);
        for tensor in [normed, context, convolved, update, decay, gate].into_iter().chain(rates) {
            tape.release(tensor);
        }
        output
    }

    /// Qwen3-Next: two matrices, whose parts are interleaved by head and copied apart.
    fn projected_together(
        &self,
        tape: &mut Tape,
        input: Tensor,
        net: &DeltaNet,
        [channels, values, heads]: [Dim; 3],
    ) -> (Tensor, Tensor, [Tensor; 2]) {
        let all = dim("(2K+2W)", channels.size + values.size);
        let names = (Part::MixerQueryKeyValueGate, "mixer.query key value gate");
        let fused = self.projected(tape, input, names, [self.h(), all], false);
        let two = dim("2H", 2 * net.value_heads);
        let names = (Part::UpdateRateAndDecay, "mixer.update rate and decay");
        let fused_rates = self.projected(tape, input, names, [self.h(), two], false);
        let [mixed, gate] = [channels, values].map(|channels| self.stream(tape, channels));
        let parts = tape.split(fused, [mixed, gate]);
        let mixed = copy(tape, parts[0], "mixer.query key value", mixed);
        let gate = copy(tape, parts[1], "mixer.gate", gate);
        let row = self.stream(tape, heads);
        let halves = tape.split(fused_rates, [row, row]);
        let rates = [
            copy(tape, halves[0], "mixer.update rate before its sigmoid", row),
            copy(tape, halves[1], "mixer.decay before its bias", row),
        ];
        for tensor in parts.into_iter().chain(halves).chain([fused, fused_rates]) {
            tape.release(tensor);
        }
        (mixed, gate, rates)
    }

    /// Qwen3.5: four matrices.
    fn projected_apart(
        &self,
        tape: &mut Tape,
        input: Tensor,
        [channels, values, heads]: [Dim; 3],
    ) -> (Tensor, Tensor, [Tensor; 2]) {
        let hidden = self.h();
        let names = (Part::MixerQueryKeyValue, "mixer.query key value");
        let mixed = self.projected(tape, input, names, [hidden, channels], false);
        let gate = self.projected(tape, input, (Part::MixerGate, "mixer.gate"), [hidden, values], false);
        let names = (Part::UpdateRate, "mixer.update rate before its sigmoid");
        let update = self.projected(tape, input, names, [hidden, heads], false);
        let names = (Part::Decay, "mixer.decay before its bias");
        let decay = self.projected(tape, input, names, [hidden, heads], false);
        (mixed, gate, [update, decay])
    }

    /// `-exp(rate)·softplus(x + bias)` in fp32, one value a head.
    fn decay(&self, tape: &mut Tape, input: Tensor, heads: u64) -> Tensor {
        let wide = cast(tape, input, Dtype::Fp32, "mixer.decay in fp32");
        let bias = self.vector(tape, "mixer.decay bias", heads);
        let sum = add(tape, [wide, bias], "mixer.decay with its bias");
        tape.release(wide);
        let softplus = unary_keeping_input(tape, sum, "mixer.softplus of decay");
        tape.release(sum);
        let rate = self.vector(tape, "mixer.decay rate", heads);
        let wide_rate = cast(tape, rate, Dtype::Fp32, "mixer.decay rate in fp32");
        let exponential = unary_keeping_output(tape, wide_rate, "mixer.exponential of decay rate");
        tape.release(wide_rate);
        let decay = multiply(tape, [exponential, softplus], "mixer.decay", softplus.shape);
        tape.release(exponential);
        tape.release(softplus);
        decay
    }

    /// The delta rule over chunks of 64 tokens.
    fn delta_rule(&self, tape: &mut Tape, rule: &Rule<'_>) -> Tensor {
        let [key_heads, keys] = rule.keys;
        let [value_heads, values] = rule.values;
        let [key_shape, value_shape] = [keys, values].map(|channels| self.stream(tape, channels));
        let parts = tape.split(rule.convolved, [key_shape, key_shape, value_shape]);
        let query = contiguous(tape, parts[0], "mixer.normalised queries", key_shape);
        let key = contiguous(tape, parts[1], "mixer.normalised keys", key_shape);
        let value = contiguous(tape, parts[2], "mixer.values", value_shape);
        let row = self.stream(tape, key_heads);
        let matrix = tape.shape(&[self.b(), self.s(), value_heads, dim("", CHUNK)]);
        let cumulated = rule.decay.shape;
        let mut makes = vec![
            ("mixer.reciprocal length of queries", row, Dtype::Fp32),
            ("mixer.reciprocal length of keys", row, Dtype::Fp32),
            ("mixer.cumulated decay", cumulated, Dtype::Fp32),
        ];
        makes.extend(rule.chunk_matrices.iter().map(|name| (*name, matrix, query.dtype)));
        let chunks = dim("s/64", self.sequence.div_ceil(CHUNK));
        let [key_head, value_head] = rule.head.map(|size| dim("d", size));
        let states = tape.shape(&[self.b(), chunks, value_heads, key_head, value_head]);
        let kernel = Kernel {
            inputs: &[query, key, value, rule.decay, rule.update],
            keeps: &[query, key, value, rule.update],
            makes: &makes,
            transient: &[("mixer.states of each chunk", states, query.dtype)],
            again: states,
            keeps_output: false,
        };
        let output = compute_fused(tape, &kernel, "mixer.context", value_shape, query.dtype);
        for tensor in parts.into_iter().chain([query, key, value]) {
            tape.release(tensor);
        }
        output
    }

    pub(crate) fn kimi_delta(&self, tape: &mut Tape, input: Tensor, delta: &KimiDelta) -> Tensor {
        let (heads, width, rank) = (dim("H", delta.heads), dim("W", delta.width()), dim("r", delta.head_dim));
        let hidden = self.h();
        let [query, key, value] =
            [(Part::MixerQuery, "mixer.query"), (Part::MixerKey, "mixer.key"), (Part::MixerValue, "mixer.value")]
                .map(|names| self.projected(tape, input, names, [hidden, width], false));
        let channels = dim("3W", 3 * width.size);
        let shape = self.stream(tape, channels);
        let parts = [query, key, value];
        let joining = Operation { rule: TapeRule::Pass, inputs: &parts, keeps: &[], extras: &[], keeps_output: false };
        let mixed = tape.apply(&joining, "mixer.query key value", shape, query.dtype);
        for tensor in parts {
            tape.release(tensor);
        }
        let convolved = self.convolved(tape, mixed, channels, delta.kernel, false);
        tape.release(mixed);
        let decay = self.channel_decay(tape, input, delta, rank, width);
        let names = (Part::UpdateRate, "mixer.update rate before its sigmoid");
        let rate = self.projected(tape, input, names, [hidden, heads], false);
        let update = unary_keeping_output(tape, rate, "mixer.update rate");
        tape.release(rate);
        let rule = Rule {
            convolved,
            decay,
            update,
            keys: [heads, width],
            values: [heads, width],
            head: [delta.head_dim; 2],
            chunk_matrices: &["mixer.inverse of each chunk", "mixer.scores within each chunk"],
        };
        let context = self.delta_rule(tape, &rule);
        let gate = if delta.full_rank_gate {
            self.projected(tape, input, (Part::MixerGate, "mixer.gate"), [hidden, width], false)
        } else {
            let names = (Part::MixerGateDown, "mixer.gate down");
            let low = self.projected(tape, input, names, [hidden, rank], false);
            let gate = self.projected(tape, low, (Part::MixerGateUp, "mixer.gate"), [rank, width], false);
            tape.release(low);
            gate
        };
        let norm =
            GatedNorm { rows: heads, weight: delta.head_dim, gate_first: false, weight_in_fp32: true, sigmoid: true };
        let normed = self.gated_norm(tape, context, gate, norm);
        let output = self.mixed(tape, normed, width, false);
        for tensor in [normed, gate, context, update, decay, convolved] {
            tape.release(tensor);
        }
        output
    }

    /// A decay for each channel in fp32, out of a narrow projection: `-exp(rate)·log(1 + exp(x + bias))`, or `x` where
    /// that is large.
    fn channel_decay(&self, tape: &mut Tape, input: Tensor, delta: &KimiDelta, rank: Dim, width: Dim) -> Tensor {
        let names = (Part::DecayDown, "mixer.decay down");
        let low = self.projected(tape, input, names, [self.h(), rank], false);
        let names = (Part::DecayUp, "mixer.decay before its bias");
        let high = self.projected(tape, low, names, [rank, width], false);
        tape.release(low);
        let wide = cast(tape, high, Dtype::Fp32, "mixer.decay in fp32");
        tape.release(high);
        let bias = self.vector(tape, "mixer.decay bias", width.size);
        let sum = add(tape, [wide, bias], "mixer.decay with its bias");
        tape.release(wide);
        let exponential = unary_keeping_output(tape, sum, "mixer.exponential of decay");
        let shifted = fresh(tape, exponential, "mixer.one plus exponential of decay", sum.shape);
        tape.release(exponential);
        let logarithm = unary_keeping_input(tape, shifted, "mixer.logarithm of decay");
        tape.release(shifted);
        let large = tape.constant("mixer.large decays", sum.shape, Dtype::Bool);
        let inputs = [sum, logarithm];
        let choice =
            Operation { rule: TapeRule::Each, inputs: &inputs, keeps: &[large], extras: &[], keeps_output: false };
        let chosen = tape.apply(&choice, "mixer.softplus of decay", sum.shape, Dtype::Fp32);
        for tensor in [large, logarithm, sum] {
            tape.release(tensor);
        }
        let rate = self.vector(tape, "mixer.decay rate", delta.heads);
        let wide_rate = cast(tape, rate, Dtype::Fp32, "mixer.decay rate in fp32");
        let exponential = unary_keeping_output(tape, wide_rate, "mixer.exponential of decay rate");
        tape.release(wide_rate);
        let decay = multiply(tape, [exponential, chosen], "mixer.decay", chosen.shape);
        tape.release(exponential);
        tape.release(chosen);
        decay
    }
}
