//! Families with experts.

use super::{GateCode, Implementation, NormCode, Rotation, RouterCode, TableCode};
use crate::model::Family;

/// The modelling code of a family with experts; for other families what Llama's does.
pub(super) fn implementation(family: &Family, llama: Implementation) -> Implementation {
    match family.id {
        "qwen2_moe" => Implementation {
            router: RouterCode::SoftmaxThenCast,
            both_masks: true,
            mask_without_window: true,
            shared_expert_first: true,
            ..llama
        },
        "qwen3_moe" | "olmoe" => Implementation { router: RouterCode::SoftmaxThenCast, ..llama },
        "deepseek_v3" => {
            Implementation { rotation: Rotation::Concatenated, router: RouterCode::SigmoidByGroup, ..llama }
        }
        "deepseek_v2" => Implementation { rotation: Rotation::Complex, router: RouterCode::SoftmaxByGroup, ..llama },
        "dots1" => Implementation { router: RouterCode::SigmoidByGroup, ..llama },
        "glm4_moe" => Implementation {
            rotation: Rotation::Concatenated,
            turned_together: true,
            norms_after_projections: true,
            router: RouterCode::SigmoidByGroup,
            correction_bias_in_fp32: true,
            ..llama
        },
        "deepseek" => Implementation { router: RouterCode::SoftmaxThenCast, trains: false, ..llama },
        "bailing_moe" => Implementation {
            rotation: Rotation::Concatenated,
            norms_after_projections: true,
            router: RouterCode::SigmoidByGroup,
            trains: false,
            ..llama
        },
        "hunyuan_v1_moe" => Implementation {
            norms_after_rotation: true,
            router: RouterCode::SoftmaxThenCast,
            shared_expert_first: true,
            ..llama
        },
        "hy_v3" => Implementation { router: RouterCode::SigmoidByGroup, trains: false, ..llama },
        "ernie4_5_moe" => Implementation {
            rotary_in_fp32: true,
            tables: TableCode::Interleaved,
            halves_widened_apart: true,
            router: RouterCode::SoftmaxByGroup,
            correction_bias_in_fp32: true,
            shared_expert_first: true,
            trains: false,
            ..llama
        },
        "phimoe" => {
            Implementation { norm: NormCode::Fused, router: RouterCode::SoftmaxThenCast, trains: false, ..llama }
        }
        "minimax_m2" => Implementation {
            rotation: Rotation::Concatenated,
            turned_together: true,
            router: RouterCode::Sigmoid,
            ..llama
        },
        "gpt_oss" => Implementation {
            norm: NormCode::WeightThenCast,
            rotation: Rotation::Halves,
            eager_only: true,
            both_masks: true,
            router: RouterCode::SoftmaxOfChosen,
            expert_gate: GateCode::Clamped,
            ..llama
        },
        _ => llama,
    }
}

/// Whether PEFT reads `gate_proj`, `up_proj` and `down_proj` as the stacked matrices of this family's experts, which
/// had a module each in earlier versions; the dense and shared ones of the same names then have no adapter.
pub fn adapts_experts(family: &Family) -> bool {
    matches!(
        family.id,
        "qwen3_moe"
            | "qwen3_next"
            | "deepseek_v2"
            | "deepseek_v3"
            | "deepseek_v32"
            | "dots1"
            | "ernie4_5_moe"
            | "glm4_moe"
            | "glm4_moe_lite"
            | "glm_moe_dsa"
            | "hunyuan_v1_moe"
            | "olmoe"
    )
}

/// The names that modules have beside those of dense families.
pub(super) fn module_names(linear: &str) -> &'static [&'static str] {
    match linear {
        "attention.query down" => &["q_a_proj"],
        "attention.query up" => &["q_b_proj"],
        "attention.key value down" => &["kv_a_proj_with_mqa"],
        "attention.key value up" => &["kv_b_proj"],
        "shared expert gate" => &["shared_expert_gate"],
        "experts.gate and up" => &["gate_proj", "up_proj"],
        "experts.down" => &["down_proj"],
        _ => &[],
    }
}
