//! Head and loss: `ChunkedLossWrapper` around `CrossEntropyLoss`.

use super::Decoder;
use crate::layers::divided::log_softmax_of_words;
use crate::layers::operations::{cast, copy, nll_loss, unary_keeping_output};
use crate::layers::recorder::Recorder;
use crate::layers::recorder::hooks::Moment;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Segment, Tape, Tensor};

impl Decoder<'_> {
    /// Logits of so many positions; where GPUs divide the vocabulary, of this one's words.
    pub(super) fn logits(&self, tape: &mut Tape, hidden: Tensor, positions: Dim) -> Tensor {
        tape.enter(Segment::Head);
        let own = self.own();
        let head = own.weights(tape, Part::Head, own.h(), own.v(), false);
        let read = match self.run.divided {
            Some(_) => tape.view_with_new_gradient(hidden, hidden.shape),
            None => tape.share(hidden),
        };
        let logits = own.linear_over(tape, read, head, "logits", positions);
        tape.release(read);
        tape.assign(logits, Segment::Loss);
        logits
    }

    /// The sum of all tokens' losses, in fp32.
    pub(super) fn cross_entropy(&self, tape: &mut Tape, logits: Tensor) -> Tensor {
        tape.enter(Segment::Loss);
        let wide = cast(tape, logits, Dtype::Fp32, "logits in fp32");
        let log_softmax = match self.run.divided {
            Some(_) => log_softmax_of_words(tape, wide),
            None => unary_keeping_output(tape, wide, "log-softmax"),
        };
        let loss = nll_loss(tape, log_softmax, &[]);
        tape.release_each([log_softmax, wide]);
        loss
    }

    /// Runs the head on one chunk of tokens after the other, forward and backward, and sums what comes back to the hidden
    /// states in fp32. Returns the first node behind them; that gradient in their type is where the way back begins.
    pub(super) fn loss_in_chunks(&mut self, tape: &mut Tape, layers: &mut Recorder<'_, Self>, hidden: Tensor) -> usize {
        let run = self.run;
        tape.enter(Segment::Loss);
        let start = tape.node_count();
        let count = run.loss_chunks.max(1);
        let positions = Dim { symbol: "(s/chunks)", size: run.sequence / count };
        let shape = tape.shape(&[run.b(), positions, run.h()]);
        // Of one sequence a chunk lies in one piece already.
        let chunks: Vec<Tensor> = (0..count)
            .map(|_| match run.batch {
                1 => tape.reshape(hidden, shape),
                _ => copy(tape, hidden, "hidden states of a chunk", shape),
            })
            .collect();
        let sum = tape.constant("gradient of hidden states in fp32", hidden.shape, Dtype::Fp32);
        layers.outside(tape, Moment::BeforeChunks);
        let mut before = None;
        for (index, chunk) in chunks.iter().enumerate() {
            let nodes = tape.node_count();
            let logits = self.logits(tape, *chunk, positions);
            tape.release_each(before.replace(logits));
            let loss = self.cross_entropy(tape, logits);
            let seed = tape.seed(loss, "loss");
            tape.release(loss);
            tape.backward(nodes..tape.node_count());
            tape.let_go(seed);
            let last = index + 1 == chunks.len();
            layers.outside(tape, if last { Moment::AfterChunks } else { Moment::AfterChunk });
            if let Some(gradient) = tape.take_gradient_of(*chunk) {
                tape.enter(Segment::Loss);
                let widened = tape.constant("gradient of a chunk in fp32", shape, Dtype::Fp32);
                tape.release(widened);
                tape.let_go(gradient);
            }
        }
        tape.enter(Segment::Loss);
        // The graph alone has it from here on.
        let gradient = tape.seed(hidden, "gradient of hidden states");
        tape.let_go(gradient);
        tape.release_each(chunks);
        tape.release_each(before);
        tape.release(sum);
        tape.release(hidden);
        start
    }
}
