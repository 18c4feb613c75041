//! A vision or audio tower before a decoder: patches or frames, the tower's layers, the projector, and the places in the
//! sequence that its outputs take.

mod input;
mod layer;
mod perceiver;
mod projector;
mod stack;
mod tiles;
mod windows;

use std::ops::Range;

use super::Run;
use super::attention::{Encoded, Shared};
use super::norm::names;
use super::operations::fresh;
use crate::families::{Implementation, towers};
use crate::model::Architecture;
use crate::model::architecture::Layer;
use crate::model::parameters::TowerTensors;
use crate::model::part::Part;
use crate::model::tower::{ImageTokens, Kind, Tower};
use crate::tape::{Dtype, Operation, Rule, Segment, Tape, Tensor};

/// The images of a run, and the tower that reads them.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The tower.
    pub(crate) tower: Tower,
    /// Its stack of layers.
    stack: Architecture,
    /// The same with the norm of the projector.
    behind: Architecture,
    /// Its tensors, and the projector's.
    tensors: TowerTensors,
    /// Its code.
    code: Implementation,
    /// Images of each sequence.
    pub(crate) images: u64,
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
        let behind = Architecture { norm: tower.projector_norm().unwrap_or(stack.norm), ..stack.clone() };
        Some(Self { tower, stack, behind, tensors, code, images, sides, trained })
    }

    /// What each becomes.
    pub(crate) fn each(&self) -> ImageTokens {
        self.tower.tokens.of(self.sides)
    }

    /// Tokens of a sequence that stand for its images.
    pub(crate) fn tokens(&self) -> u64 {
        self.tower.text_tokens(self.images, self.sides)
    }

    /// Tokens of all images of a sequence that the projector gives.
    pub(crate) fn given(&self) -> u64 {
        self.each().given.saturating_mul(self.images)
    }

    /// The same where layers of the decoder attend to them.
    pub(crate) fn attended(&self) -> u64 {
        if self.tower.is_attended_to() { self.given() } else { 0 }
    }

    /// Whether a part stands before the tower's layers or behind them.
    fn has(&self, part: Part) -> bool {
        self.tensors.before.iter().chain(&self.tensors.behind).any(|tensor| tensor.part == part)
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
        let mut until_tower_returns = Vec::new();
        let stream = own.tower_input(tape, seen, [&mut passed.until_return, &mut until_tower_returns]);
        let (stream, deep) = own.tower_layers(tape, seen, stream, (&mut passed, &mut until_tower_returns));
        let read = own.behind_tower(tape, seen, stream);
        tape.set_frozen(frozen);
        tape.enter(Segment::Projector);
        let mut features = own.of_projector(seen).given(tape, seen, read, deep, &mut passed.until_return);
        tape.release_each(until_tower_returns);
        if seen.tower.composite.packs() {
            // A slice for each image stays with the tower's result, and they are put together again.
            let joined = fresh(tape, features, "tokens of all images", features.shape);
            passed.until_return.push(features);
            features = joined;
        }
        tape.enter(Segment::Embedding);
        let placed = self.placed(tape, embedded, features);
        passed.until_return.push(features);
        (placed, passed)
    }

    /// What the decoder's layers attend to, where it does not stand in the sequence; read once, and then in a cache.
    pub(crate) fn attended_images(&self, tape: &mut Tape, seen: &'a Seen, held: &mut Vec<Tensor>) -> Encoded {
        let states = (self.past() == 0).then(|| {
            tape.enter(Segment::Tower);
            let frozen = tape.is_frozen();
            tape.set_frozen(frozen || !seen.trained);
            let read = self.of_tower(seen).tiled_tower(tape, seen);
            tape.set_frozen(frozen);
            tape.enter(Segment::Projector);
            // What calls the tower has its outputs in a variable.
            held.push(tape.share(read));
            let states = self.of_projector(seen).through_one_matrix(tape, seen, read);
            held.push(states);
            states
        });
        tape.enter(Segment::Embedding);
        let encoded = self.encoded(tape, seen, states);
        held.extend(encoded.tensors().skip(usize::from(states.is_some())));
        encoded
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
            stream_by_channel: seen.tower.kind == Kind::Whisper,
            ..*self
        }
    }

    /// The same over what the projector reads, whose norm may be of another kind.
    fn of_projector(&self, seen: &'a Seen) -> Self {
        Run { code: towers::projector(&seen.tower, seen.code), architecture: &seen.behind, ..*self }
    }

    /// The last norm, where the projector reads what comes behind it.
    fn behind_tower(&self, tape: &mut Tape, seen: &Seen, stream: Tensor) -> Tensor {
        if seen.tower.kind == Kind::Sam {
            return self.neck(tape, seen, stream);
        }
        if !seen.has(Part::TowerLastNorm) || seen.tower.leaves_last_layer() {
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
