//! A training run as everything that it asks of an allocator.

use super::order::in_order;
use super::{Trained, base, deepspeed};
use crate::frameworks::step::{TrainingStep, always};
use crate::layers::Run;
use crate::ledger::runtime::WORKSPACE;
use crate::ledger::{Entry, EstimateError};
use crate::model::parameters::BlockParameters;
use crate::scenario::Method;
use crate::sequence::{Loading, Program, Sequence, Stacks, TiedHead, check_layers};
use crate::states::adapters::Adapters;
use crate::states::optimizer::{self, Steps};
use crate::states::weights::Set;
use crate::units::{Bits, Overflow};

impl Trained<'_> {
    pub(crate) fn sequence(&self) -> Result<Sequence, EstimateError> {
        let train = self.train;
        check_layers(&self.model.architecture, 1, "trained")?;
        if self.spread.is_some() {
            return self.spread_sequence();
        }
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
        let optimizer = self.optimizer_steps()?;
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

impl Trained<'_> {
    /// What the optimizer makes in a step, of what this GPU has.
    fn optimizer_steps(&self) -> Result<Vec<Steps>, Overflow> {
        let (train, run) = (self.train, self.run());
        if train.offload_optimizer || train.step_in_backward || self.spread.is_some_and(|it| it.offloads_states()) {
            return Ok(Vec::new());
        }
        let [_, shards] = self.shards();
        let local = |block: &BlockParameters| shards.local_block(&in_order(block, &run));
        let mut optimizer = Vec::new();
        for trained in self.trained() {
            let blocks = trained.blocks.iter().map(local).collect::<Result<Vec<_>, Overflow>>()?;
            let how = (train.optimizer, train.optimizer_implementation);
            let mut set = Set { blocks: &blocks, ..trained.set(&self.model.architecture) };
            if self.zero().is_some() {
                (set.bits, set.copies) = (Bits::whole(32), Bits::whole(32));
            }
            let steps = optimizer::steps(&set, how, self.kernels())?;
            optimizer.push(match self.zero() {
                Some(spread) => self.acts_of_zero(spread, steps)?,
                None => steps,
            });
        }
        Ok(optimizer)
    }

    /// The same on one of several GPUs. How shards came to the card is not played: they are there.
    fn spread_sequence(&self) -> Result<Sequence, EstimateError> {
        let (train, run) = (self.train, self.run());
        let kernels = Some(self.release.kernels(self.job.gpu));
        let pass = self.record_run(&Run { every_layer: true, kernels, ..run });
        pass.tape.check()?;
        let mut load = Sequence::standing(&self.standing()?);
        for bytes in self.release.standing_workspaces(self.job.gpu).into_iter().filter(|bytes| *bytes > 0) {
            load.allocate(WORKSPACE, bytes);
        }
        let program = Program {
            load,
            pass: &pass,
            adds: None,
            passes: 1,
            keeps_outputs: run.keep_outputs,
            keeps_gradients: train.keep_gradients,
            optimizer: self.optimizer_steps()?,
        };
        Ok(program.sequence()?)
    }

    /// What stands of a model on one of several GPUs before its first step.
    fn standing(&self) -> Result<Vec<Entry>, EstimateError> {
        let (architecture, run, train) = (&self.model.architecture, self.run(), self.train);
        let ([own, _], [weights, _]) = (self.bits(), self.shards());
        let blocks: Vec<BlockParameters> = self.blocks.iter().map(|block| in_order(block, &run)).collect();
        let model = Set { architecture, blocks: &blocks, bits: own, copies: own, shards: weights };
        let mut entries = self.weights(&model)?;
        for trained in self.trained().iter().filter(|trained| trained.beside) {
            entries.append(&mut Set { shards: weights, ..trained.set(architecture) }.parameters(always())?);
        }
        entries.append(&mut self.beside_weights(&model)?);
        if let Some(alive) = self.gradients() {
            for trained in self.trained() {
                entries.append(&mut trained.set(architecture).standing_gradients(alive)?);
            }
        }
        entries.append(&mut self.buckets()?);
        if let Some(spread) = self.zero() {
            entries.extend(self.offloaded_gradient(spread)?);
            entries.append(&mut self.standing_of_zero3(spread)?);
            if !train.offload_optimizer {
                for trained in self.trained() {
                    let set = trained.set(architecture);
                    entries.append(&mut deepspeed::master_weights(&Set { shards: self.shards()[1], ..set })?);
                }
            }
        }
        entries.append(&mut self.buffers(&run)?);
        entries.append(&mut self.batch(&run)?);
        Ok(entries)
    }
}
