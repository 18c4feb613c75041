//! The keys of a `config.json` that say of DeepSeek-V4's layers what they are.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;
use crate::model::keys::CompressedKeys;

/// Kinds of layers, and how many tokens become one in each.
const KINDS: [(&str, u64); 3] =
    [("sliding_attention", 0), ("compressed_sparse_attention", 4), ("heavily_compressed_attention", 128)];

/// Which layers compress how much, and whose experts are looked up.
pub(super) fn keys(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    check_rates(config)?;
    let compressed =
        CompressedKeys { compress_ratios: ratios(config)?, num_hash_layers: hashed(config)?, ..keys.compressed };
    Ok(ArchitectureKeys { compressed, ..keys })
}

/// How many tokens become one, layer by layer: by name, else by number.
fn ratios(config: &Object<'_>) -> Result<Option<Vec<u64>>, PresetError> {
    const KEY: &str = "layer_types";
    let Some(types) = config.words(KEY)? else { return config.counts("compress_ratios") };
    let ratio = |word: &String| KINDS.iter().find(|(kind, _)| kind == word).map(|(_, ratio)| *ratio);
    let found: Option<Vec<u64>> = types.iter().map(ratio).collect();
    found.map(Some).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
        config.error(KEY, format!("found a kind that is none of {}", known.join(", ")))
    })
}

/// Other rates than 4 and 128 have no layers of their own here.
fn check_rates(config: &Object<'_>) -> Result<(), PresetError> {
    const KEY: &str = "compress_rates";
    let Some(rates) = config.object(KEY)? else { return Ok(()) };
    for (kind, rate) in &KINDS[1..] {
        if rates.count(&[kind])?.is_some_and(|found| found != *rate) {
            return Err(config.error(KEY, format!("{kind} at another rate than {rate} is not covered")));
        }
    }
    Ok(())
}

/// First layers whose experts are looked up.
fn hashed(config: &Object<'_>) -> Result<Option<u64>, PresetError> {
    const KEY: &str = "mlp_layer_types";
    let Some(types) = config.words(KEY)? else { return config.count(&["num_hash_layers"]) };
    let first = types.iter().take_while(|word| *word == "hash_moe").count();
    if types[first..].iter().any(|word| word == "hash_moe") {
        return Err(config.error(KEY, "layers whose experts are looked up after others are not covered"));
    }
    Ok(Some(first as u64))
}
