//! The order of a model's tensors: as its class names its modules, or as a checkpoint has them.

use crate::framework::transformers::{ModuleOrder, Modules, OutputSaved, SavedLayer};
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};

/// The tensors of one block in the order of its class.
pub(crate) fn as_named(block: &BlockParameters, modules: Modules) -> Vec<&Tensor> {
    let mut ordered = with_norms(block, modules.order);
    if !matches!(block.block, Block::Group(_)) {
        return ordered;
    }
    if modules.output_first
        && let Some(first) = ordered.iter().position(|tensor| is_of_mixer(tensor))
    {
        let is_output = |tensor: &Tensor| tensor.name.starts_with("attention.output.");
        ordered[first..].sort_by_key(|tensor| !is_output(tensor));
    }
    if modules.router_last {
        let behind = |tensor: &Tensor| {
            let named = ["experts.", "router.", "shared expert"].iter().position(|it| tensor.name.starts_with(it));
            named.unwrap_or_default()
        };
        let of_mixture = |tensor: &&Tensor| behind(tensor) > 0 || tensor.name.starts_with("experts.");
        let first = ordered.iter().position(of_mixture).unwrap_or(ordered.len());
        let last = ordered.iter().rposition(of_mixture).map_or(first, |last| last + 1);
        ordered[first..last].sort_by_key(|tensor| behind(tensor));
    }
    ordered
}

/// The same with nothing looked at but where norms are.
fn with_norms(block: &BlockParameters, order: ModuleOrder) -> Vec<&Tensor> {
    let tensors = || block.tensors.iter();
    if !matches!(block.block, Block::Group(_)) {
        return tensors().collect();
    }
    match order {
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
                if norm.last().is_some_and(|last| part(last) != part(tensor)) {
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
        tensors.sort_by_key(|tensor| !tensor.name.starts_with("position embedding"));
        return tensors;
    }
    let rank = |tensor: &Tensor| match (is_of_layer(tensor), saved.attention_first) {
        (true, false) if is_first_norm(tensor) => 0,
        (true, _) => 2,
        (false, false) => 1 + 2 * u8::from(is_of_mixer(tensor)),
        (false, true) => 3 - 2 * u8::from(is_of_mixer(tensor)),
    };
    let among = |tensor: &Tensor| match saved.output {
        OutputSaved::First if tensor.name.starts_with("attention.output.") => 0,
        OutputSaved::Last if tensor.name.starts_with("attention.output.") => 2,
        _ if saved.up_first && tensor.name.starts_with("mlp.down.") => 2,
        _ => 1,
    };
    tensors.sort_by_key(|tensor| (rank(tensor), among(tensor), tensor.name));
    tensors
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
        mixer.into_iter().partition(|tensor| tensor.role == Role::Norm && !is_between(tensor));
    projections.into_iter().chain(norms).chain(rest).collect()
}

/// Whether a norm is the layer's own, and not one of its attention's or experts'.
fn is_of_layer(tensor: &Tensor) -> bool {
    tensor.role == Role::Norm && !part(tensor).contains('.')
}

/// Whether a norm stands between two projections, as latent attention's do.
fn is_between(tensor: &Tensor) -> bool {
    part(tensor).ends_with("down norm")
}

fn is_first_norm(tensor: &Tensor) -> bool {
    matches!(part(tensor), "attention norm" | "mixer norm")
}

fn is_of_mixer(tensor: &Tensor) -> bool {
    tensor.name.starts_with("attention.") || tensor.name.starts_with("mixer.")
}

/// The name less what it is of the part: `attention.query` of `attention.query.weight`.
fn part(tensor: &Tensor) -> &'static str {
    tensor.name.rsplit_once('.').map_or(tensor.name, |(part, _)| part)
}
