//! The row of DeepSeek-V4: compressed attention and mixed residual streams.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{Defaults, ExpertDefaults, Family, Normalisation, SharedDefault};

/// Defaults of Transformers 5.23's config class for compressed attention and mixed streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressedDefaults {
    /// `q_lora_rank`.
    pub query_rank: u64,
    /// `o_groups`.
    pub output_groups: u64,
    /// `o_lora_rank`.
    pub output_rank: u64,
    /// `index_n_heads` and `index_head_dim`.
    pub indexer: [u64; 2],
    /// `hc_mult`.
    pub streams: u64,
    /// `num_hash_layers`.
    pub hash_layers: u64,
}

pub(super) const DEEPSEEK_V4: Family = Family {
    id: "deepseek_v4",
    sinks: true,
    experts: Some(ExpertDefaults {
        count: 256,
        per_token: 6,
        intermediate_size: Some(2048),
        // Its router always divides by the sum.
        normalised: Normalisation::Always,
        shared: SharedDefault::Several(1),
        first_dense: 0,
        groups: None,
        correction_bias: true,
        bias: false,
    }),
    compressed: Some(CompressedDefaults {
        query_rank: 1024,
        output_groups: 8,
        output_rank: 1024,
        indexer: [64, 128],
        streams: 4,
        hash_layers: 3,
    }),
    defaults: Defaults {
        vocab_size: 129_280,
        // Every layer has experts.
        intermediate_size: Some(2048),
        num_hidden_layers: 43,
        num_attention_heads: 64,
        num_key_value_heads: Some(1),
        head_dim: Some(512),
        max_position_embeddings: 1_048_576,
        sliding_window: Some(128),
        rotary_dim: Some(64),
        ..LLAMA_LIKE
    },
    ..LLAMA
};
