//! The dense feed-forward network.

use crate::frameworks::megatron::draft::{Draft, Kept, dim};
use crate::frameworks::megatron::plan::Plan;
use crate::model::architecture::Mlp;
use crate::model::family::MlpKind;

/// How many times its width the first product gives.
const fn doubling(mlp: &Mlp) -> u64 {
    match mlp.kind {
        MlpKind::Plain => 1,
        MlpKind::Gated | MlpKind::GatedFused => 2,
    }
}

/// What it keeps between its two products.
pub(super) fn kept(plan: &Plan<'_>, mlp: &Mlp, drafts: &mut Vec<Draft>) {
    let [up, activated] = between(plan, mlp, ["feed-forward projection", "feed-forward activation"]);
    drafts.push(up.kept(Kept::Mlp));
    drafts.push(activated.kept(Kept::Mlp));
}

/// What the first product gives, and what the second reads.
pub(super) fn between(plan: &Plan<'_>, mlp: &Mlp, names: [&'static str; 2]) -> [Draft; 2] {
    let (width, doubling) = (mlp.intermediate_size, doubling(mlp));
    let symbol = if doubling == 2 { "2f" } else { "f" };
    let tensor = |name, symbol, size, bits| Draft::new(name, &plan.tokens(dim(symbol, size)), bits, plan.by_channels());
    let read = if plan.fp8() { 8 } else { 16 };
    [tensor(names[0], symbol, doubling * width, 16), tensor(names[1], "f", width, read)]
}

/// Gradients of both, and of the stream on either side.
pub(super) fn working(plan: &Plan<'_>, mlp: &Mlp) -> Vec<Draft> {
    let width = (doubling(mlp) + 1) * mlp.intermediate_size;
    let between = plan.tokens(dim("", width));
    vec![
        Draft::new("gradients inside the feed-forward network", &between, 16, plan.by_channels()),
        Draft::new("gradients of the stream", &plan.stream(), 16, plan.by_tokens()).times(2),
    ]
}

pub(super) fn products(plan: &Plan<'_>, mlp: &Mlp) -> Vec<[u64; 2]> {
    let (hidden, tensor, width) = (plan.architecture().hidden_size, plan.layout.tensor, mlp.intermediate_size);
    vec![[doubling(mlp) * width / tensor, hidden], [hidden, width / tensor]]
}
