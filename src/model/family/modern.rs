//! The rows of newer families without recurrence.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{Defaults, Family, MlpKind, NormKind, Placement, Projection, QkNorm};

pub(super) const OLMO3: Family = Family {
    id: "olmo3",
    placement: Placement::Post,
    qk_norm: QkNorm::FullWidth,
    defaults: Defaults {
        vocab_size: 50_304,
        sliding_window: Some(4096),
        sliding_window_pattern: Some(4),
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const EXAONE4: Family = Family {
    id: "exaone4",
    placement: Placement::Post,
    qk_norm: QkNorm::PerHead,
    rotates_with_window_only: true,
    defaults: Defaults {
        vocab_size: 102_400,
        intermediate_size: Some(16_384),
        num_key_value_heads: Some(32),
        sliding_window: Some(4096),
        sliding_window_pattern: Some(4),
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const COHERE2: Family = Family {
    id: "cohere2",
    norm: NormKind::LayerWithoutBias,
    placement: Placement::ParallelOneNorm,
    rotates_with_window_only: true,
    defaults: Defaults {
        vocab_size: 256_000,
        hidden_size: 8192,
        intermediate_size: Some(22_528),
        num_hidden_layers: 40,
        num_attention_heads: 64,
        max_position_embeddings: 8192,
        tie_word_embeddings: true,
        sliding_window: Some(4096),
        sliding_window_pattern: Some(4),
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const GLM: Family = Family {
    id: "glm",
    mlp: MlpKind::GatedFused,
    qkv_bias: true,
    defaults: Defaults {
        vocab_size: 151_552,
        intermediate_size: Some(13_696),
        num_hidden_layers: 40,
        num_key_value_heads: Some(2),
        head_dim: Some(128),
        max_position_embeddings: 131_072,
        rotary_percent: 50,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const SEED_OSS: Family = Family {
    id: "seed_oss",
    qkv_bias: true,
    defaults: Defaults {
        vocab_size: 155_136,
        intermediate_size: Some(27_648),
        num_hidden_layers: 64,
        num_attention_heads: 80,
        num_key_value_heads: Some(8),
        head_dim: Some(128),
        max_position_embeddings: 524_288,
        dropout: 0.1,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const ARCEE: Family = Family {
    id: "arcee",
    mlp: MlpKind::Plain,
    defaults: Defaults {
        hidden_size: 2560,
        intermediate_size: Some(18_432),
        max_position_embeddings: 4096,
        hidden_act: "relu2",
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const APERTUS: Family = Family {
    id: "apertus",
    mlp: MlpKind::Plain,
    qk_norm: QkNorm::PerHead,
    defaults: Defaults {
        vocab_size: 131_072,
        intermediate_size: Some(14_336),
        max_position_embeddings: 65_536,
        hidden_act: "xielu",
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const HUNYUAN_DENSE: Family = Family {
    id: "hunyuan_v1_dense",
    qk_norm: QkNorm::PerHead,
    defaults: Defaults { vocab_size: 290_943, ..LLAMA_LIKE },
    ..LLAMA
};

pub(super) const ERNIE: Family = Family {
    id: "ernie4_5",
    defaults: Defaults {
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
    },
    ..LLAMA
};

pub(super) const MINISTRAL3: Family = Family {
    id: "ministral3",
    defaults: Defaults {
        vocab_size: 131_072,
        intermediate_size: Some(14_336),
        num_hidden_layers: 34,
        num_key_value_heads: Some(8),
        head_dim: Some(128),
        max_position_embeddings: 262_144,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const NEMOTRON: Family = Family {
    id: "nemotron",
    norm: NormKind::Layer,
    mlp: MlpKind::Plain,
    defaults: Defaults {
        vocab_size: 256_000,
        hidden_size: 6144,
        intermediate_size: Some(24_576),
        num_attention_heads: 48,
        max_position_embeddings: 4096,
        hidden_act: "relu2",
        rotary_percent: 50,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

/// Not a class of Transformers: the defaults are those of the code that comes with its checkpoints.
pub(super) const INTERNLM2: Family = Family {
    id: "internlm2",
    projection: Projection::Fused,
    qkv_bias: true,
    output_bias: true,
    defaults: Defaults { vocab_size: 103_168, ..LLAMA_LIKE },
    ..LLAMA
};

/// Not a class of Transformers: Qwen2's, whose defaults it has, with layers beside that predict further tokens.
pub(super) const MIMO: Family = Family {
    id: "mimo",
    qkv_bias: true,
    defaults: Defaults {
        vocab_size: 151_936,
        intermediate_size: Some(22_016),
        num_key_value_heads: Some(32),
        max_position_embeddings: 32_768,
        ..LLAMA_LIKE
    },
    ..LLAMA
};
