//! The logarithms of the probabilities of labels, tile by tile: TRL's `ChunkedLogProbFunction`, which never holds the
//! logits of all positions.
//!
//! `trl/kernels/chunked_logprob.py` of TRL 1.16: products of so many rows and so many words of the vocabulary at a time, in
//! the type of products; gradients are summed in fp32, whatever the type of what they belong to.

use super::{Dtype, Kind, NOTHING, Node, Rule, StorageId, Tape, Tensor};
use crate::shape::Dim;
use crate::tape::record::INPUTS;

/// Rows of a tile (`TOKEN_CHUNK_SIZE`).
const ROWS: u64 = 4096;

/// Words of the vocabulary in a tile (`_CHUNKED_LOGPROB_CHUNK_SIZE`), however few there are.
const WORDS: u64 = 32_768;

/// Where the function has the bias among its inputs.
const BIAS: usize = 2;

/// What the function reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    /// The rows that are scored, `[N, h]`.
    pub(crate) hidden: Tensor,
    /// The head's matrix, `[V, h]`.
    pub(crate) weight: Tensor,
    /// Its bias.
    pub(crate) bias: Option<Tensor>,
    /// What the rows are to say, `[N]`.
    pub(crate) labels: Tensor,
    /// The type of products.
    pub(crate) compute: Dtype,
}

/// What it gives back for each row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PerToken {
    /// The logarithm of the probability of its label, in fp32.
    pub(crate) log_probability: Tensor,
    /// The entropy of all of them, in fp32.
    pub(crate) entropy: Tensor,
    /// Whether its label was the likeliest.
    pub(crate) is_top1: Tensor,
}

/// One tile's sides.
type Tile = [Dim; 2];

impl Tape {
    /// Scores rows against the whole vocabulary. Keeps the rows, the head, the labels, and for each row two numbers.
    pub(crate) fn log_probabilities(&mut self, scored: Scored) -> PerToken {
        let Scored { hidden, weight, bias, labels, compute } = scored;
        let inputs = [hidden, weight, bias.unwrap_or(weight)];
        let inputs = if bias.is_some() { &inputs[..] } else { &inputs[..BIAS] };
        let rows = labels.shape;
        let source = self.record(Rule::Tiles(compute), inputs, rows, Dtype::Fp32, inputs.len() + 3);
        let each = |tape: &mut Self, name| tape.allocate(name, rows, Dtype::Fp32, Kind::Value);
        let statistics = [
            "largest logit",
            "sum of exponentials",
            "sum of logits times exponentials",
            "sum of squared exponentials",
            "sum of logits",
            "largest logit before the label",
            "logit of the label",
        ];
        let statistics = statistics.map(|name| each(self, name));
        let tile = self.through_tiles([hidden.shape, weight.shape], [hidden.dtype, weight.dtype], compute, &[]);
        let log = each(self, "logarithm of the sum");
        let log_sum = each(self, "loss.log-sum-exp");
        self.unrefer(log);
        let log_probability = each(self, "log-probability");
        let quotient = each(self, "mean logit");
        let entropy = each(self, "entropy");
        self.unrefer(quotient);
        let [one, other, is_top1] =
            ["largest", "largest before", "likeliest"].map(|name| self.allocate(name, rows, Dtype::Bool, Kind::Value));
        for storage in [one, other] {
            self.unrefer(storage);
        }
        if let super::Source::Node(node) = source {
            for kept in [hidden.storage, weight.storage, labels.storage, log_sum, entropy] {
                self.keep(node as usize, kept);
            }
        }
        for storage in statistics.into_iter().chain([tile, log_sum]) {
            self.unrefer(storage);
        }
        let constant = |storage, dtype| Tensor { storage, shape: rows, dtype, source: super::Source::Constant };
        PerToken {
            log_probability: Tensor { source, ..constant(log_probability, Dtype::Fp32) },
            entropy: constant(entropy, Dtype::Fp32),
            is_top1: constant(is_top1, Dtype::Bool),
        }
    }

    /// One product after another, and into each of `sums` one more; the buffer of all their tiles comes back, held.
    /// Slices of the rows and of the head have a copy each where they are of another type than products.
    fn through_tiles(
        &mut self,
        [hidden, weight]: [u16; 2],
        [rows_dtype, words_dtype]: [Dtype; 2],
        compute: Dtype,
        sums: &[StorageId],
    ) -> StorageId {
        let [rows, words] = [hidden, weight].map(|shape| self.dims(shape).dims().first().map_or(0, |dim| dim.size));
        let width = self.dims(weight).dims().last().copied().unwrap_or(Dim { symbol: "", size: 1 });
        let sides: Tile = [Dim { symbol: "N", size: rows.min(ROWS) }, Dim { symbol: "", size: WORDS }];
        let shape = self.shape(&sides);
        let buffer = self.allocate("logits of a tile", shape, compute, Kind::Value);
        let back = !sums.is_empty();
        let mut held = [NOTHING; 2];
        for taken in parts(rows, ROWS) {
            let narrowed = self.slice_copy("scored rows in 16 bits", [taken, width], [rows_dtype, compute]);
            self.unrefer(std::mem::replace(&mut held[0], narrowed));
            for taken in parts(words, WORDS) {
                let narrowed = self.slice_copy("slice of the head in 16 bits", [taken, width], [words_dtype, compute]);
                // Backward has it in a variable, whose next value is there before the last goes.
                if back {
                    self.unrefer(std::mem::replace(&mut held[1], narrowed));
                }
                for _ in 0..=sums.iter().filter(|sum| **sum != NOTHING).count() {
                    self.product_workspace();
                }
                if !back {
                    self.unrefer(narrowed);
                }
            }
        }
        for storage in held {
            self.unrefer(storage);
        }
        buffer
    }

    fn slice_copy(&mut self, name: &'static str, [taken, width]: [Dim; 2], [from, to]: [Dtype; 2]) -> StorageId {
        if from == to {
            return NOTHING;
        }
        let shape = self.shape(&[taken, width]);
        self.allocate(name, shape, to, Kind::Scratch)
    }

    /// The gradients of rows, matrix and bias, summed in fp32 over all tiles, and narrowed to their types at the end.
    pub(super) fn derive_tiles(&mut self, node: &Node, compute: Dtype) -> [Option<(StorageId, Dtype)>; INPUTS] {
        let mut gradients = [None; INPUTS];
        let inputs = [0, 1, BIAS].map(|slot| self.input(node, slot));
        let [Some(hidden), Some(weight), _] = inputs else { return gradients };
        let sums = inputs.map(|input| {
            let needed = input.filter(|input| input.source.needs_gradient());
            needed.map_or(NOTHING, |input| self.gradient(&input, input.shape, Dtype::Fp32))
        });
        let dtypes = [hidden.dtype, weight.dtype];
        let tile = self.through_tiles([hidden.shape, weight.shape], dtypes, compute, &sums[..BIAS]);
        for (slot, (input, sum)) in inputs.into_iter().zip(sums).enumerate() {
            let Some(input) = input.filter(|_| sum != NOTHING) else { continue };
            let narrow = (input.dtype != Dtype::Fp32).then(|| self.gradient(&input, input.shape, input.dtype));
            gradients[slot] = Some((narrow.unwrap_or(sum), input.dtype));
        }
        for (sum, gradient) in sums.into_iter().zip(gradients) {
            if gradient.is_some_and(|(storage, _)| storage != sum) {
                self.unrefer(sum);
            }
        }
        self.unrefer(tile);
        gradients
    }
}

/// A whole cut into parts of so many, of which the first two and the last are looked at: the others are like the second.
pub(crate) fn parts(whole: u64, each: u64) -> impl Iterator<Item = Dim> {
    let count = whole.div_ceil(each.max(1));
    let looked_at = (0..count.min(2)).chain((count > 2).then(|| count - 1));
    looked_at.map(move |part| Dim { symbol: "", size: each.min(whole - part * each) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_is_shorter() {
        let sizes = |whole| parts(whole, 10).map(|dim| dim.size).collect::<Vec<_>>();
        assert_eq!(sizes(7), [7]);
        assert_eq!(sizes(15), [10, 5]);
        assert_eq!(sizes(47), [10, 10, 7]);
        assert_eq!(sizes(0), [0; 0]);
    }
}
