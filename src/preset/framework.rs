//! A framework profile: one TOML file, one version of an implementation.

use super::document::{Document, Section, suggestion};
use super::error::PresetError;
use super::model::identifier;
use crate::framework::profile::{Profile, Serving, Training};
use crate::model::keys::Source;
use crate::scenario::{Framework, OptimizerImplementation};

/// The profile that a file describes.
pub(super) fn parse(origin: &str, text: &str) -> Result<Profile, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let root = Section::new(document, "", 0, root.get_ref());
    let id = root.text("id")?;
    let name = root.text("name")?;
    let version = root.text("version")?;
    let sources = root.words("sources")?;
    let families = root.words("families")?.unwrap_or_default();
    let train = root.table("train", "train.")?;
    let infer = root.table("infer", "infer.")?;
    root.finish()?;

    let id = identifier(&root, id)?;
    if Framework::from_word(&id).is_none() {
        let message = format!("`{id}` is not a framework; {}", suggestion(&id, Framework::WORDS));
        return Err(root.error("id", message));
    }
    if let Some(unknown) = families.iter().find(|family| crate::families::find(family).is_none()) {
        let known = crate::families::ids();
        return Err(
            root.error("families", format!("`{unknown}` is not a known family; {}", suggestion(unknown, &known)))
        );
    }
    let version = root.need("version", version)?;
    let sources = root.need("sources", sources)?;
    let train = train.map(|section| training(&section)).transpose()?;
    let infer = infer.map(|section| serving(&section)).transpose()?;
    if train.is_none() && infer.is_none() {
        return Err(root.error("train", "missing; a profile describes [train], [infer] or both"));
    }
    // Every entry of every ledger names it: it lives as long as the program, which reads each profile once.
    let version = version.leak();
    Ok(Profile { name: name.unwrap_or_else(|| id.clone()), id, version, sources, families, train, infer })
}

fn training(section: &Section<'_, '_>) -> Result<Training, PresetError> {
    const KEY: &str = "optimizer_implementation";
    let kernel = section.text(KEY)?;
    let keep_outputs = section.flag("keep_outputs")?;
    section.finish()?;
    let kernel = section.need(KEY, kernel)?;
    if OptimizerImplementation::from_word(&kernel).is_none() {
        let message = format!("found {kernel:?}; {}", suggestion(&kernel, OptimizerImplementation::WORDS));
        return Err(section.error(KEY, message));
    }
    Ok(Training { optimizer_implementation: kernel, keep_outputs: section.need("keep_outputs", keep_outputs)? })
}

fn serving(section: &Section<'_, '_>) -> Result<Serving, PresetError> {
    let flag = |key| section.flag(key).and_then(|found| section.need(key, found));
    let serving = Serving {
        logits_of_prompt: flag("logits_of_prompt")?,
        rebuilds_cache: flag("rebuilds_cache")?,
        repeats_heads: flag("repeats_heads")?,
        tables_in_layers: flag("tables_in_layers")?,
        loads_in_one_block: flag("loads_in_one_block")?,
        exllama_buffer: flag("exllama_buffer")?,
        unties_fp8_head: flag("unties_fp8_head")?,
        awq_tables: flag("awq_tables")?,
    };
    section.finish()?;
    Ok(serving)
}
