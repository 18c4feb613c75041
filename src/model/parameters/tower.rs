//! The tensors of towers and projectors.

use super::{Block, BlockParameters, Role, Tensor, layer_tensors, linear, matrix, norm, vector};
use crate::model::architecture::tower::{Kind, Projector, Tower};
use crate::model::architecture::{Attention, LayerGroup, Sounds};
use crate::model::family::NormKind;
use crate::model::part::{Part, Piece};

/// The tensors of a tower and its projector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TowerTensors {
    /// Before its layers.
    pub before: Vec<Tensor>,
    /// Of one layer of each group.
    pub layers: Vec<Vec<Tensor>>,
    /// Behind its layers.
    pub behind: Vec<Tensor>,
    /// The projector's, in the order in which they act.
    pub projector: Vec<Tensor>,
}

impl TowerTensors {
    /// Those of a tower beside a decoder whose stream is so wide.
    pub fn of(tower: &Tower, text_hidden_size: u64) -> Self {
        Self {
            before: before(tower),
            layers: layers(tower),
            behind: behind(tower),
            projector: projector(tower, text_hidden_size),
        }
    }
}

/// Block by block, in forward order.
pub(super) fn blocks(tower: &Tower, text_hidden_size: u64) -> Vec<BlockParameters> {
    let TowerTensors { before, layers, behind, projector } = TowerTensors::of(tower, text_hidden_size);
    let outside = BlockParameters::outside(Block::Tower, before.into_iter().chain(behind).collect());
    let mut blocks = vec![outside];
    let mut first = 0;
    for (index, (group, tensors)) in tower.groups.iter().zip(layers).enumerate() {
        let span = [first, first + group.layers - 1];
        first += group.layers;
        blocks.push(BlockParameters { block: Block::TowerGroup(index), copies: group.layers, span, tensors });
    }
    blocks.push(BlockParameters::outside(Block::Projector, projector));
    blocks
}

/// The tensors of one layer of each group.
fn layers(tower: &Tower) -> Vec<Vec<Tensor>> {
    let hidden = tower.sizes.hidden;
    let of_group = |group: &LayerGroup| {
        let mut tensors = layer_tensors(&group.layer, hidden);
        if tower.kind == Kind::InternVit {
            let normed = tower.keys.use_qk_norm == Some(true);
            let norms = [Part::QueryNorm, Part::KeyNorm].map(|part| (part, Piece::Weight));
            let scales = SCALES.map(|part| (part, Piece::Whole));
            let more = scales.into_iter().chain(norms.into_iter().filter(|_| normed));
            tensors.extend(more.map(|part| vector(part, hidden, Role::Norm)));
        }
        if tower.scores_distances() {
            let window = group.layer.attention().and_then(|attention| attention.sliding_window);
            let sides = tower.sizes.grid().map(|side| window.unwrap_or(side));
            let head = tower.sizes.head_dim;
            let table = |side| matrix((Part::DistanceBias, Piece::Weight), 2 * side - 1, head, Role::Table);
            tensors.extend(sides.map(table));
        }
        tensors
    };
    tower.groups.iter().map(of_group).collect()
}

/// What weighs the two halves of a layer.
const SCALES: [Part; 2] = [Part::AttentionScale, Part::FeedForwardScale];

/// What makes tokens of patches or frames.
fn before(tower: &Tower) -> Vec<Tensor> {
    let (kind, hidden) = (tower.kind, tower.sizes.hidden);
    let mut tensors = Vec::new();
    if matches!(kind, Kind::Clip | Kind::InternVit | Kind::Llama4 | Kind::Mllama) {
        tensors.push(vector((Part::ClassToken, Piece::Whole), hidden, Role::Table));
    }
    let bias = !matches!(
        kind,
        Kind::Clip | Kind::Pixtral | Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Mllama | Kind::Llama4 | Kind::Gemma4
    );
    linear(&mut tensors, Part::PatchProjection, tower.sizes.patch_inputs, hidden, bias);
    if kind == Kind::Whisper {
        linear(&mut tensors, Part::FrameProjection, Sounds::KERNEL_SIZE * hidden, hidden, true);
    }
    if let Some(rows) = tower.positions() {
        tensors.push(matrix((Part::PositionEmbedding, Piece::Weight), rows, hidden, Role::Table));
    }
    if kind == Kind::Mllama {
        tensors.extend(tiles(tower));
    }
    match kind {
        Kind::Clip | Kind::Llama4 | Kind::Mllama => norm(&mut tensors, NormKind::Layer, hidden, Part::TowerFirstNorm),
        Kind::Pixtral | Kind::Glm4v => norm(&mut tensors, NormKind::Rms, hidden, Part::TowerFirstNorm),
        _ => {}
    }
    tensors
}

/// Positions of Llama 3.2's tiles, before and behind the layers and beside those of patches, for each shape that an image
/// may have, each with what weighs it.
fn tiles(tower: &Tower) -> Vec<Tensor> {
    let shapes = tower.image_shapes();
    let tiles = tower.tiles() * tower.sizes.hidden;
    let weight = (Part::TilePositions, Piece::Weight);
    let tables = [tiles * (tower.sizes.patches() + 1), tiles, tiles];
    let tables = tables.map(|columns| matrix(weight, shapes, columns, Role::Table));
    let gates = [(); 3].map(|()| vector((Part::TilePositions, Piece::Whole), 1, Role::Norm));
    tables.into_iter().chain(gates).collect()
}

/// What stands behind the layers.
fn behind(tower: &Tower) -> Vec<Tensor> {
    let (kind, hidden, keys) = (tower.kind, tower.sizes.hidden, &tower.keys);
    let mut tensors = Vec::new();
    // InternViT has a norm where it takes the first token, and none where it averages.
    let kind_of_norm = if kind == Kind::Glm4v { NormKind::Rms } else { NormKind::Layer };
    let normed = match kind {
        Kind::Siglip
        | Kind::Siglip2
        | Kind::Clip
        | Kind::Llama4
        | Kind::Mllama
        | Kind::Glm4v
        | Kind::PaddleOcr
        | Kind::Whisper => true,
        Kind::InternVit => keys.use_mean_pooling == Some(false),
        Kind::Pixtral | Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Qwen3Vl | Kind::Sam | Kind::Gemma4 => false,
    };
    if normed {
        norm(&mut tensors, kind_of_norm, hidden, Part::TowerLastNorm);
    }
    if tower.pools() {
        tensors.extend(pooling_head(tower));
    }
    if kind == Kind::Sam {
        let width = tower.output_channels();
        for inputs in [hidden, 9 * width] {
            linear(&mut tensors, Part::NeckConvolution, inputs, width, false);
            norm(&mut tensors, NormKind::Layer, width, Part::NeckNorm);
        }
    }
    if kind == Kind::Llama4 {
        let between = keys.projector_input_dim.unwrap_or(4096);
        linear(&mut tensors, Part::ProjectorShuffle, tower.sizes.intermediate, between, false);
        linear(&mut tensors, Part::ProjectorShuffle, between, keys.projector_output_dim.unwrap_or(4096), false);
    }
    tensors
}

/// SigLIP's pooling head, which nothing here reads: a learned query attends to all tokens.
fn pooling_head(tower: &Tower) -> Vec<Tensor> {
    let (hidden, width) = (tower.sizes.hidden, tower.sizes.intermediate);
    let mut tensors = vec![vector((Part::PoolingQuery, Piece::Whole), hidden, Role::Table)];
    linear(&mut tensors, Part::QueryKeyValue, hidden, 3 * hidden, true);
    linear(&mut tensors, Part::AttentionOutput, hidden, hidden, true);
    norm(&mut tensors, NormKind::Layer, hidden, Part::FeedForwardNorm);
    linear(&mut tensors, Part::Up, hidden, width, true);
    linear(&mut tensors, Part::Down, width, hidden, true);
    tensors
}

/// What brings a tower's outputs into a decoder of this width.
fn projector(tower: &Tower, text: u64) -> Vec<Tensor> {
    let (kind, keys) = (tower.kind, &tower.keys);
    let (hidden, merge) = (tower.sizes.hidden, tower.sizes.merge);
    let mut tensors = Vec::new();
    match tower.composite.projector {
        Projector::Gemma3 => {
            norm(&mut tensors, NormKind::Rms, hidden, Part::ProjectorNorm);
            // A bare parameter, which is no linear layer.
            tensors.push(matrix((Part::ProjectorIn, Piece::Weight), hidden, text, Role::Table));
        }
        Projector::Linear => {
            let width = keys.projection_dim.filter(|_| kind != Kind::Whisper).unwrap_or(text);
            linear(&mut tensors, Part::ProjectorIn, hidden, width, true);
        }
        Projector::Shuffled => linear(&mut tensors, Part::ProjectorIn, hidden * merge.pow(2), text, false),
        Projector::Llava { newline } => {
            if newline {
                tensors.push(vector((Part::ImageNewline, Piece::Whole), text, Role::Table));
            }
            let bias = keys.multimodal_projector_bias.unwrap_or(true);
            let read = hidden * keys.vision_feature_layers.unwrap_or(1);
            linear(&mut tensors, Part::ProjectorIn, read, text, bias);
            linear(&mut tensors, Part::ProjectorOut, text, text, bias);
        }
        Projector::Mistral3 => {
            let bias = keys.multimodal_projector_bias.unwrap_or(false);
            let read = hidden * keys.vision_feature_layers.unwrap_or(1);
            norm(&mut tensors, NormKind::Rms, hidden, Part::ProjectorNorm);
            linear(&mut tensors, Part::ProjectorShuffle, hidden * merge.pow(2), hidden, false);
            linear(&mut tensors, Part::ProjectorIn, read, text, bias);
            linear(&mut tensors, Part::ProjectorOut, text, text, bias);
        }
        Projector::Merger => {
            let width = if kind == Kind::Qwen2Vl { keys.hidden_size } else { keys.out_hidden_size };
            let (read, width) = (hidden * merge.pow(2), width.unwrap_or(3584));
            let first = if kind == Kind::Qwen25Vl { NormKind::Rms } else { NormKind::Layer };
            merger(&mut tensors, (first, hidden), read, width);
            tower.deepstack().iter().for_each(|_| merger(&mut tensors, (NormKind::Layer, read), read, width));
        }
        Projector::Apart => merger(&mut tensors, (NormKind::Layer, hidden), hidden * merge.pow(2), text),
        Projector::Glm => {
            // The tower's own code has all of it, so that its width is not the decoder's but what its file says.
            let width = keys.out_hidden_size.unwrap_or(4096);
            let between = keys.intermediate_size.unwrap_or(tower.composite.intermediate());
            linear(&mut tensors, Part::ProjectorConvolution, hidden * merge.pow(2), width, true);
            linear(&mut tensors, Part::ProjectorIn, width, width, false);
            norm(&mut tensors, NormKind::Layer, width, Part::ProjectorNorm);
            linear(&mut tensors, Part::Gate, width, between, false);
            linear(&mut tensors, Part::Up, width, between, false);
            linear(&mut tensors, Part::Down, between, width, false);
        }
        Projector::Perceiver => perceiver(&mut tensors, tower, text),
        Projector::Convolved => {
            let width = tower.output_channels();
            linear(&mut tensors, Part::ProjectorConvolution, 9 * width, 2 * width, false);
            linear(&mut tensors, Part::ProjectorConvolution, 18 * width, text, false);
            linear(&mut tensors, Part::ProjectorIn, text, text, true);
        }
        Projector::InternVl => {
            let read = hidden * merge.pow(2);
            norm(&mut tensors, NormKind::Layer, read, Part::ProjectorNorm);
            linear(&mut tensors, Part::ProjectorIn, read, text, true);
            linear(&mut tensors, Part::ProjectorOut, text, text, true);
        }
        Projector::Lfm2 => {
            let (read, bias) = (hidden * merge.pow(2), keys.projector_bias.unwrap_or(true));
            let width = keys.projector_hidden_size.unwrap_or(2560);
            if keys.projector_use_layernorm.unwrap_or(true) {
                norm(&mut tensors, NormKind::Layer, read, Part::ProjectorNorm);
            }
            linear(&mut tensors, Part::ProjectorIn, read, width, bias);
            linear(&mut tensors, Part::ProjectorOut, width, text, bias);
        }
        Projector::Llama4 | Projector::Mllama => {
            let width = tower.vision_output_dim();
            linear(&mut tensors, Part::ProjectorIn, width, text, tower.composite.projector == Projector::Mllama);
        }
        Projector::Gemma4 => linear(&mut tensors, Part::ProjectorIn, hidden, text, false),
        Projector::Voxtral => {
            linear(&mut tensors, Part::ProjectorIn, tower.sizes.intermediate, text, false);
            linear(&mut tensors, Part::ProjectorOut, text, text, false);
        }
    }
    tensors
}

/// Idefics 2's: a gated network, and the layers in which learned vectors attend to what it gives.
fn perceiver(tensors: &mut Vec<Tensor>, tower: &Tower, text: u64) {
    let resampler = tower.resampler();
    let gated = |tensors: &mut Vec<Tensor>, [inputs, width]: [u64; 2]| {
        linear(tensors, Part::Gate, inputs, width, false);
        linear(tensors, Part::Up, inputs, width, false);
        linear(tensors, Part::Down, width, text, false);
    };
    gated(tensors, [tower.sizes.hidden, tower.keys.text_intermediate_size.unwrap_or(14_336)]);
    tensors.push(matrix((Part::Latents, Piece::Whole), resampler.latents, text, Role::Table));
    let Attention { heads, kv_heads, head_dim, .. } = resampler.attention;
    for _ in 0..resampler.layers {
        for part in [Part::AttentionNorm, Part::ContextNorm, Part::FeedForwardNorm] {
            norm(tensors, NormKind::Rms, text, part);
        }
        linear(tensors, Part::Query, text, heads * head_dim, false);
        linear(tensors, Part::Key, text, kv_heads * head_dim, false);
        linear(tensors, Part::Value, text, kv_heads * head_dim, false);
        linear(tensors, Part::AttentionOutput, heads * head_dim, text, false);
        gated(tensors, [text, 4 * text]);
    }
    norm(tensors, NormKind::Rms, text, Part::ProjectorNorm);
}

/// Qwen's: a norm, and two matrices over neighbours.
fn merger(tensors: &mut Vec<Tensor>, (kind, normed): (NormKind, u64), read: u64, width: u64) {
    norm(tensors, kind, normed, Part::ProjectorNorm);
    linear(tensors, Part::ProjectorIn, read, read, true);
    linear(tensors, Part::ProjectorOut, read, width, true);
}
