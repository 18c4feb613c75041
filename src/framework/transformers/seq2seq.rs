//! The modelling code of T5 and its kin, as it differs from Llama's.

use super::{Implementation, LossCode, NormCode, Rotation};

/// The modelling code of a family of two stacks.
pub(super) fn implementation(id: &str, llama: Implementation) -> Implementation {
    Implementation {
        norm: NormCode::InputThenWeight,
        rotation: Rotation::None,
        softmax_in_fp32: false,
        weights_as_softmax: true,
        embedding_dropout: true,
        hidden_dropout: true,
        layers_read_positions: false,
        loss: LossCode::Masked,
        biases_by_layer: id == "umt5",
        scales_decoder_output: match id {
            "mt5" => Some(false),
            "umt5" => Some(true),
            _ => None,
        },
        ..llama
    }
}

/// The names that modules of T5 have for a linear layer, by which PEFT finds its targets.
pub(super) fn module_names(linear: &str) -> Option<&'static [&'static str]> {
    let names: &[&str] = match linear {
        "attention.query" => &["SelfAttention.q", "q"],
        "attention.key" => &["SelfAttention.k", "k"],
        "attention.value" => &["SelfAttention.v", "v"],
        "attention.output" => &["SelfAttention.o", "o"],
        "cross attention.query" => &["EncDecAttention.q", "q"],
        "cross attention.key" => &["EncDecAttention.k", "k"],
        "cross attention.value" => &["EncDecAttention.v", "v"],
        "cross attention.output" => &["EncDecAttention.o", "o"],
        "mlp.gate" => &["wi_0"],
        // Without a gate it is alone, and has no number.
        "mlp.up" => &["wi_1", "wi"],
        "mlp.down" => &["wo"],
        _ => return None,
    };
    Some(names)
}
