//! LitGPT's fine-tuning on one GPU: what stands, what its step makes, what the optimizer needs.

mod lora;

use super::EstimateError;
use super::activations::{LitGpt, PREVIOUS, PREVIOUS_INPUTS, Run};
use super::course::Course;
use super::entry::{Alive, Dim, Entry, Place, Shape};
use super::instant::{Instant, Step};
use super::ledger::Ledger;
use super::quantized::{self, Format};
use super::tape::Dtype;
use super::timeline::Timeline;
use super::training::{always, positions, standing, steady, whereabouts};
use super::weights::{self, Set};
use super::{optimizer, recorded};
use crate::framework::Implementation;
use crate::framework::litgpt::{Release, built, scales_embedding};
use crate::framework::transformers::NormCode;
use crate::framework::transformers::SOURCE;
use crate::framework::{Profile, implementation};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor, blocks};
use crate::scenario::{
    BaseWeights, Loss, Method, Optimizer, OptimizerImplementation, Precision, Recompute, Scenario, Train,
};
use crate::units::{Bits, Overflow};

pub(super) use lora::Lora;

/// The ledger of a fine-tuning step of `litgpt finetune_full` or `litgpt finetune_lora`.
pub(super) fn ledger(
    model: &Model,
    scenario: &Scenario,
    profile: &Profile,
    gpu: Option<&Gpu>,
) -> Result<Ledger, EstimateError> {
    let train = &scenario.train;
    let release = Release::of(&profile.id).ok_or_else(|| unknown(profile))?;
    check(train)?;
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
    let all = blocks(architecture);
    let adapted = lora.as_ref().map(|lora| lora.blocks(architecture));
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
        entries.append(&mut stable_embedding(&model_set, train)?);
    }
    if train.gradient_accumulation_steps > 1 {
        entries.append(&mut trained.standing_gradients(standing(train))?);
    }
    entries.append(&mut optimizer_entries(&trained, quantized, profile)?);
    entries.append(&mut recorded::entries(&recording, &timeline, &positions)?);
    for entry in entries.iter_mut().filter(|entry| entry.source == SOURCE) {
        entry.source = profile.version;
    }
    as_they_pass(&mut entries, train);
    entries.append(&mut buffers(model, train, lora.as_ref(), tables)?);
    entries.append(&mut weights::batch([train.micro_batch_size, train.sequence_length], false, always())?);
    let places = positions.iter().map(|(instant, event)| (*instant, whereabouts(&recording, *instant, *event)));
    let loss_backward = positions.iter().find(|(instant, _)| *instant == Instant::LossBackward);
    let course = loss_backward.map(|(_, event)| Course::read(&recording, &timeline, *event));
    super::close(entries, gpu, &places.collect::<Vec<_>>(), course)
}

/// The tensors that a run's optimizer steps.
pub(super) fn trained(
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
    let not_covered = |covered: String| {
        let (key, value) = ("framework", profile.id.clone());
        EstimateError::NotCovered { key, value, covered }
    };
    if !profile.families.iter().any(|id| id == model.family.id) {
        let families = profile.families.join(", ");
        return Err(not_covered(format!("transformers, for {}; LitGPT for {families}", model.family.id)));
    }
    let architecture = built(&model.architecture)
        .map_err(|part| not_covered(format!("transformers, for {}: LitGPT's {part} are not", model.id)))?;
    Ok(Model { architecture, ..model.clone() })
}

fn adapters(model: &Model, train: &Train) -> Result<Option<Lora>, EstimateError> {
    match train.method {
        Method::Full => Ok(None),
        Method::Lora | Method::Qlora => Lora::of(model, train).map(Some),
    }
}

/// An error for the first value that LitGPT has no option for, or whose memory is not known.
fn check(train: &Train) -> Result<(), EstimateError> {
    let refuse = |key: &'static str, value: &str, covered: &str| {
        let (value, covered) = (value.to_owned(), format!("{covered}, under litgpt"));
        Err(EstimateError::NotCovered { key, value, covered })
    };
    if train.method == Method::Qlora && !matches!(train.base_weights, BaseWeights::Nf4 | BaseWeights::Fp4) {
        return refuse("train.base_weights", train.base_weights.word(), "nf4, fp4");
    }
    if train.precision != Precision::Bf16 {
        return refuse("train.precision", train.precision.word(), "bf16");
    }
    if train.optimizer != Optimizer::Adamw {
        return refuse("train.optimizer", train.optimizer.word(), "adamw");
    }
    if train.recompute != Recompute::None {
        return refuse("train.recompute", train.recompute.word(), "none");
    }
    if train.loss != Loss::Eager {
        return refuse("train.loss", train.loss.word(), "eager");
    }
    if train.padding {
        return refuse("train.padding", "true", "false");
    }
    if train.offload_optimizer {
        return refuse("train.offload_optimizer", "true", "false");
    }
    if train.dora {
        return refuse("train.dora", "true", "false");
    }
    if train.dropout.is_some_and(|probability| probability > 0.0) {
        return refuse("train.dropout", "above 0", "0");
    }
    Ok(())
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
        logits_of_prompt: false,
    }
}

fn optimizer_entries(trained: &Set<'_>, quantized: bool, profile: &Profile) -> Result<Vec<Entry>, Overflow> {
    let states = steady().with(Step::First, Instant::OptimizerStep);
    if quantized {
        return paged_states(trained, states);
    }
    let word = profile.train.as_ref().map(|train| train.optimizer_implementation.as_str());
    let implementation = word.and_then(OptimizerImplementation::from_word).unwrap_or(OptimizerImplementation::Foreach);
    let mut entries = optimizer::states(trained, Optimizer::Adamw, implementation, states)?;
    let step = Alive::NEVER.in_both(Instant::OptimizerStep);
    entries.append(&mut optimizer::temporaries(trained, Optimizer::Adamw, implementation, step)?);
    Ok(entries)
}

/// The norm of bitsandbytes' embedding, the gradients of both, which stay, and the embedding whose place it took, which a
/// variable of the script still has.
fn stable_embedding(model: &Set<'_>, train: &Train) -> Result<Vec<Entry>, Overflow> {
    let architecture = model.architecture;
    let vector = |name| Tensor { name, rows: architecture.hidden_size, columns: 1, pieces: 1, role: Role::Norm };
    let table = Tensor {
        name: "token embedding.weight",
        rows: architecture.vocab_size,
        columns: architecture.hidden_size,
        pieces: 1,
        role: Role::Table,
    };
    let norm = vec![vector("embedding norm.weight"), vector("embedding norm.bias")];
    let replaced = Tensor { name: "token embedding that was replaced.weight", ..table.clone() };
    let block = |tensors| [BlockParameters { block: Block::Embedding, copies: 1, tensors }];
    let added = block(norm.iter().cloned().chain([replaced]).collect());
    let forgotten = block(norm.into_iter().chain([table]).collect());
    let mut entries = Set { blocks: &added, ..*model }.parameters(always())?;
    entries.append(&mut Set { blocks: &forgotten, ..*model }.standing_gradients(standing(train))?);
    Ok(entries)
}

/// bitsandbytes' paged AdamW in 32 bits: PyTorch's allocator has the states of small tensors only.
fn paged_states(trained: &Set<'_>, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let small = |tensor: &Tensor| tensor.rows.saturating_mul(tensor.columns) < optimizer::PAGED_FROM;
    let mut blocks = trained.blocks.to_vec();
    for block in &mut blocks {
        block.tensors.retain(small);
    }
    let (optimizer, implementation) = (Optimizer::Adamw32bit, OptimizerImplementation::Fused);
    optimizer::states(&Set { blocks: &blocks, ..*trained }, optimizer, implementation, alive)
}

/// The first micro batch of the first step finds no logits of one before.
fn as_they_pass(entries: &mut [Entry], train: &Train) {
    let accumulates = train.gradient_accumulation_steps > 1;
    for entry in entries.iter_mut().filter(|entry| is_previous(entry) && !accumulates) {
        let alive = Instant::TRAINING.iter().filter(|instant| entry.alive.contains(Step::Steady, **instant));
        entry.alive = alive.fold(Alive::NEVER, |alive, instant| alive.with(Step::Steady, *instant));
    }
}

fn is_previous(entry: &Entry) -> bool {
    entry.name == PREVIOUS || entry.name == PREVIOUS_INPUTS
}

fn unknown(profile: &Profile) -> EstimateError {
    let covered = String::from("litgpt, litgpt-0.4");
    EstimateError::NotCovered { key: "framework", value: profile.id.clone(), covered }
}

/// Tables of cosines and sines for the longest sequence, and the columns that adapters on some of query, key and value
/// write into.
fn buffers(model: &Model, train: &Train, lora: Option<&Lora>, tables: Dtype) -> Result<Vec<Entry>, EstimateError> {
    const READ: &str = "buffers of LitGPT's GPT class";
    let architecture = &model.architecture;
    let dims = [Dim { symbol: "s", size: train.sequence_length }, Dim { symbol: "d", size: architecture.rotary_dim() }];
    let mut entries = Vec::new();
    for name in ["rotary cosines", "rotary sines"] {
        entries.push(weights::plain(name, Place::Embedding, Shape::new(&dims), tables.bits(), always(), READ)?);
    }
    let Some(lora) = lora.filter(|lora| (1..3).contains(&lora.of_projection())) else { return Ok(entries) };
    for (index, group) in architecture.groups.iter().enumerate() {
        let Some(attention) = group.layer.attention() else { continue };
        let columns = lora.projected(attention.query_size(), attention.kv_size()).iter().sum();
        let shape = Shape::new(&[Dim { symbol: "o", size: columns }]);
        let place = weights::place(architecture, Block::Group(index));
        let mut entry = weights::plain("attention.query key value.lora columns", place, shape, 64, always(), READ)?;
        (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
        entries.push(entry);
    }
    Ok(entries)
}
