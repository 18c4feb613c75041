//! How norms are written, and how long a layer has what they give.

/// How a norm is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormCode {
    /// Llama's: normalise in fp32, cast, multiply by the weight.
    CastThenWeight,
    /// Llama 4's: the same in single expressions, with no value in a variable.
    CastThenWeightAtOnce,
    /// T5's: the input itself times its reciprocal deviation, cast where the weight has 16 bits, times the weight.
    InputThenWeight,
    /// OLMo 2's: normalise in fp32, multiply by the weight, cast.
    WeightThenCast,
    /// Nemotron-H's: the same with an fp32 copy of the weight.
    WideWeightThenCast,
    /// Gemma 4's: the same with a root that is a power, which keeps the mean square that it is taken of.
    PowerThenWideWeight,
    /// Gemma's: normalise in fp32, multiply by one plus the weight in fp32, cast.
    OnePlusWeight,
    /// `torch.nn.LayerNorm`: one operation.
    Fused,
    /// Nemotron's: one operation over one plus the weight, in the type of matrix products.
    FusedOnePlusWeight,
    /// Cohere's layer norm, written out in fp32.
    LayerWrittenOut,
    /// OLMo's: one operation without weights, in fp32.
    FusedWithoutWeight,
}

/// How long a layer's variable has the output of a norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldNorm {
    /// Until what reads it returns.
    UntilRead,
    /// Until the residual has been added.
    UntilAdded,
    /// The first until the layer has its output; the second until what reads it returns.
    FirstUntilOutput,
    /// Until that of the next norm takes its place; attention and feed-forward network add the residual themselves.
    UntilNextNorm,
}
