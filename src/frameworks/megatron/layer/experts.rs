//! Routed experts, and the one that every token passes through.

use super::mlp;
use crate::frameworks::megatron::draft::{Draft, Kept, Load, dim};
use crate::frameworks::megatron::plan::Plan;
use crate::ledger::{Axis, Division};
use crate::model::architecture::{Activation, Experts};
use crate::scenario::TokenDispatcher;
use crate::shape::Dim;

/// Bits of each token and expert that the router keeps: logits, scores and probabilities in fp32, and the map.
const ROUTER: u32 = 21 * 8;
/// Of its map and probabilities, gathered.
const GATHERED: u32 = 5 * 8;
/// Of each routed token, in maps of rows.
const ROWS: u32 = 16 * 8;
/// What blocks of three tensors of an expert are larger than they, where each has its own.
const BLOCKS: u64 = 3 * 3 * (1 << 20) / 10;

/// Tokens that come to a rank's experts, with so many channels each.
fn routed(plan: &Plan<'_>, experts: &Experts, width: Dim) -> [Dim; 4] {
    let [length, batch, _] = plan.stream();
    [length, batch, dim("e", experts.per_token), width]
}

/// What is routed and stays whole in each expert: every rank that shares an expert has all of it.
fn whole(plan: &Plan<'_>, experts: &Experts, (name, width, bits): (&'static str, Dim, u32)) -> Draft {
    let draft = Draft::new(name, &routed(plan, experts, width), bits, plan.by_tokens());
    draft.times(plan.layout.expert_tensor).loaded(plan.load())
}

/// What is routed and divided inside each expert, by the ranks that share it.
fn divided(plan: &Plan<'_>, experts: &Experts, (name, width, bits): (&'static str, Dim, u32)) -> Draft {
    Draft::new(name, &routed(plan, experts, width), bits, plan.by_tokens()).loaded(plan.load())
}

const fn doubling(experts: &Experts) -> u64 {
    if experts.gated { 2 } else { 1 }
}

/// The width in which experts read and write.
fn outside(plan: &Plan<'_>, experts: &Experts) -> Dim {
    match experts.latent {
        Some(latent) => dim("", latent),
        None => dim("h", plan.architecture().hidden_size),
    }
}

pub(super) fn kept(plan: &Plan<'_>, experts: &Experts, drafts: &mut Vec<Draft>) {
    let each = plan.tokens(dim("E", experts.count));
    drafts.push(Draft::new("router's logits, scores, probabilities and map", &each, ROUTER, plan.by_tokens()));
    if plan.megatron().moe_token_dispatcher_type == TokenDispatcher::Allgather {
        let ranks = plan.layout.expert.saturating_mul(plan.layout.expert_tensor);
        let maps = Draft::new("router's map and probabilities of all ranks", &each, GATHERED, plan.by_tokens());
        drafts.push(maps.times(ranks));
    }
    drafts.push(whole(plan, experts, ("maps of routed rows", dim("", 1), ROWS)));
    let permuted = whole(plan, experts, ("routed tokens by expert", outside(plan, experts), 16));
    drafts.push(permuted.kept(Kept::Permuted));
    let (width, doubling) = (experts.intermediate_size, doubling(experts));
    let up = divided(plan, experts, ("experts' projection", dim("", doubling * width), 16));
    drafts.push(up.kept(Kept::ExpertsUp));
    let activated = divided(plan, experts, ("experts' activation", dim("m", width), 16));
    // A kernel weighs what is activated on the way; else what is weighed is kept too.
    let copies = if weighs_on_the_way(plan, experts) { 1 } else { 2 };
    drafts.push(activated.times(copies).kept(Kept::ExpertsActivation));
    if let Some(shared) = &experts.shared {
        drafts.extend(mlp::between(plan, &shared.mlp, ["shared expert's projection", "shared expert's activation"]));
    }
    if !plan.megatron().moe_grouped_gemm {
        let by_expert = Division::NONE.over(Axis::Expert, plan.layout.expert);
        let slack = Draft::new(
            "rounding of blocks of separate experts",
            &[dim("E", experts.count), dim("", BLOCKS)],
            8,
            by_expert,
        );
        drafts.push(slack.loaded(Load::between(0, 100, 200)));
    }
}

fn weighs_on_the_way(plan: &Plan<'_>, experts: &Experts) -> bool {
    let squared = experts.activation == Activation::ReluSquared && plan.megatron().use_fused_weighted_squared_relu;
    experts.gated || squared
}

/// Gradients of what experts read, make and give.
pub(super) fn working(plan: &Plan<'_>, experts: &Experts) -> Vec<Draft> {
    let between = (doubling(experts) + 1) * experts.intermediate_size;
    let hidden = dim("h", plan.architecture().hidden_size);
    vec![
        divided(plan, experts, ("gradients inside the experts", dim("", between), 16)),
        whole(plan, experts, ("gradients of what experts read", hidden, 16)),
        whole(plan, experts, ("gradients of what experts give", hidden, 16)),
    ]
}

pub(super) fn products(plan: &Plan<'_>, experts: &Experts) -> Vec<[u64; 2]> {
    let (hidden, width) = (plan.architecture().hidden_size, experts.intermediate_size / plan.layout.expert_tensor);
    let outside = experts.latent.unwrap_or(hidden);
    let mut products = vec![[doubling(experts) * width, outside], [outside, width]];
    if let Some(latent) = experts.latent {
        products.extend([[latent, hidden], [hidden, latent]]);
    }
    if let Some(shared) = &experts.shared {
        products.extend(mlp::products(plan, &shared.mlp));
    }
    products
}
