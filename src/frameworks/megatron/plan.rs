//! What a job is made of, once it was checked: its layout, the pieces of the model on this stage, and sizes on a rank.

use std::borrow::Cow;
use std::rc::Rc;

use super::draft::{BATCH, Load, dim};
use super::drafted::Drafted;
use super::options::{Attends, Options};
use super::pieces::{self, Piece};
use super::{Job, check, options};
use crate::gpu::kernels::Kernels;
use crate::ledger::{Axis, Division, EstimateError};
use crate::model::Architecture;
use crate::parallel::Layout;
use crate::scenario::{Megatron, Precision, Train};
use crate::shape::Dim;

/// A job on one stage of its pipeline.
pub(super) struct Plan<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) layout: Layout,
    pub(super) options: Options,
    /// The pieces of the model on this stage, in the order in which tokens come to them.
    pub(super) pieces: Cow<'a, [Piece]>,
    /// What layers keep of a micro batch: the same on all stages.
    pub(super) drafted: Rc<Drafted>,
}

impl<'a> Plan<'a> {
    /// An error where something about it is wrong or not covered.
    pub(super) fn of(job: &'a Job<'a>) -> Result<Self, EstimateError> {
        let options = options::of(job)?;
        let layout = Layout::of(job.scenario)?;
        check::model(job)?;
        check::pipeline(&layout)?;
        let mut stages = pieces::of(&job.model.architecture, &layout, &job.scenario.megatron)?;
        check::layout(job, &layout, stages.first().map_or(1, Vec::len))?;
        let stage = usize::try_from(job.rank.pipeline).unwrap_or(usize::MAX).min(stages.len() - 1);
        Ok(Self { job, layout, options, pieces: Cow::Owned(stages.swap_remove(stage)), drafted: Rc::default() })
    }

    pub(super) const fn architecture(&self) -> &Architecture {
        &self.job.model.architecture
    }

    pub(super) const fn train(&self) -> &Train {
        &self.job.scenario.train
    }

    pub(super) const fn megatron(&self) -> &Megatron {
        &self.job.scenario.megatron
    }

    pub(super) fn kernels(&self) -> Kernels {
        Kernels::of(self.job.gpu)
    }

    /// The stage of the pipeline, from 0.
    pub(super) const fn stage(&self) -> u64 {
        self.job.rank.pipeline
    }

    pub(super) const fn is_first(&self) -> bool {
        self.stage() == 0
    }

    pub(super) const fn is_last(&self) -> bool {
        self.stage() + 1 == self.layout.pipeline
    }

    /// Whether layers that predict tokens beyond the next are on this stage.
    pub(super) fn predicts(&self) -> bool {
        self.pieces.iter().any(|piece| piece.predicts)
    }

    /// Micro batches of a step on a replica.
    pub(super) const fn micro_batches(&self) -> u64 {
        self.job.scenario.parallel.micro_batches
    }

    /// Whether weights and gradients are divided among replicas too, by Megatron-FSDP.
    pub(super) const fn is_fully_sharded(&self) -> bool {
        self.layout.zero == 3
    }

    /// Micro batches that a piece of the model takes in a row.
    pub(super) const fn group(&self) -> u64 {
        self.megatron().micro_batch_group(self.layout.pipeline)
    }

    pub(super) fn fp8(&self) -> bool {
        self.train().precision == Precision::Fp8Master
    }

    /// Whether layers are of Transformer Engine.
    pub(super) const fn engine(&self) -> bool {
        self.options.engine
    }

    pub(super) fn unfused(&self) -> bool {
        self.options.attends == Attends::Unfused
    }

    /// Rows of the vocabulary, padded so that every rank has the same.
    pub(super) fn vocabulary(&self) -> u64 {
        let multiple = self.megatron().make_vocab_size_divisible_by.saturating_mul(self.layout.tensor);
        self.architecture().vocab_size.div_ceil(multiple).saturating_mul(multiple)
    }

    /// Sequence, micro batch, and so many channels of each token.
    pub(super) const fn tokens(&self, channels: Dim) -> [Dim; 3] {
        [dim("s", self.train().sequence_length), dim(BATCH, self.train().micro_batch_size), channels]
    }

    /// The residual stream.
    pub(super) const fn stream(&self) -> [Dim; 3] {
        self.tokens(dim("h", self.architecture().hidden_size))
    }

    /// What is divided by heads or channels between two products.
    pub(super) fn by_channels(&self) -> Division {
        Division::NONE.over(Axis::Context, self.layout.context).over(Axis::Tensor, self.layout.tensor)
    }

    /// What stands outside such a pair: by tokens, with sequence parallelism.
    pub(super) fn by_tokens(&self) -> Division {
        let tensor = if self.layout.sequence { self.layout.tensor } else { 1 };
        Division::NONE.over(Axis::Context, self.layout.context).over(Axis::Tensor, tensor)
    }

    /// What every tensor-parallel rank has of all its tokens.
    pub(super) fn gathered(&self) -> Division {
        Division::NONE.over(Axis::Context, self.layout.context)
    }

    /// Attention scores: some heads of some queries, all keys.
    pub(super) const fn scores(&self, heads: u64) -> [Dim; 4] {
        let (length, batch) = (self.train().sequence_length, self.train().micro_batch_size);
        [dim(BATCH, batch), dim("a", heads), dim("s", length), dim("s", length)]
    }

    /// How unequally tokens come to a rank's experts.
    pub(super) fn load(&self) -> Load {
        if let Some(percent) = self.options.capacity_percent {
            return Load::between(percent, percent, percent);
        }
        if self.layout.expert == 1 || self.options.balanced {
            return Load::EVEN;
        }
        // One rank may hold a whole group of experts that many tokens choose.
        Load::between(100, 120, 180)
    }
}
