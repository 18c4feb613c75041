//! A step as a wrapper of the model runs it on one of several GPUs.

use super::{Trained, always};
use crate::frameworks::step::TrainingStep;
use crate::layers::{Forward, Run};
use crate::ledger::{Alive, Category, Entry, Instant, Lifetime, Place};
use crate::model::parameters::BlockParameters;
use crate::model::part::Split;
use crate::parallel::fsdp1::Fsdp1;
use crate::parallel::fsdp2::Fsdp2;
use crate::parallel::zero::Zero;
use crate::parallel::zero3::{Partitioned, Zero3};
use crate::scenario::Strategy;
use crate::states::weights::{self, Set};
use crate::tape::Dtype;
use crate::units::Overflow;

impl Trained<'_> {
    /// The types of the model's own weights and of adapters as they stand, where a wrapper has them in others than those in
    /// which they compute.
    pub(super) fn stored(&self) -> Option<[Dtype; 2]> {
        let spread = self.spread.as_ref().filter(|spread| spread.strategy() != Strategy::Ddp)?;
        Some(spread.types().map(|types| types.stored))
    }

    /// A run in the types in which it computes.
    pub(super) fn wrapped<'r>(&'r self, run: &Run<'r>) -> Run<'r> {
        let Some(spread) = &self.spread else { return *run };
        let mut code = run.code;
        code.measured &= spread.is_measured();
        let run = &Run { code, ..*run };
        match spread.strategy() {
            // What arrives is in a bucket.
            Strategy::Ddp => {
                let keep_gradients = run.keep_gradients || spread.parallel.gradient_as_bucket_view;
                Run { keep_gradients, ..*run }
            }
            // DeepSpeed computes in the type of its weights, and no cast is automatic.
            Strategy::Deepspeed => {
                let keeps_inputs = spread.layout.zero == 3;
                Run { weights: spread.types()[0].compute, autocast: false, keeps_inputs, ..*run }
            }
            // Gradients of earlier micro batches are the wrapper's.
            Strategy::Fsdp1 | Strategy::Fsdp2 => Run { weights: spread.types()[0].compute, ..*run },
        }
    }

    /// Records a run with what wraps it.
    pub(super) fn record_run(&self, run: &Run<'_>) -> Forward {
        let Some(spread) = &self.spread else { return run.record() };
        let wrapped = Run { every_layer: true, ..*run };
        match spread.strategy() {
            Strategy::Ddp => run.record(),
            Strategy::Fsdp2 => wrapped.record_with(&mut Fsdp2::new(&self.units, spread.wrapping())),
            Strategy::Fsdp1 => {
                wrapped.record_with(&mut Fsdp1::new(&self.units, spread.wrapping(), spread.prefetches()))
            }
            Strategy::Deepspeed if spread.layout.zero == 3 => {
                let how = self.reduction(spread);
                let most = spread.parallel.stage3_max_live_parameters;
                let mut hooks = Zero3::new(self.gathered.clone(), most, spread.types()[0].compute);
                wrapped.record_reduced(&mut hooks, Box::new(Partitioned::new(how.bucket)))
            }
            Strategy::Deepspeed => {
                let zero = Zero::new(self.partitions.clone(), self.reduction(spread));
                wrapped.record_reduced(&mut (), Box::new(zero))
            }
        }
    }

    /// The buckets in which DDP reduces gradients: there from the start, of all that is trained.
    pub(super) fn buckets(&self) -> Result<Vec<Entry>, Overflow> {
        let Some(spread) = self.spread.as_ref().filter(|spread| spread.strategy() == Strategy::Ddp) else {
            return Ok(Vec::new());
        };
        let view = spread.parallel.gradient_as_bucket_view;
        let mut entries = Vec::new();
        for trained in self.trained() {
            let mut buckets = trained.set(&self.model.architecture).standing_gradients(always())?;
            for bucket in &mut buckets {
                bucket.source = "torch.nn.parallel.DistributedDataParallel of PyTorch 2.15";
                if !view {
                    bucket.category = Category::Workspace;
                    bucket.name = format!("{}, in a bucket", bucket.name).into();
                }
            }
            entries.append(&mut buckets);
        }
        Ok(entries)
    }

    /// Gradients that lie otherwise than their parameters, as the optimizer has them put: DTensor gives the embedding's
    /// whole, and those of norms as terms of a sum where GPUs divide tokens. A wrapper puts them before it reduces.
    pub(super) fn redistributed(&self, trained: &Set<'_>) -> Result<Vec<Entry>, Overflow> {
        let Some(divided) = self.divided.filter(|_| self.spread.is_none()) else { return Ok(Vec::new()) };
        let moved = |place, of_norms: bool| of_norms && divided.sequence || !of_norms && place == Place::Embedding;
        let blocks = trained.blocks.iter().cloned().map(|mut block| {
            let place = weights::place_of(&block);
            block.tensors.retain(|tensor| moved(place, tensor.part.split() == Split::Replicated));
            block
        });
        let blocks: Vec<BlockParameters> = blocks.filter(|block| !block.tensors.is_empty()).collect();
        let mut entries = Set { blocks: &blocks, ..*trained }.parameters(Alive::at([Instant::OptimizerStep]))?;
        for entry in &mut entries {
            entry.category = Category::Workspace;
            entry.lifetime = Lifetime::Transient;
            entry.name = format!("gradient of {}, put as the parameter lies", entry.name).into();
            entry.source = "the optimizer's step on DTensors of PyTorch 2.15";
        }
        Ok(entries)
    }
}
