//! The parameters of a stage, each with over which ranks it is divided.

use super::draft::{Draft, dim};
use super::letters::predicted;
use super::plan::Plan;
use crate::ledger::{Axis, Division, Place};
use crate::model::family::NormKind;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor, blocks};
use crate::model::part::{Part, Piece, Split};
use crate::parallel::Layout;
use crate::states::weights::shape;

/// A parameter tensor of a stage.
#[derive(Debug, Clone)]
pub(super) struct Weight {
    pub(super) draft: Draft,
    pub(super) place: Place,
    /// Layers that have it; 1 elsewhere.
    pub(super) count: u64,
    /// Whether experts have it, whose replicas are fewer.
    pub(super) of_experts: bool,
    /// Whether it is the matrix of a product inside the layers.
    pub(super) is_matrix: bool,
    /// Whether it has a row for each word.
    pub(super) is_vocabulary: bool,
}

/// Every parameter of a stage.
pub(super) fn of(plan: &Plan<'_>) -> Vec<Weight> {
    let blocks = blocks(plan.architecture());
    let mut weights = Vec::new();
    for block in &blocks {
        match block.block {
            Block::Embedding if plan.is_first() => {
                weights.extend(block.tensors.iter().map(|tensor| weight(plan, tensor, Place::Embedding, 1)));
            }
            Block::Group(_) => weights.extend(of_layers(plan, block)),
            Block::FinalNorm if plan.is_last() => {
                weights.extend(block.tensors.iter().map(|tensor| weight(plan, tensor, Place::FinalNorm, 1)));
            }
            Block::Head if plan.is_last() => {
                weights.extend(block.tensors.iter().map(|tensor| weight(plan, tensor, Place::Head, 1)));
            }
            _ => {}
        }
    }
    copies(plan, &blocks, &mut weights);
    predicting(plan, &blocks, &mut weights);
    weights
}

/// The tensors of a group of equal layers, as many of which are on this stage.
fn of_layers(plan: &Plan<'_>, block: &BlockParameters) -> Vec<Weight> {
    let [first, last] = block.span;
    let ranges = plan.pieces.iter().map(|piece| piece.layers.start.max(first)..piece.layers.end.min(last + 1));
    let ranges: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
    let (Some(start), Some(end)) = (ranges.first(), ranges.last()) else { return Vec::new() };
    let count = ranges.iter().map(|range| range.end - range.start).sum();
    let place = Place::among(count, start.start, end.end - 1);
    block.tensors.iter().map(|tensor| weight(plan, tensor, place, count)).collect()
}

/// What a last stage has a second time of the embedding: a tied head, and what predicting layers read.
fn copies(plan: &Plan<'_>, blocks: &[BlockParameters], weights: &mut Vec<Weight>) {
    let tables = blocks.iter().flat_map(|block| &block.tensors).filter(|tensor| tensor.part == Part::TokenEmbedding);
    let Some(table) = tables.into_iter().next().filter(|_| !plan.is_first()) else { return };
    let mut copy = |name| {
        let mut copy = weight(plan, table, Place::Head, 1);
        copy.draft.name = name;
        weights.push(copy);
    };
    if plan.is_last() && plan.architecture().tie_word_embeddings {
        copy("head.weight, tied to the first stage's embedding");
    }
    if plan.predicts() {
        copy("token embedding.weight, for the layers that predict further tokens");
    }
}

/// Layers that predict tokens beyond the next: each with a projection of two streams and three norms beside.
fn predicting(plan: &Plan<'_>, blocks: &[BlockParameters], weights: &mut Vec<Weight>) {
    let depths = if plan.megatron().mtp_use_repeated_layer { 1 } else { plan.megatron().mtp_num_layers };
    if depths == 0 || !plan.predicts() {
        return;
    }
    let architecture = plan.architecture();
    let (layers, hidden) = (architecture.num_hidden_layers(), architecture.hidden_size);
    let place = Place::among(depths, layers, layers + plan.megatron().mtp_num_layers - 1);
    for group in predicted(plan.architecture(), plan.megatron()) {
        let of_group = blocks.iter().filter(|block| block.block == Block::Group(group));
        weights.extend(of_group.flat_map(|block| &block.tensors).map(|tensor| weight(plan, tensor, place, depths)));
    }
    let by_rows = Division::NONE.over(Axis::Tensor, plan.layout.tensor);
    let joined =
        Draft::new("multi-token prediction.projection", &[dim("h", hidden), dim("2h", 2 * hidden)], 16, by_rows);
    weights.push(Weight {
        draft: joined,
        place,
        count: depths,
        of_experts: false,
        is_matrix: true,
        is_vocabulary: false,
    });
    let each = architecture.norm.parameter_tensors();
    let norms = Draft::new("multi-token prediction.norms", &[dim("h", hidden)], 16, Division::NONE).times(3 * each);
    if architecture.norm != NormKind::LayerWithoutWeight {
        weights.push(Weight {
            draft: norms,
            place,
            count: depths,
            of_experts: false,
            is_matrix: false,
            is_vocabulary: false,
        });
    }
}

fn weight(plan: &Plan<'_>, tensor: &Tensor, place: Place, count: u64) -> Weight {
    let padded = padded(plan, tensor);
    let draft =
        Draft { name: tensor.name(), shape: shape(&padded), ..Draft::new("", &[], 16, division(tensor, &plan.layout)) };
    let of_experts = matches!(tensor.role, Role::Experts { .. } | Role::ExpertBiases { .. });
    let is_matrix = matches!(tensor.role, Role::Linear | Role::Experts { .. }) && tensor.part != Part::Head;
    let is_vocabulary = tensor.part.split() == Split::Vocabulary && tensor.piece == Piece::Weight;
    Weight { draft, place, count, of_experts, is_matrix, is_vocabulary }
}

/// A tensor with as many rows of the vocabulary as all ranks together have.
fn padded(plan: &Plan<'_>, tensor: &Tensor) -> Tensor {
    let by_words = tensor.part.split() == Split::Vocabulary;
    Tensor { rows: if by_words { plan.vocabulary() } else { tensor.rows }, ..tensor.clone() }
}

/// Over which ranks a tensor is divided.
pub(super) fn division(tensor: &Tensor, layout: &Layout) -> Division {
    let (by_tensor, whole) = (Division::NONE.over(Axis::Tensor, layout.tensor), Division::NONE);
    let is_bias = tensor.piece == Piece::Bias;
    match (tensor.part.split(), tensor.part) {
        // What ranks sum has its bias added once, by each.
        (Split::Row, _) if is_bias => whole,
        (Split::Expert, part) => {
            let ways = if is_bias && part == Part::ExpertsDown { 1 } else { layout.expert_tensor };
            whole.over(Axis::Expert, layout.expert).over(Axis::ExpertTensor, ways)
        }
        // The channels that Mamba's norm weighs are divided as its heads are.
        (Split::Column | Split::Row | Split::Vocabulary, _) | (_, Part::InnerNorm) => by_tensor,
        (Split::Replicated, _) => whole,
    }
}
