//! The whole model, forward and backward, as the fine-tuning loop runs it.

use super::Gpt;
use crate::layers::embedding::look_up;
use crate::layers::model::Forward;
use crate::layers::norm::{names, row};
use crate::layers::operations::fresh;
use crate::layers::recorder::hooks::Hooks;
use crate::layers::recorder::{LayerLoop, Outside, RECORDED, Recorder};
use crate::layers::rotary::Tables;
use crate::model::architecture::Layer;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Segment, Tape, Tensor};

/// Blocks, with the tables that all of them read.
struct Blocks<'a> {
    model: Gpt<'a>,
    tables: Tables,
}

impl LayerLoop for Blocks<'_> {
    type Given = Tables;

    fn given(&self, _layer: &Layer) -> Tables {
        self.tables
    }

    fn layer(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, tables: Tables) -> Tensor {
        self.model.block(tape, layer, input, tables)
    }
}

impl Gpt<'_> {
    /// Records a step with its backward pass.
    pub(crate) fn record(self) -> Forward {
        self.record_with(&mut ())
    }

    /// The same with hooks around each layer.
    pub(crate) fn record_with(self, hooks: &mut dyn Hooks) -> Forward {
        let mut tape = Tape::new(RECORDED, true, self.run.keep_gradients);
        if self.lora.is_some() {
            tape.freeze();
        }
        let previous = self.previous(&mut tape);
        let stream = self.embed(&mut tape);
        let mut blocks = Blocks { model: self, tables: self.rotary(&mut tape) };
        let embedding = 0..tape.node_count();
        let mut layers = Recorder::new(&self.run, hooks);
        let stream = layers.forward(&mut tape, &mut blocks, stream);
        let norm = tape.node_count();
        tape.enter(Segment::FinalNorm);
        let normed = self.stream_norm(&mut tape, stream, names!("final norm"));
        tape.release(stream);
        let logits = self.head(&mut tape, normed, previous);
        let outside = Outside { embedding, norm, loss: tape.node_count() };
        let loss = self.loss(&mut tape, logits);
        let loss_known = tape.position();
        let seed = tape.seed_mean(&loss.tokens, "loss");
        tape.release(loss.divisor);
        let [head_backward, embedding_backward] =
            layers.backward(&mut tape, &mut blocks, outside, [&[], &[]], Tape::backward);
        tape.let_go(seed);
        tape.release(loss.scaled);
        Forward {
            tape,
            measured: true,
            stretches: layers.into_stretches(),
            loss_known,
            backward_start: loss_known,
            head_backward,
            embedding_backward,
        }
    }

    /// The rows of the token table, scaled where the model does that.
    fn embed(&self, tape: &mut Tape) -> Tensor {
        tape.enter(Segment::Embedding);
        let vocabulary = self.run.v();
        let table = tape.shape(&[vocabulary, self.run.h()]);
        let shape = self.run.stream(tape, self.run.h());
        let embedded = if self.quantized && self.release.stable_embedding {
            self.stable_embedding(tape, table, shape)
        } else {
            let table = tape.parameter(Part::TokenEmbedding.name(Piece::Weight), table, self.run.weights);
            look_up(tape, table, None, "token embedding", shape)
        };
        if !self.scaled_embedding {
            return embedded;
        }
        let scaled = fresh(tape, embedded, "scaled embedding", shape);
        tape.release(embedded);
        scaled
    }

    /// bitsandbytes' embedding with a layer norm, which requires gradients but is not among what the optimizer steps.
    fn stable_embedding(&self, tape: &mut Tape, table: u16, shape: u16) -> Tensor {
        let names = names!("embedding norm");
        let table = tape.forgotten("token embedding.weight", table, self.run.weights);
        let embedded = look_up(tape, table, None, "token embedding", shape);
        let vector = tape.shape(&[self.run.h()]);
        let [weight, bias] = [names.weight, names.bias].map(|name| tape.forgotten(name, vector, self.run.weights));
        let row = row(tape, &[self.run.b(), self.run.s()]);
        let extras = [names.mean, names.statistic].map(|name| Extra { name, shape: row, dtype: Dtype::Fp32 });
        let operation = Operation {
            rule: Rule::Each,
            inputs: &[embedded, weight, bias],
            keeps: &[embedded],
            extras: &extras,
            keeps_output: false,
        };
        let normed = tape.apply(&operation, names.output, shape, self.run.weights);
        tape.release(embedded);
        normed
    }

    /// Cosines and sines, which are buffers of the model.
    fn rotary(&self, tape: &mut Tape) -> Tables {
        let rotating = Dim { symbol: "d", size: self.run.architecture.rotary_dim() };
        let shape = tape.shape(&[self.run.s(), rotating]);
        let [cos, sin] = [Tape::buffer(shape, self.tables); 2];
        Tables { cos, sin }
    }
}
