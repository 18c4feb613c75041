//! The tensors of towers outside their layers, and those of projectors.

use super::kinds::{Composite, Kind, Projector};
use super::layers::{Sizes, few, small};
use crate::model::architecture::ArchitectureError;
use crate::model::family::NormKind;
use crate::model::keys::TowerKeys;
use crate::model::parameters::{Role, Tensor, linear, matrix, norm, vector};
use crate::model::part::{Part, Piece};

/// What makes tokens of patches or frames.
pub(super) fn before(kind: Kind, sizes: &Sizes, keys: &TowerKeys) -> Result<Vec<Tensor>, ArchitectureError> {
    let hidden = sizes.hidden;
    let mut tensors = Vec::new();
    if matches!(kind, Kind::Clip | Kind::InternVit | Kind::Llama4 | Kind::Mllama) {
        tensors.push(vector((Part::ClassToken, Piece::Whole), hidden, Role::Table));
    }
    let bias = matches!(kind, Kind::Siglip | Kind::Siglip2 | Kind::InternVit | Kind::Qwen3Vl | Kind::Whisper);
    linear(&mut tensors, Part::PatchProjection, sizes.patch_inputs, hidden, bias);
    if kind == Kind::Whisper {
        linear(&mut tensors, Part::FrameProjection, 3 * hidden, hidden, true);
    }
    if let Some(rows) = sizes.positions(kind) {
        tensors.push(matrix((Part::PositionEmbedding, Piece::Weight), rows, hidden, Role::Table));
    }
    if kind == Kind::Mllama {
        tensors.extend(tiles(sizes, keys)?);
    }
    match kind {
        Kind::Clip | Kind::Llama4 | Kind::Mllama => norm(&mut tensors, NormKind::Layer, hidden, Part::TowerFirstNorm),
        Kind::Pixtral => norm(&mut tensors, NormKind::Rms, hidden, Part::TowerFirstNorm),
        _ => {}
    }
    Ok(tensors)
}

/// Positions of Llama 3.2's tiles, before and behind the layers and beside those of patches, for each shape that an image
/// may have, each with what weighs it.
fn tiles(sizes: &Sizes, keys: &TowerKeys) -> Result<Vec<Tensor>, ArchitectureError> {
    let shapes = few("num_aspect_ratios", keys.num_aspect_ratios.unwrap_or(8))? + 1;
    let tiles = few("max_num_tiles", keys.max_num_tiles.unwrap_or(4))? * sizes.hidden;
    let weight = (Part::TilePositions, Piece::Weight);
    let tables = [tiles * (sizes.patches() + 1), tiles, tiles];
    let tables = tables.map(|columns| matrix(weight, shapes, columns, Role::Table));
    let gates = [(); 3].map(|()| vector((Part::TilePositions, Piece::Whole), 1, Role::Norm));
    Ok(tables.into_iter().chain(gates).collect())
}

/// What stands behind the layers.
pub(super) fn behind(kind: Kind, composite: &Composite, sizes: &Sizes, keys: &TowerKeys) -> Vec<Tensor> {
    let hidden = sizes.hidden;
    let mut tensors = Vec::new();
    // InternViT has a norm where it takes the first token, and none where it averages.
    let normed = match kind {
        Kind::Siglip | Kind::Siglip2 | Kind::Clip | Kind::Llama4 | Kind::Mllama | Kind::Whisper => true,
        Kind::InternVit => keys.use_mean_pooling == Some(false),
        Kind::Pixtral | Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Qwen3Vl | Kind::Gemma4 => false,
    };
    if normed {
        norm(&mut tensors, NormKind::Layer, hidden, Part::TowerLastNorm);
    }
    let pools = keys.vision_use_head.unwrap_or(composite.defaults_of(kind).pooling_head);
    if matches!(kind, Kind::Siglip | Kind::Siglip2) && pools {
        tensors.extend(pooling_head(sizes));
    }
    if kind == Kind::Llama4 {
        let between = keys.projector_input_dim.unwrap_or(4096);
        linear(&mut tensors, Part::ProjectorShuffle, sizes.intermediate, between, false);
        linear(&mut tensors, Part::ProjectorShuffle, between, keys.projector_output_dim.unwrap_or(4096), false);
    }
    tensors
}

/// SigLIP's pooling head, which nothing here reads: a learned query attends to all tokens.
fn pooling_head(sizes: &Sizes) -> Vec<Tensor> {
    let (hidden, width) = (sizes.hidden, sizes.intermediate);
    let mut tensors = vec![vector((Part::PoolingQuery, Piece::Whole), hidden, Role::Table)];
    linear(&mut tensors, Part::QueryKeyValue, hidden, 3 * hidden, true);
    linear(&mut tensors, Part::AttentionOutput, hidden, hidden, true);
    norm(&mut tensors, NormKind::Layer, hidden, Part::FeedForwardNorm);
    linear(&mut tensors, Part::Up, hidden, width, true);
    linear(&mut tensors, Part::Down, width, hidden, true);
    tensors
}

/// What brings a tower's outputs into a decoder of this width.
pub(super) fn projector(
    composite: &Composite,
    kind: Kind,
    sizes: &Sizes,
    keys: &TowerKeys,
    text: u64,
) -> Result<Vec<Tensor>, ArchitectureError> {
    let hidden = sizes.hidden;
    let mut tensors = Vec::new();
    let several = |key, value: Option<u64>, default| small(key, value.unwrap_or(default));
    match composite.projector {
        Projector::Gemma3 => {
            norm(&mut tensors, NormKind::Rms, hidden, Part::ProjectorNorm);
            // A bare parameter, which is no linear layer.
            tensors.push(matrix((Part::ProjectorIn, Piece::Weight), hidden, text, Role::Table));
        }
        Projector::Linear => {
            let width = several("projection_dim", keys.projection_dim.filter(|_| kind != Kind::Whisper), text)?;
            linear(&mut tensors, Part::ProjectorIn, hidden, width, true);
        }
        Projector::Shuffled => linear(&mut tensors, Part::ProjectorIn, hidden * sizes.merge.pow(2), text, false),
        Projector::Llava { newline } => {
            if newline {
                tensors.push(vector((Part::ImageNewline, Piece::Whole), text, Role::Table));
            }
            let bias = keys.multimodal_projector_bias.unwrap_or(true);
            let read = hidden * several("vision_feature_layer", keys.vision_feature_layers, 1)?;
            linear(&mut tensors, Part::ProjectorIn, read, text, bias);
            linear(&mut tensors, Part::ProjectorOut, text, text, bias);
        }
        Projector::Mistral3 => {
            let bias = keys.multimodal_projector_bias.unwrap_or(false);
            let read = hidden * several("vision_feature_layer", keys.vision_feature_layers, 1)?;
            norm(&mut tensors, NormKind::Rms, hidden, Part::ProjectorNorm);
            linear(&mut tensors, Part::ProjectorShuffle, hidden * sizes.merge.pow(2), hidden, false);
            linear(&mut tensors, Part::ProjectorIn, read, text, bias);
            linear(&mut tensors, Part::ProjectorOut, text, text, bias);
        }
        Projector::Merger => {
            let width = if kind == Kind::Qwen2Vl { keys.hidden_size } else { keys.out_hidden_size };
            let (read, width) = (hidden * sizes.merge.pow(2), several("out_hidden_size", width, 3584)?);
            let first = if kind == Kind::Qwen25Vl { NormKind::Rms } else { NormKind::Layer };
            merger(&mut tensors, (first, hidden), read, width);
            let deep = deepstack(composite, keys);
            deep.iter().for_each(|_| merger(&mut tensors, (NormKind::Layer, read), read, width));
        }
        Projector::InternVl => {
            let read = hidden * sizes.merge.pow(2);
            norm(&mut tensors, NormKind::Layer, read, Part::ProjectorNorm);
            linear(&mut tensors, Part::ProjectorIn, read, text, true);
            linear(&mut tensors, Part::ProjectorOut, text, text, true);
        }
        Projector::Lfm2 => {
            let (read, bias) = (hidden * sizes.merge.pow(2), keys.projector_bias.unwrap_or(true));
            let width = several("projector_hidden_size", keys.projector_hidden_size, 2560)?;
            if keys.projector_use_layernorm.unwrap_or(true) {
                norm(&mut tensors, NormKind::Layer, read, Part::ProjectorNorm);
            }
            linear(&mut tensors, Part::ProjectorIn, read, width, bias);
            linear(&mut tensors, Part::ProjectorOut, width, text, bias);
        }
        Projector::Llama4 | Projector::Mllama => {
            let width = several("vision_output_dim", keys.vision_output_dim, 7680)?;
            linear(&mut tensors, Part::ProjectorIn, width, text, composite.projector == Projector::Mllama);
        }
        Projector::Gemma4 => linear(&mut tensors, Part::ProjectorIn, hidden, text, false),
        Projector::Voxtral => {
            linear(&mut tensors, Part::ProjectorIn, sizes.intermediate, text, false);
            linear(&mut tensors, Part::ProjectorOut, text, text, false);
        }
    }
    Ok(tensors)
}

/// Qwen's: a norm, and two matrices over neighbours.
fn merger(tensors: &mut Vec<Tensor>, (kind, normed): (NormKind, u64), read: u64, width: u64) {
    norm(tensors, kind, normed, Part::ProjectorNorm);
    linear(tensors, Part::ProjectorIn, read, read, true);
    linear(tensors, Part::ProjectorOut, read, width, true);
}

/// Layers of Qwen3-VL's towers whose outputs have a merger of their own.
pub(super) fn deepstack(composite: &Composite, keys: &TowerKeys) -> Vec<u64> {
    let named = || keys.deepstack_visual_indexes.clone().unwrap_or_else(|| vec![8, 16, 24]);
    if composite.deepstacks() { named() } else { Vec::new() }
}
