//! The rows of newer families without recurrence.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{
    Defaults, ExpertDefaults, Family, IndexerDefaults, LatentDefaults, MlpKind, NormKind, Normalisation, Placement,
    Projection, QkNorm, SharedDefault, VariantDefaults,
};

const EXPERTS: ExpertDefaults = ExpertDefaults {
    count: 8,
    per_token: 2,
    intermediate_size: None,
    normalised: Normalisation::Always,
    shared: SharedDefault::None,
    first_dense: 0,
    groups: None,
    correction_bias: false,
    bias: false,
};

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
        dropout: super::Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1 },
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

/// Llamas from which a search took attention and width layer by layer; the code came with their checkpoints, whose
/// config class is a Llama's.
pub(super) const NEMOTRON_NAS: Family =
    Family { id: "nemotron-nas", defaults: Defaults { intermediate_size: None, ..LLAMA_LIKE }, ..LLAMA };

pub(super) const LLAMA4: Family = Family {
    id: "llama4_text",
    qk_norm: QkNorm::WithoutWeight,
    experts: Some(ExpertDefaults { count: 16, per_token: 1, shared: SharedDefault::Several(1), ..EXPERTS }),
    variant: VariantDefaults { dense_intermediate_size: Some(16_384), ..VariantDefaults::NONE },
    defaults: Defaults {
        vocab_size: 202_048,
        hidden_size: 5120,
        intermediate_size: Some(8192),
        num_hidden_layers: 48,
        num_attention_heads: 40,
        num_key_value_heads: Some(8),
        head_dim: Some(128),
        max_position_embeddings: 131_072,
        // What it sees are chunks, of which a cache keeps as much as of a window.
        sliding_window: Some(8192),
        sliding_window_pattern: Some(4),
        no_rope_layer_interval: Some(4),
        ..LLAMA_LIKE
    },
    ..LLAMA
};

const GEMMA: Defaults = Defaults {
    vocab_size: 262_144,
    hidden_size: 2304,
    intermediate_size: Some(9216),
    num_hidden_layers: 30,
    num_attention_heads: 8,
    num_key_value_heads: Some(4),
    head_dim: Some(256),
    max_position_embeddings: 131_072,
    hidden_act: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
    sliding_window: Some(512),
    sliding_window_pattern: Some(6),
    ..LLAMA_LIKE
};

pub(super) const GEMMA3N: Family = Family {
    id: "gemma3n_text",
    placement: Placement::Sandwich,
    qk_norm: QkNorm::PerHead,
    variant: VariantDefaults {
        kv_shared_layers: 15,
        per_layer_input: Some([262_144, 256]),
        laurel_rank: Some(64),
        streams: Some(4),
        ..VariantDefaults::NONE
    },
    defaults: Defaults {
        vocab_size: 262_400,
        hidden_size: 2048,
        intermediate_size: Some(16_384),
        num_hidden_layers: 35,
        num_key_value_heads: Some(2),
        max_position_embeddings: 32_768,
        sliding_window_pattern: Some(5),
        logits_softcap: true,
        ..GEMMA
    },
    ..LLAMA
};

pub(super) const GEMMA4: Family = Family {
    id: "gemma4_text",
    placement: Placement::Sandwich,
    qk_norm: QkNorm::PerHead,
    experts: Some(ExpertDefaults { count: 0, shared: SharedDefault::Dense, ..EXPERTS }),
    variant: VariantDefaults {
        global_head_dim: Some(512),
        per_layer_input: Some([262_144, 256]),
        experts_beside: true,
        ..VariantDefaults::NONE
    },
    defaults: GEMMA,
    ..LLAMA
};

const DEEPSEEK_LATENT: LatentDefaults =
    LatentDefaults { query_rank: 1536, kv_rank: 512, nope_head_dim: 128, rope_head_dim: 64, value_head_dim: 128 };

const DEEPSEEK_EXPERTS: ExpertDefaults = ExpertDefaults {
    count: 256,
    per_token: 8,
    intermediate_size: Some(2048),
    normalised: Normalisation::Optional(true),
    shared: SharedDefault::Several(1),
    first_dense: 3,
    groups: Some([1, 1]),
    correction_bias: true,
    bias: false,
};

pub(super) const MISTRAL4: Family = Family {
    id: "mistral4",
    experts: Some(ExpertDefaults {
        count: 128,
        per_token: 4,
        first_dense: 0,
        groups: None,
        correction_bias: false,
        ..DEEPSEEK_EXPERTS
    }),
    latent: Some(LatentDefaults { query_rank: 1024, kv_rank: 256, nope_head_dim: 64, ..DEEPSEEK_LATENT }),
    defaults: Defaults {
        vocab_size: 131_072,
        intermediate_size: Some(12_288),
        num_hidden_layers: 36,
        max_position_embeddings: 1_048_576,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const DEEPSEEK_V32: Family = Family {
    id: "deepseek_v32",
    experts: Some(ExpertDefaults { groups: Some([8, 4]), ..DEEPSEEK_EXPERTS }),
    latent: Some(DEEPSEEK_LATENT),
    variant: VariantDefaults {
        indexer: Some(IndexerDefaults { heads: 64, head_dim: 128, with_experts_only: false }),
        ..VariantDefaults::NONE
    },
    defaults: Defaults {
        vocab_size: 129_280,
        hidden_size: 7168,
        intermediate_size: Some(18_432),
        num_hidden_layers: 61,
        num_attention_heads: 128,
        max_position_embeddings: 163_840,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const GLM4_MOE_LITE: Family = Family {
    id: "glm4_moe_lite",
    experts: Some(ExpertDefaults {
        count: 64,
        per_token: 4,
        intermediate_size: Some(1536),
        first_dense: 1,
        ..DEEPSEEK_EXPERTS
    }),
    latent: Some(LatentDefaults { query_rank: 768, nope_head_dim: 192, value_head_dim: 256, ..DEEPSEEK_LATENT }),
    defaults: Defaults {
        vocab_size: 154_880,
        hidden_size: 2048,
        intermediate_size: Some(10_240),
        num_hidden_layers: 47,
        num_attention_heads: 20,
        max_position_embeddings: 202_752,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const GLM_MOE_DSA: Family = Family {
    id: "glm_moe_dsa",
    experts: Some(DEEPSEEK_EXPERTS),
    latent: Some(LatentDefaults { query_rank: 2048, nope_head_dim: 192, value_head_dim: 256, ..DEEPSEEK_LATENT }),
    variant: VariantDefaults {
        indexer: Some(IndexerDefaults { heads: 32, head_dim: 128, with_experts_only: false }),
        ..VariantDefaults::NONE
    },
    defaults: Defaults {
        vocab_size: 154_880,
        hidden_size: 6144,
        intermediate_size: Some(12_288),
        num_hidden_layers: 78,
        num_attention_heads: 64,
        max_position_embeddings: 202_752,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const MIMO_V2: Family = Family {
    id: "mimo_v2_flash",
    experts: Some(ExpertDefaults { shared: SharedDefault::None, first_dense: 1, ..DEEPSEEK_EXPERTS }),
    variant: VariantDefaults {
        v_head_dim: Some(128),
        window_doubles_kv_heads: true,
        sinks_with_window: true,
        ..VariantDefaults::NONE
    },
    defaults: Defaults {
        vocab_size: 152_576,
        intermediate_size: Some(16_384),
        num_hidden_layers: 48,
        num_attention_heads: 64,
        num_key_value_heads: Some(4),
        head_dim: Some(192),
        max_position_embeddings: 131_072,
        sliding_window: Some(129),
        sliding_window_pattern: Some(6),
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const MINIMAX_M3: Family = Family {
    id: "minimax_m3_vl_text",
    qk_norm: QkNorm::PerHead,
    mlp: MlpKind::GatedFused,
    experts: Some(ExpertDefaults {
        count: 128,
        per_token: 4,
        intermediate_size: Some(3072),
        first_dense: 0,
        ..DEEPSEEK_EXPERTS
    }),
    variant: VariantDefaults {
        indexer: Some(IndexerDefaults { heads: 4, head_dim: 128, with_experts_only: true }),
        ..VariantDefaults::NONE
    },
    defaults: Defaults {
        vocab_size: 200_064,
        hidden_size: 6144,
        intermediate_size: Some(12_288),
        num_hidden_layers: 60,
        num_attention_heads: 64,
        num_key_value_heads: Some(4),
        head_dim: Some(128),
        max_position_embeddings: 524_288,
        rotary_percent: 50,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const STEP3P5: Family = Family {
    id: "step3p5",
    qk_norm: QkNorm::PerHead,
    experts: Some(ExpertDefaults { count: 288, intermediate_size: Some(1280), ..DEEPSEEK_EXPERTS }),
    variant: VariantDefaults { head_gate: true, ..VariantDefaults::NONE },
    defaults: Defaults {
        vocab_size: 128_815,
        intermediate_size: Some(11_264),
        num_hidden_layers: 45,
        num_attention_heads: 64,
        num_key_value_heads: Some(8),
        head_dim: Some(128),
        max_position_embeddings: 128_000,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const DBRX: Family = Family {
    id: "dbrx",
    norm: NormKind::LayerWithoutBias,
    projection: Projection::Fused,
    experts: Some(ExpertDefaults { count: 4, per_token: 1, ..EXPERTS }),
    defaults: Defaults {
        hidden_size: 2048,
        intermediate_size: Some(3584),
        num_hidden_layers: 24,
        num_attention_heads: 16,
        num_key_value_heads: Some(1),
        ..LLAMA_LIKE
    },
    ..LLAMA
};

/// Not a class of Transformers: the fields are those of the code that came with its checkpoint.
pub(super) const GROK1: Family = Family {
    id: "grok-1",
    placement: Placement::Sandwich,
    experts: Some(EXPERTS),
    defaults: Defaults {
        vocab_size: 131_072,
        hidden_size: 6144,
        intermediate_size: Some(32_768),
        num_hidden_layers: 64,
        num_attention_heads: 48,
        num_key_value_heads: Some(8),
        max_position_embeddings: 8192,
        hidden_act: "gelu",
        tie_word_embeddings: true,
        ..LLAMA_LIKE
    },
    ..LLAMA
};
