//! The rows of the family table.

use super::{
    Defaults, Dropout, ExpertDefaults, Family, LatentDefaults, MlpKind, NormKind, Normalisation, Placement,
    PositionKind, Projection, QkNorm, SharedDefault, VariantDefaults,
};
use super::{compressed, encoders, experts, hybrid, modern, seq2seq, vision};

pub(super) const LLAMA_LIKE: Defaults = Defaults {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: Some(11_008),
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: None,
    head_dim: None,
    max_position_embeddings: 2048,
    hidden_act: "silu",
    tie_word_embeddings: false,
    rotary_percent: 100,
    rotary_dim: None,
    dropout: Dropout { embedding: 0.0, hidden: 0.0, attention: 0.0 },
    sliding_window: None,
    sliding_window_pattern: None,
    no_rope_layer_interval: None,
    attention_softcap: false,
    logits_softcap: false,
};

const GEMMA_2B: Defaults = Defaults {
    vocab_size: 256_000,
    hidden_size: 2304,
    intermediate_size: Some(9216),
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: Some(4),
    head_dim: Some(256),
    max_position_embeddings: 131_072,
    hidden_act: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
    sliding_window: Some(4096),
    sliding_window_pattern: Some(6),
    ..LLAMA_LIKE
};

pub(super) const LLAMA: Family = Family {
    id: "llama",
    norm: NormKind::Rms,
    placement: Placement::Pre,
    projection: Projection::Separate,
    multi_query: None,
    qk_norm: QkNorm::None,
    optional_qk_norm: QkNorm::EachHead,
    bias_of_output_apart: false,
    mlp: MlpKind::Gated,
    positions: PositionKind::Rotary,
    unused_positions: 0,
    embedding_norm: false,
    rotates_with_window_only: false,
    qkv_bias: false,
    output_bias: false,
    mlp_bias: false,
    experts: None,
    latent: None,
    sinks: false,
    hybrid: None,
    attention_gate: false,
    head_bias: false,
    compressed: None,
    encoder: None,
    seq2seq: None,
    image: None,
    variant: VariantDefaults::NONE,
    defaults: LLAMA_LIKE,
};

/// Every family that the crate knows, by `model_type`.
pub const FAMILIES: &[Family] = &[
    Family {
        id: "gpt2",
        norm: NormKind::Layer,
        projection: Projection::Fused,
        mlp: MlpKind::Plain,
        positions: PositionKind::Learned,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 50_257,
            hidden_size: 768,
            intermediate_size: None,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 1024,
            hidden_act: "gelu_new",
            tie_word_embeddings: true,
            dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1 },
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "gpt_neox",
        norm: NormKind::Layer,
        placement: Placement::Parallel,
        projection: Projection::Fused,
        mlp: MlpKind::Plain,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 50_432,
            hidden_size: 6144,
            intermediate_size: Some(24_576),
            num_hidden_layers: 44,
            num_attention_heads: 64,
            hidden_act: "gelu",
            rotary_percent: 25,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    LLAMA,
    Family {
        id: "mistral",
        defaults: Defaults {
            intermediate_size: Some(14_336),
            num_key_value_heads: Some(8),
            max_position_embeddings: 131_072,
            sliding_window: Some(4096),
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "qwen2",
        qkv_bias: true,
        defaults: Defaults {
            vocab_size: 151_936,
            intermediate_size: Some(22_016),
            num_key_value_heads: Some(32),
            max_position_embeddings: 32_768,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "qwen3",
        qk_norm: QkNorm::PerHead,
        defaults: Defaults {
            vocab_size: 151_936,
            intermediate_size: Some(22_016),
            num_key_value_heads: Some(32),
            head_dim: Some(128),
            max_position_embeddings: 32_768,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "gemma",
        norm: NormKind::GemmaRms,
        defaults: Defaults {
            vocab_size: 256_000,
            hidden_size: 3072,
            intermediate_size: Some(24_576),
            num_hidden_layers: 28,
            num_attention_heads: 16,
            num_key_value_heads: Some(16),
            head_dim: Some(256),
            max_position_embeddings: 8192,
            hidden_act: "gelu_pytorch_tanh",
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "phi3",
        projection: Projection::Fused,
        mlp: MlpKind::GatedFused,
        defaults: Defaults {
            vocab_size: 32_064,
            hidden_size: 3072,
            intermediate_size: Some(8192),
            max_position_embeddings: 4096,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "olmo2",
        placement: Placement::Post,
        qk_norm: QkNorm::FullWidth,
        defaults: Defaults { vocab_size: 50_304, ..LLAMA_LIKE },
        ..LLAMA
    },
    Family { id: "granite", ..LLAMA },
    Family {
        id: "gemma2",
        norm: NormKind::GemmaRms,
        placement: Placement::Sandwich,
        defaults: Defaults {
            sliding_window_pattern: Some(2),
            attention_softcap: true,
            logits_softcap: true,
            max_position_embeddings: 8192,
            ..GEMMA_2B
        },
        ..LLAMA
    },
    Family {
        id: "gemma3_text",
        norm: NormKind::GemmaRms,
        placement: Placement::Sandwich,
        qk_norm: QkNorm::PerHead,
        defaults: Defaults { vocab_size: 262_208, ..GEMMA_2B },
        ..LLAMA
    },
    Family {
        id: "mixtral",
        experts: Some(ExpertDefaults {
            count: 8,
            per_token: 2,
            intermediate_size: None,
            normalised: Normalisation::Always,
            shared: SharedDefault::None,
            first_dense: 0,
            groups: None,
            correction_bias: false,
            bias: false,
        }),
        defaults: Defaults {
            intermediate_size: Some(14_336),
            num_key_value_heads: Some(8),
            max_position_embeddings: 131_072,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "deepseek_v3",
        experts: Some(ExpertDefaults {
            count: 256,
            per_token: 8,
            intermediate_size: Some(2048),
            normalised: Normalisation::Optional(true),
            shared: SharedDefault::Several(1),
            first_dense: 3,
            groups: Some([8, 4]),
            correction_bias: true,
            bias: false,
        }),
        latent: Some(LatentDefaults {
            query_rank: 1536,
            kv_rank: 512,
            nope_head_dim: 128,
            rope_head_dim: 64,
            value_head_dim: 128,
        }),
        defaults: Defaults {
            vocab_size: 129_280,
            hidden_size: 7168,
            intermediate_size: Some(18_432),
            num_hidden_layers: 61,
            num_attention_heads: 128,
            max_position_embeddings: 4096,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "qwen2_moe",
        qkv_bias: true,
        experts: Some(ExpertDefaults {
            count: 60,
            per_token: 4,
            intermediate_size: Some(1408),
            normalised: Normalisation::Optional(false),
            shared: SharedDefault::Gated(5632),
            first_dense: 0,
            groups: None,
            correction_bias: false,
            bias: false,
        }),
        defaults: Defaults {
            vocab_size: 151_936,
            hidden_size: 2048,
            intermediate_size: Some(5632),
            num_hidden_layers: 24,
            num_attention_heads: 16,
            num_key_value_heads: Some(16),
            max_position_embeddings: 32_768,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "gpt_oss",
        qkv_bias: true,
        output_bias: true,
        sinks: true,
        experts: Some(ExpertDefaults {
            count: 128,
            per_token: 4,
            intermediate_size: None,
            normalised: Normalisation::Always,
            shared: SharedDefault::None,
            first_dense: 0,
            groups: None,
            correction_bias: false,
            bias: true,
        }),
        defaults: Defaults {
            vocab_size: 201_088,
            hidden_size: 2880,
            intermediate_size: Some(2880),
            num_hidden_layers: 36,
            num_attention_heads: 64,
            num_key_value_heads: Some(8),
            head_dim: Some(64),
            max_position_embeddings: 131_072,
            sliding_window: Some(128),
            sliding_window_pattern: Some(2),
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "glm4",
        placement: Placement::Sandwich,
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
    },
    Family {
        id: "qwen3_moe",
        qk_norm: QkNorm::PerHead,
        experts: Some(ExpertDefaults {
            count: 128,
            per_token: 8,
            intermediate_size: Some(768),
            normalised: Normalisation::Optional(false),
            shared: SharedDefault::None,
            first_dense: 0,
            groups: None,
            correction_bias: false,
            bias: false,
        }),
        defaults: Defaults {
            vocab_size: 151_936,
            hidden_size: 2048,
            intermediate_size: Some(6144),
            num_hidden_layers: 24,
            num_key_value_heads: Some(4),
            max_position_embeddings: 32_768,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "stablelm",
        bias_of_output_apart: true,
        norm: NormKind::Layer,
        defaults: Defaults {
            vocab_size: 50_304,
            hidden_size: 2560,
            intermediate_size: Some(6912),
            num_key_value_heads: Some(32),
            max_position_embeddings: 4096,
            rotary_percent: 25,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "phi",
        norm: NormKind::Layer,
        placement: Placement::ParallelOneNorm,
        mlp: MlpKind::Plain,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        head_bias: true,
        defaults: Defaults {
            vocab_size: 51_200,
            hidden_size: 2048,
            intermediate_size: Some(8192),
            num_hidden_layers: 24,
            hidden_act: "gelu_new",
            rotary_percent: 50,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "cohere",
        norm: NormKind::LayerWithoutBias,
        placement: Placement::ParallelOneNorm,
        defaults: Defaults {
            vocab_size: 256_000,
            hidden_size: 8192,
            intermediate_size: Some(22_528),
            num_hidden_layers: 40,
            num_attention_heads: 64,
            max_position_embeddings: 8192,
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "starcoder2",
        norm: NormKind::Layer,
        mlp: MlpKind::Plain,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 49_152,
            hidden_size: 3072,
            intermediate_size: Some(12_288),
            num_hidden_layers: 30,
            num_attention_heads: 24,
            num_key_value_heads: Some(2),
            max_position_embeddings: 4096,
            hidden_act: "gelu_pytorch_tanh",
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "opt",
        norm: NormKind::Layer,
        mlp: MlpKind::Plain,
        positions: PositionKind::Learned,
        unused_positions: 2,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 50_272,
            hidden_size: 768,
            intermediate_size: Some(3072),
            num_hidden_layers: 12,
            num_attention_heads: 12,
            hidden_act: "relu",
            tie_word_embeddings: true,
            dropout: Dropout { embedding: 0.0, hidden: 0.1, attention: 0.0 },
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "gptj",
        norm: NormKind::Layer,
        placement: Placement::ParallelOneNorm,
        mlp: MlpKind::Plain,
        mlp_bias: true,
        head_bias: true,
        defaults: Defaults {
            vocab_size: 50_400,
            intermediate_size: None,
            num_hidden_layers: 28,
            num_attention_heads: 16,
            hidden_act: "gelu_new",
            rotary_dim: Some(64),
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "bloom",
        norm: NormKind::Layer,
        projection: Projection::Fused,
        mlp: MlpKind::Plain,
        positions: PositionKind::Alibi,
        embedding_norm: true,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 250_880,
            hidden_size: 64,
            intermediate_size: None,
            num_hidden_layers: 2,
            num_attention_heads: 8,
            hidden_act: "bloom_gelu",
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
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
    Family {
        id: "mpt",
        norm: NormKind::LayerWithoutBias,
        projection: Projection::Fused,
        mlp: MlpKind::Plain,
        positions: PositionKind::Alibi,
        defaults: Defaults {
            vocab_size: 50_368,
            hidden_size: 2048,
            intermediate_size: None,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            hidden_act: "gelu",
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "gpt_neo",
        norm: NormKind::Layer,
        mlp: MlpKind::Plain,
        positions: PositionKind::Learned,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 50_257,
            hidden_size: 2048,
            intermediate_size: None,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            hidden_act: "gelu_new",
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "gpt_bigcode",
        norm: NormKind::Layer,
        projection: Projection::Fused,
        multi_query: Some(true),
        mlp: MlpKind::Plain,
        positions: PositionKind::Learned,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 50_257,
            hidden_size: 768,
            intermediate_size: None,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 1024,
            hidden_act: "gelu_pytorch_tanh",
            tie_word_embeddings: true,
            dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1 },
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    Family {
        id: "olmo",
        norm: NormKind::LayerWithoutWeight,
        defaults: Defaults { vocab_size: 50_304, ..LLAMA_LIKE },
        ..LLAMA
    },
    Family {
        id: "smollm3",
        defaults: Defaults {
            vocab_size: 128_256,
            hidden_size: 2048,
            num_hidden_layers: 36,
            num_attention_heads: 16,
            num_key_value_heads: Some(4),
            max_position_embeddings: 32_768,
            tie_word_embeddings: true,
            no_rope_layer_interval: Some(4),
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    experts::DEEPSEEK_V2,
    experts::OLMOE,
    experts::GLM4_MOE,
    experts::DOTS1,
    experts::MINIMAX_M2,
    experts::DEEPSEEK,
    experts::BAILING_MOE,
    experts::HUNYUAN_MOE,
    experts::HY_V3,
    experts::ERNIE_MOE,
    experts::PHIMOE,
    modern::OLMO3,
    modern::EXAONE4,
    modern::COHERE2,
    modern::GLM,
    modern::SEED_OSS,
    modern::ARCEE,
    modern::APERTUS,
    modern::HUNYUAN_DENSE,
    modern::ERNIE,
    modern::MINISTRAL3,
    modern::NEMOTRON,
    modern::INTERNLM2,
    modern::MIMO,
    modern::NEMOTRON_NAS,
    modern::LLAMA4,
    modern::GEMMA3N,
    modern::GEMMA4,
    modern::MISTRAL4,
    modern::DEEPSEEK_V32,
    modern::GLM4_MOE_LITE,
    modern::GLM_MOE_DSA,
    modern::MIMO_V2,
    modern::MINIMAX_M3,
    modern::STEP3P5,
    modern::DBRX,
    modern::GROK1,
    compressed::DEEPSEEK_V4,
    hybrid::QWEN3_NEXT,
    hybrid::QWEN3_5,
    hybrid::QWEN3_5_MOE,
    hybrid::KIMI_LINEAR,
    hybrid::KIMI_K3,
    hybrid::LFM2,
    hybrid::LFM2_MOE,
    hybrid::FALCON_H1,
    hybrid::NEMOTRON_H,
    hybrid::JAMBA,
    hybrid::GRANITE_MOE_HYBRID,
    hybrid::MINIMAX,
    hybrid::BAMBA,
    hybrid::MAMBA,
    hybrid::FALCON_MAMBA,
    hybrid::MAMBA2,
    encoders::BERT,
    encoders::ROBERTA,
    encoders::XLM_ROBERTA,
    encoders::MODERNBERT,
    seq2seq::T5,
    seq2seq::MT5,
    seq2seq::UMT5,
    vision::VIT,
];
