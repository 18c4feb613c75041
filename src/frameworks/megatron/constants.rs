//! What does not depend on the step: workspaces of libraries, and buffers that are made once and stay.

use super::draft::{Draft, Load, Posted, dim};
use super::layer;
use super::plan::Plan;
use super::posts::Posts;
use crate::frameworks::step::always;
use crate::gpu::{Generation, Gpu};
use crate::ledger::{Alive, Category, Division, Instant, Lifetime, Overhead, Place};
use crate::scenario::TokenDispatcher;
use crate::units::Overflow;

/// Large workspaces of cuBLAS: 8 of 4096 KiB.
const LARGE: u64 = (8 * 4096) << 10;
/// Those of cards before Hopper, and as it seems of Blackwell: 2 of 4096 KiB and 16 of 8 KiB.
const SMALL: u64 = (2 * 4096 + 16 * 8) << 10;

/// Streams over which products of experts are spread.
const STREAMS: u64 = 4;
/// Workspaces of communication beside products.
const OVERLAPS: u64 = 3;

/// Posts every workspace, and what autograd is given once for all micro batches.
pub(super) fn post(plan: &Plan<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
    workspace(&cublas(plan), posts)?;
    let experts = plan.architecture().has_experts();
    let engine = engine_workspace(plan);
    if plan.engine() || experts {
        workspace(&Draft::plain("Transformer Engine's workspace of cuBLAS", engine), posts)?;
    }
    if experts && plan.megatron().moe_grouped_gemm {
        let grouped = Draft::plain("Transformer Engine's workspaces of grouped products", engine).times(STREAMS);
        workspace(&grouped, posts)?;
    }
    if plan.megatron().tp_comm_overlap {
        let overlap = Draft::plain("Transformer Engine's workspaces beside communication", engine).times(OVERLAPS);
        workspace(&overlap, posts)?;
    }
    dummy_gradients(plan, posts)
}

/// PyTorch's workspaces of cuBLAS: one of the thread that goes forward, one of autograd's.
fn cublas(plan: &Plan<'_>) -> Draft {
    let name = "PyTorch's workspaces of cuBLAS, of the forward thread and of autograd's";
    let large = plan.kernels().groups_products;
    let is_blackwell = plan.job.gpu.and_then(Gpu::generation) == Some(Generation::Blackwell);
    if plan.megatron().deterministic_mode || large && !is_blackwell {
        return Draft::plain(name, LARGE).times(2);
    }
    let draft = Draft::plain(name, SMALL).times(2);
    // Two of three figures of GB200 have the small ones.
    if large { draft.loaded(Load::between(100, 100, 100 * LARGE / SMALL)) } else { draft }
}

/// 32 MiB and 1 KiB from Hopper on, 4 MiB before.
fn engine_workspace(plan: &Plan<'_>) -> u64 {
    if plan.kernels().groups_products { LARGE + (1 << 10) } else { 4 << 20 }
}

/// What the buffer may be that gathered tensors are written to: as large as its largest user.
pub(super) fn shared_buffer(plan: &Plan<'_>) -> Vec<Draft> {
    let layout = &plan.layout;
    let mut users = Vec::new();
    if layout.sequence {
        users.push(Draft::new("global memory buffer: gathered tokens", &plan.stream(), 16, plan.gathered()));
    }
    let attention = plan.architecture().attentions().next();
    if let Some(attention) = attention.filter(|_| !plan.engine()) {
        let scores = plan.scores(attention.heads);
        users.push(Draft::new("global memory buffer: attention scores", &scores, 16, plan.by_channels()));
    }
    let gathers = plan.megatron().moe_token_dispatcher_type == TokenDispatcher::Allgather;
    if plan.architecture().has_experts() && gathers {
        let ranks = layout.expert.saturating_mul(layout.expert_tensor);
        let tokens = Draft::new("global memory buffer: tokens of all experts", &plan.stream(), 16, plan.by_tokens());
        users.push(tokens.times(ranks));
    }
    users
}

/// What Transformer Engine gives autograd in the place of gradients that products added to the buffer themselves: one
/// for each shape of a weight.
fn dummy_gradients(plan: &Plan<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
    if !plan.megatron().gradient_accumulation_fusion || !plan.engine() {
        return Ok(());
    }
    let mut shapes: Vec<[u64; 2]> = layer::products(plan);
    shapes.sort_unstable();
    shapes.dedup();
    shapes.into_iter().try_for_each(|shape| {
        let dims = shape.map(|size| dim("", size));
        let dummy = Draft::new("weight gradient that autograd is given", &dims, 16, Division::NONE);
        // Releases of early 2025 have none.
        posts.post(&dummy.loaded(Load::between(0, 100, 100)), buffer(always()))
    })
}

/// What a stage holds of its neighbours: its input, its output and the gradient of it; between steps also what pieces
/// sent last.
pub(super) fn between_stages(plan: &Plan<'_>) -> Vec<(Draft, Posted)> {
    if plan.layout.pipeline < 2 {
        return Vec::new();
    }
    let stream = |name| Draft::new(name, &plan.stream(), 16, plan.by_tokens());
    let mut held = vec![(stream("input, output and gradient of the stage").times(3), buffer(always()))];
    let pieces = plan.pieces.len() as u64;
    if pieces > 1 {
        let left = stream("tensors that pieces of the model sent last").times(2 * pieces - 2);
        held.push((left.loaded(Load::between(100, 100, 150)), buffer(Alive::at([Instant::OptimizerStep]))));
    }
    held
}

/// A buffer that stays.
pub(super) fn buffer(alive: Alive) -> Posted {
    let (category, place, lifetime) = (Category::Workspace, Place::Model, Lifetime::Persistent);
    Posted { category, place, count: 1, lifetime, alive }
}

fn workspace(draft: &Draft, posts: &mut impl Posts) -> Result<(), Overflow> {
    let (category, place) = (Category::Runtime, Place::Runtime(Overhead::Workspace));
    posts.post(draft, Posted { category, place, count: 1, lifetime: Lifetime::Persistent, alive: always() })
}
