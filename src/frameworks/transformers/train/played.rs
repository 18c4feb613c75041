//! A training run as everything that it asks of an allocator.

use super::{Trained, base};
use crate::frameworks::step;
use crate::gpu::kernels::Kernels;
use crate::layers::Run;
use crate::ledger::EstimateError;
use crate::model::parameters::BlockParameters;
use crate::scenario::Method;
use crate::sequence::{Loading, Program, Sequence, TiedHead, as_named, check_layers};
use crate::states::optimizer;

impl Trained<'_> {
    pub(crate) fn sequence(&self) -> Result<Sequence, EstimateError> {
        let train = self.train;
        check_layers(&self.model.architecture, 1, "trained")?;
        let record = |keep_gradients| {
            Run { every_layer: true, keep_gradients, kernels: Some(Kernels::of(self.job.gpu)), ..self.run() }.record()
        };
        let run = self.run();
        let pass = record(false);
        pass.tape.check()?;
        let adds = run.keep_gradients.then(|| record(true));
        let [model_set, trained] = step::sets(self, &self.blocks, self.adapted.as_deref());
        let (buffers, batch) = (self.buffers(&run)?, self.batch(&run)?);
        let ordered: Vec<BlockParameters> = trained.blocks.iter().map(|block| in_order(block, &run)).collect();
        let loading = Loading {
            placement: self.placement,
            blocks: &self.blocks,
            weights: run.weights,
            format: (train.method == Method::Qlora).then(|| base(train)),
            saved: run.code.saved,
            saved_layer: run.code.saved_layer,
            modules: run.code.modules,
            conv1d: run.code.conv1d,
            tied: TiedHead::of(&self.model.architecture, model_set.bits)?,
            adapters: self.adapters.as_ref(),
            buffers: &buffers,
            batch: &batch,
        };
        let optimizer = if train.offload_optimizer || train.step_in_backward {
            Vec::new()
        } else {
            optimizer::stepped(&ordered, trained.bits, train.optimizer, train.optimizer_implementation)?
        };
        let program = Program {
            load: loading.sequence()?,
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
fn in_order(block: &BlockParameters, run: &Run<'_>) -> BlockParameters {
    let tensors = as_named(block, run.code.modules).into_iter().cloned().collect();
    BlockParameters { tensors, ..block.clone() }
}
