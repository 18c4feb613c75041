//! Vision and audio towers: encoders beside a decoder, whose outputs a projector puts into its stream of tokens.

mod kinds;
mod layers;
mod tensors;
mod tokens;

use super::architecture::{Architecture, ArchitectureError, Layer, LayerGroup, Output};
use super::family::{Dropout, NormKind, PositionKind};
use super::keys::TowerKeys;
use super::parameters::Tensor;

pub use kinds::{Composite, Kind, Modality};
pub use tokens::{ImageTokens, TokenRule};

/// An encoder of images or sounds, and the projector behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tower {
    /// Its kind.
    pub kind: Kind,
    /// The class that it stands in, with that class's projector.
    pub composite: &'static Composite,
    /// Width of its stream, `h`.
    pub hidden_size: u64,
    /// Numbers of which a convolution makes one token: pixels of a patch, or three frames of a spectrogram.
    pub patch_inputs: u64,
    /// Rows of its table of positions, where it has one.
    pub positions: Option<u64>,
    /// Tensors before its layers.
    pub before: Vec<Tensor>,
    /// Its layers, first to last.
    pub layers: Vec<TowerLayers>,
    /// Tensors behind its layers.
    pub behind: Vec<Tensor>,
    /// The projector's tensors.
    pub projector: Vec<Tensor>,
    /// How many tokens images and sounds become.
    pub tokens: TokenRule,
    deepstack: Vec<u64>,
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

/// So many equal layers of a tower in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct TowerLayers {
    /// How many.
    pub layers: u64,
    /// What each is.
    pub layer: Layer,
    /// The tensors of one.
    pub tensors: Vec<Tensor>,
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
        let sizes = layers::Sizes::of(kind, composite, keys)?;
        let tokens = tokens::rule(composite, kind, &sizes, keys)?;
        Ok(Self {
            kind,
            composite,
            hidden_size: sizes.hidden,
            patch_inputs: sizes.patch_inputs,
            positions: sizes.positions(kind),
            before: tensors::before(kind, &sizes, keys)?,
            layers: layers::layers(kind, &sizes, keys)?,
            behind: tensors::behind(kind, composite, &sizes, keys),
            projector: tensors::projector(composite, kind, &sizes, keys, text_hidden_size)?,
            tokens,
            deepstack: tensors::deepstack(composite, keys),
        })
    }

    /// How its outputs are gathered before the projector's matrices.
    pub const fn gathering(&self) -> Gathering {
        self.composite.gathering()
    }

    /// The layers in the middle whose outputs the decoder's first layers are given (Qwen3-VL).
    pub fn deepstack(&self) -> &[u64] {
        &self.deepstack
    }

    /// Whether the decoder's attention lets all tokens of an image see each other.
    pub fn is_seen_both_ways(&self) -> bool {
        self.composite.is_seen_both_ways()
    }

    /// Whether its projector has Gemma's norm.
    pub fn norms_as_gemma(&self) -> bool {
        self.gathering() == Gathering::Averaged && self.kind == Kind::Siglip
    }

    /// Whether the projector reads what its layers give before the last of them.
    pub fn leaves_last_layer(&self) -> bool {
        self.kind == Kind::Clip
    }

    /// The tower's stack of layers by itself, as what computes layers looks at one.
    pub fn stack(&self) -> Architecture {
        let groups = self.layers.iter().map(|it| LayerGroup { layers: it.layers, layer: it.layer.clone() });
        let groups: Vec<LayerGroup> = groups.collect();
        let norm = groups.first().map_or(NormKind::Layer, |group| group.layer.norm);
        Architecture {
            hidden_size: self.hidden_size,
            embedding_size: self.hidden_size,
            vocab_size: 0,
            max_position_embeddings: 0,
            tie_word_embeddings: false,
            lm_head_bias: false,
            positions: PositionKind::Learned,
            unused_positions: 0,
            norm,
            embedding_norm: None,
            final_norm: None,
            logits_softcap: false,
            dropout: Dropout { embedding: 0.0, hidden: 0.0, attention: 0.0 },
            native_weights: None,
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

    /// Whether it sees or hears.
    pub const fn modality(&self) -> Modality {
        self.kind.modality()
    }

    /// All its layers.
    pub fn num_hidden_layers(&self) -> u64 {
        self.layers.iter().map(|group| group.layers).sum()
    }
}
