//! Themes of the explorer as people write them: a style in words for each role.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::rows::{Form, Row, rows};
use crate::located::{self, Document, PresetError, suggestion};

/// Ids and texts of the themes that everybody has.
const EMBEDDED: &[(&str, &str)] = &[
    ("default", include_str!("../../presets/themes/default.toml")),
    ("light", include_str!("../../presets/themes/light.toml")),
    ("high-contrast", include_str!("../../presets/themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../presets/themes/colour-blind.toml")),
    ("mono", include_str!("../../presets/themes/mono.toml")),
];

/// The ids of the themes that everybody has.
pub fn ids() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(id, _)| *id)
}

/// Whether a theme is named by its path: with a folder, or as a `.toml` file.
pub(crate) fn is_path(name: &str) -> bool {
    name.contains('/') || Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

/// The rows of a theme: that of a path; else one of the `themes` in folders of the user's, the
/// last first; else one of everybody's.
pub fn find(name: &str, folders: &[PathBuf]) -> Result<Vec<Row>, PresetError> {
    if is_path(name) {
        return read(Path::new(name));
    }
    let own = || folders.iter().rev().map(|folder| folder.join("themes"));
    if let Some(path) = own().map(|folder| folder.join(format!("{name}.toml"))).find(|path| located::is_there(path)) {
        return read(&path);
    }
    if let Some((id, text)) = EMBEDDED.iter().find(|(id, _)| *id == name) {
        return parse(text, &format!("embedded presets/themes/{id}.toml"));
    }
    let files = own().filter_map(|folder| folder.read_dir().ok()).flatten().flatten().map(|entry| entry.path());
    let files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    let mut known: Vec<&str> = ids().collect();
    known.extend(files.iter().filter_map(|path| path.file_stem()?.to_str()));
    let near = suggestion(name, &known);
    Err(PresetError::plain(format!("there is no theme `{name}`; {near}")))
}

fn read(path: &Path) -> Result<Vec<Row>, PresetError> {
    parse(&located::read(path)?, &path.display().to_string())
}

fn parse(text: &str, origin: &str) -> Result<Vec<Row>, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let mut styles = Vec::new();
    for (key, value) in root.get_ref() {
        let wrong = |message: &str| document.error(key.span(), key.get_ref().as_ref(), message);
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("name", DeValue::String(_)) => {}
            ("styles", DeValue::Table(table)) => {
                let expected = "expected a style in words, such as \"light blue bold\", or a list of them";
                styles = rows(document, table, Form { prefix: "styles.", alone: true, expected })?;
            }
            ("name", _) => return Err(wrong("expected a text")),
            ("styles", _) => return Err(wrong("expected a table of roles")),
            _ => return Err(wrong("unknown; a theme has `name` and a table `styles`")),
        }
    }
    Ok(styles)
}
