//! What enters a tower: patches of images or frames of sounds as tokens, with their positions.

use super::Seen;
use crate::layers::Run;
use crate::layers::embedding::look_up;
use crate::layers::norm::names;
use crate::layers::operations::{ONE, add, cast, copy, join, multiply_by_constant};
use crate::model::part::{Part, Piece};
use crate::model::tower::{Kind, Tower};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// Patches or frames as tokens, with their positions. What the tower's code has in a variable is put with the rest.
    pub(super) fn tower_input(
        &self,
        tape: &mut Tape,
        seen: &Seen,
        [until_return, until_tower_returns]: [&mut Vec<Tensor>; 2],
    ) -> Tensor {
        let tower = &seen.tower;
        let inputs = Dim { symbol: "", size: tower.sizes.patch_inputs };
        let has_class = seen.has(Part::ClassToken);
        let patches = Dim { symbol: "n", size: self.sequence.saturating_sub(u64::from(has_class)) };
        let read = tape.shape(&[self.b(), patches, inputs]);
        let pixels = Tape::buffer(read, Dtype::Fp32);
        let pixels = cast(tape, pixels, self.weights, "pixels in the weights' type");
        if tower.composite.casts_pixels() {
            until_tower_returns.push(tape.share(pixels));
        }
        let embedded = if tower.kind == Kind::Whisper {
            let frames =
                self.frames(tape, pixels, tower.sizes.patch_inputs / 3, |tape, first| self.begun(tape, tower, first));
            until_return.push(tape.share(frames));
            frames
        } else {
            self.patch_tokens(tape, seen, pixels, patches)
        };
        tape.release(pixels);
        if tower.kind == Kind::Glm4v {
            let normed = self.first_norm(tape, seen, embedded);
            return self.with_sampled_positions(tape, tower, normed);
        }
        let placed = if matches!(tower.kind, Kind::Qwen3Vl | Kind::PaddleOcr) {
            self.with_weighed_positions(tape, tower, embedded)
        } else {
            self.with_tower_positions(tape, tower, embedded, has_class)
        };
        self.first_norm(tape, seen, placed)
    }

    /// The norm before the layers, where the tower has one.
    fn first_norm(&self, tape: &mut Tape, seen: &Seen, stream: Tensor) -> Tensor {
        if !seen.has(Part::TowerFirstNorm) {
            return stream;
        }
        let normed = self.norm(tape, stream, &[self.b(), self.s()], self.h(), names!("tower first norm"));
        tape.release(stream);
        normed
    }

    /// One product for each patch: a convolution, which keeps what it reads.
    pub(super) fn patch_tokens(&self, tape: &mut Tape, seen: &Seen, pixels: Tensor, patches: Dim) -> Tensor {
        let tower = &seen.tower;
        let biased = seen.tensors.before.iter().any(|it| (it.part, it.piece) == (Part::PatchProjection, Piece::Bias));
        let inputs = Dim { symbol: "", size: tower.sizes.patch_inputs };
        let convolution = (Part::PatchProjection, [inputs, self.h()], biased);
        let tokens = self.through_kernels(tape, pixels, convolution, patches);
        self.begun(tape, tower, tokens)
    }

    /// Transformers makes what a tower's first module gives require a gradient where layers are checkpointed, unless it was
    /// not told which module that is.
    fn begun(&self, tape: &mut Tape, tower: &Tower, tokens: Tensor) -> Tensor {
        let told = !matches!(tower.kind, Kind::Qwen3Vl | Kind::Glm4v | Kind::PaddleOcr);
        let begins = self.graph && self.checkpointed_layers > 0 && told && !tokens.needs_gradient();
        if begins { tape.require_gradient(tokens) } else { tokens }
    }

    /// The same with the workspace of a product, which a convolution is without cuDNN, image by image.
    pub(super) fn through_kernels(
        &self,
        tape: &mut Tape,
        read: Tensor,
        convolution: (Part, [Dim; 2], bool),
        tokens: Dim,
    ) -> Tensor {
        let output = self.patched(tape, read, convolution, tokens);
        tape.product_workspace();
        output
    }

    /// The tokens that a convolution makes, `[b, n, outputs]`.
    pub(crate) fn patched(
        &self,
        tape: &mut Tape,
        read: Tensor,
        (part, [inputs, outputs], biased): (Part, [Dim; 2], bool),
        tokens: Dim,
    ) -> Tensor {
        let matrix = self.weights(tape, part, inputs, outputs, biased);
        let narrow = cast(tape, read, self.compute(), "pixels in 16 bits");
        let weight = if self.autocast { tape.cached_copy(matrix.weight) } else { matrix.weight };
        let bias = matrix.bias.map(|bias| if self.autocast { tape.cached_copy(bias) } else { bias });
        let inputs = [weight, bias.unwrap_or(weight), narrow];
        // A convolution keeps both, whichever of them needs a gradient.
        let keeps = [narrow, weight];
        let convolution =
            Operation { rule: Rule::Each, inputs: &inputs, keeps: &keeps, extras: &[], keeps_output: false };
        let shape = tape.shape(&[self.b(), tokens, outputs]);
        let output = tape.apply(&convolution, "patches", shape, self.compute());
        tape.release(narrow);
        if self.autocast {
            tape.release(weight);
            tape.release_each(bias);
        }
        output
    }

    /// Positions sampled between those of a square image (GLM-4.1V): `grid_sample` over a copy of the table in fp32, which it
    /// keeps with the places that it samples at.
    fn with_sampled_positions(&self, tape: &mut Tape, tower: &Tower, stream: Tensor) -> Tensor {
        let Some(rows) = tower.positions() else { return stream };
        let table = tape.shape(&[Dim { symbol: "", size: rows }, self.h()]);
        let table = tape.parameter(Part::PositionEmbedding.name(Piece::Weight), table, self.weights);
        let wide = cast(tape, table, Dtype::Fp32, "position embedding in fp32");
        let two = Dim { symbol: "", size: 2 };
        let grid = tape.shape(&[self.b(), self.s(), two]);
        let grid = tape.constant("places of positions", grid, Dtype::Fp32);
        let keeps = [wide, grid];
        let sample = Operation { rule: Rule::Each, inputs: &[wide], keeps: &keeps, extras: &[], keeps_output: false };
        let sampled = tape.apply(&sample, "sampled positions in fp32", stream.shape, Dtype::Fp32);
        let narrow = cast(tape, sampled, self.weights, "sampled positions");
        let placed = join(tape, [stream, narrow], "tokens with positions", stream.shape);
        tape.release_each([narrow, sampled, grid, wide, stream]);
        placed
    }

    /// Positions between those of a square image, each the sum of four rows of the table that numbers in fp32 weigh
    /// (Qwen3-VL): products and sums are in fp32, and backward needs the rows' numbers and the weights.
    fn with_weighed_positions(&self, tape: &mut Tape, tower: &Tower, stream: Tensor) -> Tensor {
        let Some(rows) = tower.positions() else { return stream };
        let dim = |size| Dim { symbol: "", size };
        let table = tape.shape(&[dim(rows), self.h()]);
        let table = tape.parameter(Part::PositionEmbedding.name(Piece::Weight), table, self.weights);
        let [each, four] = [vec![dim(4)], vec![dim(4), self.h()]].map(|last| {
            let dims: Vec<Dim> = [self.b(), self.s()].into_iter().chain(last).collect();
            tape.shape(&dims)
        });
        let numbers = tape.constant("numbers of positions", each, Dtype::Int64);
        let weights = tape.constant("weights of positions", each, Dtype::Fp32);
        let looked_up = look_up(tape, table, Some(numbers), "rows of positions", four);
        let weighed = multiply_by_constant(tape, looked_up, weights, "weighed positions in fp32");
        tape.release(looked_up);
        let summed = copy(tape, weighed, "summed positions in fp32", stream.shape);
        tape.release(weighed);
        let narrow = cast(tape, summed, self.weights, "summed positions");
        tape.release(summed);
        let placed = join(tape, [stream, narrow], "tokens with positions", stream.shape);
        tape.release_each([narrow, weights, numbers, stream]);
        placed
    }

    /// A class token before the patches where there is one, and positions added.
    fn with_tower_positions(&self, tape: &mut Tape, tower: &Tower, patches: Tensor, has_class: bool) -> Tensor {
        let mut stream = patches;
        let shape = self.stream(tape, self.h());
        if has_class {
            let one = tape.shape(&[ONE, self.h()]);
            let class = tape.parameter(Part::ClassToken.words(), one, self.weights);
            let joined = join(tape, [class, stream], "tokens", shape);
            tape.release(stream);
            stream = joined;
        }
        let Some(rows) = tower.positions() else { return stream };
        let table = tape.shape(&[Dim { symbol: "", size: rows }, self.h()]);
        if tower.kind == Kind::Sam {
            // A parameter as it is, which is looked up in no table.
            let table = tape.parameter(Part::PositionEmbedding.name(Piece::Weight), table, self.weights);
            let placed = add(tape, [stream, table], "tokens with positions");
            tape.release(stream);
            return placed;
        }
        let frozen = tape.is_frozen();
        tape.set_frozen(frozen || !tower.position_table().is_trained(self.loaded));
        let table = tape.parameter(Part::PositionEmbedding.name(Piece::Weight), table, self.weights);
        tape.set_frozen(frozen);
        let each = tape.shape(&[self.s(), self.h()]);
        let looked_up = look_up(tape, table, None, "position embedding", each);
        let placed = add(tape, [stream, looked_up], "tokens with positions");
        tape.release(looked_up);
        tape.release(stream);
        placed
    }
}
