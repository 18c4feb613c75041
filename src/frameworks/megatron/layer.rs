//! What a layer keeps of a micro batch for its backward pass.
//!
//! What lies between a norm and the product whose outputs are divided, and behind the product whose inputs are, is divided
//! by tokens, with sequence parallelism; what lies between the two by channels.

mod attention;
mod experts;
mod latent;
mod mamba;
mod mlp;

use std::rc::Rc;

use super::draft::{Draft, Kept};
use super::formed::Tensors;
use super::letters::predicted;
use super::options::{Modules, Recomputed};
use super::plan::Plan;
use crate::model::architecture::{FeedForward, Layer, Mixer};
use crate::model::family::NormKind;
use crate::model::recurrent::Recurrent;
use crate::units::Overflow;

/// Everything that a layer keeps, were none of its modules recomputed as a whole.
pub(super) fn kept(plan: &Plan<'_>, layer: &Layer) -> Result<Rc<Tensors>, Overflow> {
    let modules = recomputed(plan);
    plan.drafted.of(layer, modules, || drafts(plan, layer, modules))
}

fn drafts(plan: &Plan<'_>, layer: &Layer, modules: Modules) -> Vec<Draft> {
    let mut drafts = Vec::with_capacity(24);
    match &layer.mixer {
        Mixer::Attention(attention) => {
            normed(plan, layer, [Kept::AttentionNorm, Kept::AttentionInput], ATTENTION, &mut drafts);
            attention::kept(plan, attention, &mut drafts);
            dropped(plan, "attention dropout's mask", &mut drafts);
        }
        Mixer::Recurrent(Recurrent::Mamba2(mamba)) => {
            normed(plan, layer, [Kept::AttentionNorm, Kept::AttentionInput], MIXER, &mut drafts);
            mamba::kept(plan, mamba, &mut drafts);
            dropped(plan, "mixer dropout's mask", &mut drafts);
        }
        _ => {}
    }
    let norms = [Kept::FeedForwardNorm, Kept::FeedForwardInput];
    match &layer.feed_forward {
        FeedForward::Dense(mlp) => {
            normed(plan, layer, norms, FEED_FORWARD, &mut drafts);
            mlp::kept(plan, mlp, &mut drafts);
            dropped(plan, "feed-forward dropout's mask", &mut drafts);
        }
        FeedForward::Experts(experts) => {
            normed(plan, layer, norms, FEED_FORWARD, &mut drafts);
            experts::kept(plan, experts, &mut drafts);
            dropped(plan, "feed-forward dropout's mask", &mut drafts);
        }
        FeedForward::Linear | FeedForward::None => {}
    }
    drafts.retain(|draft| !is_recomputed(plan, modules, draft.kept));
    drafts
}

/// What is called what: the stream, what a norm gives, and its statistics.
const ATTENTION: [&str; 3] =
    ["stream before attention", "normed stream before attention", "attention norm's statistics"];
const MIXER: [&str; 3] = ["stream before the mixer", "normed stream before the mixer", "mixer norm's statistics"];
const FEED_FORWARD: [&str; 3] = [
    "stream before the feed-forward network",
    "normed stream before the feed-forward network",
    "feed-forward norm's statistics",
];

/// What a norm keeps, and what the product after it reads.
fn normed(plan: &Plan<'_>, layer: &Layer, kept: [Kept; 2], names: [&'static str; 3], drafts: &mut Vec<Draft>) {
    let by_tokens = plan.by_tokens();
    let stream = |name, bits| Draft::new(name, &plan.stream(), bits, by_tokens);
    drafts.push(stream(names[0], 16).kept(kept[0]));
    drafts.push(stream(names[1], if plan.fp8() { 8 } else { 16 }).kept(kept[1]));
    let [length, batch, _] = plan.stream();
    drafts.push(Draft::new(names[2], &[length, batch], statistics(layer.norm), by_tokens));
}

/// Bits that a norm keeps of each token's statistics.
const fn statistics(norm: NormKind) -> u32 {
    if matches!(norm, NormKind::Rms | NormKind::GemmaRms) { 32 } else { 64 }
}

/// The mask of a dropout before the residual is added, a byte for each element.
fn dropped(plan: &Plan<'_>, name: &'static str, drafts: &mut Vec<Draft>) {
    if plan.options.dropout.hidden {
        drafts.push(Draft::new(name, &plan.stream(), 8, plan.by_tokens()));
    }
}

/// The modules that selective recomputation leaves out.
fn recomputed(plan: &Plan<'_>) -> Modules {
    match plan.options.recomputed {
        Recomputed::Modules(modules) => modules,
        Recomputed::Layers(..) => Modules::default(),
    }
}

/// Whether a tensor is left out with these modules.
fn is_recomputed(plan: &Plan<'_>, modules: Modules, kept: Kept) -> bool {
    let Modules { core_attention, norms, latent_up, mlp, experts_activation } = modules;
    match kept {
        Kept::Scores => core_attention,
        Kept::AttentionInput | Kept::FeedForwardInput => norms,
        Kept::QueryKeyValue => latent_up && plan.architecture().attentions().any(|it| it.latent.is_some()),
        Kept::Mlp => mlp,
        Kept::ExpertsActivation => experts_activation,
        _ => false,
    }
}

/// Whether a tensor waits on the host until its layer goes back.
pub(super) fn is_offloaded(plan: &Plan<'_>, kept: Kept) -> bool {
    let offloaded = plan.options.offloaded;
    match kept {
        Kept::AttentionNorm => offloaded.attention_norm,
        Kept::AttentionInput => offloaded.qkv,
        Kept::QueryKeyValue | Kept::Scores => offloaded.core_attention,
        Kept::Context => offloaded.projection,
        Kept::FeedForwardNorm => offloaded.mlp_norm,
        Kept::Permuted => offloaded.experts_up,
        Kept::ExpertsUp => offloaded.experts_activation,
        _ => false,
    }
}

/// The stream that a recomputed layer begins with, all that is kept of it.
pub(super) fn checkpoint(plan: &Plan<'_>) -> Draft {
    Draft::new("input of recomputed layers", &plan.stream(), 16, plan.by_tokens())
}

/// The heaviest moment of a layer's backward pass: what it makes beside what is kept, candidate by candidate.
pub(super) fn working(plan: &Plan<'_>, layer: &Layer) -> Vec<Vec<Draft>> {
    let mut candidates = Vec::new();
    if let Some(attention) = layer.attention().filter(|_| plan.unfused()) {
        candidates.push(attention::working(plan, attention));
    }
    match &layer.feed_forward {
        FeedForward::Dense(mlp) => candidates.push(mlp::working(plan, mlp)),
        FeedForward::Experts(experts) => candidates.push(experts::working(plan, experts)),
        FeedForward::Linear | FeedForward::None => {}
    }
    candidates
}

/// The layers of a stage, each kind once, and those that predict.
pub(super) fn kinds<'a>(plan: &'a Plan<'_>) -> Vec<&'a Layer> {
    let groups = &plan.architecture().groups;
    let mut first = 0;
    let mut kinds = Vec::new();
    for group in groups {
        let span = first..first + group.layers;
        first = span.end;
        let here = |piece: &super::pieces::Piece| piece.layers.start < span.end && span.start < piece.layers.end;
        if plan.pieces.iter().any(here) && !kinds.contains(&&group.layer) {
            kinds.push(&group.layer);
        }
    }
    if plan.predicts() {
        kinds.extend(predicted(plan.architecture(), plan.megatron()).into_iter().map(|group| &groups[group].layer));
    }
    kinds
}

/// Rows and columns, on a rank, of every matrix that a stage multiplies by.
pub(super) fn products(plan: &Plan<'_>) -> Vec<[u64; 2]> {
    let hidden = plan.architecture().hidden_size;
    let tensor = plan.layout.tensor;
    let mut products = Vec::new();
    for layer in kinds(plan) {
        match &layer.mixer {
            Mixer::Attention(attention) => products.extend(attention::products(plan, attention)),
            Mixer::Recurrent(Recurrent::Mamba2(mamba)) => products.extend(mamba::products(plan, mamba)),
            _ => {}
        }
        match &layer.feed_forward {
            FeedForward::Dense(mlp) => products.extend(mlp::products(plan, mlp)),
            FeedForward::Experts(experts) => products.extend(experts::products(plan, experts)),
            FeedForward::Linear | FeedForward::None => {}
        }
    }
    if plan.is_last() {
        products.push([plan.vocabulary() / tensor, hidden]);
    }
    if plan.predicts() {
        products.push([hidden / tensor, 2 * hidden]);
    }
    products
}
