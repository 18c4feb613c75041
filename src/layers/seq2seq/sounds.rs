//! What enters an encoder of sounds: frames of a spectrogram through two convolutions, the second of which takes every other
//! one.

use crate::layers::Run;
use crate::layers::operations::unary_keeping_input;
use crate::model::architecture::Sounds;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// Features `[b, mel, 2n]` as `[b, n, h]`, which lies channel by channel; `begins` is what a hook makes of what the first
    /// module gives.
    pub(crate) fn frames(
        &self,
        tape: &mut Tape,
        features: Tensor,
        mel_bins: u64,
        begins: impl FnOnce(&mut Tape, Tensor) -> Tensor,
    ) -> Tensor {
        let read = |channels: u64| Dim { symbol: "", size: channels.saturating_mul(Sounds::KERNEL_SIZE) };
        let twice = Dim { symbol: "2n", size: self.sequence.saturating_mul(2) };
        let first = self.patched(tape, features, (Part::PatchProjection, [read(mel_bins), self.h()], true), twice);
        let first = begins(tape, first);
        let activated = unary_keeping_input(tape, first, "activated frames");
        tape.release(first);
        let hidden = read(self.architecture.hidden_size);
        let second = self.patched(tape, activated, (Part::FrameProjection, [hidden, self.h()], true), self.s());
        tape.release(activated);
        let frames = unary_keeping_input(tape, second, "activated frames");
        tape.release(second);
        frames
    }
}
