//! The modelling code of vision and audio towers.

use super::base::ENCODER_CODE;
use super::code::{FusedProjection, Implementation, LossCode, NormCode, Rotation, Widening};
use crate::model::family::NormKind;
use crate::model::tower::{Kind, Tower};

/// SigLIP's, from which the others are told.
const SIGLIP: Implementation = Implementation {
    rotation: Rotation::None,
    loss: LossCode::Masked,
    embedding_dropout: false,
    hidden_dropout: false,
    measured: true,
    ..ENCODER_CODE
};

/// What the code of a kind of tower does.
pub(crate) const fn implementation(kind: Kind) -> Implementation {
    match kind {
        Kind::Siglip | Kind::Siglip2 | Kind::Clip | Kind::InternVit | Kind::Sam => SIGLIP,
        Kind::Mllama => Implementation { holds_heads: true, ..SIGLIP },
        Kind::Whisper => {
            Implementation { scaled_queries: true, contiguous_heads: true, copies_context: true, ..SIGLIP }
        }
        Kind::Llama4 => Implementation { rotation: Rotation::Complex, ..SIGLIP },
        Kind::Pixtral => Implementation { norm: NormCode::CastThenWeight, rotation: Rotation::Whole, ..SIGLIP },
        Kind::Qwen2Vl | Kind::Qwen3Vl => QWEN,
        Kind::PaddleOcr => Implementation { fused_projection: SIGLIP.fused_projection, ..QWEN },
        Kind::Qwen25Vl | Kind::Glm4v => Implementation { norm: NormCode::CastThenWeight, ..QWEN },
        Kind::Gemma4 => {
            Implementation { norm: NormCode::WeightThenCast, rotation: Rotation::Whole, measured: false, ..SIGLIP }
        }
    }
}

/// What the code of a tower's projector does.
pub(crate) fn projector(tower: &Tower, code: Implementation) -> Implementation {
    let norm = match tower.projector_norm() {
        Some(NormKind::GemmaRms) => NormCode::OnePlusWeight,
        Some(NormKind::Rms) => NormCode::CastThenWeight,
        Some(_) => NormCode::Fused,
        None => code.norm,
    };
    Implementation { norm, ..code }
}

/// Qwen's: one projection, rotation in fp32, and attention image by image, whose outputs are put together.
const QWEN: Implementation = Implementation {
    fused_projection: FusedProjection::Unbound,
    rotation: Rotation::Whole,
    widening: Widening::Inputs,
    tables_by_sequence: true,
    copies_context: true,
    ..SIGLIP
};
