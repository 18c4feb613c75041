//! ALBERT: an encoder whose layers are one, run over and over, with narrow tables.

use super::bert::{BERT, BERT_CODE, BERT_KEYS, BERT_TOP, CHUNKS, OTHER_MODELS};
use super::code::{Implementation, ModuleOrder, Modules, PositionCode, SavedOrder, Sublayers};
use super::reads::{Key, Reads, Refusal, When};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Dropout, EncoderDefaults, Family};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "albert",
        encoder: Some(EncoderDefaults {
            classes: ["AlbertModel", "AlbertForMaskedLM"],
            embedding_size: Some(128),
            shared_layers: true,
            ..BERT_TOP
        }),
        defaults: Defaults {
            vocab_size: 30_000,
            hidden_size: 4096,
            intermediate_size: Some(16_384),
            num_attention_heads: 64,
            hidden_act: "gelu_new",
            dropout: Dropout { embedding: 0.0, hidden: 0.0, attention: 0.0, activation: 0.0 },
            ..BERT.defaults
        },
        ..BERT
    },
    code: Implementation {
        positions: PositionCode::FromBuffer,
        widens_in_layers: true,
        sublayers: Sublayers::NormedAttention,
        modules: Modules { head_norm_first: true, ..Modules::in_order(ModuleOrder::LastNormFirst) },
        saved: SavedOrder::HeadLast,
        recomputes: false,
        measured: true,
        ..BERT_CODE
    },
    reads: Reads {
        keys: &[
            BERT_KEYS,
            &[
                Key::Named("word_embed_proj_dim", &["embedding_size"]),
                Key::Named("classifier_dropout", &["classifier_dropout_prob"]),
            ],
        ],
        refuses: &[OTHER_MODELS[0], OTHER_MODELS[1], OTHER_MODELS[2], CHUNKS, GROUPS, INNER],
        ..Reads::PLAIN
    },
    modules: ModuleNames {
        own: &[
            (Part::Query, &["query"]),
            (Part::Key, &["key"]),
            (Part::Value, &["value"]),
            (Part::AttentionOutput, &["attention.dense", "dense"]),
            (Part::Up, &["ffn"]),
            (Part::Down, &["ffn_output"]),
            (Part::EmbeddingProjection, &["embedding_hidden_mapping_in"]),
            (Part::HeadTransform, &["predictions.dense", "dense"]),
            (Part::Pooler, &["pooler"]),
        ],
        ..ModuleNames::USUAL
    },
}];

/// More layers than one that are run over and over.
const GROUPS: Refusal = Refusal {
    key: "num_hidden_groups",
    when: When::Several,
    problem: "found a number above 1; groups of layers that are not the same are not covered",
};

/// Several layers that are run in turn.
const INNER: Refusal = Refusal {
    key: "inner_group_num",
    when: When::Several,
    problem: "found a number above 1; groups of several layers are not covered",
};
