//! The keys of an `[architecture]`, as people write them.

use serde::{Deserialize, Serialize};

use super::{BlockKeys, CompressedKeys, EncoderKeys, HybridKeys, ImageKeys, RecurrentKeys, Seq2SeqKeys, VariantKeys};

/// The `[architecture]` table of a model preset: Hugging Face `config.json` keys.
///
/// Every key may be left out; [`Architecture::resolve`](super::Architecture::resolve) then takes the family's default or says which one it needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchitectureKeys {
    /// Width of the residual stream.
    pub hidden_size: Option<u64>,
    /// Number of layers; of the encoder where there is a decoder beside it.
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
    /// Latent attention: whether its output is multiplied by a gate (Kimi K3).
    pub mla_use_output_gate: Option<bool>,
    /// The type in which the weights were published.
    pub torch_dtype: Option<String>,
    /// What newer families do otherwise.
    #[serde(flatten)]
    pub variant: VariantKeys,
    /// What each layer is, where they differ one by one.
    #[serde(flatten)]
    pub blocks: BlockKeys,
    /// Compressed attention and mixed streams.
    #[serde(flatten)]
    pub compressed: CompressedKeys,
    /// What encoders have outside their layers.
    #[serde(flatten)]
    pub encoder: EncoderKeys,
    /// An encoder and a decoder in one model.
    #[serde(flatten)]
    pub seq2seq: Seq2SeqKeys,
    /// Tokens that are patches of an image.
    #[serde(flatten)]
    pub image: ImageKeys,
    /// Width that routed experts work in, where the stream is projected down to it.
    pub moe_latent_size: Option<u64>,
    /// Whether what they give there is normed before it is projected back (Kimi K3).
    pub latent_moe_use_norm: Option<bool>,
    /// Which layers have which mixer, where not all have the same.
    #[serde(flatten)]
    pub hybrid: HybridKeys,
    /// Dimensions of recurrent mixers.
    #[serde(flatten)]
    pub recurrent: RecurrentKeys,
}
