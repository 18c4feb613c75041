//! The whole model, forward and backward: embedding, layers, final norm, head, loss, and back.

pub(crate) mod classes;
pub(crate) mod generation;
pub(crate) mod head;
pub(crate) mod pairs;
pub(crate) mod reference;
pub(crate) mod scores;
pub(crate) mod shared;
pub(crate) mod stacks;

use std::ops::Range;

use self::classes::{Beside, Classes};
use super::Run;
use super::embedding::Table;
pub(crate) use super::operations::ONE;
use super::recorder::hooks::{Hooks, Moment};
use super::recorder::{Outside, Recorder};
use crate::families::code::TableCode;
use crate::layers::tiled_loss::Outputs;
use crate::layers::tower::{Passed, Seen};
use crate::model::architecture::Output;
use crate::scenario::{Compile, Loss};
use crate::shape::Dim;
use crate::tape::{Dtype, Reducer, Segment, Tape, Tensor};

pub(crate) use crate::tape::forward::Forward;

/// A recording of a whole model, under way.
struct Recording<'a> {
    run: Run<'a>,
    tape: Tape,
    layers: Recorder<'a, Classes<'a>>,
}

/// What was recorded before the head: where the way back changes from part to part, and what is held for how long.
struct Stages<'a> {
    /// How the layers were run.
    classes: Classes<'a>,
    /// The first node after the last layer.
    norm_start: usize,
    /// The nodes before the first layer.
    embedding: Range<usize>,
    /// Held until the loss is known.
    until_loss: Vec<Tensor>,
    /// What the tower's pass left, where there are images.
    tower: Option<Passed<'a>>,
    /// Held until all layers have gone back: what is needed to compute them again, and what the embedding keeps.
    until_embedding: Vec<Tensor>,
}

/// What the loss of a pass is.
struct Ends {
    /// It, where there is one.
    loss: Option<Tensor>,
    /// Its first node.
    loss_start: usize,
    /// The words that logits are of, where there are any.
    projected: Option<Dim>,
    /// What TRL's head gave, of which the loss is still to be made.
    tiled: Option<Outputs>,
}

impl<'a> Run<'a> {
    /// Records the forward pass and, where there is one, the backward pass.
    pub(crate) fn record(self) -> Forward {
        self.record_with(&mut ())
    }

    /// The same with hooks around each layer.
    pub(crate) fn record_with(self, hooks: &mut dyn Hooks) -> Forward {
        let whole = self.recording(hooks);
        match self.architecture.seq2seq {
            Some(seq2seq) => whole.record_stacks(seq2seq),
            None => whole.record(),
        }
    }

    /// The same with somebody who reduces gradients as they come.
    pub(crate) fn record_reduced(self, hooks: &mut dyn Hooks, reducer: Box<dyn Reducer>) -> Forward {
        let mut whole = self.recording(hooks);
        whole.tape.reduce_with(reducer);
        whole.record()
    }

    fn recording<'h>(self, hooks: &'h mut dyn Hooks) -> Recording<'h>
    where
        'a: 'h,
    {
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
        if self.steps_in_backward {
            tape.step_in_backward();
        }
        Recording { run: self, tape, layers: Recorder::new(&self, hooks) }
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

impl<'a> Recording<'a> {
    fn record(mut self) -> Forward {
        if self.run.compile == Compile::Model {
            return self.run.record_compiled(self.tape);
        }
        if self.run.architecture.output == Output::Hidden {
            return self.record_pairs();
        }
        let [until_loss, mut until_embedding] = self.before_policy();
        let (stream, table, mut stages) = self.through_layers();
        stages.until_embedding.append(&mut until_embedding);
        self.head_and_back(stream, table, Stages { until_loss, ..stages })
    }

    /// From token ids to what the head reads, with the token table.
    fn through_layers(&mut self) -> (Tensor, Table, Stages<'a>) {
        let run = self.run;
        let attended = run.seen.filter(|seen| seen.tower.is_attended_to());
        let mut of_images = Vec::new();
        let encoded = attended.map(|seen| run.attended_images(&mut self.tape, seen, &mut of_images));
        self.layers.outside(&mut self.tape, Moment::Called);
        let mut embedded = run.embed(&mut self.tape);
        self.layers.outside(&mut self.tape, Moment::Embedded);
        embedded.until_return.append(&mut of_images);
        let vectors = self.beside_the_stream(&mut embedded.until_return, embedded.stream);
        let masks = self.masks(&mut embedded.until_return);
        let (stream, spread) = run.spread(&mut self.tape, embedded.stream);
        let shared = self.shared(&mut embedded.until_return, masks, (encoded, vectors));
        let stream = run.widened_for_layers(&mut self.tape, stream);
        let stream = run.scaled_late(&mut self.tape, stream);
        let (stream, tower) = self.with_images(stream, &mut embedded.until_return);
        let stream = run.in_every_stream(&mut self.tape, stream);
        let embedding = 0..self.tape.node_count();
        let mut classes = Classes::new(&run, Beside::Windows(shared));
        let stream = self.layers.forward(&mut self.tape, &mut classes, stream);
        embedded.until_return.extend(classes.returned.take());
        embedded.until_return.append(&mut classes.streams);
        // Checkpoints hold what all layers share.
        if run.checkpoints() == 0 || !run.graph {
            embedded.until_return.extend(classes.shared_keys());
        }
        let norm_start = self.tape.node_count();
        let stream = run.gathered(&mut self.tape, stream, spread, &mut embedded.until_return);
        self.layers.outside(&mut self.tape, Moment::BeforeHead);
        let stream = run.one_stream(&mut self.tape, stream);
        let stream = run.last_read(&mut self.tape, stream);
        let stream = self.final_norm(stream);
        let stream = self.head_projection(stream);
        self.let_go(&embedded.until_return);
        if let Some(passed) = &tower {
            passed.returned(&mut self.tape);
        }
        // A compiled layer that is computed again is given no numbers of positions, which it does not read: measured.
        let held = run.checkpoints() > 0 && run.compile == Compile::None;
        if !held {
            self.let_go(&embedded.for_recomputation);
        }
        let until_embedding = if held { embedded.for_recomputation } else { Vec::new() };
        let stages = Stages { classes, norm_start, embedding, until_loss: Vec::new(), tower, until_embedding };
        (stream, embedded.table, stages)
    }

    /// The embedded sequence with its images in it, where it has any and this is the pass that reads them.
    fn with_images(&mut self, stream: Tensor, until_return: &mut Vec<Tensor>) -> (Tensor, Option<Passed<'a>>) {
        let placed = |seen: &&Seen| !seen.tower.is_attended_to() && self.run.past() == 0;
        let Some(seen) = self.run.seen.filter(placed) else { return (stream, None) };
        let (stream, mut passed) = self.run.with_images(&mut self.tape, stream, seen);
        self.tape.enter(Segment::Embedding);
        until_return.append(&mut passed.until_return);
        (stream, Some(passed))
    }

    /// Head and loss over what they read, and the way back through everything.
    fn head_and_back(mut self, stream: Tensor, table: Table, mut stages: Stages<'a>) -> Forward {
        let run = self.run;
        let Ends { mut loss, loss_start, projected, tiled } = self.loss_of_stream(stream, table);
        let mut loss_known = self.tape.position();
        self.layers.outside(&mut self.tape, Moment::Returned);
        self.tape.release(stream);
        if let Some(outputs) = tiled {
            stages.until_loss.extend(self.beside_policy());
            loss = Some(Run::tiled_loss(&mut self.tape, outputs));
            loss_known = self.tape.position();
        }
        self.let_go(&stages.until_loss);
        self.tape.leave_autocast();
        let backward_start = self.tape.position();
        let mut marks = [backward_start; 2];
        if let (true, Some(loss)) = (run.graph, loss) {
            let seed = self.tape.seed(loss, "loss");
            let chunk = match projected {
                Some(vocabulary) => run.logits_of_a_chunk(&mut self.tape, vocabulary, 2),
                None => Vec::new(),
            };
            let outside = Outside { embedding: stages.embedding, norm: stages.norm_start, loss: loss_start };
            let held = [&chunk[..], &stages.until_embedding];
            let tower = stages.tower.take();
            let back = |tape: &mut Tape, nodes: Range<usize>| match (run.seen, &tower) {
                (Some(images), Some(passed)) => run.tower_backward(tape, images, passed, nodes),
                _ => tape.backward(nodes),
            };
            marks = self.layers.backward(&mut self.tape, &mut stages.classes, outside, held, back);
            self.tape.let_go(seed);
        }
        self.ended(loss_known, backward_start, marks)
    }

    /// What was recorded, once there is nothing more to record; `marks`: where head and layers are behind the way back.
    fn ended(self, loss_known: usize, backward_start: usize, marks: [usize; 2]) -> Forward {
        let [head_backward, embedding_backward] = marks;
        Forward {
            tape: self.tape,
            measured: self.run.code.measured,
            stretches: self.layers.into_stretches(),
            loss_known,
            backward_start,
            head_backward,
            embedding_backward,
        }
    }

    /// What stands on top of the layers, and the loss.
    fn loss_of_stream(&mut self, stream: Tensor, table: Table) -> Ends {
        let run = self.run;
        if let Some(scores) = run.architecture.output.scores() {
            let (loss, loss_start) = self.scored(stream, run.architecture.output, scores);
            return Ends { loss: Some(loss), loss_start, projected: None, tiled: None };
        }
        let projection = self.head_weights(table);
        let fused = run.liger.is_some() || run.loss_kind == Loss::Fused;
        let logits = (run.loss_kind == Loss::Eager && !fused).then(|| self.head(stream, projection));
        let loss_start = self.tape.node_count();
        let tiled = (run.loss_kind == Loss::Trl).then(|| run.tiled_head(&mut self.tape, stream, projection));
        let loss = match logits {
            Some(logits) => run.loss.then(|| self.loss(logits)),
            None if tiled.is_some() => None,
            None if fused => Some(run.loss_with_gradients(&mut self.tape, stream, projection)),
            None => Some(run.loss_without_logits(&mut self.tape, stream, projection)),
        };
        self.tape.release_each(logits.filter(|_| !run.keep_outputs));
        Ends { loss, loss_start, projected: Some(projection.outputs), tiled }
    }

    fn let_go(&mut self, tensors: &[Tensor]) {
        for tensor in tensors {
            self.tape.release(*tensor);
        }
    }
}
