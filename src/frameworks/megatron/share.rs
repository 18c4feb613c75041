//! What the optimizer keeps of a parameter, and among how many replicas it is divided.

use super::parameters::Weight;
use super::plan::Plan;
use crate::scenario::Optimizer;

/// What the optimizer keeps of a parameter, each in fp32.
pub(super) fn states(plan: &Plan<'_>, weight: &Weight) -> &'static [&'static str] {
    match plan.train().optimizer {
        Optimizer::Muon if weight.is_matrix => &["fp32 master copy of", "momentum of"],
        _ => &["fp32 master copy of", "exp_avg of", "exp_avg_sq of"],
    }
}

/// Over how many replicas the states of a parameter are divided.
pub(super) fn replicas(plan: &Plan<'_>, of_experts: bool) -> u64 {
    let layout = &plan.layout;
    if layout.zero == 0 {
        return 1;
    }
    let replicas = if of_experts { layout.expert_data } else { layout.data * layout.context };
    (replicas / plan.megatron().num_distributed_optimizer_instances).max(1)
}
