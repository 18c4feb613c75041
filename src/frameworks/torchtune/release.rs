//! torchtune: one decoder class, whose parts its builders choose by family.

use crate::frameworks::switches::switches;
use crate::model::architecture::{
    Activation, Architecture, Attention, AttentionVariant, FeedForward, Layer, LayerVariant, Mixer,
};
use crate::model::family::{Family, MlpKind, NormKind, Placement, PositionKind, Projection, QkNorm};

/// From so many positions on, a Llama is built as Llama 3.1 and later ones are.
const SCALED_POSITIONS: u64 = 131_072;

/// How queries and keys are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Neighbouring channels, in fp32.
    Pairs,
    /// The two halves of a head, by tables in fp32.
    Halves,
    /// The same, by tables in the type of the stream.
    NarrowHalves,
}

/// What a builder is like, by the `model_type` whose models it builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
struct Builder {
    family: &'static str,
    rotation: Rotation,
    /// Gemma's: the embedding is scaled, heads may be wider together than the stream, GELU gates.
    gemma: bool,
    /// Scores and logits are capped, a layer has four norms, and some layers have windows.
    capped: bool,
    /// Queries, keys and values have a bias.
    biased: bool,
    /// Whether the head is always tied, or never.
    tied: Option<bool>,
    drops_before_head: bool,
    /// Whether long models of it are built as Llama 3.1 is.
    scales_positions: bool,
}

const LLAMA: Builder = Builder {
    family: "llama",
    rotation: Rotation::Pairs,
    gemma: false,
    capped: false,
    biased: false,
    tied: None,
    drops_before_head: true,
    scales_positions: true,
};

const BUILDERS: &[Builder] = &[
    LLAMA,
    Builder { family: "mistral", tied: Some(false), drops_before_head: false, scales_positions: false, ..LLAMA },
    Builder { family: "gemma", gemma: true, tied: Some(true), scales_positions: false, ..LLAMA },
    Builder { family: "gemma2", gemma: true, capped: true, tied: Some(true), scales_positions: false, ..LLAMA },
    Builder { family: "phi3", rotation: Rotation::Halves, tied: Some(false), scales_positions: false, ..LLAMA },
    Builder { family: "qwen2", rotation: Rotation::NarrowHalves, biased: true, scales_positions: false, ..LLAMA },
];

impl Builder {
    fn of(family: &Family) -> Option<&'static Self> {
        BUILDERS.iter().find(|builder| builder.family == family.id)
    }
}

/// What the builders choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The rotation.
    pub rotation: Rotation,
    /// Whether the embedding is multiplied by a constant.
    pub scaled_embedding: bool,
    /// Whether what the head's adapter reads goes through dropout as elsewhere.
    pub drops_before_head: bool,
    /// Whether builders of all releases give the layers one table for the rotation, adapted or not.
    pub one_table: bool,
}

impl Parts {
    /// Those of a model; nothing of a family that has no builder.
    pub(crate) fn of(family: &Family, architecture: &Architecture) -> Option<Self> {
        let builder = Builder::of(family)?;
        let scaled = architecture.max_position_embeddings >= SCALED_POSITIONS || architecture.tie_word_embeddings;
        Some(Self {
            rotation: builder.rotation,
            scaled_embedding: builder.gemma,
            drops_before_head: builder.drops_before_head,
            one_table: builder.scales_positions && scaled,
        })
    }
}

switches! {
    /// What differs between releases.
    Release {
        /// Whether root mean square norms are PyTorch's, which multiply by their weight in fp32; else they are written out,
        /// and narrow first.
        norms_of_torch: bool,
        /// Whether layers are copies of one, each with its own table for the rotation; else only adapted ones have their own.
        clones_layers: bool,
        /// Whether the stream that enters the last norm is in a variable until logits are there.
        holds_stream: bool,
        /// Whether keys and values are copied for every head before they are taken apart by head.
        repeats_by_token: bool,
    }
}

impl Release {
    /// Whether each layer has a table of its own for the rotation.
    pub(crate) const fn tables_in_layers(self, parts: Parts, adapted: bool) -> bool {
        !parts.one_table && (adapted || self.clones_layers)
    }
}

/// How torchtune builds a model: queries, keys and values apart, gate and up apart, windows for capped
/// scores alone. An error says what its
/// builders do not have.
pub(crate) fn built(family: &Family, architecture: &Architecture) -> Result<Architecture, &'static str> {
    let builder = Builder::of(family).ok_or("families without a builder")?;
    if architecture.positions != PositionKind::Rotary {
        return Err("positions that do not rotate");
    }
    if !matches!(architecture.norm, NormKind::Rms | NormKind::GemmaRms) {
        return Err("norms of this kind");
    }
    if architecture.embedding_size != architecture.hidden_size || architecture.embedding_norm.is_some() {
        return Err("what stands between embedding and layers");
    }
    if architecture.lm_head_bias || architecture.logits_softcap != builder.capped {
        return Err("heads of this kind");
    }
    match (builder.tied, architecture.tie_word_embeddings) {
        (Some(true), false) => return Err("heads apart from the embedding"),
        (Some(false), true) => return Err("tied heads"),
        _ => {}
    }
    let mut built = architecture.clone();
    // Its builders of these families are of words.
    built.tower = None;
    for group in &mut built.groups {
        build(builder, &mut group.layer, architecture.hidden_size)?;
    }
    Ok(built)
}

fn build(builder: &Builder, layer: &mut Layer, hidden_size: u64) -> Result<(), &'static str> {
    let capped = builder.capped;
    let placement = if capped { Placement::Sandwich } else { Placement::Pre };
    if layer.placement != placement || layer.variant != LayerVariant::default() {
        return Err("blocks of this kind");
    }
    let Mixer::Attention(attention) = &mut layer.mixer else { return Err("recurrent layers") };
    if !is_plain(attention)
        || attention.softcap != capped
        || attention.output_bias
        || attention.qkv_bias != builder.biased
    {
        return Err("attention of this kind");
    }
    if attention.query_size() != hidden_size && !builder.gemma {
        return Err("heads that are not together as wide as the stream");
    }
    attention.projection = Projection::Separate;
    attention.sliding_window = attention.sliding_window.filter(|_| capped);
    let FeedForward::Dense(mlp) = &mut layer.feed_forward else { return Err("experts") };
    if mlp.bias || mlp.kind == MlpKind::Plain {
        return Err("feed-forward networks of this kind");
    }
    mlp.kind = MlpKind::Gated;
    mlp.activation = match mlp.activation {
        Activation::Silu => Activation::Silu,
        // The tanh approximation is PyTorch's operation too.
        Activation::Gelu | Activation::GeluPython if builder.gemma => Activation::Gelu,
        _ => return Err("this activation function"),
    };
    Ok(())
}

fn is_plain(attention: &Attention) -> bool {
    attention.latent.is_none()
        && !attention.sinks
        && !attention.gate
        && attention.rotary_dim == attention.head_dim
        && attention.variant == AttentionVariant::default()
        && attention.qk_norm == QkNorm::None
}
