//! What classes with layers of several kinds compute from their keys.

use super::json::Object;
use crate::located::PresetError;
use crate::model::{ArchitectureKeys, Family};

/// Granite 4: without experts the one beside them is all there is.
pub(super) fn granite(
    config: &Object<'_>,
    family: &Family,
    keys: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let beside = Some(config.count(&["shared_intermediate_size"])?.unwrap_or(1024));
    let width = keys.intermediate_size.or(family.defaults.intermediate_size);
    Ok(ArchitectureKeys {
        intermediate_size: beside,
        moe_intermediate_size: width,
        shared_expert_intermediate_size: beside,
        ..keys
    })
}

/// Jamba: one expert is a plain network.
pub(super) fn jamba(keys: ArchitectureKeys) -> ArchitectureKeys {
    ArchitectureKeys { num_experts: keys.num_experts.map(|all| if all == 1 { 0 } else { all }), ..keys }
}

/// Nemotron-H: the pattern says how many layers there are.
pub(super) fn nemotron(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if keys.moe_latent_size.is_some() && keys.mlp_bias == Some(true) {
        return Err(config.error("mlp_bias", "found `true`; biases around latent experts are not covered"));
    }
    let types = keys.layer_types.as_ref().map(|types| types.len() as u64);
    let letters = keys.hybrid.hybrid_override_pattern.as_ref().map(|letters| letters.chars().count() as u64);
    Ok(ArchitectureKeys { num_hidden_layers: keys.num_hidden_layers.or(types).or(letters), ..keys })
}

/// LFM2-MoE has a name of its own for a tied head.
pub(super) fn lfm2_moe(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let tied = config.flag("tie_embedding")?.or(keys.tie_word_embeddings);
    Ok(ArchitectureKeys { hidden_act: None, tie_word_embeddings: tied, ..keys })
}

/// LFM2 computes the width of its feed-forward network from what the config says.
pub(super) fn lfm2(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let given = config.count(&["block_ff_dim", "intermediate_size"])?.unwrap_or(12_288);
    let width = if config.flag("block_auto_adjust_ff_dim")?.unwrap_or(true) {
        let multiple = config.count(&["block_multiple_of"])?.unwrap_or(256).max(1);
        let two_thirds = given.saturating_mul(2) / 3;
        let factor = config.number(&["block_ffn_dim_multiplier"])?;
        match factor.or((!config.is_null("block_ffn_dim_multiplier")).then_some(1.0)) {
            Some(factor) => scaled(two_thirds, factor).div_ceil(multiple).saturating_mul(multiple),
            None => two_thirds,
        }
    } else {
        given
    };
    lfm2_moe(config, ArchitectureKeys { intermediate_size: Some(width), ..shared })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as Python's `int(factor * width)`; a cast saturates"
)]
fn scaled(width: u64, factor: f64) -> u64 {
    (width as f64 * factor) as u64
}
