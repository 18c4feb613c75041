//! The keys of a `config.json` that encoders read.

use super::json::Object;
use crate::model::keys::EncoderKeys;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Flags that make another model of an encoder, and what that would be.
const OTHER_MODELS: [(&str, &str); 3] = [
    ("is_decoder", "an encoder's class as a decoder is not covered"),
    ("add_cross_attention", "cross attention is not covered"),
    ("sparse_prediction", "how many tokens reach the head depends on the data, which is not covered"),
];

/// Adds the keys that an encoder reads beside those of all.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    for (key, problem) in OTHER_MODELS {
        if config.flag(key)? == Some(true) {
            return Err(config.error(key, format!("found `true`; {problem}")));
        }
    }
    let encoder = EncoderKeys { architectures: config.words("architectures")?, ..EncoderKeys::default() };
    if family.id == "modernbert" { modernbert(config, encoder, shared) } else { bert(config, family, encoder, shared) }
}

fn bert(
    config: &Object<'_>,
    family: &Family,
    encoder: EncoderKeys,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    const CHUNKS: &str = "chunk_size_feed_forward";
    if config.count(&[CHUNKS])?.is_some_and(|tokens| tokens > 0) {
        return Err(
            config.error(CHUNKS, "found a number; feed-forward networks over parts of a sequence are not covered")
        );
    }
    let dropout = config.number(&["hidden_dropout_prob"])?;
    let counted = family.encoder.is_some_and(|encoder| encoder.padding_token.is_some());
    Ok(ArchitectureKeys {
        attention_dropout: config.number(&["attention_probs_dropout_prob"])?,
        hidden_dropout: dropout,
        // The same probability after the embedding.
        embedding_dropout: dropout,
        encoder: EncoderKeys {
            type_vocab_size: config.count(&["type_vocab_size"])?,
            pad_token_id: if counted { config.count(&["pad_token_id"])? } else { None },
            ..encoder
        },
        ..shared
    })
}

fn modernbert(
    config: &Object<'_>,
    encoder: EncoderKeys,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    Ok(ArchitectureKeys {
        attention_bias: config.flag("attention_bias")?,
        mlp_bias: config.flag("mlp_bias")?,
        lm_head_bias: config.flag("decoder_bias")?,
        layer_types: config.words("layer_types")?,
        embedding_dropout: config.number(&["embedding_dropout"])?,
        hidden_dropout: config.number(&["mlp_dropout"])?,
        encoder: EncoderKeys {
            local_attention: config.count(&["local_attention"])?,
            global_attn_every_n_layers: config.count(&["global_attn_every_n_layers"])?,
            norm_bias: config.flag("norm_bias")?,
            classifier_bias: config.flag("classifier_bias")?,
            classifier_activation: config.text(&["classifier_activation"])?,
            ..encoder
        },
        ..shared
    })
}
