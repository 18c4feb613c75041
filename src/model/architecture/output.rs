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
    /// Two scores of each token: whether an answer begins there, and whether it ends.
    Answers(Scores),
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
    /// BERT's pooler, with this activation, and a matrix with a bias.
    Pooled(FirstActivation),
    /// A square matrix over the first token, an activation, and a matrix with a bias.
    FirstToken(FirstActivation),
    /// ELECTRA's discriminator: the same over every token, without dropout.
    Discriminator,
    /// ModernBERT's: the matrix, activation and norm of its head for words, and a matrix with a bias.
    Transformed,
}

/// What a class makes of the first token before it scores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstActivation {
    /// A tangent, of what was dropped from (RoBERTa).
    Tangent,
    /// A GELU, of what was dropped from (ELECTRA).
    Gelu,
    /// A rectifier, of the token as it is (`DistilBERT`).
    Relu,
}

impl Output {
    /// The scores, where it gives any.
    pub const fn scores(&self) -> Option<Scores> {
        match self {
            Self::Sequences(scores) | Self::Tokens(scores) | Self::Answers(scores) => Some(*scores),
            Self::Own | Self::Hidden => None,
        }
    }
}

/// What a class of Transformers is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Logits over a vocabulary.
    Words,
    /// Scores of each sequence.
    Sequences,
    /// One score of each sequence, whatever its config says.
    Reward,
    /// Scores of each token.
    Tokens,
    /// Where an answer begins and ends.
    Answers,
    /// Whether each token was replaced.
    Replaced,
    /// Hidden states as they are.
    Hidden,
}

/// Names of classes by their ends, the longer before those that they end in; what has no purpose here is not covered.
const PURPOSES: [(&str, Option<Purpose>); 12] = [
    ("ForCausalLM", Some(Purpose::Words)),
    ("LMHeadModel", Some(Purpose::Words)),
    ("LMHeadCustomModel", Some(Purpose::Words)),
    ("ForConditionalGeneration", Some(Purpose::Words)),
    ("ForImageTextToText", Some(Purpose::Words)),
    ("ForSequenceClassification", Some(Purpose::Sequences)),
    ("InternLM2ForRewardModel", Some(Purpose::Reward)),
    ("ForTokenClassification", Some(Purpose::Tokens)),
    ("ForQuestionAnswering", Some(Purpose::Answers)),
    ("ElectraForPreTraining", Some(Purpose::Replaced)),
    // Each has layers of its own over the last.
    ("RewardModel", None),
    ("Model", Some(Purpose::Hidden)),
];

/// Parts of the names of classes that guess ahead for another model, whose hidden states they read.
const DRAFTS: [&str; 7] = ["Eagle", "Medusa", "NextN", "MTP", "Draft", "DFlash", "Speculator"];

impl Purpose {
    /// What a class is for, by its name; an error where that is not covered.
    pub fn of(class: &str) -> Result<Self, ArchitectureError> {
        let refuse = |problem| Err(ArchitectureError::new("architectures", problem));
        if DRAFTS.iter().any(|part| class.contains(part)) {
            return refuse(format!("`{class}` drafts for another model, whose hidden states it reads: not covered"));
        }
        let found = PURPOSES.iter().find(|(end, _)| class.ends_with(end));
        if let Some((_, Some(purpose))) = found {
            return Ok(*purpose);
        }
        let covered = PURPOSES.iter().filter(|(_, purpose)| purpose.is_some());
        let ends: Vec<_> = covered.map(|(end, _)| format!("…{end}")).collect();
        refuse(format!("`{class}` is not covered; covered: {}", ends.join(", ")))
    }
}

/// Whether a class scores in place of what its model has for a head.
pub(super) fn scores(class: &str) -> bool {
    use Purpose::{Answers, Replaced, Reward, Sequences, Tokens};
    matches!(Purpose::of(class), Ok(Sequences | Reward | Tokens | Answers | Replaced))
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
