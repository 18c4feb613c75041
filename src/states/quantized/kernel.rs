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
    /// The input in 8-bit floats with a scale for every 128 channels; read from code, never measured.
    Fp8,
}
