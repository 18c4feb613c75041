//! Falcon.

use super::base::{BEFORE_LLAMA, GRANITE_MAMBA, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{FusedProjection, Implementation, ModuleOrder, Modules, Rotation, ScoreCode};
use super::reads::{HEADS, Key, LAYER_KINDS, ROUTER_LOSS, Reads, Refusal, Rule, SCANS, When};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, Family, FeedForwards, HybridDefaults, Mamba2Defaults, MixerDefaults, MlpKind, NormKind, Pattern,
    Placement, Projection,
};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "falcon",
            norm: NormKind::Layer,
            placement: Placement::ParallelOneNorm,
            projection: Projection::Fused,
            multi_query: Some(true),
            mlp: MlpKind::Plain,
            defaults: Defaults {
                vocab_size: 65_024,
                hidden_size: 4544,
                intermediate_size: None,
                num_attention_heads: 71,
                hidden_act: "gelu",
                tie_word_embeddings: true,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Whole,
            fused_projection: FusedProjection::Indexed,
            softmax_in_fp32: false,
            scores: ScoreCode::InPlace,
            transposed_linears: true,
            always_masked: true,
            expanded_late: true,
            sums_in_place: true,
            attention_dropout_on_output: true,
            modules: Modules::in_order(ModuleOrder::NormsLast),
            measured: true,
            ..BEFORE_LLAMA
        },
        reads: Reads {
            keys: &[&[
                Key::Named("hidden_size", &["n_embed", "hidden_size"]),
                Key::Named("hidden_act", &["activation"]),
                Key::Named("attention_bias", &["bias"]),
                Key::Named("mlp_bias", &["bias"]),
                Key::Own("hidden_dropout"),
                Key::Own("multi_query"),
                Key::Own("parallel_attn"),
                Key::Own("new_decoder_architecture"),
                Key::Own("num_ln_in_parallel_attn"),
            ]],
            refuses: &[Refusal {
                key: "alibi",
                when: When::True,
                problem: "Falcon without rotary positions is not covered",
            }],
            rule: Rule::Falcon,
        },
        modules: ModuleNames {
            own: &[
                (Part::TokenEmbedding, &["word_embeddings"]),
                (Part::QueryKeyValue, &["query_key_value"]),
                (Part::AttentionOutput, &["dense"]),
                (Part::Up, &["dense_h_to_4h"]),
                (Part::Down, &["dense_4h_to_h"]),
            ],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "falcon_h1",
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::Mamba2(Mamba2Defaults { width: Some(1024), norm: false, ..GRANITE_MAMBA }),
                pattern: Pattern::Both,
                feed_forward: FeedForwards::EveryLayer,
                expert_layers: [1, 0],
            }),
            defaults: Defaults {
                vocab_size: 128_000,
                intermediate_size: Some(14_336),
                num_key_value_heads: Some(8),
                max_position_embeddings: 8192,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { scaled_embedding: true, scaled_logits: true, scaled_mixer: true, ..LLAMA_CODE },
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                SCANS,
                &[Key::Own("attention_bias"), Key::Own("mlp_bias"), Key::Own("mamba_rms_norm")],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::FalconH1,
        },
        modules: ModuleNames::USUAL,
    },
];
