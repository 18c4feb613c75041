//! Vision and audio towers: encoders beside a decoder, whose outputs a projector puts into its stream of tokens.

mod composite;
mod kinds;
mod layers;
mod sides;
mod tokens;

use super::{Architecture, ArchitectureError, Attention, LayerGroup, Output};
use crate::model::family::{Dropout, NormKind, PositionKind, PositionTable};
use crate::model::keys::TowerKeys;
use crate::model::part::Part;

pub use composite::{Composite, Projector};
pub use kinds::{Kind, Modality};
pub use layers::Sizes;
pub use tokens::{ImageTokens, TokenRule};

/// An encoder of images or sounds, and the projector behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tower {
    /// Its kind.
    pub kind: Kind,
    /// The class that it stands in, with that class's projector.
    pub composite: &'static Composite,
    /// Its dimensions.
    pub sizes: Sizes,
    /// Its layers, first to last.
    pub groups: Vec<LayerGroup>,
    /// How many tokens images and sounds become.
    pub tokens: TokenRule,
    /// What its configuration says.
    pub keys: TowerKeys,
}

/// Learned vectors that attend to what a tower gives (Idefics 2).
#[derive(Debug, Clone, PartialEq)]
pub struct Resampler {
    /// How many.
    pub latents: u64,
    /// Layers in which they do.
    pub layers: u64,
    /// The attention of each.
    pub attention: Attention,
}

/// How tokens of a tower become those that its projector's matrices read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathering {
    /// As they are.
    Alone,
    /// Averages of neighbours.
    Averaged,
    /// Neighbours side by side, as they lie.
    SideBySide,
    /// Neighbours side by side, which are copied there.
    Shuffled,
}

impl Tower {
    /// The tower that `keys` describe beside a decoder whose stream is so wide; what they leave out has its class's default.
    ///
    /// # Errors
    ///
    /// For a class or a kind of tower that is not known, and for a dimension that none can have.
    pub fn resolve(keys: &TowerKeys, text_hidden_size: u64) -> Result<Self, ArchitectureError> {
        let composite = Composite::of(keys)?;
        let kind = composite.kind(keys)?;
        let sizes = Sizes::of(kind, composite, keys)?;
        layers::check(keys, text_hidden_size)?;
        Ok(Self {
            kind,
            composite,
            sizes,
            groups: layers::groups(kind, composite, &sizes, keys),
            tokens: tokens::rule(composite, kind, &sizes, keys)?,
            keys: keys.clone(),
        })
    }

    /// How its outputs are gathered before the projector's matrices.
    pub const fn gathering(&self) -> Gathering {
        self.composite.gathering()
    }

    /// The layers in the middle whose outputs the decoder's first layers are given (Qwen3-VL).
    pub fn deepstack(&self) -> Vec<u64> {
        let named = || self.keys.deepstack_visual_indexes.clone().unwrap_or_else(|| vec![8, 16, 24]);
        if self.composite.deepstacks() { named() } else { Vec::new() }
    }

    /// Whether the decoder's attention lets all tokens of an image see each other.
    pub fn is_seen_both_ways(&self) -> bool {
        self.composite.is_seen_both_ways()
    }

    /// Whether layers of the decoder attend to what it gives, which is then not in the sequence.
    pub fn is_attended_to(&self) -> bool {
        self.composite.projector == Projector::Mllama
    }

    /// Tiles of each image of Llama 3.2's, used or not.
    pub fn tiles(&self) -> u64 {
        tiles(&self.keys)
    }

    /// Channels of what the projector of Llama 3.2's and of Llama 4's reads.
    pub fn vision_output_dim(&self) -> u64 {
        self.keys.vision_output_dim.unwrap_or(7680)
    }

    /// Shapes that an image of Llama 3.2's may have, and none.
    pub fn image_shapes(&self) -> u64 {
        self.keys.num_aspect_ratios.unwrap_or(8) + 1
    }

    /// The layers of Llama 3.2's whose outputs the projector reads beside the last one's.
    pub fn intermediate_layers(&self) -> Vec<u64> {
        self.keys.intermediate_layers_indices.clone().unwrap_or_else(|| vec![3, 7, 15, 23, 30])
    }

    /// The norm of its projector, where that is of another kind than the layers'.
    pub fn projector_norm(&self) -> Option<NormKind> {
        match self.composite.projector {
            Projector::Gemma3 => Some(NormKind::GemmaRms),
            Projector::Glm => Some(NormKind::Layer),
            Projector::Perceiver => Some(NormKind::Rms),
            _ => None,
        }
    }

    /// Whether the projector reads what its layers give before the last of them.
    pub fn leaves_last_layer(&self) -> bool {
        self.kind == Kind::Clip
    }

    /// Whether the projector reads what a part outside its layers makes: it does not read a pooling head, nor the last norm
    /// where it leaves out the last layer.
    pub fn reads(&self, part: Part) -> bool {
        const HEAD: [Part; 6] = [
            Part::PoolingQuery,
            Part::QueryKeyValue,
            Part::AttentionOutput,
            Part::FeedForwardNorm,
            Part::Up,
            Part::Down,
        ];
        let unread = self.pools() && HEAD.contains(&part);
        !(unread || self.leaves_last_layer() && part == Part::TowerLastNorm)
    }

    /// The tower's stack of layers by itself, as what computes layers looks at one.
    pub fn stack(&self) -> Architecture {
        let groups = self.groups.clone();
        let norm = groups.first().map_or(NormKind::Layer, |group| group.layer.norm);
        Architecture {
            hidden_size: self.sizes.hidden,
            embedding_size: self.sizes.hidden,
            vocab_size: 0,
            max_position_embeddings: 0,
            tie_word_embeddings: false,
            lm_head_bias: false,
            positions: PositionKind::Learned,
            unused_positions: 0,
            unused_tokens: 0,
            norm,
            embedding_norm: None,
            final_norm: None,
            logits_softcap: false,
            dropout: Dropout { embedding: 0.0, hidden: 0.0, attention: 0.0, activation: 0.0 },
            checkpoint: None,
            per_layer_inputs: None,
            streams: None,
            mixed_streams: None,
            kept_blocks: None,
            encoder: None,
            seq2seq: None,
            image: None,
            tower: None,
            output: Output::Own,
            labels: 0,
            classifier_dropout: None,
            groups,
        }
    }

    /// Rows of its table of positions, where it has one.
    pub fn positions(&self) -> Option<u64> {
        let added = self.kind != Kind::Sam || self.keys.use_abs_pos.unwrap_or(true);
        self.sizes.positions(self.kind).filter(|_| added)
    }

    /// Idefics 2's learned vectors; the numbers of others say nothing.
    pub fn resampler(&self) -> Resampler {
        let keys = &self.keys;
        Resampler {
            latents: keys.resampler_n_latents.unwrap_or(64),
            layers: keys.resampler_depth.unwrap_or(3),
            attention: layers::of_resampler(keys),
        }
    }

    /// Channels that SAM's neck gives.
    pub fn output_channels(&self) -> u64 {
        self.keys.output_channels.unwrap_or(256)
    }

    /// Whether SAM's scores have a term by distance.
    pub fn scores_distances(&self) -> bool {
        self.kind == Kind::Sam && self.keys.use_rel_pos.unwrap_or(true)
    }

    /// Its table of positions: Whisper's is sines and cosines that stand among the parameters.
    pub fn position_table(&self) -> PositionTable {
        if self.kind == Kind::Whisper { PositionTable::FrozenUntilLoaded } else { PositionTable::Learned }
    }

    /// Tokens that so many images of these sides, or sounds, take in the decoder's sequence.
    pub fn text_tokens(&self, images: u64, sides: [u64; 2]) -> u64 {
        self.tokens.of(sides).text.saturating_mul(images)
    }

    /// Whether SigLIP's pooling head stands behind its layers.
    pub fn pools(&self) -> bool {
        let usual = self.composite.defaults_of(self.kind).pooling_head;
        matches!(self.kind, Kind::Siglip | Kind::Siglip2) && self.keys.vision_use_head.unwrap_or(usual)
    }

    /// Whether a step that reads images was looked at.
    pub fn is_trained_with_images(&self) -> bool {
        self.composite.is_trained_with_images()
    }

    /// Whether it sees or hears.
    pub const fn modality(&self) -> Modality {
        self.kind.modality()
    }

    /// All its layers.
    pub fn num_hidden_layers(&self) -> u64 {
        self.groups.iter().map(|group| group.layers).sum()
    }
}

/// Tiles of each image of Llama 3.2's, used or not.
fn tiles(keys: &TowerKeys) -> u64 {
    keys.max_num_tiles.unwrap_or(4)
}
