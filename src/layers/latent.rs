//! Latent attention: keys and values expanded from one compressed vector a token, a rotating part apart.

use super::Run;
use super::attention::Shared;
use super::attention::sizes::{Projected, Sizes};
use super::norm::names;
use super::operations::{cast, join, multiply_by_constant};
use super::rotary::{Tables, turn_parts};
use crate::families::code::Rotation;
use crate::model::architecture::{Attention, Latent};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// What the attention's own code holds on to until it returns.
type Held = Vec<Tensor>;

impl Run<'_> {
    /// Queries, keys and values of latent attention, and the variables that live as long.
    pub(crate) fn project_latent(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        latent: Latent,
        shared: Shared,
    ) -> (Projected, Held) {
        let sizes = Sizes::of(attention);
        let [rank, pass, turn, value] = [
            ("r_kv", latent.kv_rank),
            ("n", latent.nope_head_dim),
            ("r", latent.rope_head_dim),
            ("v", latent.value_head_dim),
        ]
        .map(|(symbol, size)| Dim { symbol, size });
        let query = self.latent_query(tape, input, attention, latent, sizes);
        let by_head = |tape: &mut Tape, heads, dim| tape.shape(&[self.b(), heads, self.s(), dim]);
        let shapes = [by_head(tape, sizes.heads, pass), by_head(tape, sizes.heads, turn)];
        let [query_pass, query_turn] = tape.split(query, shapes);
        let compressed = self.compress(tape, input, attention, latent);
        let shapes = [self.stream(tape, rank), by_head(tape, ONE, turn)];
        let [kv, key_turn] = tape.split(compressed, shapes);
        let normed = self.norm(tape, kv, &[self.b(), self.s()], rank, names!("attention.key value norm"));
        tape.release(kv);
        let [query_turned, key_turned] = match shared.tables {
            Some(tables) if self.code.rotation == Rotation::Complex => {
                let names = ["attention.rotated query", "attention.rotated key"];
                turn_as_complex(tape, [query_turn, key_turn], tables, names)
            }
            Some(tables) => self.rotate_pairs(tape, [query_turn, key_turn], [sizes.heads, ONE], turn, tables),
            None => [query_turn, key_turn].map(|tensor| tape.share(tensor)),
        };
        tape.release(query_turn);
        tape.release(key_turn);
        let [normed, key_turned] = self.latents_with_past(tape, [normed, key_turned], [rank, turn]);
        let whole = by_head(tape, sizes.heads, sizes.head);
        let joined = join(tape, [query_pass, query_turned], "attention.query", whole);
        let expanded = self.expand(tape, normed, value, latent, sizes);
        let keys = self.keys(None);
        let shapes = [pass, value].map(|width| tape.shape(&[self.b(), sizes.heads, keys, width]));
        let [key_pass, value] = tape.split(expanded, shapes);
        let key = self.put_key_together(tape, [key_pass, key_turned], sizes, turn);
        tape.release(key_pass);
        let held = vec![query, query_pass, query_turned, compressed, normed, key_turned, expanded];
        let gate = attention.gate.then(|| {
            let matrix = self.weights(tape, Part::AttentionGate, self.h(), sizes.context, false);
            self.linear(tape, input, matrix, "attention.gate")
        });
        (Projected { query: joined, key, value, gate }, held)
    }

    /// `[b, a, s, n + r]`: through a narrow projection and a norm where there is one.
    fn latent_query(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        latent: Latent,
        sizes: Sizes,
    ) -> Tensor {
        let query = match latent.query_rank {
            None => {
                let matrix = self.weights(tape, Part::Query, self.h(), sizes.query, false);
                self.linear(tape, input, matrix, "attention.query")
            }
            Some(rank) => {
                let rank = Dim { symbol: "r_q", size: rank };
                let part = Part::QueryDown;
                let down = self.weights(tape, part, self.h(), rank, attention.qkv_bias);
                let narrow = self.linear(tape, input, down, "attention.query down");
                let normed = self.norm(tape, narrow, &[self.b(), self.s()], rank, names!("attention.query norm"));
                tape.release(narrow);
                let up = self.weights(tape, Part::QueryUp, rank, sizes.query, false);
                let query = self.linear(tape, normed, up, "attention.query");
                tape.release(normed);
                query
            }
        };
        self.heads(tape, query, sizes.heads, sizes.head, attention.heads > 1)
    }

    /// `[b, s, r_kv + r]`: what a cache keeps.
    fn compress(&self, tape: &mut Tape, input: Tensor, attention: &Attention, latent: Latent) -> Tensor {
        let width = Dim { symbol: "(r_kv+r)", size: latent.kv_rank + latent.rope_head_dim };
        let down = self.weights(tape, Part::KeyValueDown, self.h(), width, attention.qkv_bias);
        self.linear(tape, input, down, "attention.compressed keys and values")
    }

    /// What is compressed, and the rotated part that all heads share, of all tokens so far.
    fn latents_with_past(&self, tape: &mut Tape, [latent, turned]: [Tensor; 2], widths: [Dim; 2]) -> [Tensor; 2] {
        if !self.caches() {
            return [latent, turned];
        }
        let shapes = widths.map(|width| tape.shape(&[self.b(), ONE, self.s(), width]));
        let [first, second] = [tape.view(latent, shapes[0]), tape.view(turned, shapes[1])];
        tape.release(latent);
        tape.release(turned);
        self.grown(tape, [("compressed keys and values", first), ("rotated part of keys", second)], None)
    }

    /// `[b, a, s, n + v]`.
    fn expand(&self, tape: &mut Tape, normed: Tensor, value: Dim, latent: Latent, sizes: Sizes) -> Tensor {
        let rank = Dim { symbol: "r_kv", size: latent.kv_rank };
        let each = latent.nope_head_dim + value.size;
        let width = Dim { symbol: "a(n+v)", size: sizes.heads.size * each };
        let up = self.weights(tape, Part::KeyValueUp, rank, width, false);
        let keys = self.keys(None);
        let expanded = self.linear_over(tape, normed, up, "attention.keys and values", keys);
        self.heads_of(tape, expanded, [sizes.heads, keys, Dim { symbol: "(n+v)", size: each }], sizes.heads.size > 1)
    }

    /// Each head's own part and the rotated part that all share, written into one new tensor.
    fn put_key_together(&self, tape: &mut Tape, [own, common]: [Tensor; 2], sizes: Sizes, turn: Dim) -> Tensor {
        let keys = self.keys(None);
        let whole = tape.shape(&[self.b(), sizes.heads, keys, sizes.head]);
        let operation = Operation { rule: Rule::Write, inputs: &[own], keeps: &[], extras: &[], keeps_output: false };
        let key = tape.apply(&operation, "attention.key", whole, own.dtype);
        let repeated = tape.shape(&[self.b(), sizes.heads, keys, turn]);
        let for_each = if sizes.heads.size > 1 {
            tape.view_with_new_gradient(common, repeated)
        } else {
            tape.view(common, repeated)
        };
        let key = tape.write_into(key, for_each);
        tape.release(for_each);
        key
    }

    /// Rotates neighbouring channels: even and odd ones apart, put together in halves.
    fn rotate_pairs(
        &self,
        tape: &mut Tape,
        inputs: [Tensor; 2],
        heads: [Dim; 2],
        turn: Dim,
        tables: Tables,
    ) -> [Tensor; 2] {
        let half = Dim { symbol: "r/2", size: turn.size / 2 };
        let shapes = heads.map(|heads| tape.shape(&[self.b(), heads, self.s(), half]));
        let [[query_even, query_odd], [key_even, key_odd]] =
            [0, 1].map(|which| [0, 1].map(|_| tape.view_with_new_gradient(inputs[which], shapes[which])));
        let query = turn_parts(tape, [query_even, query_odd], inputs[0].shape, tables, "attention.rotated query");
        let key = turn_parts(tape, [key_even, key_odd], inputs[1].shape, tables, "attention.rotated key");
        for tensor in [query_even, query_odd, key_even, key_odd] {
            tape.release(tensor);
        }
        [query, key]
    }
}

const ONE: Dim = Dim { symbol: "", size: 1 };

/// Neighbouring channels as complex numbers in fp32, times one table.
fn turn_as_complex(tape: &mut Tape, inputs: [Tensor; 2], tables: Tables, names: [&'static str; 2]) -> [Tensor; 2] {
    let wide = [0, 1].map(|which| cast(tape, inputs[which], Dtype::Fp32, names[which]));
    let turned = [0, 1].map(|which| {
        let turned = multiply_by_constant(tape, wide[which], tables.cos, names[which]);
        let narrow = cast(tape, turned, inputs[which].dtype, names[which]);
        tape.release(turned);
        narrow
    });
    for tensor in wide {
        tape.release(tensor);
    }
    turned
}
