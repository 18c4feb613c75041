//! Layouts whatever the number of GPUs: the sizes of groups, and the fewest GPUs that have them.

use super::{Axes, Laid, MOST_CONTEXT, MOST_TENSOR, Sizes, Stages, by_strategy};
use crate::memory::{EstimateError, check};
use crate::model::Model;
use crate::parallel::layout::greatest_common_divisor;
use crate::scenario::{Parallel, Scenario};

/// The sizes of a layout's groups. What is left of the GPUs are replicas.
#[derive(Debug, Clone)]
pub(in crate::solve) struct Shape {
    laid: Laid,
    /// The fewest GPUs that have such groups; any that have are multiples of it.
    pub(in crate::solve) fewest: u64,
}

impl Shape {
    fn new(scenario: &Scenario, laid: Laid) -> Self {
        let Parallel { tensor, pipeline, context, expert, .. } = laid.parallel;
        let experts = expert.saturating_mul(laid.parallel.expert_tensor.unwrap_or(tensor));
        let replicas = if laid.parallel.zero > 0 { scenario.megatron.num_distributed_optimizer_instances } else { 1 };
        let groups = [context, laid.parallel.shard_size.unwrap_or(1), replicas].map(|size| tensor.saturating_mul(size));
        let of_stage = groups.into_iter().fold(experts, least_common_multiple);
        Self { fewest: of_stage.saturating_mul(pipeline).max(1), laid }
    }

    /// The one that a run has itself.
    pub(in crate::solve) fn own(scenario: &Scenario) -> Self {
        let (parallel, stages) = (scenario.parallel.clone(), Stages::own(scenario));
        Self::new(scenario, Laid { parallel, stages })
    }

    /// The run in this layout on so many GPUs.
    pub(in crate::solve) fn on(&self, gpus: u64, scenario: &Scenario) -> Scenario {
        Scenario { gpus, ..self.laid.of(scenario) }
    }

    /// Whether it is legal on several GPUs.
    ///
    /// # Errors
    /// Why it is not.
    pub(in crate::solve) fn check(&self, model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
        check(model, &self.on(self.fewest.max(2), scenario))
    }
}

/// Every shape that is legal for a training run: those first that need the fewest GPUs. Stages of a pipeline have as few
/// pieces as they can, which holds least.
pub(in crate::solve) fn shapes(model: &Model, scenario: &Scenario, kept: &[&str]) -> Vec<Shape> {
    let all = if scenario.framework.lays_out("strategy") {
        by_strategy(&Scenario { gpus: 2, ..scenario.clone() }, kept)
    } else {
        along_axes(model, scenario, kept)
    };
    let shapes = all.into_iter().map(|laid| Shape::new(scenario, laid));
    let mut shapes: Vec<Shape> = shapes.filter(|shape| shape.check(model, scenario).is_ok()).collect();
    shapes.sort_by_key(|shape| shape.fewest);
    shapes
}

/// Axis by axis first, since most sizes fit no model: then all combinations of what is left.
fn along_axes(model: &Model, scenario: &Scenario, kept: &[&str]) -> Vec<Laid> {
    let axes = Axes::of(model, scenario, kept);
    let every: Vec<u64> = (1..=MOST_TENSOR.max(MOST_CONTEXT).max(axes.layers).max(axes.experts)).collect();
    let Sizes { tensor, stages, context, expert } = axes.dividing(&every);
    let is_legal = |parallel: Parallel, stages: Stages| {
        Shape::new(scenario, axes.with(&parallel, stages)).check(model, scenario).is_ok()
    };
    let expert: Vec<u64> = expert.into_iter().filter(|size| axes.experts.is_multiple_of((*size).max(1))).collect();
    // The others as they are where they are kept; where not, what is least in the way of an axis.
    let first = |sizes: &[u64]| sizes.first().copied().unwrap_or(1);
    let others = Parallel {
        tensor: first(&tensor),
        context: first(&context),
        expert: expert.last().copied().unwrap_or(1),
        ..scenario.parallel.clone()
    };
    let mut stages: Vec<Stages> = stages.into_iter().filter(|stages| is_legal(others.clone(), *stages)).collect();
    // As few pieces as can be.
    stages.dedup_by_key(|stages| stages.pipeline);
    let Some(most) = stages.last().copied() else { return Vec::new() };
    let tensor = tensor.into_iter().filter(|tensor| {
        let mut both = axes.of_experts(*tensor).into_iter();
        both.any(|expert_tensor| is_legal(Parallel { tensor: *tensor, expert_tensor, ..others.clone() }, most))
    });
    let context = context.into_iter().filter(|size| is_legal(Parallel { context: *size, ..others.clone() }, most));
    axes.combined(
        &Sizes { tensor: tensor.collect(), context: context.collect(), stages: stages.clone(), expert },
        |_| true,
    )
}

/// The least number that is a multiple of both.
pub(in crate::solve) fn least_common_multiple(one: u64, other: u64) -> u64 {
    (one / greatest_common_divisor(one, other).max(1)).saturating_mul(other)
}
