//! Types of elements of safetensors files.

/// A type of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dtype {
    word: &'static str,
    bits: u32,
}

/// Each type's word, and its bits.
const ROWS: [Dtype; 22] = [
    row("BOOL", 8),
    row("F4", 4),
    row("F6_E2M3", 6),
    row("F6_E3M2", 6),
    row("U8", 8),
    row("I8", 8),
    row("F8_E5M2", 8),
    row("F8_E4M3", 8),
    row("F8_E8M0", 8),
    row("F8_E4M3FNUZ", 8),
    row("F8_E5M2FNUZ", 8),
    row("I16", 16),
    row("U16", 16),
    row("F16", 16),
    row("BF16", 16),
    row("I32", 32),
    row("U32", 32),
    row("F32", 32),
    row("C64", 64),
    row("F64", 64),
    row("I64", 64),
    row("U64", 64),
];

const fn row(word: &'static str, bits: u32) -> Dtype {
    Dtype { word, bits }
}

impl Dtype {
    /// The type of a word.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        ROWS.into_iter().find(|row| row.word == word)
    }

    /// All words, for a message.
    pub(super) fn words() -> String {
        ROWS.map(|row| row.word).join(", ")
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        self.word
    }

    /// Bits of an element.
    pub const fn bits(self) -> u32 {
        self.bits
    }
}
