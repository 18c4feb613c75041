//! DeepSpeed's ZeRO-3: tensors are gathered one by one ahead of their use, until so many are there, and go once they have gone back.
//!
//! Read in `deepspeed/runtime/zero/partitioned_param_coordinator.py` and `stage3.py` of DeepSpeed 0.19. From the second step
//! on the order of a step is known, and the prefetcher runs on from the forward into the backward pass.

use super::wrapper::WHOLE;
use crate::allocator::Stream;
use crate::layers::recorder::hooks::{At, Hooks, Moment};
use crate::tape::{Dtype, Kind, Reducer, Segment, StorageId, Tape};

/// Tensors that are gathered, by the part of the model that reads them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    /// Elements of the token table's, of each layer's in the order in which they go back, and of the head's; what stays whole
    /// is left out.
    pub(crate) embedding: Vec<u64>,
    /// Of each layer.
    pub(crate) layers: Vec<Vec<u64>>,
    /// Of what follows them.
    pub(crate) head: Vec<u64>,
}

/// The part of the model that reads a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Embedding,
    Layer(usize),
    Head,
}

/// The hooks of ZeRO-3.
#[derive(Debug)]
pub(crate) struct Zero3 {
    gathered: Gathered,
    /// Elements that may be gathered at once.
    most: u64,
    dtype: Dtype,
    /// What is there now.
    there: Vec<(Reads, u64, StorageId)>,
    /// What is still to be gathered on the way back, the last first.
    ahead: Vec<(Reads, u64)>,
}

impl Zero3 {
    /// Nothing is gathered yet.
    pub(crate) fn new(gathered: Gathered, most: u64, dtype: Dtype) -> Self {
        let of = |reads: Reads, sizes: &[u64]| sizes.iter().rev().map(|size| (reads, *size)).collect::<Vec<_>>();
        let mut ahead = of(Reads::Embedding, &gathered.embedding);
        for (number, sizes) in gathered.layers.iter().enumerate() {
            ahead.append(&mut of(Reads::Layer(number), sizes));
        }
        ahead.append(&mut of(Reads::Head, &gathered.head));
        Self { gathered, most, dtype, there: Vec::new(), ahead }
    }

    fn gather(&mut self, tape: &mut Tape, reads: Reads, elements: u64) {
        let dtype = self.dtype;
        let storage = tape.on_stream(Stream::Gathering, |tape| tape.shard(WHOLE, [elements, 1], dtype, Kind::Value));
        self.there.push((reads, elements, storage));
    }

    /// Gathers ahead of the way back until no more may be there.
    fn run_ahead(&mut self, tape: &mut Tape) {
        while self.there.iter().map(|(_, elements, _)| elements).sum::<u64>() < self.most {
            let Some((reads, elements)) = self.ahead.pop() else { break };
            self.gather(tape, reads, elements);
        }
    }

    fn let_go(&mut self, tape: &mut Tape, reads: Reads) {
        let (gone, left) = std::mem::take(&mut self.there).into_iter().partition(|(of, ..)| *of == reads);
        self.there = left;
        let gone: Vec<(Reads, u64, StorageId)> = gone;
        tape.let_go_each(gone.into_iter().map(|(.., storage)| storage));
    }

    fn all_of(&mut self, tape: &mut Tape, reads: Reads) {
        let sizes = match reads {
            Reads::Embedding => &self.gathered.embedding,
            Reads::Layer(number) => self.gathered.layers.get(number).map_or(&self.gathered.embedding, |sizes| sizes),
            Reads::Head => &self.gathered.head,
        }
        .clone();
        if self.there.iter().any(|(of, ..)| *of == reads) {
            return;
        }
        for elements in sizes {
            self.gather(tape, reads, elements);
        }
    }

    /// Gathers what a part reads, where that is not there yet.
    fn before_back(&mut self, tape: &mut Tape, reads: Reads) {
        while self.ahead.last().is_some_and(|(of, _)| *of == reads) {
            let Some((reads, elements)) = self.ahead.pop() else { break };
            self.gather(tape, reads, elements);
        }
    }
}

fn layer(at: At<'_>) -> Reads {
    Reads::Layer(usize::try_from(at.number).unwrap_or(usize::MAX))
}

impl Hooks for Zero3 {
    fn before_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.all_of(tape, layer(at));
    }

    fn after_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.let_go(tape, layer(at));
    }

    fn before_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        self.before_back(tape, layer(at));
    }

    fn after_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        self.let_go(tape, layer(at));
        self.run_ahead(tape);
    }

    fn outside(&mut self, tape: &mut Tape, moment: Moment) {
        match moment {
            Moment::Called => {
                tape.enter(Segment::Embedding);
                self.all_of(tape, Reads::Embedding);
            }
            Moment::Embedded | Moment::Ended => self.let_go(tape, Reads::Embedding),
            Moment::BeforeHead => {
                tape.enter(Segment::Head);
                self.before_back(tape, Reads::Head);
                self.run_ahead(tape);
            }
            // With no distance of reuse it goes before the loss, and comes again.
            Moment::Returned if self.most == 0 => self.let_go(tape, Reads::Head),
            Moment::BeforeHeadBackward if self.most == 0 => {
                tape.enter(Segment::Head);
                self.all_of(tape, Reads::Head);
            }
            Moment::AfterHeadBackward => {
                self.let_go(tape, Reads::Head);
                self.run_ahead(tape);
            }
            Moment::BeforeEmbeddingBackward => {
                tape.enter(Segment::Embedding);
                self.before_back(tape, Reads::Embedding);
            }
            // No loss of the Trainer runs its head in chunks by itself.
            Moment::Returned
            | Moment::BeforeChunks
            | Moment::AfterChunk
            | Moment::AfterChunks
            | Moment::BeforeBackward
            | Moment::BeforeHeadBackward => {}
        }
    }
}

/// What reduces gradients under ZeRO-3: they go into a bucket that always stands, and one that is larger stays until the next
/// comes.
#[derive(Debug)]
pub(crate) struct Partitioned {
    bucket: u64,
    large: Option<StorageId>,
}

impl Partitioned {
    /// With so many elements in a bucket.
    pub(crate) const fn new(bucket: u64) -> Self {
        Self { bucket, large: None }
    }
}

impl Reducer for Partitioned {
    fn begun(&mut self, _tape: &mut Tape) {}

    fn arrived(&mut self, tape: &mut Tape) {
        for gradient in tape.take_all_gradients() {
            tape.let_go_each(self.large.take());
            let elements = tape.gradient_of(gradient).map_or(0, |(elements, ..)| elements);
            if elements > self.bucket {
                self.large = Some(gradient);
            } else {
                tape.let_go(gradient);
            }
        }
    }

    fn ended(&mut self, tape: &mut Tape) {
        tape.let_go_each(self.large.take());
    }
}
