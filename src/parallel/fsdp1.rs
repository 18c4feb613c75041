//! `FullyShardedDataParallel` of PyTorch 2.4 to 2.15 around each layer and the whole model, with the parameters of each unit in
//! one flat one.
//!
//! Read in `torch/distributed/fsdp/_runtime_utils.py` and `_flat_param.py`; accelerate wraps by layers and with
//! `use_orig_params`, so that a unit's gradients are views' until the last of them is there.

use std::collections::BTreeMap;

use super::units::Units;
use super::wrapper::{COPIED, EARLIER, REDUCED, Ran, SHARDS, Types, WHOLE, Wrapping};
use crate::allocator::Stream;
use crate::layers::recorder::hooks::{At, Hooks, Moment};
use crate::tape::{Kind, Segment, StorageId, Tape};

/// A unit: a layer, or everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    Layer(u64),
    Root,
}

/// What there is of a unit now.
#[derive(Debug, Default)]
struct State {
    /// Its whole parameters, where they were gathered.
    whole: Option<StorageId>,
    /// Its whole gradient of earlier micro batches.
    earlier: Option<StorageId>,
}

/// The hooks of `FullyShardedDataParallel`.
#[derive(Debug)]
pub(crate) struct Fsdp1<'a> {
    units: &'a Units,
    wrapping: Wrapping,
    /// Whether the layer that goes back next is gathered before one goes back.
    prefetches: bool,
    states: BTreeMap<Which, State>,
    ran: Ran,
}

const FLAT: &str = "gradients of a unit in one";

impl<'a> Fsdp1<'a> {
    /// Hooks around a model that is divided into these units; whether the layer that goes back next is gathered before one
    /// goes back.
    pub(crate) fn new(units: &'a Units, wrapping: Wrapping, prefetches: bool) -> Self {
        Self { units, wrapping, prefetches, states: BTreeMap::new(), ran: Ran::default() }
    }

    fn state(&mut self, which: Which) -> &mut State {
        self.states.entry(which).or_default()
    }

    /// Elements of a unit's own flat parameter, and of those of what is trained in it.
    fn elements(&self, which: Which) -> [u64; 2] {
        let unit = match which {
            Which::Layer(number) => self.units.layer(number),
            Which::Root => self.units.root,
        };
        let own = unit.own.whole.next_multiple_of(self.units.ways);
        let trained = if self.wrapping.adapts { unit.adapters.whole.next_multiple_of(self.units.ways) } else { own };
        [own, trained]
    }

    fn unshard(&mut self, tape: &mut Tape, which: Which) {
        let [elements, _] = self.elements(which);
        if elements == 0 || self.state(which).whole.is_some() {
            return;
        }
        let (ways, Types { stored, compute, .. }) = (self.units.ways, self.wrapping.own);
        let sends = stored != compute || self.wrapping.offloads;
        let whole = tape.on_stream(Stream::Gathering, |tape| {
            let sent = sends.then(|| tape.shard(COPIED, [elements, ways], compute, Kind::Value));
            let whole = tape.shard(WHOLE, [elements, 1], compute, Kind::Value);
            tape.let_go_each(sent);
            whole
        });
        self.state(which).whole = Some(whole);
    }

    fn reshard(&mut self, tape: &mut Tape, which: Which) {
        let whole = self.state(which).whole.take();
        tape.let_go_each(whole);
    }

    fn before_back(&mut self, tape: &mut Tape, which: Which, next: Option<u64>) {
        self.unshard(tape, which);
        if let (true, Some(next)) = (self.prefetches, next) {
            self.unshard(tape, Which::Layer(next));
        }
    }

    /// All gradients of a unit are there: they are put into one, which is reduced.
    fn after_back(&mut self, tape: &mut Tape, which: Which) {
        let gradients = tape.take_gradients(which != Which::Root);
        let earlier = self.state(which).earlier.take();
        if gradients.is_empty() && earlier.is_none() {
            return self.reshard(tape, which);
        }
        let [_, elements] = self.elements(which);
        let Types { stored, compute, .. } = self.wrapping.trained();
        let flat = tape.shard(FLAT, [elements, 1], compute, Kind::Value);
        tape.let_go_each(gradients);
        tape.let_go_each(earlier);
        self.reshard(tape, which);
        let sizes = [elements, self.units.ways];
        let leaves = stored != compute || self.wrapping.offloads;
        let kind = if leaves { Kind::Value } else { Kind::ParameterGradient };
        let offloads = self.wrapping.offloads;
        tape.on_stream(Stream::Reducing, |tape| {
            let reduced = tape.shard(if leaves { REDUCED } else { SHARDS }, sizes, compute, kind);
            if leaves && !offloads {
                tape.shard(SHARDS, sizes, stored, Kind::ParameterGradient);
            }
            tape.let_go_each(leaves.then_some(reduced));
        });
        tape.let_go(flat);
    }

    /// The whole gradients of the micro batches before, which nobody has reduced.
    fn accumulated(&mut self, tape: &mut Tape, which: Which) {
        let [_, elements] = self.elements(which);
        if self.wrapping.accumulates && elements > 0 {
            let sum = tape.shard(EARLIER, [elements, 1], self.wrapping.trained().compute, Kind::ParameterGradient);
            self.state(which).earlier = Some(sum);
        }
    }
}

impl Hooks for Fsdp1<'_> {
    fn before_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.unshard(tape, Which::Layer(at.number));
    }

    fn after_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.ran.push(at.number);
        if self.wrapping.reshards {
            self.reshard(tape, Which::Layer(at.number));
        }
    }

    fn before_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        let next = self.ran.before(at.number);
        self.before_back(tape, Which::Layer(at.number), next);
    }

    fn after_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        self.after_back(tape, Which::Layer(at.number));
    }

    fn outside(&mut self, tape: &mut Tape, moment: Moment) {
        match moment {
            Moment::Called => {
                tape.collect_gradients();
                tape.enter(Segment::Embedding);
                for number in self.units.layers() {
                    self.accumulated(tape, Which::Layer(number));
                }
                self.accumulated(tape, Which::Root);
                self.unshard(tape, Which::Root);
            }
            Moment::BeforeBackward => {
                tape.enter(Segment::Head);
                let next = self.ran.last();
                self.before_back(tape, Which::Root, next);
            }
            Moment::Ended => {
                tape.enter(Segment::Embedding);
                self.after_back(tape, Which::Root);
            }
            _ => {}
        }
    }
}
