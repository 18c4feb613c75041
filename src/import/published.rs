//! The type in which weights were published: a plain one, or a quantization.

mod groups;

use super::json::Object;
use crate::families::{self, Rule};
use crate::located::PresetError;
use crate::model::Family;
use crate::model::architecture::Scheme;
use crate::model::keys::QuantizationKeys;

/// What a file says of the weights beside it.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// The name of their type, where it has one here.
    pub(super) dtype: Option<&'static str>,
    /// How their matrices are quantized, where a name alone does not say that.
    pub(super) groups: Option<Vec<QuantizationKeys>>,
    /// How they are quantized, in words, where no name says all of it.
    pub(super) words: Option<String>,
}

/// Plain types.
const PLAIN: [&str; 3] = ["bfloat16", "float16", "float32"];

/// What the file says: the quantization where there is one, else the plain type.
/// `beside` is what another file says of it.
pub(super) fn read(
    config: &Object<'_>,
    outer: &Object<'_>,
    beside: Option<&Object<'_>>,
    family: &Family,
) -> Result<Published, PresetError> {
    let mut quantized = None;
    for object in [config, outer] {
        for key in ["quantization_config", "compression_config"] {
            quantized = quantized.or(object.object(key)?);
        }
    }
    if let Some(beside) = beside.filter(|_| quantized.is_none()) {
        quantized = beside.object("quantization")?;
    }
    let Some(quantized) = quantized else {
        let names = &["dtype", "torch_dtype"];
        let said = config.text(names)?.or(outer.text(names)?).unwrap_or_default();
        let plain = said.strip_prefix("torch.").unwrap_or(&said);
        return Ok(Published { dtype: PLAIN.into_iter().find(|name| *name == plain), ..Published::default() });
    };
    if let Some(dtype) = quantized_type(&quantized, family)? {
        return Ok(Published { dtype: Some(dtype), ..Published::default() });
    }
    let groups = groups::read(&quantized)?;
    let is_known = !groups.is_empty() && groups.iter().all(|keys| Scheme::of(keys).is_ok());
    let words = Some(described(&quantized)?);
    Ok(Published { groups: Some(groups).filter(|_| is_known), words, ..Published::default() })
}

/// The name of a quantization that says all of it.
fn quantized_type(quantized: &Object<'_>, family: &Family) -> Result<Option<&'static str>, PresetError> {
    let method = quantized.text(&["quant_method"])?;
    let packed = quantized.text(&["format"])?.as_deref() == Some("mxfp4-pack-quantized");
    Ok(match method.as_deref() {
        Some("bitsandbytes") | None => bitsandbytes(quantized)?,
        Some("mxfp4") => Some("mxfp4"),
        // Of its linear layers all but the routed experts are left as they are.
        Some("compressed-tensors") if packed && families::member(family).reads.rule == Rule::KimiK3 => Some("mxfp4"),
        _ => None,
    })
}

/// bitsandbytes, where it quantizes every linear layer but the head; its two 4-bit types take the same bytes.
fn bitsandbytes(quantized: &Object<'_>) -> Result<Option<&'static str>, PresetError> {
    let skipped = quantized.words("llm_int8_skip_modules")?.unwrap_or_default();
    if skipped.iter().any(|module| module != "lm_head") {
        return Ok(None);
    }
    if quantized.flag("load_in_8bit")? == Some(true) {
        return Ok(Some("int8"));
    }
    if quantized.flag("load_in_4bit")? != Some(true) {
        return Ok(None);
    }
    let nested = quantized.flag("bnb_4bit_use_double_quant")? == Some(true);
    Ok(Some(if nested { "nf4-double-quant" } else { "nf4" }))
}

/// A quantization in words: its method, and what tells it from others of that method.
fn described(quantized: &Object<'_>) -> Result<String, PresetError> {
    let method = quantized.text(&["quant_method"])?.unwrap_or_else(|| String::from("an unnamed method"));
    let groups = quantized.object("config_groups")?;
    let weights = groups.and_then(|groups| groups.first_object_in_any("weights"));
    let weights = weights.as_ref().unwrap_or(quantized);
    let mut found: Vec<String> = Vec::new();
    for key in ["quant_algo", "format", "checkpoint_format"] {
        found.extend(quantized.text(&[key])?);
    }
    if let Some(bits) = weights.count(&["bits", "w_bit", "num_bits"])? {
        found.push(format!("{bits} bits"));
    }
    match weights.whole_number(&["group_size", "q_group_size"]) {
        Some(size) => found.push(format!("groups of {size}")),
        None => found.extend(weights.text(&["strategy"])?.map(|strategy| format!("a scale for each {strategy}"))),
    }
    if let Some(skipped) = quantized.words("llm_int8_skip_modules")? {
        found.push(format!("{} modules left as they are", skipped.len()));
    }
    Ok(if found.is_empty() { method } else { format!("{method} ({})", found.join(", ")) })
}
