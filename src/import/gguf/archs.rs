//! llama.cpp's architectures, each as the `model_type` of Transformers whose tensors it has.
//!
//! A row stands here where llama.cpp's keys say all that the class of Transformers reads.

use super::document::Document;
use super::layers;
use crate::located::PresetError;

/// An architecture.
pub(super) struct Arch {
    /// llama.cpp's name.
    pub(super) name: &'static str,
    /// The `model_type`, where nothing in the file decides it.
    model_type: &'static str,
    /// What it says beside what all say.
    says: &'static [Says],
}

/// Something that a file says.
#[derive(Clone, Copy)]
enum Says {
    /// A number, and the key that it becomes.
    Count(&'static str, &'static str),
    /// True or false.
    Flag(&'static str, &'static str),
    /// A number with a fraction.
    Float(&'static str, &'static str),
    /// A key that is true where layers have this tensor.
    Has(&'static str, &'static str),
    /// The share of a head that rotates.
    RotaryShare,
    /// A window, and which layers have it.
    Window,
    /// Which of its model types it is, by what the file has.
    Kind(fn(&Document<'_>) -> &'static str),
    /// What is more than a key.
    More(fn(&mut Document<'_>) -> Result<(), PresetError>),
}

/// Biases of queries, keys and values, with or without that of the output.
const ATTENTION_BIAS: Says = Says::Has("attention_bias", "blk.%.attn_q.bias");
const MLP_BIAS: Says = Says::Has("mlp_bias", "blk.%.ffn_up.bias");
const EXPERTS: Says = Says::Count("expert_count", "num_experts");
const LOCAL_EXPERTS: Says = Says::Count("expert_count", "num_local_experts");
const ROUTED_EXPERTS: Says = Says::Count("expert_count", "n_routed_experts");
const USED: Says = Says::Count("expert_used_count", "num_experts_per_tok");
const EXPERT_WIDTH: Says = Says::Count("expert_feed_forward_length", "moe_intermediate_size");
const SHARED_WIDTH: Says = Says::Count("expert_shared_feed_forward_length", "shared_expert_intermediate_size");
const SHARED: Says = Says::Count("expert_shared_count", "n_shared_experts");
const DENSE_FIRST: Says = Says::Count("leading_dense_block_count", "first_k_dense_replace");
const NORMALISED: Says = Says::Flag("expert_weights_norm", "norm_topk_prob");
const GROUPS: Says = Says::Count("expert_group_count", "n_group");
const GROUPS_USED: Says = Says::Count("expert_group_used_count", "topk_group");
const LOGITS_CAP: Says = Says::Float("final_logit_softcapping", "final_logit_softcapping");
const SCORES_CAP: Says = Says::Float("attn_logit_softcapping", "attn_logit_softcapping");

/// Every architecture that is read.
pub(super) const ARCHS: &[Arch] = &[
    arch("llama", "llama", &[ATTENTION_BIAS, MLP_BIAS, LOCAL_EXPERTS, USED, Says::Kind(layers::llama)]),
    arch("mistral3", "ministral3", &[]),
    arch("qwen2", "qwen2", &[]),
    arch("qwen2vl", "qwen2", &[]),
    arch("qwen2moe", "qwen2_moe", &[EXPERTS, USED, EXPERT_WIDTH, SHARED_WIDTH]),
    arch("qwen3", "qwen3", &[ATTENTION_BIAS]),
    arch("qwen3vl", "qwen3", &[ATTENTION_BIAS]),
    arch("qwen3moe", "qwen3_moe", &[ATTENTION_BIAS, EXPERTS, USED, EXPERT_WIDTH]),
    arch("qwen3vlmoe", "qwen3_moe", &[ATTENTION_BIAS, EXPERTS, USED, EXPERT_WIDTH]),
    arch(
        "qwen3next",
        "qwen3_next",
        &[EXPERTS, USED, EXPERT_WIDTH, SHARED_WIDTH, Says::RotaryShare, Says::More(layers::delta_net)],
    ),
    arch("qwen35", "qwen3_5_text", &[Says::RotaryShare, Says::More(layers::delta_net)]),
    arch(
        "qwen35moe",
        "qwen3_5_moe_text",
        &[EXPERTS, USED, EXPERT_WIDTH, SHARED_WIDTH, Says::RotaryShare, Says::More(layers::delta_net)],
    ),
    arch("gemma", "gemma", &[]),
    arch("gemma2", "gemma2", &[Says::Window, LOGITS_CAP, SCORES_CAP]),
    arch("gemma3", "gemma3_text", &[Says::Window, LOGITS_CAP]),
    arch("phi3", "phi3", &[Says::RotaryShare, Says::Window]),
    arch("phimoe", "phimoe", &[ATTENTION_BIAS, LOCAL_EXPERTS, USED, Says::Has("lm_head_bias", "output.bias")]),
    arch("deepseek", "deepseek", &[ROUTED_EXPERTS, USED, EXPERT_WIDTH, SHARED, DENSE_FIRST, NORMALISED]),
    arch(
        "deepseek2",
        "deepseek_v2",
        &[
            ROUTED_EXPERTS,
            USED,
            EXPERT_WIDTH,
            SHARED,
            DENSE_FIRST,
            NORMALISED,
            GROUPS,
            GROUPS_USED,
            Says::More(layers::latent),
            Says::Kind(layers::deepseek),
        ],
    ),
    arch("glm4", "glm4", &[ATTENTION_BIAS, Says::RotaryShare]),
    arch(
        "glm4moe",
        "glm4_moe",
        &[
            ATTENTION_BIAS,
            ROUTED_EXPERTS,
            USED,
            EXPERT_WIDTH,
            SHARED,
            DENSE_FIRST,
            NORMALISED,
            Says::RotaryShare,
            Says::Has("use_qk_norm", "blk.%.attn_q_norm.weight"),
        ],
    ),
    arch("command-r", "cohere", &[ATTENTION_BIAS, Says::Has("use_qk_norm", "blk.%.attn_q_norm.weight")]),
    arch("cohere2", "cohere2", &[ATTENTION_BIAS, Says::Window]),
    arch(
        "gpt-oss",
        "gpt_oss",
        &[LOCAL_EXPERTS, USED, Says::Count("expert_feed_forward_length", "intermediate_size"), Says::Window],
    ),
    arch("granite", "granite", &[ATTENTION_BIAS, MLP_BIAS]),
    arch("mamba", "mamba", &[Says::Kind(layers::mamba), Says::More(layers::scan)]),
    arch("mamba2", "mamba2", &[Says::More(layers::scan_by_heads)]),
    arch("nemotron", "nemotron", &[ATTENTION_BIAS, MLP_BIAS, Says::RotaryShare]),
    arch("nemotron_h", "nemotron_h", &[Says::More(layers::nemotron_h)]),
    arch(
        "nemotron_h_moe",
        "nemotron_h",
        &[
            ROUTED_EXPERTS,
            USED,
            EXPERT_WIDTH,
            SHARED,
            NORMALISED,
            GROUPS,
            Says::Count("moe_latent_size", "moe_latent_size"),
            Says::Count("expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size"),
            Says::More(layers::nemotron_h),
        ],
    ),
    arch("olmo2", "olmo2", &[Says::Kind(layers::olmo2), Says::Window]),
    arch("olmoe", "olmoe", &[EXPERTS, USED]),
    arch("arcee", "arcee", &[ATTENTION_BIAS, MLP_BIAS]),
    arch("smollm3", "smollm3", &[ATTENTION_BIAS, MLP_BIAS]),
    arch("seed_oss", "seed_oss", &[ATTENTION_BIAS, Says::Has("attention_out_bias", "blk.%.attn_output.bias")]),
];

const fn arch(name: &'static str, model_type: &'static str, says: &'static [Says]) -> Arch {
    Arch { name, model_type, says }
}

impl Arch {
    /// Everything that the file says under this architecture.
    pub(super) fn read(&self, document: &mut Document<'_>) -> Result<(), PresetError> {
        let mut model_type = self.model_type;
        layers::common(document)?;
        for says in self.says {
            match *says {
                Says::Count(suffix, key) => document.copy(suffix, key)?,
                Says::Flag(suffix, key) => document.copy_flag(suffix, key)?,
                Says::Float(suffix, key) => document.copy_float(suffix, key)?,
                Says::Has(key, tensor) => {
                    let has = document.layers_with(tensor).is_some() || document.tensor(tensor).is_some();
                    document.set_by_tensors(key, tensor, has);
                }
                Says::RotaryShare => layers::rotary_share(document)?,
                Says::Window => layers::window(document)?,
                Says::Kind(kind) => model_type = kind(document),
                Says::More(more) => more(document)?,
            }
        }
        document.set_by_tensors("model_type", "general.architecture", model_type);
        Ok(())
    }
}
