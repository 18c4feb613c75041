//! What a model gives for each token: words, or scores of a few classes, or its hidden states as they are.

use super::ArchitectureKeys;
use super::checks::{ArchitectureError, dimension, probability};

/// What stands on top of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// What the model's own class has: logits over its vocabulary, or the classes of an image.
    #[default]
    Own,
    /// Scores of each sequence.
    Sequences(Scores),
    /// Scores of each token.
    Tokens(Scores),
    /// Nothing: the class of the bare model.
    Hidden,
}

/// Scores in place of logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// Classes, `C`.
    pub labels: u64,
    /// How the class computes them.
    pub head: ScoreHead,
    /// Whether dropout acts before the matrix.
    pub dropout: bool,
}

/// What a class scores with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreHead {
    /// A matrix `[C, h]` without a bias over every token; of each sequence the last token's scores count.
    LastToken,
    /// The same with a bias, over every token.
    EachToken,
    /// BERT's pooler, and a matrix with a bias.
    Pooled,
    /// RoBERTa's: a square matrix over the first token, a tangent, and a matrix with a bias.
    FirstToken,
    /// ModernBERT's: the matrix, activation and norm of its head for words, and a matrix with a bias.
    Transformed,
}

impl Output {
    /// The scores, where it gives any.
    pub const fn scores(&self) -> Option<Scores> {
        match self {
            Self::Sequences(scores) | Self::Tokens(scores) => Some(*scores),
            Self::Own | Self::Hidden => None,
        }
    }
}

/// Classes that a config of Transformers 5.23 has where it names none.
const LABELS: u64 = 2;

/// How many classes there are.
pub(super) fn labels(keys: &ArchitectureKeys) -> Result<u64, ArchitectureError> {
    match keys.num_labels {
        // A model of images has none where its classifier is left out.
        None | Some(0) => Ok(LABELS),
        Some(labels) => dimension("num_labels", labels),
    }
}

/// Dropout before the scores of classes.
pub(super) fn dropout(keys: &ArchitectureKeys) -> Result<Option<f64>, ArchitectureError> {
    let said = keys.classifier_dropout;
    said.map(|said| probability("classifier_dropout", Some(said), said)).transpose()
}
