//! Models that Megatron-LM builds from its own arguments, with the defaults of those: Transformers has no class for them.

use super::base::{BEFORE_LLAMA, DEEPSEEK_LATENT, GRANITE_MAMBA, LLAMA, LLAMA_LIKE, MANY_EXPERTS};
use super::code::Implementation;
use super::reads::Reads;
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, Dropout, ExpertDefaults, Family, FeedForwards, HybridDefaults, Mamba2Defaults, MixerDefaults, MlpKind,
    NormKind, Normalisation, Pattern, PositionKind, Projection, QkNorm, SharedDefault,
};

/// `GPTModel` as `pretrain_gpt.py` has it where nobody says otherwise.
const GPT: Family = Family {
    id: "megatron-gpt",
    norm: NormKind::Layer,
    projection: Projection::Fused,
    optional_qk_norm: QkNorm::PerHead,
    mlp: MlpKind::Plain,
    positions: PositionKind::Learned,
    qkv_bias: true,
    output_bias: true,
    mlp_bias: true,
    experts: Some(ExpertDefaults {
        count: 0,
        per_token: 2,
        normalised: Normalisation::Always,
        shared: SharedDefault::Beside(0),
        ..MANY_EXPERTS
    }),
    defaults: Defaults {
        vocab_size: 50_257,
        intermediate_size: None,
        max_position_embeddings: 1024,
        hidden_act: "gelu",
        tie_word_embeddings: true,
        dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1, activation: 0.0 },
        ..LLAMA_LIKE
    },
    ..LLAMA
};

const CODE: Implementation = Implementation { of_megatron: true, trains: false, ..BEFORE_LLAMA };

pub(super) const MEMBERS: &[Member] = &[
    member(GPT),
    member(Family { id: "megatron-gpt-mla", latent: Some(DEEPSEEK_LATENT), ..GPT }),
    member(Family {
        id: "megatron-hybrid",
        hybrid: Some(HybridDefaults {
            mixer: MixerDefaults::Mamba2(Mamba2Defaults {
                head_dim: Some(64),
                state: 128,
                groups: 8,
                chunk: 128,
                ..GRANITE_MAMBA
            }),
            pattern: Pattern::Letters("M-*-"),
            feed_forward: FeedForwards::Apart,
            expert_layers: [1, 0],
        }),
        ..GPT
    }),
];

const fn member(family: Family) -> Member {
    Member { family, code: CODE, reads: Reads::PLAIN, modules: ModuleNames::USUAL }
}
