//! Which layers attend, which are recurrent, and which are a feed-forward network alone.

use super::checks::{ArchitectureError, dimension};
use super::groups::{MOST_MIXED_LAYERS, append};
use super::recurrent::Around;
use super::{ArchitectureKeys, Experts, FeedForward, Layer, LayerGroup, Mixer};
use crate::model::family::{Family, FeedForwards, HybridDefaults, Pattern, PositionKind};
use crate::model::keys::HybridKeys;
use crate::model::recurrent::Recurrent;

impl HybridKeys {
    /// How positions enter.
    pub(super) fn positions(&self, family: &Family) -> PositionKind {
        match self.position_embedding_type.as_deref() {
            None => family.positions,
            Some("rope") => PositionKind::Rotary,
            Some(_) => PositionKind::None,
        }
    }
}

/// What the layers are put together from.
pub(super) struct Parts {
    /// Channels of the residual stream.
    pub(super) hidden_size: u64,
    /// A layer with attention and a dense network.
    pub(super) layer: Layer,
    /// What takes the dense network's place in some layers.
    pub(super) experts: Option<Experts>,
    /// Dense layers before the first with experts.
    pub(super) first_dense: u64,
}

/// What one layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Attention,
    Recurrent,
    Both,
    Dense,
    Experts,
}

/// The letters by which Megatron writes out hybrid stacks, and Nemotron-H after it.
const LETTERS: [(char, Kind); 4] =
    [('M', Kind::Recurrent), ('*', Kind::Attention), ('-', Kind::Dense), ('E', Kind::Experts)];

impl Layer {
    /// Its letter, where it is a layer of a hybrid stack whose feed-forward networks stand by themselves.
    pub(crate) fn letter(&self) -> Option<char> {
        let own = match (self.attention(), self.recurrent(), &self.feed_forward) {
            (None, Some(_), FeedForward::None) => Kind::Recurrent,
            (Some(_), None, FeedForward::None) => Kind::Attention,
            (None, None, FeedForward::Dense(_)) => Kind::Dense,
            (None, None, FeedForward::Experts(_)) => Kind::Experts,
            _ => return None,
        };
        LETTERS.into_iter().find(|(_, kind)| *kind == own).map(|(letter, _)| letter)
    }
}

/// The layers in order, equal neighbours together.
pub(super) fn groups(
    defaults: &HybridDefaults,
    keys: &ArchitectureKeys,
    parts: &Parts,
    layers: u64,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let kinds = kinds(defaults.pattern, keys, layers)?;
    let (heads, head_dim) = parts.layer.attention().map_or((1, 1), |attention| (attention.heads, attention.head_dim));
    let around = Around { hidden: parts.hidden_size, heads, head_dim };
    let recurrent = keys.recurrent.mixer(defaults.mixer, around)?;
    let mut groups = Vec::new();
    for (index, kind) in (0..).zip(kinds) {
        let mixer = mixer(kind, &parts.layer.mixer, &recurrent);
        let feed_forward = match (defaults.feed_forward, kind) {
            (FeedForwards::None, _) | (FeedForwards::Apart, Kind::Attention | Kind::Recurrent | Kind::Both) => {
                FeedForward::None
            }
            (FeedForwards::Apart, Kind::Experts) => of_experts(parts),
            (FeedForwards::EveryLayer, _) if has_experts(defaults, keys, parts, index)? => of_experts(parts),
            (FeedForwards::Apart, Kind::Dense) | (FeedForwards::EveryLayer, _) => parts.layer.feed_forward.clone(),
        };
        append(&mut groups, Layer { mixer, feed_forward, ..parts.layer.clone() });
    }
    Ok(groups)
}

fn mixer(kind: Kind, attention: &Mixer, recurrent: &Recurrent) -> Mixer {
    match (kind, attention) {
        (Kind::Recurrent, _) => Mixer::Recurrent(recurrent.clone()),
        (Kind::Both, Mixer::Attention(attention)) => Mixer::Both(attention.clone(), recurrent.clone()),
        (Kind::Attention | Kind::Both, attention) => attention.clone(),
        (Kind::Dense | Kind::Experts, _) => Mixer::None,
    }
}

fn of_experts(parts: &Parts) -> FeedForward {
    parts.experts.clone().map_or_else(|| parts.layer.feed_forward.clone(), FeedForward::Experts)
}

fn has_experts(
    defaults: &HybridDefaults,
    keys: &ArchitectureKeys,
    parts: &Parts,
    index: u64,
) -> Result<bool, ArchitectureError> {
    if parts.experts.is_none() {
        return Ok(false);
    }
    let [every, rest] = defaults.expert_layers;
    let first_dense = keys.first_k_dense_replace.unwrap_or(parts.first_dense);
    let step = dimension("decoder_sparse_step", keys.decoder_sparse_step.unwrap_or(1))?;
    let period = dimension("expert_layer_period", keys.hybrid.expert_layer_period.unwrap_or(every))?;
    let offset = keys.hybrid.expert_layer_offset.unwrap_or(rest);
    let without = keys.mlp_only_layers.as_deref().unwrap_or_default();
    Ok(index >= first_dense
        && (index + 1).is_multiple_of(step)
        && index % period == offset
        && !without.contains(&index))
}

/// What each layer is, by the first of these keys that is there, else by the family's pattern.
fn kinds(pattern: Pattern, keys: &ArchitectureKeys, layers: u64) -> Result<Vec<Kind>, ArchitectureError> {
    let hybrid = &keys.hybrid;
    if layers > MOST_MIXED_LAYERS {
        let problem = format!("{layers} layers of several kinds: at most {MOST_MIXED_LAYERS} are covered");
        return Err(ArchitectureError::new("num_hidden_layers", problem));
    }
    if let Some(types) = &keys.layer_types {
        return counted("layer_types", types.iter().map(|word| named(word)).collect::<Result<_, _>>()?, keys, layers);
    }
    if let Some(letters) = &hybrid.hybrid_override_pattern {
        return counted("hybrid_override_pattern", lettered(letters)?, keys, layers);
    }
    if let Some(attending) = &hybrid.full_attn_idxs {
        return Ok(attending_where(layers, |index| attending.contains(&index)));
    }
    let pattern = match (pattern, hybrid.full_attention_interval) {
        (Pattern::Periodic { period, offset }, None) => Pattern::Periodic {
            period: hybrid.attn_layer_period.unwrap_or(period),
            offset: hybrid.attn_layer_offset.unwrap_or(offset),
        },
        (_, Some(interval)) => Pattern::Interval(interval),
        (pattern, None) => pattern,
    };
    match pattern {
        Pattern::Interval(interval) => {
            let interval = dimension("full_attention_interval", interval)?;
            Ok(attending_where(layers, |index| (index + 1).is_multiple_of(interval)))
        }
        Pattern::Periodic { period, offset } => {
            let period = dimension("attn_layer_period", period)?;
            Ok(attending_where(layers, |index| index % period == offset))
        }
        Pattern::PeriodicAfterFirst(period) => {
            Ok(attending_where(layers, |index| index > 0 && index.is_multiple_of(period)))
        }
        Pattern::Letters(letters) => counted("hybrid_override_pattern", lettered(letters)?, keys, layers),
        Pattern::Attention => Ok(attending_where(layers, |_| true)),
        Pattern::Recurrent => Ok(attending_where(layers, |_| false)),
        Pattern::Both => Ok((0..layers).map(|_| Kind::Both).collect()),
        Pattern::Required => Err(ArchitectureError::new("layer_types", "missing; it has no default")),
    }
}

fn attending_where(layers: u64, attends: impl Fn(u64) -> bool) -> Vec<Kind> {
    (0..layers).map(|index| if attends(index) { Kind::Attention } else { Kind::Recurrent }).collect()
}

/// The kinds, if there are as many as layers were asked for; where nothing was asked for their number is the model's.
fn counted(
    key: &'static str,
    kinds: Vec<Kind>,
    keys: &ArchitectureKeys,
    layers: u64,
) -> Result<Vec<Kind>, ArchitectureError> {
    let found = kinds.len() as u64;
    let given = keys.num_hidden_layers.is_some();
    if found == 0 || found > MOST_MIXED_LAYERS || (given && found != layers) {
        let expected = if given { format!("{layers} layers") } else { format!("1 to {MOST_MIXED_LAYERS} layers") };
        return Err(ArchitectureError::new(key, format!("found {found} entries for {expected}")));
    }
    Ok(kinds)
}

fn named(word: &str) -> Result<Kind, ArchitectureError> {
    match word {
        "full_attention" | "attention" => Ok(Kind::Attention),
        "linear_attention" | "mamba" | "conv" => Ok(Kind::Recurrent),
        "hybrid" => Ok(Kind::Both),
        "mlp" => Ok(Kind::Dense),
        "moe" => Ok(Kind::Experts),
        other => {
            let known = "full_attention, linear_attention, conv, hybrid, mlp, moe";
            Err(ArchitectureError::new("layer_types", format!("`{other}` is none of {known}")))
        }
    }
}

fn lettered(letters: &str) -> Result<Vec<Kind>, ArchitectureError> {
    let kind = |letter| {
        let found = LETTERS.into_iter().find(|(known, _)| *known == letter).map(|(_, kind)| kind);
        found.ok_or_else(|| {
            let known = LETTERS.map(|(known, _)| format!("`{known}`")).join(", ");
            ArchitectureError::new("hybrid_override_pattern", format!("`{letter}` is none of {known}"))
        })
    };
    letters.chars().map(kind).collect()
}
