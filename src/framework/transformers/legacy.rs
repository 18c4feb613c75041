//! What the modelling code of families from before Llama does.

use super::{Implementation, NormCode, PositionCode, Rotation};

/// The habits of a family, where they differ from Llama's.
pub(super) fn implementation(family: &str, llama: Implementation) -> Implementation {
    // All of them use PyTorch's own layer norm, and none turns queries and keys as Llama does.
    let base = Implementation { norm: NormCode::Fused, rotation: Rotation::None, hidden_dropout: true, ..llama };
    match family {
        "opt" => Implementation {
            positions: PositionCode::FromMask,
            scaled_queries: true,
            feed_forward_in_layer: true,
            ..base
        },
        _ => base,
    }
}
