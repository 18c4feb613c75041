//! How the configuration class of a family reads its `config.json`.
//!
//! A key counts only where the class or the modelling code reads it, so each row lists its own. What is more than a key
//! under a name is a [`Rule`], whose code stands in `import`.

/// What a class reads beside the keys that all have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reads {
    /// Its keys, group by group; what comes later wins.
    pub keys: &'static [&'static [Key]],
    /// What makes another model or another step of it.
    pub refuses: &'static [Refusal],
    /// What else the class makes of the file.
    pub rule: Rule,
}

/// A key of `[architecture]` and the names that a class has for it, the first that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// By the same name.
    Own(&'static str),
    /// By these.
    Named(&'static str, &'static [&'static str]),
    /// By all names that classes have for it.
    Spelled(&'static str),
    /// By the same name; null is zero, also where the class's default is another number.
    OrZero(&'static str),
    /// By these; the text `auto` counts as absent.
    OrAuto(&'static str, &'static [&'static str]),
    /// By these; a list counts where the same number stands in it throughout.
    OrEqual(&'static str, &'static [&'static str]),
    /// `num_key_value_heads`; null: as many as query heads, also where the class's default is another number.
    KeyValueHeads,
    /// `partial_rotary_factor`: in the rotary parameters, or by this older name.
    RotaryShare(&'static str),
}

/// A value of a key that is not covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub when: When,
    /// What that would be.
    pub problem: &'static str,
}

/// Values of a key that are not covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `true`.
    True,
    /// `false`.
    False,
    /// Any number.
    Number,
    /// A number above zero.
    Positive,
    /// A number above one.
    Several,
    /// Anything but `true`, absence too.
    NotTrue,
    /// Anything but `false`, absence too.
    NotFalse,
    /// A list of words, or words between bars, without these.
    Without(&'static [&'static str]),
}

/// What a class makes of its file beyond names of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    Plain,
    /// BLOOM's network has no width of its own, and its sums may be sliced.
    Bloom,
    /// Layers say one by one what they are (Nemotron's searched Llamas).
    Blocks,
    /// DeepSeek-V4: compressed attention by layer, and layers whose experts are looked up.
    Compressed,
    /// DBRX's two nested objects.
    Dbrx,
    /// Hunyuan names its dense layers.
    DenseLayersNamed,
    /// dots.llm1: layers from one on slide where they are not named.
    Dots,
    /// ERNIE drops no attention weights.
    Ernie,
    /// The same, and its experts end at a layer.
    ErnieMoe,
    /// Experts in every layer (the first `DeepSeek`).
    EveryLayerRouted,
    /// Falcon groups heads in its new architecture alone.
    Falcon,
    /// Falcon-H1's width of states.
    FalconH1,
    /// Gemma 4: sizes of global layers, experts where they are asked for.
    Gemma4,
    /// GPT-Neo names its layers by list.
    GptNeo,
    /// Granite 4: without experts the one beside them is all there is.
    Granite,
    /// The sides of an image and of its patches.
    Image,
    /// Jamba: one expert is a plain network.
    Jamba,
    /// Kimi Linear's object for its linear attention.
    Kimi,
    /// The same with a flag of Kimi K3 in it.
    KimiK3,
    /// Groups of experts only by one method (DeepSeek-V2).
    GroupsByMethod,
    /// Dense layers by name or flag, with latent attention.
    DenseByLayer,
    /// The same, and some layers share an indexer (GLM-5).
    SharedIndexers,
    /// LFM2 computes the width of its network.
    Lfm2,
    /// LFM2-MoE's name for a tied head.
    Lfm2Moe,
    /// Llama 4: chunks, and layers that do not rotate.
    Llama4,
    /// Layers from one on slide where that is asked for (Qwen2, Qwen3).
    LaterLayersSlide,
    /// `MiMo`-V2: a window one wider than it says, layers by flag.
    MimoV2,
    /// `MiniMax`-M3: indexers by the kinds of layers.
    MiniMaxM3,
    /// MPT's nested object.
    Mpt,
    /// Nemotron-H: the pattern says how many layers there are.
    NemotronH,
    /// A pattern of windows where layers are not named (EXAONE, Command R).
    PatternUnlessNamed,
    /// Channels that rotate, where not their share is said (`MiniMax`).
    RotaryChannels,
    /// Two stacks, with names of their own for nearly everything.
    Seq2Seq,
    /// A window where that is asked for (Qwen3-MoE).
    SlidesWhereAsked,
    /// Step 3.5: one number of heads.
    Step,
}

impl Reads {
    /// What the class calls a key, where it has names of its own for it.
    pub fn names_of(&self, wanted: &str) -> &'static [&'static str] {
        let named = self.keys.iter().copied().flatten().rev().find_map(|key| match key {
            Key::Named(key, names) if *key == wanted => Some(*names),
            _ => None,
        });
        named.unwrap_or_default()
    }

    /// Nothing beside the keys of all.
    pub(super) const PLAIN: Self = Self { keys: &[], refuses: &[], rule: Rule::Plain };
}

/// Key and value heads, and how wide a head is.
pub(super) const HEADS: &[Key] = &[Key::KeyValueHeads, Key::Own("head_dim")];

/// Which layers have a window.
pub(super) const WINDOWS: &[Key] = &[Key::OrZero("sliding_window"), Key::Own("layer_types")];

/// Routed experts.
pub(super) const ROUTED: &[Key] = &[Key::Spelled("num_experts"), Key::Own("num_experts_per_tok")];

/// Heads and experts of classes whose names for them vary.
pub(super) const SPARSE: &[Key] = &[
    Key::KeyValueHeads,
    Key::Named("num_experts", &["n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts"]),
    Key::Named("num_experts_per_tok", &["num_experts_per_tok", "top_k_experts", "moe_top_k"]),
    Key::Own("attention_bias"),
];

/// The same where a list may stand for a number.
pub(super) const MIXTURE: &[Key] = &[
    Key::KeyValueHeads,
    Key::OrEqual("num_experts", &["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"]),
    Key::OrEqual("num_experts_per_tok", &["num_experts_per_tok", "moe_topk", "moe_k"]),
    Key::Own("attention_bias"),
];

/// Latent attention and `DeepSeek`'s experts.
pub(super) const LATENT: &[Key] = &[
    Key::Own("attention_bias"),
    Key::Own("moe_intermediate_size"),
    Key::Own("n_shared_experts"),
    Key::Own("first_k_dense_replace"),
    Key::Own("norm_topk_prob"),
    Key::Own("n_group"),
    Key::Own("topk_group"),
    Key::OrZero("q_lora_rank"),
    Key::Own("kv_lora_rank"),
    Key::Own("qk_nope_head_dim"),
    Key::Own("qk_rope_head_dim"),
    Key::Own("v_head_dim"),
];

/// Which layers have which mixer.
pub(super) const LAYER_KINDS: &[Key] = &[
    Key::Named("layer_types", &["layer_types", "layers_block_type"]),
    Key::Own("full_attention_interval"),
    Key::Own("hybrid_override_pattern"),
    Key::Named("full_attn_idxs", &["full_attn_idxs", "attn_layer_indices"]),
    Key::Own("attn_layer_period"),
    Key::Own("attn_layer_offset"),
    Key::Own("expert_layer_period"),
    Key::Own("expert_layer_offset"),
    Key::Own("position_embedding_type"),
];

/// Experts beside recurrent mixers.
pub(super) const HYBRID_ROUTED: &[Key] = &[
    Key::Spelled("num_experts"),
    Key::Named("num_experts_per_tok", &["num_experts_per_tok", "num_experts_per_token"]),
    Key::Own("norm_topk_prob"),
];

/// Mamba beside attention.
pub(super) const SCANS: &[Key] = &[
    Key::OrAuto("mamba_n_heads", &["mamba_n_heads"]),
    Key::OrAuto("mamba_d_head", &["mamba_d_head"]),
    Key::OrAuto("mamba_expand", &["mamba_expand"]),
    Key::OrAuto("mamba_n_groups", &["mamba_n_groups"]),
    Key::OrAuto("mamba_chunk_size", &["mamba_chunk_size"]),
    Key::OrAuto("mamba_d_state", &["mamba_d_state"]),
    Key::OrAuto("mamba_d_conv", &["mamba_d_conv"]),
    Key::OrAuto("mamba_dt_rank", &["mamba_dt_rank"]),
    Key::Own("mamba_conv_bias"),
    Key::Own("mamba_proj_bias"),
];

/// The auxiliary loss of router logits changes a training step.
pub(super) const ROUTER_LOSS: Refusal = Refusal {
    key: "output_router_logits",
    when: When::True,
    problem: "the auxiliary loss of router logits is not covered",
};

/// The stream that Gemma 3n's layers compute on.
pub(super) const OTHER_STREAM: Refusal = Refusal {
    key: "altup_active_idx",
    when: When::Positive,
    problem: "layers that compute on another stream than the first are not covered",
};

/// Without its scale a layer has a parameter that nothing reads.
pub(super) const UNSCALED_STREAM: Refusal = Refusal {
    key: "altup_correct_scale",
    when: When::False,
    problem: "layers that do not scale what they corrected are not covered",
};

/// Noise on what a router reads.
pub(super) const ROUTER_NOISE: Refusal =
    Refusal { key: "router_jitter_noise", when: When::Positive, problem: "noise on the router's input is not covered" };

/// Queries, keys and values within limits.
pub(super) const CLIPPED: Refusal =
    Refusal { key: "clip_qkv", when: When::Number, problem: "clipped queries, keys and values are not covered" };

/// A decoder that attends to something else too.
pub(super) const CROSS_ATTENTION: Refusal =
    Refusal { key: "add_cross_attention", when: When::True, problem: "cross attention is not covered" };

/// Latent attention as it was not published.
pub(super) const ROTATED_HALVES: Refusal = Refusal {
    key: "rope_interleave",
    when: When::False,
    problem: "latent attention that rotates halves is not covered",
};
