//! DeBERTa: an encoder whose queries and keys meet a table of distances (V2 and V3).

use super::bert::{BERT, BERT_CODE, BERT_KEYS, BERT_NAMES, BERT_TOP};
use super::code::{Implementation, PositionCode, SavedOrder, ScoreCode};
use super::reads::{Key, Reads, Refusal, When};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, EncoderDefaults, Family, PositionKind};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "deberta-v2",
        positions: PositionKind::None,
        encoder: Some(EncoderDefaults {
            classes: ["DebertaV2Model", "DebertaV2ForMaskedLM"],
            token_types: None,
            pooler: false,
            disentangled: true,
            ..BERT_TOP
        }),
        defaults: Defaults {
            vocab_size: 128_100,
            hidden_size: 1536,
            intermediate_size: Some(6144),
            num_hidden_layers: 24,
            num_attention_heads: 24,
            ..BERT.defaults
        },
        ..BERT
    },
    code: Implementation {
        positions: PositionCode::FromBuffer,
        scores: ScoreCode::Disentangled,
        contiguous_heads: true,
        returns_streams: true,
        finds_labels: true,
        saved: SavedOrder::HeadFirst,
        eager_only: true,
        measured: true,
        ..BERT_CODE
    },
    reads: Reads {
        keys: &[BERT_KEYS, &[Key::Own("position_buckets"), Key::Named("classifier_dropout", &["cls_dropout"])]],
        refuses: REFUSES,
        ..Reads::PLAIN
    },
    modules: ModuleNames {
        own: &[
            (Part::Query, &["query_proj"]),
            (Part::Key, &["key_proj"]),
            (Part::Value, &["value_proj"]),
            (Part::Pooler, &["pooler.dense", "dense"]),
            BERT_NAMES[3],
            BERT_NAMES[4],
            BERT_NAMES[5],
            BERT_NAMES[6],
        ],
        ..ModuleNames::USUAL
    },
}];

/// What makes another model of it.
const REFUSES: &[Refusal] = &[
    Refusal {
        key: "relative_attention",
        when: When::NotTrue,
        problem: "attention that knows no distances is not covered",
    },
    Refusal {
        key: "share_att_key",
        when: When::NotTrue,
        problem: "matrices of their own for distances are not covered",
    },
    Refusal {
        key: "pos_att_type",
        when: When::Without(&["c2p", "p2c"]),
        problem: "anything but c2p together with p2c is not covered",
    },
    Refusal {
        key: "norm_rel_ebd",
        when: When::Without(&["layer_norm"]),
        problem: "a table of distances without `layer_norm` is not covered",
    },
    Refusal {
        key: "position_biased_input",
        when: When::NotFalse,
        problem: "a table of positions beside that of distances is not covered",
    },
    Refusal {
        key: "type_vocab_size",
        when: When::Positive,
        problem: "found a number above 0; types of tokens are not covered",
    },
    Refusal {
        key: "conv_kernel_size",
        when: When::Positive,
        problem: "found a number above 0; a convolution beside the first layer is not covered",
    },
    Refusal { key: "legacy", when: When::False, problem: "the head that is not legacy is not covered" },
    Refusal {
        key: "pooler_dropout",
        when: When::Positive,
        problem: "found a number above 0; dropout before the pooler is not covered",
    },
    Refusal { key: "embedding_size", when: When::Number, problem: "an embedding of another width is not covered" },
    Refusal { key: "attention_head_size", when: When::Number, problem: "heads of another width are not covered" },
];
