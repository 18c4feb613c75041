//! The layers of towers, and the dimensions that everything else of them follows from.

use super::TowerLayers;
use super::kinds::{Composite, Kind};
use crate::model::architecture::{
    Activation, ArchitectureError, Attention, AttentionVariant, FeedForward, Layer, LayerVariant, Mixer, Mlp, sides,
};
use crate::model::family::{MlpKind, NormKind, Placement, Projection, QkNorm};
use crate::model::keys::{Sides, TowerKeys};
use crate::model::parameters::{Role, Tensor, layer_tensors, vector};
use crate::model::part::{Part, Piece};

/// The dimensions of a tower.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Width of the stream.
    pub(super) hidden: u64,
    /// Width of the feed-forward network.
    pub(super) intermediate: u64,
    /// Layers of the first kind.
    pub(super) layers: u64,
    /// Heads of a layer.
    pub(super) heads: u64,
    /// Channels of a head.
    pub(super) head_dim: u64,
    /// Height and width of an image, in pixels.
    pub(super) image: [u64; 2],
    /// Height and width of a patch, in pixels.
    pub(super) patch: [u64; 2],
    /// Numbers of which a convolution makes one token.
    pub(super) patch_inputs: u64,
    /// Tokens of a side that become one in the decoder.
    pub(super) merge: u64,
    /// Rows of a table of positions, where the file says so.
    pub(super) rows: Option<u64>,
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
            _ => keys.intermediate_size.unwrap_or(defaults.intermediate),
        };
        let image = sides("image_size", keys.image_size.unwrap_or(Sides::Square(defaults.image)))?;
        let patch = sides("patch_size", keys.patch_size.unwrap_or(Sides::Square(defaults.patch)))?;
        let channels = few("num_channels", keys.num_channels.unwrap_or(3))?;
        let frames = match kind {
            Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Qwen3Vl => {
                few("temporal_patch_size", keys.temporal_patch_size.unwrap_or(2))?
            }
            _ => 1,
        };
        let patch_inputs = match kind {
            Kind::Whisper => 3 * few("num_mel_bins", keys.num_mel_bins.unwrap_or(128))?,
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

    /// Patches of an image of the class's size.
    pub(super) const fn patches(&self) -> u64 {
        (self.image[0] / self.patch[0]) * (self.image[1] / self.patch[1])
    }

    /// Rows of the table of positions.
    pub(super) fn positions(&self, kind: Kind) -> Option<u64> {
        match kind {
            Kind::Siglip => Some(self.patches()),
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
pub(super) fn layers(kind: Kind, sizes: &Sizes, keys: &TowerKeys) -> Result<Vec<TowerLayers>, ArchitectureError> {
    let layer = layer(kind, sizes, keys);
    let mut tensors = layer_tensors(&layer, sizes.hidden);
    if kind == Kind::Whisper {
        tensors.retain(|tensor| (tensor.part, tensor.piece) != (Part::Key, Piece::Bias));
    }
    if kind == Kind::InternVit {
        let norms = keys.use_qk_norm == Some(true);
        let scales = [Part::AttentionScale, Part::FeedForwardScale].map(|part| (part, Piece::Whole));
        let norms = [Part::QueryNorm, Part::KeyNorm].map(|part| (part, Piece::Weight)).into_iter().filter(|_| norms);
        tensors.extend(scales.into_iter().chain(norms).map(|part| vector(part, sizes.hidden, Role::Norm)));
    }
    let mut groups = vec![TowerLayers { layers: sizes.layers, layer: layer.clone(), tensors: tensors.clone() }];
    if kind == Kind::Mllama {
        tensors.extend(gates());
        groups.push(TowerLayers {
            layers: few("num_global_layers", keys.num_global_layers.unwrap_or(8))?,
            layer,
            tensors,
        });
    }
    Ok(groups)
}

/// What Llama 3.2's last layers weigh their halves by.
fn gates() -> [Tensor; 2] {
    [Part::AttentionScale, Part::FeedForwardScale].map(|part| vector((part, Piece::Whole), 1, Role::Norm))
}

fn layer(kind: Kind, sizes: &Sizes, keys: &TowerKeys) -> Layer {
    let root_mean_square = matches!(kind, Kind::Pixtral | Kind::Qwen25Vl | Kind::Gemma4)
        || kind == Kind::InternVit && keys.norm_type.as_deref() == Some("rms_norm");
    let bare = matches!(kind, Kind::Pixtral | Kind::Gemma4);
    let attention_bias = match kind {
        Kind::InternVit => keys.attention_bias.unwrap_or(false),
        Kind::Mllama => false,
        _ => !bare,
    };
    let rotates =
        matches!(kind, Kind::Pixtral | Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Qwen3Vl | Kind::Llama4 | Kind::Gemma4);
    let fused = matches!(kind, Kind::Qwen2Vl | Kind::Qwen25Vl | Kind::Qwen3Vl);
    let gated = matches!(kind, Kind::Pixtral | Kind::Qwen25Vl | Kind::Gemma4);
    let attention = Attention {
        heads: sizes.heads,
        kv_heads: keys.num_key_value_heads.unwrap_or(sizes.heads),
        head_dim: sizes.head_dim,
        rotary_dim: if rotates { sizes.head_dim } else { 0 },
        projection: if fused { Projection::Fused } else { Projection::Separate },
        qkv_bias: attention_bias,
        output_bias: attention_bias || kind == Kind::InternVit,
        qk_norm: if kind == Kind::Gemma4 { QkNorm::PerHead } else { QkNorm::None },
        sliding_window: None,
        softcap: false,
        sinks: false,
        gate: false,
        latent: None,
        variant: AttentionVariant::default(),
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
    };
    Layer {
        norm: if root_mean_square { NormKind::Rms } else { NormKind::Layer },
        placement: if kind == Kind::Gemma4 { Placement::Sandwich } else { Placement::Pre },
        mixer: Mixer::Attention(attention),
        feed_forward: FeedForward::Dense(mlp),
        variant: LayerVariant::default(),
    }
}
