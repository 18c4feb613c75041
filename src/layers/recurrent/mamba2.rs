//! Mamba-2, by the kernels of mamba-ssm.

use super::{GatedNorm, Kernel, compute_fused, dim};
use crate::layers::Run;
use crate::layers::operations::{cast, fresh, multiply, unary_keeping_input, unary_keeping_output};
use crate::model::part::Part;
use crate::model::recurrent::Mamba2;
use crate::tape::{Dtype, Tape, Tensor};

impl Run<'_> {
    pub(crate) fn mamba_2(&self, tape: &mut Tape, input: Tensor, mamba: &Mamba2) -> Tensor {
        let all = dim("(2D+2GN+H)", mamba.projected());
        let names = (Part::MixerInput, "mixer.input projection");
        let input = self.scaled_mixer(tape, input, "mixer.scaled input");
        let projected = self.projected(tape, input, names, [self.h(), all], mamba.input_bias);
        tape.release(input);
        let scaled = self.scaled_mixer(tape, projected, "mixer.scaled input projection");
        tape.release(projected);
        let output = if self.graph {
            self.mamba_2_in_one_kernel(tape, scaled, mamba)
        } else {
            self.mamba_2_in_steps(tape, scaled, mamba)
        };
        tape.release(scaled);
        output
    }

    /// Falcon-H1 multiplies by constants where others do not.
    fn scaled_mixer(&self, tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
        if self.code.scaled_mixer { fresh(tape, input, name, input.shape) } else { tape.share(input) }
    }

    /// `-exp(rate)` in fp32, one value a head.
    fn head_decay(&self, tape: &mut Tape, heads: u64) -> Tensor {
        let rate = self.vector(tape, "mixer.decay rate", heads);
        let wide = cast(tape, rate, Dtype::Fp32, "mixer.decay rate in fp32");
        let exponential = unary_keeping_output(tape, wide, "mixer.exponential of decay rate");
        tape.release(wide);
        let decay = fresh(tape, exponential, "mixer.decay", exponential.shape);
        tape.release(exponential);
        decay
    }

    /// Training: convolution, scan, norm and projection out are one kernel, which keeps the projection in and what the
    /// scan gave.
    fn mamba_2_in_one_kernel(&self, tape: &mut Tape, projected: Tensor, mamba: &Mamba2) -> Tensor {
        let (width, convolved) = (dim("D", mamba.width()), dim("(D+2GN)", mamba.convolved()));
        let decay = self.head_decay(tape, mamba.heads);
        let mut inputs = vec![projected, decay];
        inputs.append(&mut self.filters(tape, convolved, mamba.kernel, mamba.convolution_bias));
        inputs.push(self.vector(tape, "mixer.time step bias", mamba.heads));
        inputs.push(self.vector(tape, "mixer.skip weight", mamba.heads));
        if mamba.norm {
            inputs.push(self.vector(tape, "mixer.norm.weight", mamba.width()));
        }
        let matrix = self.weights(tape, Part::MixerOutput, width, self.h(), mamba.output_bias);
        inputs.push(matrix.weight);
        inputs.extend(matrix.bias);
        let [channels, wide, hidden] = [convolved, width, self.h()].map(|channels| self.stream(tape, channels));
        let group = self.stream(tape, dim("G", mamba.groups));
        let states = self.chunk_states(tape, mamba);
        let compute = self.compute();
        let statistic = ("mixer.norm.reciprocal deviation", group, Dtype::Fp32);
        let makes = [("mixer.scanned", wide, projected.dtype), statistic];
        let kernel = Kernel {
            inputs: &inputs,
            keeps: &[projected, decay],
            makes: if mamba.norm { &makes } else { &makes[..1] },
            transient: &[
                ("mixer.convolved", channels, projected.dtype),
                ("mixer.states of each chunk", states, Dtype::Fp32),
                ("mixer.norm.output", wide, projected.dtype),
            ],
            again: states,
            keeps_output: false,
        };
        let output = compute_fused(tape, &kernel, "mixer.output", hidden, compute);
        tape.release(decay);
        output
    }

    /// `[b, chunks, H, P, N]`.
    fn chunk_states(&self, tape: &mut Tape, mamba: &Mamba2) -> u16 {
        let chunks = dim("chunks", self.sequence.div_ceil(mamba.chunk));
        tape.shape(&[self.b(), chunks, dim("H", mamba.heads), dim("P", mamba.head_dim), dim("N", mamba.state)])
    }

    /// Serving: the cache needs the states between, so that each step is a kernel of its own and the norm is Python.
    fn mamba_2_in_steps(&self, tape: &mut Tape, projected: Tensor, mamba: &Mamba2) -> Tensor {
        let (width, convolved) = (dim("D", mamba.width()), dim("(D+2GN)", mamba.convolved()));
        let [wide, channels, rows] =
            [width, convolved, dim("H", mamba.heads)].map(|channels| self.stream(tape, channels));
        let [gate, mixed, steps] = tape.split(projected, [wide, channels, rows]);
        let filtered = self.convolved(tape, mixed, convolved, mamba.kernel, mamba.convolution_bias);
        let states = self.chunk_states(tape, mamba);
        let kernel = Kernel {
            inputs: &[filtered, steps],
            keeps: &[],
            makes: &[],
            transient: &[("mixer.states of each chunk", states, Dtype::Fp32)],
            again: states,
            keeps_output: false,
        };
        let scanned = compute_fused(tape, &kernel, "mixer.scanned", wide, projected.dtype);
        let context = if mamba.norm {
            let norm = GatedNorm {
                rows: dim("G", mamba.groups),
                weight: mamba.width(),
                gate_first: true,
                weight_in_fp32: false,
                sigmoid: false,
            };
            self.gated_norm(tape, scanned, gate, norm)
        } else {
            let open = unary_keeping_input(tape, gate, "mixer.open gate");
            let product = multiply(tape, [scanned, open], "mixer.gated output", wide);
            tape.release(open);
            product
        };
        let output = self.mixed(tape, context, width, mamba.output_bias);
        for tensor in [context, scanned, filtered, gate, mixed, steps] {
            tape.release(tensor);
        }
        output
    }
}
