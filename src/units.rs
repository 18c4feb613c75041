//! Quantities that do not mix: bytes, bits per element, parameters, tokens.
//!
//! Every size in the crate is one of these newtypes. Arithmetic that may exceed 64 bits returns
//! [`Overflow`] instead of wrapping; conversion to floating point happens here and nowhere else.

pub(crate) mod ggml;

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// A size that does not fit in 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the result does not fit in 64 bits: some value is absurdly large")]
pub struct Overflow;

/// `of · part / whole`, rounded down; `whole` is not 0.
pub(crate) fn portion(of: u64, part: u64, whole: u64) -> Result<u64, Overflow> {
    u64::try_from(u128::from(of) * u128::from(part) / u128::from(whole.max(1))).ok().ok_or(Overflow)
}

/// A number of bytes, on one GPU unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(u64);

impl Bytes {
    /// No bytes at all.
    pub const ZERO: Self = Self(0);
    /// The most that can be counted.
    pub const MAX: Self = Self(u64::MAX);

    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many mebibytes (2^20 bytes), the unit in which drivers report capacity.
    pub fn from_mib(mib: u64) -> Result<Self, Overflow> {
        mib.checked_mul(1 << 20).map(Self).ok_or(Overflow)
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum, or [`Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_add(other.0).map(Self).ok_or(Overflow)
    }

    /// Product with a count, or [`Overflow`].
    pub fn checked_mul(self, count: u64) -> Result<Self, Overflow> {
        self.0.checked_mul(count).map(Self).ok_or(Overflow)
    }

    /// Difference, zero where it would be negative.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Signed difference `self - other`, for headroom.
    pub fn minus(self, other: Self) -> SignedBytes {
        SignedBytes(i128::from(self.0) - i128::from(other.0))
    }

    /// `self / whole` as a plain ratio; 0 where the whole is nothing.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for bars and percentages, never summed")]
    pub fn ratio(self, whole: Self) -> f64 {
        if whole.0 == 0 { 0.0 } else { self.0 as f64 / whole.0 as f64 }
    }

    /// Sum of many, or [`Overflow`].
    pub fn checked_sum(sizes: impl IntoIterator<Item = Self>) -> Result<Self, Overflow> {
        sizes.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

/// A difference of two sizes; negative headroom is what is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedBytes(i128);

impl SignedBytes {
    /// The plain number, clamped to 64 bits for JSON.
    pub fn get(self) -> i64 {
        i64::try_from(self.0).unwrap_or(if self.0 < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whether something is missing.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The size without its sign.
    pub fn magnitude(self) -> Bytes {
        Bytes(u64::try_from(self.0.unsigned_abs()).unwrap_or(u64::MAX))
    }
}

/// Bits per element, exact: block formats such as `q4_0` (18 bytes for 32 elements) are ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bits {
    numerator: u32,
    denominator: u32,
}

impl Bits {
    /// A whole number of bits.
    pub const fn whole(bits: u32) -> Self {
        Self { numerator: bits, denominator: 1 }
    }

    /// `bytes` bytes for each block of `elements` elements.
    ///
    /// # Panics
    /// Where a block of no elements is named; formats are constants of this crate.
    pub const fn block(bytes: u32, elements: u32) -> Self {
        assert!(elements > 0, "a block holds at least one element");
        Self { numerator: bytes * 8, denominator: elements }
    }

    /// Bytes of so many elements, rounded up to a whole byte.
    pub fn bytes(self, elements: u64) -> Result<Bytes, Overflow> {
        let bits = u128::from(elements) * u128::from(self.numerator);
        let bytes = bits.div_ceil(u128::from(self.denominator) * 8);
        u64::try_from(bytes).map(Bytes).ok().ok_or(Overflow)
    }

    /// Bits per element as a number to show or to put into JSON.
    pub fn per_element(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.numerator.is_multiple_of(self.denominator) {
            write!(f, "{}", self.numerator / self.denominator)
        } else {
            write!(f, "{}", self.per_element())
        }
    }
}

/// A number of model parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(u64);

impl Parameters {
    /// So many parameters.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Sum, or [`Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_add(other.0).map(Self).ok_or(Overflow)
    }

    /// Product with a count, or [`Overflow`].
    pub fn checked_mul(self, count: u64) -> Result<Self, Overflow> {
        self.0.checked_mul(count).map(Self).ok_or(Overflow)
    }
}

impl fmt::Display for Parameters {
    /// `8.03 B`, `124 M`, `960`: three significant digits, as model cards print them.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0 as f64;
        let (scaled, suffix) = match self.0 {
            0..=999 => return f.pad(&self.0.to_string()),
            1_000..=999_499 => (value / 1e3, "K"),
            999_500..=999_499_999 => (value / 1e6, "M"),
            999_500_000..=999_499_999_999 => (value / 1e9, "B"),
            _ => (value / 1e12, "T"),
        };
        let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
        f.pad(&format!("{scaled:.decimals$} {suffix}"))
    }
}

/// The unit in which sizes are shown. One at a time: GiB and GB never stand on the same screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// 2^30 bytes.
    #[default]
    Gib,
    /// 10^9 bytes.
    Gb,
}

impl Unit {
    /// `GiB` or `GB`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gib => "GiB",
            Self::Gb => "GB",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn flipped(self) -> Self {
        match self {
            Self::Gib => Self::Gb,
            Self::Gb => Self::Gib,
        }
    }

    const fn size(self) -> u64 {
        match self {
            Self::Gib => 1 << 30,
            Self::Gb => 1_000_000_000,
        }
    }

    /// The number alone, with as many decimals as leave at least three significant digits: `14.96`, `106.4`,
    /// `0.004`. What rounds to nothing and is not nothing is `<0.001`; of what is absurdly large the power of ten is
    /// enough: `1.97e8`.
    #[expect(clippy::cast_precision_loss, reason = "rounded to a few digits for the eye")]
    pub fn number(self, bytes: Bytes) -> String {
        let value = bytes.0 as f64 / self.size() as f64;
        let decimals = match value {
            v if v >= 9_999_999.5 => return format!("{value:.2e}"),
            v if v >= 999.95 => 0,
            v if v >= 99.995 => 1,
            v if v >= 0.0995 || bytes.is_zero() => 2,
            _ => 3,
        };
        match format!("{value:.decimals$}") {
            nothing if nothing == "0.000" => String::from("<0.001"),
            number => number,
        }
    }

    /// Number and unit: `14.96 GiB`.
    pub fn show(self, bytes: Bytes) -> String {
        format!("{} {}", self.number(bytes), self.label())
    }
}

/// A whole number with thousands separators: `8,030,261,248`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Sum for SignedBytes {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.map(|signed| signed.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_report_overflow() {
        assert_eq!(Bytes::MAX.checked_add(Bytes::new(1)), Err(Overflow));
        assert_eq!(Bytes::new(1 << 40).checked_mul(1 << 30), Err(Overflow));
        assert_eq!(Bytes::new(3).checked_mul(4), Ok(Bytes::new(12)));
    }

    #[test]
    fn block_formats_are_exact() {
        assert_eq!(Bits::block(18, 32).bytes(64), Ok(Bytes::new(36)));
        assert_eq!(Bits::whole(4).bytes(3), Ok(Bytes::new(2)));
        assert!((Bits::block(18, 32).per_element() - 4.5).abs() < f64::EPSILON);
    }

    #[test]
    fn units_are_not_confused() {
        let size = Bytes::new(16_060_522_496);
        assert_eq!(Unit::Gib.show(size), "14.96 GiB");
        assert_eq!(Unit::Gb.show(size), "16.06 GB");
        assert_eq!(Unit::Gib.number(Bytes::ZERO), "0.00");
        assert_eq!(Unit::Gib.number(Bytes::MAX), "1.72e10");
        assert_eq!(Unit::Gib.number(Bytes::new(9_999_999 << 30)), "9999999");
        assert_eq!(Unit::Gb.number(Bytes::new(4_000_000)), "0.004");
        assert_eq!(Unit::Gib.number(Bytes::new(114_245_236_326)), "106.4");
    }

    #[test]
    fn counts_read_like_model_cards() {
        assert_eq!(Parameters::new(8_030_261_248).to_string(), "8.03 B");
        assert_eq!(Parameters::new(124_439_808).to_string(), "124 M");
        assert_eq!(Parameters::new(70_553_706_496).to_string(), "70.6 B");
        assert_eq!(grouped(8_030_261_248), "8,030,261,248");
        assert_eq!(grouped(12), "12");
    }

    #[test]
    fn headroom_keeps_its_sign() {
        let missing = Bytes::new(10).minus(Bytes::new(25));
        assert!(missing.is_negative());
        assert_eq!(missing.get(), -15);
        assert_eq!(missing.magnitude(), Bytes::new(15));
    }
}
