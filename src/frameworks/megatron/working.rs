//! What the heaviest moment of a stage's backward pass makes beside what is kept.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::draft::{Draft, Load, dim};
use super::formed::{Formed, Tensors, heaviest};
use super::layer;
use super::options::Recomputed;
use super::parameters::Weight;
use super::plan::Plan;
use crate::ledger::{Division, Place};
use crate::scenario::RecomputeMethod;
use crate::units::Overflow;

/// What layers' backward passes may make, of which the heaviest does.
pub(super) fn candidates(plan: &Plan<'_>) -> Result<Vec<Tensors>, Overflow> {
    let kinds = layer::kinds(plan);
    kinds.iter().flat_map(|layer| layer::working(plan, layer)).map(Tensors::of).collect()
}

/// What may be made of whole layers, of which the heaviest kind is.
#[derive(Default)]
pub(super) struct OfLayers {
    /// By a group of recomputed layers.
    recomputed: Vec<Kind>,
    /// By a layer of another micro batch, where tokens travel beside its products.
    beside_communication: Vec<Kind>,
}

/// What a kind of layer keeps, and what is made where it is the heaviest.
struct Kind {
    kept: Rc<Tensors>,
    made: Rc<Tensors>,
}

impl OfLayers {
    pub(super) fn of(plan: &Plan<'_>) -> Result<Self, Overflow> {
        let (group, overlaps) = (recomputed_at_once(plan), plan.megatron().overlap_moe_expert_parallel_comm);
        let mut all = Self::default();
        if group.is_none() && !overlaps {
            return Ok(all);
        }
        for layer in layer::kinds(plan) {
            let kept = layer::kept(plan, layer)?;
            if let Some(group) = group {
                let again = |it: &Formed| Draft { times: it.draft.times * group, ..it.draft.clone() };
                let made =
                    if group == 1 { Rc::clone(&kept) } else { Rc::new(Tensors::of(kept.all.iter().map(again))?) };
                all.recomputed.push(Kind { kept: Rc::clone(&kept), made });
            }
            if overlaps {
                let here = kept.all.iter().map(|it| &it.draft).filter(|it| !layer::is_offloaded(plan, it.kept));
                let made = Rc::new(Tensors::of(here.cloned())?);
                all.beside_communication.push(Kind { kept, made });
            }
        }
        Ok(all)
    }

    /// What is made in micro batches of so many sequences: of recomputed layers, and beside communication.
    pub(super) fn made(&self, batch: u64) -> Result<[Option<&Tensors>; 2], Overflow> {
        let of_kind = |kinds| Ok(heaviest(kinds, |kind: &Kind| &kind.kept, batch)?.map(|kind| &*kind.made));
        Ok([of_kind(&self.recomputed)?, of_kind(&self.beside_communication)?])
    }
}

/// How many layers a group of recomputed ones has, where any are.
fn recomputed_at_once(plan: &Plan<'_>) -> Option<u64> {
    let Recomputed::Layers(method, layers) = plan.options.recomputed else { return None };
    let of_piece = plan.pieces.iter().map(|piece| piece.layers.end - piece.layers.start).max().unwrap_or(0);
    Some(if method == RecomputeMethod::Uniform { layers.min(of_piece) } else { 1 })
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
pub(super) fn weight_gradient(plan: &Plan<'_>) -> Option<Draft> {
    if plan.megatron().gradient_accumulation_fusion {
        return None;
    }
    let largest = layer::products(plan).into_iter().max_by_key(|[rows, columns]| rows.saturating_mul(*columns))?;
    let dims = largest.map(|size| dim("", size));
    Some(Draft::new("gradient of the largest matrix", &dims, 16, Division::NONE))
}
