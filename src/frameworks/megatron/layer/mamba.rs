//! Mamba-2's mixer.

use crate::frameworks::megatron::draft::{Draft, dim};
use crate::frameworks::megatron::plan::Plan;
use crate::model::recurrent::Mamba2;

/// What the projection in gives, what the scan gives, and what is normed of it.
pub(super) fn kept(plan: &Plan<'_>, mamba: &Mamba2, drafts: &mut Vec<Draft>) {
    let tensor = |name, size| Draft::new(name, &plan.tokens(dim("", size)), 16, plan.by_channels());
    drafts.push(tensor("gate, scanned channels and time steps", mamba.projected()));
    drafts.push(tensor("the scan's output", mamba.width()));
    drafts.push(tensor("the scan's output, gated and normed", mamba.width()));
}

pub(super) fn products(plan: &Plan<'_>, mamba: &Mamba2) -> Vec<[u64; 2]> {
    let (hidden, tensor) = (plan.architecture().hidden_size, plan.layout.tensor);
    vec![[mamba.projected() / tensor, hidden], [hidden, mamba.width() / tensor]]
}
