//! Liger's experts: tokens sorted by expert in tiles of rows, both products and the sum over experts in three kernels.

use crate::layers::Run;
use crate::layers::experts::{Routing, Sizes};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// Rows of a tile.
const TILE: u64 = 64;
/// Choices that one block of the routing kernels reads.
const CHOICES: u64 = 1024;

impl Run<'_> {
    /// Routed experts: keeps what enters, the first product, and where each row belongs. Autocast casts nothing inside.
    pub(crate) fn routed_by_tiles(&self, tape: &mut Tape, input: Tensor, routing: Routing, sizes: Sizes) -> Tensor {
        let [rows, each] = [sizes.rows, sizes.experts].map(|dim| tape.shape(&[dim]));
        let both = Dim { symbol: "2m", size: sizes.width.size.saturating_mul(2) };
        let indices = tape.constant("experts.choices in 32 bits", rows, Dtype::Int32);
        let blocks = self.batch.saturating_mul(self.sequence).div_ceil(block(sizes.chosen.size));
        let counts = tape.shape(&[sizes.experts, Dim { symbol: "blocks", size: blocks }]);
        let counts = tape.constant("experts.tokens of each block", counts, Dtype::Int32);
        let totals = tape.constant("experts.tokens of each expert", each, Dtype::Int32);
        let ends = tape.shape(&[Dim { symbol: "(E+1)", size: sizes.experts.size.saturating_add(1) }]);
        let [starts, first_tiles] = ["experts.first row of each", "experts.first tile of each"]
            .map(|name| tape.constant(name, ends, Dtype::Int32));
        let tiles = tape.shape(&[Dim { symbol: "tiles", size: tiles(sizes) }]);
        let tiles = ["experts.first row of each tile", "experts.expert of each tile"].map(|name| {
            let tile = tape.constant(name, tiles, Dtype::Int32);
            // As many as there are where every expert has as much to do.
            tape.estimate(tile);
            tile
        });
        let orders = ["experts.order", "experts.inverse order", "experts.token of each row"]
            .map(|name| tape.constant(name, rows, Dtype::Int32));
        tape.release_each([counts, first_tiles]);
        let [whole, half, states] = [both, sizes.width, sizes.between].map(|width| tape.shape(&[sizes.rows, width]));
        let before = tape.constant("experts.gate and up", whole, input.dtype);
        let after = tape.constant("experts.product", half, input.dtype);
        let outputs = tape.constant("experts.down", states, input.dtype);
        let parameter = |tape: &mut Tape, part: Part, dims: [Dim; 3]| {
            let matrix = tape.shape(&dims);
            tape.parameter(part.name(Piece::Weight), matrix, self.weights)
        };
        let up = parameter(tape, Part::ExpertsGateAndUp, [sizes.experts, both, sizes.between]);
        let down = parameter(tape, Part::ExpertsDown, [sizes.experts, sizes.between, sizes.width]);
        let [order, inverse, tokens] = orders;
        let keeps = [input, up, down, before, routing.weights, starts, tokens, order, inverse, tiles[0], tiles[1]];
        let operation = Operation {
            rule: Rule::ExpertTiles(whole),
            inputs: &[input, up, down, routing.weights],
            keeps: &keeps,
            extras: &[],
            keeps_output: false,
        };
        let output = tape.apply(&operation, "experts.output", input.shape, input.dtype);
        tape.release_each([outputs, after, before, totals, starts]);
        tape.release_each(orders.into_iter().chain(tiles));
        tape.release(indices);
        output
    }
}

/// Tokens that one block reads.
fn block(chosen: u64) -> u64 {
    (CHOICES / chosen.checked_next_power_of_two().unwrap_or(CHOICES).max(1)).max(1)
}

/// Tiles of all experts where each has as many rows as any other.
const fn tiles(sizes: Sizes) -> u64 {
    let experts = if sizes.experts.size == 0 { 1 } else { sizes.experts.size };
    experts.saturating_mul(sizes.rows.size.div_ceil(experts).div_ceil(TILE))
}
