//! A framework profile: one TOML file, one version of an implementation.

use std::collections::BTreeMap;

use super::model::identifier;
use crate::frameworks;
use crate::located::{Document, PresetError, Section, suggestion};
use crate::model::keys::Source;
use crate::scenario::OptimizerImplementation;
use crate::scenario::profile::{Profile, Serving, Training};

/// The profile that a file describes.
pub(super) fn parse(origin: &str, text: &str) -> Result<Profile, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let root = Section::new(document, "", 0, root.get_ref());
    let id = root.text("id")?;
    let name = root.text("name")?;
    let framework = root.text("framework")?;
    let named = framework.is_some();
    let version = root.text("version")?;
    let sources = root.words("sources")?;
    let families = root.words("families")?.unwrap_or_default();
    let release = root.table("release", "release.")?;
    let train = root.table("train", "train.")?;
    let infer = root.table("infer", "infer.")?;
    root.finish()?;

    let id = identifier(&root, id)?;
    let framework = framework.unwrap_or_else(|| of_release(&id));
    let Some(switches) = frameworks::switches(&framework) else {
        let (key, known) = (if named { "framework" } else { "id" }, frameworks::ids());
        let message = format!("`{framework}` is not a framework; {}", suggestion(&framework, &known));
        return Err(root.error(key, message));
    };
    let release = release.map(|section| differences(&section, switches)).transpose()?.unwrap_or_default();
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
    let name = name.unwrap_or_else(|| id.clone());
    Ok(Profile { id, name, framework, version, sources, families, release, train, infer })
}

/// The framework that an id names by how it begins, as `transformers-4.38` does; else the id.
fn of_release(id: &str) -> String {
    let begins = |framework: &&str| id.strip_prefix(framework).is_some_and(|rest| rest.starts_with('-'));
    frameworks::ids().into_iter().find(begins).unwrap_or(id).to_owned()
}

/// The switches of a framework's releases, each of which a release has on or off.
fn differences(section: &Section<'_, '_>, switches: &[&'static str]) -> Result<BTreeMap<String, bool>, PresetError> {
    let flag = |key: &&'static str| {
        let found = section.flag(key).and_then(|found| section.need(key, found))?;
        Ok(((*key).to_owned(), found))
    };
    let differences = switches.iter().map(flag).collect::<Result<_, PresetError>>()?;
    section.finish()?;
    Ok(differences)
}

fn training(section: &Section<'_, '_>) -> Result<Training, PresetError> {
    const KEY: &str = "optimizer_implementation";
    let kernel = section.text(KEY)?;
    let keep_outputs = section.flag("keep_outputs")?;
    let fixed_options = section.flag("fixed_options")?.unwrap_or(false);
    let adapters_as_model = section.flag("adapters_as_model")?.unwrap_or(false);
    section.finish()?;
    let kernel = section.need(KEY, kernel)?;
    if OptimizerImplementation::from_word(&kernel).is_none() {
        let message = format!("found {kernel:?}; {}", suggestion(&kernel, OptimizerImplementation::WORDS));
        return Err(section.error(KEY, message));
    }
    let keep_outputs = section.need("keep_outputs", keep_outputs)?;
    Ok(Training { optimizer_implementation: kernel, keep_outputs, fixed_options, adapters_as_model })
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
        in_order: section.flag("in_order")?.unwrap_or(false),
    };
    section.finish()?;
    Ok(serving)
}
