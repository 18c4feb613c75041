//! How routers and experts are written.

/// How a router weighs the experts that it chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouterCode {
    /// Mixtral's: softmax over all experts, weights stay in fp32.
    SoftmaxInFp32,
    /// Gemma 4's: the same, and the layer has the probabilities in a variable in place of the scores.
    SoftmaxInFp32Kept,
    /// Qwen's: softmax over all experts, weights in the type of the scores.
    SoftmaxThenCast,
    /// Llama 4's: every token passes through every expert, weighed by the sigmoid of its score, zero for most.
    EveryExpert,
    /// Granite 4's: the best scores, then their softmax in fp32.
    TopThenSoftmax,
    /// LFM2's: sigmoid in the type of the scores, all experts in one group.
    SigmoidAsScored,
    /// DeepSeek-V3's: sigmoid in fp32, the best groups of experts, then the best experts of those.
    SigmoidByGroup,
    /// DeepSeek-V2's: softmax of a product in fp32, the best groups of experts where there are several, then the best
    /// experts of those.
    SoftmaxByGroup,
    /// MiniMax-M2's: sigmoid of the scores in fp32, the best experts.
    Sigmoid,
    /// gpt-oss's: softmax over the chosen experts, in the type of the scores.
    SoftmaxOfChosen,
}

/// How the gate of an expert is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateCode {
    /// The activated gate times up, each one half of the channels.
    Halves,
    /// gpt-oss's: gate and up alternate and are clamped, `gate·sigmoid(α·gate)·(up + 1)` in single operations.
    Clamped,
}
