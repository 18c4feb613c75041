//! torchtune's fine-tuning on one GPU: what stands, what its step makes, what the optimizer needs.

pub(crate) mod layers;
mod options;
pub(crate) mod release;
mod standing;

use self::release::{Parts, Release, built};
use super::step::{self, is_from_step_before, not_in_the_first};
use super::{Framework, Job};
use crate::families::code::NormCode;
use crate::families::{Implementation, implementation};
use crate::gpu::Gpu;
use crate::layers::{Forward, Run};
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Entry, EstimateError, Ledger};
use crate::model::family::NormKind;
use crate::model::parameters::{BlockParameters, blocks};
use crate::model::{Architecture, Model};
use crate::scenario::{Method, Recompute, Train};
use crate::states::adapters::Adapters;
use crate::states::weights::Set;
use crate::units::Bits;

/// torchtune's recipes for one GPU.
pub(crate) struct Torchtune;

impl Framework for Torchtune {
    fn id(&self) -> &'static str {
        "torchtune"
    }

    fn switches(&self) -> &'static [&'static str] {
        Release::SWITCHES
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        Recipe::of(job).map(drop)
    }

    /// The ledger of a step of `tune run full_finetune_single_device` or `lora_finetune_single_device`.
    fn train(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        step::ledger(&Recipe::of(job)?)
    }

    fn trainable(&self, job: &Job<'_>) -> Result<Vec<BlockParameters>, EstimateError> {
        let (built, _) = built_by(job)?;
        let adapters = adapters(&built, &job.scenario.train)?;
        Ok(adapters.map_or_else(|| blocks(&built.architecture), |adapters| adapters.blocks(&built)))
    }
}

/// A step of a recipe.
struct Recipe<'a> {
    job: &'a Job<'a>,
    model: Model,
    parts: Parts,
    adapters: Option<Adapters>,
}

impl<'a> Recipe<'a> {
    /// An error where something about it is wrong or not covered.
    fn of(job: &'a Job<'a>) -> Result<Self, EstimateError> {
        let train = &job.scenario.train;
        let (model, parts) = built_by(job)?;
        options::check(&model.architecture, train)?;
        options::check_length(&model.architecture, train)?;
        options::check_chunks(train)?;
        Ok(Self { adapters: adapters(&model, train)?, model, parts, job })
    }

    fn train(&self) -> &Train {
        &self.job.scenario.train
    }
}

impl step::TrainingStep for Recipe<'_> {
    fn architecture(&self) -> &Architecture {
        &self.model.architecture
    }

    fn adapted(&self) -> Option<Vec<BlockParameters>> {
        self.adapters.as_ref().map(|adapters| adapters.blocks(&self.model))
    }

    fn bits(&self) -> [Bits; 2] {
        [Bits::whole(16); 2]
    }

    fn gradients(&self) -> Option<Alive> {
        step::accumulated(self.train())
    }

    fn optimizer(&self, trained: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        Ok(standing::optimizer_entries(trained, self.train())?)
    }

    fn record(&self) -> Forward {
        let (run, release) = (run(&self.model, self.train(), self.adapters.as_ref()), Release::of(self.job.profile));
        layers::TransformerDecoder {
            run,
            parts: self.parts,
            release,
            steps_in_place: standing::steps_in_place(self.train()),
        }
        .record()
    }

    fn version(&self) -> &'static str {
        self.job.profile.version
    }

    fn finish(&self, entries: &mut Vec<Entry>) -> Result<(), EstimateError> {
        entries.iter_mut().filter(|entry| is_from_step_before(entry)).for_each(not_in_the_first);
        let in_layers = Release::of(self.job.profile).tables_in_layers(self.parts, self.adapters.is_some());
        let batch = self.train().micro_batch_size;
        entries.append(&mut standing::buffers(&self.model.architecture, self.parts, in_layers, batch)?);
        Ok(())
    }

    fn process(&self) -> (Process, Option<&Gpu>) {
        (Process::of(self.job.scenario, false), self.job.gpu)
    }
}

/// The model as torchtune builds it; an error where the profile names other families, or no builder has such a part.
fn built_by(job: &Job<'_>) -> Result<(Model, Parts), EstimateError> {
    let model = job.model;
    job.check_family("torchtune")?;
    let parts = Parts::of(model.family, &model.architecture)
        .ok_or_else(|| job.not_covered(format!("transformers, for {}: torchtune has no builder", model.family.id)))?;
    let architecture = built(model.family, &model.architecture)
        .map_err(|part| job.not_covered(format!("transformers, for {}: torchtune's {part} are not", model.id)))?;
    Ok((Model { architecture, ..model.clone() }, parts))
}

fn adapters(model: &Model, train: &Train) -> Result<Option<Adapters>, EstimateError> {
    match train.method {
        Method::Full => Ok(None),
        Method::Lora | Method::Qlora => Adapters::of_torchtune(model, train).map(Some),
    }
}

fn run<'a>(model: &'a Model, train: &Train, adapters: Option<&'a Adapters>) -> Run<'a> {
    let architecture = &model.architecture;
    // Of the Hugging Face code only the feed-forward network and Gemma's norm are the same.
    let norm = if architecture.norm == NormKind::GemmaRms { NormCode::OnePlusWeight } else { NormCode::Fused };
    let code = Implementation { norm, transposed_linears: false, ..implementation(model.family) };
    let checkpoints = train.recompute == Recompute::Full;
    Run {
        padding: train.padding,
        checkpointed_layers: if checkpoints { architecture.num_hidden_layers() } else { 0 },
        keep_gradients: train.gradient_accumulation_steps > 1,
        adapters,
        loss_kind: train.loss,
        loss_chunks: train.loss_chunks,
        ..Run::plain((architecture, code), (train.micro_batch_size, train.sequence_length))
    }
}
