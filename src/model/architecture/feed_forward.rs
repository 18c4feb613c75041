//! Feed-forward networks: what a layer has, and the dense one that keys and the family's defaults make.

use super::checks::{ArchitectureError, dimension};
use super::mlp::activation;
use super::{ArchitectureKeys, Experts, Mlp};
use crate::model::family::{Family, MlpKind};

/// The feed-forward half of a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedForward {
    /// The same matrices for every token.
    Dense(Mlp),
    /// Experts, of which a router chooses a few for each token.
    Experts(Experts),
    /// One square matrix, `[h, h]`.
    Linear,
    /// Nothing: the layer is its mixer alone.
    None,
}

/// The dense network of every layer, whose parts experts share.
pub(super) fn resolve(family: &Family, keys: &ArchitectureKeys, hidden_size: u64) -> Result<Mlp, ArchitectureError> {
    let defaults = &family.defaults;
    let intermediate_size = match keys.intermediate_size.or(defaults.intermediate_size) {
        Some(size) => dimension("intermediate_size", size)?,
        None => 4 * hidden_size,
    };
    let own = keys.hidden_act.as_deref().unwrap_or(defaults.hidden_act);
    let (kind, activation) = match of_one_key(family, keys)? {
        Some((kind, name)) => (kind, activation("feed_forward_proj", name)?),
        None => (family.mlp, activation("hidden_act", own)?),
    };
    let bias = keys.mlp_bias.unwrap_or(family.mlp_bias);
    Ok(Mlp { intermediate_size, kind, activation, bias, sparse: false })
}

/// The form of a feed-forward network and the name of its activation, where one key says both.
fn of_one_key<'k>(
    family: &Family,
    keys: &'k ArchitectureKeys,
) -> Result<Option<(MlpKind, &'k str)>, ArchitectureError> {
    const KEY: &str = "feed_forward_proj";
    let Some(defaults) = family.seq2seq.and_then(|defaults| defaults.distances) else { return Ok(None) };
    let said = keys.seq2seq.feed_forward_proj.as_deref().unwrap_or(defaults.feed_forward);
    match said.split_once('-') {
        None => Ok(Some((MlpKind::Plain, said))),
        // What was published under that name has the approximation written out.
        Some(("gated", "gelu")) => Ok(Some((MlpKind::Gated, "gelu_new"))),
        Some(("gated", act)) => Ok(Some((MlpKind::Gated, act))),
        Some(_) => Err(ArchitectureError::new(KEY, format!("`{said}` is neither an activation nor `gated-` with one"))),
    }
}
