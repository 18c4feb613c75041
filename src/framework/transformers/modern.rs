//! The modelling code of newer families without recurrence, as it differs from Llama's.

use super::{Implementation, NormCode, Rotation};

/// The modelling code of a family of this file, or Llama's.
pub(super) fn implementation(id: &str, llama: Implementation) -> Implementation {
    match id {
        "olmo3" => Implementation {
            norm: NormCode::WeightThenCast,
            rotary_in_fp32: true,
            both_masks: true,
            tables_by_window: true,
            ..llama
        },
        "exaone4" => Implementation { norms_after_projections: true, always_full_mask: true, ..llama },
        "cohere2" => Implementation {
            norm: NormCode::LayerWrittenOut,
            rotary_in_fp32: true,
            rotary_inputs_in_fp32: true,
            scaled_logits: true,
            both_masks: true,
            ..llama
        },
        "glm" => Implementation {
            rotation: Rotation::Concatenated,
            interleaved_tables: true,
            turned_together: true,
            ..llama
        },
        "seed_oss" => Implementation { hidden_dropout: true, ..llama },
        "apertus" => Implementation { norms_after_projections: true, ..llama },
        "hunyuan_v1_dense" => Implementation { norms_after_rotation: true, ..llama },
        "ernie4_5" => {
            Implementation { rotary_in_fp32: true, interleaved_tables: true, halves_widened_apart: true, ..llama }
        }
        "ministral3" => Implementation { queries_scaled_by_position: true, ..llama },
        "nemotron" => Implementation {
            norm: NormCode::FusedOnePlusWeight,
            rotation: Rotation::Concatenated,
            turned_together: true,
            ..llama
        },
        "internlm2" | "mimo" => Implementation { measured: false, ..llama },
        _ => llama,
    }
}
