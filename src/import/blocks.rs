//! The keys of a `config.json` that says of each layer what it is: Nemotron's searched Llamas (`DeciLMForCausalLM`).

use super::json::Object;
use crate::located::PresetError;
use crate::model::keys::BlockKeys;
use crate::model::{ArchitectureKeys, Family};

const KEY: &str = "block_configs";

/// What stands in one half of a layer.
enum Half {
    /// What the family has there, with this number of it: key and value heads, or the network's width.
    Usual(u64),
    /// One square matrix.
    Linear,
    /// Nothing.
    None,
}

/// Adds the keys that the family reads beside those of all.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let blocks = config.objects(KEY)?.ok_or_else(|| config.error(KEY, "missing; it says what each layer is"))?;
    let layers = blocks.len() as u64;
    if shared.num_hidden_layers.is_some_and(|expected| expected != layers) {
        return Err(config.error(KEY, format!("found {layers} entries, which is not num_hidden_layers")));
    }
    let heads = shared.num_attention_heads.unwrap_or(family.defaults.num_attention_heads);
    let hidden = shared.hidden_size.unwrap_or(family.defaults.hidden_size);
    let mut halves = [Vec::with_capacity(blocks.len()), Vec::with_capacity(blocks.len())];
    for (index, block) in blocks.iter().enumerate() {
        let of = |error: String| config.error(KEY, format!("layer {index}: {error}"));
        let part = |name: &str| block.object(name)?.ok_or_else(|| of(format!("`{name}` is missing")));
        halves[0].push(half(&part("attention")?, &of, |part| kv_heads(part, heads, &of))?);
        halves[1].push(half(&part("ffn")?, &of, |part| width(part, hidden, &of))?);
    }
    let [attention, network] = &halves;
    Ok(ArchitectureKeys {
        num_hidden_layers: Some(layers),
        // What the layers have, they say themselves.
        intermediate_size: None,
        blocks: BlockKeys {
            num_key_value_heads_per_layer: Some(counts(attention)),
            intermediate_size_per_layer: Some(counts(network)),
            attention_replaced_with_linear: replaced(attention),
            mlp_replaced_with_linear: replaced(network),
        },
        ..shared
    })
}

fn half(
    part: &Object<'_>,
    of: &impl Fn(String) -> PresetError,
    usual: impl Fn(&Object<'_>) -> Result<u64, PresetError>,
) -> Result<Half, PresetError> {
    if part.flag("no_op")? == Some(true) {
        return Ok(Half::None);
    }
    if part.flag("replace_with_linear")? == Some(true) {
        return Ok(Half::Linear);
    }
    let strange = ["window_length", "num_sink_tokens", "mamba", "llama4", "moe"];
    if let Some(name) = strange.into_iter().find(|name| part.says(|key| key == *name)) {
        return Err(of(format!("`{name}` is not covered")));
    }
    if part.flag("gated")? == Some(false) {
        return Err(of(String::from("a network without a gate is not covered")));
    }
    usual(part).map(Half::Usual)
}

/// Key and value heads: query heads over those of a group.
fn kv_heads(part: &Object<'_>, heads: u64, of: &impl Fn(String) -> PresetError) -> Result<u64, PresetError> {
    match part.count(&["n_heads_in_group"])? {
        Some(group) if group > 0 && heads.is_multiple_of(group) => Ok(heads / group),
        Some(group) => Err(of(format!("n_heads_in_group is {group}, which does not divide {heads} heads"))),
        None => Err(of(String::from("n_heads_in_group is missing"))),
    }
}

/// The width of the network: two thirds of a multiple of the stream's, up to the next multiple of 256.
fn width(part: &Object<'_>, hidden: u64, of: &impl Fn(String) -> PresetError) -> Result<u64, PresetError> {
    let given = part.count(&["intermediate_size"])?;
    let made = part.number(&["ffn_mult"])?.map(|factor| two_thirds(factor, hidden).div_ceil(256).saturating_mul(256));
    match given.or(made) {
        Some(width) if width > 0 => Ok(width),
        Some(_) => Err(of(String::from("a network without channels"))),
        None => Err(of(String::from("ffn_mult is missing"))),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as Python's `int(2 * factor * hidden / 3)`; a cast saturates"
)]
fn two_thirds(factor: f64, hidden: u64) -> u64 {
    (2.0 * factor * hidden as f64 / 3.0) as u64
}

fn counts(halves: &[Half]) -> Vec<u64> {
    halves.iter().map(|half| if let Half::Usual(count) = half { *count } else { 0 }).collect()
}

fn replaced(halves: &[Half]) -> Option<Vec<u64>> {
    let linear = (0..).zip(halves).filter(|(_, half)| matches!(half, Half::Linear)).map(|(index, _)| index);
    Some(linear.collect()).filter(|layers: &Vec<u64>| !layers.is_empty())
}
