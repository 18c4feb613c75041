//! Mixtures of experts: their dimensions, and how keys and the family's defaults make them.

use super::checks::{ArchitectureError, dimension};
use super::{Activation, ArchitectureKeys, Mlp};
use crate::model::family::{ExpertDefaults, Family, MlpKind, Normalisation, SharedDefault};

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
    /// Whether what they give in that width is normed.
    pub latent_norm: bool,
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
    /// Whether a table says which experts a token has; the router weighs them.
    pub looked_up: bool,
}

/// An expert beside the routed ones, for every token.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedExpert {
    /// Its matrices.
    pub mlp: Mlp,
    /// Whether its output is weighed by a gate.
    pub gated: bool,
}

/// The experts of the layers that have some; `None` where no layer has.
pub(super) fn resolve(
    family: &Family,
    keys: &ArchitectureKeys,
    mlp: &Mlp,
) -> Result<Option<Experts>, ArchitectureError> {
    defaults(family, keys).map(|defaults| experts(defaults, keys, mlp)).transpose()
}

/// The family's experts, unless its class has none where the config names none.
fn defaults(family: &Family, keys: &ArchitectureKeys) -> Option<ExpertDefaults> {
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
        latent_norm: keys.moe_latent_size.is_some() && keys.latent_moe_use_norm == Some(true),
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
        looked_up: false,
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
            if width == 0 {
                return Ok(None);
            }
            (dimension("shared_expert_intermediate_size", width)?, false)
        }
        SharedDefault::Several(count) => {
            let count = keys.n_shared_experts.unwrap_or(count);
            if count == 0 {
                return Ok(None);
            }
            (dimension("n_shared_experts", count.saturating_mul(width))?, false)
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
