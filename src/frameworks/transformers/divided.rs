//! Tensor parallelism of a training step: what one GPU has of the model, and how its entries are parts of whole tensors.

use crate::families::{compiled_by_torch, of_model};
use crate::frameworks::Job;
use crate::layers::divided::Divided;
use crate::ledger::{Asked, Axis, Category, Entry, EstimateError, Place};
use crate::model::architecture::FeedForward;
use crate::model::{Architecture, Model};
use crate::parallel::Layout;
use crate::parallel::layout::nearest_words;
use crate::scenario::{
    Compile, KernelLibrary, Loss, Method, Objective, Optimizer, Precision, Reference, Scenario, Strategy, Task,
};
use crate::shape::{Dim, Shape};
use crate::units::Overflow;

/// The model as one GPU of a tensor-parallel group has it, and how it is divided; nothing where there is no such group.
///
/// # Errors
/// Where a size is not divisible by the group's, and what is not known of a step so divided.
pub(super) fn of(job: &Job<'_>) -> Result<Option<(Model, Divided)>, EstimateError> {
    let (model, scenario) = (job.model, job.scenario);
    let parallel = &scenario.parallel;
    if scenario.task != Task::Train || scenario.gpus == 1 || parallel.tensor == 1 {
        return Ok(None);
    }
    let layout = Layout::of(scenario)?;
    check_model(model, parallel.tensor)?;
    check_train(model, scenario, &layout)?;
    let ways = layout.tensor;
    let architecture = &model.architecture;
    check_sizes(architecture, ways)?;
    if layout.sequence && !scenario.train.sequence_length.is_multiple_of(ways) {
        let length = scenario.train.sequence_length;
        let problem = format!("{ways} does not divide {length} tokens; {}", nearest_words(length, ways));
        return Err(EstimateError::Invalid { key: "parallel.tensor", problem });
    }
    let words = [architecture.vocab_size, architecture.embedded_tokens()];
    let divided = Divided { ways, sequence: layout.sequence, loss: parallel.loss_parallel, words };
    let local = Model { architecture: architecture.local(ways), ..model.clone() };
    Ok(Some((local, divided)))
}

/// An error where a size of the model is not divisible.
fn check_sizes(architecture: &Architecture, ways: u64) -> Result<(), EstimateError> {
    let sizes = architecture.divisible();
    let Some((what, size)) = sizes.iter().find(|(_, size)| !size.is_multiple_of(ways)) else { return Ok(()) };
    let common = sizes.iter().fold(0, |common, (_, size)| greatest_common_divisor(common, *size));
    let problem =
        format!("{ways} does not divide {size} {what}; of sizes that divide all, {}", nearest_words(common, ways));
    Err(EstimateError::Invalid { key: "parallel.tensor", problem })
}

fn greatest_common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

/// An error for a model of which it is not known how its layers are divided: llamas and what is like them.
fn check_model(model: &Model, ways: u64) -> Result<(), EstimateError> {
    if of_model(model).compiles && model.architecture.tower.is_none() {
        return Ok(());
    }
    let covered = format!("1, for {}; divided are {}", model.family.id, compiled_by_torch().join(", "));
    Err(EstimateError::NotCovered { key: "parallel.tensor", value: ways.to_string(), covered })
}

/// An error for a run of which it is not known what it makes of a model that is divided.
fn check_train(model: &Model, scenario: &Scenario, layout: &Layout) -> Result<(), EstimateError> {
    let (train, parallel) = (&scenario.train, &scenario.parallel);
    let dropout = model.architecture.dropout;
    let drops = [dropout.embedding, dropout.hidden, dropout.attention];
    let drops = train.dropout.unwrap_or_else(|| drops.into_iter().fold(0.0, f64::max));
    let elementwise = matches!(train.optimizer, Optimizer::Adamw | Optimizer::Sgd | Optimizer::SgdMomentum);
    let one_type = matches!(train.precision, Precision::Bf16 | Precision::Fp32);
    let strategy = parallel.strategy;
    let wraps = strategy == Strategy::Fsdp2;
    let asked: [Asked<'_>; 13] = [
        (layout.data == 1 || wraps, "parallel.strategy", &strategy.word(), "fsdp2"),
        (layout.pipeline == 1, "parallel.pipeline", &layout.pipeline, "1"),
        (layout.context == 1, "parallel.context", &layout.context, "1"),
        (train.method == Method::Full, "train.method", &train.method.word(), "full"),
        (one_type, "train.precision", &train.precision.word(), "bf16, fp32"),
        (
            matches!(train.objective, Objective::Lm | Objective::Sft),
            "train.objective",
            &train.objective.word(),
            "lm, sft",
        ),
        (train.reference == Reference::None, "train.reference", &train.reference.word(), "none"),
        (train.loss == Loss::Eager, "train.loss", &train.loss.word(), "eager"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (elementwise, "train.optimizer", &train.optimizer.word(), "adamw, sgd, sgd-momentum"),
        (!train.padding, "train.padding", &train.padding, "false"),
        (drops == 0.0, "train.dropout", &drops, "0"),
    ];
    EstimateError::first_unknown(&asked, "with parallel.tensor")
}

/// Says of every entry of which whole tensor it is a part.
pub(super) fn whole(
    entries: &mut [Entry],
    architecture: &Architecture,
    divided: Divided,
    tokens: u64,
) -> Result<(), Overflow> {
    let parts = parts(architecture, divided, tokens);
    for entry in entries {
        let mut ways = 1;
        let of_whole = |dim: &Dim| {
            if !parts.contains(dim) {
                return Ok(*dim);
            }
            ways = divided.ways;
            Ok(Dim { size: dim.size.checked_mul(divided.ways).ok_or(Overflow)?, ..*dim })
        };
        let dims = entry.shape.dims().iter().map(of_whole).collect::<Result<Vec<Dim>, Overflow>>()?;
        if ways > 1 {
            entry.shape = Shape::new(&dims);
            entry.divided = entry.divided.over(Axis::Tensor, ways);
        }
    }
    Ok(())
}

/// The dimensions that a GPU has part of, by their symbols.
fn parts(local: &Architecture, divided: Divided, tokens: u64) -> Vec<Dim> {
    let dim = |symbol, size| Dim { symbol, size };
    let mut parts = vec![dim("V", local.vocab_size), dim("V", local.embedded_tokens())];
    if divided.sequence {
        parts.push(dim("s", tokens / divided.ways));
    }
    for group in &local.groups {
        if let Some(attention) = group.layer.attention() {
            parts.extend([("a", attention.heads), ("k", attention.kv_heads)].map(|(symbol, size)| dim(symbol, size)));
            parts.extend(
                [("q", attention.query_size()), ("kv", attention.kv_size())].map(|(symbol, size)| dim(symbol, size)),
            );
        }
        if let FeedForward::Dense(mlp) = &group.layer.feed_forward {
            parts.push(dim("f", mlp.intermediate_size));
        }
    }
    parts
}

/// The gradient of the embedding stands for all rows of it, though a GPU has some.
pub(super) fn widen_embedding(entries: &mut [Entry], divided: Divided) -> Result<(), Overflow> {
    let of_embedding = |entry: &&mut Entry| entry.category == Category::Gradients && entry.place == Place::Embedding;
    for entry in entries.iter_mut().filter(of_embedding) {
        let mut dims = entry.shape.dims().to_vec();
        if let Some(rows) = dims.first_mut().filter(|rows| rows.size < divided.words[1]) {
            rows.size = divided.words[1];
            entry.shape = Shape::new(&dims);
            entry.bytes = entry.bits.bytes(entry.shape.elements()?)?;
        }
    }
    Ok(())
}
