//! Attention: its dimensions, and how keys and the family's defaults make them.

use super::checks::{ArchitectureError, dimension};
use super::{ArchitectureKeys, AttentionVariant};
use crate::model::family::{Family, LatentDefaults, PositionKind, Projection, QkNorm};

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
    /// Whether the output is multiplied by a gate, which the query projection makes beside the queries, or a matrix of
    /// its own in latent attention.
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

    /// Whether keys have a bias.
    pub const fn key_bias(&self) -> bool {
        self.qkv_bias && !self.variant.unbiased_keys
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

/// The attention of every layer, before layers differ.
pub(super) fn resolve(
    family: &Family,
    keys: &ArchitectureKeys,
    hidden_size: u64,
) -> Result<Attention, ArchitectureError> {
    let attention = of_heads(family, keys, hidden_size)?;
    match family.latent {
        Some(defaults) => latent(defaults, keys, &attention),
        None => Ok(attention),
    }
}

fn of_heads(family: &Family, keys: &ArchitectureKeys, hidden_size: u64) -> Result<Attention, ArchitectureError> {
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
        // Classes that know no other width of a head.
        None if family.seq2seq.is_some_and(|stacks| stacks.distances.is_none()) => {
            let problem = format!("{heads} heads do not divide a hidden_size of {hidden_size}");
            return Err(ArchitectureError::new("num_attention_heads", problem));
        }
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
        gate: keys.mla_use_output_gate == Some(true),
        ..attention.clone()
    })
}
