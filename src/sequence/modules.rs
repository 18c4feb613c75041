//! The order of a model's tensors: as its class names its modules, or as a checkpoint has them.

use std::collections::HashMap;

use crate::families::code::{ModuleOrder, Modules, OutputSaved, SavedLayer};
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Part, Site};

/// The tensors of one block in the order of its class.
pub(crate) fn as_named(block: &BlockParameters, modules: Modules) -> Vec<&Tensor> {
    let mut ordered = with_norms(block, modules.order);
    if !matches!(block.block, Block::Group(_)) {
        if modules.positions_last {
            ordered.sort_by_key(|tensor| tensor.part == Part::PositionEmbedding);
        }
        if modules.head_norm_first {
            ordered.sort_by_key(|tensor| tensor.part != Part::HeadNorm);
        }
        return ordered;
    }
    if modules.output_first
        && let Some(first) = ordered.iter().position(|tensor| is_of_mixer(tensor))
    {
        ordered[first..].sort_by_key(|tensor| tensor.part != Part::AttentionOutput);
    }
    in_listed_order(&mut ordered, modules.listed);
    if modules.mixture_last {
        ordered.sort_by_key(|tensor| rank_behind(tensor));
    }
    if modules.router_last {
        let behind = |tensor: &Tensor| match (tensor.part, tensor.part.site()) {
            (Part::SharedExpertGate, _) => Some(2),
            (_, Site::Router) => Some(1),
            (_, Site::Experts | Site::Expert) => Some(0),
            _ => None,
        };
        let of_mixture = |tensor: &&Tensor| behind(tensor).is_some();
        let first = ordered.iter().position(of_mixture).unwrap_or(ordered.len());
        let last = ordered.iter().rposition(of_mixture).map_or(first, |last| last + 1);
        ordered[first..last].sort_by_key(|tensor| behind(tensor));
    }
    ordered
}

/// Puts the tensors of these parts in the order of their list, in the places that those have between them.
fn in_listed_order(tensors: &mut [&Tensor], listed: &[Part]) {
    let place = |tensor: &Tensor| listed.iter().position(|part| *part == tensor.part);
    let places: Vec<usize> = (0..tensors.len()).filter(|index| place(tensors[*index]).is_some()).collect();
    let mut among: Vec<&Tensor> = places.iter().map(|index| tensors[*index]).collect();
    among.sort_by_key(|tensor| place(tensor));
    for (index, tensor) in places.into_iter().zip(among) {
        tensors[index] = tensor;
    }
}

/// Where Gemma 4's class names what it has beside other layers.
fn rank_behind(tensor: &Tensor) -> u8 {
    match (tensor.part, tensor.part.site()) {
        (Part::PerLayerInputGate, _) => 1,
        (Part::PerLayerInputProjection, _) => 2,
        (Part::PerLayerInputNorm, _) => 3,
        (Part::RouterScale, _) => 4,
        (Part::RouterScaleOfEach, _) => 5,
        (_, Site::Router) => 6,
        (_, Site::Experts) => 7,
        (Part::DenseOutputNorm, _) => 8,
        (Part::ExpertsOutputNorm, _) => 9,
        (Part::ExpertsNorm, _) => 10,
        _ => 0,
    }
}

/// The same with nothing looked at but where norms are.
fn with_norms(block: &BlockParameters, order: ModuleOrder) -> Vec<&Tensor> {
    let tensors = || block.tensors.iter();
    if !matches!(block.block, Block::Group(_)) {
        return tensors().collect();
    }
    match order {
        ModuleOrder::LastNormFirst => {
            let last = |tensor: &&Tensor| tensor.part == Part::FeedForwardNorm;
            let rest = with_norms(block, ModuleOrder::NormAfterEach);
            tensors().filter(last).chain(rest.into_iter().filter(|tensor| !last(tensor))).collect()
        }
        ModuleOrder::AsComputed => tensors().collect(),
        ModuleOrder::NormsFirst => {
            tensors().filter(|it| is_of_layer(it)).chain(tensors().filter(|it| !is_of_layer(it))).collect()
        }
        ModuleOrder::NormsLast => projections_first(tensors().filter(|it| !is_of_layer(it)))
            .into_iter()
            .chain(tensors().filter(|it| is_of_layer(it)))
            .collect(),
        ModuleOrder::NormAfterEach => {
            let mut ordered = Vec::with_capacity(block.tensors.len());
            let mut norm: Vec<&Tensor> = Vec::new();
            for tensor in tensors() {
                if !is_of_layer(tensor) {
                    ordered.push(tensor);
                    continue;
                }
                // The norm of the part before has not been placed yet.
                if norm.last().is_some_and(|last| last.part != tensor.part) {
                    ordered.append(&mut norm);
                }
                norm.push(tensor);
            }
            ordered.append(&mut norm);
            ordered
        }
    }
}

/// The tensors of one block in the order of their names, in which checkpoints are written: of a layer the norm before it,
/// the feed-forward network, other norms, attention; or attention, norms, the feed-forward network.
/// Within each of these by their names, but for what a family names otherwise.
pub(crate) fn as_saved(block: &BlockParameters, saved: SavedLayer) -> Vec<&Tensor> {
    let mut tensors: Vec<&Tensor> = block.tensors.iter().collect();
    if !matches!(block.block, Block::Group(_)) {
        // `embed_positions`, `wpe`: before `embed_tokens`, `wte`.
        let positions = [Part::PositionEmbedding, Part::EncoderPositionEmbedding];
        tensors.sort_by_key(|tensor| !positions.contains(&tensor.part));
        return tensors;
    }
    let rank = |tensor: &Tensor| match (is_of_layer(tensor), saved.attention_first) {
        (true, false) if is_first_norm(tensor) => 0,
        (true, _) => 2,
        (false, false) => 1 + 2 * u8::from(is_of_mixer(tensor)),
        (false, true) => 3 - 2 * u8::from(is_of_mixer(tensor)),
    };
    let among = |tensor: &Tensor| match saved.output {
        OutputSaved::First if tensor.part == Part::AttentionOutput => 0,
        OutputSaved::Last if tensor.part == Part::AttentionOutput => 2,
        _ if saved.up_first && tensor.part == Part::Down => 2,
        _ => 1,
    };
    // Experts that are modules come one after the other, each with all that it has, and the router behind them.
    let mut seen: HashMap<Part, usize> = HashMap::new();
    let mut keyed: Vec<_> = tensors
        .into_iter()
        .map(|tensor| {
            let number = seen.entry(tensor.part).or_default();
            let expert = match tensor.part.site() {
                Site::Expert => (0, std::mem::replace(number, *number + 1)),
                Site::Router if tensor.part == Part::RouterModule => (1, 0),
                _ => (2, 0),
            };
            ((rank(tensor), among(tensor), expert, tensor.name()), tensor)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, tensor)| tensor).collect()
}

/// How many of a layer's tensors, in the order of its class, come before its attention's buffers: those of attention and
/// what is named before it.
pub(crate) fn behind_mixer(named: &[&Tensor]) -> usize {
    named.iter().rposition(|tensor| is_of_mixer(tensor)).map_or(named.len(), |last| last + 1)
}

/// Norms of queries and keys are named behind the projections.
fn projections_first<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Vec<&'a Tensor> {
    let (mixer, rest): (Vec<&Tensor>, Vec<&Tensor>) = tensors.partition(|tensor| is_of_mixer(tensor));
    let (norms, projections): (Vec<&Tensor>, Vec<&Tensor>) =
        mixer.into_iter().partition(|tensor| tensor.role == Role::Norm);
    projections.into_iter().chain(norms).chain(rest).collect()
}

/// Whether a norm is the layer's own, and not one of its attention's or experts'.
fn is_of_layer(tensor: &Tensor) -> bool {
    tensor.part.site() == Site::LayerNorm
}

fn is_first_norm(tensor: &Tensor) -> bool {
    matches!(tensor.part, Part::AttentionNorm | Part::MixerNorm)
}

fn is_of_mixer(tensor: &Tensor) -> bool {
    tensor.part.site() == Site::Mixer
}
