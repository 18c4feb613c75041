//! BART, what was built like it, and Whisper, whose encoder reads sounds.

use super::base::{BEFORE_LLAMA, LLAMA, LLAMA_LIKE};
use super::code::{DecoderMask, Implementation, LossCode, ModuleOrder, Modules, PositionCode, SavedLayer};
use super::reads::{Key, Reads, Refusal, When};
use super::{Member, ModuleNames};
use crate::model::family::{
    DecoderDefaults, Defaults, Dropout, Family, MlpKind, NormKind, Placement, PositionKind, PositionTable,
    Seq2SeqDefaults, SoundDefaults,
};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member { family: BART, code: BART_CODE, reads: BART_READS, modules: MODULES },
    Member {
        family: Family {
            id: "mbart",
            placement: Placement::Pre,
            seq2seq: Some(Seq2SeqDefaults { classes: &["MBartForConditionalGeneration"], ..BART_STACKS }),
            ..BART
        },
        code: Implementation { decoder_mask: DecoderMask::UntilReturn, ..BART_CODE },
        reads: BART_READS,
        modules: MODULES,
    },
    Member {
        family: Family {
            id: "marian",
            unused_positions: 0,
            embedding_norm: false,
            seq2seq: Some(Seq2SeqDefaults {
                classes: &["MarianMTModel"],
                positions: [PositionTable::Unreached; 2],
                ..BART_STACKS
            }),
            defaults: Defaults { vocab_size: 58_101, ..BART.defaults },
            ..BART
        },
        code: SINUSOIDS_CODE,
        reads: Reads {
            refuses: &[Refusal {
                key: "share_encoder_decoder_embeddings",
                when: When::False,
                problem: "a table of tokens for each stack is not covered",
            }],
            ..BART_READS
        },
        modules: MODULES,
    },
    Member {
        family: Family {
            id: "pegasus",
            placement: Placement::Pre,
            unused_positions: 0,
            embedding_norm: false,
            seq2seq: Some(Seq2SeqDefaults {
                classes: &["PegasusForConditionalGeneration"],
                positions: [PositionTable::Unreached; 2],
                ..BART_STACKS
            }),
            ..BART
        },
        code: Implementation { holds_position_ids: true, ..SINUSOIDS_CODE },
        reads: BART_READS,
        modules: MODULES,
    },
    Member {
        family: Family {
            id: "m2m_100",
            placement: Placement::Pre,
            embedding_norm: false,
            seq2seq: Some(Seq2SeqDefaults {
                classes: &["M2M100ForConditionalGeneration"],
                positions: [PositionTable::Buffer; 2],
                logits_bias: false,
                ..BART_STACKS
            }),
            defaults: Defaults {
                vocab_size: 128_112,
                hidden_act: "relu",
                dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1, activation: 0.0 },
                ..BART.defaults
            },
            ..BART
        },
        code: Implementation { positions: PositionCode::FromTokens, ..BART_CODE },
        reads: BART_READS,
        modules: MODULES,
    },
    Member {
        family: Family {
            id: "whisper",
            placement: Placement::Pre,
            unused_positions: 0,
            embedding_norm: false,
            seq2seq: Some(Seq2SeqDefaults {
                classes: &["WhisperForConditionalGeneration"],
                distances: None,
                decoder: Some(DecoderDefaults { layers: 4, heads: 6, intermediate_size: 1536 }),
                positions: [PositionTable::FrozenUntilLoaded, PositionTable::Learned],
                sounds: Some(SoundDefaults { mel_bins: 80, positions: 1500 }),
                unbiased_keys: true,
                logits_bias: false,
            }),
            defaults: Defaults {
                vocab_size: 51_865,
                hidden_size: 384,
                intermediate_size: Some(1536),
                num_hidden_layers: 4,
                num_attention_heads: 6,
                max_position_embeddings: 448,
                dropout: Dropout { embedding: 0.0, hidden: 0.0, attention: 0.0, activation: 0.0 },
                ..BART.defaults
            },
            ..BART
        },
        code: Implementation {
            scaled_queries: true,
            contiguous_heads: true,
            scaled_embedding: false,
            scales_in_module: false,
            decoder_mask: DecoderMask::None,
            holds_position_ids: true,
            ..BART_CODE
        },
        reads: Reads {
            keys: &[
                BART_KEYS,
                &[
                    Key::Named("max_position_embeddings", &["max_target_positions"]),
                    Key::Own("num_mel_bins"),
                    Key::Own("max_source_positions"),
                ],
            ],
            ..BART_READS
        },
        modules: MODULES,
    },
];

const BART: Family = Family {
    id: "bart",
    norm: NormKind::Layer,
    placement: Placement::AfterResidual,
    mlp: MlpKind::Plain,
    positions: PositionKind::Learned,
    unused_positions: 2,
    embedding_norm: true,
    qkv_bias: true,
    output_bias: true,
    mlp_bias: true,
    seq2seq: Some(BART_STACKS),
    defaults: Defaults {
        vocab_size: 50_265,
        hidden_size: 1024,
        intermediate_size: Some(4096),
        num_hidden_layers: 12,
        num_attention_heads: 16,
        max_position_embeddings: 1024,
        hidden_act: "gelu",
        tie_word_embeddings: true,
        dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.0, activation: 0.0 },
        ..LLAMA_LIKE
    },
    ..LLAMA
};

const BART_STACKS: Seq2SeqDefaults = Seq2SeqDefaults {
    classes: &["BartForConditionalGeneration"],
    distances: None,
    decoder: Some(DecoderDefaults { layers: 12, heads: 16, intermediate_size: 4096 }),
    positions: [PositionTable::Learned; 2],
    sounds: None,
    unbiased_keys: false,
    logits_bias: true,
};

const BART_CODE: Implementation = Implementation {
    returns_weights: false,
    softmax_in_fp32: false,
    weights_as_softmax: true,
    embedding_dropout: true,
    layers_read_positions: false,
    scaled_embedding: true,
    scales_in_module: true,
    decoder_mask: DecoderMask::UntilRead,
    loss: LossCode::Masked,
    saved_layer: SavedLayer { up_first: true, ..SavedLayer::BY_NAME },
    modules: Modules::in_order(ModuleOrder::NormAfterEach),
    measured: true,
    ..BEFORE_LLAMA
};

/// Marian's and Pegasus', whose tables of positions are sines.
const SINUSOIDS_CODE: Implementation =
    Implementation { scales_in_module: false, decoder_mask: DecoderMask::UntilReturn, ..BART_CODE };

/// Layers that are left out by chance (`encoder_layerdrop`, `decoder_layerdrop`) are counted: a step peaks that has all of
/// them, and within a few steps one has.
const BART_READS: Reads = Reads { keys: &[BART_KEYS], ..Reads::PLAIN };

const BART_KEYS: &[Key] = &[
    Key::Named("hidden_size", &["d_model"]),
    Key::Named("num_hidden_layers", &["encoder_layers"]),
    Key::Named("num_attention_heads", &["encoder_attention_heads"]),
    Key::Named("intermediate_size", &["encoder_ffn_dim"]),
    Key::Named("num_decoder_layers", &["decoder_layers"]),
    Key::Own("decoder_attention_heads"),
    Key::Own("decoder_ffn_dim"),
    Key::Named("hidden_act", &["activation_function"]),
    Key::Named("embedding_dropout", &["dropout"]),
    Key::Named("hidden_dropout", &["dropout"]),
    Key::Own("attention_dropout"),
    Key::Own("activation_dropout"),
    Key::Own("architectures"),
];

const MODULES: ModuleNames = ModuleNames {
    own: &[
        (Part::Query, &["self_attn.q_proj", "q_proj"]),
        (Part::Key, &["self_attn.k_proj", "k_proj"]),
        (Part::Value, &["self_attn.v_proj", "v_proj"]),
        (Part::AttentionOutput, &["self_attn.out_proj", "out_proj"]),
        (Part::CrossQuery, &["encoder_attn.q_proj", "q_proj"]),
        (Part::CrossKey, &["encoder_attn.k_proj", "k_proj"]),
        (Part::CrossValue, &["encoder_attn.v_proj", "v_proj"]),
        (Part::CrossOutput, &["encoder_attn.out_proj", "out_proj"]),
        (Part::Up, &["fc1"]),
        (Part::Down, &["fc2"]),
    ],
    ..ModuleNames::USUAL
};
