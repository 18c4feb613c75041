//! How large images are, before their class makes them another size.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Width and height in pixels, as people write them: `1280x720`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    /// Pixels of a row.
    pub width: u64,
    /// Rows.
    pub height: u64,
}

impl ImageSize {
    /// The most pixels of a side.
    const MOST: u64 = 1 << 14;

    /// Height and width, in the order of a tensor.
    pub const fn sides(self) -> [u64; 2] {
        [self.height, self.width]
    }
}

impl Default for ImageSize {
    fn default() -> Self {
        Self { width: 1024, height: 1024 }
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}x{}", self.width, self.height))
    }
}

impl Serialize for ImageSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for ImageSize {
    type Err = String;

    /// `1280x720`, or one number where both sides are the same.
    fn from_str(text: &str) -> Result<Self, String> {
        let (width, height) = text.split_once(['x', '×']).unwrap_or((text, text));
        let side = |side: &str| side.trim().parse().ok().filter(|side| (1..=Self::MOST).contains(side));
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Self { width, height }),
            _ => Err(format!("`{text}` is no width and height of 1 to {} pixels, such as 1280x720", Self::MOST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let size = |text: &str| text.parse::<ImageSize>().map(ImageSize::sides);
        assert_eq!(size("1280x720"), Ok([720, 1280]));
        assert_eq!(size("448"), Ok([448, 448]));
        assert_eq!(size("640 × 480"), Ok([480, 640]));
        for wrong in ["", "x", "0x5", "1280x", "-1", "99999x2", "1280*720"] {
            assert!(size(wrong).unwrap_err().contains("such as 1280x720"), "{wrong}");
        }
        assert_eq!("1280x720".parse::<ImageSize>().unwrap().to_string(), "1280x720");
    }
}
