//! Attention over heads of one kind.

use super::latent;
use crate::frameworks::megatron::draft::{Draft, Kept, dim};
use crate::frameworks::megatron::options::Attends;
use crate::frameworks::megatron::plan::Plan;
use crate::model::architecture::Attention;
use crate::model::family::QkNorm;

/// What attention keeps beside the norm before it.
pub(super) fn kept(plan: &Plan<'_>, attention: &Attention, drafts: &mut Vec<Draft>) {
    let by_channels = plan.by_channels();
    let tensor = |name, symbol, size| Draft::new(name, &plan.tokens(dim(symbol, size)), 16, by_channels);
    if let Some(latent) = attention.latent {
        latent::kept(plan, attention, latent, drafts);
    } else {
        let size = attention.query_size() + 2 * attention.kv_size();
        drafts.push(tensor("queries, keys and values", "q+2κ", size).kept(Kept::QueryKeyValue));
        if attention.qk_norm != QkNorm::None {
            let size = attention.query_size() + attention.kv_size();
            drafts.push(tensor("queries and keys before their norms", "q+κ", size));
        }
    }
    let width = attention.heads * attention.value_head_dim();
    drafts.push(tensor("attention's output", "q", width).kept(Kept::Context));
    match plan.options.attends {
        Attends::Unfused => scores(plan, attention, drafts),
        fused => {
            let heads = plan.tokens(dim("a", attention.heads));
            drafts.push(Draft::new("logarithms of attention's sums", &heads, 32, by_channels));
            // It takes sequences of a batch side by side, and what it gives is transposed back.
            if fused == Attends::Flash {
                drafts.push(tensor("attention's output, batch first", "q", width).beyond_one());
            }
        }
    }
    if plan.fp8() {
        drafts.push(Draft::new("attention's output in fp8", &plan.tokens(dim("q", width)), 8, by_channels));
    }
}

/// What stands of scores where no kernel fuses them.
fn scores(plan: &Plan<'_>, attention: &Attention, drafts: &mut Vec<Draft>) {
    let score = |name, bits| {
        let dims = plan.scores(attention.heads);
        Draft::new(name, &dims, bits, plan.by_channels()).kept(Kept::Scores)
    };
    let copies = if plan.megatron().masked_softmax_fusion { 1 } else { 2 };
    drafts.push(score("attention's softmax", 16).times(copies));
    if plan.options.dropout.attention {
        drafts.push(score("mask of attention's dropout", 8));
        drafts.push(score("attention's softmax after dropout", 16));
    }
    // Seen in three runs, to the byte; why is not known.
    let grouped = attention.kv_heads < attention.heads;
    if grouped && plan.architecture().groups.iter().any(|group| group.layer.recurrent().is_some()) {
        drafts.push(score("a byte for each score, in hybrid stacks", 8).kept(Kept::Always));
    }
}

/// What its backward pass makes: gradients of scores before and after their softmax.
pub(super) fn working(plan: &Plan<'_>, attention: &Attention) -> Vec<Draft> {
    let copies = if plan.options.dropout.attention { 3 } else { 2 };
    let scores = plan.scores(attention.heads);
    vec![
        Draft::new("gradients of attention's scores", &scores, 16, plan.by_channels()).times(copies),
        Draft::new("gradients of the stream", &plan.stream(), 16, plan.by_tokens()).times(4),
    ]
}

pub(super) fn products(plan: &Plan<'_>, attention: &Attention) -> Vec<[u64; 2]> {
    let (hidden, tensor) = (plan.architecture().hidden_size, plan.layout.tensor);
    if let Some(latent) = attention.latent {
        return latent::products(plan, attention, latent);
    }
    let projected = attention.query_size() + 2 * attention.kv_size();
    vec![[projected / tensor, hidden], [hidden, attention.query_size() / tensor]]
}
