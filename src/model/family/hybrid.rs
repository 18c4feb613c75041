//! Families whose layers do not all mix tokens by attention: what Transformers 5.23's classes have by default.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{
    Defaults, ExpertDefaults, Family, LatentDefaults, MlpKind, NormKind, Normalisation, Placement, PositionKind,
    QkNorm, SharedDefault,
};
use crate::model::recurrent::StateNorms;

/// The recurrent mixers of a family and the layers that have them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HybridDefaults {
    /// The mixer.
    pub mixer: MixerDefaults,
    /// Which layers have it where the config does not say.
    pub pattern: Pattern,
    /// Which layers have a feed-forward network.
    pub feed_forward: FeedForwards,
    /// `expert_layer_period` and `expert_layer_offset`: layers whose number leaves the second, divided by the first,
    /// have experts.
    pub expert_layers: [u64; 2],
}

/// Which layers of a hybrid family have a feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedForwards {
    /// Each, after its mixer.
    EveryLayer,
    /// Layers of their own, without a mixer (Nemotron-H).
    Apart,
    /// None (Mamba).
    None,
}

/// Which layers have attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Every so many-th (Qwen3-Next).
    Interval(u64),
    /// Those whose number leaves this rest, divided by this period (Jamba).
    Periodic {
        /// The period.
        period: u64,
        /// The rest.
        offset: u64,
    },
    /// Every so many-th from the second layer on, counted from 0 (Kimi Linear).
    PeriodicAfterFirst(u64),
    /// One letter for each layer (Nemotron-H): `M` recurrent, `*` attention, `-` dense, `E` experts.
    Letters(&'static str),
    /// All, and none has a recurrent mixer (LFM2).
    Attention,
    /// None: all are recurrent.
    Recurrent,
    /// All, beside a recurrent mixer (Falcon-H1).
    Both,
    /// The config has to say.
    Required,
}

/// Dimensions of a recurrent mixer, by the keys of its config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixerDefaults {
    /// Gated `DeltaNet`.
    DeltaNet {
        /// Whether one matrix makes queries, keys, values and gates.
        fused: bool,
    },
    /// Kimi Delta Attention.
    KimiDelta,
    /// Mamba-1 with these norms.
    Mamba(StateNorms),
    /// Mamba-2.
    Mamba2(Mamba2Defaults),
    /// Lightning attention.
    Lightning,
    /// A short convolution.
    ShortConvolution,
}

/// Defaults of Mamba-2 that differ by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mamba2Defaults {
    /// `mamba_d_ssm`; `None`: `mamba_expand · hidden_size`.
    pub width: Option<u64>,
    /// Channels of a head; `None`: width over heads.
    pub head_dim: Option<u64>,
    /// State of a channel.
    pub state: u64,
    /// Groups.
    pub groups: u64,
    /// Tokens of a chunk.
    pub chunk: u64,
    /// Whether the gate's norm is there.
    pub norm: bool,
}

const GRANITE_MAMBA: Mamba2Defaults =
    Mamba2Defaults { width: None, head_dim: None, state: 256, groups: 1, chunk: 256, norm: true };

const NO_EXPERTS_GROUPED: ExpertDefaults = ExpertDefaults {
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

pub(super) const QWEN3_NEXT: Family = Family {
    id: "qwen3_next",
    norm: NormKind::GemmaRms,
    qk_norm: QkNorm::PerHead,
    attention_gate: true,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::DeltaNet { fused: true },
        pattern: Pattern::Interval(4),
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: Some(ExpertDefaults {
        count: 512,
        per_token: 10,
        intermediate_size: Some(512),
        normalised: Normalisation::Optional(true),
        shared: SharedDefault::Gated(512),
        ..NO_EXPERTS_GROUPED
    }),
    defaults: Defaults {
        vocab_size: 151_936,
        hidden_size: 2048,
        intermediate_size: Some(5632),
        num_hidden_layers: 48,
        num_attention_heads: 16,
        num_key_value_heads: Some(2),
        head_dim: Some(256),
        max_position_embeddings: 32_768,
        rotary_percent: 25,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const QWEN3_5: Family = Family {
    id: "qwen3_5",
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::DeltaNet { fused: false },
        pattern: Pattern::Interval(4),
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: None,
    defaults: Defaults {
        vocab_size: 248_320,
        hidden_size: 4096,
        intermediate_size: Some(12_288),
        num_hidden_layers: 32,
        num_key_value_heads: Some(4),
        ..QWEN3_NEXT.defaults
    },
    ..QWEN3_NEXT
};

pub(super) const QWEN3_5_MOE: Family = Family {
    id: "qwen3_5_moe",
    hybrid: QWEN3_5.hybrid,
    experts: Some(ExpertDefaults {
        count: 256,
        per_token: 8,
        intermediate_size: Some(512),
        shared: SharedDefault::Gated(512),
        ..NO_EXPERTS_GROUPED
    }),
    defaults: Defaults { vocab_size: 248_320, num_hidden_layers: 40, ..QWEN3_NEXT.defaults },
    ..QWEN3_NEXT
};

pub(super) const KIMI_LINEAR: Family = Family {
    id: "kimi_linear",
    positions: PositionKind::None,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::KimiDelta,
        pattern: Pattern::PeriodicAfterFirst(4),
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: Some(ExpertDefaults {
        count: 256,
        per_token: 8,
        intermediate_size: Some(1024),
        normalised: Normalisation::Optional(true),
        shared: SharedDefault::Several(1),
        first_dense: 1,
        groups: Some([1, 1]),
        correction_bias: true,
        ..NO_EXPERTS_GROUPED
    }),
    latent: Some(LatentDefaults {
        query_rank: 0,
        kv_rank: 512,
        nope_head_dim: 128,
        rope_head_dim: 64,
        value_head_dim: 128,
    }),
    defaults: Defaults {
        vocab_size: 163_840,
        hidden_size: 2304,
        intermediate_size: Some(9216),
        num_hidden_layers: 27,
        max_position_embeddings: 1_048_576,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

/// Kimi Linear's class with more to it; its code came with the checkpoint.
pub(super) const KIMI_K3: Family = Family { id: "kimi_k3", ..KIMI_LINEAR };

pub(super) const LFM2: Family = Family {
    id: "lfm2",
    qk_norm: QkNorm::PerHead,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::ShortConvolution,
        pattern: Pattern::Attention,
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    defaults: Defaults {
        vocab_size: 65_536,
        hidden_size: 2560,
        // 12,288, adjusted as `block_auto_adjust_ff_dim` asks.
        intermediate_size: Some(8192),
        num_key_value_heads: Some(8),
        max_position_embeddings: 128_000,
        tie_word_embeddings: true,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const LFM2_MOE: Family = Family {
    id: "lfm2_moe",
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::ShortConvolution,
        pattern: Pattern::Required,
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: Some(ExpertDefaults {
        count: 32,
        per_token: 4,
        intermediate_size: Some(1792),
        normalised: Normalisation::Optional(true),
        first_dense: 2,
        groups: Some([1, 1]),
        correction_bias: true,
        ..NO_EXPERTS_GROUPED
    }),
    defaults: Defaults { hidden_size: 2048, intermediate_size: Some(7168), ..LFM2.defaults },
    ..LFM2
};

pub(super) const FALCON_H1: Family = Family {
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
};

pub(super) const NEMOTRON_H: Family = Family {
    id: "nemotron_h",
    mlp: MlpKind::Plain,
    positions: PositionKind::None,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba2(Mamba2Defaults {
            head_dim: Some(64),
            state: 128,
            groups: 8,
            chunk: 128,
            ..GRANITE_MAMBA
        }),
        pattern: Pattern::Letters("ME*-"),
        feed_forward: FeedForwards::Apart,
        expert_layers: [1, 0],
    }),
    experts: Some(ExpertDefaults {
        intermediate_size: Some(7688),
        normalised: Normalisation::Optional(true),
        shared: SharedDefault::Beside(7688),
        groups: Some([1, 1]),
        correction_bias: true,
        ..NO_EXPERTS_GROUPED
    }),
    defaults: Defaults {
        vocab_size: 131_072,
        intermediate_size: Some(21_504),
        num_hidden_layers: 4,
        num_key_value_heads: Some(8),
        head_dim: Some(128),
        max_position_embeddings: 4096,
        hidden_act: "relu2",
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const JAMBA: Family = Family {
    id: "jamba",
    positions: PositionKind::None,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba(StateNorms::Weighted),
        pattern: Pattern::Periodic { period: 8, offset: 4 },
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [2, 1],
    }),
    experts: Some(ExpertDefaults { count: 16, normalised: Normalisation::Never, ..NO_EXPERTS_GROUPED }),
    defaults: Defaults {
        vocab_size: 65_536,
        intermediate_size: Some(14_336),
        num_key_value_heads: Some(8),
        max_position_embeddings: 262_144,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const GRANITE_MOE_HYBRID: Family = Family {
    id: "granitemoehybrid",
    mlp: MlpKind::GatedFused,
    positions: PositionKind::None,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba2(GRANITE_MAMBA),
        pattern: Pattern::Recurrent,
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: Some(ExpertDefaults { shared: SharedDefault::Beside(1024), ..NO_EXPERTS_GROUPED }),
    ..LLAMA
};

pub(super) const MINIMAX: Family = Family {
    id: "minimax",
    placement: Placement::NormedStream,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Lightning,
        pattern: Pattern::Periodic { period: 2, offset: 0 },
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: Some(NO_EXPERTS_GROUPED),
    defaults: Defaults {
        intermediate_size: Some(14_336),
        num_key_value_heads: Some(8),
        max_position_embeddings: 131_072,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const BAMBA: Family = Family {
    id: "bamba",
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba2(GRANITE_MAMBA),
        pattern: Pattern::Recurrent,
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    defaults: Defaults {
        vocab_size: 128_000,
        intermediate_size: Some(14_336),
        num_key_value_heads: Some(8),
        max_position_embeddings: 262_144,
        rotary_percent: 50,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const MAMBA: Family = Family {
    id: "mamba",
    positions: PositionKind::None,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba(StateNorms::None),
        pattern: Pattern::Recurrent,
        feed_forward: FeedForwards::None,
        expert_layers: [1, 0],
    }),
    defaults: Defaults {
        vocab_size: 50_280,
        hidden_size: 768,
        head_dim: Some(64),
        tie_word_embeddings: true,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

pub(super) const FALCON_MAMBA: Family = Family {
    id: "falcon_mamba",
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba(StateNorms::Weightless),
        pattern: Pattern::Recurrent,
        feed_forward: FeedForwards::None,
        expert_layers: [1, 0],
    }),
    ..MAMBA
};

pub(super) const MAMBA2: Family = Family {
    id: "mamba2",
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba2(Mamba2Defaults { head_dim: Some(64), state: 128, groups: 8, ..GRANITE_MAMBA }),
        pattern: Pattern::Recurrent,
        feed_forward: FeedForwards::None,
        expert_layers: [1, 0],
    }),
    defaults: Defaults {
        vocab_size: 32_768,
        hidden_size: 4096,
        num_hidden_layers: 64,
        tie_word_embeddings: false,
        ..MAMBA.defaults
    },
    ..MAMBA
};
