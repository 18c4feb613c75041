//! The whole model, forward and backward: embedding, layers, final norm, head, loss, and back.

pub(crate) mod generation;
pub(crate) mod head;
pub(crate) mod periods;
pub(crate) mod shared;
pub(crate) mod stacks;

use std::ops::Range;

use self::shared::SharedByWindow;
use self::stacks::Between;
use super::Run;
use super::attention::Shared;
use super::seq2seq::Stack;
use crate::families::code::TableCode;
use crate::model::architecture::Layer;
use crate::scenario::Loss;
use crate::shape::Dim;
use crate::tape::{Dtype, Segment, Tape, Tensor};

pub(crate) use crate::tape::forward::{Forward, Stretch};

struct Recorder<'a> {
    run: Run<'a>,
    tape: Tape,
    stretches: Vec<Stretch>,
    layers: Vec<Recorded<'a>>,
    /// The attention weights that the last layer returned.
    returned: Option<Tensor>,
    /// What the layers of an encoder or of a decoder share, while those run.
    stack: Option<Stack>,
    /// What is between those two.
    between: Option<Between>,
}

/// What was recorded before the head: where the way back changes from part to part, and what is held for how long.
struct Stages {
    /// The first node after the last layer.
    norm_start: usize,
    /// The nodes before the first layer.
    embedding: Range<usize>,
    /// Held until the loss is known.
    until_loss: Vec<Tensor>,
    /// Held until all layers have been computed again.
    for_recomputation: Vec<Tensor>,
}

/// A recorded layer: what it is, what enters it, and its nodes.
struct Recorded<'a> {
    layer: &'a Layer,
    input: Tensor,
    nodes: Range<usize>,
    checkpointed: bool,
    /// What it shares with other layers.
    shared: Shared,
    /// What it was given in a stack of two.
    stack: Option<Stack>,
}

impl<'a> Run<'a> {
    /// Records the forward pass and, where there is one, the backward pass.
    pub(crate) fn record(self) -> Forward {
        let whole = self.recorder();
        match self.architecture.seq2seq {
            Some(seq2seq) => whole.record_stacks(seq2seq),
            None => whole.record(),
        }
    }

    fn recorder(self) -> Recorder<'a> {
        let groups = self.architecture.groups.iter();
        let recorded = groups.map(|group| self.recorded(group.layers)).sum::<u64>();
        let recorded = usize::try_from(recorded).unwrap_or(0);
        let mut tape = Tape::new(recorded, self.graph, self.keep_gradients);
        if let Some(kernels) = self.kernels {
            tape.run_kernels(kernels);
        }
        if self.adapters.is_some() {
            tape.freeze();
        }
        let (stretches, layers) = (Vec::new(), Vec::new());
        Recorder { run: self, tape, stretches, layers, returned: None, stack: None, between: None }
    }

    /// How many pairs of rotary tables the model makes.
    pub(crate) fn rotary_table_kinds(&self) -> u64 {
        if self.code.tables == TableCode::Gathered {
            return 0;
        }
        if self.architecture.mixed_streams.is_some() {
            return 2;
        }
        if self.code.tables_by_window { self.architecture.windows().map(u64::from).iter().sum() } else { 1 }
    }

    /// Whether a run of this precision widens logits for the loss.
    fn widens_logits(&self) -> bool {
        self.compute() != Dtype::Fp32
    }
}

impl<'a> Recorder<'a> {
    fn record(mut self) -> Forward {
        let (stream, table, stages) = self.through_layers();
        self.head_and_back(stream, table, stages)
    }

    /// From token ids to what the head reads, with the token table.
    fn through_layers(&mut self) -> (Tensor, Tensor, Stages) {
        let run = self.run;
        let mut embedded = run.embed(&mut self.tape);
        self.beside_the_stream(&mut embedded.until_return);
        let shared = self.shared(&mut embedded.until_return);
        let embedding_nodes = 0..self.tape.node_count();
        let stream = run.in_every_stream(&mut self.tape, embedded.stream);
        let stream = self.layers(stream, shared);
        embedded.until_return.extend(self.returned.take());
        let norm_start = self.tape.node_count();
        let stream = run.one_stream(&mut self.tape, stream);
        let stream = run.last_read(&mut self.tape, stream);
        let stream = self.final_norm(stream);
        let stream = self.head_projection(stream);
        self.let_go(&embedded.until_return);
        if run.checkpointed_layers == 0 {
            self.let_go(&embedded.for_recomputation);
        }
        let for_recomputation = if run.checkpointed_layers > 0 { embedded.for_recomputation } else { Vec::new() };
        let stages = Stages { norm_start, embedding: embedding_nodes, until_loss: Vec::new(), for_recomputation };
        (stream, embedded.table, stages)
    }

    /// Head and loss over what they read, and the way back through everything.
    fn head_and_back(mut self, stream: Tensor, table: Tensor, stages: Stages) -> Forward {
        let run = self.run;
        let projection = self.head_weights(table);
        let logits = (run.loss_kind == Loss::Eager).then(|| self.head(stream, projection));
        let loss_start = self.tape.node_count();
        let loss = match logits {
            Some(logits) => run.loss.then(|| self.loss(logits)),
            None => Some(run.loss_without_logits(&mut self.tape, stream, projection)),
        };
        let loss_known = self.tape.position();
        if let (Some(logits), false) = (logits, run.keep_outputs) {
            self.tape.release(logits);
        }
        self.tape.release(stream);
        self.let_go(&stages.until_loss);
        self.tape.leave_autocast();
        let backward_start = self.tape.position();
        let mut marks = [backward_start; 2];
        if let (true, Some(loss)) = (run.graph, loss) {
            let seed = self.tape.seed(loss, "loss");
            let chunk = run.logits_of_a_chunk(&mut self.tape, projection.outputs, 2);
            self.tape.backward(loss_start..self.tape.node_count());
            self.let_go(&chunk);
            marks[0] = self.tape.position();
            self.tape.backward(stages.norm_start..loss_start);
            self.layers_backward();
            self.let_go(&stages.for_recomputation);
            marks[1] = self.tape.position();
            self.tape.backward(stages.embedding);
            self.tape.release_seed(seed);
        }
        let [head_backward, embedding_backward] = marks;
        Forward {
            tape: self.tape,
            measured: run.code.measured,
            stretches: self.stretches,
            loss_known,
            backward_start,
            head_backward,
            embedding_backward,
        }
    }

    fn let_go(&mut self, tensors: &[Tensor]) {
        for tensor in tensors {
            self.tape.release(*tensor);
        }
    }

    fn layers_backward(&mut self) {
        let run = self.run;
        for stretch in (0..self.stretches.len()).rev() {
            let recorded = self.stretches[stretch].recorded.clone();
            for index in recorded.clone().rev() {
                let Recorded { layer, input, ref nodes, checkpointed, shared, stack } = self.layers[index];
                let start = self.tape.position();
                if let (true, Some(stack)) = (checkpointed, stack) {
                    let given: Vec<Tensor> = std::iter::once(input).chain(stack.tensors()).collect();
                    self.tape.backward_through_checkpoint(nodes.clone(), &given, |tape| {
                        tape.enter(Segment::Layer(index));
                        run.stack_layer_again(tape, layer, input, stack);
                        tape.leave_autocast();
                    });
                } else if checkpointed {
                    // GPT-2's mask is among what is shared, and kept once more.
                    let mask = shared.mask.filter(|_| run.code.checkpoint_keeps_mask);
                    let given: Vec<Tensor> = std::iter::once(input).chain(shared.tensors()).chain(mask).collect();
                    self.tape.backward_through_checkpoint(nodes.clone(), &given, |tape| {
                        tape.enter(Segment::Layer(index));
                        let (output, weights) = run.layer(tape, layer, input, shared);
                        tape.release(output);
                        if let Some(weights) = weights {
                            tape.release(weights);
                        }
                        tape.leave_autocast();
                    });
                } else {
                    self.tape.backward(nodes.clone());
                }
                let end = self.tape.position();
                self.stretches[stretch].back_through(index, start..end);
            }
            if let Some(Between { nodes, .. }) = self.between.take_if(|between| between.decoder == recorded.start) {
                self.tape.backward(nodes);
            }
        }
    }

    fn layers(&mut self, mut stream: Tensor, shared: SharedByWindow) -> Tensor {
        let run = self.run;
        // A first layer whose input needs no gradient is like none of the others.
        let apart = u64::from(run.graph && !stream.needs_gradient());
        for stretch in periods::plan(&run.architecture.groups, &[apart, run.checkpointed_layers]) {
            let each: Vec<_> = stretch.period.into_iter().map(|layer| (layer, shared.of(layer))).collect();
            let checkpointed = stretch.span[0] < run.checkpointed_layers;
            stream = self.stretch(&each, stretch.span, checkpointed, stream);
        }
        stream
    }

    /// So many equal layers from the first of these numbers on, some of them checkpointed.
    fn group(&mut self, layer: &'a Layer, [mut first, layers]: [u64; 2], mut stream: Tensor, shared: Shared) -> Tensor {
        let checkpointed = self.run.checkpointed_layers.saturating_sub(first).min(layers);
        for (layers, checkpointed) in [(checkpointed, true), (layers - checkpointed, false)] {
            if layers > 0 {
                stream = self.stretch(&[(layer, shared)], [first, layers], checkpointed, stream);
                first += layers;
            }
        }
        stream
    }

    /// So many layers from the first of these numbers on, which are the layers of a period over and over.
    fn stretch(
        &mut self,
        period: &[(&'a Layer, Shared)],
        [first, layers]: [u64; 2],
        checkpointed: bool,
        mut stream: Tensor,
    ) -> Tensor {
        let run = self.run;
        let start = self.layers.len();
        let length = period.len() as u64;
        let mut passes = Vec::with_capacity(2);
        for _ in 0..run.recorded(layers / length) {
            let begun = self.tape.position();
            for (layer, shared) in period {
                stream = self.layer(layer, checkpointed, stream, *shared);
            }
            passes.push(begun..self.tape.position());
        }
        let recorded = start..self.layers.len();
        self.stretches.push(Stretch::new([first, layers], period.len(), recorded, &passes));
        stream
    }

    fn layer(&mut self, layer: &'a Layer, checkpointed: bool, input: Tensor, shared: Shared) -> Tensor {
        if let Some(stack) = self.stack.take() {
            return self.stack_layer(layer, checkpointed, input, stack);
        }
        let run = self.run;
        let start = self.tape.node_count();
        self.tape.enter(Segment::Layer(self.layers.len()));
        if checkpointed {
            for tensor in shared.tensors() {
                self.tape.share(tensor);
            }
            // GPT-2 passes its mask by position, and the checkpoint keeps what is passed so.
            let mask = shared.mask.filter(|_| run.code.checkpoint_keeps_mask);
            let kept = [input, mask.unwrap_or(input)];
            self.tape.begin_checkpoint(if mask.is_some() { &kept } else { &kept[..1] });
        }
        let (output, weights) = run.layer(&mut self.tape, layer, input, shared);
        if checkpointed {
            self.tape.end_checkpoint();
        }
        // The variable for a layer's outputs still has the ones of the layer before.
        let outdated = if run.code.returns_weights { std::mem::replace(&mut self.returned, weights) } else { weights };
        self.let_go(outdated.as_slice());
        self.tape.release(input);
        let nodes = start..self.tape.node_count();
        self.layers.push(Recorded { layer, input, nodes, checkpointed, shared, stack: None });
        output
    }
}

pub(crate) const ONE: Dim = Dim { symbol: "", size: 1 };
