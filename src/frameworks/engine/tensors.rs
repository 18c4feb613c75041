//! Tensors of one GPU: what of a model's matrices several GPUs divide, and which layers stand where.

use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::architecture::{Architecture, Attention};
use crate::model::parameters::{Block, BlockParameters, Tensor};
use crate::model::part::{Part, Piece, Split};

/// Rows of the vocabulary come in so many, in vLLM and SGLang.
const VOCABULARY: u64 = 64;

/// An error where so many GPUs do not divide the heads or channels of a model: the nearest that do.
pub(super) fn check(model: &Model, ways: u64) -> Result<(), EstimateError> {
    if ways < 2 {
        return Ok(());
    }
    let divides = |ways: u64| undivided(&model.architecture, ways).is_none();
    let Some((what, size)) = undivided(&model.architecture, ways) else { return Ok(()) };
    let below = (1..ways).rev().find(|ways| divides(*ways));
    let above = (ways + 1..=ways.saturating_mul(2).min(1024)).find(|ways| divides(*ways));
    let near: Vec<String> = below.into_iter().chain(above).map(|ways| ways.to_string()).collect();
    let problem = format!("{ways} does not divide the {size} {what}; {} would", near.join(" or "));
    Err(EstimateError::Invalid { key: "parallel.tensor", problem })
}

/// What so many GPUs do not divide. Key-value heads may be fewer: each GPU then has one of them.
fn undivided(architecture: &Architecture, ways: u64) -> Option<(&'static str, u64)> {
    let sizes = architecture.attentions().flat_map(|attention| {
        let shared = if attention.kv_heads > ways || attention.latent.is_some() { attention.kv_heads } else { ways };
        let spread = ways.is_multiple_of(attention.kv_heads.min(ways)) || attention.kv_heads > ways;
        [("attention heads", attention.heads), ("key-value heads", if spread { shared } else { attention.kv_heads })]
    });
    let widths = architecture.groups.iter().filter_map(|group| {
        use crate::model::architecture::FeedForward;
        match &group.layer.feed_forward {
            FeedForward::Dense(mlp) => Some(("channels of the feed-forward network", mlp.intermediate_size)),
            FeedForward::Experts(experts) => Some(("channels of an expert", experts.intermediate_size)),
            _ => None,
        }
    });
    sizes.chain(widths).find(|(_, size)| !size.is_multiple_of(ways))
}

/// What one of so many GPUs has of these tensors; the vocabulary has a multiple of 64 rows where there are several.
pub(super) fn local(mut blocks: Vec<BlockParameters>, architecture: &Architecture, ways: u64) -> Vec<BlockParameters> {
    if ways < 2 {
        return blocks;
    }
    for block in &mut blocks {
        let attention = match block.block {
            Block::Group(index) => architecture.groups.get(index).and_then(|group| group.layer.attention()),
            _ => None,
        };
        for tensor in &mut block.tensors {
            // What a tower's sides do not allow stays whole.
            let whole =
                block.block.is_seen() && ![tensor.rows, tensor.columns].iter().all(|it| it.is_multiple_of(ways));
            if !whole {
                divide(tensor, attention, ways);
            }
        }
    }
    blocks
}

fn divide(tensor: &mut Tensor, attention: Option<&Attention>, ways: u64) {
    let (mut rows, mut columns) = (tensor.rows, tensor.columns);
    match (tensor.part, tensor.part.split()) {
        (_, Split::Replicated) => {}
        (_, Split::Vocabulary) => rows = rows.next_multiple_of(VOCABULARY) / ways,
        (part, Split::Column) => rows = columns_of(part, attention, ways).unwrap_or(rows / ways),
        // The bias of a matrix that is divided by inputs is added once.
        (_, Split::Row) if tensor.piece == Piece::Bias => {}
        (Part::ExpertsDown | Part::ExpertDown, Split::Expert) | (_, Split::Row) => columns /= ways,
        (_, Split::Expert) => rows /= ways,
    }
    (tensor.rows, tensor.columns) = (rows.max(1), columns.max(1));
}

/// Rows of keys and values, of which each GPU has at least one head.
fn columns_of(part: Part, attention: Option<&Attention>, ways: u64) -> Option<u64> {
    let attention = attention.filter(|attention| attention.latent.is_none())?;
    let heads = attention.kv_heads.div_ceil(ways);
    match part {
        Part::Key => Some(heads * attention.head_dim),
        Part::Value => Some(heads * attention.value_head_dim()),
        Part::QueryKeyValue => Some((attention.heads / ways + 2 * heads) * attention.head_dim),
        _ => None,
    }
}

/// Blocks cut before a layer: those of earlier layers, and the rest. What is outside of layers is in the rest.
pub(crate) fn cut(blocks: Vec<BlockParameters>, layer: u64) -> [Vec<BlockParameters>; 2] {
    let (mut before, mut rest) = (Vec::new(), Vec::new());
    for block in blocks {
        let [first, last] = block.span;
        match block.block {
            Block::Group(_) if last < layer => before.push(block),
            Block::Group(_) if first < layer => {
                before.push(BlockParameters { copies: layer - first, span: [first, layer - 1], ..block.clone() });
                rest.push(BlockParameters { copies: last + 1 - layer, span: [layer, last], ..block });
            }
            _ => rest.push(block),
        }
    }
    [before, rest]
}
