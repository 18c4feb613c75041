//! A vision or audio tower before a decoder: patches or frames, the tower's layers, the projector, and the places in the
//! sequence that its outputs take.

mod layer;
mod projector;

use std::ops::Range;

use super::Run;
use super::attention::Shared;
use super::norm::names;
use super::operations::{ONE, add, cast, copy, join, unary_keeping_input};
use super::rotary::Tables;
use crate::families::{Implementation, towers};
use crate::model::Architecture;
use crate::model::architecture::Layer;
use crate::model::parameters::TowerTensors;
use crate::model::part::{Part, Piece};
use crate::model::tower::{ImageTokens, Kind, Tower};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Segment, Tape, Tensor};

/// The images of a run, and the tower that reads them.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The tower.
    pub(crate) tower: Tower,
    /// Its stack of layers.
    stack: Architecture,
    /// Its tensors, and the projector's.
    tensors: TowerTensors,
    /// Its code.
    code: Implementation,
    /// Images of each sequence.
    images: u64,
    /// Height and width of each, in pixels.
    sides: [u64; 2],
    /// Whether the tower is trained.
    trained: bool,
}

impl Seen {
    /// So many images of these sides for each sequence, where there are any and a tower to read them.
    pub(crate) fn of(architecture: &Architecture, images: u64, sides: [u64; 2], trained: bool) -> Option<Self> {
        let tower = architecture.tower.clone().filter(|_| images > 0)?;
        let tensors = TowerTensors::of(&tower, architecture.hidden_size);
        let (stack, code) = (tower.stack(), towers::implementation(tower.kind));
        Some(Self { tower, stack, tensors, code, images, sides, trained })
    }

    /// What each becomes.
    pub(crate) fn each(&self) -> ImageTokens {
        self.tower.tokens.of(self.sides)
    }

    /// Tokens of a sequence that stand for its images.
    pub(crate) fn tokens(&self) -> u64 {
        self.each().text.saturating_mul(self.images)
    }

    /// Numbers that are fed for the images of so many sequences.
    pub(crate) fn inputs(&self, batch: u64) -> u64 {
        let each = self.each().inputs;
        each.saturating_mul(self.images).saturating_mul(batch)
    }
}

/// What a tower's pass leaves for the way back, and in variables.
pub(crate) struct Passed<'a> {
    /// Its layers whose outputs are read.
    layers: Vec<Recorded<'a>>,
    /// The last, where nobody reads it: what it keeps goes when the model returns.
    unread: Option<Recorded<'a>>,
    /// What the tower and what calls it have in variables until the model returns.
    pub(crate) until_return: Vec<Tensor>,
}

/// A layer of it.
struct Recorded<'a> {
    layer: &'a Layer,
    input: Tensor,
    shared: Shared,
    mask: Option<Tensor>,
    nodes: Range<usize>,
    held: Option<Vec<Tensor>>,
}

impl Passed<'_> {
    /// The model returns: the graph of what nobody reads goes.
    pub(crate) fn returned(&self, tape: &mut Tape) {
        if let Some(unread) = &self.unread {
            tape.backward(unread.nodes.clone());
            tape.release_each(unread.held.iter().flatten().copied());
        }
    }
}

impl<'a> Run<'a> {
    /// The embedded sequence with what the tower gives in the place of its images' tokens.
    pub(crate) fn with_images(&self, tape: &mut Tape, embedded: Tensor, seen: &'a Seen) -> (Tensor, Passed<'a>) {
        tape.enter(Segment::Tower);
        let frozen = tape.is_frozen();
        tape.set_frozen(frozen || !seen.trained);
        let own = self.of_tower(seen);
        let mut passed = Passed { layers: Vec::new(), unread: None, until_return: Vec::new() };
        let stream = own.tower_input(tape, seen);
        let (stream, deep) = own.tower_layers(tape, seen, stream, &mut passed);
        let read = own.behind_tower(tape, seen, stream);
        tape.set_frozen(frozen);
        tape.enter(Segment::Projector);
        let features = own.of_projector(seen).given(tape, seen, read, deep, &mut passed.until_return);
        tape.enter(Segment::Embedding);
        let placed = self.placed(tape, embedded, features);
        passed.until_return.push(features);
        (placed, passed)
    }

    /// The way back through what is between the embedding and the first layer, and through the tower.
    pub(crate) fn tower_backward(&self, tape: &mut Tape, seen: &'a Seen, passed: &Passed<'a>, outside: Range<usize>) {
        let own = self.of_tower(seen);
        let mut end = outside.end;
        if let Some(unread) = &passed.unread {
            tape.backward(unread.nodes.end..end);
            end = unread.nodes.start;
        }
        for recorded in passed.layers.iter().rev() {
            tape.backward(recorded.nodes.end..end);
            match &recorded.held {
                None => tape.backward(recorded.nodes.clone()),
                Some(held) => tape.backward_through_checkpoint(recorded.nodes.clone(), held, |tape| {
                    tape.enter(Segment::Tower);
                    let frozen = tape.is_frozen();
                    tape.set_frozen(frozen || !seen.trained);
                    let Recorded { layer, input, shared, mask, .. } = *recorded;
                    let output = own.tower_layer(tape, seen, layer, input, (shared, mask));
                    tape.release(output);
                    tape.leave_autocast();
                    tape.set_frozen(frozen);
                }),
            }
            end = recorded.nodes.start;
        }
        tape.backward(outside.start..end);
    }

    /// The same run over a tower's tokens.
    fn of_tower(&self, seen: &'a Seen) -> Self {
        let tokens = seen.each();
        Run {
            architecture: &seen.stack,
            code: seen.code,
            batch: self.batch.saturating_mul(seen.images).saturating_mul(tokens.tiles),
            sequence: tokens.each,
            padding: false,
            unpadded_mask: false,
            dropout: [false; 3],
            adapters: self.adapters.filter(|_| seen.trained),
            liger: None,
            generation: None,
            fused_attention: true,
            seen: None,
            ..*self
        }
    }

    /// The same over what the projector reads, whose norm may be of another kind.
    fn of_projector(&self, seen: &Seen) -> Self {
        Run { code: towers::projector(&seen.tower, seen.code), ..*self }
    }

    /// Patches or frames as tokens, with their positions.
    fn tower_input(&self, tape: &mut Tape, seen: &Seen) -> Tensor {
        let tower = &seen.tower;
        let inputs = Dim { symbol: "", size: tower.sizes.patch_inputs };
        let has_class = seen.tensors.before.iter().any(|tensor| tensor.part == Part::ClassToken);
        let patches = Dim { symbol: "n", size: self.sequence.saturating_sub(u64::from(has_class)) };
        let read = tape.shape(&[self.b(), patches, inputs]);
        let pixels = Tape::buffer(read, Dtype::Fp32);
        let pixels = cast(tape, pixels, self.weights, "pixels in the weights' type");
        let embedded = self.patch_tokens(tape, seen, pixels, patches);
        tape.release(pixels);
        let placed = self.with_tower_positions(tape, tower, embedded, has_class);
        if seen.tensors.before.iter().any(|tensor| tensor.part == Part::TowerFirstNorm) {
            let normed = self.norm(tape, placed, &[self.b(), self.s()], self.h(), names!("tower first norm"));
            tape.release(placed);
            return normed;
        }
        placed
    }

    /// One product for each patch: a convolution, which keeps what it reads. Of sounds two, with an activation behind each.
    fn patch_tokens(&self, tape: &mut Tape, seen: &Seen, pixels: Tensor, patches: Dim) -> Tensor {
        let tower = &seen.tower;
        let biased = seen.tensors.before.iter().any(|it| (it.part, it.piece) == (Part::PatchProjection, Piece::Bias));
        let inputs = Dim { symbol: "", size: tower.sizes.patch_inputs };
        if tower.kind != Kind::Whisper {
            let tokens = self.patched(tape, pixels, (Part::PatchProjection, inputs, biased), patches);
            return self.begun(tape, tower, tokens);
        }
        // The second has a stride of two: the first makes twice as many tokens.
        let twice = Dim { symbol: "2n", size: patches.size.saturating_mul(2) };
        let first = self.patched(tape, pixels, (Part::PatchProjection, inputs, true), twice);
        let first = self.begun(tape, tower, first);
        let activated = unary_keeping_input(tape, first, "activated frames");
        tape.release(first);
        let three = Dim { symbol: "3h", size: 3 * self.architecture.hidden_size };
        let second = self.patched(tape, activated, (Part::FrameProjection, three, true), patches);
        tape.release(activated);
        let activated = unary_keeping_input(tape, second, "activated frames");
        tape.release(second);
        let turned = copy(tape, activated, "frames", activated.shape);
        tape.release(activated);
        turned
    }

    /// Transformers makes what a tower's first module gives require a gradient where layers are checkpointed, unless it was
    /// not told which module that is.
    fn begun(&self, tape: &mut Tape, tower: &Tower, tokens: Tensor) -> Tensor {
        let told = tower.kind != Kind::Qwen3Vl;
        let begins = self.graph && self.checkpointed_layers > 0 && told && !tokens.needs_gradient();
        if begins { tape.require_gradient(tokens) } else { tokens }
    }

    fn patched(&self, tape: &mut Tape, read: Tensor, (part, inputs, biased): (Part, Dim, bool), tokens: Dim) -> Tensor {
        let matrix = self.weights(tape, part, inputs, self.h(), biased);
        let narrow = cast(tape, read, self.compute(), "pixels in 16 bits");
        let weight = if self.autocast { tape.cached_copy(matrix.weight) } else { matrix.weight };
        let bias = matrix.bias.map(|bias| if self.autocast { tape.cached_copy(bias) } else { bias });
        let inputs = [weight, bias.unwrap_or(weight), narrow];
        let keeps = [narrow, weight];
        let kept = if narrow.needs_gradient() { &keeps[..] } else { &keeps[..1] };
        let convolution =
            Operation { rule: Rule::Each, inputs: &inputs, keeps: kept, extras: &[], keeps_output: false };
        let shape = tape.shape(&[self.b(), tokens, self.h()]);
        let output = tape.apply(&convolution, "patches", shape, self.compute());
        tape.release(narrow);
        if self.autocast {
            tape.release(weight);
            tape.release_each(bias);
        }
        output
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
        // Whisper's are sines and cosines, and never trained.
        let frozen = tape.is_frozen();
        tape.set_frozen(frozen || tower.kind == Kind::Whisper);
        let table = tape.parameter(Part::PositionEmbedding.name(Piece::Weight), table, self.weights);
        tape.set_frozen(frozen);
        let each = tape.shape(&[self.s(), self.h()]);
        let looked_up = super::embedding::look_up(tape, table, None, "position embedding", each);
        let placed = add(tape, [stream, looked_up], "tokens with positions");
        tape.release(looked_up);
        tape.release(stream);
        placed
    }

    /// The tower's layers, and what those in the middle give that are read too.
    fn tower_layers(
        &self,
        tape: &mut Tape,
        seen: &'a Seen,
        mut stream: Tensor,
        passed: &mut Passed<'a>,
    ) -> (Tensor, Vec<Tensor>) {
        let shared = self.tower_tables(tape, &mut passed.until_return);
        let mask = self.block_mask(tape, &seen.tower);
        // Whoever calls the layers has what enters them in a variable.
        let entered = tape.share(stream);
        // What has no way back keeps nothing.
        let goes_back = stream.needs_gradient() || seen.trained;
        let checkpoints = self.checkpointed_layers > 0 && goes_back && seen.tower.kind != Kind::Mllama;
        let deep = seen.tower.deepstack();
        let layers = seen.stack.groups.iter().flat_map(|group| (0..group.layers).map(move |_| &group.layer));
        let count = seen.tower.num_hidden_layers();
        let mut read = Vec::new();
        for (number, layer) in (0..).zip(layers) {
            let start = tape.node_count();
            let held = checkpoints.then(|| {
                tape.begin_checkpoint(&[stream]);
                let held: Vec<Tensor> = shared.tensors().chain(mask).collect();
                for tensor in &held {
                    tape.share(*tensor);
                }
                std::iter::once(stream).chain(held).collect()
            });
            let output = self.tower_layer(tape, seen, layer, stream, (shared, mask));
            if held.is_some() {
                tape.end_checkpoint();
            }
            let recorded = Recorded { layer, input: stream, shared, mask, nodes: start..tape.node_count(), held };
            // It is computed all the same.
            if seen.tower.leaves_last_layer() && number + 1 == count {
                tape.release(output);
                passed.unread = Some(recorded);
                continue;
            }
            tape.release(stream);
            passed.layers.push(recorded);
            stream = output;
            if deep.contains(&number) {
                read.push(tape.share(stream));
            }
        }
        tape.release_each(mask);
        tape.release(entered);
        (stream, read)
    }

    /// Cosines and sines of a tower that rotates, in fp32 where its code leaves them so.
    fn tower_tables(&self, tape: &mut Tape, until_return: &mut Vec<Tensor>) -> Shared {
        let none = Shared { tables: None, mask: None, bias: None };
        let channels = self.architecture.rotary_dim();
        if channels == 0 {
            return none;
        }
        let shape = tape.shape(&[self.s(), Dim { symbol: "d", size: channels }]);
        let dtype = if self.code.widening.is_any() { Dtype::Fp32 } else { self.weights };
        let [cos, sin] = ["rotary cosines", "rotary sines"].map(|name| tape.constant(name, shape, dtype));
        until_return.extend([cos, sin]);
        Shared { tables: Some(Tables { cos, sin }), ..none }
    }

    /// Pixtral's mask between images, which is made for one too.
    fn block_mask(&self, tape: &mut Tape, tower: &Tower) -> Option<Tensor> {
        if tower.kind != Kind::Pixtral {
            return None;
        }
        let shape = tape.shape(&[self.s(), self.s()]);
        Some(tape.constant("attention.block mask", shape, self.compute()))
    }

    /// The last norm, where the projector reads what comes behind it.
    fn behind_tower(&self, tape: &mut Tape, seen: &Seen, stream: Tensor) -> Tensor {
        let normed = seen.tensors.behind.iter().any(|tensor| tensor.part == Part::TowerLastNorm);
        if !normed || seen.tower.leaves_last_layer() {
            return stream;
        }
        let output = self.norm(tape, stream, &[self.b(), self.s()], self.h(), names!("tower last norm"));
        tape.release(stream);
        output
    }

    /// The sequence with the projector's outputs in it: `masked_scatter`, which keeps a byte for each token, however wide it
    /// is made to look.
    fn placed(&self, tape: &mut Tape, embedded: Tensor, features: Tensor) -> Tensor {
        let each = tape.shape(&[self.b(), self.s()]);
        let mask = tape.constant("places of images", each, Dtype::Bool);
        let scatter = Operation {
            rule: Rule::Each,
            inputs: &[embedded, features],
            keeps: &[mask],
            extras: &[],
            keeps_output: false,
        };
        let placed = tape.apply(&scatter, "embedding with images", embedded.shape, embedded.dtype);
        tape.release(mask);
        tape.release(embedded);
        placed
    }
}
