//! LitGPT: one GPT class for every family, from which an architecture is built in its own way.

use crate::frameworks::switches::switches;
use crate::model::architecture::{
    Activation, Architecture, Attention, AttentionVariant, FeedForward, Layer, LayerVariant, Mixer,
};
use crate::model::family::{Family, MlpKind, NormKind, Placement, PositionKind, Projection, QkNorm};

/// How LitGPT builds a model: one matrix for queries, keys and values, gate and up apart, and a head of its own even
/// where the checkpoint ties it to the embedding. An error says what the class does not have.
pub(crate) fn built(architecture: &Architecture, release: Release) -> Result<Architecture, &'static str> {
    if architecture.positions != PositionKind::Rotary {
        return Err("positions that do not rotate");
    }
    if !matches!(architecture.norm, NormKind::Rms | NormKind::GemmaRms | NormKind::Layer) {
        return Err("norms of this kind");
    }
    if architecture.embedding_size != architecture.hidden_size || architecture.embedding_norm.is_some() {
        return Err("what stands between embedding and layers");
    }
    if architecture.final_norm.is_none() || architecture.per_layer_inputs.is_some() || architecture.streams.is_some() {
        return Err("what stands beside the layers");
    }
    let mut built = architecture.clone();
    built.tie_word_embeddings = false;
    // Its models are of words.
    built.tower = None;
    for group in &mut built.groups {
        build(&mut group.layer, release)?;
    }
    Ok(built)
}

fn build(layer: &mut Layer, release: Release) -> Result<(), &'static str> {
    let placed =
        [Placement::Pre, Placement::Post, Placement::Parallel, Placement::ParallelOneNorm, Placement::Sandwich];
    if !placed.contains(&layer.placement) || layer.variant != LayerVariant::default() {
        return Err("blocks of this kind");
    }
    let Mixer::Attention(attention) = &mut layer.mixer else { return Err("recurrent layers") };
    if !is_plain(attention) {
        return Err("attention of this kind");
    }
    attention.projection = Projection::Fused;
    attention.sliding_window = attention.sliding_window.filter(|_| release.masks_every_window || attention.softcap);
    let FeedForward::Dense(mlp) = &mut layer.feed_forward else { return Err("experts, for training") };
    mlp.activation = match mlp.activation {
        Activation::Silu => Activation::Silu,
        // The tanh approximation is PyTorch's operation too.
        Activation::Gelu | Activation::GeluPython => Activation::Gelu,
        _ => return Err("this activation function"),
    };
    if mlp.kind == MlpKind::GatedFused {
        mlp.kind = MlpKind::Gated;
    }
    Ok(())
}

fn is_plain(attention: &Attention) -> bool {
    attention.latent.is_none()
        && !attention.sinks
        && !attention.gate
        && attention.rotary_dim > 0
        && attention.variant == AttentionVariant::default()
        && matches!(attention.qk_norm, QkNorm::None | QkNorm::PerHead | QkNorm::FullWidth)
}

switches! {
    /// What differs between releases.
    Release {
        /// Whether root mean square norms multiply by their weight in fp32, before they narrow.
        weighs_norms_in_fp32: bool,
        /// Whether products with quantized matrices keep their input until the graph is gone, which is when the next step's
        /// logits take the place of this one's: bitsandbytes up to 0.42 holds it as an attribute of the node.
        holds_products_inputs: bool,
        /// Whether the columns that an adapter on some of query, key and value writes into are copied for every use.
        copies_columns: bool,
        /// Whether values of one head are copied for every query head too, and not only read as if they were.
        copies_one_value: bool,
        /// Whether every layer with a window masks it; else only those whose scores are capped know one.
        masks_every_window: bool,
        /// Whether a block adds attention to the stream before the feed-forward network also where both stand side by side,
        /// and lets go of the first normed stream when it has the second.
        sums_first: bool,
        /// Whether logits that are computed in chunks, for adapters, are capped as all others are.
        caps_chunks: bool,
        /// Whether the embedding of a quantized model is replaced by bitsandbytes' with a layer norm, whose parameters no
        /// optimizer steps but whose gradients are computed and stay.
        stable_embedding: bool,
    }
}

/// Whether the embedding is multiplied by a constant.
pub(crate) fn scales_embedding(family: &Family) -> bool {
    crate::families::implementation(family).scaled_embedding
}
