//! The head: all logits at once in fp32, or a chunk of positions at a time in the type of the weights.

use super::TransformerDecoder;
use crate::layers::Linear;
use crate::layers::operations::{cast, copy, fresh, join};
use crate::model::part::{Part, Piece};
use crate::scenario::Loss;
use crate::shape::Dim;
use crate::states::adapters::Names;
use crate::tape::{Dtype, Segment, Tape, Tensor};

/// What stands beside the head.
#[derive(Clone, Copy)]
struct Adapter {
    pair: [Linear; 2],
    names: &'static Names,
}

impl TransformerDecoder<'_> {
    /// Logits of the normed stream, a tensor for each chunk.
    pub(crate) fn head(&self, tape: &mut Tape, normed: Tensor, table: Tensor) -> Vec<Tensor> {
        let run = self.run;
        tape.enter(Segment::Head);
        let mut head = run.weights(tape, Part::Head, run.h(), self.vocabulary(), false);
        if run.architecture.tie_word_embeddings {
            head.weight = table;
        }
        let adapter = self.head_adapter(tape, head);
        if run.loss_kind == Loss::Eager {
            let narrow = self.adapted_head(tape, normed, head, adapter, run.s());
            tape.enter(Segment::Loss);
            let wide = cast(tape, narrow, Dtype::Fp32, "logits");
            tape.release(narrow);
            return vec![wide];
        }
        let chunks = self.chunks();
        let shapes: Vec<u16> = chunks.iter().map(|chunk| tape.shape(&[run.b(), *chunk, run.h()])).collect();
        let cut = tape.cut(normed, &shapes);
        let pieces: Vec<Tensor> = cut.into_iter().map(|piece| tape.read_often(piece)).collect();
        let logits = pieces.iter().zip(chunks).map(|(piece, chunk)| {
            let logits = self.adapted_head(tape, *piece, head, adapter, chunk);
            tape.assign(logits, Segment::Loss);
            logits
        });
        let logits = logits.collect();
        for piece in pieces {
            tape.release(piece);
        }
        logits
    }

    /// The matrices down to the rank and up from it beside the head, where it has an adapter.
    fn head_adapter(&self, tape: &mut Tape, head: Linear) -> Option<Adapter> {
        let adapters = self.run.adapters?;
        let names = adapters.names(Part::Head)?;
        let rank = Dim { symbol: "r", size: adapters.rank };
        let pair =
            [(Piece::LoraA, head.inputs, rank), (Piece::LoraB, rank, head.outputs)].map(|(piece, inputs, outputs)| {
                let shape = tape.shape(&[outputs, inputs]);
                let weight = tape.adapter(head.part.name(piece), shape, adapters.dtype);
                Linear { piece, weight, bias: None, inputs, outputs, ..head }
            });
        Some(Adapter { pair, names })
    }

    /// The product with the head, and what an adapter adds to it.
    fn adapted_head(
        &self,
        tape: &mut Tape,
        input: Tensor,
        head: Linear,
        adapter: Option<Adapter>,
        positions: Dim,
    ) -> Tensor {
        let output = self.read_in_one_piece(tape, input, head, "logits in 16 bits", positions);
        let Some(Adapter { pair: [down, up], names }) = adapter else { return output };
        let drops = self.parts.drops_before_head;
        let dropped = if drops { self.run.adapter_dropout(tape, input, names) } else { tape.share(input) };
        let low = self.read_in_one_piece(tape, dropped, down, names.low, positions);
        tape.release(dropped);
        let high = self.run.product(tape, low, up, names.high, positions);
        let scaled = fresh(tape, high, names.high, high.shape);
        tape.release(high);
        tape.release(low);
        let sum = join(tape, [output, scaled], names.sum, output.shape);
        tape.release(scaled);
        tape.release(output);
        sum
    }

    /// A product over a chunk, whose rows are copied together for each product where they lie apart.
    fn read_in_one_piece(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        positions: Dim,
    ) -> Tensor {
        if !self.lies_apart(positions) {
            return self.run.product(tape, input, linear, name, positions);
        }
        let rows = copy(tape, input, "rows of a chunk", input.shape);
        let output = self.run.product(tape, rows, linear, name, positions);
        tape.release(rows);
        output
    }
}
