//! What stands from step to step: weights, the gradient buffer, and the optimizer's states.

use std::borrow::Cow;

use super::draft::{Draft, Load, Posted};
use super::parameters::Weight;
use super::plan::Plan;
use super::share::{replicas, states};
use super::turns;
use crate::frameworks::step::{always, steady};
use crate::ledger::{Alive, Axis, Category, Division, Entry, Instant, Lifetime, Step};
use crate::scenario::Precision;
use crate::units::{Bits, Overflow};

/// Entries of everything that stands.
pub(super) fn entries(plan: &Plan<'_>, weights: &[Weight]) -> Result<Vec<Entry>, Overflow> {
    let gradients = gradient_bits(plan);
    let mut entries = Vec::with_capacity(weights.len() * 6);
    for weight in weights {
        let draft = Draft { divided: stored(plan, weight), ..weight.draft.clone() };
        entries.push(entry(weight, &draft, Category::Parameters, always())?);
    }
    for weight in weights {
        let draft = Draft { bits: gradients, divided: stored(plan, weight), ..named("gradient of", weight) };
        entries.push(entry(weight, &draft, Category::Gradients, always())?);
    }
    entries.append(&mut gathered(plan, weights)?);
    let stepped = steady().with(Step::First, Instant::OptimizerStep);
    let in_turn = turns::owned(plan, weights)?;
    for (index, weight) in weights.iter().enumerate() {
        for state in states(plan, weight) {
            let entry = match &in_turn {
                None => entry(weight, &owned(plan, weight, state), Category::Optimizer, stepped)?,
                Some(counts) if counts[index] == 0 => continue,
                Some(counts) => {
                    let whole = Draft { bits: Bits::whole(32), ..named(state, weight) };
                    let owned = Weight { count: counts[index], ..weight.clone() };
                    entry(&owned, &whole, Category::Optimizer, stepped)?
                }
            };
            entries.push(entry);
        }
    }
    if gradients == Bits::whole(16) {
        let alive = Alive::at([Instant::OptimizerStep]);
        for weight in weights {
            let copy = owned(plan, weight, "fp32 copy of the gradient of");
            entries.push(entry(weight, &copy, Category::Optimizer, alive)?);
        }
    }
    if plan.fp8() && !plan.megatron().fp8_param_gather {
        for weight in weights.iter().filter(|weight| weight.is_matrix) {
            let cached = named("fp8 copy, in both orientations, of", weight).loaded(Load::between(50, 100, 100));
            entries.push(entry(weight, &cached, Category::Workspace, always())?);
        }
    }
    Ok(entries)
}

/// The type of the buffer in which gradients add up: fp32 beside bf16 weights, unless they are reduced in bf16.
fn gradient_bits(plan: &Plan<'_>) -> Bits {
    let narrow = plan.train().precision == Precision::Fp16Master || plan.megatron().grad_reduce_in_bf16;
    Bits::whole(if narrow { 16 } else { 32 })
}

/// Over which ranks a parameter and its gradient are divided: over replicas too under Megatron-FSDP.
fn stored(plan: &Plan<'_>, weight: &Weight) -> Division {
    let replicas = if plan.is_fully_sharded() { replicas(plan, weight.of_experts) } else { 1 };
    weight.draft.divided.over(Axis::Data, replicas)
}

/// What Megatron-FSDP keeps whole between steps: the tables of the vocabulary, where they are two.
fn gathered(plan: &Plan<'_>, weights: &[Weight]) -> Result<Vec<Entry>, Overflow> {
    if !plan.is_fully_sharded() || plan.architecture().tie_word_embeddings {
        return Ok(Vec::new());
    }
    let tables = weights.iter().filter(|weight| weight.is_vocabulary);
    tables.map(|weight| entry(weight, &named("gathered", weight), Category::Parameters, always())).collect()
}

fn named(what: &str, weight: &Weight) -> Draft {
    Draft { name: Cow::Owned(format!("{what} {}", weight.draft.name)), ..weight.draft.clone() }
}

/// A state of a parameter in fp32, of which a rank has its share of the replicas'.
fn owned(plan: &Plan<'_>, weight: &Weight, what: &str) -> Draft {
    let divided = weight.draft.divided.over(Axis::Data, replicas(plan, weight.of_experts));
    Draft { bits: Bits::whole(32), divided, ..named(what, weight) }
}

fn entry(weight: &Weight, draft: &Draft, category: Category, alive: Alive) -> Result<Entry, Overflow> {
    let (place, count) = (weight.place, weight.count);
    draft.entry(Posted { category, place, count, lifetime: Lifetime::Persistent, alive })
}
