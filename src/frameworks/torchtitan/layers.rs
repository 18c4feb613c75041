//! torchtitan's decoder (`models/common/decoder.py` and what it is made of), as `Trainer.train_step` runs it.
//!
//! It computes otherwise than the Hugging Face classes do: one product makes queries, keys and values, which are copied
//! apart; neighbouring channels rotate as complex numbers in fp32; attention is a compiled flexible kernel; the loss runs
//! the head chunk by chunk, each of which goes back before the next.

mod block;
mod loss;
mod rotary;

use crate::layers::embedding::look_up;
use crate::layers::norm::names;
use crate::layers::operations::multiply_by_constant;
use crate::layers::recorder::hooks::{Hooks, Moment};
use crate::layers::recorder::{LayerLoop, Outside, Recorder};
use crate::layers::{Forward, Run};
use crate::model::architecture::Layer;
use crate::model::part::{Part, Piece};
use crate::scenario::{Loss, Recompute};
use crate::shape::Dim;
use crate::tape::{Dtype, Segment, Tape, Tensor};

/// What one checkpoint kept of what was computed in it, in order.
type Kept = Vec<Tensor>;

/// The decoder under way.
pub(crate) struct Decoder<'a> {
    /// The run, as one GPU has it.
    run: Run<'a>,
    /// Whether checkpoints keep what is expensive.
    selective: bool,
    /// What the checkpoints of the layers that have run kept, the last one's last.
    kept: Vec<Kept>,
}

/// Whether a layer runs for the first time, and what it keeps then, or again, and what it then need not compute.
enum Pass {
    /// Nothing is kept but by the graph.
    Plain,
    /// A checkpoint keeps what is expensive.
    First(Kept),
    /// And has it; the next is the last of these.
    Again(Kept),
}

impl Pass {
    /// What an expensive operation gives, which a checkpoint keeps.
    fn saved(&mut self, tape: &mut Tape, compute: impl FnOnce(&mut Tape) -> Tensor) -> Tensor {
        match self {
            Self::Plain => compute(tape),
            Self::First(kept) => {
                let made = compute(tape);
                kept.push(tape.keep_in_checkpoint(made));
                made
            }
            Self::Again(kept) => match kept.pop() {
                Some(made) => tape.recall(made, compute),
                None => compute(tape),
            },
        }
    }
}

impl<'a> Decoder<'a> {
    /// A decoder whose layers are computed again so.
    pub(crate) fn new(run: &Run<'a>, recompute: Recompute) -> Self {
        Self { run: *run, selective: recompute == Recompute::Selective, kept: Vec::new() }
    }

    /// Products of this GPU's own matrices; what is sent around them is recorded where torchtitan's modules declare it.
    fn own(&self) -> Run<'a> {
        Run { divided: None, ..self.run }
    }

    /// Records a step with its backward pass, with hooks around each layer.
    pub(crate) fn record_with(mut self, hooks: &mut dyn Hooks) -> Forward {
        let run = self.run;
        let layers = usize::try_from(run.architecture.num_hidden_layers()).unwrap_or(0);
        let mut tape = Tape::new(layers, true, false);
        if let Some(kernels) = run.kernels {
            tape.run_kernels(kernels);
        }
        tape.sum_in_place();
        tape.recompute_to_the_end();
        let mut layers = Recorder::new(&run, hooks);
        layers.outside(&mut tape, Moment::Called);
        let start = tape.node_count();
        let stream = self.embed(&mut tape);
        layers.outside(&mut tape, Moment::Embedded);
        let embedding = start..tape.node_count();
        let stream = layers.forward(&mut tape, &mut self, stream);
        let norm_start = tape.node_count();
        layers.outside(&mut tape, Moment::BeforeHead);
        tape.enter(Segment::FinalNorm);
        let own = run.norm_of_stream(&mut tape, stream, names!("final norm"));
        tape.release(stream);
        let hidden = run.all_tokens(&mut tape, own).unwrap_or_else(|| tape.share(own));
        tape.release(own);
        let (loss_start, seed) = if run.loss_kind == Loss::Chunked {
            layers.outside(&mut tape, Moment::Returned);
            (self.loss_in_chunks(&mut tape, &mut layers, hidden), None)
        } else {
            let logits = self.logits(&mut tape, hidden, run.s());
            tape.release(hidden);
            layers.outside(&mut tape, Moment::Returned);
            let loss_start = tape.node_count();
            let loss = self.cross_entropy(&mut tape, logits);
            tape.release(logits);
            (loss_start, Some(tape.seed(loss, "loss")))
        };
        let loss_known = tape.position();
        let backward_start = tape.position();
        let outside = Outside { embedding, norm: norm_start, loss: loss_start };
        let [head_backward, embedding_backward] =
            layers.backward(&mut tape, &mut self, outside, [&[], &[]], Tape::backward);
        tape.let_go_each(seed);
        let stretches = layers.into_stretches();
        Forward { tape, measured: true, stretches, loss_known, backward_start, head_backward, embedding_backward }
    }

    /// The rows of the token table; of a table that GPUs divide each has those of its words, and zeros for others.
    fn embed(&self, tape: &mut Tape) -> Tensor {
        tape.enter(Segment::Embedding);
        let run = self.run;
        let rows = Dim { size: run.architecture.embedded_tokens(), ..run.v() };
        let shape = tape.shape(&[rows, run.h()]);
        let table = tape.parameter(Part::TokenEmbedding.name(Piece::Weight), shape, run.weights);
        let stream = run.stream(tape, run.h());
        let embedded = look_up(tape, table, None, "token embedding", stream);
        if run.divided.is_none() {
            return embedded;
        }
        let column = tape.shape(&[run.b(), run.s(), Dim { symbol: "", size: 1 }]);
        let mask = tape.constant("tokens of this GPU's words", column, Dtype::Bf16);
        let masked = multiply_by_constant(tape, embedded, mask, "token embedding");
        tape.release_each([mask, embedded]);
        run.reduced(tape, masked, "token embedding")
    }
}

impl LayerLoop for Decoder<'_> {
    type Given = ();

    fn given(&self, _layer: &Layer) {}

    fn layer(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, (): ()) -> Tensor {
        let mut pass = if self.selective { Pass::First(Vec::new()) } else { Pass::Plain };
        let output = self.block(tape, layer, input, &mut pass);
        if let Pass::First(mut kept) = pass {
            kept.reverse();
            self.kept.push(kept);
        }
        output
    }

    fn again(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, (): ()) {
        let kept = if self.selective { self.kept.pop() } else { None };
        let mut pass = kept.map_or(Pass::Plain, Pass::Again);
        let output = self.block(tape, layer, input, &mut pass);
        tape.release(output);
    }
}
