//! Generation as everything that it asks of an allocator.

use super::Served;
use crate::gpu::kernels::Kernels;
use crate::layers::Run;
use crate::ledger::EstimateError;
use crate::model::parameters::blocks;
use crate::sequence::{Loading, Sequence, TiedHead, Warmup, check_layers};
use crate::states::weights;
use crate::units::Bits;

/// The first steps after a prompt, each of which may find what was left otherwise.
const FIRST: u64 = 3;

impl Served<'_> {
    pub(crate) fn sequence(&self) -> Result<Sequence, EstimateError> {
        let buffers = self.buffers(super::always())?;
        let blocks = blocks(&self.model.architecture);
        let encodes = self.model.architecture.encoder.is_some();
        let tokens = if encodes { self.infer.context_length } else { self.prompt };
        let run = self.run([self.infer.concurrency, tokens]);
        // Ids and the mask; a loop that generates makes them itself.
        let batch = if encodes {
            weights::batch([run.batch, run.sequence], &weights::FED, super::always())?
        } else {
            self.pixels()?
        };
        let loading = Loading {
            placement: self.placement,
            blocks: &blocks,
            weights: run.weights,
            format: self.stored.format(),
            saved: run.code.saved,
            saved_layer: run.code.saved_layer,
            modules: run.code.modules,
            conv1d: run.code.conv1d,
            tied: TiedHead::of(&self.model.architecture, Bits::whole(run.weights.bits()))?,
            warmup: Warmup::All,
            stacks: None,
            start: None,
            gives_back: false,
            reference: false,
            copied: Vec::new(),
            adapters: None,
            adapted_head: None,
            buffers: &buffers,
            batch: &batch,
        };
        let (passes, steps) =
            if encodes { Default::default() } else { (self.passes(), steps(self.prompt, self.infer.context_length)) };
        check_layers(&self.model.architecture, passes.len() + steps.len(), "served")?;
        let run = Run { every_layer: true, kernels: Some(Kernels::of(self.job.gpu)), ..run };
        let mut sequence = loading.sequence()?;
        let tape = if encodes { run.record().tape } else { run.generate(&passes, &steps) };
        tape.check()?;
        sequence.follow(&tape);
        sequence.check()?;
        Ok(sequence)
    }

    /// The most tokens of a prompt in one pass.
    pub(crate) fn chunk(&self) -> u64 {
        self.infer.prefill_chunk_size.map_or(self.prompt, |chunk| chunk.clamp(1, self.prompt))
    }

    /// The passes that read the prompt.
    pub(crate) fn passes(&self) -> Vec<[u64; 2]> {
        passes(self.prompt, self.chunk())
    }
}

/// The passes that read a prompt, each of so many tokens after so many others. Of very many some, as far from each other,
/// and the last two.
fn passes(prompt: u64, chunk: u64) -> Vec<[u64; 2]> {
    const MOST: u64 = 64;
    let all = prompt.div_ceil(chunk);
    let last = all.saturating_sub(2);
    let apart = usize::try_from(all.div_ceil(MOST)).unwrap_or(usize::MAX);
    let some = (0..last).step_by(apart.max(1)).chain(last..all);
    some.map(|pass| [pass * chunk, chunk.min(prompt - pass * chunk)]).collect()
}

/// The lengths of a cache after the steps that are played: sizes grow by the same amount from step to step, so that those
/// at the beginning, some that lie ever further apart, and the last two are enough.
fn steps(prompt: u64, all: u64) -> Vec<u64> {
    let last = all.saturating_sub(prompt);
    let apart = (3..63).map(|power| 1 << power).take_while(|step| *step < last);
    let mut steps: Vec<u64> = (1..=FIRST).chain(apart).chain([last.saturating_sub(1), last]).collect();
    steps.retain(|step| (1..=last).contains(step));
    steps.sort_unstable();
    steps.dedup();
    steps.into_iter().map(|step| prompt + step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_read_to_its_end() {
        assert_eq!(passes(100, 100), [[0, 100]]);
        assert_eq!(passes(100, 60), [[0, 60], [60, 40]]);
        assert_eq!(passes(7, 2), [[0, 2], [2, 2], [4, 2], [6, 1]]);
        let many = passes(1 << 32, 1);
        assert!(many.len() <= 66 && many.first() == Some(&[0, 1]));
        assert_eq!(many.last_chunk(), Some(&[[(1 << 32) - 2, 1], [(1 << 32) - 1, 1]]));
    }

    #[test]
    fn the_first_steps_and_the_last_are_played() {
        assert_eq!(steps(100, 100), [] as [u64; 0]);
        assert_eq!(steps(100, 101), [101]);
        assert_eq!(steps(100, 104), [101, 102, 103, 104]);
        assert_eq!(steps(10, 60), [11, 12, 13, 18, 26, 42, 59, 60]);
    }
}
