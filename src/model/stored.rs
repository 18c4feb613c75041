//! The tensors of files with weights, as they are stored: exact bytes, whatever the types.

use std::fmt::Write as _;

use super::part::{Part, Piece};
use crate::units::{Bits, Bytes, Overflow};

/// The tensors of the files that a model was opened from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensors {
    /// What kind of files they are.
    pub format: FileFormat,
    /// How many files there are.
    pub files: usize,
    /// Every tensor of them, in their order.
    pub tensors: Vec<StoredTensor>,
    /// How they hold latent attention's projection to keys and values, where they have one.
    pub latent: Option<LatentForm>,
    /// Bytes that are not there, of files that were cut short.
    pub missing: Bytes,
}

/// A kind of file with weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// llama.cpp's.
    Gguf,
    /// Hugging Face's.
    Safetensors,
}

impl FileFormat {
    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gguf => "GGUF",
            Self::Safetensors => "safetensors",
        }
    }
}

/// How a GGUF file holds the projection from the latent to keys and values, which decides what llama.cpp caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatentForm {
    /// As one matrix (`attn_kv_b`, of older converters): keys and values of every head are cached.
    Whole,
    /// As two, one for keys and one for values (`attn_k_b`, `attn_v_b`): the latent is cached.
    Split,
}

/// A tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    /// Its name in the file.
    pub name: String,
    /// The word of its type.
    pub word: &'static str,
    /// Bits of an element.
    pub bits: Bits,
    /// Its dimensions, the outermost first, as PyTorch has them.
    pub shape: Vec<u64>,
    /// What it takes in the file.
    pub bytes: Bytes,
    /// The layer that it is of, counted from 0.
    pub layer: Option<u64>,
    /// The part of the model that it is of, where that is known by its name.
    pub part: Option<(Part, Piece)>,
    /// Whether it is of something else than the decoder's layers and what stands around them: a tower, or layers that
    /// predict further tokens.
    pub apart: bool,
}

impl StoredTensor {
    /// How many elements it has.
    pub fn elements(&self) -> Result<u64, Overflow> {
        self.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size).ok_or(Overflow))
    }
}

impl StoredTensors {
    /// What all tensors take together.
    pub fn bytes(&self) -> Result<Bytes, Overflow> {
        Bytes::checked_sum(self.tensors.iter().map(|tensor| tensor.bytes))
    }

    /// Each type's word, with how many tensors have it and what they take, the most bytes first.
    pub fn types(&self) -> Vec<(&'static str, usize, Bytes)> {
        let mut types: Vec<(&'static str, usize, Bytes)> = Vec::with_capacity(4);
        for tensor in &self.tensors {
            match types.iter_mut().find(|(word, ..)| *word == tensor.word) {
                Some((_, count, bytes)) => {
                    *count += 1;
                    *bytes = bytes.checked_add(tensor.bytes).unwrap_or(Bytes::MAX);
                }
                None => types.push((tensor.word, 1, tensor.bytes)),
            }
        }
        types.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
        types
    }

    /// The types in words: `q4_K, q6_K and f32`.
    pub fn words(&self) -> String {
        let types = self.types();
        let mut words = String::new();
        for (index, (word, ..)) in types.iter().enumerate() {
            let before = match index {
                0 => "",
                _ if index + 1 == types.len() => " and ",
                _ => ", ",
            };
            let _ = write!(words, "{before}{word}");
        }
        words
    }
}
