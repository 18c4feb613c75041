//! LitGPT's fine-tuning on one GPU: what stands, what its step makes, what the optimizer needs.

pub(crate) mod layers;
mod lora;
mod options;
pub(crate) mod release;
mod standing;

use self::layers::LitGpt;
use self::release::{Release, built, scales_embedding};
use super::step::{always, close, is_from_step_before, not_in_the_first, positions, standing as standing_at};
use crate::framework::transformers::NormCode;
use crate::framework::{Implementation, implementation};
use crate::gpu::Gpu;
use crate::layers::Run;
use crate::ledger::runtime::Process;
use crate::ledger::{Entry, EstimateError, Ledger};
use crate::model::Model;
use crate::model::parameters::{BlockParameters, alike, blocks};
use crate::scenario::profile::Profile;
use crate::scenario::{Loss, Method, Scenario, Train};
use crate::states::quantized::{self, Format};
use crate::states::weights::{self, Set};
use crate::tape::timeline::Timeline;
use crate::tape::{Dtype, recorded};
use crate::units::Bits;

pub(crate) use lora::Lora;

/// The ledger of a fine-tuning step of `litgpt finetune_full` or `litgpt finetune_lora`.
pub(crate) fn ledger(
    model: &Model,
    scenario: &Scenario,
    profile: &Profile,
    gpu: Option<&Gpu>,
) -> Result<Ledger, EstimateError> {
    let train = &scenario.train;
    let release = release(profile)?;
    options::check(train)?;
    options::check_chunks(train)?;
    let built = built_by(model, profile)?;
    let model = &built;
    let lora = adapters(model, train)?;
    let architecture = &model.architecture;
    let quantized = train.method == Method::Qlora;
    // The tables are made anew, in fp32, unless sequences are as long as the model was made for; those of a quantized
    // model never were in another type.
    let narrow = !quantized && train.sequence_length == architecture.max_position_embeddings;
    let tables = if narrow { Dtype::Bf16 } else { Dtype::Fp32 };
    let step = LitGpt {
        run: run(model, train),
        release,
        quantized,
        lora: lora.as_ref(),
        tables,
        scaled_embedding: scales_embedding(model.family),
    };
    let recording = step.record();
    let timeline = Timeline::read(&recording)?;
    let positions = positions(&recording, &timeline);
    let bits = Bits::whole(16);
    let all = alike(blocks(architecture));
    let adapted = lora.as_ref().map(|lora| alike(lora.blocks(architecture)));
    let model_set = Set { architecture, blocks: &all, bits };
    let trained = Set { architecture, blocks: adapted.as_deref().unwrap_or(&all), bits };
    let mut entries = if quantized {
        quantized::parameters(&model_set, Format::FourBitsThroughout(train.double_quant), always())?
    } else {
        model_set.parameters(always())?
    };
    if lora.is_some() {
        entries.append(&mut trained.parameters(always())?);
    }
    if quantized && release.stable_embedding {
        entries.append(&mut standing::stable_embedding(&model_set, train)?);
    }
    if train.gradient_accumulation_steps > 1 {
        entries.append(&mut trained.standing_gradients(standing_at(train))?);
    }
    entries.append(&mut standing::optimizer_entries(&trained, quantized, profile)?);
    recorded::post(&mut entries, &recording, &timeline, &positions)?;
    recorded::in_version(&mut entries, profile.version);
    as_they_pass(&mut entries, train);
    entries.append(&mut standing::buffers(model, train, lora.as_ref(), tables)?);
    entries.append(&mut weights::batch([train.micro_batch_size, train.sequence_length], false, always())?);
    close(entries, (Process::of(scenario, false), gpu), &recording, &timeline, &positions)
}

/// The tensors that a run's optimizer steps.
pub(crate) fn trained(
    model: &Model,
    scenario: &Scenario,
    profile: &Profile,
) -> Result<Vec<BlockParameters>, EstimateError> {
    let built = built_by(model, profile)?;
    let lora = adapters(&built, &scenario.train)?;
    Ok(lora.map_or_else(|| blocks(&built.architecture), |lora| lora.blocks(&built.architecture)))
}

/// The model as LitGPT builds it; an error where the profile names other families, or the class has no such part.
fn built_by(model: &Model, profile: &Profile) -> Result<Model, EstimateError> {
    let not_covered = |covered: String| EstimateError::framework(&profile.id, covered);
    if !profile.families.iter().any(|id| id == model.family.id) {
        let families = profile.families.join(", ");
        return Err(not_covered(format!("transformers, for {}; LitGPT for {families}", model.family.id)));
    }
    let architecture = built(&model.architecture, release(profile)?)
        .map_err(|part| not_covered(format!("transformers, for {}: LitGPT's {part} are not", model.id)))?;
    Ok(Model { architecture, ..model.clone() })
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
        architecture: &model.architecture,
        code,
        batch: train.micro_batch_size,
        sequence: train.sequence_length,
        weights: Dtype::Bf16,
        autocast: false,
        fused_attention: true,
        padding: false,
        dropout: [false; 3],
        checkpointed_layers: 0,
        loss: true,
        keep_outputs: true,
        keep_gradients: train.gradient_accumulation_steps > 1,
        graph: true,
        adapters: None,
        loss_kind: Loss::Eager,
        loss_chunks: 0,
        base: None,
        generation: None,
        every_layer: false,
        kernels: None,
    }
}

/// The first micro batch of the first step finds no logits of one before.
fn as_they_pass(entries: &mut [Entry], train: &Train) {
    let accumulates = train.gradient_accumulation_steps > 1;
    entries.iter_mut().filter(|entry| is_from_step_before(entry) && !accumulates).for_each(not_in_the_first);
}

fn release(profile: &Profile) -> Result<Release, EstimateError> {
    Release::of(&profile.id).ok_or_else(|| {
        let covered = String::from("litgpt, litgpt-0.4");
        EstimateError::NotCovered { key: "framework", value: profile.id.clone(), covered }
    })
}
