//! The model families: what every model of one Hugging Face `model_type` has in common.
//!
//! A family is data. It says which pieces a layer is made of and which values a `config.json` may leave out. The types
//! stand here, the families themselves in `families`, and how memory is spent on those pieces is the business of
//! `framework`.

mod compressed;
mod encoders;
mod hybrid;
mod seq2seq;
mod variant;
mod vision;

pub use compressed::CompressedDefaults;
pub use encoders::{EncoderDefaults, LocalDefaults};
pub use hybrid::{FeedForwards, HybridDefaults, Mamba2Defaults, MixerDefaults, Pattern};
pub use seq2seq::{DecoderDefaults, DistanceDefaults, PositionTable, Seq2SeqDefaults, SoundDefaults};
pub use variant::{IndexerDefaults, VariantDefaults};
pub use vision::ImageDefaults;

/// The constants of one `model_type`.
#[derive(Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "which parts have a bias")]
pub struct Family {
    /// The Hugging Face `model_type`.
    pub id: &'static str,
    /// The kind of every norm in the model.
    pub norm: NormKind,
    /// Where a layer's norms stand.
    pub placement: Placement,
    /// Where they stand where `use_parallel_residual` asks for it, in families that leave it open.
    pub optional_placement: Option<Placement>,
    /// How queries, keys and values are projected.
    pub projection: Projection,
    /// Whether one key and value head serves all query heads where the config does not say, in families that know no
    /// other number but all or one.
    pub multi_query: Option<bool>,
    /// Query and key norms.
    pub qk_norm: QkNorm,
    /// Query and key norms where `use_qk_norm` asks for them.
    pub optional_qk_norm: QkNorm,
    /// Whether the bias of the other projections says nothing about that of the output.
    pub bias_of_output_apart: bool,
    /// The feed-forward network.
    pub mlp: MlpKind,
    /// How positions enter.
    pub positions: PositionKind,
    /// Rows of a table of learned positions that no position uses.
    pub unused_positions: u64,
    /// Rows of the token table that the head has none for.
    pub unused_tokens: u64,
    /// Whether a norm follows the embedding.
    pub embedding_norm: bool,
    /// Whether only layers with a window rotate queries and keys, where any layer has one.
    pub rotates_with_window_only: bool,
    /// Bias of the query, key and value projections where the config does not say.
    pub qkv_bias: bool,
    /// Bias of the attention output projection where the config does not say.
    pub output_bias: bool,
    /// Bias of the feed-forward projections where the config does not say.
    pub mlp_bias: bool,
    /// The experts of its layers, where it has any.
    pub experts: Option<ExpertDefaults>,
    /// The ranks and head widths of latent attention, where it has that.
    pub latent: Option<LatentDefaults>,
    /// Whether each head has a learned score that joins its softmax and is dropped after it.
    pub sinks: bool,
    /// Its recurrent mixers and the layers that have them, where it has any.
    pub hybrid: Option<HybridDefaults>,
    /// Whether attention's output is multiplied by a gate.
    pub attention_gate: bool,
    /// Bias of the head where the config does not say.
    pub head_bias: bool,
    /// Its compressed attention and mixed streams, where it has those.
    pub compressed: Option<CompressedDefaults>,
    /// What it has outside its layers, where tokens see each other in both directions.
    pub encoder: Option<EncoderDefaults>,
    /// Its two stacks of layers, where a decoder attends to what an encoder gives.
    pub seq2seq: Option<Seq2SeqDefaults>,
    /// How it reads images, where its tokens are patches of one.
    pub image: Option<ImageDefaults>,
    /// What it does otherwise.
    pub variant: VariantDefaults,
    /// The values that Transformers' config class has for keys a `config.json` leaves out.
    pub defaults: Defaults,
}

/// Defaults of Transformers 5.23's config class for a mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpertDefaults {
    /// Experts of a layer.
    pub count: u64,
    /// Experts that compute each token.
    pub per_token: u64,
    /// `moe_intermediate_size`; `None`: experts have the `intermediate_size`.
    pub intermediate_size: Option<u64>,
    /// Whether the weights of the chosen experts are made to add up to one.
    pub normalised: Normalisation,
    /// What stands beside the routed experts.
    pub shared: SharedDefault,
    /// Dense layers before the first with experts.
    pub first_dense: u64,
    /// `n_group` and `topk_group`, where experts are chosen by group.
    pub groups: Option<[u64; 2]>,
    /// Whether a buffer corrects the scores by which experts are chosen.
    pub correction_bias: bool,
    /// Whether the router and every expert's projections have a bias.
    pub bias: bool,
}

/// What stands beside the routed experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedDefault {
    /// Nothing.
    None,
    /// An expert with a gate; the default of `shared_expert_intermediate_size`.
    Gated(u64),
    /// An expert without a gate; the default of its width.
    Beside(u64),
    /// So many experts in one, without a gate; the default of `n_shared_experts`.
    Several(u64),
    /// The dense network of the layer, in full.
    Dense,
}

/// Defaults of Transformers 5.23's config class for latent attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentDefaults {
    /// `q_lora_rank`.
    pub query_rank: u64,
    /// `kv_lora_rank`.
    pub kv_rank: u64,
    /// `qk_nope_head_dim`.
    pub nope_head_dim: u64,
    /// `qk_rope_head_dim`.
    pub rope_head_dim: u64,
    /// `v_head_dim`.
    pub value_head_dim: u64,
}

/// Whether the weights of the chosen experts are made to add up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// Always.
    Always,
    /// Never, whatever the config says.
    Never,
    /// Where `norm_topk_prob` says so; with the class's default.
    Optional(bool),
}

/// Kinds of norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Root mean square with one weight per channel.
    Rms,
    /// Gemma's: root mean square whose weight is stored as its difference from one and applied in fp32.
    GemmaRms,
    /// Layer norm with weight and bias.
    Layer,
    /// Layer norm with a weight only.
    LayerWithoutBias,
    /// Layer norm with neither.
    LayerWithoutWeight,
}

impl NormKind {
    /// Parameters of a norm over so many channels.
    pub const fn parameter_tensors(self) -> u64 {
        match self {
            Self::Rms | Self::GemmaRms | Self::LayerWithoutBias => 1,
            Self::Layer => 2,
            Self::LayerWithoutWeight => 0,
        }
    }
}

/// Where a layer's two norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Before attention and before the feed-forward network.
    Pre,
    /// After each of them, before the residual is added (OLMo 2).
    Post,
    /// Both before, from the same residual stream: attention and feed-forward run side by side (GPT-NeoX).
    Parallel,
    /// One before both, which run side by side (Phi).
    ParallelOneNorm,
    /// Before and after each of them: four norms (Gemma 2).
    Sandwich,
    /// Before each of them, and what is normed is the residual too (an option of BLOOM).
    NormedResidual,
    /// After each residual is added (the first transformers, OPT-350M).
    AfterResidual,
    /// Before each of them, and what is added to is the normed stream, both weighed (MiniMax-01).
    NormedStream,
}

/// How queries, keys and values are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// Three matrices.
    Separate,
    /// One matrix for all three.
    Fused,
    /// One matrix in which each group of query heads is followed by its key and its value head; both are expanded to all
    /// query heads as they are taken apart, and cached so (Falcon-40B).
    FusedByGroup,
}

/// Norms on queries and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QkNorm {
    /// None.
    None,
    /// Over each head, one weight of `head_dim` for all heads.
    PerHead,
    /// Over all heads at once.
    FullWidth,
    /// Over each head, without a weight.
    WithoutWeight,
    /// Over each head, with a weight of its own for each head.
    EachHead,
}

/// Kinds of dense feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlpKind {
    /// Up, activation, down.
    Plain,
    /// Gate and up apart, activated gate times up, down.
    Gated,
    /// Gate and up in one matrix.
    GatedFused,
}

/// How positions enter the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionKind {
    /// A table with a row for each position.
    Learned,
    /// Rotations of queries and keys.
    Rotary,
    /// A bias of attention scores, linear in the distance.
    Alibi,
    /// A bias of attention scores, looked up by the distance in a table that is learned.
    Relative,
    /// Not at all, or through a recurrence.
    None,
}

/// Dropout probabilities, as a model's own config has them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Dropout {
    /// After the embedding.
    pub embedding: f64,
    /// Before a residual is added.
    pub hidden: f64,
    /// On attention weights.
    pub attention: f64,
    /// Behind the activation of a feed-forward network.
    pub activation: f64,
}

/// Defaults of Transformers 5.23's config class, used for keys that a `config.json` leaves out.
#[derive(Debug, PartialEq)]
pub struct Defaults {
    /// `vocab_size`.
    pub vocab_size: u64,
    /// `hidden_size`.
    pub hidden_size: u64,
    /// `intermediate_size`; `None`: four times the hidden size.
    pub intermediate_size: Option<u64>,
    /// `num_hidden_layers`.
    pub num_hidden_layers: u64,
    /// `num_attention_heads`.
    pub num_attention_heads: u64,
    /// `num_key_value_heads`; `None`: as many as attention heads.
    pub num_key_value_heads: Option<u64>,
    /// `head_dim`; `None`: hidden size over heads.
    pub head_dim: Option<u64>,
    /// `max_position_embeddings`.
    pub max_position_embeddings: u64,
    /// `hidden_act`.
    pub hidden_act: &'static str,
    /// `tie_word_embeddings`.
    pub tie_word_embeddings: bool,
    /// `partial_rotary_factor`, in percent.
    pub rotary_percent: u64,
    /// `rotary_dim`, where a class says how many channels rotate and not which share.
    pub rotary_dim: Option<u64>,
    /// Dropout.
    pub dropout: Dropout,
    /// `sliding_window`.
    pub sliding_window: Option<u64>,
    /// Where only some layers slide: every so many-th sees all tokens.
    pub sliding_window_pattern: Option<u64>,
    /// Every so many-th layer does not rotate.
    pub no_rope_layer_interval: Option<u64>,
    /// Whether attention scores are soft-capped.
    pub attention_softcap: bool,
    /// Whether logits are soft-capped.
    pub logits_softcap: bool,
}
