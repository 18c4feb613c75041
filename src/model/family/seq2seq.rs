//! The rows of T5 and its kin: an encoder, and a decoder that attends to what it gives.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{Defaults, Dropout, Family, MlpKind, PositionKind};

/// What a family of two stacks has, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seq2SeqDefaults {
    /// The classes with both stacks and a head, as `architectures` names them, the usual one first.
    pub classes: &'static [&'static str],
    /// `relative_attention_num_buckets`: distances that a bias of scores tells apart.
    pub buckets: u64,
    /// Whether every layer has a table of those biases, and not only the first of each stack.
    pub bias_in_every_layer: bool,
    /// `feed_forward_proj`.
    pub feed_forward: &'static str,
}

pub(super) const T5: Family = Family {
    id: "t5",
    mlp: MlpKind::Plain,
    positions: PositionKind::Relative,
    seq2seq: Some(Seq2SeqDefaults {
        // The second is what Transformers called the first before its third version.
        classes: &["T5ForConditionalGeneration", "T5WithLMHeadModel"],
        buckets: 32,
        bias_in_every_layer: false,
        feed_forward: "relu",
    }),
    defaults: Defaults {
        vocab_size: 32_128,
        hidden_size: 512,
        intermediate_size: Some(2048),
        num_hidden_layers: 6,
        num_attention_heads: 8,
        head_dim: Some(64),
        // Not a key of the class, and no limit: what its checkpoints were trained on.
        max_position_embeddings: 512,
        tie_word_embeddings: true,
        dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1 },
        ..LLAMA_LIKE
    },
    ..LLAMA
};

const MULTILINGUAL: Defaults = Defaults {
    vocab_size: 250_112,
    intermediate_size: Some(1024),
    num_hidden_layers: 8,
    num_attention_heads: 6,
    max_position_embeddings: 1024,
    ..T5.defaults
};

pub(super) const MT5: Family = Family {
    id: "mt5",
    mlp: MlpKind::Gated,
    seq2seq: Some(Seq2SeqDefaults {
        classes: &["MT5ForConditionalGeneration"],
        buckets: 32,
        bias_in_every_layer: false,
        feed_forward: "gated-gelu",
    }),
    defaults: MULTILINGUAL,
    ..T5
};

pub(super) const UMT5: Family = Family {
    id: "umt5",
    mlp: MlpKind::Gated,
    seq2seq: Some(Seq2SeqDefaults {
        classes: &["UMT5ForConditionalGeneration"],
        buckets: 32,
        bias_in_every_layer: true,
        feed_forward: "gated-gelu",
    }),
    defaults: MULTILINGUAL,
    ..T5
};
