//! The modelling code of families with recurrent layers, as it differs from Llama's.

use super::{Implementation, NormCode, Rotation, RouterCode, SavedOrder};

/// The modelling code of a family of this file, or what it was given.
///
/// Measured are the layers that attend or are a feed-forward network alone; what scans keep is an estimate everywhere.
pub(super) fn implementation(id: &str, llama: Implementation) -> Implementation {
    match id {
        "qwen3_next" | "qwen3_5" | "qwen3_5_moe" => Implementation {
            norm: NormCode::OnePlusWeight,
            rotation: Rotation::Concatenated,
            turned_together: true,
            tables_by_sequence: id != "qwen3_next",
            router: RouterCode::SoftmaxThenCast,
            shared_expert_first: true,
            ..llama
        },
        "kimi_linear" => Implementation { rotation: Rotation::None, router: RouterCode::SigmoidByGroup, ..llama },
        "kimi_k3" => Implementation {
            rotation: Rotation::None,
            router: RouterCode::SigmoidByGroup,
            correction_bias_in_fp32: true,
            trains: false,
            ..llama
        },
        "lfm2_moe" => Implementation { router: RouterCode::SigmoidAsScored, correction_bias_in_fp32: true, ..llama },
        "falcon_h1" => Implementation { scaled_embedding: true, scaled_logits: true, scaled_mixer: true, ..llama },
        "nemotron_h" => Implementation {
            norm: NormCode::WideWeightThenCast,
            rotation: Rotation::None,
            router: RouterCode::SigmoidByGroup,
            ..llama
        },
        "jamba" => Implementation { rotation: Rotation::None, router: RouterCode::SoftmaxThenCast, ..llama },
        "granitemoehybrid" => Implementation {
            scaled_embedding: true,
            scaled_residuals: true,
            scaled_logits: true,
            router: RouterCode::TopThenSoftmax,
            ..llama
        },
        "bamba" => Implementation { rotation: Rotation::Concatenated, turned_together: true, ..llama },
        "mamba" | "mamba2" | "falcon_mamba" => {
            Implementation { rotation: Rotation::None, stream_in_fp32: true, saved: SavedOrder::HeadLast, ..llama }
        }
        _ => llama,
    }
}
