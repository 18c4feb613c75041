//! Hugging Face Transformers: its trainer's step, and its `generate()`.

mod attention;
mod divided;
mod fed;
pub(crate) mod length;
mod release;
mod serve;
mod train;

use self::release::Release;
use self::serve::Served;
use self::train::Trained;
use super::{Framework, Job};
use crate::families::of_model;
use crate::ledger::{EstimateError, Ledger};
use crate::model::parameters::{BlockParameters, blocks};
use crate::scenario::{Method, Task};
use crate::sequence::Sequence;
use crate::states::adapters::Adapters;

/// Transformers, PEFT and bitsandbytes under PyTorch.
pub(crate) struct Transformers;

impl Framework for Transformers {
    fn id(&self) -> &'static str {
        "transformers"
    }

    fn switches(&self) -> &'static [&'static str] {
        Release::SWITCHES
    }

    fn sees(&self) -> bool {
        true
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        match job.scenario.task {
            Task::Train => trained(job, |_| Ok(())),
            Task::Infer => Served::of(job).map(drop),
        }
    }

    fn train(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        trained(job, |step| super::step::ledger(&step))
    }

    fn trainable(&self, job: &Job<'_>) -> Result<Vec<BlockParameters>, EstimateError> {
        let (model, train) = (job.model, &job.scenario.train);
        let release = Release::of(job.profile);
        let blocks = release.blocks(blocks(&model.architecture), &of_model(model));
        Ok(match train.method {
            Method::Full => train::seen_by(&blocks, model, train, job.scenario.placement()),
            Method::Lora | Method::Qlora => {
                let mut copied = train::copied_head(&blocks, model);
                let mut trained = Adapters::of(model, train, &blocks)?.of_blocks(model, blocks);
                trained.append(&mut copied);
                trained
            }
        })
    }

    fn infer(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        Served::of(job)?.with_kernels().ledger()
    }

    fn is_in_order(&self, job: &Job<'_>) -> bool {
        job.scenario.task == Task::Train || Served::of(job).is_ok_and(|served| served.is_in_order())
    }

    fn sequence(&self, job: &Job<'_>) -> Result<Option<Sequence>, EstimateError> {
        match job.scenario.task {
            Task::Train => trained(job, |step| step.sequence().map(Some)),
            Task::Infer => {
                let served = Served::of(job)?;
                if served.is_in_order() { served.sequence().map(Some) } else { Ok(None) }
            }
        }
    }

    /// For every sum of gradients a new tensor, too.
    fn tracked(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        match job.scenario.task {
            Task::Train => trained(job, |step| super::step::ledger(&step.of_tensors())),
            Task::Infer => Served::of(job)?.ledger(),
        }
    }
}

/// What is made of a training step of the model as one GPU has it.
fn trained<T>(job: &Job<'_>, make: impl FnOnce(Trained<'_>) -> Result<T, EstimateError>) -> Result<T, EstimateError> {
    match divided::of(job)? {
        None => make(Trained::of(job, None)?),
        Some((model, divided)) => make(Trained::of(&Job { model: &model, ..*job }, Some(divided))?),
    }
}
