//! The groups of equally quantized modules that a `quantization_config` describes, in whichever of its dialects.

use super::super::json::Object;
use crate::located::PresetError;
use crate::model::keys::QuantizationKeys;

/// The groups, the one for all modules that no other names first; none where the dialect is not known.
pub(super) fn read(quantized: &Object<'_>) -> Result<Vec<QuantizationKeys>, PresetError> {
    // Model Optimizer alone has this word for what it did.
    let by_algorithm = quantized.text(&["quant_algo"])?.map(|_| String::from("modelopt"));
    let method = quantized.text(&["quant_method"])?.or(by_algorithm).unwrap_or_default();
    let mixed = quantized.object("quantized_layers")?.is_some();
    // One that names another type is of several, whatever its method is called.
    let other = quantized.text(&["quant_algo"])?.is_some_and(|algorithm| algorithm != "FP8");
    let mut groups = match method.as_str() {
        "gptq" | "awq" => by_row(quantized, &method)?.into_iter().collect(),
        "fp8" | "fbgemm_fp8" if !mixed && other => Vec::new(),
        "fp8" | "fbgemm_fp8" => {
            let mut groups = vec![floats(quantized, &method)?];
            if mixed {
                groups.extend(by_layer(quantized)?);
            }
            groups
        }
        "compressed-tensors" => compressed(quantized)?,
        "modelopt" | "modelopt_fp4" | "modelopt_mixed" if mixed => by_layer(quantized)?,
        "modelopt" | "modelopt_fp4" => vec![optimized(quantized, quantized.text(&["quant_algo"])?)?],
        _ => Vec::new(),
    };
    groups.sort_by_key(|keys| keys.targets.is_some());
    Ok(groups)
}

fn left(quantized: &Object<'_>) -> Result<Option<Vec<String>>, PresetError> {
    for key in ["modules_to_not_convert", "ignore", "exclude_modules"] {
        if let Some(words) = quantized.words(key)? {
            return Ok(Some(words).filter(|words| !words.is_empty()));
        }
    }
    Ok(None)
}

/// GPTQ and AWQ, in the form that their own writers give; a group of -1 is a row.
fn by_row(quantized: &Object<'_>, method: &str) -> Result<Option<QuantizationKeys>, PresetError> {
    let form = quantized.text(&["checkpoint_format", "version"])?.map(|form| form.to_ascii_lowercase());
    let is_usual = form.is_none_or(|form| ["gptq", "gptq_v2", "gemm"].contains(&form.as_str()));
    // GPTQModel's settings of single modules.
    let differs = quantized.first_that_says(|key| ["dynamic", "lm_head"].contains(&key)).is_some();
    Ok((is_usual && !differs).then_some(QuantizationKeys {
        quant_method: Some(method.to_owned()),
        bits: quantized.count(&["bits", "w_bit"])?,
        group_size: quantized.whole_number(&["group_size", "q_group_size"]),
        modules_to_not_convert: left(quantized)?,
        ..QuantizationKeys::default()
    }))
}

/// Floats of 8 bits.
fn floats(quantized: &Object<'_>, method: &str) -> Result<QuantizationKeys, PresetError> {
    let blocks = quantized.is_list("weight_block_size").then(|| quantized.counts("weight_block_size"));
    Ok(QuantizationKeys {
        quant_method: Some(method.to_owned()),
        weight_block_size: blocks.transpose()?.flatten(),
        activation_scheme: quantized.text(&["activation_scheme"])?.filter(|scheme| scheme == "static"),
        modules_to_not_convert: left(quantized)?,
        ..QuantizationKeys::default()
    })
}

/// Model Optimizer's, all of one type.
fn optimized(quantized: &Object<'_>, algorithm: Option<String>) -> Result<QuantizationKeys, PresetError> {
    Ok(QuantizationKeys {
        quant_method: Some(String::from("modelopt")),
        quant_algo: algorithm,
        modules_to_not_convert: left(quantized)?,
        ..QuantizationKeys::default()
    })
}

/// Model Optimizer's, with a type for each module that is named.
fn by_layer(quantized: &Object<'_>) -> Result<Vec<QuantizationKeys>, PresetError> {
    let Some(layers) = quantized.object("quantized_layers")? else { return Ok(Vec::new()) };
    let mut groups: Vec<QuantizationKeys> = Vec::new();
    for (module, settings) in layers.entries_that_are_objects() {
        let algorithm = settings.text(&["quant_algo"])?;
        let known = groups.iter_mut().find(|keys| keys.quant_algo == algorithm);
        if let Some(targets) = known.and_then(|keys| keys.targets.as_mut()) {
            targets.push(module.to_owned());
            continue;
        }
        let keys = QuantizationKeys { modules_to_not_convert: None, ..optimized(quantized, algorithm)? };
        groups.push(QuantizationKeys { targets: Some(vec![module.to_owned()]), ..keys });
    }
    Ok(groups)
}

/// compressed-tensors: groups by name, each with its targets.
fn compressed(quantized: &Object<'_>) -> Result<Vec<QuantizationKeys>, PresetError> {
    let is_sparse = match quantized.object("sparsity_config")? {
        Some(sparsity) => sparsity.text(&["format"])?.is_some_and(|format| format != "dense"),
        None => false,
    };
    let Some(named) = quantized.object("config_groups")?.filter(|_| !is_sparse) else { return Ok(Vec::new()) };
    let (format, left) = (quantized.text(&["format"])?, left(quantized)?);
    let mut groups = Vec::new();
    for (_, group) in named.entries_that_are_objects() {
        let Some(weights) = group.object("weights")? else { continue };
        let classes = |targets: &Vec<String>| targets.iter().any(|target| target == "Linear");
        let targets = group.words("targets")?.filter(|targets| !classes(targets));
        let kind = weights.text(&["type"])?;
        let inputs = group.object("input_activations")?;
        // NVFP4's inputs have a scale of all of them, whatever else they have (`dynamic` is `local`).
        let scheme = |inputs: &Object<'_>| {
            let is_static = inputs.is_off("dynamic") || inputs.has_text("dynamic", "local");
            String::from(if is_static { "static" } else { "dynamic" })
        };
        let strategy = weights.text(&["strategy"])?;
        let by_row = strategy.is_none() && weights.is_negative("group_size");
        groups.push(QuantizationKeys {
            quant_method: Some(String::from("compressed-tensors")),
            format: form(group.text(&["format"])?.or_else(|| format.clone()), kind.as_deref()),
            bits: weights.count(&["num_bits"])?,
            group_size: weights.whole_number(&["group_size"]),
            strategy: strategy.or_else(|| by_row.then(|| String::from("channel"))),
            weight_block_size: block(&weights)?,
            symmetric: weights.flag("symmetric")?.filter(|symmetric| !symmetric),
            actorder: weights.has_text("actorder", "group").then(|| String::from("group")),
            activation_scheme: inputs.as_ref().map(scheme),
            modules_to_not_convert: if targets.is_none() { left.clone() } else { None },
            targets,
            ..QuantizationKeys::default()
        });
    }
    Ok(groups)
}

/// What older writers call naive has codes as they are.
fn form(format: Option<String>, kind: Option<&str>) -> Option<String> {
    match (format.as_deref(), kind) {
        (Some("naive-quantized"), Some("float")) => Some(String::from("float-quantized")),
        (Some("naive-quantized"), _) => Some(String::from("int-quantized")),
        _ => format,
    }
}

/// Sides of a block, as a list or as `128x128`.
fn block(weights: &Object<'_>) -> Result<Option<Vec<u64>>, PresetError> {
    const KEY: &str = "block_structure";
    if weights.is_list(KEY) {
        return weights.counts(KEY);
    }
    let written = weights.text(&[KEY])?;
    Ok(written.map(|sides| sides.split('x').filter_map(|side| side.trim().parse().ok()).collect()))
}
