//! What the modelling code of families from before Llama does.

use super::{
    FusedProjection, HeldNorm, Implementation, ModuleOrder, Modules, NormCode, PositionCode, Rotation, SavedOrder,
    ScoreCode, TableCode,
};

/// The habits of a family, where they differ from Llama's.
pub(super) fn implementation(family: &str, llama: Implementation) -> Implementation {
    // All of them use PyTorch's own layer norm, and none turns queries and keys as Llama does.
    let base = Implementation {
        norm: NormCode::Fused,
        rotation: Rotation::None,
        hidden_dropout: true,
        returns_weights: true,
        saved: if family == "opt" { SavedOrder::HeadFirst } else { SavedOrder::LayersBeforeTables },
        modules: Modules::in_order(ModuleOrder::AsComputed),
        ..llama
    };
    match family {
        "opt" => Implementation {
            returns_weights: false,
            positions: PositionCode::FromMask,
            scaled_queries: true,
            feed_forward_in_layer: true,
            modules: Modules::in_order(ModuleOrder::NormAfterEach),
            ..base
        },
        "gptj" => Implementation {
            rotation: Rotation::Concatenated,
            tables: TableCode::Gathered,
            softmax_in_fp32: false,
            scores_in_fp32: true,
            embedding_dropout: true,
            drops_inside_attention: true,
            eager_only: true,
            ..base
        },
        "bloom" => Implementation {
            fused_projection: FusedProjection::Selected,
            holds_normed: HeldNorm::UntilNextNorm,
            scores: ScoreCode::Biased,
            flattened_heads: true,
            eager_only: true,
            ..base
        },
        "falcon" => Implementation {
            rotation: Rotation::Whole,
            fused_projection: FusedProjection::Indexed,
            softmax_in_fp32: false,
            scores: ScoreCode::InPlace,
            transposed_linears: true,
            always_masked: true,
            expanded_late: true,
            modules: Modules::in_order(ModuleOrder::NormsLast),
            sums_in_place: true,
            attention_dropout_on_output: true,
            ..base
        },
        "mpt" => Implementation {
            fused_projection: FusedProjection::SplitThenHeads,
            softmax_in_fp32: false,
            scores: ScoreCode::BiasedThenFilled,
            holds_attention_output: true,
            eager_only: true,
            ..base
        },
        "gpt_neo" => Implementation {
            softmax_in_fp32: false,
            scores_in_fp32: true,
            scores: ScoreCode::Chosen,
            layers_read_positions: false,
            embedding_dropout: true,
            drops_inside_attention: true,
            holds_attention_output: true,
            eager_only: true,
            ..base
        },
        "gpt_bigcode" => Implementation {
            fused_projection: FusedProjection::SplitByHeads,
            layers_read_positions: false,
            returns_weights: false,
            embedding_dropout: true,
            drops_inside_attention: true,
            holds_attention_output: true,
            ..base
        },
        _ => base,
    }
}
