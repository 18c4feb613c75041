//! The whole model, forward and backward, as the recipes' loop runs it.

use super::TransformerDecoder;
use crate::layers::embedding::look_up;
use crate::layers::model::Forward;
use crate::layers::norm::names;
use crate::layers::operations::{fresh, soft_cap};
use crate::layers::recorder::hooks::Hooks;
use crate::layers::recorder::{LayerLoop, Outside, RECORDED, Recorder};
use crate::model::architecture::Layer;
use crate::model::part::{Part, Piece};
use crate::tape::{Dtype, Segment, Tape, Tensor};

impl TransformerDecoder<'_> {
    /// Records a step with its backward pass.
    pub(crate) fn record(self) -> Forward {
        self.record_with(&mut ())
    }

    /// The same with hooks around each layer.
    pub(crate) fn record_with(mut self, hooks: &mut dyn Hooks) -> Forward {
        let run = self.run;
        let mut tape = Tape::new(RECORDED, true, run.keep_gradients);
        tape.sum_in_place();
        if run.adapters.is_some() {
            tape.freeze();
        }
        let batch = self.batch(&mut tape);
        let counted = self.count(&mut tape);
        let start = tape.node_count();
        let (table, stream) = self.embed(&mut tape, batch.tokens);
        let embedding = start..tape.node_count();
        let mut layers = Recorder::new(&run, hooks);
        let stream = layers.forward(&mut tape, &mut self, stream);
        let norm_start = tape.node_count();
        tape.enter(Segment::FinalNorm);
        let normed = self.final_norm(&mut tape, stream);
        let held = self.release.holds_stream.then(|| tape.share(stream));
        tape.release(stream);
        let logits = self.head(&mut tape, normed, table);
        for tensor in held.into_iter().chain([normed]) {
            tape.release(tensor);
        }
        let loss_start = tape.node_count();
        tape.enter(Segment::Loss);
        let loss = self.loss(&mut tape, logits, batch.labels, counted);
        let loss_known = tape.position();
        let backward_start = tape.position();
        let seed = tape.seed(loss, "loss");
        let outside = Outside { embedding, norm: norm_start, loss: loss_start };
        let [head_backward, embedding_backward] =
            layers.backward(&mut tape, &mut self, outside, [&[], &[]], Tape::backward);
        tape.let_go(seed);
        if self.steps_in_place {
            tape.enter(Segment::Loss);
            let scalar = tape.shape(&[]);
            for _ in ["reciprocal", "factor"] {
                tape.constant("factor of gradients", scalar, Dtype::Fp32);
            }
        }
        let stretches = layers.into_stretches();
        Forward { tape, measured: true, stretches, loss_known, backward_start, head_backward, embedding_backward }
    }

    /// The norm after the last layer, and the cap that Gemma 2 puts on it.
    fn final_norm(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        let normed = self.norm(tape, stream, names!("final norm"));
        if !self.run.architecture.logits_softcap {
            return normed;
        }
        let read = tape.share(normed);
        let capped = soft_cap(tape, read, ["tanh of the last norm", "capped last norm"]);
        tape.release(normed);
        capped
    }

    /// The rows of the token table, scaled where the model does that.
    fn embed(&self, tape: &mut Tape, tokens: Tensor) -> (Tensor, Tensor) {
        tape.enter(Segment::Embedding);
        let run = self.run;
        let vocabulary = run.v();
        let shape = tape.shape(&[vocabulary, run.h()]);
        let table = tape.parameter(Part::TokenEmbedding.name(Piece::Weight), shape, run.weights);
        let shape = run.stream(tape, run.h());
        let embedded = look_up(tape, table, Some(tokens), "token embedding", shape);
        if !self.parts.scaled_embedding {
            return (table, embedded);
        }
        let scaled = fresh(tape, embedded, "scaled embedding", shape);
        tape.release(embedded);
        (table, scaled)
    }
}

impl LayerLoop for TransformerDecoder<'_> {
    type Given = ();

    fn given(&self, _layer: &Layer) {}

    fn layer(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, (): ()) -> Tensor {
        self.block(tape, layer, input)
    }
}
