//! Mixers with a state of fixed size in place of keys and values of every token.
//!
//! What they are made of and what they remember of a sequence. Names and shapes are those of the Hugging Face classes
//! of Transformers 5.23.

mod tensors;

pub(super) use tensors::tensors;

/// A recurrent mixer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recurrent {
    /// Gated `DeltaNet` (Qwen3-Next, Qwen3.5).
    DeltaNet(DeltaNet),
    /// Kimi Delta Attention: a decay for each channel of a head.
    KimiDelta(KimiDelta),
    /// Mamba-1's selective scan (Mamba, Jamba).
    Mamba(Mamba),
    /// Mamba-2's scan by chunks (Granite 4, Nemotron-H, Falcon-H1).
    Mamba2(Mamba2),
    /// Lightning attention (MiniMax-01).
    Lightning(Lightning),
    /// A short convolution between two gates (LFM2).
    ShortConvolution(ShortConvolution),
}

/// Gated `DeltaNet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaNet {
    /// Query and key heads.
    pub key_heads: u64,
    /// Channels of one of them.
    pub key_head_dim: u64,
    /// Value heads.
    pub value_heads: u64,
    /// Channels of one of them.
    pub value_head_dim: u64,
    /// Tokens that its convolution sees.
    pub kernel: u64,
    /// Whether queries, keys, values and gates come out of one matrix, and both decays out of another (Qwen3-Next);
    /// Qwen3.5 has four.
    pub fused: bool,
}

impl DeltaNet {
    /// Channels of all key heads, `K`.
    pub const fn keys(&self) -> u64 {
        self.key_heads * self.key_head_dim
    }

    /// Channels of all value heads, `W`.
    pub const fn values(&self) -> u64 {
        self.value_heads * self.value_head_dim
    }

    /// Channels that are convolved, `2K + W`.
    pub const fn convolved(&self) -> u64 {
        2 * self.keys() + self.values()
    }
}

/// Kimi Delta Attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KimiDelta {
    /// Heads.
    pub heads: u64,
    /// Channels of a head, also the rank of both gates.
    pub head_dim: u64,
    /// Tokens that its convolution sees.
    pub kernel: u64,
    /// Whether one matrix makes the gate of its output.
    pub full_rank_gate: bool,
}

impl KimiDelta {
    /// Channels of all heads, `W`.
    pub const fn width(&self) -> u64 {
        self.heads * self.head_dim
    }
}

/// Mamba-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mamba {
    /// Channels, `D`.
    pub width: u64,
    /// State of a channel, `N`.
    pub state: u64,
    /// Rank of the time steps, `R`.
    pub rank: u64,
    /// Tokens that its convolution sees.
    pub kernel: u64,
    /// Bias of the convolution.
    pub convolution_bias: bool,
    /// Bias of the projections.
    pub bias: bool,
    /// Norms on time steps and on both projections of the state.
    pub norms: StateNorms,
}

/// Norms inside Mamba-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateNorms {
    /// None (Mamba).
    None,
    /// Three with a weight (Jamba).
    Weighted,
    /// Three whose weights are constants (Falcon-Mamba).
    Weightless,
}

/// Mamba-2.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "which parts there are")]
pub struct Mamba2 {
    /// Heads, `H`.
    pub heads: u64,
    /// Channels of a head, `P`.
    pub head_dim: u64,
    /// State of a channel, `N`.
    pub state: u64,
    /// Groups of heads that share projections of the state, `G`.
    pub groups: u64,
    /// Tokens that its convolution sees.
    pub kernel: u64,
    /// Tokens of a chunk of the scan.
    pub chunk: u64,
    /// Bias of the convolution.
    pub convolution_bias: bool,
    /// Bias of the projection in.
    pub input_bias: bool,
    /// Bias of the projection out.
    pub output_bias: bool,
    /// Whether the scan's output is normed beside its gate.
    pub norm: bool,
}

impl Mamba2 {
    /// Channels of all heads, `D`.
    pub const fn width(&self) -> u64 {
        self.heads * self.head_dim
    }

    /// Channels that are convolved, `D + 2·G·N`.
    pub const fn convolved(&self) -> u64 {
        self.width() + 2 * self.groups * self.state
    }

    /// Channels of the projection in: gate, convolved channels and a time step for each head.
    pub const fn projected(&self) -> u64 {
        self.width() + self.convolved() + self.heads
    }
}

/// Lightning attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lightning {
    /// Heads.
    pub heads: u64,
    /// Channels of a head.
    pub head_dim: u64,
    /// Tokens of a block.
    pub block: u64,
}

impl Lightning {
    /// Channels of all heads, `W`.
    pub const fn width(&self) -> u64 {
        self.heads * self.head_dim
    }
}

/// A short convolution over the residual stream's channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortConvolution {
    /// Tokens that it sees.
    pub kernel: u64,
    /// Whether convolution and projections have a bias.
    pub bias: bool,
}

/// Which of a mixer's memories it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    /// The last tokens that its convolution sees: `[channels, kernel]`.
    Convolution,
    /// What it has made of all tokens before.
    Recurrent,
}

/// What a mixer remembers of one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Which it is.
    pub kind: StateKind,
    /// What it holds.
    pub name: &'static str,
    /// Its dimensions after the sequence, with the symbols of the formulas.
    pub dims: Vec<(&'static str, u64)>,
    /// Whether it is fp32 whatever the model's type.
    pub wide: bool,
}

impl Recurrent {
    /// What it remembers of a sequence, for a residual stream of `hidden` channels.
    pub fn states(&self, hidden: u64) -> Vec<State> {
        let convolution = |channels, kernel| State {
            kind: StateKind::Convolution,
            name: "convolution state",
            dims: vec![("", channels), ("", kernel)],
            wide: false,
        };
        let recurrent = |dims| State { kind: StateKind::Recurrent, name: "recurrent state", dims, wide: true };
        match self {
            Self::DeltaNet(net) => vec![
                convolution(net.convolved(), net.kernel),
                recurrent(vec![("", net.value_heads), ("", net.key_head_dim), ("", net.value_head_dim)]),
            ],
            Self::KimiDelta(delta) => vec![
                convolution(3 * delta.width(), delta.kernel),
                recurrent(vec![("", delta.heads), ("", delta.head_dim), ("", delta.head_dim)]),
            ],
            Self::Mamba(mamba) => {
                vec![convolution(mamba.width, mamba.kernel), recurrent(vec![("D", mamba.width), ("N", mamba.state)])]
            }
            Self::Mamba2(mamba) => vec![
                convolution(mamba.convolved(), mamba.kernel),
                recurrent(vec![("H", mamba.heads), ("P", mamba.head_dim), ("N", mamba.state)]),
            ],
            Self::Lightning(lightning) => {
                let dims = vec![("a", lightning.heads), ("d", lightning.head_dim), ("d", lightning.head_dim)];
                vec![State { wide: false, ..recurrent(dims) }]
            }
            Self::ShortConvolution(short) => vec![convolution(hidden, short.kernel)],
        }
    }
}
