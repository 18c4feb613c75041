//! DeBERTa's disentangled attention: queries meet a table of distances, and so do keys, by the matrices that make queries and
//! keys of tokens. Line by line what `modeling_deberta_v2` of Transformers 5.23 does, measured.

use crate::layers::attention::sizes::Sizes;
use crate::layers::attention::{Attended, Disentangled};
use crate::layers::embedding::Embedded;
use crate::layers::norm::names;
use crate::layers::operations::{copy, dropout, fresh, join, multiply_by_constant, repeat};
use crate::layers::{Linear, Run};
use crate::model::architecture::Attention;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// Distances to either side that attention tells apart.
    pub(crate) fn span(&self) -> Option<u64> {
        self.architecture.encoder.and_then(|encoder| encoder.span)
    }

    /// Rows of the table of distances.
    fn rows_of_distances(&self) -> Dim {
        Dim { symbol: "", size: self.span().unwrap_or(0).saturating_mul(2) }
    }

    /// The type of the mask: that of a batch, or of the ones that the model makes.
    fn type_of_mask(&self) -> Dtype {
        if self.has_mask() { Dtype::Int64 } else { Dtype::Fp32 }
    }

    /// Tokens, a norm, the mask and dropout, `[b, s, h]`. Types and positions are zeros that nobody reads.
    pub(crate) fn embed_masked(&self, tape: &mut Tape) -> Embedded {
        let tokens = tape.shape(&[self.b(), self.s()]);
        let mut until_return = Vec::new();
        let ones = (!self.has_mask()).then(|| {
            self.look_for_padding(tape);
            tape.constant("attention mask", tokens, Dtype::Fp32)
        });
        until_return.extend(ones);
        until_return.push(tape.constant("token type ids", tokens, Dtype::Int64));
        let (table, stream) = self.embed_tokens(tape);
        let positions = tape.constant("position embedding", stream.shape, stream.dtype);
        let normed = self.norm(tape, stream, &[self.b(), self.s()], self.h(), names!("embedding norm"));
        let mask = match ones.filter(|ones| ones.dtype == normed.dtype) {
            Some(ones) => tape.share(ones),
            None => tape.constant("attention mask in the stream's type", tokens, normed.dtype),
        };
        let masked = multiply_by_constant(tape, normed, mask, "masked embedding");
        tape.release(normed);
        let acts = self.dropout[0] && self.code.embedding_dropout;
        let dropped = dropout(tape, acts, masked, "dropped embedding", "embedding.dropout mask");
        tape.release_each([masked, mask, stream, positions]);
        until_return.push(tape.share(dropped));
        Embedded { table, stream: dropped, for_recomputation: Vec::new(), until_return }
    }

    /// The first and the last token of each sequence, held against the one of padding.
    fn look_for_padding(&self, tape: &mut Tape) {
        let ends = Dim { symbol: "", size: 2 };
        let [numbers, tokens, scalar] = [&[ends][..], &[self.b(), ends], &[]].map(|dims| tape.shape(dims));
        let numbers = tape.constant("numbers of the ends", numbers, Dtype::Int64);
        let taken = tape.constant("tokens at the ends", tokens, Dtype::Int64);
        tape.release(numbers);
        let is_padding = tape.constant("ends that are padding", tokens, Dtype::Bool);
        let any = tape.constant("whether any is", scalar, Dtype::Bool);
        tape.release_each([is_padding, any, taken]);
    }

    /// Which tokens see which, `[b, s, s]`: a product of the batch's mask with itself.
    pub(crate) fn mask_of_pairs(&self, tape: &mut Tape) -> Tensor {
        let shape = tape.shape(&[self.b(), self.s(), self.s()]);
        tape.constant("attention mask", shape, self.type_of_mask())
    }

    /// The buckets of distances and their table after its norm, where attention is disentangled.
    pub(crate) fn disentangled(&self, tape: &mut Tape) -> Option<Disentangled> {
        self.span()?;
        let positions = self.buckets(tape);
        let rows = self.rows_of_distances();
        let shape = tape.shape(&[rows, self.h()]);
        let table = tape.parameter(Part::DistanceEmbedding.name(Piece::Weight), shape, self.weights);
        let table = self.norm(tape, table, &[rows], self.h(), names!("distance norm"));
        Some(Disentangled { positions, table })
    }

    /// Small distances have buckets of their own, greater ones share those of their logarithm; with the operations'
    /// temporaries.
    fn buckets(&self, tape: &mut Tape) -> Tensor {
        let [vector, square, scalar] = [&[self.s()][..], &[self.s(), self.s()], &[]].map(|dims| tape.shape(dims));
        let counted = [0, 1].map(|_| tape.constant("numbers of tokens", vector, Dtype::Int64));
        let distances = tape.constant("distances", square, Dtype::Int64);
        let signs = tape.constant("signs of distances", square, Dtype::Int64);
        let within = ["small distances"; 3].map(|name| tape.constant(name, square, Dtype::Bool));
        tape.release_each([within[0], within[1]]);
        let largest = tape.constant("largest small distance", scalar, Dtype::Int64);
        let magnitudes = tape.constant("distances without sign", square, Dtype::Int64);
        let absolute = tape.constant("distances without sign", square, Dtype::Int64);
        tape.release_each([within[2], largest, magnitudes]);
        let mut logarithm = tape.constant("logarithms of distances", square, Dtype::Fp32);
        for _ in 0..5 {
            let next = tape.constant("logarithms of distances", square, Dtype::Fp32);
            tape.release(std::mem::replace(&mut logarithm, next));
        }
        let small = tape.constant("small distances", square, Dtype::Bool);
        let [as_they_are, signed, chosen] = ["distances in fp32", "logarithms of distances", "buckets of distances"]
            .map(|name| tape.constant(name, square, Dtype::Fp32));
        tape.release_each([small, as_they_are, signed, signs, absolute, logarithm, distances]);
        let buckets = tape.constant("buckets of distances", square, Dtype::Int64);
        tape.release(chosen);
        tape.release_each(counted);
        buckets
    }

    /// What the heads of a layer give.
    pub(crate) fn attend_disentangled(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        (mask, distances): (Option<Tensor>, Disentangled),
    ) -> Attended {
        let sizes = Sizes::of(attention);
        let first = tape.next_parameter();
        let [query, key, value] = [Part::Query, Part::Key, Part::Value].map(|part| {
            let matrix = self.weights(tape, part, self.h(), sizes.query, attention.qkv_bias);
            self.in_heads(tape, input, matrix, (self.s(), sizes))
        });
        let scaled = fresh(tape, key, "attention.scaled key", key.shape);
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), self.s()]);
        let factors = [(query, true, "attention.query"), (scaled, true, "attention.key")];
        let scores = self.batched(tape, factors, "attention.scores", shape);
        tape.release(scaled);
        let names = ["attention.dropped distances", "attention.distance dropout mask"];
        let table = dropout(tape, self.drops_hidden(), distances.table, names[0], names[1]);
        let of_distances = self.of_distances(tape, table, (attention, sizes, first));
        let bias = self.bias_of_distances(tape, [query, key], of_distances, (distances.positions, sizes.heads), shape);
        let biased = join(tape, [scores, bias], "attention.biased scores", shape);
        tape.release(scores);
        let mut locals = vec![table, query, key, value, bias];
        let pairs = tape.shape(&[self.b(), self.s(), self.s()]);
        let [seen, hidden] = ["pairs that are seen", "pairs that are not seen"]
            .map(|name| tape.constant(name, mask.map_or(pairs, |mask| mask.shape), Dtype::Bool));
        let fill =
            Operation { rule: Rule::Each, inputs: &[biased], keeps: &[hidden], extras: &[], keeps_output: false };
        let masked = tape.apply(&fill, "attention.masked scores", shape, biased.dtype);
        tape.release_each([biased, hidden]);
        locals.insert(0, seen);
        locals.push(tape.share(masked));
        let weights = self.softmax(tape, masked, None, [query.dtype, value.dtype]);
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.value_head]);
        let factors = [(weights, true, "attention.weights"), (value, true, "attention.value")];
        let context = self.batched(tape, factors, "attention.context", shape);
        let (context, merged) = self.heads_together(tape, context, sizes);
        tape.release(merged);
        locals.push(weights);
        Attended { context, weights: None, locals }
    }

    /// What a matrix makes of so many rows, in heads one after the other, `[b, a, t, d]`.
    fn in_heads(&self, tape: &mut Tape, input: Tensor, matrix: Linear, (rows, sizes): (Dim, Sizes)) -> Tensor {
        let projected = self.linear_over(tape, input, matrix, matrix.part.words(), rows);
        let copies = sizes.heads.size > 1 && rows.size > 1;
        self.heads_of(tape, projected, [sizes.heads, rows, sizes.head], copies)
    }

    /// The table as queries and as keys, `[b, a, 2·span, d]`, by the matrices of the layer, of which `first` is the first.
    fn of_distances(
        &self,
        tape: &mut Tape,
        table: Tensor,
        (attention, sizes, first): (&Attention, Sizes, usize),
    ) -> [Tensor; 2] {
        let once = Run { batch: 1, ..*self };
        let rows = self.rows_of_distances();
        let shape = tape.shape(&[self.b(), sizes.heads, rows, sizes.head]);
        tape.again_from(first, |tape| {
            [Part::Query, Part::Key].map(|part| {
                let matrix = self.weights(tape, part, self.h(), sizes.query, attention.qkv_bias);
                let heads = once.in_heads(tape, table, matrix, (rows, sizes));
                // For each sequence, whose gradients are summed.
                let repeated = repeat(tape, heads, "attention.distances for every sequence", shape);
                tape.release(heads);
                repeated
            })
        })
    }

    /// What is added to scores, `[b, a, s, s]`: of each query its product with the key of a distance, of each key that with its
    /// query.
    fn bias_of_distances(
        &self,
        tape: &mut Tape,
        [query, key]: [Tensor; 2],
        [as_query, as_key]: [Tensor; 2],
        (positions, heads): (Tensor, Dim),
        shape: u16,
    ) -> Tensor {
        let products = tape.shape(&[self.b(), heads, self.s(), self.rows_of_distances()]);
        let product = |tape: &mut Tape, tokens, table| {
            let factors = [(tokens, true, "attention.tokens"), (table, true, "attention.distances for every sequence")];
            self.batched(tape, factors, "attention.products with distances", products)
        };
        let met = product(tape, query, as_key);
        let indices = indices(tape, positions.shape, None);
        let gathered = gather(tape, met, indices, shape);
        let scaled = fresh(tape, gathered, "attention.scores of distances", shape);
        let bias = copy(tape, scaled, "attention.scores of distances", shape);
        tape.release(scaled);
        let negated = tape.constant("negated distances", positions.shape, Dtype::Int64);
        let indices_of_keys = self::indices(tape, positions.shape, Some(negated));
        let met = product(tape, key, as_query);
        let gathered_of_keys = gather(tape, met, indices_of_keys, shape);
        let scaled = fresh(tape, gathered_of_keys, "attention.scores of distances", shape);
        let bias = tape.add_into(bias, scaled);
        tape.release(scaled);
        tape.release_each([as_query, as_key, gathered, indices, indices_of_keys, gathered_of_keys]);
        bias
    }
}

/// Rows of the table, from buckets of distances that are shifted and then clamped; what those were made from goes.
fn indices(tape: &mut Tape, square: u16, outdated: Option<Tensor>) -> Tensor {
    let shifted = tape.constant("shifted distances", square, Dtype::Int64);
    tape.release_each(outdated);
    let clamped = tape.constant("rows of distances", square, Dtype::Int64);
    tape.release(shifted);
    clamped
}

/// Of each token's products with all distances those that it has to others. The gradient is written into zeros of the
/// products' shape, for which they are kept too.
fn gather(tape: &mut Tape, products: Tensor, indices: Tensor, shape: u16) -> Tensor {
    let keeps = [indices, products];
    let operation =
        Operation { rule: Rule::Scatter, inputs: &[products], keeps: &keeps, extras: &[], keeps_output: false };
    let gathered = tape.apply(&operation, "attention.scores of distances", shape, products.dtype);
    tape.release(products);
    gathered
}
