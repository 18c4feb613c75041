//! What stands before the layers of an encoder and of a decoder: tokens or frames, their positions, a norm, dropout, masks.

use super::super::Recording;
use crate::families::code::DecoderMask;
use crate::layers::Run;
use crate::layers::embedding::Table;
use crate::layers::norm::names;
use crate::layers::operations::{ONE, add, cast, copy, join};
use crate::model::architecture::Seq2Seq;
use crate::model::family::PositionTable;
use crate::model::parameters::position_rows;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// What stands before a stack's layers.
pub(super) struct Begun {
    /// The residual stream.
    pub(super) stream: Tensor,
    /// What the stack has in variables until it returns.
    pub(super) held: Vec<Tensor>,
    /// The mask of eager attention, where there is one.
    pub(super) mask: Option<Tensor>,
}

impl<'a> Recording<'a> {
    /// What enters the encoder, and the table of tokens where that is read already.
    pub(super) fn begin_encoder(&mut self, run: &Run<'a>, seq2seq: Seq2Seq) -> (Option<Table>, Begun) {
        if let Some(sounds) = seq2seq.sounds {
            let tape = &mut self.tape;
            let twice = Dim { symbol: "2n", size: sounds.positions.saturating_mul(2) };
            let features = tape.shape(&[run.b(), Dim { symbol: "", size: sounds.mel_bins }, twice]);
            let features = Tape::buffer(features, run.weights);
            let frames = run.frames(tape, features, sounds.mel_bins, |tape, first| run.begun_by_hook(tape, first));
            let shape = tape.shape(&[run.s()]);
            let numbers = tape.constant("numbers of frames", shape, Dtype::Int64);
            let each = tape.shape(&[run.s(), run.h()]);
            let looked_up = run.look_up_position(tape, seq2seq, (true, numbers), each);
            // The sum has the wider type of the two.
            let wide = frames.dtype.promoted(looked_up.dtype);
            let placed = if wide == frames.dtype {
                copy(tape, frames, "frames with positions", frames.shape)
            } else {
                cast(tape, frames, wide, "frames with positions")
            };
            tape.release(looked_up);
            let stream = self.dropped_embedding(placed);
            self.tape.release(placed);
            return (None, Begun { stream, held: vec![frames, numbers], mask: None });
        }
        let (table, embedded) = run.embed_tokens(&mut self.tape);
        let begun = self.begin_stack(run, seq2seq, embedded, true);
        (Some(table), begun)
    }

    /// What enters the decoder.
    pub(super) fn begin_decoder(&mut self, seq2seq: Seq2Seq, table: Option<Table>, ids: Tensor) -> (Table, Begun) {
        let run = self.run;
        let table = table.unwrap_or_else(|| run.token_table(&mut self.tape));
        let embedded = run.embedded(&mut self.tape, table, ("decoder embedding", Some(ids)));
        let begun = self.begin_stack(&run, seq2seq, embedded, false);
        (table, begun)
    }

    /// Positions, a norm and dropout, where a stack has them, over what was embedded.
    fn begin_stack(&mut self, run: &Run<'a>, seq2seq: Seq2Seq, embedded: Tensor, encodes: bool) -> Begun {
        let masked = !encodes && !run.fused_attention;
        if run.architecture.is_t5() {
            let mask = masked.then(|| self.mask(None)).flatten();
            return Begun { stream: self.dropped_embedding(embedded), held: vec![embedded], mask };
        }
        if seq2seq.positions[usize::from(!encodes)] == PositionTable::Buffer {
            return self.begin_by_buffer(run, embedded, encodes);
        }
        let mut held = vec![embedded];
        let mut counted = self.numbers_of_positions(run, seq2seq, encodes);
        if !encodes {
            // Arguments go first.
            held.splice(0..0, self.mask_of_ones(run));
        }
        let mask = masked.then(|| self.mask(None)).flatten();
        let tape = &mut self.tape;
        // BART's decoder counts from where the rows begin that are used, once its masks are there.
        let numbers = match (encodes, run.architecture.unused_positions) {
            (false, 1..) => {
                let shape = tape.shape(&[ONE, run.s()]);
                let numbers = tape.constant("position ids", shape, Dtype::Int64);
                held.push(std::mem::replace(&mut counted, numbers));
                numbers
            }
            _ => counted,
        };
        let each = if run.batch > 1 && tape.dims(numbers.shape).dims().first() == Some(&run.b()) {
            embedded.shape
        } else {
            tape.shape(&[run.s(), run.h()])
        };
        let looked_up = run.look_up_position(tape, seq2seq, (encodes, numbers), each);
        if !encodes && run.code.holds_position_ids {
            held.push(numbers);
        } else {
            tape.release(numbers);
        }
        let placed = if run.batch == 1 || each == embedded.shape {
            join(tape, [embedded, looked_up], "embedding with positions", embedded.shape)
        } else {
            add(tape, [embedded, looked_up], "embedding with positions")
        };
        held.push(looked_up);
        let mut normed = placed;
        if run.architecture.embedding_norm.is_some() {
            let names = if encodes { names!("encoder embedding norm") } else { names!("embedding norm") };
            normed = run.norm(tape, placed, &[run.b(), run.s()], run.h(), names);
            tape.release(placed);
        }
        let stream = self.dropped_embedding(normed);
        self.tape.release(normed);
        Begun { stream, held, mask }
    }

    /// The same where positions are rows of a buffer, by how many tokens of a sequence are no padding.
    fn begin_by_buffer(&mut self, run: &Run<'a>, embedded: Tensor, encodes: bool) -> Begun {
        let mut held = vec![embedded];
        if !encodes {
            held.extend(self.mask_of_ones(run));
        }
        let mask = (!encodes && !run.fused_attention).then(|| self.mask(None)).flatten();
        let tape = &mut self.tape;
        let numbers = run.positions_of_tokens(tape);
        let looked_up = tape.constant("position embedding", embedded.shape, run.weights);
        tape.release_each(numbers);
        let placed = join(tape, [embedded, looked_up], "embedding with positions", embedded.shape);
        held.push(looked_up);
        let stream = self.dropped_embedding(placed);
        self.tape.release(placed);
        Begun { stream, held, mask }
    }

    /// The number of each position: of each sequence, or of all at once.
    fn numbers_of_positions(&mut self, run: &Run<'a>, seq2seq: Seq2Seq, encodes: bool) -> Tensor {
        let tape = &mut self.tape;
        let [once, each] = [tape.shape(&[run.s()]), tape.shape(&[run.b(), run.s()])];
        let counted = tape.constant("position ids", once, Dtype::Int64);
        let next = |tape: &mut Tape, before: Tensor, shape| {
            let numbers = tape.constant("position ids", shape, Dtype::Int64);
            tape.release(before);
            numbers
        };
        if encodes {
            return if run.architecture.unused_positions > 0 { next(tape, counted, each) } else { counted };
        }
        // Counted from where a cache would end.
        let after_past = next(tape, counted, once);
        if seq2seq.sounds.is_some() { next(tape, after_past, each) } else { after_past }
    }

    /// The mask that a decoder makes where it was given none; its variable may last until the decoder returns.
    fn mask_of_ones(&mut self, run: &Run<'a>) -> Option<Tensor> {
        if run.code.decoder_mask == DecoderMask::None {
            return None;
        }
        let tape = &mut self.tape;
        let shape = tape.shape(&[run.b(), run.s()]);
        let ones = tape.constant("mask of ones", shape, Dtype::Fp32);
        let read = tape.constant("mask of ones", shape, Dtype::Bool);
        if run.fused_attention {
            // Whether all are ones is found by their sum.
            let scalar = tape.shape(&[]);
            let sum = tape.constant("sum of a mask", scalar, Dtype::Int64);
            let numbers = tape.constant("ones as numbers", shape, Dtype::Int64);
            tape.release(numbers);
            let all = tape.constant("whether all are ones", scalar, Dtype::Bool);
            tape.release_each([sum, all]);
        }
        tape.release(read);
        if run.code.decoder_mask == DecoderMask::UntilReturn {
            return Some(ones);
        }
        tape.release(ones);
        None
    }
}

impl Run<'_> {
    /// Rows of a stack's table of positions. Whisper's decoder takes them by an index, which no embedding does.
    fn look_up_position(
        &self,
        tape: &mut Tape,
        seq2seq: Seq2Seq,
        (encodes, numbers): (bool, Tensor),
        shape: u16,
    ) -> Tensor {
        let part = if encodes { Part::EncoderPositionEmbedding } else { Part::PositionEmbedding };
        let rows = position_rows(self.architecture, &seq2seq, encodes).unwrap_or_default();
        let table = tape.shape(&[Dim { symbol: "", size: rows }, self.h()]);
        let frozen = tape.is_frozen();
        tape.set_frozen(frozen || !seq2seq.positions[usize::from(!encodes)].is_trained(self.loaded));
        let table = tape.parameter(part.name(Piece::Weight), table, self.weights);
        tape.set_frozen(frozen);
        let rule = if seq2seq.sounds.is_some() { Rule::Index } else { Rule::Lookup };
        let operation = Operation { rule, inputs: &[table], keeps: &[numbers], extras: &[], keeps_output: false };
        tape.apply(&operation, "position embedding", shape, table.dtype)
    }
}
