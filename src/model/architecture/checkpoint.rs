//! How the weights of a checkpoint are stored: all in one type, or matrices in codes of few bits with scales beside them.

mod scheme;

pub use scheme::{Code, Inputs, Method, Scheme, Strategy};

use super::checks::ArchitectureError;
use crate::model::keys::ArchitectureKeys;
use crate::model::part::Part;

/// How a checkpoint's weights are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The word of `infer.weights` for most of them.
    pub word: &'static str,
    /// How most matrices of layers are stored, where that is in codes and not what `word` alone says.
    pub scheme: Option<Scheme>,
    /// What is stored otherwise.
    pub apart: Vec<Apart>,
}

/// Matrices of some layers that are not stored as the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// Whose matrices; the head is in codes only where it is named here.
    pub part: Part,
    /// The first and the last of some consecutive layers.
    pub layers: [u64; 2],
    /// How they are stored; unset: in the type of what has no codes.
    pub scheme: Option<Scheme>,
}

impl Checkpoint {
    /// What a word of `torch_dtype` means.
    fn of_word(dtype: &str) -> Result<Self, ArchitectureError> {
        let word = NATIVE.into_iter().find(|(name, _)| *name == dtype).map(|(_, word)| word).ok_or_else(|| {
            let names: Vec<_> = NATIVE.iter().map(|(name, _)| *name).collect();
            ArchitectureError::new("torch_dtype", format!("`{dtype}` is none of {}", names.join(", ")))
        })?;
        Ok(Self { word, scheme: Scheme::of_word(word), apart: Vec::new() })
    }

    /// What an `[architecture]` says of it; which matrices are stored apart is for those to find out who know their names.
    pub(super) fn of(keys: &ArchitectureKeys) -> Result<Option<Self>, ArchitectureError> {
        if let Some(first) = keys.quantization_config.as_deref().and_then(<[_]>::first) {
            let scheme = Scheme::of(first)?;
            return Ok(Some(Self { word: scheme.word(), scheme: Some(scheme), apart: Vec::new() }));
        }
        keys.torch_dtype.as_deref().map(Self::of_word).transpose()
    }

    /// The word of `torch_dtype` that says all of it, where one does.
    pub fn dtype(&self) -> Option<&'static str> {
        let plain = self.apart.is_empty() && self.scheme == Scheme::of_word(self.word);
        NATIVE.into_iter().find(|(_, word)| plain && *word == self.word).map(|(name, _)| name)
    }

    /// How it is stored, in words.
    pub fn words(&self) -> String {
        self.scheme.filter(|_| self.dtype().is_none()).map_or_else(|| self.word.to_owned(), Scheme::words)
    }

    /// How the matrices of a part are stored in some consecutive layers: each run of layers that have it alike.
    pub fn runs(&self, part: Part, [first, last]: [u64; 2]) -> Vec<([u64; 2], Option<Scheme>)> {
        let usual = self.scheme.filter(|_| part != Part::Head);
        let mut runs = Vec::with_capacity(1);
        let mut next = first;
        for apart in self.apart.iter().filter(|apart| apart.part == part) {
            let [from, to] = [apart.layers[0].max(first), apart.layers[1].min(last)];
            if from > to {
                continue;
            }
            if next < from {
                runs.push(([next, from - 1], usual));
            }
            runs.push(([from, to], apart.scheme));
            next = to + 1;
        }
        if next <= last {
            runs.push(([next, last], usual));
        }
        runs
    }
}

/// Types in which weights are published, and the words that `infer.weights` has for them.
const NATIVE: [(&str, &str); 11] = [
    ("bfloat16", "bf16"),
    ("float16", "fp16"),
    ("float32", "fp32"),
    ("float8_e4m3fn", "fp8"),
    ("mxfp4", "mxfp4"),
    ("int8", "int8"),
    ("nf4", "nf4"),
    ("nf4-double-quant", "nf4-double-quant"),
    ("gptq-int8", "gptq-int8"),
    ("gptq-int4", "gptq-int4"),
    ("awq-int4", "awq-int4"),
];
