//! LitGPT's fine-tuning on one GPU: what stands, what its step makes, what the optimizer needs.

pub(crate) mod layers;
mod lora;
mod options;
pub(crate) mod release;
mod standing;

use self::layers::Gpt;
use self::release::{Release, built, scales_embedding};
use super::step::{self, always, is_from_step_before, not_in_the_first};
use super::{Framework, Job};
use crate::families::code::NormCode;
use crate::families::{Implementation, implementation};
use crate::gpu::Gpu;
use crate::layers::{Forward, Run};
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Entry, EstimateError, Ledger};
use crate::model::parameters::{BlockParameters, blocks};
use crate::model::{Architecture, Model};
use crate::scenario::{Method, Train};
use crate::states::quantized::{self, Format};
use crate::states::weights::{self, Set};
use crate::tape::Dtype;
use crate::units::Bits;

pub(crate) use lora::Lora;

/// LitGPT's scripts for one GPU.
pub(crate) struct Litgpt;

impl Framework for Litgpt {
    fn id(&self) -> &'static str {
        "litgpt"
    }

    fn switches(&self) -> &'static [&'static str] {
        Release::SWITCHES
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        Script::of(job).map(drop)
    }

    /// The ledger of a fine-tuning step of `litgpt finetune_full` or `litgpt finetune_lora`.
    fn train(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        step::ledger(&Script::of(job)?)
    }

    fn trainable(&self, job: &Job<'_>) -> Result<Vec<BlockParameters>, EstimateError> {
        let built = built_by(job)?;
        let lora = adapters(&built, &job.scenario.train)?;
        Ok(lora.map_or_else(|| blocks(&built.architecture), |lora| lora.blocks(&built.architecture)))
    }
}

/// A step of a script.
struct Script<'a> {
    job: &'a Job<'a>,
    model: Model,
    release: Release,
    lora: Option<Lora>,
}

impl<'a> Script<'a> {
    /// An error where something about it is wrong or not covered.
    fn of(job: &'a Job<'a>) -> Result<Self, EstimateError> {
        let train = &job.scenario.train;
        options::check(train)?;
        options::check_chunks(train)?;
        let model = built_by(job)?;
        Ok(Self { lora: adapters(&model, train)?, model, release: Release::of(job.profile), job })
    }

    fn train(&self) -> &Train {
        &self.job.scenario.train
    }

    fn is_quantized(&self) -> bool {
        self.train().method == Method::Qlora
    }

    /// The type of the tables of cosines and sines: they are made anew, in fp32, unless sequences are as long as the model
    /// was made for; those of a quantized model never were in another type.
    fn tables(&self) -> Dtype {
        let longest = self.train().sequence_length == self.model.architecture.max_position_embeddings;
        if longest && !self.is_quantized() { Dtype::Bf16 } else { Dtype::Fp32 }
    }
}

impl step::TrainingStep for Script<'_> {
    fn architecture(&self) -> &Architecture {
        &self.model.architecture
    }

    fn adapted(&self) -> Option<Vec<BlockParameters>> {
        self.lora.as_ref().map(|lora| lora.blocks(&self.model.architecture))
    }

    fn bits(&self) -> [Bits; 2] {
        [Bits::whole(16); 2]
    }

    fn weights(&self, model: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        let format = Format::FourBitsThroughout(self.train().double_quant);
        Ok(if self.is_quantized() {
            quantized::parameters(model, format, always())?
        } else {
            model.parameters(always())?
        })
    }

    fn beside_weights(&self, model: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        let replaced = self.is_quantized() && self.release.stable_embedding;
        Ok(if replaced { standing::stable_embedding(model, self.train())? } else { Vec::new() })
    }

    fn gradients(&self) -> Option<Alive> {
        step::accumulated(self.train())
    }

    fn optimizer(&self, trained: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        Ok(standing::optimizer_entries(trained, self.is_quantized(), self.job.profile)?)
    }

    fn record(&self) -> Forward {
        Gpt {
            run: run(&self.model, self.train()),
            release: self.release,
            quantized: self.is_quantized(),
            lora: self.lora.as_ref(),
            tables: self.tables(),
            scaled_embedding: scales_embedding(self.model.family),
        }
        .record()
    }

    fn version(&self) -> &'static str {
        self.job.profile.version
    }

    fn finish(&self, entries: &mut Vec<Entry>) -> Result<(), EstimateError> {
        let train = self.train();
        as_they_pass(entries, train);
        entries.append(&mut standing::buffers(&self.model, train, self.lora.as_ref(), self.tables())?);
        entries.append(&mut weights::batch([train.micro_batch_size, train.sequence_length], &weights::FED, always())?);
        Ok(())
    }

    fn process(&self) -> (Process, Option<&Gpu>) {
        (Process::of(self.job.scenario, false), self.job.gpu)
    }
}

/// The model as LitGPT builds it; an error where the profile names other families, or the class has no such part.
fn built_by(job: &Job<'_>) -> Result<Model, EstimateError> {
    let Job { model, profile, .. } = job;
    job.check_family("LitGPT")?;
    let architecture = built(&model.architecture, Release::of(profile))
        .map_err(|part| job.not_covered(format!("transformers, for {}: LitGPT's {part} are not", model.id)))?;
    Ok(Model { architecture, ..(*model).clone() })
}

fn adapters(model: &Model, train: &Train) -> Result<Option<Lora>, EstimateError> {
    match train.method {
        Method::Full => Ok(None),
        Method::Lora | Method::Qlora => Lora::of(model, train).map(Some),
    }
}

fn run<'a>(model: &'a Model, train: &Train) -> Run<'a> {
    // Of the Hugging Face code only PyTorch's own operations are used.
    let code = Implementation { norm: NormCode::Fused, transposed_linears: false, ..implementation(model.family) };
    Run {
        keep_outputs: true,
        keep_gradients: train.gradient_accumulation_steps > 1,
        ..Run::plain((&model.architecture, code), (train.micro_batch_size, train.sequence_length))
    }
}

/// The first micro batch of the first step finds no logits of one before.
fn as_they_pass(entries: &mut [Entry], train: &Train) {
    let accumulates = train.gradient_accumulation_steps > 1;
    entries.iter_mut().filter(|entry| is_from_step_before(entry) && !accumulates).for_each(not_in_the_first);
}
