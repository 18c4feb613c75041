//! How the weights of a served model are stored: in a plain type, or quantized.

use crate::ledger::{Alive, Entry, EstimateError};
use crate::model::architecture::Method;
use crate::model::stored::{FileFormat, StoredTensors};
use crate::model::{Architecture, Model};
use crate::states::file;
use crate::states::quantized::{self, Format, Kernel};
use crate::states::weights::Set;
use crate::tape::Dtype;
use crate::units::Overflow;

/// How a model's weights are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    /// The type of what is not quantized, and of arithmetic.
    pub(crate) plain: Dtype,
    format: Option<Format>,
    /// Whether they are as the files have them that the model was opened from.
    pub(crate) in_files: bool,
}

impl Stored {
    /// What a word of `infer.weights` means for a model.
    pub(crate) fn of(model: &Model, word: &str) -> Result<Self, EstimateError> {
        const KEY: &str = "infer.weights";
        if word == "native" && is_in_files(model) {
            let wide = model.architecture.checkpoint.as_ref().is_some_and(|own| own.word == "fp32");
            let plain = if wide { Dtype::Fp32 } else { Dtype::Bf16 };
            return Ok(Self { plain, format: None, in_files: true });
        }
        let (word, own) = if word == "native" { native(model)? } else { (word, None) };
        let plain = if word == "fp32" { Dtype::Fp32 } else { Dtype::Bf16 };
        if matches!(word, "fp32" | "bf16" | "fp16") {
            return Ok(Self { plain, format: None, in_files: false });
        }
        let Some(format) = own.or_else(|| Format::of_word(model, word)) else {
            let covered = String::from("formats whose layout is known for this model's family");
            return Err(EstimateError::NotCovered { key: KEY, value: word.to_owned(), covered });
        };
        format.check(model, KEY, word)?;
        Ok(Self { plain, format: Some(format), in_files: false })
    }

    /// Whether they are an AWQ checkpoint's.
    pub(crate) fn is_awq(&self, architecture: &Architecture) -> bool {
        self.method(architecture) == Some(Method::Awq)
    }

    pub(crate) fn method(&self, architecture: &Architecture) -> Option<Method> {
        self.format?.method(architecture)
    }

    /// How they are quantized, where they are.
    pub(crate) const fn format(&self) -> Option<Format> {
        self.format
    }

    /// Whether it is known in which order they come to the card.
    pub(crate) const fn is_played(&self) -> bool {
        !self.in_files && matches!(self.format, None | Some(Format::FourBits(_)))
    }

    /// How matrix products read the weights.
    pub(crate) fn kernel(&self, architecture: &Architecture) -> Option<Kernel> {
        self.format?.kernel(architecture)
    }

    /// A set of tensors as an engine keeps them.
    pub(crate) fn as_stored(&self, set: &Set<'_>, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        match self.format {
            Some(format) => quantized::as_stored(set, format, alive),
            None => set.parameters(alive),
        }
    }

    /// A model's tensors as Transformers keeps them.
    pub(crate) fn entries(&self, model: &Model, set: &Set<'_>, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        match (self.files(model), self.format) {
            (Some(files), _) => file::parameters(files, alive),
            (None, Some(format)) => quantized::parameters(set, format, alive),
            (None, None) => set.parameters(alive),
        }
    }

    /// The tensors of the files that a model was opened from, where its weights are those.
    pub(crate) fn files<'m>(&self, model: &'m Model) -> Option<&'m StoredTensors> {
        model.stored.as_deref().filter(|_| self.in_files)
    }
}

/// Whether what a model was opened from says what its weights take: a GGUF file does, and safetensors where nothing else is
/// known of how they are quantized. Of the others it is known what Transformers makes of them as they are loaded.
fn is_in_files(model: &Model) -> bool {
    let Some(stored) = model.stored.as_deref() else { return false };
    match stored.format {
        FileFormat::Gguf => true,
        FileFormat::Safetensors => model.architecture.checkpoint.is_none(),
    }
}

/// The word for the type that a model was published in, and the format where that is more than the word says.
fn native(model: &Model) -> Result<(&'static str, Option<Format>), EstimateError> {
    let found = model.architecture.checkpoint.as_ref();
    let found = found.map(|own| (own.word, own.scheme.map(|_| Format::Checkpoint)));
    found.ok_or_else(|| {
        let id = &model.id;
        let problem = match &model.card.quantization {
            Some(found) => format!("`native`, but {id} was published as {found}, whose layout is not covered"),
            None => format!("`native`, but {id} does not say in which type it was published (torch_dtype)"),
        };
        EstimateError::Invalid { key: "infer.weights", problem }
    })
}
