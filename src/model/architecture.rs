//! The dimensions of a model: the keys people write, and the checked architecture made from them.

mod attention;
mod blocks;
mod checkpoint;
mod checks;
mod compressed;
mod encoder;
mod experts;
mod feed_forward;
mod groups;
mod hybrid;
mod image;
mod mechanisms;
mod mlp;
mod output;
mod recurrent;
mod seq2seq;
pub mod tower;
mod variant;

pub use attention::{Attention, Latent};
pub use checkpoint::{Apart, Checkpoint, Code, Inputs, Method, Scheme, Strategy};
pub use checks::ArchitectureError;
pub use encoder::{Encoder, Top};
pub use experts::{Experts, SharedExpert};
pub use feed_forward::FeedForward;
pub use groups::MOST_LAYERS;
pub use image::Image;
pub use mechanisms::{AttentionVariant, Compressed, Indexer, KeyValues, LayerVariant, PerLayerInputs};
pub use mlp::{Activation, Mlp};
pub use output::{FirstActivation, Output, Purpose, ScoreHead, Scores};
pub use seq2seq::{Seq2Seq, Sounds};

use tower::Tower;

use checks::{dimension, probability};

pub(super) use image::sides;

use super::family::{Dropout, Family, NormKind, Placement, PositionKind};
use super::keys::ArchitectureKeys;
use super::recurrent::Recurrent;
use crate::model::part::Part;

/// A checked architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Width of the residual stream, `h`.
    pub hidden_size: u64,
    /// Width of the embedding and of what the head reads; where it is not `h`, matrices project from and to it.
    pub embedding_size: u64,
    /// Rows of the embedding table, `V`; 0 where tokens are patches of an image.
    pub vocab_size: u64,
    /// Longest sequence that the model was made for.
    pub max_position_embeddings: u64,
    /// Whether the head shares the embedding's matrix.
    pub tie_word_embeddings: bool,
    /// Whether the head has a bias.
    pub lm_head_bias: bool,
    /// How positions enter.
    pub positions: PositionKind,
    /// Rows of a table of learned positions that no position uses.
    pub unused_positions: u64,
    /// Rows of the token table that the head has none for.
    pub unused_tokens: u64,
    /// The kind of every norm.
    pub norm: NormKind,
    /// The norm after the embedding, where there is one.
    pub embedding_norm: Option<NormKind>,
    /// The norm after the last layer, where there is one.
    pub final_norm: Option<NormKind>,
    /// Whether logits are soft-capped.
    pub logits_softcap: bool,
    /// Dropout where the run does not say.
    pub dropout: Dropout,
    /// How the weights were published, where that is known.
    pub checkpoint: Option<Checkpoint>,
    /// A vector for each token and layer, where there is one.
    pub per_layer_inputs: Option<PerLayerInputs>,
    /// Residual streams, where there are several.
    pub streams: Option<u64>,
    /// Residual streams that every layer mixes, where there are several.
    pub mixed_streams: Option<u64>,
    /// Streams that are kept before blocks of layers for all later halves to read, where any are.
    pub kept_blocks: Option<u64>,
    /// What an encoder has outside its layers.
    pub encoder: Option<Encoder>,
    /// Which layers are an encoder's and which a decoder's, where there are both.
    pub seq2seq: Option<Seq2Seq>,
    /// What a model of images has outside its layers.
    pub image: Option<Image>,
    /// The vision or audio tower beside its layers.
    pub tower: Option<Tower>,
    /// What it gives for each token.
    pub output: Output,
    /// Classes that its class for sequences or tokens tells apart (`num_labels`).
    pub labels: u64,
    /// Dropout before their scores, where its config says.
    pub classifier_dropout: Option<f64>,
    /// The layers, first to last.
    pub groups: Vec<LayerGroup>,
}

/// So many equal layers in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerGroup {
    /// How many.
    pub layers: u64,
    /// What each is.
    pub layer: Layer,
}

/// One layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The kind of its norms.
    pub norm: NormKind,
    /// Where they stand.
    pub placement: Placement,
    /// What mixes its tokens.
    pub mixer: Mixer,
    /// Its feed-forward network.
    pub feed_forward: FeedForward,
    /// What it has beside them.
    pub variant: LayerVariant,
}

impl Layer {
    /// Its attention, where that mixes its tokens.
    pub const fn attention(&self) -> Option<&Attention> {
        match &self.mixer {
            Mixer::Attention(attention) | Mixer::Both(attention, _) => Some(attention),
            Mixer::Recurrent(_) | Mixer::Linear | Mixer::None => None,
        }
    }

    /// Whether its attention is to what a tower gives, and not to the sequence.
    pub const fn attends_to_tower(&self) -> bool {
        match self.attention() {
            Some(attention) => matches!(attention.variant.key_values, KeyValues::OfTower),
            None => false,
        }
    }

    /// Its attention, to be changed.
    pub const fn attention_mut(&mut self) -> Option<&mut Attention> {
        match &mut self.mixer {
            Mixer::Attention(attention) | Mixer::Both(attention, _) => Some(attention),
            Mixer::Recurrent(_) | Mixer::Linear | Mixer::None => None,
        }
    }

    /// Its recurrent mixer, where it has one.
    pub const fn recurrent(&self) -> Option<&Recurrent> {
        match &self.mixer {
            Mixer::Recurrent(recurrent) | Mixer::Both(_, recurrent) => Some(recurrent),
            Mixer::Attention(_) | Mixer::Linear | Mixer::None => None,
        }
    }
}

/// The half of a layer in which tokens see each other.
#[derive(Debug, Clone, PartialEq)]
pub enum Mixer {
    /// Attention over keys and values of earlier tokens.
    Attention(Attention),
    /// A state of fixed size in place of keys and values.
    Recurrent(Recurrent),
    /// Both, side by side over the same normed stream (Falcon-H1).
    Both(Attention, Recurrent),
    /// One square matrix in place of attention, `[h, h]`: no token sees another.
    Linear,
    /// Nothing: the layer is its feed-forward network alone.
    None,
}

impl Mixer {
    /// The norm before it.
    pub(super) const fn norm(&self) -> Part {
        match self {
            Self::Attention(_) | Self::Linear | Self::None => Part::AttentionNorm,
            Self::Recurrent(_) | Self::Both(..) => Part::MixerNorm,
        }
    }
}

impl Architecture {
    /// The architecture that `keys` describe for a `family`; what they leave out has the family's default.
    pub fn resolve(family: &'static Family, keys: &ArchitectureKeys) -> Result<Self, ArchitectureError> {
        let keys = &encoder::written_out(family, keys)?;
        let defaults = &family.defaults;
        let positions = keys.hybrid.positions(family);
        let hidden_size = dimension("hidden_size", keys.hidden_size.unwrap_or(defaults.hidden_size))?;
        let layers = dimension("num_hidden_layers", keys.num_hidden_layers.unwrap_or(defaults.num_hidden_layers))?;
        let placement = placement(family, keys);
        let norm = match keys.layer_norm_elementwise_affine {
            Some(false) => NormKind::LayerWithoutWeight,
            _ => encoder::norm(family, keys),
        };
        let attention = attention::resolve(family, keys, hidden_size)?;
        let mlp = feed_forward::resolve(family, keys, hidden_size)?;
        let experts = experts::resolve(family, keys, &mlp)?;
        let (mixer, feed_forward) = (Mixer::Attention(attention), FeedForward::Dense(mlp));
        let layer = Layer { norm, placement, mixer, feed_forward, variant: LayerVariant::default() };
        let (seq2seq, groups) = match seq2seq::stacks(family, keys, &layer, layers)? {
            Some((seq2seq, groups)) => (Some(seq2seq), groups),
            None => (None, layer_groups(family, keys, (hidden_size, layer, experts), layers)?),
        };
        let mixed_streams = family.compressed.map(|defaults| compressed::streams(&defaults, keys)).transpose()?;
        let (kept_blocks, groups) = groups::reading_blocks(keys.variant.attn_res_block_size, groups)?;
        let encoder = encoder::resolve(family, keys)?;
        let first_unnormed = encoder.is_some() && placement == Placement::Pre;
        let groups = if first_unnormed { encoder::first_unnormed(groups) } else { groups };
        let image = image::resolve(family, keys, hidden_size)?;
        let [max_position_embeddings, unused_positions] = match &image {
            Some(image) => [image.tokens(), 0],
            None => position_rows(family, keys)?,
        };
        let vocab_size = if image.is_some() {
            Ok(0)
        } else {
            dimension("vocab_size", keys.vocab_size.unwrap_or(defaults.vocab_size))
        };
        Ok(Self {
            hidden_size,
            embedding_size: encoder::embedding_size(family, keys, hidden_size)?,
            vocab_size: vocab_size?,
            max_position_embeddings,
            // A table with more rows than the head is none that it could share.
            tie_word_embeddings: family.unused_tokens == 0
                && keys.tie_word_embeddings.unwrap_or(defaults.tie_word_embeddings),
            lm_head_bias: keys.lm_head_bias.unwrap_or(family.head_bias),
            positions,
            unused_positions,
            unused_tokens: family.unused_tokens,
            norm,
            embedding_norm: family.embedding_norm.then_some(norm),
            final_norm: (placement != Placement::AfterResidual && keys.remove_final_layer_norm != Some(true))
                .then_some(norm),
            logits_softcap: keys.final_logit_softcapping.map_or(defaults.logits_softcap, |cap| cap > 0.0),
            dropout: dropout(keys, defaults.dropout)?,
            checkpoint: Checkpoint::of(keys)?,
            per_layer_inputs: variant::per_layer_inputs(&family.variant, &keys.variant),
            streams: variant::streams(&family.variant, &keys.variant),
            mixed_streams,
            kept_blocks,
            encoder,
            seq2seq,
            image,
            tower: keys.tower.as_ref().map(|tower| Tower::resolve(tower, hidden_size)).transpose()?,
            output: Output::Own,
            labels: output::labels(keys)?,
            classifier_dropout: output::dropout(keys)?,
            groups,
        })
    }

    /// Channels of a head that rotate, in the layers that rotate any.
    pub fn rotary_dim(&self) -> u64 {
        self.attentions().map(|attention| attention.rotary_dim).max().unwrap_or(0)
    }

    /// Whether some layer has a window, and whether some layer has none.
    pub fn windows(&self) -> [bool; 2] {
        let windowed = |attention: &Attention| attention.sliding_window.is_some();
        [self.attentions().any(windowed), !self.attentions().all(windowed)]
    }

    /// The attention of each group of layers that has one.
    pub fn attentions(&self) -> impl Iterator<Item = &Attention> {
        self.groups.iter().filter_map(|group| group.layer.attention())
    }

    /// Whether its stacks are T5's, whose positions are biases of scores.
    pub fn is_t5(&self) -> bool {
        self.positions == PositionKind::Relative
    }

    /// Whether all layers are one, run over and over.
    pub fn shares_layers(&self) -> bool {
        self.encoder.is_some_and(|encoder| encoder.shared_layers)
    }

    /// Rows of the token table.
    pub const fn embedded_tokens(&self) -> u64 {
        self.vocab_size + self.unused_tokens
    }

    /// Whether some layers attend to a tower's outputs, and run only where there are any.
    pub fn attends_to_tower(&self) -> bool {
        self.groups.iter().any(|group| group.layer.attends_to_tower())
    }

    /// Whether some layer has routed experts.
    pub fn has_experts(&self) -> bool {
        self.groups.iter().any(|group| matches!(group.layer.feed_forward, FeedForward::Experts(_)))
    }

    /// All layers.
    pub fn num_hidden_layers(&self) -> u64 {
        self.groups.iter().map(|group| group.layers).sum()
    }
}

/// The layers of one stack, first to last, as `layer` and the experts of those that have any.
fn layer_groups(
    family: &Family,
    keys: &ArchitectureKeys,
    (hidden_size, layer, experts): (u64, Layer, Option<Experts>),
    layers: u64,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let first_dense = family.experts.map_or(0, |defaults| defaults.first_dense);
    let groups = if let Some(defaults) = &family.hybrid {
        hybrid::groups(defaults, keys, &hybrid::Parts { hidden_size, layer, experts, first_dense }, layers)?
    } else {
        let groups = blocks::apply(&keys.blocks, groups::in_order(family, keys, layer, layers)?)?;
        match &experts {
            Some(experts) => groups::with_experts(keys, &groups, experts, first_dense)?,
            None => groups,
        }
    };
    let groups = variant::apply(&family.variant, &keys.variant, keys.v_head_dim, groups)?;
    match &family.compressed {
        Some(defaults) => compressed::apply(defaults, keys, groups),
        None => Ok(groups),
    }
}

/// Positions that a sequence can have, and rows of their table beyond those.
fn position_rows(family: &Family, keys: &ArchitectureKeys) -> Result<[u64; 2], ArchitectureError> {
    const KEY: &str = "max_position_embeddings";
    let rows = dimension(KEY, keys.max_position_embeddings.unwrap_or(family.defaults.max_position_embeddings))?;
    match encoder::unused_positions(family, keys) {
        None => Ok([rows, family.unused_positions]),
        // RoBERTa counts them among the others.
        Some(unused) if unused < rows => Ok([rows - unused, unused]),
        Some(unused) => Err(ArchitectureError::new(KEY, format!("{rows}, of which the first {unused} are not used"))),
    }
}

fn placement(family: &Family, keys: &ArchitectureKeys) -> Placement {
    if keys.do_layer_norm_before == Some(false) {
        return Placement::AfterResidual;
    }
    if keys.apply_residual_connection_post_layernorm == Some(true) {
        return Placement::NormedResidual;
    }
    if keys.new_decoder_architecture == Some(true) {
        let one = keys.num_ln_in_parallel_attn == Some(1);
        return if one { Placement::ParallelOneNorm } else { Placement::Parallel };
    }
    if keys.parallel_attn == Some(false) {
        return Placement::Pre;
    }
    match (family.placement, keys.use_parallel_residual) {
        (Placement::Parallel, Some(false)) => Placement::Pre,
        (placement, Some(true)) => family.optional_placement.unwrap_or(placement),
        (placement, _) => placement,
    }
}

fn dropout(keys: &ArchitectureKeys, defaults: Dropout) -> Result<Dropout, ArchitectureError> {
    Ok(Dropout {
        embedding: probability("embedding_dropout", keys.embedding_dropout, defaults.embedding)?,
        hidden: probability("hidden_dropout", keys.hidden_dropout, defaults.hidden)?,
        attention: probability("attention_dropout", keys.attention_dropout, defaults.attention)?,
        activation: probability("activation_dropout", keys.seq2seq.activation_dropout, defaults.activation)?,
    })
}
