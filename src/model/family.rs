//! The model families: what every model of one Hugging Face `model_type` has in common.
//!
//! A family is data. It says which pieces a layer is made of and which values a `config.json` may leave out;
//! how an implementation spends memory on those pieces is the business of [`crate::framework`].

/// The constants of one `model_type`.
#[derive(Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "which parts have a bias")]
pub struct Family {
    /// The Hugging Face `model_type`.
    pub id: &'static str,
    /// The kind of every norm in the model.
    pub norm: NormKind,
    /// Where a layer's norms stand.
    pub placement: Placement,
    /// How queries, keys and values are projected.
    pub projection: Projection,
    /// Query and key norms.
    pub qk_norm: QkNorm,
    /// The feed-forward network.
    pub mlp: MlpKind,
    /// How positions enter.
    pub positions: PositionKind,
    /// Bias of the query, key and value projections where the config does not say.
    pub qkv_bias: bool,
    /// Bias of the attention output projection where the config does not say.
    pub output_bias: bool,
    /// Bias of the feed-forward projections where the config does not say.
    pub mlp_bias: bool,
    /// The experts of its layers, where it has any.
    pub experts: Option<ExpertDefaults>,
    /// The ranks and head widths of latent attention, where it has that.
    pub latent: Option<LatentDefaults>,
    /// Bias of the head where the config does not say.
    pub head_bias: bool,
    /// The values that Transformers' config class has for keys a `config.json` leaves out.
    pub defaults: Defaults,
}

/// Defaults of Transformers 5.23's config class for a mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpertDefaults {
    /// Experts of a layer.
    pub count: u64,
    /// Experts that compute each token.
    pub per_token: u64,
    /// `moe_intermediate_size`; `None`: experts have the `intermediate_size`.
    pub intermediate_size: Option<u64>,
    /// Whether the weights of the chosen experts are made to add up to one.
    pub normalised: Normalisation,
    /// What stands beside the routed experts.
    pub shared: SharedDefault,
    /// Dense layers before the first with experts.
    pub first_dense: u64,
    /// `n_group` and `topk_group`, where experts are chosen by group.
    pub groups: Option<[u64; 2]>,
}

/// What stands beside the routed experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedDefault {
    /// Nothing.
    None,
    /// An expert with a gate; the default of `shared_expert_intermediate_size`.
    Gated(u64),
    /// So many experts in one, without a gate; the default of `n_shared_experts`.
    Several(u64),
}

/// Defaults of Transformers 5.23's config class for latent attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentDefaults {
    /// `q_lora_rank`.
    pub query_rank: u64,
    /// `kv_lora_rank`.
    pub kv_rank: u64,
    /// `qk_nope_head_dim`.
    pub nope_head_dim: u64,
    /// `qk_rope_head_dim`.
    pub rope_head_dim: u64,
    /// `v_head_dim`.
    pub value_head_dim: u64,
}

/// Whether the weights of the chosen experts are made to add up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// Always.
    Always,
    /// Where `norm_topk_prob` says so; with the class's default.
    Optional(bool),
}

/// Kinds of norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Root mean square with one weight per channel.
    Rms,
    /// Gemma's: root mean square whose weight is stored as its difference from one and applied in fp32.
    GemmaRms,
    /// Layer norm with weight and bias.
    Layer,
    /// Layer norm with a weight only.
    LayerWithoutBias,
    /// Layer norm with neither.
    LayerWithoutWeight,
}

impl NormKind {
    /// Parameters of a norm over so many channels.
    pub const fn parameter_tensors(self) -> u64 {
        match self {
            Self::Rms | Self::GemmaRms | Self::LayerWithoutBias => 1,
            Self::Layer => 2,
            Self::LayerWithoutWeight => 0,
        }
    }
}

/// Where a layer's two norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Before attention and before the feed-forward network.
    Pre,
    /// After each of them, before the residual is added (OLMo 2).
    Post,
    /// Both before, from the same residual stream: attention and feed-forward run side by side (GPT-NeoX).
    Parallel,
    /// One before both, which run side by side (Phi).
    ParallelOneNorm,
    /// Before and after each of them: four norms (Gemma 2).
    Sandwich,
}

/// How queries, keys and values are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// Three matrices.
    Separate,
    /// One matrix for all three.
    Fused,
}

/// Norms on queries and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QkNorm {
    /// None.
    None,
    /// Over each head, one weight of `head_dim` for all heads.
    PerHead,
    /// Over all heads at once.
    FullWidth,
    /// Over each head, with a weight of its own for each head.
    EachHead,
}

/// Kinds of dense feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlpKind {
    /// Up, activation, down.
    Plain,
    /// Gate and up apart, activated gate times up, down.
    Gated,
    /// Gate and up in one matrix.
    GatedFused,
}

/// How positions enter the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionKind {
    /// A table with a row for each position.
    Learned,
    /// Rotations of queries and keys.
    Rotary,
}

/// Defaults of Transformers 5.23's config class, used for keys that a `config.json` leaves out.
#[derive(Debug, PartialEq)]
pub struct Defaults {
    /// `vocab_size`.
    pub vocab_size: u64,
    /// `hidden_size`.
    pub hidden_size: u64,
    /// `intermediate_size`; `None`: four times the hidden size.
    pub intermediate_size: Option<u64>,
    /// `num_hidden_layers`.
    pub num_hidden_layers: u64,
    /// `num_attention_heads`.
    pub num_attention_heads: u64,
    /// `num_key_value_heads`; `None`: as many as attention heads.
    pub num_key_value_heads: Option<u64>,
    /// `head_dim`; `None`: hidden size over heads.
    pub head_dim: Option<u64>,
    /// `max_position_embeddings`.
    pub max_position_embeddings: u64,
    /// `hidden_act`.
    pub hidden_act: &'static str,
    /// `tie_word_embeddings`.
    pub tie_word_embeddings: bool,
    /// `partial_rotary_factor`, in percent.
    pub rotary_percent: u64,
    /// Dropout of embeddings, residuals and attention alike.
    pub dropout: f64,
    /// `sliding_window`.
    pub sliding_window: Option<u64>,
    /// Where only some layers slide: every so many-th sees all tokens.
    pub sliding_window_pattern: Option<u64>,
    /// Every so many-th layer does not rotate.
    pub no_rope_layer_interval: Option<u64>,
    /// Whether attention scores are soft-capped.
    pub attention_softcap: bool,
    /// Whether logits are soft-capped.
    pub logits_softcap: bool,
}

const LLAMA_LIKE: Defaults = Defaults {
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
    dropout: 0.0,
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

const LLAMA: Family = Family {
    id: "llama",
    norm: NormKind::Rms,
    placement: Placement::Pre,
    projection: Projection::Separate,
    qk_norm: QkNorm::None,
    mlp: MlpKind::Gated,
    positions: PositionKind::Rotary,
    qkv_bias: false,
    output_bias: false,
    mlp_bias: false,
    experts: None,
    latent: None,
    head_bias: false,
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
            dropout: 0.1,
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
];

impl Family {
    /// The family of a `model_type`.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.id == id)
    }
}
