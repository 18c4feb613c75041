//! The dense feed-forward network.

use super::checks::ArchitectureError;
use crate::model::family::MlpKind;

/// A dense feed-forward network.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    /// Its width, `f`.
    pub intermediate_size: u64,
    /// Plain or gated.
    pub kind: MlpKind,
    /// Its activation function.
    pub activation: Activation,
    /// Whether its projections have a bias.
    pub bias: bool,
    /// Whether its gate is shut wherever it lies not so many deviations above the mean of its token (Gemma 3n).
    pub sparse: bool,
}

/// Activation functions, by what they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `silu`, `swish`: one operation.
    Silu,
    /// `gelu`, `gelu_pytorch_tanh`: one operation.
    Gelu,
    /// `quick_gelu`: a product with a sigmoid.
    QuickGelu,
    /// `gelu_new`, `gelu_fast`: the tanh approximation written out in Python.
    GeluPython,
    /// `bloom_gelu`, BLOOM's own: an autograd function whose forward and backward are written out.
    GeluFunction,
    /// `relu`: one operation that keeps its result.
    Relu,
    /// `relu2`: a square after it, which keeps the result of the first.
    ReluSquared,
    /// `situ`: of gate and up at once, each bounded by a tangent, in fp32.
    Situ,
    /// `xielu`: squares and exponentials written out, with two learned numbers.
    Xielu,
}

impl Activation {
    /// Names in `config.json` and what they mean here.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("gelu", Self::Gelu),
        ("gelu_pytorch_tanh", Self::Gelu),
        ("quick_gelu", Self::QuickGelu),
        ("gelu_new", Self::GeluPython),
        ("bloom_gelu", Self::GeluFunction),
        ("relu", Self::Relu),
        ("relu2", Self::ReluSquared),
        ("situ", Self::Situ),
        ("xielu", Self::Xielu),
    ];

    fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }
}

/// The activation function of a name, which a key gives.
pub(super) fn activation(key: &'static str, name: &str) -> Result<Activation, ArchitectureError> {
    Activation::by_name(name).ok_or_else(|| {
        let known: Vec<_> = Activation::NAMES.iter().map(|(known, _)| *known).collect();
        ArchitectureError::new(key, format!("`{name}` is none of {}", known.join(", ")))
    })
}
