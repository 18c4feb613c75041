//! From token ids to the residual stream that enters the first layer.

use super::Run;
use super::norm::names;
use super::operations::{add, dropout, fresh};
use crate::families::code::PositionCode;
use crate::model::family::PositionKind;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Segment, Tape, Tensor};

/// The token table, and of its rows those that are trained beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) matrix: Tensor,
    pub(crate) rows: Option<Tensor>,
}

/// What enters the first layer, and what the model's own code holds on to while its layers run.
pub(crate) struct Embedded {
    /// The token table, which a tied head reads too.
    pub(crate) table: Table,
    /// The residual stream.
    pub(crate) stream: Tensor,
    /// Needed again where layers are recomputed.
    pub(crate) for_recomputation: Vec<Tensor>,
    /// Let go when the model returns.
    pub(crate) until_return: Vec<Tensor>,
}

impl Run<'_> {
    /// The width of the embedding and of what the head reads.
    pub(crate) fn narrow(&self) -> Dim {
        let symbol = if self.projects() { "E" } else { "h" };
        Dim { symbol, size: self.architecture.embedding_size }
    }

    /// Whether matrices stand between that width and the residual stream's.
    pub(crate) fn projects(&self) -> bool {
        self.architecture.embedding_size != self.architecture.hidden_size
    }

    /// Token embedding, positions and dropout.
    pub(crate) fn embed(&self, tape: &mut Tape) -> Embedded {
        tape.enter(Segment::Embedding);
        if self.architecture.encoder.is_some() {
            return self.embed_for_encoder(tape);
        }
        if let Some(image) = &self.architecture.image {
            return self.embed_image(tape, image);
        }
        let (table, mut stream) = self.embed_tokens(tape);
        let mut until_return = vec![tape.share(stream)];
        if self.architecture.embedding_norm.is_some() {
            let normed = self.norm(tape, stream, &[self.b(), self.s()], self.h(), names!("embedding norm"));
            tape.release(stream);
            stream = normed;
        }
        if self.architecture.positions == PositionKind::Alibi {
            let mut for_recomputation = Vec::new();
            if self.code.counts_positions_once {
                for_recomputation.push(self.position_ids(tape, &mut until_return));
            }
            return Embedded { table, stream, for_recomputation, until_return };
        }
        let positions = self.position_ids(tape, &mut until_return);
        if self.architecture.positions == PositionKind::Learned {
            stream = self.learned_positions(tape, stream, positions, &mut until_return);
        }
        let mut for_recomputation = Vec::new();
        if self.code.layers_read_positions || self.code.counts_positions_once {
            &mut for_recomputation
        } else {
            &mut until_return
        }
        .push(positions);
        let acts = self.dropout[0] && self.code.embedding_dropout;
        let dropped = dropout(tape, acts, stream, "dropped embedding", "embedding.dropout mask");
        tape.release(stream);
        Embedded { table, stream: dropped, for_recomputation, until_return }
    }

    /// The token table and the rows of the batch, in the width of the residual stream.
    pub(crate) fn embed_tokens(&self, tape: &mut Tape) -> (Table, Tensor) {
        let table = self.token_table(tape);
        let embedded = self.embedded(tape, table, ("token embedding", None));
        (table, embedded)
    }

    /// The table of tokens.
    pub(crate) fn token_table(&self, tape: &mut Tape) -> Table {
        // Of a table that several GPUs divide, the gradient is that of all rows: DTensor has no other on the way back.
        let rows = self.divided.map_or(self.architecture.embedded_tokens(), |divided| divided.words[1]);
        let shape = tape.shape(&[Dim { size: rows, ..self.v() }, self.narrow()]);
        let matrix = tape.parameter(Part::TokenEmbedding.name(Piece::Weight), shape, self.weights);
        Table { matrix, rows: self.trained_rows(tape) }
    }

    /// Its rows of a batch in the width of the residual stream; ids are kept where they are not the batch's own.
    pub(crate) fn embedded(
        &self,
        tape: &mut Tape,
        table: Table,
        (name, ids): (&'static str, Option<Tensor>),
    ) -> Tensor {
        let stream = self.stream(tape, self.narrow());
        let copy = self.trained_copy(tape, Part::TokenEmbedding, table.matrix.shape);
        let read = copy.unwrap_or_else(|| self.with_trained_rows(tape, table));
        let mut embedded = look_up(tape, read, ids, name, stream);
        tape.release(read);
        if self.divided.is_some() {
            embedded = self.reduced(tape, embedded, name);
        }
        let scales_itself = self.code.embedding_scale_buffer || self.code.scales_in_module;
        if !scales_itself {
            embedded = self.embedding_module_returns(tape, embedded);
        }
        if self.code.scaled_embedding && !self.code.scales_late {
            let scaled = fresh(tape, embedded, "scaled embedding", stream);
            tape.release(embedded);
            embedded = scaled;
        }
        if scales_itself {
            embedded = self.embedding_module_returns(tape, embedded);
        }
        if !self.narrow_tables() {
            embedded = self.widened(tape, embedded, false);
        }
        embedded
    }

    /// What is embedded in the width of the residual stream; the narrower goes.
    pub(crate) fn widened(&self, tape: &mut Tape, embedded: Tensor, bias: bool) -> Tensor {
        if !self.projects() {
            return embedded;
        }
        let matrix = self.weights(tape, Part::EmbeddingProjection, self.narrow(), self.h(), bias);
        let widened = self.linear(tape, embedded, matrix, "embedding projection");
        tape.release(embedded);
        widened
    }

    /// The same where the layers' stack does it.
    pub(crate) fn widened_for_layers(&self, tape: &mut Tape, embedded: Tensor) -> Tensor {
        if self.code.widens_in_layers { self.widened(tape, embedded, true) } else { embedded }
    }

    /// Whether all tables have the embedding's width.
    pub(crate) fn narrow_tables(&self) -> bool {
        self.architecture.encoder.is_some_and(|encoder| encoder.narrow_tables)
    }

    /// The width of the tables beside that of tokens.
    pub(crate) fn table_width(&self) -> Dim {
        if self.narrow_tables() { self.narrow() } else { self.h() }
    }

    /// What the embedding module returns: PEFT puts its adapter beside it, and makes it require a gradient where layers are
    /// checkpointed.
    fn embedding_module_returns(&self, tape: &mut Tape, embedded: Tensor) -> Tensor {
        let embedded = self.adapted_embedding(tape, embedded);
        self.begun_by_hook(tape, embedded)
    }

    /// PEFT has what an embedding gives require a gradient where layers are checkpointed, so that there is a way back.
    pub(crate) fn begun_by_hook(&self, tape: &mut Tape, embedded: Tensor) -> Tensor {
        let begins = self.adapters.is_some() && self.checkpointed_layers > 0 && !embedded.needs_gradient();
        if begins { tape.require_gradient(embedded) } else { embedded }
    }

    /// The embedding times a constant, where the model multiplies it once all else is there.
    pub(crate) fn scaled_late(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        if !self.code.scaled_embedding || !self.code.scales_late {
            return stream;
        }
        let scaled = fresh(tape, stream, "scaled embedding", stream.shape);
        tape.release(stream);
        scaled
    }

    /// The number of each position, for all sequences or for each.
    fn position_ids(&self, tape: &mut Tape, held: &mut Vec<Tensor>) -> Tensor {
        if self.positions_are_given() {
            // They are given, and there is no mask to count them by.
            let given = tape.shape(&[self.b(), self.s()]);
            return Tape::buffer(given, Dtype::Int64);
        }
        let shape = match self.code.positions {
            PositionCode::Shared | PositionCode::FromBuffer => tape.shape(&[self.s()]),
            PositionCode::FromMask | PositionCode::FromTokens => tape.shape(&[self.b(), self.s()]),
        };
        if self.code.positions == PositionCode::FromMask && !self.has_mask() {
            held.push(tape.constant("mask that counts positions", shape, Dtype::Fp32));
        }
        if self.code.counts_positions_once {
            return tape.constant("position ids", shape, Dtype::Int64);
        }
        // Counted from 0, and then from where a cache would end.
        let counted = tape.constant("position ids", shape, Dtype::Int64);
        let ids = tape.constant("position ids", shape, Dtype::Int64);
        tape.release(counted);
        ids
    }

    /// The table of learned positions.
    pub(crate) fn position_table(&self, tape: &mut Tape) -> Tensor {
        let rows = self.architecture.max_position_embeddings + self.architecture.unused_positions;
        let shape = tape.shape(&[Dim { symbol: "", size: rows }, self.table_width()]);
        tape.parameter(Part::PositionEmbedding.name(Piece::Weight), shape, self.weights)
    }

    fn learned_positions(
        &self,
        tape: &mut Tape,
        embedded: Tensor,
        positions: Tensor,
        held: &mut Vec<Tensor>,
    ) -> Tensor {
        let table = self.position_table(tape);
        let (indices, shape) = match self.code.positions {
            PositionCode::FromMask => {
                let rows = tape.constant("rows of positions", positions.shape, Dtype::Int64);
                (rows, self.stream(tape, self.h()))
            }
            _ if self.positions_are_given() => (tape.share(positions), self.stream(tape, self.h())),
            _ => (tape.share(positions), tape.shape(&[self.s(), self.h()])),
        };
        let looked_up = look_up(tape, table, Some(indices), "position embedding", shape);
        tape.release(indices);
        let sum = add(tape, [embedded, looked_up], "embedding with positions");
        tape.release(embedded);
        held.push(looked_up);
        sum
    }
}

/// The result of a table lookup; keeps the indices where they are not counted as inputs.
pub(crate) fn look_up(
    tape: &mut Tape,
    table: Tensor,
    indices: Option<Tensor>,
    name: &'static str,
    shape: u16,
) -> Tensor {
    look_up_by(Rule::Lookup, tape, table, indices, (name, shape))
}

/// The same, by the rule of its gradient.
pub(crate) fn look_up_by(
    rule: Rule,
    tape: &mut Tape,
    table: Tensor,
    indices: Option<Tensor>,
    (name, shape): (&'static str, u16),
) -> Tensor {
    let keeps: &[Tensor] = match &indices {
        Some(indices) => std::slice::from_ref(indices),
        None => &[],
    };
    let operation = Operation { rule, inputs: &[table], keeps, extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, table.dtype)
}
