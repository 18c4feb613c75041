//! BERT and other encoders.

use super::base::{ENCODER_CODE, LLAMA, LLAMA_LIKE};
use super::code::{
    FusedProjection, Implementation, LossCode, ModuleOrder, Modules, OutputSaved, PositionCode, Rotation, SavedLayer,
    SavedOrder, Sublayers, Widening,
};
use super::reads::{CROSS_ATTENTION, Key, Reads, Refusal, When};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, Dropout, EncoderDefaults, Family, LocalDefaults, MlpKind, NormKind, Placement, PositionKind, Projection,
};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: BERT,
        code: Implementation {
            positions: PositionCode::FromBuffer,
            saved: SavedOrder::HeadLast,
            measured: true,
            ..BERT_CODE
        },
        reads: BERT_READS,
        modules: ModuleNames { own: BERT_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "roberta",
            encoder: Some(ROBERTA_TOP),
            defaults: Defaults { vocab_size: 50_265, ..BERT.defaults },
            ..BERT
        },
        code: Implementation {
            positions: PositionCode::FromTokens,
            modules: POSITIONS_LAST,
            saved: SavedOrder::HeadFirst,
            measured: true,
            ..BERT_CODE
        },
        reads: ROBERTA_READS,
        modules: ModuleNames { own: ROBERTA_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "xlm-roberta",
            encoder: Some(EncoderDefaults { classes: ["XLMRobertaModel", "XLMRobertaForMaskedLM"], ..ROBERTA_TOP }),
            ..BERT
        },
        code: Implementation {
            positions: PositionCode::FromTokens,
            modules: POSITIONS_LAST,
            saved: SavedOrder::HeadFirst,
            measured: true,
            ..BERT_CODE
        },
        reads: ROBERTA_READS,
        modules: ModuleNames { own: ROBERTA_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "camembert",
            encoder: Some(EncoderDefaults { classes: ["CamembertModel", "CamembertForMaskedLM"], ..ROBERTA_TOP }),
            ..BERT
        },
        code: Implementation {
            positions: PositionCode::FromTokens,
            modules: POSITIONS_LAST,
            saved: SavedOrder::HeadFirst,
            ..BERT_CODE
        },
        reads: ROBERTA_READS,
        modules: ModuleNames { own: ROBERTA_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "data2vec-text",
            encoder: Some(EncoderDefaults { classes: ["Data2VecTextModel", "Data2VecTextForMaskedLM"], ..ROBERTA_TOP }),
            ..BERT
        },
        code: Implementation {
            positions: PositionCode::FromTokens,
            modules: POSITIONS_LAST,
            saved: SavedOrder::HeadFirst,
            ..BERT_CODE
        },
        reads: ROBERTA_READS,
        modules: ModuleNames { own: ROBERTA_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "ernie",
            encoder: Some(EncoderDefaults { classes: ["ErnieModel", "ErnieForMaskedLM"], ..BERT_TOP }),
            ..BERT
        },
        code: Implementation { positions: PositionCode::FromBuffer, saved: SavedOrder::HeadLast, ..BERT_CODE },
        reads: Reads { refuses: &[OTHER_MODELS[0], OTHER_MODELS[1], OTHER_MODELS[2], CHUNKS, TASKS], ..BERT_READS },
        modules: ModuleNames { own: BERT_NAMES, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "distilbert",
            encoder: Some(EncoderDefaults {
                classes: ["DistilBertModel", "DistilBertForMaskedLM"],
                token_types: None,
                pooler: false,
                second_bias: false,
                ..BERT_TOP
            }),
            defaults: Defaults { num_hidden_layers: 6, ..BERT.defaults },
            ..BERT
        },
        code: Implementation {
            positions: PositionCode::FromBuffer,
            attention_output_dropout: false,
            sublayers: Sublayers::Whole,
            saved_layer: SavedLayer { output: OutputSaved::ByName, ..BERT_CODE.saved_layer },
            saved: SavedOrder::HeadLast,
            measured: true,
            ..BERT_CODE
        },
        reads: Reads {
            keys: &[&[
                Key::Named("hidden_size", &["dim"]),
                Key::Named("intermediate_size", &["hidden_dim"]),
                Key::Named("hidden_dropout", &["dropout"]),
                Key::Named("embedding_dropout", &["dropout"]),
                Key::Named("classifier_dropout", &["seq_classif_dropout"]),
                Key::Own("architectures"),
            ]],
            refuses: &[OTHER_MODELS[0], OTHER_MODELS[1], OTHER_MODELS[2], CHUNKS],
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            own: &[
                (Part::Query, &["q_lin"]),
                (Part::Key, &["k_lin"]),
                (Part::Value, &["v_lin"]),
                (Part::AttentionOutput, &["out_lin"]),
                (Part::Up, &["lin1"]),
                (Part::Down, &["lin2"]),
                (Part::HeadTransform, &["vocab_transform"]),
            ],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "electra",
            encoder: Some(EncoderDefaults {
                classes: ["ElectraModel", "ElectraForMaskedLM"],
                embedding_size: Some(128),
                pooler: false,
                transform_act: Some("gelu"),
                second_bias: false,
                ..BERT_TOP
            }),
            defaults: Defaults {
                hidden_size: 256,
                intermediate_size: Some(1024),
                num_attention_heads: 4,
                ..BERT.defaults
            },
            ..BERT
        },
        code: Implementation {
            positions: PositionCode::FromBuffer,
            saved: SavedOrder::HeadLast,
            measured: true,
            ..BERT_CODE
        },
        reads: Reads { keys: &[BERT_KEYS, &[Key::Named("word_embed_proj_dim", &["embedding_size"])]], ..BERT_READS },
        modules: ModuleNames {
            own: &[
                BERT_NAMES[0],
                BERT_NAMES[1],
                BERT_NAMES[2],
                BERT_NAMES[3],
                BERT_NAMES[4],
                BERT_NAMES[5],
                (Part::EmbeddingProjection, &["embeddings_project"]),
                (Part::HeadTransform, &["generator_predictions.dense", "dense"]),
            ],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "modernbert",
            norm: NormKind::LayerWithoutBias,
            projection: Projection::Fused,
            mlp: MlpKind::GatedFused,
            embedding_norm: true,
            head_bias: true,
            encoder: Some(EncoderDefaults {
                classes: ["ModernBertModel", "ModernBertForMaskedLM"],
                token_types: None,
                embedding_size: None,
                pooler: false,
                padding_token: None,
                transform_bias: false,
                transform_act: Some("gelu"),
                second_bias: false,
                shared_layers: false,
                distances: None,
                disentangled: false,
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
        },
        code: Implementation {
            fused_projection: FusedProjection::Unbound,
            widening: Widening::InputsAtEachUse,
            both_masks: true,
            tables_by_window: true,
            holds_attention_output: true,
            attention_dropout_on_output: true,
            drops_weights_too: true,
            drops_inside_attention: true,
            drops_inside_feed_forward: true,
            loss: LossCode::MaskedInFp32,
            saved_layer: SavedLayer { attention_first: true, ..SavedLayer::BY_NAME },
            modules: Modules::in_order(ModuleOrder::AsComputed),
            measured: true,
            ..ENCODER_CODE
        },
        reads: Reads {
            keys: &[&[
                Key::Own("attention_bias"),
                Key::Own("mlp_bias"),
                Key::Named("lm_head_bias", &["decoder_bias"]),
                Key::Own("layer_types"),
                Key::Own("embedding_dropout"),
                Key::Named("hidden_dropout", &["mlp_dropout"]),
                Key::Own("local_attention"),
                Key::Own("global_attn_every_n_layers"),
                Key::Own("norm_bias"),
                Key::Own("classifier_bias"),
                Key::Own("classifier_activation"),
                Key::Own("architectures"),
            ]],
            refuses: OTHER_MODELS,
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            own: &[
                (Part::QueryKeyValue, &["Wqkv"]),
                (Part::AttentionOutput, &["attn.Wo", "Wo"]),
                (Part::GateAndUp, &["Wi"]),
                (Part::Down, &["mlp.Wo", "Wo"]),
                (Part::HeadTransform, &["head.dense", "dense"]),
            ],
            ..ModuleNames::USUAL
        },
    },
];

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
    encoder: Some(BERT_TOP),
    defaults: Defaults {
        vocab_size: 30_522,
        hidden_size: 768,
        intermediate_size: Some(3072),
        num_hidden_layers: 12,
        num_attention_heads: 12,
        max_position_embeddings: 512,
        hidden_act: "gelu",
        tie_word_embeddings: true,
        dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1, activation: 0.0 },
        ..LLAMA_LIKE
    },
    ..LLAMA
};

/// What BERT has outside its layers.
pub(super) const BERT_TOP: EncoderDefaults = EncoderDefaults {
    classes: ["BertModel", "BertForMaskedLM"],
    token_types: Some(2),
    embedding_size: None,
    pooler: true,
    padding_token: None,
    transform_bias: true,
    transform_act: None,
    second_bias: true,
    shared_layers: false,
    distances: None,
    disentangled: false,
    local: None,
};

/// What BERT's class reads.
pub(super) const BERT_READS: Reads =
    Reads { keys: &[BERT_KEYS], refuses: &[OTHER_MODELS[0], OTHER_MODELS[1], OTHER_MODELS[2], CHUNKS], ..Reads::PLAIN };

/// What those of RoBERTa and its kin read.
const ROBERTA_READS: Reads = Reads { keys: &[BERT_KEYS, &[Key::Own("pad_token_id")]], ..BERT_READS };

pub(super) const BERT_KEYS: &[Key] = &[
    Key::Named("attention_dropout", &["attention_probs_dropout_prob"]),
    Key::Named("hidden_dropout", &["hidden_dropout_prob"]), // The same probability after the embedding.
    Key::Named("embedding_dropout", &["hidden_dropout_prob"]),
    Key::Own("architectures"),
    Key::Own("type_vocab_size"),
];

/// BERT and its kin are written alike.
pub(super) const BERT_CODE: Implementation = Implementation {
    rotation: Rotation::None,
    softmax_in_fp32: false,
    weights_as_softmax: true,
    checkpoint_keeps_mask: true,
    saved_layer: SavedLayer { attention_first: true, output: OutputSaved::First, up_first: true },
    modules: Modules::in_order(ModuleOrder::NormAfterEach),
    loss: LossCode::Masked,
    ..ENCODER_CODE
};

/// The modules of RoBERTa's classes.
const POSITIONS_LAST: Modules = Modules { positions_last: true, ..Modules::in_order(ModuleOrder::NormAfterEach) };

/// What RoBERTa has outside its layers.
pub(super) const ROBERTA_TOP: EncoderDefaults = EncoderDefaults {
    classes: ["RobertaModel", "RobertaForMaskedLM"],
    token_types: Some(2),
    embedding_size: None,
    pooler: true,
    padding_token: Some(1),
    transform_bias: true,
    // Whatever `hidden_act` says.
    transform_act: Some("gelu"),
    second_bias: true,
    shared_layers: false,
    distances: None,
    disentangled: false,
    local: None,
};

/// A name finds every module that ends in it.
pub(super) const BERT_NAMES: &[(Part, &[&str])] = &[
    (Part::Query, &["query"]),
    (Part::Key, &["key"]),
    (Part::Value, &["value"]),
    (Part::AttentionOutput, &["attention.output.dense", "output.dense", "dense"]),
    (Part::Up, &["intermediate.dense", "dense"]),
    (Part::Down, &["output.dense", "dense"]),
    (Part::HeadTransform, &["transform.dense", "dense"]),
];

/// The same with the head's own.
const ROBERTA_NAMES: &[(Part, &[&str])] = &[
    (Part::Query, &["query"]),
    (Part::Key, &["key"]),
    (Part::Value, &["value"]),
    (Part::AttentionOutput, &["attention.output.dense", "output.dense", "dense"]),
    (Part::Up, &["intermediate.dense", "dense"]),
    (Part::Down, &["output.dense", "dense"]),
    (Part::HeadTransform, &["lm_head.dense", "dense"]),
];

/// Flags that make another model of an encoder.
pub(super) const OTHER_MODELS: &[Refusal] = &[
    Refusal { key: "is_decoder", when: When::True, problem: "an encoder's class as a decoder is not covered" },
    CROSS_ATTENTION,
    Refusal {
        key: "sparse_prediction",
        when: When::True,
        problem: "how many tokens reach the head depends on the data, which is not covered",
    },
];

/// Networks over a part of the tokens at a time.
pub(super) const CHUNKS: Refusal = Refusal {
    key: "chunk_size_feed_forward",
    when: When::Positive,
    problem: "found a number; feed-forward networks over parts of a sequence are not covered",
};

/// Embeddings of tasks beside those of token types.
const TASKS: Refusal = Refusal { key: "use_task_id", when: When::True, problem: "embeddings of tasks are not covered" };
