//! Llama 3.2 Vision's tower: the tiles of an image as one sequence, through layers that see it and layers behind those
//! whose halves are weighed, with what some of the first give put beside what the last does.

use std::ops::Range;

use super::Seen;
use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::embedding::look_up;
use crate::layers::norm::names;
use crate::layers::operations::{ONE, add, cast, copy, fresh, join, multiply, unary_keeping_output};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// The dimensions of an image in tiles.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    /// How many, `t`, used or not.
    count: Dim,
    /// Patches of each.
    patches: Dim,
    /// Those and the class token, `n`.
    tokens: Dim,
    /// The same in whole eights.
    filled: Dim,
}

impl Tiles {
    fn of(seen: &Seen) -> Self {
        let patches = seen.tower.sizes.patches();
        let dim = |symbol, size| Dim { symbol, size };
        Self {
            count: dim("t", seen.tower.tiles()),
            patches: dim("p", patches),
            tokens: dim("n", patches + 1),
            filled: dim("n", (patches + 1).next_multiple_of(8)),
        }
    }
}

impl<'a> Run<'a> {
    /// What the projector reads of all tiles, `[b, t, n, o·h]`; the run is the tower's.
    pub(super) fn tiled_tower(&self, tape: &mut Tape, seen: &'a Seen) -> Tensor {
        let tiles = Tiles::of(seen);
        // Its code has patches and the outputs of all layers in variables until it returns.
        let mut held = Vec::new();
        let stream = self.placed_tiles(tape, seen, tiles, &mut held);
        let mask = self.tile_mask(tape, tiles);
        let local = 0..seen.tower.sizes.layers;
        let global = local.end..seen.tower.num_hidden_layers();
        let mut outputs = self.tile_layers(tape, seen, local, (stream, mask));
        tape.release(stream);
        if let Some(last) = outputs.last().copied() {
            let normed = self.norm(tape, last, &[self.b(), self.s()], self.h(), names!("tower last norm"));
            let placed = self.with_tile_positions(tape, seen, tiles, normed);
            tape.release(normed);
            let of_global = self.tile_layers(tape, seen, global, (placed, mask));
            tape.release(placed);
            held.extend(of_global);
        }
        let last = held.last().copied().unwrap_or(stream);
        let read = self.beside_each_other(tape, seen, tiles, (last, &outputs), &mut held);
        tape.release_each(held.into_iter().chain(outputs.drain(..)).chain([mask]));
        read
    }

    /// Patches and class tokens with positions of tiles, of patches and of both, normed and filled up to whole eights.
    fn placed_tiles(&self, tape: &mut Tape, seen: &Seen, tiles: Tiles, held: &mut Vec<Tensor>) -> Tensor {
        let Tiles { count, patches, tokens, filled } = tiles;
        let inputs = Dim { symbol: "", size: seen.tower.sizes.patch_inputs };
        let all_patches = Dim { symbol: "tp", size: count.size.saturating_mul(patches.size) };
        let read = tape.shape(&[self.b(), all_patches, inputs]);
        let pixels = cast(tape, Tape::buffer(read, Dtype::Fp32), self.weights, "pixels in the weights' type");
        let made = self.patch_tokens(tape, seen, pixels, all_patches);
        tape.release(pixels);
        held.push(made);
        let placed = self.with_tile_positions(tape, seen, tiles, made);
        let one = tape.shape(&[ONE, self.h()]);
        let class = tape.parameter(Part::ClassToken.words(), one, self.weights);
        let class = tape.view_with_new_gradient(class, one);
        let shape = tape.shape(&[self.b(), count, tokens, self.h()]);
        let joined = join(tape, [class, placed], "tokens", shape);
        tape.release(placed);
        let placed = self.with_gated_positions(tape, seen, tiles, joined);
        tape.release(joined);
        let normed = self.norm(tape, placed, &[self.b(), count, tokens], self.h(), names!("tower first norm"));
        tape.release(placed);
        let shape = tape.shape(&[self.b(), count, filled, self.h()]);
        let stream = if filled.size == tokens.size {
            copy(tape, normed, "tokens in whole eights", shape)
        } else {
            fresh(tape, normed, "tokens in whole eights", shape)
        };
        tape.release(normed);
        stream
    }

    /// The row of a table of tiles that each image's shape has.
    fn row_of_shape(&self, tape: &mut Tape, seen: &Seen, each: u64) -> Tensor {
        let width = Dim { symbol: "", size: each.saturating_mul(self.architecture.hidden_size) };
        let shapes = Dim { symbol: "", size: seen.tower.image_shapes() };
        let table = tape.shape(&[shapes, width]);
        let table = tape.parameter(Part::TilePositions.name(Piece::Weight), table, self.weights);
        let row = tape.shape(&[self.b(), width]);
        look_up(tape, table, None, "tile positions", row)
    }

    /// A stream with the position of each tile, weighed.
    fn with_tile_positions(&self, tape: &mut Tape, seen: &Seen, tiles: Tiles, stream: Tensor) -> Tensor {
        let row = self.row_of_shape(tape, seen, tiles.count.size);
        let tangent = self.tangent(tape, Part::TilePositions);
        let weighed = multiply(tape, [row, tangent], "weighed tile positions", row.shape);
        tape.release(tangent);
        tape.release(row);
        let placed = add(tape, [stream, weighed], "tokens with tile positions");
        tape.release(weighed);
        placed
    }

    /// A stream with the positions of patches and those of patches in tiles, which one gate weighs against each other.
    fn with_gated_positions(&self, tape: &mut Tape, seen: &Seen, tiles: Tiles, stream: Tensor) -> Tensor {
        let one = tape.shape(&[ONE]);
        let gate = tape.parameter(Part::TilePositions.words(), one, self.weights);
        let tangent = unary_keeping_output(tape, gate, "tangent of a gate");
        let rest = fresh(tape, tangent, "one minus tangent", one);
        let table = tape.shape(&[tiles.tokens, self.h()]);
        let table = tape.parameter(Part::PositionEmbedding.name(Piece::Weight), table, self.weights);
        let positions = multiply(tape, [rest, table], "weighed positions", table.shape);
        tape.release(tangent);
        tape.release(rest);
        let first = add(tape, [stream, positions], "tokens with positions");
        let row = self.row_of_shape(tape, seen, tiles.count.size.saturating_mul(tiles.tokens.size));
        let tangent = unary_keeping_output(tape, gate, "tangent of a gate");
        let weighed = multiply(tape, [tangent, row], "weighed tile positions", row.shape);
        tape.release(tangent);
        let placed = add(tape, [first, weighed], "tokens with tile positions");
        tape.release_each([first, positions, row, weighed]);
        placed
    }

    /// `[b, t·n, t·n]`: lowest scores between tokens that stand for nothing.
    fn tile_mask(&self, tape: &mut Tape, tiles: Tiles) -> Tensor {
        let [each, all] = [vec![self.b(), tiles.count], vec![self.b(), self.s()]].map(|dims| tape.shape(&dims));
        let square = tape.shape(&[self.b(), self.s(), self.s()]);
        let used = tape.constant("tiles that are used", each, self.weights);
        let mut side = tape.constant("tokens that are used", all, self.weights);
        tape.release(used);
        let inverted = tape.constant("tokens that are not used", all, self.weights);
        tape.release(std::mem::replace(&mut side, inverted));
        let sides = [0, 1].map(|_| cast(tape, side, self.compute(), "tokens that are not used"));
        let product = tape.constant("attention mask of tiles", square, self.compute());
        tape.release_each(sides);
        let mask = tape.constant("attention mask of tiles", square, self.compute());
        tape.release_each([product, side]);
        mask
    }

    /// What each of these layers gives.
    fn tile_layers(
        &self,
        tape: &mut Tape,
        seen: &'a Seen,
        numbers: Range<u64>,
        (mut stream, mask): (Tensor, Tensor),
    ) -> Vec<Tensor> {
        let layers = seen.stack.groups.iter().flat_map(|group| (0..group.layers).map(move |_| &group.layer));
        let layers = (0..).zip(layers).filter(|(number, _)| numbers.contains(number));
        let mut outputs = Vec::new();
        for (_, layer) in layers {
            stream = self.tower_layer(tape, seen, layer, stream, (Shared::NONE, Some(mask)));
            outputs.push(stream);
        }
        outputs
    }

    /// The last layer's outputs and those of some before it, side by side, without what fills up eights.
    fn beside_each_other(
        &self,
        tape: &mut Tape,
        seen: &Seen,
        tiles: Tiles,
        (last, outputs): (Tensor, &[Tensor]),
        held: &mut Vec<Tensor>,
    ) -> Tensor {
        let Tiles { count, tokens, filled, .. } = tiles;
        let chosen: Vec<Tensor> = seen
            .tower
            .intermediate_layers()
            .into_iter()
            .filter_map(|number| outputs.get(usize::try_from(number).ok()?).copied())
            .collect();
        let several = Dim { symbol: "", size: chosen.len() as u64 };
        let cut = |tape: &mut Tape, tensor: Tensor, width: Dim| {
            let shape = tape.shape(&[self.b(), count, tokens, width]);
            if filled.size == tokens.size {
                tape.view(tensor, shape)
            } else {
                tape.view_with_new_gradient(tensor, shape)
            }
        };
        let last = cut(tape, last, self.h());
        let width = Dim { symbol: "oh", size: several.size.saturating_mul(self.architecture.hidden_size) };
        let shape = tape.shape(&[self.b(), self.s(), width]);
        let stack = Operation { rule: Rule::Pass, inputs: &chosen, keeps: &[], extras: &[], keeps_output: false };
        let stacked = tape.apply(&stack, "outputs of several layers", shape, last.dtype);
        let beside = cut(tape, stacked, width);
        let all = Dim { symbol: "oh", size: width.size.saturating_add(self.architecture.hidden_size) };
        let shape = tape.shape(&[self.b(), count, tokens, all]);
        let read = join(tape, [last, beside], "outputs side by side", shape);
        held.extend([last, stacked, beside]);
        read
    }
}
