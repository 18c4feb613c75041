//! The types of elements of GGUF files, as gguf 0.19 lists them: ids, words, and blocks of elements.

use super::Bits;

/// A type of a GGUF file's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(non_camel_case_types, reason = "ggml's own spelling, in which K M is not KM")]
pub(crate) enum Type {
    F32,
    F16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q8_1,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    Q8_K,
    Iq2_XXS,
    Iq2_XS,
    Iq3_XXS,
    Iq1_S,
    Iq4_NL,
    Iq3_S,
    Iq2_S,
    Iq4_XS,
    I8,
    I16,
    I32,
    I64,
    F64,
    Iq1_M,
    Bf16,
    Tq1_0,
    Tq2_0,
    Mxfp4,
    Nvfp4,
    Q1_0,
}

/// Of each type its number in files, its word, elements of a block and bytes of a block.
const ROWS: [(Type, u32, &str, u32, u32); 34] = [
    (Type::F32, 0, "f32", 1, 4),
    (Type::F16, 1, "f16", 1, 2),
    (Type::Q4_0, 2, "q4_0", 32, 18),
    (Type::Q4_1, 3, "q4_1", 32, 20),
    (Type::Q5_0, 6, "q5_0", 32, 22),
    (Type::Q5_1, 7, "q5_1", 32, 24),
    (Type::Q8_0, 8, "q8_0", 32, 34),
    (Type::Q8_1, 9, "q8_1", 32, 40),
    (Type::Q2_K, 10, "q2_K", 256, 84),
    (Type::Q3_K, 11, "q3_K", 256, 110),
    (Type::Q4_K, 12, "q4_K", 256, 144),
    (Type::Q5_K, 13, "q5_K", 256, 176),
    (Type::Q6_K, 14, "q6_K", 256, 210),
    (Type::Q8_K, 15, "q8_K", 256, 292),
    (Type::Iq2_XXS, 16, "iq2_xxs", 256, 66),
    (Type::Iq2_XS, 17, "iq2_xs", 256, 74),
    (Type::Iq3_XXS, 18, "iq3_xxs", 256, 98),
    (Type::Iq1_S, 19, "iq1_s", 256, 50),
    (Type::Iq4_NL, 20, "iq4_nl", 32, 18),
    (Type::Iq3_S, 21, "iq3_s", 256, 110),
    (Type::Iq2_S, 22, "iq2_s", 256, 82),
    (Type::Iq4_XS, 23, "iq4_xs", 256, 136),
    (Type::I8, 24, "i8", 1, 1),
    (Type::I16, 25, "i16", 1, 2),
    (Type::I32, 26, "i32", 1, 4),
    (Type::I64, 27, "i64", 1, 8),
    (Type::F64, 28, "f64", 1, 8),
    (Type::Iq1_M, 29, "iq1_m", 256, 56),
    (Type::Bf16, 30, "bf16", 1, 2),
    (Type::Tq1_0, 34, "tq1_0", 256, 54),
    (Type::Tq2_0, 35, "tq2_0", 256, 66),
    (Type::Mxfp4, 39, "mxfp4", 32, 17),
    (Type::Nvfp4, 40, "nvfp4", 64, 36),
    (Type::Q1_0, 41, "q1_0", 128, 18),
];

impl Type {
    const fn row(self) -> (Self, u32, &'static str, u32, u32) {
        // The rows stand in the order of the variants, which a test asks.
        ROWS[self as usize]
    }

    /// The type of a number in a file; none where ggml has none, or has taken it back.
    pub(crate) fn of_id(id: u32) -> Option<Self> {
        ROWS.into_iter().find(|(_, known, ..)| *known == id).map(|(kind, ..)| kind)
    }

    /// Its word, as llama.cpp prints it.
    pub(crate) const fn word(self) -> &'static str {
        self.row().2
    }

    /// Bytes of a block.
    pub(crate) const fn block_bytes(self) -> u64 {
        self.row().4 as u64
    }

    /// Elements of a block; a row has a whole number of blocks.
    pub(crate) const fn block_elements(self) -> u64 {
        self.row().3 as u64
    }

    /// Whether its blocks divide a row of so many elements.
    pub(crate) const fn divides(self, row: u64) -> bool {
        row.is_multiple_of(self.block_elements())
    }

    /// Bits of an element.
    pub(crate) const fn bits(self) -> Bits {
        let (_, _, _, elements, bytes) = self.row();
        Bits::block(bytes, elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_their_types() {
        for (index, (kind, ..)) in ROWS.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
        assert!((Type::Q4_K.bits().per_element() - 4.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_number_that_ggml_took_back_is_no_type() {
        assert_eq!(Type::of_id(30).map(Type::word), Some("bf16"));
        let taken_back = [4, 5, 31, 32, 33, 36, 37, 38, 42];
        assert!(taken_back.into_iter().all(|id| Type::of_id(id).is_none()));
        assert_eq!(ROWS.into_iter().filter_map(|(_, id, ..)| Type::of_id(id)).count(), ROWS.len());
    }
}
