//! The dimensions of a model: the keys people write, and the checked architecture made from them.

mod hybrid;
mod recurrent;
mod variant;

use serde::{Deserialize, Serialize};

pub use hybrid::HybridKeys;
pub use recurrent::RecurrentKeys;
pub use variant::{AttentionVariant, Indexer, KeyValues, LayerVariant, PerLayerInputs, VariantKeys};

use super::family::{
    Dropout, ExpertDefaults, Family, LatentDefaults, MlpKind, NormKind, Normalisation, Placement, PositionKind,
    Projection, QkNorm, SharedDefault,
};
use super::recurrent::Recurrent;

/// The `[architecture]` table of a model preset: Hugging Face `config.json` keys.
///
/// Every key may be left out; [`Architecture::resolve`] then takes the family's default or says which one it needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchitectureKeys {
    /// Width of the residual stream.
    pub hidden_size: Option<u64>,
    /// Number of layers.
    pub num_hidden_layers: Option<u64>,
    /// Query heads.
    pub num_attention_heads: Option<u64>,
    /// Key and value heads; as many as query heads where absent.
    pub num_key_value_heads: Option<u64>,
    /// Channels of one head; `hidden_size / num_attention_heads` where absent.
    pub head_dim: Option<u64>,
    /// Width of the feed-forward network.
    pub intermediate_size: Option<u64>,
    /// Rows of the embedding table.
    pub vocab_size: Option<u64>,
    /// Longest sequence; rows of the position table where positions are learned.
    pub max_position_embeddings: Option<u64>,
    /// Whether the head shares the embedding's matrix.
    pub tie_word_embeddings: Option<bool>,
    /// Bias of the query, key and value projections.
    pub attention_bias: Option<bool>,
    /// Bias of the attention output projection; follows `attention_bias` where that decides both (Llama).
    pub attention_output_bias: Option<bool>,
    /// Bias of the feed-forward projections.
    pub mlp_bias: Option<bool>,
    /// Bias of the head.
    pub lm_head_bias: Option<bool>,
    /// Activation function, by its Hugging Face name.
    pub hidden_act: Option<String>,
    /// GPT-J: channels of a head that rotate.
    pub rotary_dim: Option<u64>,
    /// Share of a head's channels that rotate, from 0 to 1.
    pub partial_rotary_factor: Option<f64>,
    /// GPT-NeoX: whether attention and feed-forward run side by side.
    pub use_parallel_residual: Option<bool>,
    /// Tokens that a layer's attention sees; 0 or absent: all of them.
    pub sliding_window: Option<u64>,
    /// Where only some layers have a window: every so many-th sees all tokens.
    pub sliding_window_pattern: Option<u64>,
    /// `sliding_attention` or `full_attention` for each layer, where that follows no pattern.
    pub layer_types: Option<Vec<String>>,
    /// Every so many-th layer does not rotate queries and keys.
    pub no_rope_layer_interval: Option<u64>,
    /// For each layer 1 if it rotates, 0 if not, where that follows no interval.
    pub no_rope_layers: Option<Vec<u64>>,
    /// Whether queries and keys are normed, where a family leaves it open.
    pub use_qk_norm: Option<bool>,
    /// Soft cap of attention scores; 0: none.
    pub attn_logit_softcapping: Option<f64>,
    /// Soft cap of logits; 0: none.
    pub final_logit_softcapping: Option<f64>,
    /// Dropout of attention weights.
    pub attention_dropout: Option<f64>,
    /// Dropout before a residual is added.
    pub hidden_dropout: Option<f64>,
    /// Dropout after the embedding.
    pub embedding_dropout: Option<f64>,
    /// Routed experts of a layer.
    pub num_experts: Option<u64>,
    /// Experts that compute each token.
    pub num_experts_per_tok: Option<u64>,
    /// Width of one routed expert; `intermediate_size` where absent (Mixtral).
    pub moe_intermediate_size: Option<u64>,
    /// Width of the expert that computes every token.
    pub shared_expert_intermediate_size: Option<u64>,
    /// Whether the weights of the chosen experts are made to add up to one.
    pub norm_topk_prob: Option<bool>,
    /// Every so many layers, one has experts; 1 where absent.
    pub decoder_sparse_step: Option<u64>,
    /// Layers without experts, counted from 0.
    pub mlp_only_layers: Option<Vec<u64>>,
    /// Experts that compute every token, as one of their widths together.
    pub n_shared_experts: Option<u64>,
    /// Dense layers before the first with experts.
    pub first_k_dense_replace: Option<u64>,
    /// Groups from which experts are chosen.
    pub n_group: Option<u64>,
    /// Groups that are chosen for each token.
    pub topk_group: Option<u64>,
    /// Whether one key and value head serves all query heads, in families that know no other number but all or one.
    pub multi_query: Option<bool>,
    /// Falcon: whether attention and feed-forward run side by side.
    pub parallel_attn: Option<bool>,
    /// Falcon: whether keys and values are grouped, attention and feed-forward side by side in any case.
    pub new_decoder_architecture: Option<bool>,
    /// Falcon: norms before the two where keys and values are grouped; 2 where absent.
    pub num_ln_in_parallel_attn: Option<u64>,
    /// BLOOM: whether what is normed is the residual too.
    pub apply_residual_connection_post_layernorm: Option<bool>,
    /// OPT: width of the embedding, where it is not that of the residual stream.
    pub word_embed_proj_dim: Option<u64>,
    /// OPT: whether norms come before attention and feed-forward, not after their residuals.
    pub do_layer_norm_before: Option<bool>,
    /// OPT: whether the final norm is left out all the same.
    #[serde(rename = "_remove_final_layer_norm")]
    pub remove_final_layer_norm: Option<bool>,
    /// OPT: whether norms have weights and biases.
    pub layer_norm_elementwise_affine: Option<bool>,
    /// Latent attention: width of the compressed query; 0: queries are not compressed.
    pub q_lora_rank: Option<u64>,
    /// Latent attention: width of the compressed keys and values.
    pub kv_lora_rank: Option<u64>,
    /// Latent attention: channels of a head that do not rotate.
    pub qk_nope_head_dim: Option<u64>,
    /// Latent attention: channels of a head that rotate.
    pub qk_rope_head_dim: Option<u64>,
    /// Latent attention: channels of a head's values.
    pub v_head_dim: Option<u64>,
    /// The type in which the weights were published.
    pub torch_dtype: Option<String>,
    /// What newer families do otherwise.
    #[serde(flatten)]
    pub variant: VariantKeys,
    /// Width that routed experts work in, where the stream is projected down to it.
    pub moe_latent_size: Option<u64>,
    /// Which layers have which mixer, where not all have the same.
    #[serde(flatten)]
    pub hybrid: HybridKeys,
    /// Dimensions of recurrent mixers.
    #[serde(flatten)]
    pub recurrent: RecurrentKeys,
}

/// A checked architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Width of the residual stream, `h`.
    pub hidden_size: u64,
    /// Width of the embedding and of what the head reads; where it is not `h`, matrices project from and to it.
    pub embedding_size: u64,
    /// Rows of the embedding table, `V`.
    pub vocab_size: u64,
    /// Longest sequence that the model was made for.
    pub max_position_embeddings: u64,
    /// Whether the head shares the embedding's matrix.
    pub tie_word_embeddings: bool,
    /// Whether the head has a bias.
    pub lm_head_bias: bool,
    /// How positions enter.
    pub positions: PositionKind,
    /// Rows of a table of learned positions that no position uses.
    pub unused_positions: u64,
    /// The kind of every norm.
    pub norm: NormKind,
    /// The norm after the embedding, where there is one.
    pub embedding_norm: Option<NormKind>,
    /// The norm after the last layer, where there is one.
    pub final_norm: Option<NormKind>,
    /// Whether logits are soft-capped.
    pub logits_softcap: bool,
    /// Dropout where the run does not say.
    pub dropout: Dropout,
    /// The word of `infer.weights` for the type in which the weights were published, where that is known.
    pub native_weights: Option<&'static str>,
    /// A vector for each token and layer, where there is one.
    pub per_layer_inputs: Option<PerLayerInputs>,
    /// Residual streams, where there are several.
    pub streams: Option<u64>,
    /// The layers, first to last.
    pub groups: Vec<LayerGroup>,
}

/// So many equal layers in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerGroup {
    /// How many.
    pub layers: u64,
    /// What each is.
    pub layer: Layer,
}

/// One decoder layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The kind of its norms.
    pub norm: NormKind,
    /// Where they stand.
    pub placement: Placement,
    /// What mixes its tokens.
    pub mixer: Mixer,
    /// Its feed-forward network.
    pub feed_forward: FeedForward,
    /// What it has beside them.
    pub variant: LayerVariant,
}

impl Layer {
    /// Its attention, where that mixes its tokens.
    pub const fn attention(&self) -> Option<&Attention> {
        match &self.mixer {
            Mixer::Attention(attention) | Mixer::Both(attention, _) => Some(attention),
            Mixer::Recurrent(_) | Mixer::None => None,
        }
    }

    /// Its attention, to be changed.
    pub const fn attention_mut(&mut self) -> Option<&mut Attention> {
        match &mut self.mixer {
            Mixer::Attention(attention) | Mixer::Both(attention, _) => Some(attention),
            Mixer::Recurrent(_) | Mixer::None => None,
        }
    }

    /// Its recurrent mixer, where it has one.
    pub const fn recurrent(&self) -> Option<&Recurrent> {
        match &self.mixer {
            Mixer::Recurrent(recurrent) | Mixer::Both(_, recurrent) => Some(recurrent),
            Mixer::Attention(_) | Mixer::None => None,
        }
    }
}

/// The half of a layer in which tokens see each other.
#[derive(Debug, Clone, PartialEq)]
pub enum Mixer {
    /// Attention over keys and values of earlier tokens.
    Attention(Attention),
    /// A state of fixed size in place of keys and values.
    Recurrent(Recurrent),
    /// Both, side by side over the same normed stream (Falcon-H1).
    Both(Attention, Recurrent),
    /// Nothing: the layer is its feed-forward network alone.
    None,
}

impl Mixer {
    /// The names of the norm before it.
    pub(super) const fn norm_names(&self) -> [&'static str; 2] {
        match self {
            Self::Attention(_) | Self::None => ["attention norm.weight", "attention norm.bias"],
            Self::Recurrent(_) | Self::Both(..) => ["mixer norm.weight", "mixer norm.bias"],
        }
    }
}

/// Grouped-query attention; multi-head and multi-query are its two ends.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent parts that it has or not")]
pub struct Attention {
    /// Query heads, `a`.
    pub heads: u64,
    /// Key and value heads, `k`.
    pub kv_heads: u64,
    /// Channels of a head, `d`.
    pub head_dim: u64,
    /// Channels of a head that rotate.
    pub rotary_dim: u64,
    /// One matrix or three.
    pub projection: Projection,
    /// Bias of the query, key and value projections.
    pub qkv_bias: bool,
    /// Bias of the output projection.
    pub output_bias: bool,
    /// Norms on queries and keys.
    pub qk_norm: QkNorm,
    /// Tokens that are seen, where not all are.
    pub sliding_window: Option<u64>,
    /// Whether scores are soft-capped.
    pub softcap: bool,
    /// Whether each head has a learned score that joins its softmax.
    pub sinks: bool,
    /// Whether the output is multiplied by a gate, which the query projection makes beside the queries.
    pub gate: bool,
    /// Keys and values expanded from a compressed vector; `head_dim` is then the queries' and keys'.
    pub latent: Option<Latent>,
    /// What newer families do otherwise.
    pub variant: AttentionVariant,
}

/// Latent attention (DeepSeek): what a token's keys and values are compressed to, and the widths of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latent {
    /// Width of the compressed query, where there is one.
    pub query_rank: Option<u64>,
    /// Width of the compressed keys and values.
    pub kv_rank: u64,
    /// Channels of a query or key head that do not rotate.
    pub nope_head_dim: u64,
    /// Channels of a query or key head that rotate.
    pub rope_head_dim: u64,
    /// Channels of a value head.
    pub value_head_dim: u64,
}

impl Attention {
    /// Channels of all query heads, `q = a·d`.
    pub const fn query_size(&self) -> u64 {
        self.heads * self.head_dim
    }

    /// Key and value heads that a cache holds.
    pub const fn cached_heads(&self) -> u64 {
        match self.projection {
            Projection::FusedByGroup => self.heads,
            Projection::Separate | Projection::Fused => self.kv_heads,
        }
    }

    /// Channels of all key heads, `κ = k·d`.
    pub const fn kv_size(&self) -> u64 {
        self.kv_heads * self.head_dim
    }

    /// Channels of one head's values.
    pub const fn value_head_dim(&self) -> u64 {
        match (self.latent, self.variant.value_head_dim) {
            (Some(latent), _) => latent.value_head_dim,
            (None, Some(size)) => size,
            (None, None) => self.head_dim,
        }
    }
}

/// The feed-forward half of a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedForward {
    /// The same matrices for every token.
    Dense(Mlp),
    /// Experts, of which a router chooses a few for each token.
    Experts(Experts),
    /// Nothing: the layer is its mixer alone.
    None,
}

/// A mixture of experts.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent parts that they have or not")]
pub struct Experts {
    /// How many there are, `E`.
    pub count: u64,
    /// How many compute each token, `e`.
    pub per_token: u64,
    /// The width of each, `m`.
    pub intermediate_size: u64,
    /// Their activation function.
    pub activation: Activation,
    /// Whether each has a gate beside its projection up.
    pub gated: bool,
    /// The width they work in, where the stream is projected down to it and up again.
    pub latent: Option<u64>,
    /// Whether the weights of the chosen ones are made to add up to one.
    pub normalised: bool,
    /// The expert that computes every token.
    pub shared: Option<SharedExpert>,
    /// Groups from which they are chosen; 1 where they are not grouped.
    pub groups: u64,
    /// Groups that are chosen for each token.
    pub chosen_groups: u64,
    /// Whether a buffer corrects the scores that choose.
    pub correction_bias: bool,
    /// Whether the router and every expert's projections have a bias.
    pub bias: bool,
}

/// An expert beside the routed ones, for every token.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedExpert {
    /// Its matrices.
    pub mlp: Mlp,
    /// Whether its output is weighed by a gate.
    pub gated: bool,
}

/// A dense feed-forward network.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    /// Its width, `f`.
    pub intermediate_size: u64,
    /// Plain or gated.
    pub kind: MlpKind,
    /// Its activation function.
    pub activation: Activation,
    /// Whether its projections have a bias.
    pub bias: bool,
}

/// Activation functions, by what they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `silu`, `swish`: one operation.
    Silu,
    /// `gelu`, `gelu_pytorch_tanh`: one operation.
    Gelu,
    /// `gelu_new`, `gelu_fast`: the tanh approximation written out in Python.
    GeluPython,
    /// `bloom_gelu`, BLOOM's own: an autograd function whose forward and backward are written out.
    GeluFunction,
    /// `relu`: one operation that keeps its result.
    Relu,
    /// `relu2`: a square after it, which keeps the result of the first.
    ReluSquared,
    /// `xielu`: squares and exponentials written out, with two learned numbers.
    Xielu,
}

impl Activation {
    /// Names in `config.json` and what they mean here.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("gelu", Self::Gelu),
        ("gelu_pytorch_tanh", Self::Gelu),
        ("gelu_new", Self::GeluPython),
        ("bloom_gelu", Self::GeluFunction),
        ("relu", Self::Relu),
        ("relu2", Self::ReluSquared),
        ("xielu", Self::Xielu),
    ];

    fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }
}

/// Why keys make no architecture: the key at fault and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ArchitectureError {
    /// The key at fault.
    pub key: &'static str,
    /// What was found and what would be right.
    pub problem: String,
}

impl ArchitectureError {
    fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

/// No dimension of a real model comes near this; beyond it a number is a slip of the keyboard.
const LARGEST_DIMENSION: u64 = 1 << 28;

impl Architecture {
    /// The architecture that `keys` describe for a `family`; what they leave out has the family's default.
    pub fn resolve(family: &'static Family, keys: &ArchitectureKeys) -> Result<Self, ArchitectureError> {
        let defaults = &family.defaults;
        let positions = keys.hybrid.positions(family);
        let hidden_size = dimension("hidden_size", keys.hidden_size.unwrap_or(defaults.hidden_size))?;
        let layers = dimension("num_hidden_layers", keys.num_hidden_layers.unwrap_or(defaults.num_hidden_layers))?;
        let mut attention = attention(family, keys, hidden_size)?;
        if let Some(defaults) = family.latent {
            attention = latent(defaults, keys, &attention)?;
        }
        let intermediate = keys.intermediate_size.or(defaults.intermediate_size);
        let intermediate_size = match intermediate {
            Some(size) => dimension("intermediate_size", size)?,
            None => 4 * hidden_size,
        };
        let name = keys.hidden_act.as_deref().unwrap_or(defaults.hidden_act);
        let activation = Activation::by_name(name).ok_or_else(|| {
            let known: Vec<_> = Activation::NAMES.iter().map(|(known, _)| *known).collect();
            ArchitectureError::new("hidden_act", format!("`{name}` is none of {}", known.join(", ")))
        })?;
        let placement = placement(family, keys);
        let norm = match keys.layer_norm_elementwise_affine {
            Some(false) => NormKind::LayerWithoutWeight,
            _ => family.norm,
        };
        let mlp =
            Mlp { intermediate_size, kind: family.mlp, activation, bias: keys.mlp_bias.unwrap_or(family.mlp_bias) };
        let experts = expert_defaults(family, keys).map(|defaults| experts(defaults, keys, &mlp)).transpose()?;
        let first_dense = family.experts.map_or(0, |defaults| defaults.first_dense);
        let mixer = Mixer::Attention(attention);
        let layer =
            Layer { norm, placement, mixer, feed_forward: FeedForward::Dense(mlp), variant: LayerVariant::default() };
        let groups = if let Some(defaults) = &family.hybrid {
            hybrid::groups(defaults, keys, &hybrid::Parts { hidden_size, layer, experts, first_dense }, layers)?
        } else {
            let groups = groups(family, keys, layer, layers)?;
            match &experts {
                Some(experts) => with_experts(keys, &groups, experts, first_dense)?,
                None => groups,
            }
        };
        let groups = variant::apply(&family.variant, &keys.variant, keys.v_head_dim, groups)?;
        Ok(Self {
            hidden_size,
            embedding_size: dimension("word_embed_proj_dim", keys.word_embed_proj_dim.unwrap_or(hidden_size))?,
            vocab_size: dimension("vocab_size", keys.vocab_size.unwrap_or(defaults.vocab_size))?,
            max_position_embeddings: dimension(
                "max_position_embeddings",
                keys.max_position_embeddings.unwrap_or(defaults.max_position_embeddings),
            )?,
            tie_word_embeddings: keys.tie_word_embeddings.unwrap_or(defaults.tie_word_embeddings),
            lm_head_bias: keys.lm_head_bias.unwrap_or(family.head_bias),
            positions,
            unused_positions: family.unused_positions,
            norm,
            embedding_norm: family.embedding_norm.then_some(norm),
            final_norm: (placement != Placement::AfterResidual && keys.remove_final_layer_norm != Some(true))
                .then_some(norm),
            logits_softcap: keys.final_logit_softcapping.map_or(defaults.logits_softcap, |cap| cap > 0.0),
            dropout: Dropout {
                embedding: probability("embedding_dropout", keys.embedding_dropout, defaults.dropout.embedding)?,
                hidden: probability("hidden_dropout", keys.hidden_dropout, defaults.dropout.hidden)?,
                attention: probability("attention_dropout", keys.attention_dropout, defaults.dropout.attention)?,
            },
            native_weights: keys.torch_dtype.as_deref().map(native_weights).transpose()?,
            per_layer_inputs: variant::per_layer_inputs(&family.variant, &keys.variant),
            streams: variant::streams(&family.variant, &keys.variant),
            groups,
        })
    }

    /// Channels of a head that rotate, in the layers that rotate any.
    pub fn rotary_dim(&self) -> u64 {
        self.attentions().map(|attention| attention.rotary_dim).max().unwrap_or(0)
    }

    /// Whether some layer has a window, and whether some layer has none.
    pub fn windows(&self) -> [bool; 2] {
        let windowed = |attention: &Attention| attention.sliding_window.is_some();
        [self.attentions().any(windowed), !self.attentions().all(windowed)]
    }

    /// The attention of each group of layers that has one.
    pub fn attentions(&self) -> impl Iterator<Item = &Attention> {
        self.groups.iter().filter_map(|group| group.layer.attention())
    }

    /// All layers.
    pub fn num_hidden_layers(&self) -> u64 {
        self.groups.iter().map(|group| group.layers).sum()
    }
}

fn placement(family: &Family, keys: &ArchitectureKeys) -> Placement {
    if keys.do_layer_norm_before == Some(false) {
        return Placement::AfterResidual;
    }
    if keys.apply_residual_connection_post_layernorm == Some(true) {
        return Placement::NormedResidual;
    }
    if keys.new_decoder_architecture == Some(true) {
        let one = keys.num_ln_in_parallel_attn == Some(1);
        return if one { Placement::ParallelOneNorm } else { Placement::Parallel };
    }
    if keys.parallel_attn == Some(false) {
        return Placement::Pre;
    }
    match (family.placement, keys.use_parallel_residual) {
        (Placement::Parallel, Some(false)) => Placement::Pre,
        (Placement::Pre, Some(true)) if family.id == "stablelm" => Placement::ParallelOneNorm,
        (placement, _) => placement,
    }
}

/// The family's experts, unless its class has none where the config names none.
fn expert_defaults(family: &Family, keys: &ArchitectureKeys) -> Option<ExpertDefaults> {
    // No experts at all: plain networks, where a hybrid family's config says so.
    let none = keys.num_experts == Some(0) && family.hybrid.is_some();
    family.experts.filter(|defaults| !none && (defaults.count > 0 || keys.num_experts.is_some_and(|count| count > 0)))
}

fn experts(defaults: ExpertDefaults, keys: &ArchitectureKeys, mlp: &Mlp) -> Result<Experts, ArchitectureError> {
    let count = dimension("num_experts", keys.num_experts.unwrap_or(defaults.count))?;
    let per_token = dimension("num_experts_per_tok", keys.num_experts_per_tok.unwrap_or(defaults.per_token))?;
    if per_token > count {
        let problem = format!("{per_token} of {count} experts: use at most {count}");
        return Err(ArchitectureError::new("num_experts_per_tok", problem));
    }
    let width = keys.moe_intermediate_size.or(defaults.intermediate_size).unwrap_or(mlp.intermediate_size);
    let width = dimension("moe_intermediate_size", width)?;
    let [groups, chosen_groups] = expert_groups(defaults, keys, count)?;
    Ok(Experts {
        count,
        per_token,
        intermediate_size: width,
        activation: mlp.activation,
        gated: mlp.kind != MlpKind::Plain,
        latent: keys.moe_latent_size.map(|size| dimension("moe_latent_size", size)).transpose()?,
        normalised: match defaults.normalised {
            Normalisation::Always => true,
            Normalisation::Never => false,
            Normalisation::Optional(default) => keys.norm_topk_prob.unwrap_or(default),
        },
        shared: shared_expert(defaults, keys, mlp, width)?,
        groups,
        chosen_groups,
        correction_bias: defaults.correction_bias,
        bias: defaults.bias,
    })
}

fn shared_expert(
    defaults: ExpertDefaults,
    keys: &ArchitectureKeys,
    mlp: &Mlp,
    width: u64,
) -> Result<Option<SharedExpert>, ArchitectureError> {
    let (intermediate_size, gated) = match defaults.shared {
        SharedDefault::None => return Ok(None),
        SharedDefault::Gated(width) => {
            let width = keys.shared_expert_intermediate_size.unwrap_or(width);
            (dimension("shared_expert_intermediate_size", width)?, true)
        }
        SharedDefault::Dense => (mlp.intermediate_size, false),
        SharedDefault::Beside(width) => {
            let width = keys.shared_expert_intermediate_size.unwrap_or(width);
            (dimension("shared_expert_intermediate_size", width)?, false)
        }
        SharedDefault::Several(count) => {
            let count = dimension("n_shared_experts", keys.n_shared_experts.unwrap_or(count))?;
            (dimension("n_shared_experts", count * width)?, false)
        }
    };
    Ok(Some(SharedExpert { mlp: Mlp { intermediate_size, ..mlp.clone() }, gated }))
}

fn expert_groups(defaults: ExpertDefaults, keys: &ArchitectureKeys, count: u64) -> Result<[u64; 2], ArchitectureError> {
    let Some([groups, chosen]) = defaults.groups else { return Ok([1, 1]) };
    let groups = dimension("n_group", keys.n_group.unwrap_or(groups))?;
    if !count.is_multiple_of(groups) || count / groups < 2 {
        let problem = format!("{groups} groups of {count} experts; each group needs the same number, at least 2");
        return Err(ArchitectureError::new("n_group", problem));
    }
    let chosen = dimension("topk_group", keys.topk_group.unwrap_or(chosen))?;
    if chosen > groups {
        return Err(ArchitectureError::new("topk_group", format!("{chosen} of {groups} groups: use at most {groups}")));
    }
    Ok([groups, chosen])
}

fn latent(
    defaults: LatentDefaults,
    keys: &ArchitectureKeys,
    attention: &Attention,
) -> Result<Attention, ArchitectureError> {
    let latent = Latent {
        query_rank: match keys.q_lora_rank.unwrap_or(defaults.query_rank) {
            0 => None,
            rank => Some(dimension("q_lora_rank", rank)?),
        },
        kv_rank: dimension("kv_lora_rank", keys.kv_lora_rank.unwrap_or(defaults.kv_rank))?,
        nope_head_dim: dimension("qk_nope_head_dim", keys.qk_nope_head_dim.unwrap_or(defaults.nope_head_dim))?,
        rope_head_dim: dimension("qk_rope_head_dim", keys.qk_rope_head_dim.unwrap_or(defaults.rope_head_dim))?,
        value_head_dim: dimension("v_head_dim", keys.v_head_dim.unwrap_or(defaults.value_head_dim))?,
    };
    if attention.kv_heads != attention.heads {
        let problem =
            format!("{}, but latent attention has as many as the {} query heads", attention.kv_heads, attention.heads);
        return Err(ArchitectureError::new("num_key_value_heads", problem));
    }
    Ok(Attention {
        head_dim: latent.nope_head_dim + latent.rope_head_dim,
        rotary_dim: latent.rope_head_dim,
        latent: Some(latent),
        ..attention.clone()
    })
}

/// The same layers with experts in place of their feed-forward network, where the keys say so.
fn with_experts(
    keys: &ArchitectureKeys,
    groups: &[LayerGroup],
    experts: &Experts,
    first_dense: u64,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let first_dense = keys.first_k_dense_replace.unwrap_or(first_dense);
    let step = dimension("decoder_sparse_step", keys.decoder_sparse_step.unwrap_or(1))?;
    let without = keys.mlp_only_layers.as_deref().unwrap_or_default();
    let sparse = |layer: &Layer| Layer { feed_forward: FeedForward::Experts(experts.clone()), ..layer.clone() };
    if step == 1 && without.is_empty() && first_dense == 0 {
        let all = groups.iter().map(|group| LayerGroup { layers: group.layers, layer: sparse(&group.layer) });
        return Ok(all.collect());
    }
    let layers: u64 = groups.iter().map(|group| group.layers).sum();
    if layers > MOST_MIXED_LAYERS {
        let problem = format!("{layers} layers, some with experts: at most {MOST_MIXED_LAYERS} are covered");
        return Err(ArchitectureError::new("num_hidden_layers", problem));
    }
    let mut mixed: Vec<LayerGroup> = Vec::new();
    let mut index = 0;
    for group in groups {
        for _ in 0..group.layers {
            let has_experts = index >= first_dense && (index + 1).is_multiple_of(step) && !without.contains(&index);
            let layer = if has_experts { sparse(&group.layer) } else { group.layer.clone() };
            append(&mut mixed, layer);
            index += 1;
        }
    }
    Ok(mixed)
}

/// Layers that are told apart one by one; no real model has as many.
const MOST_MIXED_LAYERS: u64 = 1024;

fn attention(family: &Family, keys: &ArchitectureKeys, hidden_size: u64) -> Result<Attention, ArchitectureError> {
    let defaults = &family.defaults;
    let heads = dimension("num_attention_heads", keys.num_attention_heads.unwrap_or(defaults.num_attention_heads))?;
    let grouped = keys.new_decoder_architecture == Some(true);
    let kv_heads = match family.multi_query.filter(|_| !grouped) {
        Some(default) if keys.multi_query.unwrap_or(default) => 1,
        Some(_) => heads,
        None => keys.num_key_value_heads.or(defaults.num_key_value_heads).unwrap_or(heads),
    };
    let kv_heads = dimension("num_key_value_heads", kv_heads)?;
    if !heads.is_multiple_of(kv_heads) {
        let problem = format!("{kv_heads} does not divide the {heads} of num_attention_heads");
        return Err(ArchitectureError::new("num_key_value_heads", problem));
    }
    let head_dim = match keys.head_dim.or(defaults.head_dim) {
        Some(size) => dimension("head_dim", size)?,
        // Latent attention has widths of its own.
        None if family.latent.is_some() => 1,
        None if hidden_size.is_multiple_of(heads) => hidden_size / heads,
        None => {
            let problem = format!("needed, since {heads} heads do not divide a hidden_size of {hidden_size}");
            return Err(ArchitectureError::new("head_dim", problem));
        }
    };
    let qkv_bias = keys.attention_bias.unwrap_or(family.qkv_bias);
    let output_bias = match keys.attention_output_bias {
        Some(bias) => bias,
        // Llama's and GPT-NeoX's `attention_bias` decides all four projections; Qwen2's output never has one.
        // StableLM's decides the other three.
        None if family.qkv_bias == family.output_bias && !family.bias_of_output_apart => qkv_bias,
        None => family.output_bias,
    };
    Ok(Attention {
        heads,
        kv_heads,
        head_dim,
        rotary_dim: rotary_dim(family, keys, head_dim)?,
        projection: if grouped { Projection::FusedByGroup } else { family.projection },
        qkv_bias,
        output_bias,
        qk_norm: match (family.qk_norm, keys.use_qk_norm) {
            (QkNorm::None, Some(true)) => family.optional_qk_norm,
            (QkNorm::WithoutWeight, Some(false)) => QkNorm::None,
            (norm, _) => norm,
        },
        sliding_window: keys.sliding_window.or(defaults.sliding_window).filter(|window| *window > 0),
        sinks: family.sinks,
        latent: None,
        variant: AttentionVariant::default(),
        gate: family.attention_gate,
        softcap: keys.attn_logit_softcapping.map_or(defaults.attention_softcap, |cap| cap > 0.0),
    })
}

/// The layers in order, equal neighbours together: with and without their window where only some have one.
fn groups(
    family: &Family,
    keys: &ArchitectureKeys,
    layer: Layer,
    layers: u64,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let windows = if let Some(types) = &keys.layer_types {
        Some(named_windows(types, layers)?)
    } else {
        let pattern = keys.sliding_window_pattern.or(family.defaults.sliding_window_pattern);
        pattern.map(|every| all_but_each("sliding_window_pattern", every, layers)).transpose()?
    };
    let rotations = match &keys.no_rope_layers {
        Some(flags) if flags.len() as u64 != layers => {
            let problem = format!("found {} entries for {layers} layers", flags.len());
            return Err(ArchitectureError::new("no_rope_layers", problem));
        }
        Some(flags) => Some(flags.iter().map(|flag| *flag != 0).collect()),
        None => {
            let interval = keys.no_rope_layer_interval.or(family.defaults.no_rope_layer_interval);
            interval.map(|every| all_but_each("no_rope_layer_interval", every, layers)).transpose()?
        }
    };
    if windows.is_none() && rotations.is_none() {
        return Ok(vec![LayerGroup { layers, layer }]);
    }
    let written_out = usize::try_from(layers).ok().filter(|_| layers <= MOST_LAYERS).ok_or_else(|| {
        let problem = format!("{layers} layers that differ from each other; at most {MOST_LAYERS} are told apart");
        ArchitectureError::new("num_hidden_layers", problem)
    })?;
    let mut groups: Vec<LayerGroup> = Vec::new();
    for index in 0..written_out {
        let says = |flags: &Option<Vec<bool>>| flags.as_ref().is_none_or(|flags| flags.get(index) != Some(&false));
        let mut layer = layer.clone();
        if let Some(attention) = layer.attention_mut() {
            let some_windowed = attention.sliding_window.is_some();
            attention.sliding_window = attention.sliding_window.filter(|_| says(&windows));
            let turns = says(&rotations) && !(family.rotates_with_window_only && some_windowed && !says(&windows));
            if !turns {
                attention.rotary_dim = 0;
            }
        }
        append(&mut groups, layer);
    }
    Ok(groups)
}

/// One more layer, in the last group where it is equal to that.
fn append(groups: &mut Vec<LayerGroup>, layer: Layer) {
    match groups.last_mut() {
        Some(last) if last.layer == layer => last.layers += 1,
        _ => groups.push(LayerGroup { layers: 1, layer }),
    }
}

/// Most layers that are told apart one by one; no real model comes near.
pub const MOST_LAYERS: u64 = 4096;

/// True for every layer but each so many-th.
fn all_but_each(key: &'static str, every: u64, layers: u64) -> Result<Vec<bool>, ArchitectureError> {
    if every == 0 {
        return Err(ArchitectureError::new(key, "0 is no pattern; 1: each layer is an exception"));
    }
    Ok((1..=layers.min(MOST_LAYERS)).map(|layer| layer % every != 0).collect())
}

fn named_windows(types: &[String], layers: u64) -> Result<Vec<bool>, ArchitectureError> {
    const KEY: &str = "layer_types";
    if types.len() as u64 != layers {
        return Err(ArchitectureError::new(KEY, format!("found {} entries for {layers} layers", types.len())));
    }
    let windowed = |word: &String| match word.as_str() {
        "sliding_attention" => Ok(true),
        "full_attention" => Ok(false),
        other => {
            Err(ArchitectureError::new(KEY, format!("`{other}` is neither `sliding_attention` nor `full_attention`")))
        }
    };
    types.iter().map(windowed).collect()
}

/// Channels that rotate: `int(head_dim · partial_rotary_factor)`, as Transformers computes it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the factor is in 0..=1 and a head has few channels"
)]
fn rotary_dim(family: &Family, keys: &ArchitectureKeys, head_dim: u64) -> Result<u64, ArchitectureError> {
    if keys.hybrid.positions(family) != PositionKind::Rotary {
        return Ok(0);
    }
    if let Some(size) = keys.rotary_dim.or(family.defaults.rotary_dim) {
        return match dimension("rotary_dim", size)? {
            size if size <= head_dim => Ok(size),
            size => Err(ArchitectureError::new("rotary_dim", format!("{size}, but a head has {head_dim} channels"))),
        };
    }
    match keys.partial_rotary_factor {
        None => Ok(head_dim * family.defaults.rotary_percent / 100),
        Some(factor) if (0.0..=1.0).contains(&factor) => Ok((head_dim as f64 * factor) as u64),
        Some(factor) => {
            Err(ArchitectureError::new("partial_rotary_factor", format!("{factor} is not between 0 and 1")))
        }
    }
}

fn dimension(key: &'static str, size: u64) -> Result<u64, ArchitectureError> {
    if (1..=LARGEST_DIMENSION).contains(&size) {
        Ok(size)
    } else {
        Err(ArchitectureError::new(key, format!("{size} is not between 1 and 2^28")))
    }
}

/// Types in which weights are published, and the words that `infer.weights` has for them.
const NATIVE: [(&str, &str); 8] = [
    ("bfloat16", "bf16"),
    ("float16", "fp16"),
    ("float32", "fp32"),
    ("float8_e4m3fn", "fp8"),
    ("mxfp4", "mxfp4"),
    ("gptq-int8", "gptq-int8"),
    ("gptq-int4", "gptq-int4"),
    ("awq-int4", "awq-int4"),
];

fn native_weights(dtype: &str) -> Result<&'static str, ArchitectureError> {
    let known = NATIVE.into_iter().find(|(name, _)| *name == dtype).map(|(_, word)| word);
    known.ok_or_else(|| {
        let names: Vec<_> = NATIVE.iter().map(|(name, _)| *name).collect();
        ArchitectureError::new("torch_dtype", format!("`{dtype}` is none of {}", names.join(", ")))
    })
}

fn probability(key: &'static str, value: Option<f64>, default: f64) -> Result<f64, ArchitectureError> {
    let value = value.unwrap_or(default);
    if (0.0..1.0).contains(&value) {
        Ok(value)
    } else {
        Err(ArchitectureError::new(key, format!("{value} is not a probability below 1")))
    }
}
