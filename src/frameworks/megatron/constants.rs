//! What does not depend on the step: workspaces of libraries, and buffers that are made once and stay.

use super::draft::{Draft, Load, Posted, Posts, dim, heaviest};
use super::layer;
use super::plan::Plan;
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

/// Posts the buffers that grow with a micro batch.
pub(super) fn of_micro_batch(plan: &Plan<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
    shared_buffer(plan, posts)?;
    between_stages(plan, posts)
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

/// The buffer that gathered tensors are written to: as large as its largest user.
fn shared_buffer(plan: &Plan<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
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
    let largest = heaviest(users.into_iter().map(|user| vec![user]))?;
    largest.iter().flatten().try_for_each(|draft| buffer(draft, always(), posts))
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
        buffer(&dummy.loaded(Load::between(0, 100, 100)), always(), posts)
    })
}

/// What a stage holds of its neighbours: its input, its output and the gradient of it; between steps also what pieces
/// sent last.
fn between_stages(plan: &Plan<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
    if plan.layout.pipeline < 2 {
        return Ok(());
    }
    let stream = |name| Draft::new(name, &plan.stream(), 16, plan.by_tokens());
    buffer(&stream("input, output and gradient of the stage").times(3), always(), posts)?;
    let pieces = plan.pieces.len() as u64;
    if pieces > 1 {
        let after = Alive::at([Instant::OptimizerStep]);
        let left = stream("tensors that pieces of the model sent last").times(2 * pieces - 2);
        buffer(&left.loaded(Load::between(100, 100, 150)), after, posts)?;
    }
    Ok(())
}

fn buffer(draft: &Draft, alive: Alive, posts: &mut impl Posts) -> Result<(), Overflow> {
    let (category, place, lifetime) = (Category::Workspace, Place::Model, Lifetime::Persistent);
    posts.post(draft, Posted { category, place, count: 1, lifetime, alive })
}

fn workspace(draft: &Draft, posts: &mut impl Posts) -> Result<(), Overflow> {
    let (category, place) = (Category::Runtime, Place::Runtime(Overhead::Workspace));
    posts.post(draft, Posted { category, place, count: 1, lifetime: Lifetime::Persistent, alive: always() })
}
