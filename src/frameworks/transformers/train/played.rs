//! A training run as everything that it asks of an allocator.

use super::{Trained, base};
use crate::frameworks::step::TrainingStep;
use crate::layers::Run;
use crate::ledger::EstimateError;
use crate::ledger::runtime::WORKSPACE;
use crate::model::parameters::{BlockParameters, Tensor};
use crate::model::part::{Part, Piece};
use crate::scenario::Method;
use crate::sequence::{Loading, Program, Sequence, Stacks, TiedHead, as_named, check_layers};
use crate::states::adapters::Adapters;
use crate::states::optimizer;
use crate::states::weights::Set;

impl Trained<'_> {
    pub(crate) fn sequence(&self) -> Result<Sequence, EstimateError> {
        let train = self.train;
        check_layers(&self.model.architecture, 1, "trained")?;
        let record = |keep_gradients| {
            Run { every_layer: true, keep_gradients, kernels: Some(self.release.kernels(self.job.gpu)), ..self.run() }
                .record()
        };
        let run = self.run();
        let pass = record(false);
        pass.tape.check()?;
        let adds = run.keep_gradients.then(|| record(true));
        let (buffers, batch) = (self.buffers(&run)?, self.batch(&run)?);
        let trained = self.trained();
        let head = Adapters::tied_head(self.model);
        let loading = Loading {
            placement: self.placement,
            blocks: &self.blocks,
            weights: run.weights,
            format: (train.method == Method::Qlora).then(|| base(run.architecture, train)),
            saved: run.code.saved,
            saved_layer: run.code.saved_layer,
            modules: run.code.modules,
            conv1d: run.code.conv1d,
            warmup: self.release.warmup(),
            tied: TiedHead::of(&self.model.architecture, self.bits()[0])?,
            stacks: Stacks::of(&self.model.architecture, self.bits()[0])?,
            adapters: self.adapters.as_ref(),
            adapted_head: head.as_ref(),
            start: self.start(),
            gives_back: self.by_trainer(),
            reference: self.has_copy(),
            copied: trained
                .iter()
                .filter(|trained| trained.beside)
                .skip(1)
                .flat_map(|trained| &trained.blocks)
                .collect(),
            buffers: &buffers,
            batch: &batch,
        };
        let mut optimizer = Vec::new();
        for trained in trained.iter().filter(|_| !train.offload_optimizer && !train.step_in_backward) {
            let ordered: Vec<BlockParameters> = trained.blocks.iter().map(|block| in_order(block, &run)).collect();
            let how = (train.optimizer, train.optimizer_implementation);
            let set = Set { blocks: &ordered, ..trained.set(&self.model.architecture) };
            optimizer.push(optimizer::steps(&set, how, self.kernels())?);
        }
        let mut load = loading.sequence()?;
        for bytes in self.release.standing_workspaces(self.job.gpu).into_iter().filter(|bytes| *bytes > 0) {
            load.allocate(WORKSPACE, bytes);
        }
        let program = Program {
            load,
            pass: &pass,
            adds: adds.as_ref(),
            passes: train.gradient_accumulation_steps,
            keeps_outputs: run.keep_outputs,
            keeps_gradients: train.keep_gradients,
            optimizer,
        };
        Ok(program.sequence()?)
    }
}

/// A block's tensors in the order of its class.
pub(super) fn in_order(block: &BlockParameters, run: &Run<'_>) -> BlockParameters {
    let mut tensors: Vec<Tensor> = as_named(block, run.code.modules).into_iter().cloned().collect();
    // What a module has itself comes before what its own modules have.
    if run.architecture.encoder.is_some_and(|encoder| encoder.second_bias) {
        tensors.sort_by_key(|tensor| !(tensor.part == Part::Head && tensor.piece == Piece::Bias));
    }
    BlockParameters { tensors, ..block.clone() }
}
