//! What the heaviest moment of a stage's backward pass makes beside what is kept.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::draft::{Draft, Load, dim, heaviest};
use super::layer;
use super::options::Recomputed;
use super::parameters::Weight;
use super::plan::Plan;
use crate::ledger::{Division, Place};
use crate::model::architecture::Layer;
use crate::scenario::RecomputeMethod;
use crate::units::Overflow;

/// The heaviest of the candidates, and what stands beside each of them.
pub(super) fn drafts(plan: &Plan<'_>) -> Result<Vec<Draft>, Overflow> {
    let kinds = layer::kinds(plan);
    let mut drafts = heaviest(kinds.iter().flat_map(|layer| layer::working(plan, layer)))?.unwrap_or_default();
    drafts.extend(recomputed(plan, &kinds)?);
    drafts.extend(weight_gradient(plan));
    drafts.extend(beside_communication(plan, &kinds)?);
    Ok(drafts)
}

/// The heaviest layer, made anew as often as a group of recomputed layers has it.
fn recomputed(plan: &Plan<'_>, kinds: &[&Layer]) -> Result<Vec<Draft>, Overflow> {
    let Recomputed::Layers(method, layers) = plan.options.recomputed else { return Ok(Vec::new()) };
    let of_piece = plan.pieces.iter().map(|piece| piece.layers.end - piece.layers.start).max().unwrap_or(0);
    let group = if method == RecomputeMethod::Uniform { layers.min(of_piece) } else { 1 };
    let layer = heaviest_layer(plan, kinds)?;
    Ok(layer.iter().map(|draft| Draft { times: draft.times * group, ..draft.clone() }).collect())
}

/// What the heaviest kind of layer keeps.
fn heaviest_layer(plan: &Plan<'_>, kinds: &[&Layer]) -> Result<Rc<[Draft]>, Overflow> {
    Ok(heaviest(kinds.iter().map(|layer| layer::kept(plan, layer)))?.unwrap_or_default())
}

/// What Megatron-FSDP gathers of the largest layer, with its gradient before that is divided and in the buffer's type.
pub(super) fn gathered(plan: &Plan<'_>, weights: &[Weight]) -> Result<Option<Draft>, Overflow> {
    /// Bytes of each parameter: the weight twice, its gradient twice, and that in fp32.
    const EACH: u64 = 12;
    if !plan.is_fully_sharded() {
        return Ok(None);
    }
    let mut of_layers: BTreeMap<Place, u64> = BTreeMap::new();
    for weight in weights.iter().filter(|weight| weight.place.layers().is_some()) {
        let elements = of_layers.entry(weight.place).or_default();
        *elements = elements.checked_add(weight.draft.bytes()?.get() / 2).ok_or(Overflow)?;
    }
    let largest = of_layers.into_values().max().unwrap_or(0);
    let bytes = largest.checked_mul(EACH).ok_or(Overflow)?;
    let draft = Draft::plain("weights and gradients of a layer, gathered", bytes);
    Ok(Some(draft.loaded(Load::between(0, 100, 100))))
}

/// Where products do not add to the buffer themselves, a gradient stands in bf16 before it is added.
fn weight_gradient(plan: &Plan<'_>) -> Option<Draft> {
    if plan.megatron().gradient_accumulation_fusion {
        return None;
    }
    let largest = layer::products(plan).into_iter().max_by_key(|[rows, columns]| rows.saturating_mul(*columns))?;
    let dims = largest.map(|size| dim("", size));
    Some(Draft::new("gradient of the largest matrix", &dims, 16, Division::NONE))
}

/// Where tokens travel beside another micro batch's products, one layer of that is in flight too.
fn beside_communication(plan: &Plan<'_>, kinds: &[&Layer]) -> Result<Vec<Draft>, Overflow> {
    if !plan.megatron().overlap_moe_expert_parallel_comm {
        return Ok(Vec::new());
    }
    let layer = heaviest_layer(plan, kinds)?;
    Ok(layer.iter().filter(|draft| !layer::is_offloaded(plan, draft.kept)).cloned().collect())
}
