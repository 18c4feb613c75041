//! ERNIE 4.5.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, RouterCode, TableCode, Widening};
use super::reads::{HEADS, Key, MIXTURE, ROUTER_LOSS, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, Normalisation, SharedDefault};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family { id: "ernie4_5", defaults: SMALL, ..LLAMA },
        code: Implementation { measured: true, ..ERNIE_CODE },
        reads: READS,
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family { id: "paddleocr_vl_text", defaults: SMALL, ..LLAMA },
        code: Implementation { tables_by_sequence: true, begins_with_token: false, measured: true, ..LLAMA_CODE },
        reads: READS,
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "ernie4_5_moe",
            experts: Some(ExpertDefaults {
                per_token: 6,
                intermediate_size: Some(1536),
                normalised: Normalisation::Always,
                shared: SharedDefault::Several(2),
                first_dense: 1,
                // A parameter that is never trained; it is held like the buffers of the others.
                correction_bias: true,
                ..MANY_EXPERTS
            }),
            defaults: Defaults {
                vocab_size: 103_424,
                hidden_size: 2560,
                intermediate_size: Some(12_288),
                num_hidden_layers: 28,
                num_attention_heads: 20,
                num_key_value_heads: Some(4),
                max_position_embeddings: 131_072,
                tie_word_embeddings: true,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            router: RouterCode::SoftmaxByGroup,
            correction_bias_in_fp32: true,
            shared_expert_first: true,
            trains: false,
            ..ERNIE_CODE
        },
        reads: Reads {
            keys: &[
                MIXTURE,
                &[
                    Key::Own("head_dim"),
                    Key::Named("attention_bias", &["use_bias"]),
                    Key::Named("mlp_bias", &["use_bias"]),
                    Key::Named("lm_head_bias", &["use_bias"]),
                    Key::Own("moe_intermediate_size"),
                    Key::Named("n_shared_experts", &["moe_num_shared_experts"]),
                    Key::Named("first_k_dense_replace", &["moe_layer_start_index"]),
                    Key::Named("decoder_sparse_step", &["moe_layer_interval"]),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::ErnieMoe,
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
];

/// ERNIE 4.5's smallest, whose decoder PaddleOCR-VL has too.
const SMALL: Defaults = Defaults {
    vocab_size: 103_424,
    hidden_size: 1024,
    intermediate_size: Some(3072),
    num_hidden_layers: 18,
    num_attention_heads: 16,
    num_key_value_heads: Some(2),
    head_dim: Some(128),
    max_position_embeddings: 131_072,
    tie_word_embeddings: true,
    ..LLAMA_LIKE
};

/// Biases by one key.
const READS: Reads = Reads {
    keys: &[HEADS, &[Key::Named("attention_bias", &["use_bias"]), Key::Named("mlp_bias", &["use_bias"])]],
    rule: Rule::Ernie,
    ..Reads::PLAIN
};

/// What both are written like.
const ERNIE_CODE: Implementation =
    Implementation { tables: TableCode::Interleaved, widening: Widening::Halves, ..LLAMA_CODE };
