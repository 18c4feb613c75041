//! The vision transformer, whose tokens are patches of an image.

use super::base::{ENCODER_CODE, LLAMA, LLAMA_LIKE};
use super::code::{Implementation, LossCode, Rotation};
use super::reads::{Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Family, ImageDefaults, MlpKind, NormKind, PositionKind};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
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
    },
    code: Implementation { rotation: Rotation::None, loss: LossCode::Masked, measured: true, ..ENCODER_CODE },
    reads: Reads { rule: Rule::Image, ..Reads::PLAIN },
    modules: ModuleNames { own: &[(Part::Up, &["fc1"]), (Part::Down, &["fc2"])], ..ModuleNames::USUAL },
}];
