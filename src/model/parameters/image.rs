//! The tensors of a model of images that are outside its layers.

use super::{Role, Tensor, linear, matrix, vector};
use crate::model::architecture::Image;

/// What makes tokens of an image: the token before its patches, their positions, and the matrix that every patch passes
/// through, a convolution of the Hugging Face class whose steps do not overlap.
pub(super) fn embedding(image: &Image, hidden: u64) -> Vec<Tensor> {
    let pixels = image.channels * image.patch[0] * image.patch[1];
    vec![
        vector("class token", hidden, Role::Table),
        matrix("position embedding.weight", image.tokens(), hidden, Role::Table),
        matrix("patch projection.weight", hidden, pixels, Role::Linear),
        vector("patch projection.bias", hidden, Role::Bias),
    ]
}

/// What reads the first token behind the layers: a classifier, or the bare model's pooler.
pub(super) fn head(image: &Image, hidden: u64) -> Vec<Tensor> {
    let mut head = Vec::new();
    if !image.classifies {
        linear(&mut head, ["pooler.weight", "pooler.bias"], hidden, image.pooler, true);
    } else if image.labels > 0 {
        linear(&mut head, ["classifier.weight", "classifier.bias"], hidden, image.labels, true);
    }
    head
}
