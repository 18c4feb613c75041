//! The layers of a model one after another, forward and backward, as any program runs them: of equal ones the first and
//! the last are recorded, checkpointed or not, with hooks around each.

pub(crate) mod hooks;
pub(crate) mod periods;

use std::ops::Range;

use self::hooks::{At, Hooks, Moment};
use self::periods::{Planned, plan};
use super::Run;
use crate::model::architecture::Layer;
use crate::tape::forward::Stretch;
use crate::tape::{Segment, Tape, Tensor};

/// Layers for which a tape has room where few are recorded.
pub(crate) const RECORDED: usize = 4;

/// How a program computes a layer, and what it holds around one.
pub(crate) trait LayerLoop {
    /// What a layer reads beside its input.
    type Given: Copy;

    /// What the next layer is given.
    fn given(&self, layer: &Layer) -> Self::Given;

    /// Whether the loop goes by a layer, which then does not run.
    fn skips(&self, _layer: &Layer) -> bool {
        false
    }

    /// A layer, from the residual stream that enters to the one that leaves.
    fn layer(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, given: Self::Given) -> Tensor;

    /// The loop over the layers puts the outputs of one into its variables: what those had before goes.
    fn assign(&mut self, tape: &mut Tape, input: Tensor) {
        tape.release(input);
    }

    /// Begins a checkpoint around a layer. Returns what it holds until the layer is computed again, in the order in
    /// which that goes then.
    fn begin_checkpoint(&self, tape: &mut Tape, input: Tensor, _given: Self::Given) -> Vec<Tensor> {
        tape.begin_checkpoint(&[input]);
        vec![input]
    }

    /// All layers have gone back.
    fn gone_back(&mut self, _tape: &mut Tape) {}

    /// Computes a layer again inside its backward pass; nobody takes what it returns.
    fn again(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, given: Self::Given) {
        let output = self.layer(tape, layer, input, given);
        tape.release(output);
    }
}

/// The layers that are recorded.
pub(crate) struct Recorder<'a, P: LayerLoop> {
    run: Run<'a>,
    hooks: &'a mut dyn Hooks,
    stretches: Vec<Stretch>,
    layers: Vec<Recorded<'a, P::Given>>,
    between: Option<Between>,
    /// The first parameter of the layer that all others are, once it was recorded.
    shared: Option<usize>,
    /// Whether what is recorded now has no way back.
    without_graph: bool,
    /// The stretches that have none.
    forward_only: Vec<usize>,
}

/// A recorded layer: what it is, what enters it, and its nodes.
struct Recorded<'a, Given> {
    layer: &'a Layer,
    input: Tensor,
    given: Given,
    nodes: Range<usize>,
    /// What its checkpoint holds; nothing where it has none.
    held: Option<Vec<Tensor>>,
}

/// Nodes between two layers, and the number of the second as it is recorded.
struct Between {
    next: usize,
    nodes: Range<usize>,
}

/// Where the nodes of a forward pass lie that are in no layer.
pub(crate) struct Outside {
    /// Those before the first layer.
    pub(crate) embedding: Range<usize>,
    /// The first after the last layer.
    pub(crate) norm: usize,
    /// The first of the loss.
    pub(crate) loss: usize,
}

impl<'a, P: LayerLoop> Recorder<'a, P> {
    /// Nothing recorded yet of a run, around whose layers these hooks are called.
    pub(crate) fn new(run: &Run<'a>, hooks: &'a mut dyn Hooks) -> Self {
        Self {
            run: *run,
            hooks,
            stretches: Vec::new(),
            layers: Vec::new(),
            between: None,
            shared: None,
            without_graph: false,
            forward_only: Vec::new(),
        }
    }

    /// Where the recorded layers lie, once there is nothing more to record.
    pub(crate) fn into_stretches(self) -> Vec<Stretch> {
        self.stretches
    }

    /// From here on layers are run so, and have no way back.
    pub(crate) fn run_without_graph(&mut self, run: &Run<'a>) {
        (self.run, self.without_graph) = (*run, true);
    }

    /// They are run so again, and have one.
    pub(crate) fn run_with_graph(&mut self, run: &Run<'a>) {
        (self.run, self.without_graph) = (*run, false);
    }

    /// Forgets what was recorded: another pass begins.
    pub(crate) fn clear(&mut self) {
        self.layers.clear();
        self.stretches.clear();
    }

    /// Records the forward pass of every layer. Returns the stream after the last.
    pub(crate) fn forward(&mut self, tape: &mut Tape, program: &mut P, mut stream: Tensor) -> Tensor {
        // A first layer whose input needs no gradient is like none of the others.
        let apart = u64::from(self.run.graph && !stream.needs_gradient());
        for planned in plan(&self.run.architecture.groups, &[apart, self.run.checkpoints()]) {
            stream = self.stretch(tape, program, &planned, stream);
        }
        stream
    }

    /// Records the forward pass of so many equal layers from the first of these numbers on.
    pub(crate) fn forward_of(
        &mut self,
        tape: &mut Tape,
        program: &mut P,
        layer: &'a Layer,
        [mut first, layers]: [u64; 2],
        mut stream: Tensor,
    ) -> Tensor {
        let checkpointed = self.run.checkpoints().saturating_sub(first).min(layers);
        for layers in [checkpointed, layers - checkpointed] {
            if layers > 0 {
                let planned = Planned { period: vec![layer], span: [first, layers] };
                stream = self.stretch(tape, program, &planned, stream);
                first += layers;
            }
        }
        stream
    }

    /// How many layers are recorded so far.
    pub(crate) fn recorded(&self) -> usize {
        self.layers.len()
    }

    /// These nodes come before the layer of this number among the recorded ones.
    pub(crate) fn between(&mut self, next: usize, nodes: Range<usize>) {
        self.between = Some(Between { next, nodes });
    }

    /// Layers that are those of a period over and over.
    fn stretch(&mut self, tape: &mut Tape, program: &mut P, planned: &Planned<'a>, mut stream: Tensor) -> Tensor {
        let (start, length) = (self.layers.len(), planned.period.len());
        let times = self.run.recorded(planned.span[1] / length as u64);
        let recorded = start..start + usize::try_from(times).unwrap_or(0) * length;
        let mut stretch = Stretch::new(planned.span, length, recorded);
        for time in 0..times {
            let begun = tape.position();
            for layer in &planned.period {
                let recorded = self.layers.len();
                let at = At { layer, number: stretch.number(recorded), recorded };
                stream = self.layer(tape, program, at, stream);
            }
            stretch.last_forward = begun..tape.position();
            if time == 0 {
                stretch.first_forward = stretch.last_forward.clone();
            }
        }
        if self.without_graph {
            self.forward_only.push(self.stretches.len());
        }
        self.stretches.push(stretch);
        stream
    }

    /// Where all layers are one, those behind the first read its parameters once more; whether that ends with the layer.
    fn begin_shared(&mut self, tape: &mut Tape) -> bool {
        if !self.run.architecture.shares_layers() {
            return false;
        }
        let Some(first) = self.shared else {
            self.shared = Some(tape.leaf_count());
            return false;
        };
        tape.reread_parameters_from(first)
    }

    fn layer(&mut self, tape: &mut Tape, program: &mut P, at: At<'a>, input: Tensor) -> Tensor {
        let start = tape.node_count();
        let given = program.given(at.layer);
        if program.skips(at.layer) {
            self.layers.push(Recorded { layer: at.layer, input, given, nodes: start..start, held: None });
            return input;
        }
        self.hook(tape, at, Hooks::before_layer);
        let checkpointed = self.run.is_checkpoint(at.number);
        let held = checkpointed.then(|| program.begin_checkpoint(tape, input, given));
        let rereads = self.begin_shared(tape);
        let output = program.layer(tape, at.layer, input, given);
        if rereads {
            tape.leave_rereading();
        }
        if checkpointed {
            tape.end_checkpoint();
        }
        self.hook(tape, at, Hooks::after_layer);
        program.assign(tape, input);
        self.layers.push(Recorded { layer: at.layer, input, given, nodes: start..tape.node_count(), held });
        output
    }

    /// Records the backward pass through everything, once the loss has its gradient; the first of what is `held` goes
    /// after the loss, the second after the layers, whose input goes back as `before_layers` says. Returns the events at
    /// which the backward pass of the head and that of the embedding begin.
    pub(crate) fn backward(
        &mut self,
        tape: &mut Tape,
        program: &mut P,
        outside: Outside,
        [until_head, until_embedding]: [&[Tensor]; 2],
        before_layers: impl FnOnce(&mut Tape, Range<usize>),
    ) -> [usize; 2] {
        let Outside { embedding, norm, loss } = outside;
        self.outside(tape, Moment::BeforeBackward);
        tape.backward(loss..tape.node_count());
        tape.release_each(until_head.iter().copied());
        let head_backward = tape.position();
        self.outside(tape, Moment::BeforeHeadBackward);
        tape.backward(norm..loss);
        self.outside(tape, Moment::AfterHeadBackward);
        self.layers_backward(tape, program);
        program.gone_back(tape);
        tape.release_each(until_embedding.iter().copied());
        let embedding_backward = tape.position();
        self.outside(tape, Moment::BeforeEmbeddingBackward);
        before_layers(tape, embedding);
        tape.end_reduction();
        self.outside(tape, Moment::Ended);
        debug_assert_eq!(tape.left_behind().next(), None, "what a layer made is never released");
        [head_backward, embedding_backward]
    }

    fn layers_backward(&mut self, tape: &mut Tape, program: &mut P) {
        let forward_only = std::mem::take(&mut self.forward_only);
        for stretch in (0..self.stretches.len()).rev().filter(|stretch| !forward_only.contains(stretch)) {
            let recorded = self.stretches[stretch].recorded.clone();
            for index in recorded.clone().rev() {
                let start = tape.position();
                let number = self.stretches[stretch].number(index);
                self.layer_backward(tape, program, At { layer: self.layers[index].layer, number, recorded: index });
                self.stretches[stretch].back_through(index, start..tape.position());
            }
            if let Some(Between { nodes, .. }) = self.between.take_if(|between| between.next == recorded.start) {
                tape.backward(nodes);
            }
        }
    }

    fn layer_backward(&mut self, tape: &mut Tape, program: &mut P, at: At<'a>) {
        self.hook(tape, at, Hooks::before_backward);
        let Recorded { layer, input, given, ref nodes, ref held } = self.layers[at.recorded];
        match held {
            Some(held) => {
                let offloaded = self.run.offloads_checkpoints;
                tape.backward_through_checkpoint(nodes.clone(), held, |tape| {
                    tape.enter(Segment::Layer(at.recorded));
                    let input = if offloaded { tape.back_from_host(input) } else { input };
                    program.again(tape, layer, input, given);
                    if offloaded {
                        tape.release(input);
                    }
                });
            }
            None => tape.backward(nodes.clone()),
        }
        self.hook(tape, at, Hooks::after_backward);
    }

    /// Calls the hook of a moment outside the layers; what it makes belongs to the part of the model that it enters.
    pub(crate) fn outside(&mut self, tape: &mut Tape, moment: Moment) {
        let segment = tape.segment();
        self.hooks.outside(tape, moment);
        tape.enter(segment);
    }

    /// Calls a hook of a layer, to which belongs what it makes.
    fn hook(&mut self, tape: &mut Tape, at: At<'a>, hook: fn(&mut (dyn Hooks + 'a), &mut Tape, At<'_>)) {
        let nodes = tape.node_count();
        tape.enter(Segment::Layer(at.recorded));
        hook(self.hooks, tape, at);
        debug_assert_eq!(nodes, tape.node_count(), "a hook of layer {} records a node", at.number);
    }
}
