//! MPNet: an encoder whose scores have a bias by distance, one for all layers.

use super::bert::{BERT, BERT_CODE, BERT_KEYS, BERT_READS, ROBERTA_TOP};
use super::code::{Implementation, PositionCode, SavedOrder, ScoreCode, Sublayers};
use super::reads::{Key, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, EncoderDefaults, Family};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "mpnet",
        encoder: Some(EncoderDefaults {
            classes: ["MPNetModel", "MPNetForMaskedLM"],
            token_types: None,
            distances: Some(32),
            ..ROBERTA_TOP
        }),
        defaults: Defaults { vocab_size: 30_527, ..BERT.defaults },
        ..BERT
    },
    code: Implementation {
        positions: PositionCode::FromTokens,
        scores: ScoreCode::BiasedInPlace,
        sublayers: Sublayers::WholeAttention,
        saved: SavedOrder::HeadFirst,
        eager_only: true,
        recomputes: false,
        measured: true,
        ..BERT_CODE
    },
    // Whatever `pad_token_id` says, its classes count positions from the token 1.
    reads: Reads { keys: &[BERT_KEYS, &[Key::Own("relative_attention_num_buckets")]], ..BERT_READS },
    modules: ModuleNames {
        own: &[
            (Part::Query, &["attn.q", "q"]),
            (Part::Key, &["attn.k", "k"]),
            (Part::Value, &["attn.v", "v"]),
            (Part::AttentionOutput, &["attn.o", "o"]),
            (Part::Up, &["intermediate.dense", "dense"]),
            (Part::Down, &["output.dense", "dense"]),
            (Part::HeadTransform, &["lm_head.dense", "dense"]),
        ],
        ..ModuleNames::USUAL
    },
}];
