//! Everything that a run asks of PyTorch's allocator, in order: weights as they are loaded, the batch, and as many steps as
//! it takes until nothing changes any more.

mod load;
mod modules;
mod quantize;
mod stacks;
mod start;

use std::ops::Range;

use crate::allocator::{Event, Stream};
use crate::ledger::runtime::WORKSPACE;
use crate::ledger::{Entry, EstimateError};
use crate::model::Architecture;
use crate::states::optimizer::{Act, For, Steps};
use crate::tape::forward::Forward;
use crate::tape::{self, Kind};
use crate::units::Overflow;

pub(crate) const WEIGHT: &str = "weights";
const ADAPTER: &str = "adapters";

pub(crate) use load::{Loading, TiedHead, Warmup};
pub(crate) use modules::as_named;
pub(crate) use stacks::Stacks;
pub(crate) use start::Start;

/// Steps after which a run repeats itself.
const STEPS: usize = 3;

/// Passes of a step after which those that add to its gradients repeat themselves.
const PASSES: u64 = 4;

/// Most layers of which each is played out: forty times as many as any model has.
const MOST_LAYERS: u64 = 10_000;

/// Most layers of all passes together: four times as many as the deepest model and the longest generation come to.
const MOST_IN_ALL: u64 = 50_000;

/// An error where more layers would be played out in so many passes than one should wait for.
pub(crate) fn check_layers(architecture: &Architecture, passes: usize, task: &str) -> Result<(), EstimateError> {
    let layers = architecture.num_hidden_layers();
    let most = MOST_LAYERS.min(MOST_IN_ALL / (passes as u64).max(1));
    if layers <= most {
        return Ok(());
    }
    let covered = format!("at most {most} of a model that is {task}: every one is played out");
    Err(EstimateError::NotCovered { key: "num_hidden_layers", value: layers.to_string(), covered })
}

/// The most that a run may ask for in all, 4 EiB: beyond any card, and small enough that no sum of it overflows.
const MOST: u64 = 1 << 62;

/// A sequence of allocations and releases, with what each of them is for.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// What is asked for.
    pub(crate) events: Vec<Event>,
    /// What each allocation holds.
    pub(crate) names: Vec<&'static str>,
}

/// An allocation, by how many came before it.
pub(crate) type Made = u32;

impl Sequence {
    /// What stands when a run begins whose loading is not played, one block for each tensor.
    pub(crate) fn standing(entries: &[Entry]) -> Self {
        let mut sequence = Self::default();
        for entry in entries {
            let each = entry.bytes.get() / entry.count.max(1);
            for _ in 0..entry.count {
                sequence.allocate(WEIGHT, each);
            }
        }
        sequence
    }

    pub(crate) fn allocate(&mut self, name: &'static str, bytes: u64) -> Made {
        let made = Made::try_from(self.names.len()).unwrap_or(Made::MAX);
        self.events.push(Event::Allocate(bytes));
        self.names.push(name);
        made
    }

    /// The same on a stream that has pools of its own.
    fn allocate_on(&mut self, stream: Stream, name: &'static str, bytes: u64) -> Made {
        if stream == Stream::Program {
            return self.allocate(name, bytes);
        }
        self.events.push(Event::Stream(stream));
        let made = self.allocate(name, bytes);
        self.events.push(Event::Stream(Stream::Program));
        made
    }

    /// What the allocation of an event holds.
    pub(crate) fn name_of(&self, event: usize) -> &'static str {
        let allocates = |event: &&Event| matches!(event, Event::Allocate(_));
        let before = self.events.iter().take(event).filter(allocates).count();
        self.names.get(before).copied().unwrap_or_default()
    }

    pub(crate) fn release(&mut self, made: Made) {
        self.events.push(Event::Release(made));
    }

    /// A recording, and what it leaves behind.
    pub(crate) fn follow(&mut self, tape: &tape::Tape) {
        self.events_of(tape, 0..tape.events.len(), &mut vec![Made::MAX; tape.storages.len()]);
    }

    /// These events of a recording, of whose storages `made` has those that are there.
    fn events_of(&mut self, tape: &tape::Tape, events: Range<usize>, made: &mut [Made]) {
        for event in &tape.events[events] {
            match event {
                tape::Event::Allocate(storage) => {
                    let it = &tape.storages[*storage as usize];
                    made[*storage as usize] = self.allocate_on(it.stream, it.name, it.bytes);
                }
                tape::Event::Release(storage) => {
                    self.release(std::mem::replace(&mut made[*storage as usize], Made::MAX));
                }
            }
        }
    }

    /// An error where all that is asked for comes to more than any card will ever have.
    pub(crate) fn check(&self) -> Result<(), Overflow> {
        let mut all = 0_u64;
        for event in &self.events {
            if let Event::Allocate(bytes) = event {
                all = all.checked_add(*bytes).filter(|all| *all <= MOST).ok_or(Overflow)?;
            }
        }
        Ok(())
    }

    fn release_each(&mut self, made: impl IntoIterator<Item = Made>) {
        made.into_iter().for_each(|made| self.release(made));
    }

    /// The most that stands at once.
    fn most(&self) -> u64 {
        let (mut sizes, mut now, mut most) = (Vec::new(), 0_u64, 0);
        for event in &self.events {
            match event {
                Event::Allocate(bytes) => {
                    sizes.push(*bytes);
                    now = now.saturating_add(*bytes);
                    most = most.max(now);
                }
                Event::Release(made) => now -= sizes.get(*made as usize).copied().unwrap_or(0),
                Event::Stream(_) | Event::EmptyCache => {}
            }
        }
        most
    }

    fn empty_cache(&mut self) {
        self.events.push(Event::EmptyCache);
    }

    /// One forward and backward pass as it was recorded; what it leaves behind is gradients and the rest.
    fn pass(&mut self, recording: &Forward, outdated: &mut Vec<Made>, gradients: &mut Vec<Made>, first: bool) {
        let tape = &recording.tape;
        let mut made = vec![Made::MAX; tape.storages.len()];
        // The first time that a parameter is stepped, its states are made.
        let stepped = if first { &tape.stepped[..] } else { &[] };
        self.events_of(tape, 0..recording.backward_start, &mut made);
        outdated.drain(..).for_each(|made| self.release(made));
        let mut from = recording.backward_start;
        for gradient in stepped {
            let released = tape.events[from..].iter().position(|event| *event == tape::Event::Release(*gradient));
            let until = released.map_or(tape.events.len(), |after| from + after);
            self.events_of(tape, from..until, &mut made);
            let bytes = tape.storages[*gradient as usize].bytes;
            // The number of its steps, and two moments in its type.
            for bytes in [4, bytes, bytes] {
                self.allocate("state of the optimizer", bytes);
            }
            from = until;
        }
        self.events_of(tape, from..tape.events.len(), &mut made);
        for (storage, made) in tape.storages.iter().zip(made).filter(|(_, made)| *made != Made::MAX) {
            if storage.kind == Kind::ParameterGradient { &mut *gradients } else { &mut *outdated }.push(made);
        }
    }

    fn optimizer(&mut self, acts: &[Act]) {
        let mut made = Vec::with_capacity(acts.len());
        for act in acts {
            match act {
                Act::Allocate(purpose, bytes) => {
                    let name = match purpose {
                        For::State => "state of the optimizer",
                        For::Temporary => "temporary of the optimizer",
                        For::Workspace => WORKSPACE,
                    };
                    made.push(self.allocate(name, *bytes));
                }
                Act::Release(which) => self.release(made.get(*which).copied().unwrap_or(Made::MAX)),
            }
        }
    }
}

/// What a training run is made of.
pub(crate) struct Program<'a> {
    /// Weights, buffers and the batch, in the order in which they come.
    pub(crate) load: Sequence,
    /// A pass whose gradients are new.
    pub(crate) pass: &'a Forward,
    /// One whose gradients are added to those that stand.
    pub(crate) adds: Option<&'a Forward>,
    /// Passes before a step.
    pub(crate) passes: u64,
    /// Whether outputs stay until those of the next pass take their place.
    pub(crate) keeps_outputs: bool,
    /// Whether gradients stay.
    pub(crate) keeps_gradients: bool,
    /// What the optimizer makes.
    pub(crate) optimizer: Vec<Steps>,
}

impl Program<'_> {
    /// The run from its first weight to the end of a step that is like all others.
    ///
    /// # Errors
    /// Where it asks for more than any card will ever have.
    pub(crate) fn sequence(self) -> Result<Sequence, Overflow> {
        let passes = self.passes.min(PASSES);
        let mut sequence = self.load;
        let (mut gradients, mut outdated) = (Vec::new(), Vec::new());
        for step in 1..=STEPS {
            for pass in 0..passes {
                let adds = self.adds.filter(|_| pass > 0 || self.keeps_gradients && step > 1);
                sequence.pass(adds.unwrap_or(self.pass), &mut outdated, &mut gradients, step == 1);
                if !self.keeps_outputs {
                    outdated.drain(..).for_each(|made| sequence.release(made));
                }
            }
            for steps in &self.optimizer {
                sequence.optimizer(if step == 1 { &steps.first } else { &steps.later });
            }
            if !self.keeps_gradients {
                gradients.drain(..).for_each(|made| sequence.release(made));
            }
        }
        sequence.check()?;
        Ok(sequence)
    }
}
