//! `brimful import`: a model that others described, as a preset.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::stream;
use crate::located::PresetError;
use crate::model::Model;
use crate::model::stored::{LatentForm, StoredTensors};
use crate::preset::Library;
use crate::scenario::Scenario;
use crate::scenario::arguments::Reading;
use crate::units::grouped;
use crate::{open, preset};

/// Prints a preset that loads back to the model of a `config.json`, of a file of weights, or of a folder that holds one; of a
/// trainer's configuration the scenario file.
pub(super) fn run(path: &Path) -> Result<ExitCode> {
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    if extension.is_some_and(|extension| extension == "toml") && !path.is_dir() {
        let message =
            "a preset already; `import` reads config.json, GGUF and safetensors files, or a folder that holds one";
        return Err(PresetError::file(path.display().to_string(), message).into());
    }
    if let Some(reading) = open::arguments_of(path) {
        return scenario_of(path, &reading?);
    }
    let imported = open::import(&Library::embedded(), path)?;
    let Model { card, stored, .. } = &imported.model;
    card.assumed.iter().for_each(stream::warn);
    match (&card.quantization, stored) {
        (Some(quantized), None) => {
            stream::warn(format!("the weights were published as {quantized}, whose layout is not covered"));
        }
        (Some(quantized), Some(_)) => stream::warn(format!(
            "a preset has no room for the tensors of {quantized}: name the file itself where a model is asked for, and \
             infer.weights=native counts them"
        )),
        (None, _) => {}
    }
    if !card.omitted.is_empty() {
        stream::warn(format!("left out, not counted: {}", card.omitted.join("; ")));
    }
    let mut text = String::new();
    if let Some(stored) = stored {
        text = described(stored)?;
    }
    text.push_str(&preset::write::preset(&imported.model, &imported.keys)?);
    stream::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a scenario file of a trainer's configuration.
fn scenario_of(path: &Path, reading: &Reading) -> Result<ExitCode> {
    reading.said().into_iter().for_each(|said| stream::warn(format!("{}: {said}", path.display())));
    let library = Library::embedded();
    let mut scenario = Scenario::default();
    reading.apply(&mut scenario, &library.profiles());
    if let Some((id, words)) = open::of_hub(&library, &scenario.model, Path::new("")) {
        id.clone_into(&mut scenario.model);
        stream::warn(words);
    }
    let text = preset::scenario::to_toml(&scenario);
    stream::print(&if scenario.model.is_empty() {
        text.replacen("model = \"\"", "# The configuration names no model; one is needed here.\nmodel = \"\"", 1)
    } else {
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What the files hold, as a comment of the preset.
fn described(stored: &StoredTensors) -> Result<String> {
    let files = if stored.files == 1 { String::new() } else { format!(" in {} files", stored.files) };
    let types = stored.types().into_iter();
    let types = types.map(|(word, count, bytes)| format!("{word} {count} ({} bytes)", grouped(bytes.get())));
    let mut text = format!(
        "# {}: {} tensors{files}, {} bytes stored: {}\n",
        stored.format.word(),
        stored.tensors.len(),
        grouped(stored.bytes()?.get()),
        types.collect::<Vec<_>>().join(", ")
    );
    match stored.latent {
        Some(LatentForm::Whole) => text.push_str("# latent attention in one piece (attn_kv_b): heads are cached\n"),
        Some(LatentForm::Split) => {
            text.push_str("# latent attention in two (attn_k_b, attn_v_b): the latent is cached\n");
        }
        None => {}
    }
    if !stored.missing.is_zero() {
        stream::warn(format!("cut short: {} bytes of the tensors are not there", grouped(stored.missing.get())));
    }
    Ok(text)
}
