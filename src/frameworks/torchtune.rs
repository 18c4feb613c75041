//! torchtune's fine-tuning on one GPU: what stands, what its step makes, what the optimizer needs.

pub(crate) mod layers;
mod options;
pub(crate) mod release;
mod standing;

use self::layers::Torchtune;
use self::release::{Parts, Release, built};
use super::step::{always, close, is_from_step_before, not_in_the_first, positions, standing as standing_at};
use crate::framework::transformers::NormCode;
use crate::framework::{Implementation, implementation};
use crate::gpu::Gpu;
use crate::layers::Run;
use crate::ledger::runtime::Process;
use crate::ledger::{EstimateError, Ledger};
use crate::model::Model;
use crate::model::family::NormKind;
use crate::model::parameters::{BlockParameters, alike, blocks};
use crate::scenario::profile::Profile;
use crate::scenario::{Method, Recompute, Scenario, Train};
use crate::states::adapters::Adapters;
use crate::states::weights::Set;
use crate::tape::timeline::Timeline;
use crate::tape::{Dtype, recorded};
use crate::units::Bits;

/// The ledger of a step of `tune run full_finetune_single_device` or `lora_finetune_single_device`.
pub(crate) fn ledger(
    model: &Model,
    scenario: &Scenario,
    profile: &Profile,
    gpu: Option<&Gpu>,
) -> Result<Ledger, EstimateError> {
    let train = &scenario.train;
    let (model, parts) = &built_by(model, profile)?;
    options::check(&model.architecture, train)?;
    options::check_length(&model.architecture, train)?;
    options::check_chunks(train)?;
    let adapters = adapters(model, train)?;
    let architecture = &model.architecture;
    let step = Torchtune {
        run: run(model, train, adapters.as_ref()),
        parts: *parts,
        release: release(profile)?,
        steps_in_place: standing::steps_in_place(train),
    };
    let recording = step.record();
    let timeline = Timeline::read(&recording)?;
    let positions = positions(&recording, &timeline);
    let bits = Bits::whole(16);
    let all = alike(blocks(architecture));
    let adapted = adapters.as_ref().map(|adapters| alike(adapters.blocks(model)));
    let model_set = Set { architecture, blocks: &all, bits };
    let trained = Set { architecture, blocks: adapted.as_deref().unwrap_or(&all), bits };
    let mut entries = model_set.parameters(always())?;
    if adapters.is_some() {
        entries.append(&mut trained.parameters(always())?);
    }
    if train.gradient_accumulation_steps > 1 {
        entries.append(&mut trained.standing_gradients(standing_at(train))?);
    }
    entries.append(&mut standing::optimizer_entries(&trained, train)?);
    recorded::post(&mut entries, &recording, &timeline, &positions)?;
    recorded::in_version(&mut entries, profile.version);
    entries.iter_mut().filter(|entry| is_from_step_before(entry)).for_each(not_in_the_first);
    let in_layers = step.release.tables_in_layers(*parts, adapters.is_some());
    entries.append(&mut standing::buffers(architecture, *parts, in_layers, train.micro_batch_size)?);
    close(entries, (Process::of(scenario, false), gpu), &recording, &timeline, &positions)
}

/// The tensors that a run's optimizer steps.
pub(crate) fn trained(
    model: &Model,
    scenario: &Scenario,
    profile: &Profile,
) -> Result<Vec<BlockParameters>, EstimateError> {
    let (built, _) = built_by(model, profile)?;
    let adapters = adapters(&built, &scenario.train)?;
    Ok(adapters.map_or_else(|| blocks(&built.architecture), |adapters| adapters.blocks(&built)))
}

/// The model as torchtune builds it; an error where the profile names other families, or no builder has such a part.
fn built_by(model: &Model, profile: &Profile) -> Result<(Model, Parts), EstimateError> {
    let not_covered = |covered: String| EstimateError::framework(&profile.id, covered);
    let named = profile.families.iter().any(|id| id == model.family.id);
    let Some(parts) = Parts::of(model.family, &model.architecture).filter(|_| named) else {
        let families = profile.families.join(", ");
        return Err(not_covered(format!("transformers, for {}; torchtune for {families}", model.family.id)));
    };
    let architecture = built(model.family, &model.architecture)
        .map_err(|part| not_covered(format!("transformers, for {}: torchtune's {part} are not", model.id)))?;
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
        architecture,
        code,
        batch: train.micro_batch_size,
        sequence: train.sequence_length,
        weights: Dtype::Bf16,
        autocast: false,
        fused_attention: true,
        padding: train.padding,
        dropout: [false; 3],
        checkpointed_layers: if checkpoints { architecture.num_hidden_layers() } else { 0 },
        loss: true,
        keep_outputs: false,
        keep_gradients: train.gradient_accumulation_steps > 1,
        graph: true,
        adapters,
        loss_kind: train.loss,
        loss_chunks: train.loss_chunks,
        base: None,
        generation: None,
        every_layer: false,
        kernels: None,
    }
}

fn release(profile: &Profile) -> Result<Release, EstimateError> {
    Release::of(&profile.id).ok_or_else(|| {
        let covered = String::from("torchtune, torchtune-0.4");
        EstimateError::NotCovered { key: "framework", value: profile.id.clone(), covered }
    })
}
