//! Which part of a model each tensor of a GGUF file is, and whether it has the size that the metadata give that part.

use std::collections::{BTreeMap, HashSet};

use super::document::split_name;
use super::reader::{located, shown};
use crate::located::PresetError;
use crate::model::architecture::Architecture;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor, blocks};
use crate::model::part::{Part, Piece};
use crate::model::stored::StoredTensor;

/// Names beside those of [`Part::gguf`], and the parts that they may be: llama.cpp divides what Transformers' classes have in
/// one, and the other way round.
const OTHER_NAMES: &[(&str, &[Part])] = &[
    ("blk.%.attn_q", &[Part::QueryKeyValue]),
    ("blk.%.attn_k", &[Part::QueryKeyValue]),
    ("blk.%.attn_v", &[Part::QueryKeyValue]),
    ("blk.%.attn_qkv", &[Part::MixerQueryKeyValue, Part::MixerQueryKeyValueGate]),
    ("blk.%.attn_gate", &[Part::MixerGate, Part::MixerQueryKeyValueGate]),
    ("blk.%.attn_k_b", &[Part::KeyValueUp]),
    ("blk.%.attn_v_b", &[Part::KeyValueUp]),
    ("blk.%.attn_q_a_norm", &[Part::QueryNorm]),
    ("blk.%.post_attention_norm", &[Part::FeedForwardNorm]),
    ("blk.%.ffn_gate", &[Part::GateAndUp]),
    ("blk.%.ffn_up", &[Part::GateAndUp]),
    ("blk.%.ffn_gate_exps", &[Part::ExpertsGateAndUp]),
    ("blk.%.ffn_up_exps", &[Part::ExpertsGateAndUp]),
    ("blk.%.ffn_gate_shexp", &[Part::Gate, Part::GateAndUp]),
    ("blk.%.ffn_up_shexp", &[Part::Up, Part::GateAndUp]),
    ("blk.%.ffn_down_shexp", &[Part::Down]),
    ("blk.%.ssm_in", &[Part::MixerQueryKeyValueGate]),
    ("blk.%.ssm_dt", &[Part::TimeStepBias, Part::DecayBias]),
    ("blk.%.shortconv.conv", &[Part::Convolution]),
    ("blk.%.shortconv.in_proj", &[Part::MixerInput]),
    ("blk.%.shortconv.out_proj", &[Part::MixerOutput]),
];

/// The tensors of a model, looked up by the names of a file.
pub(super) struct Names {
    outside: Vec<Tensor>,
    /// Blocks of layers, by their first.
    layers: BTreeMap<u64, BlockParameters>,
    by_name: BTreeMap<&'static str, Vec<Part>>,
    count: u64,
}

impl Names {
    pub(super) fn of(architecture: &Architecture) -> Self {
        let mut by_name: BTreeMap<&'static str, Vec<Part>> = BTreeMap::new();
        for part in Part::ALL.iter().filter(|part| !part.gguf().is_empty()) {
            by_name.entry(part.gguf()).or_default().push(*part);
        }
        for (name, parts) in OTHER_NAMES {
            by_name.entry(name).or_default().extend(*parts);
        }
        let (layers, others): (Vec<_>, Vec<_>) =
            blocks(architecture).into_iter().partition(|block| matches!(block.block, Block::Group(_)));
        let layers = layers.into_iter().map(|block| (block.span[0], block)).collect();
        let outside = others.into_iter().flat_map(|block| block.tensors).collect();
        Self { outside, layers, by_name, count: architecture.num_hidden_layers() }
    }

    fn of_layer(&self, layer: u64) -> &[Tensor] {
        let block = self.layers.range(..=layer).next_back().map(|(_, block)| block);
        block.filter(|block| layer <= block.span[1]).map_or(&[], |block| &block.tensors)
    }

    /// Fills in where a tensor is.
    pub(super) fn place(&self, tensor: &mut StoredTensor) {
        let (layer, name) = split_name(&tensor.name);
        tensor.layer = layer;
        tensor.apart = layer.is_some_and(|layer| layer >= self.count);
        let (stem, piece) = match name.rsplit_once('.') {
            Some((stem, "weight")) => (stem, Piece::Weight),
            Some((stem, "bias")) => (stem, Piece::Bias),
            _ => (name.as_str(), Piece::Whole),
        };
        let known = match layer {
            Some(layer) => self.of_layer(layer),
            None => &self.outside,
        };
        let parts = self.by_name.get(stem).map(Vec::as_slice).unwrap_or_default();
        // A part that is one tensor has it whatever the end of its name is.
        let is = |tensor: &&Tensor, part: Part| tensor.part == part && [piece, Piece::Whole].contains(&tensor.piece);
        let found = parts.iter().find_map(|part| known.iter().find(|tensor| is(tensor, *part)));
        tensor.part = found.map(|tensor| (tensor.part, tensor.piece));
    }

    /// Whether matrices and tables have as many elements as the metadata say, and are there: a file whose two halves say
    /// different things is none of the model that it names.
    pub(super) fn check(&self, tensors: &[StoredTensor], origin: &str) -> Result<(), PresetError> {
        let mut found: BTreeMap<u64, Vec<(Part, u64, &str)>> = BTreeMap::new();
        for tensor in tensors.iter().filter(|tensor| !tensor.apart) {
            let Some((part, piece)) = tensor.part.filter(|(_, piece)| *piece != Piece::Bias) else { continue };
            let Some(layer) = tensor.layer else {
                compare(&self.outside, (part, piece), tensor.elements().ok(), &tensor.name, origin)?;
                continue;
            };
            let elements = tensor.elements().map_err(|error| located(origin, &tensor.name, &error.to_string()))?;
            let parts = found.entry(layer).or_default();
            match parts.iter_mut().find(|(known, ..)| *known == part) {
                Some((_, sum, _)) => *sum = sum.saturating_add(elements),
                None => parts.push((part, elements, &tensor.name)),
            }
        }
        for (layer, parts) in &found {
            for (part, elements, name) in parts {
                compare(self.of_layer(*layer), (*part, Piece::Weight), Some(*elements), name, origin)?;
            }
        }
        let named: HashSet<Part> = self.by_name.values().flatten().copied().collect();
        for (first, block) in &self.layers {
            let lacking = |tensor: &&Tensor, layer: u64| {
                let has = found.get(&layer).is_some_and(|parts| parts.iter().any(|(part, ..)| *part == tensor.part));
                named.contains(&tensor.part) && is_matrix(tensor) && !has
            };
            // Every layer of a block is looked at: there are no more than tensors.
            for layer in *first..=block.span[1] {
                if let Some(tensor) = block.tensors.iter().find(|tensor| lacking(tensor, layer)) {
                    let message =
                        format!("layer {layer} has no tensor for {}, which its metadata ask for", tensor.name());
                    return Err(located(origin, "", &message));
                }
            }
        }
        Ok(())
    }
}

/// Whether a tensor has as many elements as the metadata give its part.
fn compare(
    known: &[Tensor],
    (part, piece): (Part, Piece),
    elements: Option<u64>,
    name: &str,
    origin: &str,
) -> Result<(), PresetError> {
    let is = |tensor: &&Tensor| tensor.part == part && tensor.piece == piece && is_matrix(tensor);
    let Some(tensor) = known.iter().find(is) else { return Ok(()) };
    let expected = tensor.parameters().ok().map(crate::units::Parameters::get);
    if expected == elements {
        return Ok(());
    }
    let counted = |count: Option<u64>| count.map_or_else(|| String::from("too many"), |count| count.to_string());
    let (found, expected, what) = (counted(elements), counted(expected), tensor.name());
    let message = format!("found {found} elements, where the metadata give {what} {expected}");
    Err(located(origin, &shown(name), &message))
}

fn is_matrix(tensor: &Tensor) -> bool {
    matches!(tensor.role, Role::Linear | Role::Table | Role::Experts { .. }) && tensor.piece != Piece::Bias
}
