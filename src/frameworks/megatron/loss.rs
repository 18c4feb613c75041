//! The head and the loss of the last stage: logits of every token of a context-parallel rank, divided by the vocabulary.

use super::draft::{Draft, dim};
use super::plan::Plan;
use crate::ledger::Division;
use crate::scenario::FusionImpl;
use crate::shape::Dim;

fn logits(plan: &Plan<'_>) -> ([Dim; 3], Division) {
    (plan.tokens(dim("V", plan.vocabulary())), plan.by_channels())
}

/// What is kept until the loss goes back: the stream around the final norm, and the softmax in fp32.
pub(super) fn kept(plan: &Plan<'_>) -> Vec<Draft> {
    let stream = |name| Draft::new(name, &plan.stream(), 16, plan.by_tokens());
    vec![stream("stream before the final norm"), stream("stream before the head"), softmax(plan)]
}

/// The softmax of the loss, made in the place of the logits' copy in fp32.
pub(super) fn softmax(plan: &Plan<'_>) -> Draft {
    let (dims, divided) = logits(plan);
    Draft::new("softmax of the loss in fp32", &dims, 32, divided)
}

/// What stands beside that while the loss is computed: the logits, and where a compiler wrote the loss a second copy.
pub(super) fn forward(plan: &Plan<'_>) -> Vec<Draft> {
    let (dims, divided) = logits(plan);
    let mut made = vec![Draft::new("logits", &dims, 16, divided)];
    let megatron = plan.megatron();
    if megatron.cross_entropy_loss_fusion && megatron.cross_entropy_fusion_impl == FusionImpl::Native {
        made.push(Draft::new("logits less their largest, in fp32", &dims, 32, divided));
    }
    made
}

/// The same on the way back: the gradient, formed in place and then cast.
pub(super) fn backward(plan: &Plan<'_>) -> Vec<Draft> {
    let (dims, divided) = logits(plan);
    vec![Draft::new("gradient of the logits", &dims, 16, divided)]
}

/// What layers that predict further tokens keep outside themselves, for each depth.
pub(super) fn predicting(plan: &Plan<'_>) -> Vec<Draft> {
    let streams = "streams of multi-token prediction: embedded, normed, joined and normed again";
    vec![Draft::new(streams, &plan.stream(), 16, plan.by_tokens()).times(7), softmax(plan)]
}

/// What waits for the head's weight gradients where those are computed at the end of the step.
pub(super) fn deferred(plan: &Plan<'_>) -> Vec<Draft> {
    let megatron = plan.megatron();
    if !megatron.defer_embedding_wgrad_compute {
        return Vec::new();
    }
    let all = plan.micro_batches();
    let limit = if megatron.wgrad_deferral_limit == 0 { all } else { megatron.wgrad_deferral_limit.min(all) };
    let (dims, divided) = logits(plan);
    vec![
        Draft::new("gradients of logits that wait", &dims, 16, divided).times(limit),
        Draft::new("inputs of the head that wait", &plan.stream(), 16, plan.gathered()).times(all),
    ]
}
