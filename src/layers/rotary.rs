//! Rotary position embedding: `x·cos + rotate_half(x)·sin`, operation by operation.

use super::Run;
use super::attention::sizes::{Projected, Sizes};
use super::operations::{cast, fresh, join, multiply_by_constant};
use crate::families::code::Rotation;
use crate::model::architecture::Attention;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

/// The tables of cosines and sines, shared by all layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) cos: Tensor,
    pub(crate) sin: Tensor,
}

impl Run<'_> {
    /// Whether `generate()` says which position each token of each sequence has.
    pub(crate) fn positions_are_given(&self) -> bool {
        self.caches()
    }

    /// Whether each sequence has tables of its own.
    fn positions_by_sequence(&self) -> bool {
        self.code.tables_by_sequence || self.positions_are_given()
    }

    /// `[1, s, rotary]` cosines and sines in the type of the residual stream.
    pub(crate) fn rotary_tables(&self, tape: &mut Tape, channels: u64) -> Tables {
        let width = if self.code.rotation == Rotation::Halves {
            Dim { symbol: "d/2", size: channels / 2 }
        } else {
            Dim { symbol: "d", size: channels }
        };
        let shape =
            if self.positions_by_sequence() { self.stream(tape, width) } else { tape.shape(&[self.s(), width]) };
        if self.code.rotation == Rotation::Complex {
            let numbers = tape.constant("rotary complex numbers", shape, Dtype::Fp32);
            return Tables { cos: numbers, sin: tape.share(numbers) };
        }
        // What several streams are scaled by is fp32 under autocast, and they with it.
        let wide = self.code.widening.of_tables() || self.autocast && self.architecture.streams.is_some();
        let dtype = if wide { Dtype::Fp32 } else { self.weights };
        self.made_tables(tape, (shape, channels), dtype)
    }

    /// Positions times frequencies, twice beside each other unless halves are turned by halves, and cosines and sines of
    /// that in fp32, scaled and cast.
    fn made_tables(&self, tape: &mut Tape, (shape, channels): (u16, u64), dtype: Dtype) -> Tables {
        let half = Dim { symbol: "d/2", size: channels / 2 };
        let [rows, halves] = if self.positions_are_given() {
            [tape.shape(&[self.b(), self.s()]), self.stream(tape, half)]
        } else {
            [tape.shape(&[self.s()]), tape.shape(&[self.s(), half])]
        };
        let positions = tape.constant("position ids in fp32", rows, Dtype::Fp32);
        let angles = tape.constant("rotary angles", halves, Dtype::Fp32);
        // What a product of matrices reads is in a variable.
        let held = self.code.angles_by_product.then_some(positions);
        if held.is_some() {
            tape.product_workspace();
        } else {
            tape.release(positions);
        }
        let doubled = if self.code.rotation == Rotation::Halves {
            tape.share(angles)
        } else {
            tape.constant("rotary angles", shape, Dtype::Fp32)
        };
        let scaled = ["rotary cosines", "rotary sines"].map(|name| {
            let made = tape.constant(name, shape, Dtype::Fp32);
            let scaled = tape.constant(name, shape, Dtype::Fp32);
            tape.release(made);
            (scaled, name)
        });
        let [cos, sin] = scaled.map(|(table, name)| cast(tape, table, dtype, name));
        tape.release_each(held.into_iter().chain([angles, doubled, scaled[0].0, scaled[1].0]));
        Tables { cos, sin }
    }

    /// Keys, then queries, turned by tables that the layer gathers itself; what that makes stays until attention returns.
    pub(crate) fn rotated_by_gathered(
        &self,
        tape: &mut Tape,
        projected: Projected,
        attention: &Attention,
        sizes: Sizes,
        held: &mut Vec<Tensor>,
    ) -> Projected {
        let Projected { query, key, value, gate } = projected;
        let rotating = Dim { symbol: "d", size: attention.rotary_dim };
        let all = Dim { symbol: "", size: self.architecture.max_position_embeddings };
        let table = tape.shape(&[all, rotating]);
        let rows = tape.shape(&[self.s(), rotating]);
        held.push(tape.constant("rotary table", table, Dtype::Fp32));
        held.push(tape.constant("rows of positions", rows, Dtype::Int64));
        let gathered = tape.constant("rotary sines and cosines", rows, Dtype::Fp32);
        held.push(cast(tape, gathered, key.dtype, "rotary sines and cosines"));
        tape.release(gathered);
        let names = ["attention.key after rotary embedding", "attention.query after rotary embedding"];
        let inputs = [(key, sizes.kv_heads), (query, sizes.heads)];
        let slices = inputs.map(|(input, heads)| self.in_parts(tape, input, heads, attention));
        let parts = [0, 1].map(|i| {
            let sin = tape.constant("doubled sines", rows, key.dtype);
            let tables = Tables { cos: tape.constant("doubled cosines", rows, key.dtype), sin };
            let parts = self.turn(tape, slices[i], inputs[i].1, attention, tables, names[i]);
            tape.release(tables.sin);
            tape.release(tables.cos);
            parts
        });
        let turned = [0, 1].map(|i| join(tape, parts[i], names[i], inputs[i].0.shape));
        held.extend(parts.into_iter().flatten());
        tape.release(key);
        tape.release(query);
        Projected { query: turned[1], key: turned[0], value, gate }
    }

    /// Rotates the heads of queries or keys, `[b, heads, s, d]`, in all their channels.
    pub(crate) fn rotate(
        &self,
        tape: &mut Tape,
        input: Tensor,
        heads: Dim,
        attention: &Attention,
        tables: Tables,
        name: &'static str,
    ) -> Tensor {
        if self.code.rotation == Rotation::Halves {
            return self.rotate_halves(tape, input, heads, attention.head_dim, tables, name);
        }
        self.rotate_whole(tape, input, heads, attention.head_dim, tables, name)
    }

    /// The part of the channels that is to turn, and the part that is not.
    pub(crate) fn in_parts(&self, tape: &mut Tape, input: Tensor, heads: Dim, attention: &Attention) -> [Tensor; 2] {
        let (rotating, rest) = (attention.rotary_dim, attention.head_dim - attention.rotary_dim);
        let [turning, passing] =
            [rotating, rest].map(|size| tape.shape(&[self.b(), heads, self.s(), Dim { symbol: "d", size }]));
        // A slice of everything is the tensor once more, behind a node of its own.
        let turning = if rest == 0 { tape.alias(input) } else { tape.view_with_new_gradient(input, turning) };
        [turning, tape.view_with_new_gradient(input, passing)]
    }

    /// The parts with the first of them turned.
    pub(crate) fn turn(
        &self,
        tape: &mut Tape,
        [turning, passing]: [Tensor; 2],
        heads: Dim,
        attention: &Attention,
        tables: Tables,
        name: &'static str,
    ) -> [Tensor; 2] {
        let turned = self.rotate_whole(tape, turning, heads, attention.rotary_dim, tables, name);
        tape.release(turning);
        [turned, passing]
    }

    fn rotate_halves(
        &self,
        tape: &mut Tape,
        input: Tensor,
        heads: Dim,
        size: u64,
        tables: Tables,
        name: &'static str,
    ) -> Tensor {
        let half = tape.shape(&[self.b(), heads, self.s(), Dim { symbol: "d/2", size: size / 2 }]);
        let halves = tape.split(input, [half, half]);
        let turned = turn_parts(tape, halves, input.shape, tables, name);
        for tensor in halves {
            tape.release(tensor);
        }
        turned
    }

    fn rotate_whole(
        &self,
        tape: &mut Tape,
        input: Tensor,
        heads: Dim,
        size: u64,
        tables: Tables,
        name: &'static str,
    ) -> Tensor {
        let [half, other_half] = [size / 2, size - size / 2]
            .map(|size| tape.shape(&[self.b(), heads, self.s(), Dim { symbol: "d/2", size }]));
        let widens = self.code.widening.of_each_product();
        let apart = if widens { Dtype::Fp32 } else { input.dtype };
        let wide = cast(tape, input, apart, name);
        let by_cos = multiply_by_constant(tape, wide, tables.cos, name);
        tape.release(wide);
        let read = if self.code.widening.before_halves() { apart } else { input.dtype };
        let input = cast(tape, input, read, name);
        let first = tape.view_with_new_gradient(input, half);
        let second = tape.view_with_new_gradient(input, other_half);
        let negated = fresh(tape, second, "negated half", other_half);
        tape.release(second);
        let turned = join(tape, [negated, first], "rotated half", input.shape);
        for tensor in [negated, first, input] {
            tape.release(tensor);
        }
        let wide = cast(tape, turned, apart, "rotated half");
        tape.release(turned);
        let by_sin = multiply_by_constant(tape, wide, tables.sin, name);
        tape.release(wide);
        let output = join(tape, [by_cos, by_sin], name, input.shape);
        tape.release(by_cos);
        tape.release(by_sin);
        output
    }
}

/// `first·cos - second·sin` beside `second·cos + first·sin`.
pub(crate) fn turn_parts(
    tape: &mut Tape,
    [first, second]: [Tensor; 2],
    whole: u16,
    tables: Tables,
    name: &'static str,
) -> Tensor {
    let shape = first.shape;
    let by_cos = multiply_by_constant(tape, first, tables.cos, name);
    let by_sin = multiply_by_constant(tape, second, tables.sin, name);
    // The difference negates the gradient of what it takes away.
    let negated = tape.view_with_new_gradient(by_sin, shape);
    let one = join(tape, [by_cos, negated], name, shape);
    for tensor in [negated, by_cos, by_sin] {
        tape.release(tensor);
    }
    let by_cos = multiply_by_constant(tape, second, tables.cos, name);
    let by_sin = multiply_by_constant(tape, first, tables.sin, name);
    let other = join(tape, [by_cos, by_sin], name, shape);
    tape.release(by_cos);
    tape.release(by_sin);
    let output = join(tape, [one, other], name, whole);
    tape.release(one);
    tape.release(other);
    output
}

/// `x·cos + rotated·sin` in the type of the tables, and back in that of the input; the shapes are of its halves.
pub(crate) fn turned_halves(
    tape: &mut Tape,
    input: Tensor,
    [first, second]: [u16; 2],
    tables: Tables,
    name: &'static str,
) -> Tensor {
    let shape = input.shape;
    let negated_shape = second;
    let first = tape.view_with_new_gradient(input, first);
    let other = tape.view_with_new_gradient(input, second);
    let negated = fresh(tape, other, "negated half", negated_shape);
    let rotated = join(tape, [negated, first], "rotated half", shape);
    tape.release(negated);
    let by_cos = multiply_by_constant(tape, input, tables.cos, name);
    let by_sin = multiply_by_constant(tape, rotated, tables.sin, name);
    let wide = join(tape, [by_cos, by_sin], name, shape);
    tape.release(by_cos);
    tape.release(by_sin);
    let output = cast(tape, wide, input.dtype, name);
    for tensor in [wide, rotated, other, first] {
        tape.release(tensor);
    }
    output
}

/// Queries and keys multiplied as complex numbers, widened both before either is turned.
pub(crate) fn rotate_complex(
    tape: &mut Tape,
    inputs: [Tensor; 2],
    tables: Tables,
    names: [&'static str; 2],
) -> [Tensor; 2] {
    let wide = [0, 1].map(|i| cast(tape, inputs[i], Dtype::Fp32, names[i]));
    let turned = [0, 1].map(|i| multiply_by_constant(tape, wide[i], tables.cos, names[i]));
    let narrow = [0, 1].map(|i| cast(tape, turned[i], inputs[i].dtype, names[i]));
    for tensor in wide.into_iter().chain(turned) {
        tape.release(tensor);
    }
    narrow
}

/// Copies of the tables in which each value stands twice in a row.
pub(crate) fn interleaved(tape: &mut Tape, tables: Tables) -> Tables {
    let again = |tape: &mut Tape, name, table: Tensor| tape.constant(name, table.shape, table.dtype);
    let cos = again(tape, "interleaved cosines", tables.cos);
    Tables { cos, sin: again(tape, "interleaved sines", tables.sin) }
}
