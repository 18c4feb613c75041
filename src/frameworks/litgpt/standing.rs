//! What stands from step to step beside the parameters: optimizer states, buffers, and what a script forgets.

use super::Lora;
use crate::frameworks::step::{always, standing, steady};
use crate::ledger::{Alive, Entry, EstimateError, Instant, Place, Step};
use crate::model::Model;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Part, Piece};
use crate::scenario::profile::Profile;
use crate::scenario::{Optimizer, OptimizerImplementation, Train, Value};
use crate::shape::{Dim, Shape};
use crate::states::optimizer;
use crate::states::weights::{self, Set};
use crate::tape::Dtype;
use crate::units::Overflow;

/// What the optimizer keeps, and what its step needs.
pub(crate) fn optimizer_entries(trained: &Set<'_>, quantized: bool, profile: &Profile) -> Result<Vec<Entry>, Overflow> {
    let states = steady().with(Step::First, Instant::OptimizerStep);
    if quantized {
        return paged_states(trained, states);
    }
    let word = match profile.own_default("train.optimizer_implementation") {
        Some(Value::Word(word)) => word.as_str(),
        _ => OptimizerImplementation::Foreach.word(),
    };
    let implementation = OptimizerImplementation::from_word(word).unwrap_or(OptimizerImplementation::Foreach);
    let mut entries = optimizer::states(trained, Optimizer::Adamw, implementation, states)?;
    entries.append(&mut optimizer::temporaries(trained, trained.blocks, (Optimizer::Adamw, implementation), None)?);
    Ok(entries)
}

/// The norm of bitsandbytes' embedding, the gradients of both, which stay, and the embedding whose place it took, which a
/// variable of the script still has.
pub(crate) fn stable_embedding(model: &Set<'_>, train: &Train) -> Result<Vec<Entry>, Overflow> {
    let architecture = model.architecture;
    let vector = |piece| Tensor {
        part: Part::EmbeddingNorm,
        piece,
        rows: architecture.hidden_size,
        columns: 1,
        pieces: 1,
        role: Role::Norm,
    };
    let table = Tensor {
        part: Part::TokenEmbedding,
        piece: Piece::Weight,
        rows: architecture.vocab_size,
        columns: architecture.hidden_size,
        pieces: 1,
        role: Role::Table,
    };
    let norm = vec![vector(Piece::Weight), vector(Piece::Bias)];
    let replaced = Tensor { part: Part::TokenEmbeddingReplaced, ..table.clone() };
    let block = |tensors| [BlockParameters::outside(Block::Embedding, tensors)];
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

/// Tables of cosines and sines for the longest sequence, and the columns that adapters on some of query, key and value
/// write into.
pub(crate) fn buffers(
    model: &Model,
    train: &Train,
    lora: Option<&Lora>,
    tables: Dtype,
) -> Result<Vec<Entry>, EstimateError> {
    const READ: &str = "buffers of LitGPT's GPT class";
    let architecture = &model.architecture;
    // Where layers rotate by frequencies of two kinds, both stand in one tensor.
    let kinds = if crate::families::implementation(model.family).tables_by_window { 2 } else { 1 };
    let [sequence, rotating] = [train.sequence_length, architecture.rotary_dim()];
    let dims =
        [Dim { symbol: "s", size: sequence }, Dim { symbol: "d", size: rotating }, Dim { symbol: "", size: kinds }];
    let dims = if kinds == 1 { &dims[..2] } else { &dims[..] };
    let mut entries = Vec::new();
    for name in ["rotary cosines", "rotary sines"] {
        entries.push(weights::plain(name, Place::Embedding, Shape::new(dims), tables.bits(), always(), READ)?);
    }
    let Some(lora) = lora.filter(|lora| (1..3).contains(&lora.of_projection())) else { return Ok(entries) };
    for (index, group) in architecture.groups.iter().enumerate() {
        let Some(attention) = group.layer.attention() else { continue };
        let columns = lora.projected(attention.query_size(), attention.kv_size()).iter().sum();
        let shape = Shape::new(&[Dim { symbol: "o", size: columns }]);
        let place = weights::place(architecture, index);
        let mut entry = weights::plain("attention.query key value.lora columns", place, shape, 64, always(), READ)?;
        (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
        entries.push(entry);
    }
    Ok(entries)
}
