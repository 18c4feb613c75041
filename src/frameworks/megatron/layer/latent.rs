//! Latent attention: queries, keys and values expanded from compressed vectors, which every tensor-parallel rank makes.

use crate::frameworks::megatron::draft::{Draft, Kept, dim};
use crate::frameworks::megatron::plan::Plan;
use crate::model::architecture::{Attention, Latent};

/// What is kept up to queries, keys and values.
pub(super) fn kept(plan: &Plan<'_>, attention: &Attention, latent: Latent, drafts: &mut Vec<Draft>) {
    let by_tokens = |name, size| Draft::new(name, &plan.tokens(dim("", size)), 16, plan.by_tokens());
    if let Some(rank) = latent.query_rank {
        drafts.push(by_tokens("compressed queries, before and after their norm", rank).times(2));
    }
    let compressed = latent.kv_rank + latent.rope_head_dim;
    drafts.push(by_tokens("compressed keys and values", compressed));
    drafts.push(by_tokens("compressed keys and values after their norm", latent.kv_rank));
    let by_channels = |name, size| {
        let dims = plan.tokens(dim("", size));
        Draft::new(name, &dims, 16, plan.by_channels()).kept(Kept::QueryKeyValue)
    };
    drafts.push(by_channels("queries and keys", attention.query_size()).times(2));
    drafts.push(by_channels("values", attention.heads * latent.value_head_dim));
}

pub(super) fn products(plan: &Plan<'_>, attention: &Attention, latent: Latent) -> Vec<[u64; 2]> {
    let (hidden, tensor) = (plan.architecture().hidden_size, plan.layout.tensor);
    let (heads, queries) = (attention.heads, attention.query_size() / tensor);
    let mut products = match latent.query_rank {
        Some(rank) => vec![[rank, hidden], [queries, rank]],
        None => vec![[queries, hidden]],
    };
    let expanded = heads * (latent.nope_head_dim + latent.value_head_dim) / tensor;
    products.push([latent.kv_rank + latent.rope_head_dim, hidden]);
    products.push([expanded, latent.kv_rank]);
    products.push([hidden, heads * latent.value_head_dim / tensor]);
    products
}
