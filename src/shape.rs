//! Shapes of tensors, with the symbols by which formulas name their dimensions.

use std::fmt;

use crate::units::Overflow;

/// One dimension: the symbol of the formulas and its number.
#[derive(Debug, Clone, Copy, Eq)]
pub struct Dim {
    /// `b`, `s`, `h`, `q`, …
    pub symbol: &'static str,
    /// The number.
    pub size: u64,
}

impl PartialEq for Dim {
    /// Sizes tell most apart, and symbols are mostly one text: letters are compared last.
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && (std::ptr::eq(self.symbol, other.symbol) || self.symbol == other.symbol)
    }
}

/// Up to five dimensions, kept in place.
#[derive(Debug, Clone, Copy, Eq)]
pub struct Shape {
    dims: [Dim; Self::MOST],
    rank: u8,
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.dims() == other.dims()
    }
}

impl Shape {
    const MOST: usize = 5;

    /// A shape of these dimensions, at most five; the empty shape is one element.
    ///
    /// # Panics
    /// With more than five dimensions: shapes are written in this crate.
    pub fn new(dims: &[Dim]) -> Self {
        let mut kept = [Dim { symbol: "", size: 1 }; Self::MOST];
        kept[..dims.len()].copy_from_slice(dims);
        #[expect(clippy::cast_possible_truncation, reason = "at most five")]
        let rank = dims.len() as u8;
        Self { dims: kept, rank }
    }

    /// The dimensions.
    pub fn dims(&self) -> &[Dim] {
        &self.dims[..usize::from(self.rank)]
    }

    /// Their product.
    pub fn elements(&self) -> Result<u64, Overflow> {
        self.dims().iter().try_fold(1_u64, |product, dim| product.checked_mul(dim.size).ok_or(Overflow))
    }
}

impl fmt::Display for Shape {
    /// `[b 1, s 4096, h 4096]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (position, dim) in self.dims().iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            match dim.symbol {
                "" => write!(f, "{comma}{}", dim.size)?,
                symbol => write!(f, "{comma}{symbol} {}", dim.size)?,
            }
        }
        f.write_str("]")
    }
}
