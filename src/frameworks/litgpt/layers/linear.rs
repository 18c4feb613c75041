//! Linear layers with LitGPT's adapters beside them: `LoRALinear`.

use super::Gpt;
use crate::frameworks::litgpt::Lora;
use crate::layers::Linear;
use crate::layers::operations::{dropout, fresh, join};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// The names of an adapter's tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) part: Part,
    pub(crate) dropped: &'static str,
    pub(crate) mask: &'static str,
    pub(crate) low: &'static str,
    pub(crate) high: &'static str,
    pub(crate) index: &'static str,
    pub(crate) sum: &'static str,
}

/// An adapter beside a linear layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adapter {
    down: Linear,
    up: Linear,
    dropout: bool,
    names: Names,
}

/// Spells out [`Names`] for one linear layer.
macro_rules! adapter {
    ($part:ident, $linear:literal) => {
        $crate::frameworks::litgpt::layers::linear::Names {
            part: $crate::model::part::Part::$part,
            dropped: concat!($linear, ".lora dropped input"),
            mask: concat!($linear, ".lora dropout mask"),
            low: concat!($linear, ".lora A output"),
            high: concat!($linear, ".lora B output"),
            index: concat!($linear, ".lora columns"),
            sum: concat!($linear, ".lora sum"),
        }
    };
}

pub(crate) use adapter;

impl Gpt<'_> {
    /// A linear layer over the whole sequence, with its adapter where it has one.
    pub(crate) fn linear(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        adapter: Option<Names>,
    ) -> Tensor {
        let adapter = adapter.zip(self.lora).map(|(names, lora)| self.pair(tape, linear, lora, names));
        self.linear_over(tape, input, linear, name, (self.run.s(), adapter))
    }

    /// The matrices down to the rank and up from it.
    pub(crate) fn pair(&self, tape: &mut Tape, linear: Linear, lora: &Lora, names: Names) -> Adapter {
        let rank = Dim { symbol: "r", size: lora.rank };
        let down = self.adapter_matrix(tape, (names.part, Piece::LoraA), linear.inputs, rank);
        let up = self.adapter_matrix(tape, (names.part, Piece::LoraB), rank, linear.outputs);
        Adapter { down, up, dropout: lora.dropout, names }
    }

    /// A linear layer over so many positions of each sequence.
    pub(crate) fn linear_over(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        (positions, adapter): (Dim, Option<Adapter>),
    ) -> Tensor {
        let pretrained = self.plain(tape, input, linear, name, positions);
        let Some(Adapter { down, up, dropout: drops, names }) = adapter else { return pretrained };
        let dropped = dropout(tape, drops, input, names.dropped, names.mask);
        let low = self.run.product(tape, dropped, down, names.low, positions);
        tape.release(dropped);
        let high = self.run.product(tape, low, up, names.high, positions);
        tape.release(low);
        let scaled = fresh(tape, high, names.high, high.shape);
        tape.release(high);
        let sum = join(tape, [pretrained, scaled], names.sum, pretrained.shape);
        tape.release(scaled);
        tape.release(pretrained);
        sum
    }

    /// The layer as it was pretrained.
    pub(crate) fn plain(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        positions: Dim,
    ) -> Tensor {
        if self.quantized {
            self.unpacked(tape, input, linear, name, positions)
        } else {
            self.run.product(tape, input, linear, name, positions)
        }
    }

    /// A product with a matrix of 4-bit codes, which were quantized from fp16: unpacked to that, then to the type of the
    /// product, forward and backward.
    fn unpacked(&self, tape: &mut Tape, input: Tensor, linear: Linear, name: &'static str, positions: Dim) -> Tensor {
        let Linear { weight, bias, outputs, .. } = linear;
        let half = tape.constant("dequantized weight in fp16", weight.shape, Dtype::Bf16);
        let unpacked = tape.constant("dequantized weight", weight.shape, self.run.weights);
        tape.release(half);
        let inputs = [weight, input, bias.unwrap_or(weight)];
        let operation = Operation {
            rule: Rule::UnpackTwice,
            inputs: if bias.is_some() { &inputs } else { &inputs[..2] },
            keeps: &[],
            extras: &[],
            keeps_output: false,
        };
        let shape = tape.shape(&[self.run.b(), positions, outputs]);
        let product = tape.apply(&operation, name, shape, self.run.weights);
        tape.release(unpacked);
        if self.release.holds_products_inputs {
            tape.keep_past_backward(input);
        }
        product
    }

    /// One matrix of an adapter.
    pub(crate) fn adapter_matrix(
        &self,
        tape: &mut Tape,
        (part, piece): (Part, Piece),
        inputs: Dim,
        outputs: Dim,
    ) -> Linear {
        let shape = tape.shape(&[outputs, inputs]);
        let weight = tape.adapter(part.name(piece), shape, self.run.weights);
        Linear { part, piece, weight, bias: None, inputs, outputs }
    }
}
