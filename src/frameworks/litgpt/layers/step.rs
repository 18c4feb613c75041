//! The whole model, forward and backward, as the fine-tuning loop runs it.

use super::LitGpt;
use crate::layers::embedding::look_up;
use crate::layers::model::Forward;
use crate::layers::norm::{names, row};
use crate::layers::operations::fresh;
use crate::layers::rotary::Tables;
use crate::layers::stack::{RECORDED, Stack};
use crate::model::architecture::Layer;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Segment, Tape, Tensor};

struct Recorder<'a> {
    model: LitGpt<'a>,
    tape: Tape,
}

impl LitGpt<'_> {
    /// Records a step with its backward pass.
    pub(crate) fn record(self) -> Forward {
        let mut tape = Tape::new(RECORDED, true, self.run.keep_gradients);
        if self.lora.is_some() {
            tape.freeze();
        }
        Recorder { model: self, tape }.record()
    }

    /// The rows of the token table, scaled where the model does that.
    fn embed(&self, tape: &mut Tape) -> Tensor {
        tape.enter(Segment::Embedding);
        let vocabulary = Dim { symbol: "V", size: self.run.architecture.vocab_size };
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

impl Recorder<'_> {
    fn record(mut self) -> Forward {
        let model = self.model;
        let previous = model.previous(&mut self.tape);
        let stream = model.embed(&mut self.tape);
        let tables = model.rotary(&mut self.tape);
        let embedding_nodes = 0..self.tape.node_count();
        let block = |tape: &mut Tape, layer: &Layer, input| model.block(tape, layer, input, tables);
        let (layers, stream) = Stack::forward(&mut self.tape, model.run.architecture, false, stream, block);
        let norm_start = self.tape.node_count();
        self.tape.enter(Segment::FinalNorm);
        let normed = model.stream_norm(&mut self.tape, stream, names!("final norm"));
        self.tape.release(stream);
        let logits = model.head(&mut self.tape, normed, previous);
        let loss_start = self.tape.node_count();
        let loss = model.loss(&mut self.tape, logits);
        let loss_known = self.tape.position();
        let backward_start = self.tape.position();
        let seed = self.tape.seed_mean(&loss.tokens, "loss");
        self.tape.release(loss.divisor);
        self.tape.backward(loss_start..self.tape.node_count());
        let head_backward = self.tape.position();
        self.tape.backward(norm_start..loss_start);
        let stretches = layers.backward(&mut self.tape, block);
        let embedding_backward = self.tape.position();
        self.tape.backward(embedding_nodes);
        self.tape.release_seed(seed);
        self.tape.release(loss.scaled);
        Forward {
            tape: self.tape,
            measured: true,
            stretches,
            loss_known,
            backward_start,
            head_backward,
            embedding_backward,
        }
    }
}
