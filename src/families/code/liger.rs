//! What Liger Kernel 0.8.5 replaces of a built model, as the Trainer's `use_liger_kernel` does.

/// How a family's model is patched: its norms in this way, and in every patch the rotation, gate times up, experts and the
/// loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LigerPatch {
    /// Whether norms in layers write the gradient of their input over the one that comes in.
    pub norms_in_place: bool,
    /// Whether the final norm does.
    pub final_norm_in_place: bool,
    /// Whether norms on queries and keys are replaced.
    pub query_key_norms: bool,
}

impl LigerPatch {
    /// Llama's.
    pub(in crate::families) const LLAMA: Self =
        Self { norms_in_place: true, final_norm_in_place: true, query_key_norms: false };
    /// Qwen3's, with norms on queries and keys.
    pub(in crate::families) const QWEN3: Self = Self { query_key_norms: true, ..Self::LLAMA };
    /// OLMo 2's: what a norm in a layer gives is added to the stream, whose gradient is still needed.
    pub(in crate::families) const OLMO2: Self = Self { norms_in_place: false, ..Self::LLAMA };
    /// Gemma 2's: so in the final norm too.
    pub(in crate::families) const GEMMA2: Self = Self { final_norm_in_place: false, ..Self::OLMO2 };
    /// Gemma 3's: the same with norms on queries and keys.
    pub(in crate::families) const GEMMA3: Self = Self { query_key_norms: true, ..Self::GEMMA2 };
}
