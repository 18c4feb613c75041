//! What is trained of embedding and head beside adapters in layers, as PEFT's code runs it.

use super::embedding::{Table, look_up};
use super::operations::{cast, fresh, join, multiply_by_constant};
use super::{Linear, Run};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::states::adapters::Names;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// The copy of a part's matrix that is trained in its place, where there is one.
    pub(crate) fn trained_copy(&self, tape: &mut Tape, part: Part, shape: u16) -> Option<Tensor> {
        let saves = self.adapters.is_some_and(|adapters| adapters.saves(part));
        saves.then(|| tape.adapter(part.name(Piece::Copy), shape, self.weights))
    }

    /// The rows of the embedding that are trained, where some are.
    pub(crate) fn trained_rows(&self, tape: &mut Tape) -> Option<Tensor> {
        let adapters = self.adapters.filter(|adapters| adapters.rows > 0)?;
        let shape = tape.shape(&[Dim { symbol: "", size: adapters.rows }, self.narrow()]);
        Some(tape.adapter(Part::TokenEmbedding.name(Piece::Rows), shape, adapters.dtype))
    }

    /// The embedding's matrix with the rows in it that are trained, where some are: a new one for each use.
    pub(crate) fn with_trained_rows(&self, tape: &mut Tape, table: Table) -> Tensor {
        let Table { matrix: table, rows } = table;
        let Some((adapters, rows)) = self.adapters.zip(rows) else { return table };
        let indices = tape.shape(&[Dim { symbol: "", size: adapters.rows }]);
        let indices = tape.constant("indices of trained rows", indices, Dtype::Int64);
        let narrow = cast(tape, rows, table.dtype, Part::TokenEmbedding.name(Piece::Rows));
        // `index_copy` keeps what it writes, of which it needs the shape alone.
        let operation = Operation {
            rule: Rule::Each,
            inputs: &[narrow],
            keeps: &[indices, narrow],
            extras: &[],
            keeps_output: false,
        };
        let whole = tape.apply(&operation, "token embedding with trained rows", table.shape, table.dtype);
        tape.release_each([narrow, indices]);
        whole
    }

    /// `embedding(ids) + B(A[ids])·scaling`, in the wider type of both and then in the embedding's.
    pub(crate) fn adapted_embedding(&self, tape: &mut Tape, embedded: Tensor) -> Tensor {
        let part = Part::TokenEmbedding;
        let Some((adapters, names)) = self.adapters.and_then(|adapters| Some((adapters, adapters.names(part)?))) else {
            return embedded;
        };
        let rank = Dim { symbol: "r", size: adapters.rank };
        let vocabulary = self.v();
        let [down, transposed, up] =
            [[rank, vocabulary], [vocabulary, rank], [self.narrow(), rank]].map(|dims| tape.shape(&dims));
        // Its gradient lies as the transposed matrix does, and is copied for the matrix.
        let down = tape.adapter(part.name(Piece::LoraA), down, adapters.dtype);
        let table = tape.view_with_new_gradient(down, transposed);
        let low = self.stream(tape, rank);
        let low = look_up(tape, table, None, names.low, low);
        let weight = tape.adapter(part.name(Piece::LoraB), up, adapters.dtype);
        let up = Linear { part, piece: Piece::LoraB, weight, bias: None, inputs: rank, outputs: self.narrow() };
        let high = self.product(tape, low, up, names.high, self.s());
        let scaled = fresh(tape, high, names.high, high.shape);
        tape.release(high);
        let scaled = self.scaled_as_embedding(tape, scaled, names);
        let sum = join(tape, [embedded, scaled], names.sum, embedded.shape);
        let narrow = cast(tape, sum, embedded.dtype, names.sum);
        tape.release_each([embedded, sum, scaled, low, table]);
        narrow
    }

    /// Times what the embedding's own module scales its rows by, in the type of what is scaled.
    fn scaled_as_embedding(&self, tape: &mut Tape, high: Tensor, names: &Names) -> Tensor {
        if !self.code.embedding_scale_buffer {
            return high;
        }
        let scalar = tape.shape(&[]);
        let scale = if high.dtype == self.weights {
            Tape::buffer(scalar, self.weights)
        } else {
            tape.constant("embedding scale", scalar, high.dtype)
        };
        let scaled = multiply_by_constant(tape, high, scale, names.high);
        tape.release_each([scale, high]);
        scaled
    }
}
