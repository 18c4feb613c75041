//! `fully_shard` of PyTorch 2.15 around units of a model: which buffers its collectives allocate, and when they go.
//!
//! Read in `torch/distributed/fsdp/_fully_shard/_fsdp_param_group.py` and `_fsdp_collectives.py`; in which units accelerate
//! 1.15 wraps a model, in its `utils/fsdp_utils.py`: the embedding, each layer, the last norm with the head, and the rest.

use std::collections::BTreeMap;

use super::units::{Elements, Unit, Units};
use super::wrapper::{COPIED, EARLIER, REDUCED, Ran, SHARDS, Types, WHOLE, Wrapping};
use crate::allocator::Stream;
use crate::layers::recorder::hooks::{At, Hooks, Moment};
use crate::tape::{Kind, Segment, StorageId, Tape};

/// A unit by its place in the order of the forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    Embedding,
    Layer(u64),
    Tail,
    Root,
}

/// What there is of a unit now.
#[derive(Debug, Default)]
struct State {
    /// What its gathering put side by side, until it is copied out.
    gathered: Vec<StorageId>,
    /// Its whole parameters.
    whole: Vec<StorageId>,
    /// Its whole gradients of earlier micro batches.
    earlier: Option<StorageId>,
}

/// The hooks of `fully_shard`.
#[derive(Debug)]
pub(crate) struct Fsdp2<'a> {
    units: &'a Units,
    wrapping: Wrapping,
    states: BTreeMap<Which, State>,
    /// What the last unit to be gathered in forward was copied out of: it goes when the next one has been gathered.
    copied: Vec<StorageId>,
    /// What is being reduced, of which there is one at a time.
    reducing: Vec<StorageId>,
    ran: Ran,
    /// Whether the loss runs the head by itself, after the model has returned.
    chunks: bool,
}

const GATHERED: &str = "weights as they were gathered";
const EARLIER_CHUNKS: &str = "gradient of the head";

impl<'a> Fsdp2<'a> {
    /// Hooks around a model that is divided into these units.
    pub(crate) fn new(units: &'a Units, wrapping: Wrapping) -> Self {
        let (copied, reducing) = (Vec::new(), Vec::new());
        Self { units, wrapping, states: BTreeMap::new(), copied, reducing, ran: Ran::default(), chunks: false }
    }

    /// The same where the loss runs the head by itself, chunk by chunk.
    pub(crate) fn in_chunks(self, chunks: bool) -> Self {
        Self { chunks, ..self }
    }

    fn unit(&self, which: Which) -> Unit {
        match which {
            Which::Embedding => self.units.embedding,
            Which::Layer(number) => self.units.layer(number),
            Which::Tail => self.units.tail,
            Which::Root => self.units.root,
        }
    }

    fn state(&mut self, which: Which) -> &mut State {
        self.states.entry(which).or_default()
    }

    /// The elements of a unit with their types: the model's own, and adapters.
    fn parts(&self, which: Which) -> [(Elements, Types); 2] {
        let Unit { own, adapters } = self.unit(which);
        [(own, self.wrapping.own), (adapters, self.wrapping.adapters)]
    }

    /// Those that are trained.
    fn trained(&self, which: Which) -> (Elements, Types) {
        let Unit { own, adapters } = self.unit(which);
        (if self.wrapping.adapts { adapters } else { own }, self.wrapping.trained())
    }

    /// A unit whole, by this name.
    fn all_of(&self, tape: &mut Tape, which: Which, name: &'static str) -> Vec<StorageId> {
        let parts = self.parts(which).into_iter().filter(|(elements, _)| elements.padded > 0);
        parts.map(|(elements, types)| tape.shard(name, [elements.padded, 1], types.compute, Kind::Value)).collect()
    }

    /// Begins to gather a unit, unless it is there. Shards of another type are cast first; those that wait in host memory
    /// come to the card.
    fn unshard(&mut self, tape: &mut Tape, which: Which) {
        let State { gathered, whole, .. } = self.state(which);
        if !gathered.is_empty() || !whole.is_empty() || self.is_alone() {
            return;
        }
        let (ways, offloads) = (self.units.ways, self.wrapping.offloads);
        let copied = self
            .parts(which)
            .into_iter()
            .filter(|(elements, types)| elements.padded > 0 && (types.stored != types.compute || offloads));
        let copied: Vec<(Elements, Types)> = copied.collect();
        let gathered = tape.on_stream(Stream::Gathering, |tape| {
            let copied: Vec<StorageId> = copied
                .iter()
                .map(|(elements, types)| tape.shard(COPIED, [elements.padded, ways], types.compute, Kind::Value))
                .collect();
            let gathered = self.all_of(tape, which, GATHERED);
            tape.let_go_each(copied);
            gathered
        });
        self.state(which).gathered = gathered;
    }

    /// Copies what was gathered into the unit's parameters.
    fn wait(&mut self, tape: &mut Tape, which: Which, forward: bool) {
        if self.is_alone() {
            return self.cast(tape, which);
        }
        let gathered = std::mem::take(&mut self.state(which).gathered);
        if gathered.is_empty() {
            return;
        }
        if forward {
            tape.let_go_each(std::mem::take(&mut self.copied));
        }
        let whole = self.all_of(tape, which, WHOLE);
        self.state(which).whole = whole;
        if forward {
            self.copied = gathered;
        } else {
            tape.let_go_each(gathered);
        }
    }

    /// Whether a GPU has all of every unit: then nothing is gathered, and whole parameters are copies of its shards.
    const fn is_alone(&self) -> bool {
        self.units.ways == 1
    }

    /// The unit's parameters in the type in which it computes, one after the other.
    fn cast(&mut self, tape: &mut Tape, which: Which) {
        if self.state(which).whole.is_empty() {
            let whole = self.all_of(tape, which, WHOLE);
            self.state(which).whole = whole;
        }
    }

    fn reshard(&mut self, tape: &mut Tape, which: Which) {
        let whole = std::mem::take(&mut self.state(which).whole);
        tape.let_go_each(whole);
    }

    fn before(&mut self, tape: &mut Tape, which: Which) {
        self.unshard(tape, which);
        self.wait(tape, which, true);
    }

    /// Before a unit goes back, which gathers the one that goes back after it.
    fn before_back(&mut self, tape: &mut Tape, which: Which, next: Option<Which>) {
        self.unshard(tape, which);
        self.wait(tape, which, false);
        if let Some(next) = next {
            self.unshard(tape, next);
        }
    }

    /// A unit has gone back: its weights go, and its gradients are reduced, in a buffer that stays until the next one's
    /// are.
    fn after_back(&mut self, tape: &mut Tape, which: Which) {
        if self.unit(which) == Unit::default() {
            return;
        }
        let mut gradients = tape.take_gradients(matches!(which, Which::Layer(_)));
        // Where layers are no units, theirs are the root's.
        if which == Which::Root {
            gradients.append(&mut tape.take_gradients(true));
        }
        gradients.extend(self.state(which).earlier.take());
        self.reshard(tape, which);
        tape.let_go_each(std::mem::take(&mut self.reducing));
        if gradients.is_empty() {
            return;
        }
        let (elements, _) = self.trained(which);
        // Those of a head that ran chunk by chunk are reduced already.
        let left = if which == Which::Tail && self.chunks { elements.without(self.units.head) } else { elements };
        self.reduce(tape, left, gradients);
    }

    /// Reduces gradients of so many elements, which go when they have been put side by side.
    fn reduce(&mut self, tape: &mut Tape, elements: Elements, gradients: Vec<StorageId>) {
        let Types { stored, reduce, .. } = self.wrapping.trained();
        let sizes = [elements.padded, self.units.ways];
        let input = tape.shard(REDUCED, [elements.padded, 1], reduce, Kind::Value);
        tape.let_go_each(gradients);
        self.reducing.push(input);
        let offloads = self.wrapping.offloads;
        tape.on_stream(Stream::Reducing, |tape| {
            if stored == reduce && !offloads {
                tape.shard(SHARDS, sizes, stored, Kind::ParameterGradient);
                return;
            }
            let output = tape.shard(REDUCED, sizes, reduce, Kind::Value);
            if !offloads {
                tape.shard(SHARDS, sizes, stored, Kind::ParameterGradient);
            }
            tape.let_go(output);
        });
    }

    /// A chunk's gradient of the head, in the type in which it will be reduced: the first stays, others are added to it.
    fn add_chunk(&mut self, tape: &mut Tape) {
        let arrived = tape.take_gradients(false);
        let Types { compute, reduce, .. } = self.wrapping.trained();
        if compute == reduce {
            let State { earlier, .. } = self.state(Which::Tail);
            let mut arrived = arrived.into_iter();
            if earlier.is_none() {
                *earlier = arrived.next();
            }
            return tape.let_go_each(arrived);
        }
        let widened = tape.shard(EARLIER_CHUNKS, [self.units.head.whole, 1], reduce, Kind::Value);
        tape.let_go_each(arrived);
        let State { earlier, .. } = self.state(Which::Tail);
        if earlier.is_some() {
            tape.let_go(widened);
        } else {
            *earlier = Some(widened);
        }
    }

    /// The last chunk has gone back: the head's gradient is reduced, and its weights go.
    fn end_chunks(&mut self, tape: &mut Tape) {
        self.add_chunk(tape);
        let gradient = self.state(Which::Tail).earlier.take();
        tape.let_go_each(std::mem::take(&mut self.reducing));
        self.reduce(tape, self.units.head, gradient.into_iter().collect());
        self.reshard(tape, Which::Tail);
    }

    /// The whole gradients of the micro batches before, which no collective has divided.
    fn accumulated(&mut self, tape: &mut Tape, which: Which) {
        let (elements, types) = self.trained(which);
        if self.wrapping.accumulates && elements.whole > 0 {
            let sum = tape.shard(EARLIER, [elements.whole, 1], types.reduce, Kind::ParameterGradient);
            self.state(which).earlier = Some(sum);
        }
    }

    /// The unit of the embedding, where that is one by itself.
    fn embedding(&self) -> Option<Which> {
        (self.units.apart && !self.units.tied).then_some(Which::Embedding)
    }

    /// What is gathered before anything runs.
    fn first(&self) -> Which {
        match (self.units.apart, self.units.tied) {
            (false, _) => Which::Root,
            (true, true) => Which::Tail,
            (true, false) => Which::Embedding,
        }
    }

    /// The last layer that ran.
    fn last(&self) -> Option<Which> {
        self.ran.last().map(Which::Layer)
    }

    /// What did not go back by itself does so in the end.
    fn ended(&mut self, tape: &mut Tape) {
        let first = self.first();
        self.after_back(tape, first);
        if first != Which::Root {
            self.after_back(tape, Which::Root);
        }
        let gathered = std::mem::take(&mut self.state(first).gathered);
        tape.let_go_each(gathered);
        tape.let_go_each(std::mem::take(&mut self.reducing));
    }
}

impl Hooks for Fsdp2<'_> {
    fn before_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.before(tape, Which::Layer(at.number));
    }

    fn after_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.ran.push(at.number);
        if self.wrapping.reshards {
            self.reshard(tape, Which::Layer(at.number));
        }
    }

    fn before_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        let next = self.ran.before(at.number).map(Which::Layer).or_else(|| self.embedding());
        self.before_back(tape, Which::Layer(at.number), next);
    }

    fn after_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        self.after_back(tape, Which::Layer(at.number));
    }

    fn outside(&mut self, tape: &mut Tape, moment: Moment) {
        let apart = self.units.apart;
        match moment {
            Moment::Called => {
                tape.collect_gradients();
                tape.enter(Segment::Embedding);
                for number in self.units.layers() {
                    self.accumulated(tape, Which::Layer(number));
                }
                for which in [Which::Embedding, Which::Tail, Which::Root] {
                    self.accumulated(tape, which);
                }
                self.before(tape, Which::Root);
                self.before(tape, self.first());
            }
            Moment::Embedded if self.wrapping.reshards => {
                if let Some(embedding) = self.embedding() {
                    self.reshard(tape, embedding);
                }
            }
            Moment::BeforeHead if apart => {
                tape.enter(Segment::Head);
                self.before(tape, Which::Tail);
            }
            Moment::Returned => {
                if self.chunks {
                    self.reshard(tape, Which::Tail);
                }
                tape.let_go_each(std::mem::take(&mut self.copied));
            }
            Moment::BeforeChunks => {
                tape.enter(Segment::Head);
                self.unshard(tape, Which::Tail);
                self.wait(tape, Which::Tail, false);
            }
            Moment::AfterChunk => {
                tape.enter(Segment::Head);
                self.add_chunk(tape);
            }
            Moment::AfterChunks => {
                tape.enter(Segment::Head);
                self.end_chunks(tape);
            }
            Moment::BeforeBackward if !apart => {
                tape.enter(Segment::Head);
                self.before_back(tape, Which::Root, self.last());
            }
            Moment::BeforeHeadBackward if apart => {
                tape.enter(Segment::Head);
                self.before_back(tape, Which::Tail, self.last());
            }
            Moment::AfterHeadBackward if apart && !self.units.tied => {
                tape.enter(Segment::Head);
                self.after_back(tape, Which::Tail);
            }
            Moment::BeforeEmbeddingBackward if !self.wrapping.adapts => {
                tape.enter(Segment::Embedding);
                if let Some(embedding) = self.embedding() {
                    self.before_back(tape, embedding, None);
                }
            }
            Moment::Ended => {
                tape.enter(Segment::Embedding);
                self.ended(tape);
            }
            _ => {}
        }
    }
}
