//! The tensors of what scores sequences or tokens in place of a head over the vocabulary.

use super::{Tensor, linear, norm};
use crate::model::architecture::{Architecture, ScoreHead, Scores};
use crate::model::part::Part;

/// What a class has on top of its layers that scores so many labels.
pub(super) fn head(architecture: &Architecture, scores: Scores) -> Vec<Tensor> {
    let (hidden, mut head) = (architecture.hidden_size, Vec::new());
    match scores.head {
        ScoreHead::LastToken | ScoreHead::EachToken => {}
        ScoreHead::Pooled(_) => linear(&mut head, Part::Pooler, hidden, hidden, true),
        ScoreHead::FirstToken(_) | ScoreHead::Discriminator => {
            linear(&mut head, Part::HeadTransform, hidden, hidden, true);
        }
        ScoreHead::Transformed => {
            let bias = architecture.encoder.is_some_and(|encoder| encoder.transform_bias);
            linear(&mut head, Part::HeadTransform, hidden, hidden, bias);
            norm(&mut head, architecture.norm, hidden, Part::HeadNorm);
        }
    }
    linear(&mut head, Part::Classifier, hidden, scores.labels, scores.head != ScoreHead::LastToken);
    head
}

/// What the class of the bare model has there: a pooler, where an encoder has one.
pub(super) fn bare(architecture: &Architecture) -> Vec<Tensor> {
    let (hidden, mut head) = (architecture.hidden_size, Vec::new());
    if architecture.encoder.is_some_and(|encoder| encoder.pooler) {
        linear(&mut head, Part::Pooler, hidden, hidden, true);
    }
    head
}
