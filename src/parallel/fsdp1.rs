//! `FullyShardedDataParallel` of PyTorch 2.4 to 2.15 around each layer and the whole model, with the parameters of each unit in
//! one flat one.
//!
//! Read in `torch/distributed/fsdp/_runtime_utils.py` and `_flat_param.py`; accelerate wraps by layers and with
//! `use_orig_params`, so that a unit's gradients are views' until the last of them is there.

use super::fsdp2::{GATHERING, REDUCING, Types, release_each};
use super::units::Units;
use crate::layers::recorder::hooks::{At, Hooks, Moment};
use crate::tape::{Kind, Segment, StorageId, Tape};

/// How a model is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of a wrapper")]
pub(crate) struct Flat {
    /// The types of the model's own parameters.
    pub(crate) own: Types,
    /// The types of adapters, each of which is a unit of its own.
    pub(crate) adapters: Types,
    /// Whether gathered layers are let go after their forward.
    pub(crate) reshards: bool,
    /// Whether the layer that goes back next is gathered before one goes back.
    pub(crate) prefetches: bool,
    /// Whether adapters alone are trained.
    pub(crate) adapts: bool,
    /// Whether gradients stay whole for the micro batches to come.
    pub(crate) accumulates: bool,
    /// Whether shards and their gradients wait in host memory.
    pub(crate) offloads: bool,
}

/// A unit: a layer, or everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    flat: Flat,
    states: Vec<(Which, State)>,
    /// Layers that have run forward, in that order.
    ran: Vec<u64>,
}

const WHOLE: &str = "gathered weights";
const COPIED: &str = "shards of weights as they are sent";
const FLAT: &str = "gradients of a unit in one";
const REDUCED: &str = "gradients as they are reduced";
const SHARDS: &str = "shards of weights";
const EARLIER: &str = "weights of earlier micro batches";

impl<'a> Fsdp1<'a> {
    /// Hooks around a model that is divided into these units.
    pub(crate) const fn new(units: &'a Units, flat: Flat) -> Self {
        Self { units, flat, states: Vec::new(), ran: Vec::new() }
    }

    fn state(&mut self, which: Which) -> &mut State {
        let index = self.states.iter().position(|(known, _)| *known == which).unwrap_or_else(|| {
            self.states.push((which, State::default()));
            self.states.len() - 1
        });
        &mut self.states[index].1
    }

    /// Elements of a unit's own flat parameter, and of those of what is trained in it.
    fn elements(&self, which: Which) -> [u64; 2] {
        let unit = match which {
            Which::Layer(number) => self.units.layer(number),
            Which::Root => self.units.root,
        };
        let own = unit.own.whole.next_multiple_of(self.units.ways);
        let trained = if self.flat.adapts { unit.adapters.whole.next_multiple_of(self.units.ways) } else { own };
        [own, trained]
    }

    fn unshard(&mut self, tape: &mut Tape, which: Which) {
        let [elements, _] = self.elements(which);
        if elements == 0 || self.state(which).whole.is_some() {
            return;
        }
        let (ways, Types { stored, compute, .. }) = (self.units.ways, self.flat.own);
        let sends = stored != compute || self.flat.offloads;
        let whole = tape.on_stream(GATHERING, |tape| {
            let sent = sends.then(|| tape.shard(COPIED, [elements, ways], compute, Kind::Value));
            let whole = tape.shard(WHOLE, [elements, 1], compute, Kind::Value);
            release_each(tape, sent);
            whole
        });
        self.state(which).whole = Some(whole);
    }

    fn reshard(&mut self, tape: &mut Tape, which: Which) {
        let whole = self.state(which).whole.take();
        release_each(tape, whole);
    }

    fn before_back(&mut self, tape: &mut Tape, which: Which, next: Option<u64>) {
        self.unshard(tape, which);
        if let (true, Some(next)) = (self.flat.prefetches, next) {
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
        let Types { stored, compute, .. } = if self.flat.adapts { self.flat.adapters } else { self.flat.own };
        let flat = tape.shard(FLAT, [elements, 1], compute, Kind::Value);
        release_each(tape, gradients);
        release_each(tape, earlier);
        self.reshard(tape, which);
        let sizes = [elements, self.units.ways];
        let leaves = stored != compute || self.flat.offloads;
        let kind = if leaves { Kind::Value } else { Kind::ParameterGradient };
        let offloads = self.flat.offloads;
        tape.on_stream(REDUCING, |tape| {
            let reduced = tape.shard(if leaves { REDUCED } else { SHARDS }, sizes, compute, kind);
            if leaves && !offloads {
                tape.shard(SHARDS, sizes, stored, Kind::ParameterGradient);
            }
            release_each(tape, leaves.then_some(reduced));
        });
        tape.let_go(flat);
    }

    /// The whole gradients of the micro batches before, which nobody has reduced.
    fn accumulated(&mut self, tape: &mut Tape, which: Which) {
        let [_, elements] = self.elements(which);
        if self.flat.accumulates && elements > 0 {
            let compute = if self.flat.adapts { self.flat.adapters.compute } else { self.flat.own.compute };
            let sum = tape.shard(EARLIER, [elements, 1], compute, Kind::ParameterGradient);
            self.state(which).earlier = Some(sum);
        }
    }

    /// The layer that goes back after this one.
    fn before_it(&self, number: u64) -> Option<u64> {
        let at = self.ran.iter().position(|ran| *ran == number)?;
        Some(self.ran[at.checked_sub(1)?])
    }
}

impl Hooks for Fsdp1<'_> {
    fn before_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.unshard(tape, Which::Layer(at.number));
    }

    fn after_layer(&mut self, tape: &mut Tape, at: At<'_>) {
        self.ran.push(at.number);
        if self.flat.reshards {
            self.reshard(tape, Which::Layer(at.number));
        }
    }

    fn before_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        let next = self.before_it(at.number);
        self.before_back(tape, Which::Layer(at.number), next);
    }

    fn after_backward(&mut self, tape: &mut Tape, at: At<'_>) {
        self.after_back(tape, Which::Layer(at.number));
    }

    fn outside(&mut self, tape: &mut Tape, moment: Moment) {
        match moment {
            Moment::Called => {
                tape.enter(Segment::Embedding);
                for number in self.units.layers() {
                    self.accumulated(tape, Which::Layer(number));
                }
                self.accumulated(tape, Which::Root);
                self.unshard(tape, Which::Root);
            }
            Moment::BeforeBackward => {
                tape.enter(Segment::Head);
                let next = self.ran.last().copied();
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
