//! What stands from step to step: weights, the gradient buffer, and the optimizer's states.

use super::draft::{Draft, Load, Posted};
use super::parameters::Weight;
use super::plan::Plan;
use super::posts::Posts;
use super::share::{replicas, states};
use super::turns;
use crate::frameworks::step::{always, steady};
use crate::ledger::{Alive, Axis, Category, Division, Instant, Lifetime, Step};
use crate::scenario::Precision;
use crate::units::{Bits, Overflow};

/// Posts everything that stands.
pub(super) fn post(plan: &Plan<'_>, weights: &[Weight], posts: &mut impl Posts) -> Result<(), Overflow> {
    let gradients = gradient_bits(plan);
    for weight in weights {
        let draft = Draft { divided: stored(plan, weight), ..weight.draft.clone() };
        each(weight, &draft, (Category::Parameters, always()), posts)?;
    }
    for weight in weights {
        let draft = Draft { bits: gradients, divided: stored(plan, weight), ..named("gradient of", weight) };
        each(weight, &draft, (Category::Gradients, always()), posts)?;
    }
    gathered(plan, weights, posts)?;
    let stepped = steady().with(Step::First, Instant::OptimizerStep);
    let in_turn = turns::owned(plan, weights)?;
    for (index, weight) in weights.iter().enumerate() {
        for state in states(plan, weight) {
            match &in_turn {
                None => each(weight, &owned(plan, weight, state), (Category::Optimizer, stepped), posts)?,
                Some(counts) if counts[index] == 0 => {}
                Some(counts) => {
                    let whole = Draft { bits: Bits::whole(32), ..named(state, weight) };
                    let owned = Weight { count: counts[index], ..weight.clone() };
                    each(&owned, &whole, (Category::Optimizer, stepped), posts)?;
                }
            }
        }
    }
    if gradients == Bits::whole(16) {
        let alive = Alive::at([Instant::OptimizerStep]);
        for weight in weights {
            let copy = owned(plan, weight, "fp32 copy of the gradient of");
            each(weight, &copy, (Category::Optimizer, alive), posts)?;
        }
    }
    if plan.fp8() && !plan.megatron().fp8_param_gather {
        for weight in weights.iter().filter(|weight| weight.is_matrix) {
            let cached = named("fp8 copy, in both orientations, of", weight).loaded(Load::between(50, 100, 100));
            each(weight, &cached, (Category::Workspace, always()), posts)?;
        }
    }
    Ok(())
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
fn gathered(plan: &Plan<'_>, weights: &[Weight], posts: &mut impl Posts) -> Result<(), Overflow> {
    if !plan.is_fully_sharded() || plan.architecture().tie_word_embeddings {
        return Ok(());
    }
    let mut tables = weights.iter().filter(|weight| weight.is_vocabulary);
    tables.try_for_each(|table| each(table, &named("gathered", table), (Category::Parameters, always()), posts))
}

fn named(what: &'static str, weight: &Weight) -> Draft {
    Draft { what, ..weight.draft.clone() }
}

/// A state of a parameter in fp32, of which a rank has its share of the replicas'.
fn owned(plan: &Plan<'_>, weight: &Weight, what: &'static str) -> Draft {
    let divided = weight.draft.divided.over(Axis::Data, replicas(plan, weight.of_experts));
    Draft { bits: Bits::whole(32), divided, ..named(what, weight) }
}

fn each(
    weight: &Weight,
    draft: &Draft,
    (category, alive): (Category, Alive),
    posts: &mut impl Posts,
) -> Result<(), Overflow> {
    let (place, count) = (weight.place, weight.count);
    posts.post(draft, Posted { category, place, count, lifetime: Lifetime::Persistent, alive })
}
