//! Layers that do not all mix tokens by attention: which mixers they have, and which layers.

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
