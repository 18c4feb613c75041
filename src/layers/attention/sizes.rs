//! The dimensions of a layer's attention, and what its projections give.

use crate::model::architecture::Attention;
use crate::shape::Dim;
use crate::tape::Tensor;

/// Queries, keys and values, `[b, heads, s, d]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Projected {
    pub(crate) query: Tensor,
    pub(crate) key: Tensor,
    pub(crate) value: Tensor,
    /// What the output is multiplied by, where there is a gate.
    pub(crate) gate: Option<Tensor>,
}

/// The dimensions of one layer's attention.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) heads: Dim,
    pub(crate) kv_heads: Dim,
    pub(crate) head: Dim,
    pub(crate) query: Dim,
    pub(crate) kv: Dim,
    /// Channels of one head's values.
    pub(crate) value_head: Dim,
    /// Channels of all heads' values: what the output projection reads.
    pub(crate) context: Dim,
}

impl Sizes {
    pub(crate) fn of(attention: &Attention) -> Self {
        let (head, query) = (attention.head_dim, attention.query_size());
        let own_values = attention.variant.value_head_dim.map(|size| (size, attention.heads * size));
        let (value_head, context) = match attention.latent {
            None => {
                let (size, all) = own_values.unwrap_or((head, query));
                (Dim { symbol: "d", size }, Dim { symbol: "q", size: all })
            }
            Some(latent) => {
                let size = latent.value_head_dim;
                (Dim { symbol: "v", size }, Dim { symbol: "av", size: attention.heads * size })
            }
        };
        Self {
            value_head,
            context,
            heads: Dim { symbol: "a", size: attention.heads },
            kv_heads: Dim { symbol: "k", size: attention.kv_heads },
            head: Dim { symbol: "d", size: attention.head_dim },
            query: Dim { symbol: "q", size: attention.query_size() },
            kv: Dim { symbol: "kv", size: attention.kv_size() },
        }
    }
}
