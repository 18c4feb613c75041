//! Types of elements.

/// Types of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dtype {
    /// 4 bytes.
    Fp32,
    /// 2 bytes; fp16 takes as many.
    Bf16,
    /// 4 bytes.
    Int32,
    /// 8 bytes.
    Int64,
    /// 1 byte.
    Bool,
}

impl Dtype {
    /// Bits per element.
    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::Fp32 | Self::Int32 => 32,
            Self::Bf16 => 16,
            Self::Int64 => 64,
            Self::Bool => 8,
        }
    }

    /// The type in which two types meet.
    pub(crate) const fn promoted(self, other: Self) -> Self {
        match (self, other) {
            (Self::Bf16, Self::Bf16) => Self::Bf16,
            _ => Self::Fp32,
        }
    }
}
