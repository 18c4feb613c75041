//! The tensors of a model of images that are outside its layers.

use super::{Role, Tensor, linear, matrix, vector};
use crate::model::architecture::Image;
use crate::model::part::{Part, Piece};

/// What makes tokens of an image: the token before its patches, their positions, and the matrix that every patch passes
/// through, a convolution of the Hugging Face class whose steps do not overlap.
pub(super) fn embedding(image: &Image, hidden: u64) -> Vec<Tensor> {
    let pixels = image.channels * image.patch[0] * image.patch[1];
    vec![
        vector((Part::ClassToken, Piece::Whole), hidden, Role::Table),
        matrix((Part::PositionEmbedding, Piece::Weight), image.tokens(), hidden, Role::Table),
        matrix((Part::PatchProjection, Piece::Weight), hidden, pixels, Role::Linear),
        vector((Part::PatchProjection, Piece::Bias), hidden, Role::Bias),
    ]
}

/// What reads the first token behind the layers: a classifier, or the bare model's pooler.
pub(super) fn head(image: &Image, hidden: u64) -> Vec<Tensor> {
    let mut head = Vec::new();
    if !image.classifies {
        linear(&mut head, Part::Pooler, hidden, image.pooler, true);
    } else if image.labels > 0 {
        linear(&mut head, Part::Classifier, hidden, image.labels, true);
    }
    head
}
