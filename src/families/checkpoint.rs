//! Which matrices of a checkpoint are quantized and how, by the names of modules that its `quantization_config` has.
//!
//! `modules_to_not_convert` of Transformers, `ignore` and `targets` of compressed-tensors and `exclude_modules` of Model
//! Optimizer name modules in full, by their last words, by shell patterns or, after `re:`, by regular expressions.

mod modules;

use self::modules::{Modules, merged};
use super::{Member, member};
use crate::model::architecture::{Apart, Checkpoint, FeedForward, Method, Scheme};
use crate::model::keys::QuantizationKeys;
use crate::model::parameters::{Block, Role, blocks};
use crate::model::part::{Codes, Part, Piece, Site};
use crate::model::{Architecture, ArchitectureError, Family};

/// The checkpoint of an architecture, with what its keys say of single matrices.
pub(super) fn resolve(
    family: &'static Family,
    architecture: &Architecture,
    groups: &[QuantizationKeys],
) -> Result<Option<Checkpoint>, ArchitectureError> {
    let Some(checkpoint) = architecture.checkpoint.clone() else { return Ok(None) };
    let mut chosen = Vec::with_capacity(groups.len());
    for keys in groups {
        chosen.push((Scheme::of(keys)?, Modules::of(keys.targets.as_deref())?, left(keys)?));
    }
    let (layers, expressions) = (architecture.num_hidden_layers(), expressions(&chosen));
    if !groups.is_empty() && layers.saturating_mul(expressions.max(1)) > MOST_LOOKS {
        let problem = format!(
            "{layers} layers and {expressions} expressions with numbers in them: more than are told apart one by one"
        );
        return Err(ArchitectureError { key: "quantization_config", problem });
    }
    let apart = Names { member: member(family), architecture }.apart(&checkpoint, &chosen);
    Ok(Some(Checkpoint { apart, ..checkpoint }))
}

/// The keys without the names of modules that no quantized matrix has, and those that differ by a layer's number as one.
pub fn simplify(
    family: &'static Family,
    architecture: &Architecture,
    groups: &[QuantizationKeys],
) -> Result<Vec<QuantizationKeys>, ArchitectureError> {
    let matrices = Names { member: member(family), architecture }.matrices();
    let mut simple = groups.to_vec();
    for keys in &mut simple {
        let mut kept = Vec::new();
        for pattern in merged(keys.modules_to_not_convert.as_deref().unwrap_or_default()) {
            let modules = Modules::of(Some(std::slice::from_ref(&pattern)))?;
            let is_one = |matrix: &Matrix| {
                let near = modules.near(matrix);
                matrix.layers().any(|layer| near.has(layer))
            };
            if matrices.iter().any(is_one) {
                kept.push(pattern);
            }
        }
        keys.modules_to_not_convert = Some(kept).filter(|kept| !kept.is_empty());
        keys.targets = keys.targets.take().map(|targets| merged(&targets));
    }
    Ok(simple)
}

/// Layers times expressions that say something else of each: no checkpoint comes near this.
const MOST_LOOKS: u64 = 1 << 14;

/// How many expressions are looked at layer by layer.
fn expressions(groups: &[(Scheme, Modules, Modules)]) -> u64 {
    groups.iter().map(|(_, targets, left)| targets.expressions() + left.expressions()).sum()
}

/// Modules that are left alone.
fn left(keys: &QuantizationKeys) -> Result<Modules, ArchitectureError> {
    Modules::of(Some(keys.modules_to_not_convert.as_deref().unwrap_or_default()))
}

/// A matrix that codes could stand for, in the layers that have it under the same names.
struct Matrix {
    part: Part,
    /// First and last layers of each run of them.
    spans: Vec<[u64; 2]>,
    /// What its module may be called inside a layer, or in the model where it is in none.
    paths: Vec<String>,
}

impl Matrix {
    fn layers(&self) -> impl Iterator<Item = u64> + use<> {
        self.spans.clone().into_iter().flat_map(|[first, last]| first..=last)
    }

    /// The first of the layers that have it.
    fn first(&self) -> u64 {
        self.spans.first().map_or(0, |[first, _]| *first)
    }

    fn is_outside(&self) -> bool {
        self.part.site() == Site::Head
    }

    /// What its module may be called in the model.
    fn names(&self, layer: u64) -> impl Iterator<Item = String> {
        let outside = self.is_outside();
        PREFIXES.iter().flat_map(move |prefix| {
            self.paths.iter().map(move |path| {
                if outside {
                    format!("{}{path}", prefix.trim_end_matches("layers.").trim_end_matches("h."))
                } else {
                    format!("{prefix}{layer}.{path}")
                }
            })
        })
    }
}

/// What stands before the number of a layer.
const PREFIXES: [&str; 7] = [
    "model.layers.",
    "model.language_model.layers.",
    "language_model.model.layers.",
    "backbone.layers.",
    "model.decoder.layers.",
    "transformer.h.",
    "layers.",
];

/// Whose modules are called what.
struct Names<'a> {
    member: &'static Member,
    architecture: &'a Architecture,
}

impl Names<'_> {
    fn matrices(&self) -> Vec<Matrix> {
        let mut matrices: Vec<Matrix> = Vec::with_capacity(16);
        for block in blocks(self.architecture) {
            let layer = match block.block {
                Block::Group(index) => Some(&self.architecture.groups[index].layer),
                Block::Head => None,
                _ => continue,
            };
            for tensor in block.tensors.iter().filter(|tensor| tensor.piece == Piece::Weight) {
                let is_matrix = matches!(tensor.role, Role::Linear | Role::Experts { .. });
                if !is_matrix || !matches!(tensor.part.codes(), Codes::Always | Codes::Throughout) {
                    continue;
                }
                let feed_forward = layer.map_or(&FeedForward::None, |layer| &layer.feed_forward);
                let paths = self.paths(tensor.part, feed_forward);
                let known = matrices.iter_mut().find(|known| known.part == tensor.part && known.paths == paths);
                match known {
                    Some(known) => known.spans.push(block.span),
                    None => matrices.push(Matrix { part: tensor.part, spans: vec![block.span], paths }),
                }
            }
        }
        matrices
    }

    /// What the modules of a part may be called inside a layer.
    fn paths(&self, part: Part, feed_forward: &FeedForward) -> Vec<String> {
        let own = self.member.modules.of(part);
        let own = if own.is_empty() { unadapted(part) } else { own };
        let modules = own.iter().chain(CHECKPOINTS.iter().filter(|(known, _)| *known == part).flat_map(|row| row.1));
        let shares = matches!(feed_forward, FeedForward::Experts(experts) if experts.shared.is_some());
        let parents: &[&str] = match part.site() {
            Site::Head => &[""],
            Site::Mixer if is_recurrent(part) => self.member.modules.recurrent,
            Site::Mixer => &["self_attn.", "attn.", "attention.", "self_attention.", "mixer."],
            Site::FeedForward if shares => &[
                "mlp.shared_experts.",
                "mlp.shared_expert.",
                "block_sparse_moe.shared_experts.",
                "feed_forward.shared_expert.",
                "ffn.shared_experts.",
                "mixer.shared_experts.",
                "shared_mlp.",
            ],
            Site::FeedForward => &["mlp.", "feed_forward.", "ffn.", "mixer."],
            Site::Experts | Site::Expert => &[
                "mlp.experts.0.",
                "mlp.experts.",
                "block_sparse_moe.experts.0.",
                "feed_forward.experts.",
                "ffn.experts.0.",
                "ffn.experts.",
                "mixer.experts.0.",
                "mixer.experts.",
                "experts.0.",
                "experts.",
            ],
            Site::Beside => &["self_attn.indexer.", "self_attn.compressor.", ""],
            _ => &[],
        };
        let modules: Vec<&&str> = modules.collect();
        parents.iter().flat_map(|parent| modules.iter().map(move |module| format!("{parent}{module}"))).collect()
    }

    fn apart(&self, checkpoint: &Checkpoint, groups: &[(Scheme, Modules, Modules)]) -> Vec<Apart> {
        let Some((first, ..)) = groups.first() else { return Vec::new() };
        let mut apart: Vec<Apart> = Vec::new();
        for matrix in self.matrices() {
            let usual = checkpoint.scheme.filter(|_| !matrix.is_outside());
            // Where they are a class of modules, the head is one only of compressed-tensors: other methods leave it
            // alone without being told.
            let of_class = !matrix.is_outside() || first.method == Method::CompressedTensors;
            let near: Vec<_> = groups
                .iter()
                .map(|(scheme, targets, left)| (*scheme, targets, targets.near(&matrix), left.near(&matrix)))
                .collect();
            for layer in matrix.layers() {
                let named = near.iter().find(|(_, _, targets, left)| targets.has(layer) && !left.has(layer));
                let scheme = named.or_else(|| {
                    near.iter().find(|(_, targets, _, left)| targets.is_any && of_class && !left.has(layer))
                });
                let scheme = scheme.map(|(scheme, ..)| *scheme);
                if scheme == usual {
                    continue;
                }
                match apart.last_mut() {
                    Some(last) if last.part == matrix.part && last.scheme == scheme && last.layers[1] + 1 == layer => {
                        last.layers[1] = layer;
                    }
                    _ => apart.push(Apart { part: matrix.part, layers: [layer; 2], scheme }),
                }
            }
        }
        // A part may have other names in other layers.
        apart.sort_by_key(|apart| apart.layers[0]);
        apart
    }
}

/// Whether a part of a mixer is a recurrent one's.
const fn is_recurrent(part: Part) -> bool {
    use Part::{
        Decay, DecayDown, DecayUp, MixerGate, MixerGateDown, MixerGateUp, MixerInput, MixerKey, MixerOutput,
        MixerQuery, MixerQueryKeyValue, MixerQueryKeyValueGate, MixerValue, StateProjection, TimeStep, UpdateRate,
        UpdateRateAndDecay,
    };
    matches!(
        part,
        Decay
            | DecayDown
            | DecayUp
            | MixerGate
            | MixerGateDown
            | MixerGateUp
            | MixerInput
            | MixerKey
            | MixerOutput
            | MixerQuery
            | MixerQueryKeyValue
            | MixerQueryKeyValueGate
            | MixerValue
            | StateProjection
            | TimeStep
            | UpdateRate
            | UpdateRateAndDecay
    )
}

/// Modules that hold a part and that PEFT has no name of ours for: Qwen's and Kimi's recurrent layers, `DeepSeek`'s indexer.
const fn unadapted(part: Part) -> &'static [&'static str] {
    match part {
        Part::MixerQuery => &["q_proj"],
        Part::MixerKey => &["k_proj"],
        Part::MixerValue => &["v_proj"],
        Part::MixerQueryKeyValue => &["in_proj_qkv"],
        Part::MixerQueryKeyValueGate => &["in_proj_qkvz"],
        Part::MixerGate => &["in_proj_z", "g_proj"],
        Part::MixerGateDown => &["g_a_proj"],
        Part::MixerGateUp => &["g_b_proj"],
        Part::UpdateRate => &["in_proj_b", "b_proj"],
        Part::UpdateRateAndDecay => &["in_proj_ba"],
        Part::Decay => &["in_proj_a"],
        Part::DecayDown => &["f_a_proj"],
        Part::DecayUp => &["f_b_proj"],
        Part::MixerOutput => &["out_proj", "o_proj"],
        Part::ExpertsUp => &["up_proj"],
        Part::LatentDown => &["fc1_latent_proj"],
        Part::LatentUp => &["fc2_latent_proj"],
        Part::IndexerQuery => &["wq_b"],
        Part::IndexerKey => &["wk"],
        Part::IndexerHeadWeights => &["weights_proj"],
        _ => &["?"],
    }
}

/// What modules are called in checkpoints, beside what they are called in a model.
const CHECKPOINTS: &[(Part, &[&str])] = &[
    (Part::ExpertsGateAndUp, &["w1", "w3", "gate_up_proj"]),
    (Part::ExpertsDown, &["w2"]),
    (Part::GateAndUp, &["gate_proj", "up_proj"]),
    (Part::Gate, &["w1"]),
    (Part::Up, &["w3"]),
    (Part::Down, &["w2"]),
    (Part::Head, &["head", "output"]),
];
