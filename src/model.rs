//! What a transformer is: its architecture in Hugging Face words, and exactly which parameters it has.

pub mod architecture;
pub mod family;
pub(crate) mod hub;
pub mod keys;
mod local;
pub mod parameters;
pub mod part;
pub mod recurrent;
pub mod stored;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use architecture::tower;
pub use architecture::{Architecture, ArchitectureError, Output};
pub use family::Family;
pub use keys::ArchitectureKeys;
pub use stored::StoredTensors;

use crate::units::Parameters;

/// A model: an architecture and where it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The id under which it is chosen, such as `llama-3.1-8b`.
    pub id: String,
    /// The name that people use, such as `Llama 3.1 8B`.
    pub name: String,
    /// The Hugging Face `model_type`.
    pub family: &'static Family,
    /// Facts about the publication; nothing is computed from them.
    pub card: Card,
    /// The published parameter count, where one is known.
    pub declared: Option<Parameters>,
    /// Whether a published count proves the architecture's fields.
    pub confirmed: bool,
    /// The dimensions.
    pub architecture: Architecture,
    /// The tensors of the files that it was opened from, where those hold weights.
    pub stored: Option<Arc<StoredTensors>>,
}

impl Model {
    /// The model as a training step has it that takes this of it: its own is an encoder's class with a head for masked
    /// tokens, a model of images with its classifier; neither has a pooler.
    pub fn trained(&self, output: Output) -> Cow<'_, Self> {
        if output != Output::Own {
            let mut model = self.clone();
            let architecture = &mut model.architecture;
            // There is no head over the vocabulary.
            (architecture.tie_word_embeddings, architecture.lm_head_bias) = (false, false);
            (architecture.output, architecture.logits_softcap) = (output, false);
            return Cow::Owned(model);
        }
        if self.architecture.output != Output::Own {
            let mut model = self.clone();
            model.architecture.output = Output::Own;
            return Cow::Owned(model.trained(Output::Own).into_owned());
        }
        if let Some(image) = self.architecture.image.filter(|image| !image.classifies) {
            let mut model = self.clone();
            model.architecture.image = Some(architecture::Image { classifies: true, ..image });
            return Cow::Owned(model);
        }
        match self.architecture.encoder {
            Some(encoder) if !encoder.has_head() => {
                let mut model = self.clone();
                model.architecture.encoder =
                    Some(architecture::Encoder { top: architecture::Top::MaskedTokens, ..encoder });
                Cow::Owned(model)
            }
            _ => Cow::Borrowed(self),
        }
    }
}

/// Who published a model, when, under what licence, and where the fields were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Card {
    /// Who published it.
    pub organization: Option<String>,
    /// `2024-07`.
    pub released: Option<String>,
    /// The licence's short name.
    pub license: Option<String>,
    /// Where the dimensions were read.
    pub source: Option<String>,
    /// How the weights were quantized as they were published, where that has no word here.
    pub quantization: Option<String>,
    /// What was assumed of the structure, where the model's family is not known.
    pub assumed: Option<String>,
    /// Parts of the published model that are not counted, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<String>,
}
