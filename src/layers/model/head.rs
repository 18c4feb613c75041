//! After the last layer: the final norm, the head and the loss.

use super::{ONE, Recording};
use crate::families::code::LossCode;
use crate::layers::divided::log_softmax_of_words;
use crate::layers::embedding::Table;
use crate::layers::norm::names;
use crate::layers::operations::{cast, copy, fresh, nll_loss, soft_cap, unary_keeping_output};
use crate::layers::{Linear, Run};
use crate::ledger::Held;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Segment, Tape, Tensor};

impl Recording<'_> {
    pub(crate) fn final_norm(&mut self, stream: Tensor) -> Tensor {
        let run = self.run;
        if run.architecture.final_norm.is_none() {
            return stream;
        }
        self.tape.enter(Segment::FinalNorm);
        let output = run.norm_of_stream(&mut self.tape, stream, names!("final norm"));
        self.tape.release(stream);
        output
    }

    /// From the width of the residual stream to what the head reads.
    pub(crate) fn head_projection(&mut self, stream: Tensor) -> Tensor {
        let run = self.run;
        // What stands before an encoder's head projects too.
        if !run.projects() || run.architecture.encoder.is_some() {
            return stream;
        }
        let tape = &mut self.tape;
        tape.enter(Segment::Head);
        let matrix = run.weights(tape, Part::HeadProjection, run.h(), run.narrow(), false);
        let output = run.linear(tape, stream, matrix, "head projection");
        tape.release(stream);
        output
    }

    pub(crate) fn head_weights(&mut self, embedding: Table) -> Linear {
        let run = self.run;
        let tape = &mut self.tape;
        tape.enter(Segment::Head);
        if let Some(image) = &run.architecture.image {
            return run.classifier(tape, image);
        }
        let mut head = run.weights(tape, Part::Head, run.narrow(), run.v(), run.architecture.lm_head_bias);
        if run.architecture.tie_word_embeddings {
            head.weight = embedding.matrix;
            if embedding.rows.is_some() {
                // It reads the rows that are trained too, in the type of the product.
                let read = run.with_trained_rows(tape, embedding);
                head.weight = cast(tape, read, run.compute(), "head in 16 bits");
                tape.release(read);
            }
        }
        if let Some(copy) = run.trained_copy(tape, Part::Head, head.weight.shape) {
            head.weight = copy;
        }
        head
    }

    pub(crate) fn head(&mut self, stream: Tensor, head: Linear) -> Tensor {
        let run = self.run;
        let tape = &mut self.tape;
        tape.enter(Segment::Head);
        match run.architecture.encoder {
            Some(encoder) if encoder.pools() => return run.pool(tape, stream),
            Some(encoder) if !encoder.has_head() => return tape.share(stream),
            _ => {}
        }
        let encodes = run.architecture.encoder.is_some();
        let logits_of_prompt = run.generation.is_some_and(|generation| generation.logits_of_prompt);
        let classifies = run.architecture.image.is_some();
        let everywhere = (run.loss || logits_of_prompt || encodes) && !classifies;
        let kept = if classifies {
            run.first_token(tape, stream)
        } else if encodes {
            run.head_transform(tape, stream)
        } else if everywhere {
            tape.share(stream)
        } else {
            last_position(&run, tape, stream)
        };
        let capped = run.architecture.logits_softcap;
        let name = if capped || run.code.scaled_logits || run.code.stream_in_fp32 {
            "logits before scaling"
        } else {
            "logits"
        };
        // The last rows of several sequences do not lie together: the bias is added after the product, in place.
        let apart = run.generation.is_some() && !everywhere && run.batch > 1 && run.sequence > 1;
        let bias = head.bias.filter(|_| apart);
        let head = if apart { Linear { bias: None, ..head } } else { head };
        let mut logits = run.linear_over(tape, kept, head, name, if everywhere { run.s() } else { ONE });
        // A matrix with trained rows was made for this product alone; a parameter has nothing to let go.
        tape.release(head.weight);
        if let Some(bias) = bias {
            logits = tape.add_into(logits, bias);
        }
        tape.release(kept);
        logits = run.gathered_logits(tape, logits, name);
        if run.architecture.seq2seq.is_some_and(|seq2seq| seq2seq.logits_bias) {
            let biased = run.with_logits_bias(tape, logits);
            tape.release(logits);
            logits = biased;
        }
        if run.code.scaled_logits {
            let scaled = fresh(tape, logits, "logits", logits.shape);
            tape.release(logits);
            logits = scaled;
        }
        if run.code.stream_in_fp32 {
            let wide = cast(tape, logits, Dtype::Fp32, "logits");
            tape.release(logits);
            logits = wide;
        }
        if capped {
            logits = soft_cap(tape, logits, ["logits tanh", "logits"]);
        }
        tape.assign(logits, Segment::Loss);
        tape.held_by_program(logits, Held::Output);
        if logits_of_prompt || (run.code.widened_by_model && run.widens_logits()) {
            let wide = cast(tape, logits, Dtype::Fp32, "logits in fp32");
            tape.release(logits);
            tape.assign(wide, Segment::Loss);
            tape.held_by_program(wide, Held::Output);
            return wide;
        }
        logits
    }

    /// Cross-entropy of labels as they are given: logarithms in the type of what they are made from, a sum that autocast
    /// computes in fp32.
    pub(crate) fn masked_loss(&mut self, logits: Tensor) -> Tensor {
        let run = self.run;
        let tape = &mut self.tape;
        let widens = run.code.loss == LossCode::MaskedInFp32 && run.widens_logits();
        let wide = cast(tape, logits, if widens { Dtype::Fp32 } else { logits.dtype }, "logits in fp32");
        let log_softmax = unary_keeping_output(tape, wide, "log-softmax");
        let summed = if run.autocast { Dtype::Fp32 } else { log_softmax.dtype };
        let terms = cast(tape, log_softmax, summed, "log-softmax in fp32");
        let loss = nll_loss(tape, terms, &[]);
        tape.release_each([terms, log_softmax, wide]);
        loss
    }

    /// Cross-entropy of shifted labels over logits in fp32.
    pub(crate) fn loss(&mut self, logits: Tensor) -> Tensor {
        let run = self.run;
        self.tape.enter(Segment::Loss);
        match run.code.loss {
            LossCode::Shifted => {}
            LossCode::CopiedInFp32 | LossCode::Copied => return self.loss_of_shifted_logits(logits),
            LossCode::MaskedInFp32 | LossCode::Masked => return self.masked_loss(logits),
        }
        let tape = &mut self.tape;
        let wide = if run.widens_logits() { Dtype::Fp32 } else { logits.dtype };
        let wide = cast(tape, logits, wide, "logits in fp32");
        let log_softmax = |tape: &mut Tape, wide: Tensor| match run.divided {
            Some(divided) if divided.loss => log_softmax_of_words(tape, wide),
            _ => unary_keeping_output(tape, wide, "log-softmax"),
        };
        let padded = run.padded_labels(tape);
        let labels = tape.constant("shifted labels", padded, Dtype::Int64);
        if run.batch > 1 {
            let shape = tape.shape(&[run.b(), run.s()]);
            let shifted = tape.constant("shifted labels", shape, Dtype::Int64);
            let log_softmax = log_softmax(tape, wide);
            let loss = nll_loss(tape, log_softmax, &[shifted]);
            tape.release_each([log_softmax, shifted, labels, wide]);
            return loss;
        }
        let log_softmax = log_softmax(tape, wide);
        let loss = nll_loss(tape, log_softmax, &[labels]);
        tape.release_each([log_softmax, labels, wide]);
        loss
    }

    /// Cross-entropy of logits of all positions but the last, which are copied unless they lie in one piece already, as
    /// those of one sequence do.
    fn loss_of_shifted_logits(&mut self, logits: Tensor) -> Tensor {
        let run = self.run;
        let tape = &mut self.tape;
        let widens = run.code.loss == LossCode::CopiedInFp32 && run.widens_logits();
        let wide = cast(tape, logits, if widens { Dtype::Fp32 } else { logits.dtype }, "logits in fp32");
        let positions = Dim { symbol: "(s-1)", size: run.sequence.saturating_sub(1) };
        let [rows, scores] = [tape.shape(&[run.b(), positions]), tape.shape(&[run.b(), positions, run.v()])];
        let shifted = tape.view_with_new_gradient(wide, scores);
        let (copied, labels) = if run.batch == 1 {
            (tape.share(shifted), Tape::buffer(rows, Dtype::Int64))
        } else {
            let copied = copy(tape, shifted, "shifted logits", scores);
            (copied, tape.constant("shifted labels", rows, Dtype::Int64))
        };
        let log_softmax = unary_keeping_output(tape, copied, "log-softmax");
        // Logarithms have the type of what they are made from; their sum is one that autocast computes in fp32.
        let summed = if run.autocast { Dtype::Fp32 } else { log_softmax.dtype };
        let terms = cast(tape, log_softmax, summed, "log-softmax in fp32");
        let loss = nll_loss(tape, terms, &[labels]);
        tape.release_each([terms, labels, log_softmax, copied, shifted, wide]);
        loss
    }
}

impl Run<'_> {
    /// The sum with a buffer of the weights' type, which is wider than what autocast gives.
    fn with_logits_bias(&self, tape: &mut Tape, logits: Tensor) -> Tensor {
        let wide = logits.dtype.promoted(self.weights);
        if wide == logits.dtype {
            copy(tape, logits, "logits", logits.shape)
        } else {
            cast(tape, logits, wide, "logits")
        }
    }
}

/// Generation computes logits of the last position alone.
fn last_position(run: &Run<'_>, tape: &mut Tape, stream: Tensor) -> Tensor {
    let shape = tape.shape(&[run.b(), ONE, run.narrow()]);
    tape.view(stream, shape)
}
