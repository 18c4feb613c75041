//! Queries, keys and values from one matrix, and the adapter on some of the three: `LoRAQKVLinear`.

use super::Gpt;
use super::linear::adapter;
use crate::frameworks::litgpt::Lora;
use crate::layers::attention::sizes::Sizes;
use crate::layers::operations::{dropout, fresh, join};
use crate::model::architecture::Attention;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

impl Gpt<'_> {
    /// `[b, s, q + 2κ]`: what the fused matrix makes of the normed stream.
    pub(crate) fn project(&self, tape: &mut Tape, input: Tensor, attention: &Attention, sizes: Sizes) -> Tensor {
        let outputs = Dim { symbol: "(q+2kv)", size: attention.query_size() + 2 * attention.kv_size() };
        let linear = self.run.weights(tape, Part::QueryKeyValue, self.run.h(), outputs, attention.qkv_bias);
        let pretrained = self.plain(tape, input, linear, "attention.query key value", self.run.s());
        match self.lora.filter(|lora| lora.of_projection() > 0) {
            Some(lora) => self.adapted(tape, [input, pretrained], lora, sizes),
            None => pretrained,
        }
    }

    /// The input through dropout and the matrices down, stacked; a convolution of width one for each matrix up; and
    /// zeros in the columns of what has no adapter.
    fn adapted(&self, tape: &mut Tape, [input, pretrained]: [Tensor; 2], lora: &Lora, sizes: Sizes) -> Tensor {
        let names = adapter!(QueryKeyValue, "attention.query key value");
        let widths = lora.projected(sizes.query.size, sizes.kv.size);
        let ranks = Dim { symbol: "nr", size: lora.rank * lora.of_projection() };
        let outputs = Dim { symbol: "o", size: widths.iter().sum() };
        let down = self.adapter_matrix(tape, (names.part, Piece::LoraA), self.run.h(), ranks);
        let dropped = dropout(tape, lora.dropout, input, names.dropped, names.mask);
        let low = self.run.product(tape, dropped, down, names.low, self.run.s());
        tape.release(dropped);
        let up = tape.shape(&[outputs, Dim { symbol: "r", size: lora.rank }]);
        let up = tape.adapter(names.part.name(Piece::LoraB), up, self.run.weights);
        let shape = self.run.stream(tape, outputs);
        let high = if sizes.heads.size == sizes.kv_heads.size {
            convolve(tape, low, up, names.high, shape)
        } else {
            self.convolve_apart(tape, [low, up], lora.rank, &widths, shape)
        };
        let padded = if lora.of_projection() == 3 {
            tape.share(high)
        } else {
            let columns = tape.shape(&[outputs]);
            let index = [Extra { name: names.index, shape: columns, dtype: Dtype::Int64 }];
            let write = Operation {
                rule: Rule::Each,
                inputs: &[high],
                keeps: &[high],
                extras: if self.release.copies_columns { &index } else { &[] },
                keeps_output: false,
            };
            tape.apply(&write, names.high, pretrained.shape, high.dtype)
        };
        let scaled = fresh(tape, padded, names.high, pretrained.shape);
        tape.release(padded);
        let sum = join(tape, [pretrained, scaled], names.sum, pretrained.shape);
        for tensor in [scaled, high, low, pretrained] {
            tape.release(tensor);
        }
        sum
    }

    /// With groups of queries the parts differ in width: the input and the matrices up are cut, and the results put
    /// together.
    fn convolve_apart(&self, tape: &mut Tape, [low, up]: [Tensor; 2], rank: u64, widths: &[u64], shape: u16) -> Tensor {
        const NAME: &str = adapter!(QueryKeyValue, "attention.query key value").high;
        let r = Dim { symbol: "r", size: rank };
        let [low_shapes, up_shapes, high_shapes]: [Vec<u16>; 3] = [
            widths.iter().map(|_| self.run.stream(tape, r)).collect(),
            widths.iter().map(|width| tape.shape(&[Dim { symbol: "o", size: *width }, r])).collect(),
            widths.iter().map(|width| self.run.stream(tape, Dim { symbol: "o", size: *width })).collect(),
        ];
        let low = tape.cut(low, &low_shapes);
        let up = tape.cut(up, &up_shapes);
        let mut highs = Vec::with_capacity(widths.len());
        for (index, high) in high_shapes.iter().enumerate() {
            highs.push(convolve(tape, low[index], up[index], NAME, *high));
        }
        let put = Operation { rule: Rule::Pass, inputs: &highs, keeps: &[], extras: &[], keeps_output: false };
        let joined = tape.apply(&put, NAME, shape, self.run.weights);
        for tensor in highs.into_iter().chain(low).chain(up) {
            tape.release(tensor);
        }
        joined
    }
}

/// A convolution of width one: keeps its input, and the matrix where that needs a gradient.
fn convolve(tape: &mut Tape, input: Tensor, weight: Tensor, name: &'static str, shape: u16) -> Tensor {
    let inputs = [input, weight];
    let operation = Operation { rule: Rule::Each, inputs: &inputs, keeps: &inputs, extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, input.dtype)
}
