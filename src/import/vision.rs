//! The keys of a `config.json` that the vision transformer reads.

use super::json::Object;
use crate::located::PresetError;
use crate::model::keys::ImageKeys;
use crate::model::{ArchitectureKeys, Family};

/// Adds the keys of a model of images to those of all, and takes away those of a vocabulary.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let hidden_size = shared.hidden_size.unwrap_or(family.defaults.hidden_size);
    let heads = shared.num_attention_heads.unwrap_or(family.defaults.num_attention_heads);
    let dropout = config.number(&["hidden_dropout_prob"])?;
    Ok(ArchitectureKeys {
        vocab_size: None,
        max_position_embeddings: None,
        tie_word_embeddings: None,
        // The class rounds down.
        head_dim: config.count(&["head_dim"])?.or(hidden_size.checked_div(heads)),
        attention_bias: config.flag("qkv_bias")?,
        attention_dropout: config.number(&["attention_probs_dropout_prob"])?,
        hidden_dropout: dropout,
        // The same probability after the embedding.
        embedding_dropout: dropout,
        image: ImageKeys {
            image_size: config.sides("image_size")?,
            patch_size: config.sides("patch_size")?,
            num_channels: config.count(&["num_channels"])?,
            pooler_output_size: config.count(&["pooler_output_size"])?,
        },
        architectures: config.words("architectures")?,
        ..shared
    })
}
