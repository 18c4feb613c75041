//! A whole model and its loss in one graph.
//!
//! While it traces, Transformers cannot look at its mask, and makes one. The logits are an output of the graph, so that
//! autograd makes zeros for their gradient; they are never widened. Gradients of parameters are outputs of the backward
//! graph, and handed on when it ends.

use super::forward::Parts;
use super::{Graph, parts_of};
use crate::layers::Run;
use crate::layers::model::Forward;
use crate::layers::norm::{names, row};
use crate::layers::recorder::periods::plan;
use crate::model::architecture::Layer;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::forward::Stretch;
use crate::tape::{Dtype, Kind, Segment, StorageId, Tape, Tensor};

/// Random numbers and where they begin, once for the graph: six of 8 bytes.
const SEEDS: u64 = 6;

/// Numbers for each token from which the mask is made, which stay where that is made again.
const MARKS: usize = 3;

/// A recording of the graph, under way.
struct Whole<'a> {
    run: Run<'a>,
    tape: Tape,
    layers: Vec<Recorded<'a>>,
    stretches: Vec<Stretch>,
    /// Gradients of parameters, which the graph returns.
    returned: Vec<StorageId>,
}

/// A recorded layer: what enters it, and what it keeps unless it is computed again.
struct Recorded<'a> {
    layer: &'a Layer,
    input: Tensor,
    keeps: Option<(Graph, Parts)>,
}

/// What the graph keeps outside its layers.
struct Outside {
    /// The mask, or what it is made from again.
    masks: Vec<Tensor>,
    /// What the final norm reads, where that is not computed again, and its statistic.
    norm: Vec<Tensor>,
    /// What the head reads.
    normed: Tensor,
    /// The head's copy under autocast.
    copy: Option<Tensor>,
    /// Logits, labels, and of each token the largest logit and the logarithm of the sum; how many tokens count.
    loss: Vec<Tensor>,
}

impl Run<'_> {
    /// Records the step of a model that is one graph.
    pub(crate) fn record_compiled(self, tape: Tape) -> Forward {
        let layers = Vec::new();
        Whole { run: self, tape, layers, stretches: Vec::new(), returned: Vec::new() }.record()
    }
}

impl<'a> Whole<'a> {
    fn record(mut self) -> Forward {
        // They are drawn again where layers are computed again.
        let seeds = (self.run.checkpoints() == 0).then(|| self.seeds());
        let (outside, loss) = self.forward();
        let loss_known = self.tape.position();
        let root = self.tape.seed(loss, "loss");
        let of_logits = self.loss_backward(outside.loss);
        let head_backward = self.tape.position();
        let tied = self.run.architecture.tie_word_embeddings;
        // The gradient of a tied matrix is made last, with the embedding's.
        let mut read = vec![of_logits, outside.normed];
        if !tied {
            let made = self.head_gradient();
            self.hand_on(Part::Head.name(Piece::Weight), made);
        }
        let incoming = self.gradient("final norm.output", self.run.compute());
        self.tape.product_workspace();
        self.tape.release_each(outside.copy);
        if !tied {
            self.tape.release_each(std::mem::take(&mut read));
        }
        let incoming = self.norm_backward(incoming, outside.norm);
        let incoming = self.layers_backward(incoming);
        self.tape.release_each(outside.masks);
        let embedding_backward = self.tape.position();
        self.embedding_backward(incoming, read);
        self.tape.release_each(seeds);
        for gradient in std::mem::take(&mut self.returned).into_iter().filter(|_| self.run.keep_gradients) {
            self.tape.let_go(gradient);
        }
        self.tape.release(loss);
        self.tape.let_go(root);
        Forward {
            tape: self.tape,
            measured: self.run.code.measured,
            stretches: self.stretches,
            loss_known,
            backward_start: loss_known,
            head_backward,
            embedding_backward,
        }
    }

    fn seeds(&mut self) -> Tensor {
        self.tape.enter(Segment::Embedding);
        let shape = self.tape.shape(&[Dim { symbol: "", size: SEEDS }]);
        self.keeps("random seeds and offsets", shape, Dtype::Int64)
    }

    fn forward(&mut self) -> (Outside, Tensor) {
        let run = self.run;
        let again = run.checkpoints() > 0;
        let shape = run.rows(&mut self.tape, run.h(), run.weights);
        let embedded = self.tape.constant("embedding", shape, run.weights);
        let mask = self.mask();
        let tokens = self.tape.shape(&[run.b(), run.s()]);
        let masks = if again {
            (0..MARKS).map(|_| self.keeps("numbers that the mask is made from", tokens, Dtype::Int64)).collect()
        } else {
            self.tape.keep_in_graph(mask);
            vec![mask]
        };
        let stream = self.layers_forward(embedded);
        if again {
            self.tape.release(mask);
        }
        let (norm, normed) = self.final_norm(stream, again);
        self.tape.enter(Segment::Loss);
        let padded = run.padded_labels(&mut self.tape);
        let labels = self.keeps("shifted labels", padded, Dtype::Int64);
        self.tape.enter(Segment::Head);
        let vocabulary = run.v();
        let copy = run.autocast.then(|| {
            let shape = self.tape.shape(&[vocabulary, run.h()]);
            let copy = self.tape.constant(Part::Head.name(Piece::Weight), shape, Dtype::Bf16);
            self.tape.count_as_weight_copy(copy);
            copy
        });
        self.tape.enter(Segment::Loss);
        let shape = run.stream(&mut self.tape, vocabulary);
        let logits = self.keeps("logits", shape, run.compute());
        self.tape.product_workspace();
        let largest = self.keeps("loss.largest logit", tokens, Dtype::Fp32);
        let logarithm = self.keeps("loss.logarithm of the sum", tokens, Dtype::Fp32);
        let scalar = self.tape.shape(&[]);
        let count = self.keeps("loss.total weight", scalar, Dtype::Fp32);
        let loss = self.tape.constant("loss", scalar, Dtype::Fp32);
        (Outside { masks, norm, normed, copy, loss: vec![logits, labels, largest, logarithm, count] }, loss)
    }

    fn mask(&mut self) -> Tensor {
        self.tape.enter(Segment::Embedding);
        let shape = self.tape.shape(&[self.run.b(), self.run.s(), self.run.s()]);
        self.tape.constant("attention mask", shape, self.run.compute())
    }

    fn layers_forward(&mut self, mut stream: Tensor) -> Tensor {
        for planned in plan(&self.run.architecture.groups, &[]) {
            let (start, length) = (self.layers.len(), planned.period.len());
            let times = self.run.recorded(planned.span[1] / length as u64);
            let recorded = start..start + usize::try_from(times).unwrap_or(0) * length;
            let mut stretch = Stretch::new(planned.span, length, recorded);
            for time in 0..times {
                let begun = self.tape.position();
                for layer in &planned.period {
                    stream = self.layer_forward(layer, stream);
                }
                stretch.last_forward = begun..self.tape.position();
                if time == 0 {
                    stretch.first_forward = stretch.last_forward.clone();
                }
            }
            self.stretches.push(stretch);
        }
        stream
    }

    fn layer_forward(&mut self, layer: &'a Layer, input: Tensor) -> Tensor {
        self.tape.enter(Segment::Layer(self.layers.len()));
        self.tape.keep_in_graph(input);
        let made = self.tape.storages.len();
        let again = self.run.checkpoints() > 0;
        let (keeps, output) = match self.computed(layer, input, !again) {
            Some((graph, parts, output)) => ((!again).then_some((graph, parts)), output),
            None => (None, self.tape.share(input)),
        };
        if again {
            self.estimate_since(made, output);
        }
        self.layers.push(Recorded { layer, input, keeps });
        output
    }

    /// A layer, whose graph holds what backward needs if it `keeps` that.
    fn computed(&mut self, layer: &Layer, input: Tensor, keeps: bool) -> Option<(Graph, Parts, Tensor)> {
        let mut graph = Graph::new(input, keeps);
        let (parts, output) = self.run.forward_of_graph(&mut self.tape, &mut graph, parts_of(layer)?, input);
        if keeps {
            for tensor in &graph.kept {
                self.tape.keep_in_graph(*tensor);
            }
        } else {
            // The layer's input is held beside the graph.
            self.tape.release(input);
        }
        Some((graph, parts, output))
    }

    /// In which order layers are computed that are computed again is the compiler's choice.
    fn estimate_since(&mut self, made: usize, output: Tensor) {
        let others = (made..self.tape.storages.len()).filter_map(|id| StorageId::try_from(id).ok());
        for storage in others.filter(|id| *id != output.storage) {
            self.tape.estimate(Tensor { storage, ..output });
        }
    }

    /// What the norm reads and its statistic, and what it gives. Under autocast the product before the last sum is kept,
    /// which is narrower than the sum.
    fn final_norm(&mut self, stream: Tensor, again: bool) -> (Vec<Tensor>, Tensor) {
        let run = self.run;
        self.tape.enter(Segment::FinalNorm);
        let names = names!("final norm");
        let shape = run.rows(&mut self.tape, run.h(), run.compute());
        let statistic = row(&mut self.tape, &[run.b(), run.s()]);
        let statistic = self.keeps(names.statistic, statistic, Dtype::Fp32);
        let normed = self.keeps(names.output, shape, run.compute());
        let mut norm = vec![statistic];
        if again || stream.dtype != run.compute() {
            self.tape.release(stream);
        } else {
            self.tape.keep_in_graph(stream);
            norm.push(stream);
        }
        if !again && stream.dtype != run.compute() {
            norm.push(self.keeps("mlp.down", shape, run.compute()));
        }
        (norm, normed)
    }

    /// The gradient of the logits, from that of the loss and zeros for what was handed out.
    fn loss_backward(&mut self, kept: Vec<Tensor>) -> Tensor {
        let run = self.run;
        self.tape.enter(Segment::Loss);
        let vocabulary = run.v();
        let [plain, rows] =
            [run.stream(&mut self.tape, vocabulary), run.rows(&mut self.tape, vocabulary, run.compute())];
        let [zeros, gradient] = [("logits as an output", plain), ("logits", rows)]
            .map(|(name, shape)| self.tape.value_gradient(name, shape, run.compute()));
        self.tape.release(zeros);
        self.tape.release_each(kept);
        gradient
    }

    /// The head's gradient, in the type of products.
    fn head_gradient(&mut self) -> Tensor {
        let run = self.run;
        self.tape.enter(Segment::Head);
        let vocabulary = run.v();
        let shape = self.tape.shape(&[vocabulary, run.h()]);
        let made = self.tape.value_gradient(Part::Head.name(Piece::Weight), shape, run.compute());
        self.tape.product_workspace();
        made
    }

    /// A parameter's gradient in another type is returned in the parameter's.
    fn hand_on(&mut self, name: &'static str, made: Tensor) {
        let returned = if made.dtype == self.run.weights {
            self.tape.count_as_parameter_gradient(made);
            made.storage
        } else {
            let returned = self.tape.allocate(name, made.shape, self.run.weights, Kind::ParameterGradient);
            self.tape.release(made);
            returned
        };
        self.returned.push(returned);
    }

    fn gradient(&mut self, name: &'static str, dtype: Dtype) -> Tensor {
        let shape = self.run.rows(&mut self.tape, self.run.h(), dtype);
        self.tape.value_gradient(name, shape, dtype)
    }

    fn norm_backward(&mut self, incoming: Tensor, kept: Vec<Tensor>) -> Tensor {
        let run = self.run;
        self.tape.enter(Segment::FinalNorm);
        let vector = self.tape.shape(&[run.h()]);
        let weight = self.tape.allocate(names!("final norm").weight, vector, run.weights, Kind::ParameterGradient);
        self.returned.push(weight);
        // Written over the gradient that comes in, unless the stream is wider.
        let stream = if incoming.dtype == run.weights {
            incoming
        } else {
            let stream = self.gradient("residual stream", run.weights);
            self.tape.release(incoming);
            stream
        };
        self.tape.release_each(kept);
        stream
    }

    fn layers_backward(&mut self, mut incoming: Tensor) -> Tensor {
        let again = self.run.checkpoints() > 0;
        let mask = again.then(|| self.mask());
        for stretch in (0..self.stretches.len()).rev() {
            for index in self.stretches[stretch].recorded.clone().rev() {
                let start = self.tape.position();
                if let Some(recorded) = self.layers.pop() {
                    self.tape.enter(Segment::Layer(index));
                    incoming = self.layer_backward(recorded, incoming);
                }
                self.stretches[stretch].back_through(index, start..self.tape.position());
            }
        }
        self.tape.release_each(mask);
        incoming
    }

    fn layer_backward(&mut self, recorded: Recorded<'a>, incoming: Tensor) -> Tensor {
        let Recorded { layer, input, keeps } = recorded;
        let computed = keeps.or_else(|| {
            let made = self.tape.storages.len();
            self.tape.begin_recomputation(u32::MAX);
            let computed = self.computed(layer, input, true);
            self.tape.end_recomputation();
            let (graph, parts, output) = computed?;
            self.estimate_since(made, input);
            self.tape.release(output);
            Some((graph, parts))
        });
        self.tape.release(input);
        let Some((mut graph, parts)) = computed else { return incoming };
        graph.again = self.run.checkpoints() > 0;
        self.run.backward_of_graph(&mut self.tape, &mut graph, &parts);
        let mut kept: Vec<StorageId> = graph.kept.iter().map(|tensor| tensor.storage).collect();
        let results = self.tape.go_back(&graph.steps, &mut kept, incoming.storage);
        let mut outgoing = incoming;
        for (slot, storage) in results {
            if slot == 0 {
                outgoing = Tensor { storage, ..incoming };
            } else {
                self.returned.push(storage);
            }
        }
        outgoing
    }

    /// Rows are added in fp32, to which a tied head's gradient comes.
    fn embedding_backward(&mut self, incoming: Tensor, read_by_head: Vec<Tensor>) {
        let run = self.run;
        let tied = (!read_by_head.is_empty()).then(|| self.head_gradient());
        self.tape.release_each(read_by_head);
        self.tape.enter(Segment::Embedding);
        let vocabulary = run.v();
        let shape = self.tape.shape(&[vocabulary, run.h()]);
        let name = Part::TokenEmbedding.name(Piece::Weight);
        let sums = self.tape.value_gradient(name, shape, Dtype::Fp32);
        self.tape.release(incoming);
        self.hand_on(name, sums);
        self.tape.release_each(tied);
    }

    /// A tensor that the graph keeps.
    fn keeps(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let tensor = self.tape.constant(name, shape, dtype);
        self.tape.keep_in_graph(tensor);
        tensor
    }
}
