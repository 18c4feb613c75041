//! The layers of towers, and the dimensions that everything else of them follows from.

use super::composite::Composite;
use super::kinds::Kind;
use crate::model::architecture::{
    Activation, ArchitectureError, Attention, AttentionVariant, FeedForward, Layer, LayerGroup, LayerVariant, Mixer,
    Mlp, Sounds, sides,
};
use crate::model::family::{MlpKind, NormKind, Placement, Projection, QkNorm};
use crate::model::keys::{Sides, TowerKeys};

/// The dimensions of a tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Width of the stream.
    pub hidden: u64,
    /// Width of the feed-forward network.
    pub intermediate: u64,
    /// Layers of the first kind.
    pub layers: u64,
    /// Heads of a layer.
    pub heads: u64,
    /// Channels of a head.
    pub head_dim: u64,
    /// Height and width of an image, in pixels.
    pub image: [u64; 2],
    /// Height and width of a patch, in pixels.
    pub patch: [u64; 2],
    /// Numbers of which a convolution makes one token.
    pub patch_inputs: u64,
    /// Tokens of a side that become one in the decoder.
    pub merge: u64,
    /// Rows of a table of positions, where the file says so.
    pub rows: Option<u64>,
}

impl Sizes {
    pub(super) fn of(kind: Kind, composite: &Composite, keys: &TowerKeys) -> Result<Self, ArchitectureError> {
        let defaults = composite.defaults_of(kind);
        let hidden = match kind {
            // Its `hidden_size` is the decoder's.
            Kind::Qwen2Vl => small("embed_dim", keys.embed_dim.unwrap_or(defaults.hidden))?,
            _ => small("hidden_size", keys.hidden_size.unwrap_or(defaults.hidden))?,
        };
        let heads = small("num_attention_heads", keys.num_attention_heads.unwrap_or(defaults.heads))?;
        let head_dim = keys.head_dim.unwrap_or(hidden / heads);
        let intermediate = match kind {
            Kind::Qwen2Vl => whole(hidden, keys.mlp_ratio.unwrap_or(4.0))?,
            // Its `intermediate_size` is that of the projector's network.
            Kind::Glm4v => keys.out_hidden_size.unwrap_or(4096),
            _ => keys.intermediate_size.unwrap_or(defaults.intermediate),
        };
        let image = sides("image_size", keys.image_size.unwrap_or(Sides::Square(defaults.image)))?;
        let patch = sides("patch_size", keys.patch_size.unwrap_or(Sides::Square(defaults.patch)))?;
        let channels = few("num_channels", keys.num_channels.unwrap_or(3))?;
        let frames = match kind {
            Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Qwen3Vl | Kind::Glm4v => {
                few("temporal_patch_size", keys.temporal_patch_size.unwrap_or(2))?
            }
            _ => 1,
        };
        let patch_inputs = match kind {
            Kind::Whisper => Sounds::KERNEL_SIZE * few("num_mel_bins", keys.num_mel_bins.unwrap_or(128))?,
            _ => channels * frames * patch[0] * patch[1],
        };
        Ok(Self {
            hidden,
            intermediate: small("intermediate_size", intermediate)?,
            layers: few("num_hidden_layers", keys.num_hidden_layers.unwrap_or(defaults.layers))?,
            heads,
            head_dim: small("head_dim", head_dim)?,
            image,
            patch,
            patch_inputs: small("patch_size", patch_inputs)?,
            merge: few("spatial_merge_size", composite.merge(keys))?,
            rows: keys.num_positions.map(|rows| small("num_positions", rows)).transpose()?,
        })
    }

    /// Patches of each side of an image of the class's size.
    pub const fn grid(&self) -> [u64; 2] {
        [self.image[0] / self.patch[0], self.image[1] / self.patch[1]]
    }

    /// Patches of an image of the class's size.
    pub const fn patches(&self) -> u64 {
        self.grid()[0] * self.grid()[1]
    }

    /// Rows of the table of positions.
    pub(super) fn positions(&self, kind: Kind) -> Option<u64> {
        match kind {
            Kind::Siglip | Kind::Glm4v | Kind::PaddleOcr | Kind::Sam => Some(self.patches()),
            Kind::Siglip2 => Some(self.rows.unwrap_or(256)),
            Kind::Clip | Kind::InternVit | Kind::Llama4 | Kind::Mllama => Some(self.patches() + 1),
            Kind::Qwen3Vl => Some(self.rows.unwrap_or(2304)),
            Kind::Whisper => Some(self.rows.unwrap_or(1500)),
            // One for each axis.
            Kind::Gemma4 => Some(2 * self.rows.unwrap_or(10_240)),
            Kind::Pixtral | Kind::Qwen2Vl | Kind::Qwen25Vl => None,
        }
    }
}

/// A width, or a number of tokens.
pub(super) fn small(key: &'static str, size: u64) -> Result<u64, ArchitectureError> {
    within(key, size, 20)
}

/// A number of layers, tiles or the like.
pub(super) fn few(key: &'static str, size: u64) -> Result<u64, ArchitectureError> {
    within(key, size, 10)
}

/// No tower comes near so many; within these, products of three stay far below 64 bits.
fn within(key: &'static str, size: u64, power: u32) -> Result<u64, ArchitectureError> {
    if (1..=1 << power).contains(&size) {
        Ok(size)
    } else {
        Err(ArchitectureError::new(key, format!("{size} of a tower is not between 1 and 2^{power}")))
    }
}

/// A width times a ratio that may be written `4` or `4.0`.
fn whole(width: u64, ratio: f64) -> Result<u64, ArchitectureError> {
    let ratios = 1..=64_u32;
    match ratios.into_iter().find(|whole| (f64::from(*whole) - ratio).abs() < f64::EPSILON) {
        Some(ratio) => Ok(width * u64::from(ratio)),
        None => Err(ArchitectureError::new("mlp_ratio", format!("{ratio} is no whole number between 1 and 64"))),
    }
}

/// The layers, first to last.
pub(super) fn groups(kind: Kind, composite: &Composite, sizes: &Sizes, keys: &TowerKeys) -> Vec<LayerGroup> {
    let layer = layer(kind, composite, sizes, keys);
    let mut groups = vec![LayerGroup { layers: sizes.layers, layer: layer.clone() }];
    if kind == Kind::Mllama {
        let variant = LayerVariant { weighs_halves: true, ..layer.variant };
        let layer = Layer { variant, ..layer };
        groups.push(LayerGroup { layers: keys.num_global_layers.unwrap_or(8), layer });
    }
    if kind == Kind::Sam {
        return by_window(&groups[0].layer, sizes.layers, keys);
    }
    groups
}

/// SAM's layers, each of which attends within windows or, where the file names it, to all tokens.
fn by_window(layer: &Layer, layers: u64, keys: &TowerKeys) -> Vec<LayerGroup> {
    let global = keys.global_attn_indexes.clone().unwrap_or_else(|| vec![2, 5, 8, 11]);
    let side = keys.window_size.unwrap_or(14);
    let mut groups: Vec<LayerGroup> = Vec::new();
    for number in 0..layers {
        let window = (side > 0 && !global.contains(&number)).then_some(side);
        match groups.last_mut() {
            Some(last) if last.layer.attention().is_some_and(|it| it.sliding_window == window) => last.layers += 1,
            _ => {
                let mut layer = layer.clone();
                if let Mixer::Attention(attention) = &mut layer.mixer {
                    attention.sliding_window = window;
                }
                groups.push(LayerGroup { layers: 1, layer });
            }
        }
    }
    groups
}

/// Bounds of what the projector and the tower's ends read off their keys.
pub(super) fn check(keys: &TowerKeys, text_hidden_size: u64) -> Result<(), ArchitectureError> {
    let widths = [
        ("projection_dim", keys.projection_dim),
        ("projector_hidden_size", keys.projector_hidden_size),
        ("out_hidden_size", keys.out_hidden_size),
        ("intermediate_size", keys.intermediate_size),
        ("vision_output_dim", keys.vision_output_dim),
        ("projector_input_dim", keys.projector_input_dim),
        ("projector_output_dim", keys.projector_output_dim),
        ("resampler_n_latents", keys.resampler_n_latents),
        ("text_intermediate_size", keys.text_intermediate_size),
        ("hidden_size", Some(text_hidden_size)),
    ];
    for (key, width) in widths {
        width.map(|width| small(key, width)).transpose()?;
    }
    let numbers = [
        ("num_global_layers", keys.num_global_layers),
        ("window_size", keys.window_size.filter(|side| *side > 0)),
        ("resampler_depth", keys.resampler_depth),
        ("resampler_n_heads", keys.resampler_n_heads),
        ("resampler_num_key_value_heads", keys.resampler_num_key_value_heads),
        ("resampler_head_dim", keys.resampler_head_dim),
        ("output_channels", keys.output_channels.map(|width| width.div_ceil(16))),
        ("max_num_tiles", keys.max_num_tiles),
        ("num_aspect_ratios", keys.num_aspect_ratios),
        ("vision_feature_layer", keys.vision_feature_layers),
    ];
    for (key, number) in numbers {
        number.map(|number| few(key, number)).transpose()?;
    }
    Ok(())
}

/// The attention of Idefics 2's learned vectors.
pub(super) fn of_resampler(keys: &TowerKeys) -> Attention {
    Attention {
        heads: keys.resampler_n_heads.unwrap_or(16),
        kv_heads: keys.resampler_num_key_value_heads.unwrap_or(4),
        head_dim: keys.resampler_head_dim.unwrap_or(96),
        rotary_dim: 0,
        projection: Projection::Separate,
        qkv_bias: false,
        output_bias: false,
        qk_norm: QkNorm::None,
        sliding_window: None,
        softcap: false,
        sinks: false,
        gate: false,
        latent: None,
        variant: AttentionVariant::default(),
    }
}

fn layer(kind: Kind, composite: &Composite, sizes: &Sizes, keys: &TowerKeys) -> Layer {
    let root_mean_square = matches!(kind, Kind::Pixtral | Kind::Qwen25Vl | Kind::Glm4v | Kind::Gemma4)
        || kind == Kind::InternVit && keys.norm_type.as_deref() == Some("rms_norm");
    let bare = matches!(kind, Kind::Pixtral | Kind::Glm4v | Kind::Gemma4);
    let attention_bias = match kind {
        Kind::InternVit | Kind::Glm4v | Kind::Sam => {
            keys.attention_bias.unwrap_or(composite.defaults_of(kind).attention_bias)
        }
        Kind::Mllama => false,
        _ => !bare,
    };
    let fused = matches!(kind, Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Qwen3Vl | Kind::Glm4v);
    let fused_too = fused || kind == Kind::Sam;
    let rotates = fused || matches!(kind, Kind::PaddleOcr | Kind::Pixtral | Kind::Llama4 | Kind::Gemma4);
    let gated = matches!(kind, Kind::Pixtral | Kind::Qwen25Vl | Kind::Glm4v | Kind::Gemma4);
    let attention = Attention {
        heads: sizes.heads,
        kv_heads: keys.num_key_value_heads.unwrap_or(sizes.heads),
        head_dim: sizes.head_dim,
        rotary_dim: if rotates { sizes.head_dim } else { 0 },
        projection: if fused_too { Projection::Fused } else { Projection::Separate },
        qkv_bias: attention_bias,
        output_bias: kind != Kind::Glm4v && attention_bias || matches!(kind, Kind::InternVit | Kind::Sam),
        qk_norm: if kind == Kind::Gemma4 { QkNorm::PerHead } else { QkNorm::None },
        sliding_window: None,
        softcap: false,
        sinks: false,
        gate: false,
        latent: None,
        variant: AttentionVariant { unbiased_keys: kind == Kind::Whisper, ..AttentionVariant::default() },
    };
    let quick = matches!(kind, Kind::Clip | Kind::Qwen2Vl);
    let mlp = Mlp {
        intermediate_size: sizes.intermediate,
        kind: if gated { MlpKind::Gated } else { MlpKind::Plain },
        activation: match (gated, quick) {
            (true, _) => Activation::Silu,
            (false, true) => Activation::QuickGelu,
            (false, false) => Activation::Gelu,
        },
        bias: !bare,
        sparse: false,
    };
    Layer {
        norm: if root_mean_square { NormKind::Rms } else { NormKind::Layer },
        placement: if kind == Kind::Gemma4 { Placement::Sandwich } else { Placement::Pre },
        mixer: Mixer::Attention(attention),
        feed_forward: FeedForward::Dense(mlp),
        variant: LayerVariant::default(),
    }
}
