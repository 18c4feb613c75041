//! The row of the vision transformer, whose tokens are patches of an image.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{Defaults, Family, MlpKind, NormKind, PositionKind};

/// What a family whose tokens are patches has, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageDefaults {
    /// The class of the bare model and the one that classifies, as `architectures` names them.
    pub classes: [&'static str; 2],
    /// `image_size`: pixels on each side.
    pub image_size: u64,
    /// `patch_size`: pixels on each side of a patch.
    pub patch_size: u64,
    /// `num_channels`: numbers for each pixel.
    pub channels: u64,
    /// `num_labels`: classes that an image can be of.
    pub labels: u64,
}

pub(super) const VIT: Family = Family {
    id: "vit",
    norm: NormKind::Layer,
    mlp: MlpKind::Plain,
    positions: PositionKind::Learned,
    qkv_bias: true,
    output_bias: true,
    bias_of_output_apart: true,
    mlp_bias: true,
    image: Some(ImageDefaults {
        classes: ["ViTModel", "ViTForImageClassification"],
        image_size: 224,
        patch_size: 16,
        channels: 3,
        labels: 2,
    }),
    defaults: Defaults {
        hidden_size: 768,
        intermediate_size: Some(3072),
        num_hidden_layers: 12,
        num_attention_heads: 12,
        hidden_act: "gelu",
        ..LLAMA_LIKE
    },
    ..LLAMA
};
