//! How products read quantized matrices.

/// How a product reads a quantized matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// bitsandbytes: both factors in 8 bits.
    Int8,
    /// bitsandbytes: 4-bit codes, unpacked for many tokens; their scales first where those are quantized too.
    FourBits {
        /// Whether they are.
        nested: bool,
    },
    /// GPTQ and AWQ: unpacked before a plain product of more tokens than this; read from their code, never measured.
    Unpacking(u64),
    /// compressed-tensors: the input put in codes and taken out of them again, before a plain product.
    FakeQuantized {
        /// Whether the scale of its scales is in 32 bits, and so is all that is computed with it.
        wide: bool,
    },
    /// The input in 8-bit floats with a scale for every 128 channels; read from code, never measured.
    Fp8,
}
