//! T5: an encoder, and a decoder that attends to what it gives.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, LossCode, NormCode, Rotation};
use super::reads::{Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, DistanceDefaults, Dropout, Family, MlpKind, PositionKind, PositionTable, Seq2SeqDefaults,
};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: T5,
        code: Implementation { measured: true, ..T5_CODE },
        reads: Reads { rule: Rule::Seq2Seq, ..Reads::PLAIN },
        modules: ModuleNames { own: T5_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "mt5",
            mlp: MlpKind::Gated,
            seq2seq: Some(Seq2SeqDefaults {
                classes: &["MT5ForConditionalGeneration"],
                distances: Some(DistanceDefaults { feed_forward: "gated-gelu", ..DISTANCES }),
                ..T5_STACKS
            }),
            defaults: MULTILINGUAL,
            ..T5
        },
        code: Implementation { scales_decoder_output: Some(false), measured: true, ..T5_CODE },
        reads: Reads { rule: Rule::Seq2Seq, ..Reads::PLAIN },
        modules: ModuleNames { own: T5_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "umt5",
            mlp: MlpKind::Gated,
            seq2seq: Some(Seq2SeqDefaults {
                classes: &["UMT5ForConditionalGeneration"],
                distances: Some(DistanceDefaults {
                    bias_in_every_layer: true,
                    feed_forward: "gated-gelu",
                    ..DISTANCES
                }),
                ..T5_STACKS
            }),
            defaults: MULTILINGUAL,
            ..T5
        },
        code: Implementation { biases_by_layer: true, scales_decoder_output: Some(true), measured: true, ..T5_CODE },
        reads: Reads { rule: Rule::Seq2Seq, ..Reads::PLAIN },
        modules: ModuleNames { own: T5_NAMES, ..ModuleNames::USUAL },
    },
];

const T5: Family = Family {
    id: "t5",
    mlp: MlpKind::Plain,
    positions: PositionKind::Relative,
    seq2seq: Some(T5_STACKS),
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
        dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1, activation: 0.0 },
        ..LLAMA_LIKE
    },
    ..LLAMA
};

const T5_STACKS: Seq2SeqDefaults = Seq2SeqDefaults {
    // The second is what Transformers called the first before its third version.
    classes: &["T5ForConditionalGeneration", "T5WithLMHeadModel"],
    distances: Some(DISTANCES),
    decoder: None,
    positions: [PositionTable::Learned; 2],
    sounds: None,
    unbiased_keys: false,
    logits_bias: false,
};

const DISTANCES: DistanceDefaults = DistanceDefaults { buckets: 32, bias_in_every_layer: false, feed_forward: "relu" };

/// What the three are written like.
const T5_CODE: Implementation = Implementation {
    norm: NormCode::InputThenWeight,
    rotation: Rotation::None,
    softmax_in_fp32: false,
    weights_as_softmax: true,
    embedding_dropout: true,
    hidden_dropout: true,
    layers_read_positions: false,
    loss: LossCode::Masked,
    ..LLAMA_CODE
};

/// The sizes of both multilingual classes.
const MULTILINGUAL: Defaults = Defaults {
    vocab_size: 250_112,
    intermediate_size: Some(1024),
    num_hidden_layers: 8,
    num_attention_heads: 6,
    max_position_embeddings: 1024,
    ..T5.defaults
};

/// Names of both stacks.
const T5_NAMES: &[(Part, &[&str])] = &[
    (Part::Query, &["SelfAttention.q", "q"]),
    (Part::Key, &["SelfAttention.k", "k"]),
    (Part::Value, &["SelfAttention.v", "v"]),
    (Part::AttentionOutput, &["SelfAttention.o", "o"]),
    (Part::CrossQuery, &["EncDecAttention.q", "q"]),
    (Part::CrossKey, &["EncDecAttention.k", "k"]),
    (Part::CrossValue, &["EncDecAttention.v", "v"]),
    (Part::CrossOutput, &["EncDecAttention.o", "o"]),
    (Part::Gate, &["wi_0"]),
    // Without a gate it is alone, and has no number.
    (Part::Up, &["wi_1", "wi"]),
    (Part::Down, &["wo"]),
];
