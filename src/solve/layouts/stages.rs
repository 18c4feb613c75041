//! How layers are dealt to the stages of a pipeline.

use crate::parallel::layout::divisors;
use crate::scenario::Scenario;

/// The keys that say how layers are dealt where stages do not divide them.
pub(super) const OF_STAGES: [&str; 3] = [
    "megatron.account_for_embedding_in_pipeline_split",
    "megatron.account_for_loss_in_pipeline_split",
    "megatron.decoder_last_pipeline_num_layers",
];

/// The stages of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stages {
    /// How many there are.
    pub(super) pipeline: u64,
    /// Pieces of the model on each.
    pub(super) pieces: u64,
    /// Whether the embedding counts as a layer, and whether the loss does.
    pub(super) counted: [bool; 2],
    /// Layers of the last, where those are others than each of the rest has.
    pub(super) last: Option<u64>,
}

impl Stages {
    /// A run's own.
    pub(super) const fn own(scenario: &Scenario) -> Self {
        let (parallel, megatron) = (&scenario.parallel, &scenario.megatron);
        let counted = [megatron.account_for_embedding_in_pipeline_split, megatron.account_for_loss_in_pipeline_split];
        let last = megatron.decoder_last_pipeline_num_layers;
        Self { pipeline: parallel.pipeline, pieces: parallel.virtual_pipeline, counted, last }
    }

    /// How so many layers are dealt to so many stages: evenly, where that can be; with the loss or the embedding too in
    /// the place of a layer; else with fewer on the last. Nothing where that leaves the last none.
    pub(super) fn of(layers: u64, pipeline: u64) -> Option<Self> {
        let with = |counted, last| Self { pipeline, pieces: 1, counted, last };
        let mut evenly = [[false, false], [false, true], [true, true]].map(|counted| with(counted, None)).into_iter();
        evenly.find(|way| way.slots(layers).is_multiple_of(pipeline)).or_else(|| {
            let others = layers.div_ceil(pipeline).saturating_mul(pipeline - 1);
            let last = layers.checked_sub(others).filter(|last| *last > 0)?;
            Some(with([false; 2], Some(last)))
        })
    }

    /// Layers, and what counts as one.
    fn slots(&self, layers: u64) -> u64 {
        layers + self.counted.iter().map(|counts| u64::from(*counts)).sum::<u64>()
    }

    /// How many pieces of the model each can have: those that leave a layer or more in each.
    pub(super) fn pieces(&self, layers: u64) -> Vec<u64> {
        let slots = self.slots(layers);
        let dealt = self.pipeline > 1 && self.last.is_none() && slots.is_multiple_of(self.pipeline);
        if dealt { divisors(slots / self.pipeline) } else { vec![1] }
    }

    /// Deals the layers of a run so.
    pub(super) const fn deal(&self, run: &mut Scenario) {
        let [embedding, loss] = self.counted;
        run.megatron.account_for_embedding_in_pipeline_split = embedding;
        run.megatron.account_for_loss_in_pipeline_split = loss;
        run.megatron.decoder_last_pipeline_num_layers = self.last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_dealt_to_any_number_of_stages() {
        let dealt = |layers, pipeline| {
            let way = Stages::of(layers, pipeline).unwrap();
            (way.counted, way.last, way.pieces(layers))
        };
        assert_eq!(dealt(32, 4), ([false, false], None, vec![1, 2, 4, 8]));
        // As Llama 3 of 405B was trained: the first and the last of 16 stages have a layer less.
        assert_eq!(dealt(126, 16), ([true, true], None, vec![1, 2, 4, 8]));
        assert_eq!(dealt(61, 31), ([false, true], None, vec![1, 2]));
        // As DeepSeek-V3's recipe deals its 61 layers.
        assert_eq!(dealt(61, 16), ([false, false], Some(1), vec![1]));
        assert_eq!(Stages::of(10, 8), None);
        assert_eq!(dealt(10, 1), ([false, false], None, vec![1]));
    }
}
