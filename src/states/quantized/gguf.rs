//! llama.cpp's files: which tensors they have, and the type of each, layer by layer.
//!
//! Types are those of `llama-quantize` of v0.5.0, without an importance matrix but for mixtures that are not made without
//! one: those of 1 and 2 bits but `q2_k` and the `tq`, `iq3_xs` and `iq3_xxs`.

mod choice;
mod mixture;
mod tensors;

use self::choice::{Class, Facts};
use self::tensors::{Rule, Written, rule, written};
use super::{Stored, entry, tensor_count, unused};
use crate::families::stored::{LlamaCpp, llama_cpp};
use crate::ledger::{Alive, Entry, Place};
use crate::model::Model;
use crate::model::architecture::{Architecture, FeedForward, LayerGroup, MOST_LAYERS};
use crate::model::parameters::{Block, BlockParameters, Role};
use crate::model::part::Part;
use crate::model::recurrent::Recurrent;
use crate::states::weights::{self, Set};
use crate::units::Overflow;
use crate::units::ggml::Type;

pub(crate) use mixture::Mixture;

const SOURCE: &str = "llama.cpp v0.5.0: block formats of ggml, mixtures of llama-quant.cpp";

/// The model's parameters as a file has them.
pub(super) fn parameters(
    set: &Set<'_>,
    (mixture, file): (Mixture, LlamaCpp),
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let architecture = set.architecture;
    let blocks = if file == LlamaCpp::WithUnused { unused::added(architecture, set.blocks) } else { set.blocks.into() };
    let facts = Facts {
        layers: architecture.num_hidden_layers(),
        values: blocks.iter().map(|block| block.copies * values_of(block)).sum(),
        group: group(architecture),
        experts: experts(architecture),
        file,
    };
    let tied = blocks.iter().all(|block| block.tensors.iter().all(|tensor| tensor.part != Part::Head));
    let mut entries = Vec::with_capacity(2 * tensor_count(set));
    let (mut values, mut networks) = (0, 0);
    for block in blocks.iter() {
        let is_network = block.tensors.iter().any(|tensor| rule(tensor.part) == Some(Rule::Matrix(Class::Down)));
        // With experts, networks are counted by the names of their layers.
        let network = if facts.experts > 0 { block.span[0] } else { networks };
        let place = weights::place_of(block);
        for tensor in &block.tensors {
            for written in written(architecture, block, tensor) {
                let first = if written.rule == Rule::Matrix(Class::Value) { values } else { network };
                let kind = |index| written.kind(mixture, index, tied, &facts);
                for (place, layers, kind) in runs(block, place, first, &written, kind) {
                    let part = Stored { name: written.name, shape: written.shape, bits: kind.bits(), count: 1 };
                    entries.push(entry(tensor, &part, place, layers, alive, SOURCE)?);
                }
            }
        }
        values += block.copies * values_of(block);
        networks += if is_network { block.copies } else { 0 };
    }
    Ok(entries)
}

/// The types that a tensor has in the layers of a block: where each is, and in how many layers.
fn runs(
    block: &BlockParameters,
    place: Place,
    first: u64,
    written: &Written,
    kind: impl Fn(u64) -> Type,
) -> Vec<(Place, u64, Type)> {
    let is_alike = !matches!(block.block, Block::Group(_)) || !matches!(written.rule, Rule::Matrix(_));
    if is_alike || written.rule == Rule::Matrix(Class::Other) {
        return vec![(place, block.copies, kind(first))];
    }
    let mut runs: Vec<([u64; 2], u64, Type)> = Vec::with_capacity(2);
    for index in 0..block.copies {
        let (kind, layer) = (kind(first + index), block.span[0] + index);
        match runs.iter_mut().find(|(_, _, known)| *known == kind) {
            Some(([_, last], layers, _)) => (*last, *layers) = (layer, *layers + 1),
            None => runs.push(([layer, layer], 1, kind)),
        }
    }
    runs.into_iter().map(|([first, last], layers, kind)| (Place::Layers(first, last), layers, kind)).collect()
}

/// Tensors of a layer that llama.cpp counts as values.
fn values_of(block: &BlockParameters) -> u64 {
    let is_value = |part: Part| part == Part::MixerQueryKeyValueGate || rule(part) == Some(Rule::Matrix(Class::Value));
    let matrices = block.tensors.iter().filter(|tensor| tensor.role == Role::Linear && is_value(tensor.part));
    if block.block.is_seen() { 0 } else { matrices.count() as u64 }
}

/// Query heads for each head of keys and values, as files have it: for the first layer where layers differ. Qwen3-Next
/// says one number for all, whatever its layers are.
fn group(architecture: &Architecture) -> u64 {
    let says_one = |group: &&LayerGroup| matches!(group.layer.recurrent(), Some(Recurrent::DeltaNet(_)));
    let first = architecture.groups.first();
    let attention = match first.filter(says_one) {
        Some(_) => architecture.attentions().next(),
        None => first.and_then(|group| group.layer.attention()),
    };
    attention.map_or(0, |attention| attention.heads / attention.kv_heads)
}

/// The most experts that a layer has.
fn experts(architecture: &Architecture) -> u64 {
    let experts = architecture.groups.iter().filter_map(|group| match &group.layer.feed_forward {
        FeedForward::Experts(experts) => Some(experts.count),
        _ => None,
    });
    experts.max().unwrap_or(0)
}

/// Why the rules do not reach a model.
pub(super) fn uncovered(model: &Model) -> Option<String> {
    let architecture = &model.architecture;
    // A mixture gives each layer types of its own.
    if architecture.num_hidden_layers() > MOST_LAYERS {
        return Some(format!("llama.cpp's mixtures are told for models of at most {MOST_LAYERS} layers"));
    }
    if llama_cpp(model.family) == LlamaCpp::Absent {
        return Some(format!("llama.cpp has no {}", model.family.id));
    }
    if architecture.seq2seq.is_some() || architecture.image.is_some() {
        return Some(String::from("llama.cpp's mixtures are known for models of one stack of layers that reads words"));
    }
    let blocks = crate::model::parameters::blocks(architecture);
    let tensors = blocks.iter().filter(|block| !block.block.is_seen()).flat_map(|block| &block.tensors);
    let mut matrices = tensors.filter(|tensor| {
        matches!(tensor.role, Role::Linear | Role::Table | Role::Experts { .. } | Role::ExpertBiases { .. })
    });
    let unknown = matrices.find(|tensor| rule(tensor.part).is_none())?;
    Some(format!("llama.cpp has no tensor for {}", unknown.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ArchitectureKeys;
    use crate::model::parameters::blocks;
    use crate::states::shard::Shards;
    use crate::units::Bits;

    /// Bytes of the table and of everything else.
    fn bytes(architecture: &Architecture, word: &str) -> (u64, u64) {
        let blocks = blocks(architecture);
        let set = Set {
            architecture,
            blocks: &blocks,
            bits: Bits::whole(16),
            copies: Bits::whole(16),
            shards: Shards::Whole,
        };
        let entries = parameters(&set, (Mixture::of_word(word).unwrap(), LlamaCpp::Other), Alive::NEVER).unwrap();
        let sum = |table: bool| {
            let entries = entries.iter().filter(|entry| (entry.place == Place::Embedding) == table);
            entries.map(|entry| entry.bytes.get()).sum()
        };
        (sum(true), sum(false))
    }

    /// Buffers that llama.cpp logged for Command R in `q4_k_s`: 5434.38 and 13989.53 MiB on two GPUs, and a table of
    /// 1640.62 MiB that also serves as the head there.
    #[test]
    fn a_file_has_the_size_that_was_logged() {
        let keys = ArchitectureKeys {
            hidden_size: Some(8192),
            num_hidden_layers: Some(40),
            num_attention_heads: Some(64),
            num_key_value_heads: Some(64),
            intermediate_size: Some(22528),
            vocab_size: Some(256_000),
            tie_word_embeddings: Some(true),
            ..ArchitectureKeys::default()
        };
        let command_r = Architecture::resolve(crate::families::family("cohere").unwrap(), &keys).unwrap();
        let (table, rest) = bytes(&command_r, "q4_k_s");
        assert_eq!((table * 100) >> 20, 164_062);
        assert_eq!(((table + rest) * 100) >> 20, 1_942_390);
    }
}
