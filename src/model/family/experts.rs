//! The rows of newer families with experts.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{
    Defaults, ExpertDefaults, Family, LatentDefaults, NormKind, Normalisation, Projection, QkNorm, SharedDefault,
};

const PLAIN: ExpertDefaults = ExpertDefaults {
    count: 64,
    per_token: 8,
    intermediate_size: None,
    normalised: Normalisation::Optional(false),
    shared: SharedDefault::None,
    first_dense: 0,
    groups: None,
    correction_bias: false,
    bias: false,
};

pub(super) const DEEPSEEK_V2: Family = Family {
    id: "deepseek_v2",
    experts: Some(ExpertDefaults {
        per_token: 6,
        intermediate_size: Some(1407),
        // Its router never divides by the sum.
        normalised: Normalisation::Never,
        shared: SharedDefault::Several(2),
        groups: Some([1, 1]),
        ..PLAIN
    }),
    latent: Some(LatentDefaults {
        query_rank: 1536,
        kv_rank: 512,
        nope_head_dim: 128,
        rope_head_dim: 64,
        value_head_dim: 128,
    }),
    defaults: Defaults { vocab_size: 102_400, ..LLAMA_LIKE },
    ..LLAMA
};

pub(super) const OLMOE: Family = Family {
    id: "olmoe",
    qk_norm: QkNorm::FullWidth,
    experts: Some(PLAIN),
    defaults: Defaults {
        vocab_size: 50_304,
        hidden_size: 2048,
        intermediate_size: Some(2048),
        num_hidden_layers: 16,
        num_attention_heads: 16,
        max_position_embeddings: 4096,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const GLM4_MOE: Family = Family {
    id: "glm4_moe",
    optional_qk_norm: QkNorm::PerHead,
    bias_of_output_apart: true,
    experts: Some(ExpertDefaults {
        count: 128,
        intermediate_size: Some(1408),
        normalised: Normalisation::Optional(true),
        shared: SharedDefault::Several(1),
        first_dense: 1,
        groups: Some([1, 1]),
        correction_bias: true,
        ..PLAIN
    }),
    defaults: Defaults {
        vocab_size: 151_552,
        intermediate_size: Some(10_944),
        num_hidden_layers: 46,
        num_attention_heads: 96,
        num_key_value_heads: Some(8),
        max_position_embeddings: 131_072,
        rotary_percent: 50,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const DOTS1: Family = Family {
    id: "dots1",
    qk_norm: QkNorm::PerHead,
    experts: Some(ExpertDefaults {
        count: 128,
        per_token: 6,
        intermediate_size: Some(1408),
        shared: SharedDefault::Several(2),
        groups: Some([1, 1]),
        correction_bias: true,
        ..PLAIN
    }),
    defaults: Defaults {
        vocab_size: 152_064,
        hidden_size: 4608,
        intermediate_size: Some(10_944),
        num_hidden_layers: 62,
        num_key_value_heads: Some(32),
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const MINIMAX_M2: Family = Family {
    id: "minimax_m2",
    qk_norm: QkNorm::FullWidth,
    experts: Some(ExpertDefaults { count: 256, normalised: Normalisation::Always, correction_bias: true, ..PLAIN }),
    defaults: Defaults {
        vocab_size: 200_064,
        hidden_size: 3072,
        intermediate_size: Some(1536),
        num_hidden_layers: 62,
        num_attention_heads: 48,
        num_key_value_heads: Some(8),
        head_dim: Some(128),
        max_position_embeddings: 196_608,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const DEEPSEEK: Family = Family {
    id: "deepseek",
    // The published code's class has no experts where a config names none.
    experts: Some(ExpertDefaults {
        count: 0,
        per_token: 6,
        intermediate_size: Some(1407),
        shared: SharedDefault::Several(0),
        ..PLAIN
    }),
    defaults: Defaults { vocab_size: 102_400, num_hidden_layers: 30, num_key_value_heads: Some(32), ..LLAMA_LIKE },
    ..LLAMA
};

/// Ling 2.0, with the defaults of the class that it is published with.
pub(super) const BAILING_MOE: Family = Family {
    id: "bailing_moe",
    projection: Projection::Fused,
    qk_norm: QkNorm::PerHead,
    experts: Some(ExpertDefaults {
        count: 256,
        intermediate_size: Some(512),
        normalised: Normalisation::Always,
        shared: SharedDefault::Several(1),
        first_dense: 1,
        groups: Some([8, 4]),
        correction_bias: true,
        ..PLAIN
    }),
    defaults: Defaults {
        vocab_size: 157_184,
        hidden_size: 2048,
        intermediate_size: Some(5120),
        num_hidden_layers: 20,
        num_attention_heads: 16,
        num_key_value_heads: Some(4),
        head_dim: Some(128),
        max_position_embeddings: 32_768,
        rotary_percent: 50,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const HUNYUAN_MOE: Family = Family {
    id: "hunyuan_v1_moe",
    qk_norm: QkNorm::PerHead,
    experts: Some(ExpertDefaults {
        count: 1,
        per_token: 1,
        normalised: Normalisation::Always,
        shared: SharedDefault::Dense,
        ..PLAIN
    }),
    defaults: Defaults { vocab_size: 290_943, ..LLAMA_LIKE },
    ..LLAMA
};

pub(super) const HY_V3: Family = Family {
    id: "hy_v3",
    qk_norm: QkNorm::PerHead,
    experts: Some(ExpertDefaults {
        count: 192,
        intermediate_size: Some(1536),
        normalised: Normalisation::Always,
        shared: SharedDefault::Several(1),
        first_dense: 1,
        correction_bias: true,
        ..PLAIN
    }),
    defaults: Defaults {
        vocab_size: 120_832,
        intermediate_size: Some(13_312),
        num_hidden_layers: 80,
        num_attention_heads: 64,
        num_key_value_heads: Some(8),
        head_dim: Some(128),
        max_position_embeddings: 131_072,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const ERNIE_MOE: Family = Family {
    id: "ernie4_5_moe",
    experts: Some(ExpertDefaults {
        per_token: 6,
        intermediate_size: Some(1536),
        normalised: Normalisation::Always,
        shared: SharedDefault::Several(2),
        first_dense: 1,
        // A parameter that is never trained; it is held like the buffers of the others.
        correction_bias: true,
        ..PLAIN
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
};

pub(super) const PHIMOE: Family = Family {
    id: "phimoe",
    norm: NormKind::Layer,
    experts: Some(ExpertDefaults { count: 16, per_token: 2, normalised: Normalisation::Never, ..PLAIN }),
    defaults: Defaults {
        vocab_size: 32_064,
        intermediate_size: Some(6400),
        num_key_value_heads: Some(8),
        max_position_embeddings: 131_072,
        ..LLAMA_LIKE
    },
    ..LLAMA
};
