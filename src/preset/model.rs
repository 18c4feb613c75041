//! A model preset: one TOML file, one model.

use crate::families;
use crate::located::{Document, PresetError, Section, suggestion};
use crate::model::keys::Source;
use crate::model::{ArchitectureKeys, Card, Family, Model, parameters};
use crate::units::{Parameters, grouped};

/// The model that a preset describes.
pub(crate) fn parse(origin: &str, text: &str) -> Result<Model, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let root = Section::new(document, "", 0, root.get_ref());
    let id = root.text("id")?;
    let name = root.text("name")?;
    let family = root.text("family")?;
    let card = Card {
        organization: root.text("organization")?,
        released: root.text("released")?,
        license: root.text("license")?,
        source: root.text("source")?,
        quantization: root.text("quantization")?,
        assumed: root.text("assumed")?,
        omitted: root.words("omitted")?.unwrap_or_default(),
    };
    let declared = root.count("parameters")?.map(Parameters::new);
    let confirmed = root.flag("confirmed")?;
    let section = root.table("architecture", "architecture.")?;
    root.finish()?;

    let id = identifier(&root, id)?;
    let family = family_of(&root, &root.need("family", family)?)?;
    let section = root.need("architecture", section)?;
    let keys = ArchitectureKeys::read_all(&section)?;
    section.finish()?;
    let architecture =
        families::classes::resolve(family, &keys).map_err(|error| section.error(error.key, error.problem))?;
    let confirmed = confirmed.unwrap_or(declared.is_some());
    let model = Model {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        family,
        card,
        declared,
        confirmed,
        architecture,
        stored: None,
    };
    check_count(&root, &model)?;
    Ok(model)
}

/// An id that can be typed after `--model` and is never taken for a path.
pub(super) fn identifier(section: &Section<'_, '_>, id: Option<String>) -> Result<String, PresetError> {
    let id = section.need("id", id)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    if id.is_empty() || !id.chars().all(plain) {
        let message = format!("found {id:?}, expected letters, digits, `.`, `-`, `_` and `+` only");
        return Err(section.error("id", message));
    }
    Ok(id)
}

fn family_of(root: &Section<'_, '_>, id: &str) -> Result<&'static Family, PresetError> {
    families::family(id).ok_or_else(|| {
        root.error("family", format!("`{id}` is not a known family; {}", suggestion(id, &families::ids())))
    })
}

/// The published count must be what the architecture gives, or be marked as unconfirmed.
fn check_count(root: &Section<'_, '_>, model: &Model) -> Result<(), PresetError> {
    let count =
        parameters::count(&model.architecture).map_err(|error| root.error("architecture", error.to_string()))?;
    match model.declared {
        Some(declared) if model.confirmed && declared != count => Err(root.error(
            "parameters",
            format!(
                "found {}, but the architecture gives {}; correct one of them or say `confirmed = false`",
                grouped(declared.get()),
                grouped(count.get())
            ),
        )),
        None if model.confirmed => {
            Err(root.error("confirmed", "true, but there is no `parameters` that would confirm anything"))
        }
        _ => Ok(()),
    }
}

/// The model of an `[architecture]` table that names its own family; the reason where the family is not known.
pub(crate) fn inline(section: &Section<'_, '_>, id: &str) -> Result<Result<Model, String>, PresetError> {
    let family = section.text("family")?;
    let family = section.need("family", family)?;
    let Some(family) = families::family(&family) else {
        return Ok(Err(format!("`{family}` is not a known family")));
    };
    let keys = ArchitectureKeys::read_all(section)?;
    section.finish()?;
    let architecture =
        families::classes::resolve(family, &keys).map_err(|error| section.error(error.key, error.problem))?;
    let (id, name) = (id.to_owned(), id.to_owned());
    Ok(Ok(Model {
        id,
        name,
        family,
        card: Card::default(),
        declared: None,
        confirmed: false,
        architecture,
        stored: None,
    }))
}
