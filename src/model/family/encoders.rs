//! The rows of encoders, whose tokens see each other in both directions.

use super::table::{LLAMA, LLAMA_LIKE};
use super::{Defaults, Dropout, Family, MlpKind, NormKind, Placement, PositionKind, Projection};

/// What an encoder has outside its layers, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderDefaults {
    /// The class of the bare model and the one with a head for masked tokens, as `architectures` names them.
    pub classes: [&'static str; 2],
    /// `type_vocab_size`: rows of the table of token types, where tokens have one.
    pub token_types: Option<u64>,
    /// Whether the bare model ends in a pooler: a matrix over the first token.
    pub pooler: bool,
    /// `pad_token_id`, where positions are counted from the number after it.
    pub padding_token: Option<u64>,
    /// Bias of the matrix between the layers and the head (`classifier_bias`, where that is a key).
    pub transform_bias: bool,
    /// The activation after that matrix (`classifier_activation`); `None`: the feed-forward networks' own.
    pub transform_act: Option<&'static str>,
    /// Whether the head has a bias of its own beside the one that it is tied to, where it is not tied.
    pub second_bias: bool,
    /// Which layers see a part of the tokens, where some do.
    pub local: Option<LocalDefaults>,
}

/// Which layers see a part of the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDefaults {
    /// `local_attention`: tokens on both sides together.
    pub window: u64,
    /// `global_attn_every_n_layers`: every so many-th layer, the first among them, sees all tokens.
    pub global_every: u64,
}

pub(super) const BERT: Family = Family {
    id: "bert",
    norm: NormKind::Layer,
    placement: Placement::AfterResidual,
    mlp: MlpKind::Plain,
    positions: PositionKind::Learned,
    embedding_norm: true,
    qkv_bias: true,
    output_bias: true,
    mlp_bias: true,
    head_bias: true,
    encoder: Some(EncoderDefaults {
        classes: ["BertModel", "BertForMaskedLM"],
        token_types: Some(2),
        pooler: true,
        padding_token: None,
        transform_bias: true,
        transform_act: None,
        second_bias: true,
        local: None,
    }),
    defaults: Defaults {
        vocab_size: 30_522,
        hidden_size: 768,
        intermediate_size: Some(3072),
        num_hidden_layers: 12,
        num_attention_heads: 12,
        max_position_embeddings: 512,
        hidden_act: "gelu",
        tie_word_embeddings: true,
        dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1 },
        ..LLAMA_LIKE
    },
    ..LLAMA
};

const ROBERTA_TOP: EncoderDefaults = EncoderDefaults {
    classes: ["RobertaModel", "RobertaForMaskedLM"],
    token_types: Some(2),
    pooler: true,
    padding_token: Some(1),
    transform_bias: true,
    // Whatever `hidden_act` says.
    transform_act: Some("gelu"),
    second_bias: true,
    local: None,
};

pub(super) const ROBERTA: Family = Family {
    id: "roberta",
    encoder: Some(ROBERTA_TOP),
    defaults: Defaults { vocab_size: 50_265, ..BERT.defaults },
    ..BERT
};

pub(super) const XLM_ROBERTA: Family = Family {
    id: "xlm-roberta",
    encoder: Some(EncoderDefaults { classes: ["XLMRobertaModel", "XLMRobertaForMaskedLM"], ..ROBERTA_TOP }),
    ..BERT
};

pub(super) const MODERNBERT: Family = Family {
    id: "modernbert",
    norm: NormKind::LayerWithoutBias,
    projection: Projection::Fused,
    mlp: MlpKind::GatedFused,
    embedding_norm: true,
    head_bias: true,
    encoder: Some(EncoderDefaults {
        classes: ["ModernBertModel", "ModernBertForMaskedLM"],
        token_types: None,
        pooler: false,
        padding_token: None,
        transform_bias: false,
        transform_act: Some("gelu"),
        second_bias: false,
        local: Some(LocalDefaults { window: 128, global_every: 3 }),
    }),
    defaults: Defaults {
        vocab_size: 50_368,
        hidden_size: 768,
        intermediate_size: Some(1152),
        num_hidden_layers: 22,
        num_attention_heads: 12,
        max_position_embeddings: 8192,
        hidden_act: "gelu",
        tie_word_embeddings: true,
        ..LLAMA_LIKE
    },
    ..LLAMA
};
