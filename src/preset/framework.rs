//! A framework profile: one TOML file, one version of an implementation.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::model::identifier;
use super::scenario;
use crate::frameworks;
use crate::located::{Document, PresetError, Section, suggestion};
use crate::model::keys::Source;
use crate::scenario::Method;
use crate::scenario::parameter::PARAMETERS;
use crate::scenario::profile::{OwnDefault, Profile, Profiles, Serving, Training};

/// The sections whose keys are defaults, and those of them that are habits and no parameters.
const TRAIN: &str = "train";
const HABITS: [&str; 2] = ["fixed_options", "adapters_as_model"];
const INFER: &str = "infer";
const HABITS_OF_SERVING: [&str; 9] = [
    "logits_of_prompt",
    "rebuilds_cache",
    "repeats_heads",
    "tables_in_layers",
    "loads_in_one_block",
    "exllama_buffer",
    "unties_fp8_head",
    "awq_tables",
    "in_order",
];

/// The keys of `[parallel]`.
fn layout_keys() -> impl Iterator<Item = &'static str> {
    PARAMETERS.iter().filter_map(|parameter| parameter.key.strip_prefix("parallel."))
}

/// The profile that a file describes, which may build on one of those that are known.
pub(super) fn parse(origin: &str, text: &str, known: &Profiles) -> Result<Profile, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let root = Section::new(document, "", 0, root.get_ref());
    let id = root.text("id")?;
    let name = root.text("name")?;
    let base = root.text("base")?;
    let framework = root.text("framework")?;
    let named = framework.is_some();
    let version = root.text("version")?;
    let sources = root.words("sources")?;
    let families = root.words("families")?;
    let layout = root.words("layout")?;
    let release = root.table("release", "release.")?;
    let train = root.table("train", "train.")?;
    let defaults = [
        (TRAIN, root.raw_table(TRAIN)?),
        (INFER, root.raw_table(INFER)?),
        ("runtime", root.raw_table("runtime")?),
        ("parallel", root.raw_table("parallel")?),
    ];
    let infer = root.table("infer", "infer.")?;
    root.finish()?;

    let id = identifier(&root, id)?;
    let base = base.map(|base| found(&root, &base, known)).transpose()?;
    if let (Some(framework), Some(base)) = (&framework, &base)
        && *framework != base.framework
    {
        let message = format!("found `{framework}`, but its base `{}` follows `{}`", base.id, base.framework);
        return Err(root.error("framework", message));
    }
    let framework = framework.or_else(|| base.as_ref().map(|base| base.framework.clone()));
    let framework = framework.unwrap_or_else(|| of_release(&id));
    let Some(switches) = frameworks::switches(&framework) else {
        let (key, known) = (if named { "framework" } else { "id" }, frameworks::ids());
        let message = format!("`{framework}` is not a framework; {}", suggestion(&framework, &known));
        return Err(root.error(key, message));
    };
    let usual = base.as_ref().map(|base| &base.release);
    let release = release.map(|section| differences(&section, switches, usual)).transpose()?;
    if let Some(unknown) = families.iter().flatten().find(|family| crate::families::find(family).is_none()) {
        let known = crate::families::ids();
        return Err(
            root.error("families", format!("`{unknown}` is not a known family; {}", suggestion(unknown, &known)))
        );
    }
    if let Some(unknown) = layout.iter().flatten().find(|key| !layout_keys().any(|known| known == key.as_str())) {
        let known: Vec<&str> = layout_keys().collect();
        let message = format!("`{unknown}` is not a key of [parallel]; {}", suggestion(unknown, &known));
        return Err(root.error("layout", message));
    }
    let usual = base.as_ref().and_then(|base| base.train).unwrap_or_default();
    let habits = train.map(|section| training(&section, usual)).transpose()?;
    let own = own_defaults(document, defaults)?;
    let infer = infer.map(|section| serving(&section, frameworks::is_engine(&framework))).transpose()?;
    // Every entry of every ledger names it: it lives as long as the program, which reads each profile once.
    let version = version.map(|version| &*version.leak());
    let name = name.unwrap_or_else(|| id.clone());
    let base = match base {
        Some(base) => Profile::clone(&base),
        None if habits.is_none() && infer.is_none() => {
            return Err(root.error(TRAIN, "missing; a profile describes [train], [infer] or both"));
        }
        None => Profile {
            version: root.need("version", version)?,
            sources: root.need("sources", sources.clone())?,
            train: None,
            infer: None,
            ..Profile::default()
        },
    };
    Ok(Profile {
        id,
        name,
        framework,
        version: version.unwrap_or(base.version),
        sources: sources.unwrap_or(base.sources),
        families: families.unwrap_or(base.families),
        layout: layout.unwrap_or(base.layout),
        release: release.unwrap_or(base.release),
        defaults: base.defaults.into_iter().chain(own).collect(),
        train: habits.or(base.train),
        infer: infer.or(base.infer),
    })
}

/// The profile that another builds on.
fn found(root: &Section<'_, '_>, base: &str, known: &Profiles) -> Result<Arc<Profile>, PresetError> {
    known.of(base).ok_or_else(|| {
        let ids: Vec<&str> = known.ids().collect();
        root.error("base", format!("`{base}` is not a framework that is described; {}", suggestion(base, &ids)))
    })
}

/// What a file says of parameters: of every method first, then of each.
fn own_defaults(
    document: Document<'_>,
    tables: [(&str, Option<&DeTable<'_>>); 4],
) -> Result<Vec<OwnDefault>, PresetError> {
    let mut defaults = Vec::new();
    for (section, table) in tables {
        let Some(table) = table else { continue };
        let within = |word: &&&str| matches!(table.get(**word).map(Spanned::get_ref), Some(DeValue::Table(_)));
        let methods: Vec<&str> = Method::WORDS.iter().filter(within).copied().collect();
        let habits: &[&str] = match section {
            TRAIN => &HABITS,
            INFER => &HABITS_OF_SERVING,
            _ => &[],
        };
        let others: Vec<String> = habits.iter().chain(&methods).map(|key| format!("{section}.{key}")).collect();
        let mut add = |method, table, others: &[String]| -> Result<(), PresetError> {
            let values = scenario::values(document, section, table, others)?;
            defaults.extend(values.into_iter().map(|(key, value)| OwnDefault { method, key, value }));
            Ok(())
        };
        add(None, table, &others)?;
        for word in methods {
            if let Some(DeValue::Table(table)) = table.get(word).map(Spanned::get_ref) {
                add(Method::from_word(word), table, &[])?;
            }
        }
    }
    Ok(defaults)
}

/// The framework that an id names by how it begins, as `transformers-4.38` does; else the id.
fn of_release(id: &str) -> String {
    let begins = |framework: &&str| id.strip_prefix(framework).is_some_and(|rest| rest.starts_with('-'));
    frameworks::ids().into_iter().find(begins).unwrap_or(id).to_owned()
}

/// The switches of a framework's releases, each of which a release has on or off; what is not said is as in its base.
fn differences(
    section: &Section<'_, '_>,
    switches: &[&'static str],
    usual: Option<&BTreeMap<String, bool>>,
) -> Result<BTreeMap<String, bool>, PresetError> {
    let flag = |key: &&'static str| {
        let found = section.flag(key)?.or_else(|| usual?.get(*key).copied());
        Ok(((*key).to_owned(), section.need(key, found)?))
    };
    let differences = switches.iter().map(flag).collect::<Result<_, PresetError>>()?;
    section.finish()?;
    Ok(differences)
}

/// How it trains, beside what a scenario can say; what is not said is as usual.
fn training(section: &Section<'_, '_>, usual: Training) -> Result<Training, PresetError> {
    let [fixed_options, adapters_as_model] = HABITS;
    Ok(Training {
        fixed_options: section.flag(fixed_options)?.unwrap_or(usual.fixed_options),
        adapters_as_model: section.flag(adapters_as_model)?.unwrap_or(usual.adapters_as_model),
    })
}

/// How it serves: habits of `generate()`, all of which are said; an engine has none.
fn serving(section: &Section<'_, '_>, is_engine: bool) -> Result<Serving, PresetError> {
    if is_engine {
        return Ok(Serving::default());
    }
    let flag = |key| section.flag(key).and_then(|found| section.need(key, found));
    let [logits, rebuilds, repeats, tables, block, exllama, unties, awq, in_order] = HABITS_OF_SERVING;
    Ok(Serving {
        logits_of_prompt: flag(logits)?,
        rebuilds_cache: flag(rebuilds)?,
        repeats_heads: flag(repeats)?,
        tables_in_layers: flag(tables)?,
        loads_in_one_block: flag(block)?,
        exllama_buffer: flag(exllama)?,
        unties_fp8_head: flag(unties)?,
        awq_tables: flag(awq)?,
        in_order: section.flag(in_order)?.unwrap_or(false),
    })
}
