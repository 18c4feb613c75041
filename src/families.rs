//! The model families, lineage by lineage: what each `model_type` is, and how its code is written.
//!
//! A family is one row of data, a [`Member`]. A row says what it is like: none is Llama's because nobody looked.

pub mod checkpoint;
pub mod classes;
pub mod code;
pub mod reads;
pub mod stored;

mod albert;
mod apertus;
mod bart;
mod base;
mod bert;
mod bigcode;
mod bloom;
mod cohere;
mod deberta;
mod deepseek;
mod dots;
mod ernie;
mod exaone;
mod falcon;
mod gemma;
mod glm;
mod gpt;
mod gpt_oss;
mod granite;
mod grok;
mod hunyuan;
mod jamba;
mod kimi;
mod lfm;
mod ling;
mod llama;
mod mamba;
mod megatron;
mod mimo;
mod minimax;
mod mistral;
mod mpnet;
mod mpt;
mod nemotron;
mod olmo;
mod opt;
mod phi;
mod qwen;
mod qwen_next;
mod seed;
mod stablelm;
mod step;
mod t5;
pub(crate) mod towers;
mod vit;

pub use code::Implementation;
pub use reads::{Key, Reads, Refusal, Rule, When};

use crate::model::part::Part;
use crate::model::{Family, Model};

/// All that is known of one `model_type`.
#[derive(Debug, PartialEq)]
pub struct Member {
    /// What its models are.
    pub family: Family,
    /// What its modelling code does.
    pub code: Implementation,
    /// How its `config.json` is read.
    pub reads: Reads,
    /// The names of its linear layers.
    pub modules: ModuleNames,
}

/// The names by which PEFT finds the linear layers of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleNames {
    /// Where they differ from the usual ones of [`Part::modules`].
    pub own: &'static [(Part, &'static [&'static str])],
    /// Whether PEFT reads `gate_proj`, `up_proj` and `down_proj` as the stacked matrices of the experts, which had a
    /// module each in earlier versions; the dense and shared ones of the same names then have no adapter.
    pub stacked_experts: bool,
    /// What PEFT's `all-linear` adapts where there are experts.
    pub all_linear: AllLinear,
    /// What stands before the names of a recurrent mixer's.
    pub recurrent: &'static [&'static str],
}

/// What `all-linear` adapts of a model with experts beside its other linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllLinear {
    /// That is not known.
    Unknown,
    /// No router, and no stack.
    Layers,
    /// The routers and the stacks, as PEFT 0.21 does where each expert had modules of its own in earlier versions.
    RoutersAndStacks,
}

/// Every lineage.
const LINEAGES: &[&[Member]] = &[
    llama::MEMBERS,
    mistral::MEMBERS,
    gemma::MEMBERS,
    qwen::MEMBERS,
    qwen_next::MEMBERS,
    deepseek::MEMBERS,
    glm::MEMBERS,
    kimi::MEMBERS,
    minimax::MEMBERS,
    gpt::MEMBERS,
    gpt_oss::MEMBERS,
    bigcode::MEMBERS,
    opt::MEMBERS,
    bloom::MEMBERS,
    falcon::MEMBERS,
    mpt::MEMBERS,
    phi::MEMBERS,
    stablelm::MEMBERS,
    olmo::MEMBERS,
    cohere::MEMBERS,
    granite::MEMBERS,
    nemotron::MEMBERS,
    hunyuan::MEMBERS,
    ernie::MEMBERS,
    mimo::MEMBERS,
    ling::MEMBERS,
    dots::MEMBERS,
    step::MEMBERS,
    grok::MEMBERS,
    exaone::MEMBERS,
    apertus::MEMBERS,
    seed::MEMBERS,
    lfm::MEMBERS,
    mamba::MEMBERS,
    jamba::MEMBERS,
    bert::MEMBERS,
    mpnet::MEMBERS,
    albert::MEMBERS,
    deberta::MEMBERS,
    t5::MEMBERS,
    bart::MEMBERS,
    vit::MEMBERS,
    megatron::MEMBERS,
];

/// Every family, lineage by lineage.
pub fn all() -> impl Iterator<Item = &'static Member> {
    LINEAGES.iter().copied().flatten()
}

/// The families of which it is known what Liger Kernel replaces.
pub(crate) fn patched_by_liger() -> Vec<&'static str> {
    all().filter(|member| member.code.liger.is_some()).map(|member| member.family.id).collect()
}

/// The families of which it is known what `torch.compile` makes of their layers.
pub(crate) fn compiled_by_torch() -> Vec<&'static str> {
    all().filter(|member| member.code.compiles).map(|member| member.family.id).collect()
}

/// The row of a `model_type`.
pub fn find(id: &str) -> Option<&'static Member> {
    all().find(|member| member.family.id == id)
}

/// The family of a `model_type`.
pub fn family(id: &str) -> Option<&'static Family> {
    find(id).map(|member| &member.family)
}

/// Every `model_type`.
pub fn ids() -> Vec<&'static str> {
    all().map(|member| member.family.id).collect()
}

/// The row of a family.
///
/// # Panics
///
/// If the family was made elsewhere than in a lineage.
pub fn member(family: &Family) -> &'static Member {
    #[expect(clippy::expect_used, reason = "families are made in lineages alone")]
    find(family.id).expect("every family stands in a lineage")
}

/// The modelling code of a family.
pub fn implementation(family: &Family) -> Implementation {
    member(family).code
}

/// The modelling code of a model: that of its family, unmeasured where its structure was only assumed.
pub fn of_model(model: &Model) -> Implementation {
    let code = implementation(model.family);
    Implementation { measured: code.measured && model.card.assumed.is_none(), ..code }
}

impl ModuleNames {
    /// Llama's, and one module for each expert.
    const USUAL: Self = Self {
        own: &[],
        stacked_experts: false,
        all_linear: AllLinear::Unknown,
        recurrent: &["linear_attn.", "mamba.", "mixer.", "conv."],
    };
    /// The same, where recurrent layers call their mixer as others do.
    const MIXED: Self = Self { recurrent: &["self_attn."], ..Self::USUAL };

    /// The names that find the layers that compute this; none: there is no such layer.
    pub fn of(&self, linear: Part) -> &'static [&'static str] {
        let own = self.own.iter().find(|(part, _)| *part == linear);
        own.map_or(linear.modules(), |(_, names)| names)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::base::LLAMA_CODE;
    use super::code::{Earlier, Modules, SavedLayer};
    use super::*;

    use crate::model::ArchitectureKeys;

    /// Families whose modelling code computes as Llama's in all that is told apart here; their configurations may differ.
    const LIKE_LLAMA: &[&str] = &[
        "arcee",
        "internlm2",
        "lfm2",
        "llama",
        "mimo",
        "minimax",
        "mistral",
        "mixtral",
        "mllama_text_model",
        "nemotron-nas",
        "qwen2",
        "qwen3",
        "smollm3",
    ];

    /// What a row says of names and of evidence does not make its code another.
    fn computation(code: Implementation) -> Implementation {
        Implementation {
            begins_with_token: true,
            heads_after_projections: false,
            measured: false,
            saved_layer: SavedLayer::BY_NAME,
            modules: Modules::in_order(code.modules.order),
            earlier: Earlier::SAME,
            liger: None,
            compiles: false,
            ..code
        }
    }

    #[test]
    fn no_family_is_llama_in_silence() {
        let like: BTreeSet<&str> =
            all().filter(|member| computation(member.code) == LLAMA_CODE).map(|member| member.family.id).collect();
        assert_eq!(like, LIKE_LLAMA.iter().copied().collect());
    }

    #[test]
    fn what_is_read_is_a_key_of_a_preset() {
        for key in all().flat_map(|member| member.reads.keys.iter().copied().flatten()) {
            let name = match *key {
                Key::Own(name)
                | Key::Spelled(name)
                | Key::OrZero(name)
                | Key::Named(name, _)
                | Key::OrAuto(name, _)
                | Key::OrEqual(name, _) => name,
                Key::KeyValueHeads | Key::RotaryShare(_) => continue,
            };
            assert!(!ArchitectureKeys::spellings(name).is_empty(), "`{name}` is no key of [architecture]");
        }
    }

    #[test]
    fn every_id_stands_once() {
        let ids: BTreeSet<&str> = ids().into_iter().collect();
        assert_eq!(ids.len(), all().count());
    }
}
