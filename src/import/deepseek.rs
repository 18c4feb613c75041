//! `DeepSeek`'s latent attention: groups of experts, and indexers.

use super::json::Object;
use crate::located::PresetError;
use crate::model::keys::VariantKeys;
use crate::model::{ArchitectureKeys, Family};

/// DeepSeek-V2 chooses groups of experts by one method alone.
pub(super) fn groups_by_method(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.text(&["topk_method"])?.as_deref() == Some("group_limited_greedy") {
        return Ok(keys);
    }
    Ok(ArchitectureKeys { n_group: Some(1), topk_group: Some(1), ..keys })
}

/// GLM-5: some layers take an earlier one's indexer.
pub(super) fn shared_indexers(
    config: &Object<'_>,
    family: &Family,
    keys: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers);
    let variant = VariantKeys { indexer_types: indexers(config, layers)?, ..keys.variant };
    super::layers::dense_layers(config, ArchitectureKeys { variant, ..keys })
}

/// Which layers have an indexer of their own: named, or every so many-th from the second on, and the first.
fn indexers(config: &Object<'_>, layers: u64) -> Result<Option<Vec<String>>, PresetError> {
    if let Some(types) = config.words("indexer_types")? {
        return Ok(Some(types));
    }
    let word = |full: bool| String::from(if full { "full" } else { "shared" });
    if let Some(pattern) = config.text(&["index_topk_pattern"])? {
        return Ok(Some(pattern.chars().map(|letter| word(letter == 'F')).collect()));
    }
    let every = config.count(&["index_topk_freq"])?.unwrap_or(1).max(1);
    if every == 1 {
        return Ok(None);
    }
    let offset = config.count(&["index_skip_topk_offset"])?.unwrap_or(2);
    Ok(Some((0..layers).map(|layer| word((layer + 1).saturating_sub(offset).is_multiple_of(every))).collect()))
}
