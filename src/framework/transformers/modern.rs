//! The modelling code of newer families without recurrence, as it differs from Llama's.

use super::{Implementation, NormCode, Rotation, RouterCode, TableCode};

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
            adds_attention_first: true,
            both_masks: true,
            ..llama
        },
        "glm" => Implementation {
            rotation: Rotation::Concatenated,
            tables: TableCode::Interleaved,
            turned_together: true,
            ..llama
        },
        "seed_oss" => Implementation { hidden_dropout: true, ..llama },
        "apertus" => Implementation { norms_after_projections: true, ..llama },
        "hunyuan_v1_dense" => Implementation { norms_after_rotation: true, ..llama },
        "ernie4_5" => {
            Implementation { rotary_in_fp32: true, tables: TableCode::Interleaved, halves_widened_apart: true, ..llama }
        }
        "ministral3" => Implementation { queries_scaled_by_position: true, ..llama },
        "nemotron" => Implementation {
            norm: NormCode::FusedOnePlusWeight,
            rotation: Rotation::Concatenated,
            turned_together: true,
            ..llama
        },
        _ => of_several_kinds(id, llama),
    }
}

/// The modelling code of families with latent attention, indexers, experts, or layers of several kinds.
fn of_several_kinds(id: &str, llama: Implementation) -> Implementation {
    match id {
        "glm4_moe_lite" => Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            correction_bias_in_fp32: true,
            ..llama
        },
        "mistral4" => Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SoftmaxThenCast,
            queries_scaled_by_position: true,
            ..llama
        },
        "deepseek_v32" | "glm_moe_dsa" => Implementation {
            correction_bias_in_fp32: true,
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            trains: false,
            ..llama
        },
        "deepseek_v4" => Implementation {
            norm: NormCode::WideWeightThenCast,
            router: RouterCode::Sigmoid,
            eager_only: true,
            correction_bias_in_fp32: true,
            trains: false,
            ..llama
        },
        "mimo_v2_flash" | "step3p5" => Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            both_masks: true,
            tables_by_window: true,
            trains: false,
            ..llama
        },
        "minimax_m3_vl_text" => Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            trains: false,
            ..llama
        },
        "gemma3n_text" | "gemma4_text" => Implementation {
            scaled_embedding: true,
            both_masks: true,
            tables_by_window: true,
            norms_after_projections: true,
            router: RouterCode::SoftmaxThenCast,
            shared_expert_first: true,
            trains: false,
            ..llama
        },
        "llama4_text" => Implementation {
            norm: NormCode::CastThenWeightAtOnce,
            rotation: Rotation::Complex,
            norms_after_rotation: true,
            unrotated_queries_scaled: true,
            router: RouterCode::EveryExpert,
            both_masks: true,
            softmax_in_fp32: false,
            ..llama
        },
        "dbrx" => Implementation { norm: NormCode::Fused, trains: false, ..llama },
        "grok-1" => Implementation { scaled_embedding: true, scaled_logits: true, trains: false, ..llama },
        _ => llama,
    }
}
