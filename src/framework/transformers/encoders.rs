//! The modelling code of encoders, as it differs from Llama's.

use super::{
    FusedProjection, Implementation, LossCode, ModuleOrder, Modules, NormCode, PositionCode, Rotation, SavedOrder,
};

/// The modelling code of a family of this file, or Llama's.
pub(super) fn implementation(id: &str, llama: Implementation) -> Implementation {
    let base = Implementation {
        norm: NormCode::Fused,
        bidirectional: true,
        embedding_dropout: true,
        hidden_dropout: true,
        layers_read_positions: false,
        ..llama
    };
    match id {
        "bert" | "roberta" | "xlm-roberta" => Implementation {
            rotation: Rotation::None,
            positions: if id == "bert" { PositionCode::FromBuffer } else { PositionCode::FromTokens },
            softmax_in_fp32: false,
            weights_as_softmax: true,
            checkpoint_keeps_mask: true,
            saved: if id == "bert" { SavedOrder::HeadLast } else { SavedOrder::HeadFirst },
            modules: Modules::in_order(ModuleOrder::NormAfterEach),
            loss: LossCode::Masked,
            ..base
        },
        "modernbert" => Implementation {
            fused_projection: FusedProjection::Unbound,
            rotary_in_fp32: true,
            rotary_inputs_in_fp32: true,
            widened_at_each_use: true,
            both_masks: true,
            modules: Modules::in_order(ModuleOrder::AsComputed),
            tables_by_window: true,
            holds_attention_output: true,
            attention_dropout_on_output: true,
            drops_weights_too: true,
            drops_inside_attention: true,
            drops_inside_feed_forward: true,
            loss: LossCode::MaskedInFp32,
            ..base
        },
        _ => llama,
    }
}

/// The modelling code of models of images: encoders whose norms come first, trained on one class for each image.
pub(super) fn of_images(llama: Implementation) -> Implementation {
    Implementation {
        norm: NormCode::Fused,
        rotation: Rotation::None,
        bidirectional: true,
        embedding_dropout: true,
        hidden_dropout: true,
        layers_read_positions: false,
        loss: LossCode::Masked,
        ..llama
    }
}

/// The names that modules of an encoder have for a linear layer, by which PEFT finds its targets.
pub(super) fn module_names(id: &str, linear: &str) -> Option<&'static [&'static str]> {
    let names: &[&str] = match (id, linear) {
        ("bert" | "roberta" | "xlm-roberta", linear) => match linear {
            "attention.query" => &["query"],
            "attention.key" => &["key"],
            "attention.value" => &["value"],
            // A name finds every module that ends in it.
            "attention.output" => &["attention.output.dense", "output.dense", "dense"],
            "mlp.up" => &["intermediate.dense", "dense"],
            "mlp.down" => &["output.dense", "dense"],
            "head transform" if id == "bert" => &["transform.dense", "dense"],
            "head transform" => &["lm_head.dense", "dense"],
            _ => return None,
        },
        ("vit", "mlp.up") => &["fc1"],
        ("vit", "mlp.down") => &["fc2"],
        ("modernbert", "attention.query key value") => &["Wqkv"],
        ("modernbert", "attention.output") => &["attn.Wo", "Wo"],
        ("modernbert", "mlp.gate and up") => &["Wi"],
        ("modernbert", "mlp.down") => &["mlp.Wo", "Wo"],
        ("modernbert", "head transform") => &["head.dense", "dense"],
        _ => return None,
    };
    Some(names)
}
