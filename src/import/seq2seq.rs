//! The keys of a `config.json` that T5 and its kin read, which have names of their own for nearly everything.
//!
//! Their classes tie every head when they begin from nothing. Where a file says `tie_word_embeddings = false` its checkpoint
//! has a head that differs from the embedding, and loading it leaves the two apart: that is what is counted.

use super::json::Object;
use crate::located::PresetError;
use crate::model::keys::Seq2SeqKeys;
use crate::model::{ArchitectureKeys, Family};

/// The names of these classes for keys that others have too; the second is one that they take for the first.
pub(super) fn spellings(key: &str) -> &'static [&'static str] {
    match key {
        "hidden_size" => &["d_model", "hidden_size"],
        "num_hidden_layers" => &["num_layers", "num_hidden_layers"],
        "num_attention_heads" => &["num_heads", "num_attention_heads"],
        "head_dim" => &["d_kv", "head_dim"],
        "intermediate_size" => &["d_ff"],
        "attention_dropout" | "hidden_dropout" | "embedding_dropout" => &["dropout_rate"],
        _ => &[],
    }
}

/// The keys of both stacks in place of those of all families.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    for (key, alone) in [("is_decoder", true), ("is_encoder_decoder", false)] {
        if config.flag(key)? == Some(alone) {
            let message = format!("found `{alone}`; one stack of {} without the other is not covered", family.id);
            return Err(config.error(key, message));
        }
    }
    let count = |key| config.count(spellings(key));
    let dropout = config.number(&["dropout_rate"])?;
    Ok(ArchitectureKeys {
        hidden_size: count("hidden_size")?,
        num_hidden_layers: count("num_hidden_layers")?,
        num_attention_heads: count("num_attention_heads")?,
        head_dim: count("head_dim")?,
        intermediate_size: count("intermediate_size")?,
        hidden_act: None,
        attention_dropout: dropout,
        hidden_dropout: dropout,
        embedding_dropout: dropout,
        seq2seq: Seq2SeqKeys {
            num_decoder_layers: config.count(&["num_decoder_layers"])?,
            relative_attention_num_buckets: config.count(&["relative_attention_num_buckets"])?,
            feed_forward_proj: config.text(&["feed_forward_proj"])?,
            ..Seq2SeqKeys::default()
        },
        architectures: config.words("architectures")?,
        ..shared
    })
}
