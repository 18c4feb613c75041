//! Mamba-1, by the kernels of mamba-ssm.

use super::{Kernel, compute_fused, contiguous, dim};
use crate::layers::Run;
use crate::layers::norm::names;
use crate::layers::operations::{cast, copy, fresh, unary_keeping_output};
use crate::model::part::{Part, Piece};
use crate::model::recurrent::{Mamba, StateNorms};
use crate::tape::{Dtype, Tape, Tensor};

/// Tokens after which the scan keeps its state.
const SCAN: u64 = 2048;

impl Run<'_> {
    pub(crate) fn mamba(&self, tape: &mut Tape, input: Tensor, mamba: &Mamba) -> Tensor {
        let both = dim("2D", 2 * mamba.width);
        let names = (Part::MixerInput, "mixer.input projection");
        let projected = self.projected(tape, input, names, [self.h(), both], mamba.bias);
        let output = if self.graph && mamba.norms != StateNorms::Weighted {
            self.mamba_in_one_kernel(tape, projected, mamba)
        } else {
            self.mamba_in_steps(tape, projected, mamba)
        };
        tape.release(projected);
        output
    }

    /// `-exp(rate)` in fp32, one value for each state of a channel.
    fn state_decay(&self, tape: &mut Tape, mamba: &Mamba) -> Tensor {
        let shape = tape.shape(&[dim("D", mamba.width), dim("N", mamba.state)]);
        let rate = tape.parameter(Part::DecayRate.name(Piece::Whole), shape, self.weights);
        let wide = cast(tape, rate, Dtype::Fp32, "mixer.decay rate in fp32");
        let exponential = unary_keeping_output(tape, wide, "mixer.exponential of decay rate");
        tape.release(wide);
        let decay = fresh(tape, exponential, "mixer.decay", exponential.shape);
        tape.release(exponential);
        decay
    }

    /// `[b, D, scans, 2N]`: states between parts of a scan.
    fn scan_states(&self, tape: &mut Tape, mamba: &Mamba) -> u16 {
        let scans = dim("s/2048", self.sequence.div_ceil(SCAN));
        tape.shape(&[self.b(), dim("D", mamba.width), scans, dim("2N", 2 * mamba.state)])
    }

    /// The matrix of the time steps and its bias, which is added inside the scan.
    fn time_step(&self, tape: &mut Tape, mamba: &Mamba) -> [Tensor; 2] {
        let matrix = self.matrix(tape, Part::TimeStep, dim("R", mamba.rank), dim("D", mamba.width));
        [matrix.weight, self.vector(tape, "mixer.time step.bias", mamba.width)]
    }

    /// Training without weighted norms: everything from the convolution to the projection out is one kernel.
    fn mamba_in_one_kernel(&self, tape: &mut Tape, projected: Tensor, mamba: &Mamba) -> Tensor {
        let (width, state) = (dim("D", mamba.width), dim("N", mamba.state));
        let selection = dim("(R+2N)", mamba.rank + 2 * mamba.state);
        let decay = self.state_decay(tape, mamba);
        let mut inputs = vec![projected, decay];
        inputs.append(&mut self.filters(tape, width, mamba.kernel, mamba.convolution_bias));
        inputs.push(self.matrix(tape, Part::StateProjection, width, selection).weight);
        inputs.extend(self.time_step(tape, mamba));
        inputs.push(self.vector(tape, "mixer.skip weight", mamba.width));
        let matrix = self.weights(tape, Part::MixerOutput, width, self.h(), mamba.bias);
        inputs.push(matrix.weight);
        inputs.extend(matrix.bias);
        let [wide, selected, each, hidden] =
            [width, selection, state, self.h()].map(|channels| self.stream(tape, channels));
        let states = self.scan_states(tape, mamba);
        let dtype = projected.dtype;
        let kernel = Kernel {
            inputs: &inputs,
            keeps: &[projected, decay],
            makes: &[
                ("mixer.state projection", selected, dtype),
                ("mixer.state input", each, dtype),
                ("mixer.state output", each, dtype),
                ("mixer.states of each scan", states, Dtype::Fp32),
                ("mixer.scanned", wide, dtype),
            ],
            transient: &[
                ("mixer.convolved", wide, dtype),
                ("mixer.time steps", wide, dtype),
                ("mixer.gated output", wide, dtype),
            ],
            // The convolution's output and the time steps, both in 16 bits.
            again: wide,
            keeps_output: false,
        };
        let output = compute_fused(tape, &kernel, "mixer.output", hidden, self.compute());
        tape.release(decay);
        output
    }

    /// Weighted norms between the steps, or a cache that needs what lies between them.
    fn mamba_in_steps(&self, tape: &mut Tape, projected: Tensor, mamba: &Mamba) -> Tensor {
        let (width, rank, state) = (dim("D", mamba.width), dim("R", mamba.rank), dim("N", mamba.state));
        let selection = dim("(R+2N)", mamba.rank + 2 * mamba.state);
        let [wide, low, each] = [width, rank, state].map(|channels| self.stream(tape, channels));
        let decay = self.state_decay(tape, mamba);
        let [mixed, gate] = tape.split(projected, [wide, wide]);
        let filtered = self.convolved(tape, mixed, width, mamba.kernel, mamba.convolution_bias);
        tape.release(mixed);
        let names = (Part::StateProjection, "mixer.state projection");
        let selected = self.projected(tape, filtered, names, [width, selection], false);
        let parts = tape.split(selected, [low, each, each]);
        let [steps, into, out] = self.normed_states(tape, parts, mamba, [rank, state]);
        let [matrix, bias] = self.time_step(tape, mamba);
        let steps = self.unbiased(tape, steps, matrix, wide);
        let skip = self.vector(tape, "mixer.skip weight", mamba.width);
        let read = [
            contiguous(tape, filtered, "mixer.convolved, contiguous", wide),
            contiguous(tape, gate, "mixer.gate, contiguous", wide),
            contiguous(tape, into, "mixer.state input, contiguous", each),
            contiguous(tape, out, "mixer.state output, contiguous", each),
        ];
        let states = self.scan_states(tape, mamba);
        let inputs = [read[0], steps, decay, read[2], read[3], skip, read[1], bias];
        let kernel = Kernel {
            inputs: &inputs,
            keeps: &[read[0], steps, decay, read[2], read[3], read[1]],
            makes: &[("mixer.scanned", wide, projected.dtype), ("mixer.states of each scan", states, Dtype::Fp32)],
            transient: &[],
            again: states,
            keeps_output: false,
        };
        let scanned = compute_fused(tape, &kernel, "mixer.gated output", wide, projected.dtype);
        let context = copy(tape, scanned, "mixer.gated output by token", wide);
        let output = self.mixed(tape, context, width, mamba.bias);
        let held = [context, scanned, steps, into, out, selected, filtered, gate, decay];
        for tensor in held.into_iter().chain(read) {
            tape.release(tensor);
        }
        output
    }

    /// Time steps and both projections of the state after their norms; lets go of what they were.
    fn normed_states(
        &self,
        tape: &mut Tape,
        parts: [Tensor; 3],
        mamba: &Mamba,
        [rank, state]: [super::Dim; 2],
    ) -> [Tensor; 3] {
        if mamba.norms == StateNorms::None {
            return parts;
        }
        let leading = [self.b(), self.s()];
        let normed = if mamba.norms == StateNorms::Weighted {
            [
                self.norm(tape, parts[0], &leading, rank, names!("mixer.time step norm")),
                self.norm(tape, parts[1], &leading, state, names!("mixer.state input norm")),
                self.norm(tape, parts[2], &leading, state, names!("mixer.state output norm")),
            ]
        } else {
            parts.map(|part| fresh(tape, part, "mixer.normed state projection", part.shape))
        };
        for part in parts {
            tape.release(part);
        }
        normed
    }

    /// Time steps of every channel, whose bias is added inside the scan.
    fn unbiased(&self, tape: &mut Tape, steps: Tensor, matrix: Tensor, wide: u16) -> Tensor {
        let operation = super::Operation {
            rule: super::Rule::Each,
            inputs: &[matrix, steps],
            keeps: &[steps, matrix],
            extras: &[],
            keeps_output: false,
        };
        let output = tape.apply(&operation, "mixer.time steps", wide, self.compute());
        tape.release(steps);
        output
    }
}
