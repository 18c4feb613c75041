//! Queries and keys turned by their position, and what some families do to them then.

use super::{Projected, Shared, Sizes};
use crate::families::code::{Rotation, TableCode};
use crate::layers::Run;
use crate::layers::norm::{names, norm_without_weight};
use crate::layers::operations::{cast, join, multiply_by_constant};
use crate::layers::rotary::{Tables, interleaved, rotate_complex};
use crate::model::architecture::Attention;
use crate::model::family::QkNorm;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Run<'_> {
    pub(crate) fn rotated(
        &self,
        tape: &mut Tape,
        projected: Projected,
        attention: &Attention,
        sizes: Sizes,
        shared: Shared,
        held: &mut Vec<Tensor>,
    ) -> Projected {
        if self.code.tables == TableCode::Gathered {
            return self.rotated_by_gathered(tape, projected, attention, sizes, held);
        }
        let Some(tables) = shared.tables.filter(|_| attention.rotary_dim > 0) else { return projected };
        if self.code.rotation == Rotation::Complex {
            let Projected { query, key, value, gate } = projected;
            let names = ["attention.query after rotary embedding", "attention.key after rotary embedding"];
            let [turned_query, turned_key] = rotate_complex(tape, [query, key], tables, names);
            tape.release(query);
            tape.release(key);
            return Projected { query: turned_query, key: turned_key, value, gate };
        }
        let tables = if self.code.tables == TableCode::Interleaved {
            interleaved(tape, tables)
        } else {
            Tables { cos: tape.share(tables.cos), sin: tape.share(tables.sin) }
        };
        let Projected { query, key, value, gate } = projected;
        let names = ["attention.query after rotary embedding", "attention.key after rotary embedding"];
        let wide = if self.code.widening.of_inputs() { [Dtype::Fp32; 2] } else { [query.dtype, key.dtype] };
        let inputs = [cast(tape, query, wide[0], names[0]), cast(tape, key, wide[1], names[1])];
        let heads = [sizes.heads, sizes.kv_heads];
        let turned = match self.code.rotation {
            Rotation::Whole | Rotation::Halves => {
                [0, 1].map(|i| self.rotate(tape, inputs[i], heads[i], attention, tables, names[i]))
            }
            Rotation::None | Rotation::Concatenated | Rotation::Complex => {
                self.rotate_parts(tape, inputs, heads, attention, tables, names, held)
            }
        };
        let turned = if self.code.widening.is_any() {
            let narrowed = [cast(tape, turned[0], query.dtype, names[0]), cast(tape, turned[1], key.dtype, names[1])];
            for tensor in turned {
                tape.release(tensor);
            }
            narrowed
        } else {
            turned
        };
        for tensor in [inputs[0], inputs[1], tables.cos, tables.sin] {
            tape.release(tensor);
        }
        if self.code.holds_turned_parts {
            held.extend([query, key]);
        } else {
            tape.release(query);
            tape.release(key);
        }
        Projected { query: turned[0], key: turned[1], value, gate }
    }

    /// The parts that turn and those that do not, of queries and keys; then each is put together again, one after the other
    /// or once both have turned.
    #[expect(clippy::too_many_arguments, reason = "queries and keys with everything they are turned by")]
    fn rotate_parts(
        &self,
        tape: &mut Tape,
        inputs: [Tensor; 2],
        heads: [Dim; 2],
        attention: &Attention,
        tables: Tables,
        names: [&'static str; 2],
        held: &mut Vec<Tensor>,
    ) -> [Tensor; 2] {
        let slices = [0, 1].map(|i| self.in_parts(tape, inputs[i], heads[i], attention));
        let turn = |tape: &mut Tape, i: usize| self.turn(tape, slices[i], heads[i], attention, tables, names[i]);
        let mut put_together = |tape: &mut Tape, i: usize, parts: [Tensor; 2]| {
            let whole = join(tape, parts, names[i], inputs[i].shape);
            if self.code.holds_turned_parts {
                held.extend(parts);
            } else {
                tape.release_each(parts);
            }
            whole
        };
        if self.code.turned_together {
            let parts = [0, 1].map(|i| turn(tape, i));
            [0, 1].map(|i| put_together(tape, i, parts[i]))
        } else {
            [0, 1].map(|i| {
                let parts = turn(tape, i);
                put_together(tape, i, parts)
            })
        }
    }

    /// What some families do to rotated queries and keys: norms, or a factor for each position.
    pub(crate) fn after_rotation(
        &self,
        tape: &mut Tape,
        rotated: Projected,
        attention: &Attention,
        sizes: Sizes,
    ) -> Projected {
        let mut projected = rotated;
        if self.code.norms_after_rotation && attention.qk_norm != QkNorm::None {
            let head = sizes.head;
            let weighed = attention.qk_norm != QkNorm::WithoutWeight;
            let normed = |tape: &mut Tape, input: Tensor, heads, names| {
                let leading = [self.b(), heads, self.s()];
                let output = if weighed {
                    self.query_key_norm(tape, input, &leading, head, names)
                } else if attention.rotary_dim > 0 {
                    norm_without_weight(tape, input, &leading, names)
                } else {
                    tape.share(input)
                };
                tape.release(input);
                output
            };
            projected.query = normed(tape, projected.query, sizes.heads, names!("attention.query norm"));
            projected.key = normed(tape, projected.key, sizes.kv_heads, names!("attention.key norm"));
        }
        if self.code.unrotated_queries_scaled && attention.rotary_dim == 0 {
            let shape = tape.shape(&[self.s()]);
            let scale = tape.constant("attention.query scale", shape, Dtype::Fp32);
            let wide = multiply_by_constant(tape, projected.query, scale, "attention.scaled query in fp32");
            let scaled = cast(tape, wide, projected.query.dtype, "attention.scaled query");
            for tensor in [wide, scale, projected.query] {
                tape.release(tensor);
            }
            projected.query = scaled;
        }
        if self.code.queries_scaled_by_position {
            let shape = tape.shape(&[self.s()]);
            let scale = tape.constant("attention.query scale", shape, projected.query.dtype);
            let scaled = multiply_by_constant(tape, projected.query, scale, "attention.scaled query");
            tape.release(scale);
            tape.release(projected.query);
            projected.query = scaled;
        }
        projected
    }
}
